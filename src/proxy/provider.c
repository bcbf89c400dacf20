/*
 * provider.c - the provider table, read from YAML, and what it allows.
 *
 * The shipped table (assets/providers.yaml) is loaded first, then the user's; both through
 * the same schema, in which every field is optional. What must be there is checked once at
 * the end, for every provider, so that an override of one field is one line.
 *
 * Blocks: no. Owns: the table's strings and keys.
 */
#include "proxy/provider.h"

#include "base/assets.h"
#include "base/yaml.h"

struct raw_key {
    char *header;
    char *format;
    char *fake_prefix;
    char **from;
    unsigned from_count;
    char *value;
};

struct raw_provider {
    char **hosts;
    unsigned hosts_count;
    struct raw_key *key;
    char **allow;
    unsigned allow_count;
    char *upstream;
    char *upstream_ca;
};

#define OPTIONAL_PTR (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t key_fields[] = {
        CYAML_FIELD_STRING_PTR("header", OPTIONAL_PTR, struct raw_key, header, 1, 63),
        CYAML_FIELD_STRING_PTR("format", OPTIONAL_PTR, struct raw_key, format, 5, 63),
        CYAML_FIELD_STRING_PTR("fake_prefix", OPTIONAL_PTR, struct raw_key, fake_prefix, 1, 63),
        YAML_FIELD_STRINGS("from", CYAML_FLAG_OPTIONAL, struct raw_key, from, 8),
        CYAML_FIELD_STRING_PTR("value", OPTIONAL_PTR, struct raw_key, value, 1, 4096),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t provider_fields[] = {
        YAML_FIELD_STRINGS("hosts", CYAML_FLAG_OPTIONAL, struct raw_provider, hosts, 64),
        CYAML_FIELD_MAPPING_PTR("key", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
                struct raw_provider, key, key_fields),
        YAML_FIELD_STRINGS("allow", CYAML_FLAG_OPTIONAL, struct raw_provider, allow, 256),
        CYAML_FIELD_STRING_PTR("upstream", OPTIONAL_PTR, struct raw_provider, upstream, 1, 512),
        CYAML_FIELD_STRING_PTR(
                "upstream_ca", OPTIONAL_PTR, struct raw_provider, upstream_ca, 1, 4096),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t provider_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_provider, provider_fields)};

struct reading {
    struct provider_table *table; /* borrows */
    const char *name;             /* borrows; of the file */
};

static int entry_read(void *ctx, const struct yaml_entry *entry, struct err *err);
static int merge(struct provider *p, const struct raw_provider *raw, struct err *err);
static int merge_key(struct provider *p, const struct raw_key *raw, struct err *err);
static int merge_allow(struct provider *p, const struct raw_provider *raw, struct err *err);
static int merge_hosts(struct provider *p, const struct raw_provider *raw, struct err *err);
static int upstream_parse(const char *url, struct provider_upstream *ret, struct err *err);
static int table_check(const struct provider_table *table, const char *name, struct err *err);
static void provider_release(struct provider *p);

int provider_table_load(
        struct provider_table *table, struct str extra, const char *extra_name, struct err *err)
{
    *table = (struct provider_table){0};
    struct buf shipped = BUF_INIT;
    struct reading r = {table, "providers.yaml"};
    int rc = yaml_subtree(asset_get(r.name), r.name, "providers", &shipped, err);
    if (rc == 0)
        rc = yaml_each_entry(buf_str(&shipped), r.name, entry_read, &r, err);
    buf_release(&shipped);
    r.name = extra_name;
    if (rc == 0)
        rc = yaml_each_entry(extra, extra_name, entry_read, &r, err);
    if (rc == 0)
        rc = table_check(table, extra_name, err);
    if (rc < 0)
        provider_table_release(table);
    return rc;
}

void provider_table_release(struct provider_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        provider_release(&table->items[i]);
    free(table->items);
    *table = (struct provider_table){0};
}

/* Keys come out of files with a line end; anything else that is not printable would end the
 * header line that it is put into. */
