/*
 * db.c - opening sqlite databases so that nobody else can read them and no symlink is
 * followed.
 *
 * The file is made by us, 0600, before sqlite sees it; sqlite gives -wal and -shm the mode
 * of the database. That needs no umask(), which would hit the files that other threads make.
 *
 * An existing database is only ever looked at by name, never by open() and close(): POSIX
 * drops all of a process's locks on a file when any descriptor of it is closed, and sqlite's
 * locks would go with it.
 */
#include "store/db.h"

#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"

int db_fail(sqlite3 *db, struct err *err)
{
    int kind = sqlite3_errcode(db) & 0xff;
    int why = sqlite3_system_errno(db);
    enum err_code code = kind == SQLITE_BUSY ? ERR_TIMEOUT : ERR_IO;

    /* errno says more than "unable to open database file"; with other codes it is stale. */
    if ((kind == SQLITE_CANTOPEN || kind == SQLITE_IOERR) && why)
        return err_set(err, code, "%s: %s", sqlite3_errmsg(db), strerror(why));
    return err_set(err, code, "%s", sqlite3_errmsg(db));
}

int db_exec(sqlite3 *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(db, err);
}

int db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret, struct err *err)
{
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK)
        return 0;
    return db_fail(db, err);
}

int db_int(sqlite3 *db, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = db_prepare(db, sql, &stmt, err);

    if (rc < 0)
        return rc;
    int step = sqlite3_step(stmt);
    if (step == SQLITE_ROW)
        *ret = sqlite3_column_int64(stmt, 0);
    else
        rc = step == SQLITE_DONE ? err_set(err, ERR_NOENT, "no row") : db_fail(db, err);
    sqlite3_finalize(stmt);
    return rc;
}

int db_begin(sqlite3 *db, struct err *err)
{
    return db_exec(db, "BEGIN IMMEDIATE", err);
}

int db_commit(sqlite3 *db, struct err *err)
{
    return db_exec(db, "COMMIT", err);
}

