/*
 * http_call.c - see http_call.h.
 *
 *     DIALING --> SENT --> head --> body --> on_end(NULL); the connection becomes idle
 *        |         |        |        |
 *        +---------+--------+--------+-----> on_end(why)
 *
 * The request's body goes out in pieces as the peer takes them, so that a large one is in
 * memory once. A call that is freed while it reads is freed when that is done.
 */
#include "mcp/http_call.h"

#include "base/limits.h"
#include "base/mem.h"

#define DIAL_MS 15000
#define IDLE_MAX 8          /* connections that are kept */
#define IDLE_MS 30000       /* for so long, if the server does not say */
#define IDLE_MOST_MS 120000 /* whatever it says */

struct idle {
    struct http_origin *origin; /* borrows */
    struct idle *next, **prev;
    struct chan *chan; /* owns */
    uint64_t until_ms;
};

struct http_origin {
    struct loop *loop;          /* borrows */
    const struct http_url *url; /* borrows */
    struct dial_target target;
    struct idle *idle;   /* owns; newest first */
    struct timer *timer; /* owns; the oldest one has waited long enough */
};

struct http_call {
    struct http_origin *origin;      /* borrows */
    const struct http_call_ops *ops; /* borrows */
    void *ctx;                       /* borrows from the owner */
    struct dial *dial;               /* owns; while dialing */
    struct chan *chan;               /* owns; afterwards */
    struct buf head_out;             /* owns; secret; until it is sent */
    const struct buf *body;          /* borrows; NULL: none, or not needed any more */
    size_t body_sent;
    struct http_scan scan;
    struct http_body reader;
    uint64_t keep_ms; /* the connection, says the server */
    unsigned interim; /* heads before the final one */
    bool has_head, keep_alive, sent;
    bool busy, dead; /* reading; freed meanwhile */
};

static void on_dialed(void *ctx, struct chan *chan, const struct err *err);
static void call_data(void *ctx);
static void call_drain(void *ctx);
static void call_end(void *ctx);
static void call_fail(void *ctx, const struct err *err);

static const struct chan_ops call_ops = {
        .on_data = call_data, .on_drain = call_drain, .on_end = call_end, .on_fail = call_fail};

/* --- idle connections ----------------------------------------------------------------------
 */

static struct chan *idle_take(struct idle *idle)
{
    struct chan *chan = idle->chan;

    *idle->prev = idle->next;
    if (idle->next)
        idle->next->prev = idle->prev;
    free(idle);
    return chan;
}

/* It says something that was not asked for, or ends. */
static void idle_over(void *ctx)
{
    chan_close(idle_take(ctx));
}

static void idle_fail(void *ctx, const struct err *err)
{
    (void)err;
    idle_over(ctx);
}

static const struct chan_ops idle_ops = {
        .on_data = idle_over, .on_end = idle_over, .on_fail = idle_fail};

static void idle_put(struct http_origin *origin, struct chan *chan, uint64_t keep_ms)
{
    struct idle *idle = xcalloc(1, sizeof(*idle));
    unsigned count = 1;

    *idle = (struct idle){.origin = origin,
            .chan = chan,
            .next = origin->idle,
            .prev = &origin->idle,
            .until_ms = loop_now_ms(origin->loop) + keep_ms};
    if (idle->next)
        idle->next->prev = &idle->next;
    origin->idle = idle;
    chan_set_ops(chan, &idle_ops, idle);
    for (struct idle *one = idle->next, *next; one; one = next) {
        next = one->next;
        if (++count > IDLE_MAX)
            idle_over(one);
    }
    if (!timer_running(origin->timer))
        timer_start(origin->timer, keep_ms);
}

static void on_idle_timer(void *ctx)
{
    struct http_origin *origin = ctx;
    uint64_t now = loop_now_ms(origin->loop), first = UINT64_MAX;

    for (struct idle *idle = origin->idle, *next; idle; idle = next) {
        next = idle->next;
        if (idle->until_ms <= now)
            idle_over(idle);
        else if (idle->until_ms < first)
            first = idle->until_ms;
    }
    if (origin->idle)
        timer_start(origin->timer, first - now);
}

/* The newest one that is not too old. */
static struct chan *idle_find(struct http_origin *origin)
{
    uint64_t now = loop_now_ms(origin->loop);

