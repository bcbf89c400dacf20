/*
 * fuzz_h2.c - bytes of an agent into the HTTP/2 server, or of an upstream into the client, in
 * pieces, with the rest of the proxy played here. Beyond memory safety: a request begins once
 * and is finished, cut or cancelled once, never both; bodies arrive in full before their end
 * is told; heads keep the rules of HTTP/1.1; an upstream's request hears of its end; and
 * nothing is left when the connection is gone.
 *
 * The input: one byte of options (0x80: client), one of the size of the pieces, then the
 * bytes behind preface and SETTINGS.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/h2_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What stands for the exchange: it says `answer` on one side, or reads on the other. */
struct exchange {
    struct stream *stream;
    struct upstream *up;
    bool told_end, head_read, echo;
};

static struct loop *loop;
static unsigned alive;
static uint8_t options;

/* --- the proxy's part -------------------------------------------------------------------- */

static struct exchange *exchange_make(struct stream *stream, struct upstream *up)
{
    struct exchange *x = xcalloc(1, sizeof(*x));
    x->stream = stream;
    x->up = up;
    alive++;
    return x;
}

static void exchange_drop(struct exchange *x)
{
    if (x->stream)
        x->stream->exchange = NULL;
    alive--;
    free(x);
}

static void check_head(const struct http_head *head, bool request)
{
    CHECK(head->count <= LIMIT_HTTP_FIELDS);
    CHECK(!request || (head->method.n > 0 && head->target.n > 0 && head->minor == 1));
    CHECK(!request || !str_eq(head->method, STR("CONNECT")));
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        CHECK(field->name.n > 0 && field->name.p[0] != ':');
        CHECK(field->known != HTTP_TRANSFER_ENCODING && field->known != HTTP_CONNECTION);
        CHECK(!memchr(field->value.p, '\n', field->value.n));
        CHECK(!memchr(field->value.p, '\r', field->value.n));
    }
}

static void answer(struct stream *stream, enum http_framing framing)
{
    static struct http_head head;
    struct http_fault fault;
    struct str text = STR("HTTP/1.1 200 OK\r\nX-Some: field\r\n\r\n");
    CHECK(http_parse_response(&head, text, false, &fault) == 0);
    head.framing = framing;
    stream->ops->head(stream, &head);
}

void request_begin(struct stream *stream, const struct http_head *head)
{
    struct reply reply = {.status = 403, .type = "text/plain", .body = STR("no")};
    CHECK(!stream->exchange);
    check_head(head, true);
    CHECK(head->framing == HTTP_NO_BODY || head->framing == HTTP_TO_CLOSE);
    switch ((head->target.n + options) % 4) {
    case 0:
        stream->ops->reply(stream, &reply);
        stream->ops->finish(stream, NULL);
        return;
    case 1:
        answer(stream, HTTP_TO_CLOSE);
        buf_puts(stream->ops->out(stream), "half");
        stream->ops->flush(stream);
        stream->ops->cut(stream);
        return;
    default:
        stream->exchange = exchange_make(stream, NULL);
        stream->exchange->echo = (head->target.n + options) % 4 == 2;
        stream->exchange->told_end = head->framing == HTTP_NO_BODY;
        if (!stream->exchange->echo)
            return; /* as if a human were asked */
        answer(stream, stream->to_head ? HTTP_NO_BODY : HTTP_TO_CLOSE);
    }
}

void exchange_agent_data(struct exchange *x)
{
    struct stream *stream = x->stream;
    struct buf *in = stream->ops->in(stream), *out = stream->ops->out(stream);
    CHECK(!x->told_end || buf_len(in) == 0);
    stream->ops->resume(stream); /* in vain, as somebody may */
    if (!x->echo || buf_len(in) == 0 || stream->ops->full(stream))
        return;
    if (!stream->to_head && buf_len(out) == 0)
        buf_swap(in, out);
    else if (!stream->to_head)
        buf_append_str(out, buf_str(in));
    buf_clear(in);
    stream->ops->resume(stream);
    stream->ops->flush(stream);
}

void exchange_agent_end(struct exchange *x)
{
    struct stream *stream = x->stream;
    CHECK(!x->told_end && buf_len(stream->ops->in(stream)) == 0);
    x->told_end = true;
    if (!x->echo)
        return;
    exchange_drop(x);
    stream->ops->finish(stream, NULL);
}

void exchange_agent_drained(struct exchange *x)
{
    exchange_agent_data(x);
}

void exchange_cancel(struct exchange *x, const char *why)
{
    CHECK(why && *why);
    exchange_drop(x);
}

static void release(struct exchange *x, bool keep)
{
    struct upstream *up = x->up;
    exchange_drop(x);
    (keep ? up->ops->keep : up->ops->abort)(up);
}

/* 0: more is needed, 1: the head is read, -1: it is over. */
static int read_heads(struct exchange *x)
{
    static struct http_head head;
    struct http_fault fault;
    int rc;
    while (!x->head_read && (rc = x->up->ops->read_head(x->up, &head, false, &fault)) != 0) {
        if (rc < 0) {
            CHECK(fault.status >= 400 && fault.reason);
            release(x, false);
            return -1;
        }
        check_head(&head, false);
        CHECK(head.status < 200 || head.framing == HTTP_NO_BODY ||
                head.framing == HTTP_TO_CLOSE);
        x->head_read = head.status >= 200;
        x->up->ops->head_done(x->up);
    }
    return x->head_read;
}

void exchange_up_data(struct exchange *x)
{
    if (read_heads(x) <= 0)
        return;
    buf_clear(x->up->ops->in(x->up));
    x->up->ops->resume(x->up);
}

