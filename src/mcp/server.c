/*
 * server.c - the life of one server.
 *
 *     OFF -> STARTING -> UP -> DOWN -> STARTING -> ...
 *               |  \-> BROKEN           (there is no such program)
 *               \----> DOWN             (it ended, or refused to be initialized)
 *
 * It is UP when it is initialized and its tools are known. DOWN is left by the timer, later
 * each time it ends early, and by the first call for it if it had been up for a while. A
 * server that is not UP at the deadline of its start is not waited for by lists any more
 * (`late`); they have its tools of last time.
 *
 * Whatever way it ends, all that was asked of it is answered at once.
 */
#include "base/limits.h"
#include "base/log.h"
#include "base/slice.h"
#include "io/tls.h"
#include "mcp/mcp_priv.h"
#include "mcp/remote.h"
#include "mcp/stdio.h"

#define REVISION "2025-11-25"
#define CHANGED_MS 100
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 30000
#define STEADY_MS 60000 /* up for so long: what ended it was no fault of the start */

static void on_closed(void *ctx, const struct err *why);
static void on_lost(void *ctx, struct str about, const struct err *why);
static bool is_wanted(void *ctx, struct str about);
static void on_forgotten(void *ctx);

static const struct peer_events events = {
        .on_message = mcpserver_on_message,
        .on_oversize = mcpserver_on_oversize,
        .on_closed = on_closed,
        .on_lost = on_lost,
        .is_wanted = is_wanted,
        .on_forgotten = on_forgotten,
};

/* --- asking --------------------------------------------------------------------------------
 */

uint64_t mcpserver_ask(struct server *server, struct ask *ask)
{
    if (!server->peer || peer_unsent(server->peer) > LIMIT_MCP_UNSENT)
        return 0;
    ask->id = ids_add(&server->ids, LIMIT_MCP_SERVER_CALLS, ask);
    return ask->id;
}

void mcpserver_send(struct server *server, const struct splice *splice)
{
    struct str parts[SPLICE_PARTS];

    peer_send(server->peer, STR(""), parts, splice_parts(splice, parts));
}

void mcpserver_send_text(struct server *server, struct str text)
{
    peer_send(server->peer, STR(""), &text, 1);
}

void ask_drop(struct server *server, struct ask *ask, bool tell, struct str reason)
{
    struct buf text = BUF_INIT;

    if (!ask->id)
        return;
    ids_drop(&server->ids, ask->id);
    if (tell && server->peer && peer_unsent(server->peer) <= LIMIT_MCP_UNSENT) {
        buf_printf(&text,
                "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
                "\"requestId\":%llu",
                (unsigned long long)ask->id);
        if (reason.n) {
            buf_puts(&text, ",\"reason\":");
            buf_append_str(&text, reason);
        }
        buf_puts(&text, "}}");
        mcpserver_send_text(server, buf_str(&text));
        buf_release(&text);
    }
    ask->id = 0;
}

/* --- ending --------------------------------------------------------------------------------
 */

static void answer_all(struct server *server, const char *why)
{
    struct ask *ask;

    while ((ask = ids_any(&server->ids))) {
        ids_drop(&server->ids, ask->id);
        ask->id = 0;
        ask->on_answer(ask->ctx, NULL, why);
    }
}

/* No process any more; whoever asked it something is told. */
static void drop_peer(struct server *server)
{
    struct peer *peer = server->peer;

    server->peer = NULL;
    timer_stop(server->timer);
    timer_stop(server->changed);
    fetch_free(server->fetch);
    server->fetch = NULL;
    ids_drop(&server->ids, server->init.id);
    server->init.id = 0;
    questions_of_server_end(server);
    answer_all(server, server->why);
    peer_close(peer);
}

