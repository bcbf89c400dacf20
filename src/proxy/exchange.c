/*
 * exchange.c - one request: to the upstream and back.
 *
 *     stream->in   --body-->  upstream->out       request side
 *     stream->out  <--body--  upstream->in        response side
 *
 * In FLOW both sides run at once, so an answer may come while the upload goes on.
 * Backpressure: what the other side cannot take (full) stays in `in`, which stops that
 * side's reading by itself; the drained event goes on. Bodies of known length are handed over
 * by swapping buffers where possible; chunks are decoded and made anew.
 *
 * Before the response head an upstream that fails is a 502, or one retry if the connection
 * came from the pool and nothing is lost by it. After the head the agent's connection is cut
 * off: a clean end would look like a whole answer. No timeout while waiting for an answer:
 * models think for minutes.
 *
 * Owns: see exchange.h. The stream owns the exchange. The real key is put into the head only
 * on its way out.
 */
#include "proxy/exchange.h"

#include "base/limits.h"

static void on_dialed(void *ctx, struct chan *chan, const struct err *err);
static void attach(struct exchange *x, struct upstream *up);

/* What the provider's tables say about this request. */
static void provider_facts(struct exchange *x, const struct http_head *head)
{
    const struct tunnel *tunnel = x->stream->tunnel;
    const struct provider *provider = tunnel->provider;
    struct str path, rest = head->target;
    if (!provider)
        return;
    str_cut(&rest, '?', &path);
    x->dialect = provider_usage(provider, head->method, path);
    x->rule = provider_body_rule(provider, head->method, path);
    x->key = real_key_take(keys_of(tunnel->proxy, provider));
    if (x->key)
        leak_add(&x->leak, real_key_value(x->key));
}

void exchange_start(struct stream *stream, const struct http_head *head,
        const struct request_record *rec, const struct judged *judged)
{
    struct exchange *x = xcalloc(1, sizeof(*x));
    const struct tunnel *tunnel = stream->tunnel;
    x->stream = stream;
    x->starting = true;
    stream->exchange = x;
    x->rec = *rec;
    x->started_ns = clock_ns();
    x->idempotent = stream->to_head || str_eq(head->method, STR("GET")) ||
                    str_eq(head->method, STR("OPTIONS"));
    x->has_length = head->has_length;
    x->length = head->length;
    x->expects = head->expect_continue;
    if (judged->websocket) {
        x->offer = xmalloc(sizeof(*x->offer));
        *x->offer = judged->offer;
    }
    x->origin = pool_origin(
            tunnel->proxy->pool, tunnel->provider, tunnel->host, tunnel->port, tunnel->plain);
    http_body_init(&x->request, head->framing, head->length);
    provider_facts(x, head);
    judge_write_head(tunnel, x->origin, head, rec, judged->websocket, &x->head);
    if (rec->key_swapped && !x->key) {
        exchange_fail(x, 503, REQUEST_ERROR, "Rejected: the API key is gone.");
        return;
    }
    if (exchange_refuse_length(x))
        return;
    if (judged->what == JUDGED_ASK) {
        x->starting = false;
        exchange_ask(x, head, &judged->verdict);
        return;
    }
    record_put(proxy_of(x), &x->rec);
    exchange_go(x);
    x->starting = false;
}

/* --- the agent's news ----------------------------------------------------------------- */

void exchange_agent_data(struct exchange *x)
{
    if (x->phase == PHASE_COLLECT)
        exchange_collect(x);
    else if (x->phase == PHASE_FLOW)
        exchange_pump_request(x);
    /* Else it stays where it is until there is somebody to give it to. */
}

void exchange_agent_end(struct exchange *x)
{
    if (http_body_eof(&x->request))
        exchange_agent_data(x);
}

void exchange_agent_drained(struct exchange *x)
{
    if (x->phase != PHASE_FLOW)
        return;
    x->up->ops->resume(x->up);
    exchange_pump_response(x);
}

void exchange_cancel(struct exchange *x, const char *why)
{
    if (x->phase == PHASE_HELD)
        x->rec.decision = REQUEST_ERROR; /* nobody waits for the answer any more */
    exchange_record_end(x, why);
    exchange_release(x);
}

