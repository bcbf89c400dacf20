/*
 * test_h2.c - HTTP/2 through the proxy, from the agent, to the upstream, and both: one filter
 * for every stream, the key, streams that do not disturb each other, backpressure, and what
 * happens when one side breaks the rules or breaks off.
 */
#include "support/h2_peer.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/held.h"

/* The clock of this thread, which libuv's timers go by, is so far ahead. */
static _Thread_local time_t ahead;

int clock_gettime(clockid_t id, struct timespec *ret)
{
    int rc = (int)syscall(SYS_clock_gettime, id, ret);
    if (rc == 0 && id != CLOCK_REALTIME)
        ret->tv_sec += ahead;
    return rc;
}

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

struct h2_world {
    struct world *w;
    struct h2_peer *agent;     /* speaks h2 */
    struct h2_peer *origin[4]; /* those connections of the proxy that speak h2 */
};

static int setup(void **state)
{
    struct h2_world *h = xcalloc(1, sizeof(*h));
    h->w = world_new("allow net:GET https://seen.test/**\ndefault net deny\n", 60000);
    h->agent = h2_agent(h->w);
    *state = h;
    return 0;
}

/* With the rules for bodies that are built in. */
static int setup_rules(void **state)
{
    struct h2_world *h = xcalloc(1, sizeof(*h));
    h->w = world_with("default net deny\n", 60000, "");
    h->agent = h2_agent(h->w);
    *state = h;
    return 0;
}

/* The origin chooses h2, too. */
static int setup_both(void **state)
{
    setup(state);
    tls_server_set_h2((*(struct h2_world **)state)->w->origin_tls.server, true);
    return 0;
}

static int teardown(void **state)
{
    struct h2_world *h = *state;
    h2_peer_free(h->agent);
    for (unsigned i = 0; i < 4; i++) {
        if (h->origin[i])
            h2_peer_free(h->origin[i]);
    }
    world_free(h->w);
    free(h);
    return 0;
}

static struct h2_peer *origin(struct h2_world *h, unsigned n)
{
    if (!h->origin[n])
        h->origin[n] = h2_origin(h->w, n, 100);
    return h->origin[n];
}

static void expect_row(struct h2_world *h, const char *reason)
{
    struct rows *rows = world_rows(h->w);
    bool found = false;
    for (unsigned i = 0; i < rows->count; i++)
        found |= strstr(rows->row[i].reason, reason) != NULL;
    for (unsigned i = 0; !found && i < rows->count; i++)
        fprintf(stderr, "row %u: %s %s %d: %s\n", i, rows->row[i].method, rows->row[i].path,
                rows->row[i].status, rows->row[i].reason);
    free(rows);
    assert_true(found);
}

/* --- from HTTP/2 to HTTP/1.1 ----------------------------------------------------------- */

static void a_request_goes_to_an_http1_upstream_with_the_real_key(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "{\"a\":1}", false);
    struct peer *up = origin_wait(h->w, 0, "{\"a\":1}");
    assert_true(peer_has(up, "POST /v1/messages?beta=true HTTP/1.1\r\n"));
    assert_true(peer_has(up, "host: api.anthropic.com\r\n"));
    assert_true(peer_has(up, "x-api-key: " REAL_KEY "\r\n"));
    assert_true(peer_has(up, "x-other: kept\r\n"));
    assert_false(peer_has(up, fake_key(h->w)));
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Reply: Yes\r\nConnection: "
                 "keep-alive, x-hop\r\nX-Hop: 1\r\n\r\nhello");
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 200\n"));
    assert_true(h2_has(m, "x-reply: Yes\n"));
    assert_true(h2_has(m, "content-length: 5\n"));
    assert_true(h2_has(m, "hello"));
    assert_false(h2_has(m, "x-hop"));
    assert_false(h2_has(m, "connection"));
    assert_false(h2_has(m, REAL_KEY));

    struct rows *rows = world_rows(h->w);
    assert_int_equal(rows->count, 1);
    assert_int_equal(rows->row[0].status, 200);
    assert_int_equal(rows->row[0].bytes_up, 7);
    assert_int_equal(rows->row[0].bytes_down, 5);
    assert_true(rows->row[0].key_swapped && rows->row[0].done);
    free(rows);
}

static void a_forbidden_path_is_403_while_other_streams_go_on(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *good = h2_get(h->agent, "/api/hello");
    struct peer *up = origin_wait(h->w, 0, "GET /api/hello");
    struct h2_message *bad = h2_get(h->agent, "/v1/organizations");
    WAIT(h->w, bad->ended);
    assert_true(h2_has(bad, ":status: 403\n"));
    assert_true(h2_has(bad, "not an allowed endpoint"));
    assert_false(good->ended);
    peer_say(up, OK_EMPTY);
    WAIT(h->w, good->ended);
    assert_true(h2_has(good, ":status: 200\n"));
    expect_row(h, "/v1/organizations is not an allowed endpoint");
}

static void a_foreign_key_and_a_foreign_authority_are_refused(void **state)
{
    struct h2_world *h = *state;
    const char *key[] = {":method", "POST", ":scheme", "https", ":authority",
            "api.anthropic.com", ":path", "/v1/messages", "x-api-key", "sk-ant-own", NULL,
            NULL};
    struct h2_message *m = h2_ask_raw(h->agent, key, "{}", false);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 403\n"));

    const char *host[] = {":method", "GET", ":scheme", "https", ":authority", "evil.test",
            ":path", "/api/hello", NULL, NULL};
    m = h2_ask_raw(h->agent, host, NULL, false);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 421\n"));

    const char *both[] = {":method", "GET", ":scheme", "https", ":authority",
            "api.anthropic.com", ":path", "/api/hello", "host", "evil.test", NULL, NULL};
    m = h2_ask_raw(h->agent, both, NULL, false);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 400\n"));
    expect_row(h, "Host differs from :authority");

    const char *scheme[] = {":method", "GET", ":scheme", "http", ":authority",
            "api.anthropic.com", ":path", "/api/hello", NULL, NULL};
    m = h2_ask_raw(h->agent, scheme, NULL, false);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 400\n"));
    assert_int_equal(h->w->origin_count, 0);
}

