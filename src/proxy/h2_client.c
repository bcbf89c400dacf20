/*
 * h2_client.c - HTTP/2 towards an upstream: one connection, one stream per request.
 *
 *     exchange --upstream_ops--> request's out, nghttp2_submit_*() --on_turn()--> channel
 *     channel --> nghttp2 --callbacks--> marks on requests --news()--> exchange
 *
 * As in h2_server.c the library's callbacks only mark and collect, and the proxy acts when it
 * has returned.
 *
 * The key: the head's text stays in a buffer that is wiped, and the library is given pointers
 * into it. Every field whose value may be worth something, which is every field that is not
 * known to be harmless, goes as a literal that is never indexed (RFC 7541 section 7.1.3), so
 * that no table keeps it. What remains is the library's frame buffer: after the head was sent
 * a frame that is cancelled while it is packed overwrites it.
 *
 * A request ends for the exchange with keep(), close() or abort(), and for the library when
 * the stream is closed; it is freed after both. The connection leaves its origin's list when
 * it takes no more requests, and frees itself after the last one.
 *
 * Owns: the channel, the session, the requests. Blocks: no.
 */
#include "proxy/h2_priv.h"

#include "base/limits.h"

/* A frame type that nobody has defined and that is never sent; see overwrite(). */
#define FRAME_NEVER_SENT 0xe7

static const struct chan_ops chan_events;

static nghttp2_session *session_new(struct h2_client *client);
static void on_turn(void *ctx);
static void destroy(struct h2_client *client);
static void break_off(struct h2_client *client, const struct err *err);

struct h2_client *h2_client_new(struct pool *pool, struct origin *origin, struct chan *chan)
{
    struct h2_client *client = xcalloc(1, sizeof(*client));
    client->pool = pool;
    client->origin = origin;
    client->chan = chan;
    client->news_end = &client->news;
    client->hook = (struct loop_hook){.fn = on_turn, .ctx = client};
    client->idle_since = client->talk.at_ms = loop_now_ms(pool_loop(pool));
    client->session = session_new(client);
    client->next = origin->h2;
    origin->h2 = client;
    client->listed = true;
    chan_set_ops(chan, &chan_events, client);
    loop_defer(pool_loop(pool), &client->hook);
    return client;
}

