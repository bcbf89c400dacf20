/*
 * h2_common.c - header blocks as HTTP/1.1 text, meters, and the way into the channel.
 *
 * nghttp2 has checked a block by the rules of RFC 9113 before it comes here: names in lower
 * case, pseudo fields first, once and known, no field of one connection. The checks of bytes
 * here do not rely on that.
 *
 * Blocks: no. Owns: nothing.
 */
#include "proxy/h2_common.h"

#include "base/err.h"
#include "base/held.h"

static const struct str pseudo_names[H2_PSEUDO_COUNT] = {
        [H2_METHOD] = {":method", 7},
        [H2_SCHEME] = {":scheme", 7},
        [H2_AUTHORITY] = {":authority", 10},
        [H2_PATH] = {":path", 5},
        [H2_STATUS] = {":status", 7},
};

/* --- reading -------------------------------------------------------------------------- */

void h2_head_clear(struct h2_head *head)
{
    for (size_t i = 0; i < H2_PSEUDO_COUNT; i++)
        buf_clear(&head->pseudo[i]);
    buf_clear(&head->fields);
    buf_clear(&head->cookie);
    buf_clear(&head->host);
    head->has_host = false;
    head->size = 0;
    head->count = 0;
    head->fault = (struct http_fault){0};
}

void h2_head_release(struct h2_head *head)
{
    for (size_t i = 0; i < H2_PSEUDO_COUNT; i++)
        buf_release(&head->pseudo[i]);
    buf_release(&head->fields);
    buf_release(&head->cookie);
    buf_release(&head->host);
}

static void fault_first(struct h2_head *head, int status, const char *reason)
{
    if (head->fault.status == 0)
        head->fault = (struct http_fault){status, reason};
}

static bool is_clean(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* What stands in the first line must not hold what separates its parts. */
static bool is_printable(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7f)
            return false;
    }
    return true;
}

static void add_pseudo(struct h2_head *head, struct str name, struct str value)
{
    for (size_t i = 0; i < H2_PSEUDO_COUNT; i++) {
        if (!str_eq(name, pseudo_names[i]))
            continue;
        if (buf_len(&head->pseudo[i]) > 0 || value.n == 0 || !is_printable(value))
            fault_first(head, 400, "malformed pseudo header");
        buf_append_str(&head->pseudo[i], value);
        return;
    }
    fault_first(head, 400, "unknown pseudo header");
}

static void add_field(struct h2_head *head, struct str name, struct str value)
{
    if (str_eq(name, STR("cookie"))) {
        /* RFC 9113 section 8.2.3: one field again, for who does not speak HTTP/2. */
        if (buf_len(&head->cookie) > 0)
            buf_append(&head->cookie, "; ", 2);
        else
            head->count++;
        buf_append_str(&head->cookie, value);
        return;
    }
    head->count++;
    if (str_eq(name, STR("host"))) {
        if (head->has_host)
            fault_first(head, 400, "second Host");
        head->has_host = true;
        buf_append_str(&head->host, value);
        return;
    }
    buf_append_str(&head->fields, name);
    buf_append(&head->fields, ": ", 2);
    buf_append_str(&head->fields, value);
    buf_append(&head->fields, "\r\n", 2);
}

void h2_head_add(struct h2_head *head, struct str name, struct str value)
{
    if (head->fault.status)
        return; /* nothing more is kept of it */
    head->size += name.n + value.n + 4;
    if (head->size > LIMIT_HTTP_HEAD)
        fault_first(head, 431, "head too large");
    else if (head->count >= LIMIT_HTTP_FIELDS)
        fault_first(head, 431, "too many header fields");
    else if (!is_clean(name) || !is_clean(value))
        fault_first(head, 400, "control byte in the head");
    else if (str_starts(name, STR(":")))
        add_pseudo(head, name, value);
    else
        add_field(head, name, value);
}

static int fault_set(struct http_fault *fault, int status, const char *reason)
{
    *fault = (struct http_fault){status, reason};
    return -1;
}

static void put_fields(const struct h2_head *head, struct buf *out)
{
    buf_append_str(out, buf_str(&head->fields));
    if (buf_len(&head->cookie) > 0) {
        buf_puts(out, "cookie: ");
        buf_append_str(out, buf_str(&head->cookie));
        buf_append(out, "\r\n", 2);
    }
    buf_append(out, "\r\n", 2);
}

int h2_head_request(const struct h2_head *head, struct buf *out, struct http_fault *fault)
{
    struct str method = buf_str(&head->pseudo[H2_METHOD]);
    struct str authority = buf_str(&head->pseudo[H2_AUTHORITY]);
    struct str path = buf_str(&head->pseudo[H2_PATH]), host = buf_str(&head->host);
    if (head->fault.status) {
        *fault = head->fault;
        return -1;
    }
    if (str_eq(method, STR("CONNECT")))
        return fault_set(fault, 400, "CONNECT inside of a tunnel");
    if (method.n == 0 || path.n == 0 || buf_len(&head->pseudo[H2_STATUS]) > 0)
        return fault_set(fault, 400, "malformed pseudo header");
    if (!str_eq_icase(buf_str(&head->pseudo[H2_SCHEME]), STR("https")))
        return fault_set(fault, 400, "scheme other than https");
    if (authority.n > 0 && head->has_host && !str_eq_icase(authority, host))
        return fault_set(fault, 400, "Host differs from :authority");
    buf_append_str(out, method);
    buf_putc(out, ' ');
    buf_append_str(out, path);
    buf_puts(out, " HTTP/1.1\r\nhost: ");
    buf_append_str(out, authority.n > 0 ? authority : host);
    buf_append(out, "\r\n", 2);
    put_fields(head, out);
    return 0;
}

