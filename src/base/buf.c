/*
 * buf.c - growable bytes.
 */
#include "base/buf.h"

#include <stdarg.h>

#include "base/err.h"
#include "base/held.h"
#include "base/mem.h"

static void forget(const struct buf *b)
{
    if (b->secret)
        mem_wipe(b->p, b->cap);
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->p && b->cap - b->len >= n)
        return b->p + b->len;
    if (b->p && b->off && b->cap - (b->len - b->off) >= n && b->off >= b->cap / 2) {
        memmove(b->p, b->p + b->off, b->len - b->off);
        b->len -= b->off;
        b->off = 0;
        return b->p + b->len;
    }

    size_t live = b->len - b->off;
    size_t need = 0;
    CHECK(!__builtin_add_overflow(live, n, &need) && need <= SIZE_MAX / 2);
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need)
        cap *= 2;

    char *p = xmalloc(cap);
    if (b->p)
        memcpy(p, b->p + b->off, live);
    forget(b);
    free(b->p);
    held_add(cap - b->cap);
    b->p = p;
    b->off = 0;
    b->len = live;
    b->cap = cap;
    return p + live;
}

void buf_commit(struct buf *b, size_t n)
{
    CHECK(b->cap - b->len >= n);
    b->len += n;
}

void buf_append(struct buf *b, const void *p, size_t n)
{
    if (n) {
        memcpy(buf_reserve(b, n), p, n);
        b->len += n;
    }
}

void buf_append_str(struct buf *b, struct str s)
{
    buf_append(b, s.p, s.n);
}

void buf_puts(struct buf *b, const char *cstr)
{
    buf_append(b, cstr, strlen(cstr));
}

void buf_putc(struct buf *b, char c)
{
    *buf_reserve(b, 1) = c;
    b->len++;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    vsnprintf(buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    va_end(again);
    b->len += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
    CHECK(n <= b->len - b->off);
    b->off += n;
    if (b->off == b->len)
        buf_clear(b);
}

void buf_clear(struct buf *b)
{
    forget(b);
    b->off = b->len = 0;
}

void buf_release(struct buf *b)
{
    forget(b);
    free(b->p);
    held_drop(b->cap);
    *b = (struct buf)BUF_INIT;
}

void buf_wipe(struct buf *b)
{
    mem_wipe(b->p, b->cap);
    buf_release(b);
}

void buf_mark_secret(struct buf *b)
{
    b->secret = true;
}

void buf_swap(struct buf *a, struct buf *b)
{
    struct buf t = *a;

    *a = *b;
    *b = t;
}
