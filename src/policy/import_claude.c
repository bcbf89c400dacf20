/*
 * import_claude.c - permission lists of Claude Code.
 */
#include "base/json.h"
#include "policy/import.h"

/* "mcp__SERVER", "mcp__SERVER__*" or "mcp__SERVER__TOOL"; nothing behind it. */
static bool read_entry(struct str entry, struct str *server, struct str *tool)
{
    if (!str_starts(entry, STR("mcp__")))
        return false;
    entry = (struct str){entry.p + 5, entry.n - 5};
    for (size_t i = 0; i < entry.n; i++)
        if (!char_is_alnum(entry.p[i]) && !memchr("_-.*", entry.p[i], 4))
            return false;
    const char *gap = memmem(entry.p, entry.n, "__", 2);
    *server = (struct str){entry.p, gap ? (size_t)(gap - entry.p) : entry.n};
    *tool = gap ? (struct str){gap + 2, entry.n - server->n - 2} : STR("*");
    return server->n > 0 && tool->n > 0 && !memchr(server->p, '*', server->n);
}

static void put_list(struct buf *out, const json_t *list, const char *verb)
{
    const json_t *entry;
    char shown[200];
    size_t i;

    json_array_foreach(list, i, entry)
    {
        struct str text = {json_string_value(entry), json_string_length(entry)};
        struct str server;
        struct str tool;

        if (!json_is_string(entry))
            continue;
        if (read_entry(text, &server, &tool))
            buf_printf(out, "%-5s %.*s/%.*s\n", verb, STR_ARG(server), STR_ARG(tool));
        else
            buf_printf(out, "# %s, not about a tool of an MCP server: %s\n", verb,
                    str_vis(shown, sizeof(shown), text));
    }
}

int import_claude(struct str settings, struct buf *ret, struct err *err)
{
    static const char *const verbs[] = {"deny", "ask", "allow"};
    json_error_t why;
    json_t *root = json_loadb(settings.p, settings.n, JSON_REJECT_DUPLICATES, &why);
    const json_t *permissions = json_object_get(root, "permissions");
    int rc = 0;

    if (!root)
        rc = err_set(err, ERR_CONFIG, "line %d: %s", why.line, why.text);
    else if (!json_is_object(permissions))
        rc = err_set(err, ERR_CONFIG, "there are no \"permissions\" in it");
    for (size_t i = 0; rc == 0 && i < 3; i++) {
        const json_t *list = json_object_get(permissions, verbs[i]);

        if (list && !json_is_array(list))
            rc = err_set(err, ERR_CONFIG, "permissions.%s is no list", verbs[i]);
        else
            put_list(ret, list, verbs[i]);
    }
    json_decref(root);
    return rc;
}
