/*
 * h2_stream.c - one request of an agent on its HTTP/2 connection, as the exchange sees it.
 *
 * What is submitted here goes out at the end of the loop turn (h2_server.c). A stream that
 * the library has closed meanwhile takes all of it in silence; its exchange hears of the end
 * with the next news.
 *
 * Owns: what came and what waits to be sent. Blocks: no.
 */
#include "proxy/h2_priv.h"

#include "base/limits.h"

static struct h2_stream *of(struct stream *stream)
{
    return (struct h2_stream *)stream; /* base is its first member */
}

/* --- the request ---------------------------------------------------------------------- */

/* A head that is not HTTP. The next request stands for itself, other than with HTTP/1.1. */
static void refuse(struct h2_stream *s, const struct http_fault *fault)
{
    char line[160];
    struct buf body = BUF_INIT;
    int n = snprintf(line, sizeof(line), "Rejected: %s.", fault->reason);
    h2_put_row(s->base.tunnel, fault->status, fault->reason);
    struct reply reply = reply_make(
            s->base.tunnel->provider, fault->status, (struct str){line, (size_t)n}, &body);
    h2_stream_ops.reply(&s->base, &reply);
    buf_release(&body);
    h2_stream_ops.finish(&s->base, NULL);
}

void h2_stream_begin(struct h2_stream *s)
{
    struct http_head *head = &s->base.tunnel->proxy->head;
    struct http_fault fault = s->fault;
    s->headed = false;
    if (s->base.tunnel->proxy->stream_count > LIMIT_H2_ALL_STREAMS)
        fault = (struct http_fault){503, "too many requests at once"};
    if (fault.status == 0 && http_parse_request(head, buf_str(&s->text), &fault) == 0) {
        s->base.to_head = str_eq(head->method, STR("HEAD"));
        s->end_told = s->empty;
        head->framing = s->empty ? HTTP_NO_BODY : HTTP_TO_CLOSE;
        s->announced = head->has_length ? head->length : 0;
        request_begin(&s->base, head);
    } else {
        refuse(s, &fault);
    }
    buf_release(&s->text);
}

/* What left `in` opens the windows again; when all has left, its end may be told. */
static void give_back(struct h2_stream *s)
{
    size_t used = s->owed - buf_len(&s->in);
    s->owed -= used;
    (void)nghttp2_session_consume(s->h2->session, s->id, used);
    if (s->ended)
        h2_stream_mark(s);
    h2_server_send_soon(s->h2);
}

/* An answer may be whole before its request. What follows is read and dropped, as with
 * HTTP/1.1: clients that are still sending when they are stopped forget the answer. Above the
 * limit they are stopped all the same, when the answer is out (RFC 9113 section 8.1). */
