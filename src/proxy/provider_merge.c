/*
 * provider_merge.c - what a YAML entry says, put into the provider of that name.
 *
 * A field that is there replaces what the provider had; one that is not leaves it.
 *
 * Blocks: no. Owns: nothing; the provider owns what is put into it.
 */
#include "proxy/provider.h"

#include "base/limits.h"
#include "proxy/provider_raw.h"

/* Letters, digits and what a host or header name may have besides. */
static bool is_name(const char *s, const char *others)
{
    for (const char *c = s; *c; c++) {
        if (!char_is_alnum(*c) && !strchr(others, *c))
            return false;
    }
    return *s != '\0';
}

static void lower_case(char *s)
{
    for (; *s; s++)
        *s = char_lower(*s);
}

static void replace(char **field, const char *value)
{
    free(*field);
    *field = xstrdup(value);
}

static void replace_list(
        char ***list, size_t *count, char *const *values, unsigned values_count)
{
    provider_strings_free(*list, *count);
    *list = xcalloc(values_count + 1, sizeof(**list));
    *count = values_count;
    for (unsigned i = 0; i < values_count; i++)
        (*list)[i] = xstrdup(values[i]);
}

/* --- hosts and endpoints --------------------------------------------------------------- */

static bool is_host(const char *s)
{
    return is_name(s, ".-_") && strlen(s) <= 253;
}

static int merge_hosts(struct provider *p, const struct raw_provider *raw, struct err *err)
{
    for (unsigned i = 0; i < raw->hosts_count; i++) {
        if (!is_host(raw->hosts[i]))
            return err_set(err, ERR_CONFIG, "'%s' is not a host name", raw->hosts[i]);
    }
    replace_list(&p->hosts, &p->host_count, raw->hosts, raw->hosts_count);
    for (size_t i = 0; i < p->host_count; i++)
        lower_case(p->hosts[i]);
    return 0;
}

/* "METHOD /path" */
static int endpoint_parse(
        const char *text, const char *what, struct provider_endpoint *ret, struct err *err)
{
    struct provider_endpoint end = {.pattern = NULL};
    struct str path = str_of(text), method;
    bool cut = str_cut(&path, ' ', &method);
    path = str_trim(path);
    if (!cut || path.n == 0 || path_is_suspicious(path) || memchr(path.p, '?', path.n) ||
            !str_copy(end.method, sizeof(end.method), method) || !is_name(end.method, ""))
        return err_set(err, ERR_CONFIG, "%s '%s' is not METHOD /path", what, text);
    end.pattern = xstrndup(path.p, path.n);
    *ret = end;
    return 0;
}

static int merge_endpoints(struct provider_endpoint **list, size_t *count, char *const *raw,
        unsigned raw_count, const char *what, struct err *err)
{
    int rc = 0;
    provider_endpoints_free(*list, *count);
    *list = xcalloc(raw_count + 1, sizeof(**list));
    *count = 0;
    for (unsigned i = 0; rc == 0 && i < raw_count; i++) {
        rc = endpoint_parse(raw[i], what, &(*list)[*count], err);
        *count += rc == 0;
    }
    return rc;
}

static int merge_telemetry(struct provider *p, const struct raw_provider *raw, struct err *err)
{
    for (unsigned i = 0; i < raw->telemetry_count; i++) {
        const char *text = raw->telemetry[i];
        size_t n = strcspn(text, "/");
        char *host = xstrndup(text, n);
        bool fine = (n == 0 || is_host(host)) &&
                    (!text[n] || !path_is_suspicious(str_of(text + n)));
        free(host);
        if (!fine)
            return err_set(err, ERR_CONFIG, "telemetry '%s' is not /path and no host", text);
    }
    replace_list(&p->telemetry, &p->telemetry_count, raw->telemetry, raw->telemetry_count);
    for (size_t i = 0; i < p->telemetry_count; i++) {
        for (char *c = p->telemetry[i]; *c && *c != '/'; c++)
            *c = char_lower(*c);
    }
    return 0;
}

/* --- keys ------------------------------------------------------------------------------ */

static int check_header(const char *header, struct err *err)
{
    return is_name(header, "-_")
                   ? 0
                   : err_set(err, ERR_CONFIG, "key header '%s' is not a header name", header);
}

static int check_format(const char *format, struct err *err)
{
    const char *at = strstr(format, "{key}");
    if (!at || strstr(at + 1, "{key}"))
        return err_set(err, ERR_CONFIG, "key format '%s' has not one {key}", format);
    for (const char *c = format; *c; c++) {
        if (*c < ' ' || *c > '~')
            return err_set(err, ERR_CONFIG, "key format has a control character");
    }
    return 0;
}