    for (struct idle *idle = origin->idle; idle; idle = idle->next) {
        if (idle->until_ms > now)
            return idle_take(idle);
    }
    return NULL;
}

struct http_origin *http_origin_new(struct loop *loop, const struct http_url *url,
        struct tls_client *tls, const struct dial_proxy *via)
{
    struct http_origin *origin = xcalloc(1, sizeof(*origin));

    origin->loop = loop;
    origin->url = url;
    origin->target = (struct dial_target){.host = url->host,
            .port = url->port,
            .tls = url->tls ? tls : NULL,
            .allow_private = true,
            .via = via};
    origin->timer = timer_new(loop, on_idle_timer, origin);
    return origin;
}

void http_origin_free(struct http_origin *origin)
{
    if (!origin)
        return;
    while (origin->idle)
        idle_over(origin->idle);
    timer_free(origin->timer);
    free(origin);
}

/* --- sending -------------------------------------------------------------------------------
 */

static void put_head(struct buf *out, const struct http_origin *origin, const char *method,
        struct str fields, const struct buf *body)
{
    buf_mark_secret(out);
    buf_printf(out, "%s %s HTTP/1.1\r\nhost: %s\r\nuser-agent: ironcurtain/" IC_VERSION "\r\n",
            method, origin->url->target, origin->url->authority);
    buf_append_str(out, fields);
    if (body)
        buf_printf(out, "content-length: %zu\r\n", buf_len(body));
    buf_puts(out, "\r\n");
}

static void send_more(struct http_call *call)
{
    while (call->body && call->body_sent < buf_len(call->body) && !chan_full(call->chan)) {
        struct str rest = buf_str(call->body);

        rest = (struct str){rest.p + call->body_sent, rest.n - call->body_sent};
        if (rest.n > LIMIT_CHAN_HIGH)
            rest.n = LIMIT_CHAN_HIGH;
        call->body_sent += rest.n;
        chan_write_str(call->chan, rest);
    }
}

static void use(struct http_call *call, struct chan *chan)
{
    call->chan = chan;
    call->sent = true;
    buf_mark_secret(chan_out(chan));
    chan_set_ops(chan, &call_ops, call);
    chan_write_str(chan, buf_str(&call->head_out));
    buf_release(&call->head_out);
    send_more(call);
}

struct http_call *http_call_start(struct http_origin *origin, const char *method,
        struct str fields, const struct buf *body, const struct http_call_ops *ops, void *ctx)
{
    struct http_call *call = xcalloc(1, sizeof(*call));

    *call = (struct http_call){
            .origin = origin, .ops = ops, .ctx = ctx, .body = body, .keep_ms = IDLE_MS};
    put_head(&call->head_out, origin, method, fields, body);
    struct chan *chan = idle_find(origin);
    if (chan)
        use(call, chan);
    else
        call->dial = dial_start(origin->loop, &origin->target, DIAL_MS, on_dialed, call);
    return call;
}

bool http_origin_say(struct http_origin *origin, const char *method, struct str fields)
{
    struct chan *chan = idle_find(origin);
    struct buf head = BUF_INIT;

    if (!chan)
        return false;
    put_head(&head, origin, method, fields, NULL);
    chan_write_str(chan, buf_str(&head));
    chan_linger(chan);
    buf_release(&head);
    return true;
}

static void release(struct http_call *call)
{
    dial_cancel(call->dial);
    chan_abort(call->chan);
    buf_release(&call->head_out);
    free(call);
}

void http_call_free(struct http_call *call)
{
    if (!call)
        return;
    call->dead = true;
    call->body = NULL;
    if (!call->busy)
        release(call);
}

bool http_call_was_sent(const struct http_call *call)
{
    return call->sent;
}

size_t http_call_unsent(const struct http_call *call)
{
    return (call->chan ? chan_unsent(call->chan) : 0) +
           (call->body ? buf_len(call->body) - call->body_sent : 0);
}

/* --- the answer ----------------------------------------------------------------------------
 */

/* Last; the callee frees the call, or somebody does later. */
static void finish(struct http_call *call, const struct err *why)
{
    chan_abort(call->chan);
    call->chan = NULL;
    call->body = NULL;
    if (!call->dead)
        call->ops->on_end(call->ctx, why);
}

