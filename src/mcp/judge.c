/*
 * judge.c - what becomes of a call before it is sent: policy, the person, the row.
 *
 *     judge() -> ALLOW  go(call)
 *             -> DENY   refused, at once
 *             -> ASK    waits in the gate -> approved: policy once more, then go(call)
 *                                         -> anything else: refused
 *
 * While a person is asked, an agent that wants progress gets some, because agents give up on
 * calls that are silent. Policy is asked again after the person: what a path means may have
 * changed meanwhile, and a deny then wins over the answer.
 */
#include "base/limits.h"
#include "base/mem.h"
#include "mcp/mcp_priv.h"
#include "mcp/redact.h"

#define BEAT_MS 5000
#define SUBJECT_ARGUMENTS 200

/* --- the row -------------------------------------------------------------------------------
 */

static void put_row(struct call *call)
{
    const struct mcp_config *config = &call->agent->mcp->config;
    struct request_record *rec = &call->judged->rec;

    if (config->store)
        store_put_request(config->store, rec);
    if (config->on_request)
        config->on_request(config->ctx, rec);
}

static void begin_row(struct call *call, const struct target *target, const struct verdict *v)
{
    static const enum request_decision decisions[] = {
            [VERDICT_DENY] = REQUEST_DENY,
            [VERDICT_ASK] = REQUEST_HELD,
            [VERDICT_ALLOW] = REQUEST_ALLOW,
    };
    const struct mcp_config *config = &call->agent->mcp->config;
    struct judged *judged = call->judged;
    struct request_record *rec = &judged->rec;

    redact(target->arguments.n ? target->arguments : STR("{}"), LIMIT_MCP_ARGUMENTS,
            &judged->arguments);
    buf_putc(&judged->arguments, '\0');
    *rec = (struct request_record){
            .id = config->store ? store_next_id(config->store) : 0,
            .started_ms = clock_wall_ms(),
            .kind = "mcp",
            .decision = decisions[v->kind],
            .bytes_up = buf_len(&call->text),
            .first_byte_ms = -1,
            .total_ms = -1,
            .inspected = true,
            .cost_micro = -1,
            .arguments = buf_data(&judged->arguments),
    };
    (void)str_copy(rec->session, sizeof(rec->session), str_of(config->session));
    (void)str_copy(rec->method, sizeof(rec->method), str_of(target->method));
    (void)str_copy(rec->host, sizeof(rec->host), str_of(target->server->spec->name));
    str_vis(rec->path, sizeof(rec->path), target->what);
    (void)str_copy(rec->rule, sizeof(rec->rule), str_of(v->rule));
    (void)str_copy(rec->reason, sizeof(rec->reason), str_of(v->reason));
}

void record_unknown(struct call *call, struct str tool)
{
    const struct mcp_config *config = &call->agent->mcp->config;
    struct request_record rec = {
            .started_ms = clock_wall_ms(),
            .kind = "mcp",
            .method = "call",
            .decision = REQUEST_DENY,
            .reason = "no server has such a tool",
            .result = "error",
            .bytes_up = buf_len(&call->text),
            .first_byte_ms = -1,
            .inspected = true,
            .cost_micro = -1,
            .done = true,
    };

    (void)str_copy(rec.session, sizeof(rec.session), str_of(config->session));
    str_vis(rec.path, sizeof(rec.path), tool);
    rec.id = config->store ? store_next_id(config->store) : 0;
    if (config->store)
        store_put_request(config->store, &rec);
    if (config->on_request)
        config->on_request(config->ctx, &rec);
}

void judged_end(struct call *call, const char *result, size_t bytes)
{
    struct judged *judged = call->judged;
    const struct mcp_config *config = &call->agent->mcp->config;

    if (!judged || judged->rec.done || !judged->rec.id)
        return;
    judged->rec.done = true;
    judged->rec.total_ms = (int64_t)(loop_now_ms(config->loop) - judged->start_ms);
    judged->rec.bytes_down = bytes;
    (void)str_copy(judged->rec.result, sizeof(judged->rec.result), str_of(result));
    put_row(call);
}

void judged_free(struct judged *judged)
{
    if (!judged)
        return;
    if (judged->ticket)
        gate_cancel(judged->server->mcp->config.gate, judged->ticket);
    timer_free(judged->beat);
    buf_release(&judged->arguments);
    buf_release(&judged->what);
    buf_release(&judged->by_person);
    buf_release(&judged->note);
    buf_release(&judged->edited);
    buf_release(&judged->name);
    free(judged);
}

/* --- refusing ------------------------------------------------------------------------------
 */

void call_refuse(struct call *call, const char *text)
{
    struct buf out = BUF_INIT;

    if (call->judged)
        judged_end(call, "error", 0);
    if (strcmp(call->method->name, "tools/call") != 0) {
        call_error(call, JSONRPC_INTERNAL, text);
        return;
    }
    buf_puts(&out, "{\"content\":[{\"type\":\"text\",\"text\":");
    json_put_text(&out, str_of(text));
    buf_puts(&out, "}],\"isError\":true}");
    call_result(call, buf_str(&out));
    buf_release(&out);
}

