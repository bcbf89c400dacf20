/*
 * mcp.h - the MCP proxy of one session: agents on one side, the user's servers on the other,
 * policy and a person between them.
 *
 * Any number of agents' connections (mcp.sock, or peers of another transport) share the servers
 * of `mcp_config.servers`, which are started when the first connection initializes. What an
 * agent and a server say to each other passes as raw bytes; only ids, names and progress tokens
 * are exchanged (docs/mcp.md).
 */
#ifndef SRC_MCP_MCP_H
#define SRC_MCP_MCP_H

#include "gate/gate.h"
#include "io/loop.h"
#include "mcp/servers.h"
#include "policy/call.h"
#include "store/store.h"

struct dial_proxy;
struct peer;

/* All borrow, until mcp_free(). */
struct mcp_config {
    struct loop *loop;
    const struct mcp_servers *servers;
    const struct policy *policy;
    const struct policy_world *world;
    struct grants *grants; /* NULL: policy alone */
    struct gate *gate;     /* NULL: who would be asked, is denied */
    struct store *store;
    const char *session; /* uuid */
    const char *label;
    const char *agent;
    const char *
            cache_dir; /* where lists of tools are kept from one session to the next; or NULL */
    /* On the way to servers behind URLs; NULL: direct. And a PEM file of one more trust anchor,
     * or NULL. */
    const struct dial_proxy *via;
    const char *extra_ca;
    /* A call was judged, or has ended (the same id again); may be NULL. Nothing may be freed in
     * it. */
    void (*on_request)(void *ctx, const struct request_record *rec);
    void *ctx;
};

struct mcp;
struct mcp *mcp_new(const struct mcp_config *config);
/* Once; several agents at a time. */
int mcp_listen_unix(struct mcp *mcp, const char *path, struct err *err);
/* One more connection of an agent, whatever carries it. It goes when the peer is closed. */
void mcp_attach(struct mcp *mcp, struct peer *peer /* owned */);
void mcp_free(struct mcp *mcp);

#endif
