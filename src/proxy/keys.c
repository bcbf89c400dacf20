/*
 * keys.c - the keys of one proxy: what the box holds, and what that is replaced by.
 *
 * The fake key is all the box ever gets, made when the proxy is, worthless anywhere else.
 * What each place of it must hold is written here once, so that a request costs one
 * comparison each. The real value is the credential's; requests under way share a copy of
 * it, because a renewal may replace it while they are looked after.
 */
#include "proxy/proxy_priv.h"

struct real_key {
    struct secret *value; /* owns */
    unsigned generation;
    unsigned users; /* the set that made it, and requests */
};

/* Providers that share a credential share its fake, and no others do. */
static void make_fake(const struct proxy *proxy, struct key_set *set)
{
    const struct key_set *other = proxy->keys;
    while (other->credential != set->credential)
        other++;
    if (credential_kind(set->credential) == CREDENTIAL_NONE)
        return;
    if (other != set)
        memcpy(set->fake, other->fake, sizeof(set->fake));
    else
        credential_make_fake(set->credential, set->fake);
}

static void make_places(struct key_set *set)
{
    size_t count = 0;
    const struct key_place *places = credential_places(set->credential, &count);
    CHECK(count <= LIMIT_KEY_PLACES);
    for (size_t i = 0; i < count; i++) {
        struct key_value *value = &set->values[set->count++];
        struct buf text = BUF_INIT;
        value->place = &places[i];
        if (!*set->fake)
            continue;
        key_place_format(value->place, str_of(set->fake), &text);
        value->fake = xstrndup(buf_data(&text), buf_len(&text));
        buf_release(&text);
    }
}

void keys_make(struct proxy *proxy)
{
    const struct provider_table *table = proxy->config.providers;
    proxy->keys = xcalloc(table->count + 1, sizeof(*proxy->keys));
    for (size_t i = 0; i < table->count; i++) {
        struct key_set *set = &proxy->keys[i];
        set->credential = credential_of(proxy->config.credentials, &table->items[i]);
        make_fake(proxy, set);
        make_places(set);
    }
}

void keys_free(struct proxy *proxy)
{
    for (size_t i = 0; proxy->keys && i < proxy->config.providers->count; i++) {
        struct key_set *set = &proxy->keys[i];
        for (size_t k = 0; k < set->count; k++)
            free(set->values[k].fake);
        real_key_drop(set->real);
    }
    free(proxy->keys);
}

struct key_set *keys_of(const struct proxy *proxy, const struct provider *provider)
{
    return &proxy->keys[provider - proxy->config.providers->items];
}

const char *proxy_fake_key(const struct proxy *proxy, const char *provider)
{
    const struct provider *p = provider_find(proxy->config.providers, provider);
    return p && *keys_of(proxy, p)->fake ? keys_of(proxy, p)->fake : NULL;
}

/* --- the real one --------------------------------------------------------------------- */

struct real_key *real_key_take(struct key_set *set)
{
    const struct secret *value = credential_secret(set->credential);
    unsigned generation = credential_generation(set->credential);
    if (!value)
        return NULL;
    if (!set->real || set->real->generation != generation) {
        real_key_drop(set->real);
        set->real = xcalloc(1, sizeof(*set->real));
        set->real->value = secret_new(secret_bytes(value), secret_len(value));
        set->real->generation = generation;
        set->real->users = 1;
    }
    set->real->users++;
    return set->real;
}

void real_key_drop(struct real_key *key)
{
    if (!key || --key->users > 0)
        return;
    secret_free(key->value);
    free(key);
}

const struct secret *real_key_value(const struct real_key *key)
{
    return key->value;
}

unsigned real_key_generation(const struct real_key *key)
{
    return key->generation;
}
