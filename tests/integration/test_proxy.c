/*
 * test_proxy.c - requests to providers through the proxy: what reaches the origin, what comes
 * back, what is refused, and how things end when either side breaks.
 */
#include "support/proxy_world.h"

#include "base/held.h"

#define API "Host: api.anthropic.com\r\n"
#define HELLO "GET /api/hello HTTP/1.1\r\n" API "\r\n"
#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static int setup(void **state)
{
    *state = world_new("default net deny\n", 60000);
    return 0;
}

/* A POST with the fake key and a body of three bytes. */
static char *post(struct world *w)
{
    return xasprintf("POST /v1/messages?beta=true HTTP/1.1\r\n" API
                     "X-Api-Key: %s\r\nContent-Length: 3\r\nX-Other: kept\r\n"
                     "Cookie: login=somebody\r\n\r\nabc",
            fake_key(w));
}

static void the_real_key_goes_up_and_never_comes_down(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_tunnel(w, "API.Anthropic.COM:443", "api.anthropic.com");
    assert_true(agent->open);
    assert_true(str_starts(str_of(fake_key(w)), STR("sk-ant-api03-ironcurtain-")));
    char *request = post(w);
    peer_say(agent, request);
    free(request);

    struct peer *up = origin_wait(w, 0, "\r\n\r\nabc");
    assert_true(peer_has(up, "POST /v1/messages?beta=true HTTP/1.1\r\n"));
    assert_true(peer_has(up, "host: api.anthropic.com\r\n"));
    assert_true(peer_has(up, "X-Api-Key: " REAL_KEY "\r\n"));
    assert_true(peer_has(up, "X-Other: kept\r\n"));
    assert_false(peer_has(up, fake_key(w)));
    assert_false(peer_has(up, "somebody"));
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Reply: yes\r\n\r\nhello");
    WAIT(w, peer_has(agent, "hello"));
    assert_true(peer_has(agent, "HTTP/1.1 200 OK\r\n"));
    assert_true(peer_has(agent, "X-Reply: yes\r\n"));
    assert_true(peer_has(agent, "content-length: 5\r\n"));
    assert_false(peer_has(agent, REAL_KEY));

    struct rows *rows = world_rows(w);
    assert_int_equal(rows->count, 1);
    const struct request_record *row = &rows->row[0];
    assert_int_equal(row->status, 200);
    assert_int_equal(row->decision, REQUEST_ALLOW);
    assert_true(row->key_swapped && row->done);
    assert_int_equal(row->bytes_up, 3);
    assert_int_equal(row->bytes_down, 5);
    assert_true(row->total_ms >= row->first_byte_ms && row->first_byte_ms >= 0);
    assert_string_equal(row->provider, "anthropic");
    assert_string_equal(row->host, "api.anthropic.com");
    assert_string_equal(row->method, "POST");
    assert_string_equal(row->path, "/v1/messages");
    free(rows);
}

static void what_is_no_endpoint_is_answered_403_and_the_tunnel_goes_on(void **state)
{
    struct world *w = *state;
    static const char *const targets[] = {"/v1/other", "/v1/messages/", "//v1/messages",
            "/v1/messages/..", "/v1/%6dessages", "/v1/messages;x", "/api/event_logging/batch"};
    struct peer *agent = agent_api(w);
    char text[300], expect[300];
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        const char *framing =
                i % 2 ? "Content-Length: 4\r\n\r\nbody"
                      : "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
        snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\n" API "%s", targets[i], framing);
        snprintf(expect, sizeof(expect),
                "\"message\":\"Blocked: POST %s is not an allowed endpoint.\"}}", targets[i]);
        agent_ask(agent, text, expect);
        bool telemetry = str_starts(str_of(targets[i]), STR("/api/event"));
        assert_true(peer_has(agent,
                telemetry ? "HTTP/1.1 404 Not Found\r\n" : "HTTP/1.1 403 Forbidden\r\n"));
        assert_true(peer_has(agent, "content-type: application/json\r\n"));
        assert_true(peer_has(agent, "{\"type\":\"error\",\"error\":{\"type\":\""));
    }
    agent_ask(agent, "DELETE /v1/messages HTTP/1.1\r\n" API "\r\n",
            "Blocked: DELETE /v1/messages");
    agent_ask(agent, "GET https://api.anthropic.com/api/hello HTTP/1.1\r\n" API "\r\n",
            "\"message\":\"Blocked: a target with a host in it is refused");
    agent_ask(agent, "HEAD /nothing HTTP/1.1\r\n" API "\r\n", "403 Forbidden");
    peer_say(agent, HELLO);
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    assert_true(str_starts(buf_str(&up->got), STR("GET /api/hello HTTP/1.1\r\n")));
    peer_forget(agent);
    peer_say(up, OK_EMPTY);
    WAIT(w, peer_has(agent, "200 OK"));
    assert_int_equal(w->origin_count, 1);
}

