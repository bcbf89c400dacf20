/*
 * dial.c - reaching a server: resolve, judge, connect, go through a proxy, handshake.
 *
 * Happy eyeballs (RFC 8305): the addresses are tried in turn, each ATTEMPT_MS after the one
 * before or at once when it failed; the first connection wins and the others are closed
 * without a word. TLS runs on the winner only: an address that connects but cannot speak TLS
 * is the server's trouble, not the network's.
 *
 *     RESOLVE --> CONNECT --+------------------------------+--> TLS --> done(channel)
 *                           +--> PROXY_TLS --+--> TUNNEL --+
 *                           +----------------+
 *     each of them --> done(error)
 *
 * A connection goes to the very address that was judged: a name cannot change in between.
 * Owns: resolver request, attempts, timers; they exist only while the dial does.
 */
#include "base/mem.h"
#include "io/addr.h"
#include "io/chan_priv.h"
#include "io/dial_priv.h"
#include "io/resolve.h"

/* The next address is tried after this time (RFC 8305 section 5, recommended). */
#define ATTEMPT_MS 250

enum stage { DIAL_RESOLVE, DIAL_CONNECT, DIAL_PROXY_TLS, DIAL_TUNNEL, DIAL_TLS };

struct attempt {
    struct dial *dial; /* borrows */
    struct chan *chan; /* owns; NULL: not begun, or over */
};

struct dial {
    struct loop *loop;            /* borrows */
    struct tls_client *tls;       /* borrows; NULL: plain */
    const struct dial_proxy *via; /* borrows; NULL: direct */
    void (*done)(void *ctx, struct chan *chan, const struct err *err);
    void *ctx;     /* borrows */
    char *host;    /* owns */
    char *address; /* owns; or NULL */
    uint16_t port;
    bool own;
    bool h2;
    uint32_t timeout_ms;
    enum stage stage;
    struct timer *timer;     /* owns; the deadline */
    struct timer *pace;      /* owns; the next attempt */
    struct loop_hook start;  /* the first step, not from inside dial_start() */
    struct resolve *resolve; /* owns; NULL: not resolving */
    struct resolved found;
    size_t next; /* of found, not tried yet */
    struct attempt attempts[RESOLVE_MAX];
    struct chan *chan; /* owns; the winner */
    struct err err;    /* what failed so far; code ERR_OK: nothing yet */
};

static void on_start(void *ctx);
static void on_timeout(void *ctx);
static void on_pace(void *ctx);
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
    dial->own = target->allow_private;
    if (target->via && !target->address && dial_proxy_wanted(target->via, target->host))
        dial->via = target->via;
    dial->timeout_ms = timeout_ms;
    dial->timer = timer_new_inner(loop, on_timeout, dial);
    dial->pace = timer_new_inner(loop, on_pace, dial);
    dial->start = (struct loop_hook){.fn = on_start, .ctx = dial};
    loop_opened(loop, "dial");
    loop_defer(loop, &dial->start);
    return dial;
}

static void stop_attempts(struct dial *dial)
{
    timer_stop(dial->pace);
    for (size_t i = 0; i < RESOLVE_MAX; i++) {
        chan_abort(dial->attempts[i].chan);
        dial->attempts[i].chan = NULL;
    }
}

static void release(struct dial *dial)
{
    loop_given_up(dial->loop, "dial");
    loop_undefer(&dial->start);
    stop_attempts(dial);
    timer_free(dial->timer);
    timer_free(dial->pace);
    chan_abort(dial->chan);
    resolve_cancel(dial->resolve);
    free(dial->host);
    free(dial->address);
    free(dial);
}

void dial_cancel(struct dial *dial)
{
    if (dial)
        release(dial);
}

static void fail(struct dial *dial)
{
    void (*done)(void *ctx, struct chan *chan, const struct err *err) = dial->done;
    void *ctx = dial->ctx;
    char vis[128];
    struct err err = dial->err;

    if (dial->via)
        err_wrap(&err, "through the proxy '%s'", dial->via->name);
    err_wrap(&err, "cannot reach '%s:%u'", str_vis(vis, sizeof(vis), str_of(dial->host)),
            dial->port);
    release(dial);
    done(ctx, NULL, &err);
}

static void succeed(struct dial *dial)
{
    void (*done)(void *ctx, struct chan *chan, const struct err *err) = dial->done;
    void *ctx = dial->ctx;
    struct chan *chan = dial->chan;

    dial->chan = NULL; /* the callee's from here */
    chan_set_ops(chan, NULL, NULL);
    release(dial);
    done(ctx, chan, NULL);
}

/* One more thing that failed; the code of the last counts. */
static void note(struct dial *dial, const struct err *err)
{
    size_t n = dial->err.code == ERR_OK ? 0 : strlen(dial->err.msg);

    dial->err.code = err->code;
    snprintf(dial->err.msg + n, sizeof(dial->err.msg) - n, "%s%s", n ? "; " : "", err->msg);
}

static void on_timeout(void *ctx)
{
    static const char *const what[] = {
            [DIAL_RESOLVE] = "resolving the name took too long",
            [DIAL_PROXY_TLS] = "the TLS handshake with the proxy took too long",
            [DIAL_TUNNEL] = "the proxy does not answer",
            [DIAL_TLS] = "the TLS handshake took too long",
    };
    struct dial *dial = ctx;
    struct err err;

    for (size_t i = 0; i < RESOLVE_MAX; i++) {
        const struct chan *chan = dial->attempts[i].chan;

        if (!chan)
            continue;
        err_set(&err, ERR_TIMEOUT, "no answer from '%s'", chan_peer(chan));
        note(dial, &err);
    }
    if (dial->stage != DIAL_CONNECT) {
        err_set(&err, ERR_TIMEOUT, "%s", what[dial->stage]);
        note(dial, &err);
    }
    fail(dial);
}

