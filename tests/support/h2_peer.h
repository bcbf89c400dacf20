/*
 * h2_peer.h - one end of an HTTP/2 connection that a test plays itself, the agent's or the
 * origin's, with nghttp2 over the channels of proxy_world.h. What came on a stream is kept as
 * text ("name: value" lines and body), what is sent is said by the test.
 */
#ifndef TESTS_SUPPORT_H2_PEER_H
#define TESTS_SUPPORT_H2_PEER_H

#include <nghttp2/nghttp2.h>

#include "support/proxy_world.h"

#define H2_MESSAGES 512

/* What came on one stream, and what goes. */
struct h2_message {
    struct h2_peer *peer;
    int32_t id;
    struct buf head; /* all fields of all heads, one a line; of interim ones, too */
    struct buf body;
    uint64_t received; /* body bytes in all */
    bool ended;        /* END_STREAM came */
    bool closed;
    uint32_t code; /* why it was closed */
    struct buf out;
    bool out_end, out_more; /* the body ends with `out`; there is a body at all */
};

struct h2_peer {
    struct world *world;
    struct chan *chan;
    nghttp2_session *session;
    struct h2_message *messages[H2_MESSAGES]; /* in the order of their beginning */
    unsigned count;
    bool open, gone;
    bool holds; /* gives no windows back, keeps no bodies */
    bool goaway;
    uint32_t goaway_code;
    unsigned settings; /* frames that came */
};

static inline void h2_peer_send(struct h2_peer *p)
{
    const uint8_t *bytes;
    ssize_t n;
    while (!p->gone && p->session && (n = nghttp2_session_mem_send(p->session, &bytes)) > 0)
        chan_write(p->chan, bytes, (size_t)n);
}

static inline struct h2_message *h2_message_of(nghttp2_session *session, int32_t id)
{
    return id ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

static inline struct h2_message *h2_message_new(struct h2_peer *p)
{
    struct h2_message *m = xcalloc(1, sizeof(*m));
    CHECK(p->count < H2_MESSAGES);
    p->messages[p->count++] = m;
    m->peer = p;
    return m;
}

/* For the reader of a failed test. */
static inline void h2_show(const struct h2_message *m)
{
    fprintf(stderr, "stream %d%s%s, code %u:\n%.*s\n%.*s\n", (int)m->id,
            m->ended ? " ended" : "", m->closed ? " closed" : "", (unsigned)m->code,
            STR_ARG(buf_str(&m->head)),
            (int)(buf_len(&m->body) < 2000 ? buf_len(&m->body) : 2000), buf_str(&m->body).p);
}

static inline bool h2_has(const struct h2_message *m, const char *text)
{
    struct str head = buf_str(&m->head), body = buf_str(&m->body);
    return (head.n && memmem(head.p, head.n, text, strlen(text))) ||
           (body.n && memmem(body.p, body.n, text, strlen(text)));
}

/* --- callbacks ------------------------------------------------------------------------- */

static inline int h2p_begin(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_peer *p = ctx;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_message *m = h2_message_new(p);
    m->id = frame->hd.stream_id;
    nghttp2_session_set_stream_user_data(session, m->id, m);
    return 0;
}

static inline int h2p_header(nghttp2_session *session, const nghttp2_frame *frame,
        const uint8_t *name, size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
        void *ctx)
{
    struct h2_message *m = h2_message_of(session, frame->hd.stream_id);
    (void)ctx;
    if (!m)
        return 0;
    buf_append(&m->head, name, name_n);
    buf_puts(&m->head, ": ");
    buf_append(&m->head, value, value_n);
    buf_puts(&m->head, flags & NGHTTP2_NV_FLAG_NO_INDEX ? " (never indexed)\n" : "\n");
    return 0;
}

static inline int h2p_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_peer *p = ctx;
    struct h2_message *m = h2_message_of(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        p->goaway = true;
        p->goaway_code = frame->goaway.error_code;
    }
    p->settings += frame->hd.type == NGHTTP2_SETTINGS;
    if (m && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        m->ended = true;
    return 0;
}

static inline int h2p_data(nghttp2_session *session, uint8_t flags, int32_t id,
        const uint8_t *bytes, size_t n, void *ctx)
{
    struct h2_peer *p = ctx;
    struct h2_message *m = h2_message_of(session, id);
    (void)flags;
    if (m)
        m->received += n;
    if (p->holds)
        return 0;
    nghttp2_session_consume(session, id, n);
    if (m)
        buf_append(&m->body, bytes, n);
    return 0;
}

static inline int h2p_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct h2_message *m = h2_message_of(session, id);
    (void)ctx;
    if (!m)
        return 0;
    m->closed = true;
    m->code = code;
    return 0;
}