static int set_fake_prefix(char (*field)[64], const char *prefix, struct err *err)
{
    if (!is_name(prefix, "-_."))
        return err_set(err, ERR_CONFIG,
                "fake_prefix '%s' has other characters than A-Z a-z 0-9 - _ .", prefix);
    str_copy(*field, sizeof(*field), str_of(prefix));
    return 0;
}

/* Header and format of one place; what is NULL stays. */
static int set_place(
        struct key_place *place, const char *header, const char *format, struct err *err)
{
    int rc = header ? check_header(header, err) : 0;
    if (rc == 0 && format)
        rc = check_format(format, err);
    if (rc < 0)
        return rc;
    if (header) {
        str_copy(place->header, sizeof(place->header), str_of(header));
        lower_case(place->header);
    }
    if (format)
        str_copy(place->format, sizeof(place->format), str_of(format));
    return 0;
}

/* "header: format" */
static int also_parse(const char *text, struct key_place *place, struct err *err)
{
    char header[sizeof(place->header)], format[sizeof(place->format)];
    struct str rest = str_of(text), name;
    if (!str_cut(&rest, ':', &name) || !str_copy(header, sizeof(header), str_trim(name)) ||
            !str_copy(format, sizeof(format), str_trim(rest)))
        return err_set(err, ERR_CONFIG, "also '%s' is not HEADER: FORMAT", text);
    return set_place(place, header, format, err);
}

/* The order in p->places: the header, the query parameter if there is one, the others. */
static int merge_places(struct provider *p, const struct raw_key *raw, struct err *err)
{
    struct key_place main_place = {.format = "{key}"}, query = {.format = "{key}"};
    struct key_place *more = NULL; /* owns */
    size_t more_count = 0;
    int rc = 0;
    for (size_t i = 0; i < p->place_count; i++) {
        if (i == 0)
            main_place = p->places[i];
        else if (*p->places[i].query)
            query = p->places[i];
    }
    if (raw->query && !is_name(raw->query, "-_"))
        return err_set(err, ERR_CONFIG, "key query '%s' is not a parameter", raw->query);
    if (raw->query)
        str_copy(query.query, sizeof(query.query), str_of(raw->query));
    rc = set_place(&main_place, raw->header, raw->format, err);
    more = xcalloc(p->place_count + raw->also_count + 2, sizeof(*more));
    more[more_count++] = main_place;
    if (*query.query)
        more[more_count++] = query;
    for (size_t i = 1; !raw->also && i < p->place_count; i++) {
        if (!*p->places[i].query)
            more[more_count++] = p->places[i];
    }
    for (unsigned i = 0; rc == 0 && i < raw->also_count; i++)
        rc = also_parse(raw->also[i], &more[more_count++], err);
    if (rc == 0 && more_count > LIMIT_KEY_PLACES)
        rc = err_set(err, ERR_CONFIG, "key has more than %d places", LIMIT_KEY_PLACES);
    if (rc < 0) {
        free(more);
        return rc;
    }
    free(p->places);
    p->places = more;
    p->place_count = more_count;
    return 0;
}

static int merge_from(struct provider *p, const struct raw_key *raw, struct err *err)
{
    for (size_t i = 0; i < p->key_from_count; i++)
        free(p->key_from[i].name);
    free(p->key_from);
    p->key_from = xcalloc(raw->from_count + 1, sizeof(*p->key_from));
    p->key_from_count = 0;
    for (unsigned i = 0; i < raw->from_count; i++) {
        const char *from = raw->from[i];
        bool is_env = str_starts(str_of(from), STR("env:")) && is_name(from + 4, "_");
        bool is_file = str_starts(str_of(from), STR("file:/"));
        if (strcmp(from, "config") == 0)
            continue;
        if (!is_env && !is_file)
            return err_set(
                    err, ERR_CONFIG, "key from '%s': not env:NAME, file:/PATH or config", from);
        const char *name = strchr(from, ':') + 1;
        p->key_from[p->key_from_count++] = (struct key_source){is_file, xstrdup(name)};
    }
    return 0;
}

static int merge_command(struct provider *p, const struct raw_key *raw, struct err *err)
{
    size_t count = 0;
    if (raw->command_count == 0 || !*raw->command[0])
        return err_set(err, ERR_CONFIG, "key command is empty");
    while (p->key_command && p->key_command[count])
        count++;
    replace_list(&p->key_command, &count, raw->command, raw->command_count);
    return 0;
}

