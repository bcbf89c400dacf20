/*
 * The command lines of both runtimes, read option by option: nothing but what is listed here
 * may be in them.
 */
#include "unit/check.h"

#include "docker/box_priv.h"

static const char *const command[] = {"claude", "--x y", NULL};
static const char *const env[] = {"HOME=/home/agent", "KEY=fake=1\nsecond line", NULL};
static const struct agent agent = {.name = "claude-code", .host_binary = (char *)"claude"};

static struct box_spec make_spec(void)
{
    return (struct box_spec){.runtime = "docker",
            .id12 = "0123456789ab",
            .session = "01234567-89ab-4000-8000-000000000000",
            .agent = &agent,
            .workspace = "/srv/we:ird, \"dir\"",
            .sockets = "/h/run/0123456789ab/sockets",
            .orientation = "/h/run/0123456789ab/orientation",
            .home = "/h/sessions/x/state",
            .argv = command,
            .env = env,
            .cols = 100,
            .rows = 30,
            .memory_mb = 2048,
            .pids = 300,
            .cpus = 8};
}

static const struct box_host host = {.uid = 1001,
        .gid = 1002,
        .guest = "/usr/libexec/ironcurtain/icguest",
        .program = "/opt/claude/versions/2/claude.bin",
        .home = "/h",
        .owner = "42 4711 boot",
        .cpus = 2};

static void docker_create_is_exactly_this_list(void **state)
{
    (void)state;
    static const char *const expected[] = {"docker", "create", "--rm", "--pull=never",
            "--name=ironcurtain-0123456789ab", "--hostname=box", "--network=none",
            "--cap-drop=ALL", "--security-opt=no-new-privileges", "--read-only",
            "--ipc=private", "--log-driver=none",
            "--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777,size=1024m",
            "--tmpfs=/var/tmp:rw,exec,nosuid,nodev,mode=1777,size=256m", "--shm-size=256m",
            "--user=1001:1002", "--cpus=2.00", "--memory=2048m", "--memory-swap=2048m",
            "--pids-limit=300", "--ulimit=core=0:0", "--label=ironcurtain.managed=true",
            "--label=ironcurtain.session=01234567-89ab-4000-8000-000000000000",
            "--label=ironcurtain.home=/h", "--label=ironcurtain.owner=42 4711 boot",
            "--mount=type=bind,\"source=/srv/we:ird, \"\"dir\"\"\",target=/workspace",
            "--mount=type=bind,source=/h/sessions/x/state,target=/home/agent",
            "--mount=type=bind,source=/h/run/0123456789ab/orientation,"
            "target=/etc/ironcurtain,readonly",
            "--mount=type=bind,source=/h/run/0123456789ab/sockets,"
            "target=/run/ironcurtain,readonly",
            "--mount=type=bind,source=/h/run/0123456789ab/sockets/guest,"
            "target=/run/ironcurtain/guest",
            "--mount=type=bind,source=/h/run/0123456789ab/orientation/passwd,"
            "target=/etc/passwd,readonly",
            "--mount=type=bind,source=/h/run/0123456789ab/orientation/group,"
            "target=/etc/group,readonly",
            "--mount=type=bind,source=/usr/libexec/ironcurtain/icguest,"
            "target=/opt/ironcurtain/icguest,readonly",
            "--env=HOME=/home/agent", "--env=KEY=fake=1\nsecond line", "--workdir=/workspace",
            "--entrypoint=/opt/ironcurtain/icguest", "--", "image:latest", "--pty",
            "/run/ironcurtain/guest/pty.sock", "--proxy", "18080:/run/ironcurtain/proxy.sock",
            "--mcp", "/run/ironcurtain/mcp.sock", "--size", "100x30", "--cwd", "/workspace",
            "--filter", "/etc/ironcurtain/seccomp.bpf", "--", "claude", "--x y", NULL};
    struct argv argv = ARGV_INIT;
    struct box_spec spec = make_spec();
    docker_create_argv(&spec, &host, "image:latest", &argv);
    for (size_t i = 0; expected[i]; i++) {
        assert_true(i < argv.n);
        assert_string_equal(argv.v[i], expected[i]);
    }
    assert_int_equal(argv.n, sizeof(expected) / sizeof(expected[0]) - 1);
    argv_release(&argv);
}

