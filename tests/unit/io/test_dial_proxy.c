/*
 * test_dial_proxy.c - dialing through a proxy that the test plays: what it is asked, what of
 * its answers is believed, and which hosts go around it.
 */
#include "peer.h"

static struct tls_identity ca, leaf, proxy_leaf;
static char ca_file[64];

struct world {
    struct loop *loop;
    struct listener *listener;
    struct dial_proxy *proxy;
    struct tls_server *origin_tls, *proxy_tls; /* NULL: plain */
    struct tls_client *tls;
    struct peer us, them; /* our end, and the origin at the end of the tunnel */
    struct chan *asked;   /* the proxy before it answered */
    struct chan *taken;   /* borrows; the connection to the proxy */
    char request[1024];
    const char *answer;
    bool drop;    /* closes without an answer */
    bool hang_up; /* closes at the first bytes after it */
    int done;
    struct err err;
};

static int make_files(void **state)
{
    (void)state;
    ca = make_identity("test ca", false, NULL);
    leaf = make_identity("api.test", false, &ca);
    proxy_leaf = make_identity("127.0.0.1", true, &ca);
    save_cert(ca_file, sizeof(ca_file), "dialproxy", &ca);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    drop_identity(&ca);
    drop_identity(&leaf);
    drop_identity(&proxy_leaf);
    unlink(ca_file);
    return 0;
}

static const struct tls_identity *find(void *ctx, void *conn_ctx, const char *sni)
{
    (void)conn_ctx;
    (void)sni;
    return ctx;
}

/* --- the proxy ---------------------------------------------------------------------- */

static void become_origin(struct world *w, struct chan *chan)
{
    peer_take(&w->them, chan);
    w->them.echo = !w->hang_up;
    w->them.close_on_data = w->hang_up;
    if (w->origin_tls && !w->hang_up)
        chan_start_tls_server(chan, w->origin_tls, 10000);
}

static void on_asked(void *ctx)
{
    struct world *w = ctx;
    struct buf *in = chan_in(w->asked);
    struct str s = buf_str(in);
    struct chan *chan = w->asked;

    if (!memmem(s.p, s.n, "\r\n\r\n", 4))
        return;
    assert_true(str_copy(w->request, sizeof(w->request), s));
    buf_clear(in);
    if (w->drop) {
        w->asked = NULL;
        chan_close(chan);
        return;
    }
    chan_write_str(chan, str_of(w->answer));
    w->asked = NULL;
    become_origin(w, chan);
}

static void on_gone(void *ctx)
{
    (void)ctx;
}

static void on_broken(void *ctx, const struct err *err)
{
    (void)ctx;
    (void)err;
}

static const struct chan_ops proxy_ops = {
        .on_data = on_asked, .on_end = on_gone, .on_fail = on_broken};

static void on_accept(void *ctx, struct chan *chan)
{
    struct world *w = ctx;

    w->asked = w->taken = chan;
    chan_set_ops(chan, &proxy_ops, w);
    if (w->proxy_tls)
        chan_start_tls_server(chan, w->proxy_tls, 10000);
}

/* --- the world ---------------------------------------------------------------------- */

static void new_world(struct world *w, const char *scheme, const char *user, bool tls)
{
    char url[128];

    memset(w, 0, sizeof(*w));
    w->loop = test_loop();
    w->listener = listen_tcp(w->loop, "127.0.0.1", 0, on_accept, w, &w->err);
    assert_non_null(w->listener);
    w->tls = tls ? tls_client_new(ca_file, NULL) : NULL;
    w->origin_tls = tls ? tls_server_new(find, &leaf, NULL) : NULL;
    if (strcmp(scheme, "https") == 0)
        w->proxy_tls = tls_server_new(find, &proxy_leaf, NULL);
    snprintf(url, sizeof(url), "%s://%s127.0.0.1:%u", scheme, user, listener_port(w->listener));
    w->proxy = dial_proxy_new(url, NULL, ca_file, &w->err);
    assert_non_null(w->proxy);
    w->err = (struct err){0};
    w->answer = "HTTP/1.1 200 Connection established\r\n\r\n";
}

static void end_world(struct world *w)
{
    chan_close(w->us.chan);
    chan_close(w->them.chan);
    chan_close(w->asked);
    listener_free(w->listener);
    tls_server_free(w->origin_tls);
    tls_server_free(w->proxy_tls);
    tls_client_free(w->tls);
    dial_proxy_free(w->proxy);
    loop_free(w->loop);
}