static struct secret *key_make(const char *value)
{
    size_t n = value ? strlen(value) : 0;
    while (n > 0 && (unsigned char)value[n - 1] <= ' ')
        n--;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)value[i] <= ' ' || (unsigned char)value[i] >= 0x7f)
            return NULL;
    }
    return n > 0 ? secret_new(value, n) : NULL;
}

void provider_table_keys_from_env(struct provider_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        struct provider *p = &table->items[i];
        for (size_t k = 0; k < p->key_env_count; k++) {
            struct secret *key = key_make(getenv(p->key_env[k]));
            if (!key)
                continue;
            secret_free(p->key);
            p->key = key;
            break;
        }
    }
    /* Only now, because providers may share a variable. */
    for (size_t i = 0; i < table->count; i++) {
        for (size_t k = 0; k < table->items[i].key_env_count; k++) {
            char *value = getenv(table->items[i].key_env[k]);
            if (!value)
                continue;
            mem_wipe(value, strlen(value));
            unsetenv(table->items[i].key_env[k]);
        }
    }
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

/* --- what is allowed ------------------------------------------------------------------ */

/* '*' never crosses a slash, so trying every length of it is bounded by one segment. */
static bool pattern_matches(const char *pattern, struct str path)
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
        if (pattern_matches(pattern + 1, (struct str){path.p + n, path.n - n}))
            return true;
    }
    return false;
}

bool provider_allows(const struct provider *provider, struct str method, struct str path)
{
    bool found = false;
    for (size_t i = 0; i < provider->allow_count && !found; i++) {
        const struct provider_endpoint *end = &provider->allow[i];
        found = str_eq(str_of(end->method), method) && pattern_matches(end->pattern, path);
    }
    return found && !path_is_suspicious(path);
}

static bool escape_is_suspicious(struct str rest)
{
    static const char *const bad[] = {"2e", "2f", "5c", "25", "00"};
    if (rest.n < 3)
        return true;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (str_eq_icase((struct str){rest.p + 1, 2}, (struct str){bad[i], 2}))
            return true;
    }
    return false;
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

void provider_format_key(const struct provider *provider, struct str key, struct buf *ret)
{
    const char *at = strstr(provider->key_format, "{key}");
    buf_append(ret, provider->key_format, (size_t)(at - provider->key_format));
    buf_append_str(ret, key);
    buf_puts(ret, at + strlen("{key}"));
}

/* --- reading -------------------------------------------------------------------------- */

static int entry_read(void *ctx, const struct yaml_entry *entry, struct err *err)
{
    struct reading *r = ctx;
    char name[sizeof(((struct provider *)NULL)->name)];
    if (entry->key.n == 0 || !str_copy(name, sizeof(name), entry->key))
        return err_set(err, ERR_CONFIG, "%s:%u: provider name is empty or too long", r->name,
                entry->line);
    struct raw_provider *raw = NULL;
    int rc = yaml_load(entry->text, r->name, &provider_schema, (void **)&raw, err);
    if (rc < 0)
        return rc;
    struct provider *p = provider_find(r->table, name);
    if (!p) {
        r->table->items =
                xrealloc(r->table->items, (r->table->count + 1) * sizeof(*r->table->items));
        p = &r->table->items[r->table->count++];
        *p = (struct provider){.key_format = "{key}"};
        str_copy(p->name, sizeof(p->name), entry->key);
    }
    if (raw)
        rc = merge(p, raw, err);
    if (raw && raw->key && raw->key->value)
        mem_wipe(raw->key->value, strlen(raw->key->value));
    yaml_unload(&provider_schema, raw);
    if (rc < 0)
        return err_wrap(err, "%s:%u: provider '%s'", r->name, entry->line, name);
    return 0;
}

static int merge(struct provider *p, const struct raw_provider *raw, struct err *err)
{
    int rc = raw->hosts ? merge_hosts(p, raw, err) : 0;
    if (rc == 0 && raw->key)
        rc = merge_key(p, raw->key, err);
    if (rc == 0 && raw->allow)
        rc = merge_allow(p, raw, err);
    if (rc == 0 && raw->upstream) {
        rc = upstream_parse(raw->upstream, &p->to, err);
        free(p->upstream);
        p->upstream = xstrdup(raw->upstream);
    }
    if (rc == 0 && raw->upstream_ca) {
        free(p->upstream_ca);
        p->upstream_ca = xstrdup(raw->upstream_ca);
    }
    return rc;
}