static void only_the_fake_key_of_this_provider_is_swapped(void **state)
{
    struct world *w = *state;
    const char *other = proxy_fake_key(w->proxy, "openai");
    static const char mismatch[] = "Rejected: API key does not match expected sentinel.";
    char text[600];
    assert_true(str_starts(str_of(other), STR("sk-ant-api03-ironcurtain-")));
    assert_string_equal(proxy_fake_key(w->proxy, "claude-platform"), fake_key(w));
    const struct {
        const char *fields, *status, *says;
    } cases[] = {
            {"X-Api-Key: sk-ant-somebody-elses\r\n", "403", mismatch},
            {"X-Api-Key: " REAL_KEY "\r\n", "403", mismatch},
            {"X-Api-Key:\r\n", "403", mismatch},
            {"X-Api-Key: OTHER\r\n", "403", mismatch},
            {"X-Api-Key: FAKEx\r\n", "403", mismatch},
            {"Authorization: Bearer OTHER\r\n", "403", mismatch},
            {"Authorization: FAKE\r\n", "403", mismatch},
            {"X-Api-Key: FAKE\r\nAuthorization: Bearer OTHER\r\n", "403", mismatch},
            {"X-Api-Key: FAKE\r\nX-Goog-Api-Key: k\r\n", "403", mismatch},
            {"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.x\r\n", "403",
                    mismatch},
            {"X-Api-Key: FAKE\r\nx-api-key: FAKE\r\n", "400", "given twice"},
            {"X-Api-Key: FAKE\r\nX-API-KEY: " REAL_KEY "\r\n", "400", "given twice"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buf fields = BUF_INIT;
        for (const char *p = cases[i].fields; *p;) {
            bool fake = strncmp(p, "FAKE", 4) == 0, foreign = strncmp(p, "OTHER", 5) == 0;
            if (fake || foreign)
                buf_puts(&fields, fake ? fake_key(w) : other);
            else
                buf_putc(&fields, *p);
            p += fake ? 4 : foreign ? 5 : 1;
        }
        buf_putc(&fields, '\0');
        snprintf(text, sizeof(text),
                "POST /v1/messages HTTP/1.1\r\n" API "%sContent-Length: 2\r\n\r\n{}",
                buf_data(&fields));
        buf_release(&fields);
        struct peer *agent = agent_api(w);
        agent_ask(agent, text, cases[i].says);
        assert_true(peer_has(agent, cases[i].status));
        peer_close(agent);
    }
    struct peer *agent = agent_api(w);
    agent_ask(agent, "POST /v1/messages?key=abc HTTP/1.1\r\n" API "\r\n", mismatch);
    agent_ask(agent, "POST /v1/messages?a=b&%6bEy=abc HTTP/1.1\r\n" API "\r\n", mismatch);
    agent_ask(agent, "POST /v1/messages?access_token HTTP/1.1\r\n" API "\r\n", mismatch);
    assert_int_equal(w->origin_count, 0);
}

static int setup_own_provider(void **state)
{
    *state = world_with("default net deny\n", 60000,
            "mine:\n  hosts: [seen.test]\n  allow: [GET /v1]\n"
            "  key: {header: x-my-token, format: \"{key}\", query: my_key,"
            " fake_prefix: mine-, from: [\"env:IC_TEST_UNSET_KEY\"]}\n");
    return 0;
}

/* There is no key, and none that the agent has gets out: not in the places of the table. */
static void without_a_key_the_agents_own_is_refused_too(void **state)
{
    struct world *w = *state;
    static const char *const refused[] = {
            "GET /v1 HTTP/1.1\r\nHost: seen.test\r\nX-My-Token: own\r\n\r\n",
            "GET /v1 HTTP/1.1\r\nHost: seen.test\r\nx_my_token: own\r\n\r\n",
            "GET /v1?my_key=own HTTP/1.1\r\nHost: seen.test\r\n\r\n",
            "GET /v1?my%5fkey=own HTTP/1.1\r\nHost: seen.test\r\n\r\n",
    };
    struct peer *agent = agent_tunnel(w, "seen.test:443", "seen.test");
    assert_null(proxy_fake_key(w->proxy, "mine"));
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
        agent_ask(agent, refused[i], "Rejected: API key does not match expected sentinel.");
    assert_int_equal(w->origin_count, 0);
    peer_say(agent, "GET /v1?my=own HTTP/1.1\r\nHost: seen.test\r\n\r\n");
    origin_wait(w, 0, "GET /v1?my=own ");
}

static void without_a_key_the_request_goes_up_without_one(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    peer_say(agent, HELLO);
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    assert_false(peer_has(up, "pi-"));
    assert_false(peer_has(up, REAL_KEY));
    peer_say(up, OK_EMPTY);
    WAIT(w, peer_has(agent, "200 OK"));
    struct rows *rows = world_rows(w);
    assert_false(rows->row[0].key_swapped);
    free(rows);
}

static void bearer_keys_and_google_paths_work_too(void **state)
{
    struct world *w = *state;
    char text[400];
    struct peer *agent = agent_tunnel(w, "api.openai.com:443", "api.openai.com");
    snprintf(text, sizeof(text),
            "GET /v1/models HTTP/1.1\r\nHost: api.openai.com:443\r\nAuthorization: Bearer "
            "%s\r\n\r\n",
            proxy_fake_key(w->proxy, "openai"));
    peer_say(agent, text);
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    assert_true(peer_has(up, "Authorization: Bearer sk-real-openai\r\n"));
    peer_say(up, "HTTP/1.1 200 OK\r\nX-Echo: (sk-real-openai)\r\nContent-Length: 0\r\n\r\n");
    WAIT(w, peer_has(agent, "HTTP/1.1 502 "));
    assert_false(peer_has(agent, "sk-real-openai"));

    const char *google = "generativelanguage.googleapis.com";
    agent = agent_tunnel(w, google, google);
    snprintf(text, sizeof(text),
            "POST /v1beta/models/x:streamGenerateContent?alt=sse HTTP/1.1\r\nHost: %s\r\n"
            "x-goog-api-key: %s\r\nContent-Length: 0\r\n\r\n",
            google, proxy_fake_key(w->proxy, "google"));
    peer_say(agent, text);
    up = origin_wait(w, 1, "\r\n\r\n");
    assert_true(peer_has(up, "x-goog-api-key: AIza-real\r\n"));
    assert_true(peer_has(up, "content-length: 0\r\n"));
}

static void an_event_reaches_the_agent_before_the_next_one_exists(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    peer_say(agent, HELLO);
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");
    WAIT(w, peer_has(agent, "\r\n\r\n"));
    assert_true(peer_has(agent, "transfer-encoding: chunked\r\n"));
    for (int i = 0; i < 5; i++) {
        char event[64], chunk[96];
        snprintf(event, sizeof(event), "data: %d\n\n", i);
        snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(event), event);
        peer_forget(agent);
        peer_say(up, chunk); /* and nothing more until it has arrived */
        WAIT(w, peer_is(agent, chunk));
    }
    peer_forget(agent);
    peer_say(up, "0\r\n\r\n");
    WAIT(w, peer_is(agent, "0\r\n\r\n"));
}

