/*
 * flow.c - one request of HTTP to a server, and what comes of it.
 *
 *     WAITING --> ASKING --> DONE                       answered, or lost
 *                   |  ^
 *                   v  |                                the stream broke off
 *                  PAUSED                               (a request: only if it had ids)
 *
 * A request is never sent a second time once it may have arrived, unless the server said that
 * it did not take it (remote_forgotten()); what is gone on with is the stream of its answer, by
 * GET and Last-Event-ID.
 */
#include "base/held.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/remote_priv.h"

#define INITIALIZE_MS 60000 /* some start a machine first */
#define LINGER_MS 2000      /* for the end of a stream that has brought its answer */
#define RETRY_MS 1000       /* if the stream does not say */
#define RETRY_LEAST_MS 50
#define RETRY_MOST_MS 30000
#define RESUMES 5 /* in a row that do not even begin */
#define REFUSAL_MAX (64u << 10)

static void on_head(void *ctx, const struct http_head *head);
static void on_body(void *ctx, struct str piece);
static void on_end(void *ctx, const struct err *why);
static void on_timer(void *ctx);
static void on_event(void *ctx, struct str name, struct str data);
static void on_dropped(void *ctx);

static const struct http_call_ops call_ops = {
        .on_head = on_head, .on_body = on_body, .on_end = on_end};

struct flow *flow_new(struct remote *remote, enum flow_kind kind)
{
    struct flow *flow = xcalloc(1, sizeof(*flow));

    flow->remote = remote;
    flow->kind = kind;
    flow->timer = timer_new(remote->loop, on_timer, flow);
    sse_init_messages(&flow->sse, on_event, on_dropped, flow);
    return flow;
}

void flow_free(struct flow *flow)
{
    http_call_free(flow->call);
    timer_free(flow->timer);
    sse_release(&flow->sse);
    buf_release(&flow->body);
    buf_release(&flow->id);
    buf_release(&flow->text);
    free(flow);
}

void flow_go(struct flow *flow)
{
    struct remote *remote = flow->remote;
    bool get = flow->kind == FLOW_LISTEN || flow->resuming;
    struct buf fields = BUF_INIT;

    buf_mark_secret(&fields);
    remote_put_fields(remote, &fields);
    buf_puts(&fields, get ? "accept: text/event-stream\r\n"
                          : "accept: application/json, text/event-stream\r\n"
                            "content-type: application/json\r\n");
    if (get && flow->sse.id_length)
        buf_printf(&fields, "last-event-id: %.*s\r\n", (int)flow->sse.id_length, flow->sse.id);
    flow->state = FLOW_ASKING;
    flow->answer = ANSWER_NONE;
    flow->status = 0;
    if (flow->kind == FLOW_INITIALIZE)
        timer_start(flow->timer, INITIALIZE_MS);
    flow->call = http_call_start(remote->origin, get ? "GET" : "POST", buf_str(&fields),
            get ? NULL : &flow->body, &call_ops, flow);
    buf_release(&fields);
}

/* --- ends ----------------------------------------------------------------------------------
 */

static void drop_call(struct flow *flow)
{
    http_call_free(flow->call);
    flow->call = NULL;
}

static void done(struct flow *flow)
{
    drop_call(flow);
    remote_flow_done(flow);
}

void flow_lost(struct flow *flow, const struct err *why)
{
    struct remote *remote = flow->remote;

    drop_call(flow);
    flow->state = FLOW_DONE;
    switch (flow->kind) {
    case FLOW_INITIALIZE:
    case FLOW_GREETING:
        remote_fail(remote, why);
        return;
    case FLOW_REQUEST:
        if (!remote->closed)
            remote->peer.events->on_lost(remote->peer.ctx, buf_str(&flow->id), why);
        break;
    case FLOW_REST:
        log_info("mcp", "server '%s' did not take a message: %s", remote->name, why->msg);
        break;
    case FLOW_LISTEN:
        break;
    }
    remote_flow_done(flow);
}

static void lost(struct flow *flow, const char *why)
{
    struct err err;

    err_set(&err, ERR_PROTO, "%s", why);
    flow_lost(flow, &err);
}

static void pause_flow(struct flow *flow)
{
    uint64_t ms = flow->sse.retry_ms ? flow->sse.retry_ms : RETRY_MS;

    for (unsigned i = 0; i < flow->tries && ms < RETRY_MOST_MS; i++)
        ms *= 2;
    ms = ms < RETRY_LEAST_MS ? RETRY_LEAST_MS : ms;
    drop_call(flow);
    sse_restart(&flow->sse);
    flow->state = FLOW_PAUSED;
    timer_start(flow->timer, ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS);
}

