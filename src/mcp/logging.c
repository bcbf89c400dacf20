/*
 * logging.c - log messages of servers, and how much of them agents want.
 *
 * A server has one level, so it is told the lowest that any agent asked for; each agent gets
 * what it wants of that. A message belongs to no request; it goes to who has a call under way
 * on that server, or to all. Its logger is prefixed with the server's name.
 */
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

static const char *const levels[] = {
        "debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};
#define LEVELS ((int)(sizeof(levels) / sizeof(levels[0])))

int log_level_of(struct str name)
{
    for (int i = 0; i < LEVELS; i++) {
        if (str_eq(name, str_of(levels[i])))
            return i;
    }
    return -1;
}

static int lowest_level(const struct mcp *mcp)
{
    int lowest = -1;

    for (const struct agent_peer *agent = mcp->agents; agent; agent = agent->next) {
        if (agent->level >= 0 && (lowest < 0 || agent->level < lowest))
            lowest = agent->level;
    }
    return lowest;
}

/* What it says to that is of no interest. */
static void on_level_set(void *ctx, const struct message *answer, const char *why)
{
    (void)answer;
    (void)why;
    free(ctx);
}

void log_tell_level(struct server *server)
{
    int level = lowest_level(server->mcp);
    struct buf text = BUF_INIT;

    if (level < 0 || !server->peer || !(server->has & HAS_LOGGING))
        return;
    struct ask *ask = xcalloc(1, sizeof(*ask));
    *ask = (struct ask){.on_answer = on_level_set, .ctx = ask};
    uint64_t id = mcpserver_ask(server, ask);
    if (!id) {
        free(ask);
        return;
    }
    buf_printf(&text,
            "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"logging/setLevel\",\"params\":{"
            "\"level\":\"%s\"}}",
            (unsigned long long)id, levels[level]);
    mcpserver_send_text(server, buf_str(&text));
    buf_release(&text);
}

void run_set_level(struct call *call)
{
    struct json_member m[] = {{.name = "level"}};
    struct mcp *mcp = call->agent->mcp;
    struct str name;

    if (!call_params(call, m, 1))
        return;
    int level = m[0].value.p && json_raw_is_string(m[0].value, &name) ? log_level_of(name) : -1;
    if (level < 0) {
        call_error(call, JSONRPC_PARAMS, "no such level");
        return;
    }
    int before = lowest_level(mcp);
    call->agent->level = level;
    if (lowest_level(mcp) != before) {
        for (size_t i = 0; i < mcp->server_count; i++) {
            if (mcp->servers[i].state == SERVER_UP)
                log_tell_level(&mcp->servers[i]);
        }
    }
    call_result(call, STR("{}"));
}

/* --- messages ------------------------------------------------------------------------------
 */

/* The call of this agent that is under way there; NULL: none. */
static struct call *call_on(const struct agent_peer *agent, const struct server *server)
{
    for (struct call *call = agent->calls; call; call = call->next) {
        if (call->server == server && call->ask.id)
            return call;
    }
    return NULL;
}

/* `with` is what the cut puts there, owned by the caller. */
static void cut_logger(const struct server *server, const struct message *msg,
        struct str logger, struct splice *splice, struct buf *with)
{
    struct str content;

    if (logger.p && json_raw_is_string(logger, &content)) {
        buf_printf(with, "\"%s/%.*s\"", server->spec->name, STR_ARG(content));
        splice_put(splice, logger, buf_str(with));
    } else if (!logger.p) {
        buf_printf(with, "\"logger\":\"%s\",", server->spec->name);
        splice_put(splice, (struct str){msg->params.p + 1, 0}, buf_str(with));
    }
}

void log_relay(struct server *server, const struct message *msg, struct str about)
{
    struct json_member m[] = {{.name = "level"}, {.name = "logger"}};
    struct splice splice = {.text = msg->text};
    struct mcp *mcp = server->mcp;
    struct buf with = BUF_INIT;
    struct str name;
    bool any = false;

    (void)about;
    if (!json_raw_is_object(msg->params) || json_slice_object(msg->params, m, 2, NULL) < 0 ||
            !m[0].value.p || !json_raw_is_string(m[0].value, &name))
        return;
    int level = log_level_of(name);
    if (level < 0)
        return;
    cut_logger(server, msg, m[1].value, &splice, &with);
    for (struct agent_peer *agent = mcp->agents; agent; agent = agent->next)
        any = any || call_on(agent, server);
    for (struct agent_peer *agent = mcp->agents; agent; agent = agent->next) {
        const struct call *call = call_on(agent, server);

        if ((any && !call) || level < agent->level || !agent->initialized)
            continue;
        agent_notify(agent, call ? buf_str(&call->id) : STR(""), &splice);
    }
    buf_release(&with);
}
