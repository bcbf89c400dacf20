/*
 * proxy.h - the mediation proxy of one session: CONNECT in, TLS terminated, filtered,
 * fake key swapped for the real one, streamed to the provider and back.
 *
 * Hosts of the provider table are filtered by method and path. Requests to any other host are
 * judged by policy: let through, refused, or held until the human decides; their TLS is
 * terminated, too, unless a rule names CONNECT. Refusals are 403, or 404 for telemetry, in the
 * form of the provider's own errors, and say who refused and why; never 401. Every request is
 * a row in the store.
 */
#ifndef SRC_PROXY_PROXY_H
#define SRC_PROXY_PROXY_H

#include "gate/gate.h"
#include "io/chan.h"
#include "policy/policy.h"
#include "proxy/ca.h"
#include "proxy/credential.h"
#include "proxy/price.h"
#include "proxy/provider.h"
#include "store/store.h"

struct proxy;

/* Operator's override: connect to address:port instead of resolving host (curl --resolve). */
struct proxy_resolve {
    const char *host;    /* lower case */
    uint16_t port;       /* the port the agent asked for */
    const char *address; /* literal address */
    uint16_t to_port;
};

struct proxy_config {
    struct loop *loop; /* borrows, all of these */
    struct store *store;
    struct gate *gate;     /* NULL: what policy asks is denied (headless) */
    struct grants *grants; /* NULL: the policy alone */
    const struct policy *policy;
    struct ca *ca;
    const struct provider_table *providers;
    struct credentials *credentials; /* of `providers` */
    const char *session;             /* uuid for the rows */
    const char *label;
    const char *agent;
    const struct proxy_resolve *resolve;
    size_t resolve_count;
    const struct dial_proxy *via;     /* on the way to every upstream; NULL: direct */
    const struct price_table *prices; /* NULL: no costs */
    const char *extra_ca; /* PEM of a further trust anchor for raw https upstreams, or NULL */
    /* A row was put: the live panels. May be NULL. */
    void (*on_request)(void *ctx, const struct request_record *rec);
    void *ctx;
};

struct proxy *proxy_new(const struct proxy_config *config, struct err *err);
void proxy_free(struct proxy *proxy); /* ends all tunnels at once */

int proxy_listen_unix(struct proxy *proxy, const char *path, unsigned mode, struct err *err);
int proxy_listen_tcp(struct proxy *proxy, const char *host, uint16_t port, uint16_t *ret_port,
        struct err *err);

/* The fake key the box gets for a provider that has a real key; NULL: provider has none. */
const char *proxy_fake_key(const struct proxy *proxy, const char *provider);

unsigned proxy_tunnel_count(const struct proxy *proxy);

#endif
