/*
 * resource_call.c - resources/read, prompts/get and what belongs to them.
 *
 * They go through policy like tools, as SERVER/resource:URI and SERVER/prompt:NAME. A
 * subscription or a completion is no reason to ask a person: what would be asked about is
 * refused, or completed with nothing.
 *
 * URIs say nothing of their server. Who listed it has it, then who has a template for it; else
 * servers are asked one after another until one knows it.
 */
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

/* The member `name` of the parameters as a string; false: answered. */
static bool get_string(struct call *call, struct json_member *m, struct str *content)
{
    char text[64];

    if (m->value.p && json_raw_is_string(m->value, content))
        return true;
    snprintf(text, sizeof(text), "the %s is missing", m->name);
    call_error(call, JSONRPC_PARAMS, text);
    return false;
}

/* The next server with these things, from `*at` on; *at is behind it then. */
static struct server *next_with(struct mcp *mcp, unsigned has, size_t *at)
{
    while (*at < mcp->server_count) {
        struct server *server = &mcp->servers[(*at)++];

        if (server->state == SERVER_UP && server->has & has)
            return server;
    }
    return NULL;
}

static void put_quoted(struct buf *out, struct str content)
{
    buf_putc(out, '"');
    buf_append_str(out, content);
    buf_putc(out, '"');
}

/* The host's name of a URI in the box. `ret` is empty if it has no other. */
static struct str host_uri(const struct mcp *mcp, struct str uri, struct buf *ret)
{
    return paths_uri_to_host(mcp, uri, ret) ? buf_str(ret) : uri;
}

/* --- reading -------------------------------------------------------------------------------
 */

static void judge_read(struct call *call, struct server *server, struct str raw_uri)
{
    struct buf what = BUF_INIT;

    buf_puts(&what, "resource:");
    json_decode(raw_uri, &what);
    struct target target = {server, "read", buf_str(&what), STR("")};
    judge(call, &target);
    buf_release(&what);
}

bool guess_again(struct call *call)
{
    struct judged *old = call->judged;
    size_t at = old->next_guess;
    struct server *server = next_with(call->agent->mcp, HAS_RESOURCES, &at);
    struct str content;

    if (!server)
        return false;
    judged_end(call, "error", 0);
    call->judged = xcalloc(1, sizeof(*call->judged));
    call->judged->place = old->place;
    call->judged->next_guess = at;
    buf_swap(&call->judged->name, &old->name);
    judged_free(old);
    struct str raw =
            buf_len(&call->judged->name) ? buf_str(&call->judged->name) : call->judged->place;
    (void)json_raw_is_string(raw, &content);
    judge_read(call, server, content);
    return true;
}

void run_resources_read(struct call *call)
{
    struct json_member m[] = {{.name = "uri"}};
    struct mcp *mcp = call->agent->mcp;
    struct buf host = BUF_INIT;
    struct str content;
    size_t at = 0;

    if (call->judged) { /* it has waited for its server */
        call_forward(call);
        return;
    }
    if (!call_params(call, m, 1) || !get_string(call, m, &content))
        return;
    struct str uri = host_uri(mcp, content, &host);
    struct server *server = find_uri(mcp, uri);
    if (!server)
        server = next_with(mcp, HAS_RESOURCES, &at);
    if (!server) {
        call_error(call, MCP_NO_RESOURCE, "Resource not found");
        buf_release(&host);
        return;
    }
    call->judged = xcalloc(1, sizeof(*call->judged));
    call->judged->place = m[0].value;
    call->judged->next_guess = at;
    if (buf_len(&host))
        put_quoted(&call->judged->name, uri);
    judge_read(call, server, uri);
    buf_release(&host);
}

/* --- prompts -------------------------------------------------------------------------------
 */

void run_prompts_get(struct call *call)
{
    struct json_member m[] = {{.name = "name"}, {.name = "arguments"}};
    struct mcp *mcp = call->agent->mcp;
    struct buf what = BUF_INIT;
    struct str content, name;

    if (call->judged) {
        call_forward(call);
        return;
    }
    if (!call_params(call, m, 2) || !get_string(call, m, &content))
        return;
    struct server *server = find_prompt(mcp, content, &name);
    if (!server) {
        call_error(call, JSONRPC_PARAMS, "Unknown prompt");
        return;
    }
    call->judged = xcalloc(1, sizeof(*call->judged));
    call->judged->place = m[0].value;
    call->judged->arguments_place = m[1].value;
    put_quoted(&call->judged->name, name);
    buf_puts(&what, "prompt:");
    json_decode(name, &what);
    struct target target = {server, "prompt", buf_str(&what), m[1].value};
    judge(call, &target);
    buf_release(&what);
}

/* --- what nobody is asked about -----------------------------------------------------------
 */

/* The server's answer to what was only passed on. */
static void on_passed(void *ctx, const struct message *answer, const char *why)
{
    struct call *call = ctx;
    struct str content;

    if (!answer) {
        call_error(call, JSONRPC_INTERNAL, why);
        return;
    }
    if (answer->kind == MESSAGE_RESULT && buf_len(&call->subject) &&
            json_raw_is_string(buf_str(&call->subject), &content)) {
        if (strcmp(call->method->name, "resources/unsubscribe") == 0)
            agent_unsubscribe(call->agent, content);
        else if (!agent_subscribe(call->agent, content)) {
            call_error(call, JSONRPC_INTERNAL, "too many subscriptions");
            return;
        }
    }
    call_relay(call, answer);
}

