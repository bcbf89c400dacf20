/*
 * mcp.c - servers and agents of one session together.
 *
 * Servers are told what agents can (roots, sampling, elicitation), so they start when the first
 * agent initializes itself. An agent that can something else starts them anew if it is alone;
 * beside others it has them as they are.
 */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/chan.h"
#include "io/tls.h"
#include "mcp/mcp_priv.h"
#include "mcp/stdio.h"

static void on_room(void *ctx)
{
    struct mcp *mcp = ctx;

    if (!mcp_must_wait(mcp))
        calls_run(&mcp->held);
}

static void on_hold(void *ctx, bool held)
{
    if (!held)
        on_room(ctx);
}

struct mcp *mcp_new(const struct mcp_config *config)
{
    struct mcp *mcp = xcalloc(1, sizeof(*mcp));
    size_t count = config->servers ? config->servers->count : 0;

    mcp->config = *config;
    mcp->servers = xcalloc(count ? count : 1, sizeof(*mcp->servers));
    mcp->server_count = count;
    paths_init(mcp);
    for (size_t i = 0; i < count; i++)
        mcpserver_init(&mcp->servers[i], mcp, &config->servers->items[i]);
    if (config->store)
        store_on_drain(config->store, on_room, mcp);
    if (config->gate)
        gate_on_hold(config->gate, on_hold, mcp);
    return mcp;
}

void mcp_free(struct mcp *mcp)
{
    if (!mcp)
        return;
    if (mcp->config.store)
        store_on_drain(mcp->config.store, NULL, mcp);
    if (mcp->config.gate)
        gate_on_hold(mcp->config.gate, NULL, mcp);
    listener_free(mcp->listener);
    while (mcp->agents)
        agent_free(mcp->agents);
    for (size_t i = 0; i < mcp->server_count; i++)
        mcpserver_release(&mcp->servers[i]);
    free(mcp->servers);
    tls_client_free(mcp->tls);
    uris_release(mcp);
    buf_release(&mcp->announced);
    buf_release(&mcp->tools);
    buf_release(&mcp->workspace_uri);
    buf_release(&mcp->box_uri);
    free(mcp);
}

void mcp_attach(struct mcp *mcp, struct peer *peer)
{
    if (mcp->agent_count >= LIMIT_MCP_CLIENTS)
        peer_close(peer);
    else
        agent_new(mcp, peer);
}

static void on_accept(void *ctx, struct chan *chan)
{
    mcp_attach(ctx, stdio_agent(chan));
}

int mcp_listen_unix(struct mcp *mcp, const char *path, struct err *err)
{
    struct err why = {0};

    mcp->listener = listen_unix(mcp->config.loop, path, 0666, on_accept, mcp, &why);
    return mcp->listener ? 0 : err_set(err, why.code, "%s", why.msg);
}

const char *mcp_revision(struct str name)
{
    static const char *const revisions[] = {
            "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"};

    for (size_t i = 0; i < sizeof(revisions) / sizeof(revisions[0]); i++) {
        if (str_eq(name, str_of(revisions[i])))
            return revisions[i];
    }
    return NULL;
}

/* --- servers -------------------------------------------------------------------------------
 */

static bool is_alone(const struct mcp *mcp, const struct agent_peer *agent)
{
    for (const struct agent_peer *other = mcp->agents; other; other = other->next) {
        if (other != agent && other->initialized)
            return false;
    }
    return true;
}

void mcp_agent_ready(struct mcp *mcp, const struct agent_peer *agent, struct str capabilities)
{
    bool first = !mcp->started;

    if (!first && (str_eq(buf_str(&mcp->announced), capabilities) || !is_alone(mcp, agent)))
        return;
    buf_clear(&mcp->announced);
    buf_append_str(&mcp->announced, capabilities);
    mcp->started = true;
    for (size_t i = 0; i < mcp->server_count; i++) {
        if (first)
            mcpserver_start(&mcp->servers[i]);
        else
            mcpserver_restart(&mcp->servers[i]);
    }
}

bool mcp_settled(const struct mcp *mcp)
{
    for (size_t i = 0; i < mcp->server_count; i++) {
        if (!mcpserver_settled(&mcp->servers[i]))
            return false;
    }
    return true;
}

bool mcp_must_wait(const struct mcp *mcp)
{
    const struct mcp_config *config = &mcp->config;

    return (config->store && store_full(config->store)) ||
           (config->gate && gate_is_held(config->gate));
}

void mcp_on_server(struct server *server)
{
    struct mcp *mcp = server->mcp;

    if (server->state != SERVER_STARTING)
        calls_run(&server->waiting);
    if (mcp_settled(mcp))
        calls_run(&mcp->waiting);
}

struct server *mcp_find_server(struct mcp *mcp, struct str name)
{
    for (size_t i = 0; i < mcp->server_count; i++) {
        if (str_eq(name, str_of(mcp->servers[i].spec->name)))
            return &mcp->servers[i];
    }
    return NULL;
}

/* --- tools ---------------------------------------------------------------------------------
 */

const struct tool *mcp_find_tool(struct mcp *mcp, struct str shown, struct server **ret_server)
{
    for (size_t i = 0; i < mcp->server_count; i++) {
        const struct tool *tool = tools_find(&mcp->servers[i].tools, shown);

        if (tool) {
            *ret_server = &mcp->servers[i];
            return tool;
        }
    }
    return NULL;
}

void mcp_tools_changed(struct mcp *mcp)
{
    struct buf fresh = BUF_INIT;

    for (size_t i = 0; i < mcp->server_count; i++)
        tools_put(&mcp->servers[i].tools, &fresh);
    if (!str_eq(buf_str(&fresh), buf_str(&mcp->tools))) {
        buf_swap(&fresh, &mcp->tools);
        if (mcp_settled(mcp)) /* else nobody has a list yet */
            mcp_tell_all(mcp, "notifications/tools/list_changed");
    }
    buf_release(&fresh);
}

void mcp_tell_all(struct mcp *mcp, const char *method)
{
    struct buf text = BUF_INIT;

    buf_printf(&text, "{\"jsonrpc\":\"2.0\",\"method\":\"%s\"}", method);
    struct splice splice = {.text = buf_str(&text)};
    for (struct agent_peer *agent = mcp->agents; agent; agent = agent->next) {
        if (agent->initialized)
            agent_notify(agent, STR(""), &splice);
    }
    buf_release(&text);
}
