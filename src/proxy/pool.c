/*
 * pool.c - upstream connections that wait, and how origins are reached.
 *
 * Trust: the system's store, plus the provider's upstream_ca, else the configured extra CA.
 * One TLS client per file, read when the proxy starts, so that a wrong path is an error then
 * and not at the first request. Private addresses are refused except for what the operator
 * named: an upstream override or a resolve entry.
 *
 * Blocks: pool_new() reads certificates. Owns: origins, idle connections, TLS clients. One
 * timer runs while something is idle, set to the moment the oldest one has to go.
 */
#include "proxy/pool.h"

#include "base/limits.h"
#include "base/mem.h"
#include "proxy/h2_client.h"
#include "proxy/proxy.h"

struct trust {
    struct trust *next;
    char *path;             /* owns; NULL: system only */
    struct tls_client *tls; /* owns */
};

struct pool {
    const struct proxy_config *config; /* borrows */
    struct trust *trusts;              /* owns */
    struct origin *origins;            /* owns */
    struct timer *timer;               /* owns */
};

static void on_timer(void *ctx);
static void idle_close(struct h1_upstream *up);

static const char *trust_path(const struct pool *pool, const struct provider *provider)
{
    return provider && provider->upstream_ca ? provider->upstream_ca : pool->config->extra_ca;
}

static struct tls_client *trust_find(const struct pool *pool, const char *path)
{
    for (struct trust *trust = pool->trusts; trust; trust = trust->next) {
        if (str_eq(str_of(trust->path), str_of(path)))
            return trust->tls;
    }
    return NULL;
}

static int trust_add(struct pool *pool, const char *path, struct err *err)
{
    if (trust_find(pool, path))
        return 0;
    struct tls_client *tls = tls_client_new(path, err);
    if (!tls)
        return err_wrap(err, "upstream trust");
    struct trust *trust = xcalloc(1, sizeof(*trust));
    trust->path = xstrdup(path);
    trust->tls = tls;
    trust->next = pool->trusts;
    pool->trusts = trust;
    return 0;
}

struct pool *pool_new(const struct proxy_config *config, struct err *err)
{
    struct pool *pool = xcalloc(1, sizeof(*pool));
    pool->config = config;
    pool->timer = timer_new(config->loop, on_timer, pool);
    int rc = trust_add(pool, trust_path(pool, NULL), err);
    for (size_t i = 0; rc == 0 && i < config->providers->count; i++)
        rc = trust_add(pool, trust_path(pool, &config->providers->items[i]), err);
    if (rc == 0)
        return pool;
    pool_free(pool);
    return NULL;
}

static void origin_free(struct origin *origin)
{
    while (origin->idle)
        idle_close(origin->idle);
    while (origin->h2)
        h2_client_free(origin->h2); /* takes itself out of the list */
    free(origin->asked_host);
    free(origin->authority);
    free((char *)origin->target.host);
    free(origin);
}

void pool_free(struct pool *pool)
{
    if (!pool)
        return;
    while (pool->origins) {
        struct origin *origin = pool->origins;
        pool->origins = origin->next;
        origin_free(origin);
    }
    while (pool->trusts) {
        struct trust *trust = pool->trusts;
        pool->trusts = trust->next;
        tls_client_free(trust->tls);
        free(trust->path);
        free(trust);
    }
    timer_free(pool->timer);
    free(pool);
}

/* --- origins -------------------------------------------------------------------------- */

void pool_override(const struct proxy_config *config, struct dial_target *target)
{
    for (size_t i = 0; i < config->resolve_count; i++) {
        const struct proxy_resolve *r = &config->resolve[i];
        if (r->port != target->port || strcmp(r->host, target->host) != 0)
            continue;
        target->address = r->address;
        target->port = r->to_port;
        target->allow_private = true;
        return;
    }
}

static char *authority_make(const char *host, uint16_t port, bool plain)
{
    bool literal = strchr(host, ':') != NULL;
    const char *open = literal ? "[" : "", *close = literal ? "]" : "";
    if (port == (plain ? 80 : 443))
        return xasprintf("%s%s%s", open, host, close);
    return xasprintf("%s%s%s:%u", open, host, close, (unsigned)port);
}

static struct origin *origin_find(const struct pool *pool, const struct provider *provider,
        const char *host, uint16_t port, bool plain)
{
    for (struct origin *o = pool->origins; o; o = o->next) {
        if (o->provider == provider && o->asked_port == port && o->plain == plain &&
                strcmp(o->asked_host, host) == 0)
            return o;
    }
    return NULL;
}

struct origin *pool_origin(struct pool *pool, const struct provider *provider, const char *host,
        uint16_t port, bool plain)
{
    struct origin *origin = origin_find(pool, provider, host, port, plain);
    if (origin) {
        origin->users++;
        return origin;
    }
    const struct provider_upstream *to = provider && provider->upstream ? &provider->to : NULL;
    origin = xcalloc(1, sizeof(*origin));
    origin->pool = pool;
    origin->users = 1;
    origin->provider = provider;
    origin->asked_host = xstrdup(host);
    origin->asked_port = port;
    origin->plain = plain;
    origin->target.host = xstrdup(to ? to->host : host);
    origin->target.port = to ? to->port : port;
    origin->target.allow_private = to != NULL;
    origin->target.via = pool->config->via;
    bool clear = to ? to->plain : plain;
    origin->target.tls = clear ? NULL : trust_find(pool, trust_path(pool, provider));
    origin->target.h2 = true; /* if it has TLS */
    origin->authority = authority_make(origin->target.host, origin->target.port, clear);
    pool_override(pool->config, &origin->target);
    origin->next = pool->origins;
    pool->origins = origin;
    return origin;
}

