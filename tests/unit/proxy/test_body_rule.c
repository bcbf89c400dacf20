/*
 * test_body_rule.c - what goes out of a body, that nothing else does, and what is refused.
 *
 * The rules are those of the shipped table.
 */
#include "proxy/body_rule.h"

#include <time.h>

#include "support/shipped_providers.h"

#define MESSAGES "anthropic", "POST", "/v1/messages"
#define RESPONSES "openai", "POST", "/v1/responses"
#define SOCKET "openai", "GET", "/v1/responses"
#define CHAT "openai", "POST", "/v1/chat/completions"
#define GEMINI "google", "POST", "/v1beta/models/x:generateContent"
#define COUNT "google", "POST", "/v1beta/models/x:countTokens"
#define ROUTER "openrouter", "POST", "/api/v1/chat/completions"

#define SAME(...)                                                                              \
    {                                                                                          \
        __VA_ARGS__, NULL, NULL, 0, NULL                                                       \
    }
#define CUT(...)                                                                               \
    {                                                                                          \
        __VA_ARGS__, 0, NULL                                                                   \
    }

#define REFUSED(status, reason, ...)                                                           \
    {                                                                                          \
        __VA_ARGS__, NULL, NULL, status, reason                                                \
    }

struct vector {
    const char *provider, *method, *path;
    const char *in;
    const char *out; /* NULL: unchanged, or refused if status is set */
    const char *names;
    int status;
    const char *reason;
};

/* The text in memory of its exact size, so that a read behind the end is seen. */
static void check(struct provider_table *table, const struct vector *v, struct str in)
{
    const struct body_rule *rule = provider_body_rule(
            provider_find(table, v->provider), str_of(v->method), str_of(v->path));
    struct buf out = BUF_INIT;
    struct body_change change;
    struct http_fault fault;
    char *copy = malloc(in.n ? in.n : 1);
    memcpy(copy, in.p, in.n);
    assert_non_null(rule);
    int rc = body_rule_apply(rule, (struct str){copy, in.n}, &out, &change, &fault);
    if ((rc < 0) != (v->status != 0) || fault.status != v->status)
        fail_msg("%s\n  %d, status %d %s", v->in, rc, fault.status,
                fault.reason ? fault.reason : "");
    if (v->status && !strstr(fault.reason, v->reason))
        fail_msg("%s\n  says: %s", v->in, fault.reason);
    if (!v->out && (buf_len(&out) || change.count || change.names[0]))
        fail_msg("%s\n  became: %.*s", v->in, STR_ARG(buf_str(&out)));
    if (v->out && (!str_eq(buf_str(&out), str_of(v->out)) || change.count == 0))
        fail_msg("%s\n  became: %.*s\n  not:    %s", v->in, STR_ARG(buf_str(&out)), v->out);
    if (v->out && strcmp(change.names, v->names) != 0)
        fail_msg("%s\n  names: %s", v->in, change.names);
    buf_release(&out);
    free(copy);
}

static void check_all(void **state, const struct vector *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check(*state, &vectors[i], str_of(vectors[i].in));
}
#define CHECK_ALL(vectors) check_all(state, vectors, sizeof(vectors) / sizeof(*(vectors)))

