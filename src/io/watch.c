/*
 * watch.c - see watch.h. The handle is closed when the watch is freed, and its memory goes in
 * the close callback.
 */
#include "io/watch.h"

#include "base/mem.h"
#include "io/loop_priv.h"
#include "io/uverr.h"

struct watch {
    uv_fs_event_t uv;
    struct loop *loop; /* borrows */
    void (*fn)(void *ctx);
    void *ctx; /* borrows */
};

static void on_event(uv_fs_event_t *uv, const char *name, int events, int status)
{
    struct watch *watch = uv->data;

    (void)name;
    (void)events;
    (void)status; /* whoever looks finds out what is wrong */
    watch->fn(watch->ctx);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct watch *watch_new(struct loop *loop, const char *folder, void (*fn)(void *ctx), void *ctx,
        struct err *err)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));

    watch->loop = loop;
    watch->fn = fn;
    watch->ctx = ctx;
    CHECK(uv_fs_event_init(loop_uv(loop), &watch->uv) == 0);
    watch->uv.data = watch;
    loop_opened(loop, "watch");
    int rc = uv_fs_event_start(&watch->uv, on_event, folder, 0);
    if (rc < 0) {
        err_uv(err, rc, "cannot watch '%s'", folder);
        watch_free(watch);
        return NULL;
    }
    return watch;
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    loop_given_up(watch->loop, "watch");
    uv_close((uv_handle_t *)&watch->uv, on_closed);
}
