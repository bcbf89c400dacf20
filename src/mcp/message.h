/*
 * message.h - what one JSON text is in JSON-RPC 2.0, as views of its bytes, and how to write
 * the messages that are ours.
 */
#ifndef SRC_MCP_MESSAGE_H
#define SRC_MCP_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum jsonrpc_code {
    JSONRPC_PARSE = -32700,
    JSONRPC_REQUEST = -32600,
    JSONRPC_METHOD = -32601,
    JSONRPC_PARAMS = -32602,
    JSONRPC_INTERNAL = -32603,
    MCP_NO_RESOURCE = -32002
};

enum message_kind { MESSAGE_REQUEST, MESSAGE_NOTIFICATION, MESSAGE_RESULT, MESSAGE_ERROR };

struct message {
    enum message_kind kind;
    struct str text;
    struct str id;     /* raw number or string; an error may have none */
    struct str method; /* between the quotes, escapes as they are */
    struct str params; /* raw object or array; n is 0 if absent */
    struct str result; /* raw */
    struct str error;  /* raw object */
};

/*
 * 0, or what to answer: JSONRPC_PARSE (no JSON) or JSONRPC_REQUEST (JSON, but no message), with
 * ret->id if there is a usable one, and *why, a constant sentence.
 */
int message_parse(struct str text, struct message *ret, const char **why);
/* Of a JSON text, batches among them; as above, and nothing else of `ret` is set. */
int message_no_object(struct str text, struct message *ret, const char **why);

/* `text` is safe within a string: printable ASCII without quote and backslash. */
void message_put_result(struct buf *out, struct str id, struct str result);
void message_put_error(struct buf *out, struct str id, int code, const char *text);

/* Any bytes as a JSON string, quotes included; what is no UTF-8 becomes U+FFFD. */
void json_put_text(struct buf *out, struct str text);
/* The text that a raw string's content means (halves of surrogates: U+FFFD). */
void json_decode(struct str content, struct buf *out);

#endif
