/*
 * schema.c - the migration steps and the engine that runs them. Blocks on the disk; called
 * when a database is opened, never later.
 *
 * Why one INTEGER PRIMARY KEY for requests and escalations, from one counter: a number on
 * the screen means one thing, and two processes on one database never give the same number
 * (see id_counter in writer.c). Times are Unix milliseconds, states are words (names.h).
 */
#include "store/schema.h"

#include "store/db.h"

const char *const schema_steps[] = {
        /* 0 -> 1 */
        "CREATE TABLE session("
        " id TEXT PRIMARY KEY NOT NULL,"
        " label TEXT NOT NULL,"
        " agent TEXT NOT NULL,"
        " runtime TEXT NOT NULL,"
        " workspace TEXT NOT NULL,"
        " box TEXT NOT NULL,"
        " started_ms INTEGER NOT NULL,"
        " ended_ms INTEGER NOT NULL,"
        " state TEXT NOT NULL,"
        " exit_status INTEGER NOT NULL,"
        " pid INTEGER NOT NULL,"
        " process TEXT NOT NULL"
        ") STRICT;"
        "CREATE TABLE request("
        " id INTEGER PRIMARY KEY NOT NULL,"
        " session TEXT NOT NULL,"
        " started_ms INTEGER NOT NULL,"
        " kind TEXT NOT NULL,"
        " provider TEXT NOT NULL,"
        " method TEXT NOT NULL,"
        " host TEXT NOT NULL,"
        " port INTEGER NOT NULL,"
        " path TEXT NOT NULL,"
        " status INTEGER NOT NULL,"
        " decision TEXT NOT NULL,"
        " rule TEXT NOT NULL,"
        " reason TEXT NOT NULL,"
        " key_swapped INTEGER NOT NULL,"
        " bytes_up INTEGER NOT NULL,"
        " bytes_down INTEGER NOT NULL,"
        " first_byte_ms INTEGER NOT NULL,"
        " total_ms INTEGER NOT NULL,"
        " escalation INTEGER NOT NULL,"
        " done INTEGER NOT NULL"
        ") STRICT;"
        "CREATE INDEX request_started ON request(started_ms);"
        "CREATE INDEX request_session ON request(session, started_ms);"
        "CREATE TABLE escalation("
        " id INTEGER PRIMARY KEY NOT NULL,"
        " number INTEGER NOT NULL,"
        " session TEXT NOT NULL,"
        " kind TEXT NOT NULL,"
        " subject TEXT NOT NULL,"
        " detail TEXT NOT NULL,"
        " digest TEXT NOT NULL,"
        " rule TEXT NOT NULL,"
        " \"where\" TEXT NOT NULL,"
        " reason TEXT NOT NULL,"
        " risk TEXT NOT NULL,"
        " policy_version TEXT NOT NULL,"
        " asked_ms INTEGER NOT NULL,"
        " decided_ms INTEGER NOT NULL,"
        " state TEXT NOT NULL,"
        " \"by\" TEXT NOT NULL,"
        " message TEXT NOT NULL"
        ") STRICT;"
        "CREATE INDEX escalation_session ON escalation(session, asked_ms);"
        "CREATE TABLE words("
        " id INTEGER PRIMARY KEY NOT NULL,"
        " session TEXT NOT NULL,"
        " at_ms INTEGER NOT NULL,"
        " source TEXT NOT NULL,"
        " unsure INTEGER NOT NULL,"
        " text TEXT NOT NULL"
        ") STRICT;"
        "CREATE INDEX words_session ON words(session, at_ms);"
        /* The next id that no process has reserved. */
        "CREATE TABLE id_counter(next INTEGER NOT NULL) STRICT;"
        "INSERT INTO id_counter VALUES(1);",
        /* 1 -> 2: what the proxy saw of the answer. Version 1 spoke HTTP/1.1 only, and let
         * tunnels (kind net) through raw. */
        "ALTER TABLE request ADD COLUMN inspected INTEGER NOT NULL DEFAULT 1;"
        "ALTER TABLE request ADD COLUMN protocol TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE request ADD COLUMN model TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE request ADD COLUMN stop_reason TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE request ADD COLUMN input_tokens INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE request ADD COLUMN output_tokens INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE request ADD COLUMN cache_read_tokens INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE request ADD COLUMN cache_write_tokens INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE request ADD COLUMN cost_micro INTEGER NOT NULL DEFAULT -1;"
        "UPDATE request SET inspected=0 WHERE kind='net';"
        "UPDATE request SET protocol='http/1.1' WHERE kind<>'net';",
        /* 2 -> 3: how far a human's answer reaches. */
        "ALTER TABLE escalation ADD COLUMN answer TEXT NOT NULL DEFAULT '';",
        /* 3 -> 4: calls of MCP tools. */
        "ALTER TABLE request ADD COLUMN arguments TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE request ADD COLUMN result TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE request ADD COLUMN waited_ms INTEGER NOT NULL DEFAULT 0;",
        /* 4 -> 5: what waits is found at once. */
        "CREATE INDEX escalation_waiting ON escalation(asked_ms) WHERE state='waiting';",
        /* 5 -> 6: calls that were approved with other arguments; answers taken back. */
        "ALTER TABLE escalation ADD COLUMN edited TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE escalation ADD COLUMN edited_digest TEXT NOT NULL DEFAULT '';"
        "CREATE TABLE revocation("
        " id INTEGER PRIMARY KEY NOT NULL,"
        " at_ms INTEGER NOT NULL,"
        " session TEXT NOT NULL,"
        " number INTEGER NOT NULL,"
        " scope TEXT NOT NULL,"
        " rule TEXT NOT NULL,"
        " \"where\" TEXT NOT NULL"
        ") STRICT;",
};
const int schema_version = (int)(sizeof(schema_steps) / sizeof(schema_steps[0]));

