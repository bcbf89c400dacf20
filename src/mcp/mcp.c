/*
 * mcp.c - MCP methods: initialize, ping, tools/list, tools/call.
 *
 * Protocol versions: a version we know is echoed, for any other we answer with our newest and
 * the client decides (MCP 2025-11-25, lifecycle). `server/discover` of the newer generation
 * gets "method not found", which tells such a client to use initialize.
 *
 * A denied call is a result with isError, not a protocol error, so that the model sees why.
 */
#include "mcp/mcp.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "io/chan.h"
#include "mcp/jsonrpc.h"

#define TOOL_NAME_MAX 128 /* longest name that is repeated in an answer */

struct client {
    struct mcp *mcp;     /* borrows */
    struct jsonrpc *rpc; /* owns */
    struct client *next, **prev;
};

struct mcp {
    struct loop *loop;         /* borrows */
    const struct mcp_ops *ops; /* borrows */
    void *ctx;                 /* borrows from the owner */
    struct listener *listener; /* owns */
    struct client *clients;    /* owns */
    unsigned client_count;
};

static void on_message(void *ctx, const struct jsonrpc_msg *msg);
static void on_end(void *ctx);

static const struct jsonrpc_ops rpc_ops = {.on_message = on_message, .on_end = on_end};

struct mcp *mcp_new(struct loop *loop, const struct mcp_ops *ops, void *ctx)
{
    struct mcp *mcp = xcalloc(1, sizeof(*mcp));
    *mcp = (struct mcp){.loop = loop, .ops = ops, .ctx = ctx};
    return mcp;
}

static void client_free(struct client *client)
{
    *client->prev = client->next;
    if (client->next)
        client->next->prev = client->prev;
    client->mcp->client_count--;
    jsonrpc_free(client->rpc);
    free(client);
}

void mcp_free(struct mcp *mcp)
{
    if (!mcp)
        return;
    listener_free(mcp->listener);
    for (struct client *client = mcp->clients, *next; client; client = next) {
        next = client->next;
        jsonrpc_free(client->rpc);
        free(client);
    }
    free(mcp);
}

static void on_accept(void *ctx, struct chan *chan)
{
    struct mcp *mcp = ctx;
    if (mcp->client_count >= LIMIT_MCP_CLIENTS) {
        chan_abort(chan);
        return;
    }
    struct client *client = xcalloc(1, sizeof(*client));
    client->mcp = mcp;
    client->next = mcp->clients;
    client->prev = &mcp->clients;
    if (client->next)
        client->next->prev = &client->next;
    mcp->clients = client;
    mcp->client_count++;
    client->rpc = jsonrpc_new(chan, &rpc_ops, client);
}

int mcp_listen_unix(struct mcp *mcp, const char *path, struct err *err)
{
    struct err why = {0};
    mcp->listener = listen_unix(mcp->loop, path, 0666, on_accept, mcp, &why);
    return mcp->listener ? 0 : err_set(err, why.code, "%s", why.msg);
}

static void on_end(void *ctx)
{
    client_free(ctx);
}

/* --- methods -------------------------------------------------------------------------- */

/* Our newest first. */
static const char *const versions[] = {
        "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"};

static const char *pick_version(struct str wanted)
{
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        if (str_eq(wanted, str_of(versions[i])))
            return versions[i];
    }
    return versions[0];
}

/* A string member of params. False: absent or something else. */
static bool get_string(const struct jsonrpc_msg *msg, const char *name, struct str *ret)
{
    struct json_member member = {.name = name};
    return json_raw_is_object(msg->params) &&
           json_slice_object(msg->params, &member, 1, NULL) == 0 && member.value.p &&
           json_raw_is_string(member.value, ret);
}

static void do_initialize(struct client *client, const struct jsonrpc_msg *msg)
{
    struct str wanted;
    if (!get_string(msg, "protocolVersion", &wanted)) {
        jsonrpc_error(client->rpc, msg->id, JSONRPC_PARAMS, "protocolVersion is missing");
        return;
    }
    const char *version = pick_version(wanted);
    jsonrpc_allow_batch(client->rpc, strcmp(version, "2025-03-26") == 0);
    char *result = xasprintf("{\"protocolVersion\":\"%s\",\"capabilities\":{\"tools\":{}},"
                             "\"serverInfo\":{\"name\":\"ironcurtain\",\"version\":\"%s\"},"
                             "\"instructions\":\"No MCP servers are connected to this box.\"}",
            version, IC_VERSION);
    jsonrpc_result(client->rpc, msg->id, str_of(result));
    free(result);
}

static void do_ping(struct client *client, const struct jsonrpc_msg *msg)
{
    jsonrpc_result(client->rpc, msg->id, STR("{}"));
}

static void do_tools_list(struct client *client, const struct jsonrpc_msg *msg)
{
    jsonrpc_result(client->rpc, msg->id, STR("{\"tools\":[]}"));
}

static void do_tools_call(struct client *client, const struct jsonrpc_msg *msg)
{
    struct mcp *mcp = client->mcp;
    struct str tool;
    if (!get_string(msg, "name", &tool)) {
        jsonrpc_error(client->rpc, msg->id, JSONRPC_PARAMS, "the tool's name is missing");
        return;
    }
    /* The name is a piece of JSON string already; cut, it might end inside an escape. */
    struct str shown = tool.n <= TOOL_NAME_MAX ? tool : STR("(long name)");
    char *result =
            xasprintf("{\"content\":[{\"type\":\"text\",\"text\":\"Denied by ironcurtain: "
                      "the tool '%.*s' was not run, because no MCP servers are connected "
                      "to this box. Calling it again will not help.\"}],"
                      "\"isError\":true}",
                    STR_ARG(shown));
    jsonrpc_result(client->rpc, msg->id, str_of(result));
    free(result);
    if (mcp->ops && mcp->ops->on_denied)
        mcp->ops->on_denied(mcp->ctx, tool);
}

static const struct method {
    const char *name;
    void (*run)(struct client *client, const struct jsonrpc_msg *msg);
} methods[] = {
        {"initialize", do_initialize},
        {"ping", do_ping},
        {"tools/list", do_tools_list},
        {"tools/call", do_tools_call},
};

static void on_message(void *ctx, const struct jsonrpc_msg *msg)
{
    struct client *client = ctx;
    if (msg->id.n == 0)
        return; /* initialized, cancelled, progress: nothing here depends on them */
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (str_eq(msg->method, str_of(methods[i].name))) {
            methods[i].run(client, msg);
            return;
        }
    }
    jsonrpc_error(client->rpc, msg->id, JSONRPC_METHOD, "Method not found");
}
