/*
 * stdio.h - peers that speak in lines: an agent on a socket, a server that is a process.
 */
#ifndef SRC_MCP_STDIO_H
#define SRC_MCP_STDIO_H

#include "io/chan.h"
#include "mcp/peer.h"

/* An agent's connection. */
struct peer *stdio_agent(struct chan *chan /* owned */);

struct stdio_server {
    const char *name;        /* for the log */
    const char *const *argv; /* the program is looked up in PATH */
    const char *const *env;
    const char *cwd;
};

/*
 * Starts the process, in a session of its own. What it writes to stderr goes to the log, at
 * most LIMIT_MCP_STDERR bytes a minute of it. peer_close() ends its input, then TERM, then KILL
 * go to all it started. on_closed says how it ended. ERR_NOENT: there is no such program.
 */
struct peer *stdio_server(struct loop *loop, const struct stdio_server *spec, struct err *err);

#endif
