/*
 * test_child.c - real processes.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "io/child.h"

struct watch {
    struct loop *loop;
    struct child *child;
    struct buf out, errout;
    int exits, status, signo;
    bool free_in_exit;
    bool free_in_output;
};

static void on_output(void *ctx, int fd, struct str bytes)
{
    struct watch *w = ctx;

    buf_append_str(fd == 1 ? &w->out : &w->errout, bytes);
    if (w->free_in_output) {
        child_free(w->child);
        w->child = NULL;
    }
}

static void on_exited(void *ctx, int status, int signo)
{
    struct watch *w = ctx;

    w->exits++;
    w->status = status;
    w->signo = signo;
    if (w->free_in_exit) {
        child_free(w->child);
        w->child = NULL;
    }
}

static void start(struct watch *w, struct child_spec spec)
{
    struct err err;

    w->loop = test_loop();
    spec.on_exit = on_exited;
    spec.ctx = w;
    w->child = child_spawn(w->loop, &spec, &err);
    assert_non_null(w->child);
}

static void end(struct watch *w)
{
    child_free(w->child);
    loop_free(w->loop);
    buf_release(&w->out);
    buf_release(&w->errout);
}

#define SH(script)                                                                             \
    (const char *const[])                                                                      \
    {                                                                                          \
        "sh", "-c", script, NULL                                                               \
    }

static void assert_bytes(const struct buf *b, const char *text)
{
    struct str s = buf_str(b);

    if (!str_eq(s, str_of(text)))
        fail_msg("got '%.*s', not '%s'", STR_ARG(s), text);
}

static void test_output_and_status_are_delivered_apart_and_in_order(void **state)
{
    (void)state;
    struct watch w = {0};

    start(&w, (struct child_spec){
                      .argv = SH("echo out; echo err >&2; exit 7"), .on_output = on_output});
    assert_true(child_pid(w.child) > 1);
    UNTIL(w.loop, w.exits);
    assert_int_equal(w.status, 7);
    assert_int_equal(w.signo, 0);
    assert_bytes(&w.out, "out\n");
    assert_bytes(&w.errout, "err\n");
    end(&w);
    assert_int_equal(w.exits, 1);
}

static void test_all_output_comes_before_the_exit(void **state)
{
    (void)state;
    struct watch w = {.free_in_exit = true};

    start(&w, (struct child_spec){
                      .argv = SH("head -c 3000000 /dev/zero"), .on_output = on_output});
    UNTIL(w.loop, w.exits);
    assert_int_equal(buf_len(&w.out), 3000000);
    end(&w);
}

static void test_input_is_given_and_ended(void **state)
{
    (void)state;
    struct watch w = {0};
    char *big = calloc(1, 500000);

    start(&w, (struct child_spec){
                      .argv = SH("wc -c"), .on_output = on_output, .input = {big, 500000}});
    free(big);
    UNTIL(w.loop, w.exits);
    assert_bytes(&w.out, "500000\n");
    end(&w);

    w = (struct watch){0};
    start(&w, (struct child_spec){.argv = SH("exec true"),
                      .on_output = on_output,
                      .input = STR("nobody reads this")});
    UNTIL(w.loop, w.exits);
    assert_int_equal(w.status, 0);
    end(&w);
}

static void test_without_input_stdin_is_empty_and_the_group_is_its_own(void **state)
{
    (void)state;
    struct watch w = {0};
    char want[64];

    start(&w, (struct child_spec){.argv = SH("cat; echo $$; cut -d' ' -f5,6 /proc/$$/stat"),
                      .on_output = on_output});
    snprintf(want, sizeof(want), "%d\n%d %d\n", child_pid(w.child), child_pid(w.child),
            child_pid(w.child));
    UNTIL(w.loop, w.exits);
    assert_bytes(&w.out, want); /* process group and session are the child */
    end(&w);
}

static void test_only_the_given_environment_and_folder_are_there(void **state)
{
    (void)state;
    struct watch w = {0};

    start(&w, (struct child_spec){.argv = (const char *const[]){"/usr/bin/env", NULL},
                      .env = (const char *const[]){"A=1", NULL},
                      .on_output = on_output});
    UNTIL(w.loop, w.exits);
    assert_bytes(&w.out, "A=1\n");
    end(&w);

    w = (struct watch){0};
    setenv("EXAMPLE_API_KEY", "secret", 1);
    setenv("EXAMPLE_NAME", "kept", 1);
    start(&w, (struct child_spec){
                      .argv = SH("echo \"$EXAMPLE_API_KEY,$EXAMPLE_NAME\"; cd -P .; pwd"),
                      .cwd = "/usr",
                      .on_output = on_output});
    unsetenv("EXAMPLE_API_KEY");
    unsetenv("EXAMPLE_NAME");
    UNTIL(w.loop, w.exits);
    assert_bytes(&w.out, ",kept\n/usr\n");
    end(&w);

    w = (struct watch){0};
    setenv("EXAMPLE", "old", 1);
    setenv("EXAMPLES", "kept", 1);
    start(&w, (struct child_spec){.argv = SH("env | grep ^EXAMPLE | LC_ALL=C sort"),
                      .env_over = (const char *const[]){"EXAMPLE=new", "EXAMPLE_TOO=1", NULL},
                      .on_output = on_output});
    unsetenv("EXAMPLE");
    unsetenv("EXAMPLES");
    UNTIL(w.loop, w.exits);
    assert_bytes(&w.out, "EXAMPLE=new\nEXAMPLES=kept\nEXAMPLE_TOO=1\n");
    end(&w);
}

