/*
 * Real containers. Needs an engine: one that answers, or our own from scripts/docker-engine;
 * where neither can be had, says why and skips.
 */
#include "box_checks.h"

#include <sys/wait.h>

#include "docker/box_priv.h"
#include "io/child.h"

static const char runtime[] = "docker";

/* Run a command, give its exit status and what it printed. */
static int run(struct buf *out, const char *const *argv)
{
    struct buf errout = BUF_INIT;
    struct err err;
    int status = -1;
    if (child_run(argv, 300000, out, &errout, &status, &err) < 0)
        fprintf(stderr, "%s: %s\n", argv[0], err.msg);
    fprintf(stderr, "%.*s", STR_ARG(buf_str(&errout)));
    buf_release(&errout);
    return status;
}

static bool container_exists(const char *name)
{
    struct buf out = BUF_INIT;
    char *filter = xasprintf("name=^%s$", name);
    const char *const argv[] = {"docker", "ps", "-aq", "--filter", filter, NULL};
    assert_int_equal(run(&out, argv), 0);
    bool exists = buf_len(&out) > 0;
    buf_release(&out);
    free(filter);
    return exists;
}

static void giving_up_a_running_box_removes_its_container(void **state)
{
    static const char *const argv[] = {"/bin/cat", NULL};
    struct world *w = world_new(*state);
    world_start(w, argv);
    WAIT_FOR(w, w->started || w->failed);
    assert_true(w->started);
    char *name = xstrdup(box_name(w->box));
    assert_true(container_exists(name));
    world_free(w);
    assert_false(container_exists(name));
    free(name);
}

static void a_stopped_agent_may_still_write_something_down(void **state)
{
    static const char *const argv[] = {"/bin/sh", "-c",
            "trap 'echo saved >/workspace/state; exit 0' HUP; echo ready;"
            "tail -f /dev/null & wait",
            NULL};
    struct world *w = world_new(*state);
    world_start(w, argv);
    WAIT_FOR(w, w->failed || printed(w, "ready"));
    char *saved = path_join(w->workspace, "state");
    box_free(w->box);
    w->box = NULL;
    WAIT_FOR(w, file_exists(saved));
    free(saved);
    world_free(w);
}

static void limits_of_the_container_are_those_of_the_spec(void **state)
{
    static const char *const argv[] = {"/bin/cat", NULL};
    struct world *w = world_new(*state);
    struct buf out = BUF_INIT;
    w->spec.memory_mb = 512;
    w->spec.pids = 99;
    w->spec.cpus = 0.5;
    world_start(w, argv);
    WAIT_FOR(w, w->started || w->failed);
    assert_true(w->started);
    const char *const inspect[] = {"docker", "inspect", "--format",
            "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}} "
            "{{.HostConfig.NetworkMode}} {{.HostConfig.Privileged}} {{json "
            ".HostConfig.CapAdd}} "
            "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.LogConfig.Type}}",
            "--", box_name(w->box), NULL};
    assert_int_equal(run(&out, inspect), 0);
    buf_putc(&out, '\0');
    assert_string_equal(buf_data(&out), "536870912 99 500000000 none false null true none\n");
    buf_release(&out);
    world_free(w);
}

/* --- left behind --------------------------------------------------------------------- */

static void run_and_wait_to_be_killed(int out)
{
    static const char *const argv[] = {"/bin/cat", NULL};
    struct world *w = world_new(runtime);
    world_start(w, argv);
    WAIT_FOR(w, w->started || w->failed);
    char line[160];
    int n = snprintf(line, sizeof(line), "%s %s\n", box_name(w->box), w->dir);
    if (!w->started || write(out, line, (size_t)n) != n)
        _exit(1);
    for (;;)
        pause();
}

static void on_collected(void *ctx, unsigned count, const struct err *err)
{
    struct world *w = ctx;
    w->exited = true;
    w->status = err ? -1 : (int)count;
}

static int collect(struct world *w, const char *home, bool dry_run)
{
    w->exited = false;
    box_collect(w->loop, home, dry_run, on_collected, w);
    WAIT_FOR(w, w->exited);
    return w->status;
}

static void containers_of_a_dead_owner_are_collected_and_no_other(void **state)
{
    static const char *const argv[] = {"/bin/cat", NULL};
    int fds[2];
    char name[64] = "", dir[64] = "";
    assert_int_equal(pipe(fds), 0);
    pid_t owner = fork();
    if (owner == 0)
        run_and_wait_to_be_killed(fds[1]);
    close(fds[1]);
    FILE *in = fdopen(fds[0], "r");
    assert_int_equal(fscanf(in, "%63s %63s", name, dir), 2);
    fclose(in);

    struct world *w = world_new(*state);
    world_start(w, argv);
    WAIT_FOR(w, w->started || w->failed);
    assert_int_equal(collect(w, path_home(), false), 0); /* its owner lives */
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
    assert_true(container_exists(name));
    assert_int_equal(collect(w, "/some/other/home", false), 0);
    assert_int_equal(collect(w, path_home(), true), 1);
    assert_true(container_exists(name));
    assert_int_equal(collect(w, path_home(), false), 1);
    assert_false(container_exists(name));
    assert_true(container_exists(box_name(w->box)));
    world_free(w);
    assert_int_equal(file_remove_tree(dir, NULL), 0);
}

/* --- what goes wrong ----------------------------------------------------------------- */

