/*
 * mem.h - memory that cannot fail, and memory that holds secrets.
 *
 * The x functions abort when memory runs out: sizes that come from outside are checked
 * against limits.h before they are asked for.
 */
#ifndef SRC_BASE_MEM_H
#define SRC_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

void *xmalloc(size_t n);
void *xcalloc(size_t count, size_t size); /* zeroed; checks count*size for overflow */
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Overwrite memory in a way the compiler keeps. */
void mem_wipe(void *p, size_t n);

/* Compare secrets in a time that depends on the lengths only. */
bool mem_equal_ct(const void *a, size_t an, const void *b, size_t bn);

/*
 * A secret: an API key or token, in memory that is locked, left out of core dumps and wiped
 * when freed. Never printed, logged, or put into an error message.
 */
struct secret;
struct secret *secret_new(const void *p, size_t n);
void secret_free(struct secret *s);               /* NULL is fine */
const char *secret_bytes(const struct secret *s); /* NUL-terminated for convenience */
size_t secret_len(const struct secret *s);

#endif
