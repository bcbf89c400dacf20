/*
 * exchange_ws.c - the answer is a WebSocket: from the 101 on both channels carry messages.
 *
 * What the agent says goes through the rule for bodies of its endpoint, message by message,
 * and each is a row of its own; what the upstream says is read along for usage. The key is
 * searched for in both (ws.h).
 *
 * Blocks: no.
 */
#include "proxy/exchange.h"

static void message_row(struct exchange *x, struct str payload, bool allowed, const char *why)
{
    struct request_record rec;
    record_init(x->stream->tunnel, "llm", &rec);
    str_copy(rec.method, sizeof(rec.method), STR("MESSAGE"));
    str_copy(rec.path, sizeof(rec.path), str_of(x->rec.path));
    str_copy(rec.rule, sizeof(rec.rule), STR("provider table"));
    str_copy(rec.protocol, sizeof(rec.protocol), STR("websocket"));
    rec.inspected = true;
    rec.bytes_up = payload.n;
    record_put_over(proxy_of(x), &rec, 0, allowed ? REQUEST_ALLOW : REQUEST_DENY, why);
    if (proxy_must_wait(proxy_of(x)))
        exchange_hold(x);
}

static enum ws_verdict on_agent_message(
        void *ctx, int opcode, struct str payload, struct buf *replacement)
{
    struct exchange *x = ctx;
    struct body_change change = {0};
    struct http_fault fault = {0};
    char why[260] = "";
    if (x->rule && opcode != WS_TEXT)
        fault.reason = "binary messages cannot be looked into";
    else if (x->rule && payload.n > x->rule->max)
        fault.reason = "the message is too large";
    else if (x->rule)
        (void)body_rule_apply(x->rule, payload, replacement, &change, &fault);
    if (fault.reason) {
        buf_clear(replacement);
        buf_puts(replacement, fault.reason);
        message_row(x, payload, false, fault.reason);
        return WS_REFUSE;
    }
    if (change.count > 0)
        snprintf(why, sizeof(why), "removed: %.200s", change.names);
    message_row(x, payload, true, why);
    return change.count > 0 ? WS_REPLACED : WS_KEEP;
}

static bool on_agent_holds(void *ctx, size_t bytes)
{
    return exchange_reserve(ctx, bytes);
}

static void on_upstream_message(void *ctx, int opcode, struct str payload)
{
    struct exchange *x = ctx;
    if (x->tap && opcode == WS_TEXT)
        body_tap_message(x->tap, payload);
}

static void on_over(void *ctx, const char *why)
{
    struct exchange *x = ctx;
    struct tunnel *tunnel = x->stream->tunnel;
    const struct ws_counts *counts = ws_relay_counts(x->relay);
    x->rec.bytes_up = counts->bytes_up;
    x->rec.bytes_down = counts->bytes_down;
    exchange_record_end(x, why);
    ws_relay_free(x->relay);
    x->relay = NULL;
    x->up->ops->close(x->up);
    x->up = NULL;
    exchange_release(x);
    tunnel_close(tunnel);
}

static const struct ws_hooks hooks = {
        .on_agent_message = on_agent_message,
        .on_agent_holds = on_agent_holds,
        .on_upstream_message = on_upstream_message,
        .on_over = on_over,
};

static void write_head(struct exchange *x, const struct http_head *head)
{
    struct buf *out = x->stream->ops->out(x->stream);
    h1_put_head(out, head);
    buf_puts(out, "\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
    x->stream->ops->flush(x->stream);
}

int exchange_switch(struct exchange *x, const struct http_head *head)
{
    struct http_fault fault;
    char text[200];
    if (ws_check_response(head, x->offer, &fault) < 0) {
        snprintf(text, sizeof(text), "Upstream response error: %s", fault.reason);
        exchange_fail(x, 502, REQUEST_ERROR, text);
        return -1;
    }
    const struct tap_config config = {
            .dialect = x->dialect, .prices = proxy_of(x)->config.prices, .websocket = true};
    write_head(x, head);
    x->up->ops->head_done(x->up);
    x->tap = body_tap_new(&config);
    x->phase = PHASE_WEBSOCKET;
    x->responding = true;
    x->rec.status = 101;
    x->rec.first_byte_ms = (int64_t)((clock_ns() - x->started_ns) / 1000000);
    record_put(proxy_of(x), &x->rec);
    x->relay = ws_relay_new(proxy_of(x)->config.loop, x->stream->tunnel->chan,
            ((struct h1_upstream *)x->up)->chan, &hooks, x);
    for (size_t i = 0; i < x->leak.count; i++)
        ws_relay_hide(x->relay, x->leak.keys[i]);
    return -1; /* nobody looks at the channels here any more */
}