/* `with`, raw, comes to `place` if it is not empty. */
static void pass_on(struct call *call, struct server *server, struct str place, struct str with)
{
    struct splice splice = {.text = buf_str(&call->text)};
    char text[ID_TEXT];

    call->server = server;
    call->ask = (struct ask){.on_answer = on_passed, .ctx = call, .call = call};
    uint64_t id = server->state == SERVER_UP ? mcpserver_ask(server, &call->ask) : 0;
    if (!id) {
        call_error(call, JSONRPC_INTERNAL, "the server is not there at the moment");
        return;
    }
    splice_put(&splice, call->msg.id, id_text(id, text));
    if (call->token_place.p)
        splice_put(&splice, call->token_place, id_text(id, text));
    if (with.n)
        splice_put(&splice, place, with);
    mcpserver_send(server, &splice);
}

static void subscribe(struct call *call)
{
    struct json_member m[] = {{.name = "uri"}};
    struct mcp *mcp = call->agent->mcp;
    struct buf host = BUF_INIT, what = BUF_INIT;
    struct str content;
    size_t at = 0;

    if (!call_params(call, m, 1) || !get_string(call, m, &content))
        return;
    struct str uri = host_uri(mcp, content, &host);
    struct server *server = find_uri(mcp, uri);
    if (!server)
        server = next_with(mcp, HAS_SUBSCRIBE, &at);
    buf_puts(&what, "resource:");
    json_decode(uri, &what);
    struct target target = {server, "read", buf_str(&what), STR("")};
    if (!server)
        call_error(call, MCP_NO_RESOURCE, "Resource not found");
    else if (!judge_quietly(mcp, &target))
        call_error(
                call, JSONRPC_INTERNAL, "Denied by ironcurtain: no rule allows to read this");
    else {
        put_quoted(&call->subject, uri);
        pass_on(call, server, m[0].value, buf_str(&call->subject));
    }
    buf_release(&host);
    buf_release(&what);
}

void run_subscribe(struct call *call)
{
    subscribe(call);
}

void run_unsubscribe(struct call *call)
{
    subscribe(call);
}

/* What it says to that is of no interest. */
static void on_subscribed_again(void *ctx, const struct message *answer, const char *why)
{
    (void)answer;
    (void)why;
    free(ctx);
}

void subscribe_again(struct server *server)
{
    for (const struct agent_peer *agent = server->mcp->agents; agent; agent = agent->next) {
        for (size_t i = 0; i < agent->subscribed_count; i++) {
            struct buf text = BUF_INIT;

            if (find_uri(server->mcp, agent->subscribed[i]) != server)
                continue;
            struct ask *ask = xcalloc(1, sizeof(*ask));
            *ask = (struct ask){.on_answer = on_subscribed_again, .ctx = ask};
            uint64_t id = mcpserver_ask(server, ask);
            if (!id) {
                free(ask);
                return;
            }
            buf_printf(&text,
                    "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"resources/subscribe\","
                    "\"params\":{\"uri\":\"",
                    (unsigned long long)id);
            buf_append_str(&text, agent->subscribed[i]);
            buf_puts(&text, "\"}}");
            mcpserver_send_text(server, buf_str(&text));
            buf_release(&text);
        }
    }
}

/* What "ref" means: its server, what policy calls it, and what comes to which place. */
static struct server *read_ref(
        struct mcp *mcp, struct str ref, struct str *place, struct buf *with, struct buf *what)
{
    struct json_member m[] = {{.name = "type"}, {.name = "name"}, {.name = "uri"}};
    struct str content, name;
    struct buf host = BUF_INIT;
    struct server *server = NULL;

    if (!json_raw_is_object(ref) || json_slice_object(ref, m, 3, NULL) < 0)
        return NULL;
    if (str_eq(m[0].value, STR("\"ref/prompt\"")) && m[1].value.p &&
            json_raw_is_string(m[1].value, &content)) {
        server = find_prompt(mcp, content, &name);
        *place = m[1].value;
        buf_puts(what, "prompt:");
    } else if (str_eq(m[0].value, STR("\"ref/resource\"")) && m[2].value.p &&
               json_raw_is_string(m[2].value, &content)) {
        name = host_uri(mcp, content, &host);
        server = find_uri(mcp, name);
        *place = m[2].value;
        buf_puts(what, "resource:");
    }
    if (server) {
        json_decode(name, what);
        put_quoted(with, name);
    }
    buf_release(&host);
    return server;
}

void run_completion(struct call *call)
{
    struct json_member m[] = {{.name = "ref"}};
    struct buf with = BUF_INIT, what = BUF_INIT;
    struct str place = {NULL, 0};

    if (!call_params(call, m, 1))
        return;
    struct server *server = read_ref(call->agent->mcp, m[0].value, &place, &with, &what);
    struct target target = {server, "prompt", buf_str(&what), STR("")};
    if (!server)
        call_error(call, JSONRPC_PARAMS, "unknown reference");
    else if (!(server->has & HAS_COMPLETIONS) || !judge_quietly(call->agent->mcp, &target))
        call_result(call, STR("{\"completion\":{\"values\":[]}}"));
    else
        pass_on(call, server, place, buf_str(&with));
    buf_release(&with);
    buf_release(&what);
}
