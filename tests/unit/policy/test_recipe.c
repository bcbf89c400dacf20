/*
 * The rule lines that are offered for a tool call: what they name, what they take, and what is
 * not offered at all.
 */
#include "policy/recipe.h"

#include "unit/check.h"

#define HOME "/nonexistent/home"

static const char *const guarded[] = {HOME "/.ironcurtain", NULL};
static const struct policy_world world = {.home = HOME,
        .workspace = HOME "/ws",
        .box_workspace = "/workspace",
        .guarded = guarded};

static void expect(enum verdict_kind verb, enum width width, const char *tool,
        const char *arguments, const char *want)
{
    struct call_request call = {STR("fs"), str_of(tool), str_of(arguments)};
    char line[RECIPE_LINE] = "-";

    if (!recipe_call(&call, &world, verb, width, line))
        snprintf(line, sizeof(line), "-");
    if (strcmp(line, want) != 0)
        fail_msg("%s %s: '%s', expected '%s'", width_name(width), arguments, line, want);
}

static void exactly_this_names_every_argument_and_no_other(void **state)
{
    static const struct {
        const char *arguments, *want;
    } cases[] = {
            {"", "allow fs/t if . only"},
            {"{}", "allow fs/t if . only"},
            {"{\"a\":\"x y\",\"n\":1e2,\"b\":true,\"z\":null}",
                    "allow fs/t if a is \"x y\" and n is 1e2 and b is true and z is null and . "
                    "only a n b z"},
            {"{\"o\":{\"a\":\"\\\"\\\\\"},\"e\":{}}",
                    "allow fs/t if o.a is \"\\\"\\\\\" and o only a and e only and . only o e"},
            {"{\"l\":[1, \"a b\"]}", "allow fs/t if l is \"[1, \\\"a b\\\"]\" and . only l"},
            {"{\"s\":\"true\"}", "allow fs/t if s is \"true\" and . only s"},
            {"{\"s\":\"\"}", "allow fs/t if s is \"\" and . only s"},
            {"{\"p\":\"" HOME "/ws/a.txt\"}",
                    "allow fs/t if p is \"" HOME "/ws/a.txt\" and p within " HOME
                    "/ws and . only p"},
            {"{\"p\":\"/workspace/s/a.txt\"}",
                    "allow fs/t if p is \"/workspace/s/a.txt\" and p within " HOME
                    "/ws/s and . only p"},
            {"{\"u\":\"https://x.org/a\"}",
                    "allow fs/t if u is \"https://x.org/a\" and . only u"},
            {"{\"p\":\"$HOME/a\"}", "-"},
            {"{\"p\":\"" HOME "/a\"}", "-"}, /* held in the whole home it would not be */
            {"{\"p\":\"/etc/x\"}",
                    "allow fs/t if p is \"/etc/x\" and p within /etc and . only p"},
            {"{\"p\":\"/x\"}", "-"},
            {"{\"s\":\"a\\nb\"}", "-"},
            {"{\"a.b\":1}", "-"},
            {"{\"any\":1}", "-"},
            {"{\"a\":\"\\ud800\"}", "-"},
            {"[]", "-"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect(VERDICT_ALLOW, WIDTH_EXACT, "t", cases[i].arguments, cases[i].want);
    expect(VERDICT_DENY, WIDTH_EXACT, "t", "{\"p\":\"/etc/x\"}",
            "deny fs/t if p is \"/etc/x\" and . only p");
    expect(VERDICT_ASK, WIDTH_EXACT, "t", "{}", "-");
    expect(VERDICT_ALLOW, WIDTH_EXACT, "a*b", "{}", "-");
    expect(VERDICT_ALLOW, WIDTH_EXACT, "a b", "{}", "-");
}

static void like_this_generalises_paths_or_hosts_and_nothing_else(void **state)
{
    (void)state;
    expect(VERDICT_ALLOW, WIDTH_DIR, "w", "{\"path\":\"" HOME "/ws/a\",\"content\":\"x\\ny\"}",
            "allow fs/w if path within " HOME "/ws and . only path content");
    expect(VERDICT_ALLOW, WIDTH_DIR, "w",
            "{\"path\":\"" HOME "/ws/a\",\"edits\":[{\"oldText\":\"a\\n\",\"newText\":\"b\"}]}",
            "allow fs/w if path within " HOME "/ws and . only path edits");
    expect(VERDICT_ALLOW, WIDTH_DIR, "m",
            "{\"source\":\"/workspace/a/b\",\"destination\":\"/workspace/c d/e\",\"n\":5}",
            "allow fs/m if source within " HOME "/ws/a and destination within \"" HOME
            "/ws/c d\" and n <= 5 and . only source destination n");
    expect(VERDICT_ALLOW, WIDTH_DIR, "r", "{\"paths\":[\"/workspace/a/b\",\"/workspace/c/d\"]}",
            "allow fs/r if paths[] within " HOME "/ws/a " HOME "/ws/c and . only paths");
    expect(VERDICT_ALLOW, WIDTH_DIR, "r", "{\"p\":\"/usr/bin\"}",
            "allow fs/r if p within /usr/bin and . only p");       /* it is a folder */
    expect(VERDICT_ALLOW, WIDTH_DIR, "r", "{\"p\":\"~/x\"}", "-"); /* all of the home */
    expect(VERDICT_ALLOW, WIDTH_DIR, "r", "{\"p\":\"/workspace/*.c\"}", "-");
    expect(VERDICT_ALLOW, WIDTH_DIR, "r", "{\"p\":\"/workspace/../x\"}", "-");
    expect(VERDICT_ALLOW, WIDTH_DIR, "r", "{\"q\":\"x\"}", "-");
    expect(VERDICT_ALLOW, WIDTH_DIR, "r", "{\"q\":5}", "-");
    expect(VERDICT_ALLOW, WIDTH_HOST, "f",
            "{\"url\":\"https://a.example.org/x?y\",\"max\":5000}",
            "allow fs/f if url host a.example.org and max <= 5000 and . only url max");
    expect(VERDICT_ALLOW, WIDTH_HOST, "f", "{\"url\":\"https://a.org:8443/\"}",
            "allow fs/f if url host a.org:8443 and . only url");
    expect(VERDICT_DENY, WIDTH_HOST, "f", "{\"url\":\"https://a.org/\",\"max\":5}",
            "deny fs/f if url host a.org and max is 5 and . only url max");
    expect(VERDICT_ALLOW, WIDTH_HOST, "f", "{\"url\":\"https://x@a.org/\"}", "-");
    expect(VERDICT_ALLOW, WIDTH_HOST, "f", "{\"url\":\"http://127.0.0.1/\"}", "-");
    expect(VERDICT_ALLOW, WIDTH_TOOL, "t", "{}", "allow fs/t if . only");
    expect(VERDICT_ALLOW, WIDTH_TOOL, "t", "{\"a\":1}", "-");
    expect(VERDICT_ALLOW, WIDTH_DIR, "t", "{}", "-");
    expect(VERDICT_ALLOW, WIDTH_HOST, "t", "{}", "-");
}

static void an_exact_answer_comes_before_a_wider_one(void **state)
{
    static const char text[] =
            "allow fs/w if path within /srv\n"
            "allow fs/w if path is \"/srv/a\" and path within /srv and . only path\n"
            "deny fs/d if . only\n";
    struct err err = {0};
    struct policy *answers = policy_parse_answers(STR(text), "answers.rules", &err);
    struct call_request call = {STR("fs"), STR("w"), STR("{\"path\":\"/srv/a\"}")};
    struct verdict v;

    (void)state;
    assert_non_null(answers);
    policy_eval_call(answers, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_true(v.is_exact);
    assert_string_equal(v.where, "answers.rules:2");
    assert_string_equal(v.reason, "the human answered so before");
    call.arguments = STR("{\"path\":\"/srv/b\"}");
    policy_eval_call(answers, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_false(v.is_exact);
    call = (struct call_request){STR("fs"), STR("d"), STR("")};
    policy_eval_call(answers, &world, &call, &v, NULL);
    assert_int_equal(v.kind, VERDICT_DENY);
    policy_free(answers);
    assert_null(policy_parse_answers(STR("ask fs/w\n"), "answers.rules", &err));
    assert_string_equal(err.msg, "answers.rules:1: an answer is 'allow ...' or 'deny ...'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(exactly_this_names_every_argument_and_no_other),
            cmocka_unit_test(like_this_generalises_paths_or_hosts_and_nothing_else),
            cmocka_unit_test(an_exact_answer_comes_before_a_wider_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
