/*
 * remote.h - a server behind a URL: MCP's streamable HTTP, as its client.
 *
 * Each message is a POST of its own; what it answers with is one JSON text, or a stream of
 * events that ends with the answer. A GET that stays open brings what the server says by
 * itself, if it has that. A stream that breaks off is gone on with where it was, if its events
 * had ids. A session that the server has forgotten is made again.
 */
#ifndef SRC_MCP_REMOTE_H
#define SRC_MCP_REMOTE_H

#include "mcp/http_call.h"
#include "mcp/peer.h"

struct remote_spec {
    const char *name;             /* for the log; borrows */
    const struct http_url *url;   /* borrows */
    struct str fields;            /* of the user, "name: value\r\n"; copied, secret */
    struct tls_client *tls;       /* borrows */
    const struct dial_proxy *via; /* borrows; or NULL */
};

struct peer *remote_open(struct loop *loop, const struct remote_spec *spec);

#endif