/* "Denied by ironcurtain: files/x was not run. ..." */
static void refuse(struct call *call, const char *who, const char *why, const char *again)
{
    const struct judged *judged = call->judged;
    char what[200];
    char *text = xasprintf("Denied by ironcurtain: %s/%s was not %s. %s%s%s %s",
            judged->server->spec->name, str_vis(what, sizeof(what), buf_str(&judged->what)),
            strcmp(call->method->name, "tools/call") == 0 ? "run" : "read", who, why,
            why[0] && why[strlen(why) - 1] == '.' ? "" : ".", again);

    call_refuse(call, text);
    free(text);
}

static void refuse_by_rule(struct call *call, const struct verdict *verdict)
{
    refuse(call, "The user's rules forbid it: ",
            verdict->reason[0] ? verdict->reason : verdict->rule,
            "Calling it again in the same way will not help.");
}

/* --- asking --------------------------------------------------------------------------------
 */

static struct policy_world world_of(const struct mcp *mcp, const struct target *target)
{
    const struct policy_world *world = mcp->config.world;
    struct policy_world ret = world ? *world : (struct policy_world){0};

    ret.cwd = mcpserver_cwd(target->server);
    return ret;
}

static struct call_request request_of(const struct target *target)
{
    return (struct call_request){
            str_of(target->server->spec->name), target->what, target->arguments};
}

/* `use`: answers of the human count, and are used up. */
static void eval(const struct mcp *mcp, const struct target *target, bool use,
        struct verdict *ret, struct call_edits *edits)
{
    const struct mcp_config *config = &mcp->config;
    struct policy_world world = world_of(mcp, target);
    struct call_request request = request_of(target);

    if (use)
        grants_judge_call(
                config->grants, config->policy, config->session, &request, &world, ret, edits);
    else
        policy_eval_call(config->policy, &world, &request, ret, edits);
}

bool judge_quietly(struct mcp *mcp, const struct target *target)
{
    struct verdict verdict;

    eval(mcp, target, false, &verdict, NULL);
    return verdict.kind == VERDICT_ALLOW;
}

static bool take_edits(struct call *call, const struct target *target, struct call_edits *edits)
{
    bool fine = true;

    buf_clear(&call->judged->edited);
    if (edits->count)
        fine = call_rewrite(target->arguments, edits, &call->judged->edited);
    call_edits_release(edits);
    return fine;
}

static struct target target_of(const struct judged *judged, struct str arguments)
{
    return (struct target){
            judged->server, judged->rec.method, buf_str(&judged->what), arguments};
}

/* What a person makes of the arguments. */
static void judge_edited(void *ctx, struct str arguments, struct verdict *ret)
{
    struct call *call = ctx;
    struct target target = target_of(call->judged, arguments);

    eval(call->agent->mcp, &target, false, ret, NULL);
}

/* The row tells what is sent; what was asked for is in that of the question. */
static void take_edited(struct judged *judged, struct str arguments)
{
    buf_append_str(&judged->by_person, arguments);
    buf_clear(&judged->arguments);
    redact(arguments, LIMIT_MCP_ARGUMENTS, &judged->arguments);
    buf_putc(&judged->arguments, '\0');
    judged->rec.arguments = buf_data(&judged->arguments);
}

/* What the agent reads beside the result: it must not take the call for what it asked for. */
static void make_note(struct judged *judged, const char *message)
{
    struct str shown = {buf_data(&judged->arguments), buf_len(&judged->arguments) - 1};

    if (buf_len(&judged->by_person))
        buf_printf(&judged->note,
                "The user changed the arguments of this call before it ran. They were: %.*s",
                STR_ARG(shown));
    if (*message)
        buf_printf(&judged->note, "%sThe user says: %s", buf_len(&judged->note) ? "\n" : "",
                message);
}

/* A person has said yes. */
static void go_again(struct call *call)
{
    struct judged *judged = call->judged;
    struct target target =
            target_of(judged, buf_len(&judged->by_person) ? buf_str(&judged->by_person)
                                                          : judged->arguments_place);
    struct call_edits edits = {0};
    struct verdict verdict;

    eval(call->agent->mcp, &target, false, &verdict, &edits);
    if (verdict.kind == VERDICT_DENY || !take_edits(call, &target, &edits)) {
        call_edits_release(&edits);
        judged->rec.decision = REQUEST_DENY;
        refuse_by_rule(call, &verdict);
        return;
    }
    if (buf_len(&judged->by_person) && !buf_len(&judged->edited))
        buf_append_str(&judged->edited, target.arguments);
    put_row(call);
    call_forward(call);
}

/* Who said no? */
static enum request_decision refused_by(struct gate *gate, uint64_t escalation)
{
    const struct gate_item *item;