static void an_image_that_looks_like_an_option_is_none(void **state)
{
    (void)state;
    struct argv argv = ARGV_INIT;
    struct box_spec spec = make_spec();
    docker_create_argv(&spec, &host, "--privileged", &argv);
    size_t i = 0;
    while (strcmp(argv.v[i], "--") != 0)
        assert_string_not_equal(argv.v[i++], "--privileged");
    assert_string_equal(argv.v[i + 1], "--privileged");
    argv_release(&argv);
}

/* Every option bwrap may get, with the number of its arguments. */
static const struct {
    const char *name;
    size_t arguments;
} options[] = {{"--unshare-all", 0}, {"--unshare-user", 0}, {"--disable-userns", 0},
        {"--die-with-parent", 0}, {"--new-session", 0}, {"--as-pid-1", 0}, {"--size", 1},
        {"--cap-drop", 1}, {"--clearenv", 0}, {"--hostname", 1}, {"--ro-bind", 2},
        {"--ro-bind-try", 2}, {"--bind", 2}, {"--symlink", 2}, {"--proc", 1}, {"--dev", 1},
        {"--tmpfs", 1}, {"--remount-ro", 1}, {"--uid", 1}, {"--gid", 1}, {"--setenv", 2},
        {"--chdir", 1}};

/* Host paths that may be mounted writable, and all that may be mounted at all. */
static const char *const writable[] = {"/h/run/0123456789ab/sockets/guest",
        "/srv/we:ird, \"dir\"", "/h/sessions/x/state", NULL};
static const char *const readable[] = {"/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32",
        "/sbin", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf",
        "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/ssl/certs",
        "/etc/terminfo", "/h/run/0123456789ab/orientation",
        "/h/run/0123456789ab/orientation/passwd", "/h/run/0123456789ab/orientation/group",
        "/h/run/0123456789ab/sockets", "/usr/libexec/ironcurtain/icguest",
        "/opt/claude/versions/2/claude.bin", NULL};

static bool is_in(const char *const *list, const char *value)
{
    for (; *list; list++) {
        if (strcmp(*list, value) == 0)
            return true;
    }
    return false;
}

static size_t arguments_of(const char *option)
{
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        if (strcmp(options[i].name, option) == 0)
            return options[i].arguments;
    }
    fail_msg("bwrap gets an option nobody reviewed: %s", option);
    return 0;
}

/* Index of the option with this first argument (NULL: any). */
static size_t find(const struct argv *argv, const char *option, const char *argument)
{
    for (size_t i = 1; strcmp(argv->v[i], "--") != 0; i += 1 + arguments_of(argv->v[i])) {
        if (strcmp(argv->v[i], option) == 0 &&
                (!argument || strcmp(argv->v[i + 1], argument) == 0))
            return i;
    }
    fail_msg("bwrap does not get %s %s", option, argument ? argument : "");
    return 0;
}

static void bwrap_mounts_what_is_listed_and_nothing_else(void **state)
{
    (void)state;
    struct argv argv = ARGV_INIT;
    struct box_spec spec = make_spec();
    bwrap_argv(&spec, &host, &argv);
    assert_string_equal(argv.v[0], "bwrap");
    for (size_t i = 1; strcmp(argv.v[i], "--") != 0; i += 1 + arguments_of(argv.v[i])) {
        if (strcmp(argv.v[i], "--bind") == 0)
            assert_true(is_in(writable, argv.v[i + 1]));
        else if (strncmp(argv.v[i], "--ro-bind", 9) == 0)
            assert_true(is_in(readable, argv.v[i + 1]));
    }
    find(&argv, "--unshare-all", NULL);
    find(&argv, "--unshare-user", NULL);
    find(&argv, "--disable-userns", NULL);
    find(&argv, "--die-with-parent", NULL);
    find(&argv, "--new-session", NULL);
    find(&argv, "--clearenv", NULL);
    find(&argv, "--cap-drop", "ALL");
    find(&argv, "--remount-ro", "/");
    argv_release(&argv);
}

