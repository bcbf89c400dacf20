/*
 * test_guest.c - the guest client against the real icguest program, and against fake helpers
 * that break the protocol.
 */
#include "unit/pty/guest_world.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/limits.h"
#include "guest/frame.h"

static int use_frames(void **state)
{
    (void)state;
    hand_over = false;
    return 0;
}

static int use_pty(void **state)
{
    (void)state;
    hand_over = true;
    return 0;
}

/* --- with the real helper ------------------------------------------------------------- */

static void test_output_comes_before_exit_status_and_helper_exits_with_it(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    spawn_shell(w, "printf hello; exit 7");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_true(c.exited);
    assert_false(c.was_running);
    assert_int_equal(c.status, 7);
    assert_int_equal(c.signo, 0);
    assert_int_equal(buf_len(&c.output), 5);
    assert_true(has(&c.output, "hello"));
    release(&c);
    assert_int_equal(helper_status(w), 7);
    assert_int_equal(access(w->path, F_OK), -1);
}

static void test_size_is_set_before_the_agent_starts_and_changes_reach_it(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    spawn_shell(
            w, "stty size; trap 'stty size; exit 0' WINCH; echo up; tail -f /dev/null & wait");
    connect_client(w, &c, 101, 41, true);
    TURN_UNTIL(w, &c, has(&c.output, "up\r\n"));
    assert_true(has(&c.output, "41 101\r\n"));
    guest_resize(c.guest, 67, 23);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_true(has(&c.output, "23 67\r\n"));
    release(&c);
}

static void test_every_byte_value_passes_both_ways(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    spawn_shell(w, "stty raw -echo; echo up; exec head -c 256");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, has(&c.output, "up\n"));
    buf_clear(&c.output);
    assert_int_equal(guest_input(c.guest, (struct str){all, sizeof(all)}, NULL), 0);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_int_equal(buf_len(&c.output), sizeof(all));
    assert_memory_equal(buf_data(&c.output), all, sizeof(all));
    release(&c);
}

static void test_flood_arrives_to_the_byte_and_in_bounded_portions(void **state)
{
    struct world *w = *state;
    struct client c = {0};
    spawn_shell(w, "stty raw -echo; exec head -c 20000000 /dev/zero");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_true(c.exited);
    assert_int_equal(c.status, 0);
    assert_int_equal(c.total, 20000000);
    /* What is still in the kernel when the agent has ended comes at once. */
    assert_in_range(c.turn_max, 4095, hand_over ? 4 * LIMIT_PTY_TURN : LIMIT_PTY_TURN);
    release(&c);
    assert_int_equal(helper_status(w), 0);
}

static void test_keys_reach_the_agent_during_a_flood(void **state)
{
    struct world *w = *state;
    struct client c = {0};
    spawn_shell(w, "exec yes");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, c.total > 1000000);
    type(&c, "\x03"); /* the line discipline makes SIGINT of it */
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_int_equal(c.signo, SIGINT);
    release(&c);
    assert_int_equal(helper_status(w), 128 + SIGINT);
}

static void test_death_by_signal_is_told_as_such(void **state)
{
    struct world *w = *state;
    struct client c = {0};
    spawn_shell(w, "kill -9 $$");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_int_equal(c.signo, SIGKILL);
    release(&c);
    assert_int_equal(helper_status(w), 128 + SIGKILL);
}

static void test_signals_go_to_the_foreground_process_group(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    spawn_shell(w, "trap 'echo got; exit 3' USR1; echo up; tail -f /dev/null & wait");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, has(&c.output, "up"));
    guest_signal(c.guest, SIGUSR1);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_true(has(&c.output, "got"));
    assert_int_equal(c.status, 3);
    release(&c);
}

static void test_program_that_is_not_there_says_so_and_is_127(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    const char *agent[] = {"no-such-program", NULL};
    spawn_helper(w, agent);
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_true(has(&c.output, "cannot run 'no-such-program': No such file"));
    assert_int_equal(c.status, 127);
    release(&c);
    assert_int_equal(helper_status(w), 127);
}