static void heads_that_are_no_http_end_their_stream_only(void **state)
{
    struct h2_world *h = *state;
    static const char *const bad[][2] = {{"connection", "keep-alive"},
            {"transfer-encoding", "chunked"}, {"upgrade", "websocket"}, {"te", "gzip"},
            {"x", "a\r\nb: c"}, {":path", "/second"}, {":unknown", "x"}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const char *fields[] = {":method", "GET", ":scheme", "https", ":authority",
                "api.anthropic.com", ":path", "/api/hello", bad[i][0], bad[i][1], NULL, NULL};
        struct h2_message *m = h2_ask_raw(h->agent, fields, NULL, false);
        WAIT(h->w, m->closed);
        if (m->code == NGHTTP2_NO_ERROR)
            assert_true(h2_has(m, ":status: 400\n"));
        else
            assert_int_equal(m->code, NGHTTP2_PROTOCOL_ERROR);
    }
    assert_false(h->agent->gone);
    assert_int_equal(h->w->origin_count, 0);
    expect_row(h, "Invalid HTTP header");
}

static void too_large_a_head_is_431_and_a_bomb_costs_nothing(void **state)
{
    struct h2_world *h = *state;
    static char value[4001];
    memset(value, 'a', sizeof(value) - 1);
    const char *fields[400] = {":method", "GET", ":scheme", "https", ":authority",
            "api.anthropic.com", ":path", "/api/hello"};
    size_t n = 8;
    for (; n < 60; n += 2) { /* one entry of the table, again and again */
        fields[n] = "x-bomb";
        fields[n + 1] = value;
    }
    struct h2_message *m = h2_ask_raw(h->agent, fields, NULL, false);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 431\n"));
    expect_row(h, "head too large");

    for (n = 8; n < 8 + 2 * 129; n += 2) {
        fields[n] = "x-many";
        fields[n + 1] = "1";
    }
    fields[n] = fields[n + 1] = NULL;
    m = h2_ask_raw(h->agent, fields, NULL, false);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 431\n"));
    assert_int_equal(h->w->origin_count, 0);
}

static void the_largest_head_of_an_answer_passes(void **state)
{
    struct h2_world *h = *state;
    static char head[LIMIT_HTTP_HEAD + 1];
    struct h2_message *m = h2_get(h->agent, "/api/hello");
    struct peer *up = origin_wait(h->w, 0, "GET /api/hello");
    size_t n = (size_t)snprintf(
            head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Large: ");
    memset(head + n, 'a', sizeof(head) - 1 - n);
    const size_t many = LIMIT_HTTP_FIELDS - 2;
    for (size_t i = 0; i < many; i++)
        memcpy(head + LIMIT_HTTP_HEAD - 4 - (many - i) * 6, "\r\ny: 1", 6);
    memcpy(head + LIMIT_HTTP_HEAD - 4, "\r\n\r\n", 4);
    peer_say(up, head);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 200\n"));
    assert_true(h2_has(m, "y: 1\n"));
}

/* Towards a provider there are none: they are logins, too. */
static void cookies_are_one_field_again(void **state)
{
    struct h2_world *h = *state;
    const char *fields[] = {":method", "GET", ":scheme", "https", ":authority", "seen.test",
            ":path", "/api/hello", "cookie", "a=1", "accept", "x/y", "cookie", "b=2", "te",
            "trailers", NULL, NULL};
    struct h2_peer *agent = h2_agent_of(h->w, fields[5]);
    struct h2_message *m = h2_ask_raw(agent, fields, NULL, false);
    struct peer *up = origin_wait(h->w, 0, "\r\n\r\n");
    assert_true(peer_has(up, "cookie: a=1; b=2\r\n"));
    assert_false(peer_has(up, "te: "));
    peer_say(up, OK_EMPTY);
    WAIT(h->w, m->ended);
    h2_peer_free(agent);

    fields[5] = "api.anthropic.com";
    m = h2_ask_raw(h->agent, fields, NULL, false);
    up = origin_wait(h->w, 1, "\r\n\r\n");
    assert_false(peer_has(up, "cookie"));
    peer_say(up, OK_EMPTY);
    WAIT(h->w, m->ended);
}

static void the_end_of_a_body_without_length_is_the_last_chunk(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "one", true);
    struct peer *up = origin_wait(h->w, 0, "3\r\none\r\n");
    assert_true(peer_has(up, "transfer-encoding: chunked\r\n"));
    assert_false(peer_has(up, "0\r\n\r\n"));
    h2_say(m, "two", false);
    WAIT(h->w, peer_has(up, "3\r\ntwo\r\n0\r\n\r\n"));
    peer_say(up, OK_EMPTY);
    WAIT(h->w, m->ended && m->closed);
    assert_int_equal(m->code, NGHTTP2_NO_ERROR);
}

