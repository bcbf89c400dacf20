/*
 * test_session_files.c - configuration, environment and folders of a session, on real files.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/proc.h"
#include "session/config.h"
#include "session/environment.h"
#include "session/prepare.h"
#include "support/tmpdir.h"

static char home[64];
static char work[80];

static int make_home(void **state)
{
    (void)state;
    test_tmpdir(home, sizeof(home), "sess");
    setenv("IRONCURTAIN_HOME", home, 1);
    unsetenv("IRONCURTAIN_CONFIG");
    snprintf(work, sizeof(work), "%s-work", home);
    return mkdir(work, 0700);
}

static int remove_home(void **state)
{
    (void)state;
    assert_int_equal(file_remove_tree(home, NULL), 0);
    return file_remove_tree(work, NULL);
}

static int load(struct config *config, const char *text, struct err *err)
{
    char path[96];

    snprintf(path, sizeof(path), "%s/c.yaml", home);
    assert_int_equal(file_write(path, text, strlen(text), 0600, NULL), 0);
    return config_load(config, path, err);
}

static void test_without_a_file_the_defaults_hold(void **state)
{
    struct config config;
    struct err err;

    (void)state;
    assert_int_equal(config_load(&config, NULL, &err), 0);
    assert_string_equal(config.agent, "claude-code");
    assert_string_equal(config.runtime, "auto");
    assert_int_equal(config.review_timeout_ms, 300000);
    assert_int_equal(config.review_arm_ms, 500);
    assert_int_equal(config.scrollback, 10000);
    assert_true(config.bell);
    assert_null(config.path);
    config_release(&config);
}

static void test_the_host_mark_is_made_once_and_kept(void **state)
{
    struct config config;
    char mark[64];

    (void)state;
    assert_int_equal(config_load(&config, NULL, NULL), 0);
    assert_non_null(strchr(config.host_mark, '-'));
    snprintf(mark, sizeof(mark), "%s", config.host_mark);
    config_release(&config);
    assert_int_equal(config_load(&config, NULL, NULL), 0);
    assert_string_equal(config.host_mark, mark);
    config_release(&config);
}

static void test_every_key_is_read(void **state)
{
    struct config config;
    struct err err;

    (void)state;
    int rc = load(&config,
            "agent: shell\nruntime: bwrap\nbase_image: b:1\nhost_mark: owl-harbor\n"
            "policy: /p\nreview: {timeout: 90s, arm_ms: 700}\npane: {scrollback: 5}\n"
            "limits: {memory_mb: 128, pids: 9, cpus: 1.5}\nnotify: {bell: false}\n"
            "keys: {prefix: F12}\nui: {mouse: false}\n"
            "network:\n  upstream_ca: /ca\n  resolve:\n"
            "    - {host: A.test, port: 443, address: 127.0.0.1, to_port: 8443}\n"
            "providers:\n  x: {hosts: [x.test]}\nagents:\n  y: {command: [y]}\n",
            &err);
    assert_int_equal(rc, 0);
    assert_string_equal(config.runtime, "bwrap");
    assert_int_equal(config.review_timeout_ms, 90000);
    assert_int_equal(config.review_arm_ms, 700);
    assert_int_equal(config.scrollback, 5);
    assert_int_equal(config.memory_mb, 128);
    assert_int_equal(config.pids, 9);
    assert_true(config.cpus > 1.4 && config.cpus < 1.6);
    assert_false(config.bell);
    assert_string_equal(config.prefix.name, "F12");
    assert_false(config.mouse);
    assert_int_equal(config.resolve_count, 1);
    assert_string_equal(config.resolve[0].host, "a.test");
    assert_int_equal(config.resolve[0].to_port, 8443);
    assert_non_null(
            memmem(buf_data(&config.providers), buf_len(&config.providers), "x.test", 6));
    assert_non_null(memmem(buf_data(&config.agents), buf_len(&config.agents), "[y]", 3));
    config_release(&config);
}

static void test_a_pane_can_be_without_history_or_have_much(void **state)
{
    struct config config;
    struct err err;

    (void)state;
    assert_int_equal(load(&config, "pane: {scrollback: 0}\n", &err), 0);
    assert_int_equal(config.scrollback, 0);
    config_release(&config);
    assert_int_equal(load(&config, "pane: {scrollback: 1000000}\n", &err), 0);
    assert_int_equal(config.scrollback, 1000000);
    config_release(&config);
}

static void test_presets_name_a_prefix_and_a_prefix_overrules_them(void **state)
{
    static const struct {
        const char *text, *prefix;
    } rows[] = {{"agent: x\n", "C-\\"}, {"keys: {preset: default}\n", "C-\\"},
            {"keys: {preset: tmux}\n", "C-b"}, {"keys: {preset: screen}\n", "C-a"},
            {"keys: {preset: tmux, prefix: C-^}\n", "C-^"},
            {"keys: {prefix: C-Space}\n", "C-Space"}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config config;
        struct err err;

        assert_int_equal(load(&config, rows[i].text, &err), 0);
        assert_string_equal(config.prefix.name, rows[i].prefix);
        assert_true(config.mouse);
        config_release(&config);
    }
}

static void test_wrong_values_name_the_key_and_what_is_possible(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
            {"runtim: auto\n", "runtime"},
            {"agent: x\nrevew: {}\n", ":2"},
            {"runtime: dcker\n", "did you mean 'docker'"},
            {"review: {timeout: never}\n", "5m"},
            {"review: {arm_ms: 10}\n", "300"},
            {"limits: {memory_mb: 1}\n", "64"},
            {"pane: {scrollback: 1000001}\n", "more than 1000000"},
            {"pane: {scrollback: -1}\n", "scrollback"},
            {"keys: {prefix: C-c}\n", "programs need that key"},
            {"keys: {prefix: x}\n", "F1 to F12"},
            {"keys: {preset: tmx}\n", "did you mean 'tmux'"},
            {"network: {resolve: [{host: a}]}\n", "c.yaml"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config config;
        struct err err;

        assert_int_equal(load(&config, rows[i].text, &err), ERR_CONFIG);
        if (!strstr(err.msg, rows[i].says))
            fail_msg("'%s' is not in '%s'", rows[i].says, err.msg);
    }
}

static void test_a_named_file_must_be_there(void **state)
{
    struct config config;
    struct err err;

    (void)state;
    assert_int_equal(config_load(&config, "/nonexistent.yaml", &err), ERR_NOENT);
}

static const char *find(const struct environment *env, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->items[i], name, n) == 0 && env->items[i][n] == '=')
            return env->items[i] + n + 1;
    return NULL;
}

static void test_the_environment_holds_nothing_of_the_hosts(void **state)
{
    char *variables[] = {(char *)"KEY={fake_key}", (char *)"TERM=vt100", NULL};
    char *extra[] = {(char *)"TERM=dumb", NULL};
    struct agent agent = {.env = variables};
    struct environment env;

    (void)state;
    setenv("ANTHROPIC_API_KEY", "real", 1);
    environment_build(&env, &agent, "uuid", &(struct agent_fakes){.key = "fake-123"}, extra);
    assert_string_equal(find(&env, "KEY"), "fake-123");
    assert_string_equal(find(&env, "TERM"), "dumb");
    assert_string_equal(find(&env, "HTTPS_PROXY"), "http://127.0.0.1:18080");
    assert_string_equal(find(&env, "IRONCURTAIN_SESSION"), "uuid");
    assert_null(find(&env, "ANTHROPIC_API_KEY"));
    assert_null(env.items[env.count]);
    environment_release(&env);
    environment_build(&env, &agent, "uuid", &(struct agent_fakes){0}, NULL);
    assert_null(find(&env, "KEY"));
    environment_release(&env);
    unsetenv("ANTHROPIC_API_KEY");
}

static void fill(struct prepare *p, const char *workspace)
{
    *p = (struct prepare){.runtime = "bwrap"};
    strcpy(p->session, "01234567-89ab-4cde-8f01-23456789abcd");
    strcpy(p->id12, "0123456789ab");
    strcpy(p->label, "test");
    p->workspace = xstrdup(workspace);
    p->ca_pem = xstrdup("-----BEGIN CERTIFICATE-----\n");
    assert_int_equal(prepare_paths(p, NULL), 0);
}

static unsigned mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void test_folders_are_private_and_gone_after_undo(void **state)
{
    struct prepare p;
    struct err err;

    (void)state;
    fill(&p, work);
    assert_int_equal(prepare_make(&p, &err), 0);
    assert_int_equal(mode_of(p.run_dir), 0700);
    assert_int_equal(mode_of(p.dir), 0700);
    assert_int_equal(mode_of(p.registration), 0600);
    assert_int_equal(prepare_collect(), 0); /* its owner lives */
    prepare_undo(&p);
    assert_false(file_exists(p.run_dir));
    assert_false(file_exists(p.registration));
    assert_true(file_exists(p.dir));
    prepare_release(&p);
}

