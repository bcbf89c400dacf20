/*
 * exchange.c - one request: to the human, to the upstream and back.
 *
 *     stream->in   --body-->  upstream->out       request side
 *     stream->out  <--body--  upstream->in        response side
 *
 *     [HELD: the human decides] --> [COLLECT: the body is needed whole] --> CONNECT --> FLOW
 *
 * In FLOW both sides run at once, so an answer may come while the upload goes on.
 * Backpressure: what the other side cannot take (full) stays in `in`, which stops that
 * side's reading by itself; the drained event goes on. A read from the upstream is written
 * to the agent in the same loop turn, so no event of a stream waits for a later one. Bodies
 * of known length are handed over by swapping buffers where possible; chunks are decoded and
 * made anew.
 *
 * Before the response head an upstream that fails is a 502, or one retry if the connection
 * came from the pool and nothing is lost by it. After the head the agent's connection is cut
 * off: a clean end would look like a whole answer. No timeout while waiting for an answer:
 * models think for minutes.
 *
 * Owns: the upstream or the dial, the question, the head that is sent. The real key is put
 * into it only on its way out. The stream owns the exchange; every function here that may
 * end it says so.
 */
#include "proxy/proxy_priv.h"

#include "base/limits.h"
#include "proxy/leak.h"

enum phase { PHASE_HELD, PHASE_COLLECT, PHASE_CONNECT, PHASE_FLOW };

struct exchange {
    struct stream *stream; /* borrows; the owner */
    struct origin *origin; /* shared with the pool */
    struct upstream *up;   /* owns; NULL: not connected */
    struct dial *dial;     /* owns; NULL: not dialing */
    uint64_t question;     /* at the gate; 0: none */
    enum phase phase;
    struct request_record rec;
    struct buf head; /* owns; for the upstream, without framing and key */
    struct http_body request;
    struct http_body response;
    struct leak leak;
    uint64_t started_ns;
    uint64_t length;  /* of the request body, if has_length */
    unsigned interim; /* 1xx answers so far */
    bool has_length;
    bool expects; /* the agent waits for 100 Continue */
    bool head_sent;
    bool ended_up; /* the request is whole at the upstream */
    bool idempotent;
    bool retried;      /* the second connection, never a third */
    bool responding;   /* the response head went to the agent */
    bool keep_up;      /* the upstream's connection stays */
    bool up_over;      /* the upstream ended or failed; what it sent may be unread */
    struct err up_err; /* code ERR_OK: it ended cleanly */
};

static void ask(
        struct exchange *x, const struct http_head *head, const struct verdict *verdict);
static void proceed(struct exchange *x);
static void connect_upstream(struct exchange *x);
static void on_dialed(void *ctx, struct chan *chan, const struct err *err);
static void attach(struct exchange *x, struct upstream *up);
static void pump_request(struct exchange *x);
static void pump_response(struct exchange *x);
static int response_head(struct exchange *x);
static void upstream_over(struct exchange *x);
static void finish(struct exchange *x);
static void fail(
        struct exchange *x, int status, enum request_decision decision, const char *text);
static void cut_off(struct exchange *x, const char *why);
static void record_end(struct exchange *x, const char *why);
static void release(struct exchange *x);

static struct proxy *proxy_of(const struct exchange *x)
{
    return x->stream->tunnel->proxy;
}

void exchange_start(struct stream *stream, const struct http_head *head,
        const struct request_record *rec, const struct verdict *verdict)
{
    struct exchange *x = xcalloc(1, sizeof(*x));
    const struct tunnel *tunnel = stream->tunnel;
    x->stream = stream;
    stream->exchange = x;
    x->rec = *rec;
    x->started_ns = clock_ns();
    x->idempotent = stream->to_head || str_eq(head->method, STR("GET")) ||
                    str_eq(head->method, STR("OPTIONS"));
    x->has_length = head->has_length;
    x->length = head->length;
    x->expects = head->expect_continue;
    x->origin = pool_origin(tunnel->proxy->pool, tunnel->provider, tunnel->host, tunnel->port,
            tunnel->plain);
    http_body_init(&x->request, head->framing, head->length);
    judge_write_head(tunnel, x->origin, head, rec, &x->head);
    if (tunnel->provider && proxy_credential(tunnel->proxy, tunnel->provider)->owner->key)
        leak_add(&x->leak, proxy_credential(tunnel->proxy, tunnel->provider)->owner->key);
    if (verdict) {
        ask(x, head, verdict);
        return;
    }
    record_put(proxy_of(x), &x->rec);
    proceed(x);
}