    for (unsigned i = 0; (item = gate_recent(gate, i)); i++) {
        if (item->rec.id == escalation)
            return item->rec.state == ESC_EXPIRED ? REQUEST_EXPIRED : REQUEST_REFUSED;
    }
    return REQUEST_REFUSED;
}

static void on_decided(void *ctx, bool allowed, const char *reason)
{
    struct call *call = ctx;
    struct judged *judged = call->judged;
    const struct mcp_config *config = &call->agent->mcp->config;

    struct str edited = gate_edited(config->gate, judged->ticket);
    const char *message = gate_message(config->gate, judged->ticket);

    judged->ticket = 0;
    timer_stop(judged->beat);
    judged->rec.waited_ms = (int64_t)(loop_now_ms(config->loop) - judged->asked_ms);
    if (allowed) {
        if (edited.p)
            take_edited(judged, edited);
        make_note(judged, message);
        judged->rec.decision = REQUEST_APPROVED;
        go_again(call);
        return;
    }
    judged->rec.decision = refused_by(config->gate, judged->rec.escalation);
    refuse(call, "", reason,
            judged->rec.decision == REQUEST_EXPIRED
                    ? "Nobody was there; it may be asked for again later."
                    : "Calling it again in the same way will not help.");
}

/* Small numbers, so that those of the server are larger. */
static void on_beat(void *ctx)
{
    struct call *call = ctx;
    struct buf text = BUF_INIT;

    buf_printf(&text,
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{"
            "\"progressToken\":%.*s,\"progress\":0.%06u,"
            "\"message\":\"waiting for the user's approval\"}}",
            STR_ARG(buf_str(&call->token)), ++call->judged->beats);
    struct splice splice = {.text = buf_str(&text)};
    call_notify(call, &splice);
    buf_release(&text);
    timer_start(call->judged->beat, BEAT_MS);
}

static void ask(struct call *call, const struct target *target, const struct verdict *verdict)
{
    const struct mcp_config *config = &call->agent->mcp->config;
    struct judged *judged = call->judged;
    struct buf subject = BUF_INIT, detail = BUF_INIT;
    struct str shown = {buf_data(&judged->arguments), buf_len(&judged->arguments) - 1};
    struct policy_world world = world_of(call->agent->mcp, target);
    struct call_request request = request_of(target);

    if (shown.n > SUBJECT_ARGUMENTS)
        shown.n = SUBJECT_ARGUMENTS;
    buf_printf(&detail, "%s/", target->server->spec->name);
    buf_append_str(&detail, target->what);
    buf_append_str(&subject, buf_str(&detail));
    buf_putc(&subject, ' ');
    buf_append_str(&subject, shown);
    buf_putc(&detail, '\n');
    buf_append_str(&detail, target->arguments.n ? target->arguments : STR("{}"));
    const struct gate_question question = {
            .session = config->session,
            .label = config->label,
            .agent = config->agent,
            .kind = "mcp",
            .subject = buf_str(&subject),
            .detail = buf_str(&detail),
            .verdict = *verdict,
            .policy_version = policy_version(config->policy),
            .call = &request,
            .world = &world,
            .judge = target->arguments.n ? judge_edited : NULL,
    };
    judged->asked_ms = loop_now_ms(config->loop);
    judged->ticket = gate_ask(config->gate, &question, on_decided, call);
    judged->rec.escalation = gate_item_id(config->gate, judged->ticket);
    buf_release(&subject);
    buf_release(&detail);
    put_row(call);
    if (buf_len(&call->token))
        timer_start(judged->beat, BEAT_MS);
}

void judge(struct call *call, const struct target *target)
{
    const struct mcp_config *config = &call->agent->mcp->config;
    struct judged *judged = call->judged;
    struct call_edits edits = {0};
    struct verdict verdict;

    judged->server = target->server;
    judged->start_ms = loop_now_ms(config->loop);
    judged->beat = timer_new(config->loop, on_beat, call);
    buf_append_str(&judged->what, target->what);
    if (config->store && store_failed(config->store)) {
        refuse(call, "The audit cannot be written", "", "Calling it again will not help.");
        return;
    }
    eval(call->agent->mcp, target, true, &verdict, &edits);
    begin_row(call, target, &verdict);
    if (!take_edits(call, target, &edits)) {
        verdict.kind = VERDICT_DENY;
        judged->rec.decision = REQUEST_DENY;
    }
    if (verdict.kind == VERDICT_ASK && config->gate) {
        ask(call, target, &verdict);
    } else if (verdict.kind == VERDICT_ALLOW) {
        put_row(call);
        call_forward(call);
    } else if (verdict.kind == VERDICT_ASK) {
        judged->rec.decision = REQUEST_DENY;
        refuse(call, "It needs the user's approval, and nobody can be asked", "",
                "Calling it again will not help.");
    } else {
        refuse_by_rule(call, &verdict);
    }
}
