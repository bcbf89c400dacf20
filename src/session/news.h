/*
 * news.h - what an agent tells its user by itself: notices, texts for the clipboard, and that
 * it prints without end. All of it is the agent's, so all of it is bounded, and nothing of it
 * does anything but say so.
 */
#ifndef SRC_SESSION_NEWS_H
#define SRC_SESSION_NEWS_H

#include "base/buf.h"
#include "io/loop.h"

struct news_ops {
    void (*on_notice)(void *ctx, const char *text); /* one line, safe to print */
    void (*on_clipboard)(void *ctx);
    void (*on_busy)(void *ctx);
};

struct news {
    struct loop *loop; /* borrows */
    const struct news_ops *ops;
    void *ctx;
    unsigned credit; /* lines that may be said now */
    uint64_t credit_at;
    unsigned left_out;    /* since the last one that was said */
    struct buf clipboard; /* owns; what it wants copied; empty: nothing */
    uint64_t window_at;
    size_t window_bytes;
    bool busy;
    struct timer *timer; /* owns; runs while it is busy */
};

void news_init(struct news *news, struct loop *loop, const struct news_ops *ops, void *ctx);
void news_release(struct news *news);

/* From the emulator. */
void news_notice(struct news *news, struct str text);
void news_clipboard(struct news *news, struct str text);
/* So many bytes were printed. */
void news_output(struct news *news, size_t n);

#endif
