/*
 * bridge.c - a plain channel whose bytes travel through another one: TLS within TLS.
 *
 * A channel has one TLS layer. Towards a server behind an https proxy there are two, so the
 * inner one runs on one end of a socket pair, and this file carries the bytes between the
 * other end ("far") and the connection to the proxy ("outer"). It costs a copy through the
 * kernel, for a case that is rare.
 *
 *     owner -- inner ==socketpair== far <--> outer -- TLS -- proxy -- TLS -- server
 *
 * Nobody owns the bridge: it ends when either of its channels has ended. They are not in the
 * loop's census, because the inner channel stands for them there.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/chan_priv.h"

struct bridge;

/* One direction: what comes in here leaves through the other side. */
struct side {
    struct bridge *bridge;
    struct chan *chan; /* owns; NULL: closed */
    struct side *other;
    bool ended;
};

struct bridge {
    struct side far, outer;
};

static void bridge_free(struct bridge *bridge, void (*end)(struct chan *chan))
{
    end(bridge->far.chan);
    end(bridge->outer.chan);
    free(bridge);
}

static void on_data(void *ctx)
{
    struct side *side = ctx;
    struct buf *in = chan_in(side->chan);

    if (chan_full(side->other->chan)) {
        chan_pause(side->chan);
        return;
    }
    chan_write_str(side->other->chan, buf_str(in));
    buf_clear(in);
}

static void on_drain(void *ctx)
{
    struct side *side = ctx;

    chan_resume(side->other->chan);
}

static void on_end(void *ctx)
{
    struct side *side = ctx;

    side->ended = true;
    if (side->other->ended)
        bridge_free(side->bridge, chan_close);
    else
        chan_shutdown(side->other->chan);
}

/* The other end must not take this for a clean end: the inner TLS sees no close_notify. */
static void on_fail(void *ctx, const struct err *err)
{
    struct side *side = ctx;

    (void)err;
    bridge_free(side->bridge, chan_abort);
}

static const struct chan_ops side_ops = {
        .on_data = on_data, .on_drain = on_drain, .on_end = on_end, .on_fail = on_fail};

struct chan *chan_over(struct chan *outer, struct err *err)
{
    struct loop *loop = outer->loop;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        err_set(err, ERR_IO, "cannot make a socket pair: %s", strerror(errno));
        return NULL;
    }
    struct bridge *b = xcalloc(1, sizeof(*b));
    struct chan *inner = chan_adopt_fd(loop, fds[0], NULL, NULL, err);
    struct chan *far = inner ? chan_adopt_fd(loop, fds[1], &side_ops, &b->far, err) : NULL;
    if (!far) {
        if (!inner)
            close(fds[0]);
        close(fds[1]);
        chan_abort(inner);
        free(b);
        return NULL;
    }
    b->far = (struct side){.bridge = b, .chan = far, .other = &b->outer};
    b->outer = (struct side){.bridge = b, .chan = outer, .other = &b->far};
    inner->peer = xstrdup(outer->peer);
    chan_set_ops(outer, &side_ops, &b->outer);
    chan_uncount(far);
    chan_uncount(outer);
    return inner;
}
