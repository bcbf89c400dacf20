/*
 * question.c - what a server asks of an agent: roots, sampling, elicitation.
 *
 * Servers number their questions from 0, each for itself, so they get ids of ours towards the
 * agent; the same with progress tokens. The agent is the one whose call is under way on that
 * server, else any that can answer. If there is none, the server is told at once: it would wait
 * for ever, and the agent for it.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

struct question {
    struct server *server;         /* borrows */
    struct agent_peer *agent;      /* borrows */
    struct question *next, **prev; /* in server->questions */
    int can;                       /* what it is */
    uint64_t our;                  /* id towards the agent */
    struct buf id, token;          /* own; as the server spelled them; token may be empty */
};

static void question_free(struct question *question)
{
    ids_drop(&question->agent->ids, question->our);
    *question->prev = question->next;
    if (question->next)
        question->next->prev = question->prev;
    question->server->question_count--;
    buf_release(&question->id);
    buf_release(&question->token);
    free(question);
}

static void tell_server(struct server *server, struct str text)
{
    if (server->peer && peer_unsent(server->peer) <= LIMIT_MCP_UNSENT)
        mcpserver_send_text(server, text);
}

static void refuse(struct server *server, struct str id, int code, const char *why)
{
    struct buf text = BUF_INIT;

    message_put_error(&text, id, code, why);
    tell_server(server, buf_str(&text));
    buf_release(&text);
}

/* --- asking --------------------------------------------------------------------------------
 */

static int can_of(struct str method)
{
    static const struct {
        const char *name;
        int can;
    } methods[] = {
            {"roots/list", CAN_ROOTS},
            {"sampling/createMessage", CAN_SAMPLING},
            {"elicitation/create", CAN_ELICITATION},
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (str_eq(method, str_of(methods[i].name)))
            return methods[i].can;
    }
    return -1;
}

/* The call during which it is asked: of the request that it came with, else the newest. */
static struct call *call_for(struct server *server, int can, struct str about)
{
    const struct ask *ask = ids_find(&server->ids, about);

    if (ask && ask->call)
        return ask->call;
    for (struct agent_peer *agent = server->mcp->agents; agent; agent = agent->next) {
        for (struct call *call = agent->calls; call; call = call->next) {
            if (call->server == server && call->ask.id && agent->can & (1u << can))
                return call;
        }
    }
    return NULL;
}

static struct agent_peer *agent_for(struct server *server, int can)
{
    for (struct agent_peer *agent = server->mcp->agents; agent; agent = agent->next) {
        if (agent->initialized && agent->can & (1u << can))
            return agent;
    }
    return NULL;
}

/* Where the token of a question stands; p NULL: nowhere. */
static struct str token_of(const struct message *msg)
{
    struct json_member meta[] = {{.name = "_meta"}}, token[] = {{.name = "progressToken"}};

    if (!json_raw_is_object(msg->params) || json_slice_object(msg->params, meta, 1, NULL) < 0 ||
            !json_raw_is_object(meta[0].value) ||
            json_slice_object(meta[0].value, token, 1, NULL) < 0)
        return (struct str){NULL, 0};
    return token[0].value;
}

static void send_question(
        struct question *question, const struct message *msg, const struct call *call)
{
    struct splice splice = {.text = msg->text};
    struct str parts[SPLICE_PARTS];
    char text[ID_TEXT];
    struct str id = id_text(question->our, text);
    struct str token = token_of(msg);

    splice_put(&splice, msg->id, id);
    if (token.p) {
        buf_append_str(&question->token, token);
        splice_put(&splice, token, id);
    }
    size_t count = splice_parts(&splice, parts);
    agent_send(question->agent, call ? buf_str(&call->id) : STR(""), parts, count);
}

void question_ask(struct server *server, const struct message *msg, struct str about)
{
    int can = can_of(msg->method);
    struct call *call = can >= 0 ? call_for(server, can, about) : NULL;
    struct agent_peer *agent = call ? call->agent : can >= 0 ? agent_for(server, can) : NULL;

    if (!agent || !(agent->can & (1u << can))) {
        refuse(server, msg->id, JSONRPC_METHOD, "Method not found");
        return;
    }
    if (server->question_count == LIMIT_MCP_QUESTIONS) {
        refuse(server, msg->id, JSONRPC_INTERNAL, "too many questions wait for an answer");
        return;
    }
    struct question *question = xcalloc(1, sizeof(*question));
    question->server = server;
    question->agent = agent;
    question->can = can;
    question->our =
            ids_add(&agent->ids, (size_t)LIMIT_MCP_SERVERS * LIMIT_MCP_QUESTIONS, question);
    buf_append_str(&question->id, msg->id);
    question->next = server->questions;
    question->prev = &server->questions;
    if (question->next)
        question->next->prev = &question->next;
    server->questions = question;
    server->question_count++;
    if (!question->our) {
        refuse(server, msg->id, JSONRPC_INTERNAL, "too many questions wait for an answer");
        question_free(question);
        return;
    }
    send_question(question, msg, call);
}

