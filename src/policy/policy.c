/*
 * policy.c - loading, freeing and describing a policy.
 */
#include "policy/policy.h"

#include "base/assets.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "policy/judge.h"
#include "policy/rule.h"
#include "policy/selftest.h"

#define DEFAULT_POLICY "default.policy.rules"

const char *verdict_name(enum verdict_kind kind)
{
    switch (kind) {
    case VERDICT_DENY:
        return "deny";
    case VERDICT_ASK:
        return "ask";
    case VERDICT_ALLOW:
        return "allow";
    }
    CHECK_UNREACHABLE();
}

const char *risk_name(enum risk risk)
{
    switch (risk) {
    case RISK_LOW:
        return "low";
    case RISK_MED:
        return "med";
    case RISK_HIGH:
        return "high";
    }
    CHECK_UNREACHABLE();
}

static struct policy *policy_new(const char *name)
{
    struct policy *policy = xcalloc(1, sizeof(*policy));
    size_t n = strlen(name);

    policy->folders = folders_new();
    policy->hash = UINT64_C(0xcbf29ce484222325);
    if (n < sizeof(policy->name))
        snprintf(policy->name, sizeof(policy->name), "%s", name);
    else
        snprintf(policy->name, sizeof(policy->name), "..%s",
                name + n - (sizeof(policy->name) - 3));
    return policy;
}

static struct policy *parse(struct str text, const char *name, bool test, struct err *err)
{
    struct policy *policy = policy_new(name);
    int rc = rules_parse(policy, text, err);

    if (rc == 0 && test)
        rc = policy_run_tests(policy, &selftest_world, err);
    if (rc < 0) {
        policy_free(policy);
        return NULL;
    }
    snprintf(policy->version, sizeof(policy->version), "%016llx",
            (unsigned long long)policy->hash);
    return policy;
}

struct policy *policy_parse(struct str text, const char *name, struct err *err)
{
    return parse(text, name, true, err);
}

struct policy *policy_load(const char *path, struct err *err)
{
    struct buf text = BUF_INIT;
    struct policy *policy = NULL;

    if (!path)
        return parse(asset_get(DEFAULT_POLICY), DEFAULT_POLICY, false, err);
    if (file_read(path, LIMIT_FILE, &text, err) == 0)
        policy = policy_parse(buf_str(&text), path, err);
    buf_release(&text);
    return policy;
}

static int check_answers(const struct policy *policy, struct str text, struct err *err)
{
    const char *name = policy->name;

    for (size_t i = 0; i < policy->count; i++)
        if (policy->rules[i].verb == VERDICT_ASK)
            return err_set(err, ERR_CONFIG, "%s:%u: an answer is 'allow ...' or 'deny ...'",
                    name, policy->rules[i].line);
    if (policy->net.line || policy->mcp.line)
        return err_set(err, ERR_CONFIG, "%s:%u: a default has no place among the answers", name,
                policy->net.line ? policy->net.line : policy->mcp.line);
    if (text.n && text.p[text.n - 1] != '\n')
        return err_set(
                err, ERR_CONFIG, "%s: the last line is not ended, so it may be cut off", name);
    return 0;
}

static bool is_exact(const struct rule *rule)
{
    return rule->is_net ? pattern_is_exact(&rule->net) : rule_is_exact(rule);
}

/* Exact lines before wider ones, or an exact answer about a high risk would never be seen
 * behind a wide one that does not reach it. Lines keep their numbers. */
static void arrange_answers(struct policy *policy)
{
    struct rule *rules = xcalloc(policy->count + 1, sizeof(*rules));
    size_t n = 0;

    for (int wide = 0; wide < 2; wide++)
        for (size_t i = 0; i < policy->count; i++)
            if (is_exact(&policy->rules[i]) == !wide)
                rules[n++] = policy->rules[i];
    for (size_t i = 0; i < n; i++)
        if (!rules[i].reason)
            rules[i].reason = xstrdup("the human answered so before");
    free(policy->rules);
    policy->rules = rules;
    index_build(&policy->index, policy);
}

struct policy *policy_parse_answers(struct str text, const char *name, struct err *err)
{
    struct policy *policy = policy_parse(text, name, err);

    if (policy && check_answers(policy, text, err) < 0) {
        policy_free(policy);
        return NULL;
    }
    if (policy)
        arrange_answers(policy);
    return policy;
}

static void rule_release(struct rule *rule)
{
    pattern_release(&rule->net);
    targets_free(rule->targets, rule->target_count);
    conds_free(rule->conds, rule->cond_count);
    free(rule->text);
    free(rule->where);
    free(rule->reason);
}

struct policy *policy_parse_repository(struct str text, const char *name, struct err *err)
{
    struct policy *policy = policy_parse(text, name, err);
    size_t kept = 0;

    if (!policy)
        return NULL;
    for (size_t i = 0; i < policy->count; i++) {
        if (policy->rules[i].verb == VERDICT_ALLOW)
            rule_release(&policy->rules[i]);
        else
            policy->rules[kept++] = policy->rules[i];
    }
    policy->count = kept;
    policy->net = policy->mcp = (struct fallback){.kind = VERDICT_ASK};
    index_build(&policy->index, policy);
    return policy;
}

int policy_reload(struct policy *policy, const char *path, struct err *err)
{
    struct policy *fresh = policy_load(path, err);

    if (!fresh)
        return err ? err->code : ERR_CONFIG;
    bool is_same = strcmp(fresh->version, policy->version) == 0 &&
                   strcmp(fresh->name, policy->name) == 0;
    struct policy old = *policy;
    *policy = *fresh;
    *fresh = old;
    policy_free(fresh);
    return is_same;
}

void policy_free(struct policy *policy)
{
    if (!policy)
        return;
    for (size_t i = 0; i < policy->count; i++)
        rule_release(&policy->rules[i]);
    selftests_free(policy->tests, policy->test_count);
    free(policy->rules);
    index_release(&policy->index);
    folders_free(policy->folders);
    free(policy);
}

const char *policy_version(const struct policy *policy)
{
    return policy->version;
}

const char *policy_name(const struct policy *policy)
{
    return policy->name;
}

unsigned policy_rule_count(const struct policy *policy, enum verdict_kind kind)
{
    unsigned count = 0;

    for (size_t i = 0; i < policy->count; i++)
        count += policy->rules[i].verb == kind;
    return count;
}

unsigned policy_test_count(const struct policy *policy)
{
    return (unsigned)policy->test_count;
}
