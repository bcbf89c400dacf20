/*
 * row.c - the field tables, and what is made from them.
 */
#include "store/row.h"

#include <assert.h>
#include <stddef.h>

#include "base/mem.h"

#define FIELD(rec, member, kind)                                                               \
    {                                                                                          \
#member, kind, offsetof(struct rec, member), sizeof(((struct rec *)0)->member), NULL   \
    }
#define ENUM_FIELD(rec, member, names)                                                         \
    {                                                                                          \
#member, FIELD_ENUM, offsetof(struct rec, member), sizeof(int), names                  \
    }
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct field session_fields[] = {
        FIELD(session_record, id, FIELD_TEXT),
        FIELD(session_record, label, FIELD_TEXT),
        FIELD(session_record, agent, FIELD_TEXT),
        FIELD(session_record, runtime, FIELD_TEXT),
        FIELD(session_record, workspace, FIELD_TEXT),
        FIELD(session_record, box, FIELD_TEXT),
        FIELD(session_record, started_ms, FIELD_I64),
        FIELD(session_record, ended_ms, FIELD_I64),
        ENUM_FIELD(session_record, state, &names_session_state),
        FIELD(session_record, exit_status, FIELD_INT),
        FIELD(session_record, pid, FIELD_I64),
        FIELD(session_row, process, FIELD_TEXT),
};

static const struct field request_fields[] = {
        FIELD(request_record, id, FIELD_U64),
        FIELD(request_record, session, FIELD_TEXT),
        FIELD(request_record, started_ms, FIELD_I64),
        FIELD(request_record, kind, FIELD_TEXT),
        FIELD(request_record, provider, FIELD_TEXT),
        FIELD(request_record, method, FIELD_TEXT),
        FIELD(request_record, host, FIELD_TEXT),
        FIELD(request_record, port, FIELD_U16),
        FIELD(request_record, path, FIELD_TEXT),
        FIELD(request_record, status, FIELD_INT),
        ENUM_FIELD(request_record, decision, &names_request_decision),
        FIELD(request_record, rule, FIELD_TEXT),
        FIELD(request_record, reason, FIELD_TEXT),
        FIELD(request_record, key_swapped, FIELD_BOOL),
        FIELD(request_record, bytes_up, FIELD_U64),
        FIELD(request_record, bytes_down, FIELD_U64),
        FIELD(request_record, first_byte_ms, FIELD_I64),
        FIELD(request_record, total_ms, FIELD_I64),
        FIELD(request_record, escalation, FIELD_U64),
        FIELD(request_record, done, FIELD_BOOL),
        FIELD(request_record, inspected, FIELD_BOOL),
        FIELD(request_record, protocol, FIELD_TEXT),
        FIELD(request_record, model, FIELD_TEXT),
        FIELD(request_record, stop_reason, FIELD_TEXT),
        FIELD(request_record, input_tokens, FIELD_U64),
        FIELD(request_record, output_tokens, FIELD_U64),
        FIELD(request_record, cache_read_tokens, FIELD_U64),
        FIELD(request_record, cache_write_tokens, FIELD_U64),
        FIELD(request_record, cost_micro, FIELD_I64),
        FIELD(request_record, arguments, FIELD_CSTR),
        FIELD(request_record, result, FIELD_TEXT),
        FIELD(request_record, waited_ms, FIELD_I64),
};

static const struct field escalation_fields[] = {
        FIELD(escalation_record, id, FIELD_U64),
        FIELD(escalation_record, number, FIELD_INT),
        FIELD(escalation_record, session, FIELD_TEXT),
        FIELD(escalation_record, kind, FIELD_TEXT),
        FIELD(escalation_record, subject, FIELD_TEXT),
        FIELD(escalation_record, detail, FIELD_CSTR),
        FIELD(escalation_record, digest, FIELD_TEXT),
        FIELD(escalation_record, rule, FIELD_TEXT),
        FIELD(escalation_record, where, FIELD_TEXT),
        FIELD(escalation_record, reason, FIELD_TEXT),
        FIELD(escalation_record, risk, FIELD_TEXT),
        FIELD(escalation_record, policy_version, FIELD_TEXT),
        FIELD(escalation_record, asked_ms, FIELD_I64),
        FIELD(escalation_record, decided_ms, FIELD_I64),
        ENUM_FIELD(escalation_record, state, &names_escalation_state),
        FIELD(escalation_record, by, FIELD_TEXT),
        FIELD(escalation_record, message, FIELD_TEXT),
        FIELD(escalation_record, answer, FIELD_TEXT),
        FIELD(escalation_record, edited, FIELD_CSTR),
        FIELD(escalation_record, edited_digest, FIELD_TEXT),
};

static const struct field revocation_fields[] = {
        FIELD(revocation_record, id, FIELD_U64),
        FIELD(revocation_record, at_ms, FIELD_I64),
        FIELD(revocation_record, session, FIELD_TEXT),
        FIELD(revocation_record, number, FIELD_INT),
        FIELD(revocation_record, scope, FIELD_TEXT),
        FIELD(revocation_record, rule, FIELD_TEXT),
        FIELD(revocation_record, where, FIELD_TEXT),
};

static const struct field words_fields[] = {
        FIELD(words_record, session, FIELD_TEXT),
        FIELD(words_record, at_ms, FIELD_I64),
        FIELD(words_record, source, FIELD_TEXT),
        FIELD(words_record, unsure, FIELD_BOOL),
        FIELD(words_record, text, FIELD_CSTR),
};

/* The fields of the record come first in the row, so one table of offsets serves both. */
static_assert(offsetof(struct session_row, rec) == 0, "record first");