static void on_done(void *ctx, struct chan *chan, const struct err *err)
{
    struct world *w = ctx;

    w->done++;
    if (err)
        w->err = *err;
    else
        peer_take(&w->us, chan);
}

static void call(struct world *w, const char *host)
{
    struct dial_target target = {.host = host, .port = 443, .tls = w->tls, .via = w->proxy};

    dial_start(w->loop, &target, 10000, on_done, w);
    UNTIL(w->loop, w->done);
    assert_int_equal(w->done, 1);
}

static void ping(struct world *w)
{
    assert_non_null(w->us.chan);
    chan_write_str(w->us.chan, STR("ping"));
    UNTIL(w->loop, w->us.got == 4);
    assert_string_equal(w->us.last, "ping");
}

/* --- tests -------------------------------------------------------------------------- */

static void test_tls_runs_through_the_tunnel_and_the_proxy_sees_the_name_only(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, "http", "", true);
    call(&w, "api.test"); /* a name that nobody here could resolve */
    ping(&w);
    assert_string_equal(
            w.request, "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n");
    assert_string_equal(chan_alpn(w.us.chan), "http/1.1");
    end_world(&w);
}

static void test_user_and_password_are_sent_decoded(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, "http", "us%65r:p%40ss:w%3ard@", false);
    call(&w, "api.test");
    ping(&w); /* base64 of "user:p@ss:w:rd" */
    assert_non_null(
            strstr(w.request, "\r\nProxy-Authorization: Basic dXNlcjpwQHNzOnc6cmQ=\r\n"));
    end_world(&w);
}

static void test_an_https_proxy_carries_tls_within_tls(void **state)
{
    struct world w;
    char block[10000];

    (void)state;
    memset(block, 'x', sizeof(block));
    new_world(&w, "https", "", true);
    call(&w, "api.test");
    ping(&w);
    for (int i = 0; i < 200; i++) /* more than all buffers hold, and back */
        chan_write(w.us.chan, block, sizeof(block));
    UNTIL(w.loop, w.us.got == 4 + 200 * sizeof(block));
    chan_close(w.us.chan);
    w.us.chan = NULL;
    UNTIL(w.loop, w.them.ended);
    end_world(&w);

    new_world(&w, "https", "", false);
    call(&w, "api.test");
    ping(&w);
    end_world(&w);
}

static void test_a_tunnel_cut_within_tls_is_no_clean_end(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, "https", "", true);
    call(&w, "api.test");
    ping(&w);
    chan_abort(w.them.chan);
    w.them.chan = NULL;
    UNTIL(w.loop, w.us.failed || w.us.ended);
    assert_int_equal(w.us.failed, 1);
    end_world(&w);
}

static void test_a_proxy_that_hangs_up_in_the_middle_is_named_as_the_reason(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, "https", "", true);
    w.hang_up = true;
    call(&w, "api.test");
    assert_int_equal(w.err.code, ERR_TLS);
    assert_non_null(strstr(w.err.msg, "closed the connection during the TLS handshake"));
    end_world(&w);
}

static void test_what_is_closed_towards_a_proxy_that_hangs_is_gone(void **state)
{
    static void (*const ends[])(struct chan * chan) = {chan_close, chan_abort, chan_abort};
    char block[10000] = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct world w;

        new_world(&w, "https", "", true);
        int before = count_fds();
        call(&w, "api.test");
        ping(&w);
        int ours = (count_fds() - before) / 2; /* the other half is the test's proxy */
        chan_pause(w.taken);
        for (int k = 0; i == 2 && k < 2000; k++) /* more than all buffers hold */
            chan_write(w.us.chan, block, sizeof(block));
        for (int k = 0; k < 10; k++)
            loop_turn(w.loop, false);
        ends[i](w.us.chan);
        w.us.chan = NULL;
        UNTIL(w.loop, count_fds() == before + ours);
        end_world(&w);
    }
}