static void bwrap_puts_the_writable_guest_folder_over_the_read_only_sockets(void **state)
{
    (void)state;
    struct argv argv = ARGV_INIT;
    struct box_spec spec = make_spec();
    bwrap_argv(&spec, &host, &argv);
    size_t sockets = find(&argv, "--ro-bind", "/h/run/0123456789ab/sockets");
    size_t guest = find(&argv, "--bind", "/h/run/0123456789ab/sockets/guest");
    assert_string_equal(argv.v[sockets + 2], "/run/ironcurtain");
    assert_string_equal(argv.v[guest + 2], "/run/ironcurtain/guest");
    assert_true(sockets < guest);
    size_t program = find(&argv, "--ro-bind", "/opt/claude/versions/2/claude.bin");
    assert_string_equal(argv.v[program + 2], "/opt/agent/claude");
    size_t key = find(&argv, "--setenv", "KEY");
    assert_string_equal(argv.v[key + 2], "fake=1\nsecond line");
    argv_release(&argv);
}

static void bwrap_gives_a_script_its_package_and_a_name(void **state)
{
    (void)state;
    struct argv argv = ARGV_INIT;
    struct box_spec spec = make_spec();
    struct agent script = agent;
    struct box_host there = host;
    script.host_binary = (char *)"tool";
    script.npm_file = (char *)"package/lib/tool.js";
    script.runner = (char *)"env"; /* in /usr, which the box has */
    spec.agent = &script;
    there.program = "/h/cache/agents/tool-1/package/lib/tool.js";
    bwrap_argv(&spec, &there, &argv);
    size_t package = find(&argv, "--ro-bind", "/h/cache/agents/tool-1/package");
    assert_string_equal(argv.v[package + 2], "/opt/agent/package");
    size_t link = find(&argv, "--symlink", "package/lib/tool.js");
    assert_string_equal(argv.v[link + 2], "/opt/agent/tool");
    argv_release(&argv);
}

static void bwrap_maps_root_to_an_ordinary_user_and_keeps_any_other(void **state)
{
    (void)state;
    struct argv argv = ARGV_INIT;
    struct box_spec spec = make_spec();
    struct box_host root = host;
    root.uid = root.gid = 0;
    bwrap_argv(&spec, &root, &argv);
    find(&argv, "--uid", "1000");
    find(&argv, "--gid", "1000");
    argv_release(&argv);
    bwrap_argv(&spec, &host, &argv);
    find(&argv, "--uid", "1001");
    find(&argv, "--gid", "1002");
    argv_release(&argv);
}

static void the_command_comes_after_the_limits_and_is_not_parsed(void **state)
{
    (void)state;
    static const char *const expected[] = {"--", "/usr/bin/prlimit", "--core=0", "--nproc=300",
            "--data=2147483648", "--", "/opt/ironcurtain/icguest", "--pty",
            "/run/ironcurtain/guest/pty.sock", "--proxy", "18080:/run/ironcurtain/proxy.sock",
            "--mcp", "/run/ironcurtain/mcp.sock", "--size", "100x30", "--cwd", "/workspace",
            "--filter", "/etc/ironcurtain/seccomp.bpf", "--", "claude", "--x y", NULL};
    const size_t count = sizeof(expected) / sizeof(expected[0]) - 1;
    struct argv argv = ARGV_INIT;
    struct box_spec spec = make_spec();
    bwrap_argv(&spec, &host, &argv);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(argv.v[argv.n - count + i], expected[i]);
    argv_release(&argv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(docker_create_is_exactly_this_list),
            cmocka_unit_test(an_image_that_looks_like_an_option_is_none),
            cmocka_unit_test(bwrap_mounts_what_is_listed_and_nothing_else),
            cmocka_unit_test(bwrap_puts_the_writable_guest_folder_over_the_read_only_sockets),
            cmocka_unit_test(bwrap_gives_a_script_its_package_and_a_name),
            cmocka_unit_test(bwrap_maps_root_to_an_ordinary_user_and_keeps_any_other),
            cmocka_unit_test(the_command_comes_after_the_limits_and_is_not_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