static void an_answer_that_breaks_off_never_ends_cleanly(void **state)
{
    struct world *w = *state;
    static const char *const heads[] = {
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
            "HTTP/1.1 200 OK\r\n\r\npart",
    };
    for (unsigned i = 0; i < 6; i++) {
        struct peer *agent = agent_api(w);
        peer_say(agent, HELLO);
        struct peer *up = origin_wait(w, i, "\r\n\r\n");
        peer_say(up, heads[i % 3]);
        WAIT(w, peer_has(agent, "part"));
        if (i == 2) { /* a clean close is the proper end of this one alone */
            peer_close(up);
            WAIT(w, peer_has(agent, "0\r\n\r\n"));
            continue;
        }
        if (i < 3)
            peer_close(up);
        else
            peer_abort(up);
        WAIT(w, peer_is_gone(agent));
        assert_true(agent->failed);
        assert_false(agent->ended);
        assert_false(peer_has(agent, "\r\n0\r\n\r\n"));
    }
}

static void an_origin_that_dies_before_its_head_is_a_502(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    char *request = post(w);
    for (unsigned i = 0; i < 4; i++) {
        peer_forget(agent);
        peer_say(agent, request);
        struct peer *up = origin_wait(w, i, "abc");
        if (i == 1)
            peer_say(up, "HTTP/1.1 200 OK\r\nConte");
        if (i == 2)
            peer_say(up, "SSH-2.0-whatever\r\n\r\n");
        if (i == 3)
            peer_say(up, "HTTP/1.1 200 OK\r\nX-Echo: " REAL_KEY "\r\n\r\n");
        peer_close(up);
        WAIT(w, peer_has(agent, "Upstream "));
        assert_true(peer_has(agent, "HTTP/1.1 502 Bad Gateway\r\n"));
        assert_false(peer_has(agent, REAL_KEY));
        assert_false(peer_is_gone(agent));
    }
    free(request);
    struct rows *rows = world_rows(w);
    assert_int_equal(rows->count, 4);
    assert_int_equal(rows->row[0].decision, REQUEST_ERROR);
    assert_int_equal(rows->row[0].status, 502);
    free(rows);
}

