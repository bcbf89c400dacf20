/*
 * loop_priv.h - the inside of the loop, for the files of src/io only.
 */
#ifndef SRC_IO_LOOP_PRIV_H
#define SRC_IO_LOOP_PRIV_H

#include <uv.h>

#include "base/buf.h"
#include "io/loop.h"

/* One read(2) takes at most this much; four TLS records. */
#define LOOP_READ_SIZE 65536

/* How many objects of one kind are open; names are compared by content. */
struct tally {
    const char *name; /* borrows, a literal */
    unsigned open;
};

struct post;

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;   /* runs the hooks before the loop waits */
    uv_idle_t idle;         /* active while hooks are queued: the loop must not wait */
    uv_async_t async;       /* wakes the loop for posts */
    struct loop_hook hooks; /* sentinel of a ring */
    uv_mutex_t post_lock;
    struct post *posts; /* owns; oldest first; under post_lock */
    struct post **posts_end;
    struct tally tally[24];
    unsigned held;              /* loop_hold() */
    unsigned crowd, crowd_peak; /* channels; the most since memory was given back */

    /* All channels read into this one buffer, so that an idle channel has none. */
    char *read_buf; /* owns */
    /* Ciphertext of the channel that is in an SSL call right now goes here. */
    struct buf scratch;
    bool scratch_busy;
};

/* Every object of the layer: opened when made, given up when its owner frees it. */
void loop_opened(struct loop *loop, const char *name);
void loop_given_up(struct loop *loop, const char *name);

/* A channel came or went: when many have gone their memory is given back to the system. */
void loop_crowd(struct loop *loop, int change);

/* As timer_new, but a part of another object and not in the census. */
struct timer *timer_new_inner(struct loop *loop, void (*fn)(void *ctx), void *ctx);

static inline uv_loop_t *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

#endif
