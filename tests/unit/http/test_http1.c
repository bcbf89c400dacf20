/*
 * test_http1.c - heads and bodies: what is accepted means one thing only, the rest is refused.
 */
#include "http/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static struct http_head head; /* too large for the stack of every test */
static struct http_fault fault;

/* Scan and parse a request as the tunnel does it; 0 or the status it is refused with. */
static int request(const char *text)
{
    struct http_scan scan = {0};
    struct str in = str_of(text);
    long n = http_scan_head(&scan, in, &fault);
    if (n == 0)
        return -1;
    if (n < 0 || http_parse_request(&head, (struct str){in.p, (size_t)n}, &fault) < 0)
        return fault.status;
    return 0;
}

static int response(const char *text, bool to_head)
{
    struct http_scan scan = {0};
    struct str in = str_of(text);
    long n = http_scan_head(&scan, in, &fault);
    if (n <= 0 ||
            http_parse_response(&head, (struct str){in.p, (size_t)n}, to_head, &fault) < 0)
        return -1;
    return head.status;
}

static void a_plain_request_gives_its_parts(void **state)
{
    (void)state;
    assert_int_equal(request("POST /v1/messages?beta=true HTTP/1.1\r\nHost: api.test\r\n"
                             "X-Api-Key:  sk-1 \t\r\nContent-Length: 12\r\n\r\nrest"),
            0);
    assert_true(str_eq(head.method, STR("POST")));
    assert_true(str_eq(head.target, STR("/v1/messages?beta=true")));
    assert_true(str_eq(head.host, STR("api.test")));
    assert_int_equal(head.framing, HTTP_LENGTH);
    assert_int_equal(head.length, 12);
    assert_true(head.keep_alive);
    size_t at = 0;
    const struct http_field *field = http_next(&head, STR("x-api-key"), &at);
    assert_non_null(field);
    assert_true(str_eq(field->value, STR("sk-1")));
    assert_null(http_next(&head, STR("x-api-key"), &at));
}

static void a_head_that_comes_byte_by_byte_is_found_where_it_ends(void **state)
{
    (void)state;
    const char *text = "GET / HTTP/1.1\r\nHost: a\r\nX:\tb\r\n\r\nGET /next";
    size_t whole = (size_t)(strstr(text, "GET /next") - text);
    struct http_scan scan = {0};
    for (size_t n = 0; n <= strlen(text); n++) {
        long got = http_scan_head(&scan, (struct str){text, n}, &fault);
        assert_int_equal(got, n < whole ? 0 : (long)whole);
        if (got)
            break;
    }
}

static void a_folded_line_is_seen_however_it_is_cut(void **state)
{
    (void)state;
    const char *text = "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n";
    struct http_scan scan = {0};
    long got = 0;
    for (size_t n = 1; n <= strlen(text) && got == 0; n++)
        got = http_scan_head(&scan, (struct str){text, n}, &fault);
    assert_int_equal(got, -1);
    assert_string_equal(fault.reason, "folded header line");
}

