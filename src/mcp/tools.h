/*
 * tools.h - the tools of one server: their definitions as they came, and the names that agents
 * see.
 *
 * A shown name is SERVER__TOOL. Models' providers take at most 64 of [A-Za-z0-9_-], and agents
 * put "mcp__ic__" before it: what is longer keeps its end, because that is where names differ,
 * and gets a hash of the whole in front of it. Other characters become '_', with the hash too.
 */
#ifndef SRC_MCP_TOOLS_H
#define SRC_MCP_TOOLS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

#define TOOL_PREFIX "mcp__ic__" /* of agents, who know us as "ic" (assets/agents.yaml) */
#define TOOL_SHOWN (64 - (sizeof(TOOL_PREFIX) - 1))

struct tool {
    struct str raw;  /* the definition, a view of the list's text */
    struct str name; /* the name in it, with its quotes */
    char shown[TOOL_SHOWN + 1];
};

struct tool_list {
    struct buf text;    /* owns; the definitions, one a line */
    struct tool *items; /* owns */
    size_t count;
};

void tool_shown_name(const char *server, struct str raw_name, char shown[TOOL_SHOWN + 1]);

/* Takes what is right in `lines`: without a name, twice, or only for tasks: left out. */
void tools_parse(struct tool_list *ret, const char *server, struct str lines);
void tools_release(struct tool_list *list);
const struct tool *tools_find(const struct tool_list *list, struct str shown);
/* Appends the definitions with the shown names, comma separated. */
void tools_put(const struct tool_list *list, struct buf *out);
bool tools_same(const struct tool_list *a, const struct tool_list *b);

/* --- kept on disk --------------------------------------------------------------------------
 */

struct loop;
/* The list of last time, off the loop; lines are empty if there is none. done may be silenced
 * by setting *ctx to NULL: it is then not called. */
struct tools_load {
    void (*done)(void *ctx, struct str lines);
    void *ctx;
};
struct tools_load *tools_load_start(struct loop *loop, const char *dir, const char *server,
        const char digest[17], void (*done)(void *ctx, struct str lines), void *ctx);
void tools_keep(struct loop *loop, const char *dir, const char *server, const char digest[17],
        struct str lines);

#endif
