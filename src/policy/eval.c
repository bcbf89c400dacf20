/*
 * eval.c - judging a request.
 *
 * The order is fixed: what the program itself forbids, any deny that matches or cannot be
 * told, ask and allow in file order, the default. Deny and ask take "cannot tell" as a
 * match, allow does not.
 */
#include "policy/host.h"
#include "policy/risk.h"
#include "policy/rule.h"
#include "policy/verdict.h"

static bool forbidden(const struct net_request *req, struct verdict *ret)
{
    char why[sizeof(ret->reason)];

    if (!is_method(req->method)) {
        verdict_forbid(ret, "structural: method", "not an HTTP method in upper case");
        return true;
    }
    if (req->port == 0) {
        verdict_forbid(ret, "structural: port", "port 0 cannot be connected to");
        return true;
    }
    if (host_is_forbidden(req->host, why, sizeof(why))) {
        verdict_forbid(ret, "structural: host", why);
        return true;
    }
    return false;
}

static void apply(const struct rule *rule, enum match match, struct verdict *ret)
{
    const char *reason = rule->reason;

    if (!reason)
        reason = match == MATCH_UNKNOWN ? "the rule may apply; it cannot be told for certain"
                                        : "the rule gives no reason";
    verdict_fill(ret, rule->verb, rule->text, rule->where, reason);
    ret->names_method = rule->net.methods != NULL;
    ret->timeout_ms = rule->timeout_ms;
    ret->is_exact = pattern_is_exact(&rule->net);
    if (rule->has_risk)
        ret->risk = rule->risk;
}

static void apply_default(const struct policy *policy, struct verdict *ret)
{
    char where[sizeof(ret->where)] = "built in";

    if (policy->net.line)
        snprintf(where, sizeof(where), "%s:%u", policy->name, policy->net.line);
    verdict_fill(ret, policy->net.kind,
            policy->net.kind == VERDICT_DENY ? "default net deny" : "default net ask", where,
            "no rule names this host");
    ret->by_default = true;
}

/* The first rule that takes the request; denies are looked for in a pass of their own. */
static const struct rule *find(const struct policy *policy, const struct net_request *req,
        bool denies, enum match *ret_match)
{
    for (size_t i = 0; i < policy->count; i++) {
        const struct rule *rule = &policy->rules[i];

        if (!rule->is_net || denies != (rule->verb == VERDICT_DENY))
            continue;
        enum match match = pattern_match(&rule->net, req);
        if (match == MATCH_YES || (match == MATCH_UNKNOWN && rule->verb != VERDICT_ALLOW)) {
            *ret_match = match;
            return rule;
        }
    }
    return NULL;
}

void policy_eval_net(
        const struct policy *policy, const struct net_request *req, struct verdict *ret)
{
    enum match match = MATCH_NO;

    if (forbidden(req, ret))
        return;
    const struct rule *rule = find(policy, req, true, &match);
    if (!rule)
        rule = find(policy, req, false, &match);
    if (rule)
        apply(rule, match, ret);
    else
        apply_default(policy, ret);
    /* A name that may show as letters it does not have: never a low risk, whatever a rule says.
     */
    if (host_is_lookalike(req->host))
        ret->risk = RISK_HIGH;
    if (ret->kind == VERDICT_ASK)
        verdict_warn_net(ret, policy, req);
}

void policy_restrict_net(
        const struct policy *repository, const struct net_request *req, struct verdict *verdict)
{
    struct verdict other;

    if (!repository || verdict->kind == VERDICT_DENY)
        return;
    policy_eval_net(repository, req, &other);
    if (!other.by_default && other.kind < verdict->kind)
        *verdict = other;
}

bool policy_names_https(const struct policy *policy, struct str host, uint16_t port)
{
    for (size_t i = 0; i < policy->count; i++) {
        const struct rule *rule = &policy->rules[i];

        if (rule->is_net && rule->verb != VERDICT_DENY &&
                pattern_takes_https(&rule->net, host, port))
            return true;
    }
    return false;
}

/* --- a URL as text ---------------------------------------------------------------------- */

/* Cuts "host[:port]"; the host in lower case and without a final dot goes to `host`. */
static bool read_authority(
        struct str authority, char host[256], struct net_request *req, uint16_t port)
{
    size_t colon = authority.n;
    uint64_t number = port;

    while (colon > 0 && authority.p[colon - 1] != ':' && authority.p[colon - 1] != ']')
        colon--;
    if (colon > 0 && authority.p[colon - 1] == ':') {
        if (!str_u64((struct str){authority.p + colon, authority.n - colon}, 65535, &number))
            return false;
        authority.n = colon - 1;
    }
    if (authority.n > 1 && authority.p[authority.n - 1] == '.')
        authority.n--;
    if (authority.n == 0 || !str_copy(host, 256, authority))
        return false;
    for (size_t i = 0; i < authority.n; i++)
        host[i] = char_lower(host[i]);
    req->host = (struct str){host, authority.n};
    req->port = (uint16_t)number;
    return number != 0;
}

/* A backslash is a slash to some readers of URLs and not to others: no URL has one here. */
static bool read_url(struct str url, bool is_connect, char host[256], struct net_request *req)
{
    struct str rest = url;
    uint16_t port = 80;

    if (is_connect)
        return read_authority(url, host, req, 0);
    if (str_starts(url, STR("https://")))
        port = 443;
    else if (!str_starts(url, STR("http://")))
        return false;
    if (memchr(url.p, '\\', url.n))
        return false;
    (void)str_cut(&rest, ':', &req->scheme);
    rest = (struct str){rest.p + 2, rest.n - 2};

    struct str tail = rest;
    (void)str_cut(&tail, '#', &rest);
    tail = rest;
    (void)str_cut(&tail, '?', &rest);
    struct str authority = rest;
    const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
    if (slash)
        authority.n = (size_t)(slash - rest.p);
    req->path = slash ? (struct str){slash, rest.n - authority.n} : STR("/");
    return read_authority(authority, host, req, port);
}

bool net_request_read(
        struct str method, struct str url, char host[256], struct net_request *ret)
{
    *ret = (struct net_request){.method = method, .scheme = STR(""), .path = STR("")};
    return read_url(url, str_eq(method, STR("CONNECT")), host, ret);
}

void policy_eval_url(
        const struct policy *policy, struct str method, struct str url, struct verdict *ret)
{
    struct net_request req;
    char host[256];

    if (net_request_read(method, url, host, &req))
        policy_eval_net(policy, &req, ret);
    else
        verdict_forbid(ret, "structural: url", "not a URL of the form https://host/path");
}
