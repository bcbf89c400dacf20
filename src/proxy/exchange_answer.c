/*
 * exchange_answer.c - the response's way back to the agent.
 *
 * A read from the upstream is written to the agent in the same loop turn, so no event of a
 * stream waits for a later one. On its way every byte is searched for the real key, which
 * must never come back, and usage is read along; neither holds the flow. An answer that cannot
 * be searched to its end is cut off, too.
 *
 * Blocks: no.
 */
#include "proxy/exchange.h"

#include "base/limits.h"

static int response_head(struct exchange *x);
static void upstream_over(struct exchange *x);
static void finish(struct exchange *x);

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
    enum tap_result result = x->tap ? body_tap_feed(x->tap, piece) : TAP_FINE;
    x->leak.found |= result == TAP_KEY;
    x->unreadable |= result == TAP_UNREADABLE;
    if (!x->unreadable)
        (void)leak_feed(&x->leak, piece, sink_response, x);
}

/* 0, or -1 with a fault. */
static int pump_response_body(struct exchange *x, struct http_fault *fault)
{
    struct buf *in = x->up->ops->in(x->up);
    struct buf *out = x->stream->ops->out(x->stream);
    if (x->tap || x->stream->chunked || !leak_is_clean(&x->leak, buf_str(in)) ||
            !exchange_swap_body(&x->response, in, out)) {
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
    if (x->unreadable) {
        *fault = (struct http_fault){502, "the answer cannot be searched for the API key"};
        return -1;
    }
    return 0;
}

void exchange_pump_response(struct exchange *x)
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
    while (x->responding && !x->response.done && buf_len(in) > 0 &&
            !stream->ops->full(stream)) {
        if (pump_response_body(x, &fault) < 0) {
            exchange_cut_off(x, fault.reason);
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
        exchange_fail(x, 502, REQUEST_ERROR,
                head->status == 101 ? "Upstream response error: unasked protocol switch"
                                    : "Upstream response error: too many interim answers");
        return -1;
    }
    if (head->status != 100)
        x->stream->ops->interim(x->stream, head);
    return 1;
}

static struct str field_value(const struct http_head *head, struct str name)
{
    size_t at = 0;
    const struct http_field *field = http_next(head, name, &at);
    return field ? field->value : STR("");
}

/* The one coding of the body, "" if there is none; several are one that nobody knows. */
static struct str content_coding(const struct http_head *head)
{
    size_t at = 0;
    struct str coding = STR("");
    const struct http_field *field;
    while ((field = http_next(head, STR("content-encoding"), &at)) != NULL) {
        struct str rest = field->value, item;
        for (bool more = true; more;) {
            more = str_cut(&rest, ',', &item);
            item = str_trim(item);
            if (item.n > 0 && !str_eq_icase(item, STR("identity")))
                coding = coding.n > 0 ? STR("several") : item;
        }
    }
    return coding;
}

/* Usage is read along where the provider's answers tell it. */
static void watch(struct exchange *x, const struct http_head *head)
{
    if (!x->stream->tunnel->provider || head->framing == HTTP_NO_BODY)
        return;
    const struct tap_config config = {
            .dialect = x->dialect,
            .prices = proxy_of(x)->config.prices,
            .content_type = field_value(head, STR("content-type")),
            .content_encoding = content_coding(head),
            .keys = x->leak.keys,
            .key_count = x->leak.count,
    };
    x->tap = body_tap_new(&config);
}

static void response_begin(struct exchange *x, const struct http_head *head)
{
    x->responding = true;
    x->rec.status = head->status;
    x->rec.first_byte_ms = (int64_t)((clock_ns() - x->started_ns) / 1000000);
    http_body_init(&x->response, head->framing, head->length);
    /* Some servers leave the body of such a request in the input, as the next one. */
    x->keep_up = head->keep_alive && !(x->idempotent && x->request.framing != HTTP_NO_BODY);
    watch(x, head);
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
        exchange_fail(x, 502, REQUEST_ERROR, text);
        return -1;
    }
    if (head_has_key(x, head)) {
        exchange_fail(x, 502, REQUEST_ERROR, "Upstream response error: it carries the API key");
        return -1;
    }
    if (head->status == 101 && x->offer)
        return exchange_switch(x, head);
    if (head->status == 401 && exchange_renew(x))
        return -1;
    if (head->status < 200)
        rc = response_interim(x, head);
    else
        response_begin(x, head);
    if (rc > 0)
        up->ops->head_done(up);
    return rc;
}

/* --- the upstream is gone ------------------------------------------------------------- */

static bool body_unsent(const struct exchange *x)
{
    return x->collected ? x->body_at == 0 : x->request.bytes == 0;
}

/* A pooled connection may have been closed while we sent. Sending again is right only if the
 * upstream cannot have acted on the request: none of a body went, or the method promises it. */
static bool can_retry(const struct exchange *x)
{
    /* HTTP/2 says for certain that a stream was not looked at (RFC 9113 section 8.7). */
    if (x->up_err.code == ERR_AGAIN)
        return !x->retried && !x->responding && (x->collected || x->request.bytes == 0);
    return x->up->reused && !x->retried && x->interim == 0 && !x->responding &&
           buf_len(x->up->ops->in(x->up)) == 0 && body_unsent(x) &&
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
        exchange_cut_off(x, text);
    } else if (can_retry(x)) {
        exchange_drop_upstream(x);
        x->retried = true;
        exchange_connect(x);
    } else {
        snprintf(text, sizeof(text), "Upstream error: %s", why);
        exchange_fail(x, 502, REQUEST_ERROR, text);
    }
}

/* What may have been the beginning of a key was none. */
static void finish(struct exchange *x)
{
    leak_finish(&x->leak, sink_response, x);
    exchange_finish(x);
}