static void what_has_no_tools_of_the_provider_stays_as_it_is(void **state)
{
    static const struct vector vectors[] = {
            SAME(MESSAGES, "{}"),
            SAME(MESSAGES, " {\n} "),
            SAME(MESSAGES, "{\"model\":\"m\",\"tools\":[]}"),
            SAME(MESSAGES, "{\"tools\":null,\"tool_choice\":null}"),
            SAME(MESSAGES,
                    "{\"tools\":[{\"name\":\"a\",\"input_schema\":{\"type\":\"object\"}}]}"),
            SAME(MESSAGES, "{\"tools\":[{\"type\":\"custom\",\"name\":\"web_search\"}],"
                           "\"tool_choice\":{\"type\":\"tool\",\"name\":\"web_search\"}}"),
            SAME(MESSAGES, "{\"tools\":[{\"type\":null,\"name\":\"a\"}]}"),
            SAME(MESSAGES,
                    "{ \"max_tokens\" : 1E+2, \"temperature\":0.70 ,\t\"x\":\"\\u00e4\\/\"}"),
            /* what stands in schemas, arguments and texts is the agent's business */
            SAME(MESSAGES, "{\"tools\":[{\"name\":\"a\",\"input_schema\":{\"t\\u0079pe\":1,"
                           "\"tools\":[{\"type\":\"web_search\"}]}}]}"),
            SAME(MESSAGES, "{\"messages\":[{\"role\":\"user\",\"content\":"
                           "\"\\\"tools\\\":[{\\\"type\\\":\\\"web_search\\\"}]\"}]}"),
            SAME(MESSAGES, "{\"messages\":[{\"content\":[{\"type\":\"tool_use\",\"input\":"
                           "{\"source\":{\"type\":\"url\",\"url\":\"http://x\"}}}]}]}"),
            SAME(MESSAGES,
                    "{\"metadata\":{\"tools\":[{\"type\":\"web_search\"}],\"tools\":1}}"),
            SAME(RESPONSES,
                    "{\"input\":\"hi\",\"tools\":[{\"type\":\"function\",\"name\":\"a\"},"
                    "{\"type\":\"custom\",\"name\":\"exec\"},{\"type\":\"local_shell\"},"
                    "{\"type\":\"shell\",\"environment\":{\"type\":\"local\"}},"
                    "{\"type\":\"apply_patch\"}],\"tool_choice\":\"auto\"}"),
            SAME(RESPONSES, "{\"tools\":[{\"type\":\"namespace\",\"name\":\"mcp__a\","
                            "\"tools\":[{\"type\":\"function\",\"name\":\"b\"}]}]}"),
            SAME(RESPONSES, "{\"input\":[{\"type\":\"additional_tools\",\"tools\":"
                            "[{\"type\":\"custom\",\"name\":\"exec\"}]}]}"),
            SAME(RESPONSES, "{\"tool_choice\":{\"type\":\"function\",\"name\":\"a\"}}"),
            SAME(CHAT,
                    "{\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"}}],"
                    "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"a\"}}}"),
            SAME(CHAT, "{\"messages\":[{\"content\":[{\"type\":\"image_url\","
                       "\"image_url\":{\"url\":\"data:image/png;base64,AA\"}}]}]}"),
            SAME(GEMINI, "{\"tools\":[{\"functionDeclarations\":[{\"name\":\"a\"}]}],"
                         "\"toolConfig\":{}}"),
            SAME(GEMINI, "{\"tools\":[{\"function_declarations\":[]},{}]}"),
            SAME(GEMINI, "{\"contents\":[{\"parts\":[{\"fileData\":{\"fileUri\":"
                         "\"https://generativelanguage.googleapis.com/v1beta/files/a\"}}]}]}"),
            SAME(GEMINI, "{\"contents\":[{\"parts\":[{\"functionCall\":{\"args\":"
                         "{\"fileUri\":\"http://x\"}}}]}]}"),
            SAME(SOCKET, "{\"type\":\"response.create\",\"response\":{\"tools\":[]}}"),
            SAME(ROUTER, "{\"model\":\"z/glm\",\"models\":[\"a\",\"b\"]}"),
    };
    CHECK_ALL(vectors);
}