static void fail(struct http_call *call, enum err_code code, const char *why)
{
    struct err err;

    err_set(&err, code, "%s", why);
    finish(call, &err);
}

static void whole(struct http_call *call)
{
    bool reusable = call->keep_alive && call->reader.framing != HTTP_TO_CLOSE &&
                    buf_len(chan_in(call->chan)) == 0 && http_call_unsent(call) == 0;

    if (reusable) {
        struct chan *chan = call->chan;

        call->chan = NULL;
        idle_put(call->origin, chan, call->keep_ms);
    }
    finish(call, NULL);
}

static void on_piece(void *ctx, struct str piece)
{
    struct http_call *call = ctx;

    if (!call->dead)
        call->ops->on_body(call->ctx, piece);
}

/* "timeout=5, max=100": a second less, so that it does not close it under a request. */
static uint64_t keep_of(const struct http_head *head)
{
    size_t index = 0;
    const struct http_field *field = http_next(head, STR("keep-alive"), &index);
    struct str rest = field ? field->value : STR(""), item;
    uint64_t seconds;

    while (rest.n) {
        (void)str_cut(&rest, ',', &item);
        item = str_trim(item);
        if (!str_starts(item, STR("timeout=")) ||
                !str_u64((struct str){item.p + 8, item.n - 8}, 86400, &seconds))
            continue;
        uint64_t ms = seconds ? (seconds - 1) * 1000 : 0;
        return ms < IDLE_MOST_MS ? ms : IDLE_MOST_MS;
    }
    return IDLE_MS;
}

static void take_head(struct http_call *call, const struct http_head *head)
{
    bool early = call->body && call->body_sent < buf_len(call->body);

    call->has_head = true;
    call->keep_alive = head->keep_alive && !early;
    call->body = NULL;
    call->keep_ms = keep_of(head);
    http_body_init(&call->reader, head->framing, head->length);
    call->ops->on_head(call->ctx, head);
}

/* False: more bytes are needed, or it is over. */
static bool read_head(struct http_call *call, struct buf *in)
{
    struct http_fault fault;
    struct http_head *head = xmalloc(sizeof(*head));

    while (!call->has_head && !call->dead) {
        long n = http_scan_head(&call->scan, buf_str(in), &fault);

        if (n == 0)
            break;
        if (n < 0 || http_parse_response(
                             head, (struct str){buf_data(in), (size_t)n}, false, &fault) < 0) {
            fail(call, ERR_PROTO, fault.reason);
            break;
        }
        if (head->status >= 200) {
            take_head(call, head);
        } else if (head->status == 101 || ++call->interim > LIMIT_HTTP_INTERIM) {
            fail(call, ERR_PROTO, "it sends heads that were not asked for");
            break;
        }
        buf_consume(in, (size_t)n);
        call->scan = (struct http_scan){0};
    }
    free(head);
    return call->has_head && !call->dead;
}

static void read_more(struct http_call *call)
{
    struct buf *in = chan_in(call->chan);
    struct http_fault fault;

    if (!call->has_head && !read_head(call, in))
        return;
    long used = http_body_feed(&call->reader, buf_str(in), on_piece, call, &fault);
    if (call->dead)
        return;
    if (used < 0) {
        fail(call, ERR_PROTO, fault.reason);
        return;
    }
    buf_consume(in, (size_t)used);
    if (call->reader.done)
        whole(call);
}

static void leave(struct http_call *call)
{
    call->busy = false;
    if (call->dead)
        release(call);
}

static void call_data(void *ctx)
{
    struct http_call *call = ctx;

    call->busy = true;
    read_more(call);
    leave(call);
}

static void call_drain(void *ctx)
{
    send_more(ctx);
}

static void call_end(void *ctx)
{
    struct http_call *call = ctx;

    call->busy = true;
    if (call->has_head && http_body_eof(&call->reader))
        finish(call, NULL);
    else
        fail(call, ERR_EOF, "it closed the connection");
    leave(call);
}

static void call_fail(void *ctx, const struct err *err)
{
    struct http_call *call = ctx;

    call->busy = true;
    finish(call, err);
    leave(call);
}

static void on_dialed(void *ctx, struct chan *chan, const struct err *err)
{
    struct http_call *call = ctx;

    call->dial = NULL;
    call->busy = true;
    if (chan)
        use(call, chan);
    else
        finish(call, err);
    leave(call);
}
