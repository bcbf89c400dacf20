/*
 * inflate.h - a body with a Content-Encoding, decoded on a copy while it goes by.
 *
 * For looking only, without an end to how much. Memory is the decoder's window, and time is
 * bounded by LIMIT_INFLATE_RATIO; an error, a bomb or a window that is too large, or larger
 * than there is room for (held.h), ends the looking. What came out before was handed over
 * already.
 */
#ifndef SRC_PROXY_INFLATE_H
#define SRC_PROXY_INFLATE_H

#include <stdbool.h>

#include "base/str.h"
#include "http/http1.h"

struct inflate;

enum inflate_state {
    INFLATE_MORE, /* all that came was looked at */
    INFLATE_END,  /* the coding has ended properly; what follows is no part of it */
    INFLATE_LOST  /* what else there is nobody can look at */
};

/* One of gzip, x-gzip, deflate, br, zstd, in any case. NULL for everything else, lists too. */
struct inflate *inflate_new(struct str content_encoding);

/* `sink` gets what comes out, in pieces of at most 16 KiB. After END and LOST nothing will. */
enum inflate_state inflate_feed(
        struct inflate *self, struct str in, http_sink_fn sink, void *ctx);

void inflate_free(struct inflate *self); /* NULL is fine */

#endif
