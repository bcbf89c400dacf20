/*
 * call.c - one request of an agent, from its line to its answer.
 *
 * Exactly one answer goes out for it, unless the agent takes it back or goes. Every function
 * that sends the answer frees the call. While it is under way it is in its agent's list, maybe
 * in one queue (servers that are not ready), and maybe known at one server by its `ask`.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "mcp/mcp_priv.h"

#define MEMBERS 8

/* --- making and freeing --------------------------------------------------------------------
 */

static struct str moved(struct str view, struct str from, struct str to)
{
    return view.n ? (struct str){to.p + (view.p - from.p), view.n} : view;
}

/* The request lives on in the call. */
static void keep_text(struct call *call, const struct message *msg)
{
    buf_append_str(&call->text, msg->text);

    struct str from = msg->text, to = buf_str(&call->text);
    call->msg = (struct message){
            .kind = msg->kind,
            .text = to,
            .id = moved(msg->id, from, to),
            .method = moved(msg->method, from, to),
            .params = moved(msg->params, from, to),
    };
}

struct call *call_new(struct agent_peer *agent, const struct method *method,
        const struct message *msg, struct batch *batch)
{
    struct call *call = xcalloc(1, sizeof(*call));

    call->agent = agent;
    call->method = method;
    call->batch = batch;
    buf_append_str(&call->id, msg->id);
    if (batch) {
        if (!buf_len(&batch->about))
            buf_append_str(&batch->about, msg->id);
        batch->waiting++;
    }
    if (method->flags & METHOD_KEEPS)
        keep_text(call, msg);
    else
        call->msg = *msg; /* it is answered before the line goes */
    call->next = agent->calls;
    call->prev = &agent->calls;
    if (call->next)
        call->next->prev = &call->next;
    agent->calls = call;
    agent->call_count++;
    return call;
}

static void leave_queue(struct call *call)
{
    if (!call->prev_waiting)
        return;
    *call->prev_waiting = call->next_waiting;
    if (call->next_waiting)
        call->next_waiting->prev_waiting = call->prev_waiting;
    call->prev_waiting = NULL;
    call->next_waiting = NULL;
}

void batch_done(struct agent_peer *agent, struct batch *batch)
{
    if (--batch->waiting)
        return;
    if (buf_len(&batch->text)) { /* a batch of notifications has no answer */
        struct str parts[] = {STR("["), buf_str(&batch->text), STR("]")};

        agent_send(agent, buf_str(&batch->about), parts, 3);
    }
    buf_release(&batch->text);
    buf_release(&batch->about);
    free(batch);
}

void call_free(struct call *call, bool tell, struct str reason)
{
    struct agent_peer *agent = call->agent;

    leave_queue(call);
    if (call->ask.id)
        ask_drop(call->server, &call->ask, tell, reason);
    fan_free(call->fan);
    judged_end(call, "canceled", 0);
    judged_free(call->judged);
    *call->prev = call->next;
    if (call->next)
        call->next->prev = call->prev;
    agent->call_count--;
    if (call->batch)
        batch_done(agent, call->batch);
    buf_release(&call->id);
    buf_release(&call->token);
    buf_release(&call->text);
    buf_release(&call->subject);
    free(call);
}

/* --- answering -----------------------------------------------------------------------------
 */

static void answer(struct call *call, const struct str *parts, size_t count)
{
    struct batch *batch = call->batch;

    if (batch) {
        if (buf_len(&batch->text))
            buf_putc(&batch->text, ',');
        for (size_t i = 0; i < count; i++)
            buf_append_str(&batch->text, parts[i]);
    } else {
        agent_send(call->agent, buf_str(&call->id), parts, count);
    }
    call_free(call, false, STR(""));
}

void call_result(struct call *call, struct str result)
{
    struct str parts[] = {STR("{\"jsonrpc\":\"2.0\",\"id\":"), buf_str(&call->id),
            STR(",\"result\":"), result, STR("}")};

    answer(call, parts, 5);
}

void call_error(struct call *call, int code, const char *text)
{
    struct buf out = BUF_INIT;

    message_put_error(&out, buf_str(&call->id), code, text);
    struct str part = buf_str(&out);
    answer(call, &part, 1);
    buf_release(&out);
}