static void ambiguous_requests_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int status;
    } cases[] = {
            {"GET / HTTP/1.1\nHost: a\n\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\n X: b\r\nHost: a\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\n: a\r\nHost: a\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHo\"st: a\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\x7f\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nX: a\r\n\r\n", 400},
            {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
            {" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
            {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
            {"GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505},
            {"GET / HTTP/1.01\r\nHost: a\r\n\r\n", 505},
            {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET /\r\n\r\n", 505},
            {"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"get / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"PRI * HTTP/2.0\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
             "chunked\r\n\r\n",
                    400},
            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: "
             "3\r\n\r\n",
                    400},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
                    400},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
                    400},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
             "chunked\r\n\r\n",
                    400},
            {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
            {"POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\n\r\n", 417},
            {"GET / HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n", 400},
            {"CONNECT a:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n", 400},
            {"GET / HTTP/2\r\nHost: a\r\n\r\n", 505},
            {"GET / HTTP/1.1\t\r\nHost: a\r\n\r\n", 400},
            {"GET / HTTPS/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET\r\n\r\n", 400},
            {"GET \r\n\r\n", 400},
            {"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET ://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"-GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\r\nX\xe4: b\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n", 400},
            {"GET / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n", 417},
            {"\r\n\r\n", 400},
            {"\x16\x03\x01\x02", 400},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int got = request(cases[i].text);
        if (got != cases[i].status)
            fail_msg("case %zu %s: got %d %s", i, cases[i].text, got, fault.reason);
    }
}

static void what_is_unusual_but_clear_is_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {
            {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 1},
            {"GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t \r\nZ:b\r\n\r\n", 4},
            {"GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\xff:\r\n\r\n", 2},
            {"GET http://a/b?c HTTP/1.1\r\nHost: a\r\n\r\n", 1},
            {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 1},
            {"M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", 1},
            {"BREW / HTTP/1.0\r\n\r\n", 0},
            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 007\r\n\r\n", 2},
            {"GET / HTTP/1.1\r\nHost: a\r\nConnection: , ,close,\r\n\r\n", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (request(cases[i].text) != 0)
            fail_msg("refused: %s (%s)", cases[i].text, fault.reason);
        assert_int_equal(head.count, cases[i].count);
    }
}

static void a_control_byte_is_seen_wherever_it_stands(void **state)
{
    (void)state;
    char text[64];
    for (size_t at = 0; at < sizeof(text); at++) {
        for (int c = 0; c < 256; c++) {
            struct http_scan scan = {0};
            memset(text, 'x', sizeof(text));
            text[at] = (char)c;
            bool bad = (c < 0x20 && c != '\t' && !(c == '\r' && at + 1 == sizeof(text))) ||
                       c == 0x7f;
            long got = http_scan_head(&scan, (struct str){text, sizeof(text)}, &fault);
            if (got != (bad ? -1 : 0))
                fail_msg("byte %d at %zu: %ld", c, at, got);
        }
    }
}

static void endless_connection_options_are_refused(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct buf text = BUF_INIT;
        buf_puts(&text, "GET / HTTP/1.1\r\nHost: a\r\nConnection: ");
        for (int i = 0; i < LIMIT_HTTP_OPTIONS + more; i++)
            buf_puts(&text, "a,");
        buf_append(&text, "\r\n\r\n", 5);
        assert_int_equal(request(buf_data(&text)), more ? 400 : 0);
        buf_release(&text);
    }
    assert_string_equal(fault.reason, "too many Connection options");
}

static void a_nul_in_the_head_is_refused(void **state)
{
    (void)state;
    struct http_scan scan = {0};
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    assert_int_equal(http_scan_head(&scan, (struct str){text, sizeof(text) - 1}, &fault), -1);
    assert_int_equal(fault.status, 400);
}

static void a_head_without_end_stops_at_the_limit(void **state)
{
    (void)state;
    struct http_scan scan = {0};
    char *text = xmalloc(LIMIT_HTTP_HEAD);
    memset(text, 'a', LIMIT_HTTP_HEAD);
    assert_int_equal(http_scan_head(&scan, (struct str){text, LIMIT_HTTP_HEAD - 1}, &fault), 0);
    assert_int_equal(http_scan_head(&scan, (struct str){text, LIMIT_HTTP_HEAD}, &fault), -1);
    assert_int_equal(fault.status, 431);
    free(text);
}

static void too_many_fields_are_refused(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    buf_puts(&text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 1; i < LIMIT_HTTP_FIELDS; i++)
        buf_puts(&text, "A: b\r\n");
    size_t most = buf_len(&text);
    buf_append(&text, "\r\n", 3);
    assert_int_equal(request(buf_data(&text)), 0);
    assert_int_equal(head.count, LIMIT_HTTP_FIELDS);
    text.len = text.off + most;
    buf_append(&text, "A: b\r\n\r\n", 9);
    assert_int_equal(request(buf_data(&text)), 431);
    buf_release(&text);
}

static void hop_by_hop_fields_and_those_named_by_connection_are_marked(void **state)
{
    (void)state;
    assert_int_equal(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Foo , close\r\n"
                             "x-foo: 1\r\nTE: trailers\r\nProxy-Authorization: b\r\n"
                             "Keep-Alive: 5\r\nX-Bar: 2\r\n\r\n"),
            0);
    assert_false(head.keep_alive);
    static const struct {
        const char *name;
        bool hop;
    } want[] = {{"host", false}, {"connection", true}, {"x-foo", true}, {"te", true},
            {"proxy-authorization", true}, {"keep-alive", true}, {"x-bar", false}};
    for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
        size_t at = 0;
        const struct http_field *field = http_next(&head, str_of(want[i].name), &at);
        assert_non_null(field);
        assert_int_equal(field->hop, want[i].hop);
    }
}

