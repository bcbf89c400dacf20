/*
 * upstream.h - one request's connection to an upstream, whatever HTTP that speaks.
 *
 * HTTP/1.1: a connection of the pool, for this request alone (h1_upstream.c). HTTP/2: one
 * stream of a shared connection (h2_client.c). The exchange owns it from pool_take() or
 * pool_adopt() until keep(), close() or abort(); it hears the news by the
 * exchange_up_*() functions of proxy_priv.h while `exchange` is set.
 */
#ifndef SRC_PROXY_UPSTREAM_H
#define SRC_PROXY_UPSTREAM_H

#include "http/http1.h"

struct exchange;
struct origin;
struct pool;
struct upstream;

struct upstream_ops {
    /*
     * `head`: a whole HTTP/1.1 request head as it is to be sent, key and framing included,
     * the empty line too. `framing` says what body follows: HTTP_NO_BODY, HTTP_LENGTH or
     * HTTP_CHUNKED (of unknown length). Sets `chunked`.
     */
    void (*send_head)(struct upstream *up, struct str head, enum http_framing framing);
    struct buf *(*out)(struct upstream *up); /* body bytes */
    void (*flush)(struct upstream *up);
    bool (*full)(struct upstream *up); /* exchange_up_drained() comes when not any more */
    void (*end)(struct upstream *up);  /* the request is whole */

    /*
     * The next response head, interim ones too: 1 and it is filled, with views that are good
     * until head_done(); 0: not there yet; -1: a fault, the connection is of no use any more.
     * The framing of HTTP/2 is HTTP_TO_CLOSE or HTTP_NO_BODY.
     */
    int (*read_head)(struct upstream *up, struct http_head *head, bool to_head,
            struct http_fault *fault);
    void (*head_done)(struct upstream *up);
    struct buf *(*in)(struct upstream *up); /* body bytes, framed as the head says */
    void (*resume)(struct upstream *up);    /* something of in() was consumed */

    /* The answer is whole and the connection may serve again; it ended well, but may not;
     * it is given up. After each the upstream is gone for the caller. */
    void (*keep)(struct upstream *up);
    void (*close)(struct upstream *up);
    void (*abort)(struct upstream *up);
};

struct upstream {
    const struct upstream_ops *ops;
    struct origin *origin;     /* borrows from the pool */
    struct exchange *exchange; /* borrows; who hears the news */
    bool reused;               /* the connection has served a request before */
    bool chunked;              /* the request's body goes into out() as chunks */
    bool over;                 /* the connection ended or broke: it serves no other request */
};

#endif