#define ROW_TYPE(table, key, fields, rec)                                                      \
    {                                                                                          \
        table, key, fields, COUNT(fields), sizeof(struct rec)                                  \
    }
const struct row_type row_session = ROW_TYPE("session", "id", session_fields, session_row);
const struct row_type row_request = ROW_TYPE("request", "id", request_fields, request_record);
const struct row_type row_escalation =
        ROW_TYPE("escalation", "id", escalation_fields, escalation_record);
const struct row_type row_revocation =
        ROW_TYPE("revocation", "id", revocation_fields, revocation_record);
const struct row_type row_words = ROW_TYPE("words", NULL, words_fields, words_record);

void row_columns(const struct row_type *type, struct buf *ret)
{
    for (size_t i = 0; i < type->count; i++)
        buf_printf(ret, "%s\"%s\"", i ? "," : "", type->fields[i].column);
}

void row_put_sql(const struct row_type *type, struct buf *ret)
{
    buf_printf(ret, "INSERT INTO %s(", type->table);
    row_columns(type, ret);
    buf_puts(ret, ") VALUES(");
    for (size_t i = 0; i < type->count; i++)
        buf_puts(ret, i ? ",?" : "?");
    buf_puts(ret, ")");
    if (!type->key)
        return;
    buf_printf(ret, " ON CONFLICT(%s) DO UPDATE SET ", type->key);
    const char *comma = "";
    for (size_t i = 0; i < type->count; i++) {
        const char *column = type->fields[i].column;

        if (strcmp(column, type->key) == 0)
            continue;
        buf_printf(ret, "%s\"%s\"=excluded.\"%s\"", comma, column, column);
        comma = ",";
    }
}

static sqlite3_int64 integer_get(const struct field *field, const char *at)
{
    switch (field->type) {
    case FIELD_BOOL:
        return *(const bool *)at;
    case FIELD_U16:
        return *(const uint16_t *)at;
    case FIELD_INT:
    case FIELD_ENUM:
        return *(const int *)at;
    case FIELD_I64:
        return *(const int64_t *)at;
    case FIELD_U64: {
        uint64_t value = *(const uint64_t *)at;

        return value > INT64_MAX ? INT64_MAX : (sqlite3_int64)value;
    }
    case FIELD_TEXT:
    case FIELD_CSTR:
        break;
    }
    CHECK_UNREACHABLE();
}

static void integer_set(const struct field *field, char *at, sqlite3_int64 value)
{
    switch (field->type) {
    case FIELD_BOOL:
        *(bool *)at = value != 0;
        return;
    case FIELD_U16:
        *(uint16_t *)at = (uint16_t)value;
        return;
    case FIELD_INT:
    case FIELD_ENUM:
        *(int *)at = (int)value;
        return;
    case FIELD_I64:
        *(int64_t *)at = value;
        return;
    case FIELD_U64:
        *(uint64_t *)at = (uint64_t)value;
        return;
    case FIELD_TEXT:
    case FIELD_CSTR:
        break;
    }
    CHECK_UNREACHABLE();
}

static int bind_field(sqlite3_stmt *stmt, int param, const struct field *field, const char *at)
{
    if (field->type == FIELD_TEXT)
        return sqlite3_bind_text(stmt, param, at, (int)strnlen(at, field->size), SQLITE_STATIC);
    if (field->type == FIELD_CSTR) {
        const char *text = *(const char *const *)at;

        return sqlite3_bind_text(stmt, param, text ? text : "", -1, SQLITE_STATIC);
    }
    sqlite3_int64 value = integer_get(field, at);
    if (field->type == FIELD_ENUM)
        return sqlite3_bind_text(
                stmt, param, names_word(field->names, (int)value), -1, SQLITE_STATIC);
    return sqlite3_bind_int64(stmt, param, value);
}

int row_bind(sqlite3_stmt *stmt, const struct row_type *type, const void *rec)
{
    for (size_t i = 0; i < type->count; i++) {
        const struct field *field = &type->fields[i];
        int rc = bind_field(stmt, (int)i + 1, field, (const char *)rec + field->offset);

        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}

static struct str column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return (struct str){
            text ? text : "", text ? (size_t)sqlite3_column_bytes(stmt, column) : 0};
}

int row_read(sqlite3_stmt *stmt, const struct row_type *type, void *ret_rec, struct err *err)
{
    memset(ret_rec, 0, type->size);
    for (size_t i = 0; i < type->count; i++) {
        const struct field *field = &type->fields[i];
        char *at = (char *)ret_rec + field->offset;
        int value;

        if (field->type == FIELD_TEXT) {
            (void)str_copy(at, field->size, column_text(stmt, (int)i));
        } else if (field->type == FIELD_CSTR) {
            struct str text = column_text(stmt, (int)i);
            *(char **)at = xstrndup(text.p, text.n);
        } else if (field->type == FIELD_ENUM) {
            if (!names_value(field->names, column_text(stmt, (int)i), &value)) {
                row_release(type, ret_rec);
                return err_set(err, ERR_PROTO, "a row of table '%s' has an unknown '%s'",
                        type->table, field->column);
            }
            integer_set(field, at, value);
        } else {
            integer_set(field, at, sqlite3_column_int64(stmt, (int)i));
        }
    }
    return 0;
}

void row_release(const struct row_type *type, void *rec)
{
    for (size_t i = 0; i < type->count; i++) {
        char **text = (char **)((char *)rec + type->fields[i].offset);

        if (type->fields[i].type != FIELD_CSTR)
            continue;
        free(*text);
        *text = NULL;
    }
}