/* Hosts that the agent may name are not kept for ever: providers are few. */
static void origin_forget(struct origin *origin)
{
    if (origin->provider || origin->users || origin->idle || origin->h2)
        return;
    struct origin **at = &origin->pool->origins;
    while (*at != origin)
        at = &(*at)->next;
    *at = origin->next;
    origin_free(origin);
}

void pool_release(struct origin *origin)
{
    CHECK(origin->users > 0);
    origin->users--;
    origin_forget(origin);
}

/* --- idle connections ----------------------------------------------------------------- */

struct upstream *pool_take(struct origin *origin)
{
    for (struct h2_client *h2 = origin->h2; h2; h2 = h2_client_next(h2)) {
        struct upstream *up = h2_client_open(h2);
        if (up)
            return up;
    }
    struct h1_upstream *h1 = origin->idle;
    if (!h1)
        return NULL;
    pool_unlink(h1);
    h1->base.reused = true;
    h1_upstream_serve(h1);
    return &h1->base;
}

struct upstream *pool_adopt(struct origin *origin, struct chan *chan)
{
    chan_share(chan);
    if (strcmp(chan_alpn(chan), "h2") == 0)
        return h2_client_open(h2_client_new(origin->pool, origin, chan));
    return h1_upstream_new(origin, chan);
}

static void idle_gone(struct h1_upstream *up)
{
    struct origin *origin = up->base.origin;
    pool_unlink(up);
    free(up);
    origin_forget(origin);
}

static void on_idle_over(void *ctx)
{
    struct h1_upstream *up = ctx;
    chan_abort(up->chan);
    idle_gone(up);
}

static void on_idle_fail(void *ctx, const struct err *err)
{
    (void)err;
    on_idle_over(ctx);
}

/* Whatever comes on an idle connection answers no request. */
static const struct chan_ops idle_ops = {
        .on_data = on_idle_over,
        .on_end = on_idle_over,
        .on_fail = on_idle_fail,
};

static void idle_close(struct h1_upstream *up)
{
    chan_close(up->chan);
    pool_unlink(up);
    free(up);
}

static struct h1_upstream *idle_oldest(const struct origin *origin)
{
    struct h1_upstream *up = origin->idle;
    while (up && up->next)
        up = up->next;
    return up;
}

static void timer_arm(struct pool *pool)
{
    if (!timer_running(pool->timer))
        timer_start(pool->timer, LIMIT_POOL_IDLE_MS);
}

void pool_keep(struct h1_upstream *up)
{
    struct origin *origin = up->base.origin;
    struct pool *pool = origin->pool;
    up->idle_since = loop_now_ms(pool->config->loop);
    up->prev = NULL;
    up->next = origin->idle;
    if (up->next)
        up->next->prev = up;
    origin->idle = up;
    up->idle = true;
    origin->idle_count++;
    chan_set_ops(up->chan, &idle_ops, up);
    chan_resume(up->chan);
    timer_arm(pool);
    if (origin->idle_count > LIMIT_POOL_PER_ORIGIN)
        idle_close(idle_oldest(origin));
}

void pool_unlink(struct h1_upstream *up)
{
    struct origin *origin = up->base.origin;
    if (!up->idle)
        return;
    up->idle = false;
    if (up->prev)
        up->prev->next = up->next;
    else
        origin->idle = up->next;
    if (up->next)
        up->next->prev = up->prev;
    up->next = up->prev = NULL;
    origin->idle_count--;
}

void pool_h2_idle(struct pool *pool)
{
    timer_arm(pool);
}

struct loop *pool_loop(const struct pool *pool)
{
    return pool->config->loop;
}

/* Close what was idle for too long; returns when the next one will have been. */
static uint64_t sweep(struct origin *origin, uint64_t now)
{
    uint64_t next_at = UINT64_MAX;
    struct h1_upstream *next = NULL;
    for (struct h1_upstream *up = origin->idle; up; up = next) {
        next = up->next;
        uint64_t over = up->idle_since + LIMIT_POOL_IDLE_MS;
        if (over <= now)
            idle_close(up);
        else if (over < next_at)
            next_at = over;
    }
    struct h2_client *next_h2 = NULL;
    for (struct h2_client *h2 = origin->h2; h2; h2 = next_h2) {
        next_h2 = h2_client_next(h2);
        uint64_t since = h2_client_idle_since(h2);
        if (since == UINT64_MAX)
            continue;
        if (since + LIMIT_POOL_IDLE_MS <= now)
            h2_client_free(h2);
        else if (since + LIMIT_POOL_IDLE_MS < next_at)
            next_at = since + LIMIT_POOL_IDLE_MS;
    }
    return next_at;
}

static void on_timer(void *ctx)
{
    struct pool *pool = ctx;
    uint64_t now = loop_now_ms(pool->config->loop), next_at = UINT64_MAX;
    struct origin *next = NULL;
    for (struct origin *origin = pool->origins; origin; origin = next) {
        next = origin->next;
        uint64_t at = sweep(origin, now);
        if (at < next_at)
            next_at = at;
        origin_forget(origin);
    }
    if (next_at != UINT64_MAX)
        timer_start(pool->timer, next_at - now);
}
