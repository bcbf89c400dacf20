/*
 * pool.c - idle upstream connections, and how origins are reached.
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
static void upstream_unlink(struct upstream *up);
static void upstream_free(struct upstream *up);

static const char *trust_path(const struct pool *pool, const struct provider *provider)
{
    return provider->upstream_ca ? provider->upstream_ca : pool->config->extra_ca;
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
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < config->providers->count; i++)
        rc = trust_add(pool, trust_path(pool, &config->providers->items[i]), err);
    if (rc == 0)
        return pool;
    pool_free(pool);
    return NULL;
}

static void origin_free(struct origin *origin)
{
    struct upstream *next = NULL;
    for (struct upstream *up = origin->idle; up; up = next) {
        next = up->next;
        chan_close(up->chan);
        free(up);
    }
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

struct origin *pool_origin(
        struct pool *pool, const struct provider *provider, const char *host, uint16_t port)
{
    for (struct origin *o = pool->origins; o; o = o->next) {
        if (o->asked_port == port && strcmp(o->asked_host, host) == 0)
            return o;
    }
    struct origin *origin = xcalloc(1, sizeof(*origin));
    const struct provider_upstream *to = provider->upstream ? &provider->to : NULL;
    origin->provider = provider;
    origin->asked_host = xstrdup(host);
    origin->asked_port = port;
    origin->target.host = xstrdup(to ? to->host : host);
    origin->target.port = to ? to->port : port;
    origin->target.allow_private = to != NULL;
    origin->target.via = pool->config->via;
    bool plain = to && to->plain;
    origin->target.tls = plain ? NULL : trust_find(pool, trust_path(pool, provider));
    origin->authority = authority_make(origin->target.host, origin->target.port, plain);
    pool_override(pool->config, &origin->target);
    origin->next = pool->origins;
    pool->origins = origin;
    return origin;
}

/* --- idle connections ----------------------------------------------------------------- */

static void on_idle_over(void *ctx)
{
    upstream_abort(ctx);
}

static void on_idle_fail(void *ctx, const struct err *err)
{
    (void)err;
    upstream_abort(ctx);
}

/* Whatever comes on an idle connection answers no request. */
static const struct chan_ops idle_ops = {
        .on_data = on_idle_over,
        .on_end = on_idle_over,
        .on_fail = on_idle_fail,
};

struct upstream *pool_take(struct pool *pool, struct origin *origin)
{
    (void)pool;
    struct upstream *up = origin->idle;
    if (!up)
        return NULL;
    upstream_unlink(up);
    up->reused = true;
    return up;
}

struct upstream *pool_adopt(struct pool *pool, struct origin *origin, struct chan *chan)
{
    struct upstream *up = xcalloc(1, sizeof(*up));
    up->pool = pool;
    up->origin = origin;
    up->chan = chan;
    return up;
}

static struct upstream *idle_oldest(const struct origin *origin)
{
    struct upstream *up = origin->idle;
    while (up && up->next)
        up = up->next;
    return up;
}

void upstream_keep(struct upstream *up)
{
    struct origin *origin = up->origin;
    up->idle_since = loop_now_ms(up->pool->config->loop);
    up->prev = NULL;
    up->next = origin->idle;
    if (up->next)
        up->next->prev = up;
    origin->idle = up;
    up->idle = true;
    origin->idle_count++;
    chan_set_ops(up->chan, &idle_ops, up);
    chan_resume(up->chan);
    if (!timer_running(up->pool->timer))
        timer_start(up->pool->timer, LIMIT_POOL_IDLE_MS);
    if (origin->idle_count > LIMIT_POOL_PER_ORIGIN)
        upstream_close(idle_oldest(origin));
}

static void upstream_unlink(struct upstream *up)
{
    struct origin *origin = up->origin;
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

static void upstream_free(struct upstream *up)
{
    upstream_unlink(up);
    free(up);
}

void upstream_close(struct upstream *up)
{
    chan_close(up->chan);
    upstream_free(up);
}

void upstream_abort(struct upstream *up)
{
    chan_abort(up->chan);
    upstream_free(up);
}

static void on_timer(void *ctx)
{
    struct pool *pool = ctx;
    uint64_t now = loop_now_ms(pool->config->loop), wait = 0;
    for (struct origin *origin = pool->origins; origin; origin = origin->next) {
        struct upstream *next = NULL;
        for (struct upstream *up = origin->idle; up; up = next) {
            next = up->next;
            uint64_t age = now - up->idle_since;
            if (age >= LIMIT_POOL_IDLE_MS)
                upstream_close(up);
            else if (wait == 0 || LIMIT_POOL_IDLE_MS - age < wait)
                wait = LIMIT_POOL_IDLE_MS - age;
        }
    }
    if (wait)
        timer_start(pool->timer, wait);
}
