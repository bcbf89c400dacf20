/*
 * h2_server.c - HTTP/2 towards the agent: one session per tunnel, one stream per request.
 *
 *     channel --> nghttp2 --callbacks--> marks on streams --news()--> request, exchange
 *     exchange --stream_ops--> stream's out, nghttp2_submit_*() --on_turn()--> channel
 *
 * nghttp2's callbacks only mark and collect; what they marked is acted upon when the library
 * has returned, and what is to be sent leaves at the end of the loop turn. So nothing of the
 * proxy ever runs inside of the library, and a stream is freed in one place only, news(),
 * after the library has closed it.
 *
 * Backpressure, agent to upstream: windows are given back as the exchange consumes; a stream
 * that fills its window when all connections together hold too much is broken off. The other
 * way: out() is bounded by full(), and the library takes from it what the agent's window and
 * the channel allow.
 *
 * The input is read even while the channel is full, so that an agent's RST_STREAM is heard;
 * what an agent can make us answer is bounded by streams, meters and the library's own limits
 * (CONTINUATION, SETTINGS entries, unsent acknowledgements). Beyond them the connection ends
 * with ENHANCE_YOUR_CALM.
 *
 * Owns: the session, the streams. Blocks: no.
 */
#include "proxy/h2_priv.h"

#include "base/limits.h"

static nghttp2_session *session_new(struct h2_server *h2);
static void stream_free(struct h2_stream *s);
static bool run_news(struct h2_server *h2);
static void on_turn(void *ctx);
static void on_late(void *ctx);
static void end_connection(struct h2_server *h2);

struct h2_server *h2_server_new(struct tunnel *tunnel)
{
    struct h2_server *h2 = xcalloc(1, sizeof(*h2));
    struct loop *loop = tunnel->proxy->config.loop;
    h2->tunnel = tunnel;
    h2->news_end = &h2->news;
    h2->hook = (struct loop_hook){.fn = on_turn, .ctx = h2};
    h2->resets.at_ms = h2->talk.at_ms = loop_now_ms(loop);
    h2->session = session_new(h2);
    h2->timer = timer_new(loop, on_late, h2);
    timer_start(h2->timer, LIMIT_HEAD_MS);
    loop_defer(loop, &h2->hook);
    return h2;
}