static void a_body_that_is_looked_into_may_come_in_pieces(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "", true), *other = NULL;
    other = h2_get(h->agent, "/v1/forbidden");
    WAIT(h->w, other->ended); /* the head alone was looked at before */
    h2_say(m, "{\"model\":\"m\",\"max_tokens\":1,", true);
    other = h2_get(h->agent, "/v1/forbidden");
    WAIT(h->w, other->ended);
    assert_int_equal(h->w->origin_count, 0);
    h2_say(m, "\"messages\":[]}", true);
    other = h2_get(h->agent, "/v1/forbidden");
    WAIT(h->w, other->ended);
    h2_say(m, "", false); /* the end alone */
    struct peer *up = origin_wait(h->w, 0, "\"max_tokens\":1,\"messages\":[]}");
    assert_true(peer_has(up, "content-length: 42\r\n"));
    peer_say(up, OK_EMPTY);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 200\n"));
}

static void an_event_arrives_before_the_next_one_exists(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "{}", false);
    struct peer *up = origin_wait(h->w, 0, "\r\n\r\n");
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
                 "chunked\r\n\r\n");
    for (int i = 0; i < 5; i++) {
        char event[40], chunk[80];
        int n = snprintf(event, sizeof(event), "data: event number %d\n\n", i);
        snprintf(chunk, sizeof(chunk), "%x\r\n%s\r\n", (unsigned)n, event);
        peer_say(up, chunk);
        WAIT(h->w, h2_has(m, event));
        assert_false(m->ended);
    }
    peer_say(up, "0\r\n\r\n");
    WAIT(h->w, m->ended);
}

static void an_upstream_that_breaks_off_is_no_clean_end(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "{}", false);
    struct peer *up = origin_wait(h->w, 0, "\r\n\r\n");
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
    WAIT(h->w, h2_has(m, "part"));
    peer_abort(up);
    WAIT(h->w, m->closed);
    assert_false(m->ended);
    assert_int_equal(m->code, NGHTTP2_INTERNAL_ERROR);
    assert_false(h->agent->gone);
}

/* The windows of the agent are larger than what the channel takes at once. */
static void what_came_before_a_break_arrives_before_the_reset(void **state)
{
    struct h2_world *h = *state;
    static char block[65537];
    struct h2_message *m = h2_post(h->agent, "{}", false);
    struct peer *up = origin_wait(h->w, 0, "\r\n\r\n");
    memset(block, 'x', sizeof(block) - 1);
    peer_say(up, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n");
    for (unsigned i = 0; i < 16; i++) {
        peer_say(up, "10000\r\n");
        peer_say(up, block);
        peer_say(up, "\r\n");
    }
    peer_say(up, "5\r\nuntil\r\nno chunk\r\n");
    WAIT(h->w, m->closed);
    assert_false(m->ended);
    assert_int_equal(m->code, NGHTTP2_INTERNAL_ERROR);
    assert_true(h2_has(m, ":status: 200\n"));
    assert_int_equal(m->received, (16u << 16) + 10);
    assert_true(h2_has(m, "until"));
    assert_false(h->agent->gone);
}

static void a_stream_that_the_agent_resets_closes_its_upstream(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "{}", true);
    struct peer *up = origin_wait(h->w, 0, "\r\n\r\n");
    h2_reset(m, NGHTTP2_CANCEL);
    WAIT_MS(h->w, peer_is_gone(up), 1000);
    struct h2_message *next = h2_get(h->agent, "/api/hello");
    peer_say(origin_wait(h->w, 1, "GET /api/hello"), OK_EMPTY);
    WAIT(h->w, next->ended);
    expect_row(h, "the agent broke off");
}

/* Announces as many bytes, and says none yet. */
static struct h2_message *begin_upload(struct h2_world *h, const char *length)
{
    const char *fields[] = {":method", "POST", ":scheme", "https", ":authority",
            "api.anthropic.com", ":path", "/v1/messages", "x-api-key", fake_key(h->w),
            "content-length", length, NULL, NULL};
    return h2_ask_raw(h->agent, fields, "", true);
}

static void a_collected_body_that_is_too_large_is_413_at_once(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = begin_upload(h, "10485761");
    WAIT(h->w, m->closed);
    assert_true(m->ended);
    assert_true(h2_has(m, ":status: 413\n"));
    assert_false(h2_has(m, ":status: 100\n"));
    assert_int_equal(m->code, NGHTTP2_NO_ERROR);
    assert_int_equal(h->w->origin_count, 0);
}