static void reject_rest(struct h2_stream *s)
{
    bool much = s->announced > LIMIT_HTTP_DISCARD || s->dropped > LIMIT_HTTP_DISCARD;
    if (!much || !s->sent || s->ended || s->rejected)
        return;
    s->rejected = true;
    (void)nghttp2_submit_rst_stream(s->h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
    h2_server_send_soon(s->h2);
}

void h2_stream_sent(struct h2_stream *s)
{
    s->sent = true;
    reject_rest(s);
}

void h2_stream_discard(struct h2_stream *s, size_t n)
{
    s->dropped += n;
    if (s->dropped <= LIMIT_HTTP_DISCARD)
        (void)nghttp2_session_consume(s->h2->session, s->id, n);
    else
        (void)nghttp2_session_consume_connection(s->h2->session, n);
    reject_rest(s);
}

void h2_stream_drop_input(struct h2_stream *s)
{
    if (s->owed > 0)
        h2_stream_discard(s, s->owed);
    s->owed = 0;
    buf_release(&s->in);
}

static struct buf *op_in(struct stream *stream)
{
    return &of(stream)->in;
}

static void op_resume(struct stream *stream)
{
    struct h2_stream *s = of(stream);
    if (s->owed > buf_len(&s->in)) {
        give_back(s);
        return;
    }
    /* Somebody is there now to take what came; only if something did, or who resumes again
     * and again would be called again and again. */
    if (buf_len(&s->in) > 0 || (s->ended && !s->end_told)) {
        h2_stream_mark(s);
        h2_server_send_soon(s->h2);
    }
}

/* --- the answer ----------------------------------------------------------------------- */

/* The type is nghttp2's.
 * NOLINTNEXTLINE(readability-function-size,readability-non-const-parameter) */
static ssize_t read_out(nghttp2_session *session, int32_t id, uint8_t *to, size_t length,
        uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    const struct h2_stream *s = source->ptr;
    (void)session, (void)id, (void)to, (void)ctx;
    if (s->cut && buf_len(&s->out) == 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* never a clean end */
    return h2_read_data(&s->out, s->finished && !s->cut, length, flags);
}

static void add_head(struct h2_fields *fields, const struct http_head *head, char status[16])
{
    int n = snprintf(status, 16, "%d", head->status);
    h2_fields_add(
            fields, STR(":status"), (struct str){status, (size_t)n}, NGHTTP2_NV_FLAG_NONE);
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        if (!field->hop && field->known != HTTP_CONTENT_LENGTH)
            h2_fields_add(fields, field->name, field->value, NGHTTP2_NV_FLAG_NONE);
    }
}

static void op_interim(struct stream *stream, const struct http_head *head)
{
    struct h2_stream *s = of(stream);
    struct h2_fields fields = {.count = 0};
    char status[16];
    add_head(&fields, head, status);
    (void)nghttp2_submit_headers(
            s->h2->session, NGHTTP2_FLAG_NONE, s->id, NULL, fields.nv, fields.count, NULL);
    h2_server_send_soon(s->h2);
}

/* A stream that the library has closed meanwhile is forgotten with the next news. */
static void answer(struct h2_stream *s, const struct h2_fields *fields, bool body)
{
    nghttp2_data_provider provider = {.source = {.ptr = s}, .read_callback = read_out};
    s->answered = true;
    s->bodyless = !body;
    (void)nghttp2_submit_response(
            s->h2->session, s->id, fields->nv, fields->count, body ? &provider : NULL);
    h2_server_send_soon(s->h2);
}

static void op_head(struct stream *stream, const struct http_head *head)
{
    struct h2_fields fields = {.count = 0};
    char status[16], length[24];
    stream->chunked = false;
    add_head(&fields, head, status);
    if (head->has_length && head->status != 204) {
        int n = snprintf(length, sizeof(length), "%llu", (unsigned long long)head->length);
        h2_fields_add(&fields, STR("content-length"), (struct str){length, (size_t)n},
                NGHTTP2_NV_FLAG_NONE);
    }
    answer(of(stream), &fields, head->framing != HTTP_NO_BODY);
}

static void op_reply(struct stream *stream, const struct reply *reply)
{
    struct h2_stream *s = of(stream);
    struct h2_fields fields = {.count = 0};
    char status[16], length[24];
    snprintf(status, sizeof(status), "%d", reply->status);
    int n = snprintf(length, sizeof(length), "%zu", reply->body.n);
    h2_fields_add(&fields, STR(":status"), str_of(status), NGHTTP2_NV_FLAG_NONE);
    h2_fields_add(&fields, STR("content-type"), str_of(reply->type), NGHTTP2_NV_FLAG_NONE);
    h2_fields_add(&fields, STR("content-length"), (struct str){length, (size_t)n},
            NGHTTP2_NV_FLAG_NONE);
    bool body = reply->body.n > 0 && !stream->to_head;
    if (body)
        buf_append_str(&s->out, reply->body);
    answer(s, &fields, body);
}

static struct buf *op_out(struct stream *stream)
{
    return &of(stream)->out;
}

static void op_flush(struct stream *stream)
{
    struct h2_stream *s = of(stream);
    (void)nghttp2_session_resume_data(s->h2->session, s->id); /* unless it did not wait */
    h2_server_send_soon(s->h2);
}

static bool op_full(struct stream *stream)
{
    struct h2_stream *s = of(stream);
    struct chan *chan = s->h2->tunnel->chan;
    bool full = buf_len(&s->out) > chan_high(chan) || chan_full(chan);
    s->waits |= full;
    return full;
}

static void op_finish(struct stream *stream, const struct http_body *rest)
{
    struct h2_stream *s = of(stream);
    (void)rest; /* END_STREAM tells as much */
    CHECK(s->answered);
    s->finished = true;
    h2_stream_drop_input(s);
    if (s->bodyless)
        buf_release(&s->out);
    op_flush(stream);
}

void h2_stream_cut(struct h2_stream *s)
{
    if (buf_len(&s->out) == 0)
        (void)nghttp2_submit_rst_stream(
                s->h2->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
}

static void op_cut(struct stream *stream)
{
    struct h2_stream *s = of(stream);
    s->finished = s->cut = true;
    h2_stream_drop_input(s);
    h2_stream_cut(s);
    op_flush(stream);
}

const struct stream_ops h2_stream_ops = {
        .in = op_in,
        .resume = op_resume,
        .interim = op_interim,
        .head = op_head,
        .reply = op_reply,
        .out = op_out,
        .flush = op_flush,
        .full = op_full,
        .finish = op_finish,
        .cut = op_cut,
};