static void test_second_host_takes_over_and_gets_the_replay(void **state)
{
    struct world *w = *state;
    struct client first = {.keep = true};
    struct client second = {.keep = true};
    spawn_shell(w, "echo one; read x; echo two $x; exit 5");
    connect_client(w, &first, 80, 24, true);
    TURN_UNTIL(w, &first, has(&first.output, "one"));
    connect_client(w, &second, 90, 30, true);
    TURN_UNTIL(w, &first, first.failed);
    assert_int_equal(first.err.code, ERR_EOF);
    TURN_UNTIL(w, &second, has(&second.replay, "one\r\n"));
    assert_true(second.was_running);
    type(&second, "hi\n");
    TURN_UNTIL(w, &second, second.exited || second.failed);
    assert_int_equal(second.status, 5);
    assert_true(has(&second.output, "two hi\r\n"));
    assert_false(has(&second.output, "one"));
    release(&first);
    release(&second);
    assert_int_equal(helper_status(w), 5);
}

static void test_connection_that_says_nothing_disturbs_nobody(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    spawn_shell(w, "echo up; read x; exit 0");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, has(&c.output, "up"));
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", w->path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(probe, (struct sockaddr *)&addr, sizeof(addr)), 0);
    type(&c, "\n");
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_true(c.exited);
    close(probe);
    release(&c);
}

static void test_agent_survives_the_host_and_works_on_without_one(void **state)
{
    struct world *w = *state;
    struct client first = {.keep = true};
    struct client second = {.keep = true};
    /* More output than the ring and the PTY hold: it would block if nobody drained it. */
    spawn_shell(w, "echo up; read x; head -c 1000000 /dev/zero | tr '\\0' z; echo; "
                   "echo last; read y; exit 4");
    connect_client(w, &first, 80, 24, true);
    TURN_UNTIL(w, &first, has(&first.output, "up"));
    type(&first, "\n");
    TURN_UNTIL(w, &first, has(&first.output, "zz"));
    release(&first);

    /* It takes a while until all of it is written; a new host sees the end sooner or later. */
    connect_client(w, &second, 80, 24, true);
    TURN_UNTIL(w, &second, has(&second.replay, "last") || has(&second.output, "last"));
    assert_true(second.was_running);
    assert_in_range(buf_len(&second.replay), 1, 256 * 1024);
    type(&second, "\n");
    TURN_UNTIL(w, &second, second.exited || second.failed);
    assert_int_equal(second.status, 4);
    release(&second);
}

static void test_exit_status_waits_for_a_host(void **state)
{
    struct world *w = *state;
    struct client first = {.keep = true};
    struct client second = {.keep = true};
    char gone[80];
    snprintf(gone, sizeof(gone), "%s/gone", w->dir);
    assert_int_equal(mkfifo(gone, 0600), 0);
    const char *agent[] = {"sh", "-c", "echo up; read word <$0; exit 9", gone, NULL};
    spawn_helper(w, agent);
    connect_client(w, &first, 80, 24, true);
    TURN_UNTIL(w, &first, has(&first.output, "up"));
    release(&first);
    close(open(gone, O_WRONLY | O_CLOEXEC)); /* the agent reads the end */
    connect_client(w, &second, 80, 24, true);
    TURN_UNTIL(w, &second, second.exited || second.failed);
    assert_true(second.exited);
    assert_int_equal(second.status, 9);
    release(&second);
    assert_int_equal(helper_status(w), 9);
    unlink(gone);
}

static void test_term_to_the_helper_hangs_up_the_agent(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    spawn_shell(w, "echo up; exec cat");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, has(&c.output, "up"));
    kill(w->helper, SIGTERM);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_int_equal(c.signo, SIGHUP);
    release(&c);
    assert_int_equal(helper_status(w), 128 + SIGHUP);
}

static void test_input_nobody_reads_is_refused_not_hoarded(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    static char chunk[64 * 1024];
    struct err err = {0};
    memset(chunk, 'x', sizeof(chunk));
    spawn_shell(w, "stty raw -echo; echo up; exec tail -f /dev/null");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, has(&c.output, "up"));
    size_t taken = 0;
    while (taken < 64u * 1024 * 1024) {
        if (guest_input(c.guest, (struct str){chunk, sizeof(chunk)}, &err) < 0)
            break;
        taken += sizeof(chunk);
        loop_turn(w->loop, false);
    }
    assert_int_equal(err.code, ERR_AGAIN);
    assert_true(taken < 4u * 1024 * 1024);
    release(&c);
}

/* --- fake helpers --------------------------------------------------------------------- */