static void an_early_answer_ends_a_large_upload(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = begin_upload(h, "16777216");
    struct peer *up = origin_wait(h->w, 0, "\r\n\r\n");
    peer_say(up, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    WAIT(h->w, m->closed);
    assert_true(m->ended);
    assert_true(h2_has(m, ":status: 413\n"));
    assert_int_equal(m->code, NGHTTP2_NO_ERROR);
}

static void an_early_answer_lets_a_small_upload_end(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = begin_upload(h, "5");
    struct peer *up = origin_wait(h->w, 0, "\r\n\r\n");
    peer_say(up, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    WAIT(h->w, m->ended);
    struct h2_message *other = h2_get(h->agent, "/v1/forbidden");
    WAIT(h->w, other->closed);
    assert_false(m->closed);
    h2_say(m, "hello", false);
    WAIT(h->w, m->closed);
    assert_true(h2_has(m, ":status: 413\n"));
}

static void an_upload_without_length_is_stopped_where_dropping_ends(void **state)
{
    struct h2_world *h = *state;
    static char block[65537];
    struct h2_message *m = h2_post(h->agent, "", true);
    struct peer *up = origin_wait(h->w, 0, "\r\n\r\n");
    memset(block, 'x', sizeof(block) - 1);
    peer_say(up, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    WAIT(h->w, m->ended);
    for (unsigned i = 0; i < 32; i++)
        buf_puts(&m->out, block);
    h2_say(m, "", true);
    WAIT(h->w, m->closed);
    assert_int_equal(m->code, NGHTTP2_NO_ERROR);
    size_t sent = (2u << 20) - buf_len(&m->out);
    assert_true(sent > LIMIT_HTTP_DISCARD && sent < LIMIT_HTTP_DISCARD + 2 * LIMIT_CHAN_HIGH);
}

static void expectations_and_interim_answers_pass(void **state)
{
    struct h2_world *h = *state;
    const char *fields[] = {":method", "POST", ":scheme", "https", ":authority",
            "api.anthropic.com", ":path", "/v1/messages", "x-api-key", fake_key(h->w), "expect",
            "100-continue", NULL, NULL};
    struct h2_message *m = h2_ask_raw(h->agent, fields, "", true);
    WAIT(h->w, h2_has(m, ":status: 100\n"));
    h2_say(m, "{}", false);
    struct peer *up = origin_wait(h->w, 0, "2\r\n{}\r\n0\r\n\r\n");
    peer_say(up, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" OK_EMPTY);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 103\nlink: </x>\n"));
    assert_true(h2_has(m, ":status: 200\n"));
}

/* --- floods ---------------------------------------------------------------------------- */

static void rapid_resets_end_the_connection(void **state)
{
    struct h2_world *h = *state;
    unsigned i = 0;
    for (; i < 500 && !h->agent->goaway; i++) {
        struct h2_message *m = h2_get(h->agent, "/api/hello");
        h2_reset(m, NGHTTP2_CANCEL);
        loop_turn(h->w->loop, false);
    }
    WAIT(h->w, h->agent->goaway && h->agent->gone);
    assert_int_equal(h->agent->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    expect_row(h, "too many HTTP/2 streams were reset");
}

/* None of these is reset by the agent: the library does it, each for a request of ours. */
static void bodies_that_contradict_their_length_end_the_connection(void **state)
{
    struct h2_world *h = *state;
    const char *fields[] = {":method", "POST", ":scheme", "https", ":authority",
            "api.anthropic.com", ":path", "/v1/forbidden", "content-length", "5", NULL, NULL};
    unsigned i = 0;
    for (; i < H2_MESSAGES && !h->agent->goaway; i++) {
        struct h2_message *m = h2_ask_raw(h->agent, fields, "four", false);
        WAIT(h->w, m->closed || h->agent->goaway);
    }
    WAIT(h->w, h->agent->goaway && h->agent->gone);
    assert_true(i > LIMIT_H2_RESETS && i < 2 * LIMIT_H2_RESETS);
    assert_int_equal(h->agent->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    expect_row(h, "too many HTTP/2 streams were reset");
}

/* What the agent breaks off counts once. */
static void as_many_resets_as_are_allowed_are_no_flood(void **state)
{
    struct h2_world *h = *state;
    for (unsigned i = 0; i < LIMIT_H2_RESETS; i++) {
        struct h2_message *m = h2_get(h->agent, "/api/hello");
        h2_reset(m, NGHTTP2_CANCEL);
    }
    struct h2_message *m = h2_get(h->agent, "/v1/forbidden");
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 403\n"));
}

/* The frame of a GET, which is not sent; nothing else is when a part of it was. */
static struct h2_message *make_get(struct h2_peer *p, struct buf *frame)
{
    const uint8_t *bytes;
    WAIT(p->world, p->settings >= 2);
    p->gone = true; /* for h2_peer_send() */
    struct h2_message *m = h2_get(p, "/v1/forbidden");
    p->gone = false;
    ssize_t n = nghttp2_session_mem_send(p->session, &bytes);
    assert_true(n > 9);
    buf_append(frame, bytes, (size_t)n);
    return m;
}

static void a_head_that_does_not_end_is_not_waited_for(void **state)
{
    struct h2_world *h = *state;
    struct buf frame = BUF_INIT;
    WAIT(h->w, h->agent->settings >= 2);
    struct h2_message *m = h2_get(h->agent, "/v1/forbidden");
    make_get(h->agent, &frame);
    chan_write(h->agent->chan, buf_data(&frame), buf_len(&frame) - 1);
    buf_release(&frame);
    WAIT(h->w, m->ended);
    assert_false(h->agent->gone);
    ahead += LIMIT_HEAD_MS / 1000 + 1;
    WAIT(h->w, h->agent->gone);
    assert_int_equal(h->agent->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    expect_row(h, "head not complete in time");
}

static void a_head_that_ended_leaves_no_clock_behind(void **state)
{
    struct h2_world *h = *state;
    struct buf frame = BUF_INIT;
    struct h2_message *m = make_get(h->agent, &frame);
    chan_write(h->agent->chan, buf_data(&frame), buf_len(&frame) - 1);
    for (int i = 0; i < 50; i++)
        loop_turn(h->w->loop, false);
    chan_write(h->agent->chan, buf_data(&frame) + buf_len(&frame) - 1, 1);
    buf_release(&frame);
    WAIT(h->w, m->ended);
    ahead += LIMIT_HEAD_MS / 1000 + 1;
    m = h2_get(h->agent, "/v1/forbidden");
    WAIT(h->w, m->ended);
}

/* The library would take the rest of it without a word, for as long as it lasts. */
static void a_bad_head_in_several_frames_ends_the_connection(void **state)
{
    struct h2_world *h = *state;
    WAIT(h->w, h->agent->settings >= 2);
    chan_write_str(h->agent->chan, STR("\0\0\x11\1\1\0\0\0\1" /* no END_HEADERS */
                                       "\x82\x87\x84"         /* GET, https, / */
                                       "\0\012connection\1x"));
    WAIT(h->w, h->agent->goaway && h->agent->gone);
    assert_int_equal(h->agent->goaway_code, NGHTTP2_PROTOCOL_ERROR);
    expect_row(h, "Invalid HTTP header");
}

static void floods_of_frames_that_carry_nothing_end_the_connection(void **state)
{
    struct h2_world *h = *state;
    for (unsigned i = 0; i < 3000; i++)
        chan_write_str(h->agent->chan, STR("\0\0\5\2\0\0\0\0\1\0\0\0\0\x10")); /* PRIORITY */
    WAIT(h->w, h->agent->goaway && h->agent->gone);
    assert_int_equal(h->agent->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    expect_row(h, "carry nothing");
}

static void floods_of_pings_end_the_connection(void **state)
{
    struct h2_world *h = *state;
    for (unsigned i = 0; i < 3000; i++)
        nghttp2_submit_ping(h->agent->session, NGHTTP2_FLAG_NONE, NULL);
    h2_peer_send(h->agent);
    WAIT(h->w, h->agent->goaway && h->agent->gone);
    assert_int_equal(h->agent->goaway_code, NGHTTP2_ENHANCE_YOUR_CALM);
    expect_row(h, "Flooding");
}

static void what_is_no_http2_ends_the_connection(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_get(h->agent, "/api/hello");
    struct peer *up = origin_wait(h->w, 0, "GET");
    chan_write_str(h->agent->chan, STR("\0\0\5\0\1\0\0\0\0hello")); /* DATA on stream 0 */
    WAIT(h->w, h->agent->gone && peer_is_gone(up));
    assert_int_equal(h->agent->goaway_code, NGHTTP2_PROTOCOL_ERROR);
    assert_false(m->ended);
}

/* Uploads that a rule wants to see whole, and that never end. */
static void streams_of_all_connections_together_have_a_limit(void **state)
{
    struct h2_world *h = *state;
    struct h2_peer *peers[LIMIT_H2_ALL_STREAMS / LIMIT_H2_STREAMS];
    const size_t count = sizeof(peers) / sizeof(*peers);
    for (size_t i = 0; i < count; i++) {
        peers[i] = h2_agent(h->w);
        WAIT(h->w, peers[i]->settings >= 2);
        for (unsigned j = 0; j < LIMIT_H2_STREAMS - 1; j++)
            h2_post(peers[i], "{", true);
        struct h2_message *last = h2_get(peers[i], "/v1/forbidden");
        WAIT(h->w, last->ended);
        assert_true(h2_has(last, ":status: 403\n"));
    }
    for (size_t i = 0; i < count; i++)
        h2_post(h->agent, "{", true);
    struct h2_message *m = h2_get(h->agent, "/v1/forbidden");
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 503\n"));
    assert_true(h2_has(m, "too many requests at once"));
    h2_reset(peers[0]->messages[0], NGHTTP2_CANCEL);
    struct h2_message *again = h2_get(peers[0], "/v1/forbidden");
    WAIT(h->w, again->ended);
    assert_true(h2_has(again, ":status: 403\n"));
    for (size_t i = 0; i < count; i++)
        h2_peer_free(peers[i]);
}

static void extended_connect_is_not_offered(void **state)
{
    struct h2_world *h = *state;
    WAIT(h->w, h->agent->settings >= 2); /* its settings, and ours are acknowledged */
    assert_int_equal(nghttp2_session_get_remote_settings(
                             h->agent->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL),
            0);
}

/* --- from HTTP/2 to HTTP/2 ------------------------------------------------------------- */

static void a_request_goes_to_an_http2_upstream_with_the_key_never_indexed(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "{\"a\":1}", false);
    struct h2_message *up = h2_request(origin(h, 0), 0);
    WAIT(h->w, up->ended);
    assert_true(h2_has(up, ":method: POST\n:scheme: https\n:authority: api.anthropic.com\n"));
    assert_true(h2_has(up, ":path: /v1/messages?beta=true (never indexed)\n"));
    assert_true(h2_has(up, "x-api-key: " REAL_KEY " (never indexed)\n"));
    assert_true(h2_has(up, "content-type: application/json\n"));
    assert_true(h2_has(up, "{\"a\":1}"));
    assert_false(h2_has(up, fake_key(h->w)));
    h2_answer(up, "200", "hello", false);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 200\n"));
    assert_true(h2_has(m, "x-reply: yes\n"));
    assert_true(h2_has(m, "hello"));
    assert_false(h2_has(m, REAL_KEY));
}

static void a_hundred_streams_share_one_upstream_connection(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *first = h2_get(h->agent, "/api/hello");
    h2_answer(h2_request(origin(h, 0), 0), "200", "first", false);
    WAIT(h->w, first->ended);
    struct h2_message *asked[100];
    for (unsigned i = 0; i < 100; i++)
        asked[i] = h2_get(h->agent, i % 10 == 3 ? "/v1/forbidden" : "/api/hello");
    WAIT(h->w, origin(h, 0)->count == 91);
    for (unsigned i = 90; i > 0; i--) {
        char body[40];
        snprintf(body, sizeof(body), "answer to %d", (int)origin(h, 0)->messages[i]->id);
        h2_answer(origin(h, 0)->messages[i], "200", body, false);
    }
    for (unsigned i = 0; i < 100; i++) {
        WAIT(h->w, asked[i]->ended);
        assert_true(h2_has(asked[i], i % 10 == 3 ? ":status: 403\n" : "answer to "));
    }
    assert_int_equal(h->w->origin_count, 1);
    assert_false(h->agent->gone || origin(h, 0)->gone);
}

static void more_streams_than_the_limit_come_when_others_have_ended(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *asked[150];
    WAIT(h->w, h->agent->settings >= 2);
    asked[0] = h2_get(h->agent, "/api/hello");
    h->origin[0] = h2_origin(h->w, 0, 1000);
    h2_answer(h2_request(origin(h, 0), 0), "200", "", false);
    WAIT(h->w, asked[0]->ended && origin(h, 0)->settings >= 2);
    for (unsigned i = 0; i < 150; i++)
        asked[i] = h2_get(h->agent, "/api/hello");
    WAIT(h->w, origin(h, 0)->count == 1 + LIMIT_H2_STREAMS);
    for (unsigned i = 1; i < 151; i++) {
        WAIT(h->w, origin(h, 0)->count > i);
        assert_true(origin(h, 0)->count <= i + LIMIT_H2_STREAMS);
        h2_answer(h2_request(origin(h, 0), i), "200", "", false);
    }
    for (unsigned i = 0; i < 150; i++)
        WAIT(h->w, asked[i]->ended && h2_has(asked[i], ":status: 200\n"));
    assert_int_equal(h->w->origin_count, 1);
}

static void what_the_upstream_does_not_take_at_once_gets_another_connection(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *a = h2_get(h->agent, "/api/hello");
    h->origin[0] = h2_origin(h->w, 0, 1);
    struct h2_message *up = h2_request(origin(h, 0), 0);
    WAIT(h->w, origin(h, 0)->settings >= 2);
    struct h2_message *b = h2_get(h->agent, "/api/hello");
    h2_answer(h2_request(origin(h, 1), 0), "200", "b", false);
    WAIT(h->w, b->ended);
    h2_answer(up, "200", "a", false);
    WAIT(h->w, a->ended);
    assert_int_equal(origin(h, 0)->count, 1);
}

static void a_large_upload_waits_for_the_upstream(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "", true);
    struct h2_message *up = h2_request(origin(h, 0), 0);
    static char block[65537];
    memset(block, 'x', sizeof(block) - 1);
    origin(h, 0)->holds = true;
    for (unsigned i = 0; i < 256; i++)
        buf_puts(&m->out, block);
    h2_say(m, "", false);
    /* The upstream's window takes 64 kB; what is on its way is bounded. */
    size_t sent = 0;
    for (;;) {
        for (int i = 0; i < 50; i++)
            loop_turn(h->w->loop, false);
        size_t now = (16u << 20) - buf_len(&m->out);
        if (now == sent && sent > 0)
            break;
        sent = now;
    }
    assert_true(up->received <= 65535);
    assert_true(sent <= 65535 + 3 * LIMIT_CHAN_HIGH);
    origin(h, 0)->holds = false;
    nghttp2_session_consume(origin(h, 0)->session, up->id, up->received);
    h2_peer_send(origin(h, 0));
    WAIT_MS(h->w, up->ended, 60000);
    assert_int_equal(up->received, 16u << 20);
    h2_answer(up, "200", "done", false);
    WAIT(h->w, m->ended);
}

static void a_large_answer_waits_for_the_agent(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_get(h->agent, "/api/hello");
    struct h2_message *up = h2_request(origin(h, 0), 0);
    static char block[65537];
    memset(block, 'x', sizeof(block) - 1);
    h->agent->holds = true;
    h2_answer(up, "200", "", true);
    for (unsigned i = 0; i < 256; i++)
        buf_puts(&up->out, block);
    h2_say(up, "", false);
    size_t sent = 0;
    for (;;) {
        for (int i = 0; i < 50; i++)
            loop_turn(h->w->loop, false);
        size_t now = (16u << 20) - buf_len(&up->out);
        if (now == sent && sent > 0)
            break;
        sent = now;
    }
    assert_true(m->received <= 65535);
    assert_true(sent <= 65535 + 4 * LIMIT_CHAN_HIGH);
    /* Another stream is not held up: its window is its own, the connection's has room. */
    h->agent->holds = false;
    nghttp2_session_consume(h->agent->session, m->id, m->received);
    h2_peer_send(h->agent);
    WAIT_MS(h->w, m->ended, 60000);
    assert_int_equal(m->received, 16u << 20);
}

/* Its window was given before; who sends into it all the same is stopped. */
static void an_upload_that_nobody_takes_is_broken_off_while_much_is_held(void **state)
{
    struct h2_world *h = *state;
    static char block[65537];
    struct h2_message *m = h2_post(h->agent, "", true);
    struct peer *up = origin_wait(h->w, 0, "\r\n\r\n");
    memset(block, 'x', sizeof(block) - 1);
    up->holds = true;
    held_add(LIMIT_HELD);
    for (unsigned i = 0; i < 256; i++)
        buf_puts(&m->out, block);
    h2_say(m, "", true);
    WAIT(h->w, m->closed);
    assert_int_equal(m->code, NGHTTP2_ENHANCE_YOUR_CALM);
    struct h2_message *next = h2_get(h->agent, "/api/hello");
    peer_say(origin_wait(h->w, 1, "GET /api/hello"), OK_EMPTY);
    WAIT(h->w, next->ended);
    held_drop(LIMIT_HELD);
    WAIT(h->w, peer_is_gone(up));
    expect_row(h, "too much is held");
}

static void an_answer_that_nobody_takes_is_cut_off_while_much_is_held(void **state)
{
    struct h2_world *h = *state;
    static char block[65537];
    struct h2_message *m = h2_post(h->agent, "{}", false);
    struct h2_message *up = h2_request(origin(h, 0), 0);
    memset(block, 'x', sizeof(block) - 1);
    h->agent->holds = true;
    held_add(LIMIT_HELD);
    h2_answer(up, "200", "", true);
    for (unsigned i = 0; i < 32; i++)
        buf_puts(&up->out, block);
    h2_say(up, "", false);
    WAIT(h->w, up->closed);
    assert_int_equal(up->code, NGHTTP2_ENHANCE_YOUR_CALM);
    held_drop(LIMIT_HELD);
    h->agent->holds = false;
    nghttp2_session_consume(h->agent->session, m->id, m->received);
    h2_peer_send(h->agent);
    WAIT(h->w, m->closed);
    assert_false(m->ended);
    assert_true(h2_has(m, ":status: 200\n") && m->received > 0);
    expect_row(h, "upstream broke off");
}

static void an_upstream_stream_that_is_reset_is_an_abort_for_the_agent(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "{}", false);
    struct h2_message *other = h2_get(h->agent, "/api/hello");
    struct h2_peer *o = origin(h, 0);
    struct h2_message *up = h2_request(o, 0);
    struct h2_peer *p2 = o;
    if (h->w->origin_count > 1)
        p2 = origin(h, 1);
    struct h2_message *up_other = h2_request(p2, p2 == o ? 1 : 0);
    if (h2_has(up, "/api/hello")) {
        struct h2_message *t = up;
        up = up_other;
        up_other = t;
    }
    h2_answer(up, "200", "part", true);
    WAIT(h->w, h2_has(m, "part"));
    h2_reset(up, NGHTTP2_INTERNAL_ERROR);
    WAIT(h->w, m->closed);
    assert_false(m->ended);
    h2_answer(up_other, "200", "fine", false);
    WAIT(h->w, other->ended);
    expect_row(h, "upstream broke off");
}

static void a_reset_before_the_head_is_502(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "{}", false);
    h2_reset(h2_request(origin(h, 0), 0), NGHTTP2_INTERNAL_ERROR);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 502\n"));
}

static void goaway_lets_streams_end_and_new_ones_go_elsewhere(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *old = h2_get(h->agent, "/api/hello");
    struct h2_message *up = h2_request(origin(h, 0), 0);
    nghttp2_submit_goaway(
            origin(h, 0)->session, NGHTTP2_FLAG_NONE, up->id, NGHTTP2_NO_ERROR, NULL, 0);
    h2_answer(up, "200", "begin ", true);
    WAIT(h->w, h2_has(old, "begin "));
    struct h2_message *fresh = h2_get(h->agent, "/api/hello");
    h2_answer(h2_request(origin(h, 1), 0), "200", "fresh", false);
    WAIT(h->w, fresh->ended);
    h2_say(up, "end", false);
    WAIT(h->w, old->ended);
    assert_true(h2_has(old, "begin end"));
    WAIT(h->w, origin(h, 0)->gone || origin(h, 0)->goaway);
}

static void a_request_that_the_upstream_did_not_look_at_is_sent_again(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_get(h->agent, "/api/hello");
    h2_reset(h2_request(origin(h, 0), 0), NGHTTP2_REFUSED_STREAM);
    h2_answer(h2_request(origin(h, 1), 0), "200", "again", false);
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, "again"));
}

