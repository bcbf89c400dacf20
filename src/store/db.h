/*
 * db.h - sqlite connections that are safe to open, and the few calls we make on them.
 *
 * A connection belongs to one thread at a time (SQLITE_OPEN_NOMUTEX). All calls block.
 */
#ifndef SRC_STORE_DB_H
#define SRC_STORE_DB_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Open, and if missing make, `path` for writing: 0600 whatever the umask says, WAL,
 * synchronous=FULL, migrated to our schema. Its folder must exist; a symlink, a special file
 * or another user's file is refused. Openers of one folder wait for each other.
 */
int db_open_write(const char *path, sqlite3 **ret, struct err *err);

/* Open an existing database of our schema for reading. ERR_NOENT if there is none. */
int db_open_read(const char *path, sqlite3 **ret, struct err *err);

void db_close(sqlite3 *db); /* NULL is fine */

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct err *err);
int db_exec(sqlite3 *db, const char *sql, struct err *err);
int db_int(sqlite3 *db, const char *sql, int64_t *ret, struct err *err); /* first column */

/* A write transaction that waits for other writers at its beginning, so never in the middle. */
int db_begin(sqlite3 *db, struct err *err);
int db_commit(sqlite3 *db, struct err *err);
void db_rollback(sqlite3 *db); /* nothing open: nothing happens */

/* sqlite's last error as ours. */
int db_fail(sqlite3 *db, struct err *err);

#endif