/* --- on the connection that won ------------------------------------------------------- */

static uint32_t never(const struct dial *dial)
{
    return dial->timeout_ms + 1000; /* our own timer is the deadline of it all */
}

static void secure(struct dial *dial)
{
    if (!dial->tls) {
        succeed(dial);
        return;
    }
    dial->stage = DIAL_TLS;
    (dial->h2 ? chan_start_tls_client_h2 : chan_start_tls_client)(
            dial->chan, dial->tls, dial->host, never(dial));
}

static void ask_proxy(struct dial *dial)
{
    dial->stage = DIAL_TUNNEL;
    proxy_ask(dial->via, dial->chan, dial->host, dial->port);
}

static void on_open(void *ctx)
{
    struct dial *dial = ctx;

    if (dial->stage == DIAL_PROXY_TLS)
        ask_proxy(dial);
    else
        succeed(dial);
}

static void on_fail(void *ctx, const struct err *err)
{
    struct dial *dial = ctx;

    dial->err = *err;
    fail(dial);
}

/* What comes without being asked for stays in the channel for its next owner. */
static void on_data(void *ctx)
{
    struct dial *dial = ctx;

    if (dial->stage != DIAL_TUNNEL)
        return;
    int rc = proxy_answer(dial->via, chan_in(dial->chan), dial->tls != NULL, &dial->err);
    if (rc < 0)
        fail(dial);
    else if (rc > 0)
        secure(dial);
}

static void on_end(void *ctx)
{
    struct dial *dial = ctx;
    struct err err;

    err_set(&err, ERR_EOF, "closed by the other side%s",
            dial->stage == DIAL_TUNNEL ? " without an answer" : " at once");
    on_fail(ctx, &err);
}

static const struct chan_ops winner_ops = {
        .on_open = on_open, .on_data = on_data, .on_end = on_end, .on_fail = on_fail};

/* --- connecting ----------------------------------------------------------------------- */

static void on_connected(void *ctx)
{
    struct attempt *attempt = ctx;
    struct dial *dial = attempt->dial;

    dial->chan = attempt->chan;
    attempt->chan = NULL;
    stop_attempts(dial);
    dial->err = (struct err){0};
    chan_set_ops(dial->chan, &winner_ops, dial);
    if (!dial->via) {
        secure(dial);
    } else if (!dial->via->tls) {
        ask_proxy(dial);
    } else {
        dial->stage = DIAL_PROXY_TLS;
        chan_start_tls_client(dial->chan, dial->via->tls, dial->via->host, never(dial));
    }
}

static void on_refused(void *ctx, const struct err *err)
{
    struct attempt *attempt = ctx;
    struct dial *dial = attempt->dial;
    bool running = false;

    note(dial, err);
    chan_abort(attempt->chan);
    attempt->chan = NULL;
    if (dial->next < dial->found.count) {
        try_next(dial);
        return;
    }
    for (size_t i = 0; i < RESOLVE_MAX; i++)
        running = running || dial->attempts[i].chan;
    if (!running)
        fail(dial);
}

static void on_nothing(void *ctx)
{
    (void)ctx; /* on_open comes first and takes the channel away. */
}

static const struct chan_ops attempt_ops = {.on_open = on_connected,
        .on_data = on_nothing,
        .on_end = on_nothing,
        .on_fail = on_refused};

static void try_next(struct dial *dial)
{
    struct attempt *attempt = &dial->attempts[dial->next];
    const struct sockaddr *addr = (const struct sockaddr *)&dial->found.addrs[dial->next];

    dial->next++;
    attempt->dial = dial;
    attempt->chan = chan_connect_tcp(dial->loop, addr, &attempt_ops, attempt);
    if (dial->next < dial->found.count)
        timer_start(dial->pace, ATTEMPT_MS);
    else
        timer_stop(dial->pace);
}

static void on_pace(void *ctx)
{
    try_next(ctx);
}

static void begin_connecting(struct dial *dial)
{
    dial->stage = DIAL_CONNECT;
    try_next(dial);
}

/* --- resolving ------------------------------------------------------------------------ */

static void on_resolved(void *ctx, const struct resolved *found, const struct err *err)
{
    struct dial *dial = ctx;

    dial->resolve = NULL;
    if (err) {
        dial->err = *err;
        fail(dial);
        return;
    }
    dial->found = *found;
    begin_connecting(dial);
}

/* Through a proxy, the target is judged as it is written, and the proxy is the operator's. */
static int look_up(struct dial *dial)
{
    const char *name = dial->address ? dial->address : dial->host;
    uint16_t port = dial->port;
    bool own = dial->own;
    struct err *err = &dial->err;
    int rc = resolve_literal(name, port, own, &dial->found, err);

    if (rc == 0)
        rc = resolve_check_name(name, own, err);
    if (rc >= 0 && dial->via) {
        name = dial->via->host;
        port = dial->via->port;
        own = true;
        rc = resolve_literal(name, port, own, &dial->found, err);
        if (rc == 0)
            rc = resolve_check_name(name, own, err);
    }
    if (rc != 0)
        return rc;
    dial->resolve = resolve_start(
            dial->loop, &(struct resolve_query){name, port, own}, on_resolved, dial, err);
    return dial->resolve ? 0 : err->code;
}

static void on_start(void *ctx)
{
    struct dial *dial = ctx;

    timer_start(dial->timer, dial->timeout_ms);
    int rc = look_up(dial);
    if (rc < 0)
        fail(dial);
    else if (rc > 0)
        begin_connecting(dial);
}
