/*
 * test_provider.c - the shipped table, overrides, and what a path pattern lets through.
 */
#include "proxy/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    static struct provider_table table;
    struct err err = {0};
    if (provider_table_load(&table, STR(""), "config.yaml", &err) < 0)
        fail_msg("%s", err.msg);
    *state = &table;
    return 0;
}

static int teardown(void **state)
{
    provider_table_release(*state);
    return 0;
}

static bool allows(
        const struct provider_table *t, const char *host, const char *method, const char *path)
{
    const struct provider *p = provider_find_host(t, str_of(host));
    return p && provider_allows(p, str_of(method), str_of(path));
}

static void the_shipped_table_has_the_three_providers(void **state)
{
    struct provider_table *t = *state;
    const struct provider *p = provider_find(t, "anthropic");
    assert_non_null(p);
    assert_string_equal(p->key_header, "x-api-key");
    assert_string_equal(p->fake_prefix, "sk-ant-api03-ironcurtain-");
    assert_string_equal(p->key_env[0], "ANTHROPIC_API_KEY");
    assert_true(allows(t, "api.anthropic.com", "POST", "/v1/messages"));
    assert_true(allows(t, "api.anthropic.com", "POST", "/v1/messages/count_tokens"));
    assert_true(allows(t, "api.anthropic.com", "GET", "/api/hello"));
    assert_true(allows(t, "api.anthropic.com", "GET", "/api/claude_code/policy_limits"));
    assert_true(allows(t, "api.openai.com", "POST", "/v1/responses"));
    const char *google = "generativelanguage.googleapis.com";
    assert_true(allows(t, google, "POST", "/v1beta/models/gemini-x:generateContent"));
    assert_true(allows(t, google, "POST", "/v1beta/models/gemini-x:streamGenerateContent"));
    assert_null(provider_find_host(t, STR("anthropic.com")));
    assert_null(provider_find_host(t, STR("api.anthropic.com.evil.test")));
}

