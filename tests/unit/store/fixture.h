/*
 * fixture.h - a folder, a loop and a database for the tests of the store.
 */
#ifndef TESTS_UNIT_STORE_FIXTURE_H
#define TESTS_UNIT_STORE_FIXTURE_H

#include "unit/check.h"

#include <sqlite3.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "io/loop.h"
#include "store/store.h"
#include "support/tmpdir.h"

/* One more error would hang a test for ever: nothing here takes half of this. */
#define FIXTURE_ALARM_S 100

struct fixture {
    char dir[64];
    char *path; /* owns */
    struct loop *loop;
    unsigned answers, errors; /* of on_answer */
    char why[480];
};

static inline int fixture_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err;

    test_tmpdir(f->dir, sizeof(f->dir), "store");
    f->path = path_join(f->dir, "ironcurtain.db");
    f->loop = loop_new(&err);
    assert_non_null(f->loop);
    alarm(FIXTURE_ALARM_S);
    *state = f;
    return 0;
}

static inline int fixture_down(void **state)
{
    struct fixture *f = *state;

    loop_free(f->loop);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f->path);
    free(f);
    return 0;
}

static inline struct store *fixture_open(struct fixture *f)
{
    struct err err = {0};
    struct store *store = store_open(f->loop, f->path, &err);

    if (!store)
        fail_msg("store_open: %s", err.msg);
    return store;
}

static inline void on_answer(void *ctx, const struct err *err)
{
    struct fixture *f = ctx;

    f->answers++;
    if (err) {
        f->errors++;
        snprintf(f->why, sizeof(f->why), "%s", err->msg);
    }
}

static inline struct request_record make_request(uint64_t id, const char *session)
{
    struct request_record rec;

    memset(&rec, 0, sizeof(rec));
    rec.id = id;
    snprintf(rec.session, sizeof(rec.session), "%s", session);
    rec.started_ms = 1700000000000 + (int64_t)id;
    snprintf(rec.kind, sizeof(rec.kind), "llm");
    snprintf(rec.provider, sizeof(rec.provider), "anthropic");
    snprintf(rec.method, sizeof(rec.method), "POST");
    snprintf(rec.host, sizeof(rec.host), "api.anthropic.com");
    rec.port = 443;
    snprintf(rec.path, sizeof(rec.path), "/v1/messages");
    rec.first_byte_ms = rec.total_ms = -1;
    return rec;
}

static inline struct escalation_record make_escalation(uint64_t id, const char *session)
{
    struct escalation_record rec;

    memset(&rec, 0, sizeof(rec));
    rec.id = id;
    snprintf(rec.session, sizeof(rec.session), "%s", session);
    snprintf(rec.kind, sizeof(rec.kind), "net");
    snprintf(rec.subject, sizeof(rec.subject), "CONNECT example.com:443");
    rec.asked_ms = 1700000000000;
    return rec;
}

static inline struct session_record make_session(
        const char *id, enum session_state state, int64_t pid)
{
    struct session_record rec;

    memset(&rec, 0, sizeof(rec));
    snprintf(rec.id, sizeof(rec.id), "%s", id);
    snprintf(rec.label, sizeof(rec.label), "label of %s", id);
    snprintf(rec.agent, sizeof(rec.agent), "shell");
    snprintf(rec.runtime, sizeof(rec.runtime), "none");
    snprintf(rec.workspace, sizeof(rec.workspace), "/tmp");
    rec.started_ms = 1700000000000;
    rec.state = state;
    rec.exit_status = -1;
    rec.pid = pid;
    return rec;
}

/* Commit something and wait: everything put before is on the disk, or failed. */
static inline void fixture_sync(struct fixture *f, struct store *store)
{
    struct escalation_record rec = make_escalation(store_next_id(store), "sync");
    unsigned before = f->answers;

    rec.state = ESC_CANCELED;
    store_commit_escalation(store, &rec, on_answer, f);
    while (f->answers == before)
        loop_turn(f->loop, true);
}

/* A look from outside, through a connection that is not ours. */
static inline int64_t sql_int(const char *path, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    int step = sqlite3_step(stmt);
    int64_t value = step == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : -1;
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

#endif
