/*
 * demo_provider.c - the demo provider's server: connections, requests, paced streams.
 *
 * One request at a time per connection, keep-alive between them. A stream sends a word per
 * timer tick, so that a person sees it stream. The object owns its connections; a connection
 * that fails or ends frees itself.
 */
#include "cli/demo_provider.h"

#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/demo_answer.h"
#include "http/http1.h"
#include "io/chan.h"
#include "io/tls.h"
#include "proxy/ca.h"

struct conn;

static void on_data(void *ctx);

struct demo_provider {
    struct loop *loop;         /* borrows */
    struct ca *ca;             /* owns */
    struct tls_server *tls;    /* owns */
    struct listener *listener; /* owns */
    struct conn *conns;        /* owns */
    char *key;                 /* owns */
    int log_fd;
    uint32_t delay_ms;
};

struct conn {
    struct demo_provider *provider; /* borrows */
    struct conn *next, **prev;
    struct chan *chan;   /* owns */
    struct timer *timer; /* owns; paces a stream */
    struct http_scan scan;
    struct http_body body;
    struct buf content; /* owns; body of the request */
    bool in_body, keep_alive, key_ok, streaming;
    char method[16];
    char path[128];
    char host[128];
    struct demo_answer answer; /* owns */
    size_t sent;               /* of answer.text */
};

static void conn_free(struct conn *c)
{
    *c->prev = c->next;
    if (c->next)
        c->next->prev = c->prev;
    chan_close(c->chan);
    timer_free(c->timer);
    buf_release(&c->content);
    demo_answer_release(&c->answer);
    free(c);
}

static void log_request(const struct conn *c, int status)
{
    json_t *o;
    char *text;

    if (c->provider->log_fd < 0)
        return;
    o = json_pack("{s:s,s:s,s:s,s:b,s:i,s:i}", "method", c->method, "path", c->path, "host",
            c->host, "real_key", c->key_ok, "status", status, "body",
            (int)buf_len(&c->content));
    text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    if (text) {
        char *line = xasprintf("%s\n", text);
        ssize_t ignored = write(c->provider->log_fd, line, strlen(line));

        (void)ignored;
        free(line);
    }
    free(text);
}

static void respond(struct conn *c, int status, const char *type, struct str body)
{
    char head[256];
    int n = snprintf(head, sizeof(head),
            "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n", status,
            status == 200 ? "OK" : "Refused", type, body.n,
            c->keep_alive ? "" : "Connection: close\r\n");

    log_request(c, status);
    chan_write(c->chan, head, (size_t)n);
    chan_write_str(c->chan, body);
    if (!c->keep_alive)
        chan_shutdown(c->chan);
}

static void respond_error(struct conn *c, int status, const char *type, const char *text)
{
    char body[256];
    int n = snprintf(body, sizeof(body),
            "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":\"%s\"}}", type, text);

    respond(c, status, "application/json", (struct str){body, (size_t)n});
}

/* --- a stream ---------------------------------------------------------------------------- */

static void stream_tick(void *ctx)
{
    struct conn *c = ctx;
    struct buf events = BUF_INIT;
    const char *rest = c->answer.text + c->sent;
    size_t word = strcspn(rest, " ");

    if (*rest) {
        word += rest[word] == ' ';
        demo_answer_sse_piece((struct str){rest, word}, &events);
        c->sent += word;
    } else {
        demo_answer_sse_end(&c->answer, &events);
        c->streaming = false;
    }
    http_put_chunk(chan_out(c->chan), buf_str(&events));
    if (c->streaming)
        timer_start(c->timer, c->provider->delay_ms);
    else
        http_put_last_chunk(chan_out(c->chan));
    chan_flush_soon(c->chan);
    buf_release(&events);
    if (c->streaming)
        return;
    if (c->keep_alive)
        on_data(c); /* a request may have come in meanwhile */
    else
        chan_shutdown(c->chan);
}

static void stream_begin(struct conn *c)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct buf events = BUF_INIT;

    log_request(c, 200);
    c->streaming = true;
    c->sent = 0;
    chan_write(c->chan, head, sizeof(head) - 1);
    demo_answer_sse_begin(&c->answer, &events);
    http_put_chunk(chan_out(c->chan), buf_str(&events));
    chan_flush_soon(c->chan);
    buf_release(&events);
    timer_start(c->timer, c->provider->delay_ms);
}

/* --- requests ---------------------------------------------------------------------------- */

static void answer_messages(struct conn *c)
{
    struct buf json = BUF_INIT;

    demo_answer_release(&c->answer);
    demo_answer_make(&c->answer, buf_str(&c->content));
    if (!c->answer.ok) {
        respond_error(c, 400, "invalid_request_error", "messages: required");
    } else if (c->answer.stream) {
        stream_begin(c);
    } else {
        demo_answer_json(&c->answer, &json);
        respond(c, 200, "application/json", buf_str(&json));
    }
    buf_release(&json);
}

