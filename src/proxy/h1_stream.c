/*
 * h1_stream.c - HTTP/1.1 towards the agent: one request after the other.
 *
 * What the agent sends ahead waits in the channel, which stops reading when it is full. A
 * request that was answered before its body was read leaves the connection open where its
 * end is certain, and the body is read and dropped, because a client that is still sending
 * would not see the answer otherwise.
 *
 * Owns: nothing; the tunnel owns the channel and embeds the stream. Blocks: no.
 */
#include "proxy/proxy_priv.h"

#include "base/limits.h"

static const struct stream_ops h1_ops;

void h1_stream_init(struct tunnel *tunnel)
{
    tunnel->h1.base.ops = &h1_ops;
    tunnel->h1.base.tunnel = tunnel;
}

/* --- input ---------------------------------------------------------------------------- */

void h1_refuse_head(struct tunnel *tunnel, int status, const char *reason)
{
    struct request_record rec;
    char line[160];
    int n = snprintf(line, sizeof(line), "Rejected: %s.", reason);
    const char *kind = tunnel->provider ? "llm" : "http";
    record_init(tunnel, tunnel->state == TUNNEL_CONNECT ? "net" : kind, &rec);
    record_put_over(tunnel->proxy, &rec, status, REQUEST_ERROR, reason);
    reply_text(tunnel->chan, status, (struct str){line, (size_t)n}, false);
    tunnel_close(tunnel);
}

long h1_read_head(struct tunnel *tunnel)
{
    struct buf *in = chan_in(tunnel->chan);
    struct http_scan *scan = &tunnel->h1.scan;
    struct http_fault fault;
    /* RFC 9112 section 2.2: an empty line before a request is ignored. */
    if (scan->at == 0 && str_starts(buf_str(in), STR("\r\n")))
        buf_consume(in, 2);
    if (buf_len(in) == 0 || tunnel_must_wait(tunnel))
        return 0;
    long n = http_scan_head(scan, buf_str(in), &fault);
    if (n == 0) {
        if (!timer_running(tunnel->timer))
            timer_start(tunnel->timer, LIMIT_HEAD_MS);
        return 0;
    }
    if (n < 0 || http_parse_request(&tunnel->proxy->head, (struct str){buf_data(in), (size_t)n},
                         &fault) < 0) {
        h1_refuse_head(tunnel, fault.status, fault.reason);
        return -1;
    }
    *scan = (struct http_scan){0};
    timer_stop(tunnel->timer);
    return n;
}

void h1_request(struct tunnel *tunnel, size_t n)
{
    struct h1_stream *h1 = &tunnel->h1;
    const struct http_head *head = &tunnel->proxy->head;
    h1->keep = head->keep_alive;
    h1->http10 = head->minor == 0;
    h1->base.to_head = str_eq(head->method, STR("HEAD"));
    h1->base.chunked = false;
    request_begin(&h1->base, head);
    if (!tunnel->gone)
        buf_consume(chan_in(tunnel->chan), n);
}

static void sink_discard(void *ctx, struct str piece)
{
    struct h1_stream *h1 = ctx;
    h1->discarded += piece.n;
}

/* The rest of a body that was answered already. True: it ended. */
static bool discard(struct tunnel *tunnel)
{
    struct h1_stream *h1 = &tunnel->h1;
    struct buf *in = chan_in(tunnel->chan);
    struct http_fault fault;
    long used = http_body_feed(&h1->discard, buf_str(in), sink_discard, h1, &fault);
    if (used < 0 || h1->discarded > LIMIT_HTTP_DISCARD) {
        tunnel_close(tunnel);
        return false;
    }
    buf_consume(in, (size_t)used);
    h1->discarding = !h1->discard.done;
    return h1->discard.done;
}

bool h1_stream_run(struct tunnel *tunnel)
{
    if (tunnel->h1.discarding)
        return discard(tunnel);
    long n = h1_read_head(tunnel);
    if (n <= 0)
        return false;
    h1_request(tunnel, (size_t)n);
    return true;
}

/* --- for the exchange ----------------------------------------------------------------- */

static struct buf *h1_in(struct stream *stream)
{
    return chan_in(stream->tunnel->chan);
}

static void h1_resume(struct stream *stream)
{
    chan_resume(stream->tunnel->chan);
}

static struct buf *h1_out(struct stream *stream)
{
    return chan_out(stream->tunnel->chan);
}

static void h1_flush(struct stream *stream)
{
    chan_flush_soon(stream->tunnel->chan);
}

static bool h1_full(struct stream *stream)
{
    return chan_full(stream->tunnel->chan);
}

void h1_put_head(struct buf *out, const struct http_head *head)
{
    http_put_status(out, head->status, head->reason);
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

static void h1_interim(struct stream *stream, const struct http_head *head)
{
    if (stream->tunnel->h1.http10)
        return; /* it knows no interim answers */
    h1_put_head(h1_out(stream), head);
    buf_puts(h1_out(stream), "\r\n\r\n");
    h1_flush(stream);
}

static void h1_head(struct stream *stream, const struct http_head *head)
{
    struct h1_stream *h1 = &stream->tunnel->h1;
    struct buf *out = h1_out(stream);
    bool unsized = (head->framing == HTTP_CHUNKED || head->framing == HTTP_TO_CLOSE) &&
                   !head->has_length;
    stream->chunked = unsized && !h1->http10;
    h1->keep = h1->keep && (!unsized || stream->chunked);
    h1_put_head(out, head);
    if (stream->chunked)
        buf_puts(out, "\r\ntransfer-encoding: chunked");
    else if (head->has_length && head->status != 204)
        http_put_length(out, head->length);
    if (!h1->keep)
        buf_puts(out, "\r\nconnection: close");
    else if (h1->http10)
        buf_puts(out, "\r\nconnection: keep-alive");
    buf_puts(out, "\r\n\r\n");
    h1_flush(stream);
}

static void h1_reply(struct stream *stream, const struct reply *reply)
{
    struct h1_stream *h1 = &stream->tunnel->h1;
    h1->keep = h1->keep && !reply->close;
    reply_write(h1_out(stream), reply, stream->to_head, h1->keep);
    h1_flush(stream);
}

static void h1_finish(struct stream *stream, const struct http_body *rest)
{
    struct tunnel *tunnel = stream->tunnel;
    struct h1_stream *h1 = &tunnel->h1;
    if (stream->chunked)
        http_put_last_chunk(h1_out(stream));
    stream->chunked = false;
    h1_flush(stream);
    if (!h1->keep) {
        tunnel_close(tunnel);
        return;
    }
    h1->discarding = rest && !rest->done;
    if (h1->discarding)
        h1->discard = *rest;
    h1->discarded = 0;
    chan_resume(tunnel->chan);
}

static void h1_cut(struct stream *stream)
{
    tunnel_break(stream->tunnel);
}

static const struct stream_ops h1_ops = {
        .in = h1_in,
        .resume = h1_resume,
        .interim = h1_interim,
        .head = h1_head,
        .reply = h1_reply,
        .out = h1_out,
        .flush = h1_flush,
        .full = h1_full,
        .finish = h1_finish,
        .cut = h1_cut,
};
