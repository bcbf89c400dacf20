/*
 * jscan.h - strict JSON, read once from left to right, nothing stored.
 *
 * For texts that are passed on as they are and of which a few places matter: the caller walks
 * into those and skips over everything else; whatever is skipped is checked too (RFC 8259,
 * valid UTF-8, depth), so that a text which was walked to its end is JSON and nothing but.
 * For some members of one object slice.h does the walking; json.h tells which reader to take.
 *
 *     struct jscan scan;
 *     struct jscan_string name;
 *     jscan_init(&scan, text);
 *     if (jscan_peek(&scan) == '{' && jscan_enter(&scan)) {
 *         for (bool first = true; jscan_member(&scan, &first, &name);) {
 *             if (!jscan_skip(&scan))
 *                 break;
 *         }
 *     }
 *     if (!jscan_end(&scan))
 *         complain(scan.why);
 *
 * After a failure every function fails; `why` says what was found first. About 1 GB/s on long
 * strings.
 */
#ifndef SRC_BASE_JSCAN_H
#define SRC_BASE_JSCAN_H

#include "base/str.h"

struct jscan {
    const char *p; /* borrows; the next byte */
    const char *end;
    int depth;
    const char *why; /* a constant string, NULL: fine so far */
};

/* What is between the quotes, as it stands there. */
struct jscan_string {
    struct str text;
    bool escaped; /* has a backslash: not what it looks like */
};

void jscan_init(struct jscan *scan, struct str text);

/* The first byte of the next value, blanks skipped (scan->p is at it); 0: none, or failed. */
char jscan_peek(struct jscan *scan);

/* Behind the bracket that is next. Then jscan_member (the value of each must be read before
 * the next call) or jscan_element until false, which is at the closing bracket or a failure:
 * ask scan->why. `first` is true before the first call. */
bool jscan_enter(struct jscan *scan);
bool jscan_member(struct jscan *scan, bool *first, struct jscan_string *ret_name);
bool jscan_element(struct jscan *scan, bool *first);

bool jscan_string(struct jscan *scan, struct jscan_string *ret);
bool jscan_skip(struct jscan *scan); /* any one value */
bool jscan_end(struct jscan *scan);  /* only blanks are left, and nothing failed */

#endif
