/*
 * row.h - records as rows: one table of fields per record is all there is to know.
 *
 * From that table come the upsert statement, the binding, the column list of a SELECT and
 * the reading. A new audit column is a migration in schema.c, a member of the record and one
 * line in row.c.
 */
#ifndef SRC_STORE_ROW_H
#define SRC_STORE_ROW_H

#include <sqlite3.h>

#include "store/names.h"
#include "store/store.h"

#include "base/buf.h"

enum field_type {
    FIELD_TEXT, /* char array, NUL-terminated */
    FIELD_CSTR, /* const char *; owned by a record that was read */
    FIELD_INT,
    FIELD_U16,
    FIELD_I64,
    FIELD_U64,
    FIELD_BOOL,
    FIELD_ENUM /* stored as a word */
};

struct field {
    const char *column;
    enum field_type type;
    size_t offset;
    size_t size;
    const struct names *names; /* of FIELD_ENUM */
};

struct row_type {
    const char *table;
    const char *key; /* primary key that a second put replaces; NULL: rows are only added */
    const struct field *fields;
    size_t count;
    size_t size; /* of the record */
};

/* A session as stored: `process` tells its pid from a later process with the same number. */
struct session_row {
    struct session_record rec;
    char process[64];
};

extern const struct row_type row_session; /* of struct session_row */
extern const struct row_type row_request;
extern const struct row_type row_escalation;
extern const struct row_type row_revocation;
extern const struct row_type row_words;

/* "INSERT INTO ... ON CONFLICT DO UPDATE ..." with one parameter per field. */
void row_put_sql(const struct row_type *type, struct buf *ret);
/* "a","b","c" in the order of the fields. */
void row_columns(const struct row_type *type, struct buf *ret);

/* Binds borrow the record until the statement is reset. Returns sqlite's code. */
int row_bind(sqlite3_stmt *stmt, const struct row_type *type, const void *rec);

/* Fill a record from the current row of a SELECT of row_columns(); row_release() it. */
int row_read(sqlite3_stmt *stmt, const struct row_type *type, void *ret_rec, struct err *err);
void row_release(const struct row_type *type, void *rec);

#endif
