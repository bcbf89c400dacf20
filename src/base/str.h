/*
 * str.h - views on bytes, and numbers and text made from them.
 *
 * A `struct str` borrows: it is valid as long as what it points into. Bytes from a container
 * or the network are not C strings and may hold anything, NUL included.
 */
#ifndef SRC_BASE_STR_H
#define SRC_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p; /* borrows */
    size_t n;
};

#define STR(lit) ((struct str){(lit), sizeof(lit) - 1})
#define STR_ARG(s) (int)(s).n, (s).p /* for "%.*s" */

static inline struct str str_of(const char *cstr)
{
    return (struct str){cstr, cstr ? strlen(cstr) : 0};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

char char_lower(char c);       /* ASCII letters only */
bool char_is_alnum(char c);    /* ASCII letters and digits */
int char_hex(char c);          /* value of a hex digit of either case, or -1 */
int str_percent(struct str s); /* the byte that "%XX" at its front means, or -1 */
bool str_eq_icase(struct str a, struct str b); /* ASCII letters only */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* spaces and tabs at both ends */

/* Cut at the first `sep`: head gets what is before, *s what is behind. False: no sep, head=all.
 */
bool str_cut(struct str *s, char sep, struct str *head);

/* Decimal digits only, no sign, no space, at most `max`. False leaves *ret alone. */
bool str_u64(struct str s, uint64_t max, uint64_t *ret);

/* A reader cannot see this character, or it reorders what he sees. */
bool char_is_deceptive(uint32_t cp);

/*
 * Make bytes safe to print on one line: C0, C1, DEL, bidi controls, zero-width and invalid
 * UTF-8 become <U+XXXX> or <0xXX>. Writes at most cap bytes with the NUL, cuts at a whole
 * item and marks a cut with "..". Returns dst.
 */
char *str_vis(char *dst, size_t cap, struct str s);

/* Copy into a fixed array, always NUL-terminated; false if it had to be cut. */
bool str_copy(char *dst, size_t cap, struct str s);

/* Edit distance of two short names (at most 63 bytes are looked at). */
size_t str_distance(const char *a, const char *b);

/* The name in the NULL-terminated list that `wrong` was probably meant to be, or NULL. */
const char *str_nearest(const char *wrong, const char *const *names);

/*
 * Decode one code point of UTF-8 at p (n >= 1 bytes there). Returns its length 1..4, 0 if
 * the bytes are the beginning of a valid character that is cut off, -1 if invalid.
 */
int utf8_decode(const char *p, size_t n, uint32_t *ret_cp);
size_t utf8_encode(uint32_t cp, char out[4]); /* returns 1..4 */

#endif
