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

struct pool;
struct proxy_config;

struct origin {
    struct origin *next;
    const struct provider *provider; /* borrows */
    char *asked_host;                /* owns; what the agent asked for */
    uint16_t asked_port;
    char *authority;           /* owns; the Host field of requests */
    struct dial_target target; /* its host is owned, the rest borrowed */
    struct upstream *idle;     /* owns; newest first */
    unsigned idle_count;
};

struct upstream {
    struct pool *pool;     /* borrows */
    struct origin *origin; /* borrows from the pool */
    struct chan *chan;     /* owns */
    bool reused;           /* it has served a request before */
    bool idle;             /* in the origin's list */
    uint64_t idle_since;   /* loop_now_ms() clock */
    struct upstream *next, *prev;
};

/* Fails if a trust anchor cannot be read. Borrows the configuration. */
struct pool *pool_new(const struct proxy_config *config, struct err *err);
void pool_free(struct pool *pool); /* connections in use must have been given back */

/* Never NULL; lives as long as the pool. */
struct origin *pool_origin(
        struct pool *pool, const struct provider *provider, const char *host, uint16_t port);

/* The operator's override for a target: sets address, port and allow_private. */
void pool_override(const struct proxy_config *config, struct dial_target *target);

/* An idle connection, the newest, or NULL: then dial the origin's target and adopt. */
struct upstream *pool_take(struct pool *pool, struct origin *origin);
struct upstream *pool_adopt(struct pool *pool, struct origin *origin, struct chan *chan);

/* Give back: for reuse, or closed cleanly, or cut off. */
void upstream_keep(struct upstream *up);
void upstream_close(struct upstream *up);
void upstream_abort(struct upstream *up);

#endif
