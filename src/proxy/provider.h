/*
 * provider.h - the provider table: which hosts are LLM providers, what may be asked of them,
 * how the key travels. Data: assets/providers.yaml, extended by the user's configuration.
 */
#ifndef SRC_PROXY_PROVIDER_H
#define SRC_PROXY_PROVIDER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* Where requests go: the override taken apart. */
struct provider_upstream {
    bool plain; /* http:// */
    char host[256];
    uint16_t port;
    char prefix[256]; /* put before the path; "" or "/v1" */
};

struct provider_endpoint {
    char method[16];
    char *pattern; /* owns; '*' is one or more characters other than '/' */
};

struct provider {
    char name[32];
    char **hosts; /* owns; lower case */
    size_t host_count;
    char key_header[64]; /* lower case; "" = none */
    char key_format[64]; /* "{key}" or "Bearer {key}" */
    char fake_prefix[64];
    char **key_env; /* owns; variables to look for, in order */
    size_t key_env_count;
    struct provider_endpoint *allow; /* owns */
    size_t allow_count;
    char *upstream; /* owns; "https://host[:port][/prefix]" or NULL: the host itself */
    struct provider_upstream to; /* upstream taken apart */
    char *upstream_ca;           /* owns; PEM path or NULL */
    struct secret *key;          /* owns; the real key or NULL */
};

struct provider_table {
    struct provider *items; /* owns */
    size_t count;
};

/*
 * The shipped table plus `extra` YAML text (may be empty): a mapping of provider names. Of a
 * provider that is in the shipped table single fields may be given; a list replaces the
 * shipped one. Errors name line and key. The table is usable (empty) after a failure.
 */
int provider_table_load(struct provider_table *table, struct str extra, const char *extra_name,
        struct err *err);
void provider_table_release(struct provider_table *table);

/* Take real keys from the environment, where they go before one of the configuration; the
 * variables are wiped and removed from it. A value that no header can hold is no key. */
void provider_table_keys_from_env(struct provider_table *table);

const struct provider *provider_find_host(const struct provider_table *table, struct str host);
struct provider *provider_find(const struct provider_table *table, const char *name);

/* Method exact, path raw with the query cut. Nothing suspicious ever matches. */
bool provider_allows(const struct provider *provider, struct str method, struct str path);

/*
 * True when the raw path has something that two parsers may read differently: "..", a segment
 * ".", "//", encoded dot, slash, backslash, percent or NUL, ';', backslash, '#', a control
 * byte, anything not ASCII; or when it does not begin with a slash.
 */
bool path_is_suspicious(struct str path);

/* What the key header holds: "Bearer KEY" for the format "Bearer {key}". Appends. */
void provider_format_key(const struct provider *provider, struct str key, struct buf *ret);

#endif
