/*
 * cmd_demo_agent.c - the scripted agent of the demo. Runs inside the box, has nothing but
 * what any agent has: a fake key, a proxy on 127.0.0.1, a certificate to trust.
 *
 * A program of its own that talks to a person line by line, so it simply waits for each step
 * by turning a private loop.
 */
#include <stdarg.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/demo_provider.h"
#include "docker/box.h"
#include "http/http1.h"
#include "io/chan.h"
#include "io/tls.h"

enum state { DIALING, CONNECTING, HANDSHAKE, HEAD, BODY, DONE, FAILED };

struct request {
    struct loop *loop;
    struct tls_client *tls; /* trusts what the proxy mints */
    const char *host;
    struct str text; /* the request as it goes inside TLS */
    struct chan *chan;
    enum state state;
    struct http_scan scan;
    struct http_body body;
    int status;
    struct buf content; /* of the answer, or the proxy's refusal */
    struct err err;
    void (*on_piece)(struct request *r, struct str piece);
};

static void finish(struct request *r, enum state state)
{
    r->state = state;
    loop_stop(r->loop);
}

static void fail(struct request *r, const char *why)
{
    err_set(&r->err, ERR_PROTO, "%s", why);
    finish(r, FAILED);
}

static void take(void *ctx, struct str piece)
{
    struct request *r = ctx;

    buf_append_str(&r->content, piece);
    if (r->on_piece && r->status == 200)
        r->on_piece(r, piece);
}

static bool read_head(struct request *r)
{
    struct http_head head;
    struct http_fault fault = {0};
    struct buf *in = chan_in(r->chan);
    long n = http_scan_head(&r->scan, buf_str(in), &fault);

    if (n == 0)
        return false;
    if (n < 0 ||
            http_parse_response(&head, (struct str){buf_data(in), (size_t)n}, false, &fault)) {
        fail(r, fault.reason ? fault.reason : "bad answer");
        return false;
    }
    r->scan = (struct http_scan){0};
    r->status = head.status;
    if (r->state == CONNECTING && head.status == 200)
        http_body_init(&r->body, HTTP_NO_BODY, 0);
    else
        http_body_init(&r->body, head.framing, head.length);
    buf_consume(in, (size_t)n);
    return true;
}

static void read_body(struct request *r)
{
    struct http_fault fault;
    struct buf *in = chan_in(r->chan);
    long n = http_body_feed(&r->body, buf_str(in), take, r, &fault);

    if (n < 0) {
        fail(r, fault.reason);
        return;
    }
    buf_consume(in, (size_t)n);
    if (r->body.done)
        finish(r, DONE);
}

static void on_data(void *ctx)
{
    struct request *r = ctx;

    if (r->state == CONNECTING) {
        if (!read_head(r))
            return;
        if (r->status == 200) {
            r->state = HANDSHAKE;
            chan_start_tls_client(r->chan, r->tls, r->host, 10000);
            return;
        }
        r->state = BODY;
    }
    if (r->state == HEAD && read_head(r))
        r->state = BODY;
    if (r->state == BODY)
        read_body(r);
}

static void on_open(void *ctx)
{
    struct request *r = ctx;

    if (r->state == HANDSHAKE) {
        r->state = HEAD;
        chan_write_str(r->chan, r->text);
    }
}

static void on_end(void *ctx)
{
    struct request *r = ctx;

    if (r->state == BODY && http_body_eof(&r->body))
        finish(r, DONE);
    else if (r->state != DONE)
        fail(r, "the connection was closed");
}

static void on_fail(void *ctx, const struct err *err)
{
    struct request *r = ctx;

    r->err = *err;
    finish(r, FAILED);
}

static const struct chan_ops ops = {
        .on_open = on_open,
        .on_data = on_data,
        .on_end = on_end,
        .on_fail = on_fail,
};

static void on_dialed(void *ctx, struct chan *chan, const struct err *err)
{
    struct request *r = ctx;
    struct buf head = BUF_INIT;

    if (!chan) {
        r->err = *err;
        finish(r, FAILED);
        return;
    }
    r->chan = chan;
    r->state = CONNECTING;
    chan_set_ops(chan, &ops, r);
    buf_printf(&head, "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", r->host, r->host);
    chan_write_str(chan, buf_str(&head));
    buf_release(&head);
}

