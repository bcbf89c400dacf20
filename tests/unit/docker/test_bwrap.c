/*
 * Real bubblewrap boxes.
 */
#include "box_checks.h"

#include <errno.h>
#include <poll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

static const char runtime[] = "bwrap";

static bool is_alive(pid_t pid)
{
    return kill(pid, 0) == 0 || errno != ESRCH;
}

static pid_t pid_of(const struct world *w)
{
    assert_memory_equal(box_name(w->box), "bwrap:", 6);
    uint64_t pid = 0;
    assert_true(str_u64(str_of(box_name(w->box) + 6), INT32_MAX, &pid));
    return (pid_t)pid;
}

static void giving_up_a_running_box_ends_all_of_it(void **state)
{
    static const char *const argv[] = {
            "/bin/sh", "-c", "trap '' HUP TERM; exec tail -f /dev/null", NULL};
    struct world *w = world_new(*state);
    world_start(w, argv);
    WAIT_FOR(w, w->started || w->failed);
    pid_t pid = pid_of(w);
    assert_true(is_alive(pid));
    world_free(w);
    assert_false(is_alive(pid));
}

/* A child process starts a box, says its pid, and is killed. */
static void run_and_wait_to_be_killed(int out)
{
    static const char *const argv[] = {"/bin/cat", NULL};
    struct world *w = world_new(runtime);
    world_start(w, argv);
    WAIT_FOR(w, w->started || w->failed);
    char line[160];
    int n = snprintf(line, sizeof(line), "%d %s\n", (int)pid_of(w), w->dir);
    if (write(out, line, (size_t)n) != n)
        _exit(1);
    for (;;)
        pause();
}

static void the_box_dies_with_its_owner(void **state)
{
    (void)state;
    int fds[2], pid = 0;
    char dir[64] = "";
    assert_int_equal(pipe(fds), 0);
    pid_t owner = fork();
    if (owner == 0)
        run_and_wait_to_be_killed(fds[1]);
    close(fds[1]);
    FILE *in = fdopen(fds[0], "r");
    assert_int_equal(fscanf(in, "%d %63s", &pid, dir), 2);
    fclose(in);
    /* It is no child of ours, but its descriptor tells when it has ended. */
    struct pollfd box = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    assert_true(box.fd >= 0);
    assert_int_equal(poll(&box, 1, 0), 0);
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
    assert_int_equal(poll(&box, 1, 20000), 1);
    close(box.fd);
    assert_int_equal(file_remove_tree(dir, NULL), 0);
}

static void memory_of_one_process_and_core_files_are_limited(void **state)
{
    struct world *w = world_new(*state);
    w->spec.memory_mb = 300;
    w->spec.pids = 77;
    world_run(w, "ulimit -c; bash -c 'ulimit -u';"
                 "python3 -c 'bytearray(200 << 20); print(200, \"fits\")';"
                 /* Python 3.13 prints the line that failed, so it must not say "400 fits". */
                 "python3 -c 'bytearray(400 << 20); print(400, \"fits\")'");
    assert_printed(w, "0\r\n77\r\n200 fits");
    assert_printed(w, "MemoryError");
    assert_not_printed(w, "400 fits");
    world_free(w);
}

static void what_is_wrong_at_once_is_said_at_once(void **state)
{
    static const char *const argv[] = {"true", NULL};
    struct world *w = world_new(*state);
    struct err err;
    struct box_spec spec = w->spec;
    spec.argv = argv;
    char deep[200];
    snprintf(deep, sizeof(deep), "%s/%0100d", w->dir, 0);
    spec.sockets = deep;
    assert_null(box_start(w->loop, &spec, &world_ops, w, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.msg, "IRONCURTAIN_HOME"));
    spec = w->spec;
    spec.argv = argv;
    spec.workspace = "/no/such/folder";
    assert_null(box_start(w->loop, &spec, &world_ops, w, &err));
    assert_int_equal(err.code, ERR_NOENT);
    spec.workspace = "relative";
    assert_null(box_start(w->loop, &spec, &world_ops, w, &err));
    assert_int_equal(err.code, ERR_USAGE);
    spec = w->spec;
    spec.argv = argv;
    spec.runtime = "chroot";
    assert_null(box_start(w->loop, &spec, &world_ops, w, &err));
    assert_int_equal(err.code, ERR_USAGE);
    world_free(w);
}

static void root_cannot_take_somebody_elses_workspace(void **state)
{
    static const char *const argv[] = {"true", NULL};
    if (geteuid() != 0)
        skip();
    struct world *w = world_new(*state);
    struct err err;
    assert_int_equal(chown(w->workspace, 4711, 4711), 0);
    w->spec.argv = argv;
    assert_null(box_start(w->loop, &w->spec, &world_ops, w, &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.msg, "4711"));
    world_free(w);
}

static void a_missing_program_is_named(void **state)
{
    static const char *const argv[] = {"true", NULL};
    struct world *w = world_new(*state);
    w->agent.host_binary = (char *)"no-such-agent-anywhere";
    world_start(w, argv);
    WAIT_FOR(w, w->failed || w->exited);
    assert_true(w->failed);
    assert_non_null(strstr(w->err.msg, "no-such-agent-anywhere"));
    world_free(w);
}

static void a_program_of_the_host_is_found_in_the_box(void **state)
{
    static const char *const env[] = {"PATH=/opt/agent:/usr/bin:/bin", NULL};
    static const char *const argv[] = {"myagent", "it works", NULL};
    struct world *w = world_new(*state);
    char *bin = world_folder(w, "bin");
    char *program = path_join(bin, "myagent");
    char *path = xasprintf("%s:%s", bin, getenv("PATH"));
    assert_int_equal(symlink("/usr/bin/echo", program), 0);
    setenv("PATH", path, 1);
    w->agent.host_binary = (char *)"myagent";
    w->spec.env = env;
    world_start(w, argv);
    WAIT_FOR(w, w->failed || w->exited);
    assert_true(w->exited);
    assert_printed(w, "it works");
    setenv("PATH", strchr(path, ':') + 1, 1);
    free(path);
    free(program);
    free(bin);
    world_free(w);
}

static void on_probe(void *ctx, const struct err *err)
{
    struct world *w = ctx;
    w->exited = true;
    w->failed = err != NULL;
}

static void the_probe_says_that_bubblewrap_works(void **state)
{
    struct world *w = world_new(*state);
    runtime_probe(w->loop, runtime, on_probe, w);
    WAIT_FOR(w, w->exited);
    assert_false(w->failed);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            BOX_CHECKS(runtime),
            CHECK_OF(giving_up_a_running_box_ends_all_of_it, runtime),
            CHECK_OF(the_box_dies_with_its_owner, runtime),
            CHECK_OF(memory_of_one_process_and_core_files_are_limited, runtime),
            CHECK_OF(what_is_wrong_at_once_is_said_at_once, runtime),
            CHECK_OF(root_cannot_take_somebody_elses_workspace, runtime),
            CHECK_OF(a_missing_program_is_named, runtime),
            CHECK_OF(a_program_of_the_host_is_found_in_the_box, runtime),
            CHECK_OF(the_probe_says_that_bubblewrap_works, runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
