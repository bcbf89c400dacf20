/*
 * test_tty.c - a real terminal: the slave end of a PTY.
 */
#include "peer.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "io/tty.h"

struct screen {
    struct loop *loop;
    struct tty *tty;
    int master, slave;
    int sent, resized, gone;
    char got[64];
    size_t n;
    bool free_on_bytes;
};

static void on_bytes(void *ctx, struct str bytes)
{
    struct screen *s = ctx;

    assert_true(s->n + bytes.n < sizeof(s->got));
    memcpy(s->got + s->n, bytes.p, bytes.n);
    s->n += bytes.n;
    if (s->free_on_bytes) {
        tty_free(s->tty);
        s->tty = NULL;
    }
}

static void on_sent(void *ctx)
{
    ((struct screen *)ctx)->sent++;
}

static void on_resize(void *ctx)
{
    ((struct screen *)ctx)->resized++;
}

static void on_gone(void *ctx)
{
    ((struct screen *)ctx)->gone++;
}

static const struct tty_ops ops = {
        .on_bytes = on_bytes, .on_sent = on_sent, .on_resize = on_resize, .on_gone = on_gone};

static void open_screen(struct screen *s)
{
    struct winsize size = {.ws_col = 100, .ws_row = 30};
    struct err err;

    memset(s, 0, sizeof(*s));
    s->loop = test_loop();
    assert_int_equal(openpty(&s->master, &s->slave, NULL, NULL, &size), 0);
    fcntl(s->master, F_SETFL, O_NONBLOCK);
    s->tty = tty_open(s->loop, s->slave, &ops, s, &err);
    if (!s->tty)
        fail_msg("%s", err.msg);
}

static void end_screen(struct screen *s)
{
    tty_free(s->tty);
    loop_free(s->loop);
    close(s->master);
    close(s->slave);
}

static bool is_raw(int fd)
{
    struct termios t;

    assert_int_equal(tcgetattr(fd, &t), 0);
    return !(t.c_lflag & (ICANON | ECHO | ISIG)) && !(t.c_oflag & OPOST);
}

static void test_raw_while_open_and_as_before_afterwards(void **state)
{
    (void)state;
    struct screen s = {0};
    struct termios before = {0};
    struct termios after = {0};

    assert_int_equal(openpty(&s.master, &s.slave, NULL, NULL, NULL), 0);
    int flags = fcntl(s.slave, F_GETFL);
    tcgetattr(s.slave, &before);
    s.loop = test_loop();
    s.tty = tty_open(s.loop, s.slave, &ops, &s, NULL);
    assert_non_null(s.tty);
    assert_true(is_raw(s.slave));
    int cols = 0;
    int rows = 0;
    tty_size(s.tty, &cols, &rows);
    assert_int_equal(cols, 80); /* the terminal says 0x0 */
    assert_int_equal(rows, 24);
    tty_free(s.tty);
    tcgetattr(s.slave, &after);
    assert_memory_equal(&before, &after, sizeof(before));
    loop_free(s.loop);
    assert_int_equal(fcntl(s.slave, F_GETFL), flags);
    close(s.master);
    close(s.slave);
}

static void test_keys_come_as_bytes_and_a_frame_goes_out(void **state)
{
    (void)state;
    struct screen s;
    struct buf frame = BUF_INIT;
    char out[64];

    open_screen(&s);
    assert_int_equal(write(s.master, "a\003\r", 3), 3);
    UNTIL(s.loop, s.n == 3);
    assert_memory_equal(s.got, "a\003\r", 3);
    buf_puts(&frame, "x\ny");
    tty_send(s.tty, &frame);
    assert_int_equal(buf_len(&frame), 0);
    assert_int_equal(s.sent, 0);
    UNTIL(s.loop, s.sent);
    assert_int_equal(read(s.master, out, sizeof(out)), 3);
    assert_memory_equal(out, "x\ny", 3);
    buf_release(&frame);
    end_screen(&s);
}

static void test_a_slow_terminal_keeps_one_frame_in_flight(void **state)
{
    (void)state;
    struct screen s;
    struct buf frame = BUF_INIT;
    size_t total = 0;
    char out[4096];

    open_screen(&s);
    memset(buf_reserve(&frame, 300000), 'x', 300000);
    buf_commit(&frame, 300000);
    tty_send(s.tty, &frame);
    assert_true(tty_busy(s.tty));
    for (int i = 0; i < 10; i++)
        loop_turn(s.loop, false);
    assert_int_equal(s.sent, 0);
    while (!s.sent) {
        ssize_t n = read(s.master, out, sizeof(out));

        total += n > 0 ? (size_t)n : 0;
        loop_turn(s.loop, false);
    }
    assert_false(tty_busy(s.tty));
    for (ssize_t n; (n = read(s.master, out, sizeof(out))) > 0;)
        total += (size_t)n;
    assert_true(total <= 300000 && total > 290000);
    buf_release(&frame);
    end_screen(&s);
}

static void test_the_last_bytes_follow_the_frame_in_flight(void **state)
{
    (void)state;
    struct screen s = {0};
    struct buf frame = BUF_INIT, last = BUF_INIT;
    char out[4096], tail[4] = "";

    open_screen(&s);
    memset(buf_reserve(&frame, 200000), 'x', 200000);
    buf_commit(&frame, 200000);
    tty_send(s.tty, &frame);
    assert_true(tty_busy(s.tty));
    buf_puts(&last, "end");
    tty_send_last(s.tty, &last);
    tty_free(s.tty);
    s.tty = NULL;
    while (strcmp(tail, "end") != 0) {
        ssize_t n = read(s.master, out, sizeof(out));

        for (ssize_t i = 0; i < n; i++) {
            memmove(tail, tail + 1, 2);
            tail[2] = out[i];
        }
        if (n <= 0)
            loop_turn(s.loop, false);
    }
    buf_release(&frame);
    buf_release(&last);
    end_screen(&s);
}

