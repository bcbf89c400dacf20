/*
 * timer.c - timers and signals of the loop.
 *
 * Both are a handle, a function and its context. After X_free the handle is closing and its
 * memory goes in the close callback; libuv calls no timer or signal function after uv_close.
 * A timer that is stopped has no handle: thousands of idle connections have such timers.
 */
#include "base/mem.h"
#include "io/loop.h"
#include "io/loop_priv.h"

struct timer {
    uv_timer_t *uv;    /* owns; NULL: stopped */
    struct loop *loop; /* borrows */
    void (*fn)(void *ctx);
    void *ctx; /* borrows */
    bool counted;
};

struct sigwatch {
    uv_signal_t uv;
    struct loop *loop; /* borrows */
    void (*fn)(void *ctx, int signo);
    void *ctx; /* borrows */
};

static void free_data(uv_handle_t *handle)
{
    free(handle->data);
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void on_timer(uv_timer_t *uv)
{
    struct timer *timer = uv->data;

    timer->fn(timer->ctx);
}

struct timer *timer_new_inner(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
    struct timer *timer = xcalloc(1, sizeof(*timer));

    timer->loop = loop;
    timer->fn = fn;
    timer->ctx = ctx;
    return timer;
}

struct timer *timer_new(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
    struct timer *timer = timer_new_inner(loop, fn, ctx);

    timer->counted = true;
    loop_opened(loop, "timer");
    return timer;
}

void timer_start(struct timer *timer, uint64_t ms)
{
    /* libuv counts from the time cached at the start of the turn; that may be long ago. */
    uint64_t now = uv_hrtime() / 1000000;
    uint64_t cached = uv_now(&timer->loop->uv);

    if (!timer->uv) {
        timer->uv = xmalloc(sizeof(*timer->uv));
        CHECK(uv_timer_init(&timer->loop->uv, timer->uv) == 0);
        timer->uv->data = timer;
    }
    CHECK(uv_timer_start(timer->uv, on_timer, ms + (now > cached ? now - cached : 0), 0) == 0);
}

void timer_stop(struct timer *timer)
{
    if (timer->uv)
        uv_close((uv_handle_t *)timer->uv, free_handle);
    timer->uv = NULL;
}

bool timer_running(const struct timer *timer)
{
    return timer->uv && uv_is_active((const uv_handle_t *)timer->uv);
}

void timer_free(struct timer *timer)
{
    if (!timer)
        return;
    if (timer->counted)
        loop_given_up(timer->loop, "timer");
    timer_stop(timer);
    free(timer);
}

static void on_signal(uv_signal_t *uv, int signo)
{
    struct sigwatch *watch = uv->data;

    watch->fn(watch->ctx, signo);
}

struct sigwatch *sigwatch_new(
        struct loop *loop, int signo, void (*fn)(void *ctx, int signo), void *ctx)
{
    struct sigwatch *watch = xcalloc(1, sizeof(*watch));

    watch->loop = loop;
    watch->fn = fn;
    watch->ctx = ctx;
    watch->uv.data = watch;
    CHECK(uv_signal_init(&loop->uv, &watch->uv) == 0);
    CHECK(uv_signal_start(&watch->uv, on_signal, signo) == 0);
    loop_opened(loop, "signal");
    return watch;
}

void sigwatch_free(struct sigwatch *watch)
{
    if (!watch)
        return;
    loop_given_up(watch->loop, "signal");
    uv_close((uv_handle_t *)&watch->uv, free_data);
}