static void plant(const char *path)
{
    static const char script[] = "#!/bin/sh\necho planted\n";

    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
    close(fd);
}

static void test_a_program_in_the_current_folder_is_not_taken_for_a_tool(void **state)
{
    static const char *const paths[] = {
            ".:/usr/bin:/bin", ":/usr/bin:/bin", "/usr/bin:/bin:", "sub:/bin:/usr/bin", "."};
    char dir[64];
    char *old = xstrdup(getenv("PATH"));
    (void)state;
    test_tmpdir(dir, sizeof(dir), "child");
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(dir), 0);
    assert_int_equal(mkdir("sub", 0700), 0);
    plant("env");
    plant("sub/env");
    plant("ic-no-such-tool");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct watch w = {0};
        struct err err;

        setenv("PATH", paths[i], 1);
        /* Once found by us, once by a tool that we start. */
        start(&w, (struct child_spec){
                          .argv = SH("env; ic-no-such-tool"), .on_output = on_output});
        UNTIL(w.loop, w.exits);
        buf_putc(&w.out, '\0');
        assert_null(strstr(buf_data(&w.out), "planted"));
        assert_non_null(strstr(buf_data(&w.out), "PATH=/"));
        end(&w);

        struct loop *loop = test_loop();
        struct child_spec spec = {.argv = (const char *const[]){"ic-no-such-tool", NULL}};
        assert_null(child_spawn(loop, &spec, &err));
        loop_free(loop);
    }
    setenv("PATH", old, 1);
    free(old);
    assert_int_equal(fchdir(here), 0);
    close(here);
    assert_int_equal(file_remove_tree(dir, NULL), 0);
}

static void test_no_descriptor_but_the_three_reaches_the_child(void **state)
{
    (void)state;
    struct watch w = {0};
    int leaky = open("/dev/null", O_RDONLY); /* no O_CLOEXEC */

    start(&w, (struct child_spec){.argv = (const char *const[]){"ls", "/proc/self/fd", NULL},
                      .on_output = on_output});
    UNTIL(w.loop, w.exits);
    assert_bytes(&w.out, "0\n1\n2\n3\n"); /* 3 is the folder ls reads */
    close(leaky);
    end(&w);
}

static void test_a_missing_program_and_folder_are_errors_not_exits(void **state)
{
    (void)state;
    struct loop *loop = test_loop();
    struct err err;
    struct watch w = {0};
    struct child_spec spec = {.argv = (const char *const[]){"no-such-program", NULL},
            .on_output = on_output,
            .on_exit = on_exited,
            .input = STR("x"),
            .ctx = &w};
    int before = count_fds();

    assert_null(child_spawn(loop, &spec, &err));
    assert_int_equal(err.code, ERR_NOENT);
    assert_non_null(strstr(err.msg, "'no-such-program'"));
    spec.argv = SH("true");
    spec.cwd = "/no/such/folder";
    assert_null(child_spawn(loop, &spec, &err));
    assert_non_null(strstr(err.msg, "/no/such/folder"));
    loop_free(loop);
    assert_true(count_fds() <= before);
    assert_int_equal(w.exits, 0);
}

static void test_kill_reaches_the_whole_group(void **state)
{
    (void)state;
    struct watch w = {0};

    start(&w, (struct child_spec){.argv = SH("tail -f /dev/null & echo ready; wait"),
                      .on_output = on_output});
    UNTIL(w.loop, buf_len(&w.out) == 6);
    child_kill(w.child, SIGTERM);
    UNTIL(w.loop, w.exits); /* the output ends only when tail is gone, too */
    assert_int_equal(w.signo, SIGTERM);
    child_kill(w.child, SIGTERM); /* harmless now */
    end(&w);
}

static void test_a_grandchild_that_keeps_the_output_does_not_hold_up_the_exit(void **state)
{
    (void)state;
    struct watch w = {0};

    start(&w,
            (struct child_spec){.argv = SH("setsid tail -f --pid=$PPID /dev/null & echo done"),
                    .on_output = on_output});
    UNTIL(w.loop, w.exits);
    assert_bytes(&w.out, "done\n");
    end(&w);
}