struct upstream *h2_client_open(struct h2_client *client)
{
    uint32_t most = nghttp2_session_get_remote_settings(
            client->session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    if (!client->listed || client->active >= LIMIT_H2_STREAMS || client->active >= most)
        return NULL;
    struct h2_request *r = xcalloc(1, sizeof(*r));
    r->base.ops = &h2_upstream_ops;
    r->base.origin = client->origin;
    r->base.reused = client->served;
    r->client = client;
    r->next = client->requests;
    if (r->next)
        r->next->prev = r;
    client->requests = r;
    client->active++;
    client->served = true;
    return &r->base;
}

uint64_t h2_client_idle_since(const struct h2_client *client)
{
    return client->active ? UINT64_MAX : client->idle_since;
}

struct h2_client *h2_client_next(const struct h2_client *client)
{
    return client->next;
}

void h2_client_free(struct h2_client *client)
{
    CHECK(client->active == 0 && !client->busy);
    destroy(client);
}

/* --- the connection's end ------------------------------------------------------------- */

void h2_client_unlist(struct h2_client *client)
{
    if (!client->listed)
        return;
    struct h2_client **at = &client->origin->h2;
    while (*at != client)
        at = &(*at)->next;
    *at = client->next;
    client->listed = false;
}

void h2_request_free(struct h2_request *r)
{
    if (r->prev)
        r->prev->next = r->next;
    else
        r->client->requests = r->next;
    if (r->next)
        r->next->prev = r->prev;
    buf_wipe(&r->head);
    buf_release(&r->heads);
    buf_release(&r->in);
    buf_release(&r->out);
    free(r);
}

static void destroy(struct h2_client *client)
{
    h2_client_unlist(client);
    loop_undefer(&client->hook);
    if (client->chan) {
        (void)nghttp2_session_terminate_session(client->session, NGHTTP2_NO_ERROR);
        (void)h2_pump(client->session, client->chan);
        chan_close(client->chan);
    }
    while (client->requests)
        /* The last one has left the list: NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        h2_request_free(client->requests);
    nghttp2_session_del(client->session);
    h2_head_release(&client->head);
    free(client);
}

/* Last thing of everything that may have ended the client. */
void h2_client_settle(struct h2_client *client)
{
    if (!client->busy && !client->listed && client->active == 0)
        destroy(client);
}

/* --- news ----------------------------------------------------------------------------- */

void h2_request_mark(struct h2_request *r)
{
    struct h2_client *client = r->client;
    if (r->in_news)
        return;
    r->in_news = true;
    r->next_news = NULL;
    *client->news_end = r;
    client->news_end = &r->next_news;
}

static void tell_over(struct h2_request *r)
{
    struct err err;
    r->over_told = true;
    if (r->ended) {
        exchange_up_over(r->base.exchange, NULL);
        return;
    }
    /* Above the last stream of a GOAWAY the library says REFUSED_STREAM, too. */
    if (r->client->err.code)
        err = r->client->err;
    else
        err_set(&err, ERR_PROTO, "HTTP/2 stream was closed (%s)",
                nghttp2_http2_strerror(r->code));
    if (!r->sent || r->code == NGHTTP2_REFUSED_STREAM)
        err.code = ERR_AGAIN;
    exchange_up_over(r->base.exchange, &err);
}

/* Tell the exchange; it may release the request, which is freed here then. */
static void news(struct h2_request *r)
{
    r->busy = true;
    if (r->base.exchange && (r->fault.status || buf_len(&r->heads) || buf_len(&r->in)))
        exchange_up_data(r->base.exchange);
    if (r->base.exchange && (r->ended || r->closed) && !r->over_told)
        tell_over(r);
    r->busy = false;
    if (r->released && r->closed)
        h2_request_free(r);
}

static void run_news(struct h2_client *client)
{
    while (client->news) {
        struct h2_request *r = client->news;
        client->news = r->next_news;
        if (!client->news)
            client->news_end = &client->news;
        r->in_news = false;
        news(r);
    }
}

/* Whatever was under way is lost. */
static void break_off(struct h2_client *client, const struct err *err)
{
    h2_client_unlist(client);
    client->err = *err;
    chan_abort(client->chan); /* NULL: closed already */
    client->chan = NULL;
    loop_undefer(&client->hook);
    for (struct h2_request *r = client->requests; r; r = r->next) {
        r->closed = true;
        h2_request_mark(r);
    }
    run_news(client);
}

static void give_up(struct h2_client *client)
{
    struct err err;
    err_set(&err, ERR_PROTO, "%s", client->why);
    (void)nghttp2_session_terminate_session(client->session, NGHTTP2_ENHANCE_YOUR_CALM);
    (void)h2_pump(client->session, client->chan);
    chan_close(client->chan);
    client->chan = NULL;
    break_off(client, &err);
}

/* --- the channel ---------------------------------------------------------------------- */

static void take_input(struct h2_client *client)
{
    struct buf *in = chan_in(client->chan);
    while (client->chan && buf_len(in) > 0) {
        size_t n = buf_len(in) < H2_PIECE ? buf_len(in) : H2_PIECE;
        ssize_t used =
                nghttp2_session_mem_recv(client->session, (const uint8_t *)buf_data(in), n);
        if (used < 0 && !client->why)
            client->why = nghttp2_strerror((int)used);
        buf_consume(in, n);
        run_news(client);
        if (client->why)
            give_up(client);
    }
}

void h2_client_send_soon(struct h2_client *client)
{
    if (client->chan)
        loop_defer(pool_loop(client->pool), &client->hook);
}

static void on_data(void *ctx)
{
    struct h2_client *client = ctx;
    client->busy = true;
    take_input(client);
    h2_client_send_soon(client);
    client->busy = false;
    h2_client_settle(client);
}

/* Somebody waits for room, and there is some. */
static void wake(struct h2_client *client)
{
    for (struct h2_request *r = client->requests, *next; r; r = next) {
        next = r->next;
        if (!r->waits || buf_len(&r->out) > chan_low(client->chan) || chan_full(client->chan))
            continue;
        r->waits = false;
        if (r->base.exchange)
            exchange_up_drained(r->base.exchange);
    }
}

static void on_turn(void *ctx)
{
    struct h2_client *client = ctx;
    client->busy = true;
    if (h2_pump(client->session, client->chan) < 0 && !client->why)
        client->why = "HTTP/2 cannot go on";
    run_news(client);
    bool talks = nghttp2_session_want_read(client->session) ||
                 nghttp2_session_want_write(client->session);
    if (!talks && client->active > 0 && !client->why)
        client->why = client->complaint ? client->complaint : "HTTP/2 protocol error";
    if (!talks)
        h2_client_unlist(client);
    if (client->why)
        give_up(client);
    else
        wake(client);
    client->busy = false;
    h2_client_settle(client);
}

static void on_end(void *ctx)
{
    struct h2_client *client = ctx;
    struct err err;
    err_set(&err, ERR_EOF, "connection closed");
    client->busy = true;
    break_off(client, &err);
    client->busy = false;
    h2_client_settle(client);
}

static void on_fail(void *ctx, const struct err *err)
{
    struct h2_client *client = ctx;
    client->busy = true;
    break_off(client, err);
    client->busy = false;
    h2_client_settle(client);
}

static const struct chan_ops chan_events = {
        .on_data = on_data,
        .on_drain = on_turn,
        .on_end = on_end,
        .on_fail = on_fail,
};

/* --- what the library tells and asks -------------------------------------------------- */

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *ctx)
{
    struct h2_client *client = ctx;
    uint64_t now = loop_now_ms(pool_loop(client->pool));
    (void)session;
    if (h2_frame_is_idle_talk(hd) &&
            h2_meter_over(&client->talk, now, LIMIT_H2_FRAMES, LIMIT_H2_FRAMES_PER_S))
        client->why = "too many HTTP/2 frames that carry nothing";
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_client *client = ctx;
    (void)session, (void)frame;
    h2_head_clear(&client->head);
    return 0;
}

/* Trailers are dropped. NOLINTNEXTLINE(readability-function-size): the type is nghttp2's */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
        size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *ctx)
{
    struct h2_client *client = ctx;
    const struct h2_request *r = h2_data_of(session, frame->hd.stream_id);
    (void)flags;
    if (r && !r->answered)
        h2_head_add(&client->head, (struct str){(const char *)name, name_n},
                (struct str){(const char *)value, value_n});
    return 0;
}

