/*
 * loop.c - the event loop: turns, hooks, posts from other threads, work, census.
 *
 * Hooks run in a uv_prepare, that is after timers and before the loop waits for events. A
 * hook may queue others; they run in the same turn, up to HOOK_ROUNDS times, then the loop
 * looks at its sockets once (without waiting, the idle handle sees to that) and goes on, so
 * that two channels that feed each other cannot starve the rest.
 *
 * Internal handles are not counted as "open": loop_run() ends when only they are left.
 */
#include "io/loop.h"

#include <malloc.h>
#include <signal.h>
#include <time.h>

#include "base/mem.h"
#include "io/loop_priv.h"
#include "io/uverr.h"

#define HOOK_ROUNDS 16

/* Channels free their buffers when they are empty. glibc would hand the pages back to the
 * system each time and fault them in again; with this slack a bulk transfer costs a quarter
 * less CPU, and the process keeps at most this much at the end of its heap that it does not
 * use. Twice as much saves nothing more. */
#define HEAP_SLACK 524288

/* For the same reason the buffers of a full channel come out of the heap. */
#define HEAP_BLOCK 1048576

/* A channel takes 15 KiB with TLS; below so many the slack would hide it. */
#define CROWD 256

struct post {
    void (*fn)(void *ctx);
    void *ctx; /* borrows */
    struct post *next;
};

struct work {
    uv_work_t req;
    void (*work)(void *ctx);
    void (*done)(void *ctx);
    void *ctx; /* borrows */
};

static void on_prepare(uv_prepare_t *prepare);
static void on_idle(uv_idle_t *idle);
static void on_async(uv_async_t *async);
static void run_posts(struct loop *loop);
static void check_nothing_open(const struct loop *loop);

struct loop *loop_new(struct err *err)
{
    struct loop *loop = xcalloc(1, sizeof(*loop));

    signal(SIGPIPE, SIG_IGN);
    mallopt(M_TRIM_THRESHOLD, HEAP_SLACK);
    mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK);
    int rc = uv_loop_init(&loop->uv);
    if (rc < 0) {
        err_uv(err, rc, "cannot make an event loop");
        free(loop);
        return NULL;
    }
    rc = uv_async_init(&loop->uv, &loop->async, on_async);
    if (rc < 0) {
        err_uv(err, rc, "cannot make an event loop");
        CHECK(uv_loop_close(&loop->uv) == 0);
        free(loop);
        return NULL;
    }
    CHECK(uv_mutex_init(&loop->post_lock) == 0);
    CHECK(uv_prepare_init(&loop->uv, &loop->prepare) == 0);
    CHECK(uv_idle_init(&loop->uv, &loop->idle) == 0);
    CHECK(uv_prepare_start(&loop->prepare, on_prepare) == 0);
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_unref((uv_handle_t *)&loop->async);
    loop->uv.data = loop;
    loop->hooks.next = loop->hooks.prev = &loop->hooks;
    loop->posts_end = &loop->posts;
    loop->read_buf = xmalloc(LOOP_READ_SIZE);
    return loop;
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
    uv_stop(&loop->uv);
}

void loop_turn(struct loop *loop, bool wait)
{
    /* A post from another thread is worth waiting for although nothing is open. */
    uv_ref((uv_handle_t *)&loop->async);
    uv_run(&loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    if (!loop->held)
        uv_unref((uv_handle_t *)&loop->async);
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;

    /* Posts and hooks may still give up objects; only after them is open really forgotten. */
    loop_turn(loop, false);
    run_posts(loop);
    check_nothing_open(loop);
    do {
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        run_posts(loop);
    } while (uv_loop_alive(&loop->uv));
    check_nothing_open(loop);

    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop->uv) == 0);
    uv_mutex_destroy(&loop->post_lock);
    buf_release(&loop->scratch);
    /* What a key command printed came through here. */
    mem_wipe(loop->read_buf, LOOP_READ_SIZE);
    free(loop->read_buf);
    free(loop);
}

uint64_t loop_now_ms(const struct loop *loop)
{
    return uv_now(&loop->uv);
}

uint64_t clock_ns(void)
{
    return uv_hrtime();
}

int64_t clock_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void loop_post(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
    struct post *post = xmalloc(sizeof(*post));

    *post = (struct post){fn, ctx, NULL};
    uv_mutex_lock(&loop->post_lock);
    *loop->posts_end = post;
    loop->posts_end = &post->next;
    uv_mutex_unlock(&loop->post_lock);
    CHECK(uv_async_send(&loop->async) == 0);
}

void loop_hold(struct loop *loop, const char *name)
{
    loop_opened(loop, name);
    if (loop->held++ == 0)
        uv_ref((uv_handle_t *)&loop->async);
}