static int fake_helper(struct world *w, struct client *c, bool want_replay)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    c->guest = guest_adopt(w->loop, fds[0], 80, 24, want_replay, &ops, c, NULL);
    assert_non_null(c->guest);
    return fds[1];
}

static void send_bytes(int fd, struct str bytes)
{
    assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
}

#define READY "R\0\0\0\2\1\0"
#define DATA "D\0\0\0\3abc"

static void test_frames_that_break_the_protocol_end_the_connection(void **state)
{
    static const struct {
        const char *what;
        struct str bytes;
        bool want_replay;
    } table[] = {
            {"unknown type", STR(READY "Z\0\0\0\0"), false},
            {"host's own type", STR(READY "H\0\0\0\6\1\0\1\0\1\0"), false},
            {"too long", STR(READY "D\0\1\0\1"), false},
            {"huge", STR(READY "D\377\377\377\377"), false},
            {"data before the greeting", STR(DATA), false},
            {"replay before the greeting", STR("P\0\0\0\1a"), true},
            {"exit before the greeting", STR("X\0\0\0\2\0\0"), false},
            {"second greeting", STR(READY READY), false},
            {"greeting of another version", STR("R\0\0\0\2\2\0"), false},
            {"greeting with a strange flag", STR("R\0\0\0\2\1\2"), false},
            {"short greeting", STR("R\0\0\0\1\1"), false},
            {"long greeting", STR("R\0\0\0\3\1\0\0"), false},
            {"empty data", STR(READY "D\0\0\0\0"), false},
            {"replay nobody asked for", STR(READY "P\0\0\0\1a"), false},
            {"replay after data", STR(READY DATA "P\0\0\0\1a"), true},
            {"short exit", STR(READY "X\0\0\0\1\0"), false},
            {"exit with a strange flag", STR(READY "X\0\0\0\2\2\0"), false},
            {"exit by signal 0", STR(READY "X\0\0\0\2\1\0"), false},
            {"exit by signal 65", STR(READY "X\0\0\0\2\1\101"), false},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct client c = {0};
        int fd = fake_helper(w, &c, table[i].want_replay);
        send_bytes(fd, table[i].bytes);
        TURN_UNTIL(w, &c, c.failed || c.exited);
        if (!c.failed || c.err.code != ERR_PROTO)
            fail_msg("%s: %d %s", table[i].what, c.err.code, c.err.msg);
        release(&c);
        close(fd);
    }
}

static void test_frames_may_be_cut_anywhere(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    struct str all = STR("R\0\0\0\2\1\1"
                         "P\0\0\0\2xy" DATA DATA "X\0\0\0\2\1\17");
    int fd = fake_helper(w, &c, true);
    for (size_t i = 0; i < all.n; i++) {
        send_bytes(fd, (struct str){all.p + i, 1});
        loop_turn(w->loop, true);
    }
    TURN_UNTIL(w, &c, c.failed || c.exited);
    assert_true(c.was_running);
    assert_int_equal(c.signo, 15);
    assert_true(str_eq(buf_str(&c.replay), STR("xy")));
    assert_true(str_eq(buf_str(&c.output), STR("abcabc")));
    release(&c);
    close(fd);
}

static void test_nothing_is_told_after_the_exit_frame(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    int fd = fake_helper(w, &c, false);
    send_bytes(fd, STR(READY DATA "X\0\0\0\2\0\1" DATA "junk"));
    TURN_UNTIL(w, &c, c.failed || c.exited);
    for (int i = 0; i < 3; i++)
        loop_turn(w->loop, false);
    assert_int_equal(c.status, 1);
    assert_int_equal(c.total, 3);
    assert_int_equal(guest_input(c.guest, STR("x"), NULL), ERR_EOF);
    guest_resize(c.guest, 1, 1);
    guest_signal(c.guest, SIGINT);
    release(&c);
    close(fd);
}

static void test_connection_lost_in_a_frame_is_told_after_what_came(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    int fd = fake_helper(w, &c, false);
    char hello[32];
    send_bytes(fd, STR(READY "D\0\0\0\5abc"));
    TURN_UNTIL(w, &c, c.total > 0);
    assert_int_equal(read(fd, hello, sizeof(hello)), GUEST_FRAME_HEAD + 6);
    assert_memory_equal(hello, "H\0\0\0\6\1\0\120\0\30\0", GUEST_FRAME_HEAD + 6);
    close(fd);
    TURN_UNTIL(w, &c, c.failed || c.exited);
    assert_int_equal(c.err.code, ERR_EOF);
    assert_true(str_eq(buf_str(&c.output), STR("abc")));
    release(&c);
}

