/*
 * server_in.c - what comes from a server: answers, notices, questions.
 *
 * What is no message is counted and otherwise ignored: servers print all kinds of things to
 * their stdout. An answer to nothing that is under way, a second one, a late one: likewise.
 */
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

static void ignore(struct server *server, const char *what, struct str text)
{
    char shown[120];

    server->ignored++;
    if (server->ignored & (server->ignored - 1))
        return; /* the first, the second, the fourth ... is said */
    str_vis(shown, sizeof(shown), (struct str){text.p, text.n < 200 ? text.n : 200});
    log_info("mcp", "server '%s': ignoring %s (%llu so far): %s", server->spec->name, what,
            (unsigned long long)server->ignored, shown);
}

/* --- notices -------------------------------------------------------------------------------
 */

static void on_progress(struct server *server, const struct message *msg, struct str about)
{
    struct json_member m[] = {{.name = "progressToken"}};
    struct splice splice = {.text = msg->text};
    struct ask *ask;

    (void)about;
    if (!json_raw_is_object(msg->params) || json_slice_object(msg->params, m, 1, NULL) < 0 ||
            !m[0].value.p)
        return;
    ask = ids_find(&server->ids, m[0].value);
    if (!ask || !ask->call || !buf_len(&ask->call->token))
        return;
    splice_put(&splice, m[0].value, buf_str(&ask->call->token));
    call_notify(ask->call, &splice);
}

static void on_canceled(struct server *server, const struct message *msg, struct str about)
{
    struct json_member m[] = {{.name = "requestId"}, {.name = "reason"}};

    (void)about;
    if (json_raw_is_object(msg->params) && json_slice_object(msg->params, m, 2, NULL) == 0 &&
            m[0].value.p)
        question_canceled(server, m[0].value, m[1].value);
}

static void on_updated(struct server *server, const struct message *msg, struct str about)
{
    struct json_member m[] = {{.name = "uri"}};
    struct buf mapped = BUF_INIT;
    struct str uri;

    (void)about;
    if (!json_raw_is_object(msg->params) || json_slice_object(msg->params, m, 1, NULL) < 0 ||
            !m[0].value.p || !json_raw_is_string(m[0].value, &uri))
        return;
    struct splice splice = {.text = msg->text};
    if (paths_to_box(server->mcp, msg->text, &mapped))
        splice.text = buf_str(&mapped);
    for (struct agent_peer *agent = server->mcp->agents; agent; agent = agent->next) {
        if (agent_subscribed(agent, uri))
            agent_notify(agent, STR(""), &splice);
    }
    buf_release(&mapped);
}

static void on_elicited(struct server *server, const struct message *msg, struct str about)
{
    struct splice splice = {.text = msg->text};

    (void)about;
    for (struct agent_peer *agent = server->mcp->agents; agent; agent = agent->next) {
        if (agent->can & (1u << CAN_ELICITATION))
            agent_notify(agent, STR(""), &splice);
    }
}

static void on_tools_changed(struct server *server, const struct message *msg, struct str about)
{
    (void)msg;
    (void)about;
    mcpserver_changed(server, CHANGED_TOOLS);
}

static void on_resources_changed(
        struct server *server, const struct message *msg, struct str about)
{
    (void)msg;
    (void)about;
    mcpserver_changed(server, CHANGED_RESOURCES);
}

static void on_prompts_changed(
        struct server *server, const struct message *msg, struct str about)
{
    (void)msg;
    (void)about;
    mcpserver_changed(server, CHANGED_PROMPTS);
}

static const struct {
    const char *name;
    void (*run)(struct server *server, const struct message *msg, struct str about);
} notices[] = {
        {"notifications/progress", on_progress},
        {"notifications/message", log_relay},
        {"notifications/cancelled", on_canceled},
        {"notifications/tools/list_changed", on_tools_changed},
        {"notifications/resources/list_changed", on_resources_changed},
        {"notifications/prompts/list_changed", on_prompts_changed},
        {"notifications/resources/updated", on_updated},
        {"notifications/elicitation/complete", on_elicited},
};