static void an_origin_that_cannot_be_reached_is_a_502(void **state)
{
    struct world *w = *state;
    listener_free(w->origin);
    w->origin = NULL;
    struct peer *agent = agent_api(w);
    agent_ask(agent, HELLO, "Upstream error: ");
    assert_true(peer_has(agent, "HTTP/1.1 502 Bad Gateway\r\n"));
}

static void when_the_agent_goes_the_origin_is_told_at_once(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 4; i++) {
        struct peer *agent = agent_api(w);
        peer_say(agent, HELLO);
        struct peer *up = origin_wait(w, i, "\r\n\r\n");
        if (i % 2) {
            peer_say(up, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
            WAIT(w, peer_has(agent, "part"));
        }
        if (i < 2)
            peer_abort(agent);
        else
            peer_close(agent);
        WAIT_MS(w, peer_is_gone(up), 1000);
    }
    WAIT(w, proxy_tunnel_count(w->proxy) == 0);
}

static void junk_and_resets_in_the_handshake_leave_nothing_behind(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 8; i++) {
        struct peer *agent = agent_connect(w, "api.anthropic.com:443");
        WAIT(w, peer_has(agent, "200 Connection Established"));
        if (i % 2)
            peer_say(agent, "GET / HTTP/1.1\r\n\r\n");
        else
            peer_abort(agent);
    }
    WAIT(w, proxy_tunnel_count(w->proxy) == 0);
    struct rows *rows = world_rows(w);
    assert_int_equal(rows->count, 8);
    for (unsigned i = 0; i < rows->count; i++)
        assert_int_equal(rows->row[i].decision, REQUEST_ERROR);
    free(rows);
}

static void a_silent_handshake_is_closed_after_ten_seconds(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_connect(w, "api.anthropic.com:443");
    WAIT(w, peer_has(agent, "200 Connection Established"));
    uint64_t from = clock_ns();
    WAIT_MS(w, peer_is_gone(agent), 12000);
    assert_true(clock_ns() - from > 9000000000ull);
    assert_int_equal(proxy_tunnel_count(w->proxy), 0);
}

static void the_name_in_the_handshake_and_the_host_must_be_the_connects(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_tunnel(w, "api.anthropic.com:443", "api.openai.com");
    assert_true(agent->failed);

    agent = agent_api(w);
    agent_ask(agent, "GET /api/hello HTTP/1.1\r\nHost: api.openai.com\r\n\r\n", "Host differs");
    assert_true(peer_has(agent, "HTTP/1.1 421 "));
    agent_ask(agent, "GET /api/hello HTTP/1.1\r\nHost: api.anthropic.com:444\r\n\r\n", "421 ");
    agent_ask(agent, "GET /api/hello HTTP/1.1\r\nHost: a,b\r\n\r\n", "HTTP/1.1 400 ");
    WAIT(w, peer_is_gone(agent));
    assert_int_equal(w->origin_count, 0);
}

