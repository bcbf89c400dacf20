/*
 * test_descriptors.c - the limit of descriptors: raised for us and not for children, and what
 * a listener does when it is reached. Each test sets a limit of its own.
 */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/proc.h"
#include "io/child.h"

#define MANY 200

static char path[64];

struct crowd {
    struct loop *loop;
    struct listener *listener;
    struct peer peers[MANY]; /* accepted */
    int accepted;
    int clients[MANY];
    int count;
};

static int make_path(void **state)
{
    (void)state;
    test_tmpfile(path, sizeof(path), "descriptors");
    unlink(path);
    return 0;
}

static void set_soft(rlim_t soft)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = soft;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void on_accept(void *ctx, struct chan *chan)
{
    struct crowd *c = ctx;

    assert_true(c->accepted < MANY);
    peer_take(&c->peers[c->accepted++], chan);
}

static void open_crowd(struct crowd *c)
{
    struct err err;

    memset(c, 0, sizeof(*c));
    set_soft(100);
    c->loop = test_loop();
    c->listener = listen_unix(c->loop, path, 0600, on_accept, c, &err);
    assert_non_null(c->listener);
}

static void end_crowd(struct crowd *c)
{
    for (int i = 0; i < c->accepted; i++)
        chan_abort(c->peers[i].chan);
    while (c->count)
        close(c->clients[--c->count]);
    listener_free(c->listener);
    loop_free(c->loop);
}

static bool join(struct crowd *c)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    memcpy(addr.sun_path, path, sizeof(path));
    if (fd < 0)
        return false;
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    c->clients[c->count++] = fd;
    return true;
}

/* Those that we closed without a word. */
static int turned_away(const struct crowd *c)
{
    int n = 0;
    char byte;

    for (int i = 0; i < c->count; i++)
        n += recv(c->clients[i], &byte, 1, MSG_DONTWAIT) == 0;
    return n;
}

static void leave(struct crowd *c)
{
    for (int i = 0; i < c->accepted; i++) {
        chan_abort(c->peers[i].chan);
        c->peers[i].chan = NULL;
    }
    while (c->count)
        close(c->clients[--c->count]);
    c->accepted = 0;
    loop_turn(c->loop, false);
}

static void test_a_crowd_is_turned_away_while_descriptors_are_left(void **state)
{
    struct crowd c;

    (void)state;
    open_crowd(&c);
    for (int round = 0; round < 3; round++) {
        while (c.count < 45)
            assert_true(join(&c));
        UNTIL(c.loop, c.accepted + turned_away(&c) == 45);
        assert_true(c.accepted > 10);
        assert_true(turned_away(&c) > 0);
        int fd = open("/dev/null", O_RDONLY); /* the rest of the program goes on */
        assert_true(fd >= 0);
        close(fd);
        leave(&c);
    }
    assert_true(join(&c));
    UNTIL(c.loop, c.accepted == 1);
    end_crowd(&c);
    set_soft(1024);
}

/* Nothing is left: no spinning, and it recovers. */
static void test_without_any_descriptor_it_neither_spins_nor_breaks(void **state)
{
    struct crowd c;
    int hoard[256], n = 0;

    (void)state;
    open_crowd(&c);
    assert_true(join(&c) && join(&c) && join(&c));
    while (n < 256 && (hoard[n] = dup(0)) >= 0)
        n++;
    assert_int_equal(errno, EMFILE);
    UNTIL(c.loop, turned_away(&c) == 3);
    assert_int_equal(c.accepted, 0);
    while (n)
        close(hoard[--n]);
    assert_true(join(&c));
    UNTIL(c.loop, c.accepted == 1);
    end_crowd(&c);
    set_soft(1024);
}

static void collect(void *ctx, int fd, struct str bytes)
{
    (void)fd;
    buf_append_str(ctx, bytes);
}

static void on_exited(void *ctx, int status, int signo)
{
    (void)ctx;
    (void)status;
    (void)signo;
}

static void test_the_limit_is_raised_for_us_and_not_for_children(void **state)
{
    struct loop *loop = test_loop();
    struct buf out = BUF_INIT;
    struct rlimit limit;
    struct err err;

    (void)state;
    set_soft(789);
    getrlimit(RLIMIT_NOFILE, &limit);
    assert_int_equal(proc_raise_descriptors(), limit.rlim_max);
    assert_int_equal(proc_raise_descriptors(), limit.rlim_max);
    assert_int_equal(proc_descriptor_limit(), limit.rlim_max);
    struct child *child = child_spawn(loop,
            &(struct child_spec){.argv = (const char *const[]){"sh", "-c", "ulimit -Sn", NULL},
                    .on_output = collect,
                    .on_exit = on_exited,
                    .ctx = &out},
            &err);
    assert_non_null(child);
    UNTIL(loop, buf_len(&out) >= 4);
    assert_true(str_eq(buf_str(&out), STR("789\n")));
    child_free(child);
    buf_release(&out);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_a_crowd_is_turned_away_while_descriptors_are_left),
            cmocka_unit_test(test_without_any_descriptor_it_neither_spins_nor_breaks),
            cmocka_unit_test(test_the_limit_is_raised_for_us_and_not_for_children),
    };

    return cmocka_run_group_tests(tests, make_path, NULL);
}