void h2_server_free(struct h2_server *h2, const char *why)
{
    if (!h2)
        return;
    loop_undefer(&h2->hook);
    timer_free(h2->timer);
    while (h2->streams) {
        /* The last one has left the list: NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        if (h2->streams->base.exchange)
            exchange_cancel(h2->streams->base.exchange, why);
        stream_free(h2->streams);
    }
    nghttp2_session_del(h2->session);
    h2_head_release(&h2->head);
    free(h2);
}

/* The connection ends when the library has returned. */
static void give_up(struct h2_server *h2, const char *why, uint32_t code)
{
    if (h2->why)
        return;
    h2->why = why;
    h2->code = code;
}

/* Bytes for the library. */
static void feed(struct h2_server *h2, const uint8_t *p, size_t n)
{
    ssize_t used = nghttp2_session_mem_recv(h2->session, p, n);
    /* It wants no more: no HTTP/2 at all, or a flood of what it counts itself. */
    if (used < 0)
        give_up(h2, nghttp2_strerror((int)used),
                used == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR
                                                     : NGHTTP2_ENHANCE_YOUR_CALM);
    /* Nearly every block comes whole, and costs no timer then. */
    if (h2->in_block && !timer_running(h2->timer))
        timer_start(h2->timer, LIMIT_HEAD_MS);
}

void h2_server_data(struct h2_server *h2)
{
    struct tunnel *tunnel = h2->tunnel;
    struct buf *in = chan_in(tunnel->chan);
    while (buf_len(in) > 0 && !tunnel_must_wait(tunnel)) {
        size_t n = buf_len(in) < H2_PIECE ? buf_len(in) : H2_PIECE;
        feed(h2, (const uint8_t *)buf_data(in), n);
        buf_consume(in, n);
        if (!run_news(h2))
            return;
        if (h2->why) {
            end_connection(h2);
            return;
        }
    }
    loop_defer(tunnel->proxy->config.loop, &h2->hook);
}

void h2_server_drained(struct h2_server *h2)
{
    on_turn(h2);
}

/* --- streams -------------------------------------------------------------------------- */

static struct h2_stream *stream_new(struct h2_server *h2, int32_t id)
{
    struct h2_stream *s = xcalloc(1, sizeof(*s));
    s->base.ops = &h2_stream_ops;
    s->base.tunnel = h2->tunnel;
    s->h2 = h2;
    s->id = id;
    s->next = h2->streams;
    if (s->next)
        s->next->prev = s;
    h2->streams = s;
    h2->tunnel->proxy->stream_count++;
    return s;
}

static void stream_free(struct h2_stream *s)
{
    s->base.tunnel->proxy->stream_count--;
    if (s->prev)
        s->prev->next = s->next;
    else
        s->h2->streams = s->next;
    if (s->next)
        s->next->prev = s->prev;
    buf_release(&s->text);
    buf_release(&s->in);
    buf_release(&s->out);
    free(s);
}

void h2_server_send_soon(struct h2_server *h2)
{
    loop_defer(h2->tunnel->proxy->config.loop, &h2->hook);
}

/* The row of what is no request. */
void h2_put_row(const struct tunnel *tunnel, int status, const char *reason)
{
    struct request_record rec;
    record_init(tunnel, tunnel->provider ? "llm" : "http", &rec);
    str_copy(rec.reason, sizeof(rec.reason), str_of(reason));
    str_copy(rec.protocol, sizeof(rec.protocol), STR("h2"));
    rec.status = status;
    rec.inspected = true;
    rec.decision = REQUEST_ERROR;
    rec.total_ms = 0;
    rec.done = true;
    record_put(tunnel->proxy, &rec);
}

/* Act upon what the library marked. May free the stream. */
static void news(struct h2_stream *s)
{
    if (s->closed) {
        const char *why = s->broken ? s->broken : "the agent gave up";
        if (s->base.exchange)
            exchange_cancel(s->base.exchange, why);
        else if (s->broken && !s->finished)
            h2_put_row(s->base.tunnel, 0, why);
        h2_stream_drop_input(s);
        stream_free(s);
        return;
    }
    if (s->headed)
        h2_stream_begin(s);
    if (s->base.exchange)
        exchange_agent_data(s->base.exchange); /* it sends the head even if that is all */
    if (s->base.exchange && s->ended && !s->end_told && buf_len(&s->in) == 0) {
        s->end_told = true;
        exchange_agent_end(s->base.exchange);
    }
}

void h2_stream_mark(struct h2_stream *s)
{
    struct h2_server *h2 = s->h2;
    if (s->in_news)
        return;
    s->in_news = true;
    s->next_news = NULL;
    *h2->news_end = s;
    h2->news_end = &s->next_news;
}

/* What there is now: whatever is marked on the way waits for the end of the turn, so that no
 * stream holds the loop. False: the tunnel is over. */
static bool run_news(struct h2_server *h2)
{
    struct tunnel *tunnel = h2->tunnel;
    struct h2_stream *list = h2->news;
    h2->news = NULL;
    h2->news_end = &h2->news;
    while (list) {
        struct h2_stream *s = list;
        list = s->next_news;
        s->in_news = false;
        news(s);
        if (tunnel->gone)
            return false;
    }
    return true;
}

/* --- sending -------------------------------------------------------------------------- */

/* Somebody waits for room, and there is some. */
static void wake(struct h2_server *h2)
{
    for (struct h2_stream *s = h2->streams, *next; s; s = next) {
        next = s->next;
        if (!s->waits || buf_len(&s->out) > chan_low(h2->tunnel->chan) ||
                chan_full(h2->tunnel->chan))
            continue;
        s->waits = false;
        if (s->base.exchange)
            exchange_agent_drained(s->base.exchange);
    }
}

static void on_turn(void *ctx)
{
    struct h2_server *h2 = ctx;
    if (h2_pump(h2->session, h2->tunnel->chan) < 0 && !h2->why)
        h2->why = "HTTP/2 cannot go on";
    if (!run_news(h2))
        return;
    bool talks =
            nghttp2_session_want_read(h2->session) || nghttp2_session_want_write(h2->session);
    if (!talks && !h2->leaving && !h2->why)
        h2->why = h2->complaint ? h2->complaint : "HTTP/2 protocol error";
    if (h2->why || !talks)
        end_connection(h2);
    else
        wake(h2);
}

/* Nothing more comes or goes. The tunnel may free h2 on the way. */
static void end_connection(struct h2_server *h2)
{
    struct tunnel *tunnel = h2->tunnel;
    for (struct h2_stream *s = h2->streams; s; s = s->next) {
        if (s->base.exchange)
            exchange_cancel(s->base.exchange, h2->why ? h2->why : "the agent gave up");
    }
    if (h2->why) {
        h2_put_row(tunnel, 0, h2->why);
        if (h2->code)
            (void)nghttp2_session_terminate_session(h2->session, h2->code);
        (void)h2_pump(h2->session, tunnel->chan);
    }
    loop_undefer(&h2->hook);
    timer_stop(h2->timer);
    tunnel_close(tunnel);
}

/* A block, or the preface, that takes this long is meant to hold the connection. */
static void on_late(void *ctx)
{
    struct h2_server *h2 = ctx;
    give_up(h2, "HTTP/2 head not complete in time", NGHTTP2_ENHANCE_YOUR_CALM);
    end_connection(h2);
}

static int send_out(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_head,
        size_t length, nghttp2_data_source *source, void *ctx)
{
    struct h2_server *h2 = ctx;
    struct h2_stream *s = source->ptr;
    (void)session, (void)frame;
    return h2_send_data(h2->tunnel->chan, frame_head, &s->out, length);
}

/* --- what the library tells ----------------------------------------------------------- */

static uint64_t now_ms(const struct h2_server *h2)
{
    return loop_now_ms(h2->tunnel->proxy->config.loop);
}

static void count_reset(struct h2_server *h2)
{
    if (h2_meter_over(&h2->resets, now_ms(h2), LIMIT_H2_RESETS, LIMIT_H2_RESETS_PER_S))
        give_up(h2, "too many HTTP/2 streams were reset", NGHTTP2_ENHANCE_YOUR_CALM);
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *ctx)
{
    struct h2_server *h2 = ctx;
    (void)session;
    if (hd->type == NGHTTP2_RST_STREAM)
        count_reset(h2);
    else if (h2_frame_is_idle_talk(hd) &&
             h2_meter_over(&h2->talk, now_ms(h2), LIMIT_H2_FRAMES, LIMIT_H2_FRAMES_PER_S))
        give_up(h2, "too many HTTP/2 frames that carry nothing", NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_server *h2 = ctx;
    h2->in_block = true;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    h2_head_clear(&h2->head);
    struct h2_stream *s = stream_new(h2, frame->hd.stream_id);
    H2_CHECK(nghttp2_session_set_stream_user_data(session, s->id, s));
    return 0;
}

/* Trailers are dropped. NOLINTNEXTLINE(readability-function-size): the type is nghttp2's */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
        size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags, void *ctx)
{
    struct h2_server *h2 = ctx;
    (void)session, (void)flags;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        h2_head_add(&h2->head, (struct str){(const char *)name, name_n},
                (struct str){(const char *)value, value_n});
    return 0;
}

static void on_head(struct h2_server *h2, struct h2_stream *s, bool ended)
{
    if (h2_head_request(&h2->head, &s->text, &s->fault) < 0)
        buf_clear(&s->text);
    h2_head_clear(&h2->head);
    s->headed = true;
    s->empty = ended;
}

/* The preface, or a header block, is there. */
static void block_over(struct h2_server *h2)
{
    h2->in_block = false;
    timer_stop(h2->timer);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_server *h2 = ctx;
    struct h2_stream *s = h2_data_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_SETTINGS)
        block_over(h2);
    if (frame->hd.type == NGHTTP2_RST_STREAM && s)
        s->broken = "the agent broke off";
    if (frame->hd.type == NGHTTP2_GOAWAY)
        h2->leaving = true;
    if (!s)
        return 0;
    bool ended = h2_ends_stream(&frame->hd);
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        on_head(h2, s, ended);
    s->ended |= ended;
    h2_stream_mark(s);
    return 0;
}

static int on_bad_frame(
        nghttp2_session *session, const nghttp2_frame *frame, int error, void *ctx)
{
    struct h2_server *h2 = ctx;
    struct h2_stream *s = h2_data_of(session, frame->hd.stream_id);
    h2->complaint = nghttp2_strerror(error);
    /* The library tells nothing of frames that are still to come of this block. */
    if (h2->in_block && frame->hd.type == NGHTTP2_HEADERS &&
            !(frame->hd.flags & NGHTTP2_FLAG_END_HEADERS))
        give_up(h2, h2->complaint, NGHTTP2_PROTOCOL_ERROR);
    block_over(h2);
    count_reset(h2);
    if (s)
        s->broken = h2->complaint;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
        size_t n, void *ctx)
{
    struct h2_stream *s = h2_data_of(session, id);
    (void)flags, (void)ctx;
    if (!s) {
        (void)nghttp2_session_consume_connection(session, n);
        return 0;
    }
    if (s->finished) {
        h2_stream_discard(s, n);
        return 0;
    }
    if (h2_is_too_much(&s->in, n) && !s->broken) {
        s->broken = "too much is held at once";
        (void)nghttp2_submit_rst_stream(
                session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
    }
    if (s->broken) {
        (void)nghttp2_session_consume_connection(session, n);
        return 0;
    }
    buf_append(&s->in, p, n);
    s->owed += n;
    h2_stream_mark(s);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct h2_stream *s = h2_data_of(session, id);
    if (!s)
        return 0;
    s->closed = true;
    /* The library resets some by itself and tells nobody: bodies that are longer or shorter
     * than announced, or than the window. */
    if (code != NGHTTP2_NO_ERROR && !s->broken && !s->cut) {
        s->broken = "the agent's HTTP/2 stream was malformed";
        count_reset(ctx);
    }
    h2_stream_mark(s);
    return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_stream *s = h2_data_of(session, frame->hd.stream_id);
    (void)ctx;
    if (s && h2_ends_stream(&frame->hd))
        h2_stream_sent(s);
    else if (s && s->cut && frame->hd.type == NGHTTP2_DATA)
        h2_stream_cut(s);
    return 0;
}

static const struct h2_events events = {
        .on_begin_frame = on_begin_frame,
        .on_begin_headers = on_begin_headers,
        .on_header = on_header,
        .on_frame = on_frame,
        .on_bad_frame = on_bad_frame,
        .on_data = on_data,
        .on_close = on_close,
        .on_sent = on_sent,
        .send_data = send_out,
};

static nghttp2_session *session_new(struct h2_server *h2)
{
    static const nghttp2_settings_entry settings[] = {
            {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_H2_STREAMS},
            {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LIMIT_H2_STREAM_WINDOW},
            {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HTTP_HEAD},
            {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    return h2_session_new(true, &events, h2, settings, sizeof(settings) / sizeof(*settings),
            LIMIT_H2_AGENT_WINDOW);
}
