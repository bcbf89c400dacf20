/*
 * recipe.c - rule lines for requests. Each is read back and tried on its request: a line that
 * says something else than was asked is worse than none.
 */
#include "policy/recipe.h"

#include "policy/pattern.h"

const char *width_name(enum width width)
{
    switch (width) {
    case WIDTH_EXACT:
        return "exact";
    case WIDTH_HOST:
        return "host";
    case WIDTH_DIR:
        return "dir";
    case WIDTH_TOOL:
        return "tool";
    }
    CHECK_UNREACHABLE();
}

static bool is_reading(struct str method)
{
    return str_eq(method, STR("GET")) || str_eq(method, STR("HEAD"));
}

static bool says_the_same(
        const struct net_request *req, enum verdict_kind verb, const char *line)
{
    struct verdict verdict;
    struct policy *policy = policy_parse(str_of(line), "recipe", NULL);

    if (!policy)
        return false;
    policy_eval_net(policy, req, &verdict);
    policy_free(policy);
    return verdict.kind == verb && !verdict.by_default;
}

/* "host" or "host:port"; an IPv6 address gets its brackets. */
static void authority(const struct net_request *req, bool with_port, char *out, size_t cap)
{
    bool bare = req->host.n && req->host.p[0] != '[' && memchr(req->host.p, ':', req->host.n);
    char port[8] = "";

    if (with_port)
        snprintf(port, sizeof(port), ":%u", (unsigned)req->port);
    snprintf(
            out, cap, "%s%.*s%s%s", bare ? "[" : "", STR_ARG(req->host), bare ? "]" : "", port);
}

bool recipe_net(const struct net_request *req, enum verdict_kind verb, enum width width,
        char line[RECIPE_LINE])
{
    bool is_connect = str_eq(req->method, STR("CONNECT"));
    bool is_exact = width == WIDTH_EXACT;
    uint16_t standard = str_eq(req->scheme, STR("https")) ? 443 : 80;
    char host[300];
    int n;

    if (width > WIDTH_HOST || verb == VERDICT_ASK || req->host.n == 0 || req->host.n > 255)
        return false;
    authority(req, is_connect || req->port != standard, host, sizeof(host));
    if (is_connect)
        /* Refusing the tunnel alone would lead to the same question about what is inside. */
        n = snprintf(line, RECIPE_LINE, "%s net:%s %s", verdict_name(verb),
                verb == VERDICT_DENY ? "*" : "CONNECT", host);
    else if (!is_exact)
        n = snprintf(line, RECIPE_LINE, "%s net:%s %.*s://%s/**", verdict_name(verb),
                is_reading(req->method) ? "GET,HEAD" : "*", STR_ARG(req->scheme), host);
    else if (!path_is_plain(req->path) || memchr(req->path.p, '*', req->path.n))
        return false;
    else
        n = snprintf(line, RECIPE_LINE, "%s net:%.*s %.*s://%s%.*s", verdict_name(verb),
                STR_ARG(req->method), STR_ARG(req->scheme), host, STR_ARG(req->path));
    return n > 0 && n < RECIPE_LINE && says_the_same(req, verb, line);
}
