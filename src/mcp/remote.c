/*
 * remote.c - the session with a server behind a URL.
 *
 *     FRESH --initialize--> (answered) --> GREETING --notifications/initialized--> OPEN
 *       ^                                                                            |
 *       +---------------------------- 404: the session is not known <---------------+
 *
 * HTTP keeps no order among requests, so nothing goes before the greeting has been taken; what
 * is sent meanwhile waits in the list of flows, and so do requests beyond LIMIT_MCP_POSTS:
 * answers to the server's questions and notices go all the same, because requests that are
 * under way may need them. What a server refused with 404 it did not do, and is asked again,
 * once, when the session is made anew.
 */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/remote_priv.h"

static struct remote *of(const struct peer *peer)
{
    return (struct remote *)peer;
}

/* --- freeing at the right time -------------------------------------------------------------
 */

void remote_enter(struct remote *remote)
{
    remote->depth++;
}

static void release(struct remote *remote)
{
    http_origin_free(remote->origin);
    buf_release(&remote->fields);
    free(remote->name);
    free(remote);
}

static void reap(struct remote *remote)
{
    for (struct flow *flow = remote->flows, *next; flow; flow = next) {
        next = flow->next;
        if (flow->state != FLOW_DONE && !remote->closed)
            continue;
        *flow->prev = flow->next;
        if (flow->next)
            flow->next->prev = flow->prev;
        remote->flow_count--;
        flow_free(flow);
    }
}

void remote_leave(struct remote *remote)
{
    if (--remote->depth)
        return;
    reap(remote);
    if (remote->closed)
        release(remote);
}

/* --- what may go ---------------------------------------------------------------------------
 */

static bool may_go(const struct remote *remote, const struct flow *flow, unsigned requests)
{
    switch (flow->kind) {
    case FLOW_INITIALIZE:
        return true;
    case FLOW_GREETING:
        return remote->phase != REMOTE_FRESH;
    case FLOW_REQUEST:
        return remote->phase == REMOTE_OPEN && requests < LIMIT_MCP_POSTS;
    case FLOW_REST:
    case FLOW_LISTEN:
        return remote->phase == REMOTE_OPEN;
    }
    return false;
}

static void pump(struct remote *remote)
{
    unsigned requests = 0;

    for (const struct flow *flow = remote->flows; flow; flow = flow->next) {
        if (flow->kind == FLOW_REQUEST &&
                (flow->state == FLOW_ASKING || flow->state == FLOW_PAUSED))
            requests++;
    }
    for (struct flow *flow = remote->flows; flow && !remote->closed; flow = flow->next) {
        if (flow->state != FLOW_WAITING || !may_go(remote, flow, requests))
            continue;
        requests += flow->kind == FLOW_REQUEST;
        flow_go(flow);
    }
}

static void add(struct remote *remote, struct flow *flow)
{
    struct flow **end = &remote->flows;

    while (*end)
        end = &(*end)->next;
    flow->prev = end;
    *end = flow;
    remote->flow_count++;
}

static void listen_now(struct remote *remote)
{
    for (const struct flow *flow = remote->flows; flow; flow = flow->next) {
        if (flow->kind == FLOW_LISTEN && flow->state != FLOW_DONE)
            return;
    }
    if (!remote->no_listening)
        add(remote, flow_new(remote, FLOW_LISTEN));
}

void remote_flow_done(struct flow *flow)
{
    struct remote *remote = flow->remote;

    flow->state = FLOW_DONE;
    timer_stop(flow->timer);
    if (flow->kind == FLOW_GREETING && remote->phase == REMOTE_GREETING) {
        remote->phase = REMOTE_OPEN;
        listen_now(remote);
    }
    if (!remote->closed)
        pump(remote);
}

/* --- the session ---------------------------------------------------------------------------
 */

void remote_put_fields(const struct remote *remote, struct buf *out)
{
    buf_append_str(out, buf_str(&remote->fields));
    if (remote->session[0])
        buf_printf(out, "mcp-session-id: %s\r\n", remote->session);
    if (remote->revision[0])
        buf_printf(out, "mcp-protocol-version: %s\r\n", remote->revision);
}

void remote_fail(struct remote *remote, const struct err *why)
{
    if (!remote->closed && remote->peer.events)
        remote->peer.events->on_closed(remote->peer.ctx, why);
}

void remote_take_session(struct remote *remote, const struct http_head *head)
{
    size_t index = 0;
    const struct http_field *field = http_next(head, STR("mcp-session-id"), &index);
    struct err err;
    bool fits = !field || field->value.n <= REMOTE_SESSION;

    remote->session[0] = '\0';
    for (size_t i = 0; field && fits && i < field->value.n; i++)
        fits = field->value.p[i] > ' ' && field->value.p[i] < 0x7f;
    if (!fits) {
        err_set(&err, ERR_PROTO, "its session has an impossible id");
        remote_fail(remote, &err);
    } else if (field) {
        (void)str_copy(remote->session, sizeof(remote->session), field->value);
    }
}

/* Whatever was begun in the old session and can be answered there, is; the rest waits. */
static void begin_again(struct remote *remote)
{
    remote->phase = REMOTE_FRESH;
    remote->renewals++;
    remote->session[0] = '\0';
    remote->revision[0] = '\0';
    for (struct flow *flow = remote->flows; flow; flow = flow->next) {
        if (flow->kind == FLOW_LISTEN && flow->state != FLOW_DONE) {
            http_call_free(flow->call);
            flow->call = NULL;
            flow->state = FLOW_DONE;
        }
    }
}

