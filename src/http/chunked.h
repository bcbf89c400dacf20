/*
 * chunked.h - the chunked coding (RFC 9112 section 7.1), read strictly and without a buffer.
 *
 * Extensions and trailers are checked and dropped; together they may have LIMIT_HTTP_HEAD
 * bytes in one body. Bare CR or LF, blanks around a size and sizes of more than 16 digits are
 * faults: what a laxer reader takes for the end of a chunk must be the end for us too.
 */
#ifndef SRC_HTTP_CHUNKED_H
#define SRC_HTTP_CHUNKED_H

#include <stdbool.h>

#include "base/str.h"

/* No memory of its own; {0} is the beginning of a body. */
struct chunked {
    int state;
    unsigned digits; /* of the size being read */
    uint64_t left;   /* of the chunk */
    size_t dropped;  /* bytes of extensions and trailers so far */
};

typedef void (*http_sink_fn)(void *ctx, struct str piece);

/* Hands the body's bytes in `in` to sink. Returns how many bytes of `in` were used: all,
 * unless the body ended; -1: *reason says why it is no such body. */
long chunked_feed(
        struct chunked *c, struct str in, http_sink_fn sink, void *ctx, const char **reason);
bool chunked_done(const struct chunked *c);

#endif
