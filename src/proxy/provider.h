/*
 * provider.h - the provider table: which hosts are LLM providers, what may be asked of them,
 * how the key travels. Data: assets/providers.yaml, extended by the user's configuration.
 */
#ifndef SRC_PROXY_PROVIDER_H
#define SRC_PROXY_PROVIDER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

struct provider_endpoint {
    char method[16];
    char *pattern; /* owns; '*' is one or more characters other than '/' */
};

struct provider {
    char name[32];
    char **hosts; /* owns; lower case */
    size_t host_count;
    char key_header[64];  /* lower case; "" = none */
    char key_format[64];  /* "{key}" or "Bearer {key}" */
    char fake_prefix[64];
    char **key_env; /* owns; variables to look for, in order */
    size_t key_env_count;
    struct provider_endpoint *allow; /* owns */
    size_t allow_count;
    char *upstream;    /* owns; "https://host[:port][/prefix]" or NULL: the host itself */
    char *upstream_ca; /* owns; PEM path or NULL */
    struct secret *key; /* owns; the real key or NULL */
};

struct provider_table {
    struct provider *items; /* owns */
    size_t count;
};

/* The shipped table plus `extra` YAML text (may be empty), errors name line and key. */
int provider_table_load(struct provider_table *table, struct str extra, const char *extra_name,
        struct err *err);
void provider_table_release(struct provider_table *table);

/* Take real keys from the environment; the variables are wiped and removed from it. */
void provider_table_keys_from_env(struct provider_table *table);

const struct provider *provider_find_host(const struct provider_table *table, struct str host);
struct provider *provider_find(const struct provider_table *table, const char *name);

/* Method exact, path raw with the query cut; see docs for what never matches. */
bool provider_allows(const struct provider *provider, struct str method, struct str path);

/* True when the raw path has something that two parsers may read differently: "..", "//",
 * encoded dot, slash or backslash, ';', NUL, control, fragment. */
bool path_is_suspicious(struct str path);

#endif
