/*
 * fuzz_yaml.c - any bytes as a configuration: through a schema, and cut into entries.
 */
#include "base/yaml.h"

struct config {
    uint16_t port;
    char **list;
    unsigned list_count;
};

static const cyaml_schema_field_t fields[] = {
        CYAML_FIELD_UINT("port", CYAML_FLAG_OPTIONAL, struct config, port),
        YAML_FIELD_STRINGS("list", CYAML_FLAG_OPTIONAL, struct config, list, 8),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, fields)};

static int entry(void *ctx, const struct yaml_entry *e, struct err *err)
{
    struct config *config = NULL;
    int rc = yaml_load(e->text, "fuzz.yaml", &schema, (void **)&config, err);

    (void)ctx;
    CHECK(rc == 0 || err->msg[0]);
    yaml_unload(&schema, config);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); /* libFuzzer has no header */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_entry whole = {.text = {(const char *)data, size}};
    struct err err = {0};

    (void)entry(NULL, &whole, &err);
    (void)yaml_each_entry(whole.text, "fuzz.yaml", entry, NULL, &err);
    return 0;
}
