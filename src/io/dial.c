/*
 * dial.c - reaching a server: resolve, refuse private addresses, connect, handshake.
 *
 * Names are resolved in libuv's pool. The addresses are tried one after the other in the
 * order of getaddrinfo (RFC 6724); each gets a fair part of the time that is left, so that a
 * silent one does not use up everything. Every address is judged just before it is connected
 * to, and the connection goes to that very address: a name cannot change in between.
 *
 *     RESOLVING --> CONNECTING --> HANDSHAKE --> done(channel)
 *         |            |  ^ next address |
 *         +------------+--+--------------+-----> done(error)
 *
 * Memory goes when neither the resolver nor a close callback needs it: libuv cannot take a
 * running getaddrinfo back, so a canceled dial stays until its callback (`resolving`).
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/limits.h"
#include "base/mem.h"
#include "io/addr.h"
#include "io/chan.h"
#include "io/chan_priv.h"
#include "io/uverr.h"

/* More addresses than this are not tried. */
#define TRIES 8

struct dial {
    struct loop *loop;      /* borrows */
    struct tls_client *tls; /* borrows; NULL: plain */
    void (*done)(void *ctx, struct chan *chan, const struct err *err); /* NULL: canceled */
    void *ctx;                                                         /* borrows */
    char *host;                                                        /* owns */
    char *address;                                                     /* owns; or NULL */
    uint16_t port;
    bool allow_private;
    bool h2;
    uint64_t deadline_ms;
    struct timer *timer;    /* owns */
    struct loop_hook start; /* the first step, not from inside dial_start() */
    uv_getaddrinfo_t req;
    bool resolving; /* req is with libuv */
    bool handshaking;
    struct sockaddr_storage addrs[TRIES];
    size_t count;
    size_t next;
    struct chan *chan; /* owns; the attempt that is running */
    struct err err;    /* of the last attempt; code ERR_OK: none yet */
};

static void on_start(void *ctx);
static void on_timeout(void *ctx);
static void try_next(struct dial *dial);

struct dial *dial_start(struct loop *loop, const struct dial_target *target,
        uint32_t timeout_ms, void (*done)(void *ctx, struct chan *chan, const struct err *err),
        void *ctx)
{
    struct dial *dial = xcalloc(1, sizeof(*dial));

    dial->loop = loop;
    dial->tls = target->tls;
    dial->h2 = target->h2;
    dial->done = done;
    dial->ctx = ctx;
    dial->host = xstrdup(target->host);
    dial->address = xstrdup(target->address);
    dial->port = target->port;
    dial->allow_private = target->allow_private;
    dial->deadline_ms = clock_ns() / 1000000 + timeout_ms;
    dial->timer = timer_new_inner(loop, on_timeout, dial);
    dial->start = (struct loop_hook){.fn = on_start, .ctx = dial};
    loop_opened(loop, "dial");
    loop_defer(loop, &dial->start);
    return dial;
}

static void release(struct dial *dial)
{
    if (dial->resolving)
        return;
    free(dial->host);
    free(dial->address);
    free(dial);
}

/* Everything but the memory. */
static void stop(struct dial *dial)
{
    loop_given_up(dial->loop, "dial");
    loop_undefer(&dial->start);
    timer_free(dial->timer);
    dial->timer = NULL;
    dial->done = NULL;
    if (dial->chan)
        chan_abort(dial->chan);
    dial->chan = NULL;
    if (dial->resolving)
        uv_cancel((uv_req_t *)&dial->req);
}

void dial_cancel(struct dial *dial)
{
    if (!dial)
        return;
    stop(dial);
    release(dial);
}

static void finish(struct dial *dial, struct chan *chan)
{
    void (*done)(void *ctx, struct chan *chan, const struct err *err) = dial->done;
    void *ctx = dial->ctx;
    struct err err = dial->err;

    dial->chan = NULL; /* on success it is the callee's from here */
    stop(dial);
    release(dial);
    done(ctx, chan, chan ? NULL : &err);
}

static void fail(struct dial *dial)
{
    char vis[128];

    if (dial->chan)
        chan_abort(dial->chan);
    dial->chan = NULL;
    err_wrap(&dial->err, "cannot reach '%s:%u'", str_vis(vis, sizeof(vis), str_of(dial->host)),
            dial->port);
    finish(dial, NULL);
}

static uint64_t time_left(const struct dial *dial)
{
    uint64_t now = clock_ns() / 1000000;

    return now < dial->deadline_ms ? dial->deadline_ms - now : 0;
}

