/*
 * h2_upstream.c - one request on an HTTP/2 connection to an upstream, as the exchange sees it.
 *
 * The head comes as HTTP/1.1 text with the key in it, and responses are read as such text, by
 * the same code as an HTTP/1.1 upstream's. What is submitted here goes out at the end of the
 * loop turn (h2_client.c, which also tells how the key is kept out of the library's memory).
 *
 * Blocks: no.
 */
#include "proxy/h2_priv.h"

#include "base/limits.h"

static struct h2_request *of(struct upstream *up)
{
    return (struct h2_request *)up; /* base is its first member */
}

/* Fields whose values are the same in every request, and no secret of anybody. */
static bool is_harmless(struct str name)
{
    static const char *const names[] = {"accept", "accept-encoding", "accept-language",
            "anthropic-beta", "anthropic-version", "content-encoding", "content-length",
            "content-type", "openai-beta", "originator", "user-agent", "x-app",
            "x-goog-api-client"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_eq(name, str_of(names[i])))
            return true;
    }
    return str_starts(name, STR("x-stainless-"));
}

/* The head's text is ours to change. */
static void lower(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        ((char *)name.p)[i] = char_lower(name.p[i]);
}

static void add_fields(struct h2_fields *fields, const struct http_head *head, bool harmless)
{
    const uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        if (field->hop || field->known == HTTP_HOST || is_harmless(field->name) != harmless)
            continue;
        h2_fields_add(fields, field->name, field->value,
                harmless ? flags : (uint8_t)(flags | NGHTTP2_NV_FLAG_NO_INDEX));
    }
}

/* What may be the key comes first: it is in the one buffer then that is overwritten. */
static void make_fields(struct h2_fields *fields, const struct http_head *head)
{
    const uint8_t flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
    bool query = memchr(head->target.p, '?', head->target.n) != NULL;
    for (size_t i = 0; i < head->count; i++)
        lower(head->fields[i].name);
    h2_fields_add(fields, STR(":method"), head->method, flags);
    h2_fields_add(fields, STR(":scheme"), STR("https"), flags);
    h2_fields_add(fields, STR(":authority"), head->host, flags);
    h2_fields_add(fields, STR(":path"), head->target,
            query ? (uint8_t)(flags | NGHTTP2_NV_FLAG_NO_INDEX) : flags);
    add_fields(fields, head, false);
    add_fields(fields, head, true);
}

/* The type is nghttp2's.
 * NOLINTNEXTLINE(readability-function-size,readability-non-const-parameter) */
static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *to, size_t length,
        uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    const struct h2_request *r = source->ptr;
    (void)session, (void)id, (void)to, (void)ctx;
    if (r->released)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* never a clean end */
    return h2_read_data(&r->out, r->out_ended, length, flags);
}

static void op_send_head(struct upstream *up, struct str text, enum http_framing framing)
{
    static struct http_head head; /* 5 kB, used within this call */
    struct h2_request *r = of(up);
    struct h2_client *client = r->client;
    struct h2_fields fields = {.count = 0};
    struct http_fault fault;
    nghttp2_data_provider body = {.source = {.ptr = r}, .read_callback = read_out};
    up->chunked = false;
    if (r->closed)
        return; /* it is about to hear of it */
    buf_mark_secret(&r->head);
    buf_append_str(&r->head, text);
    int32_t id = -1;
    if (http_parse_request(&head, buf_str(&r->head), &fault) == 0) {
        make_fields(&fields, &head);
        id = nghttp2_submit_request(client->session, NULL, fields.nv, fields.count,
                framing == HTTP_NO_BODY ? NULL : &body, r);
    }
    if (id > 0) {
        r->id = id;
    } else {
        h2_client_unlist(client); /* most likely its numbers are used up */
        r->closed = true;
        h2_request_mark(r);
    }
    buf_mark_secret(chan_out(client->chan));
    h2_client_send_soon(client);
}

static struct buf *op_out(struct upstream *up)
{
    return &of(up)->out;
}

static void op_flush(struct upstream *up)
{
    struct h2_request *r = of(up);
    if (r->id > 0)
        (void)nghttp2_session_resume_data(r->client->session, r->id); /* if it waits */
    h2_client_send_soon(r->client);
}

static bool op_full(struct upstream *up)
{
    struct h2_request *r = of(up);
    struct chan *chan = r->client->chan;
    bool full = chan && (buf_len(&r->out) > chan_high(chan) || chan_full(chan));
    r->waits |= full;
    return full;
}

static void op_end(struct upstream *up)
{
    of(up)->out_ended = true;
    op_flush(up);
}

static int op_read_head(
        struct upstream *up, struct http_head *head, bool to_head, struct http_fault *fault)
{
    struct h2_request *r = of(up);
    struct str heads = buf_str(&r->heads);
    struct http_scan scan = {0};
    if (r->fault.status) {
        *fault = r->fault;
        return -1;
    }
    if (heads.n == 0)
        return 0;
    long n = http_scan_head(&scan, heads, fault);
    if (n <= 0)
        return (int)n;
    heads.n = r->head_len = (size_t)n;
    if (http_parse_response(head, heads, to_head, fault) < 0)
        return -1;
    head->keep_alive = true;
    if (head->status < 200)
        return 1;
    bool none = r->head_ended || to_head || head->status == 204 || head->status == 304;
    head->framing = none ? HTTP_NO_BODY : HTTP_TO_CLOSE;
    return 1;
}

static void op_head_done(struct upstream *up)
{
    buf_consume(&of(up)->heads, of(up)->head_len);
}

static struct buf *op_in(struct upstream *up)
{
    return &of(up)->in;
}

static void op_resume(struct upstream *up)
{
    struct h2_request *r = of(up);
    size_t used = r->owed - buf_len(&r->in);
    if (used == 0)
        return;
    r->owed -= used;
    (void)nghttp2_session_consume(r->client->session, r->id, used);
    h2_client_send_soon(r->client);
}

/* The connection is good in any case; only the stream may have to be broken off. */
static void op_release(struct upstream *up)
{
    struct h2_request *r = of(up);
    struct h2_client *client = r->client;
    up->exchange = NULL;
    r->released = true;
    buf_release(&r->in);
    buf_clear(&r->out);
    buf_release(&r->heads);
    if (r->owed > 0)
        (void)nghttp2_session_consume_connection(client->session, r->owed);
    r->owed = 0;
    if (r->id == 0)
        r->closed = true;
    else if (!r->closed)
        (void)nghttp2_submit_rst_stream(
                client->session, NGHTTP2_FLAG_NONE, r->id, NGHTTP2_CANCEL);
    if (r->closed && !r->busy && !r->in_news)
        h2_request_free(r);
    h2_client_send_soon(client);
    client->active--;
    if (client->active == 0) {
        client->idle_since = loop_now_ms(pool_loop(client->pool));
        if (client->listed)
            pool_h2_idle(client->pool);
    }
    h2_client_settle(client);
}

const struct upstream_ops h2_upstream_ops = {
        .send_head = op_send_head,
        .out = op_out,
        .flush = op_flush,
        .full = op_full,
        .end = op_end,
        .read_head = op_read_head,
        .head_done = op_head_done,
        .in = op_in,
        .resume = op_resume,
        .keep = op_release,
        .close = op_release,
        .abort = op_release,
};