static void requests_that_can_be_read_in_two_ways_are_refused_and_closed(void **state)
{
    struct world *w = *state;
    static const char *const requests[] = {
            "POST /v1/messages HTTP/1.1\r\n" API
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST /v1/messages HTTP/1.1\r\n" API
            "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
            "POST /v1/messages HTTP/1.1\r\n" API "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
            "POST /v1/messages HTTP/1.1\r\n" API "X: a\r\n b\r\n\r\n",
            "GET /api/hello HTTP/1.1\nHost: api.anthropic.com\n\n",
            "GET /api/hello HTTP/1.1\r\n\r\n",
            "GET /api/hello\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        struct peer *agent = agent_api(w);
        agent_ask(agent, requests[i], "Rejected: ");
        assert_true(peer_has(agent, "connection: close\r\n"));
        WAIT(w, peer_is_gone(agent));
    }
    assert_int_equal(w->origin_count, 0);
}

static void a_malformed_chunk_on_the_way_up_reaches_nobody_as_a_whole_body(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    peer_say(agent, "POST /v1/messages HTTP/1.1\r\n" API "Transfer-Encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n");
    struct peer *up = origin_wait(w, 0, "3\r\nabc\r\n");
    peer_say(agent, "zz\r\n");
    WAIT(w, peer_has(agent, "HTTP/1.1 400 "));
    WAIT(w, peer_is_gone(agent) && peer_is_gone(up));
    assert_false(peer_has(up, "\r\n0\r\n\r\n"));
}

static void fields_of_one_hop_are_not_passed_on(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    peer_say(agent, "GET /api/hello HTTP/1.1\r\n" API "Connection: keep-alive, X-Foo\r\n"
                    "X-Foo: 1\r\nTE: trailers\r\nKeep-Alive: 9\r\nProxy-Connection: x\r\n"
                    "Upgrade: h2c\r\nX-Bar: 2\r\n\r\n");
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    assert_true(peer_is(up, "GET /api/hello HTTP/1.1\r\nhost: api.anthropic.com\r\n"
                            "X-Bar: 2\r\n\r\n"));
    peer_say(up, "HTTP/1.1 200 OK\r\nConnection: X-Up\r\nX-Up: 1\r\nKeep-Alive: 3\r\n"
                 "X-Down: 2\r\nContent-Length: 2\r\n\r\nok");
    WAIT(w, peer_has(agent, "ok"));
    assert_true(peer_is(agent, "HTTP/1.1 200 OK\r\nX-Down: 2\r\ncontent-length: 2\r\n\r\nok"));
}