static void on_timeout(void *ctx)
{
    struct dial *dial = ctx;

    if (dial->chan && !dial->handshaking && time_left(dial) && dial->next < dial->count) {
        err_set(&dial->err, ERR_TIMEOUT, "no answer from '%s'", chan_peer(dial->chan));
        chan_abort(dial->chan);
        dial->chan = NULL;
        try_next(dial);
        return;
    }
    err_set(&dial->err, ERR_TIMEOUT, "%s took too long",
            dial->resolving     ? "resolving the name"
            : dial->handshaking ? "the TLS handshake"
                                : "connecting");
    fail(dial);
}

/* --- connecting -------------------------------------------------------------------- */

static void on_open(void *ctx)
{
    struct dial *dial = ctx;

    if (dial->tls && !dial->handshaking) {
        dial->handshaking = true;
        timer_start(dial->timer, time_left(dial));
        /* Our own timer is the deadline; the channel's must not come before it. */
        (dial->h2 ? chan_start_tls_client_h2 : chan_start_tls_client)(
                dial->chan, dial->tls, dial->host, (uint32_t)time_left(dial) + 1000);
        return;
    }
    struct chan *chan = dial->chan;

    chan_set_ops(chan, NULL, NULL);
    finish(dial, chan);
}

static void on_fail(void *ctx, const struct err *err)
{
    struct dial *dial = ctx;

    dial->err = *err;
    if (dial->handshaking) {
        fail(dial);
        return;
    }
    chan_abort(dial->chan);
    dial->chan = NULL;
    try_next(dial);
}

static void on_data(void *ctx)
{
    (void)ctx; /* It stays in the channel for the next owner. */
}

static void on_end(void *ctx)
{
    struct err err;

    err_set(&err, ERR_EOF, "closed by the other side at once");
    on_fail(ctx, &err);
}

static const struct chan_ops dial_ops = {
        .on_open = on_open, .on_data = on_data, .on_end = on_end, .on_fail = on_fail};

static void try_next(struct dial *dial)
{
    while (dial->next < dial->count) {
        const struct sockaddr *addr = (const struct sockaddr *)&dial->addrs[dial->next++];
        char text[64];

        if (!dial->allow_private && addr_is_private(addr)) {
            addr_text(addr, text, sizeof(text));
            err_set(&dial->err, ERR_DENIED, "'%s' is not a public address", text);
            continue;
        }
        timer_start(dial->timer, time_left(dial) / (dial->count - dial->next + 1) + 1);
        dial->chan = chan_connect_tcp(dial->loop, addr, &dial_ops, dial);
        return;
    }
    fail(dial);
}

/* --- resolving --------------------------------------------------------------------- */

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct dial *dial = req->data;

    dial->resolving = false;
    if (dial->done && status == 0) {
        for (const struct addrinfo *a = list; a && dial->count < TRIES; a = a->ai_next)
            if (a->ai_addrlen <= sizeof(dial->addrs[0]))
                memcpy(&dial->addrs[dial->count++], a->ai_addr, a->ai_addrlen);
    }
    uv_freeaddrinfo(list);
    if (!dial->done) {
        release(dial);
        return;
    }
    if (!dial->count) {
        err_uv(&dial->err, status ? status : UV_EAI_NODATA, "cannot resolve the name");
        fail(dial);
        return;
    }
    try_next(dial);
}

static bool parse_literal(struct dial *dial, const char *text)
{
    struct sockaddr_storage *addr = &dial->addrs[0];

    if (uv_ip4_addr(text, dial->port, (struct sockaddr_in *)addr) < 0 &&
            uv_ip6_addr(text, dial->port, (struct sockaddr_in6 *)addr) < 0)
        return false;
    dial->count = 1;
    return true;
}

static void on_start(void *ctx)
{
    struct dial *dial = ctx;
    const char *name = dial->address ? dial->address : dial->host;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char port[8];

    timer_start(dial->timer, time_left(dial));
    if (parse_literal(dial, name)) {
        try_next(dial);
        return;
    }
    snprintf(port, sizeof(port), "%u", dial->port);
    dial->req.data = dial;
    int rc = uv_getaddrinfo(&dial->loop->uv, &dial->req, on_resolved, name, port, &hints);
    if (rc < 0) {
        err_uv(&dial->err, rc, "cannot resolve the name");
        fail(dial);
        return;
    }
    dial->resolving = true;
}
