/*
 * loop.h - the one event loop, and the close discipline of everything that lives on it.
 *
 * Close means silence: every object of this layer is made by X_new/X_open and given up by
 * X_free/X_close. When that call returns, no callback of the object runs ever again and the
 * owner may free whatever the callbacks pointed to; the layer keeps its own memory until
 * libuv has let go of it. Freeing NULL is fine. Freeing from inside the object's own callback
 * is fine.
 *
 * The loop counts every open libuv handle by name. loop_free() runs the loop until all are
 * closed; a handle that its owner forgot is printed by name and is a failed CHECK.
 *
 * Only src/io includes uv.h. All functions belong to the loop's thread, loop_post() excepted.
 */
#ifndef SRC_IO_LOOP_H
#define SRC_IO_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct loop;

/* Also ignores SIGPIPE for the process, which libuv does not do, and sets malloc's slack. */
struct loop *loop_new(struct err *err);

/* Run until loop_stop() or until nothing is open any more. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* One turn; waits for an event if `wait`. For tests: `while (!done) loop_turn(loop, true)`. */
void loop_turn(struct loop *loop, bool wait);

/* See above. In tests this is the proof that nothing leaked. */
void loop_free(struct loop *loop);

uint64_t loop_now_ms(const struct loop *loop); /* monotonic, cached once a turn */
uint64_t clock_ns(void);                       /* monotonic, fresh */
int64_t clock_wall_ms(void);                   /* Unix time in milliseconds */

/* Run fn(ctx) soon on the loop's thread. Callable from any thread. */
void loop_post(struct loop *loop, void (*fn)(void *ctx), void *ctx);

/*
 * Things to do once at the end of a turn, just before the loop waits: flush written
 * channels, draw a frame. Embed a hook, set fn and ctx once, call loop_defer() as often as
 * you like: it runs once per turn, unless another hook defers it again afterwards.
 * loop_undefer() before the hook's memory goes away.
 */
struct loop_hook {
    void (*fn)(void *ctx);
    void *ctx;                     /* borrows */
    struct loop_hook *next, *prev; /* the loop's; next is NULL while not queued */
};
void loop_defer(struct loop *loop, struct loop_hook *hook);
void loop_undefer(struct loop_hook *hook);

/*
 * Something without a handle that keeps the loop going, a thread that will loop_post() for
 * example: loop_run() does not end between hold and drop, and loop_free() names what was
 * forgotten.
 */
void loop_hold(struct loop *loop, const char *name);
void loop_drop(struct loop *loop, const char *name);

/* Timers: one shot, restartable; accuracy 1 ms. */
struct timer;
struct timer *timer_new(struct loop *loop, void (*fn)(void *ctx), void *ctx);
void timer_start(struct timer *timer, uint64_t ms); /* from now; restarts a running one */
void timer_stop(struct timer *timer);
bool timer_running(const struct timer *timer);
void timer_free(struct timer *timer);

/* Signals. */
struct sigwatch;
struct sigwatch *sigwatch_new(
        struct loop *loop, int signo, void (*fn)(void *ctx, int signo), void *ctx);
void sigwatch_free(struct sigwatch *watch);

/*
 * Work off the loop, in libuv's pool (4 threads, shared with name resolution): key
 * generation, file reads. `work` runs on a pool thread and must touch only ctx; `done` runs
 * on the loop, exactly once, also at shutdown (loop_free waits for it).
 */
void loop_work(struct loop *loop, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx);

/*
 * The pool's threads end now, and what libraries keep per thread goes with them: OpenSSL's
 * random generators among it. At exit libuv would end them too, but only after OpenSSL has
 * forgotten what to wipe. The last call into this layer; no loop is left.
 */
void loop_end_threads(void);

#endif
