/*
 * jsonrpc.h - JSON-RPC 2.0 over a channel, one message a line, as MCP's stdio transport.
 *
 * Malformed input is answered here and the connection goes on: -32700 for what is no JSON,
 * -32600 for what is no message. What reaches on_message is a request or a notification with
 * its parts as views of the original bytes. While the peer does not read its answers, nothing
 * more is taken from it.
 */
#ifndef SRC_MCP_JSONRPC_H
#define SRC_MCP_JSONRPC_H

#include "base/str.h"
#include "io/chan.h"

enum jsonrpc_code {
    JSONRPC_PARSE = -32700,
    JSONRPC_REQUEST = -32600,
    JSONRPC_METHOD = -32601,
    JSONRPC_PARAMS = -32602
};

struct jsonrpc_msg {
    struct str id;     /* raw number or string; n is 0 for a notification */
    struct str method; /* between the quotes, escapes as they are */
    struct str params; /* raw object or array; n is 0 if absent */
};

struct jsonrpc_ops {
    /* Views are valid during the call. Answer with jsonrpc_result() or jsonrpc_error(). */
    void (*on_message)(void *ctx, const struct jsonrpc_msg *msg);
    void (*on_end)(void *ctx); /* the peer has gone; last */
};

struct jsonrpc;
struct jsonrpc *jsonrpc_new(
        struct chan *chan /* owned from now on */, const struct jsonrpc_ops *ops, void *ctx);
void jsonrpc_free(struct jsonrpc *rpc); /* also from on_message and on_end */

/* Batches are refused until they are allowed (MCP has them in 2025-03-26 only). */
void jsonrpc_allow_batch(struct jsonrpc *rpc, bool allow);

/* `result` is JSON text on one line. In a batch: during on_message of that request. */
void jsonrpc_result(struct jsonrpc *rpc, struct str id, struct str result);
/* `message` is ASCII without quotes and backslashes. Empty id: null. */
void jsonrpc_error(
        struct jsonrpc *rpc, struct str id, enum jsonrpc_code code, const char *message);

#endif