void loop_drop(struct loop *loop, const char *name)
{
    CHECK(loop->held > 0);
    loop_given_up(loop, name);
    if (--loop->held == 0)
        uv_unref((uv_handle_t *)&loop->async);
}

void loop_defer(struct loop *loop, struct loop_hook *hook)
{
    struct loop_hook *end = &loop->hooks;

    if (hook->next)
        return;
    if (end->next == end)
        uv_idle_start(&loop->idle, on_idle);
    hook->next = end;
    hook->prev = end->prev;
    end->prev->next = hook;
    end->prev = hook;
}

void loop_undefer(struct loop_hook *hook)
{
    if (!hook->next)
        return;
    hook->prev->next = hook->next;
    hook->next->prev = hook->prev;
    hook->next = hook->prev = NULL;
}

static void run_round(struct loop *loop)
{
    struct loop_hook *all = &loop->hooks;
    struct loop_hook round = {.next = all->next, .prev = all->prev};

    round.next->prev = &round;
    round.prev->next = &round;
    all->next = all->prev = all;
    while (round.next != &round) {
        struct loop_hook *hook = round.next;

        loop_undefer(hook);
        hook->fn(hook->ctx);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->loop->data;

    for (int i = 0; i < HOOK_ROUNDS && loop->hooks.next != &loop->hooks; i++)
        run_round(loop);
    if (loop->hooks.next == &loop->hooks)
        uv_idle_stop(&loop->idle);
    else
        uv_idle_start(&loop->idle, on_idle);
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* Being active is all it does. */
}

static void run_posts(struct loop *loop)
{
    uv_mutex_lock(&loop->post_lock);
    struct post *post = loop->posts;
    loop->posts = NULL;
    loop->posts_end = &loop->posts;
    uv_mutex_unlock(&loop->post_lock);

    while (post) {
        struct post *next = post->next;

        post->fn(post->ctx);
        free(post);
        post = next;
    }
}

static void on_async(uv_async_t *async)
{
    run_posts(async->loop->data);
}

static void on_work(uv_work_t *req)
{
    struct work *work = req->data;

    work->work(work->ctx);
}

static void on_work_done(uv_work_t *req, int status)
{
    struct work *work = req->data;

    CHECK(status == 0); /* never canceled: done must come after work */
    work->done(work->ctx);
    free(work);
}

void loop_work(struct loop *loop, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
    struct work *w = xcalloc(1, sizeof(*w));

    w->req.data = w;
    w->work = work;
    w->done = done;
    w->ctx = ctx;
    CHECK(uv_queue_work(&loop->uv, &w->req, on_work, on_work_done) == 0);
}

static void trim(void *ctx)
{
    (void)ctx;
    malloc_trim(HEAP_SLACK);
}

static void on_trimmed(void *ctx)
{
    (void)ctx;
}

/* malloc gives back what is free at the end of the heap only, and one long-lived block there
 * keeps all before it. Not on the loop: this takes milliseconds. */
void loop_crowd(struct loop *loop, int change)
{
    loop->crowd += (unsigned)change;
    if (loop->crowd > loop->crowd_peak)
        loop->crowd_peak = loop->crowd;
    if (loop->crowd_peak < CROWD || loop->crowd > loop->crowd_peak / 4)
        return;
    loop->crowd_peak = loop->crowd;
    loop_work(loop, trim, on_trimmed, loop);
}

void loop_end_threads(void)
{
    uv_library_shutdown();
}

static struct tally *tally_find(struct loop *loop, const char *name)
{
    size_t count = sizeof(loop->tally) / sizeof(loop->tally[0]);

    for (size_t i = 0; i < count; i++) {
        struct tally *t = &loop->tally[i];

        if (!t->name)
            t->name = name;
        if (t->name == name || strcmp(t->name, name) == 0)
            return t;
    }
    CHECK_UNREACHABLE();
}

void loop_opened(struct loop *loop, const char *name)
{
    tally_find(loop, name)->open++;
}

void loop_given_up(struct loop *loop, const char *name)
{
    struct tally *t = tally_find(loop, name);

    CHECK(t->open > 0);
    t->open--;
}

static void check_nothing_open(const struct loop *loop)
{
    bool clean = true;

    for (size_t i = 0; i < sizeof(loop->tally) / sizeof(loop->tally[0]); i++) {
        const struct tally *t = &loop->tally[i];

        if (t->open) {
            fprintf(stderr, "ironcurtain: loop_free: %u %s still open\n", t->open, t->name);
            clean = false;
        }
    }
    CHECK(clean);
}
