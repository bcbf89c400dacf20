/*
 * What a wrong configuration file is told, and that a right one arrives whole.
 */
#include "base/yaml.h"

#include "unit/check.h"

#include "base/limits.h"
#include "base/mem.h"

enum mode { MODE_OFF, MODE_ON };
static const cyaml_strval_t modes[] = {{"off", MODE_OFF}, {"on", MODE_ON}, {"always", 2}};

struct key {
    char *header;
    char **from;
    unsigned from_count;
};

struct config {
    char *name;
    enum mode mode;
    uint16_t port;
    bool bell;
    char **hosts;
    unsigned hosts_count;
    struct key key;
};

static const cyaml_schema_field_t key_fields[] = {
        CYAML_FIELD_STRING_PTR("header", CYAML_FLAG_OPTIONAL, struct key, header, 1, 16),
        YAML_FIELD_STRINGS("from", CYAML_FLAG_OPTIONAL, struct key, from, 2),
        CYAML_FIELD_END,
};
static const cyaml_schema_field_t config_fields[] = {
        CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct config, name, 1, 64),
        CYAML_FIELD_ENUM(
                "mode", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct config, mode, modes, 3),
        CYAML_FIELD_UINT("port", CYAML_FLAG_OPTIONAL, struct config, port),
        CYAML_FIELD_BOOL("bell", CYAML_FLAG_OPTIONAL, struct config, bell),
        YAML_FIELD_STRINGS("hosts", CYAML_FLAG_OPTIONAL, struct config, hosts, 8),
        CYAML_FIELD_MAPPING("key", CYAML_FLAG_OPTIONAL, struct config, key, key_fields),
        CYAML_FIELD_IGNORE("providers", CYAML_FLAG_OPTIONAL),
        CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, config_fields)};
static const cyaml_schema_value_t key_schema = {
        CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct key, key_fields)};

static struct config *load_ok(const char *text)
{
    struct config *config = NULL;
    struct err err = {0};

    if (yaml_load(str_of(text), "c.yaml", &schema, (void **)&config, &err) < 0)
        fail_msg("%s", err.msg);
    return config;
}

static void expect_refusal(struct str text, const char *message)
{
    struct config *config = NULL;
    struct err err = {0};

    assert_int_equal(yaml_load(text, "c.yaml", &schema, (void **)&config, &err), ERR_CONFIG);
    assert_null(config);
    assert_string_equal(err.msg, message);
}

static void a_whole_file_arrives_in_the_struct(void **state)
{
    (void)state;
    struct config *c = load_ok("# comment\nname: \"käse\"\nmode: always\nport: 65535\n"
                               "bell: true\nhosts: [a.example, b.example]\n"
                               "key:\n  header: x-key\n  from:\n  - env:A\n  - config\n"
                               "providers: {x: {y: [1, {z: 2}]}}\n");

    assert_string_equal(c->name, "käse");
    assert_int_equal(c->mode, 2);
    assert_int_equal(c->port, 65535);
    assert_true(c->bell);
    assert_int_equal(c->hosts_count, 2);
    assert_string_equal(c->hosts[1], "b.example");
    assert_string_equal(c->key.header, "x-key");
    assert_int_equal(c->key.from_count, 2);
    assert_string_equal(c->key.from[0], "env:A");
    yaml_unload(&schema, c);
}

static void json_is_read_too(void **state)
{
    (void)state;
    struct config *c =
            load_ok("{\n\t\"name\": \"n\",\n\t\"port\": 0,\n\t\"hosts\": [\"a\\u00e9\"]\n}");

    assert_string_equal(c->name, "n");
    assert_string_equal(c->hosts[0], "a\xc3\xa9");
    assert_false(c->bell);
    assert_null(c->key.header);
    yaml_unload(&schema, c);
}

static void an_empty_file_is_an_empty_mapping(void **state)
{
    static const char *const texts[] = {"", "# nothing\n", "---\n", "{}", "\xef\xbb\xbf"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct key *key = NULL;
        struct err err = {0};

        assert_int_equal(yaml_load(str_of(texts[i]), "k", &key_schema, (void **)&key, &err), 0);
        assert_non_null(key);
        assert_null(key->header);
        yaml_unload(&key_schema, key);
    }
    expect_refusal(STR(""), "c.yaml:1: the file needs the key 'name'");
}