static inline ssize_t h2p_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t length,
        uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct h2_message *m = source->ptr;
    size_t n = buf_len(&m->out) < length ? buf_len(&m->out) : length;
    (void)session, (void)id, (void)ctx;
    if (n == 0 && !m->out_end)
        return NGHTTP2_ERR_DEFERRED;
    memcpy(to, n ? buf_data(&m->out) : "", n);
    buf_consume(&m->out, n);
    if (m->out_end && buf_len(&m->out) == 0)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* --- the channel ----------------------------------------------------------------------- */

static inline void h2p_take(struct h2_peer *p, const char *bytes, size_t n)
{
    if (nghttp2_session_mem_recv(p->session, (const uint8_t *)bytes, n) < 0)
        p->gone = true;
    h2_peer_send(p);
}

static inline void h2p_on_open(void *ctx)
{
    ((struct h2_peer *)ctx)->open = true;
}

static inline void h2p_on_data(void *ctx)
{
    struct h2_peer *p = ctx;
    struct buf *in = chan_in(p->chan);
    if (p->session) {
        h2p_take(p, buf_data(in), buf_len(in));
        buf_clear(in);
    }
}

static inline void h2p_on_end(void *ctx)
{
    ((struct h2_peer *)ctx)->gone = true;
}

static inline void h2p_on_fail(void *ctx, const struct err *err)
{
    (void)err;
    ((struct h2_peer *)ctx)->gone = true;
}

static const struct chan_ops h2p_ops = {.on_open = h2p_on_open,
        .on_data = h2p_on_data,
        .on_end = h2p_on_end,
        .on_fail = h2p_on_fail};

static inline nghttp2_session_callbacks *h2p_callbacks(void)
{
    nghttp2_session_callbacks *c = NULL;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, h2p_begin);
    nghttp2_session_callbacks_set_on_header_callback(c, h2p_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, h2p_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, h2p_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, h2p_close);
    return c;
}

/* `streams`: how many the other side may open at once. */
static inline void h2_peer_session(struct h2_peer *p, bool server, uint32_t streams)
{
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams}};
    nghttp2_session_callbacks *callbacks = h2p_callbacks();
    nghttp2_option *options = NULL;
    nghttp2_option_new(&options);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_max_send_header_block_length(options, 4u << 20);
    if (server)
        nghttp2_session_server_new2(&p->session, callbacks, p, options);
    else
        nghttp2_session_client_new2(&p->session, callbacks, p, options);
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(p->session, NGHTTP2_FLAG_NONE, settings, 1);
    h2_peer_send(p);
}

static inline void h2_peer_free(struct h2_peer *p)
{
    if (p->chan)
        chan_abort(p->chan);
    nghttp2_session_del(p->session);
    for (unsigned i = 0; i < p->count; i++) {
        struct h2_message *m = p->messages[i];
        if (getenv("IC_SHOW"))
            h2_show(m);
        buf_release(&m->head);
        buf_release(&m->body);
        buf_release(&m->out);
        free(m);
    }
    free(p);
}

/* --- the agent ------------------------------------------------------------------------- */

/* A tunnel that speaks HTTP/2. */
static inline struct h2_peer *h2_agent_of(struct world *w, const char *host)
{
    struct h2_peer *p = xcalloc(1, sizeof(*p));
    char target[80];
    snprintf(target, sizeof(target), "%s:443", host);
    struct peer *front = agent_connect(w, target);
    WAIT(w, peer_has(front, "HTTP/1.1 200 Connection Established\r\n\r\n"));
    p->world = w;
    p->chan = front->chan;
    front->chan = NULL;
    chan_set_ops(p->chan, &h2p_ops, p);
    chan_start_tls_client_h2(p->chan, w->agent_tls, host, 5000);
    WAIT(w, p->open || p->gone);
    assert_true(p->open);
    assert_string_equal(chan_alpn(p->chan), "h2");
    h2_peer_session(p, false, 0);
    return p;
}