/* --- the agent's news ----------------------------------------------------------------- */

void exchange_agent_data(struct exchange *x)
{
    if (x->phase == PHASE_FLOW)
        pump_request(x);
    /* Else it stays where it is until there is somebody to give it to. */
}

void exchange_agent_end(struct exchange *x)
{
    if (http_body_eof(&x->request))
        exchange_agent_data(x);
}

void exchange_agent_drained(struct exchange *x)
{
    if (!x->up)
        return;
    x->up->ops->resume(x->up);
    pump_response(x);
}

void exchange_cancel(struct exchange *x, const char *why)
{
    if (x->phase == PHASE_HELD)
        x->rec.decision = REQUEST_ERROR; /* nobody waits for the answer any more */
    record_end(x, why);
    release(x);
}

/* --- the human ------------------------------------------------------------------------ */

static void on_decided(void *ctx, bool allowed, const char *reason)
{
    struct exchange *x = ctx;
    char text[400], why[240];
    enum request_decision no = request_refused_by(proxy_of(x), x->rec.escalation);
    x->question = 0;
    if (allowed) {
        x->rec.decision = REQUEST_APPROVED;
        record_put(proxy_of(x), &x->rec);
        proceed(x);
        return;
    }
    str_vis(why, sizeof(why), str_of(reason));
    snprintf(text, sizeof(text), "Blocked: %.16s %.80s is refused: %.240s.", x->rec.method,
            x->rec.host, why);
    fail(x, 403, no, text);
}

/* What the human reads, and what the digest of the answer covers: the query too, in which a
 * request can carry anything away. */
static void describe(const struct exchange *x, struct str target, struct buf *subject,
        struct buf *detail)
{
    const struct tunnel *tunnel = x->stream->tunnel;
    const char *scheme = tunnel->plain ? "http" : "https";
    char *shown = xmalloc(target.n * 6 + 4);
    str_vis(shown, target.n * 6 + 4, target);
    buf_printf(subject, "%s %s://%s%s", x->rec.method, scheme, x->origin->authority,
            x->rec.path);
    buf_printf(detail, "method: %s\nurl: %s://%s%s\n", x->rec.method, scheme,
            x->origin->authority, shown);
    if (x->request.framing != HTTP_NO_BODY && x->has_length)
        buf_printf(detail, "body: %llu bytes\n", (unsigned long long)x->length);
    else if (x->request.framing != HTTP_NO_BODY)
        buf_puts(detail, "body: of unknown length\n");
    free(shown);
}

static void ask(struct exchange *x, const struct http_head *head, const struct verdict *verdict)
{
    const struct proxy_config *config = &proxy_of(x)->config;
    struct buf subject = BUF_INIT, detail = BUF_INIT;
    const struct net_request req = judge_net_request(x->stream->tunnel, head);
    describe(x, head->target, &subject, &detail);
    const struct gate_question question = {
            .session = config->session,
            .label = config->label,
            .agent = config->agent,
            .kind = "net",
            .subject = buf_str(&subject),
            .detail = buf_str(&detail),
            .verdict = *verdict,
            .policy_version = policy_version(config->policy),
            .net = &req,
    };
    x->phase = PHASE_HELD;
    x->rec.decision = REQUEST_HELD;
    x->question = gate_ask(config->gate, &question, on_decided, x);
    x->rec.escalation = gate_item_id(config->gate, x->question);
    buf_release(&subject);
    buf_release(&detail);
    record_put(proxy_of(x), &x->rec);
}

