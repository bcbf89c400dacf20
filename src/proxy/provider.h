/*
 * provider.h - the provider table: which hosts are LLM providers, what may be asked of them,
 * how the key travels. Data: assets/providers.yaml, extended by the user's configuration.
 *
 *     struct provider_table table;
 *     if (provider_table_load(&table, extra, "config.yaml", &err) < 0) ...
 *     provider_table_upstreams_from_env(&table);
 *     provider_table_keys_from_env(&table);
 *     const struct provider *p = provider_find_host(&table, host);
 *     if (p && provider_allows(p, method, path)) ...
 *     const struct body_rule *rule = p ? provider_body_rule(p, method, path) : NULL;
 *
 * The table is read at start and constant afterwards, except for the keys.
 */
#ifndef SRC_PROXY_PROVIDER_H
#define SRC_PROXY_PROVIDER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "proxy/api.h"

struct body_rule;

/* Where a URL of the configuration leads: taken apart. */
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

/* One place in which the key may stand: a header, or a parameter of the query. */
struct key_place {
    char header[64]; /* lower case; "" = the query parameter */
    char query[32];  /* "" = the header */
    char format[64]; /* "{key}" or "Bearer {key}"; of a query always "{key}" */
};

/* Where a real key is looked for; the first that has one wins. */
struct key_source {
    bool is_file; /* a path, else the name of a variable */
    char *name;   /* owns */
};

/* The program whose login it is; each has its own file and its own form. */
enum oauth_store { OAUTH_CLAUDE_CODE, OAUTH_ANT, OAUTH_CODEX };

/* One kind of login that may be found on this machine, and how it is renewed. */
struct oauth_login {
    enum oauth_store store;
    struct provider_upstream token; /* the endpoint; prefix is its whole path */
    char client_id[128];
    bool is_form;    /* the grant is posted as a form, else as JSON */
    bool overridden; /* by token_url of the configuration: any address */
};

struct provider_oauth {
    struct key_place place; /* always a header */
    char fake_prefix[64];   /* "" if the fake is a JWT */
    bool fake_is_jwt;
    struct oauth_login *logins; /* owns; in the order in which they are looked for */
    size_t login_count;
};

struct provider {
    char name[32];
    char **hosts; /* owns; lower case */
    size_t host_count;
    struct key_place *places; /* owns; the first is the one agents normally use */
    size_t place_count;
    char fake_prefix[64];
    struct key_source *key_from; /* owns; variables and files, in order */
    size_t key_from_count;
    char **key_command; /* owns; argv ending in NULL, no shell; NULL: none. Whoever runs it
                         * does so only if `key` is NULL, and takes its first line */
    char *key_origin;   /* owns; where `key` is from, for people: "$NAME", a path; NULL: the
                         * configuration, or there is none */
    char *key_problem;  /* owns; why a source that is there gave no key, or NULL */
    struct secret *key; /* owns; the real key or NULL */
    struct provider_oauth *oauth; /* owns; NULL: no logins */
    char shares[32]; /* provider whose key, places and login are used, and which then has none
                      * of these here (provider_key_owner()); "" = its own */
    struct provider_endpoint *allow; /* owns */
    size_t allow_count;
    struct provider_endpoint *websocket; /* owns; where an upgrade is let through */
    size_t websocket_count;
    char **telemetry; /* owns; "/path*" of these hosts, a further host, or host/path* of one:
                       * refused with 404 */
    size_t telemetry_count;
    enum api_kind usage;    /* how its answers count tokens */
    enum api_kind error;    /* the form in which refusals are written */
    struct body_rule *body; /* owns */
    size_t body_count;
    char *upstream;     /* owns; "https://host[:port][/prefix]" or NULL: the host itself */
    char *upstream_env; /* owns; variable that overrides it, or NULL */
    struct provider_upstream to; /* upstream taken apart */
    char *upstream_ca;           /* owns; PEM path or NULL */
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

/* Take real keys from the environment and from files, where they go before one of the
 * configuration; the variables are wiped and removed from it. A value that no header can hold
 * is no key, nor is one in a file that others can read: key_problem says so. */
void provider_table_keys_from_env(struct provider_table *table);

/* Take ANTHROPIC_BASE_URL and the like, which go before `upstream` of the configuration. One
 * that is no http(s) URL is logged and ignored. */
void provider_table_upstreams_from_env(struct provider_table *table);

const struct provider *provider_find_host(const struct provider_table *table, struct str host);
struct provider *provider_find(const struct provider_table *table, const char *name);

/* Whose key, fake and login this provider uses: itself, or the one it shares with. */
const struct provider *provider_key_owner(
        const struct provider_table *table, const struct provider *provider);

/* Method exact, path raw with the query cut. Nothing suspicious ever matches. The second is
 * for requests that ask for an upgrade, and for no others. */
bool provider_allows(const struct provider *provider, struct str method, struct str path);
bool provider_allows_websocket(
        const struct provider *provider, struct str method, struct str path);

/* What has to be done with the body of this request (or, for a WebSocket, with each message
 * of the agent); NULL: nothing. */
const struct body_rule *provider_body_rule(
        const struct provider *provider, struct str method, struct str path);

/* Whose usage figures the answer to this request has. */
enum api_kind provider_usage(
        const struct provider *provider, struct str method, struct str path);

/* Telemetry, updates: refused like anything else, but with 404, after which agents go on
 * without waiting. Only chooses between two refusals; never lets anything through. */
bool provider_is_telemetry(const struct provider *provider, struct str path);
bool provider_table_is_telemetry(
        const struct provider_table *table, struct str host, struct str path);

/*
 * True when the raw path has something that two parsers may read differently: "..", a segment
 * ".", "//", ';', backslash, '#', a control byte, anything not ASCII, all these encoded, an
 * encoded dot, slash, percent or question mark, a percent sign that encodes nothing; or when it
 * does not begin with a slash.
 */
bool path_is_suspicious(struct str path);

/* What the place holds: "Bearer KEY" for the format "Bearer {key}". Appends. */
void key_place_format(const struct key_place *place, struct str key, struct buf *ret);

/* "anthropic", "openai", "google", "none"; "claude-code", "ant", "codex". */
const char *api_kind_name(enum api_kind kind);
const char *oauth_store_name(enum oauth_store store);

/* Take a URL apart; used for every URL of the table. `what` names it in the error. */
int provider_upstream_parse(
        const char *url, const char *what, struct provider_upstream *ret, struct err *err);

#endif