static inline struct h2_peer *h2_agent(struct world *w)
{
    return h2_agent_of(w, "api.anthropic.com");
}

#define H2_NV(name, value)                                                                     \
    (nghttp2_nv)                                                                               \
    {                                                                                          \
        (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), 0                  \
    }

/* A request; `fields` are pairs, NULL at the end. body NULL: it ends with its head. */
static inline struct h2_message *h2_ask_raw(
        struct h2_peer *p, const char *const *fields, const char *body, bool more)
{
    nghttp2_nv nv[400];
    size_t n = 0;
    for (; fields[2 * n]; n++)
        nv[n] = H2_NV(fields[2 * n], fields[2 * n + 1]);
    struct h2_message *m = h2_message_new(p);
    nghttp2_data_provider provider = {.source = {.ptr = m}, .read_callback = h2p_read};
    if (body)
        buf_puts(&m->out, body);
    m->out_end = !more;
    m->id = nghttp2_submit_request(p->session, NULL, nv, n, body ? &provider : NULL, m);
    CHECK(m->id > 0);
    h2_peer_send(p);
    return m;
}

static inline struct h2_message *h2_get(struct h2_peer *p, const char *path)
{
    const char *fields[] = {":method", "GET", ":scheme", "https", ":authority",
            "api.anthropic.com", ":path", path, NULL, NULL};
    return h2_ask_raw(p, fields, NULL, false);
}

/* With the fake key. */
static inline struct h2_message *h2_post(struct h2_peer *p, const char *body, bool more)
{
    const char *fields[] = {":method", "POST", ":scheme", "https", ":authority",
            "api.anthropic.com", ":path", "/v1/messages?beta=true", "x-api-key",
            fake_key(p->world), "content-type", "application/json", "x-other", "kept", NULL,
            NULL};
    return h2_ask_raw(p, fields, body, more);
}

/* --- the origin ------------------------------------------------------------------------ */

/* The connection number `n` that the proxy opened, which must have chosen h2. */
static inline struct h2_peer *h2_origin(struct world *w, unsigned n, uint32_t streams)
{
    struct h2_peer *p = xcalloc(1, sizeof(*p));
    WAIT(w, w->origin_count > n && w->origins[n]->open);
    struct peer *peer = w->origins[n];
    assert_string_equal(chan_alpn(peer->chan), "h2");
    p->world = w;
    p->chan = peer->chan;
    p->open = true;
    peer->chan = NULL;
    h2_peer_session(p, true, streams);
    h2p_take(p, buf_data(&peer->got), buf_len(&peer->got));
    chan_set_ops(p->chan, &h2p_ops, p);
    return p;
}

/* The request number `n` on it, when its head is there. */
static inline struct h2_message *h2_request(struct h2_peer *p, unsigned n)
{
    WAIT(p->world, p->count > n && buf_len(&p->messages[n]->head) > 0);
    return p->messages[n];
}

/* An answer's head; `more`: its body is not whole yet. */
static inline void h2_answer(
        struct h2_message *m, const char *status, const char *body, bool more)
{
    nghttp2_nv nv[] = {H2_NV(":status", status), H2_NV("x-reply", "yes")};
    nghttp2_data_provider provider = {.source = {.ptr = m}, .read_callback = h2p_read};
    m->out_end = !more;
    if (body)
        buf_puts(&m->out, body);
    nghttp2_submit_response(m->peer->session, m->id, nv, 2, body ? &provider : NULL);
    h2_peer_send(m->peer);
}

static inline void h2_say(struct h2_message *m, const char *bytes, bool more)
{
    buf_puts(&m->out, bytes);
    m->out_end = !more;
    nghttp2_session_resume_data(m->peer->session, m->id);
    h2_peer_send(m->peer);
}

static inline void h2_reset(struct h2_message *m, uint32_t code)
{
    nghttp2_submit_rst_stream(m->peer->session, NGHTTP2_FLAG_NONE, m->id, code);
    h2_peer_send(m->peer);
}

#endif