static void the_tools_of_anthropic_go(void **state)
{
    static const struct vector vectors[] = {
            CUT(MESSAGES,
                    "{\"tools\":[{\"name\":\"a\"}, {\"type\":\"web_search_20250305\","
                    "\"name\":\"web_search\"} ,{\"name\":\"b\"}]}",
                    "{\"tools\":[{\"name\":\"a\"} ,{\"name\":\"b\"}]}", "web_search_20250305"),
            CUT(MESSAGES, "{\"tools\":[ {\"type\":\"code_execution_1\"} , {\"name\":\"b\"}]}",
                    "{\"tools\":[ {\"name\":\"b\"}]}", "code_execution_1"),
            CUT(MESSAGES, "{\"tools\":[{\"name\":\"b\"} , {\"type\":\"x\"} ]}",
                    "{\"tools\":[{\"name\":\"b\"} ]}", "x"),
            CUT(MESSAGES,
                    "{\"tools\":[{\"type\":\"x\"},{\"type\":\"y\"},{\"name\":\"b\"},"
                    "{\"type\":\"z\"},{\"type\":\"v\"}]}",
                    "{\"tools\":[{\"name\":\"b\"}]}", "x, y, z, v"),
            /* none is left: no list, no choice */
            CUT(MESSAGES, "{\"tools\":[{\"type\":\"x\"}]}", "{}", "x"),
            CUT(MESSAGES, "{\"a\":1,\"tools\":[{\"type\":\"x\"}] }", "{\"a\":1 }", "x"),
            CUT(MESSAGES, "{\"tools\":[{\"type\":\"x\"}], \"a\":1}", "{\"a\":1}", "x"),
            CUT(MESSAGES, "{\"a\":1, \"tools\":[{\"type\":\"x\"}], \"b\":2}",
                    "{\"a\":1, \"b\":2}", "x"),
            CUT(MESSAGES,
                    "{\"tool_choice\":{\"type\":\"any\"},\"tools\":[{\"type\":\"x\"}],\"b\":2}",
                    "{\"b\":2}", "x, tool_choice"),
            /* a choice of what is gone goes, another stays */
            CUT(MESSAGES,
                    "{\"tool_choice\":{\"type\":\"tool\",\"name\":\"web\"},"
                    "\"tools\":[{\"name\":\"a\"},{\"type\":\"x\",\"name\":\"web\"}]}",
                    "{\"tools\":[{\"name\":\"a\"}]}", "x, tool_choice"),
            CUT(MESSAGES,
                    "{\"tools\":[{\"name\":\"a\"},{\"type\":\"x\",\"name\":\"web\"}],"
                    "\"tool_choice\":{\"type\":\"tool\",\"name\":\"a\"}}",
                    "{\"tools\":[{\"name\":\"a\"}],"
                    "\"tool_choice\":{\"type\":\"tool\",\"name\":\"a\"}}",
                    "x"),
            CUT(MESSAGES,
                    "{\"mcp_servers\":[{\"url\":\"http://x\"}],\"container\":\"c\",\"m\":1}",
                    "{\"m\":1}", "mcp_servers, container"),
            CUT(MESSAGES, "{\"m\":1,\"container\":{},\"n\":[]}", "{\"m\":1,\"n\":[]}",
                    "container"),
            /* not what it says it is: gone, too */
            CUT(MESSAGES, "{\"tools\":[{\"type\":\"c\\u0075stom\"}],\"m\":1}", "{\"m\":1}",
                    "tool"),
            CUT(MESSAGES, "{\"tools\":[{\"type\":7}],\"m\":1}", "{\"m\":1}", "tool"),
            CUT(MESSAGES, "{\"tools\":[{\"type\":\"Custom\"}],\"m\":1}", "{\"m\":1}", "Custom"),
            CUT(MESSAGES, "{\"tools\":[{\"type\":\"a\x7f\xe2\x80\xae\"}]}", "{}",
                    "a<U+007F><U+202E>"),
    };
    CHECK_ALL(vectors);
}

