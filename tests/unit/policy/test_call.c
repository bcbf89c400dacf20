/*
 * Which verdict a tool call gets by its server and tool, what arguments are no arguments, and
 * that edits change what they name and nothing else.
 */
#include "policy/call.h"

#include "unit/check.h"

#include "base/mem.h"

static const struct policy_world world = {.home = "/nonexistent/home",
        .workspace = "/nonexistent/home/project",
        .box_workspace = "/workspace"};

static struct verdict judge(
        const char *rules, const char *server, const char *tool, struct str arguments)
{
    struct err err = {0};
    struct verdict verdict;
    struct policy *policy = policy_parse(str_of(rules), "t.rules", &err);
    struct call_request call = {str_of(server), str_of(tool), arguments};

    if (!policy)
        fail_msg("%s", err.msg);
    policy_eval_call(policy, &world, &call, &verdict, NULL);
    policy_free(policy);
    return verdict;
}

static void a_rule_takes_the_servers_and_tools_it_names(void **state)
{
    static const char rules[] = "allow fs/read_*,fs/list_*\n"
                                "ask   fs/*  risk high timeout 1m because \"writes\"\n"
                                "allow git/status\n"
                                "deny  */delete_*\n"
                                "allow docs/resource:file:///a/*\n"
                                "default mcp deny\n"
                                "allow net:* *\n";
    static const struct {
        const char *server, *tool, *expect;
    } cases[] = {
            {"fs", "read_file", "allow"},
            {"fs", "read_", "allow"},
            {"fs", "read", "ask"},
            {"fs", "list_all", "allow"},
            {"fs", "delete_file", "deny"},
            {"git", "status", "allow"},
            {"git", "status2", "deny"},
            {"Git", "status", "deny"},
            {"git", "Status", "deny"},
            {"gi", "t/status", "deny"},
            {"docs", "resource:file:///a/b/c", "allow"},
            {"docs", "resource:file:///b", "deny"},
            {"", "", "deny"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict v = judge(rules, cases[i].server, cases[i].tool, STR("{}"));

        if (strcmp(verdict_name(v.kind), cases[i].expect) != 0)
            fail_msg("%s/%s: %s by '%s'", cases[i].server, cases[i].tool, verdict_name(v.kind),
                    v.rule);
    }
    struct verdict v = judge(rules, "fs", "write", STR(""));
    assert_string_equal(v.where, "t.rules:2");
    assert_string_equal(v.reason, "writes");
    assert_int_equal(v.risk, RISK_HIGH);
    assert_int_equal(v.timeout_ms, 60000);
    v = judge("", "fs", "write", STR(""));
    assert_string_equal(v.rule, "default mcp ask");
    assert_string_equal(v.where, "built in");
    assert_true(v.by_default);
}

static void arguments_that_can_be_read_in_two_ways_are_denied(void **state)
{
    static const char *const good[] = {"", "{}",
            " { \"a\" : [1e999, -0, 18446744073709551616] } ",
            "{\"a\":\"\\u0000\",\"b\":\"\\ud800\",\"A\":1}",
            "{\"a\":{\"b\":1},\"b\":{\"b\":1}}", "{\"\":null}"};
    static const char *const bad[] = {"[]", "1", "null", "{", "{} x", "{\"a\":1,\"a\":2}",
            "{\"a\":1,\"\\u0061\":2}", "{\"x\":[{\"a\":1,\"a\":2}]}", "{\"a\":01}", "{'a':1}",
            "{\"a\":\"\xff\"}", "{\"a\\u0000\":1}", "{\"\\udc00\":1}", "{\"a\":NaN}",
            "\xef\xbb\xbf{}",
            "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1,\"10\":1,"
            "\"11\":1,\"12\":1,\"13\":1,\"14\":1,\"15\":1,\"16\":1,\"17\":1,\"18\":1,\"3\":1}"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (judge("allow a/b\n", "a", "b", str_of(good[i])).kind != VERDICT_ALLOW)
            fail_msg("denied: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct verdict v = judge("allow a/b\n", "a", "b", str_of(bad[i]));

        if (v.kind != VERDICT_DENY || strcmp(v.rule, "structural: arguments") != 0)
            fail_msg("not denied: %s", bad[i]);
    }
    struct buf deep = BUF_INIT;
    buf_puts(&deep, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        buf_putc(&deep, '[');
    struct verdict v = judge("allow a/b\n", "a", "b", buf_str(&deep));
    assert_int_equal(v.kind, VERDICT_DENY);
    assert_string_equal(v.reason, "not accepted JSON: nested too deep");
    buf_release(&deep);
}

static void a_call_is_rewritten_where_the_edits_say_and_nowhere_else(void **state)
{
    static const char text[] = "{ \"a\" : \"x\", \"n\":1e2, \"b\":[\"y\"]}";
    struct call_edit items[] = {
            {8, 3, "\"/ws/x\""}, {(size_t)(strstr(text, "\"y\"") - text), 3, "\"\""}};
    struct call_edits edits = {items, 2};
    struct buf out = BUF_INIT;

    (void)state;
    assert_true(call_rewrite(str_of(text), &edits, &out));
    buf_putc(&out, '\0');
    assert_string_equal(buf_data(&out), "{ \"a\" : \"/ws/x\", \"n\":1e2, \"b\":[\"\"]}");
    buf_clear(&out);
    items[1].at = 9; /* inside of the first */
    assert_false(call_rewrite(str_of(text), &edits, &out));
    items[1].at = 1000;
    assert_false(call_rewrite(str_of(text), &edits, &out));
    assert_int_equal(buf_len(&out), 0);
    edits.count = 0;
    assert_true(call_rewrite(STR("{}"), &edits, &out));
    assert_int_equal(buf_len(&out), 2);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_rule_takes_the_servers_and_tools_it_names),
            cmocka_unit_test(arguments_that_can_be_read_in_two_ways_are_denied),
            cmocka_unit_test(a_call_is_rewritten_where_the_edits_say_and_nowhere_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