static void keep_alive_follows_version_and_connection(void **state)
{
    (void)state;
    assert_int_equal(request("GET / HTTP/1.0\r\n\r\n"), 0);
    assert_false(head.keep_alive);
    assert_int_equal(request("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 0);
    assert_true(head.keep_alive);
    assert_int_equal(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n"), 0);
    assert_false(head.keep_alive);
    assert_int_equal(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                             "Upgrade: websocket\r\n\r\n"),
            0);
    assert_true(head.upgrade);
    assert_int_equal(request("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"), 0);
    assert_false(head.upgrade);
}

static void response_framing_follows_the_standard(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool to_head;
        enum http_framing framing;
    } cases[] = {
            {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", false, HTTP_LENGTH},
            {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", true, HTTP_NO_BODY},
            {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, HTTP_NO_BODY},
            {"HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n", false, HTTP_CHUNKED},
            {"HTTP/1.1 200 OK\r\n\r\n", false, HTTP_TO_CLOSE},
            {"HTTP/1.0 200 OK\r\n\r\n", false, HTTP_TO_CLOSE},
            {"HTTP/1.1 204 No Content\r\n\r\n", false, HTTP_NO_BODY},
            {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, HTTP_NO_BODY},
            {"HTTP/1.1 103 Early Hints\r\n\r\n", false, HTTP_NO_BODY},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_true(response(cases[i].text, cases[i].to_head) >= 100);
        assert_int_equal(head.framing, cases[i].framing);
    }
}

static void an_answer_that_announces_a_body_it_cannot_have_ends_the_connection(void **state)
{
    (void)state;
    assert_int_equal(
            response("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", false), 204);
    assert_int_equal(head.framing, HTTP_NO_BODY);
    assert_false(head.keep_alive);
    assert_int_equal(
            response("HTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n", false), 204);
    assert_false(head.keep_alive);
    assert_int_equal(
            response("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", false), 204);
    assert_true(head.keep_alive);
    assert_int_equal(response("HTTP/1.1 304 x\r\nContent-Length: 3\r\n\r\n", false), 304);
    assert_true(head.keep_alive);
}

static void ambiguous_responses_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 99 OK\r\n\r\n",
            "HTTP/1.1 600 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "ICY 200 OK\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (response(cases[i], false) >= 0)
            fail_msg("accepted: %s", cases[i]);
    }
}

static void collect(void *ctx, struct str piece)
{
    buf_append_str(ctx, piece);
}

/* Feed in pieces of `step` bytes; the body in *got; what was used, or -1. */
static long feed(enum http_framing framing, uint64_t length, const char *text, size_t step,
        struct buf *got, bool *done)
{
    struct http_body body;
    http_body_init(&body, framing, length);
    size_t total = strlen(text), at = 0;
    while (at < total && !body.done) {
        size_t n = total - at < step ? total - at : step;
        long used = http_body_feed(&body, (struct str){text + at, n}, collect, got, &fault);
        if (used < 0)
            return -1;
        at += (size_t)used;
    }
    *done = body.done;
    return (long)at;
}

static void bodies_come_out_whole_however_they_are_cut(void **state)
{
    (void)state;
    const char *chunked = "5\r\nhello\r\n1;x=\"y\\\"\";z;w=1\r\n "
                          "\r\n00A\r\n0123456789\r\n0\r\nT: v\r\nU:\r\n\r\n";
    struct buf text = BUF_INIT;
    buf_puts(&text, chunked);
    buf_append(&text, "NEXT", 5);
    for (size_t step = 1; step <= strlen(chunked) + 4; step++) {
        struct buf got = BUF_INIT;
        bool done = false;
        assert_int_equal(
                feed(HTTP_CHUNKED, 0, buf_data(&text), step, &got, &done), strlen(chunked));
        assert_true(done);
        assert_true(str_eq(buf_str(&got), STR("hello 0123456789")));
        buf_clear(&got);
        assert_int_equal(feed(HTTP_LENGTH, 7, "1234567NEXT", step, &got, &done), 7);
        assert_true(done);
        assert_true(str_eq(buf_str(&got), STR("1234567")));
        buf_release(&got);
    }
    buf_release(&text);
}

static void malformed_chunks_are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabcXX0\r\n\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "3 \r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            "-3\r\nabc\r\n0\r\n\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "\r\nabc\r\n0\r\n\r\n",
            "g\r\nabc\r\n0\r\n\r\n",
            "3;a=b\nabc\r\n0\r\n\r\n",
            "3;\x01\r\nabc\r\n0\r\n\r\n",
            "10000000000000000\r\nabc\r\n0\r\n\r\n",
            "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
            "3\r\nabc\r\n0\r\nX : y\r\n\r\n",
            "3\r\nabc\r\n0\r\nX: y\n\n",
            "3\r\nabc\r\n0\r\n\n",
            "3\r\nabc\r\n0\r\nX: y\r\n\n",
            "3\r\nabc\r\n0\r\nX: y\r\n z\r\n\r\n",
            "3\r\nabc\r\n0\r\nX\r\n\r\n",
            "3\r\nabc\r\n0\r\n: y\r\n\r\n",
            "3\r\nabc\r\n0\r\nX: \x01\r\n\r\n",
            "3\r\nabc\r\n0\r\nX: y\rz\r\n\r\n",
            "3;\r\nabc\r\n0\r\n\r\n",
            "3; a=b\r\nabc\r\n0\r\n\r\n",
            "3;a=\r\nabc\r\n0\r\n\r\n",
            "3;a=\"b\r\nabc\r\n0\r\n\r\n",
            "3;a=\"b\"c\r\nabc\r\n0\r\n\r\n",
            "3;a=b\rabc\r\n0\r\n\r\n",
            "3\rabc\r\n0\r\n\r\n",
            "3\r\nabc\r\n00000000000000000\r\n\r\n",
            "3\r\nabc\r\n;a\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (size_t step = 1; step < 64; step += 62) {
            struct buf got = BUF_INIT;
            bool done = false;
            long used = feed(HTTP_CHUNKED, 0, cases[i], step, &got, &done);
            buf_release(&got);
            if (used >= 0 && done)
                fail_msg("accepted: %s", cases[i]);
        }
    }
}

