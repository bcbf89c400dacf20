/*
 * chan.c - what the owner of a channel calls, and how it gets the news.
 *
 * Nothing here blocks. The owner's calls change flags and buffers and queue the channel's
 * hook; the work is done by chan_turn() at the end of the loop turn. Only a write of
 * FLUSH_NOW bytes or more goes out at once, so that bulk data stays in the cache.
 */
#include "io/chan.h"

#include "base/held.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/chan_priv.h"

#define FLUSH_NOW 65536
#define CLOSE_MS 5000

static bool tell_one(struct chan *chan);
static void on_deadline(void *ctx);

void chan_set_ops(struct chan *chan, const struct chan_ops *ops, void *ctx)
{
    chan->ops = ops;
    chan->ctx = ctx;
    if (ops && buf_len(&chan->in) && !chan->told_end)
        chan->news |= NEWS_DATA;
    loop_defer(chan->loop, &chan->hook);
}

struct buf *chan_in(struct chan *chan)
{
    return &chan->in;
}

struct buf *chan_out(struct chan *chan)
{
    return &chan->out;
}

void chan_write(struct chan *chan, const void *p, size_t n)
{
    buf_append(&chan->out, p, n);
    chan_flush_soon(chan);
}

void chan_write_str(struct chan *chan, struct str s)
{
    chan_write(chan, s.p, s.n);
}

void chan_flush_soon(struct chan *chan)
{
    (void)chan_full(chan);
    /* Inside an SSL call of another channel the scratch buffer is taken. */
    if (buf_len(&chan->out) >= FLUSH_NOW && !chan->loop->scratch_busy)
        chan_pump_out(chan);
    if (!chan->turning)
        loop_defer(chan->loop, &chan->hook);
}

size_t chan_unsent(const struct chan *chan)
{
    size_t n = buf_len(&chan->out) + buf_len(&chan->sending);

    return chan->tls ? n + buf_len(chan_tls_wire((struct chan *)chan)) : n;
}

void chan_share(struct chan *chan)
{
    chan->shares = true;
}

size_t chan_high(const struct chan *chan)
{
    size_t room = chan->shares ? held_room() : LIMIT_CHAN_HIGH;

    if (room < LIMIT_CHAN_LEAST)
        return LIMIT_CHAN_LEAST;
    return room < LIMIT_CHAN_HIGH ? room : LIMIT_CHAN_HIGH;
}

size_t chan_low(const struct chan *chan)
{
    size_t half = chan_high(chan) / 2;

    return half < LIMIT_CHAN_LOW ? half : LIMIT_CHAN_LOW;
}

bool chan_full(struct chan *chan)
{
    bool full = chan_unsent(chan) > chan_high(chan);

    chan->full |= full;
    return full;
}

void chan_pause(struct chan *chan)
{
    /* The read event stays armed until bytes really come: most pauses are over before. */
    chan->paused = true;
}

void chan_resume(struct chan *chan)
{
    chan->paused = false;
    if (buf_len(&chan->in) && !chan->told_end)
        chan->news |= NEWS_DATA;
    if (!chan->turning)
        loop_defer(chan->loop, &chan->hook);
}

void chan_shutdown(struct chan *chan)
{
    chan->shut_wanted = true;
    loop_defer(chan->loop, &chan->hook);
}

/* After this no callback can reach the owner. */
static void give_up(struct chan *chan)
{
    chan->ops = NULL;
    chan->ctx = NULL;
    chan->news = 0;
    loop_given_up(chan->loop, "channel");
}

/* False: there is nobody to send anything to. */
static bool begin_close(struct chan *chan)
{
    CHECK(chan->state == CHAN_OPEN);
    give_up(chan);
    if (chan->err || chan->out_failed || (chan->tls && !chan_tls_open(chan)))
        return false;
    chan->state = CHAN_CLOSING;
    chan_deadline(chan, CLOSE_MS);
    loop_defer(chan->loop, &chan->hook);
    return true;
}

void chan_close(struct chan *chan)
{
    if (!chan)
        return;
    if (begin_close(chan))
        chan->shut_wanted = true;
    else
        chan_die(chan);
}