static void take_notice(struct server *server, const struct message *msg, struct str about)
{
    for (size_t i = 0; i < sizeof(notices) / sizeof(notices[0]); i++) {
        if (str_eq(msg->method, str_of(notices[i].name))) {
            notices[i].run(server, msg, about);
            return;
        }
    }
    ignore(server, "an unknown notice", msg->method);
}

/* --- messages ------------------------------------------------------------------------------
 */

static void take_answer(struct server *server, const struct message *msg)
{
    struct ask *ask = ids_find(&server->ids, msg->id);

    if (!ask) {
        ignore(server, "an answer to nothing", msg->id);
        return;
    }
    ids_drop(&server->ids, ask->id);
    ask->id = 0;
    ask->on_answer(ask->ctx, msg, NULL);
}

static void take_request(struct server *server, const struct message *msg, struct str about)
{
    struct buf text = BUF_INIT;

    if (!str_eq(msg->method, STR("ping"))) {
        question_ask(server, msg, about);
        return;
    }
    if (peer_unsent(server->peer) > LIMIT_CHAN_HIGH) {
        ignore(server, "a ping of a server that does not read", msg->id);
        return;
    }
    message_put_result(&text, msg->id, STR("{}"));
    mcpserver_send_text(server, buf_str(&text));
    buf_release(&text);
}

static void take_message(struct server *server, struct str about, struct str text)
{
    struct message msg;
    const char *why = NULL;

    if (message_parse(text, &msg, &why)) {
        ignore(server, "what is no message", text);
        return;
    }
    switch (msg.kind) {
    case MESSAGE_RESULT:
    case MESSAGE_ERROR:
        take_answer(server, &msg);
        break;
    case MESSAGE_REQUEST:
        take_request(server, &msg, about);
        break;
    case MESSAGE_NOTIFICATION:
        take_notice(server, &msg, about);
        break;
    }
}

/* Servers of 2025-03-26 may answer several at once. */
static void take_batch(struct server *server, struct str about, struct str text)
{
    struct str items[LIMIT_MCP_BATCH];
    struct peer *peer = server->peer;
    size_t count = 0;

    if (json_slice_array(text, items, LIMIT_MCP_BATCH, &count, NULL) < 0)
        ignore(server, "what is no message", text);
    for (size_t i = 0; i < count && server->peer == peer; i++)
        take_message(server, about, items[i]);
}

void mcpserver_on_message(void *ctx, struct str about, struct str text)
{
    struct server *server = ctx;

    if (text.p[0] == '[')
        take_batch(server, about, text);
    else
        take_message(server, about, text);
}

/* --- what was too large ---------------------------------------------------------------------
 */

/* The number behind the last "id": of the piece that has one, or nothing. */
static struct str id_near(struct str piece)
{
    static const struct str name = {"\"id\":", 5};
    struct str found = {"", 0};

    for (size_t i = 0; i + name.n < piece.n; i++) {
        size_t n = 0;

        if (memcmp(piece.p + i, name.p, name.n) != 0)
            continue;
        const char *p = piece.p + i + name.n;
        size_t left = piece.n - i - name.n;
        while (left && *p == ' ')
            p++, left--;
        while (n < left && p[n] >= '0' && p[n] <= '9')
            n++;
        found = (struct str){p, n};
    }
    return found;
}

/* Its id stands at one of its ends, wherever a usual encoder puts it. A wrong guess ends a call
 * of the server that sent it, and no other. */
void mcpserver_on_oversize(void *ctx, struct str about, struct str head, struct str tail)
{
    struct server *server = ctx;
    struct ask *ask = ids_find(&server->ids, about);

    if (!ask)
        ask = ids_find(&server->ids, id_near(tail));
    if (!ask)
        ask = ids_find(&server->ids, id_near(head));
    ignore(server, "a message that is too large", head);
    if (!ask)
        return;
    ids_drop(&server->ids, ask->id);
    ask->id = 0;
    ask->on_answer(ask->ctx, NULL, "its answer was too large");
}