void remote_forgotten(struct flow *flow)
{
    struct remote *remote = flow->remote;
    bool can_again = flow->kind == FLOW_REQUEST && !flow->again && !flow->resuming;
    struct err err;

    err_set(&err, ERR_NOENT, "it has forgotten the session");
    if (remote->phase == REMOTE_GREETING ||
            (remote->phase == REMOTE_OPEN && remote->renewals >= 3)) {
        remote_fail(remote, &err);
        return;
    }
    bool first = remote->phase == REMOTE_OPEN; /* of those that find it out */
    if (first)
        begin_again(remote);
    if (can_again) {
        flow->again = true;
        flow->state = FLOW_WAITING;
    } else {
        flow_lost(flow, &err);
    }
    if (remote->closed || !first)
        return;
    log_info("mcp", "server '%s' has forgotten the session; making a new one", remote->name);
    remote->peer.events->on_forgotten(remote->peer.ctx);
}

bool remote_wants(const struct remote *remote, const struct flow *flow)
{
    return !remote->closed && flow->kind == FLOW_REQUEST &&
           remote->peer.events->is_wanted(remote->peer.ctx, buf_str(&flow->id));
}

/* --- what peer.h asks for ------------------------------------------------------------------
 */

static enum flow_kind kind_of(const struct message *msg)
{
    if (str_eq(msg->method, STR("initialize")) && msg->kind == MESSAGE_REQUEST)
        return FLOW_INITIALIZE;
    if (str_eq(msg->method, STR("notifications/initialized")))
        return FLOW_GREETING;
    return msg->kind == MESSAGE_REQUEST ? FLOW_REQUEST : FLOW_REST;
}

/* A request that was taken back is told so by a notice. Its stream ends with it: it would bring
 * nothing any more. */
static void sweep(struct remote *remote)
{
    for (struct flow *flow = remote->flows; flow; flow = flow->next) {
        if (flow->kind == FLOW_REQUEST && flow->state != FLOW_DONE &&
                !remote_wants(remote, flow)) {
            http_call_free(flow->call);
            flow->call = NULL;
            flow->state = FLOW_DONE;
            timer_stop(flow->timer);
        }
    }
}

static void send_parts(
        struct peer *peer, struct str about, const struct str *parts, size_t count)
{
    struct remote *remote = of(peer);
    struct flow *flow = flow_new(remote, FLOW_REST);
    struct message msg;
    const char *why;

    (void)about;
    remote_enter(remote);
    for (size_t i = 0; i < count; i++)
        buf_append_str(&flow->body, parts[i]);
    if (message_parse(buf_str(&flow->body), &msg, &why)) {
        log_warn("mcp", "server '%s': not sending what is no message", remote->name);
        flow_free(flow);
        remote_leave(remote);
        return;
    }
    flow->kind = kind_of(&msg);
    buf_append_str(&flow->id, msg.kind == MESSAGE_REQUEST ? msg.id : STR(""));
    if (msg.kind == MESSAGE_NOTIFICATION)
        sweep(remote);
    if (remote->flow_count >= LIMIT_MCP_FLOWS) {
        struct err err;

        /* What is taken back goes first, so that it is not this that is full. */
        err_set(&err, ERR_LIMIT, "it does not take what it is sent");
        flow_free(flow);
        remote_fail(remote, &err);
    } else {
        add(remote, flow);
        pump(remote);
    }
    remote_leave(remote);
}

static size_t unsent(const struct peer *peer)
{
    size_t n = 0;

    for (const struct flow *flow = of(peer)->flows; flow; flow = flow->next)
        n += flow->call                    ? http_call_unsent(flow->call)
             : flow->state == FLOW_WAITING ? buf_len(&flow->body)
                                           : 0;
    return n;
}

static void initialized(struct peer *peer, const char *revision)
{
    struct remote *remote = of(peer);

    (void)str_copy(remote->revision, sizeof(remote->revision), str_of(revision));
    remote->phase = REMOTE_GREETING;
}

static void close_peer(struct peer *peer)
{
    struct remote *remote = of(peer);
    struct buf fields = BUF_INIT;

    if (remote->session[0]) {
        buf_mark_secret(&fields);
        remote_put_fields(remote, &fields);
        (void)http_origin_say(remote->origin, "DELETE", buf_str(&fields));
        buf_release(&fields);
    }
    remote_enter(remote);
    remote->closed = true;
    for (struct flow *flow = remote->flows; flow; flow = flow->next) {
        http_call_free(flow->call);
        flow->call = NULL;
        timer_stop(flow->timer);
    }
    remote_leave(remote);
}

static const struct peer_ops peer_ops = {
        .send = send_parts, .unsent = unsent, .close = close_peer, .initialized = initialized};

struct peer *remote_open(struct loop *loop, const struct remote_spec *spec)
{
    struct remote *remote = xcalloc(1, sizeof(*remote));

    remote->peer.ops = &peer_ops;
    remote->loop = loop;
    remote->name = xstrdup(spec->name);
    remote->origin = http_origin_new(loop, spec->url, spec->tls, spec->via);
    buf_mark_secret(&remote->fields);
    buf_append_str(&remote->fields, spec->fields);
    return &remote->peer;
}