static void nothing_but_the_exact_endpoint_passes(void **state)
{
    static const struct {
        const char *method, *path;
    } cases[] = {
            {"GET", "/v1/messages"},
            {"post", "/v1/messages"},
            {"POST", "/v1/messages/"},
            {"POST", "/v1/Messages"},
            {"POST", "//v1/messages"},
            {"POST", "/v1//messages"},
            {"POST", "/v1/messages/.."},
            {"POST", "/v1/messages/../messages"},
            {"POST", "/v1/./messages"},
            {"POST", "/v1/message%73"},
            {"POST", "/v1/messages;a=b"},
            {"POST", "/v1/messages#x"},
            {"POST", "/v1/messages%00"},
            {"POST", "/api/event_logging/batch"},
            {"POST", "https://api.anthropic.com/v1/messages"},
            {"POST", "v1/messages"},
            {"POST", ""},
            {"POST", "*"},
            {"GET", "/v1/models/"},
            {"GET", "/v1/models/a/b"},
            {"GET", "/v1/models/.."},
            {"GET", "/v1/models/."},
            {"GET", "/v1/models/%2e%2e"},
            {"GET", "/v1/models/%2E"},
            {"GET", "/v1/models/a%2fb"},
            {"GET", "/v1/models/a%5Cb"},
            {"GET", "/v1/models/a\\b"},
            {"GET", "/v1/models/%252e"},
            {"GET", "/v1/models/a%"},
            {"GET", "/v1/models/a\tb"},
            {"GET", "/v1/models/\xc3\xa4"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (allows(*state, "api.anthropic.com", cases[i].method, cases[i].path))
            fail_msg("allowed: %s %s", cases[i].method, cases[i].path);
    }
    const char *google = "generativelanguage.googleapis.com";
    assert_false(allows(*state, google, "POST", "/v1beta/models/:generateContent"));
    assert_false(allows(*state, google, "POST", "/v1beta/models/a/b:generateContent"));
    assert_false(allows(*state, google, "POST", "/v1beta/models/a:generateContents"));
    assert_true(allows(*state, "api.anthropic.com", "GET", "/v1/models/claude-x.1"));
}

static void an_override_changes_single_fields_and_adds_providers(void **state)
{
    (void)state;
    struct provider_table t;
    struct err err = {0};
    struct str extra = STR("anthropic:\n"
                           "  upstream: https://127.0.0.1:8443/gate/\n"
                           "  upstream_ca: /tmp/ca.pem\n"
                           "local:\n"
                           "  hosts: [LLM.Example.test]\n"
                           "  allow: [\"POST /v1/*/go\"]\n"
                           "  key: {header: Authorization, format: \"Bearer {key}\",\n"
                           "        fake_prefix: sk-local-, value: real-one}\n");
    if (provider_table_load(&t, extra, "config.yaml", &err) < 0)
        fail_msg("%s", err.msg);
    const struct provider *p = provider_find(&t, "anthropic");
    assert_string_equal(p->to.host, "127.0.0.1");
    assert_int_equal(p->to.port, 8443);
    assert_string_equal(p->to.prefix, "/gate");
    assert_false(p->to.plain);
    assert_string_equal(p->upstream_ca, "/tmp/ca.pem");
    assert_true(allows(&t, "api.anthropic.com", "POST", "/v1/messages"));
    p = provider_find_host(&t, STR("llm.example.test"));
    assert_non_null(p);
    assert_string_equal(p->key_header, "authorization");
    assert_string_equal(secret_bytes(p->key), "real-one");
    assert_true(allows(&t, "llm.example.test", "POST", "/v1/a/go"));
    struct buf value = BUF_INIT;
    provider_format_key(p, STR("K"), &value);
    assert_true(str_eq(buf_str(&value), STR("Bearer K")));
    buf_release(&value);
    provider_table_release(&t);
}

static void a_wrong_table_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
            {"anthropic:\n  host: [a]\n", "config.yaml:2"},
            {"anthropic:\n  key: {format: \"Bearer\"}\n", "{key}"},
            {"anthropic:\n  allow: [\"/v1/messages\"]\n", "METHOD /path"},
            {"anthropic:\n  allow: [\"POST /v1/../x\"]\n", "METHOD /path"},
            {"anthropic:\n  upstream: ftp://x\n", "upstream"},
            {"anthropic:\n  upstream: https://x:99999\n", "port"},
            {"anthropic:\n  upstream: https://user@x\n", "upstream"},
            {"mine:\n  hosts: [a.test]\n", "allows nothing"},
            {"mine:\n  allow: [GET /]\n", "no hosts"},
            {"mine:\n  hosts: [api.openai.com]\n  allow: [GET /]\n", "belongs to"},
            {"mine:\n  hosts: [\"*.test\"]\n  allow: [GET /]\n", "host name"},
            {"mine:\n  hosts: [a.test]\n  allow: [GET /]\n  key: {header: \"a b\"}\n",
                    "header"},
            {"mine:\n  hosts: [a.test]\n  allow: [GET /]\n  key: {header: a}\n", "fake_prefix"},
            {"mine:\n  hosts: [a.test]\n  allow: [GET /]\n  key: {from: [\"file:x\"]}\n",
                    "from"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct provider_table t;
        struct err err = {0};
        int rc = provider_table_load(&t, str_of(cases[i].text), "config.yaml", &err);
        if (rc >= 0 || err.code != ERR_CONFIG || !strstr(err.msg, cases[i].says))
            fail_msg("case %zu: %d '%s'", i, rc, err.msg);
        assert_int_equal(t.count, 0);
    }
}

static void keys_leave_the_environment(void **state)
{
    struct provider_table *t = *state;
    setenv("ANTHROPIC_API_KEY", "sk-ant-real\n", 1);
    setenv("GEMINI_API_KEY", "", 1);
    setenv("GOOGLE_API_KEY", "AIza-real", 1);
    setenv("OPENAI_API_KEY", "sk-real\r\nX-Evil: 1", 1);
    char *where = getenv("ANTHROPIC_API_KEY");
    provider_table_keys_from_env(t);
    assert_string_equal(secret_bytes(provider_find(t, "anthropic")->key), "sk-ant-real");
    assert_string_equal(secret_bytes(provider_find(t, "google")->key), "AIza-real");
    assert_null(provider_find(t, "openai")->key);
    assert_null(getenv("ANTHROPIC_API_KEY"));
    assert_null(getenv("GEMINI_API_KEY"));
    assert_null(getenv("GOOGLE_API_KEY"));
    assert_null(getenv("OPENAI_API_KEY"));
    assert_int_equal(where[0], 0); /* wiped, not only forgotten */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_shipped_table_has_the_three_providers),
            cmocka_unit_test(nothing_but_the_exact_endpoint_passes),
            cmocka_unit_test(an_override_changes_single_fields_and_adds_providers),
            cmocka_unit_test(a_wrong_table_is_refused_with_its_place),
            cmocka_unit_test(keys_leave_the_environment),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
