/*
 * target.c - targets of rules for tool calls.
 */
#include "policy/target.h"

#include "base/mem.h"

static int parse_one(struct str text, struct target *ret, struct err *err)
{
    struct str tool = text;
    struct str server;
    char shown[80];

    str_vis(shown, sizeof(shown), text);
    if (!str_cut(&tool, '/', &server))
        return err_set(err, ERR_CONFIG,
                "target '%s' has no '/'; write SERVER/TOOL, or net:METHODS URL", shown);
    if (server.n == 0 || tool.n == 0)
        return err_set(err, ERR_CONFIG, "target '%s' names no server or no tool", shown);
    ret->text = xstrndup(text.p, text.n);
    ret->text[server.n] = '\0';
    ret->server = (struct str){ret->text, server.n};
    ret->tool = (struct str){ret->text + server.n + 1, tool.n};
    ret->any_server = str_eq(server, STR("*"));
    ret->any_tool = str_eq(tool, STR("*"));
    ret->server_globs = memchr(server.p, '*', server.n) != NULL;
    ret->tool_globs = memchr(tool.p, '*', tool.n) != NULL;
    return 0;
}

int targets_parse(struct str text, struct target **ret, size_t *ret_count, struct err *err)
{
    struct str one;
    bool more = true;
    int rc = 0;

    *ret = NULL;
    *ret_count = 0;
    while (rc == 0 && more) {
        more = str_cut(&text, ',', &one);
        *ret = xrealloc(*ret, (*ret_count + 1) * sizeof(**ret));
        rc = parse_one(one, &(*ret)[*ret_count], err);
        if (rc == 0)
            (*ret_count)++;
    }
    return rc;
}

void targets_free(struct target *targets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(targets[i].text);
    free(targets);
}

bool glob_match(struct str pattern, struct str text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX;
    size_t retry = 0;

    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.n && pattern.p[p] == text.p[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

static bool part_takes(struct str pattern, bool is_any, bool globs, struct str text)
{
    return is_any || (globs ? glob_match(pattern, text) : str_eq(pattern, text));
}

bool target_takes(const struct target *target, struct str server, struct str tool)
{
    return part_takes(target->server, target->any_server, target->server_globs, server) &&
           part_takes(target->tool, target->any_tool, target->tool_globs, tool);
}

bool target_is_exact(const struct target *target)
{
    return !target->server_globs && !target->tool_globs;
}
