/*
 * file.c - safe files.
 */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

const char *path_home(void)
{
    static char *home;

    if (home)
        return home;
    const char *given = getenv("IRONCURTAIN_HOME");
    if (given && *given) {
        char cwd[PATH_MAX];

        home = given[0] == '/' || !getcwd(cwd, sizeof(cwd)) ? xstrdup(given)
                                                            : path_join(cwd, given);
        return home;
    }

    const char *user = getenv("HOME");
    if (!user || !*user) {
        const struct passwd *pw = getpwuid(getuid());
        user = pw ? pw->pw_dir : "/";
    }
    home = path_join(user, ".ironcurtain");
    return home;
}

char *path_join(const char *a, const char *b)
{
    size_t n = strlen(a);

    if (n == 0)
        return xstrdup(b);
    while (n > 1 && a[n - 1] == '/')
        n--;
    while (*b == '/')
        b++;
    return xasprintf("%.*s%s%s", (int)n, a, a[n - 1] == '/' ? "" : "/", b);
}

char *path_join3(const char *a, const char *b, const char *c)
{
    char *ab = path_join(a, b);
    char *abc = path_join(ab, c);

    free(ab);
    return abc;
}

int file_mkdir(const char *path, struct err *err)
{
    char part[PATH_MAX];
    struct stat st;

    size_t n = strlen(path);

    /* A slash at the end would make lstat() follow a symlink. */
    while (n > 1 && path[n - 1] == '/')
        n--;
    if (n == 0)
        return err_set(err, ERR_IO, "cannot make a folder without a name");
    if (!str_copy(part, sizeof(part), (struct str){path, n}))
        return err_set(err, ERR_LIMIT, "path too long: '%s'", path);
    for (char *p = part + 1;; p++) {
        if (*p && *p != '/')
            continue;
        char old = *p;
        *p = '\0';
        if (mkdir(part, 0700) < 0 && errno != EEXIST)
            return err_set(err, ERR_IO, "cannot make folder '%s': %s", part, strerror(errno));
        *p = old;
        if (!old)
            break;
    }
    if (lstat(part, &st) < 0)
        return err_set(err, ERR_IO, "cannot look at '%s': %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_IO, "'%s' is not a folder (a symlink is refused)", path);
    if (st.st_uid != geteuid())
        return err_set(err, ERR_IO, "folder '%s' belongs to uid %u, not to you", path,
                (unsigned)st.st_uid);
    return 0;
}

static int read_all(int fd, const char *path, size_t max, struct buf *ret, struct err *err)
{
    size_t before = buf_len(ret);
    int rc = 0;

    for (;;) {
        char *room = buf_reserve(ret, 16384);
        ssize_t n = read(fd, room, 16384);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = err_set(err, ERR_IO, "cannot read '%s': %s", path, strerror(errno));
            break;
        }
        if (n == 0)
            break;
        buf_commit(ret, (size_t)n);
        if (buf_len(ret) - before > max) {
            rc = err_set(err, ERR_LIMIT, "'%s' is larger than %zu bytes", path, max);
            break;
        }
    }
    if (rc < 0)
        ret->len = ret->off + before;
    return rc;
}

int file_read(const char *path, size_t max, struct buf *ret, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOENT : ERR_IO, "cannot open '%s': %s", path,
                strerror(errno));
    int rc = read_all(fd, path, max, ret, err);
    close(fd);
    return rc;
}

int file_read_private(const char *path, size_t max, struct buf *ret, struct err *err)
{
    /* Not waiting for the other end, should it be a fifo. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    int rc = 0;

    if (fd < 0 && errno == ELOOP)
        return err_set(err, ERR_CREDENTIAL, "'%s' is a symlink, which is refused here", path);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOENT : ERR_IO, "cannot open '%s': %s", path,
                strerror(errno));
    if (fstat(fd, &st) < 0)
        rc = err_set(err, ERR_IO, "cannot look at '%s': %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        rc = err_set(err, ERR_CREDENTIAL, "'%s' is not a regular file", path);
    else if (st.st_uid != geteuid())
        rc = err_set(err, ERR_CREDENTIAL, "'%s' belongs to uid %u, not to you", path,
                (unsigned)st.st_uid);
    else if (st.st_mode & 077)
        rc = err_set(
                err, ERR_CREDENTIAL, "'%s' is open to others; run: chmod 600 %s", path, path);
    else
        rc = read_all(fd, path, max, ret, err);
    close(fd);
    return rc;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

static int fsync_folder_of(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    if (!str_copy(dir, sizeof(dir), (struct str){path, n}))
        return -1;
    int fd = open(n ? dir : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int rc = fsync(fd);
    close(fd);
    return rc;
}

static int create(const char *path, struct str text, mode_t mode, bool sync, struct err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

    if (fd < 0)
        return err_set(err, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "cannot create '%s': %s",
                path, strerror(errno));
    bool failed = fchmod(fd, mode) < 0 || write_all(fd, text.p, text.n) < 0 ||
                  (sync && fsync(fd) < 0);
    int rc = failed ? -1 : 0;
    int why = errno;
    if (close(fd) < 0 && rc == 0) {
        rc = -1;
        why = errno;
    }
    if (rc < 0) {
        unlink(path);
        return err_set(err, ERR_IO, "cannot write '%s': %s", path, strerror(why));
    }
    return 0;
}

int file_create(const char *path, const void *p, size_t n, mode_t mode, struct err *err)
{
    return create(path, (struct str){p, n}, mode, true, err);
}

static int replace(const char *path, struct str text, mode_t mode, bool sync, struct err *err)
{
    static atomic_uint serial; /* files are written from pool threads too */
    char tmp[PATH_MAX];
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return err_set(err, ERR_IO, "'%s' is a symlink; refusing to write through it", path);
    if (snprintf(tmp, sizeof(tmp), "%s.%ld.%u.tmp", path, (long)getpid(),
                atomic_fetch_add(&serial, 1)) >= (int)sizeof(tmp))
        return err_set(err, ERR_LIMIT, "path too long: '%s'", path);
    int rc = create(tmp, text, mode, sync, err);
    if (rc < 0)
        return rc;
    if (rename(tmp, path) < 0) {
        int why = errno;
        unlink(tmp);
        return err_set(err, ERR_IO, "cannot replace '%s': %s", path, strerror(why));
    }
    if (sync)
        (void)fsync_folder_of(path);
    return 0;
}

