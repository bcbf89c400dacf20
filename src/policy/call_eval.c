/*
 * call_eval.c - judging a tool call: the order of the steps, and what is sent if it may be.
 */
#include "base/mem.h"
#include "policy/judge.h"
#include "policy/risk.h"
#include "policy/verdict.h"

/* Tools with one of these in their name act on a link, not on what it leads to. */
static const char *const on_links[] = {
        "delete", "remove", "unlink", "move", "rename", "rm", "rmdir", "mv"};

/* --- rules ------------------------------------------------------------------------------ */

bool rule_takes(const struct rule *rule, const struct call_request *call)
{
    for (size_t i = 0; i < rule->target_count; i++)
        if (target_takes(&rule->targets[i], call->server, call->tool))
            return true;
    return false;
}

/* All conditions hold; the least certain one decides how certain that is. */
static enum match match_rule(struct judge *judge, const struct rule *rule)
{
    enum match match = MATCH_YES;

    if (!rule_takes(rule, judge->call))
        return MATCH_NO;
    for (size_t i = 0; i < rule->cond_count && match != MATCH_NO; i++) {
        enum match one = cond_match(judge, &rule->conds[i], rule->verb);
        match = one < match ? one : match;
    }
    return match;
}

static const struct rule *find(struct judge *judge, bool denies, enum match *ret_match)
{
    struct index_walk walk;
    size_t i;

    index_walk(&walk, &judge->policy->index, judge->call->server, judge->call->tool, denies);
    while (index_next(&walk, &i)) {
        const struct rule *rule = &judge->policy->rules[i];
        enum match match = match_rule(judge, rule);
        if (match == MATCH_YES || (match == MATCH_UNKNOWN && rule->verb != VERDICT_ALLOW)) {
            *ret_match = match;
            return rule;
        }
    }
    return NULL;
}

static void apply(const struct rule *rule, enum match match, struct verdict *ret)
{
    const char *reason = rule->reason;

    if (!reason)
        reason = match == MATCH_UNKNOWN ? "the rule may apply; it cannot be told for certain"
                                        : "the rule gives no reason";
    verdict_fill(ret, rule->verb, rule->text, rule->where, reason);
    ret->timeout_ms = rule->timeout_ms;
    ret->is_exact = rule_is_exact(rule);
    if (rule->has_risk)
        ret->risk = rule->risk;
}

static void apply_default(const struct policy *policy, struct verdict *ret)
{
    char where[sizeof(ret->where)] = "built in";
    char rule[32];

    if (policy->mcp.line)
        snprintf(where, sizeof(where), "%s:%u", policy->name, policy->mcp.line);
    snprintf(rule, sizeof(rule), "default mcp %s", verdict_name(policy->mcp.kind));
    verdict_fill(ret, policy->mcp.kind, rule, where, "no rule names this call");
    ret->by_default = true;
}

static const struct rule *judge_rules(struct judge *judge, struct verdict *ret)
{
    enum match match = MATCH_NO;
    const struct rule *rule = find(judge, true, &match);

    if (!rule)
        rule = find(judge, false, &match);
    if (rule)
        apply(rule, match, ret);
    else
        apply_default(judge->policy, ret);
    return rule;
}

/* --- what is sent ------------------------------------------------------------------------ */

static char *edited(struct judge *judge, struct arg *arg)
{
    if (arg->kind != ARG_STRING)
        return NULL;
    if (arg->is_judged) {
        const struct readings *r = judge_readings(judge, arg);
        return r->differs && !r->why
                       ? readings_judged(r, tool_says(judge->call->tool, on_links,
                                                    sizeof(on_links) / sizeof(on_links[0])))
                       : NULL;
    }
    return judge_look(judge, arg) == LOOK_PATH ? path_unboxed(judge->world, arg->text) : NULL;
}

static void make_edits(struct judge *judge, const struct rule *rule, struct call_edits *edits)
{
    judge->is_marking = true;
    if (rule && rule->verb == VERDICT_ALLOW)
        (void)match_rule(judge, rule);
    for (size_t i = 1; i < judge->args.count; i++) {
        struct arg *arg = &judge->args.items[i];
        char *text = edited(judge, arg);

        if (!text)
            continue;
        edits->items = xrealloc(edits->items, (edits->count + 1) * sizeof(*edits->items));
        edits->items[edits->count++] = (struct call_edit){arg->at, arg->len, text};
    }
}

void policy_restrict_call(const struct policy *repository, const struct policy_world *world,
        const struct call_request *call, struct verdict *verdict)
{
    struct verdict other;

    if (!repository || verdict->kind == VERDICT_DENY)
        return;
    policy_eval_call(repository, world, call, &other, NULL);
    if (!other.by_default && other.kind < verdict->kind)
        *verdict = other;
}

/* Is one of its paths, as the kernel walks it, out of the workspace? By its text it may be in
 * there: then a link leads out. */
static bool leads_out(struct judge *judge)
{
    struct str workspace = str_of(judge->world ? judge->world->workspace : NULL);

    for (size_t i = 1; workspace.n && i < judge->args.count; i++) {
        struct arg *arg = &judge->args.items[i];

        if (arg->kind != ARG_STRING || judge_look(judge, arg) != LOOK_PATH)
            continue;
        const struct readings *r = judge_readings(judge, arg);
        if (!r->is_url && !r->why && !path_is_in(readings_item(r, r->real), workspace))
            return true;
    }
    return false;
}

void policy_eval_call(const struct policy *policy, const struct policy_world *world,
        const struct call_request *call, struct verdict *ret, struct call_edits *edits)
{
    struct judge judge; /* its list of arguments is large and need not be zero */
    const struct rule *rule = NULL;
    const char *why = NULL;

    if (edits)
        *edits = (struct call_edits){0};
    judge.policy = policy;
    judge.world = world;
    judge.call = call;
    judge.is_marking = false;
    folders_turn(policy->folders, world);
    if (!args_read(&judge.args, call->arguments, &why))
        verdict_forbid(ret, "structural: arguments", why);
    else if (!call_is_forbidden(&judge, ret))
        rule = judge_rules(&judge, ret);
    if (edits && ret->kind != VERDICT_DENY)
        make_edits(&judge, rule, edits);
    bool is_out = ret->kind == VERDICT_ASK && leads_out(&judge);
    args_release(&judge.args);
    if (ret->kind == VERDICT_ASK)
        verdict_warn_call(ret, world, call, is_out);
}
