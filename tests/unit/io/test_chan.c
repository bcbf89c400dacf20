/*
 * test_chan.c - plain channels and listeners over real sockets.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/limits.h"

struct pair {
    struct loop *loop;
    struct peer a, b; /* a dialed, b accepted */
};

static char dir[64];
static char path[72];

static int make_dir(void **state)
{
    (void)state;
    test_tmpdir(dir, sizeof(dir), "chan");
    snprintf(path, sizeof(path), "%s/s", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void unix_pair(struct pair *p)
{
    struct err err;

    p->loop = test_loop();
    struct listener *l = listen_unix(p->loop, path, 0600, peer_accept, &p->b, &err);
    assert_non_null(l);
    p->a.chan = chan_connect_unix(p->loop, path, &peer_ops, &p->a, &err);
    assert_non_null(p->a.chan);
    UNTIL(p->loop, p->a.opened && p->b.chan);
    listener_free(l);
    assert_int_equal(p->b.opened, 0);
}

static void adopt(struct pair *p, int fd, struct peer *to)
{
    struct err err;

    to->chan = chan_adopt_fd(p->loop, fd, &peer_ops, to, &err);
    assert_non_null(to->chan);
}

static void tcp_pair(struct pair *p)
{
    struct err err;
    struct sockaddr_in addr = {.sin_family = AF_INET};

    p->loop = test_loop();
    struct listener *l = listen_tcp(p->loop, "127.0.0.1", 0, peer_accept, &p->b, &err);
    assert_non_null(l);
    addr.sin_port = htons(listener_port(l));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    adopt(p, fd, &p->a);
    UNTIL(p->loop, p->b.chan);
    listener_free(l);
}

static void end_pair(struct pair *p)
{
    chan_close(p->a.chan);
    chan_close(p->b.chan);
    loop_free(p->loop);
}

static void test_bytes_go_both_ways_and_the_peer_has_a_name(void **state)
{
    (void)state;
    struct pair p = {0};

    tcp_pair(&p);
    p.b.echo = true;
    chan_write_str(p.a.chan, STR("hello"));
    buf_puts(chan_out(p.a.chan), " world");
    chan_flush_soon(p.a.chan);
    UNTIL(p.loop, p.a.got == 11);
    assert_string_equal(p.a.last, "hello world");
    assert_int_equal(p.b.data, 1); /* one write */
    assert_memory_equal(chan_peer(p.b.chan), "127.0.0.1:", 10);
    assert_string_equal(chan_alpn(p.b.chan), "");
    end_pair(&p);
}

static void test_what_is_written_before_the_connection_is_there_arrives(void **state)
{
    (void)state;
    struct pair p = {.loop = test_loop()};
    struct err err;
    struct listener *l = listen_unix(p.loop, path, 0600, peer_accept, &p.b, &err);

    struct chan *chan = chan_connect_unix(p.loop, path, &peer_ops, &p.a, &err);
    chan_write_str(chan, STR("early"));
    chan_close(chan);
    UNTIL(p.loop, p.b.ended);
    assert_string_equal(p.b.last, "early");
    assert_int_equal(p.a.opened, 0);
    chan_close(p.b.chan);
    listener_free(l);
    loop_free(p.loop);
}

static void test_a_half_close_lets_the_other_direction_live(void **state)
{
    (void)state;
    struct pair p = {0};

    unix_pair(&p);
    chan_write_str(p.a.chan, STR("question"));
    chan_shutdown(p.a.chan);
    UNTIL(p.loop, p.b.ended);
    assert_string_equal(p.b.last, "question");
    chan_write_str(p.b.chan, STR("answer"));
    UNTIL(p.loop, p.a.got == 6);
    assert_int_equal(p.a.ended, 0);
    chan_close(p.b.chan);
    p.b.chan = NULL;
    UNTIL(p.loop, p.a.ended);
    end_pair(&p);
    assert_int_equal(p.a.failed + p.b.failed, 0);
}

static void test_abort_is_seen_as_a_failure_and_close_as_an_end(void **state)
{
    (void)state;
    struct pair p = {0};

    tcp_pair(&p);
    chan_write_str(p.a.chan, STR("half an answer"));
    UNTIL(p.loop, p.b.got);
    chan_abort(p.a.chan);
    p.a.chan = NULL;
    UNTIL(p.loop, p.b.failed || p.b.ended);
    assert_int_equal(p.b.failed, 1);
    assert_int_equal(p.b.ended, 0);
    end_pair(&p);

    p = (struct pair){0};
    tcp_pair(&p);
    chan_write_str(p.a.chan, STR("an answer"));
    chan_close(p.a.chan);
    p.a.chan = NULL;
    UNTIL(p.loop, p.b.failed || p.b.ended);
    assert_int_equal(p.b.ended, 1);
    assert_int_equal(p.b.got, 9);
    end_pair(&p);
}

static void test_close_while_the_peer_sends_does_not_destroy_the_answer(void **state)
{
    (void)state;
    struct pair p = {0};
    static char big[600 * 1024];

    tcp_pair(&p);
    p.b.keep = true;
    p.a.keep = false;
    chan_pause(p.b.chan);
    chan_write(p.a.chan, big, sizeof(big));
    for (int i = 0; i < 5; i++)
        loop_turn(p.loop, false);
    chan_write_str(p.b.chan, STR("413 too large"));
    chan_close(p.b.chan);
    p.b.chan = NULL;
    UNTIL(p.loop, p.a.ended || p.a.failed);
    assert_int_equal(p.a.failed, 0);
    assert_string_equal(p.a.last, "413 too large");
    end_pair(&p);
}

/* It sends only when we have closed: the reset that this would cause can destroy what it has
 * not read. */
static void test_lingering_bears_a_peer_that_goes_on_sending(void **state)
{
    (void)state;
    struct pair p = {0};
    static char big[600 * 1024];

    tcp_pair(&p);
    chan_write_str(p.b.chan, STR("413 too large"));
    chan_linger(p.b.chan);
    p.b.chan = NULL;
    UNTIL(p.loop, p.a.ended);
    for (int i = 0; i < 5; i++) {
        chan_write(p.a.chan, big, sizeof(big));
        UNTIL(p.loop, chan_unsent(p.a.chan) == 0);
    }
    assert_int_equal(p.a.failed, 0);
    assert_string_equal(p.a.last, "413 too large");
    end_pair(&p);
}

static void test_a_break_comes_after_what_was_written(void **state)
{
    (void)state;
    struct pair p = {0};
    static char big[60 * 1024];

    tcp_pair(&p);
    chan_write(p.a.chan, big, sizeof(big));
    chan_break(p.a.chan);
    p.a.chan = NULL;
    UNTIL(p.loop, p.b.failed || p.b.ended);
    assert_int_equal(p.b.failed, 1);
    assert_int_equal(p.b.got, sizeof(big));
    end_pair(&p);
}

static void test_an_owner_may_close_or_abort_from_its_callback(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct pair p = {0};

        tcp_pair(&p);
        p.b.close_on_data = i == 0;
        p.b.abort_on_data = i == 1;
        p.b.close_at_end = i == 2;
        chan_write_str(p.a.chan, STR("x"));
        if (i == 2)
            chan_shutdown(p.a.chan);
        UNTIL(p.loop, !p.b.chan && (p.a.ended || p.a.failed));
        end_pair(&p);
    }
}

static void test_a_slow_reader_keeps_memory_bounded_and_nothing_is_lost(void **state)
{
    (void)state;
    struct pair p = {0};
    char block[8192];
    const size_t total = 20 * 1024 * 1024;
    uint64_t sum = 0;
    size_t sent = 0;
    int drains = 0;

    unix_pair(&p);
    p.b.keep = true;
    while (sent < total || p.b.got < total) {
        while (sent < total && !chan_full(p.a.chan)) {
            for (size_t i = 0; i < sizeof(block); i++)
                block[i] = (char)(sent / sizeof(block) + i);
            sum_bytes(&sum, &sent, (struct str){block, sizeof(block)});
            chan_write(p.a.chan, block, sizeof(block));
        }
        /* The reader takes 100 kB now and then. */
        struct str s = buf_str(chan_in(p.b.chan));
        assert_true(s.n <= LIMIT_CHAN_HIGH + 64 * 1024);
        assert_true(chan_unsent(p.a.chan) <= LIMIT_CHAN_HIGH + sizeof(block));
        s.n = s.n > 100000 ? 100000 : s.n;
        sum_bytes(&p.b.sum, &p.b.got, s);
        buf_consume(chan_in(p.b.chan), s.n);
        chan_resume(p.b.chan);
        loop_turn(p.loop, false);
        drains = p.a.drained;
    }
    assert_true(p.b.sum == sum);
    assert_true(drains > 3);
    end_pair(&p);
}

static void test_pause_holds_data_and_resume_brings_what_is_left(void **state)
{
    (void)state;
    struct pair p = {0};

    unix_pair(&p);
    chan_pause(p.b.chan);
    chan_write_str(p.a.chan, STR("abc"));
    chan_shutdown(p.a.chan);
    for (int i = 0; i < 20; i++)
        loop_turn(p.loop, false);
    assert_int_equal(p.b.data + p.b.ended, 0);
    p.b.keep = true;
    chan_resume(p.b.chan);
    UNTIL(p.loop, p.b.data == 1);
    p.b.keep = false;
    chan_resume(p.b.chan);
    UNTIL(p.loop, p.b.ended);
    assert_int_equal(p.b.got, 3);
    end_pair(&p);
}

static void test_a_new_owner_hears_of_bytes_that_are_there_already(void **state)
{
    (void)state;
    struct pair p = {0};
    struct peer second = {0};

    unix_pair(&p);
    p.b.keep = true;
    chan_write_str(p.a.chan, STR("pipelined"));
    UNTIL(p.loop, p.b.data);
    peer_take(&second, p.b.chan);
    UNTIL(p.loop, second.got == 9);
    p.b.chan = NULL;
    chan_close(second.chan);
    end_pair(&p);
}

static void test_an_answer_sent_before_the_peer_left_is_delivered_before_the_failure(
        void **state)
{
    (void)state;
    struct pair p = {0};
    static char big[400 * 1024];

    unix_pair(&p);
    chan_pause(p.b.chan);
    chan_write_str(p.b.chan, STR("no, thanks"));
    UNTIL(p.loop, chan_unsent(p.b.chan) == 0);
    chan_pause(p.a.chan);
    chan_abort(p.b.chan);
    p.b.chan = NULL;
    loop_turn(p.loop, false);
    chan_write(p.a.chan, big, sizeof(big));
    loop_turn(p.loop, false);
    chan_resume(p.a.chan);
    UNTIL(p.loop, p.a.failed);
    assert_string_equal(p.a.last, "no, thanks");
    assert_int_equal(p.a.ended, 0);
    end_pair(&p);
}

static void test_a_refused_connection_fails_with_the_path(void **state)
{
    (void)state;
    struct loop *loop = test_loop();
    struct peer a = {0};
    struct err err;

    a.chan = chan_connect_unix(loop, path, &peer_ops, &a, &err);
    assert_non_null(a.chan);
    UNTIL(loop, a.failed);
    assert_int_equal(a.why, ERR_NOENT);
    assert_int_equal(a.opened, 0);
    chan_close(a.chan);
    loop_free(loop);
}

static void test_a_descriptor_that_is_no_socket_is_refused(void **state)
{
    (void)state;
    struct loop *loop = test_loop();
    struct err err;
    int fd = open("/dev/null", O_RDONLY);

    assert_null(chan_adopt_fd(loop, fd, &peer_ops, NULL, &err));
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(close(fd), 0); /* still ours */
    loop_free(loop);
}

/* --- listening --------------------------------------------------------------------- */

static void test_a_path_that_does_not_fit_is_refused_with_the_limit(void **state)
{
    (void)state;
    struct loop *loop = test_loop();
    struct err err;
    char longer[200];

    memset(longer, 'x', sizeof(longer));
    longer[LIMIT_SUN_PATH + 1] = '\0';
    assert_null(listen_unix(loop, longer, 0600, peer_accept, NULL, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.msg, "107"));
    assert_null(chan_connect_unix(loop, longer, &peer_ops, NULL, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    loop_free(loop);
}

static void test_a_stale_socket_is_replaced_a_live_one_and_a_file_are_not(void **state)
{
    (void)state;
    struct loop *loop = test_loop();
    struct peer b = {0};
    struct err err;
    struct stat st;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    close(fd);

    struct listener *l = listen_unix(loop, path, 0600, peer_accept, &b, &err);
    assert_non_null(l);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_null(listen_unix(loop, path, 0600, peer_accept, &b, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    listener_free(l);
    assert_int_equal(stat(path, &st), -1);

    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_null(listen_unix(loop, path, 0600, peer_accept, &b, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(stat(path, &st), 0);
    unlink(path);
    loop_free(loop);
    if (b.chan)
        fail();
}

static void test_the_socket_file_of_a_successor_is_left_alone(void **state)
{
    (void)state;
    struct loop *loop = test_loop();
    struct err err;
    struct stat st;
    struct listener *old = listen_unix(loop, path, 0600, peer_accept, NULL, &err);

    unlink(path);
    struct listener *new = listen_unix(loop, path, 0666, peer_accept, NULL, &err);
    assert_non_null(new);
    listener_free(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666);
    listener_free(new);
    loop_free(loop);
}

static void test_a_port_in_use_is_a_conflict_that_names_it(void **state)
{
    (void)state;
    struct loop *loop = test_loop();
    struct err err;
    char port[8];
    struct listener *l = listen_tcp(loop, "127.0.0.1", 0, peer_accept, NULL, &err);

    assert_non_null(l);
    assert_null(listen_tcp(loop, "127.0.0.1", listener_port(l), peer_accept, NULL, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    snprintf(port, sizeof(port), "%u", listener_port(l));
    assert_non_null(strstr(err.msg, port));
    assert_null(listen_tcp(loop, "no address", 0, peer_accept, NULL, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    listener_free(l);
    loop_free(loop);
}

static void test_two_hundred_connections_leave_no_descriptor(void **state)
{
    (void)state;
    int before = count_fds();
    struct loop *loop = test_loop();
    struct err err;
    struct peer b = {.echo = true};
    struct listener *l = listen_unix(loop, path, 0600, peer_accept, &b, &err);

    for (int i = 0; i < 200; i++) {
        struct peer a = {0};

        b.got = 0;
        a.chan = chan_connect_unix(loop, path, &peer_ops, &a, &err);
        chan_write_str(a.chan, STR("ping"));
        UNTIL(loop, i % 3 ? a.got == 4 : b.got == 4);
        (i % 2 ? chan_abort : chan_close)(a.chan);
        (i % 5 ? chan_close : chan_abort)(b.chan);
    }
    listener_free(l);
    loop_free(loop);
    assert_int_equal(count_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_bytes_go_both_ways_and_the_peer_has_a_name),
            cmocka_unit_test(test_what_is_written_before_the_connection_is_there_arrives),
            cmocka_unit_test(test_a_half_close_lets_the_other_direction_live),
            cmocka_unit_test(test_abort_is_seen_as_a_failure_and_close_as_an_end),
            cmocka_unit_test(test_close_while_the_peer_sends_does_not_destroy_the_answer),
            cmocka_unit_test(test_lingering_bears_a_peer_that_goes_on_sending),
            cmocka_unit_test(test_a_break_comes_after_what_was_written),
            cmocka_unit_test(test_an_owner_may_close_or_abort_from_its_callback),
            cmocka_unit_test(test_a_slow_reader_keeps_memory_bounded_and_nothing_is_lost),
            cmocka_unit_test(test_pause_holds_data_and_resume_brings_what_is_left),
            cmocka_unit_test(test_a_new_owner_hears_of_bytes_that_are_there_already),
            cmocka_unit_test(
                    test_an_answer_sent_before_the_peer_left_is_delivered_before_the_failure),
            cmocka_unit_test(test_a_refused_connection_fails_with_the_path),
            cmocka_unit_test(test_a_descriptor_that_is_no_socket_is_refused),
            cmocka_unit_test(test_a_path_that_does_not_fit_is_refused_with_the_limit),
            cmocka_unit_test(test_a_stale_socket_is_replaced_a_live_one_and_a_file_are_not),
            cmocka_unit_test(test_the_socket_file_of_a_successor_is_left_alone),
            cmocka_unit_test(test_a_port_in_use_is_a_conflict_that_names_it),
            cmocka_unit_test(test_two_hundred_connections_leave_no_descriptor),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
