/*
 * Which verdict a tool call gets by its server and tool, what arguments are no arguments, and
 * that edits change what they name and nothing else.
 */
#include "policy/call.h"

#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
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

static enum verdict_kind ask_policy(const struct policy *policy, const char *tool)
{
    struct call_request call = {STR("fs"), str_of(tool), STR("{}")};
    struct verdict verdict;

    policy_eval_call(policy, &world, &call, &verdict, NULL);
    return verdict.kind;
}

static void a_file_is_read_again_whole_or_not_at_all(void **state)
{
    char path[64];
    struct err err = {0};
    char version[17];

    (void)state;
    test_tmpfile(path, sizeof(path), "reload");
    assert_int_equal(file_write(path, "allow fs/a\n", 11, 0600, &err), 0);
    struct policy *policy = policy_load(path, &err);
    assert_non_null(policy);
    assert_int_equal(ask_policy(policy, "a"), VERDICT_ALLOW);
    assert_int_equal(policy_reload(policy, path, &err), 1); /* nothing new */
    snprintf(version, sizeof(version), "%s", policy_version(policy));
    assert_int_equal(file_write(path, "deny fs/a\nalow\n", 15, 0600, &err), 0);
    assert_int_equal(policy_reload(policy, path, &err), ERR_CONFIG);
    assert_non_null(strstr(err.msg, ":2: unknown word 'alow', did you mean 'allow'?"));
    assert_int_equal(ask_policy(policy, "a"), VERDICT_ALLOW);
    assert_string_equal(policy_version(policy), version);
    assert_int_equal(file_write(path, "deny fs/a\n", 10, 0600, &err), 0);
    assert_int_equal(policy_reload(policy, path, &err), 0);
    assert_int_equal(ask_policy(policy, "a"), VERDICT_DENY);
    assert_string_not_equal(policy_version(policy), version);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(policy_reload(policy, path, &err), ERR_NOENT);
    assert_int_equal(ask_policy(policy, "a"), VERDICT_DENY);
    policy_free(policy);
}

static void a_repository_forbids_and_asks_and_never_allows(void **state)
{
    static const char text[] = "allow fs/*\nask fs/b\ndeny fs/c because \"ours\"\n"
                               "deny net:* *.evil.org\nallow net:* *.org\ndefault mcp allow\n"
                               "test allow fs/a {}\n";
    struct err err = {0};
    struct policy *policy =
            policy_parse(STR("allow fs/a,fs/b,fs/c\nallow net:* *.org\n"), "p.rules", &err);
    struct policy *repository = policy_parse_repository(STR(text), ".ironcurtain.rules", &err);
    static const struct {
        const char *tool;
        enum verdict_kind expect;
    } cases[] = {
            {"a", VERDICT_ALLOW}, {"b", VERDICT_ASK}, {"c", VERDICT_DENY}, {"d", VERDICT_ASK}};

    (void)state;
    assert_non_null(policy);
    assert_non_null(repository);
    assert_int_equal(policy_rule_count(repository, VERDICT_ALLOW), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct call_request call = {STR("fs"), str_of(cases[i].tool), STR("")};
        struct verdict v;

        policy_eval_call(policy, &world, &call, &v, NULL);
        policy_restrict_call(NULL, &world, &call, &v);
        policy_restrict_call(repository, &world, &call, &v);
        assert_int_equal(v.kind, cases[i].expect);
        if (v.kind == VERDICT_DENY)
            assert_string_equal(v.where, ".ironcurtain.rules:3");
    }
    struct net_request req;
    struct verdict v;
    char host[256];
    assert_true(net_request_read(STR("GET"), STR("https://a.evil.org/"), host, &req));
    policy_eval_net(policy, &req, &v);
    assert_int_equal(v.kind, VERDICT_ALLOW);
    policy_restrict_net(repository, &req, &v);
    assert_int_equal(v.kind, VERDICT_DENY);
    assert_null(policy_parse_repository(STR("deny fs\n"), "r", &err));
    policy_free(policy);
    policy_free(repository);
}

static void add_line(void *ctx, const char *line)
{
    buf_puts(ctx, line);
    buf_putc(ctx, '\n');
}

static void every_step_can_be_read(void **state)
{
    struct policy *policy = policy_parse(STR("deny */* if * within ~/.ssh\n"
                                             "allow fs/read if n < 5\nask fs/* if . has n\n"),
            "t.rules", NULL);
    struct call_request call = {
            STR("fs"), STR("read"), STR("{\"path\":\"/workspace/a\",\"n\":\"7\"}")};
    struct buf text = BUF_INIT;

    (void)state;
    policy_explain_call(policy, &world, &call, add_line, &text);
    buf_putc(&text, '\0');
    assert_string_equal(buf_data(&text),
            "path   path \"/workspace/a\" is /nonexistent/home/project/a (not there)\n"
            "never  nothing that the program itself forbids\n"
            "deny   t.rules:1: does not match\n"
            "         no: * within ~/.ssh\n"
            "allow  t.rules:2: does not match\n"
            "         cannot tell: n < 5 (does not allow)\n"
            "ask    t.rules:3: matches\n"
            "         yes: . has n\n");
    buf_clear(&text);
    call.arguments = STR("{\"a\":1,\"a\":2}");
    policy_explain_call(policy, &world, &call, add_line, &text);
    buf_putc(&text, '\0');
    assert_string_equal(
            buf_data(&text), "never  structural: arguments: an argument is there twice\n");
    buf_release(&text);
    policy_free(policy);
}

static void a_failing_test_names_its_line_and_what_decided(void **state)
{
    struct err err = {0};

    (void)state;
    assert_null(policy_parse(STR("allow fs/read if path within $WS\n"
                                 "test allow fs/read {\"path\":\"$WS/a\"}\n"
                                 "test allow fs/read {\"path\":\"$WS/../a\"}\n"),
            "t.rules", &err));
    assert_string_equal(err.msg, "t.rules:3: test failed: fs/read {\"path\":\"$WS/../a\"} is "
                                 "'ask' by 'default mcp ask' "
                                 "(built in), not 'allow'");
    assert_null(policy_parse(STR("test ask fs/* {}\n"), "t.rules", &err));
    assert_string_equal(err.msg, "t.rules:1: a test names one tool");
    assert_null(policy_parse(STR("test ask fs/a {\n"), "t.rules", &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_rule_takes_the_servers_and_tools_it_names),
            cmocka_unit_test(arguments_that_can_be_read_in_two_ways_are_denied),
            cmocka_unit_test(a_file_is_read_again_whole_or_not_at_all),
            cmocka_unit_test(a_repository_forbids_and_asks_and_never_allows),
            cmocka_unit_test(every_step_can_be_read),
            cmocka_unit_test(a_failing_test_names_its_line_and_what_decided),
            cmocka_unit_test(a_call_is_rewritten_where_the_edits_say_and_nowhere_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