static int merge_key(struct provider *p, const struct raw_key *raw, struct err *err)
{
    int rc = 0;
    if (raw->header || raw->format || raw->query || raw->also)
        rc = merge_places(p, raw, err);
    if (rc == 0 && raw->fake_prefix)
        rc = set_fake_prefix(&p->fake_prefix, raw->fake_prefix, err);
    if (rc == 0 && raw->from)
        rc = merge_from(p, raw, err);
    if (rc == 0 && raw->command)
        rc = merge_command(p, raw, err);
    if (rc < 0 || !raw->value)
        return rc;
    struct secret *key = provider_key_make(str_of(raw->value));
    if (!key)
        return err_set(err, ERR_CONFIG, "key value has blanks or control characters");
    secret_free(p->key);
    p->key = key;
    return 0;
}

/* --- logins ---------------------------------------------------------------------------- */

/* A refresh token goes there: in the clear only within this machine. */
static int token_url_parse(const char *url, struct provider_upstream *ret, struct err *err)
{
    int rc = provider_upstream_parse(url, "token_url", ret, err);
    bool local = strcmp(ret->host, "localhost") == 0 || strcmp(ret->host, "127.0.0.1") == 0 ||
                 strcmp(ret->host, "::1") == 0;
    if (rc == 0 && ret->plain && !local)
        return err_set(err, ERR_CONFIG, "token_url '%s' is not https://", url);
    if (rc == 0 && !*ret->prefix)
        return err_set(err, ERR_CONFIG, "token_url '%s' has no path", url);
    return rc;
}

