/*
 * agent.c - one connection of an agent.
 *
 * What it says is a request (a call begins), a notice, or an answer to a question of a server.
 * Malformed input is answered and the connection goes on. Nothing here waits for anything:
 * calls are not behind one another.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

const char *const can_names[CAN_COUNT] = {"roots", "sampling", "elicitation"};

static void on_message(void *ctx, struct str about, struct str text);
static void on_oversize(void *ctx, struct str about, struct str head, struct str tail);
static void on_closed(void *ctx, const struct err *why);

static const struct peer_events events = {
        .on_message = on_message, .on_oversize = on_oversize, .on_closed = on_closed};

/* --- making and freeing --------------------------------------------------------------------
 */

static void on_cut(void *ctx)
{
    agent_free(ctx);
}

void agent_new(struct mcp *mcp, struct peer *peer)
{
    struct agent_peer *agent = xcalloc(1, sizeof(*agent));

    agent->mcp = mcp;
    agent->peer = peer;
    agent->level = -1;
    agent->cut = timer_new(mcp->config.loop, on_cut, agent);
    agent->next = mcp->agents;
    agent->prev = &mcp->agents;
    if (agent->next)
        agent->next->prev = &agent->next;
    mcp->agents = agent;
    mcp->agent_count++;
    peer_listen(peer, &events, agent);
}

void agent_free(struct agent_peer *agent)
{
    if (agent->freed)
        *agent->freed = true;
    *agent->prev = agent->next;
    if (agent->next)
        agent->next->prev = agent->prev;
    agent->mcp->agent_count--;
    questions_of_agent_end(agent);
    while (agent->calls)
        call_free(agent->calls, true, STR("\"the agent has gone\""));
    ids_release(&agent->ids);
    for (size_t i = 0; i < agent->subscribed_count; i++)
        free((char *)agent->subscribed[i].p);
    free(agent->subscribed);
    timer_free(agent->cut);
    peer_close(agent->peer);
    free(agent);
}

static void on_closed(void *ctx, const struct err *why)
{
    (void)why; /* an agent that goes away needs no reason */
    agent_free(ctx);
}

/* --- telling it ----------------------------------------------------------------------------
 */

void agent_send(
        struct agent_peer *agent, struct str about, const struct str *parts, size_t count)
{
    if (peer_unsent(agent->peer) > LIMIT_MCP_UNSENT) {
        if (!timer_running(agent->cut))
            timer_start(agent->cut, 0);
        return;
    }
    peer_send(agent->peer, about, parts, count);
}

void agent_notify(struct agent_peer *agent, struct str about, const struct splice *splice)
{
    struct str parts[SPLICE_PARTS];

    if (peer_unsent(agent->peer) <= LIMIT_CHAN_HIGH)
        peer_send(agent->peer, about, parts, splice_parts(splice, parts));
}

static void send_error(struct agent_peer *agent, struct batch *batch, struct str id, int code,
        const char *text)
{
    struct buf out = BUF_INIT;

    if (batch && buf_len(&batch->text))
        buf_putc(&batch->text, ',');
    message_put_error(batch ? &batch->text : &out, id, code, text);
    if (!batch) {
        struct str part = buf_str(&out);

        agent_send(agent, id, &part, 1);
    }
    buf_release(&out);
}

/* --- requests ------------------------------------------------------------------------------
 */

static void run_ping(struct call *call)
{
    call_result(call, STR("{}"));
}

/* The members of its capabilities that we can relay, as an object of their own. */
static unsigned read_capabilities(struct str capabilities, struct buf *ret)
{
    struct json_member m[CAN_COUNT];
    unsigned can = 0;

    for (int i = 0; i < CAN_COUNT; i++)
        m[i] = (struct json_member){.name = can_names[i]};
    buf_putc(ret, '{');
    if (json_raw_is_object(capabilities) &&
            json_slice_object(capabilities, m, CAN_COUNT, NULL) == 0) {
        for (unsigned i = 0; i < CAN_COUNT; i++) {
            if (!json_raw_is_object(m[i].value))
                continue;
            buf_printf(ret, "%s\"%s\":%.*s", can ? "," : "", can_names[i], STR_ARG(m[i].value));
            can |= 1u << i;
        }
    }
    buf_putc(ret, '}');
    return can;
}