/* --- connecting ----------------------------------------------------------------------- */

/* An expectation is met by us: the upstream never sees it. */
static void tell_continue(struct exchange *x)
{
    struct http_head go;
    if (!x->expects || x->request.done)
        return;
    x->expects = false;
    go.status = 100;
    go.reason = STR("Continue");
    go.count = 0;
    x->stream->ops->interim(x->stream, &go);
}

/* The request may go. */
static void proceed(struct exchange *x)
{
    tell_continue(x);
    connect_upstream(x);
}

static void connect_upstream(struct exchange *x)
{
    struct upstream *up = x->retried ? NULL : pool_take(x->origin);
    x->phase = PHASE_CONNECT;
    if (up) {
        attach(x, up);
        return;
    }
    x->dial = dial_start(
            proxy_of(x)->config.loop, &x->origin->target, LIMIT_DIAL_MS, on_dialed, x);
}

static void on_dialed(void *ctx, struct chan *chan, const struct err *err)
{
    struct exchange *x = ctx;
    x->dial = NULL;
    if (!chan) {
        char text[600];
        snprintf(text, sizeof(text), "Upstream error: %s", err->msg);
        fail(x, 502, REQUEST_ERROR, text);
        return;
    }
    attach(x, pool_adopt(x->origin, chan));
    pump_request(x);
}

static void attach(struct exchange *x, struct upstream *up)
{
    x->up = up;
    up->exchange = x;
    x->phase = PHASE_FLOW;
    x->head_sent = false;
    x->ended_up = false;
    x->up_over = false;
    x->stream->ops->resume(x->stream);
}

/* --- request side --------------------------------------------------------------------- */

/* The head text with the real key where it belongs. */
static void head_expand(const struct exchange *x, struct buf *out)
{
    const struct tunnel *tunnel = x->stream->tunnel;
    struct str rest = buf_str(&x->head), before;
    while (str_cut(&rest, JUDGE_KEY, &before)) {
        const struct secret *key =
                proxy_credential(tunnel->proxy, tunnel->provider)->owner->key;
        buf_append_str(out, before);
        buf_append(out, secret_bytes(key), secret_len(key));
    }
    buf_append_str(out, before);
}

static void send_head(struct exchange *x)
{
    struct buf text = BUF_INIT;
    enum http_framing framing = x->request.framing;
    if (framing == HTTP_TO_CLOSE)
        framing = x->has_length ? HTTP_LENGTH : HTTP_CHUNKED;
    buf_mark_secret(&text);
    buf_reserve(&text, buf_len(&x->head) + 256);
    head_expand(x, &text);
    if (framing == HTTP_CHUNKED)
        buf_puts(&text, "\r\ntransfer-encoding: chunked");
    else if (x->has_length)
        http_put_length(&text, x->length);
    buf_append(&text, "\r\n\r\n", 4);
    x->up->ops->send_head(x->up, buf_str(&text), framing);
    buf_release(&text);
    x->head_sent = true;
}

static void sink_request(void *ctx, struct str piece)
{
    struct exchange *x = ctx;
    struct buf *out = x->up->ops->out(x->up);
    if (x->up->chunked)
        http_put_chunk(out, piece);
    else
        buf_append_str(out, piece);
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
    struct buf *in = x->stream->ops->in(x->stream);
    struct upstream *up = x->up;
    struct http_fault fault;
    if (!x->head_sent)
        send_head(x);
    if (!x->request.done && buf_len(in) > 0 && !up->ops->full(up)) {
        struct buf *out = up->ops->out(up);
        if (up->chunked || !swap_body(&x->request, in, out)) {
            long used = http_body_feed(&x->request, buf_str(in), sink_request, x, &fault);
            if (used < 0) {
                if (x->responding)
                    cut_off(x, fault.reason);
                else
                    fail(x, 400, REQUEST_ERROR, "Rejected: malformed request body.");
                return;
            }
            buf_consume(in, (size_t)used);
        }
        x->rec.bytes_up = x->request.bytes;
        x->stream->ops->resume(x->stream);
    }
    if (x->request.done && !x->ended_up) {
        x->ended_up = true;
        up->ops->end(up);
    } else {
        up->ops->flush(up);
    }
}

