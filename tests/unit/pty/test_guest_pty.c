/*
 * test_guest_pty.c - the PTY handed over by icguest: the box keeps nothing of it, its end is
 * told, and no other descriptor is taken for it.
 */
#include "unit/pty/guest_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "guest/frame.h"

static int use_pty(void **state)
{
    (void)state;
    hand_over = true;
    return 0;
}

static int count_descriptors(const char *process, const char *target)
{
    char path[64], link[340], name[128];
    snprintf(path, sizeof(path), "/proc/%s/fd", process);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        snprintf(link, sizeof(link), "%s/%s", path, entry->d_name);
        ssize_t n = readlink(link, name, sizeof(name) - 1);
        if (n <= 0)
            continue;
        name[n] = '\0';
        count += !target || strstr(name, target) != NULL;
    }
    closedir(dir);
    return count;
}

static void test_box_has_no_master_once_the_agent_runs(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    char helper[16];
    spawn_shell(w, "echo up; ls -l /proc/self/fd; echo end; exec cat");
    snprintf(helper, sizeof(helper), "%d", (int)w->helper);
    assert_int_equal(count_descriptors(helper, "ptmx"), 1);
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, has(&c.output, "end"));
    assert_int_equal(count_descriptors(helper, "ptmx"), 0);
    assert_false(has(&c.output, "ptmx"));
    release(&c);
}

static void test_agent_is_hung_up_when_the_host_lets_go(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    spawn_shell(w, "echo up; exec cat");
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, has(&c.output, "up"));
    release(&c);
    assert_int_equal(helper_status(w), 128 + SIGHUP);
}

static void test_death_of_the_helper_is_told_after_what_came(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    char told[80];
    snprintf(told, sizeof(told), "%s/told", w->dir);
    assert_int_equal(mkfifo(told, 0600), 0);
    const char *agent[] = {"sh", "-c",
            "echo up; read x; printf more; >$0; exec tail -f /dev/null", told, NULL};
    spawn_helper(w, agent);
    connect_client(w, &c, 80, 24, true);
    TURN_UNTIL(w, &c, has(&c.output, "up"));
    type(&c, "\n");
    close(open(told, O_RDONLY | O_CLOEXEC)); /* it has printed, and the loop has not turned */
    kill(w->helper, SIGKILL);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_int_equal(c.err.code, ERR_EOF);
    assert_true(has(&c.output, "more"));
    release(&c);
    unlink(told);
}

static void test_second_host_finds_a_running_agent_and_no_output(void **state)
{
    struct world *w = *state;
    struct client first = {.keep = true};
    struct client second = {.keep = true};
    spawn_shell(w, "echo up; exec cat");
    connect_client(w, &first, 80, 24, true);
    TURN_UNTIL(w, &first, has(&first.output, "up"));
    connect_client(w, &second, 80, 24, true);
    TURN_UNTIL(w, &second, second.ready);
    assert_true(second.was_running);
    type(&second, "lost\n");
    TURN_UNTIL(w, &first, first.failed); /* the first connection is over, so is its PTY */
    TURN_UNTIL(w, &second, second.exited || second.failed);
    assert_int_equal(second.signo, SIGHUP);
    assert_int_equal(second.total, 0);
    release(&first);
    release(&second);
}

static void send_with(int fd, struct str bytes, const int *passed, size_t count)
{
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr head;
    } control = {.head = {.cmsg_len = CMSG_LEN(count * sizeof(int)),
                         .cmsg_level = SOL_SOCKET,
                         .cmsg_type = SCM_RIGHTS}};
    struct iovec iov = {(void *)bytes.p, bytes.n};
    struct msghdr msg = {.msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = count ? control.bytes : NULL,
            .msg_controllen = count ? CMSG_SPACE(count * sizeof(int)) : 0};
    memcpy(CMSG_DATA(&control.head), passed, count * sizeof(int));
    assert_int_equal(sendmsg(fd, &msg, 0), bytes.n);
}

#define PTY_READY "R\0\0\0\2\1\2"

