/*
 * test_tls_cut.c - TLS records that the network cuts and joins at will, as it may.
 */
#include "peer.h"

#include <fcntl.h>
#include <sys/socket.h>

static struct tls_identity ca, leaf;
static char ca_file[64];

/* client --wire[0]-- the test carries the bytes --wire[1]-- server */
struct cut {
    struct loop *loop;
    struct tls_server *server;
    struct tls_client *client;
    struct peer a, b; /* client, server */
    int wire[2];
};

static int make_files(void **state)
{
    (void)state;
    ca = make_identity("test ca", false, NULL);
    leaf = make_identity("api.test", false, &ca);
    save_cert(ca_file, sizeof(ca_file), "cut", &ca);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    drop_identity(&ca);
    drop_identity(&leaf);
    unlink(ca_file);
    return 0;
}

static const struct tls_identity *find(void *ctx, void *conn_ctx, const char *sni)
{
    (void)ctx;
    (void)conn_ctx;
    (void)sni;
    return &leaf;
}

/* Returns the end that the test keeps. */
static int attach(struct loop *loop, struct peer *peer)
{
    int fds[2];
    struct err err;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    peer->chan = chan_adopt_fd(loop, fds[0], &peer_ops, peer, &err);
    assert_non_null(peer->chan);
    return fds[1];
}

/* One read of at most `step` bytes becomes one write. */
static void carry(int from, int to, size_t step)
{
    char piece[65536];
    ssize_t n = read(from, piece, step);

    if (n > 0)
        assert_int_equal(write(to, piece, (size_t)n), n);
}

static void turn(struct cut *c, size_t step)
{
    carry(c->wire[0], c->wire[1], step);
    loop_turn(c->loop, false);
    carry(c->wire[1], c->wire[0], step);
    loop_turn(c->loop, false);
}

static void begin(struct cut *c, size_t step)
{
    struct err err;

    memset(c, 0, sizeof(*c));
    c->loop = test_loop();
    c->server = tls_server_new(find, NULL, &err);
    c->client = tls_client_new(ca_file, &err);
    assert_true(c->server && c->client);
    c->wire[0] = attach(c->loop, &c->a);
    c->wire[1] = attach(c->loop, &c->b);
    chan_start_tls_server(c->b.chan, c->server, 10000);
    chan_start_tls_client(c->a.chan, c->client, "api.test", 10000);
    while (!c->a.opened || !c->b.opened) {
        turn(c, step);
        assert_int_equal(c->a.failed + c->b.failed, 0);
    }
}

static void end(struct cut *c)
{
    chan_abort(c->a.chan);
    chan_abort(c->b.chan);
    close(c->wire[0]);
    close(c->wire[1]);
    tls_server_free(c->server);
    tls_client_free(c->client);
    loop_free(c->loop);
}

/* Records of these lengths, then all of them at once. */
static void send_all(struct cut *c, const char *text, const size_t *lengths, size_t count,
        uint64_t *sum, size_t *at)
{
    for (size_t i = 0; i < 2 * count; i++) {
        struct str s = {text, lengths[i % count]};

        chan_write_str(c->a.chan, s);
        sum_bytes(sum, at, s);
        if (i < count)
            loop_turn(c->loop, false);
    }
}

static void test_records_cut_anywhere_arrive_whole(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 4, 5, 6, 21, 22, 23, 100, 1000, 16383, 16406, 65536};
    static const size_t lengths[] = {1, 2, 150, 40, 3000, 1, 16384, 700, 40000, 5};
    static char text[40000];

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 7 + i / 251);
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        struct cut c;
        uint64_t sum = 0;
        size_t at = 0, count = steps[i] < 100 ? 6 : 10;

        begin(&c, steps[i] < 100 ? 100 : steps[i]);
        send_all(&c, text, lengths, count, &sum, &at);
        while (c.b.got < at) {
            turn(&c, steps[i]);
            assert_int_equal(c.a.failed + c.b.failed, 0);
        }
        assert_int_equal(c.b.got, at);
        assert_true(c.b.sum == sum);
        end(&c);
    }
}

static void test_a_record_is_told_when_its_last_byte_is_there(void **state)
{
    (void)state;
    struct cut c;

    begin(&c, 65536);
    chan_write_str(c.a.chan, STR("event"));
    loop_turn(c.loop, false);
    for (int i = 0; i < 5 + 5 + 1 + 16; i++) { /* head, text, type and tag (RFC 8446, 5.2) */
        assert_int_equal(c.b.got, 0);
        carry(c.wire[0], c.wire[1], 1);
        loop_turn(c.loop, false);
    }
    assert_int_equal(c.b.got, 5);
    assert_int_equal(read(c.wire[0], c.b.last, 1), -1); /* nothing else was sent */
    end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_records_cut_anywhere_arrive_whole),
            cmocka_unit_test(test_a_record_is_told_when_its_last_byte_is_there),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
