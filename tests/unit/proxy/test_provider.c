/*
 * test_provider.c - the shipped table, overrides, and what a path pattern lets through.
 */
#include "proxy/provider.h"

#include <sys/stat.h>
#include <unistd.h>

#include "proxy/body_rule.h"
#include "support/shipped_providers.h"
#include "support/tmpdir.h"

static bool allows(
        const struct provider_table *t, const char *host, const char *method, const char *path)
{
    const struct provider *p = provider_find_host(t, str_of(host));
    return p && provider_allows(p, str_of(method), str_of(path));
}

static void the_shipped_table_has_the_known_providers(void **state)
{
    struct provider_table *t = *state;
    const struct provider *p = provider_find(t, "anthropic");
    assert_non_null(p);
    assert_string_equal(p->places[0].header, "x-api-key");
    assert_string_equal(p->fake_prefix, "sk-ant-api03-ironcurtain-");
    assert_int_equal(p->key_from_count, 1);
    assert_string_equal(p->key_from[0].name, "ANTHROPIC_API_KEY");
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
            {"GET", "/v1/models/a%3Bb"},
            {"GET", "/v1/models/a%3fb"},
            {"GET", "/v1/models/a%0ab"},
            {"GET", "/v1/models/a%7Fb"},
            {"GET", "/v1/models/%c0%ae"},
            {"GET", "/v1/models/a%zz"},
            {"GET", "/v1/models/a%2"},
            {"GET", "/v1/models/a%"},
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
    assert_string_equal(p->places[0].header, "authorization");
    assert_string_equal(secret_bytes(p->key), "real-one");
    assert_true(allows(&t, "llm.example.test", "POST", "/v1/a/go"));
    struct buf value = BUF_INIT;
    key_place_format(&p->places[0], STR("K"), &value);
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
            {"google:\n  key: {query: \"a b\"}\n", "query"},
            {"google:\n  key: {also: [\"x-key\"]}\n", "HEADER: FORMAT"},
            {"google:\n  key: {also: [\"a: {key}\", \"b: {key}\", \"c: {key}\"]}\n",
                    "more than 4 places"},
            {"google:\n  key: {also: [\"x key: {key}\"]}\n", "header"},
            {"google:\n  key: {command: []}\n", "config.yaml:2"},
            {"google:\n  key: {command: [\"\"]}\n", "command"},
            {"google:\n  usage: gogle\n", "did you mean 'google'"},
            {"google:\n  websocket: [\"/x\"]\n", "websocket"},
            {"google:\n  telemetry: [\"/../x\"]\n", "telemetry"},
            {"google:\n  telemetry: [\"a b\"]\n", "telemetry"},
            {"google:\n  shares: google\n", "no other"},
            {"google:\n  shares: nobody\n", "no other"},
            {"google:\n  shares: openai\n", "of its own"},
            {"mine:\n  hosts: [a.test]\n  allow: [GET /]\n  shares: claude-platform\n",
                    "which shares"},
            {"google:\n  oauth: {header: authorization}\n", "without logins"},
            {"chatgpt:\n  oauth: {fake_prefix: x-}\n", "either"},
            {"chatgpt:\n  oauth: {token_url: \"http://a.test/t\"}\n", "https"},
            {"chatgpt:\n  oauth: {token_url: \"https://a.test\"}\n", "no path"},
            {"chatgpt:\n  oauth:\n    logins: [{store: codex}]\n", "config.yaml:3"},
            {"google:\n  body:\n    - {endpoint: POST /x, api: none}\n", "api is none"},
            {"google:\n  body:\n    - {endpoint: POST /x, api: google, max: 99999999}\n",
                    "max"},
            {"google:\n  body:\n    - {endpoint: x, api: google}\n", "METHOD /path"},
            {"google:\n  body:\n    - {endpoint: POST /x, api: google, tool: {}}\n",
                    "did you mean 'tools'"},
            {"google:\n  upstream_env: A-B\n", "upstream_env"},
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

static void load(struct provider_table *t, const char *extra)
{
    struct err err = {0};
    if (provider_table_load(t, str_of(extra), "config.yaml", &err) < 0)
        fail_msg("%s", err.msg);
}

static void a_key_may_stand_in_further_places(void **state)
{
    const struct provider *p = provider_find(*state, "anthropic");
    struct buf value = BUF_INIT;
    assert_int_equal(p->place_count, 2);
    assert_string_equal(p->places[0].header, "x-api-key");
    assert_string_equal(p->places[1].header, "authorization");
    key_place_format(&p->places[1], STR("K"), &value);
    assert_true(str_eq(buf_str(&value), STR("Bearer K")));
    buf_release(&value);
    p = provider_find(*state, "google");
    assert_int_equal(p->place_count, 2);
    assert_string_equal(p->places[1].query, "key");
    assert_string_equal(p->places[1].header, "");

    struct provider_table t;
    load(&t, "anthropic:\n  key: {query: api_key}\n"
             "google:\n  key: {also: [\"X-Key:  Token {key}\"]}\n");
    p = provider_find(&t, "anthropic");
    assert_int_equal(p->place_count, 3);
    assert_string_equal(p->places[0].header, "x-api-key");
    assert_string_equal(p->places[1].query, "api_key");
    assert_string_equal(p->places[2].header, "authorization");
    p = provider_find(&t, "google");
    assert_int_equal(p->place_count, 3);
    assert_string_equal(p->places[1].query, "key");
    assert_string_equal(p->places[2].header, "x-key");
    assert_string_equal(p->places[2].format, "Token {key}");
    provider_table_release(&t);
}

static void a_provider_that_shares_has_its_owners_key(void **state)
{
    (void)state;
    struct provider_table t;
    load(&t, "anthropic:\n  key: {value: real-one}\n");
    const struct provider *owner = provider_find(&t, "anthropic");
    const struct provider *p = provider_find_host(&t, STR("platform.claude.com"));
    assert_non_null(p);
    assert_ptr_equal(provider_key_owner(&t, p), owner);
    assert_ptr_equal(provider_key_owner(&t, owner), owner);
    assert_string_equal(secret_bytes(owner->key), "real-one");
    assert_null(p->key);
    assert_true(allows(&t, "platform.claude.com", "GET", "/v1/oauth/hello"));
    assert_false(allows(&t, "platform.claude.com", "POST", "/v1/oauth/token"));
    provider_table_release(&t);
}

static void logins_say_how_they_are_renewed(void **state)
{
    const struct provider_oauth *o = provider_find(*state, "anthropic")->oauth;
    assert_non_null(o);
    assert_string_equal(o->place.header, "authorization");
    assert_string_equal(o->place.format, "Bearer {key}");
    assert_string_equal(o->fake_prefix, "sk-ant-oat01-ironcurtain-");
    assert_int_equal(o->login_count, 2);
    assert_int_equal(o->logins[0].store, OAUTH_CLAUDE_CODE);
    assert_true(o->logins[0].is_form);
    assert_string_equal(o->logins[0].token.host, "platform.claude.com");
    assert_string_equal(o->logins[0].token.prefix, "/v1/oauth/token");
    assert_string_equal(o->logins[1].client_id, "41077d10-94b8-4194-be48-d251e9eb21b4");
    assert_false(o->logins[1].is_form);
    o = provider_find(*state, "chatgpt")->oauth;
    assert_true(o->fake_is_jwt);
    assert_int_equal(o->logins[0].store, OAUTH_CODEX);

    struct provider_table t;
    load(&t, "anthropic:\n  oauth: {token_url: \"http://127.0.0.1:9/t\"}\n");
    o = provider_find(&t, "anthropic")->oauth;
    assert_int_equal(o->login_count, 2);
    assert_int_equal(o->logins[1].token.port, 9);
    assert_string_equal(o->logins[1].token.prefix, "/t");
    assert_true(o->logins[0].is_form);
    provider_table_release(&t);
}

static void websockets_telemetry_and_forms_are_data(void **state)
{
    const struct provider *openai = provider_find(*state, "openai");
    const struct provider *anthropic = provider_find(*state, "anthropic");
    const struct provider *router = provider_find(*state, "openrouter");
    assert_true(provider_allows_websocket(openai, STR("GET"), STR("/v1/responses")));
    assert_false(provider_allows_websocket(openai, STR("GET"), STR("/v1/models")));
    assert_false(provider_allows_websocket(openai, STR("GET"), STR("/v1/responses/..")));
    assert_false(provider_allows(openai, STR("GET"), STR("/v1/responses")));
    assert_true(provider_is_telemetry(anthropic, STR("/api/event_logging/v2/batch")));
    assert_true(provider_is_telemetry(anthropic, STR("/api/eval/sdk-x")));
    assert_false(provider_is_telemetry(anthropic, STR("/api/evaluate")));
    assert_false(provider_is_telemetry(anthropic, STR("/v1/messages")));
    assert_true(provider_table_is_telemetry(*state, STR("statsig.anthropic.com"), STR("/")));
    assert_true(provider_table_is_telemetry(*state, STR("raw.githubusercontent.com"),
            STR("/openai/codex/main/announcement_tip.toml")));
    assert_false(provider_table_is_telemetry(
            *state, STR("raw.githubusercontent.com"), STR("/openai/codex/main/README.md")));
    assert_false(provider_table_is_telemetry(*state, STR("api.anthropic.com"), STR("/")));
    assert_false(provider_table_is_telemetry(*state, STR("/plugins/"), STR("/")));
    assert_int_equal(anthropic->error, API_ANTHROPIC);
    assert_int_equal(
            provider_usage(router, STR("POST"), STR("/api/v1/messages")), API_ANTHROPIC);
    assert_int_equal(provider_usage(router, STR("POST"), STR("/api/v1/responses")), API_OPENAI);
    const struct body_rule *rule =
            provider_body_rule(anthropic, STR("POST"), STR("/v1/messages"));
    assert_non_null(rule);
    assert_int_equal(rule->max, 10485760);
    assert_true(rule->keep_typeless);
    assert_string_equal(rule->keep[0], "custom");
    assert_null(provider_body_rule(anthropic, STR("GET"), STR("/v1/models")));
}

static char *write_file(const char *dir, const char *name, const char *text, mode_t mode)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void a_key_is_read_only_from_a_private_file(void **state)
{
    (void)state;
    char dir[64];
    test_tmpdir(dir, sizeof(dir), "provider");
    char *good = write_file(dir, "good", "sk-from-file\n", 0600);
    char *open = write_file(dir, "open", "sk-open\n", 0640);
    char *empty = write_file(dir, "empty", "\n", 0600);
    char *link = xasprintf("%s/link", dir);
    char *config = xasprintf("anthropic:\n  key: {from: [\"file:%s\"]}\n"
                             "openai:\n  key: {from: [\"file:%s\", env:NO_SUCH]}\n"
                             "google:\n  key: {from: [\"file:%s\"]}\n"
                             "openrouter:\n  key: {from: [\"file:%s\"],\n"
                             "               command: [pass, \"a b\"]}\n",
            good, open, link, empty);
    struct provider_table t;
    assert_int_equal(symlink(good, link), 0);
    load(&t, config);
    provider_table_keys_from_env(&t);
    const struct provider *p = provider_find(&t, "anthropic");
    assert_string_equal(secret_bytes(p->key), "sk-from-file");
    assert_null(p->key_problem);
    p = provider_find(&t, "openai");
    assert_null(p->key);
    assert_non_null(strstr(p->key_problem, "chmod 600"));
    p = provider_find(&t, "google");
    assert_null(p->key);
    assert_non_null(strstr(p->key_problem, "symlink"));
    p = provider_find(&t, "openrouter");
    assert_null(p->key);
    assert_non_null(strstr(p->key_problem, "empty"));
    assert_string_equal(p->key_command[0], "pass");
    assert_string_equal(p->key_command[1], "a b");
    assert_null(p->key_command[2]);
    provider_table_release(&t);
    char *const all[] = {good, open, empty, link};
    for (size_t i = 0; i < 4; i++) {
        unlink(all[i]);
        free(all[i]);
    }
    free(config);
    rmdir(dir);
}

static void the_environment_names_another_upstream(void **state)
{
    (void)state;
    struct provider_table t;
    load(&t, "anthropic:\n  upstream: https://one.test\n"
             "openai:\n  upstream: https://two.test\n");
    setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:8080/gate//", 1);
    setenv("OPENAI_BASE_URL", "ftp://x", 1);
    setenv("GOOGLE_API_BASE_URL", "", 1);
    provider_table_upstreams_from_env(&t);
    const struct provider *p = provider_find(&t, "anthropic");
    assert_string_equal(p->to.host, "127.0.0.1");
    assert_int_equal(p->to.port, 8080);
    assert_string_equal(p->to.prefix, "/gate");
    assert_true(p->to.plain);
    assert_string_equal(provider_find(&t, "openai")->to.host, "two.test");
    assert_null(provider_find(&t, "google")->upstream);
    assert_null(provider_find(&t, "claude-platform")->upstream);
    unsetenv("ANTHROPIC_BASE_URL");
    unsetenv("OPENAI_BASE_URL");
    unsetenv("GOOGLE_API_BASE_URL");
    provider_table_release(&t);
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
    assert_non_null(strstr(provider_find(t, "openai")->key_problem, "$OPENAI_API_KEY"));
    assert_null(provider_find(t, "google")->key_problem);
    assert_null(getenv("ANTHROPIC_API_KEY"));
    assert_null(getenv("GEMINI_API_KEY"));
    assert_null(getenv("GOOGLE_API_KEY"));
    assert_null(getenv("OPENAI_API_KEY"));
    assert_int_equal(where[0], 0); /* wiped, not only forgotten */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_shipped_table_has_the_known_providers),
            cmocka_unit_test(nothing_but_the_exact_endpoint_passes),
            cmocka_unit_test(an_override_changes_single_fields_and_adds_providers),
            cmocka_unit_test(a_wrong_table_is_refused_with_its_place),
            cmocka_unit_test(a_key_may_stand_in_further_places),
            cmocka_unit_test(a_provider_that_shares_has_its_owners_key),
            cmocka_unit_test(logins_say_how_they_are_renewed),
            cmocka_unit_test(websockets_telemetry_and_forms_are_data),
            cmocka_unit_test(a_key_is_read_only_from_a_private_file),
            cmocka_unit_test(the_environment_names_another_upstream),
            cmocka_unit_test(keys_leave_the_environment),
    };
    return cmocka_run_group_tests(tests, shipped_providers_setup, shipped_providers_teardown);
}