static void a_base_that_cannot_be_had_is_named(void **state)
{
    static const char *const argv[] = {"true", NULL};
    struct world *w = world_new(*state);
    w->spec.base_image = "localhost:1/no-such-image:latest";
    world_start(w, argv);
    WAIT_FOR(w, w->failed || w->exited);
    assert_true(w->failed);
    assert_non_null(strstr(w->err.msg, "localhost:1/no-such-image:latest"));
    assert_non_null(strstr(w->err.msg, "mk-base-image"));
    world_free(w);
}

static void root_works_as_the_owner_of_the_workspace(void **state)
{
    if (geteuid() != 0)
        skip();
    struct world *w = world_new(*state);
    struct stat st;
    assert_int_equal(chown(w->workspace, 4711, 4712), 0);
    world_run(w, "id -u; id -g; echo x >made; echo x >~/made");
    assert_printed(w, "4711\r\n4712");
    char *made = path_join(w->workspace, "made");
    assert_int_equal(stat(made, &st), 0);
    assert_int_equal(st.st_uid, 4711);
    free(made);
    made = path_join(w->state, "made");
    assert_int_equal(stat(made, &st), 0);
    free(made);
    world_free(w);
}

/* An agent whose program is a small file of the host, so that nothing is fetched. */
static void the_image_is_built_once_and_again_when_the_program_changes(void **state)
{
    static const char *const env[] = {"PATH=/opt/agent:/usr/bin:/bin", NULL};
    static const char *const argv[] = {"icagent", "from the image", NULL};
    static const char *const sources[] = {"/usr/bin/echo", "/usr/bin/echo", "/usr/bin/printf"};
    static const bool builds[] = {true, false, true};
    char *path = NULL;
    for (int i = 0; i < 3; i++) {
        struct world *w = world_new(*state);
        char *bin = world_folder(w, "bin");
        char *program = path_join(bin, "icagent");
        path = xasprintf("%s:%s", bin, getenv("PATH"));
        assert_int_equal(symlink(sources[i], program), 0);
        setenv("PATH", path, 1);
        w->agent.host_binary = (char *)"icagent";
        w->agent.image = (char *)"ironcurtain-selftest";
        w->agent.dockerfile = (char *)"claude-code.dockerfile";
        w->spec.env = env;
        world_start(w, argv);
        WAIT_FOR(w, w->failed || w->exited);
        if (w->failed)
            fail_msg("%s", w->err.msg);
        assert_printed(w, "from the image");
        buf_putc(&w->progress, '\0');
        assert_int_equal(strstr(buf_data(&w->progress), "building image") != NULL, builds[i]);
        setenv("PATH", strchr(path, ':') + 1, 1);
        free(path);
        free(program);
        free(bin);
        world_free(w);
    }
    static const char *const rm[] = {"docker", "image", "rm", "ironcurtain-selftest", NULL};
    struct buf out = BUF_INIT;
    assert_int_equal(run(&out, rm), 0);
    buf_release(&out);
}

static void on_probe(void *ctx, const struct err *err)
{
    struct world *w = ctx;
    w->exited = true;
    w->failed = err != NULL;
}

static void the_probe_says_that_the_engine_answers(void **state)
{
    struct world *w = world_new(*state);
    runtime_probe(w->loop, runtime, on_probe, w);
    WAIT_FOR(w, w->exited);
    assert_false(w->failed);
    world_free(w);
}

/* --- an engine ----------------------------------------------------------------------- */

static bool find_engine(void)
{
    struct buf out = BUF_INIT;
    char *engine = path_join(getenv("IC_SOURCE"), "scripts/docker-engine");
    char *base = path_join(getenv("IC_SOURCE"), "scripts/mk-base-image");
    const char *const start[] = {engine, "start", NULL};
    const char *const make[] = {base, NULL};
    bool fine = run(&out, start) == 0;
    if (fine) {
        buf_putc(&out, '\0');
        buf_data(&out)[strcspn(buf_data(&out), "\n")] = '\0';
        setenv("DOCKER_HOST", buf_data(&out), 1);
        fine = run(&out, make) == 0;
    }
    buf_release(&out);
    free(engine);
    free(base);
    return fine;
}

int main(void)
{
    char home[64];
    if (!getenv("IC_SOURCE") || !getenv("IC_BUILD"))
        return 1;
    test_tmpdir(home, sizeof(home), "home");
    setenv("IRONCURTAIN_HOME", home, 1);
    if (!find_engine()) {
        printf("skipped: no container engine answers and none can be started here\n");
        (void)file_remove_tree(home, NULL);
        return 77;
    }
    const struct CMUnitTest tests[] = {
            BOX_CHECKS(runtime),
            CHECK_OF(giving_up_a_running_box_removes_its_container, runtime),
            CHECK_OF(a_stopped_agent_may_still_write_something_down, runtime),
            CHECK_OF(limits_of_the_container_are_those_of_the_spec, runtime),
            CHECK_OF(containers_of_a_dead_owner_are_collected_and_no_other, runtime),
            CHECK_OF(a_base_that_cannot_be_had_is_named, runtime),
            CHECK_OF(root_works_as_the_owner_of_the_workspace, runtime),
            CHECK_OF(the_image_is_built_once_and_again_when_the_program_changes, runtime),
            CHECK_OF(the_probe_says_that_the_engine_answers, runtime),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)file_remove_tree(home, NULL);
    return failed;
}
