/*
 * tools.c - definitions of tools: taken apart as far as needed, put together again.
 */
#include "mcp/tools.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "io/crypt.h"
#include "mcp/message.h"

#define HASH 8 /* hex digits in a shortened name */

/* --- names --------------------------------------------------------------------------------
 */

static bool is_name_char(char c)
{
    return char_is_alnum(c) || c == '_' || c == '-';
}

static bool is_plain(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_name_char(name.p[i]))
            return false;
    }
    return true;
}

/* SERVER__HASH_TAIL */
static void shorten(const char *server, struct str name, char shown[TOOL_SHOWN + 1])
{
    char hex[SHA256_HEX];
    char *whole = xasprintf("%s__%.*s", server, STR_ARG(name));

    crypt_sha256_hex(whole, strlen(whole), hex);
    free(whole);
    int n = snprintf(shown, TOOL_SHOWN + 1, "%s__%.*s_", server, HASH, hex);
    size_t room = TOOL_SHOWN - (size_t)n;
    if (name.n > room)
        name = (struct str){name.p + name.n - room, room};
    for (size_t i = 0; i < name.n; i++)
        shown[(size_t)n + i] = (char)(is_name_char(name.p[i]) ? name.p[i] : '_');
    shown[(size_t)n + name.n] = '\0';
}

void tool_shown_name(const char *server, struct str raw_name, char shown[TOOL_SHOWN + 1])
{
    if (strlen(server) + 2 + raw_name.n <= TOOL_SHOWN && is_plain(raw_name))
        snprintf(shown, TOOL_SHOWN + 1, "%s__%.*s", server, STR_ARG(raw_name));
    else
        shorten(server, raw_name, shown);
}

/* --- definitions ----------------------------------------------------------------------------
 */

/* Tools that run as tasks only: we have no tasks. */
static bool needs_task(struct str execution)
{
    struct json_member m[] = {{.name = "taskSupport"}};

    return json_raw_is_object(execution) && json_slice_object(execution, m, 1, NULL) == 0 &&
           str_eq(m[0].value, STR("\"required\""));
}

static void take_tool(struct tool_list *list, const char *server, struct str raw)
{
    struct json_member m[] = {{.name = "name"}, {.name = "execution"}};
    struct tool tool = {.raw = raw};
    struct str name;

    if (list->count == LIMIT_MCP_TOOLS || json_slice_object(raw, m, 2, NULL) < 0 ||
            !m[0].value.p || !json_raw_is_string(m[0].value, &name) || name.n == 0 ||
            needs_task(m[1].value))
        return;
    tool.name = m[0].value;
    tool_shown_name(server, name, tool.shown);
    if (tools_find(list, str_of(tool.shown)))
        return;
    list->items[list->count++] = tool;
}

void tools_parse(struct tool_list *ret, const char *server, struct str lines)
{
    *ret = (struct tool_list){0};
    buf_append_str(&ret->text, lines);
    ret->items = xcalloc(LIMIT_MCP_TOOLS, sizeof(*ret->items));

    struct str rest = buf_str(&ret->text), line;
    for (bool more = true; more;) {
        more = str_cut(&rest, '\n', &line);
        if (line.n)
            take_tool(ret, server, line);
    }
    if (ret->count)
        ret->items = xrealloc(ret->items, ret->count * sizeof(*ret->items));
}

void tools_release(struct tool_list *list)
{
    buf_release(&list->text);
    free(list->items);
    *list = (struct tool_list){0};
}

const struct tool *tools_find(const struct tool_list *list, struct str shown)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_eq(str_of(list->items[i].shown), shown))
            return &list->items[i];
    }
    return NULL;
}

void tools_put(const struct tool_list *list, struct buf *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct tool *tool = &list->items[i];
        size_t before = (size_t)(tool->name.p - tool->raw.p);

        if (buf_len(out))
            buf_putc(out, ',');
        buf_append(out, tool->raw.p, before);
        buf_printf(out, "\"%s\"", tool->shown);
        buf_append(out, tool->name.p + tool->name.n, tool->raw.n - before - tool->name.n);
    }
}

bool tools_same(const struct tool_list *a, const struct tool_list *b)
{
    return str_eq(buf_str(&a->text), buf_str(&b->text));
}
