/*
 * body_rule.h - what is taken out of a request body before it leaves.
 *
 * Providers run tools of their own (web search, code, connectors) on the other side of the
 * wall; an agent that names one in its request has a way out of the box. Such tools are cut
 * out of the JSON text; every other byte stays as it was.
 *
 *     struct body_change change;
 *     struct http_fault fault;
 *     struct buf out = BUF_INIT;
 *     if (body_rule_apply(rule, body, &out, &change, &fault) < 0)
 *         answer fault.status with fault.reason;
 *     else if (change.count == 0)
 *         send body as it is; out is empty
 *     else
 *         send out; change.names says what went
 *
 * Nothing is forwarded in doubt: text that is not strictly JSON, nests too deep, or has one of
 * the members that matter twice, or spelled with escapes or in other case, is refused, because
 * the provider may read it in another way than we do.
 *
 * Blocks: no; 1 ms per MiB of ordinary text, 9 ms if there are brackets only. Nothing is
 * shared, so that a large body may be given to a worker thread. One message of a WebSocket is a
 * body like any other: what `inside` names (OpenAI's "response") is looked into as well.
 */
#ifndef SRC_PROXY_BODY_RULE_H
#define SRC_PROXY_BODY_RULE_H

#include "base/buf.h"
#include "base/err.h"
#include "http/http1.h"
#include "proxy/provider.h"

struct body_rule {
    struct provider_endpoint endpoint;
    enum api_kind api; /* where its tools stand */
    char **keep;       /* owns; tool types (google: members of a tool) that may stay */
    size_t keep_count;
    bool keep_typeless; /* tools without a "type" stay */
    char **drop;        /* owns; members of the request that go */
    size_t drop_count;
    char **inside; /* owns; members that hold the request in a WebSocket message */
    size_t inside_count;
    char **deny_model; /* owns; a model with this in its name is refused with 403 */
    size_t deny_model_count;
    bool deny_urls; /* pictures and files that the provider would fetch: 403 */
    size_t max;     /* bytes; a larger body is refused with 413 by who buffers it */
};

struct body_change {
    unsigned count;  /* of removed pieces; 0: nothing was changed */
    char names[240]; /* of them, printable, "a, b, .."; for the row and for a header */
};

int body_rule_apply(const struct body_rule *rule, struct str body, struct buf *ret,
        struct body_change *change, struct http_fault *fault);

#endif