int h2_head_response(const struct h2_head *head, struct buf *out, struct http_fault *fault)
{
    if (head->fault.status) {
        *fault = head->fault;
        return -1;
    }
    if (buf_len(&head->pseudo[H2_STATUS]) != 3)
        return fault_set(fault, 502, "malformed pseudo header");
    buf_puts(out, "HTTP/1.1 ");
    buf_append_str(out, buf_str(&head->pseudo[H2_STATUS]));
    buf_puts(out, " \r\n");
    put_fields(head, out);
    return 0;
}

/* --- writing -------------------------------------------------------------------------- */

void h2_fields_add(struct h2_fields *fields, struct str name, struct str value, uint8_t flags)
{
    CHECK(fields->count < sizeof(fields->nv) / sizeof(*fields->nv));
    fields->nv[fields->count++] = (nghttp2_nv){
            .name = (uint8_t *)name.p,
            .namelen = name.n,
            .value = (uint8_t *)value.p,
            .valuelen = value.n,
            .flags = flags,
    };
}

int h2_pump(nghttp2_session *session, struct chan *chan)
{
    while (!chan_full(chan)) {
        const uint8_t *p = NULL;
        ssize_t n = nghttp2_session_mem_send(session, &p);
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        buf_append(chan_out(chan), p, (size_t)n);
    }
    chan_flush_soon(chan);
    return 0;
}

ssize_t h2_read_data(const struct buf *from, bool ended, size_t length, uint32_t *flags)
{
    size_t n = buf_len(from) < length ? buf_len(from) : length;
    if (n == 0 && !ended)
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (ended && n == buf_len(from))
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

int h2_send_data(struct chan *chan, const uint8_t *frame_head, struct buf *from, size_t n)
{
    struct buf *out = chan_out(chan);
    CHECK(n <= buf_len(from));
    buf_append(out, frame_head, 9);
    buf_append(out, buf_data(from), n);
    buf_consume(from, n);
    chan_flush_soon(chan);
    return chan_full(chan) ? NGHTTP2_ERR_PAUSE : 0; /* either way the frame is out */
}

/* --- abuse ---------------------------------------------------------------------------- */

bool h2_is_too_much(const struct buf *in, size_t n)
{
    return buf_len(in) + n > LIMIT_CHAN_LOW && held_room() == 0;
}

bool h2_meter_over(struct h2_meter *meter, uint64_t now_ms, unsigned burst, unsigned per_s)
{
    uint64_t leaked = (now_ms - meter->at_ms) * per_s;
    meter->at_ms = now_ms;
    meter->level_ms = meter->level_ms > leaked ? meter->level_ms - leaked : 0;
    meter->level_ms += 1000;
    return meter->level_ms > (uint64_t)burst * 1000;
}

bool h2_frame_is_idle_talk(const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_DATA:
        return hd->length == 0 && !(hd->flags & NGHTTP2_FLAG_END_STREAM);
    case NGHTTP2_HEADERS:
    case NGHTTP2_RST_STREAM:
    case NGHTTP2_WINDOW_UPDATE:
    case NGHTTP2_GOAWAY:
        return false; /* counted elsewhere, or paid for by what they do */
    default:
        return true;
    }
}

/* --- sessions ------------------------------------------------------------------------- */

static nghttp2_option *make_options(void)
{
    nghttp2_option *options = NULL;
    H2_CHECK(nghttp2_option_new(&options));
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    /* What it thinks a head might take: fields are short there, and it adds 12 to each. A head
     * above this limit it would drop in silence. */
    nghttp2_option_set_max_send_header_block_length(options, (size_t)2 * LIMIT_HTTP_HEAD);
    return options;
}

/* Else the library would let the message pass without the field. The type is nghttp2's:
 * NOLINTNEXTLINE(readability-function-size) */
static int on_bad_header(nghttp2_session *session, const nghttp2_frame *frame,
        const uint8_t *name, size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
        void *ctx)
{
    (void)session, (void)frame, (void)name, (void)name_n;
    (void)value, (void)value_n, (void)flags, (void)ctx;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static nghttp2_session_callbacks *make_callbacks(const struct h2_events *events)
{
    nghttp2_session_callbacks *c = NULL;
    H2_CHECK(nghttp2_session_callbacks_new(&c));
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, events->on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, events->on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, events->on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(c, on_bad_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, events->on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, events->on_bad_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, events->on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, events->on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, events->on_sent);
    nghttp2_session_callbacks_set_send_data_callback(c, events->send_data);
    nghttp2_session_callbacks_set_pack_extension_callback(c, events->pack_extension);
    return c;
}

nghttp2_session *h2_session_new(bool server, const struct h2_events *events, void *ctx,
        const nghttp2_settings_entry *settings, size_t count, int32_t window)
{
    nghttp2_session_callbacks *callbacks = make_callbacks(events);
    nghttp2_option *options = make_options();
    nghttp2_session *session = NULL;
    if (server)
        H2_CHECK(nghttp2_session_server_new2(&session, callbacks, ctx, options));
    else
        H2_CHECK(nghttp2_session_client_new2(&session, callbacks, ctx, options));
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(callbacks);
    H2_CHECK(nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, count));
    H2_CHECK(nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, window));
    return session;
}

void *h2_data_of(nghttp2_session *session, int32_t id)
{
    return id > 0 ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

bool h2_ends_stream(const nghttp2_frame_hd *hd)
{
    return (hd->type == NGHTTP2_DATA || hd->type == NGHTTP2_HEADERS) &&
           (hd->flags & NGHTTP2_FLAG_END_STREAM);
}