static void answer_request(struct conn *c)
{
    if (strcmp(c->host, DEMO_WEATHER_HOST) == 0)
        respond(c, 200, "text/plain", STR("sunny, 21 degrees, light wind from the north\n"));
    else if (strncmp(c->path, "/v1/", 4) == 0 && !c->key_ok)
        respond_error(c, 401, "authentication_error", "invalid x-api-key");
    else if (strcmp(c->path, "/v1/messages") == 0 && strcmp(c->method, "POST") == 0)
        answer_messages(c);
    else if (strcmp(c->path, "/v1/messages/count_tokens") == 0)
        respond(c, 200, "application/json", STR("{\"input_tokens\":12}"));
    else
        respond_error(c, 404, "not_found_error", "no such path here");
    buf_clear(&c->content);
}

static void note_head(struct conn *c, const struct http_head *head)
{
    struct str rest = head->target;
    struct str path;
    size_t index = 0;
    const struct http_field *key = http_next(head, STR("x-api-key"), &index);

    str_cut(&rest, '?', &path);
    str_copy(c->method, sizeof(c->method), head->method);
    str_vis(c->path, sizeof(c->path), path);
    str_copy(c->host, sizeof(c->host), head->host);
    c->host[strcspn(c->host, ":")] = '\0';
    c->keep_alive = head->keep_alive;
    c->key_ok = key && mem_equal_ct(key->value.p, key->value.n, c->provider->key,
                               strlen(c->provider->key));
    http_body_init(&c->body, head->framing, head->length);
    c->in_body = true;
}

static void take_body(void *ctx, struct str piece)
{
    struct conn *c = ctx;

    if (buf_len(&c->content) + piece.n <= LIMIT_FILE)
        buf_append_str(&c->content, piece);
}

/* 1: a whole request is there; 0: more bytes are needed; -1: not HTTP. */
static int read_request(struct conn *c)
{
    struct http_head head;
    struct http_fault fault;
    struct buf *in = chan_in(c->chan);

    if (!c->in_body) {
        long n = http_scan_head(&c->scan, buf_str(in), &fault);

        if (n <= 0)
            return (int)n;
        if (http_parse_request(&head, (struct str){buf_data(in), (size_t)n}, &fault) < 0)
            return -1;
        note_head(c, &head);
        buf_consume(in, (size_t)n);
        c->scan = (struct http_scan){0};
    }
    if (!c->body.done) {
        long n = http_body_feed(&c->body, buf_str(in), take_body, c, &fault);

        if (n < 0)
            return -1;
        buf_consume(in, (size_t)n);
    }
    if (!c->body.done)
        return 0;
    c->in_body = false;
    return 1;
}

static void on_data(void *ctx)
{
    struct conn *c = ctx;

    while (!c->streaming) {
        int rc = read_request(c);

        if (rc < 0) {
            conn_free(c);
            return;
        }
        if (rc == 0)
            return;
        answer_request(c);
    }
}

static void on_end(void *ctx)
{
    conn_free(ctx);
}

static void on_fail(void *ctx, const struct err *err)
{
    (void)err;
    conn_free(ctx);
}

static const struct chan_ops conn_ops = {
        .on_data = on_data,
        .on_end = on_end,
        .on_fail = on_fail,
};

static void on_accept(void *ctx, struct chan *chan)
{
    struct demo_provider *p = ctx;
    struct conn *c = xcalloc(1, sizeof(*c));

    c->provider = p;
    c->chan = chan;
    c->timer = timer_new(p->loop, stream_tick, c);
    c->next = p->conns;
    c->prev = &p->conns;
    if (c->next)
        c->next->prev = &c->next;
    p->conns = c;
    chan_set_ops(chan, &conn_ops, c);
    chan_start_tls_server(chan, p->tls, LIMIT_HANDSHAKE_MS);
}

static const struct tls_identity *find_leaf(void *ctx, void *conn_ctx, const char *sni)
{
    struct demo_provider *p = ctx;

    (void)conn_ctx;
    return ca_leaf(p->ca, *sni ? sni : "127.0.0.1");
}

struct demo_provider *demo_provider_start(
        struct loop *loop, const struct demo_provider_config *config, struct err *err)
{
    struct demo_provider *p = xcalloc(1, sizeof(*p));

    p->loop = loop;
    p->log_fd = -1;
    p->key = xstrdup(config->key);
    p->delay_ms = config->delay_ms;
    p->ca = ca_load_or_create(config->dir, err);
    if (p->ca)
        p->tls = tls_server_new(find_leaf, p, err);
    if (p->tls) {
        tls_server_send_issuer(p->tls, ca_issuer(p->ca));
        p->listener = listen_tcp(loop, "127.0.0.1", config->port, on_accept, p, err);
    }
    if (p->listener && config->log)
        p->log_fd = file_open_append(config->log, err);
    if (!p->listener || (config->log && p->log_fd < 0)) {
        demo_provider_free(p);
        return NULL;
    }
    return p;
}

void demo_provider_free(struct demo_provider *p)
{
    if (!p)
        return;
    listener_free(p->listener);
    for (struct conn *c = p->conns, *next; c; c = next) {
        next = c->next;
        conn_free(c);
    }
    tls_server_free(p->tls);
    ca_free(p->ca);
    if (p->log_fd >= 0)
        close(p->log_fd);
    if (p->key)
        mem_wipe(p->key, strlen(p->key));
    free(p->key);
    free(p);
}

uint16_t demo_provider_port(const struct demo_provider *p)
{
    return listener_port(p->listener);
}

const char *demo_provider_ca(const struct demo_provider *p)
{
    return ca_cert_path(p->ca);
}