static void test_descriptors_against_the_rules_are_refused_and_closed(void **state)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), pipes[2];
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    const struct {
        const char *what;
        struct str bytes;
        unsigned want;
        int passed[2];
        size_t count;
        enum err_code code;
    } table[] = {
            /* The loop's first channel makes it open a descriptor of its own. */
            {"first of all", STR("R\0\0\0\2\1\0Z\0\0\0\0"), 0, {0}, 0, ERR_PROTO},
            {"none", STR(PTY_READY), GUEST_WANT_PTY, {0}, 0, ERR_PROTO},
            {"not asked for", STR(PTY_READY), 0, {master}, 1, ERR_PROTO},
            {"not said", STR("R\0\0\0\2\1\0"), GUEST_WANT_PTY, {master}, 1, ERR_PROTO},
            {"of one that ran", STR("R\0\0\0\2\1\3"), GUEST_WANT_PTY, {master}, 1, ERR_PROTO},
            {"two", STR(PTY_READY), GUEST_WANT_PTY, {master, null}, 2, ERR_PROTO},
            {"other end", STR(PTY_READY), GUEST_WANT_PTY, {slave}, 1, ERR_DENIED},
            {"file", STR(PTY_READY), GUEST_WANT_PTY, {file}, 1, ERR_DENIED},
            {"device", STR(PTY_READY), GUEST_WANT_PTY, {null}, 1, ERR_DENIED},
            {"pipe", STR(PTY_READY), GUEST_WANT_PTY, {pipes[0]}, 1, ERR_DENIED},
            {"and frames", STR(PTY_READY "D\0\0\0\1a"), GUEST_WANT_PTY, {master}, 1, ERR_PROTO},
            {"in a wrong frame", STR("Z\0\0\0\2\1\2"), GUEST_WANT_PTY, {master}, 1, ERR_PROTO},
    };
    struct world *w = *state;
    int before = 0;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct client c = {0};
        int fds[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        c.guest = guest_adopt(w->loop, fds[0], 80, 24, table[i].want, &ops, &c, NULL);
        send_with(fds[1], table[i].bytes, table[i].passed, table[i].count);
        TURN_UNTIL(w, &c, c.failed || c.exited);
        if (c.err.code != table[i].code)
            fail_msg("%s: %d %s", table[i].what, c.err.code, c.err.msg);
        release(&c);
        close(fds[1]);
        for (int turn = 0; turn < 3; turn++)
            loop_turn(w->loop, false);
        if (i == 0)
            before = count_descriptors("self", NULL);
        if (count_descriptors("self", NULL) != before)
            fail_msg("%s: a descriptor is left open", table[i].what);
    }
    int all[] = {master, slave, file, null, pipes[0], pipes[1]};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        close(all[i]);
}

static void test_master_that_blocks_is_made_not_to(void **state)
{
    struct world *w = *state;
    struct client c = {.keep = true};
    int fds[2], master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    c.guest = guest_adopt(w->loop, fds[0], 80, 24, GUEST_WANT_PTY, &ops, &c, NULL);
    guest_resize(c.guest, 90, 30); /* before there is a PTY to resize */
    send_with(fds[1], STR(PTY_READY), &master, 1);
    close(master);
    TURN_UNTIL(w, &c, c.ready);
    struct winsize size;
    assert_int_equal(ioctl(slave, TIOCGWINSZ, &size), 0);
    assert_int_equal(size.ws_col, 90);
    assert_int_equal(write(slave, "hi", 2), 2);
    TURN_UNTIL(w, &c, has(&c.output, "hi"));
    loop_turn(w->loop, false); /* would never return from a read that waits */
    close(slave);              /* hung up: what is said of the end is what counts */
    assert_int_equal(write(fds[1], "X\0\0\0\2\0\3", 7), 7);
    TURN_UNTIL(w, &c, c.exited || c.failed);
    assert_int_equal(c.status, 3);
    release(&c);
    close(fds[1]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(test_box_has_no_master_once_the_agent_runs),
            T(test_agent_is_hung_up_when_the_host_lets_go),
            T(test_death_of_the_helper_is_told_after_what_came),
            T(test_second_host_finds_a_running_agent_and_no_output),
            T(test_descriptors_against_the_rules_are_refused_and_closed),
            T(test_master_that_blocks_is_made_not_to),
    };
    return cmocka_run_group_tests(tests, use_pty, NULL);
}