static int merge_logins(
        struct provider_oauth *oauth, const struct raw_oauth *raw, struct err *err)
{
    free(oauth->logins);
    oauth->logins = xcalloc(raw->logins_count + 1, sizeof(*oauth->logins));
    oauth->login_count = raw->logins_count;
    for (unsigned i = 0; i < raw->logins_count; i++) {
        const struct raw_login *from = &raw->logins[i];
        struct oauth_login *login = &oauth->logins[i];
        login->store = from->store;
        login->is_form = from->grant == RAW_FIRST;
        if (!is_name(from->client_id, "-_."))
            return err_set(err, ERR_CONFIG, "client_id '%s' is malformed", from->client_id);
        str_copy(login->client_id, sizeof(login->client_id), str_of(from->client_id));
        int rc = token_url_parse(from->token_url, &login->token, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int merge_oauth(struct provider *p, const struct raw_oauth *raw, struct err *err)
{
    struct provider_upstream token = {0};
    if (!p->oauth) {
        p->oauth = xcalloc(1, sizeof(*p->oauth));
        str_copy(p->oauth->place.format, sizeof(p->oauth->place.format), STR("{key}"));
    }
    int rc = set_place(&p->oauth->place, raw->header, raw->format, err);
    if (rc == 0 && raw->fake_prefix)
        rc = set_fake_prefix(&p->oauth->fake_prefix, raw->fake_prefix, err);
    if (raw->fake)
        p->oauth->fake_is_jwt = *raw->fake == RAW_SECOND;
    if (rc == 0 && raw->logins)
        rc = merge_logins(p->oauth, raw, err);
    if (rc == 0 && raw->token_url)
        rc = token_url_parse(raw->token_url, &token, err);
    for (size_t i = 0; rc == 0 && raw->token_url && i < p->oauth->login_count; i++) {
        p->oauth->logins[i].token = token;
        p->oauth->logins[i].overridden = true;
    }
    return rc;
}

/* --- body rules ------------------------------------------------------------------------ */

static int merge_rule(struct body_rule *rule, const struct raw_body *raw, struct err *err)
{
    if (raw->api == API_NONE)
        return err_set(err, ERR_CONFIG, "body rule '%s': api is none", raw->endpoint);
    if (raw->max > LIMIT_BODY_MAX)
        return err_set(err, ERR_CONFIG, "body rule '%s': max is above %u", raw->endpoint,
                LIMIT_BODY_MAX);
    rule->api = raw->api;
    rule->deny_urls = raw->deny_urls;
    rule->max = raw->max ? raw->max : LIMIT_BODY;
    if (raw->tools) {
        rule->keep_typeless = raw->tools->typeless == RAW_SECOND;
        replace_list(&rule->keep, &rule->keep_count, raw->tools->keep, raw->tools->keep_count);
    }
    replace_list(&rule->drop, &rule->drop_count, raw->drop, raw->drop_count);
    replace_list(&rule->inside, &rule->inside_count, raw->inside, raw->inside_count);
    replace_list(
            &rule->deny_model, &rule->deny_model_count, raw->deny_model, raw->deny_model_count);
    return endpoint_parse(raw->endpoint, "endpoint", &rule->endpoint, err);
}

static int merge_body(struct provider *p, const struct raw_provider *raw, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; i < p->body_count; i++)
        provider_body_release(&p->body[i]);
    free(p->body);
    p->body = xcalloc(raw->body_count + 1, sizeof(*p->body));
    p->body_count = raw->body_count;
    for (unsigned i = 0; rc == 0 && i < raw->body_count; i++)
        rc = merge_rule(&p->body[i], &raw->body[i], err);
    return rc;
}

/* --- upstream -------------------------------------------------------------------------- */

static bool authority_parse(struct str authority, struct str *host, struct str *port)
{
    if (str_starts(authority, STR("["))) {
        authority = (struct str){authority.p + 1, authority.n - 1};
        if (!str_cut(&authority, ']', host) || (authority.n && authority.p[0] != ':'))
            return false;
        *port = authority.n ? (struct str){authority.p + 1, authority.n - 1} : authority;
        return true;
    }
    str_cut(&authority, ':', host);
    *port = authority;
    return true;
}

int provider_upstream_parse(
        const char *url, const char *what, struct provider_upstream *ret, struct err *err)
{
    struct provider_upstream up = {0};
    struct str rest = str_of(url), host, port_text;
    uint64_t port = 0;
    up.plain = str_starts(rest, STR("http://"));
    if (!up.plain && !str_starts(rest, STR("https://")))
        return err_set(
                err, ERR_CONFIG, "%s '%s' is not https://HOST[:PORT][/PREFIX]", what, url);
    size_t scheme = up.plain ? strlen("http://") : strlen("https://");
    rest = (struct str){rest.p + scheme, rest.n - scheme};
    const char *prefix = rest.p + strcspn(rest.p, "/");
    if (!authority_parse((struct str){rest.p, (size_t)(prefix - rest.p)}, &host, &port_text))
        return err_set(err, ERR_CONFIG, "%s '%s': malformed address", what, url);
    port = up.plain ? 80 : 443;
    if (port_text.n && (!str_u64(port_text, 65535, &port) || port == 0))
        return err_set(err, ERR_CONFIG, "%s '%s': bad port", what, url);
    size_t prefix_len = strlen(prefix);
    while (prefix_len > 0 && prefix[prefix_len - 1] == '/')
        prefix_len--;
    struct str path = {prefix, prefix_len};
    if (!str_copy(up.host, sizeof(up.host), host) || !is_name(up.host, ".-_:") ||
            (path.n && path_is_suspicious(path)) || memchr(prefix, '?', prefix_len) ||
            !str_copy(up.prefix, sizeof(up.prefix), path))
        return err_set(
                err, ERR_CONFIG, "%s '%s' is not https://HOST[:PORT][/PREFIX]", what, url);
    lower_case(up.host);
    up.port = (uint16_t)port;
    *ret = up;
    return 0;
}

static int merge_upstream(struct provider *p, const struct raw_provider *raw, struct err *err)
{
    if (raw->upstream) {
        int rc = provider_upstream_parse(raw->upstream, "upstream", &p->to, err);
        if (rc < 0)
            return rc;
        replace(&p->upstream, raw->upstream);
    }
    if (raw->upstream_env) {
        if (!is_name(raw->upstream_env, "_"))
            return err_set(
                    err, ERR_CONFIG, "upstream_env '%s' is not a variable", raw->upstream_env);
        replace(&p->upstream_env, raw->upstream_env);
    }
    if (raw->upstream_ca)
        replace(&p->upstream_ca, raw->upstream_ca);
    return 0;
}

int provider_merge(struct provider *p, const struct raw_provider *raw, struct err *err)
{
    int rc = raw->hosts ? merge_hosts(p, raw, err) : 0;
    if (rc == 0 && raw->key)
        rc = merge_key(p, raw->key, err);
    if (rc == 0 && raw->oauth)
        rc = merge_oauth(p, raw->oauth, err);
    if (raw->shares)
        str_copy(p->shares, sizeof(p->shares), str_of(raw->shares));
    if (rc == 0 && raw->allow)
        rc = merge_endpoints(
                &p->allow, &p->allow_count, raw->allow, raw->allow_count, "allow", err);
    if (rc == 0 && raw->websocket)
        rc = merge_endpoints(&p->websocket, &p->websocket_count, raw->websocket,
                raw->websocket_count, "websocket", err);
    if (rc == 0 && raw->telemetry)
        rc = merge_telemetry(p, raw, err);
    if (raw->usage)
        p->usage = *raw->usage;
    if (raw->error)
        p->error = *raw->error;
    if (rc == 0 && raw->body)
        rc = merge_body(p, raw, err);
    if (rc == 0)
        rc = merge_upstream(p, raw, err);
    return rc;
}
