/*
 * provider_load.c - the provider table, read from YAML.
 *
 * The shipped table (assets/providers.yaml) is loaded first, then the user's; both through
 * the same schema, in which every field is optional. What must be there is checked once at
 * the end, for every provider, so that an override of one field is one line.
 *
 * Blocks: no. Owns: nothing; the table owns what is read.
 */
#include "proxy/provider.h"

#include "base/assets.h"
#include "base/yaml.h"
#include "proxy/provider_raw.h"

#define OPTIONAL CYAML_FLAG_OPTIONAL
#define OPTIONAL_PTR (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
/* An empty list would not be told from an absent one, so it is refused. */
#define STRINGS(_key, _structure, _member, _max)                                               \
    CYAML_FIELD_SEQUENCE(_key, OPTIONAL_PTR, _structure, _member, &yaml_string, 1, _max)
/* libcyaml checks enums only if they are strict. */
#define STRICT_PTR (OPTIONAL_PTR | CYAML_FLAG_STRICT)

static const cyaml_strval_t api_names[] = {{"none", API_NONE}, {"anthropic", API_ANTHROPIC},
        {"openai", API_OPENAI}, {"google", API_GOOGLE}};
static const cyaml_strval_t store_names[] = {
        {"claude-code", OAUTH_CLAUDE_CODE}, {"ant", OAUTH_ANT}, {"codex", OAUTH_CODEX}};
static const cyaml_strval_t grant_names[] = {{"form", RAW_FIRST}, {"json", RAW_SECOND}};
static const cyaml_strval_t fake_names[] = {{"opaque", RAW_FIRST}, {"jwt", RAW_SECOND}};
static const cyaml_strval_t typeless_names[] = {{"drop", RAW_FIRST}, {"keep", RAW_SECOND}};

static const cyaml_schema_field_t key_fields[] = {
        CYAML_FIELD_STRING_PTR("header", OPTIONAL_PTR, struct raw_key, header, 1, 63),
        CYAML_FIELD_STRING_PTR("format", OPTIONAL_PTR, struct raw_key, format, 5, 63),
        CYAML_FIELD_STRING_PTR("fake_prefix", OPTIONAL_PTR, struct raw_key, fake_prefix, 1, 63),
        CYAML_FIELD_STRING_PTR("query", OPTIONAL_PTR, struct raw_key, query, 1, 31),
        STRINGS("also", struct raw_key, also, 8),
        STRINGS("from", struct raw_key, from, 8),
        STRINGS("command", struct raw_key, command, 64),
        CYAML_FIELD_STRING_PTR("value", OPTIONAL_PTR, struct raw_key, value, 1, 4096),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t login_fields[] = {
        CYAML_FIELD_ENUM("store", CYAML_FLAG_STRICT, struct raw_login, store, store_names,
                CYAML_ARRAY_LEN(store_names)),
        CYAML_FIELD_STRING_PTR(
                "client_id", CYAML_FLAG_POINTER, struct raw_login, client_id, 1, 127),
        CYAML_FIELD_STRING_PTR(
                "token_url", CYAML_FLAG_POINTER, struct raw_login, token_url, 1, 512),
        CYAML_FIELD_ENUM("grant", CYAML_FLAG_STRICT, struct raw_login, grant, grant_names,
                CYAML_ARRAY_LEN(grant_names)),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t login_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_login, login_fields)};

static const cyaml_schema_field_t oauth_fields[] = {
        CYAML_FIELD_STRING_PTR("header", OPTIONAL_PTR, struct raw_oauth, header, 1, 63),
        CYAML_FIELD_STRING_PTR("format", OPTIONAL_PTR, struct raw_oauth, format, 5, 63),
        CYAML_FIELD_STRING_PTR(
                "fake_prefix", OPTIONAL_PTR, struct raw_oauth, fake_prefix, 1, 63),
        CYAML_FIELD_ENUM_PTR("fake", STRICT_PTR, struct raw_oauth, fake, fake_names,
                CYAML_ARRAY_LEN(fake_names)),
        CYAML_FIELD_SEQUENCE(
                "logins", OPTIONAL_PTR, struct raw_oauth, logins, &login_schema, 1, 8),
        CYAML_FIELD_STRING_PTR("token_url", OPTIONAL_PTR, struct raw_oauth, token_url, 1, 512),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t tools_fields[] = {
        STRINGS("keep", struct raw_tools, keep, 64),
        CYAML_FIELD_ENUM("typeless", OPTIONAL | CYAML_FLAG_STRICT, struct raw_tools, typeless,
                typeless_names, CYAML_ARRAY_LEN(typeless_names)),
        CYAML_FIELD_END,
};

static const cyaml_schema_field_t body_fields[] = {
        CYAML_FIELD_STRING_PTR(
                "endpoint", CYAML_FLAG_POINTER, struct raw_body, endpoint, 1, 512),
        CYAML_FIELD_ENUM("api", CYAML_FLAG_STRICT, struct raw_body, api, api_names,
                CYAML_ARRAY_LEN(api_names)),
        CYAML_FIELD_MAPPING_PTR("tools", OPTIONAL_PTR, struct raw_body, tools, tools_fields),
        STRINGS("drop", struct raw_body, drop, 32),
        STRINGS("inside", struct raw_body, inside, 8),
        STRINGS("deny_model", struct raw_body, deny_model, 32),
        CYAML_FIELD_BOOL("deny_urls", OPTIONAL, struct raw_body, deny_urls),
        CYAML_FIELD_UINT("max", OPTIONAL, struct raw_body, max),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t body_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_body, body_fields)};