static void on_timer(void *ctx)
{
    struct flow *flow = ctx;
    struct remote *remote = flow->remote;

    remote_enter(remote);
    if (flow->kind == FLOW_INITIALIZE && remote->phase == REMOTE_FRESH) {
        lost(flow, "it does not answer");
    } else if (flow->state == FLOW_ASKING) {
        done(flow); /* it has brought its answer */
    } else if (flow->kind == FLOW_LISTEN || remote_wants(remote, flow)) {
        flow->resuming = true;
        flow_go(flow);
    } else {
        done(flow);
    }
    remote_leave(remote);
}

/* The stream, or what should have been one, is over. */
static void broke_off(struct flow *flow, const char *why)
{
    if (flow->status != 200)
        flow->tries++;
    else
        flow->tries = 0;
    if (flow->kind == FLOW_LISTEN)
        pause_flow(flow);
    else if (!remote_wants(flow->remote, flow))
        done(flow);
    else if (flow->sse.id_length && flow->tries <= RESUMES)
        pause_flow(flow);
    else
        lost(flow, why);
}

/* --- messages ------------------------------------------------------------------------------
 */

static void deliver(struct flow *flow, struct str text)
{
    struct remote *remote = flow->remote;
    struct buf line = BUF_INIT;

    text = str_trim(text);
    if (remote->closed || !text.n)
        return;
    if (memchr(text.p, '\n', text.n) || memchr(text.p, '\r', text.n)) {
        buf_append_str(&line, text);
        for (char *p = buf_data(&line), *end = p + text.n; p < end; p++) {
            if (*p == '\n' || *p == '\r')
                *p = ' ';
        }
        text = buf_str(&line);
    }
    remote->peer.events->on_message(remote->peer.ctx, buf_str(&flow->id), text);
    buf_release(&line);
}

static void too_large(struct flow *flow)
{
    struct remote *remote = flow->remote;

    if (!remote->closed)
        remote->peer.events->on_oversize(
                remote->peer.ctx, buf_str(&flow->id), STR(""), STR(""));
}

static void on_event(void *ctx, struct str name, struct str data)
{
    struct flow *flow = ctx;

    if (flow->state != FLOW_ASKING || (name.n && !str_eq(name, STR("message"))))
        return;
    deliver(flow, data);
    if (flow->state == FLOW_ASKING && flow->kind == FLOW_REQUEST &&
            !timer_running(flow->timer) && !remote_wants(flow->remote, flow))
        timer_start(flow->timer, LINGER_MS);
}

static void on_dropped(void *ctx)
{
    too_large(ctx);
}

static void take_json(struct flow *flow, struct str piece)
{
    size_t n = buf_len(&flow->text) + piece.n;

    if (flow->too_large)
        return;
    if (n > LIMIT_MCP_MESSAGE || (n > LIMIT_MCP_SMALL && held_room() < LIMIT_MCP_SMALL)) {
        flow->too_large = true;
        buf_release(&flow->text);
        return;
    }
    buf_append_str(&flow->text, piece);
}

static void json_whole(struct flow *flow)
{
    struct remote *remote = flow->remote;

    if (flow->too_large)
        too_large(flow);
    else
        deliver(flow, buf_str(&flow->text));
    if (remote->closed || flow->state == FLOW_DONE)
        return;
    if (flow->kind == FLOW_REQUEST && remote_wants(remote, flow))
        lost(flow, "its answer is no answer");
    else
        done(flow);
}

/* --- refusals ------------------------------------------------------------------------------
 */

/* What an error object says, for people; or nothing. */
static void error_text(struct str error, char *text, size_t size)
{
    struct json_member m[] = {{.name = "message"}};
    struct buf said = BUF_INIT;
    struct str content;

    text[0] = '\0';
    if (json_slice_object(error, m, 1, NULL) == 0 && m[0].value.p &&
            json_raw_is_string(m[0].value, &content)) {
        json_decode(content, &said);
        str_vis(text, size, buf_str(&said));
    }
    buf_release(&said);
}

/* Many explain themselves in JSON; if it has the request's id, it is the answer. */
static void refused(struct flow *flow)
{
    struct message msg;
    const char *why;
    char text[200] = "";
    struct err err;

    bool is_error = buf_len(&flow->text) &&
                    message_parse(buf_str(&flow->text), &msg, &why) == 0 &&
                    msg.kind == MESSAGE_ERROR;
    if (is_error && flow->kind == FLOW_REQUEST && str_eq(msg.id, buf_str(&flow->id))) {
        deliver(flow, buf_str(&flow->text));
        if (flow->state != FLOW_DONE)
            done(flow);
        return;
    }
    if (is_error)
        error_text(msg.error, text, sizeof(text));
    err_set(&err, ERR_PROTO, "it answered with HTTP %d%s%s", flow->status,
            text[0]                                     ? ": "
            : flow->status >= 300 && flow->status < 400 ? ", which leads elsewhere"
                                                        : "",
            text);
    flow_lost(flow, &err);
}

