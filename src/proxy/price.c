/*
 * price.c - the price table, read from YAML. Prices are decimals there and whole millionths
 * here: money is not a floating-point number.
 *
 * Blocks: no. Owns: the table's patterns.
 */
#include "proxy/price.h"

#include <fnmatch.h>

#include "base/assets.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "proxy/usage.h"

#define MICRO 1000000
/* US dollars for a million tokens; with counts below 10^9 no sum leaves 64 bits. */
#define PRICE_MAX 1000

struct raw_price {
    char *input;
    char *output;
    char *cache_read;
    char *cache_write;
};

#define OPTIONAL_PTR (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t price_fields[] = {
        CYAML_FIELD_STRING_PTR("input", CYAML_FLAG_POINTER, struct raw_price, input, 1, 16),
        CYAML_FIELD_STRING_PTR("output", CYAML_FLAG_POINTER, struct raw_price, output, 1, 16),
        CYAML_FIELD_STRING_PTR("cache_read", OPTIONAL_PTR, struct raw_price, cache_read, 1, 16),
        CYAML_FIELD_STRING_PTR(
                "cache_write", OPTIONAL_PTR, struct raw_price, cache_write, 1, 16),
        CYAML_FIELD_END,
};

static const cyaml_schema_value_t price_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_price, price_fields)};

struct reading {
    struct price_table *table; /* borrows */
    const char *name;          /* borrows; of the file */
};

static int entry_read(void *ctx, const struct yaml_entry *entry, struct err *err);

int price_table_load(
        struct price_table *table, struct str extra, const char *extra_name, struct err *err)
{
    *table = (struct price_table){0};
    struct reading r = {table, extra_name};
    int rc = yaml_each_entry(extra, extra_name, entry_read, &r, err);
    r.name = "prices.yaml";
    if (rc == 0)
        rc = yaml_each_entry_of(asset_get(r.name), r.name, "prices", entry_read, &r, err);
    if (rc < 0)
        price_table_release(table);
    return rc;
}

void price_table_release(struct price_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->items[i].pattern);
    free(table->items);
    *table = (struct price_table){0};
}

/* fnmatch() takes a quarter of a microsecond, and a table has dozens of patterns, which mostly
 * are a beginning and a star. */
static bool matches(const struct price *price, const char *model)
{
    const char *wild = price->pattern + price->literal;
    if (price->literal > 0 && price->pattern[0] != model[0])
        return false;
    if (strncmp(price->pattern, model, price->literal) != 0)
        return false;
    return strcmp(wild, "*") == 0 || fnmatch(price->pattern, model, 0) == 0;
}

int64_t price_cost(const struct price_table *table, const struct usage *usage)
{
    if (!usage->seen || !usage->model[0])
        return -1;
    for (size_t i = 0; table && i < table->count; i++) {
        const struct price *p = &table->items[i];
        if (!matches(p, usage->model))
            continue;
        uint64_t sum = usage->input_tokens * (uint64_t)p->input +
                       usage->output_tokens * (uint64_t)p->output +
                       usage->cache_read_tokens * (uint64_t)p->cache_read +
                       usage->cache_write_tokens * (uint64_t)p->cache_write;
        return (int64_t)((sum + MICRO - 1) / MICRO);
    }
    return -1;
}

/* --- reading -------------------------------------------------------------------------- */

/* "12", "0.075": at most six places. */
static bool parse_money(struct str text, int64_t *ret)
{
    struct str whole;
    uint64_t dollars, part = 0;
    bool dot = str_cut(&text, '.', &whole);
    if (!str_u64(whole, PRICE_MAX, &dollars))
        return false;
    if (dot && (text.n > 6 || !str_u64(text, MICRO, &part)))
        return false;
    for (size_t i = text.n; dot && i < 6; i++)
        part *= 10;
    *ret = (int64_t)(dollars * MICRO + part);
    return true;
}

static int take_money(const char *text, const char *what, int64_t *ret, struct err *err)
{
    if (text && !parse_money(str_of(text), ret))
        return err_set(err, ERR_CONFIG,
                "%s '%s' is not a price in US dollars for a million tokens (0 to %d, "
                "such as 0.25)",
                what, text, PRICE_MAX);
    return 0;
}

static int take_prices(struct price *price, const struct raw_price *raw, struct err *err)
{
    int rc = take_money(raw->input, "input", &price->input, err);
    /* Who says nothing about a cache is charged for it as for other input. */
    price->cache_read = price->cache_write = price->input;
    if (rc == 0)
        rc = take_money(raw->output, "output", &price->output, err);
    if (rc == 0)
        rc = take_money(raw->cache_read, "cache_read", &price->cache_read, err);
    if (rc == 0)
        rc = take_money(raw->cache_write, "cache_write", &price->cache_write, err);
    return rc;
}

static int entry_read(void *ctx, const struct yaml_entry *entry, struct err *err)
{
    struct reading *r = ctx;
    struct raw_price *raw = NULL;
    struct price price = {0};
    char shown[80];
    if (entry->key.n == 0 || memchr(entry->key.p, '\0', entry->key.n))
        return err_set(err, ERR_CONFIG, "%s:%u: a price needs the name of a model", r->name,
                entry->line);
    int rc = yaml_load(entry->text, r->name, &price_schema, (void **)&raw, err);
    if (rc < 0)
        return rc;
    rc = raw ? take_prices(&price, raw, err) : err_set(err, ERR_CONFIG, "no price");
    yaml_unload(&price_schema, raw);
    if (rc < 0)
        return err_wrap(err, "%s:%u: model '%s'", r->name, entry->line,
                str_vis(shown, sizeof(shown), entry->key));
    price.pattern = xstrndup(entry->key.p, entry->key.n);
    price.literal = strcspn(price.pattern, "*?[\\");
    r->table->items = xrealloc(r->table->items, (r->table->count + 1) * sizeof(price));
    r->table->items[r->table->count++] = price;
    return 0;
}