static void put_initialized(const struct mcp *mcp, const char *revision, struct buf *out)
{
    buf_printf(out, "{\"protocolVersion\":\"%s\",\"capabilities\":{", revision);
    if (mcp->server_count)
        buf_puts(out, "\"tools\":{\"listChanged\":true},\"resources\":{\"subscribe\":true,"
                      "\"listChanged\":true},\"prompts\":{\"listChanged\":true},"
                      "\"logging\":{},\"completions\":{}");
    else
        buf_puts(out, "\"tools\":{}");
    buf_puts(out, "},\"serverInfo\":{\"name\":\"ironcurtain\",\"version\":\"" IC_VERSION
                  "\"},\"instructions\":\"");
    if (mcp->server_count)
        buf_puts(out, "The tools named SERVER__TOOL run outside of the box, on the user's "
                      "machine. A call may have to wait until the user approves it; what is "
                      "denied comes back with the reason.\"}");
    else
        buf_puts(out, "No MCP servers are connected to this box.\"}");
}

static void run_initialize(struct call *call)
{
    struct json_member m[] = {{.name = "protocolVersion"}, {.name = "capabilities"}};
    struct agent_peer *agent = call->agent;
    struct buf capabilities = BUF_INIT, out = BUF_INIT;
    struct str wanted;

    if (!call_params(call, m, 2))
        return;
    if (!m[0].value.p || !json_raw_is_string(m[0].value, &wanted)) {
        call_error(call, JSONRPC_PARAMS, "protocolVersion is missing");
        return;
    }
    const char *revision = mcp_revision(wanted);
    if (!revision)
        revision = mcp_revision(STR("2025-11-25"));
    agent->batches = strcmp(revision, "2025-03-26") == 0;
    agent->can = read_capabilities(m[1].value, &capabilities);
    put_initialized(agent->mcp, revision, &out);
    call_result(call, buf_str(&out));
    agent->initialized = true;
    mcp_agent_ready(agent->mcp, agent, buf_str(&capabilities));
    buf_release(&capabilities);
    buf_release(&out);
}

static const struct method methods[] = {
        {"initialize", run_initialize, 0},
        {"ping", run_ping, 0},
        {"tools/list", run_tools_list, METHOD_KEEPS | METHOD_LISTS},
        {"tools/call", run_tools_call, METHOD_KEEPS | METHOD_JUDGED},
        {"resources/list", run_resources_list, METHOD_KEEPS | METHOD_LISTS},
        {"resources/templates/list", run_templates_list, METHOD_KEEPS | METHOD_LISTS},
        {"resources/read", run_resources_read, METHOD_KEEPS | METHOD_LISTS | METHOD_JUDGED},
        {"resources/subscribe", run_subscribe, METHOD_KEEPS | METHOD_LISTS},
        {"resources/unsubscribe", run_unsubscribe, METHOD_KEEPS | METHOD_LISTS},
        {"prompts/list", run_prompts_list, METHOD_KEEPS | METHOD_LISTS},
        {"prompts/get", run_prompts_get, METHOD_KEEPS | METHOD_LISTS | METHOD_JUDGED},
        {"completion/complete", run_completion, METHOD_KEEPS | METHOD_LISTS},
        {"logging/setLevel", run_set_level, 0},
};

static const struct method *find_method(struct str name)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (str_eq(name, str_of(methods[i].name)))
            return &methods[i];
    }
    return NULL;
}

static void take_request(
        struct agent_peer *agent, const struct message *msg, struct batch *batch)
{
    const struct method *method = find_method(msg->method);

    if (!method) {
        send_error(agent, batch, msg->id, JSONRPC_METHOD, "Method not found");
        return;
    }
    if (agent->call_count >= LIMIT_MCP_CALLS) {
        send_error(agent, batch, msg->id, JSONRPC_INTERNAL, "too many requests are under way");
        return;
    }
    struct call *call = call_new(agent, method, msg, batch);
    if (method->flags & METHOD_LISTS && !mcp_settled(agent->mcp))
        call_wait(call, &agent->mcp->waiting);
    else if (method->flags & METHOD_JUDGED && mcp_must_wait(agent->mcp))
        call_wait(call, &agent->mcp->held);
    else
        method->run(call);
}

/* --- notices -------------------------------------------------------------------------------
 */

static void take_canceled(struct agent_peer *agent, const struct message *msg)
{
    struct json_member m[] = {{.name = "requestId"}, {.name = "reason"}};
    struct str content;

    if (!json_raw_is_object(msg->params) || json_slice_object(msg->params, m, 2, NULL) < 0 ||
            !m[0].value.p)
        return;
    for (struct call *call = agent->calls; call; call = call->next) {
        if (str_eq(buf_str(&call->id), m[0].value)) {
            bool said = m[1].value.p && json_raw_is_string(m[1].value, &content);

            call_free(call, true, said ? m[1].value : STR(""));
            return;
        }
    }
}

