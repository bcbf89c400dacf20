/*
 * test_dial.c - dialing: names, literals, private addresses, TLS, timeouts, canceling.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct tls_identity ca, leaf;
static char ca_file[64];

struct call {
    struct loop *loop;
    struct listener *listener;
    struct peer a, b;
    int done;
    struct err err;
    struct tls_server *server;
};

static int make_files(void **state)
{
    (void)state;
    ca = make_identity("test ca", false, NULL);
    leaf = make_identity("api.test", false, &ca);
    save_cert(ca_file, sizeof(ca_file), "dial", &ca);
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

static void accept_tls(void *ctx, struct chan *chan)
{
    struct call *c = ctx;

    peer_take(&c->b, chan);
    c->b.echo = true;
    if (c->server)
        chan_start_tls_server(chan, c->server, 10000);
}

static void on_done(void *ctx, struct chan *chan, const struct err *err)
{
    struct call *c = ctx;

    c->done++;
    if (err)
        c->err = *err;
    else
        peer_take(&c->a, chan);
}

static void open_call(struct call *c)
{
    memset(c, 0, sizeof(*c));
    c->loop = test_loop();
    c->listener = listen_tcp(c->loop, "127.0.0.1", 0, accept_tls, c, &c->err);
    assert_non_null(c->listener);
    c->err = (struct err){0};
}

static void end_call(struct call *c)
{
    chan_close(c->a.chan);
    chan_close(c->b.chan);
    listener_free(c->listener);
    tls_server_free(c->server);
    loop_free(c->loop);
}

static void dial(struct call *c, const struct dial_target *target, uint32_t ms)
{
    assert_non_null(dial_start(c->loop, target, ms, on_done, c));
    assert_int_equal(c->done, 0);
    UNTIL(c->loop, c->done);
    assert_int_equal(c->done, 1);
}

static void test_a_literal_and_a_name_are_reached_when_private_is_allowed(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost"};

    for (size_t i = 0; i < 2; i++) {
        struct call c;

        open_call(&c);
        dial(&c,
                &(struct dial_target){.host = hosts[i],
                        .port = listener_port(c.listener),
                        .allow_private = true},
                10000);
        assert_non_null(c.a.chan);
        chan_write_str(c.a.chan, STR("hi"));
        UNTIL(c.loop, c.a.got == 2);
        assert_memory_equal(chan_peer(c.a.chan), "127.0.0.1:", 10);
        end_call(&c);
    }
}

static void test_private_addresses_are_refused_however_they_are_written(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "0x7f000001", "2130706433",
            "127.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1",
            "fd00::1", "64:ff9b::7f00:1", "100.64.0.1", "0.0.0.0", "::", "224.0.0.1"};

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct call c;

        open_call(&c);
        dial(&c, &(struct dial_target){.host = hosts[i], .port = listener_port(c.listener)},
                10000);
        assert_null(c.a.chan);
        if (c.err.code != ERR_NOENT) /* AI_ADDRCONFIG without IPv6 */
            assert_int_equal(c.err.code, ERR_DENIED);
        assert_non_null(strstr(c.err.msg, hosts[i]));
        end_call(&c);
    }
}

static void test_tls_verifies_the_host_not_the_address(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct call c;
        struct tls_client *client = tls_client_new(ca_file, NULL);

        open_call(&c);
        c.server = tls_server_new(find, &c, NULL);
        dial(&c,
                &(struct dial_target){.host = i ? "wrong.test" : "api.test",
                        .address = "127.0.0.1",
                        .port = listener_port(c.listener),
                        .tls = client,
                        .allow_private = true},
                10000);
        if (i) {
            assert_null(c.a.chan);
            assert_int_equal(c.err.code, ERR_TLS);
            assert_non_null(strstr(c.err.msg, "wrong.test"));
            assert_non_null(strstr(c.err.msg, "mismatch"));
        } else {
            assert_string_equal(chan_alpn(c.a.chan), "http/1.1");
            chan_write_str(c.a.chan, STR("hi"));
            UNTIL(c.loop, c.a.got == 2);
        }
        end_call(&c);
        tls_client_free(client);
    }
}