void db_rollback(sqlite3 *db)
{
    if (!sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

void db_close(sqlite3 *db)
{
    CHECK(sqlite3_close(db) == SQLITE_OK);
}

/*
 * The folder may be reached through symlinks (a home often is), the file may not: resolve
 * the one, so that sqlite can refuse any symlink in what is left. Caller frees.
 */
static char *resolve(const char *path, char **ret_folder, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = !slash          ? xstrdup(".")
                   : slash == path ? xstrdup("/")
                                   : xstrndup(path, (size_t)(slash - path));
    char *real = realpath(folder, NULL);
    struct stat st;

    if (!real || stat(real, &st) < 0 || !S_ISDIR(st.st_mode)) {
        (void)err_set(err, ERR_NOENT, "cannot use folder '%s': %s", folder,
                real ? "not a folder" : strerror(errno));
        free(folder);
        free(real);
        return NULL;
    }
    free(folder);
    char *whole = path_join(real, slash ? slash + 1 : path);
    if (ret_folder)
        *ret_folder = real;
    else
        free(real);
    return whole;
}

/* What is there under that name: 0 a database file of ours, ERR_NOENT nothing. */
static int inspect(const char *path, struct stat *ret, struct err *err)
{
    if (lstat(path, ret) < 0)
        return err_set(err, errno == ENOENT ? ERR_NOENT : ERR_IO, "cannot look at '%s': %s",
                path, strerror(errno));
    if (S_ISLNK(ret->st_mode))
        return err_set(err, ERR_IO, "'%s' is a symlink; refusing to follow it", path);
    if (!S_ISREG(ret->st_mode))
        return err_set(err, ERR_IO, "'%s' is not a file", path);
    if (ret->st_uid != geteuid())
        return err_set(
                err, ERR_IO, "'%s' belongs to uid %u, not to you", path, (unsigned)ret->st_uid);
    return 0;
}

static int make_file(const char *path, int folder_fd, struct err *err)
{
    int rc = file_create(path, "", 0, 0600, err);

    if (rc == ERR_CONFLICT)
        return 0;
    /* The name of a new file is on disk only when its folder is. */
    if (rc == 0 && fsync(folder_fd) < 0)
        return err_set(
                err, ERR_IO, "cannot sync the folder of '%s': %s", path, strerror(errno));
    return rc;
}

static int make_private(const char *path, int folder_fd, struct err *err)
{
    struct stat st;
    int rc = inspect(path, &st, err);

    if (rc == ERR_NOENT)
        return make_file(path, folder_fd, err);
    if (rc < 0)
        return rc;
    if ((st.st_mode & 07777) != 0600 && chmod(path, 0600) < 0)
        return err_set(err, ERR_IO, "cannot make '%s' private: %s", path, strerror(errno));
    return 0;
}

static int connect_to(const char *path, int flags, sqlite3 **ret, struct err *err)
{
    sqlite3 *db = NULL;
    int rc = 0;

    flags |= SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK)
        rc = db ? db_fail(db, err) : err_set(err, ERR_IO, "out of memory");
    if (rc == 0)
        sqlite3_busy_timeout(db, LIMIT_AUDIT_BUSY_MS);
    if (rc == 0)
        rc = db_exec(db, "PRAGMA trusted_schema=OFF", err);
    if (rc < 0) {
        db_close(db);
        return rc;
    }
    *ret = db;
    return 0;
}

static int use_wal(sqlite3 *db, struct err *err)
{
    sqlite3_stmt *stmt;
    int rc = db_prepare(db, "PRAGMA journal_mode=WAL", &stmt, err);

    if (rc < 0)
        return rc;
    if (sqlite3_step(stmt) != SQLITE_ROW)
        rc = db_fail(db, err);
    else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "wal") != 0)
        rc = err_set(err, ERR_IO, "its file system cannot do write-ahead logging");
    sqlite3_finalize(stmt);
    /* Rows are put at the end; sqlite's own 2 MB of pages would fill and stay. */
    if (rc == 0)
        rc = db_exec(db,
                "PRAGMA synchronous=FULL; PRAGMA cache_size=-512;"
                "PRAGMA journal_size_limit=67108864",
                err);
    return rc;
}

static int open_locked(const char *path, int folder_fd, sqlite3 **ret, struct err *err)
{
    sqlite3 *db = NULL;
    int rc = make_private(path, folder_fd, err);

    if (rc < 0)
        return rc;
    rc = connect_to(path, SQLITE_OPEN_READWRITE, &db, err);
    if (rc < 0)
        return err_wrap(err, "open '%s'", path);
    rc = use_wal(db, err);
    if (rc == 0)
        rc = schema_migrate(db, schema_steps, schema_version, err);
    if (rc < 0) {
        db_close(db);
        return err_wrap(err, "open '%s'", path);
    }
    *ret = db;
    return 0;
}

int db_open_write(const char *path, sqlite3 **ret, struct err *err)
{
    char *folder;
    char *whole = resolve(path, &folder, err);
    int rc;

    if (!whole)
        return ERR_NOENT;
    /* Two processes that switch a new file to WAL at once would get "locked" without
     * waiting, so they take turns. */
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        rc = err_set(err, ERR_IO, "cannot lock folder '%s': %s", folder, strerror(errno));
    else
        rc = open_locked(whole, fd, ret, err);
    if (fd >= 0)
        close(fd);
    free(folder);
    free(whole);
    return rc;
}

int db_open_read(const char *path, sqlite3 **ret, struct err *err)
{
    char *whole = resolve(path, NULL, err);
    struct stat st;
    sqlite3 *db = NULL;

    if (!whole)
        return ERR_NOENT;
    int rc = inspect(whole, &st, err);
    if (rc == 0)
        rc = connect_to(whole, SQLITE_OPEN_READONLY, &db, err);
    free(whole);
    if (rc < 0)
        return rc;
    rc = schema_check(db, err);
    if (rc < 0) {
        db_close(db);
        return err_wrap(err, "open '%s'", path);
    }
    *ret = db;
    return 0;
}
