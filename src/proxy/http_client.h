/*
 * http_client.h - one HTTP/1.1 request of our own: a POST to a token endpoint.
 *
 * Not for what agents ask: no pool, no streaming, no redirects. A fresh connection, one
 * request, one answer of at most LIMIT_TOKEN_ANSWER bytes, all within the given time. The
 * buffers that request and answer are in are wiped.
 */
#ifndef SRC_PROXY_HTTP_CLIENT_H
#define SRC_PROXY_HTTP_CLIENT_H

#include "io/chan.h"

struct http_client_post {
    struct dial_target to; /* copied; the tls_client is borrowed until the end */
    uint16_t port;         /* that the Host field names; `to` may lead to another one */
    const char *path;      /* "/v1/oauth/token" */
    const char *type;      /* content type of the body */
    struct str body;       /* copied */
};

struct http_client;

/*
 * done is called exactly once: with the status and the body (borrowed during the call), or
 * with an error and status 0. Status 3xx is an answer like any other.
 */
struct http_client *http_client_start(struct loop *loop, const struct http_client_post *post,
        uint32_t timeout_ms,
        void (*done)(void *ctx, int status, struct str body, const struct err *err), void *ctx);
/* Silence. NULL is fine; not from inside done. */
void http_client_cancel(struct http_client *client);

#endif