void exchange_hold(struct exchange *x)
{
    if (!x->relay)
        return;
    x->stream->tunnel->waits = true;
    ws_relay_hold(x->relay, true);
}

void exchange_go_on(struct exchange *x)
{
    if (x->relay)
        ws_relay_hold(x->relay, false);
}

/* --- connecting ----------------------------------------------------------------------- */

void exchange_connect(struct exchange *x)
{
    struct dial_target target = x->origin->target;
    struct upstream *up = x->retried || x->offer ? NULL : pool_take(x->origin);
    x->phase = PHASE_CONNECT;
    if (up) {
        attach(x, up);
        if (!x->starting)
            exchange_pump_request(x);
        return;
    }
    if (x->offer)
        target.h2 = false; /* an upgrade is a thing of HTTP/1.1 */
    x->dial = dial_start(proxy_of(x)->config.loop, &target, LIMIT_DIAL_MS, on_dialed, x);
}

static void on_dialed(void *ctx, struct chan *chan, const struct err *err)
{
    struct exchange *x = ctx;
    x->dial = NULL;
    if (!chan) {
        char text[600];
        snprintf(text, sizeof(text), "Upstream error: %s", err->msg);
        exchange_fail(x, 502, REQUEST_ERROR, text);
        return;
    }
    attach(x, pool_adopt(x->origin, chan));
    exchange_pump_request(x);
}

static void attach(struct exchange *x, struct upstream *up)
{
    x->up = up;
    up->exchange = x;
    x->phase = PHASE_FLOW;
    x->head_sent = false;
    x->ended_up = false;
    x->up_over = false;
    x->body_at = 0;
    x->stream->ops->resume(x->stream);
}

void exchange_drop_upstream(struct exchange *x)
{
    x->up->ops->abort(x->up);
    x->up = NULL;
}

/* --- request side --------------------------------------------------------------------- */

/* The head text with the real key where it belongs. */
static void head_expand(const struct exchange *x, struct buf *out)
{
    struct str rest = buf_str(&x->head), before;
    while (str_cut(&rest, JUDGE_KEY, &before)) {
        const struct secret *key = real_key_value(x->key);
        buf_append_str(out, before);
        buf_append(out, secret_bytes(key), secret_len(key));
    }
    buf_append_str(out, before);
}

