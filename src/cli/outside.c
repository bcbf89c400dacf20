/*
 * outside.c - see outside.h.
 *
 *     WRITING --(written)--> OUT --(a screen is there)--> READING --(read, removed)--> gone
 *        |                                                   |
 *        +-- failed, or no screen any more: removed ---------+
 */
#include "cli/outside.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

enum outside_state { WRITING, OUT, READING };

struct outside {
    struct stage *stage; /* borrows; NULL: it is gone */
    enum outside_state state;
    uint64_t id;
    char *path;      /* owns */
    struct buf text; /* owns; the pool's while it works */
    int rc;
    struct err err;
};

static void drop(struct outside *outside)
{
    if (outside->stage)
        outside->stage->outside = NULL;
    buf_release(&outside->text);
    free(outside->path);
    free(outside);
}

static void work(void *ctx)
{
    struct outside *outside = ctx;

    if (outside->state == WRITING) {
        outside->rc = file_create(outside->path, buf_data(&outside->text),
                buf_len(&outside->text), 0600, &outside->err);
        buf_release(&outside->text);
        return;
    }
    outside->rc =
            file_read_private(outside->path, LIMIT_GATE_DETAIL, &outside->text, &outside->err);
    (void)unlink(outside->path);
}

static void done(void *ctx)
{
    struct outside *outside = ctx;
    struct stage *stage = outside->stage;
    bool was_written = outside->state == WRITING;

    if (stage && outside->rc < 0 && stage->ui)
        ui_message(stage->ui, "%s", outside->err.msg);
    if (stage && !was_written)
        gate_review_end(stage->app.gate, outside->id);
    if (stage && stage->ui && outside->rc == 0 && was_written) {
        outside->state = OUT;
        stage_leave(stage, UI_EDIT);
        return;
    }
    if (was_written && outside->rc == 0)
        (void)unlink(outside->path);
    else if (stage && stage->ui && outside->rc == 0)
        ui_edit_back(stage->ui, outside->id, buf_str(&outside->text));
    drop(outside);
}

void outside_start(struct stage *stage, uint64_t id, struct str text)
{
    if (stage->outside)
        return; /* the screen is about to go */
    struct outside *outside = xcalloc(1, sizeof(*outside));
    outside->stage = stage;
    outside->id = id;
    outside->path = xasprintf("%s/edit-%d-%" PRIu64 "-%" PRIx64 ".json", path_home(),
            (int)getpid(), id, clock_ns());
    buf_append_str(&outside->text, text);
    stage->outside = outside;
    loop_work(stage->app.loop, work, done, outside);
}

void outside_hold(struct stage *stage)
{
    if (outside_path(stage))
        gate_review_begin(stage->app.gate, stage->outside->id);
}

const char *outside_path(const struct stage *stage)
{
    return stage->outside && stage->outside->state == OUT ? stage->outside->path : NULL;
}

void outside_take_back(struct stage *stage)
{
    struct outside *outside = stage->outside;

    if (!outside || outside->state != OUT)
        return;
    outside->state = READING;
    loop_work(stage->app.loop, work, done, outside);
}

void outside_free(struct stage *stage)
{
    struct outside *outside = stage->outside;

    if (!outside)
        return;
    stage->outside = NULL;
    outside->stage = NULL;
    if (outside->state != OUT)
        return; /* done() has the rest */
    (void)unlink(outside->path);
    drop(outside);
}