static const cyaml_schema_field_t provider_fields[] = {
        STRINGS("hosts", struct raw_provider, hosts, 64),
        CYAML_FIELD_MAPPING_PTR("key", OPTIONAL_PTR, struct raw_provider, key, key_fields),
        CYAML_FIELD_MAPPING_PTR(
                "oauth", OPTIONAL_PTR, struct raw_provider, oauth, oauth_fields),
        CYAML_FIELD_STRING_PTR("shares", OPTIONAL_PTR, struct raw_provider, shares, 1, 31),
        STRINGS("allow", struct raw_provider, allow, 256),
        STRINGS("websocket", struct raw_provider, websocket, 64),
        STRINGS("telemetry", struct raw_provider, telemetry, 256),
        CYAML_FIELD_ENUM_PTR("usage", STRICT_PTR, struct raw_provider, usage, api_names,
                CYAML_ARRAY_LEN(api_names)),
        CYAML_FIELD_ENUM_PTR("error", STRICT_PTR, struct raw_provider, error, api_names,
                CYAML_ARRAY_LEN(api_names)),
        CYAML_FIELD_SEQUENCE(
                "body", OPTIONAL_PTR, struct raw_provider, body, &body_schema, 1, 64),
        CYAML_FIELD_STRING_PTR("upstream", OPTIONAL_PTR, struct raw_provider, upstream, 1, 512),
        CYAML_FIELD_STRING_PTR(
                "upstream_env", OPTIONAL_PTR, struct raw_provider, upstream_env, 1, 127),
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
static int table_check(const struct provider_table *table, const char *name, struct err *err);

int provider_table_load(
        struct provider_table *table, struct str extra, const char *extra_name, struct err *err)
{
    *table = (struct provider_table){0};
    struct reading r = {table, "providers.yaml"};
    int rc = yaml_each_entry_of(asset_get(r.name), r.name, "providers", entry_read, &r, err);
    r.name = extra_name;
    if (rc == 0)
        rc = yaml_each_entry(extra, extra_name, entry_read, &r, err);
    if (rc == 0)
        rc = table_check(table, extra_name, err);
    if (rc < 0)
        provider_table_release(table);
    return rc;
}

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
        *p = (struct provider){0};
        str_copy(p->name, sizeof(p->name), entry->key);
    }
    if (raw)
        rc = provider_merge(p, raw, err);
    if (raw && raw->key && raw->key->value)
        mem_wipe(raw->key->value, strlen(raw->key->value));
    yaml_unload(&provider_schema, raw);
    if (rc < 0)
        return err_wrap(err, "%s:%u: provider '%s'", r->name, entry->line, name);
    return 0;
}

/* --- what must be there ---------------------------------------------------------------- */

static int wrong(const char *name, const struct provider *p, struct err *err, const char *what)
{
    return err_set(err, ERR_CONFIG, "%s: provider '%s' %s", name, p->name, what);
}

/* Whatever it had of its own would be taken for the owner's, or be silently lost. */
static int check_shares(const struct provider_table *table, const char *name,
        const struct provider *p, struct err *err)
{
    const struct provider *owner = provider_key_owner(table, p);
    if (owner == p)
        return err_set(err, ERR_CONFIG, "%s: provider '%s' shares with '%s', which is no other",
                name, p->name, p->shares);
    if (*owner->shares)
        return err_set(err, ERR_CONFIG, "%s: provider '%s' shares with '%s', which shares",
                name, p->name, p->shares);
    if (p->place_count || *p->fake_prefix || p->oauth || p->key || p->key_from_count ||
            p->key_command)
        return wrong(name, p, err, "shares, so it cannot have a key or a login of its own");
    return 0;
}

static int check_places(const char *name, const struct provider *p, struct err *err)
{
    if (p->place_count && !*p->fake_prefix)
        return wrong(name, p, err, "has a key header but no fake_prefix");
    if (p->place_count && !*p->places[0].header)
        return wrong(name, p, err, "has a key but no key header");
    if (!p->oauth)
        return 0;
    if (!*p->oauth->place.header)
        return wrong(name, p, err, "has oauth without a header");
    if (p->oauth->login_count == 0)
        return wrong(name, p, err, "has oauth without logins");
    if (p->oauth->fake_is_jwt == !!*p->oauth->fake_prefix)
        return wrong(name, p, err, "needs either 'fake: jwt' or a fake_prefix in oauth");
    return 0;
}

static int check_hosts(const struct provider_table *table, const char *name,
        const struct provider *p, struct err *err)
{
    for (size_t k = 0; k < p->host_count; k++) {
        const struct provider *other = provider_find_host(table, str_of(p->hosts[k]));
        if (other != p)
            return err_set(err, ERR_CONFIG, "%s: host '%s' belongs to '%s' and to '%s'", name,
                    p->hosts[k], other->name, p->name);
    }
    return 0;
}

static int table_check(const struct provider_table *table, const char *name, struct err *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct provider *p = &table->items[i];
        int rc = 0;
        if (p->host_count == 0)
            return wrong(name, p, err, "has no hosts");
        if (p->allow_count == 0)
            return wrong(name, p, err, "allows nothing");
        rc = *p->shares ? check_shares(table, name, p, err) : check_places(name, p, err);
        if (rc == 0)
            rc = check_hosts(table, name, p, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}
