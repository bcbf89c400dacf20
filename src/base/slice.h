/*
 * slice.h - members of one JSON object, or elements of one array, as views of the original
 * bytes.
 *
 * For JSON that is passed on unchanged, and for secrets that must not be copied about. One
 * call on top of jscan.h, as strict as that on all levels; who has to look deeper, or into
 * members that are not known before, walks with jscan.h itself. Views borrow from the text.
 *
 *     struct json_member m[] = {{.name = "id"}, {.name = "method"}};
 *     if (json_slice_object(line, m, 2, &err) < 0) ...
 *     if (m[0].value.p) ... the raw value, quotes included
 *
 * Errors: ERR_PROTO: not JSON, or not an object (array); ERR_LIMIT: too many elements or too
 * deep; ERR_CONFLICT: a member twice or spelled with escapes, which two readers may
 * understand differently.
 */
#ifndef SRC_BASE_SLICE_H
#define SRC_BASE_SLICE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct json_member {
    const char *name;
    struct str value; /* borrows; p is NULL if the member is absent */
};

int json_slice_object(
        struct str text, struct json_member *members, size_t count, struct err *err);
int json_slice_array(
        struct str text, struct str *items, size_t max, size_t *ret_count, struct err *err);

/* What a raw value is (json_is_string() and its like are jansson's). *content is what is
 * between the quotes, escapes as they are. */
bool json_raw_is_valid(struct str raw); /* any one value */
bool json_raw_is_string(struct str raw, struct str *content);
bool json_raw_is_number(struct str raw);
bool json_raw_is_object(struct str raw);

/* Appends it as a string; the text has no control characters. */
void json_put_string(struct buf *out, struct str text);

#endif
