/*
 * exchange_key.c - a login that ends: renewed before the request, or after the upstream said
 * 401 to it; then the request is sent once more, the same byte for byte.
 *
 * Only a request that carried our key is sent again: what the agent sent without a key or
 * was refused for another gets the upstream's answer. A renewal that fails is a 403 with the
 * reason; agents take a 401 for a reason to try for minutes.
 *
 * Blocks: no.
 */
#include "proxy/exchange.h"

/* Why stands in the log of the credentials: the box need not know the host's paths. */
#define NOT_RENEWED                                                                            \
    "Authentication failed: unable to refresh OAuth token. Log in again on the host."

static struct key_set *keys(const struct exchange *x)
{
    return keys_of(proxy_of(x), x->stream->tunnel->provider);
}

/* The key in force now; answers are still searched for the one before. */
static void take_key(struct exchange *x)
{
    struct real_key *key = real_key_take(keys(x));
    if (!key || key == x->key) {
        real_key_drop(key);
        return;
    }
    x->old_keys[x->old_count++] = x->key;
    x->key = key;
    leak_add(&x->leak, real_key_value(key));
}

/* An expectation is met by us: the upstream never sees it. */
static void tell_continue(struct exchange *x)
{
    struct http_head go;
    if (!x->expects || x->request.done)
        return;
    x->expects = false;
    go.status = 100;
    go.reason = STR("Continue");
    go.count = 0;
    x->stream->ops->interim(x->stream, &go);
}

/* Renewed in time, or not: then the one at hand may still do. */
static void on_fresh(void *ctx, const struct err *err)
{
    struct exchange *x = ctx;
    x->wait = NULL;
    if (!err)
        take_key(x);
    exchange_connect(x);
}

void exchange_go(struct exchange *x)
{
    tell_continue(x);
    if (exchange_must_collect(x)) {
        x->phase = PHASE_COLLECT;
        x->stream->ops->resume(x->stream);
        return;
    }
    if (x->rec.key_swapped && !x->renewed && credential_stale(keys(x)->credential)) {
        x->renewed = true;
        x->phase = PHASE_RENEW;
        x->wait = credential_refresh(
                keys(x)->credential, real_key_generation(x->key), on_fresh, x);
        return;
    }
    exchange_connect(x);
}

static void on_renewed(void *ctx, const struct err *err)
{
    struct exchange *x = ctx;
    x->wait = NULL;
    if (!err) {
        take_key(x);
        exchange_connect(x);
        return;
    }
    exchange_fail(x, 403, REQUEST_ERROR, NOT_RENEWED);
}

static bool can_send_again(const struct exchange *x)
{
    return x->request.done && (x->collected || x->request.bytes == 0);
}

bool exchange_renew(struct exchange *x)
{
    if (!x->rec.key_swapped || x->refused || !can_send_again(x) ||
            !credential_renews(keys(x)->credential))
        return false;
    x->refused = true;
    exchange_drop_upstream(x);
    x->phase = PHASE_RENEW;
    x->wait =
            credential_refresh(keys(x)->credential, real_key_generation(x->key), on_renewed, x);
    return true;
}
