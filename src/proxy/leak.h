/*
 * leak.h - a real key in a stream of bytes that is cut anywhere: found before it is passed on.
 *
 *     struct leak leak = LEAK_INIT;
 *     leak_add(&leak, provider->key);
 *     ...
 *     if (leak_is_clean(&leak, piece))
 *         ... pass the piece on as it is, without a copy
 *     else if (leak_feed(&leak, piece, sink, ctx) < 0)
 *         ... a key is in there: the bytes before it were passed on, nothing else ever will be
 *     ...
 *     leak_finish(&leak, sink, ctx);   // clean end: what was held back
 *     leak_release(&leak);             // or an abort: it is wiped
 *
 * Only the key as it is counts; encoded, escaped or compressed forms are not looked for.
 * An end of a piece that may be the beginning of a key is held back (copied, wiped later)
 * until the next piece tells: at most one byte less than the longest key.
 */
#ifndef SRC_PROXY_LEAK_H
#define SRC_PROXY_LEAK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/mem.h"
#include "http/http1.h"

#define LEAK_KEYS 4
#define LEAK_LEAST 8

struct leak {
    const struct secret *keys[LEAK_KEYS]; /* borrows; longer than the stream lives */
    size_t count;
    size_t longest;
    struct buf held; /* owns */
    bool found;
};

#define LEAK_INIT                                                                              \
    {                                                                                          \
        .held = BUF_INIT                                                                       \
    }

/* At most LEAK_KEYS, before the first piece. One under LEAK_LEAST bytes is no secret ("ollama",
 * "none": local servers want any) and occurs by chance: it is not looked for. */
void leak_add(struct leak *leak, const struct secret *key);

/* Nothing is held back, no key is in `in` and none can begin at its end. Changes nothing. */
bool leak_is_clean(const struct leak *leak, struct str in);

/* Is a whole key in these bytes, which are no piece of the stream? */
bool leak_has(const struct leak *leak, struct str bytes);

/* 0, or -1 from the piece on that completes a key. sink is called with views of `in` or of
 * held bytes, none of them empty, valid during the call; it does not call back into this. */
int leak_feed(struct leak *leak, struct str in, http_sink_fn sink, void *ctx);

/* The stream ended properly; nothing is passed on if a key was found. */
void leak_finish(struct leak *leak, http_sink_fn sink, void *ctx);

/* Wipes what is held back; the keys are forgotten too. */
void leak_release(struct leak *leak);

#endif