int file_write(const char *path, const void *p, size_t n, mode_t mode, struct err *err)
{
    return replace(path, (struct str){p, n}, mode, true, err);
}

int file_write_passing(const char *path, const void *p, size_t n, mode_t mode, struct err *err)
{
    return replace(path, (struct str){p, n}, mode, false, err);
}

int file_open_append(const char *path, struct err *err)
{
    int fd =
            open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd < 0)
        return err_set(err, ERR_IO, "cannot open '%s' for writing: %s", path, strerror(errno));
    return fd;
}

/*
 * Removing what an agent has made: it may nest folders deeper than descriptors or stack last,
 * and take its own permissions away. Below REMOVE_DEPTH a folder is moved to the top and
 * removed from there.
 */
#define REMOVE_DEPTH 32

struct remover {
    int top;         /* descriptor of the folder that is emptied */
    unsigned serial; /* of folders moved up */
    bool moved;      /* since the last look at the top */
};

static int remove_entries(struct remover *remover, int dirfd, unsigned depth);

/* A folder to be emptied; one without permissions gets them, by the descriptor. */
static int open_to_empty(int dirfd, const char *name)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0 && errno == EACCES) {
        char self[64];
        int place = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

        if (place < 0)
            return -1;
        snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
        if (chmod(self, 0700) == 0)
            fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(place);
    }
    if (fd >= 0)
        (void)fchmod(fd, 0700); /* readable is not enough to remove from it */
    return fd;
}

static int move_up(struct remover *remover, int dirfd, const char *name)
{
    char up[32];

    do
        snprintf(up, sizeof(up), ".removed-%u", remover->serial++);
    while (faccessat(remover->top, up, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    if (renameat(dirfd, name, remover->top, up) < 0)
        return -1;
    remover->moved = true;
    return 0;
}

static int remove_entry(struct remover *remover, int dirfd, const char *name, unsigned depth)
{
    if (unlinkat(dirfd, name, 0) == 0)
        return 0;
    int sub = open_to_empty(dirfd, name);
    if (sub < 0)
        return -1;
    if (depth >= REMOVE_DEPTH) {
        close(sub);
        return move_up(remover, dirfd, name);
    }
    if (remove_entries(remover, sub, depth + 1) < 0)
        return -1;
    return unlinkat(dirfd, name, AT_REMOVEDIR);
}

/* Closes dirfd. */
static int remove_entries(struct remover *remover, int dirfd, unsigned depth)
{
    DIR *dir = fdopendir(dirfd);
    int rc = 0;

    if (!dir) {
        close(dirfd);
        return -1;
    }
    do {
        remover->moved = depth > 0 && remover->moved;
        rewinddir(dir);
        for (const struct dirent *e; (e = readdir(dir)) != NULL;)
            if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                    remove_entry(remover, dirfd, e->d_name, depth) < 0)
                rc = -1;
    } while (depth == 0 && rc == 0 && remover->moved);
    int why = errno;
    closedir(dir);
    errno = why;
    return rc;
}

int file_remove_tree(const char *path, struct err *err)
{
    int fd = open_to_empty(AT_FDCWD, path);
    struct remover remover = {.top = fd};

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || remove_entries(&remover, fd, 0) < 0 || rmdir(path) < 0)
        return err_set(err, ERR_IO, "cannot remove '%s': %s", path, strerror(errno));
    return 0;
}

bool file_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

char *file_in_path(const char *program)
{
    const char *path = getenv("PATH");

    if (strchr(program, '/'))
        return access(program, X_OK) == 0 ? xstrdup(program) : NULL;

    struct str rest = str_of(path ? path : "/usr/local/bin:/usr/bin:/bin");
    struct str dir;
    bool more = true;
    while (more) {
        more = str_cut(&rest, ':', &dir);
        if (dir.n == 0)
            continue;
        char *candidate = xasprintf("%.*s/%s", STR_ARG(dir), program);
        struct stat st;
        if (access(candidate, X_OK) == 0 && stat(candidate, &st) == 0 && S_ISREG(st.st_mode))
            return candidate;
        free(candidate);
    }
    return NULL;
}