/* --- response side -------------------------------------------------------------------- */

void exchange_up_data(struct exchange *x)
{
    pump_response(x);
}

void exchange_up_drained(struct exchange *x)
{
    x->stream->ops->resume(x->stream);
    pump_request(x);
}

void exchange_up_over(struct exchange *x, const struct err *err)
{
    x->up_over = true;
    x->up_err.code = ERR_OK;
    if (err)
        x->up_err = *err;
    pump_response(x);
}

static void sink_response(void *ctx, struct str piece)
{
    struct exchange *x = ctx;
    struct buf *out = x->stream->ops->out(x->stream);
    if (x->stream->chunked)
        http_put_chunk(out, piece);
    else
        buf_append_str(out, piece);
}

/* Unframed bytes on their way to the agent; x->leak.found tells of a key in them. */
static void sink_scan(void *ctx, struct str piece)
{
    struct exchange *x = ctx;
    (void)leak_feed(&x->leak, piece, sink_response, x);
}

/* 0, or -1 with a fault. */
static int pump_response_body(struct exchange *x, struct http_fault *fault)
{
    struct buf *in = x->up->ops->in(x->up);
    struct buf *out = x->stream->ops->out(x->stream);
    if (x->stream->chunked || !leak_is_clean(&x->leak, buf_str(in)) ||
            !swap_body(&x->response, in, out)) {
        long used = http_body_feed(&x->response, buf_str(in), sink_scan, x, fault);
        if (used < 0)
            return -1;
        buf_consume(in, (size_t)used);
    }
    x->rec.bytes_down = x->response.bytes;
    x->up->ops->resume(x->up);
    if (x->leak.found) {
        *fault = (struct http_fault){502, "the answer carries the API key"};
        return -1;
    }
    return 0;
}

/* May end the exchange. */
static void pump_response(struct exchange *x)
{
    struct stream *stream = x->stream;
    struct http_fault fault;
    while (!x->responding) {
        int rc = response_head(x);
        if (rc < 0)
            return;
        if (rc == 0)
            break;
    }
    struct buf *in = x->up->ops->in(x->up);
    while (x->responding && !x->response.done && buf_len(in) > 0 && !stream->ops->full(stream)) {
        if (pump_response_body(x, &fault) < 0) {
            cut_off(x, fault.reason);
            return;
        }
        stream->ops->flush(stream);
    }
    if (x->responding && x->response.done)
        finish(x);
    else if (x->up_over && (!x->responding || buf_len(in) == 0))
        upstream_over(x);
}

static bool head_has_key(const struct exchange *x, const struct http_head *head)
{
    if (x->leak.count == 0)
        return false;
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        if (leak_has(&x->leak, field->value) || leak_has(&x->leak, field->name))
            return true;
    }
    return leak_has(&x->leak, head->reason);
}

/* An interim answer: 100 was given by us already, 101 was never asked for. */
static int response_interim(struct exchange *x, const struct http_head *head)
{
    if (head->status == 101 || ++x->interim > LIMIT_HTTP_INTERIM) {
        fail(x, 502, REQUEST_ERROR,
                head->status == 101 ? "Upstream response error: unasked protocol switch"
                                    : "Upstream response error: too many interim answers");
        return -1;
    }
    if (head->status != 100)
        x->stream->ops->interim(x->stream, head);
    return 1;
}

static void response_begin(struct exchange *x, const struct http_head *head)
{
    x->responding = true;
    x->rec.status = head->status;
    x->rec.first_byte_ms = (int64_t)((clock_ns() - x->started_ns) / 1000000);
    http_body_init(&x->response, head->framing, head->length);
    x->keep_up = head->keep_alive;
    x->stream->ops->head(x->stream, head);
}