static void send_head(struct exchange *x)
{
    struct buf text = BUF_INIT;
    enum http_framing framing = x->request.framing;
    if (framing != HTTP_NO_BODY && framing != HTTP_CHUNKED)
        framing = x->has_length ? HTTP_LENGTH : HTTP_CHUNKED;
    if (x->collected)
        framing = HTTP_LENGTH;
    buf_mark_secret(&text);
    buf_reserve(&text, buf_len(&x->head) + 256);
    head_expand(x, &text);
    if (framing == HTTP_CHUNKED)
        buf_puts(&text, "\r\ntransfer-encoding: chunked");
    else if (x->collected)
        http_put_length(&text, buf_len(&x->body));
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

bool exchange_swap_body(struct http_body *body, struct buf *in, struct buf *out)
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

void exchange_pump_request(struct exchange *x)
{
    struct buf *in = x->stream->ops->in(x->stream);
    struct upstream *up = x->up;
    struct http_fault fault;
    if (!x->head_sent)
        send_head(x);
    if (x->collected) {
        exchange_send_body(x);
        return;
    }
    if (!x->request.done && buf_len(in) > 0 && !up->ops->full(up)) {
        struct buf *out = up->ops->out(up);
        if (up->chunked || !exchange_swap_body(&x->request, in, out)) {
            long used = http_body_feed(&x->request, buf_str(in), sink_request, x, &fault);
            if (used < 0) {
                if (x->responding)
                    exchange_cut_off(x, fault.reason);
                else
                    exchange_fail(x, 400, REQUEST_ERROR, "Rejected: malformed request body.");
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

/* --- the upstream's news -------------------------------------------------------------- */

void exchange_up_data(struct exchange *x)
{
    exchange_pump_response(x);
}

void exchange_up_drained(struct exchange *x)
{
    x->stream->ops->resume(x->stream);
    exchange_pump_request(x);
}

void exchange_up_over(struct exchange *x, const struct err *err)
{
    x->up_over = true;
    x->up_err.code = ERR_OK;
    if (err)
        x->up_err = *err;
    exchange_pump_response(x);
}

/* --- the end -------------------------------------------------------------------------- */

void exchange_finish(struct exchange *x)
{
    struct stream *stream = x->stream;
    struct http_body request = x->request;
    /* Answered within the body: what came next there would be taken for the rest of it. */
    if (x->ended_up && x->keep_up && !x->up->over && buf_len(x->up->ops->in(x->up)) == 0) {
        x->up->ops->keep(x->up);
        x->up = NULL;
    }
    exchange_record_end(x, NULL);
    exchange_release(x);
    stream->ops->finish(stream, request.done ? NULL : &request);
}

void exchange_fail(
        struct exchange *x, int status, enum request_decision decision, const char *text)
{
    struct stream *stream = x->stream;
    struct http_body request = x->request;
    struct buf body = BUF_INIT;
    char line[600];
    str_vis(line, sizeof(line), str_of(text));
    struct reply reply = reply_make(stream->tunnel->provider, status, str_of(line), &body);
    /* An agent that was not told to continue may send its body or the next request. */
    reply.close = status == 400 || x->expects ||
                  (request.framing == HTTP_LENGTH && request.left > LIMIT_HTTP_DISCARD);
    x->rec.status = status;
    x->rec.decision = decision;
    stream->ops->reply(stream, &reply);
    buf_release(&body);
    exchange_record_end(x, line);
    exchange_release(x);
    stream->ops->finish(stream, request.done ? NULL : &request);
}

void exchange_cut_off(struct exchange *x, const char *why)
{
    struct stream *stream = x->stream;
    exchange_record_end(x, why);
    exchange_release(x);
    stream->ops->cut(stream);
}

/* What the upstream calls itself may be anything, the key too, also spelled with escapes. */
static bool usage_shows_key(const struct exchange *x, const struct usage *usage)
{
    return x->leak.found || leak_has(&x->leak, str_of(usage->model)) ||
           leak_has(&x->leak, str_of(usage->stop_reason));
}

static void record_usage(struct request_record *rec, const struct usage *usage)
{
    str_copy(rec->model, sizeof(rec->model), str_of(usage->model));
    str_copy(rec->stop_reason, sizeof(rec->stop_reason), str_of(usage->stop_reason));
    rec->input_tokens = usage->input_tokens;
    rec->output_tokens = usage->output_tokens;
    rec->cache_read_tokens = usage->cache_read_tokens;
    rec->cache_write_tokens = usage->cache_write_tokens;
    rec->cost_micro = usage->cost_micro;
}

void exchange_record_end(struct exchange *x, const char *why)
{
    if (why)
        str_copy(x->rec.reason, sizeof(x->rec.reason), str_of(why));
    struct usage usage = USAGE_INIT;
    body_tap_end(x->tap, &usage);
    x->tap = NULL;
    if (usage.seen && !usage_shows_key(x, &usage))
        record_usage(&x->rec, &usage);
    x->rec.total_ms = (int64_t)((clock_ns() - x->started_ns) / 1000000);
    x->rec.done = true;
    record_put(proxy_of(x), &x->rec);
}

void exchange_release(struct exchange *x)
{
    x->stream->exchange = NULL;
    if (x->question)
        gate_cancel(proxy_of(x)->config.gate, x->question);
    dial_cancel(x->dial);
    credential_cancel(x->wait);
    ws_relay_free(x->relay);
    if (x->up && x->request.done && x->response.done && x->responding)
        x->up->ops->close(x->up);
    else if (x->up)
        x->up->ops->abort(x->up);
    leak_release(&x->leak);
    real_key_drop(x->key);
    while (x->old_count > 0)
        real_key_drop(x->old_keys[--x->old_count]);
    exchange_free_body(x);
    free(x->offer);
    buf_release(&x->head);
    pool_release(x->origin);
    free(x);
}
