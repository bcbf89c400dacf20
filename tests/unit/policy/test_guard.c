/*
 * What is sent instead of what was asked, what is never touched, and links that come and go
 * between two calls.
 */
#include "unit/policy/world.h"

static void judge_call(const char *rule, const char *tool, const char *arguments,
        struct verdict *ret, struct buf *sent)
{
    struct policy *policy = parse(rule);
    struct buf text = BUF_INIT;
    struct call_edits edits;

    expand(&text, arguments);
    struct call_request call = {STR("s"), str_of(tool), buf_str(&text)};
    policy_eval_call(policy, &world, &call, ret, &edits);
    buf_clear(sent);
    assert_true(call_rewrite(buf_str(&text), &edits, sent));
    call_edits_release(&edits);
    buf_release(&text);
    policy_free(policy);
}

static void what_was_judged_is_what_is_sent(void **state)
{
    static const struct {
        const char *tool, *arguments, *sent;
    } cases[] = {
            {"read", "{\"p\":\"a.txt\"}", "{\"p\":\"a.txt\"}"},
            {"read", "{ \"p\" : \"./sub//b.txt\" }", "{ \"p\" : \"./sub//b.txt\" }"},
            {"read", "{\"p\":\"in/b.txt\"}", "{\"p\":\"%W/sub/b.txt\"}"},
            {"read", "{\"p\":\"in\",\"q\":\"in\",\"n\":1.0}",
                    "{\"p\":\"%W/sub\",\"q\":\"in\",\"n\":1.0}"},
            {"delete_file", "{\"p\":\"sub/back\"}", "{\"p\":\"%W/sub/back\"}"},
            {"read", "{\"p\":\"sub/back\"}", "{\"p\":\"%W/a.txt\"}"},
            {"perform_read", "{\"p\":\"sub/back\"}", "{\"p\":\"%W/a.txt\"}"},
            {"write", "{\"p\":\"dangin\"}", "{\"p\":\"%W/newfile\"}"},
            {"read", "{\"p\":\"/workspace/a.txt\"}", "{\"p\":\"%W/a.txt\"}"},
            {"read", "{\"p\":\"/workspace\"}", "{\"p\":\"%W\"}"},
            {"read", "{\"p\":\"file:///workspace/b%20c.txt\"}",
                    "{\"p\":\"file://%W/b%20c.txt\"}"},
            {"read", "{\"p\":\"file://%W/in/b.txt\"}", "{\"p\":\"file://%W/sub/b.txt\"}"},
            {"read", "{\"p\":\"a.txt\",\"x\":[\"/workspace/b\",\"/workspacex\"]}",
                    "{\"p\":\"a.txt\",\"x\":[\"%W/b\",\"/workspacex\"]}"},
            {"read", "{\"p\":\"a.txt\",\"content\":\"/workspace/b is it\"}",
                    "{\"p\":\"a.txt\",\"content\":\"/workspace/b is it\"}"},
            {"read", "{\"p\":\"/workspace/\\u0022\\\\\"}", "{\"p\":\"%W/\\\"\\\\\"}"},
    };
    struct buf sent = BUF_INIT;
    struct buf want = BUF_INIT;
    struct verdict v;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        judge_call(ALLOW_WS, cases[i].tool, cases[i].arguments, &v, &sent);
        buf_clear(&want);
        expand(&want, cases[i].sent);
        if (v.kind != VERDICT_ALLOW || !str_eq(buf_str(&sent), buf_str(&want)))
            fail_msg("%s: %s, sent %.*s", cases[i].arguments, verdict_name(v.kind),
                    STR_ARG(buf_str(&sent)));
    }
    judge_call("allow s/* if * within $WS", "write",
            "{\"p\":\"in\",\"note\":\"in/b.txt is it\",\"text\":\"in/b.txt\"}", &v, &sent);
    buf_clear(&want);
    expand(&want, "{\"p\":\"%W/sub\",\"note\":\"in/b.txt is it\",\"text\":\"in/b.txt\"}");
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_true(str_eq(buf_str(&sent), buf_str(&want)));
    /* A human is asked: the box's paths are mapped all the same. */
    judge_call("ask s/*", "read", "{\"p\":\"/workspace/in\"}", &v, &sent);
    buf_clear(&want);
    expand(&want, "{\"p\":\"%W/in\"}");
    assert_true(str_eq(buf_str(&sent), buf_str(&want)));
    judge_call("allow s/* if p within ~/docs", "read", "{\"p\":\"~/docs/a\"}", &v, &sent);
    /* The text as it stands names a folder '~' in the workspace. */
    assert_int_equal(v.kind, VERDICT_ASK);
    buf_release(&sent);
    buf_release(&want);
}

