/*
 * exchange.c - one accepted request: to the upstream and back.
 *
 *     agent's chan_in  --body-->  upstream's chan_out        request side
 *     agent's chan_out <--body--  upstream's chan_in         response side
 *
 * Both sides run at once, so an answer may come while the upload goes on. Backpressure: what
 * the other channel cannot take (chan_full) stays in chan_in, which stops that channel's
 * reading by itself; on_drain goes on. A read from the upstream is written to the agent in
 * the same loop turn, so no event of a stream waits for a later one. Bodies of known length
 * are handed over by swapping buffers where possible; chunks are decoded and made anew.
 *
 * Before the response head an upstream that fails is a 502, or one retry if the connection
 * came from the pool and nothing is lost by it. After the head the agent's connection is cut
 * off: a clean end would look like a whole answer. No timeout while waiting for an answer:
 * models think for minutes.
 *
 * Owns: the upstream connection or the dial, the head that was sent (it holds the real key,
 * so it is wiped). The tunnel owns the exchange; every function that may end it says so.
 */
#include "proxy/proxy_priv.h"

#include "base/limits.h"

struct exchange {
    struct tunnel *tunnel; /* borrows; the owner */
    struct upstream *up;   /* owns; NULL: not connected */
    struct dial *dial;     /* owns; NULL: not dialing */
    struct request_record rec;
    struct buf head; /* owns; as sent upstream, with the real key */
    struct http_body request;
    struct http_body response;
    struct http_scan scan;
    uint64_t started_ns;
    unsigned interim; /* 1xx answers so far */
    bool head_sent;
    bool idempotent;
    bool to_head;      /* the method is HEAD */
    bool http10;       /* the agent does not know chunks */
    bool retried;      /* the second connection, never a third */
    bool responding;   /* the response head went to the agent */
    bool chunked;      /* towards the agent */
    bool keep;         /* the agent's connection stays */
    bool keep_up;      /* the upstream's stays */
    bool up_over;      /* the upstream ended or failed; what it sent may be unread */
    struct err up_err; /* code ERR_OK: it ended cleanly */
};

static void connect_upstream(struct exchange *x);
static void on_dialed(void *ctx, struct chan *chan, const struct err *err);
static void attach(struct exchange *x, struct upstream *up);
static void pump_request(struct exchange *x);
static void pump_response(struct exchange *x);
static int response_head(struct exchange *x);
static int response_interim(struct exchange *x);
static void response_begin(struct exchange *x);
static void upstream_over(struct exchange *x);
static void finish(struct exchange *x);
static void fail(struct exchange *x, int status, const char *text);
static void cut_off(struct exchange *x, const char *why);
static void record_end(struct exchange *x, const char *why);
static void release(struct exchange *x);

static const struct chan_ops up_ops;