static bool alive(pid_t pid)
{
    return kill(pid, 0) == 0 || errno != ESRCH;
}

static void test_a_child_is_talked_with_on_one_socket_and_ends_with_its_input(void **state)
{
    struct watch w = {.exits = 0};
    char line[64] = "";
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    start(&w, (struct child_spec){.argv = SH("read x; echo got $x; cat; echo end >&2; exit 3"),
                      .on_output = on_output,
                      .talk = true,
                      .talk_fd = fds[1]});
    close(fds[1]);
    assert_int_equal(write(fds[0], "hello\n", 6), 6);
    size_t n = 0;
    while (n < 10) {
        ssize_t got = read(fds[0], line + n, sizeof(line) - 1 - n);
        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_string_equal(line, "got hello\n");
    shutdown(fds[0], SHUT_WR);
    while (!w.exits)
        loop_turn(w.loop, true);
    assert_int_equal(w.status, 3);
    assert_bytes(&w.errout, "end\n");
    assert_int_equal(buf_len(&w.out), 0);
    close(fds[0]);

    struct child_spec none = {
            .argv = (const char *const[]){"ic-no-such-program", NULL}, .talk = true};
    struct err err;
    assert_null(child_spawn(w.loop, &none, &err));
    assert_int_equal(err.code, ERR_NOENT);
    end(&w);
}

static void test_free_is_silent_and_ends_even_the_stubborn(void **state)
{
    (void)state;
    struct watch w = {0};

    start(&w, (struct child_spec){.argv = SH("trap '' HUP TERM; echo ready; exec tail -f "
                                             "/dev/null"),
                      .on_output = on_output});
    UNTIL(w.loop, buf_len(&w.out) == 6);
    pid_t pid = child_pid(w.child);
    uint64_t begin = clock_ns();
    end(&w); /* loop_free waits for the ladder */
    assert_int_equal(w.exits, 0);
    assert_false(alive(pid));
    assert_true(clock_ns() - begin > 3500000000ull);
}

static void test_free_from_inside_the_callbacks_is_fine(void **state)
{
    (void)state;
    struct watch w = {.free_in_output = true};

    start(&w, (struct child_spec){
                      .argv = SH("echo x; exec tail -f /dev/null"), .on_output = on_output});
    UNTIL(w.loop, !w.child);
    end(&w);
    assert_int_equal(w.exits, 0);
    child_free(NULL);
}

static void test_run_collects_output_and_status(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct buf errout = BUF_INIT;
    struct err err;
    int status = -1;

    assert_int_equal(
            child_run(SH("echo a; echo b >&2; exit 3"), 10000, &out, &errout, &status, &err),
            0);
    assert_int_equal(status, 3);
    assert_bytes(&out, "a\n");
    assert_bytes(&errout, "b\n");
    assert_int_equal(child_run(SH("kill -9 $$"), 10000, NULL, NULL, &status, &err), 0);
    assert_int_equal(status, 128 + 9);
    buf_release(&out);
    buf_release(&errout);
}

static void test_run_is_bounded_in_time_and_size(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct err err;
    int status = -1;

    assert_int_equal(child_run(SH("exec tail -f /dev/null"), 50, &out, NULL, &status, &err),
            ERR_TIMEOUT);
    assert_int_equal(child_run(SH("yes"), 20000, &out, NULL, &status, &err), ERR_LIMIT);
    assert_true(buf_len(&out) <= 1024 * 1024);
    assert_int_equal(child_run((const char *const[]){"no-such-program", NULL}, 50, &out, NULL,
                             &status, &err),
            ERR_NOENT);
    assert_int_equal(status, -1);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_output_and_status_are_delivered_apart_and_in_order),
            cmocka_unit_test(test_all_output_comes_before_the_exit),
            cmocka_unit_test(test_input_is_given_and_ended),
            cmocka_unit_test(test_without_input_stdin_is_empty_and_the_group_is_its_own),
            cmocka_unit_test(test_only_the_given_environment_and_folder_are_there),
            cmocka_unit_test(test_a_program_in_the_current_folder_is_not_taken_for_a_tool),
            cmocka_unit_test(test_no_descriptor_but_the_three_reaches_the_child),
            cmocka_unit_test(test_a_missing_program_and_folder_are_errors_not_exits),
            cmocka_unit_test(test_kill_reaches_the_whole_group),
            cmocka_unit_test(test_a_grandchild_that_keeps_the_output_does_not_hold_up_the_exit),
            cmocka_unit_test(test_a_child_is_talked_with_on_one_socket_and_ends_with_its_input),
            cmocka_unit_test(test_free_is_silent_and_ends_even_the_stubborn),
            cmocka_unit_test(test_free_from_inside_the_callbacks_is_fine),
            cmocka_unit_test(test_run_collects_output_and_status),
            cmocka_unit_test(test_run_is_bounded_in_time_and_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
