/*
 * pool.h - connections to upstreams, kept for reuse.
 *
 * An origin is one place that requests of one provider go to: name, port, address override,
 * trust. Connections of one origin never serve another. An idle connection that says
 * anything or ends is dropped at once.
 */
#ifndef SRC_PROXY_POOL_H
#define SRC_PROXY_POOL_H

#include "io/chan.h"
#include "proxy/provider.h"
#include "proxy/upstream.h"

struct pool;
struct proxy_config;
struct h2_client;

struct origin {
    struct pool *pool; /* borrows */
    struct origin *next;
    const struct provider *provider; /* borrows; NULL: a host that policy let through */
    char *asked_host;                /* owns; what the agent asked for */
    uint16_t asked_port;
    bool plain;                /* http:// */
    char *authority;           /* owns; the Host field of requests */
    struct dial_target target; /* its host is owned, the rest borrowed */
    struct h1_upstream *idle;  /* owns; newest first */
    unsigned idle_count;
    struct h2_client *h2; /* owns; open connections, see h2_client.c */
    unsigned users;       /* exchanges that hold it */
};

/* HTTP/1.1: a connection with what the pool has to know of it. */
struct h1_upstream {
    struct upstream base;
    struct chan *chan; /* owns */
    struct http_scan scan;
    size_t head_len;     /* of the head that was read and not yet consumed */
    bool idle;           /* in the origin's list */
    uint64_t idle_since; /* loop_now_ms() clock */
    struct h1_upstream *next, *prev;
};

/* Fails if a trust anchor cannot be read. Borrows the configuration. */
struct pool *pool_new(const struct proxy_config *config, struct err *err);
void pool_free(struct pool *pool); /* connections in use must have been given back */

/*
 * Never NULL; it lives until pool_release() was called as often as this (a provider's as long
 * as the pool). provider NULL: what policy let through; plain: without TLS.
 */
struct origin *pool_origin(struct pool *pool, const struct provider *provider, const char *host,
        uint16_t port, bool plain);
void pool_release(struct origin *origin);

/* The operator's override for a target: sets address, port and allow_private. */
void pool_override(const struct proxy_config *config, struct dial_target *target);

/* A connection that is there, or NULL: then dial the origin's target and adopt. */
struct upstream *pool_take(struct origin *origin);
struct upstream *pool_adopt(struct origin *origin, struct chan *chan);

/* --- for h1_upstream.c and h2_client.c --- */

struct upstream *h1_upstream_new(struct origin *origin, struct chan *chan);
/* One that was idle goes to work. */
void h1_upstream_serve(struct h1_upstream *h1);
/* Its connection waits for the next request, or is closed if there are enough. */
void pool_keep(struct h1_upstream *up);
void pool_unlink(struct h1_upstream *up); /* out of the list of idle ones */
/* An HTTP/2 connection has nothing to do any more: it gets its time. */
void pool_h2_idle(struct pool *pool);
struct loop *pool_loop(const struct pool *pool);

#endif