void chan_linger(struct chan *chan)
{
    if (!chan)
        return;
    chan_close(chan);
    chan->lingering = chan->state == CHAN_CLOSING && !chan->ended;
    buf_release(&chan->in);
}

void chan_break(struct chan *chan)
{
    if (!chan)
        return;
    if (begin_close(chan))
        chan->breaking = true;
    else
        chan_reset(chan);
}

void chan_abort(struct chan *chan)
{
    if (!chan)
        return;
    CHECK(chan->state == CHAN_OPEN);
    give_up(chan);
    chan_reset(chan);
}

const char *chan_peer(const struct chan *chan)
{
    return chan->peer ? chan->peer : "unix";
}

bool chan_can_take(const struct chan *chan)
{
    return chan->state == CHAN_OPEN && !chan->connecting && !chan->ended && !chan->paused &&
           buf_len(&chan->in) < chan_high(chan);
}

void chan_ended(struct chan *chan)
{
    if (chan->ended)
        return;
    chan->ended = true;
    chan->news |= chan->err ? NEWS_FAIL : NEWS_END;
}

void chan_fail(struct chan *chan, const struct err *err)
{
    chan->ended = true;
    if (!chan->err) {
        chan->err = xmalloc(sizeof(*err));
        *chan->err = *err;
    }
    chan->news = (chan->news & ~(unsigned)NEWS_END) | NEWS_FAIL;
    buf_release(&chan->out);
    chan_deadline(chan, 0);
}

void chan_deadline(struct chan *chan, uint64_t ms)
{
    if (!ms) {
        timer_free(chan->timer);
        chan->timer = NULL;
        return;
    }
    if (!chan->timer)
        chan->timer = timer_new_inner(chan->loop, on_deadline, chan);
    timer_start(chan->timer, ms);
}

static void on_deadline(void *ctx)
{
    struct chan *chan = ctx;
    struct err err;

    if (chan->state == CHAN_CLOSING) {
        chan_reset(chan);
        return;
    }
    err_set(&err, ERR_TIMEOUT, "TLS handshake with '%s' took too long", chan_peer(chan));
    chan_fail(chan, &err);
    chan_turn(chan);
}

/*
 * One turn of the channel. Decrypting stops when `in` is full or paused; what the owner
 * consumed in on_data makes room, and no read event would come for bytes that are already
 * inside SSL, hence the loop.
 */
void chan_turn(struct chan *chan)
{
    chan->turning = true;
    do {
        if (chan->tls)
            chan_tls_pump(chan);
        while (tell_one(chan))
            ;
    } while (chan->tls && chan_tls_more(chan) && chan_can_take(chan));
    chan->turning = false;

    chan_pump_out(chan);
    while (tell_one(chan))
        ;
    if (chan->state == CHAN_CLOSING)
        chan_finish_close(chan);
    if (chan->state == CHAN_DEAD)
        return;
    if (!buf_len(&chan->in) && chan->in.cap)
        buf_release(&chan->in);
    chan_update_reading(chan);
}

/* Tell the oldest news; false if there are none that may be told now. */
static bool tell_one(struct chan *chan)
{
    const struct chan_ops *ops = chan->ops;
    unsigned news = chan->news;

    if (!news || !ops || chan->state != CHAN_OPEN)
        return false;
    if (news & NEWS_OPEN) {
        chan->news &= ~(unsigned)NEWS_OPEN;
        if (ops->on_open)
            ops->on_open(chan->ctx);
    } else if (news & NEWS_DATA && !chan->paused) {
        chan->news &= ~(unsigned)NEWS_DATA;
        if (buf_len(&chan->in))
            ops->on_data(chan->ctx);
    } else if (news & NEWS_DRAIN) {
        chan->news &= ~(unsigned)NEWS_DRAIN;
        if (ops->on_drain)
            ops->on_drain(chan->ctx);
    } else if (news & NEWS_FAIL) {
        chan->news = 0;
        chan->told_end = true;
        ops->on_fail(chan->ctx, chan->err);
    } else if (news & NEWS_END && !chan->paused) {
        chan->news &= ~(unsigned)NEWS_END;
        chan->told_end = true;
        ops->on_end(chan->ctx);
    } else {
        return false;
    }
    return true;
}