/* Blocks until the answer is there; r->state says how it went. */
static void perform(struct request *r)
{
    struct dial_target target = {
            .host = "127.0.0.1", .port = BOX_PROXY_PORT, .allow_private = true};

    dial_start(r->loop, &target, 5000, on_dialed, r);
    loop_run(r->loop);
    if (r->chan)
        chan_close(r->chan);
    r->chan = NULL;
}

/* --- what it does ------------------------------------------------------------------------ */

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    fflush(stdout);
}

/* Prints the text pieces of the SSE events as they come; an event never spans two chunks of
 * our own provider. */
static void print_piece(struct request *r, struct str piece)
{
    static const char mark[] = "data: ";
    const char *p = piece.p;
    const char *end = piece.p + piece.n;

    (void)r;
    while (p < end && (p = memmem(p, (size_t)(end - p), mark, sizeof(mark) - 1)) != NULL) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((nl ? nl : end) - p) - (sizeof(mark) - 1);
        json_error_t ignored;
        json_t *event = json_loadb(p + sizeof(mark) - 1, n, 0, &ignored);
        const char *text =
                json_string_value(json_object_get(json_object_get(event, "delta"), "text"));

        if (text)
            say("%s", text);
        json_decref(event);
        p += sizeof(mark) - 1;
    }
}

static void report(struct request *r)
{
    if (r->state == FAILED)
        say("[failed: %s]\n", r->err.msg);
    else if (r->status != 200)
        say("[%d: %.*s]\n", r->status, (int)buf_len(&r->content), buf_data(&r->content));
}

static void ask_model(struct request *base, const char *words)
{
    const char *key = getenv("ANTHROPIC_API_KEY");
    json_t *o = json_pack("{s:s,s:b,s:i,s:[{s:s,s:s}]}", "model", "demo-model", "stream", 1,
            "max_tokens", 100, "messages", "role", "user", "content", words);
    char *body = o ? json_dumps(o, JSON_COMPACT) : NULL;
    char *text;

    json_decref(o);
    if (!body) {
        say("[that was not valid UTF-8]\n");
        return;
    }
    text = xasprintf("POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n"
                     "Content-Type: application/json\r\nx-api-key: %s\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
            key ? key : "", strlen(body), body);
    struct request r = *base;

    r.host = "api.anthropic.com";
    r.text = str_of(text);
    r.on_piece = print_piece;
    perform(&r);
    say("\n");
    report(&r);
    buf_release(&r.content);
    free(text);
    free(body);
}

static void ask_weather(struct request *base)
{
    struct request r = *base;

    say("I need the weather, from %s.\n"
        "No rule names that host, so I wait for my human "
        "(C-\\ e to look, then C-\\ y or C-\\ n) ...\n",
            DEMO_WEATHER_HOST);
    r.host = DEMO_WEATHER_HOST;
    r.text = STR("GET /today HTTP/1.1\r\nHost: " DEMO_WEATHER_HOST "\r\n\r\n");
    perform(&r);
    if (r.state == DONE && r.status == 200)
        say("Approved. The weather: %.*s", (int)buf_len(&r.content), buf_data(&r.content));
    else
        report(&r);
    buf_release(&r.content);
}

static void talk(struct request *base)
{
    char line[2048];

    for (;;) {
        say("\n> ");
        if (!fgets(line, sizeof(line), stdin))
            return;
        line[strcspn(line, "\r\n")] = '\0';
        if (!line[0])
            continue;
        if (strcmp(line, "exit") == 0 || strcmp(line, "quit") == 0)
            return;
        if (strcmp(line, "weather") == 0)
            ask_weather(base);
        else
            ask_model(base, line);
    }
}

int cmd_demo_agent(int argc, char **argv)
{
    struct request base = {0};
    struct err err;

    (void)argc;
    (void)argv;
    base.loop = loop_new(&err);
    if (!base.loop)
        return cmd_fail(&err);
    base.tls = tls_client_new(BOX_ORIENTATION "/ca-cert.pem", &err);
    if (!base.tls)
        return cmd_fail(&err);
    say("A demo agent, in a box without a network. My key is %.24s..., a fake.\n\n"
        "First I say hello to the model:\n",
            getenv("ANTHROPIC_API_KEY") ? getenv("ANTHROPIC_API_KEY") : "(none)");
    ask_model(&base, "hello");
    say("\n");
    ask_weather(&base);
    say("\nNow you: type a message, 'weather' to make me ask again, 'exit' to end.\n");
    talk(&base);
    tls_client_free(base.tls);
    loop_free(base.loop);
    return EXIT_DONE;
}
