/*
 * fuzz_http1.c - heads and bodies from either side. Beyond memory safety: however the bytes
 * are cut into reads, the result is the same; what is accepted has one framing, and llhttp in
 * strict mode reads the same out of it; every view lies inside the input; and what is written
 * as chunks reads back as it was.
 */
#include <llhttp.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "http/http1.h"
#include "proxy/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_head head;

static void check_view(struct str view, struct str in)
{
    CHECK(view.n == 0 || (view.p >= in.p && view.p + view.n <= in.p + in.n));
}

static void check_head(struct str in)
{
    check_view(head.method, in);
    check_view(head.target, in);
    check_view(head.host, in);
    check_view(head.reason, in);
    CHECK(head.count <= LIMIT_HTTP_FIELDS);
    unsigned lengths = 0, codings = 0;
    for (size_t i = 0; i < head.count; i++) {
        const struct http_field *field = &head.fields[i];
        check_view(field->name, in);
        check_view(field->value, in);
        CHECK(field->name.n > 0);
        CHECK(!memchr(field->value.p, '\n', field->value.n));
        CHECK(!memchr(field->value.p, '\r', field->value.n));
        lengths += field->known == HTTP_CONTENT_LENGTH;
        codings += field->known == HTTP_TRANSFER_ENCODING;
    }
    CHECK(lengths + codings <= 1);
}

/* --- the same by llhttp ----------------------------------------------------------------- */

static struct {
    struct str target, reason;
    struct str names[LIMIT_HTTP_FIELDS], values[LIMIT_HTTP_FIELDS];
    size_t names_count, values_count;
    bool done;
} other;

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    (void)parser;
    other.target = (struct str){at, n};
    return 0;
}

static int on_status(llhttp_t *parser, const char *at, size_t n)
{
    (void)parser;
    other.reason = (struct str){at, n};
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t n)
{
    (void)parser;
    CHECK(other.names_count < LIMIT_HTTP_FIELDS);
    other.names[other.names_count++] = (struct str){at, n};
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n)
{
    (void)parser;
    CHECK(other.values_count < LIMIT_HTTP_FIELDS);
    other.values[other.values_count++] = str_trim((struct str){at, n});
    return 0;
}

static int on_done(llhttp_t *parser)
{
    (void)parser;
    other.done = true;
    return HPE_PAUSED;
}

/* llhttp takes the methods of its list only, and looks into absolute targets. */
static bool llhttp_is_narrower(llhttp_errno_t rc, const char *reason)
{
    return rc == HPE_INVALID_METHOD ||
           strcmp(reason, "Invalid method for HTTP/x.x request") == 0 ||
           (rc == HPE_INVALID_URL && head.target.p[0] != '/') ||
           (rc == HPE_INVALID_CONSTANT && head.method.p[0] == 'S');
}

static void check_llhttp(struct str in, bool request)
{
    static const llhttp_settings_t settings = {.on_url = on_url,
            .on_status = on_status,
            .on_header_field = on_field,
            .on_header_value = on_value,
            .on_headers_complete = on_done};
    llhttp_t parser;
    /* It knows no tab behind a length or a coding. */
    if (memmem(in.p, in.n, "\t\r\n", 3))
        return;
    memset(&other, 0, sizeof(other));
    llhttp_init(&parser, request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    llhttp_errno_t rc = llhttp_execute(&parser, in.p, in.n);
    if (!other.done && request && llhttp_is_narrower(rc, llhttp_get_error_reason(&parser)))
        return;
    CHECK(other.done);
    CHECK(parser.http_major == 1 && parser.http_minor == head.minor);
    CHECK(str_eq(other.target, head.target) && str_eq(other.reason, head.reason));
    CHECK(request || parser.status_code == head.status);
    CHECK(other.names_count == head.count && other.values_count == head.count);
    for (size_t i = 0; i < head.count; i++) {
        CHECK(str_eq(other.names[i], head.fields[i].name));
        CHECK(str_eq(other.values[i], head.fields[i].value));
    }
    CHECK(!request || (head.framing == HTTP_CHUNKED) == ((parser.flags & F_CHUNKED) != 0));
    CHECK(!head.has_length || parser.content_length == head.length);
}

/* The end of a head does not depend on how it came. */
static long scan(struct str in, size_t step)
{
    struct http_fault fault = {0};
    struct http_scan whole = {0}, pieces = {0};
    long expect = http_scan_head(&whole, in, &fault);
    long got = 0;
    for (size_t n = 1; n <= in.n && got == 0; n += step)
        got = http_scan_head(&pieces, (struct str){in.p, n}, &fault);
    if (got == 0)
        got = http_scan_head(&pieces, in, &fault);
    CHECK(got == expect);
    return expect;
}

static void collect(void *ctx, struct str piece)
{
    buf_append_str(ctx, piece);
}

static long feed(enum http_framing framing, uint64_t length, struct str in, size_t step,
        struct buf *got, bool *done)
{
    struct http_fault fault;
    struct http_body body;
    size_t at = 0;
    http_body_init(&body, framing, length);
    while (at < in.n && !body.done) {
        size_t n = in.n - at < step ? in.n - at : step;
        long used = http_body_feed(&body, (struct str){in.p + at, n}, collect, got, &fault);
        if (used < 0)
            return -1;
        CHECK((size_t)used == n || body.done);
        at += (size_t)used;
    }
    CHECK(body.bytes == buf_len(got));
    *done = body.done;
    return (long)at;
}

static void check_body(struct str in, size_t step)
{
    enum http_framing framing = head.framing == HTTP_NO_BODY ? HTTP_CHUNKED : head.framing;
    struct buf whole = BUF_INIT, pieces = BUF_INIT, again = BUF_INIT, out = BUF_INIT;
    bool done = false, done_pieces = false;
    long used = feed(framing, head.length, in, in.n + 1, &whole, &done);
    long used_pieces = feed(framing, head.length, in, step, &pieces, &done_pieces);
    if (used >= 0) {
        CHECK(used == used_pieces && done == done_pieces);
        CHECK(str_eq(buf_str(&whole), buf_str(&pieces)));
    } else {
        CHECK(used_pieces < 0);
    }
    http_put_chunk(&out, buf_str(&whole));
    http_put_last_chunk(&out);
    CHECK(feed(HTTP_CHUNKED, 0, buf_str(&out), step, &again, &done) == (long)buf_len(&out));
    CHECK(done && str_eq(buf_str(&whole), buf_str(&again)));
    buf_release(&whole);
    buf_release(&pieces);
    buf_release(&again);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_fault fault;
    if (size < 2)
        return 0;
    size_t step = (size_t)data[0] % 17 + 1;
    struct str in = {(const char *)data + 2, size - 2};
    long n = scan(in, step);
    if (n <= 0)
        return 0;
    struct str bytes = {in.p, (size_t)n};
    int rc = data[1] % 3 == 0 ? http_parse_request(&head, bytes, &fault)
                              : http_parse_response(&head, bytes, data[1] % 3 == 1, &fault);
    if (rc < 0) {
        CHECK(fault.status >= 400 && fault.reason);
        return 0;
    }
    check_head(bytes);
    check_llhttp(bytes, data[1] % 3 == 0);
    (void)path_is_suspicious(head.target);
    check_body((struct str){in.p + n, in.n - (size_t)n}, step);
    return 0;
}
