/*
 * wsfile.c - see wsfile.h. The kernel resolves the path below the workspace's descriptor
 * (RESOLVE_BENEATH), so that no link and no race leads out of it.
 */
#include "review/wsfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_beneath(int root, const char *rel, uint64_t flags)
{
    struct open_how how = {
            .flags = flags | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd;

    do
        fd = syscall(SYS_openat2, root, rel, &how, sizeof(how));
    while (fd < 0 && errno == EAGAIN);
    return (int)fd;
}

static bool cut_folder(struct str *path, const char *folder)
{
    size_t n = folder ? strlen(folder) : 0;

    if (n == 0 || !str_starts(*path, (struct str){folder, n}) ||
            (path->n > n && path->p[n] != '/'))
        return false;
    *path = (struct str){path->p + n, path->n - n};
    while (path->n && *path->p == '/')
        *path = (struct str){path->p + 1, path->n - 1};
    return true;
}

/* Below the workspace? A relative path is so if the server's folder is the workspace. */
static bool find_rel(const struct policy_world *world, struct str *path)
{
    if (str_starts(*path, STR("file://")))
        *path = (struct str){path->p + 7, path->n - 7};
    if (path->n == 0 || *path->p == '~')
        return false;
    if (*path->p == '/')
        return cut_folder(path, world->box_workspace) || cut_folder(path, world->workspace);
    return world->workspace && (!world->cwd || strcmp(world->cwd, world->workspace) == 0);
}

static int read_all(int fd, struct wsfile *file)
{
    size_t left = WSFILE_MAX + 1;

    while (left > 0) {
        size_t want = left < 65536 ? left : 65536;
        ssize_t n = read(fd, buf_reserve(&file->text, want), want);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        buf_commit(&file->text, (size_t)n);
        left -= (size_t)n;
    }
    return 1;
}

static enum ws_state read_file(int fd, struct wsfile *file)
{
    if (fstat(fd, &file->st) < 0)
        return WS_ERROR;
    if (!S_ISREG(file->st.st_mode))
        return WS_OTHER;
    int rc = read_all(fd, file);
    if (rc != 0)
        buf_release(&file->text);
    return rc < 0 ? WS_ERROR : rc > 0 ? WS_LARGE : WS_FILE;
}

static enum ws_state from_errno(void)
{
    if (errno == ENOENT)
        return WS_NEW;
    return errno == EXDEV || errno == ELOOP ? WS_OUTSIDE : WS_ERROR;
}

static void look_at_link(int root, const char *rel, struct wsfile *file)
{
    char target[200];
    int fd = open_beneath(root, rel, O_PATH | O_NOFOLLOW);
    ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target));

    if (n > 0)
        str_vis(file->link, sizeof(file->link), (struct str){target, (size_t)n});
    if (fd >= 0)
        close(fd);
}

static enum ws_state look(
        struct wsfile *file, const struct policy_world *world, struct str path)
{
    char rel[4096];

    if (!find_rel(world, &path))
        return WS_OUTSIDE;
    file->rel = path;
    if (memchr(path.p, '\0', path.n) || !str_copy(rel, sizeof(rel), path.n ? path : STR(".")))
        return WS_ERROR;
    int root = open(world->workspace, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return WS_ERROR;
    look_at_link(root, rel, file);
    int fd = open_beneath(root, rel, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    enum ws_state state = fd < 0 ? from_errno() : read_file(fd, file);
    if (fd >= 0)
        close(fd);
    close(root);
    return state;
}

void wsfile_read(struct wsfile *file, const struct policy_world *world, struct str path)
{
    *file = (struct wsfile){.rel = {"", 0}};
    file->state = look(file, world, path);
}

void wsfile_release(struct wsfile *file)
{
    buf_release(&file->text);
}

bool wsfile_changed(const struct wsfile *file, const struct policy_world *world)
{
    struct stat st;
    char rel[4096];
    int root = file->rel.n && world->workspace
                       ? open(world->workspace, O_PATH | O_DIRECTORY | O_CLOEXEC)
                       : -1;

    if (root < 0 || !str_copy(rel, sizeof(rel), file->rel))
        return false;
    int fd = open_beneath(root, rel, O_PATH);
    bool is_there = fd >= 0 && fstat(fd, &st) == 0;
    if (fd >= 0)
        close(fd);
    close(root);
    bool was_there = file->state == WS_FILE || file->state == WS_LARGE;
    if (!was_there)
        return file->state == WS_NEW && is_there;
    return !is_there || st.st_ino != file->st.st_ino || st.st_size != file->st.st_size ||
           st.st_ctim.tv_sec != file->st.st_ctim.tv_sec ||
           st.st_ctim.tv_nsec != file->st.st_ctim.tv_nsec;
}
