/*
 * schema.h - the tables, as steps from one version to the next.
 *
 * The version of a database is its user_version. Step i leads from version i to i+1; steps
 * are never edited once released, only added.
 */
#ifndef SRC_STORE_SCHEMA_H
#define SRC_STORE_SCHEMA_H

#include <sqlite3.h>

#include "base/err.h"

/* What this program writes: the number of steps in schema_steps. */
extern const int schema_version;
extern const char *const schema_steps[];

/*
 * Bring the database to version `count`, all in one transaction: a step that fails leaves
 * the old version whole. A database from the future is refused with a sentence that says
 * what to do.
 */
int schema_migrate(sqlite3 *db, const char *const *steps, int count, struct err *err);

/* For readers, which cannot migrate: the version must be exactly ours. An empty database
 * (being made this moment) is ERR_NOENT. */
int schema_check(sqlite3 *db, struct err *err);

#endif