static void test_forbidden_workspaces_leave_nothing(void **state)
{
    const char *bad[] = {"/", home, "/nonexistent", "/etc/passwd", "/tmp"};
    char *old = xstrdup(getenv("HOME"));

    (void)state;
    setenv("HOME", work, 1);
    for (size_t i = 0; i < 6; i++) {
        struct prepare p;
        struct err err;

        fill(&p, i < 5 ? bad[i] : work); /* the last is $HOME */
        assert_true(prepare_make(&p, &err) < 0);
        assert_false(file_exists(p.run_dir));
        assert_false(file_exists(p.dir));
        prepare_release(&p);
    }
    if (old)
        setenv("HOME", old, 1);
    free(old);
}

static void test_a_folder_that_holds_the_users_home_is_no_workspace(void **state)
{
    char *old = xstrdup(getenv("HOME"));
    char *below = path_join(work, "people/me");
    struct prepare p;
    struct err err;

    (void)state;
    assert_int_equal(file_mkdir(below, NULL), 0);
    setenv("HOME", below, 1);
    fill(&p, work);
    assert_int_equal(prepare_make(&p, &err), ERR_USAGE);
    assert_false(file_exists(p.run_dir));
    prepare_release(&p);
    if (old)
        setenv("HOME", old, 1);
    free(old);
    free(below);
}

