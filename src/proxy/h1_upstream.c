/*
 * h1_upstream.c - one request on an HTTP/1.1 connection to an upstream.
 *
 * The connection serves one request at a time; between requests it waits in the pool. What
 * it says goes to the exchange that holds it.
 *
 * Owns: the channel. Blocks: no.
 */
#include "proxy/proxy_priv.h"

static struct h1_upstream *h1_of(struct upstream *up)
{
    return (struct h1_upstream *)up; /* base is its first member */
}

/* --- news ----------------------------------------------------------------------------- */

static void on_data(void *ctx)
{
    struct h1_upstream *h1 = ctx;
    exchange_up_data(h1->base.exchange);
}

static void on_drain(void *ctx)
{
    struct h1_upstream *h1 = ctx;
    exchange_up_drained(h1->base.exchange);
}

static void on_end(void *ctx)
{
    struct h1_upstream *h1 = ctx;
    h1->base.over = true;
    exchange_up_over(h1->base.exchange, NULL);
}

static void on_fail(void *ctx, const struct err *err)
{
    struct h1_upstream *h1 = ctx;
    h1->base.over = true;
    exchange_up_over(h1->base.exchange, err);
}

static const struct chan_ops busy_ops = {
        .on_data = on_data,
        .on_drain = on_drain,
        .on_end = on_end,
        .on_fail = on_fail,
};

/* --- for the exchange ----------------------------------------------------------------- */

static void h1_send_head(struct upstream *up, struct str head, enum http_framing framing)
{
    struct h1_upstream *h1 = h1_of(up);
    up->chunked = framing == HTTP_CHUNKED;
    buf_mark_secret(chan_out(h1->chan));
    buf_append_str(chan_out(h1->chan), head);
    chan_flush_soon(h1->chan);
}

static struct buf *h1_out(struct upstream *up)
{
    return chan_out(h1_of(up)->chan);
}

static void h1_flush(struct upstream *up)
{
    chan_flush_soon(h1_of(up)->chan);
}

static bool h1_full(struct upstream *up)
{
    return chan_full(h1_of(up)->chan);
}

static void h1_end(struct upstream *up)
{
    if (up->chunked)
        http_put_last_chunk(h1_out(up));
    h1_flush(up);
}

static int h1_read_response(
        struct upstream *up, struct http_head *head, bool to_head, struct http_fault *fault)
{
    struct h1_upstream *h1 = h1_of(up);
    struct buf *in = chan_in(h1->chan);
    if (buf_len(in) == 0)
        return 0;
    long n = http_scan_head(&h1->scan, buf_str(in), fault);
    if (n <= 0)
        return (int)n;
    h1->head_len = (size_t)n;
    if (http_parse_response(head, (struct str){buf_data(in), h1->head_len}, to_head, fault) < 0)
        return -1;
    return 1;
}

static void h1_head_done(struct upstream *up)
{
    struct h1_upstream *h1 = h1_of(up);
    buf_consume(chan_in(h1->chan), h1->head_len);
    h1->scan = (struct http_scan){0};
}

static struct buf *h1_in(struct upstream *up)
{
    return chan_in(h1_of(up)->chan);
}

static void h1_resume(struct upstream *up)
{
    chan_resume(h1_of(up)->chan);
}

static void h1_keep(struct upstream *up)
{
    up->exchange = NULL;
    pool_keep(h1_of(up));
}

static void h1_close(struct upstream *up)
{
    chan_close(h1_of(up)->chan);
    free(up);
}

static void h1_abort(struct upstream *up)
{
    chan_abort(h1_of(up)->chan);
    free(up);
}

static const struct upstream_ops h1_ops = {
        .send_head = h1_send_head,
        .out = h1_out,
        .flush = h1_flush,
        .full = h1_full,
        .end = h1_end,
        .read_head = h1_read_response,
        .head_done = h1_head_done,
        .in = h1_in,
        .resume = h1_resume,
        .keep = h1_keep,
        .close = h1_close,
        .abort = h1_abort,
};

struct upstream *h1_upstream_new(struct origin *origin, struct chan *chan)
{
    struct h1_upstream *h1 = xcalloc(1, sizeof(*h1));
    h1->base.ops = &h1_ops;
    h1->base.origin = origin;
    h1->chan = chan;
    h1_upstream_serve(h1);
    return &h1->base;
}

void h1_upstream_serve(struct h1_upstream *h1)
{
    h1->scan = (struct http_scan){0};
    chan_set_ops(h1->chan, &busy_ops, h1);
}
