/*
 * tool_call.c - tools/call, and the way of every judged call to its server and back.
 *
 * What is sent is the agent's line with another id, name, progress token, and the arguments
 * that policy had to edit. What comes back is the server's line with the agent's id.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

/* --- back ----------------------------------------------------------------------------------
 */

static const char *outcome(const struct message *answer)
{
    struct json_member m[] = {{.name = "isError"}};

    if (answer->kind != MESSAGE_RESULT)
        return "error";
    if (!memmem(answer->result.p, answer->result.n, "\"isError\"", 9))
        return "ok";
    bool failed = json_slice_object(answer->result, m, 1, NULL) == 0 &&
                  str_eq(m[0].value, STR("true"));
    return failed ? "error" : "ok";
}

static void on_answer(void *ctx, const struct message *answer, const char *why)
{
    struct call *call = ctx;

    if (!answer) {
        char *text = xasprintf("The MCP server '%s' did not answer: %s. What was asked of it "
                               "may have been done or not.",
                call->server->spec->name, why);

        call_refuse(call, text);
        free(text);
        return;
    }
    if (call->judged->next_guess && answer->kind == MESSAGE_ERROR && guess_again(call))
        return;
    judged_end(call, outcome(answer), answer->text.n);
    call_relay(call, answer);
}

/* --- forth ---------------------------------------------------------------------------------
 */

static void send_call(struct call *call)
{
    struct judged *judged = call->judged;
    struct splice splice = {.text = buf_str(&call->text)};
    char text[ID_TEXT];

    call->ask = (struct ask){.on_answer = on_answer, .ctx = call, .call = call};
    uint64_t id = mcpserver_ask(call->server, &call->ask);
    if (!id) {
        call_refuse(call, "The MCP server does not take more requests at the moment.");
        return;
    }
    struct str own = id_text(id, text);
    splice_put(&splice, call->msg.id, own);
    if (buf_len(&judged->name))
        splice_put(&splice, judged->place, buf_str(&judged->name));
    if (call->token_place.p)
        splice_put(&splice, call->token_place, own);
    if (buf_len(&judged->edited))
        splice_put(&splice, judged->arguments_place, buf_str(&judged->edited));
    mcpserver_send(call->server, &splice);
    if (!judged->next_guess) {
        buf_release(&call->text); /* it may be large, and is not needed any more */
        buf_release(&judged->edited);
    }
}

static void refuse_down(struct call *call)
{
    const struct server *server = call->server;
    char *text = xasprintf("The MCP server '%s' is not running: %s.%s", server->spec->name,
            server->why[0] ? server->why : "it was not started",
            server->state == SERVER_DOWN ? " It is started again; try later." : "");

    call_refuse(call, text);
    free(text);
}

void call_forward(struct call *call)
{
    struct server *server = call->judged->server;

    call->server = server;
    if (mcp_must_wait(server->mcp)) {
        call_wait(call, &server->mcp->held);
        return;
    }
    if (server->state == SERVER_DOWN && server->failures <= 1)
        mcpserver_start(server); /* it had been up until now */
    switch (server->state) {
    case SERVER_UP:
        send_call(call);
        break;
    case SERVER_STARTING:
        call_wait(call, &server->waiting);
        break;
    case SERVER_OFF:
    case SERVER_DOWN:
    case SERVER_BROKEN:
        refuse_down(call);
        break;
    }
}

/* --- tools/call ----------------------------------------------------------------------------
 */

static void unknown_tool(struct call *call, struct str shown)
{
    char name[80], text[160];

    record_unknown(call, shown);
    if (!call->agent->mcp->server_count) {
        call_refuse(call, "Denied by ironcurtain: the tool was not run, because no MCP servers "
                          "are connected to this box. Calling it again will not help.");
        return;
    }
    str_vis(name, sizeof(name), shown);
    snprintf(text, sizeof(text), "Unknown tool: %s", name);
    call_error(call, JSONRPC_PARAMS, text);
}

/* False: answered. */
static bool read_call(struct call *call, struct json_member *m)
{
    struct str content;

    if (!call_params(call, m, 3))
        return false;
    if (!m[0].value.p || !json_raw_is_string(m[0].value, &content)) {
        call_error(call, JSONRPC_PARAMS, "the tool's name is missing");
        return false;
    }
    if (m[1].value.p && !json_raw_is_object(m[1].value)) {
        call_error(call, JSONRPC_PARAMS, "the arguments are no object");
        return false;
    }
    if (m[2].value.p) {
        call_error(call, JSONRPC_PARAMS, "there are no tasks here");
        return false;
    }
    return true;
}

void run_tools_call(struct call *call)
{
    struct json_member m[] = {{.name = "name"}, {.name = "arguments"}, {.name = "task"}};
    struct mcp *mcp = call->agent->mcp;
    struct server *server = NULL;
    struct buf name = BUF_INIT;
    struct str content;

    if (call->judged) { /* it has waited for its server */
        call_forward(call);
        return;
    }
    if (!read_call(call, m))
        return;
    (void)json_raw_is_string(m[0].value, &content);
    const struct tool *tool = mcp_find_tool(mcp, content, &server);
    if (!tool && !mcp_settled(mcp) && mcp->started) {
        call_wait(call, &mcp->waiting);
        return;
    }
    if (!tool) {
        unknown_tool(call, content);
        return;
    }
    call->judged = xcalloc(1, sizeof(*call->judged));
    call->judged->place = m[0].value;
    call->judged->arguments_place = m[1].value;
    buf_append_str(&call->judged->name, tool->name);
    json_decode((struct str){tool->name.p + 1, tool->name.n - 2}, &name);
    struct target target = {server, "call", buf_str(&name), m[1].value};
    judge(call, &target);
    buf_release(&name);
}