static void what_guards_us_is_never_touched_nor_walked_through(void **state)
{
    static const struct {
        const char *tool, *arguments;
        bool is_never;
    } cases[] = {
            {"read", "{\"a\":\"%H/.ironcurtain/policy.rules\"}", true},
            {"read", "{\"a\":[{\"b\":\"~/.ironcurtain\"}]}", true},
            {"read", "{\"a\":\"../.ironcurtain/x\"}", true},
            {"read", "{\"a\":\"up/.ironcurtain/x\"}", true},
            {"read", "{\"a\":\"file://%H/.ironcurtain\"}", true},
            {"read", "{\"%H/.ironcurtain/x\":\"y\"}", true},
            {"read", "{\"a\":\"%H/.iron*/x\"}", true}, {"read", "{\"a\":\"%H/*/x\"}", true},
            {"read", "{\"a\":\"/**\"}", true}, {"read", "{\"a\":\"%H/.ironcurtainx\"}", false},
            {"list_directory", "{\"a\":\"%H\"}", false},
            {"list_directory", "{\"a\":\"%H\",\"recursive\":true}", true},
            {"list_directory", "{\"a\":\"%H\",\"isRecursive\":1}", true},
            {"list_directory", "{\"a\":\"%H\",\"recursive\":false}", false},
            {"directory_tree", "{\"a\":\"%H\"}", true}, {"searchFiles", "{\"a\":\"/\"}", true},
            {"move_file", "{\"a\":\"~\",\"b\":\"x\"}", true},
            {"DeleteAll", "{\"a\":\"up\"}", true}, {"delete_file", "{\"a\":\"a.txt\"}", false},
            {"search", "{\"a\":\".\"}", false},
            {"edit_file", "{\"p\":\"a.txt\",\"oldText\":\"/\",\"newText\":\"~\"}", false},
            {"write_file", "{\"content\":\"see ~/.ironcurtain/policy.rules\"}", false},
            {"settings_get", "{\"a\":\"%H\"}", false}, /* "settings" is not "set" */
    };
    struct buf sent = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct verdict v;

        judge_call("allow s/*", cases[i].tool, cases[i].arguments, &v, &sent);
        if ((v.kind == VERDICT_DENY) != cases[i].is_never)
            fail_msg("%s %s: %s (%s)", cases[i].tool, cases[i].arguments, verdict_name(v.kind),
                    v.reason);
        if (cases[i].is_never)
            assert_string_equal(v.rule, "structural: protected path");
    }
    buf_release(&sent);
}

/* The agent owns the workspace: what is a folder in one call is a link in the next. */
static void a_folder_that_becomes_a_link_is_seen_at_the_next_call(void **state)
{
    struct policy *policy = parse("deny s/* if p within $WS/.git/hooks\ndefault mcp allow\n");
    struct call_request call = {STR("s"), STR("write"), STR("{\"p\":\"f/pre-commit\"}")};
    char *hooks = at("ws/.git/hooks");
    char *away = at("ws/.git/was");
    char *folder = at("ws/f");
    struct verdict v;

    (void)state;
    policy_eval_call(policy, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_int_equal(rename(hooks, away), 0);
    assert_int_equal(symlink(folder, hooks), 0);
    policy_eval_call(policy, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_DENY);
    assert_int_equal(unlink(hooks), 0);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(symlink(away, folder), 0);
    assert_int_equal(rename(away, hooks), 0);
    policy_eval_call(policy, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_ALLOW); /* a link to what is not there any more */
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(symlink(hooks, folder), 0);
    policy_eval_call(policy, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_DENY);
    free(hooks);
    free(away);
    free(folder);
    policy_free(policy);
}

static void without_a_workspace_nothing_is_in_it(void **state)
{
    struct policy_world bare = {.home = home};
    struct policy *policy =
            parse("allow s/* if p within $WS\ndeny s/* if * within $WS ~/.ssh\n");
    struct verdict v;
    struct buf text = BUF_INIT;

    (void)state;
    expand(&text, "{\"p\":\"%W/a.txt\"}");
    struct call_request call = {STR("s"), STR("read"), buf_str(&text)};
    policy_eval_call(policy, &bare, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_ASK);
    call.arguments = STR("{\"p\":\"a/b\"}"); /* relative to nothing */
    policy_eval_call(policy, &bare, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_DENY);
    call.arguments = STR("{\"p\":\"~/.ssh/id\"}");
    policy_eval_call(policy, &bare, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_DENY);
    buf_release(&text);
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_was_judged_is_what_is_sent),
            cmocka_unit_test(what_guards_us_is_never_touched_nor_walked_through),
            cmocka_unit_test(a_folder_that_becomes_a_link_is_seen_at_the_next_call),
            cmocka_unit_test(without_a_workspace_nothing_is_in_it),
    };

    return cmocka_run_group_tests(tests, build, destroy);
}