/* --- the answer ----------------------------------------------------------------------------
 */

static struct str media_type(const struct http_head *head)
{
    size_t index = 0;
    const struct http_field *field = http_next(head, STR("content-type"), &index);
    struct str rest = field ? field->value : STR(""), type;

    (void)str_cut(&rest, ';', &type);
    return str_trim(type);
}

static bool is_coded(const struct http_head *head)
{
    size_t index = 0;
    const struct http_field *field = http_next(head, STR("content-encoding"), &index);

    return field && !str_eq_icase(field->value, STR("identity"));
}

static enum flow_answer answer_of(const struct flow *flow, const struct http_head *head)
{
    struct str type = media_type(head);

    if (is_coded(head))
        return ANSWER_NONE;
    if (str_eq_icase(type, STR("text/event-stream")) && head->status == 200)
        return ANSWER_EVENTS;
    if (!str_eq_icase(type, STR("application/json")) || flow->kind == FLOW_LISTEN ||
            flow->resuming)
        return ANSWER_NONE;
    return head->status < 300 ? ANSWER_JSON : ANSWER_REFUSAL;
}

/* The server has no such stream: 405, or 404 from one that knows its paths only. If it had one
 * before, the session has ended, which the next message finds out. */
static void no_stream(struct flow *flow)
{
    flow->remote->no_listening = !flow->remote->listened;
    done(flow);
}

static void take_head(struct flow *flow, const struct http_head *head)
{
    struct remote *remote = flow->remote;
    bool fine = head->status >= 200 && head->status < 300;

    flow->status = head->status;
    flow->answer = answer_of(flow, head);
    if (head->status == 404 && remote->session[0] && flow->kind != FLOW_INITIALIZE &&
            flow->kind != FLOW_LISTEN && !flow->resuming) {
        drop_call(flow);
        remote_forgotten(flow);
        return;
    }
    buf_release(&flow->body);
    if (fine && flow->kind == FLOW_INITIALIZE)
        remote_take_session(remote, head);
    if (fine && flow->kind == FLOW_REQUEST)
        remote->renewals = 0;
    if (flow->kind != FLOW_LISTEN)
        return;
    if (flow->answer == ANSWER_EVENTS)
        remote->listened = true;
    else if (head->status < 500)
        no_stream(flow);
}

static void on_head(void *ctx, const struct http_head *head)
{
    struct flow *flow = ctx;
    struct remote *remote = flow->remote;

    remote_enter(remote);
    take_head(flow, head);
    remote_leave(remote);
}

static void on_body(void *ctx, struct str piece)
{
    struct flow *flow = ctx;
    struct remote *remote = flow->remote;

    remote_enter(remote);
    if (flow->state == FLOW_ASKING && flow->answer == ANSWER_EVENTS)
        sse_feed(&flow->sse, piece);
    else if (flow->answer == ANSWER_JSON)
        take_json(flow, piece);
    else if (flow->answer == ANSWER_REFUSAL && buf_len(&flow->text) < REFUSAL_MAX)
        buf_append_str(&flow->text, piece);
    remote_leave(remote);
}

/* An answer that is whole, or was none. */
static void ended(struct flow *flow)
{
    bool fine = flow->status >= 200 && flow->status < 300;

    if (flow->kind == FLOW_LISTEN || flow->resuming || flow->answer == ANSWER_EVENTS)
        broke_off(flow, "its stream ended without an answer");
    else if (flow->answer == ANSWER_JSON)
        json_whole(flow);
    else if (!fine)
        refused(flow);
    else if (flow->kind == FLOW_REQUEST || flow->kind == FLOW_INITIALIZE)
        lost(flow, "it answered with nothing that we read");
    else
        done(flow);
}

static void on_end(void *ctx, const struct err *why)
{
    struct flow *flow = ctx;
    struct remote *remote = flow->remote;

    remote_enter(remote);
    drop_call(flow);
    if (flow->state == FLOW_DONE)
        ;
    else if (!why)
        ended(flow);
    else if (flow->kind == FLOW_LISTEN || flow->resuming || flow->answer == ANSWER_EVENTS)
        broke_off(flow, why->msg);
    else
        flow_lost(flow, why);
    /* What was to be initialized is so by now, or never will be. */
    if (flow->kind == FLOW_INITIALIZE && flow->state == FLOW_DONE &&
            remote->phase == REMOTE_FRESH && !remote->closed)
        lost(flow, "it answered initialize with something else");
    remote_leave(remote);
}
