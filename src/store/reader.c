/*
 * reader.c - a read-only connection and the few queries of command line and panels. Blocks;
 * never on the loop's thread while it runs.
 *
 * WAL: readers see the last commit and neither wait for the writer nor hold it up.
 */
#include "store/internal.h"

#include "store/db.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

struct store_reader {
    sqlite3 *db; /* owns */
};

struct query {
    const struct row_type *type;
    const char *session; /* borrows; NULL: all */
    const char *where;   /* a further condition, or NULL; alone */
    const char *order;   /* "ORDER BY ..." or "" */
    uint64_t id;         /* 0: no condition */
    uint32_t limit;      /* 0: no limit */
};

struct store_reader *store_reader_open(const char *path, struct err *err)
{
    sqlite3 *db;

    if (db_open_read(path, &db, err) < 0)
        return NULL;
    struct store_reader *reader = xcalloc(1, sizeof(*reader));
    reader->db = db;
    return reader;
}

void store_reader_free(struct store_reader *reader)
{
    if (!reader)
        return;
    db_close(reader->db);
    free(reader);
}

static int start(struct store_reader *reader, const struct query *query, sqlite3_stmt **ret,
        struct err *err)
{
    struct buf sql = BUF_INIT;

    buf_puts(&sql, "SELECT ");
    row_columns(query->type, &sql);
    buf_printf(&sql, " FROM %s%s%s%s %s LIMIT ?2", query->type->table,
            query->session ? " WHERE session=?1" : "", query->id ? " WHERE id=?1" : "",
            query->where ? query->where : "", query->order);
    buf_putc(&sql, '\0');
    int rc = db_prepare(reader->db, buf_data(&sql), ret, err);
    buf_release(&sql);
    if (rc < 0)
        return rc;
    if (query->session)
        sqlite3_bind_text(*ret, 1, query->session, -1, SQLITE_STATIC);
    if (query->id)
        sqlite3_bind_int64(*ret, 1, (sqlite3_int64)query->id);
    sqlite3_bind_int64(*ret, 2, query->limit ? (sqlite3_int64)query->limit : -1);
    return 0;
}

/* 1: `rec` is the next row; 0: no more; negative: failed. */
static int next(sqlite3 *db, sqlite3_stmt *stmt, const struct row_type *type, void *rec,
        struct err *err)
{
    int step = sqlite3_step(stmt);

    if (step == SQLITE_DONE)
        return 0;
    if (step != SQLITE_ROW)
        return db_fail(db, err);
    int rc = row_read(stmt, type, rec, err);
    return rc < 0 ? rc : 1;
}

int store_each_session(struct store_reader *reader,
        bool (*fn)(void *ctx, const struct session_record *rec), void *ctx, struct err *err)
{
    struct query query = {.type = &row_session, .order = "ORDER BY started_ms DESC, id"};
    struct session_row row = {0};
    sqlite3_stmt *stmt;

    int rc = start(reader, &query, &stmt, err);
    if (rc < 0)
        return rc;
    while ((rc = next(reader->db, stmt, query.type, &row, err)) > 0) {
        bool open = row.rec.state == SESSION_STARTING || row.rec.state == SESSION_RUNNING;

        if (open && !session_row_alive(row.process, row.rec.pid))
            row.rec.state = SESSION_CRASHED;
        if (!fn(ctx, &row.rec)) {
            rc = 0;
            break;
        }
    }
    sqlite3_finalize(stmt);
    return rc;
}