static void a_stream_that_the_agent_gives_up_is_cancelled_upstream(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "{}", true);
    struct h2_message *up = h2_request(origin(h, 0), 0);
    h2_reset(m, NGHTTP2_CANCEL);
    WAIT_MS(h->w, up->closed, 1000);
    assert_int_equal(up->code, NGHTTP2_CANCEL);
    assert_false(origin(h, 0)->gone);
    struct h2_message *next = h2_get(h->agent, "/api/hello");
    h2_answer(h2_request(origin(h, 0), 1), "200", "same", false);
    WAIT(h->w, next->ended);
    assert_int_equal(h->w->origin_count, 1);
}

static void a_lost_connection_cancels_all_of_its_streams(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *first = h2_get(h->agent, "/api/hello");
    h2_answer(h2_request(origin(h, 0), 0), "200", "", false);
    WAIT(h->w, first->ended);
    for (unsigned i = 0; i < 5; i++)
        h2_post(h->agent, "{}", true);
    WAIT(h->w, origin(h, 0)->count == 6);
    chan_abort(h->agent->chan);
    h->agent->chan = NULL;
    h->agent->gone = true;
    for (unsigned i = 1; i < 6; i++)
        WAIT_MS(h->w, origin(h, 0)->messages[i]->closed, 1000);
    assert_false(origin(h, 0)->gone);
}

