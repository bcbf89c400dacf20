/*
 * recover.c - what a dead process left behind in the database is closed at the next start.
 *
 * A session belongs to a process, known by pid, start time and boot id (base/proc.h), so a
 * recycled pid or a reboot does not keep it alive. Where /proc told us nothing when the row
 * was written, the pid alone must do. Sessions of living processes are not touched: several
 * may share one database.
 *
 * Blocks on the disk; called at start, off the loop, on a connection of its own.
 */
#include "store/internal.h"

#include <errno.h>
#include <signal.h>

#include "store/db.h"

#include "base/proc.h"

bool session_row_alive(const char *process, int64_t pid)
{
    struct proc_id id;

    if (proc_parse(process, &id))
        return proc_alive(&id);
    return pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* SQL function alive(process, pid). */
static void sql_alive(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    const char *process = (const char *)sqlite3_value_text(argv[0]);

    (void)argc;
    sqlite3_result_int(
            ctx, session_row_alive(process ? process : "", sqlite3_value_int64(argv[1])));
}

/* Run one statement with the time as its parameter; returns the rows it changed. */
static int update(sqlite3 *db, const char *sql, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = db_prepare(db, sql, &stmt, err);

    if (rc < 0)
        return rc;
    if (sqlite3_bind_parameter_count(stmt) > 0)
        sqlite3_bind_int64(stmt, 1, now_ms);
    rc = sqlite3_step(stmt) == SQLITE_DONE ? sqlite3_changes(db) : db_fail(db, err);
    sqlite3_finalize(stmt);
    return rc;
}

static const char close_sessions[] =
        "UPDATE session SET state='crashed', ended_ms=?1"
        " WHERE state IN('starting','running') AND NOT alive(process, pid)";

/* By the state of the session and not by what was changed just now: a process may also die
 * between the end of a session and that of its questions. */
#define OF_ENDED_SESSIONS                                                                      \
    " AND session IN(SELECT id FROM session WHERE state IN('stopped','crashed'))"

static const char close_escalations[] =
        "UPDATE escalation SET state='expired', \"by\"='shutdown', decided_ms=?1,"
        " message='ironcurtain ended before anybody answered'"
        " WHERE state='waiting'" OF_ENDED_SESSIONS;

static const char close_requests[] =
        "UPDATE request SET done=1,"
        " decision=CASE decision WHEN 'held' THEN 'expired' ELSE decision END"
        " WHERE done=0" OF_ENDED_SESSIONS;

static int recover(sqlite3 *db, struct err *err)
{
    int64_t now_ms = clock_wall_ms();

    int sessions = update(db, close_sessions, now_ms, err);
    if (sessions < 0)
        return sessions;
    int rc = update(db, close_escalations, now_ms, err);
    if (rc >= 0)
        rc = update(db, close_requests, now_ms, err);
    return rc < 0 ? rc : sessions;
}

int store_recover(const char *path, struct err *err)
{
    sqlite3 *db;

    int rc = db_open_write(path, &db, err);
    if (rc < 0)
        return rc;
    rc = sqlite3_create_function(db, "alive", 2, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL,
                 sql_alive, NULL, NULL) == SQLITE_OK
                 ? db_begin(db, err)
                 : db_fail(db, err);
    if (rc == 0)
        rc = recover(db, err);
    if (rc >= 0) {
        int sessions = rc;

        rc = db_commit(db, err);
        rc = rc < 0 ? rc : sessions;
    }
    if (rc < 0) {
        db_rollback(db);
        (void)err_wrap(err, "recover '%s'", path);
    }
    db_close(db);
    return rc;
}