static void test_h2_is_offered_where_the_target_says_so(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct call c;
        struct tls_client *client = tls_client_new(ca_file, NULL);

        open_call(&c);
        c.server = tls_server_new(find, &c, NULL);
        tls_server_set_h2(c.server, true);
        dial(&c,
                &(struct dial_target){.host = "api.test",
                        .address = "127.0.0.1",
                        .port = listener_port(c.listener),
                        .tls = client,
                        .h2 = i == 1,
                        .allow_private = true},
                10000);
        assert_string_equal(chan_alpn(c.a.chan), i ? "h2" : "http/1.1");
        end_call(&c);
        tls_client_free(client);
    }
}

static void test_a_closed_port_and_an_unknown_name_say_what_failed(void **state)
{
    (void)state;
    struct call c;

    open_call(&c);
    uint16_t port = listener_port(c.listener);
    listener_free(c.listener);
    c.listener = NULL;
    dial(&c, &(struct dial_target){.host = "localhost", .port = port, .allow_private = true},
            10000);
    assert_int_equal(c.err.code, ERR_IO);
    assert_non_null(strstr(c.err.msg, "connection refused"));
    assert_non_null(strstr(c.err.msg, "localhost"));
    end_call(&c);

    open_call(&c);
    dial(&c, &(struct dial_target){.host = "no-such-name.invalid", .port = 443}, 3000);
    assert_true(c.err.code < 0);
    assert_non_null(strstr(c.err.msg, "no-such-name.invalid"));
    end_call(&c);
}

static void test_a_silent_server_is_given_up_in_time(void **state)
{
    (void)state;
    struct call c;
    struct tls_client *client = tls_client_new(ca_file, NULL);

    open_call(&c); /* accepts, but never answers the handshake */
    c.b.echo = false;
    uint64_t start = clock_ns();
    assert_non_null(dial_start(c.loop,
            &(struct dial_target){.host = "api.test",
                    .address = "127.0.0.1",
                    .port = listener_port(c.listener),
                    .tls = client,
                    .allow_private = true},
            50, on_done, &c));
    UNTIL(c.loop, c.b.chan);
    c.b.echo = false;
    UNTIL(c.loop, c.done);
    assert_int_equal(c.err.code, ERR_TIMEOUT);
    assert_true(clock_ns() - start < 5000000000ull);
    end_call(&c);
    tls_client_free(client);
}

static void test_a_canceled_dial_is_silent_at_every_stage(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "localhost"};

    for (int turns = 0; turns < 4; turns++) {
        for (size_t i = 0; i < 2; i++) {
            struct call c;

            open_call(&c);
            struct dial *d = dial_start(c.loop,
                    &(struct dial_target){.host = hosts[i],
                            .port = listener_port(c.listener),
                            .allow_private = true},
                    10000, on_done, &c);
            for (int k = 0; k < turns && !c.done; k++)
                loop_turn(c.loop, false);
            bool was_done = c.done;
            if (!was_done)
                dial_cancel(d);
            for (int k = 0; k < 5; k++)
                loop_turn(c.loop, false);
            assert_int_equal(c.done, was_done);
            end_call(&c);
        }
    }
    dial_cancel(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_a_literal_and_a_name_are_reached_when_private_is_allowed),
            cmocka_unit_test(test_private_addresses_are_refused_however_they_are_written),
            cmocka_unit_test(test_tls_verifies_the_host_not_the_address),
            cmocka_unit_test(test_h2_is_offered_where_the_target_says_so),
            cmocka_unit_test(test_a_closed_port_and_an_unknown_name_say_what_failed),
            cmocka_unit_test(test_a_silent_server_is_given_up_in_time),
            cmocka_unit_test(test_a_canceled_dial_is_silent_at_every_stage),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
