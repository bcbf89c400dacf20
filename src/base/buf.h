/*
 * buf.h - growable bytes with a front that can be consumed.
 *
 *     struct buf b = BUF_INIT;
 *     buf_append(&b, "GET ", 4);
 *     ...
 *     buf_consume(&b, used);      // cheap: moves an offset, memory is reused later
 *     buf_release(&b);            // frees; b is empty and usable again
 *
 * The bytes are at buf_data(b), buf_len(b) of them; any append may move them.
 */
#ifndef SRC_BASE_BUF_H
#define SRC_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *p;    /* owns */
    size_t off; /* first unread byte */
    size_t len; /* end of the bytes, counted from p */
    size_t cap;
    bool secret; /* memory that is let go of or reused is overwritten first */
};

#define BUF_INIT                                                                               \
    {                                                                                          \
        NULL, 0, 0, 0, false                                                                   \
    }

static inline char *buf_data(const struct buf *b)
{
    return b->p ? b->p + b->off : NULL;
}

static inline size_t buf_len(const struct buf *b)
{
    return b->len - b->off;
}

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p ? b->p + b->off : "", b->len - b->off};
}

void buf_append(struct buf *b, const void *p, size_t n);
void buf_append_str(struct buf *b, struct str s);
void buf_puts(struct buf *b, const char *cstr);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for n more bytes at the returned place, never NULL; make them count with buf_commit. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);

void buf_consume(struct buf *b, size_t n);   /* drop n bytes at the front */
void buf_clear(struct buf *b);               /* drop all, keep the memory */
void buf_release(struct buf *b);             /* drop all, free the memory */
void buf_wipe(struct buf *b);                /* as release, overwriting first */
void buf_swap(struct buf *a, struct buf *b); /* the mark of a secret goes along */

/* A secret goes in: until its release the buffer leaves nothing behind, wherever it grows,
 * is consumed or is swapped to. Say so before the secret is appended. */
void buf_mark_secret(struct buf *b);

#endif