static void a_key_in_an_answer_is_stopped(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_post(h->agent, "{}", false);
    h2_answer(h2_request(origin(h, 0), 0), "200", "it is " REAL_KEY " indeed", false);
    WAIT(h->w, m->closed);
    assert_false(h2_has(m, REAL_KEY));
    assert_false(m->ended);
}

static void an_upstream_that_floods_is_left(void **state)
{
    struct h2_world *h = *state;
    struct h2_message *m = h2_get(h->agent, "/api/hello");
    h2_request(origin(h, 0), 0);
    for (unsigned i = 0; i < 3000; i++)
        nghttp2_submit_ping(origin(h, 0)->session, NGHTTP2_FLAG_NONE, NULL);
    h2_peer_send(origin(h, 0));
    WAIT(h->w, m->ended);
    assert_true(h2_has(m, ":status: 502\n"));
    WAIT(h->w, origin(h, 0)->gone);
}

/* --- from HTTP/1.1 to HTTP/2 ----------------------------------------------------------- */

static void an_http1_agent_is_served_by_an_http2_upstream(void **state)
{
    struct h2_world *h = *state;
    struct peer *agent = agent_api(h->w);
    char *text = xasprintf("POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n"
                           "X-Api-Key: %s\r\nTransfer-Encoding: chunked\r\nConnection: "
                           "keep-alive\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            fake_key(h->w));
    peer_say(agent, text);
    free(text);
    struct h2_message *up = h2_request(origin(h, 0), 0);
    WAIT(h->w, up->ended);
    assert_true(h2_has(up, "x-api-key: " REAL_KEY " (never indexed)\n"));
    assert_true(h2_has(up, "abc"));
    assert_false(h2_has(up, "chunked"));
    assert_false(h2_has(up, "connection"));
    h2_answer(up, "200", "hello", true);
    WAIT(h->w, peer_has(agent, "5\r\nhello\r\n"));
    assert_true(peer_has(agent, "HTTP/1.1 200 "));
    assert_true(peer_has(agent, "transfer-encoding: chunked\r\n"));
    h2_say(up, "", false);
    WAIT(h->w, peer_has(agent, "0\r\n\r\n"));

    peer_forget(agent);
    peer_say(agent, "GET /api/hello HTTP/1.1\r\nHost: api.anthropic.com\r\n\r\n");
    up = h2_request(origin(h, 0), 1);
    h2_answer(up, "204", NULL, false);
    WAIT(h->w, peer_has(agent, "HTTP/1.1 204 "));
    assert_false(peer_has(agent, "chunked"));
    assert_int_equal(h->w->origin_count, 1);
}

#define H1_UP(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define RULES(f) cmocka_unit_test_setup_teardown(f, setup_rules, teardown)
#define H2_UP(f) cmocka_unit_test_setup_teardown(f, setup_both, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            H1_UP(a_request_goes_to_an_http1_upstream_with_the_real_key),
            H1_UP(a_forbidden_path_is_403_while_other_streams_go_on),
            H1_UP(a_foreign_key_and_a_foreign_authority_are_refused),
            H1_UP(heads_that_are_no_http_end_their_stream_only),
            H1_UP(too_large_a_head_is_431_and_a_bomb_costs_nothing),
            H1_UP(the_largest_head_of_an_answer_passes),
            H1_UP(cookies_are_one_field_again),
            H1_UP(the_end_of_a_body_without_length_is_the_last_chunk),
            RULES(a_body_that_is_looked_into_may_come_in_pieces),
            H1_UP(an_event_arrives_before_the_next_one_exists),
            H1_UP(an_upstream_that_breaks_off_is_no_clean_end),
            H1_UP(what_came_before_a_break_arrives_before_the_reset),
            H1_UP(an_upload_that_nobody_takes_is_broken_off_while_much_is_held),
            RULES(a_collected_body_that_is_too_large_is_413_at_once),
            H1_UP(a_stream_that_the_agent_resets_closes_its_upstream),
            H1_UP(an_early_answer_ends_a_large_upload),
            H1_UP(an_early_answer_lets_a_small_upload_end),
            H1_UP(an_upload_without_length_is_stopped_where_dropping_ends),
            H1_UP(expectations_and_interim_answers_pass),
            H1_UP(rapid_resets_end_the_connection),
            H1_UP(bodies_that_contradict_their_length_end_the_connection),
            H1_UP(as_many_resets_as_are_allowed_are_no_flood),
            H1_UP(a_head_that_does_not_end_is_not_waited_for),
            H1_UP(a_head_that_ended_leaves_no_clock_behind),
            H1_UP(a_bad_head_in_several_frames_ends_the_connection),
            H1_UP(floods_of_frames_that_carry_nothing_end_the_connection),
            H1_UP(floods_of_pings_end_the_connection),
            H1_UP(what_is_no_http2_ends_the_connection),
            RULES(streams_of_all_connections_together_have_a_limit),
            H1_UP(extended_connect_is_not_offered),
            H2_UP(a_request_goes_to_an_http2_upstream_with_the_key_never_indexed),
            H2_UP(a_hundred_streams_share_one_upstream_connection),
            H2_UP(more_streams_than_the_limit_come_when_others_have_ended),
            H2_UP(what_the_upstream_does_not_take_at_once_gets_another_connection),
            H2_UP(a_large_upload_waits_for_the_upstream),
            H2_UP(a_large_answer_waits_for_the_agent),
            H2_UP(an_answer_that_nobody_takes_is_cut_off_while_much_is_held),
            H2_UP(an_upstream_stream_that_is_reset_is_an_abort_for_the_agent),
            H2_UP(a_reset_before_the_head_is_502),
            H2_UP(goaway_lets_streams_end_and_new_ones_go_elsewhere),
            H2_UP(a_request_that_the_upstream_did_not_look_at_is_sent_again),
            H2_UP(a_stream_that_the_agent_gives_up_is_cancelled_upstream),
            H2_UP(a_lost_connection_cancels_all_of_its_streams),
            H2_UP(a_key_in_an_answer_is_stopped),
            H2_UP(an_upstream_that_floods_is_left),
            H2_UP(an_http1_agent_is_served_by_an_http2_upstream),
    };
    return cmocka_run_group_tests_name("h2", tests, NULL, NULL);
}