static void take_roots_changed(struct agent_peer *agent)
{
    struct mcp *mcp = agent->mcp;

    for (size_t i = 0; agent->can & (1u << CAN_ROOTS) && i < mcp->server_count; i++) {
        struct server *server = &mcp->servers[i];

        if (server->state == SERVER_UP && peer_unsent(server->peer) <= LIMIT_CHAN_HIGH)
            mcpserver_send_text(
                    server, STR("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/roots/"
                                "list_changed\"}"));
    }
}

static void take_notice(struct agent_peer *agent, const struct message *msg)
{
    if (str_eq(msg->method, STR("notifications/cancelled")))
        take_canceled(agent, msg);
    else if (str_eq(msg->method, STR("notifications/progress")))
        question_progress(agent, msg);
    else if (str_eq(msg->method, STR("notifications/roots/list_changed")))
        take_roots_changed(agent);
}

/* --- lines ---------------------------------------------------------------------------------
 */

static void take_message(struct agent_peer *agent, struct str text, struct batch *batch)
{
    struct message msg;
    const char *why = NULL;
    int code = message_parse(text, &msg, &why);

    if (code) {
        send_error(agent, batch, msg.id, code, why);
        return;
    }
    switch (msg.kind) {
    case MESSAGE_REQUEST:
        take_request(agent, &msg, batch);
        break;
    case MESSAGE_NOTIFICATION:
        take_notice(agent, &msg);
        break;
    case MESSAGE_RESULT:
    case MESSAGE_ERROR:
        question_answered(agent, &msg);
        break;
    }
}

static void take_batch(struct agent_peer *agent, struct str text)
{
    struct str items[LIMIT_MCP_BATCH];
    size_t count = 0;
    struct err err;
    int rc = json_slice_array(text, items, LIMIT_MCP_BATCH, &count, &err);

    if (rc < 0 || count == 0 || !agent->batches) {
        bool no_json = rc < 0 && err.code == ERR_PROTO;

        send_error(agent, NULL, STR(""), no_json ? JSONRPC_PARSE : JSONRPC_REQUEST,
                no_json      ? "Parse error"
                : rc < 0     ? "Invalid Request: too many or too deeply nested values"
                : count == 0 ? "Invalid Request"
                             : "Invalid Request: no batches in this protocol version");
        return;
    }
    struct batch *batch = xcalloc(1, sizeof(*batch));
    bool freed = false;

    batch->waiting = 1; /* until it is read */
    agent->freed = &freed;
    for (size_t i = 0; i < count && !freed; i++)
        take_message(agent, items[i], batch);
    if (freed) {
        /* Its calls are gone; the one answer that is left is ours. */
        buf_release(&batch->text);
        buf_release(&batch->about);
        free(batch);
        return;
    }
    agent->freed = NULL;
    batch_done(agent, batch);
}

static void on_message(void *ctx, struct str about, struct str text)
{
    struct agent_peer *agent = ctx;

    (void)about;
    if (text.p[0] == '[')
        take_batch(agent, text);
    else
        take_message(agent, text, NULL);
}

static void on_oversize(void *ctx, struct str about, struct str head, struct str tail)
{
    (void)about;
    (void)head;
    (void)tail;
    send_error(ctx, NULL, STR(""), JSONRPC_REQUEST, "Invalid Request: message too large");
}

/* --- subscriptions -------------------------------------------------------------------------
 */

bool agent_subscribed(const struct agent_peer *agent, struct str uri)
{
    for (size_t i = 0; i < agent->subscribed_count; i++) {
        if (str_eq(agent->subscribed[i], uri))
            return true;
    }
    return false;
}

bool agent_subscribe(struct agent_peer *agent, struct str uri)
{
    if (agent_subscribed(agent, uri))
        return true;
    if (agent->subscribed_count == LIMIT_MCP_SUBSCRIPTIONS)
        return false;
    agent->subscribed = xrealloc(
            agent->subscribed, (agent->subscribed_count + 1) * sizeof(*agent->subscribed));
    agent->subscribed[agent->subscribed_count++] = (struct str){xstrndup(uri.p, uri.n), uri.n};
    return true;
}

void agent_unsubscribe(struct agent_peer *agent, struct str uri)
{
    for (size_t i = 0; i < agent->subscribed_count; i++) {
        if (!str_eq(agent->subscribed[i], uri))
            continue;
        free((char *)agent->subscribed[i].p);
        agent->subscribed[i] = agent->subscribed[--agent->subscribed_count];
        return;
    }
}