/* 1: one head was dealt with, 0: more bytes are needed, -1: the exchange is over. */
static int response_head(struct exchange *x)
{
    struct upstream *up = x->up;
    struct http_head *head = &proxy_of(x)->head;
    struct http_fault fault;
    char text[160];
    int rc = up->ops->read_head(up, head, x->stream->to_head, &fault);
    if (rc == 0)
        return 0;
    if (rc < 0) {
        snprintf(text, sizeof(text), "Upstream response error: %s", fault.reason);
        fail(x, 502, REQUEST_ERROR, text);
        return -1;
    }
    if (head_has_key(x, head)) {
        fail(x, 502, REQUEST_ERROR, "Upstream response error: it carries the API key");
        return -1;
    }
    if (head->status < 200)
        rc = response_interim(x, head);
    else
        response_begin(x, head);
    if (rc > 0)
        up->ops->head_done(up);
    return rc;
}

/* --- the end -------------------------------------------------------------------------- */

/* A pooled connection may have been closed while we sent. Sending again is right only if the
 * upstream cannot have acted on the request: none of a body went, or the method promises it. */
static bool can_retry(const struct exchange *x)
{
    return x->up->reused && !x->retried && x->interim == 0 && !x->responding &&
           buf_len(x->up->ops->in(x->up)) == 0 && x->request.bytes == 0 &&
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
        x->up->ops->abort(x->up);
        x->up = NULL;
        x->retried = true;
        connect_upstream(x);
    } else {
        snprintf(text, sizeof(text), "Upstream error: %s", why);
        fail(x, 502, REQUEST_ERROR, text);
    }
}

/* The answer is whole. */
static void finish(struct exchange *x)
{
    struct stream *stream = x->stream;
    struct http_body request = x->request;
    leak_finish(&x->leak, sink_response, x);
    if (request.done && x->keep_up && !x->up->over && buf_len(x->up->ops->in(x->up)) == 0) {
        x->up->ops->keep(x->up);
        x->up = NULL;
    }
    record_end(x, NULL);
    release(x);
    stream->ops->finish(stream, request.done ? NULL : &request);
}

/* Nothing of a response went to the agent: answer ourselves. */
static void fail(
        struct exchange *x, int status, enum request_decision decision, const char *text)
{
    struct stream *stream = x->stream;
    struct http_body request = x->request;
    struct buf body = BUF_INIT;
    char line[600];
    str_vis(line, sizeof(line), str_of(text));
    struct reply reply =
            reply_make(stream->tunnel->provider, status, str_of(line), &body);
    reply.close = status == 400 ||
                  (request.framing == HTTP_LENGTH && request.left > LIMIT_HTTP_DISCARD);
    x->rec.status = status;
    x->rec.decision = decision;
    stream->ops->reply(stream, &reply);
    buf_release(&body);
    record_end(x, line);
    release(x);
    stream->ops->finish(stream, request.done ? NULL : &request);
}

static void cut_off(struct exchange *x, const char *why)
{
    struct stream *stream = x->stream;
    record_end(x, why);
    release(x);
    stream->ops->cut(stream);
}

static void record_end(struct exchange *x, const char *why)
{
    if (why)
        str_copy(x->rec.reason, sizeof(x->rec.reason), str_of(why));
    x->rec.total_ms = (int64_t)((clock_ns() - x->started_ns) / 1000000);
    x->rec.done = true;
    record_put(proxy_of(x), &x->rec);
}

static void release(struct exchange *x)
{
    x->stream->exchange = NULL;
    if (x->question)
        gate_cancel(proxy_of(x)->config.gate, x->question);
    dial_cancel(x->dial);
    if (x->up && x->request.done && x->response.done && x->responding)
        x->up->ops->close(x->up);
    else if (x->up)
        x->up->ops->abort(x->up);
    leak_release(&x->leak);
    buf_release(&x->head);
    pool_release(x->origin);
    free(x);
}
