/*
 * fuzz_provider.c - any bytes as a provider table, and as a path asked of the shipped one.
 */
#include <ctype.h>

#include "proxy/body_rule.h"

static void check_path(const struct provider_table *table, struct str path)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct provider *p = &table->items[i];
        bool allowed = provider_allows(p, STR("POST"), path) ||
                       provider_allows(p, STR("GET"), path) ||
                       provider_allows_websocket(p, STR("GET"), path);
        CHECK(!allowed || !path_is_suspicious(path));
        (void)provider_body_rule(p, STR("POST"), path);
        (void)provider_is_telemetry(p, path);
        (void)provider_usage(p, STR("POST"), path);
    }
    if (path_is_suspicious(path))
        return;
    CHECK(path.n && path.p[0] == '/');
    for (size_t i = 0; i < path.n; i++) {
        CHECK(isgraph((unsigned char)path.p[i]));
        CHECK(i == 0 || path.p[i] != '/' || path.p[i - 1] != '/');
        CHECK(i == 0 || path.p[i] != '.' || path.p[i - 1] != '.');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* libFuzzer has no header */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct provider_table shipped;
    struct str text = {size ? (const char *)data : "", size}; /* data may be NULL */
    struct provider_table table;
    struct err err = {0};

    if (shipped.count == 0)
        CHECK(provider_table_load(&shipped, STR(""), "none", &err) == 0);
    check_path(&shipped, text);
    /* The shipped table is read again each time: only for what looks like YAML. */
    if (!memchr(text.p, ':', text.n))
        return 0;
    if (provider_table_load(&table, text, "fuzz.yaml", &err) < 0) {
        CHECK(err.msg[0] && table.count == 0);
        return 0;
    }
    check_path(&table, STR("/v1/messages"));
    for (size_t i = 0; i < table.count; i++) {
        CHECK(table.items[i].host_count && table.items[i].allow_count);
        CHECK(!table.items[i].place_count || *table.items[i].fake_prefix);
    }
    provider_table_release(&table);
    return 0;
}