/* `top` gets a folder `name` that looks like a dead session's. */
static char *make_dead(const char *top, const char *name)
{
    static const char owner[] = "1 1 00000000-0000-0000-0000-000000000000";
    char *dir = path_join(top, name);
    char *file = path_join(dir, "owner");

    assert_int_equal(file_mkdir(dir, NULL), 0);
    assert_int_equal(file_write(file, owner, strlen(owner), 0600, NULL), 0);
    free(file);
    return dir;
}

static void test_nothing_is_collected_through_links(void **state)
{
    char *run = path_join(home, "run");
    char *moved = path_join(home, "moved");
    char *link = path_join(run, "link");
    char *victim = make_dead(work, "victim");

    (void)state;
    assert_int_equal(file_mkdir(run, NULL), 0);
    assert_int_equal(symlink(victim, link), 0);
    (void)prepare_collect();
    assert_true(file_exists(victim));
    assert_int_equal(unlink(link), 0);
    assert_int_equal(rename(run, moved), 0);
    assert_int_equal(symlink(work, run), 0);
    assert_int_equal(prepare_collect(), 0);
    assert_true(file_exists(victim));
    assert_int_equal(unlink(run), 0);
    assert_int_equal(rename(moved, run), 0);
    free(run);
    free(moved);
    free(link);
    free(victim);
}

static void test_only_the_folders_of_dead_owners_are_collected(void **state)
{
    struct proc_id id;
    char owner[80];
    char path[128];
    struct prepare p;

    (void)state;
    fill(&p, work);
    assert_int_equal(prepare_make(&p, NULL), 0);
    /* Somebody of the same pid, started at another time, is not the owner. */
    assert_true(proc_identify(getpid(), &id));
    id.start--;
    proc_format(&id, owner);
    snprintf(path, sizeof(path), "%s/owner", p.run_dir);
    assert_int_equal(file_write(path, owner, strlen(owner), 0600, NULL), 0);
    assert_int_equal(prepare_collect(), 1);
    assert_false(file_exists(p.run_dir));
    prepare_undo(&p);
    /* What a power failure emptied: nobody who lives has such a file. */
    assert_int_equal(prepare_make(&p, NULL), 0);
    snprintf(path, sizeof(path), "%s/owner", p.run_dir);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(truncate(p.registration, 0), 0);
    assert_int_equal(prepare_collect(), 2);
    assert_false(file_exists(p.run_dir));
    assert_false(file_exists(p.registration));
    /* A folder without an owner file is not ours to judge. */
    snprintf(path, sizeof(path), "%s/run/strange", home);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(prepare_collect(), 0);
    assert_true(file_exists(path));
    prepare_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_without_a_file_the_defaults_hold),
            cmocka_unit_test(test_the_host_mark_is_made_once_and_kept),
            cmocka_unit_test(test_every_key_is_read),
            cmocka_unit_test(test_a_pane_can_be_without_history_or_have_much),
            cmocka_unit_test(test_presets_name_a_prefix_and_a_prefix_overrules_them),
            cmocka_unit_test(test_wrong_values_name_the_key_and_what_is_possible),
            cmocka_unit_test(test_a_named_file_must_be_there),
            cmocka_unit_test(test_the_environment_holds_nothing_of_the_hosts),
            cmocka_unit_test(test_folders_are_private_and_gone_after_undo),
            cmocka_unit_test(test_forbidden_workspaces_leave_nothing),
            cmocka_unit_test(test_a_folder_that_holds_the_users_home_is_no_workspace),
            cmocka_unit_test(test_nothing_is_collected_through_links),
            cmocka_unit_test(test_only_the_folders_of_dead_owners_are_collected),
    };

    return cmocka_run_group_tests(tests, make_home, remove_home);
}
