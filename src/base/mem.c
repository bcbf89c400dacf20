/*
 * mem.c - checked allocation, wiping, secrets.
 *
 * A secret gets pages of its own (mmap), so that mlock and MADV_DONTDUMP cover it and
 * nothing else; keys are few, a page each is cheap.
 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"

static void *checked(void *p)
{
    if (!p) {
        fprintf(stderr, "ironcurtain: out of memory\n");
        abort();
    }
    return p;
}

void *xmalloc(size_t n)
{
    return checked(malloc(n ? n : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n)
{
    return checked(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
    return s ? checked(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
    char *p = xmalloc(n + 1);

    if (n)
        memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *xasprintf(const char *fmt, ...)
{
    char *p = NULL;
    va_list ap;

    va_start(ap, fmt);
    int n = vasprintf(&p, fmt, ap);
    va_end(ap);
    return checked(n < 0 ? NULL : p);
}

void mem_wipe(void *p, size_t n)
{
    if (p)
        explicit_bzero(p, n);
}

bool mem_equal_ct(const void *a, size_t an, const void *b, size_t bn)
{
    const volatile uint8_t *x = a;
    const volatile uint8_t *y = b;
    uint8_t diff = an != bn;
    size_t n = an < bn ? an : bn;

    for (size_t i = 0; i < n; i++)
        diff |= (uint8_t)(x[i] ^ y[i]);
    return diff == 0;
}

struct secret {
    size_t len;
    size_t mapped;
    char bytes[];
};

struct secret *secret_new(const void *p, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t need = sizeof(struct secret) + n + 1;
    size_t mapped = (need + page - 1) / page * page;
    struct secret *s =
            mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(s != MAP_FAILED);
    (void)mlock(s, mapped); /* refused under a small RLIMIT_MEMLOCK: still not dumped */
    (void)madvise(s, mapped, MADV_DONTDUMP);
    s->len = n;
    s->mapped = mapped;
    if (n)
        memcpy(s->bytes, p, n);
    s->bytes[n] = '\0';
    return s;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;

    size_t mapped = s->mapped;

    mem_wipe(s, mapped);
    munmap(s, mapped);
}

const char *secret_bytes(const struct secret *s)
{
    return s->bytes;
}

size_t secret_len(const struct secret *s)
{
    return s->len;
}