static void endless_chunk_extensions_and_trailers_stop(void **state)
{
    (void)state;
    for (int trailer = 0; trailer < 2; trailer++) {
        struct http_body body;
        struct buf got = BUF_INIT;
        http_body_init(&body, HTTP_CHUNKED, 0);
        struct str start = trailer ? STR("0\r\nA: ") : STR("5;a=");
        assert_int_equal(http_body_feed(&body, start, collect, &got, &fault), start.n);
        long used = 0;
        size_t sent = 0;
        while (used >= 0 && sent < 4 * LIMIT_HTTP_HEAD) {
            used = http_body_feed(
                    &body, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), collect, &got, &fault);
            sent += 32;
        }
        assert_int_equal(used, -1);
        assert_true(sent <= 2 * LIMIT_HTTP_HEAD);
        buf_release(&got);
    }
}

static void only_a_close_delimited_body_ends_with_the_connection(void **state)
{
    (void)state;
    struct http_body body;
    http_body_init(&body, HTTP_TO_CLOSE, 0);
    assert_true(http_body_eof(&body));
    http_body_init(&body, HTTP_LENGTH, 5);
    assert_false(http_body_eof(&body));
    http_body_init(&body, HTTP_CHUNKED, 0);
    assert_false(http_body_eof(&body));
}

static void what_is_written_as_chunks_reads_back(void **state)
{
    (void)state;
    struct buf out = BUF_INIT, got = BUF_INIT;
    char big[5000];
    memset(big, 'x', sizeof(big));
    http_put_chunk(&out, STR("event: a\n\n"));
    http_put_chunk(&out, STR(""));
    http_put_chunk(&out, (struct str){big, sizeof(big)});
    http_put_last_chunk(&out);
    buf_putc(&out, '\0');
    bool done = false;
    assert_int_equal(feed(HTTP_CHUNKED, 0, buf_data(&out), 7, &got, &done), buf_len(&out) - 1);
    assert_true(done);
    assert_int_equal(buf_len(&got), 10 + sizeof(big));
    buf_release(&out);
    buf_release(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_plain_request_gives_its_parts),
            cmocka_unit_test(a_head_that_comes_byte_by_byte_is_found_where_it_ends),
            cmocka_unit_test(a_folded_line_is_seen_however_it_is_cut),
            cmocka_unit_test(ambiguous_requests_are_refused),
            cmocka_unit_test(what_is_unusual_but_clear_is_accepted),
            cmocka_unit_test(a_control_byte_is_seen_wherever_it_stands),
            cmocka_unit_test(endless_connection_options_are_refused),
            cmocka_unit_test(a_nul_in_the_head_is_refused),
            cmocka_unit_test(a_head_without_end_stops_at_the_limit),
            cmocka_unit_test(too_many_fields_are_refused),
            cmocka_unit_test(hop_by_hop_fields_and_those_named_by_connection_are_marked),
            cmocka_unit_test(keep_alive_follows_version_and_connection),
            cmocka_unit_test(response_framing_follows_the_standard),
            cmocka_unit_test(
                    an_answer_that_announces_a_body_it_cannot_have_ends_the_connection),
            cmocka_unit_test(ambiguous_responses_are_refused),
            cmocka_unit_test(bodies_come_out_whole_however_they_are_cut),
            cmocka_unit_test(malformed_chunks_are_refused),
            cmocka_unit_test(endless_chunk_extensions_and_trailers_stop),
            cmocka_unit_test(only_a_close_delimited_body_ends_with_the_connection),
            cmocka_unit_test(what_is_written_as_chunks_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