void exchange_start(
        struct tunnel *tunnel, const struct http_head *head, const struct request_record *rec)
{
    struct exchange *x = xcalloc(1, sizeof(*x));
    x->tunnel = tunnel;
    tunnel->exchange = x;
    x->rec = *rec;
    x->started_ns = clock_ns();
    x->to_head = str_eq(head->method, STR("HEAD"));
    x->idempotent = x->to_head || str_eq(head->method, STR("GET")) ||
                    str_eq(head->method, STR("OPTIONS"));
    x->http10 = head->minor == 0;
    x->keep = head->keep_alive;
    http_body_init(&x->request, head->framing, head->length);
    buf_mark_secret(&x->head);
    judge_write_head(tunnel, head, rec, &x->head);
    record_put(tunnel->proxy, &x->rec);
    if (head->expect_continue && !x->http10 && !x->request.done)
        chan_write_str(tunnel->chan, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    connect_upstream(x);
}

void exchange_agent_data(struct exchange *x)
{
    if (!x->up)
        return; /* stays in the channel until there is somebody to give it to */
    if (!x->head_sent) {
        buf_mark_secret(chan_out(x->up->chan));
        buf_append_str(chan_out(x->up->chan), buf_str(&x->head));
        x->head_sent = true;
    }
    pump_request(x);
}

void exchange_agent_drained(struct exchange *x)
{
    if (!x->up)
        return;
    chan_resume(x->up->chan);
    pump_response(x);
}

void exchange_cancel(struct exchange *x, const char *why)
{
    record_end(x, why);
    release(x);
}

/* --- connecting ----------------------------------------------------------------------- */

static void connect_upstream(struct exchange *x)
{
    struct proxy *proxy = x->tunnel->proxy;
    struct origin *origin = x->tunnel->origin;
    struct upstream *up = x->retried ? NULL : pool_take(proxy->pool, origin);
    if (up) {
        attach(x, up);
        return;
    }
    x->dial = dial_start(proxy->config.loop, &origin->target, LIMIT_DIAL_MS, on_dialed, x);
}

static void on_dialed(void *ctx, struct chan *chan, const struct err *err)
{
    struct exchange *x = ctx;
    x->dial = NULL;
    if (!chan) {
        char text[600];
        snprintf(text, sizeof(text), "Upstream error: %s", err->msg);
        fail(x, 502, text);
        return;
    }
    attach(x, pool_adopt(x->tunnel->proxy->pool, x->tunnel->origin, chan));
    chan_resume(x->tunnel->chan);
    exchange_agent_data(x);
}

static void attach(struct exchange *x, struct upstream *up)
{
    x->up = up;
    x->head_sent = false;
    x->up_over = false;
    x->scan = (struct http_scan){0};
    chan_set_ops(up->chan, &up_ops, x);
}

/* --- request side --------------------------------------------------------------------- */

static void sink_request(void *ctx, struct str piece)
{
    struct exchange *x = ctx;
    if (x->request.framing == HTTP_CHUNKED)
        http_put_chunk(chan_out(x->up->chan), piece);
    else
        buf_append_str(chan_out(x->up->chan), piece);
}

/* A body of known length that fills the input goes over whole, without a copy. */
static bool swap_body(struct http_body *body, struct buf *in, struct buf *out)
{
    size_t n = buf_len(in);
    if (body->framing == HTTP_CHUNKED || buf_len(out) != 0 ||
            (body->framing == HTTP_LENGTH && n > body->left))
        return false;
    if (body->framing == HTTP_LENGTH) {
        body->left -= n;
        body->done = body->left == 0;
    }
    body->bytes += n;
    buf_swap(in, out);
    buf_clear(in);
    return true;
}

/* May end the exchange. */
static void pump_request(struct exchange *x)
{
    struct buf *in = chan_in(x->tunnel->chan);
    struct chan *to = x->up->chan;
    struct http_fault fault;
    if (!x->request.done && buf_len(in) > 0 && !chan_full(to)) {
        if (!swap_body(&x->request, in, chan_out(to))) {
            long used = http_body_feed(&x->request, buf_str(in), sink_request, x, &fault);
            if (used < 0) {
                if (x->responding)
                    cut_off(x, fault.reason);
                else
                    fail(x, 400, "Rejected: malformed request body.");
                return;
            }
            buf_consume(in, (size_t)used);
        }
        x->rec.bytes_up = x->request.bytes;
        if (x->request.done && x->request.framing == HTTP_CHUNKED)
            http_put_last_chunk(chan_out(to));
    }
    chan_flush_soon(to);
}

/* --- response side -------------------------------------------------------------------- */

static void on_up_data(void *ctx)
{
    pump_response(ctx);
}

static void on_up_drain(void *ctx)
{
    struct exchange *x = ctx;
    chan_resume(x->tunnel->chan);
    pump_request(x);
}

static void on_up_end(void *ctx)
{
    struct exchange *x = ctx;
    x->up_over = true;
    x->up_err.code = ERR_OK;
    pump_response(x);
}

static void on_up_fail(void *ctx, const struct err *err)
{
    struct exchange *x = ctx;
    x->up_over = true;
    x->up_err = *err;
    pump_response(x);
}

static const struct chan_ops up_ops = {
        .on_data = on_up_data,
        .on_drain = on_up_drain,
        .on_end = on_up_end,
        .on_fail = on_up_fail,
};

static void sink_response(void *ctx, struct str piece)
{
    struct exchange *x = ctx;
    struct buf *out = chan_out(x->tunnel->chan);
    if (x->chunked)
        http_put_chunk(out, piece);
    else
        buf_append_str(out, piece);
}

/* 0, or -1 with a fault. */
static int pump_response_body(struct exchange *x, struct http_fault *fault)
{
    struct buf *in = chan_in(x->up->chan);
    if (x->chunked || !swap_body(&x->response, in, chan_out(x->tunnel->chan))) {
        long used = http_body_feed(&x->response, buf_str(in), sink_response, x, fault);
        if (used < 0)
            return -1;
        buf_consume(in, (size_t)used);
    }
    x->rec.bytes_down = x->response.bytes;
    return 0;
}

/* May end the exchange. */
static void pump_response(struct exchange *x)
{
    struct buf *in = chan_in(x->up->chan);
    struct http_fault fault;
    while (!x->responding && buf_len(in) > 0) {
        int rc = response_head(x);
        if (rc < 0)
            return;
        if (rc == 0)
            break;
    }
    while (x->responding && !x->response.done && buf_len(in) > 0 &&
            !chan_full(x->tunnel->chan)) {
        if (pump_response_body(x, &fault) < 0) {
            cut_off(x, fault.reason);
            return;
        }
        chan_flush_soon(x->tunnel->chan);
    }
    if (x->responding && x->response.done)
        finish(x);
    else if (x->up_over && (!x->responding || buf_len(in) == 0))
        upstream_over(x);
}

/* 1: one head was dealt with, 0: more bytes are needed, -1: the exchange is over. */
static int response_head(struct exchange *x)
{
    struct buf *in = chan_in(x->up->chan);
    struct http_head *head = &x->tunnel->proxy->head;
    struct http_fault fault;
    char text[160];
    long n = http_scan_head(&x->scan, buf_str(in), &fault);
    if (n == 0)
        return 0;
    struct str bytes = buf_str(in);
    bytes.n = n > 0 ? (size_t)n : 0;
    if (n < 0 || http_parse_response(head, bytes, x->to_head, &fault) < 0) {
        snprintf(text, sizeof(text), "Upstream response error: %s", fault.reason);
        fail(x, 502, text);
        return -1;
    }
    const struct secret *key = x->tunnel->provider->key;
    if (key && memmem(bytes.p, bytes.n, secret_bytes(key), secret_len(key))) {
        fail(x, 502, "Upstream response error: it carries the API key");
        return -1;
    }
    x->scan = (struct http_scan){0};
    if (head->status < 200) {
        int rc = response_interim(x);
        if (rc > 0)
            buf_consume(in, (size_t)n);
        return rc;
    }
    response_begin(x);
    buf_consume(in, (size_t)n);
    return 1;
}

static void write_fields(struct buf *out, const struct http_head *head)
{
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        if (field->hop || field->known == HTTP_CONTENT_LENGTH)
            continue;
        buf_append(out, "\r\n", 2);
        buf_append_str(out, field->name);
        buf_append(out, ": ", 2);
        buf_append_str(out, field->value);
    }
}

