/*
 * provider.c - the provider table once it is read: finding, matching, freeing.
 *
 * Blocks: no. Owns: the table's strings and keys.
 */
#include "proxy/provider.h"

#include "proxy/provider_raw.h"

void provider_table_release(struct provider_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        provider_release(&table->items[i]);
    free(table->items);
    *table = (struct provider_table){0};
}

const struct provider *provider_find_host(const struct provider_table *table, struct str host)
{
    for (size_t i = 0; i < table->count; i++) {
        for (size_t k = 0; k < table->items[i].host_count; k++) {
            if (str_eq(str_of(table->items[i].hosts[k]), host))
                return &table->items[i];
        }
    }
    return NULL;
}

struct provider *provider_find(const struct provider_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->items[i].name, name) == 0)
            return &table->items[i];
    }
    return NULL;
}

const struct provider *provider_key_owner(
        const struct provider_table *table, const struct provider *provider)
{
    for (size_t i = 0; *provider->shares && i < table->count; i++) {
        if (strcmp(table->items[i].name, provider->shares) == 0)
            return &table->items[i];
    }
    return provider;
}

/* --- what is allowed ------------------------------------------------------------------ */

/* '*' never crosses a slash, so trying every length of it is bounded by one segment. */
bool provider_pattern_matches(const char *pattern, struct str path)
{
    while (*pattern && *pattern != '*') {
        if (path.n == 0 || *path.p != *pattern)
            return false;
        pattern++;
        path = (struct str){path.p + 1, path.n - 1};
    }
    if (!*pattern)
        return path.n == 0;
    for (size_t n = 1; n <= path.n && path.p[n - 1] != '/'; n++) {
        if (provider_pattern_matches(pattern + 1, (struct str){path.p + n, path.n - n}))
            return true;
    }
    return false;
}

static bool endpoint_matches(
        const struct provider_endpoint *end, struct str method, struct str path)
{
    return str_eq(str_of(end->method), method) && provider_pattern_matches(end->pattern, path);
}

static bool any_matches(
        const struct provider_endpoint *list, size_t count, struct str method, struct str path)
{
    for (size_t i = 0; i < count; i++) {
        if (endpoint_matches(&list[i], method, path))
            return !path_is_suspicious(path);
    }
    return false;
}

bool provider_allows(const struct provider *provider, struct str method, struct str path)
{
    return any_matches(provider->allow, provider->allow_count, method, path);
}

bool provider_allows_websocket(
        const struct provider *provider, struct str method, struct str path)
{
    return any_matches(provider->websocket, provider->websocket_count, method, path);
}

const struct body_rule *provider_body_rule(
        const struct provider *provider, struct str method, struct str path)
{
    for (size_t i = 0; i < provider->body_count; i++) {
        if (endpoint_matches(&provider->body[i].endpoint, method, path))
            return &provider->body[i];
    }
    return NULL;
}

enum api_kind provider_usage(
        const struct provider *provider, struct str method, struct str path)
{
    const struct body_rule *rule = provider_body_rule(provider, method, path);
    if (provider->usage == API_NONE)
        return API_NONE;
    return rule ? rule->api : provider->usage;
}

/* A path, or with a slash at the end all below it. */
static bool telemetry_matches(const char *pattern, struct str path)
{
    return str_ends(str_of(pattern), STR("/")) ? str_starts(path, str_of(pattern))
                                               : provider_pattern_matches(pattern, path);
}

bool provider_is_telemetry(const struct provider *provider, struct str path)
{
    for (size_t i = 0; i < provider->telemetry_count; i++) {
        const char *entry = provider->telemetry[i];
        if (entry[0] == '/' && telemetry_matches(entry, path))
            return true;
    }
    return false;
}

bool provider_table_is_telemetry(
        const struct provider_table *table, struct str host, struct str path)
{
    for (size_t i = 0; i < table->count; i++) {
        for (size_t k = 0; k < table->items[i].telemetry_count; k++) {
            const char *entry = table->items[i].telemetry[k];
            size_t n = strcspn(entry, "/");
            if (n > 0 && str_eq((struct str){entry, n}, host) &&
                    (!entry[n] || telemetry_matches(entry + n, path)))
                return true;
        }
    }
    return false;
}

/* What decodes to something that divides paths, to a control byte, or not to ASCII (there
 * are servers that take C0 AE for a dot), and what is not an escape at all. */
static bool escape_is_suspicious(struct str rest)
{
    int c = str_percent(rest);
    return c < 0x20 || c >= 0x7f || strchr("./\\%;?#", c);
}

bool path_is_suspicious(struct str path)
{
    if (path.n == 0 || path.p[0] != '/')
        return true;
    for (size_t i = 0; i < path.n; i++) {
        unsigned char c = (unsigned char)path.p[i];
        struct str rest = {path.p + i, path.n - i};
        if (c <= ' ' || c >= 0x7f || c == ';' || c == '\\' || c == '#')
            return true;
        if (str_starts(rest, STR("..")) || str_starts(rest, STR("//")) ||
                str_starts(rest, STR("/./")) || str_eq(rest, STR("/.")))
            return true;
        if (c == '%' && escape_is_suspicious(rest))
            return true;
    }
    return false;
}

void key_place_format(const struct key_place *place, struct str key, struct buf *ret)
{
    const char *at = strstr(place->format, "{key}");
    buf_append(ret, place->format, (size_t)(at - place->format));
    buf_append_str(ret, key);
    buf_puts(ret, at + strlen("{key}"));
}

const char *api_kind_name(enum api_kind kind)
{
    switch (kind) {
    case API_NONE:
        return "none";
    case API_ANTHROPIC:
        return "anthropic";
    case API_OPENAI:
        return "openai";
    case API_GOOGLE:
        return "google";
    }
    CHECK_UNREACHABLE();
}

const char *oauth_store_name(enum oauth_store store)
{
    switch (store) {
    case OAUTH_CLAUDE_CODE:
        return "claude-code";
    case OAUTH_ANT:
        return "ant";
    case OAUTH_CODEX:
        return "codex";
    }
    CHECK_UNREACHABLE();
}

/* --- freeing -------------------------------------------------------------------------- */

void provider_strings_free(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

void provider_endpoints_free(struct provider_endpoint *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i].pattern);
    free(list);
}

void provider_body_release(struct body_rule *rule)
{
    free(rule->endpoint.pattern);
    provider_strings_free(rule->keep, rule->keep_count);
    provider_strings_free(rule->drop, rule->drop_count);
    provider_strings_free(rule->inside, rule->inside_count);
    provider_strings_free(rule->deny_model, rule->deny_model_count);
    *rule = (struct body_rule){0};
}

void provider_release(struct provider *p)
{
    provider_strings_free(p->hosts, p->host_count);
    for (size_t i = 0; i < p->key_from_count; i++)
        free(p->key_from[i].name);
    free(p->key_from);
    for (size_t i = 0; p->key_command && p->key_command[i]; i++)
        free(p->key_command[i]);
    free(p->key_command);
    free(p->key_origin);
    free(p->key_problem);
    free(p->places);
    if (p->oauth)
        free(p->oauth->logins);
    free(p->oauth);
    provider_endpoints_free(p->allow, p->allow_count);
    provider_endpoints_free(p->websocket, p->websocket_count);
    provider_strings_free(p->telemetry, p->telemetry_count);
    for (size_t i = 0; i < p->body_count; i++)
        provider_body_release(&p->body[i]);
    free(p->body);
    free(p->upstream);
    free(p->upstream_env);
    free(p->upstream_ca);
    secret_free(p->key);
}