static void on_head(struct h2_request *r, bool ended)
{
    struct h2_head *head = &r->client->head;
    struct str status = buf_str(&head->pseudo[H2_STATUS]);
    if (r->answered || r->fault.status)
        return;
    if (h2_head_response(head, &r->heads, &r->fault) < 0)
        return;
    r->answered = status.p[0] != '1';
    r->head_ended = ended;
    /* Interim ones that nobody reads, or that come faster. */
    if (buf_len(&r->heads) > (size_t)2 * LIMIT_HTTP_HEAD)
        r->fault = (struct http_fault){502, "too many interim answers"};
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_client *client = ctx;
    struct h2_request *r = h2_data_of(session, frame->hd.stream_id);
    bool ended = h2_ends_stream(&frame->hd);
    if (frame->hd.type == NGHTTP2_GOAWAY)
        h2_client_unlist(client);
    if (!r)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        on_head(r, ended);
    r->ended |= ended;
    h2_request_mark(r);
    return 0;
}

static int on_bad_frame(
        nghttp2_session *session, const nghttp2_frame *frame, int error, void *ctx)
{
    struct h2_client *client = ctx;
    (void)session, (void)frame;
    client->complaint = nghttp2_strerror(error);
    return 0;
}

static int on_body(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
        size_t n, void *ctx)
{
    struct h2_request *r = h2_data_of(session, id);
    (void)flags, (void)ctx;
    if (r && !r->released && !r->dropped && h2_is_too_much(&r->in, n)) {
        r->dropped = true; /* the agent does not read, and all together hold too much */
        (void)nghttp2_submit_rst_stream(
                session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    if (!r || r->released || r->dropped) {
        (void)nghttp2_session_consume_connection(session, n);
        return 0;
    }
    buf_append(&r->in, p, n);
    r->owed += n;
    h2_request_mark(r);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct h2_request *r = h2_data_of(session, id);
    (void)ctx;
    if (!r)
        return 0;
    r->closed = true;
    r->code = code;
    h2_request_mark(r);
    return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_request *r = h2_data_of(session, frame->hd.stream_id);
    (void)ctx;
    if (!r || frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    r->sent = true;
    buf_wipe(&r->head);
    H2_CHECK(nghttp2_submit_extension(session, FRAME_NEVER_SENT, NGHTTP2_FLAG_NONE, 0, NULL));
    return 0;
}

/* Frames are packed where the last head was. */
static ssize_t overwrite(
        nghttp2_session *session, uint8_t *buf, size_t n, const nghttp2_frame *frame, void *ctx)
{
    (void)session, (void)frame, (void)ctx;
    mem_wipe(buf, n);
    return NGHTTP2_ERR_CANCEL;
}

static int send_out(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_head,
        size_t length, nghttp2_data_source *source, void *ctx)
{
    struct h2_client *client = ctx;
    struct h2_request *r = source->ptr;
    (void)session, (void)frame;
    return h2_send_data(client->chan, frame_head, &r->out, length);
}

static const struct h2_events events = {
        .on_begin_frame = on_begin_frame,
        .on_begin_headers = on_begin_headers,
        .on_header = on_header,
        .on_frame = on_frame,
        .on_bad_frame = on_bad_frame,
        .on_data = on_body,
        .on_close = on_close,
        .on_sent = on_sent,
        .send_data = send_out,
        .pack_extension = overwrite,
};

static nghttp2_session *session_new(struct h2_client *client)
{
    static const nghttp2_settings_entry settings[] = {
            {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
            {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LIMIT_H2_STREAM_WINDOW},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HTTP_HEAD},
    };
    return h2_session_new(false, &events, client, settings,
            sizeof(settings) / sizeof(*settings), LIMIT_H2_UPSTREAM_WINDOW);
}
