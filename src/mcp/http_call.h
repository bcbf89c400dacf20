/*
 * http_call.h - one HTTP/1.1 request to a server of the user, and its answer as it comes.
 *
 * An origin is the server with the connections to it that are idle: they are used again while
 * the other side keeps them (its Keep-Alive field, at most HTTP_IDLE_MS). There is one request
 * on a connection at a time, so requests do not wait for one another. Redirects are answers
 * like any other. What was asked is never asked again by itself.
 *
 * Certificates are checked against the system's anchors. The user named the place, so it may be
 * his own machine or network.
 */
#ifndef SRC_MCP_HTTP_CALL_H
#define SRC_MCP_HTTP_CALL_H

#include "base/buf.h"
#include "http/http1.h"
#include "http/url.h"
#include "io/chan.h"

struct http_origin;
/* All borrow until it is freed; tls: NULL for http. */
struct http_origin *http_origin_new(struct loop *loop, const struct http_url *url,
        struct tls_client *tls, const struct dial_proxy *via);
/* Its calls must be freed before. */
void http_origin_free(struct http_origin *origin);

struct http_call_ops {
    /* The final head; views are valid during the call. */
    void (*on_head)(void *ctx, const struct http_head *head);
    void (*on_body)(void *ctx, struct str piece);
    /* The answer is whole (NULL), or will not be. Last. */
    void (*on_end)(void *ctx, const struct err *why);
};

struct http_call;
/*
 * `fields`: lines "name: value\r\n" (Host and framing are ours), copied; they may be secret.
 * `body`: borrows until the final head or the end; NULL: none.
 */
struct http_call *http_call_start(struct http_origin *origin, const char *method,
        struct str fields, const struct buf *body, const struct http_call_ops *ops, void *ctx);
/* Silence; also from inside its callbacks. What is not over is broken off. */
void http_call_free(struct http_call *call);
/* Was a connection found, so that something of the request may have arrived? */
bool http_call_was_sent(const struct http_call *call);
size_t http_call_unsent(const struct http_call *call);
/*
 * A request whose answer nobody waits for, on an idle connection that is closed then. False:
 * there is none.
 */
bool http_origin_say(struct http_origin *origin, const char *method, struct str fields);

#endif