/* --- answering -----------------------------------------------------------------------------
 */

/* A root outside of the workspace would be a place on the host that the agent names. */
static void put_root(const struct mcp *mcp, struct str root, struct buf *out)
{
    struct json_member m[] = {{.name = "uri"}};
    struct buf uri = BUF_INIT;
    struct str content;

    if (json_raw_is_object(root) && json_slice_object(root, m, 1, NULL) == 0 && m[0].value.p &&
            json_raw_is_string(m[0].value, &content) && paths_uri_to_host(mcp, content, &uri)) {
        struct splice splice = {.text = root};
        struct str parts[SPLICE_PARTS];

        if (out->len && buf_data(out)[buf_len(out) - 1] == '}')
            buf_putc(out, ',');
        splice_put(&splice, content, buf_str(&uri));
        size_t count = splice_parts(&splice, parts);
        for (size_t i = 0; i < count; i++)
            buf_append_str(out, parts[i]);
    }
    buf_release(&uri);
}

static void answer_roots(struct question *question, struct str result)
{
    struct json_member m[] = {{.name = "roots"}};
    struct str items[LIMIT_MCP_BATCH];
    struct buf roots = BUF_INIT, text = BUF_INIT;
    size_t count = 0;

    buf_puts(&roots, "{\"roots\":[");
    if (json_raw_is_object(result) && json_slice_object(result, m, 1, NULL) == 0 &&
            m[0].value.p &&
            json_slice_array(m[0].value, items, LIMIT_MCP_BATCH, &count, NULL) == 0) {
        for (size_t i = 0; i < count; i++)
            put_root(question->server->mcp, items[i], &roots);
    }
    buf_puts(&roots, "]}");
    message_put_result(&text, buf_str(&question->id), buf_str(&roots));
    tell_server(question->server, buf_str(&text));
    buf_release(&roots);
    buf_release(&text);
}

void question_answered(struct agent_peer *agent, const struct message *msg)
{
    struct question *question = ids_find(&agent->ids, msg->id);
    struct server *server;

    if (!question)
        return; /* an answer to nothing, or a late one: ignoring */
    server = question->server;
    if (question->can == CAN_ROOTS && msg->kind == MESSAGE_RESULT) {
        answer_roots(question, msg->result);
    } else if (server->peer && peer_unsent(server->peer) <= LIMIT_MCP_UNSENT) {
        struct splice splice = {.text = msg->text};

        splice_put(&splice, msg->id, buf_str(&question->id));
        mcpserver_send(server, &splice);
    }
    question_free(question);
}

void question_progress(struct agent_peer *agent, const struct message *msg)
{
    struct json_member m[] = {{.name = "progressToken"}};
    struct splice splice = {.text = msg->text};
    struct question *question;

    if (!json_raw_is_object(msg->params) || json_slice_object(msg->params, m, 1, NULL) < 0 ||
            !m[0].value.p)
        return;
    question = ids_find(&agent->ids, m[0].value);
    if (!question || !buf_len(&question->token) || !question->server->peer ||
            peer_unsent(question->server->peer) > LIMIT_CHAN_HIGH)
        return;
    splice_put(&splice, m[0].value, buf_str(&question->token));
    mcpserver_send(question->server, &splice);
}

/* --- ending --------------------------------------------------------------------------------
 */

static void tell_canceled(struct question *question, struct str reason)
{
    struct buf text = BUF_INIT;

    buf_printf(&text,
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{"
            "\"requestId\":%llu",
            (unsigned long long)question->our);
    if (reason.n) {
        buf_puts(&text, ",\"reason\":");
        buf_append_str(&text, reason);
    }
    buf_puts(&text, "}}");
    struct splice splice = {.text = buf_str(&text)};
    agent_notify(question->agent, STR(""), &splice);
    buf_release(&text);
}

void question_canceled(struct server *server, struct str id, struct str reason)
{
    struct str content;

    for (struct question *question = server->questions; question; question = question->next) {
        if (!str_eq(buf_str(&question->id), id))
            continue;
        bool said = reason.p && json_raw_is_string(reason, &content);

        tell_canceled(question, said ? reason : STR(""));
        question_free(question);
        return;
    }
}

void questions_of_agent_end(struct agent_peer *agent)
{
    struct question *question;

    while ((question = ids_any(&agent->ids))) {
        refuse(question->server, buf_str(&question->id), JSONRPC_INTERNAL,
                "the client has gone");
        question_free(question);
    }
}

void questions_of_server_end(struct server *server)
{
    while (server->questions) {
        /* Each takes itself out of the list, which clang-tidy 14 does not see.
         * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
        tell_canceled(server->questions, STR("\"the server has ended\""));
        question_free(server->questions);
    }
}