static void test_free_with_a_stuck_frame_ends_within_the_second(void **state)
{
    (void)state;
    struct screen s;
    struct buf frame = BUF_INIT;

    open_screen(&s);
    memset(buf_reserve(&frame, 300000), 'x', 300000);
    buf_commit(&frame, 300000);
    tty_send(s.tty, &frame);
    uint64_t begin = clock_ns();
    tty_free(s.tty);
    loop_free(s.loop);
    assert_true(clock_ns() - begin < 3000000000ull);
    assert_false(is_raw(s.slave));
    assert_int_equal(s.sent, 0);
    close(s.master);
    close(s.slave);
    buf_release(&frame);
}

static void test_size_changes_are_told_once_a_turn(void **state)
{
    (void)state;
    struct screen s;
    struct winsize size = {.ws_col = 120, .ws_row = 40};
    int cols = 0;
    int rows = 0;

    open_screen(&s);
    tty_size(s.tty, &cols, &rows);
    assert_int_equal(cols, 100);
    assert_int_equal(rows, 30);
    ioctl(s.master, TIOCSWINSZ, &size);
    kill(getpid(), SIGWINCH); /* it is not our controlling terminal */
    UNTIL(s.loop, s.resized);
    tty_size(s.tty, &cols, &rows);
    assert_int_equal(cols, 120);
    assert_int_equal(rows, 40);
    tty_check_size(s.tty);
    tty_check_size(s.tty);
    UNTIL(s.loop, s.resized == 2);
    loop_turn(s.loop, false);
    assert_int_equal(s.resized, 2);
    end_screen(&s);
}

static void test_a_lost_terminal_is_told_once_and_writing_is_harmless(void **state)
{
    (void)state;
    struct screen s;
    struct buf frame = BUF_INIT;

    open_screen(&s);
    close(s.master);
    UNTIL(s.loop, s.gone);
    buf_puts(&frame, "anyone?");
    tty_send(s.tty, &frame);
    for (int i = 0; i < 5; i++)
        loop_turn(s.loop, false);
    assert_int_equal(s.gone, 1);
    assert_int_equal(s.sent, 0);
    s.master = -1;
    buf_release(&frame);
    end_screen(&s);
}

static void test_free_from_inside_on_bytes_is_fine(void **state)
{
    (void)state;
    struct screen s;

    open_screen(&s);
    s.free_on_bytes = true;
    assert_int_equal(write(s.master, "q", 1), 1);
    UNTIL(s.loop, !s.tty);
    end_screen(&s);
}

static void test_what_is_no_terminal_is_refused(void **state)
{
    (void)state;
    struct loop *loop = test_loop();
    struct err err;
    int fd = open("/dev/null", O_RDWR);

    assert_null(tty_open(loop, fd, &ops, NULL, &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_int_equal(tty_save(fd, &err), ERR_USAGE);
    close(fd);
    loop_free(loop);
}

static void test_a_crash_leaves_a_usable_terminal(void **state)
{
    (void)state;
    int master;
    int slave;
    char out[512];
    int status = 0;

    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct loop *loop = loop_new(NULL);

        if (!tty_open(loop, slave, &ops, NULL, NULL) || !is_raw(slave))
            _exit(1);
        tty_emergency_reset(slave);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_false(is_raw(slave));
    ssize_t n = read(master, out, sizeof(out) - 1);
    assert_true(n > 0);
    out[n] = '\0';
    assert_non_null(strstr(out, "\033[?1049l"));
    assert_non_null(strstr(out, "\033[?2004l"));
    close(master);
    close(slave);
}

/* A child opens the terminal and suspends; we see it stop, look, and continue it. */
static void test_suspend_restores_the_terminal_and_continues_raw(void **state)
{
    (void)state;
    int status = 0;
    int master;
    int slave;

    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct screen s = {.loop = loop_new(NULL)};

        s.tty = tty_open(s.loop, slave, &ops, &s, NULL);
        if (!s.tty)
            _exit(1);
        tty_suspend(s.tty);
        while (!s.resized)
            loop_turn(s.loop, true);
        bool raw = is_raw(slave);
        tty_free(s.tty);
        loop_free(s.loop);
        _exit(raw ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    assert_false(is_raw(slave));
    kill(pid, SIGCONT);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(master);
    close(slave);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_raw_while_open_and_as_before_afterwards),
            cmocka_unit_test(test_keys_come_as_bytes_and_a_frame_goes_out),
            cmocka_unit_test(test_a_slow_terminal_keeps_one_frame_in_flight),
            cmocka_unit_test(test_the_last_bytes_follow_the_frame_in_flight),
            cmocka_unit_test(test_free_with_a_stuck_frame_ends_within_the_second),
            cmocka_unit_test(test_size_changes_are_told_once_a_turn),
            cmocka_unit_test(test_a_lost_terminal_is_told_once_and_writing_is_harmless),
            cmocka_unit_test(test_free_from_inside_on_bytes_is_fine),
            cmocka_unit_test(test_what_is_no_terminal_is_refused),
            cmocka_unit_test(test_a_crash_leaves_a_usable_terminal),
            cmocka_unit_test(test_suspend_restores_the_terminal_and_continues_raw),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
