/*
 * http_client.c - dial, send one POST, collect the answer.
 *
 *     DIALING --> SENT --> done(status, body)
 *        |         |
 *        +---------+-----> done(error)
 *
 * Owns its channel, its buffers and one timer for the whole. Blocks: no.
 */
#include "proxy/http_client.h"

#include "base/mem.h"
#include "http/http1.h"

struct http_client {
    struct loop *loop; /* borrows */
    void (*done)(void *ctx, int status, struct str body, const struct err *err);
    void *ctx;           /* borrows */
    struct dial *dial;   /* owns; while dialing */
    struct chan *chan;   /* owns; afterwards */
    struct timer *timer; /* owns */
    struct buf request;  /* secret */
    struct buf body;     /* secret; of the answer */
    struct http_scan scan;
    struct http_head head;
    struct http_body reader;
    bool has_head;
};

static void on_dialed(void *ctx, struct chan *chan, const struct err *err);
static void on_late(void *ctx);

/* IPv6 literals stand in brackets, the standard port is not named. */
static void put_authority(struct buf *out, const struct http_client_post *post)
{
    bool literal = strchr(post->to.host, ':') != NULL;

    buf_printf(out, literal ? "[%s]" : "%s", post->to.host);
    if (post->port != (post->to.tls ? 443 : 80))
        buf_printf(out, ":%u", (unsigned)post->port);
}

struct http_client *http_client_start(struct loop *loop, const struct http_client_post *post,
        uint32_t timeout_ms,
        void (*done)(void *ctx, int status, struct str body, const struct err *err), void *ctx)
{
    struct http_client *client = xcalloc(1, sizeof(*client));

    client->loop = loop;
    client->done = done;
    client->ctx = ctx;
    buf_mark_secret(&client->request);
    buf_mark_secret(&client->body);
    buf_printf(&client->request, "POST %s HTTP/1.1\r\nhost: ", post->path);
    put_authority(&client->request, post);
    buf_printf(&client->request,
            "\r\nuser-agent: ironcurtain/" IC_VERSION "\r\naccept: application/json\r\n"
            "content-type: %s\r\ncontent-length: %zu\r\nconnection: close\r\n\r\n",
            post->type, post->body.n);
    buf_append_str(&client->request, post->body);
    client->timer = timer_new(loop, on_late, client);
    timer_start(client->timer, timeout_ms);
    client->dial = dial_start(loop, &post->to, timeout_ms, on_dialed, client);
    return client;
}

void http_client_cancel(struct http_client *client)
{
    if (!client)
        return;
    dial_cancel(client->dial);
    if (client->chan)
        chan_abort(client->chan);
    timer_free(client->timer);
    buf_release(&client->request);
    buf_release(&client->body);
    free(client);
}

/* The answer stays readable during the call and is wiped behind it. */
static void finish(struct http_client *client, int status, const struct err *err)
{
    struct buf body = client->body;
    void (*done)(void *ctx, int status, struct str body, const struct err *err) = client->done;
    void *ctx = client->ctx;

    client->body = (struct buf)BUF_INIT;
    http_client_cancel(client);
    done(ctx, status, buf_str(&body), err);
    buf_release(&body);
}

static void fail(struct http_client *client, enum err_code code, const char *why)
{
    struct err err;

    err_set(&err, code, "%s", why);
    finish(client, 0, &err);
}

static void on_late(void *ctx)
{
    fail(ctx, ERR_TIMEOUT, "no answer in time");
}

static void on_piece(void *ctx, struct str piece)
{
    buf_append_str(&((struct http_client *)ctx)->body, piece);
}

/* 1: the head of the final answer is there; 0: more bytes are needed; -1: finished. */
static int read_head(struct http_client *client, struct buf *in)
{
    struct http_fault fault;

    while (!client->has_head) {
        long n = http_scan_head(&client->scan, buf_str(in), &fault);

        if (n == 0)
            return 0;
        if (n < 0 || http_parse_response(&client->head, (struct str){buf_data(in), (size_t)n},
                             false, &fault) < 0) {
            fail(client, ERR_PROTO, fault.reason);
            return -1;
        }
        client->has_head = client->head.status >= 200;
        if (client->head.status == 101) {
            fail(client, ERR_PROTO, "unexpected switch of protocols");
            return -1;
        }
        buf_consume(in, (size_t)n);
        client->scan = (struct http_scan){0};
    }
    http_body_init(&client->reader, client->head.framing, client->head.length);
    return 1;
}

static void on_data(void *ctx)
{
    struct http_client *client = ctx;
    struct buf *in = chan_in(client->chan);
    struct http_fault fault;

    if (!client->has_head && read_head(client, in) <= 0)
        return;
    long used = http_body_feed(&client->reader, buf_str(in), on_piece, client, &fault);
    if (used < 0) {
        fail(client, ERR_PROTO, fault.reason);
        return;
    }
    buf_consume(in, (size_t)used);
    if (buf_len(&client->body) > LIMIT_TOKEN_ANSWER)
        fail(client, ERR_LIMIT, "the answer is too large");
    else if (client->reader.done)
        finish(client, client->head.status, NULL);
}

static void on_end(void *ctx)
{
    struct http_client *client = ctx;

    if (client->has_head && http_body_eof(&client->reader))
        finish(client, client->head.status, NULL);
    else
        fail(client, ERR_EOF, "the connection ended before the answer did");
}

static void on_fail(void *ctx, const struct err *err)
{
    finish(ctx, 0, err);
}

static const struct chan_ops ops = {.on_data = on_data, .on_end = on_end, .on_fail = on_fail};

static void on_dialed(void *ctx, struct chan *chan, const struct err *err)
{
    struct http_client *client = ctx;

    client->dial = NULL;
    if (!chan) {
        finish(client, 0, err);
        return;
    }
    client->chan = chan;
    buf_mark_secret(chan_in(chan));
    buf_mark_secret(chan_out(chan));
    chan_set_ops(chan, &ops, client);
    chan_write_str(chan, buf_str(&client->request));
    buf_release(&client->request);
    buf_mark_secret(&client->request);
}