static void expectations_are_met_by_us(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    agent_ask(agent,
            "POST /v1/messages HTTP/1.1\r\n" API "Expect: 100-continue\r\n"
            "Content-Length: 3\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n");
    peer_say(agent, "abc");
    struct peer *up = origin_wait(w, 0, "abc");
    assert_false(peer_has(up, "xpect"));
    peer_forget(agent);
    peer_say(up, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
                 "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx");
    WAIT(w, peer_has(agent, "201 Created"));
    assert_false(peer_has(agent, "100 Continue"));
    assert_true(peer_has(agent, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"));
}

static void answers_without_a_body_and_those_that_end_with_the_connection(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    static const struct {
        const char *reply, *expect;
    } cases[] = {
            {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
            {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
                    "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n"},
            {OK_EMPTY, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        peer_forget(agent);
        peer_say(agent, HELLO);
        struct peer *up = origin_wait(w, 0, "\r\n\r\n"); /* one connection for all */
        peer_forget(up);
        peer_say(up, cases[i].reply);
        WAIT(w, peer_is(agent, cases[i].expect));
    }
    peer_forget(agent);
    peer_say(agent, HELLO);
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    peer_say(up, "HTTP/1.1 200 OK\r\n\r\nuntil");
    WAIT(w, peer_has(agent, "5\r\nuntil\r\n"));
    peer_close(up);
    WAIT(w, peer_has(agent, "5\r\nuntil\r\n0\r\n\r\n"));
    assert_false(peer_is_gone(agent));

    /* HTTP/1.0 knows no chunks: the end of the connection is the end of the body. */
    peer_forget(agent);
    peer_say(agent, "GET /api/hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    up = origin_wait(w, 1, "\r\n\r\n");
    peer_say(up, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nold\r\n0\r\n\r\n");
    WAIT(w, peer_is_gone(agent));
    assert_true(agent->ended);
    assert_true(peer_is(agent, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nold"));
}

static void upstream_connections_are_used_again(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 6; i++) {
        struct peer *agent = agent_api(w);
        peer_say(agent, HELLO);
        struct peer *up = origin_wait(w, 0, "\r\n\r\n");
        peer_forget(up);
        peer_say(up, OK_EMPTY);
        WAIT(w, peer_has(agent, "200 OK"));
        if (i % 2)
            peer_close(agent);
    }
    assert_int_equal(w->origin_count, 1);
    /* "Connection: close" of the origin is respected. */
    struct peer *agent = agent_api(w);
    peer_say(agent, HELLO);
    peer_say(origin_wait(w, 0, "\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    WAIT(w, peer_has(agent, "200 OK"));
    WAIT(w, peer_is_gone(w->origins[0]));
    peer_say(agent, HELLO);
    origin_wait(w, 1, "\r\n\r\n");
}

static void a_stale_pooled_connection_is_retried_only_where_nothing_is_lost(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    peer_say(agent, HELLO);
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    peer_forget(up);
    peer_say(up, OK_EMPTY);
    WAIT(w, peer_has(agent, "200 OK"));

    /* It closes just when the second request comes: a GET goes again, by a new one. */
    peer_forget(agent);
    peer_say(agent, HELLO);
    peer_close(origin_wait(w, 0, "\r\n\r\n"));
    up = origin_wait(w, 1, "\r\n\r\n");
    peer_forget(up);
    peer_say(up, OK_EMPTY);
    WAIT(w, peer_has(agent, "200 OK"));

    /* A POST may have been acted upon: that is for the agent to decide. */
    peer_forget(agent);
    char *request = post(w);
    peer_say(agent, request);
    free(request);
    peer_close(origin_wait(w, 1, "abc"));
    WAIT(w, peer_has(agent, "HTTP/1.1 502 "));
    assert_int_equal(w->origin_count, 2);

    /* One that closes while it is idle is not used at all. */
    peer_say(agent, HELLO);
    up = origin_wait(w, 2, "\r\n\r\n");
    peer_forget(agent);
    peer_say(up, OK_EMPTY);
    WAIT(w, peer_has(agent, "200 OK"));
    peer_close(up);
    WAIT(w, loop_now_ms(w->loop) && peer_is_gone(agent) == false);
    peer_say(agent, HELLO);
    origin_wait(w, 3, "\r\n\r\n");
}

static void an_answer_may_come_while_the_upload_goes_on(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    peer_say(agent, "POST /v1/messages HTTP/1.1\r\n" API "Content-Length: 10\r\n\r\nabc");
    struct peer *up = origin_wait(w, 0, "abc");
    peer_say(up, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    WAIT(w, peer_has(agent, "\r\n\r\nno"));
    WAIT(w, peer_is_gone(up)); /* it has half a request: of no further use */
    /* The agent finishes its body and goes on as if nothing was. */
    peer_forget(agent);
    peer_say(agent, "defghij" HELLO);
    up = origin_wait(w, 1, "\r\n\r\n");
    assert_true(str_starts(buf_str(&up->got), STR("GET /api/hello")));
    peer_say(up, OK_EMPTY);
    WAIT(w, peer_has(agent, "200 OK"));
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    peer_say(agent, HELLO "GET /no HTTP/1.1\r\n" API "\r\n\r\n" HELLO);
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    peer_forget(up);
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    WAIT(w, peer_has(up, "\r\n\r\n"));
    assert_true(peer_has(agent, "\r\n\r\noneHTTP/1.1 403 Forbidden\r\n"));
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");
    WAIT(w, peer_has(agent, "\"}}HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntwo"));
}

static void an_attempt_at_a_websocket_is_426_where_none_is_spoken(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    agent_ask(agent,
            "GET /api/hello HTTP/1.1\r\n" API
            "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "no WebSocket at this endpoint");
    assert_true(peer_has(agent, "HTTP/1.1 426 Upgrade Required\r\n"));
    assert_int_equal(w->origin_count, 0);
}

#define BIG (24 * 1024 * 1024)

static void fill(char *p, size_t n, uint64_t at)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)((at + i) * 2654435761u >> 13);
}

/* Takes what came; false if it is not what was sent. */
static bool drain_checked(struct peer *peer, uint64_t *at)
{
    char block[4096];
    while (buf_len(&peer->got) > 0) {
        size_t n = buf_len(&peer->got) < sizeof(block) ? buf_len(&peer->got) : sizeof(block);
        fill(block, n, *at);
        if (memcmp(block, buf_data(&peer->got), n) != 0)
            return false;
        buf_consume(&peer->got, n);
        *at += n;
    }
    return true;
}

/* One byte stream through the proxy, as fast as its channels take it. The most that is under
 * way at once shows that a slow reader slows the sender. */
static void stream(struct peer *from, struct peer *to, bool slow_start)
{
    static char block[32768];
    struct world *w = from->world;
    uint64_t sent = 0, got = 0;
    to->holds = slow_start;
    patience_start(&w->patience, 60000);
    while (got < BIG && !w->patience.over) {
        while (sent < BIG && !chan_full(from->chan)) {
            fill(block, sizeof(block), sent);
            chan_write(from->chan, block, sizeof(block));
            sent += sizeof(block);
        }
        if (to->holds && chan_full(from->chan)) {
            /* Both channels, the proxy's buffers and the kernel's: a few megabytes. */
            for (int i = 0; i < 200; i++)
                loop_turn(w->loop, false);
            if (chan_full(from->chan)) {
                assert_true(sent < BIG / 2);
                to->holds = false;
                chan_resume(to->chan);
            }
        }
        loop_turn(w->loop, chan_full(from->chan) || sent == BIG);
        assert_true(drain_checked(to, &got));
    }
    assert_int_equal(got, BIG);
}

static void large_bodies_pass_unchanged_and_a_slow_reader_slows_the_sender(void **state)
{
    struct world *w = *state;
    char text[200];
    struct peer *agent = agent_api(w);
    snprintf(text, sizeof(text),
            "POST /v1/messages HTTP/1.1\r\n" API "Content-Length: %d\r\n\r\n", BIG);
    peer_say(agent, text);
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    peer_forget(up);
    stream(agent, up, true);
    peer_forget(agent);
    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
    peer_say(up, text);
    WAIT(w, peer_has(agent, "\r\n\r\n"));
    peer_forget(agent);
    stream(up, agent, true);

    struct rows *rows = world_rows(w);
    assert_int_equal(rows->row[0].bytes_up, BIG);
    assert_int_equal(rows->row[0].bytes_down, BIG);
    free(rows);
}

/* Nothing may wait for ever because there is less room than before. */
static void large_bodies_pass_while_others_hold_all_there_is(void **state)
{
    held_add(LIMIT_HELD);
    large_bodies_pass_unchanged_and_a_slow_reader_slows_the_sender(state);
    held_drop(LIMIT_HELD);
}

static void large_bodies_pass_while_the_room_shrinks_and_grows(void **state)
{
    struct world *w = *state;
    static char block[65536];
    char text[200];
    size_t size = 4u << 20;
    struct peer *agent = agent_api(w);
    peer_say(agent, HELLO);
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    peer_say(up, text);
    WAIT(w, peer_has(agent, "\r\n\r\n"));
    peer_forget(agent);
    agent->holds = true;
    for (size_t at = 0; at < size; at += sizeof(block))
        chan_write(up->chan, block, sizeof(block));
    for (unsigned i = 0; i < 8; i++) {
        for (int turn = 0; turn < 50; turn++)
            loop_turn(w->loop, false);
        (i % 2 ? held_drop : held_add)(LIMIT_HELD);
    }
    agent->holds = false;
    chan_resume(agent->chan);
    WAIT(w, buf_len(&agent->got) == size);
}

static void a_refused_large_body_is_read_away_or_the_tunnel_closed(void **state)
{
    struct world *w = *state;
    char text[200];
    struct peer *agent = agent_api(w);
    const size_t size = 600 * 1024;
    char *body = xcalloc(1, size);
    snprintf(text, sizeof(text),
            "POST /telemetry HTTP/1.1\r\n" API "Content-Length: %zu\r\n\r\n", size);
    peer_say(agent, text);
    chan_write(agent->chan, body, size);
    WAIT(w, peer_has(agent, "Blocked: POST /telemetry"));
    peer_say(agent, HELLO);
    peer_say(origin_wait(w, 0, "\r\n\r\n"), OK_EMPTY);
    WAIT(w, peer_has(agent, "200 OK"));
    free(body);

    agent = agent_api(w);
    agent_ask(agent, "POST /telemetry HTTP/1.1\r\n" API "Content-Length: 99999999\r\n\r\n",
            "connection: close");
    peer_close(agent);
    WAIT(w, proxy_tunnel_count(w->proxy) == 1);
}

static void the_proxy_may_go_at_any_moment(void **state)
{
    struct world *w = *state;
    agent_api(w);
    agent_connect(w, "api.anthropic.com:443");
    struct peer *agent = agent_api(w);
    peer_say(agent, HELLO);
    origin_wait(w, 0, "\r\n\r\n");
    agent = agent_api(w);
    peer_say(agent, HELLO);
    origin_wait(w, 1, "\r\n\r\n");
    peer_say(w->origins[1], "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart");
    WAIT(w, peer_has(agent, "part"));
    agent = agent_api(w);
    peer_say(agent, HELLO); /* not even dialed */
    proxy_free(w->proxy);
    w->proxy = NULL;
    WAIT(w, agent->failed);
    struct rows *rows = world_rows(w);
    for (unsigned i = 0; i < rows->count; i++)
        assert_true(rows->row[i].done);
    free(rows);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(the_real_key_goes_up_and_never_comes_down),
            TEST(what_is_no_endpoint_is_answered_403_and_the_tunnel_goes_on),
            TEST(only_the_fake_key_of_this_provider_is_swapped),
            cmocka_unit_test_setup_teardown(without_a_key_the_agents_own_is_refused_too,
                    setup_own_provider, world_teardown),
            TEST(without_a_key_the_request_goes_up_without_one),
            TEST(bearer_keys_and_google_paths_work_too),
            TEST(an_event_reaches_the_agent_before_the_next_one_exists),
            TEST(an_answer_that_breaks_off_never_ends_cleanly),
            TEST(an_origin_that_dies_before_its_head_is_a_502),
            TEST(an_origin_that_cannot_be_reached_is_a_502),
            TEST(when_the_agent_goes_the_origin_is_told_at_once),
            TEST(junk_and_resets_in_the_handshake_leave_nothing_behind),
            TEST(a_silent_handshake_is_closed_after_ten_seconds),
            TEST(the_name_in_the_handshake_and_the_host_must_be_the_connects),
            TEST(requests_that_can_be_read_in_two_ways_are_refused_and_closed),
            TEST(a_malformed_chunk_on_the_way_up_reaches_nobody_as_a_whole_body),
            TEST(fields_of_one_hop_are_not_passed_on),
            TEST(expectations_are_met_by_us),
            TEST(answers_without_a_body_and_those_that_end_with_the_connection),
            TEST(upstream_connections_are_used_again),
            TEST(a_stale_pooled_connection_is_retried_only_where_nothing_is_lost),
            TEST(an_answer_may_come_while_the_upload_goes_on),
            TEST(pipelined_requests_are_answered_in_order),
            TEST(an_attempt_at_a_websocket_is_426_where_none_is_spoken),
            TEST(large_bodies_pass_unchanged_and_a_slow_reader_slows_the_sender),
            TEST(large_bodies_pass_while_others_hold_all_there_is),
            TEST(large_bodies_pass_while_the_room_shrinks_and_grows),
            TEST(a_refused_large_body_is_read_away_or_the_tunnel_closed),
            TEST(the_proxy_may_go_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