static void a_wrong_file_is_told_line_key_and_nearest_name(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
            {"name: a\n\n# x\nprt: 3\n", "c.yaml:4: unknown key 'prt', did you mean 'port'?"},
            {"name: a\nzzzzzz: 3\n", "c.yaml:2: unknown key 'zzzzzz'"},
            {"name: a\nkey:\n  header: a\n  fron: [b]\n",
                    "c.yaml:4: unknown key 'fron', did you mean 'from'?"},
            {"{\"name\": \"a\",\n \"hosst\": []}",
                    "c.yaml:2: unknown key 'hosst', did you mean 'hosts'?"},
            {"name: a\n\"e\\e[2J\": 1\n", "c.yaml:2: unknown key 'e<U+001B>[2J'"},
            {"port: 3\n", "c.yaml:1: the file needs the key 'name'"},
            {"name: a\nport: x\n", "c.yaml:2: 'port' must be a whole number from 0 to 65535"},
            {"name: a\nport: 65536\n",
                    "c.yaml:2: 'port' must be a whole number from 0 to 65535"},
            {"name: a\nport: 010\n", "c.yaml:2: 'port' must be a whole number from 0 to 65535"},
            {"name: a\nport: -1\n", "c.yaml:2: 'port' must be a whole number from 0 to 65535"},
            {"name: a\nport:\n", "c.yaml:2: 'port' must be a whole number from 0 to 65535"},
            {"name: a\nbell: maybe\n", "c.yaml:2: 'bell' must be true or false"},
            {"name: a\nmode: alway\n",
                    "c.yaml:2: 'mode' has the unknown value 'alway', did you mean 'always'?"},
            {"name: [a]\n", "c.yaml:1: 'name' must be a single value"},
            {"name: a\nhosts: b\n", "c.yaml:2: 'hosts' must be a list ([a, b])"},
            {"name: a\nhosts:\n - a\n - {b: c}\n", "c.yaml:4: 'hosts' must be a single value"},
            {"name: a\nkey: 3\n", "c.yaml:2: 'key' must be a mapping (lines of 'key: value')"},
            {"[a]\n", "c.yaml:1: the file must be a mapping (lines of 'key: value')"},
            {"name: a\nport: 1\nport: 2\n", "c.yaml:3: 'port' stands here twice"},
            {"name: a\n? [b]\n: c\n", "c.yaml:2: the file has a key that is not a word"},
            {"name: &x a\nhosts: [*x]\n", "c.yaml:2: an alias (*name) is not accepted here"},
            {"name: a\n---\nname: b\n",
                    "c.yaml:2: a second document (---) is not accepted here"},
            {"name: \"a\\0b\"\n", "c.yaml:1: a NUL character in a value"},
            {"name: [a\n",
                    "c.yaml:2: did not find expected ',' or ']' while parsing a flow sequence"},
            {"name: a\nkey:\n\theader: x\n",
                    "c.yaml:3: found character that cannot start any token while scanning for "
                    "the next token"},
            {"name: a\nport: 1\nhosts: [\xff]\n", "c.yaml:3: invalid leading UTF-8 octet"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        expect_refusal(str_of(cases[i].text), cases[i].message);
    expect_refusal(STR("name: a\nport: \0\n"), "c.yaml:2: control characters are not allowed");
}

static void lengths_and_counts_name_line_and_key(void **state)
{
    struct config *config = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(yaml_load(STR("name: a\nkey:\n  from: [a,\n    b, c]\n"), "c.yaml",
                             &schema, (void **)&config, &err),
            ERR_CONFIG);
    assert_non_null(strstr(err.msg, "c.yaml:4: "));
    assert_non_null(strstr(err.msg, "(2 max)"));
    assert_int_equal(yaml_load(STR("name: a\nkey:\n  header: 0123456789abcdefX\n"), "c.yaml",
                             &schema, (void **)&config, &err),
            ERR_CONFIG);
    assert_non_null(strstr(err.msg, "c.yaml:3: 'header': "));
}

static void bombs_are_refused_and_not_expanded(void **state)
{
    struct buf text = BUF_INIT;
    struct config *config = NULL;
    struct err err = {0};

    (void)state;
    buf_puts(&text, "name: &a0 [x, x]\n");
    for (int i = 1; i < 40; i++)
        buf_printf(&text, "k%d: &a%d [*a%d, *a%d]\n", i, i, i - 1, i - 1);
    expect_refusal(buf_str(&text), "c.yaml:2: an alias (*name) is not accepted here");

    buf_clear(&text);
    buf_puts(&text, "name: ");
    for (int i = 0; i < 100000; i++)
        buf_putc(&text, '[');
    expect_refusal(buf_str(&text), "c.yaml:1: nested deeper than 32");

    buf_clear(&text);
    for (int i = 0; i <= LIMIT_YAML_ENTRIES; i++)
        buf_printf(&text, "k%d: 1\n", i);
    assert_int_equal(yaml_each_entry(buf_str(&text), "c.yaml", NULL, NULL, &err), ERR_CONFIG);

    buf_clear(&text);
    memset(buf_reserve(&text, LIMIT_FILE + 1), '#', LIMIT_FILE + 1);
    buf_commit(&text, LIMIT_FILE + 1);
    assert_int_equal(
            yaml_load(buf_str(&text), "c.yaml", &schema, (void **)&config, &err), ERR_LIMIT);
    buf_release(&text);
}

struct seen {
    struct buf keys;
    int rc;
    struct err err;
};

static int see(void *ctx, const struct yaml_entry *entry, struct err *err)
{
    struct seen *seen = ctx;
    struct key *key = NULL;
    int rc = yaml_load(entry->text, "p.yaml", &key_schema, (void **)&key, err);

    if (rc < 0)
        return rc;
    buf_printf(&seen->keys, "%.*s@%u=%s/%u ", STR_ARG(entry->key), entry->line,
            key->header ? key->header : "-", key->from_count);
    yaml_unload(&key_schema, key);
    return 0;
}

static void expect_entries(const char *text, int rc, const char *keys, const char *message)
{
    struct seen seen = {BUF_INIT, 0, {0}};
    struct buf part = BUF_INIT;
    struct err err = {0};

    assert_int_equal(yaml_subtree(str_of(text), "p.yaml", "providers", &part, &err), 0);
    assert_int_equal(yaml_each_entry(buf_str(&part), "p.yaml", see, &seen, &err), rc);
    buf_putc(&seen.keys, '\0');
    assert_string_equal(buf_data(&seen.keys), keys);
    assert_string_equal(err.msg, message);
    buf_release(&seen.keys);
    buf_release(&part);
}

static void free_names_are_walked_with_the_lines_of_the_file(void **state)
{
    (void)state;
    expect_entries("x: käse\nproviders:\n  # note\n  alpha:\n    header: ä\n    from: [a, b]\n"
                   "  beta: {header: two,\n    from: [c]}\n  gamma:\ny: 1\n",
            0, "alpha@4=ä/2 beta@7=two/1 gamma@9=-/0 ", "");
    expect_entries(
            "{\"a\": 1, \"providers\": {\"ö\": {\"header\": \"h\"}}}", 0, "ö@1=h/0 ", "");
    expect_entries("providers:\n", 0, "", "");
    expect_entries("providers:\n  a:\n    header: x\n  b:\n    from: [y]\n    heder: z\n",
            ERR_CONFIG, "a@2=x/0 ", "p.yaml:6: unknown key 'heder', did you mean 'header'?");
    expect_entries("providers:\n  a: {}\n  b: {}\n  a: {}\n", ERR_CONFIG, "",
            "p.yaml:4: 'a' stands here twice");
    expect_entries("\r\nproviders:\r\n  a:\r\n    from: x\r\n", ERR_CONFIG, "",
            "p.yaml:4: 'from' must be a list ([a, b])");
    expect_entries("providers: [a]\n", ERR_CONFIG, "",
            "p.yaml:1: the file must be a mapping (lines of 'key: value')");
}

static void a_missing_subtree_is_told_apart(void **state)
{
    struct buf part = BUF_INIT;

    (void)state;
    assert_int_equal(yaml_subtree(STR("a: 1\n"), "p", "providers", &part, NULL), ERR_NOENT);
    assert_int_equal(yaml_subtree(STR(""), "p", "providers", &part, NULL), ERR_NOENT);
    assert_int_equal(yaml_subtree(STR("[a"), "p", "providers", &part, NULL), ERR_CONFIG);
    buf_release(&part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_whole_file_arrives_in_the_struct),
            cmocka_unit_test(json_is_read_too),
            cmocka_unit_test(an_empty_file_is_an_empty_mapping),
            cmocka_unit_test(a_wrong_file_is_told_line_key_and_nearest_name),
            cmocka_unit_test(lengths_and_counts_name_line_and_key),
            cmocka_unit_test(bombs_are_refused_and_not_expanded),
            cmocka_unit_test(free_names_are_walked_with_the_lines_of_the_file),
            cmocka_unit_test(a_missing_subtree_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