static uint64_t backoff_ms(const struct server *server)
{
    uint64_t ms = BACKOFF_MS;

    for (unsigned i = 1; i < server->failures && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static void go_down(struct server *server, const char *why)
{
    uint64_t now = loop_now_ms(server->mcp->config.loop);
    bool steady = server->state == SERVER_UP && now - server->up_ms >= STEADY_MS;

    (void)str_copy(server->why, sizeof(server->why), str_of(why));
    server->failures = steady ? 1 : server->failures + 1;
    server->state = SERVER_DOWN;
    server->late = true;
    log_warn("mcp", "server '%s' is down: %s (%u in a row)", server->spec->name, why,
            server->failures);
    drop_peer(server);
    if (server->state != SERVER_DOWN)
        return; /* somebody who was told has started it */
    timer_start(server->timer, backoff_ms(server));
    mcp_on_server(server);
}

static void on_closed(void *ctx, const struct err *why)
{
    go_down(ctx, why->msg);
}

static void on_lost(void *ctx, struct str about, const struct err *why)
{
    struct server *server = ctx;
    struct ask *ask = ids_find(&server->ids, about);

    if (!ask)
        return;
    ids_drop(&server->ids, ask->id);
    ask->id = 0;
    ask->on_answer(ask->ctx, NULL, why->msg);
}

static bool is_wanted(void *ctx, struct str about)
{
    const struct server *server = ctx;

    return ids_find(&server->ids, about) != NULL;
}

/* --- starting ------------------------------------------------------------------------------
 */

static void on_timer(void *ctx)
{
    struct server *server = ctx;

    if (server->state == SERVER_DOWN) {
        mcpserver_start(server);
    } else if (server->state == SERVER_STARTING) {
        log_warn("mcp", "server '%s' is slow; going on with its %zu tools of last time",
                server->spec->name, server->tools.count);
        server->late = true;
        mcp_on_server(server);
    }
}

static void become_up(struct server *server)
{
    bool was_up = server->state == SERVER_UP;

    timer_stop(server->timer);
    server->state = SERVER_UP;
    server->late = false;
    if (was_up)
        return;
    server->up_ms = loop_now_ms(server->mcp->config.loop);
    log_info(
            "mcp", "server '%s' is up with %zu tools", server->spec->name, server->tools.count);
    log_tell_level(server);
    if (server->has & HAS_SUBSCRIBE)
        subscribe_again(server);
    mcp_on_server(server);
}

static void take_tools(struct server *server, struct str lines)
{
    const struct mcp_config *config = &server->mcp->config;
    struct tool_list fresh;
    char digest[17];

    tools_parse(&fresh, server->spec->name, lines);
    bool same = tools_same(&fresh, &server->tools);
    tools_release(&server->tools);
    server->tools = fresh;
    server->tools_fresh = true;
    if (same)
        return;
    if (config->cache_dir) {
        mcp_server_digest(server->spec, digest);
        tools_keep(config->loop, config->cache_dir, server->spec->name, digest, lines);
    }
    mcp_tools_changed(server->mcp);
}

static void on_tools(void *ctx, struct str lines, const char *why)
{
    struct server *server = ctx;
    struct fetch *fetch = server->fetch;

    if (why)
        log_warn("mcp", "server '%s' does not list its tools: %s", server->spec->name, why);
    else
        take_tools(server, lines);
    server->fetch = NULL;
    fetch_free(fetch);
    become_up(server);
}

static void fetch_tools(struct server *server)
{
    if (!server->fetch)
        server->fetch = fetch_start(server, "tools/list", "tools", on_tools, server);
}

/* Some say several times at once that something has changed. */
static void on_changed(void *ctx)
{
    struct server *server = ctx;

    unsigned changes = server->changes;

    server->changes = 0;
    if (changes & CHANGED_TOOLS && server->fetch)
        mcpserver_changed(server, CHANGED_TOOLS); /* which may be the old ones */
    else if (changes & CHANGED_TOOLS && server->peer && server->has & HAS_TOOLS)
        fetch_tools(server);
    if (changes & CHANGED_RESOURCES)
        mcp_tell_all(server->mcp, "notifications/resources/list_changed");
    if (changes & CHANGED_PROMPTS)
        mcp_tell_all(server->mcp, "notifications/prompts/list_changed");
}

static unsigned read_capabilities(struct str capabilities)
{
    struct json_member m[] = {{.name = "tools"}, {.name = "resources"}, {.name = "prompts"},
            {.name = "logging"}, {.name = "completions"}};
    struct json_member sub[] = {{.name = "subscribe"}};
    unsigned has = 0;

    if (!json_raw_is_object(capabilities) || json_slice_object(capabilities, m, 5, NULL) < 0)
        return 0;
    for (unsigned i = 0; i < 5; i++) {
        if (json_raw_is_object(m[i].value))
            has |= 1u << i;
    }
    if (has & HAS_RESOURCES && json_slice_object(m[1].value, sub, 1, NULL) == 0 &&
            str_eq(sub[0].value, STR("true")))
        has |= HAS_SUBSCRIBE;
    return has;
}

static void on_initialized(void *ctx, const struct message *answer, const char *why)
{
    struct server *server = ctx;
    struct json_member m[] = {{.name = "protocolVersion"}, {.name = "capabilities"}};
    struct str revision;
    char text[16];

    (void)why; /* drop_peer() takes this question back; it may have been too large */
    if (!answer || answer->kind != MESSAGE_RESULT || json_slice_object(answer->result, m, 2, NULL) < 0 ||
            !m[0].value.p || !json_raw_is_string(m[0].value, &revision)) {
        go_down(server, "it refuses to be initialized");
        return;
    }
    if (!mcp_revision(revision)) {
        go_down(server, "it speaks no revision of the protocol that we know");
        return;
    }
    (void)str_copy(text, sizeof(text), revision);
    if (server->peer->ops->initialized)
        server->peer->ops->initialized(server->peer, text);
    server->has = read_capabilities(m[1].value);
    mcpserver_send_text(
            server, STR("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}"));
    if (server->has & HAS_TOOLS) {
        fetch_tools(server);
        return;
    }
    take_tools(server, STR(""));
    become_up(server);
}

static void initialize(struct server *server)
{
    struct buf text = BUF_INIT;
    struct str announced = buf_str(&server->mcp->announced);

    server->init = (struct ask){.on_answer = on_initialized, .ctx = server};
    uint64_t id = mcpserver_ask(server, &server->init);
    if (!id) {
        go_down(server, "it does not take what it is sent");
        return;
    }
    buf_printf(&text,
            "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"initialize\",\"params\":{"
            "\"protocolVersion\":\"" REVISION "\",\"capabilities\":%.*s,"
            "\"clientInfo\":{\"name\":\"ironcurtain\",\"version\":\"" IC_VERSION "\"}}}",
            (unsigned long long)id, announced.n ? (int)announced.n : 2,
            announced.n ? announced.p : "{}");
    mcpserver_send_text(server, buf_str(&text));
    buf_release(&text);
}

static struct peer *open_remote(struct server *server, struct err *err)
{
    const struct mcp_server_spec *spec = server->spec;
    struct mcp *mcp = server->mcp;
    struct buf fields = BUF_INIT;

    if (spec->place.tls && !mcp->tls) {
        mcp->tls = tls_client_new(mcp->config.extra_ca, err);
        if (!mcp->tls)
            return NULL;
    }
    mcp_headers_put(spec, &fields);
    const struct remote_spec how = {.name = spec->name,
            .url = &spec->place,
            .fields = buf_str(&fields),
            .tls = mcp->tls,
            .via = mcp->config.via};
    struct peer *peer = remote_open(mcp->config.loop, &how);
    buf_release(&fields);
    return peer;
}

static struct peer *open_peer(struct server *server, struct err *err)
{
    const struct mcp_config *config = &server->mcp->config;
    const struct mcp_server_spec *spec = server->spec;

    if (spec->url)
        return open_remote(server, err);
    char **env = mcp_env_make(spec);
    struct stdio_server how = {
            .name = spec->name,
            .argv = (const char *const *)spec->command,
            .env = (const char *const *)env,
            .cwd = mcpserver_cwd(server),
    };
    struct peer *peer = stdio_server(config->loop, &how, err);

    mcp_env_free(env);
    return peer;
}

/* Its session is made anew; what it was asked in the old one is answered, or asked again by the
 * transport. */
static void on_forgotten(void *ctx)
{
    struct server *server = ctx;

    server->state = SERVER_STARTING;
    server->late = true; /* the lists of before are still good */
    fetch_free(server->fetch);
    server->fetch = NULL;
    questions_of_server_end(server);
    ids_drop(&server->ids, server->init.id);
    server->init.id = 0;
    timer_start(server->timer, server->spec->start_timeout_ms);
    initialize(server);
}

static void break_down(struct server *server, const char *why)
{
    server->state = SERVER_BROKEN;
    (void)str_copy(server->why, sizeof(server->why), str_of(why));
    log_warn("mcp", "server '%s' cannot be started: %s", server->spec->name, why);
    mcp_on_server(server);
}

void mcpserver_start(struct server *server)
{
    struct err err;

    if (server->spec->problem) {
        break_down(server, server->spec->problem);
        return;
    }
    server->state = SERVER_STARTING;
    server->tools_fresh = false;
    server->peer = open_peer(server, &err);
    if (!server->peer && err.code == ERR_NOENT) {
        break_down(server, err.msg);
        return;
    }
    if (!server->peer) {
        go_down(server, err.msg);
        return;
    }
    peer_listen(server->peer, &events, server);
    timer_start(server->timer, server->spec->start_timeout_ms);
    initialize(server);
}

void mcpserver_restart(struct server *server)
{
    (void)str_copy(
            server->why, sizeof(server->why), STR("it is started anew for another agent"));
    if (server->peer)
        drop_peer(server);
    timer_stop(server->timer);
    server->failures = 0;
    server->late = false;
    mcpserver_start(server);
}

bool mcpserver_settled(const struct server *server)
{
    switch (server->state) {
    case SERVER_OFF:
        return false;
    case SERVER_STARTING:
        return server->late;
    case SERVER_UP:
    case SERVER_DOWN:
    case SERVER_BROKEN:
        return true;
    }
    return true;
}

void mcpserver_changed(struct server *server, unsigned what)
{
    server->changes |= what;
    /* Not put off again by one that says so all the time. */
    if (!timer_running(server->changed))
        timer_start(server->changed, CHANGED_MS);
}

const char *mcpserver_cwd(const struct server *server)
{
    const struct policy_world *world = server->mcp->config.world;

    return server->spec->cwd ? server->spec->cwd : world ? world->workspace : NULL;
}

/* --- making and freeing --------------------------------------------------------------------
 */

static void on_kept(void *ctx, struct str lines)
{
    struct server *server = ctx;

    server->load = NULL;
    if (server->tools_fresh || server->tools.count || !lines.n)
        return;
    tools_parse(&server->tools, server->spec->name, lines);
    mcp_tools_changed(server->mcp);
}

void mcpserver_init(struct server *server, struct mcp *mcp, const struct mcp_server_spec *spec)
{
    const struct mcp_config *config = &mcp->config;
    char digest[17];

    *server = (struct server){.mcp = mcp, .spec = spec, .state = SERVER_OFF};
    server->timer = timer_new(config->loop, on_timer, server);
    server->changed = timer_new(config->loop, on_changed, server);
    if (!config->cache_dir)
        return;
    mcp_server_digest(spec, digest);
    server->load = tools_load_start(
            config->loop, config->cache_dir, spec->name, digest, on_kept, server);
}

void mcpserver_release(struct server *server)
{
    if (server->load)
        server->load->ctx = NULL;
    if (server->peer) {
        (void)str_copy(server->why, sizeof(server->why), STR("the session ends"));
        drop_peer(server);
    }
    ids_release(&server->ids);
    tools_release(&server->tools);
    timer_free(server->timer);
    timer_free(server->changed);
}