/* Letters, digits and what a host or header name may have besides. */
static bool is_name(const char *s, const char *others)
{
    for (const char *c = s; *c; c++) {
        bool alnum = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9');
        if (!alnum && !strchr(others, *c))
            return false;
    }
    return *s != '\0';
}

static void lower_case(char *s)
{
    for (; *s; s++) {
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s + 32);
    }
}

static void strings_free(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

static int merge_hosts(struct provider *p, const struct raw_provider *raw, struct err *err)
{
    strings_free(p->hosts, p->host_count);
    p->hosts = xcalloc(raw->hosts_count + 1, sizeof(*p->hosts));
    p->host_count = 0;
    for (unsigned i = 0; i < raw->hosts_count; i++) {
        if (!is_name(raw->hosts[i], ".-_") || strlen(raw->hosts[i]) > 253)
            return err_set(err, ERR_CONFIG, "'%s' is not a host name", raw->hosts[i]);
        p->hosts[p->host_count] = xstrdup(raw->hosts[i]);
        lower_case(p->hosts[p->host_count++]);
    }
    return 0;
}

static int merge_from(struct provider *p, const struct raw_key *raw, struct err *err)
{
    strings_free(p->key_env, p->key_env_count);
    p->key_env = xcalloc(raw->from_count + 1, sizeof(*p->key_env));
    p->key_env_count = 0;
    for (unsigned i = 0; i < raw->from_count; i++) {
        if (strcmp(raw->from[i], "config") == 0)
            continue;
        if (!str_starts(str_of(raw->from[i]), STR("env:")) || !is_name(raw->from[i] + 4, "_"))
            return err_set(
                    err, ERR_CONFIG, "key from '%s': not env:NAME or config", raw->from[i]);
        p->key_env[p->key_env_count++] = xstrdup(raw->from[i] + 4);
    }
    return 0;
}

static int merge_key(struct provider *p, const struct raw_key *raw, struct err *err)
{
    if (raw->header) {
        if (!is_name(raw->header, "-_"))
            return err_set(
                    err, ERR_CONFIG, "key header '%s' is not a header name", raw->header);
        str_copy(p->key_header, sizeof(p->key_header), str_of(raw->header));
        lower_case(p->key_header);
    }
    if (raw->format) {
        const char *at = strstr(raw->format, "{key}");
        if (!at || strstr(at + 1, "{key}"))
            return err_set(err, ERR_CONFIG, "key format '%s' has not one {key}", raw->format);
        str_copy(p->key_format, sizeof(p->key_format), str_of(raw->format));
    }
    if (raw->fake_prefix) {
        if (!is_name(raw->fake_prefix, "-_."))
            return err_set(err, ERR_CONFIG,
                    "fake_prefix '%s' has other characters than A-Z a-z "
                    "0-9 - _ .",
                    raw->fake_prefix);
        str_copy(p->fake_prefix, sizeof(p->fake_prefix), str_of(raw->fake_prefix));
    }
    if (raw->value) {
        struct secret *key = key_make(raw->value);
        if (!key)
            return err_set(err, ERR_CONFIG, "key value has blanks or control characters");
        secret_free(p->key);
        p->key = key;
    }
    return raw->from ? merge_from(p, raw, err) : 0;
}

static void allow_free(struct provider *p)
{
    for (size_t i = 0; i < p->allow_count; i++)
        free(p->allow[i].pattern);
    free(p->allow);
    p->allow = NULL;
    p->allow_count = 0;
}

static int merge_allow(struct provider *p, const struct raw_provider *raw, struct err *err)
{
    allow_free(p);
    p->allow = xcalloc(raw->allow_count + 1, sizeof(*p->allow));
    for (unsigned i = 0; i < raw->allow_count; i++) {
        struct str path = str_of(raw->allow[i]), method;
        struct provider_endpoint *end = &p->allow[p->allow_count];
        bool cut = str_cut(&path, ' ', &method);
        path = str_trim(path);
        if (!cut || path.n == 0 || path_is_suspicious(path) || memchr(path.p, '?', path.n) ||
                !str_copy(end->method, sizeof(end->method), method) ||
                !is_name(end->method, ""))
            return err_set(err, ERR_CONFIG, "allow '%s' is not METHOD /path", raw->allow[i]);
        end->pattern = xstrndup(path.p, path.n);
        p->allow_count++;
    }
    return 0;
}

static int upstream_parse(const char *url, struct provider_upstream *ret, struct err *err)
{
    struct provider_upstream up = {0};
    struct str rest = str_of(url), authority, host;
    uint64_t port = 0;
    up.plain = str_starts(rest, STR("http://"));
    if (!up.plain && !str_starts(rest, STR("https://")))
        return err_set(
                err, ERR_CONFIG, "upstream '%s' is not https://HOST[:PORT][/PREFIX]", url);
    size_t scheme = up.plain ? strlen("http://") : strlen("https://");
    rest = (struct str){rest.p + scheme, rest.n - scheme};
    const char *prefix = rest.p + strcspn(rest.p, "/");
    authority = (struct str){rest.p, (size_t)(prefix - rest.p)};
    bool bracket = str_starts(authority, STR("["));
    if (bracket) {
        authority = (struct str){authority.p + 1, authority.n - 1};
        bracket = str_cut(&authority, ']', &host);
        if (!bracket || (authority.n && authority.p[0] != ':'))
            return err_set(err, ERR_CONFIG, "upstream '%s': malformed address", url);
        authority = authority.n ? (struct str){authority.p + 1, authority.n - 1} : authority;
    } else {
        str_cut(&authority, ':', &host);
    }
    port = up.plain ? 80 : 443;
    if (authority.n && (!str_u64(authority, 65535, &port) || port == 0))
        return err_set(err, ERR_CONFIG, "upstream '%s': bad port", url);
    size_t prefix_len = strlen(prefix);
    while (prefix_len > 0 && prefix[prefix_len - 1] == '/')
        prefix_len--;
    struct str path = {prefix, prefix_len};
    if (!str_copy(up.host, sizeof(up.host), host) || !is_name(up.host, ".-_:") ||
            (path.n && path_is_suspicious(path)) || memchr(prefix, '?', prefix_len) ||
            !str_copy(up.prefix, sizeof(up.prefix), path))
        return err_set(
                err, ERR_CONFIG, "upstream '%s' is not https://HOST[:PORT][/PREFIX]", url);
    lower_case(up.host);
    up.port = (uint16_t)port;
    *ret = up;
    return 0;
}

/* --- what must be there ---------------------------------------------------------------- */

static int table_check(const struct provider_table *table, const char *name, struct err *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct provider *p = &table->items[i];
        if (p->host_count == 0)
            return err_set(err, ERR_CONFIG, "%s: provider '%s' has no hosts", name, p->name);
        if (p->allow_count == 0)
            return err_set(err, ERR_CONFIG, "%s: provider '%s' allows nothing", name, p->name);
        if (*p->key_header && !*p->fake_prefix)
            return err_set(err, ERR_CONFIG,
                    "%s: provider '%s' has a key header but no fake_prefix", name, p->name);
        for (size_t k = 0; k < p->host_count; k++) {
            const struct provider *other = provider_find_host(table, str_of(p->hosts[k]));
            if (other != p)
                return err_set(err, ERR_CONFIG, "%s: host '%s' belongs to '%s' and to '%s'",
                        name, p->hosts[k], other->name, p->name);
        }
    }
    return 0;
}

static void provider_release(struct provider *p)
{
    strings_free(p->hosts, p->host_count);
    strings_free(p->key_env, p->key_env_count);
    allow_free(p);
    free(p->upstream);
    free(p->upstream_ca);
    secret_free(p->key);
}
