/*
 * filewatch.c - one file, by inotify through libuv.
 *
 * The file itself is watched, not its folder, in which others may write all the time. A file
 * that is replaced takes the watch with it, so after every change it is set anew before the
 * owner is told: what changes later is told again.
 */
#include "io/filewatch.h"

#include <string.h>

#include "base/mem.h"
#include "io/loop_priv.h"

#define QUIET_MS 100

struct filewatch {
    uv_fs_event_t uv;
    struct loop *loop;   /* borrows */
    char *path, *folder; /* own */
    const char *name;    /* borrows from path */
    bool in_folder;      /* the file is not there */
    struct timer *quiet; /* owns; runs since the last change */
    void (*fn)(void *ctx);
    void *ctx; /* borrows */
};

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status)
{
    struct filewatch *watch = uv->data;

    (void)events;
    (void)status;
    if (!watch->in_folder || !name || strcmp(name, watch->name) == 0)
        timer_start(watch->quiet, QUIET_MS);
}

/* The file, or where it would be. */
static int set(struct filewatch *watch)
{
    (void)uv_fs_event_stop(&watch->uv);
    watch->in_folder = false;
    int rc = uv_fs_event_start(&watch->uv, on_event, watch->path, 0);
    if (rc == UV_ENOENT) {
        watch->in_folder = true;
        rc = uv_fs_event_start(&watch->uv, on_event, watch->folder, 0);
    }
    uv_unref((uv_handle_t *)&watch->uv);
    return rc;
}

static void on_quiet(void *ctx)
{
    struct filewatch *watch = ctx;

    (void)set(watch);
    watch->fn(watch->ctx);
}

struct filewatch *filewatch_new(
        struct loop *loop, const char *path, void (*fn)(void *ctx), void *ctx, struct err *err)
{
    struct filewatch *watch = xcalloc(1, sizeof(*watch));
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;

    watch->loop = loop;
    watch->path = xstrdup(path);
    watch->folder = n ? xstrndup(path, n) : xstrdup(slash ? "/" : ".");
    watch->name = watch->path + (slash ? n + 1 : 0);
    watch->fn = fn;
    watch->ctx = ctx;
    watch->quiet = timer_new_inner(loop, on_quiet, watch);
    CHECK(uv_fs_event_init(&loop->uv, &watch->uv) == 0);
    watch->uv.data = watch;
    loop_opened(loop, "file watch");
    int rc = set(watch);
    if (rc == 0)
        return watch;
    err_set(err, ERR_IO, "cannot watch '%s': %s", path, uv_strerror(rc));
    filewatch_free(watch);
    return NULL;
}

static void on_closed(uv_handle_t *uv)
{
    struct filewatch *watch = uv->data;

    free(watch->path);
    free(watch->folder);
    free(watch);
}

void filewatch_free(struct filewatch *watch)
{
    if (!watch)
        return;
    loop_given_up(watch->loop, "file watch");
    timer_free(watch->quiet);
    uv_close((uv_handle_t *)&watch->uv, on_closed);
}
