/*
 * notify.c - see notify.h.
 *
 * Run when more wait than before; one at a time, and not oftener than every NOTIFY_GAP_MS:
 * what happens meanwhile is told together. A command that does not end is ended.
 */
#include "cli/notify.h"

#include <signal.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/child.h"

#define NOTIFY_GAP_MS 5000
#define NOTIFY_LIFE_MS 10000

struct notify {
    struct loop *loop;    /* borrows */
    struct gate *gate;    /* borrows */
    char *const *command; /* borrows */
    struct child *child;  /* owns; NULL: none runs */
    struct timer *gap;    /* owns; runs until the next one may be started */
    struct timer *life;   /* owns; of the child */
    unsigned told;        /* waited when the user was told */
};

static void look(struct notify *notify);

static void on_exit_status(void *ctx, int exit_status, int term_signal)
{
    struct notify *notify = ctx;

    if (exit_status != 0 || term_signal != 0)
        log_warn("notify", "'%s' ended with status %d, signal %d", notify->command[0],
                exit_status, term_signal);
    timer_stop(notify->life);
    child_free(notify->child);
    notify->child = NULL;
    look(notify);
}

static void on_gap(void *ctx)
{
    look(ctx);
}

static void on_life(void *ctx)
{
    struct notify *notify = ctx;

    log_warn("notify", "'%s' did not end within %d s", notify->command[0],
            NOTIFY_LIFE_MS / 1000);
    child_kill(notify->child, SIGKILL);
}

/* Caller frees. */
static char *describe(struct gate *gate)
{
    json_t *requests = json_array();
    json_t *all = json_pack("{s:s, s:i, s:o}", "event", "waiting", "waiting",
            (int)gate_count(gate), "requests", requests);

    for (unsigned i = 0; i < gate_count(gate); i++) {
        const struct gate_item *item = gate_at(gate, i);

        json_array_append_new(
                requests, json_pack("{s:I, s:i, s:s, s:s, s:s}", "id", (json_int_t)item->rec.id,
                                  "number", (int)item->rec.number, "kind", item->rec.kind,
                                  "session", item->rec.session, "name", item->label));
    }
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

static void run(struct notify *notify)
{
    char *text = describe(notify->gate);
    struct child_spec spec = {
            .argv = (const char *const *)notify->command,
            .input = str_of(text ? text : ""),
            .on_exit = on_exit_status,
            .ctx = notify,
    };
    struct err err;

    notify->child = child_spawn(notify->loop, &spec, &err);
    if (notify->child)
        timer_start(notify->life, NOTIFY_LIFE_MS);
    else
        log_warn("notify", "%s", err.msg);
    timer_start(notify->gap, NOTIFY_GAP_MS);
    free(text);
}

static void look(struct notify *notify)
{
    unsigned waiting = gate_count(notify->gate);

    if (waiting < notify->told)
        notify->told = waiting;
    if (waiting <= notify->told || notify->child || timer_running(notify->gap))
        return;
    notify->told = waiting;
    run(notify);
}

struct notify *notify_new(struct loop *loop, struct gate *gate, char *const *command)
{
    struct notify *notify;

    if (!gate || !command || !command[0])
        return NULL;
    notify = xcalloc(1, sizeof(*notify));
    *notify = (struct notify){.loop = loop, .gate = gate, .command = command};
    notify->gap = timer_new(loop, on_gap, notify);
    notify->life = timer_new(loop, on_life, notify);
    return notify;
}

void notify_free(struct notify *notify)
{
    if (!notify)
        return;
    timer_free(notify->gap);
    timer_free(notify->life);
    child_free(notify->child);
    free(notify);
}

void notify_look(struct notify *notify)
{
    if (notify)
        look(notify);
}
