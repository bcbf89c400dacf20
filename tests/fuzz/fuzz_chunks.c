/*
 * fuzz_chunks.c - chunked bodies. What is accepted is what the plainest reading of RFC 9112
 * section 7.1 gives, byte for byte and with the same end, however it is cut into reads; what
 * that reading refuses is refused.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "http/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void collect(void *ctx, struct str piece)
{
    CHECK(piece.n > 0);
    buf_append_str(ctx, piece);
}

/* The line at *at without its CRLF. False: no whole line, or one with a bare CR or LF. */
static bool line_take(struct str in, size_t *at, struct str *ret)
{
    const char *start = in.p + *at;
    const char *end = *at < in.n ? memchr(start, '\n', in.n - *at) : NULL;
    if (!end || end == start || end[-1] != '\r')
        return false;
    *ret = (struct str){start, (size_t)(end - 1 - start)};
    *at += ret->n + 2;
    return !memchr(ret->p, '\r', ret->n);
}

static bool size_read(struct str line, uint64_t *ret)
{
    size_t n = 0;
    *ret = 0;
    for (; n < line.n && strchr("0123456789abcdefABCDEF", line.p[n]) && line.p[n]; n++) {
        if (*ret >> 60)
            return false;
        *ret = *ret * 16 + strtoull((char[2]){line.p[n]}, NULL, 16);
    }
    return n > 0 && (n == line.n || line.p[n] == ';');
}

/* The bytes used by a whole body, or -1 if there is none. */
static long plain_reading(struct str in, struct buf *out)
{
    size_t at = 0;
    struct str line;
    uint64_t n;
    do {
        if (!line_take(in, &at, &line) || !size_read(line, &n))
            return -1;
        if (n == 0)
            break;
        if (in.n - at < 2 || n > in.n - at - 2 || memcmp(in.p + at + n, "\r\n", 2) != 0)
            return -1;
        buf_append(out, in.p + at, n);
        at += n + 2;
    } while (true);
    do {
        if (!line_take(in, &at, &line))
            return -1;
    } while (line.n > 0);
    return (long)at;
}

/* The bytes used, -1: refused; *done tells a whole body. */
static long feed(struct str in, size_t step, struct buf *out, bool *done)
{
    struct http_fault fault = {0};
    struct http_body body;
    size_t at = 0;
    http_body_init(&body, HTTP_CHUNKED, 0);
    while (at < in.n && !body.done) {
        size_t n = in.n - at < step ? in.n - at : step;
        long used = http_body_feed(&body, (struct str){in.p + at, n}, collect, out, &fault);
        CHECK(used >= 0 || (fault.status == 400 && fault.reason));
        if (used < 0)
            return -1;
        CHECK((size_t)used <= n && ((size_t)used == n || body.done));
        at += (size_t)used;
    }
    CHECK(body.bytes == buf_len(out));
    *done = body.done;
    return (long)at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t step = (size_t)data[0] % 23 + 1;
    struct str in = {(const char *)data + 1, size - 1};
    struct buf whole = BUF_INIT, pieces = BUF_INIT, plain = BUF_INIT;
    bool done = false, done_pieces = false;
    long used = feed(in, in.n + 1, &whole, &done);
    long used_pieces = feed(in, step, &pieces, &done_pieces);
    CHECK(used == used_pieces && done == done_pieces);
    if (done) {
        CHECK(plain_reading(in, &plain) == used);
        CHECK(str_eq(buf_str(&plain), buf_str(&whole)));
        CHECK(str_eq(buf_str(&pieces), buf_str(&whole)));
    }
    buf_release(&whole);
    buf_release(&pieces);
    buf_release(&plain);
    return 0;
}