/* An interim answer: 100 was given by us already, 101 was never asked for. */
static int response_interim(struct exchange *x)
{
    const struct http_head *head = &x->tunnel->proxy->head;
    if (head->status == 101 || ++x->interim > LIMIT_HTTP_INTERIM) {
        fail(x, 502,
                head->status == 101 ? "Upstream response error: unasked protocol switch"
                                    : "Upstream response error: too many interim answers");
        return -1;
    }
    if (head->status == 100 || x->http10)
        return 1;
    struct buf *out = chan_out(x->tunnel->chan);
    http_put_status(out, head->status, head->reason);
    write_fields(out, head);
    buf_puts(out, "\r\n\r\n");
    chan_flush_soon(x->tunnel->chan);
    return 1;
}

static void response_begin(struct exchange *x)
{
    const struct http_head *head = &x->tunnel->proxy->head;
    struct buf *out = chan_out(x->tunnel->chan);
    x->responding = true;
    x->rec.status = head->status;
    x->rec.first_byte_ms = (int64_t)((clock_ns() - x->started_ns) / 1000000);
    http_body_init(&x->response, head->framing, head->length);
    x->keep_up = head->keep_alive && head->framing != HTTP_TO_CLOSE;
    bool unsized = head->framing == HTTP_CHUNKED || head->framing == HTTP_TO_CLOSE;
    x->chunked = unsized && !x->http10;
    x->keep = x->keep && (!unsized || x->chunked);

    http_put_status(out, head->status, head->reason);
    write_fields(out, head);
    if (x->chunked)
        buf_puts(out, "\r\ntransfer-encoding: chunked");
    else if (head->has_length && head->status != 204)
        http_put_length(out, head->length);
    if (!x->keep)
        buf_puts(out, "\r\nconnection: close");
    else if (x->http10)
        buf_puts(out, "\r\nconnection: keep-alive");
    buf_puts(out, "\r\n\r\n");
    chan_flush_soon(x->tunnel->chan);
}