static void the_tools_of_openai_go(void **state)
{
    static const struct vector vectors[] = {
            /* the classic shape of Codex */
            CUT(RESPONSES,
                    "{\"tools\":[{\"type\":\"function\",\"name\":\"exec_command\"},"
                    "{\"type\":\"web_search\",\"external_web_access\":false},"
                    "{\"type\":\"image_generation\"}],\"tool_choice\":\"auto\"}",
                    "{\"tools\":[{\"type\":\"function\",\"name\":\"exec_command\"}],"
                    "\"tool_choice\":\"auto\"}",
                    "web_search, image_generation"),
            /* its code mode: the tools are an item of the input */
            CUT(RESPONSES,
                    "{\"input\":[{\"type\":\"additional_tools\",\"tools\":["
                    "{\"type\":\"custom\",\"name\":\"exec\"}, {\"type\":\"web_search\"}]},"
                    "{\"type\":\"message\"}]}",
                    "{\"input\":[{\"type\":\"additional_tools\",\"tools\":["
                    "{\"type\":\"custom\",\"name\":\"exec\"}]},"
                    "{\"type\":\"message\"}]}",
                    "web_search"),
            CUT(RESPONSES,
                    "{\"input\":[{\"type\":\"tool_search_output\",\"tools\":"
                    "[{\"type\":\"mcp\",\"server_url\":\"https://x\"}]}]}",
                    "{\"input\":[{\"type\":\"tool_search_output\",\"tools\":[]}]}", "mcp"),
            CUT(RESPONSES,
                    "{\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":["
                    "{\"type\":\"code_interpreter\"},{\"type\":\"function\"}]}]}",
                    "{\"tools\":[{\"type\":\"namespace\",\"name\":\"n\",\"tools\":["
                    "{\"type\":\"function\"}]}]}",
                    "code_interpreter"),
            /* what is within something that goes */
            CUT(RESPONSES,
                    "{\"tools\":[{\"type\":\"group\",\"tools\":[{\"type\":\"mcp\"}]},"
                    "{\"type\":\"function\"}]}",
                    "{\"tools\":[{\"type\":\"function\"}]}", "mcp, group"),
            CUT(RESPONSES,
                    "{\"tools\":[{\"type\":\"shell\",\"environment\":{\"type\":\"container_"
                    "auto\"}}"
                    ",{\"type\":\"shell\"},{\"type\":\"file_search\"},{\"type\":\"mcp\"},"
                    "{\"type\":\"computer_use_preview\"},{\"name\":\"untyped\"}],\"m\":1,"
                    "\"parallel_tool_calls\":true,\"tool_choice\":\"required\"}",
                    "{\"m\":1}",
                    "shell, shell, file_search, mcp, computer_use_preview, tool, "
                    "parallel_tool_calls, tool_choice"),
            CUT(RESPONSES, "{\"tool_choice\":{\"type\":\"web_search_preview\"},\"m\":1}",
                    "{\"m\":1}", "tool_choice"),
            CUT(RESPONSES,
                    "{\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":"
                    "[{\"type\":\"function\",\"name\":\"a\"},{\"type\":\"mcp\"}]}}",
                    "{\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":"
                    "[{\"type\":\"function\",\"name\":\"a\"}]}}",
                    "mcp"),
            CUT(RESPONSES,
                    "{\"tool_choice\":{\"type\":\"allowed_tools\",\"tools\":"
                    "[{\"type\":\"mcp\"}]},\"m\":1}",
                    "{\"m\":1}", "mcp, tool_choice"),
            CUT(RESPONSES, "{\"prompt\":{\"id\":\"pmpt_1\"},\"m\":1}", "{\"m\":1}", "prompt"),
            CUT(CHAT, "{\"m\":1,\"web_search_options\":{}}", "{\"m\":1}", "web_search_options"),
            CUT(CHAT,
                    "{\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":"
                    "{\"mode\":\"auto\",\"tools\":[{\"type\":\"x\"}]}}}",
                    "{}", "x, tool_choice"),
            /* messages of a WebSocket, both shapes */
            CUT(SOCKET,
                    "{\"type\":\"response.create\",\"tools\":[{\"type\":\"web_search\"}],"
                    "\"input\":[]}",
                    "{\"type\":\"response.create\",\"input\":[]}", "web_search"),
            CUT(SOCKET,
                    "{\"type\":\"response.create\",\"response\":{\"a\":1,"
                    "\"tools\":[{\"type\":\"web_search\"},{\"type\":\"function\"}]}}",
                    "{\"type\":\"response.create\",\"response\":{\"a\":1,"
                    "\"tools\":[{\"type\":\"function\"}]}}",
                    "web_search"),
            CUT(ROUTER, "{\"plugins\":[{\"id\":\"web\"}],\"preset\":\"p\",\"m\":1}",
                    "{\"m\":1}", "plugins, preset"),
    };
    CHECK_ALL(vectors);
}

static void the_tools_of_google_go(void **state)
{
    static const struct vector vectors[] = {
            CUT(GEMINI, "{\"tools\":[{\"googleSearch\":{}},{\"functionDeclarations\":[]}]}",
                    "{\"tools\":[{\"functionDeclarations\":[]}]}", "googleSearch"),
            CUT(GEMINI,
                    "{\"tools\":[{\"google_search\":{}, \"functionDeclarations\":[], "
                    "\"urlContext\":{}}]}",
                    "{\"tools\":[{\"functionDeclarations\":[]}]}", "google_search, urlContext"),
            CUT(COUNT,
                    "{\"generateContentRequest\":{\"tools\":[{\"googleSearch\":{}}],"
                    "\"model\":\"m\"}}",
                    "{\"generateContentRequest\":{\"model\":\"m\"}}", "googleSearch"),
            CUT(GEMINI,
                    "{\"tools\":[{\"codeExecution\":{},\"x\":1}],\"toolConfig\":{\"a\":1},"
                    "\"contents\":[]}",
                    "{\"contents\":[]}", "codeExecution, x, toolConfig"),
            CUT(GEMINI, "{\"tools\":[{\"functionDeclaration\\u0073\":[]}]}", "{}",
                    "functionDeclaration\\u0073"),
    };
    CHECK_ALL(vectors);
}

static void what_two_readers_may_read_differently_is_refused(void **state)
{
    static const struct vector vectors[] = {
            REFUSED(400, "twice", MESSAGES, "{\"tools\":[],\"tools\":[]}"),
            REFUSED(400, "unusual", MESSAGES, "{\"t\\u006fols\":[]}"),
            REFUSED(400, "unusual", MESSAGES, "{\"Tools\":[]}"),
            REFUSED(400, "unusual", MESSAGES, "{\"MCP_servers\":[]}"),
            REFUSED(400, "unusual", MESSAGES, "{\"\\u0061\":1}"),
            REFUSED(400, "twice", MESSAGES,
                    "{\"tools\":[{\"type\":\"custom\",\"type\":\"x\"}]}"),
            REFUSED(400, "unusual", MESSAGES, "{\"tools\":[{\"t\\u0079pe\":\"x\"}]}"),
            REFUSED(400, "unusual", MESSAGES, "{\"tools\":[{\"TYPE\":\"x\"}]}"),
            REFUSED(400, "list", MESSAGES, "{\"tools\":{\"type\":\"x\"}}"),
            REFUSED(400, "list", MESSAGES, "{\"tools\":\"x\"}"),
            REFUSED(400, "list", MESSAGES, "{\"tools\":[\"x\"]}"),
            REFUSED(400, "list", MESSAGES, "{\"tools\":[[{\"type\":\"x\"}]]}"),
            REFUSED(400, "list", GEMINI, "{\"tools\":{\"googleSearch\":{}}}"),
            REFUSED(400, "list", RESPONSES, "{\"input\":[{\"TOOLS\":{}}]}"),
            REFUSED(400, "unusual", RESPONSES, "{\"input\":[{\"t\\u006fols\":[]}]}"),
            REFUSED(400, "twice", RESPONSES,
                    "{\"tools\":[{\"type\":\"shell\",\"environment\":"
                    "{\"type\":\"local\",\"type\":\"container_auto\"}}]}"),
            REFUSED(400, "message", SOCKET, "{\"response\":{\"response\":{}}}"),
            REFUSED(400, "message", SOCKET, "{\"response\":[]}"),
            REFUSED(400, "unusual", SOCKET, "{\"Response\":{}}"),
            REFUSED(400, "not a JSON object", MESSAGES, ""),
            REFUSED(400, "not a JSON object", MESSAGES, "[]"),
            REFUSED(400, "follows", MESSAGES, "{}x"),
            REFUSED(400, "follows", MESSAGES, "{}{\"tools\":[{\"type\":\"x\"}]}"),
            REFUSED(400, "early", MESSAGES, "{\"tools\":[{\"type\":\"x\"}"),
            REFUSED(400, "list", MESSAGES, "{\"tools\":[{\"type\":\"x\"},]}"),
            REFUSED(400, "no name", MESSAGES, "{\"tools\":[{\"type\":\"x\",}]}"),
            REFUSED(400, "UTF-8", MESSAGES, "{\"a\":\"\xff\"}"),
            REFUSED(400, "control", MESSAGES, "{\"a\":\"\n\"}"),
            REFUSED(400, "malformed", MESSAGES, "{\"a\":NaN}"),
            REFUSED(400, "no name", MESSAGES, "{'a':1}"),
            REFUSED(400, "follows", MESSAGES, "{\"a\":1}//"),
    };
    CHECK_ALL(vectors);
    check(*state, &(struct vector)REFUSED(400, "follows", MESSAGES, "NUL"), STR("{}\0"));
    check(*state, &(struct vector)REFUSED(400, "control", MESSAGES, "NUL"),
            STR("{\"a\":\"\0\"}"));
}

static void what_the_provider_would_fetch_is_refused(void **state)
{
    static const struct vector vectors[] = {
            REFUSED(403, "fetch", MESSAGES,
                    "{\"messages\":[{\"content\":[{\"type\":\"image\",\"source\":"
                    "{\"type\":\"url\",\"url\":\"https://x/?secret\"}}]}]}"),
            REFUSED(403, "fetch", MESSAGES,
                    "{\"messages\":[{\"content\":[{\"type\":\"tool_result\",\"content\":"
                    "[{\"source\":{\"url\":\"https://x\",\"type\":\"u\\u0072l\"}}]}]}]}"),
            REFUSED(403, "fetch", RESPONSES,
                    "{\"input\":[{\"content\":[{\"type\":\"input_image\","
                    "\"image_url\":\"https://x\"}]}]}"),
            REFUSED(403, "fetch", RESPONSES,
                    "{\"input\":[{\"type\":\"function_call_output\",\"output\":"
                    "[{\"type\":\"input_file\",\"file_url\":\"https://x\"}]}]}"),
            REFUSED(403, "fetch", CHAT,
                    "{\"messages\":[{\"content\":[{\"image_url\":"
                    "{\"url\":\"data:a\",\"url\":\"http://x\"}}]}]}"),
            REFUSED(403, "fetch", GEMINI,
                    "{\"contents\":[{\"parts\":[{\"fileData\":{\"fileUri\":"
                    "\"https://www.youtube.com/watch\"}}]}]}"),
            REFUSED(403, "fetch", GEMINI,
                    "{\"contents\":{\"parts\":{\"file_data\":{\"file_uri\":\"https://"
                    "generativelanguage.googleapis.com.evil.test/\"}}}}"),
            REFUSED(403, "model", ROUTER, "{\"model\":\"z/glm:online\"}"),
            REFUSED(403, "model", ROUTER, "{\"models\":[\"a\",\"b:Online\"]}"),
            REFUSED(400, "model", ROUTER, "{\"model\":\"z/glm:onl\\u0069ne\"}"),
            REFUSED(403, "model", ROUTER, "{\"model\":\"@preset/x\"}"),
    };
    CHECK_ALL(vectors);
}

static void the_configuration_may_let_a_tool_through(void **state)
{
    (void)state;
    struct provider_table table;
    struct err err = {0};
    struct str extra = STR("anthropic:\n"
                           "  body:\n"
                           "    - endpoint: POST /v1/messages\n"
                           "      api: anthropic\n"
                           "      tools: {keep: [custom, web_search_1]}\n"
                           "      drop: [tools_of_others]\n"
                           "      max: 1000\n");
    if (provider_table_load(&table, extra, "config.yaml", &err) < 0)
        fail_msg("%s", err.msg);
    static const struct vector vectors[] = {
            SAME(MESSAGES, "{\"tools\":[{\"type\":\"web_search_1\"}]}"),
            SAME(MESSAGES,
                    "{\"messages\":[{\"source\":{\"type\":\"url\"}}],\"mcp_servers\":[]}"),
            CUT(MESSAGES, "{\"tools\":[{\"name\":\"a\"}],\"tools_of_others\":1,\"m\":1}",
                    "{\"m\":1}", "tool, tools_of_others"),
    };
    for (size_t i = 0; i < 3; i++)
        check(&table, &vectors[i], str_of(vectors[i].in));
    const struct body_rule *rule = provider_body_rule(
            provider_find(&table, "anthropic"), STR("POST"), STR("/v1/messages"));
    assert_int_equal(rule->max, 1000);
    provider_table_release(&table);
}

static void a_flood_of_tools_is_refused(void **state)
{
    struct buf in = BUF_INIT;
    buf_puts(&in, "{\"tools\":[{}");
    for (int i = 0; i < 2000; i++)
        buf_puts(&in, ",{\"type\":\"web_search\"}");
    buf_puts(&in, "]}");
    check(*state, &(struct vector)REFUSED(400, "more", MESSAGES, "flood"), buf_str(&in));
    buf_release(&in);
}

static void the_names_are_cut_with_a_mark(void **state)
{
    const struct body_rule *rule = provider_body_rule(
            provider_find(*state, "anthropic"), STR("POST"), STR("/v1/messages"));
    struct buf in = BUF_INIT, out = BUF_INIT;
    struct body_change change;
    struct http_fault fault;
    buf_puts(&in, "{\"tools\":[{}");
    for (int i = 0; i < 50; i++)
        buf_printf(&in, ",{\"type\":\"web_search_number_%d\"}", i);
    buf_puts(&in, "]}");
    assert_int_equal(body_rule_apply(rule, buf_str(&in), &out, &change, &fault), 0);
    assert_int_equal(change.count, 50);
    assert_true(str_eq(buf_str(&out), STR("{\"tools\":[{}]}")));
    assert_true(str_ends(str_of(change.names), STR(", ..")));
    assert_true(str_starts(str_of(change.names), STR("web_search_number_0, web_")));
    buf_release(&in);
    buf_release(&out);
}

/* Every endpoint that makes a model answer, or reads a request for one, has its rule. */
static void no_endpoint_with_a_body_is_without_a_rule(void **state)
{
    const struct provider_table *table = *state;
    for (size_t i = 0; i < table->count; i++) {
        const struct provider *p = &table->items[i];
        for (size_t k = 0; k < p->allow_count; k++) {
            const struct provider_endpoint *end = &p->allow[k];
            bool none = strcmp(end->method, "GET") == 0 ||
                        strcmp(end->pattern, "/codex-backend/agent-identity") == 0;
            if (!none && !provider_body_rule(p, str_of(end->method), str_of(end->pattern)))
                fail_msg("%s: %s %s", p->name, end->method, end->pattern);
        }
        for (size_t k = 0; k < p->websocket_count; k++)
            assert_non_null(provider_body_rule(
                    p, str_of(p->websocket[k].method), str_of(p->websocket[k].pattern)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_has_no_tools_of_the_provider_stays_as_it_is),
            cmocka_unit_test(the_tools_of_anthropic_go),
            cmocka_unit_test(the_tools_of_openai_go),
            cmocka_unit_test(the_tools_of_google_go),
            cmocka_unit_test(what_two_readers_may_read_differently_is_refused),
            cmocka_unit_test(what_the_provider_would_fetch_is_refused),
            cmocka_unit_test(the_configuration_may_let_a_tool_through),
            cmocka_unit_test(a_flood_of_tools_is_refused),
            cmocka_unit_test(no_endpoint_with_a_body_is_without_a_rule),
            cmocka_unit_test(the_names_are_cut_with_a_mark),
    };
    return cmocka_run_group_tests(tests, shipped_providers_setup, shipped_providers_teardown);
}