static void test_answers_other_than_success_say_what_is_wrong(void **state)
{
    static const struct {
        const char *answer, *user, *message;
        enum err_code code;
    } cases[] = {
            {"HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\n", "",
                    "it wants a user name and a password (407)", ERR_CREDENTIAL},
            {"HTTP/1.1 407 x\r\n\r\n", "me:secret@", "does not accept the user name",
                    ERR_CREDENTIAL},
            {"HTTP/1.1 403 Not\033 here\r\n\r\n", "", "not correct HTTP", ERR_PROTO},
            {"HTTP/1.0 403 Not here\r\n\r\n<html>", "", "it answered 403 Not here", ERR_DENIED},
            {"HTTP/1.1 502 Bad Gateway\r\n\r\n", "", "it answered 502 Bad Gateway", ERR_IO},
            {"HTTP/1.1 100 Continue\r\n\r\n", "", "it answered 100", ERR_IO},
            {"HTTP/1.1 200 OK\r\n\r\nhello", "", "bytes that nobody asked for", ERR_PROTO},
            {"SSH-2.0-OpenSSH\r\n\r\n", "", "not an HTTP proxy", ERR_PROTO},
            {"HTTP/2 200\r\n\r\n", "", "not an HTTP proxy", ERR_PROTO},
            {"HTTP/1.1 2000\r\n\r\n", "", "not correct HTTP", ERR_PROTO},
            {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "", "not correct HTTP", ERR_PROTO},
            {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", "", "not correct HTTP", ERR_PROTO},
            {"HTTP/1.1 200 OK\nA: b\r\n\r\n", "", "not correct HTTP", ERR_PROTO},
            {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "", "not correct HTTP", ERR_PROTO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w;

        new_world(&w, "http", cases[i].user, true);
        w.answer = cases[i].answer;
        call(&w, "api.test");
        assert_null(w.us.chan);
        if (!strstr(w.err.msg, cases[i].message) || w.err.code != cases[i].code)
            fail_msg("%s: '%s'", cases[i].message, w.err.msg);
        assert_non_null(strstr(w.err.msg, "cannot reach 'api.test:443': through the proxy"));
        assert_null(strstr(w.err.msg, "secret"));
        end_world(&w);
    }
}

static void test_endless_and_missing_answers_end_the_dial(void **state)
{
    struct world w;
    char endless[20000] = "HTTP/1.1 200 OK\r\nA: ";

    (void)state;
    memset(endless + 20, 'x', sizeof(endless) - 21);
    new_world(&w, "http", "", true);
    w.answer = endless;
    call(&w, "api.test");
    assert_int_equal(w.err.code, ERR_LIMIT);
    end_world(&w);

    new_world(&w, "http", "", true);
    w.drop = true;
    call(&w, "api.test");
    assert_non_null(strstr(w.err.msg, "without an answer"));
    end_world(&w);
}

static void test_bytes_behind_the_answer_belong_to_a_plain_tunnel(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, "http", "", false);
    w.answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nSSH-2.0-x";
    call(&w, "api.test");
    UNTIL(w.loop, w.us.got == 9);
    assert_string_equal(w.us.last, "SSH-2.0-x");
    end_world(&w);
}

static void test_the_proxy_is_not_asked_for_private_names_and_addresses(void **state)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "10.0.0.1", "::1",
            "169.254.169.254", "metadata.google.internal", "a\r\nb.test", "db", "127.1",
            "::ffff:127.0.0.1", "127.0.0.1.", "169.254.169.254..", "metadata.google.internal..",
            ".localhost"};

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct world w;

        new_world(&w, "http", "", true);
        call(&w, hosts[i]);
        assert_int_equal(w.err.code, ERR_DENIED);
        assert_string_equal(w.request, "");
        end_world(&w);
    }
}

static void test_a_literal_of_ipv6_is_asked_for_in_brackets(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, "http", "", false);
    call(&w, "2606:4700::1111");
    ping(&w);
    assert_memory_equal(w.request, "CONNECT [2606:4700::1111]:443 HTTP/1.1\r\n", 40);
    end_world(&w);
}