/* --- the end -------------------------------------------------------------------------- */

/* A pooled connection may have been closed while we sent. Sending again is right only if the
 * upstream cannot have acted on the request: none of a body went, or the method promises it. */
static bool can_retry(const struct exchange *x)
{
    return x->up->reused && !x->retried && x->interim == 0 && !x->responding &&
           buf_len(chan_in(x->up->chan)) == 0 && x->request.bytes == 0 &&
           (x->idempotent || !x->request.done);
}

/* The upstream is gone and all it sent was looked at. Ends the exchange unless it retries. */
static void upstream_over(struct exchange *x)
{
    const char *why = x->up_err.code == ERR_OK ? "connection closed" : x->up_err.msg;
    char text[600];
    if (x->responding && x->up_err.code == ERR_OK && http_body_eof(&x->response)) {
        finish(x);
    } else if (x->responding) {
        snprintf(text, sizeof(text), "upstream broke off: %s", why);
        cut_off(x, text);
    } else if (can_retry(x)) {
        upstream_abort(x->up);
        x->up = NULL;
        x->retried = true;
        connect_upstream(x);
    } else {
        snprintf(text, sizeof(text), "Upstream error: %s", why);
        fail(x, 502, text);
    }
}

static void finish(struct exchange *x)
{
    struct tunnel *tunnel = x->tunnel;
    struct http_body request = x->request;
    bool keep = x->keep;
    if (x->chunked)
        http_put_last_chunk(chan_out(tunnel->chan));
    chan_flush_soon(tunnel->chan);
    if (request.done && x->keep_up && !x->up_over && buf_len(chan_in(x->up->chan)) == 0) {
        upstream_keep(x->up);
        x->up = NULL;
    }
    record_end(x, NULL);
    release(x);
    tunnel_exchange_done(tunnel, request.done ? NULL : &request, keep);
}

/* Nothing of a response went to the agent: answer ourselves. */
static void fail(struct exchange *x, int status, const char *text)
{
    struct tunnel *tunnel = x->tunnel;
    struct http_body request = x->request;
    bool keep = x->keep && status != 400 &&
                (request.framing != HTTP_LENGTH || request.left <= LIMIT_HTTP_DISCARD);
    char line[600];
    str_vis(line, sizeof(line), str_of(text));
    x->rec.status = status;
    x->rec.decision = REQUEST_ERROR;
    reply_text(tunnel->chan, status, str_of(line), x->to_head, !keep);
    record_end(x, line);
    release(x);
    tunnel_exchange_done(tunnel, request.done ? NULL : &request, keep);
}

static void cut_off(struct exchange *x, const char *why)
{
    struct tunnel *tunnel = x->tunnel;
    record_end(x, why);
    release(x);
    tunnel_abort(tunnel);
}

static void record_end(struct exchange *x, const char *why)
{
    if (why)
        str_copy(x->rec.reason, sizeof(x->rec.reason), str_of(why));
    x->rec.total_ms = (int64_t)((clock_ns() - x->started_ns) / 1000000);
    x->rec.done = true;
    record_put(x->tunnel->proxy, &x->rec);
}

static void release(struct exchange *x)
{
    x->tunnel->exchange = NULL;
    dial_cancel(x->dial);
    if (x->up && x->request.done && x->response.done && x->responding)
        upstream_close(x->up);
    else if (x->up)
        upstream_abort(x->up);
    buf_wipe(&x->head);
    free(x);
}
