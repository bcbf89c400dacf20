/*
 * explain.c - a judgement, told step by step.
 *
 * It asks the same functions in the same order as call_eval.c and decides nothing: the verdict
 * that is shown at the end is that of policy_eval_call().
 */
#include "policy/judge.h"

struct teller {
    struct judge judge;
    void (*step)(void *ctx, const char *line);
    void *ctx; /* borrows */
    struct buf line;
};

static const char *match_name(enum match match)
{
    return match == MATCH_YES ? "yes" : match == MATCH_NO ? "no" : "cannot tell";
}

static void say(struct teller *teller)
{
    buf_putc(&teller->line, '\0');
    teller->step(teller->ctx, buf_data(&teller->line));
    buf_clear(&teller->line);
}

static void put_shown(struct teller *teller, struct str text)
{
    char shown[300];

    buf_puts(&teller->line, str_vis(shown, sizeof(shown), text));
}

/* What a string is as a path: the kernel's reading, and the others if they differ. */
static void tell_path(struct teller *teller, struct arg *arg)
{
    const struct readings *r = judge_readings(&teller->judge, arg);

    buf_puts(&teller->line, "path   ");
    put_shown(teller, arg->name);
    buf_puts(&teller->line, " \"");
    put_shown(teller, arg->text);
    buf_puts(&teller->line, "\"");
    for (size_t i = 0; i < r->count; i++) {
        buf_puts(&teller->line, i ? " or " : " is ");
        put_shown(teller, readings_item(r, i));
    }
    if (r->why)
        buf_printf(&teller->line, "; not certain: %s", r->why);
    if (!r->exists)
        buf_puts(&teller->line, " (not there)");
    say(teller);
}

static void tell_paths(struct teller *teller)
{
    for (size_t i = 1; i < teller->judge.args.count; i++) {
        struct arg *arg = &teller->judge.args.items[i];

        if (arg->kind == ARG_STRING && judge_look(&teller->judge, arg) == LOOK_PATH &&
                !judge_readings(&teller->judge, arg)->is_url)
            tell_path(teller, arg);
    }
}

static void tell_cond(struct teller *teller, const struct rule *rule, const struct cond *cond,
        enum match match)
{
    buf_printf(&teller->line, "         %s: %s %s", match_name(match), cond->arg,
            cond_op_name(cond->op));
    for (size_t i = 0; i < cond->value_count; i++) {
        buf_putc(&teller->line, ' ');
        put_shown(teller, (struct str){cond->values[i].text, cond->values[i].n});
    }
    if (match == MATCH_UNKNOWN)
        buf_puts(&teller->line,
                rule->verb == VERDICT_ALLOW ? " (does not allow)" : " (counts as yes)");
    say(teller);
}

/* True if the rule decides. */
static bool tell_rule(struct teller *teller, const struct rule *rule)
{
    enum match matches[64];
    enum match match = MATCH_YES;
    size_t count = rule->cond_count < 64 ? rule->cond_count : 64;

    for (size_t i = 0; i < rule->cond_count; i++) {
        enum match one = cond_match(&teller->judge, &rule->conds[i], rule->verb);

        if (i < count)
            matches[i] = one;
        match = one < match ? one : match;
    }
    bool decides =
            match == MATCH_YES || (match == MATCH_UNKNOWN && rule->verb != VERDICT_ALLOW);
    buf_printf(&teller->line, "%-6s %s: %s", verdict_name(rule->verb), rule->where,
            decides ? "matches" : "does not match");
    say(teller);
    for (size_t i = 0; i < count; i++)
        tell_cond(teller, rule, &rule->conds[i], matches[i]);
    return decides;
}

static bool tell_rules(struct teller *teller, bool denies)
{
    const struct policy *policy = teller->judge.policy;
    unsigned about = 0;

    for (size_t i = 0; i < policy->count; i++) {
        const struct rule *rule = &policy->rules[i];

        if (rule->is_net || denies != (rule->verb == VERDICT_DENY) ||
                !rule_takes(rule, teller->judge.call))
            continue;
        about++;
        if (tell_rule(teller, rule))
            return true;
    }
    if (about == 0) {
        buf_puts(&teller->line, denies ? "deny   no such rule is about this tool"
                                       : "rules  no ask or allow is about this tool");
        say(teller);
    }
    return false;
}

static void tell(struct teller *teller)
{
    struct verdict verdict;

    tell_paths(teller);
    if (call_is_forbidden(&teller->judge, &verdict)) {
        buf_printf(&teller->line, "never  %s: %s", verdict.rule, verdict.reason);
        say(teller);
        return;
    }
    buf_puts(&teller->line, "never  nothing that the program itself forbids");
    say(teller);
    if (tell_rules(teller, true) || tell_rules(teller, false))
        return;
    buf_printf(&teller->line, "else   default mcp %s",
            verdict_name(teller->judge.policy->mcp.kind));
    say(teller);
}

void policy_explain_call(const struct policy *policy, const struct policy_world *world,
        const struct call_request *call, void (*step)(void *ctx, const char *line), void *ctx)
{
    struct teller teller = {.judge = {.policy = policy, .world = world, .call = call},
            .step = step,
            .ctx = ctx,
            .line = BUF_INIT};
    const char *why;

    folders_turn(policy->folders, world);
    if (args_read(&teller.judge.args, call->arguments, &why)) {
        tell(&teller);
    } else {
        buf_printf(&teller.line, "never  structural: arguments: %s", why);
        say(&teller);
    }
    args_release(&teller.judge.args);
    buf_release(&teller.line);
}
