/*
 * inflate.h - a body with a Content-Encoding, decoded on a copy while it goes by.
 *
 * For looking only: an error, a bomb or a window that is too large ends the looking, never
 * the body. What came out before was handed over already.
 */
#ifndef SRC_PROXY_INFLATE_H
#define SRC_PROXY_INFLATE_H

#include <stdbool.h>

#include "base/str.h"
#include "proxy/http1.h"

struct inflate;

/* One of gzip, x-gzip, deflate, br, zstd, in any case. NULL for everything else, lists too. */
struct inflate *inflate_new(struct str content_encoding);

/* `sink` gets what comes out, in pieces of at most 16 KiB. False: no more will come. */
bool inflate_feed(struct inflate *self, struct str in, http_sink_fn sink, void *ctx);

void inflate_free(struct inflate *self); /* NULL is fine */

#endif
