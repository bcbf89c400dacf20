/*
 * proxy.c - the proxy of one session: where it listens, its tunnels, its rows.
 *
 * One store serves the proxies of all sessions and has one listener for "room again"; the
 * list of all proxies in this file passes the word on.
 *
 * Owns: listeners, tunnels, pool, TLS server context, keys.
 */
#include "proxy/proxy_priv.h"

#include "base/limits.h"

static struct proxy *all_proxies;

static const struct tls_identity *find_identity(void *ctx, void *conn_ctx, const char *sni);
static void on_store_drain(void *ctx);
static void on_hold(void *ctx, bool held);

struct proxy *proxy_new(const struct proxy_config *config, struct err *err)
{
    struct proxy *proxy = xcalloc(1, sizeof(*proxy));
    proxy->config = *config;
    proxy->next = all_proxies;
    all_proxies = proxy;

    proxy->pool = pool_new(&proxy->config, err);
    if (proxy->pool)
        proxy->tls = tls_server_new(find_identity, proxy, err);
    if (!proxy->tls) {
        proxy_free(proxy);
        return NULL;
    }
    tls_server_set_h2(proxy->tls, true);
    tls_server_send_issuer(proxy->tls, ca_issuer(config->ca));
    keys_make(proxy);
    store_on_drain(config->store, on_store_drain, NULL);
    if (config->gate)
        gate_on_hold(config->gate, on_hold, proxy);
    return proxy;
}

void proxy_free(struct proxy *proxy)
{
    if (!proxy)
        return;
    proxy->config.on_request = NULL; /* silence from here on */
    if (proxy->config.gate)
        gate_on_hold(proxy->config.gate, NULL, proxy);
    for (size_t i = 0; i < proxy->listener_count; i++)
        listener_free(proxy->listeners[i]);
    while (proxy->tunnels)
        tunnel_free(proxy->tunnels);
    pool_free(proxy->pool);
    tls_server_free(proxy->tls);
    keys_free(proxy);
    struct proxy **at = &all_proxies;
    while (*at != proxy)
        at = &(*at)->next;
    *at = proxy->next;
    free(proxy);
}

static int add_listener(struct proxy *proxy, struct listener *listener, struct err *err)
{
    if (!listener)
        return err_wrap(err, "proxy");
    proxy->listeners[proxy->listener_count++] = listener;
    return 0;
}

int proxy_listen_unix(struct proxy *proxy, const char *path, unsigned mode, struct err *err)
{
    CHECK(proxy->listener_count < PROXY_LISTENERS);
    return add_listener(
            proxy, listen_unix(proxy->config.loop, path, mode, tunnel_accept, proxy, err), err);
}

int proxy_listen_tcp(struct proxy *proxy, const char *host, uint16_t port, uint16_t *ret_port,
        struct err *err)
{
    CHECK(proxy->listener_count < PROXY_LISTENERS);
    struct listener *listener =
            listen_tcp(proxy->config.loop, host, port, tunnel_accept, proxy, err);
    int rc = add_listener(proxy, listener, err);
    if (rc == 0 && ret_port)
        *ret_port = listener_port(listener);
    return rc;
}

unsigned proxy_tunnel_count(const struct proxy *proxy)
{
    return proxy->tunnel_count;
}

/* --- certificates --------------------------------------------------------------------- */

/* Only for the name of the CONNECT: nobody can make us mint for names of their choice. */
static const struct tls_identity *find_identity(void *ctx, void *conn_ctx, const char *sni)
{
    const struct proxy *proxy = ctx;
    const struct tunnel *tunnel = conn_ctx;
    if (*sni && strcmp(sni, tunnel->host) != 0)
        return NULL;
    return ca_leaf(proxy->config.ca, tunnel->host);
}

/* --- rows ----------------------------------------------------------------------------- */

void record_init(const struct tunnel *tunnel, const char *kind, struct request_record *rec)
{
    const struct proxy_config *config = &tunnel->proxy->config;
    *rec = (struct request_record){0};
    rec->id = store_next_id(config->store);
    rec->started_ms = clock_wall_ms();
    rec->first_byte_ms = -1;
    rec->total_ms = -1;
    rec->port = tunnel->port;
    str_copy(rec->session, sizeof(rec->session), str_of(config->session));
    str_copy(rec->kind, sizeof(rec->kind), str_of(kind));
    if (tunnel->host)
        str_copy(rec->host, sizeof(rec->host), str_of(tunnel->host));
    if (tunnel->provider)
        str_copy(rec->provider, sizeof(rec->provider), str_of(tunnel->provider->name));
}

void record_put(struct proxy *proxy, struct request_record *rec)
{
    store_put_request(proxy->config.store, rec);
    if (proxy->config.on_request)
        proxy->config.on_request(proxy->config.ctx, rec);
}

void record_put_over(struct proxy *proxy, struct request_record *rec, int status,
        enum request_decision decision, const char *reason)
{
    rec->status = status;
    rec->decision = decision;
    str_copy(rec->reason, sizeof(rec->reason), str_of(reason));
    rec->total_ms = 0;
    rec->done = true;
    record_put(proxy, rec);
}

bool proxy_must_wait(const struct proxy *proxy)
{
    const struct proxy_config *config = &proxy->config;
    return store_full(config->store) || (config->gate && gate_is_held(config->gate));
}

static void go_on(struct tunnel *tunnel)
{
    tunnel->waits = false;
    if (tunnel->raw)
        raw_go_on(tunnel->raw);
    else if (tunnel->h1.base.exchange)
        exchange_go_on(tunnel->h1.base.exchange);
    else
        chan_resume(tunnel->chan);
}

static void on_hold(void *ctx, bool held)
{
    struct proxy *proxy = ctx;
    for (struct tunnel *tunnel = proxy->tunnels; tunnel; tunnel = tunnel->next) {
        if (tunnel->gone)
            continue;
        if (held && tunnel->h1.base.exchange)
            exchange_hold(tunnel->h1.base.exchange);
        else if (!held && tunnel->waits && !proxy_must_wait(proxy))
            go_on(tunnel);
    }
}

static void on_store_drain(void *ctx)
{
    (void)ctx;
    for (struct proxy *proxy = all_proxies; proxy; proxy = proxy->next) {
        for (struct tunnel *tunnel = proxy->tunnels; tunnel; tunnel = tunnel->next) {
            if (tunnel->waits && !tunnel->gone && !proxy_must_wait(proxy))
                go_on(tunnel);
        }
    }
}
