/*
 * mcp.h - the MCP endpoint of one session, on mcp.sock.
 *
 * It speaks the protocol completely as a server without tools: no upstream servers are
 * connected, so the list is empty and every call is denied, with a reason that the model can
 * read. Nothing passes from the agent to anywhere.
 */
#ifndef SRC_MCP_MCP_H
#define SRC_MCP_MCP_H

#include "base/str.h"
#include "io/loop.h"

struct mcp_ops {
    /* A tools/call was denied; `tool` is as the agent spelled it (hostile), valid during the
     * call. May be NULL. */
    void (*on_denied)(void *ctx, struct str tool);
};

struct mcp;
struct mcp *mcp_new(struct loop *loop, const struct mcp_ops *ops, void *ctx);
/* Once; several clients at a time. */
int mcp_listen_unix(struct mcp *mcp, const char *path, struct err *err);
void mcp_free(struct mcp *mcp);

#endif
