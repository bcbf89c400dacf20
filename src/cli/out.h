/*
 * out.h - how commands print data: a table for a person, tabs for a pipe, JSON when asked.
 *
 * A row is a JSON object (`"v":1` first); the columns pick from it by key, so that the three
 * forms cannot say different things. On a terminal a table is fitted to its width; piped
 * output is tab separated, has no header and is never cut. Nothing that came from a box is
 * printed unescaped.
 *
 *     struct out *out = out_new(OUT_PLAIN, columns, count);
 *     out_row(out, session_json(rec));
 *     return out_end(out);
 */
#ifndef SRC_CLI_OUT_H
#define SRC_CLI_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

enum out_format {
    OUT_PLAIN, /* table or tabs, whatever stdout is */
    OUT_JSON,  /* one array */
    OUT_JSONL  /* one object a line */
};

enum out_flags {
    OUT_RIGHT = 1, /* numbers */
    OUT_TIME = 2,  /* RFC 3339; a person gets whole seconds */
    OUT_ID = 4     /* a person gets the first 8 characters */
};

struct out_column {
    const char *head; /* borrows */
    const char *key;  /* borrows */
    unsigned flags;
};

struct out;
struct out *out_new(enum out_format format, const struct out_column *columns, size_t count);
void out_row(struct out *out, json_t *object /* takes */);
/* As out_row, but a person or a pipe gets all of it, one "key value" a line. */
void out_record(struct out *out, json_t *object /* takes */);
/* Print what is left and free. Returns the exit status: stdout may be full. */
int out_end(struct out *out);

/* Text for JSON whatever its bytes: invalid UTF-8 is escaped. */
json_t *out_text(const char *text);
/* RFC 3339 in UTC with milliseconds; null for 0. */
json_t *out_time(int64_t unix_ms);

#endif
