/*
 * exchange_body.c - a request body that is had whole before anything of it leaves: because a
 * rule looks into it (body_rule.h), or because it may have to be sent a second time.
 *
 * All bodies held by one proxy come out of one budget, and of what all connections may hold;
 * above it requests are refused.
 *
 * Blocks: a rule takes about 1 ms per MiB.
 */
#include "proxy/exchange.h"

#include "base/held.h"
#include "base/limits.h"

/* Bodies without a rule are kept for a second sending up to this size. */
static bool may_be_sent_again(const struct exchange *x)
{
    const struct tunnel *tunnel = x->stream->tunnel;
    return x->rec.key_swapped && x->has_length && x->length <= LIMIT_BODY_AGAIN &&
           credential_renews(keys_of(tunnel->proxy, tunnel->provider)->credential);
}

bool exchange_must_collect(const struct exchange *x)
{
    if (x->request.framing == HTTP_NO_BODY || x->offer || x->collected)
        return false;
    return x->rule || may_be_sent_again(x);
}

static size_t body_max(const struct exchange *x)
{
    return x->rule ? x->rule->max : LIMIT_BODY_AGAIN;
}

bool exchange_reserve(struct exchange *x, size_t bytes)
{
    struct proxy *proxy = proxy_of(x);
    bool no_room = bytes > LIMIT_CHAN_LEAST && held_room() == 0;
    if (bytes > x->reserved && (bytes - x->reserved > LIMIT_BODIES - proxy->bodies || no_room))
        return false;
    proxy->bodies = proxy->bodies - x->reserved + bytes;
    x->reserved = bytes;
    return true;
}

void exchange_free_body(struct exchange *x)
{
    proxy_of(x)->bodies -= x->reserved;
    x->reserved = 0;
    buf_release(&x->body);
}

static void too_large(struct exchange *x)
{
    char text[120];
    snprintf(text, sizeof(text), "Request body exceeds %zu bytes", body_max(x));
    exchange_fail(x, 413, REQUEST_DENY, text);
}

bool exchange_refuse_length(struct exchange *x)
{
    if (!exchange_must_collect(x) || !x->has_length || x->length <= body_max(x))
        return false;
    too_large(x);
    return true;
}

/* False: the exchange is over. */
static bool apply_rule(struct exchange *x)
{
    struct buf changed = BUF_INIT;
    struct body_change change = {0};
    struct http_fault fault = {0};
    char text[300];
    if (body_rule_apply(x->rule, buf_str(&x->body), &changed, &change, &fault) < 0) {
        snprintf(text, sizeof(text), "Rejected: %s.", fault.reason);
        exchange_fail(x, fault.status, REQUEST_DENY, text);
        return false;
    }
    if (change.count > 0) {
        buf_swap(&x->body, &changed);
        snprintf(x->rec.reason, sizeof(x->rec.reason), "removed: %.200s", change.names);
    }
    buf_release(&changed);
    return true;
}

static void sink_body(void *ctx, struct str piece)
{
    struct exchange *x = ctx;
    buf_append_str(&x->body, piece);
}

void exchange_collect(struct exchange *x)
{
    struct buf *in = x->stream->ops->in(x->stream);
    struct http_fault fault;
    bool took = !x->request.done && buf_len(in) > 0;
    if (took && !exchange_swap_body(&x->request, in, &x->body)) {
        long used = http_body_feed(&x->request, buf_str(in), sink_body, x, &fault);
        if (used < 0) {
            exchange_fail(x, 400, REQUEST_ERROR, "Rejected: malformed request body.");
            return;
        }
        buf_consume(in, (size_t)used);
    }
    x->rec.bytes_up = x->request.bytes;
    if (buf_len(&x->body) > body_max(x)) {
        too_large(x);
        return;
    }
    if (!exchange_reserve(x, buf_len(&x->body))) {
        exchange_fail(x, 503, REQUEST_ERROR, "Rejected: too many large requests at once.");
        return;
    }
    /* Only then: with HTTP/2 asking for more brings us here again at once. */
    if (took)
        x->stream->ops->resume(x->stream);
    if (!x->request.done)
        return;
    if (x->rule && !apply_rule(x))
        return;
    x->collected = true;
    exchange_go(x);
}

void exchange_send_body(struct exchange *x)
{
    struct upstream *up = x->up;
    while (x->body_at < buf_len(&x->body) && !up->ops->full(up)) {
        struct str rest = {buf_data(&x->body) + x->body_at, buf_len(&x->body) - x->body_at};
        if (rest.n > LIMIT_CHAN_LOW)
            rest.n = LIMIT_CHAN_LOW;
        buf_append_str(up->ops->out(up), rest);
        x->body_at += rest.n;
        up->ops->flush(up);
    }
    if (x->body_at == buf_len(&x->body) && !x->ended_up) {
        x->ended_up = true;
        up->ops->end(up);
    }
}