void exchange_up_drained(struct exchange *x)
{
    x->up->ops->flush(x->up);
}

void exchange_up_over(struct exchange *x, const struct err *err)
{
    CHECK(!err || (err->code != ERR_OK && err->msg[0]));
    if (read_heads(x) >= 0)
        release(x, !err);
}

bool tunnel_must_wait(struct tunnel *tunnel)
{
    CHECK(!tunnel->gone);
    return false;
}

void tunnel_close(struct tunnel *tunnel)
{
    CHECK(!tunnel->gone);
    chan_close(tunnel->chan);
    tunnel->chan = NULL;
    tunnel->gone = true;
}

void record_init(const struct tunnel *tunnel, const char *kind, struct request_record *rec)
{
    (void)tunnel, (void)kind;
    *rec = (struct request_record){0};
}

void record_put(struct proxy *proxy, struct request_record *rec)
{
    (void)proxy;
    CHECK(rec->done && rec->reason[0]);
}

struct reply reply_make(
        const struct provider *provider, int status, struct str text, struct buf *out)
{
    (void)provider, (void)out;
    return (struct reply){.status = status, .type = "text/plain", .body = text};
}

void pool_h2_idle(struct pool *pool)
{
    (void)pool;
}

struct loop *pool_loop(const struct pool *pool)
{
    (void)pool;
    return loop;
}

/* --- the peer's part --------------------------------------------------------------------- */

static void turn(int fd)
{
    static char drop[65536];
    loop_turn(loop, false);
    while (read(fd, drop, sizeof(drop)) > 0)
        ;
}

static void say(int fd, struct str bytes, size_t step)
{
    while (bytes.n > 0) {
        size_t n = bytes.n < step ? bytes.n : step;
        if (send(fd, bytes.p, n, MSG_NOSIGNAL | MSG_DONTWAIT) < (ssize_t)n)
            return; /* gone */
        bytes.p += n;
        bytes.n -= n;
        turn(fd);
    }
    turn(fd);
}

static void on_tunnel_data(void *ctx)
{
    h2_server_data(((struct tunnel *)ctx)->h2);
}

static void on_tunnel_drain(void *ctx)
{
    h2_server_drained(((struct tunnel *)ctx)->h2);
}

static void on_tunnel_end(void *ctx)
{
    struct tunnel *tunnel = ctx;
    h2_server_free(tunnel->h2, "the agent gave up");
    tunnel->h2 = NULL;
    tunnel_close(tunnel);
}

static void on_tunnel_fail(void *ctx, const struct err *err)
{
    (void)err;
    on_tunnel_end(ctx);
}

static const struct chan_ops tunnel_events = {.on_data = on_tunnel_data,
        .on_drain = on_tunnel_drain,
        .on_end = on_tunnel_end,
        .on_fail = on_tunnel_fail};

static void fuzz_server(int fd, struct chan *chan, struct str bytes, size_t step)
{
    static struct proxy proxy;
    struct tunnel tunnel = {.proxy = &proxy, .chan = chan};
    proxy.config.loop = loop;
    tunnel.h2 = h2_server_new(&tunnel);
    chan_set_ops(chan, &tunnel_events, &tunnel);
    say(fd, STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"), 1000);
    say(fd, bytes, step);
    if (options & 1)
        shutdown(fd, SHUT_RDWR); /* the agent goes */
    turn(fd);
    h2_server_free(tunnel.h2, "proxy stopped");
    CHECK(alive == 0 && proxy.stream_count == 0);
    if (!tunnel.gone)
        tunnel_close(&tunnel);
    close(fd);
}

static void ask(struct h2_client *client)
{
    static const char *const heads[] = {
            "GET /v1/models?key=SECRET HTTP/1.1\r\nhost: a.test\r\nX-Api-Key: SECRET\r\n\r\n",
            "POST /v1/messages HTTP/1.1\r\nhost: a.test\r\ncontent-length: 4\r\n\r\n",
            "POST /v1/messages HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n"};
    static const enum http_framing framings[] = {HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED};
    for (size_t i = 0; i < 3; i++) {
        struct upstream *up = h2_client_open(client);
        CHECK(up);
        up->exchange = exchange_make(NULL, up);
        up->ops->send_head(up, str_of(heads[i]), framings[i]);
        CHECK(!up->chunked);
        if (i > 0)
            buf_puts(up->ops->out(up), "body");
        up->ops->flush(up);
        if (i < 2)
            up->ops->end(up);
    }
}

static void fuzz_client(int fd, struct chan *chan, struct str bytes, size_t step)
{
    struct origin origin = {0};
    ask(h2_client_new(NULL, &origin, chan));
    turn(fd);
    say(fd, STR("\0\0\0\4\0\0\0\0\0"), 1000);
    say(fd, bytes, step);
    close(fd);
    for (int i = 0; i < 10 && alive > 0; i++)
        loop_turn(loop, false);
    CHECK(alive == 0); /* every request heard of the end */
    if (origin.h2)
        h2_client_free(origin.h2);
    CHECK(!origin.h2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    if (size < 2)
        return 0;
    if (!loop)
        loop = loop_new(NULL);
    options = data[0];
    alive = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return 0;
    struct chan *chan = chan_adopt_fd(loop, fds[0], NULL, NULL, NULL);
    CHECK(chan);
    struct str bytes = {(const char *)data + 2, size - 2};
    size_t step = data[1] ? (size_t)data[1] * 8 : 65536;
    (options & 0x80 ? fuzz_client : fuzz_server)(fds[1], chan, bytes, step);
    loop_turn(loop, false);
    return 0;
}