static int version_of(sqlite3 *db, int *ret, struct err *err)
{
    int64_t version = 0;
    int rc = db_int(db, "PRAGMA user_version", &version, err);

    if (rc == 0)
        *ret = (int)version;
    return rc;
}

static int refuse_future(int version, int known, struct err *err)
{
    return err_set(err, ERR_CONFIG,
            "the database was written by a newer ironcurtain (schema %d, this one knows up to "
            "%d); use that version, or another folder with IRONCURTAIN_HOME",
            version, known);
}

static int run_steps(sqlite3 *db, const char *const *steps, int from, int to, struct err *err)
{
    char pragma[48];

    for (int v = from; v < to; v++) {
        if (db_exec(db, steps[v], err) < 0)
            return err_wrap(err, "migration to schema %d", v + 1);
    }
    snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%d", to);
    return db_exec(db, pragma, err);
}

int schema_migrate(sqlite3 *db, const char *const *steps, int count, struct err *err)
{
    int version = 0;

    /* The version is read inside the transaction: another process may be migrating too. */
    int rc = db_begin(db, err);
    if (rc < 0)
        return rc;
    rc = version_of(db, &version, err);
    if (rc == 0 && version > count)
        rc = refuse_future(version, count, err);
    else if (rc == 0 && version < count)
        rc = run_steps(db, steps, version, count, err);
    if (rc == 0)
        rc = db_commit(db, err);
    if (rc < 0)
        db_rollback(db);
    return rc;
}

int schema_check(sqlite3 *db, struct err *err)
{
    int version = 0;
    int rc = version_of(db, &version, err);

    if (rc < 0)
        return rc;
    if (version > schema_version)
        return refuse_future(version, schema_version, err);
    if (version == 0)
        return err_set(err, ERR_NOENT, "the database is empty");
    if (version < schema_version)
        return err_set(err, ERR_CONFIG,
                "the database has the old schema %d; start ironcurtain once to bring it up to "
                "%d",
                version, schema_version);
    return 0;
}
