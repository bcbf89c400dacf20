/*
 * body_tools.c - lists of tools, one judged after the other, and the choice of one.
 *
 * Schemas within a tool are skipped, so that they may hold anything.
 *
 * Blocks: no. Owns: nothing.
 */
#include "proxy/body_priv.h"

/* --- tools ----------------------------------------------------------------------------- */

/* Empty for anything but a string without escapes. */
static bool read_word(struct pass *pass, struct str *ret)
{
    struct jscan_string s;
    *ret = (struct str){NULL, 0};
    if (jscan_peek(&pass->scan) != '"')
        return jscan_skip(&pass->scan);
    if (!jscan_string(&pass->scan, &s))
        return false;
    if (!s.escaped)
        *ret = s.text;
    return true;
}

static bool read_type(struct pass *pass, struct tool *tool)
{
    tool->has_type = jscan_peek(&pass->scan) != 'n';
    return read_word(pass, &tool->type);
}

/* {"type": "local"} and nothing that makes it something else. */
static bool read_environment(struct pass *pass, bool *ret_local)
{
    static const char *const names[] = {"type", NULL};
    struct jscan_string name;
    struct str type = {NULL, 0};
    unsigned seen = 0;
    size_t i;
    if (jscan_peek(&pass->scan) != '{')
        return jscan_skip(&pass->scan);
    jscan_enter(&pass->scan);
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        if (!body_find_once(pass, &name, names, &seen, &i) ||
                !(i == 0 ? read_word(pass, &type) : jscan_skip(&pass->scan)))
            return false;
    }
    *ret_local = str_eq(type, STR("local"));
    return !pass->scan.why;
}

static bool tool_stays(const struct pass *pass, const struct tool *tool)
{
    if (!tool->has_type)
        return pass->rule->keep_typeless;
    /* OpenAI's shell runs with the agent or in a container of the provider. */
    if (pass->rule->api == API_OPENAI && str_eq(tool->type, STR("shell")) && !tool->is_local)
        return false;
    return body_keeps(pass, tool->type);
}

static bool walk_tool(struct pass *pass, bool *keep)
{
    static const char *const names[] = {"type", "name", "tools", "environment", NULL};
    struct jscan_string name;
    struct tool tool = {0};
    unsigned seen = 0;
    size_t i;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        bool ok = body_find_once(pass, &name, names, &seen, &i);
        if (ok && i == 0)
            ok = read_type(pass, &tool);
        else if (ok && i == 1)
            ok = read_word(pass, &tool.name);
        else if (ok && i == 2)
            ok = body_walk_tools(pass, &tool.inner);
        else if (ok && i == 3)
            ok = read_environment(pass, &tool.is_local);
        else if (ok)
            ok = jscan_skip(&pass->scan);
        if (!ok)
            return false;
    }
    *keep = tool_stays(pass, &tool);
    if (!*keep) {
        body_note(pass, tool.type.n ? tool.type : STR("tool"));
        body_remember(pass, tool.type);
        body_remember(pass, tool.name);
    }
    return !pass->scan.why;
}

/* Google's tools have no type; each member is a tool of its own. */
static bool walk_google_tool(struct pass *pass, bool *keep)
{
    struct jscan_string name;
    struct list list = {NULL, false, false};
    bool any = false;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        const char *start = name.text.p - 1;
        bool stays = !name.escaped && body_keeps(pass, name.text);
        any = true;
        body_list_piece(pass, &list, start);
        if (!jscan_skip(&pass->scan) || !body_list_judge(pass, &list, start, stays))
            return false;
        if (!stays)
            body_note(pass, name.text);
    }
    *keep = list.kept || !any;
    return !pass->scan.why;
}

bool body_walk_tools(struct pass *pass, struct tally *tally)
{
    struct list list = {NULL, false, false};
    char c = jscan_peek(&pass->scan);
    if (c == 'n')
        return jscan_skip(&pass->scan);
    if (c != '[')
        return body_refuse(pass, 400, BODY_NOT_A_LIST);
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_element(&pass->scan, &first);) {
        bool keep = false;
        if (jscan_peek(&pass->scan) != '{')
            return pass->scan.p == pass->scan.end ? jscan_skip(&pass->scan)
                                                  : body_refuse(pass, 400, BODY_NOT_A_LIST);
        const char *start = pass->scan.p;
        body_list_piece(pass, &list, start);
        bool ok = jscan_enter(&pass->scan) &&
                  (pass->rule->api == API_GOOGLE ? walk_google_tool(pass, &keep)
                                                 : walk_tool(pass, &keep));
        if (!ok || !body_list_judge(pass, &list, start, keep))
            return false;
        tally->kept += keep;
        tally->removed += !keep;
    }
    return !pass->scan.why;
}

/* --- the choice of a tool -------------------------------------------------------------- */

/* {"type": "function", "function": {"name": N}}, {"type": "allowed_tools", "tools": [...]}
 * and the latter's longer form, all of which may be nested in a member of their own name. */
static bool walk_choice_object(struct pass *pass, struct choice *choice, bool nested)
{
    static const char *const names[] = {
            "type", "name", "tools", "function", "custom", "allowed_tools", NULL};
    struct jscan_string name;
    unsigned seen = 0;
    size_t i;
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        bool ok = body_find_once(pass, &name, names, &seen, &i);
        if (ok && i == 0 && !nested)
            ok = read_type(pass, &choice->tool);
        else if (ok && i == 1)
            ok = read_word(pass, &choice->tool.name);
        else if (ok && i == 2)
            ok = body_walk_tools(pass, &choice->list);
        else if (ok && i > 2 && names[i] && !nested && jscan_peek(&pass->scan) == '{')
            ok = walk_choice_object(pass, choice, true);
        else if (ok)
            ok = jscan_skip(&pass->scan);
        if (!ok)
            return false;
    }
    return !pass->scan.why;
}

bool body_walk_choice(struct pass *pass, struct choice *choice)
{
    choice->is_object = jscan_peek(&pass->scan) == '{';
    return choice->is_object ? walk_choice_object(pass, choice, false)
                             : jscan_skip(&pass->scan);
}

bool body_choice_stays(
        const struct pass *pass, const struct choice *choice, const struct tally *tools)
{
    const struct tool *tool = &choice->tool;
    if (tools->removed && !tools->kept)
        return false;
    if (!choice->is_object)
        return true;
    if (choice->list.removed && !choice->list.kept)
        return false;
    if (pass->rule->api != API_OPENAI)
        return !body_is_gone(pass, tool->name);
    if (str_eq(tool->type, STR("allowed_tools")))
        return true;
    return body_keeps(pass, tool->type) && !body_is_gone(pass, tool->type) &&
           !body_is_gone(pass, tool->name);
}
