/*
 * call_eval.c - judging a tool call: the order of the steps.
 */
#include "policy/args.h"
#include "policy/call.h"
#include "policy/rule.h"

struct judge {
    const struct policy *policy;
    const struct policy_world *world;
    const struct call_request *call;
    struct args args;
};

static void fill(struct verdict *ret, enum verdict_kind kind, const char *rule,
        const char *where, const char *reason)
{
    *ret = (struct verdict){.kind = kind, .risk = RISK_MED};
    snprintf(ret->rule, sizeof(ret->rule), "%s", rule);
    snprintf(ret->where, sizeof(ret->where), "%s", where);
    snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

static enum match match_rule(const struct judge *judge, const struct rule *rule)
{
    for (size_t i = 0; i < rule->target_count; i++)
        if (target_takes(&rule->targets[i], judge->call->server, judge->call->tool))
            return rule->cond_count ? MATCH_UNKNOWN : MATCH_YES;
    return MATCH_NO;
}

static const struct rule *find(const struct judge *judge, bool denies, enum match *ret_match)
{
    for (size_t i = 0; i < judge->policy->count; i++) {
        const struct rule *rule = &judge->policy->rules[i];

        if (rule->is_net || denies != (rule->verb == VERDICT_DENY))
            continue;
        enum match match = match_rule(judge, rule);
        if (match == MATCH_YES || (match == MATCH_UNKNOWN && rule->verb != VERDICT_ALLOW)) {
            *ret_match = match;
            return rule;
        }
    }
    return NULL;
}

static void apply(const struct policy *policy, const struct rule *rule, enum match match,
        struct verdict *ret)
{
    char where[sizeof(ret->where)];
    const char *reason = rule->reason;

    if (!reason)
        reason = match == MATCH_UNKNOWN ? "the rule may apply; it cannot be told for certain"
                                        : "the rule gives no reason";
    snprintf(where, sizeof(where), "%s:%u", policy->name, rule->line);
    fill(ret, rule->verb, rule->text, where, reason);
    ret->timeout_ms = rule->timeout_ms;
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
    fill(ret, policy->mcp.kind, rule, where, "no rule names this tool");
    ret->by_default = true;
}

static void judge_rules(const struct judge *judge, struct verdict *ret)
{
    enum match match = MATCH_NO;
    const struct rule *rule = find(judge, true, &match);

    if (!rule)
        rule = find(judge, false, &match);
    if (rule)
        apply(judge->policy, rule, match, ret);
    else
        apply_default(judge->policy, ret);
}

void policy_eval_call(const struct policy *policy, const struct policy_world *world,
        const struct call_request *call, struct verdict *ret, struct call_edits *edits)
{
    struct judge judge = {.policy = policy, .world = world, .call = call};
    const char *why = NULL;

    if (edits)
        *edits = (struct call_edits){0};
    if (args_read(&judge.args, call->arguments, &why))
        judge_rules(&judge, ret);
    else
        fill(ret, VERDICT_DENY, "structural: arguments", "built in", why);
    args_release(&judge.args);
}