static void test_exceptions_are_read_as_curl_reads_them(void **state)
{
    static const struct {
        const char *list, *host;
        bool wanted;
    } cases[] = {
            {"", "a.test", true},
            {"", "localhost", false}, /* the proxy has another one */
            {"", "127.1.2.3", false},
            {"", "::1", false},
            {"*", "a.test", false},
            {" * ", "a.test", false},
            {"*.test", "a.test", true}, /* no wildcards */
            {"a.test", "a.test", false},
            {"a.test", "A.TEST", false},
            {"A.test.", "a.test", false},
            {"a.test", "a.test.", false},
            {".a.test", "a.test", false},
            {".a.test", "b.a.test", false},
            {"a.test", "b.a.test", false},
            {"a.test", "ba.test", true},
            {"x.test, b.test,a.test", "a.test", false},
            {"x.test a.test", "a.test", false},
            {"test", "a.test", false},
            {",, ,", "a.test", true},
            {".", "a.test", true},
            {"10.0.0.0/8", "10.1.2.3", false},
            {"10.0.0.0/8", "11.1.2.3", true},
            {"10.0.0.0/33", "10.0.0.0", true},
            {"10.0.0.1", "10.0.0.1", false},
            {"0.0.1", "10.0.0.1", true},
            {"fd00::/8", "fd12::1", false},
            {"[fd12::1]", "fd12::1", false},
            {"fd00::/8", "10.0.0.1", true},
            {"10.0.0.0/8", "a.10.test", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct dial_proxy *p = dial_proxy_new("h:1", cases[i].list, NULL, NULL);

        if (dial_proxy_wanted(p, cases[i].host) != cases[i].wanted)
            fail_msg("'%s' and '%s'", cases[i].list, cases[i].host);
        dial_proxy_free(p);
    }
}

static void test_exceptions_and_fixed_addresses_go_around_the_proxy(void **state)
{
    struct world w;

    (void)state;
    new_world(&w, "http", "", false);
    w.drop = true;
    struct dial_target target = {.host = "api.test",
            .address = "127.0.0.1",
            .port = listener_port(w.listener),
            .allow_private = true,
            .via = w.proxy};
    dial_start(w.loop, &target, 10000, on_done, &w);
    UNTIL(w.loop, w.done);
    assert_non_null(w.us.chan); /* a connection, and nobody sent CONNECT on it */
    assert_string_equal(w.request, "");
    end_world(&w);
}

static void test_the_address_of_a_proxy_is_read_and_never_shown(void **state)
{
    static const char *const good[][2] = {{"http://proxy.test:3128", "proxy.test:3128"},
            {"proxy.test:3128", "proxy.test:3128"}, {"http://proxy.test", "proxy.test:80"},
            {"HTTPS://proxy.test/", "proxy.test:443"},
            {"http://u:p@[fd00::1]:1", "[fd00::1]:1"},
            {"http://u:a@b@proxy.test:1", "proxy.test:1"},
            {" http://10.0.0.1:8 ", "10.0.0.1:8"}};
    static const char *const bad[] = {"", "http://", "socks5://u:hunter2@p:1", "http://p:0",
            "http://p:65536", "http://p:x", "http://p:1/path", "http://u:hunter2%4@p:1",
            "http://[fd00::1", "http://[x]:1", "http://u:hunter2@:80", "http://:80"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct dial_proxy *p = dial_proxy_new(good[i][0], NULL, NULL, NULL);

        assert_non_null(p);
        assert_string_equal(dial_proxy_name(p), good[i][1]);
        dial_proxy_free(p);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err err = {0};

        if (dial_proxy_new(bad[i], NULL, NULL, &err))
            fail_msg("'%s' is taken", bad[i]);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_null(strstr(err.msg, "hunter2"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_tls_runs_through_the_tunnel_and_the_proxy_sees_the_name_only),
            cmocka_unit_test(test_user_and_password_are_sent_decoded),
            cmocka_unit_test(test_an_https_proxy_carries_tls_within_tls),
            cmocka_unit_test(test_a_tunnel_cut_within_tls_is_no_clean_end),
            cmocka_unit_test(test_a_proxy_that_hangs_up_in_the_middle_is_named_as_the_reason),
            cmocka_unit_test(test_what_is_closed_towards_a_proxy_that_hangs_is_gone),
            cmocka_unit_test(test_answers_other_than_success_say_what_is_wrong),
            cmocka_unit_test(test_endless_and_missing_answers_end_the_dial),
            cmocka_unit_test(test_bytes_behind_the_answer_belong_to_a_plain_tunnel),
            cmocka_unit_test(test_the_proxy_is_not_asked_for_private_names_and_addresses),
            cmocka_unit_test(test_a_literal_of_ipv6_is_asked_for_in_brackets),
            cmocka_unit_test(test_exceptions_are_read_as_curl_reads_them),
            cmocka_unit_test(test_exceptions_and_fixed_addresses_go_around_the_proxy),
            cmocka_unit_test(test_the_address_of_a_proxy_is_read_and_never_shown),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