int store_each_request(struct store_reader *reader, const char *session_or_null, uint32_t limit,
        bool (*fn)(void *ctx, const struct request_record *rec), void *ctx, struct err *err)
{
    struct query query = {.type = &row_request,
            .session = session_or_null,
            .order = "ORDER BY started_ms DESC, id DESC",
            .limit = limit};
    struct request_record rec;
    sqlite3_stmt *stmt;
    bool more = true;

    int rc = start(reader, &query, &stmt, err);
    if (rc < 0)
        return rc;
    while (more && (rc = next(reader->db, stmt, query.type, &rec, err)) > 0) {
        more = fn(ctx, &rec);
        request_release(&rec);
    }
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

static int each_escalation(struct store_reader *reader, const struct query *query,
        bool (*fn)(void *ctx, const struct escalation_record *rec), void *ctx, struct err *err)
{
    struct escalation_record rec;
    sqlite3_stmt *stmt;
    bool more = true;

    int rc = start(reader, query, &stmt, err);
    if (rc < 0)
        return rc;
    while (more && (rc = next(reader->db, stmt, query->type, &rec, err)) > 0) {
        more = fn(ctx, &rec);
        escalation_release(&rec);
    }
    sqlite3_finalize(stmt);
    return rc < 0 ? rc : 0;
}

int store_each_escalation(struct store_reader *reader, const char *session_or_null,
        uint32_t limit, bool (*fn)(void *ctx, const struct escalation_record *rec), void *ctx,
        struct err *err)
{
    struct query query = {.type = &row_escalation,
            .session = session_or_null,
            .order = "ORDER BY asked_ms DESC, id DESC",
            .limit = limit};
    return each_escalation(reader, &query, fn, ctx, err);
}

int store_each_waiting(struct store_reader *reader,
        bool (*fn)(void *ctx, const struct escalation_record *rec), void *ctx, struct err *err)
{
    struct query query = {.type = &row_escalation,
            .where = " WHERE state='waiting'",
            .order = "ORDER BY asked_ms, id"};
    return each_escalation(reader, &query, fn, ctx, err);
}

int store_seen_before(struct store_reader *reader, const char *session, const char *host,
        const char *tool, bool *ret, struct err *err)
{
    static const char sql[] =
            "SELECT 1 FROM (SELECT kind, host, path, decision FROM request WHERE session=?1"
            " ORDER BY started_ms DESC LIMIT ?2) WHERE host=?3 AND decision<>'held'"
            " AND (kind='mcp')=(?4 IS NOT NULL) AND (?4 IS NULL OR path=?4) LIMIT 1";
    sqlite3_stmt *stmt;
    int rc = db_prepare(reader->db, sql, &stmt, err);

    if (rc < 0)
        return rc;
    sqlite3_bind_text(stmt, 1, session, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, LIMIT_PAST);
    sqlite3_bind_text(stmt, 3, host, -1, SQLITE_STATIC);
    if (tool)
        sqlite3_bind_text(stmt, 4, tool, -1, SQLITE_STATIC);
    int step = sqlite3_step(stmt);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = db_fail(reader->db, err);
    else
        *ret = step == SQLITE_ROW;
    sqlite3_finalize(stmt);
    return rc;
}

static int find(struct store_reader *reader, const struct row_type *type, uint64_t id,
        void *ret_rec, struct err *err)
{
    struct query query = {.type = type, .order = "", .id = id};
    sqlite3_stmt *stmt;

    if (id == 0 || id > INT64_MAX)
        return err_set(err, ERR_NOENT, "no such %s", type->table);
    int rc = start(reader, &query, &stmt, err);
    if (rc < 0)
        return rc;
    rc = next(reader->db, stmt, type, ret_rec, err);
    sqlite3_finalize(stmt);
    return rc == 0 ? err_set(err, ERR_NOENT, "no such %s", type->table) : rc < 0 ? rc : 0;
}

int store_find_request(
        struct store_reader *reader, uint64_t id, struct request_record *ret, struct err *err)
{
    return find(reader, &row_request, id, ret, err);
}

int store_find_escalation(struct store_reader *reader, uint64_t id,
        struct escalation_record *ret, struct err *err)
{
    return find(reader, &row_escalation, id, ret, err);
}

void request_release(struct request_record *rec)
{
    row_release(&row_request, rec);
}

void escalation_release(struct escalation_record *rec)
{
    row_release(&row_escalation, rec);
}