static void test_lots_before_the_end_of_the_connection_is_all_delivered(void **state)
{
    static char frame[GUEST_FRAME_HEAD + GUEST_FRAME_MAX] = "D\0\1\0\0";
    struct world *w = *state;
    struct client c = {0};
    int fd = fake_helper(w, &c, false);
    int big = 1024 * 1024;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
    send_bytes(fd, STR(READY));
    send_bytes(fd, (struct str){frame, sizeof(frame)});
    send_bytes(fd, (struct str){frame, sizeof(frame)});
    send_bytes(fd, STR("X\0\0\0\2\0\0"));
    close(fd);
    TURN_UNTIL(w, &c, c.failed || c.exited);
    assert_true(c.exited);
    assert_int_equal(c.total, 2 * GUEST_FRAME_MAX);
    assert_in_range(c.turn_max, 1, LIMIT_PTY_TURN);
    release(&c);
}

static void test_owner_may_free_the_guest_in_a_callback_and_hears_no_more(void **state)
{
    struct world *w = *state;
    struct client c = {.free_on_output = true};
    int fd = fake_helper(w, &c, false);
    send_bytes(fd, STR(READY DATA DATA "X\0\0\0\2\0\0"));
    TURN_UNTIL(w, &c, !c.guest);
    for (int i = 0; i < 3; i++)
        loop_turn(w->loop, false);
    assert_int_equal(c.total, 3);
    assert_false(c.exited || c.failed);
    close(fd);
}

static void test_socket_replaced_by_something_else_is_not_connected_to(void **state)
{
    struct world *w = *state;
    struct client c = {0};
    struct err err;
    char target[80];
    snprintf(target, sizeof(target), "%s/other.sock", w->dir);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", target);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(fd, 1), 0);

    assert_null(guest_connect(w->loop, w->path, 80, 24, false, &ops, &c, &err));
    assert_int_equal(err.code, ERR_NOENT);
    assert_int_equal(symlink(target, w->path), 0);
    assert_null(guest_connect(w->loop, w->path, 80, 24, false, &ops, &c, &err));
    assert_int_equal(err.code, ERR_DENIED);
    unlink(w->path);
    close(open(w->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    assert_null(guest_connect(w->loop, w->path, 80, 24, false, &ops, &c, &err));
    assert_int_equal(err.code, ERR_DENIED);
    close(fd);
    unlink(target);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest both[] = {
            T(test_output_comes_before_exit_status_and_helper_exits_with_it),
            T(test_size_is_set_before_the_agent_starts_and_changes_reach_it),
            T(test_every_byte_value_passes_both_ways),
            T(test_flood_arrives_to_the_byte_and_in_bounded_portions),
            T(test_keys_reach_the_agent_during_a_flood),
            T(test_death_by_signal_is_told_as_such),
            T(test_signals_go_to_the_foreground_process_group),
            T(test_program_that_is_not_there_says_so_and_is_127),
            T(test_connection_that_says_nothing_disturbs_nobody),
            T(test_term_to_the_helper_hangs_up_the_agent),
            T(test_input_nobody_reads_is_refused_not_hoarded),
    };
    const struct CMUnitTest frames[] = {
            T(test_second_host_takes_over_and_gets_the_replay),
            T(test_agent_survives_the_host_and_works_on_without_one),
            T(test_exit_status_waits_for_a_host),
            T(test_frames_that_break_the_protocol_end_the_connection),
            T(test_frames_may_be_cut_anywhere),
            T(test_nothing_is_told_after_the_exit_frame),
            T(test_connection_lost_in_a_frame_is_told_after_what_came),
            T(test_lots_before_the_end_of_the_connection_is_all_delivered),
            T(test_owner_may_free_the_guest_in_a_callback_and_hears_no_more),
            T(test_socket_replaced_by_something_else_is_not_connected_to),
    };
    int failed = cmocka_run_group_tests(both, use_frames, NULL);
    failed += cmocka_run_group_tests(both, use_pty, NULL);
    return failed + cmocka_run_group_tests(frames, use_frames, NULL);
}