/* What a person said of the call goes in front of its content. */
static bool add_note(struct call *call, struct str result, struct buf *ret)
{
    struct str note = call->judged ? buf_str(&call->judged->note) : STR("");
    struct json_member m[] = {{.name = "content"}};

    if (!note.n || json_slice_object(result, m, 1, NULL) < 0 || m[0].value.n < 2 ||
            m[0].value.p[0] != '[')
        return false;
    struct str rest = {m[0].value.p + 1, m[0].value.n - 1};
    while (rest.n && strchr(" \t\r\n", *rest.p))
        rest = (struct str){rest.p + 1, rest.n - 1};
    buf_append(ret, result.p, (size_t)(rest.p - result.p));
    buf_puts(ret, "{\"type\":\"text\",\"text\":");
    json_put_text(ret, note);
    buf_putc(ret, '}');
    if (*rest.p != ']')
        buf_putc(ret, ',');
    buf_append(ret, rest.p, (size_t)(result.p + result.n - rest.p));
    return true;
}

void call_relay(struct call *call, const struct message *msg)
{
    struct splice splice = {.text = msg->text};
    struct str parts[SPLICE_PARTS];
    struct buf mapped = BUF_INIT, noted = BUF_INIT;

    if (msg->kind == MESSAGE_RESULT) {
        struct str result = msg->result;

        if (paths_to_box(call->agent->mcp, result, &mapped))
            result = buf_str(&mapped);
        if (add_note(call, result, &noted))
            result = buf_str(&noted);
        if (result.p != msg->result.p)
            splice_put(&splice, msg->result, result);
    }
    if (msg->id.n)
        splice_put(&splice, msg->id, buf_str(&call->id));
    answer(call, parts, splice_parts(&splice, parts));
    buf_release(&mapped);
    buf_release(&noted);
}

void call_notify(struct call *call, const struct splice *splice)
{
    agent_notify(call->agent, buf_str(&call->id), splice);
}

/* --- what it says --------------------------------------------------------------------------
 */

/* False: it is there and no token. */
static bool take_token(struct call *call, struct str meta)
{
    struct json_member m[] = {{.name = "progressToken"}};
    struct str content;

    if (!meta.p || buf_len(&call->token))
        return true;
    if (!json_raw_is_object(meta) || json_slice_object(meta, m, 1, NULL) < 0)
        return false;
    if (!m[0].value.p)
        return true;
    if (!json_raw_is_number(m[0].value) && !json_raw_is_string(m[0].value, &content))
        return false;
    buf_append_str(&call->token, m[0].value);
    call->token_place = m[0].value;
    return true;
}

bool call_params(struct call *call, struct json_member *members, size_t count)
{
    struct json_member all[MEMBERS] = {{.name = "_meta"}};
    struct str params = call->msg.params.n ? call->msg.params : STR("{}");
    struct err err;

    CHECK(count < MEMBERS);
    memcpy(all + 1, members, count * sizeof(*members));
    if (!json_raw_is_object(params)) {
        call_error(call, JSONRPC_PARAMS, "the parameters are no object");
        return false;
    }
    if (json_slice_object(params, all, count + 1, &err) < 0) {
        call_error(call, JSONRPC_PARAMS, err.msg);
        return false;
    }
    if (!take_token(call, all[0].value)) {
        call_error(call, JSONRPC_PARAMS, "_meta is none, or its progressToken");
        return false;
    }
    memcpy(members, all + 1, count * sizeof(*members));
    return true;
}

/* --- waiting -------------------------------------------------------------------------------
 */

void call_wait(struct call *call, struct call **queue)
{
    while (*queue)
        queue = &(*queue)->next_waiting;
    *queue = call;
    call->prev_waiting = queue;
    call->next_waiting = NULL;
}

void calls_run(struct call **queue)
{
    struct call *list = *queue;

    *queue = NULL;
    if (list)
        list->prev_waiting = &list;
    while (list) {
        struct call *call = list;

        leave_queue(call);
        call->method->run(call);
    }
}
