/*
 * What a rule file may say, and what is said about one that is wrong.
 */
#include "policy/policy.h"

#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"

static void expect_refusal(struct str text, const char *message)
{
    struct err err = {0};
    struct policy *policy = policy_parse(text, "p.rules", &err);

    if (policy)
        fail_msg("accepted: %.*s", STR_ARG(text));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_string_equal(err.msg, message);
}

static struct policy *parse(const char *text)
{
    struct err err = {0};
    struct policy *policy = policy_parse(str_of(text), "p.rules", &err);

    if (!policy)
        fail_msg("%s", err.msg);
    return policy;
}

static void a_wrong_line_refuses_the_file_and_names_the_nearest_word(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
            {"\n# x\nalow net:GET *\n",
                    "p.rules:3: unknown word 'alow', did you mean 'allow'?"},
            {"Deny net:* *\n", "p.rules:1: unknown word 'Deny', did you mean 'deny'?"},
            {"\"deny\" net:* *\n",
                    "p.rules:1: a quoted text stands where a plain word is expected"},
            {"deny\n", "p.rules:1: target is missing"},
            {"deny net:GET\n", "p.rules:1: URL pattern behind the methods is missing"},
            {"deny example.org\n", "p.rules:1: target 'example.org' has no '/'; write "
                                   "SERVER/TOOL, or net:METHODS URL"},
            {"deny net:get *\n", "p.rules:1: 'get' is not a method; write GET, POST, ... in "
                                 "upper case or *"},
            {"deny net:GET, *\n", "p.rules:1: '' is not a method; write GET, POST, ... in "
                                  "upper case or *"},
            {"deny net:* ftp://x.org/\n",
                    "p.rules:1: only https:// and http:// can be matched"},
            {"deny net:* x.org:0\n", "p.rules:1: the port must be a number from 1 to 65535"},
            {"deny net:* x.org:ssh\n", "p.rules:1: the port must be a number from 1 to 65535"},
            {"deny net:* a*.org\n", "p.rules:1: host 'a*.org': a * may stand alone or as the "
                                    "whole first label (*.example.org)"},
            {"deny net:* *.*.org\n", "p.rules:1: host '*.org': a * may stand alone or as the "
                                     "whole first label (*.example.org)"},
            {"deny net:* \n", "p.rules:1: URL pattern behind the methods is missing"},
            {"deny net:* https:///x\n", "p.rules:1: '' is not a host name or address"},
            {"deny net:* k\xc3\xa4se.org\n",
                    "p.rules:1: host 'k\xc3\xa4se.org' has letters beyond ASCII; write its "
                    "punycode form (xn--...)"},
            {"deny net:* 127.1\n", "p.rules:1: '127.1' is not a host name or address"},
            {"deny net:* a_b.org\n", "p.rules:1: 'a_b.org' is not a host name or address"},
            {"allow net:* 10.0.0.1\n", "p.rules:1: address '10.0.0.1' is not public (private), "
                                       "which is denied by the program itself"},
            {"ask net:* *.internal\n",
                    "p.rules:1: 'x.internal' is a name of this machine or its local network, "
                    "which is denied by the program itself"},
            {"deny net:* https://x.org/a?b\n",
                    "p.rules:1: path '/a?b': queries are never matched, leave out what follows "
                    "the ?"},
            {"deny net:* https://x.org/a/../b\n",
                    "p.rules:1: path '/a/../b' can be read in two ways (.., //, ; or needless "
                    "%-encoding)"},
            {"deny net:* https://x.org/a/**/b\n",
                    "p.rules:1: path '/a/**/b': ** must be the last segment"},
            {"deny net:* https://x.org/a**\n",
                    "p.rules:1: path '/a**': ** must be the last segment"},
            {"deny net:CONNECT https://x.org\n",
                    "p.rules:1: a CONNECT has no scheme and no path, write it as HOST:PORT"},
            {"deny net:* * if a is b\n",
                    "p.rules:1: conditions are for tool calls, a net rule has none"},
            {"deny net:* * becuase \"x\"\n",
                    "p.rules:1: unknown word 'becuase', did you mean 'because'?"},
            {"deny net:* * because\n", "p.rules:1: because is missing"},
            {"deny net:* * because \"x\n", "p.rules:1: a \" is not closed"},
            {"deny net:* * because \"x\"y\n",
                    "p.rules:1: a blank is missing behind a closing \""},
            {"ask net:* * risk middle\n", "p.rules:1: unknown risk 'middle'"},
            {"ask net:* * risk hgih\n", "p.rules:1: unknown risk 'hgih', did you mean 'high'?"},
            {"ask net:* * risk low risk low\n", "p.rules:1: 'risk' stands here twice"},
            {"ask net:* * timeout 5\n",
                    "p.rules:1: a timeout is written 30s, 5m or 1h, at most 24h"},
            {"ask net:* * timeout 25h\n",
                    "p.rules:1: a timeout is written 30s, 5m or 1h, at most 24h"},
            {"ask net:* * timeout 0s\n",
                    "p.rules:1: a timeout is written 30s, 5m or 1h, at most 24h"},
            {"default net allow\n", "p.rules:1: 'allow' is refused as a default of net "
                                    "requests; use ask or deny"},
            {"default net\n", "p.rules:1: default is missing"},
            {"default nett ask\n", "p.rules:1: unknown kind 'nett', did you mean 'net'?"},
            {"default net ask\ndefault net deny\n",
                    "p.rules:2: this default was set on line 1 already"},
            {"default net ask now\n", "p.rules:1: 'now' is one word too many"},
            {"default net ask\ntest allow net:GET https://x.org/\n",
                    "p.rules:2: test failed: GET https://x.org/ is 'ask' by 'default net ask' "
                    "(p.rules:1), not 'allow'"},
            {"test alow net:GET https://x.org/\n",
                    "p.rules:1: unknown verdict 'alow', did you mean 'allow'?"},
            {"test ask net:* https://x.org/\n",
                    "p.rules:1: a test names one method in upper case"},
            {"test ask net:GET\n", "p.rules:1: URL is missing"},
            {"test ask fs/read [1]\n",
                    "p.rules:1: the arguments of a tool call must be a JSON object"},
            {"test ask fs/read {} x\n", "p.rules:1: 'x' is one word too many"},
            {"allow fs\n", "p.rules:1: target 'fs' has no '/'; write SERVER/TOOL, or "
                           "net:METHODS URL"},
            {"allow fs/\n", "p.rules:1: target 'fs/' names no server or no tool"},
            {"allow fs/a,b\n", "p.rules:1: target 'b' has no '/'; write SERVER/TOOL, or "
                               "net:METHODS URL"},
            {"allow fs/a if\n", "p.rules:1: argument name is missing"},
            {"allow fs/a if path\n", "p.rules:1: operator is missing"},
            {"allow fs/a if path withn x\n",
                    "p.rules:1: unknown operator 'withn', did you mean 'within'?"},
            {"allow fs/a if path within\n", "p.rules:1: the condition has no value"},
            {"allow fs/a if path within and b is c\n", "p.rules:1: the condition has no value"},
            {"allow fs/a if path[0] is x\n",
                    "p.rules:1: argument 'path[0]': write a.b, a[], a[].b, . or *; other names "
                    "in quotes"},
            {"allow fs/a if a..b is x\n", "p.rules:1: a name is missing in 'a..b'"},
            {"allow fs/a if * is x\n", "p.rules:1: * are the paths of a call, for 'within' and "
                                       "'outside'; name an argument"},
            {"allow fs/a if . is x\n", "p.rules:1: . is the whole of the arguments, for 'has', "
                                       "'lacks' and 'only'"},
            {"allow fs/a if p within docs\n",
                    "p.rules:1: folder 'docs' must begin with /, ~/ or $WS"},
            {"allow fs/a if p within ~bob/x\n",
                    "p.rules:1: folder '~bob/x' must begin with /, ~/ or $WS"},
            {"allow fs/a if p within $WS/../x\n", "p.rules:1: folder '$WS/../x' holds a '..'"},
            {"allow fs/a if p within $WS/*\n", "p.rules:1: folder '$WS/*': a folder takes all "
                                               "that is in it, no * is needed"},
            {"allow fs/a if p within $IC_NOT_SET_AT_ALL/x\n",
                    "p.rules:1: variable $IC_NOT_SET_AT_ALL is not set"},
            {"allow fs/a if p within $-\n", "p.rules:1: '$-' names no variable"},
            {"allow fs/a if n < five\n", "p.rules:1: 'five' is no number"},
            {"allow fs/a if n < 05\n", "p.rules:1: '05' is no number"},
            {"allow fs/a if n < 5 6\n", "p.rules:1: '<' compares with one number"},
            {"allow fs/a if a type strin\n",
                    "p.rules:1: unknown type 'strin', did you mean 'string'?"},
            {"allow fs/a if u host https://x.org\n",
                    "p.rules:1: a host is written without scheme and path"},
            {"allow fs/a if u host localhost\n",
                    "p.rules:1: 'localhost' is a name of this machine or its local network, "
                    "which is denied by the program itself"},
            {"allow fs/a if u host *x.org\n",
                    "p.rules:1: host '*x.org': a * may stand alone or as the whole first label "
                    "(*.example.org)"},
            {"allow fs/a if s matches (a)\\1\n",
                    "p.rules:1: a \\ in a pattern stands before a punctuation mark; there are "
                    "no "
                    "back-references and classes like \\d (write [0-9])"},
            {"allow fs/a if s matches a)|(b\n",
                    "p.rules:1: the parentheses of a pattern do not match"},
            {"allow fs/a if s matches [a\n", "p.rules:1: a [ in a pattern is not closed"},
            {"allow fs/a if s matches (a{100}){100}\n",
                    "p.rules:1: a pattern repeats more than 1000 times"},
            {"allow fs/a because \"x\" if path is a\n",
                    "p.rules:1: 'if' must stand right behind the target"},
            {"deny net:* *\n\xff\n", "p.rules:2: not UTF-8 text"},
            {"deny net:* *\x1b[2J\n", "p.rules:1: a control character"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_refusal(str_of(cases[i].text), cases[i].message);
    expect_refusal(STR("deny net:* *\n\0\n"), "p.rules:2: a control character");
}

static void rules_for_tool_calls_are_read_whole_and_kept(void **state)
{
    struct policy *policy = parse(
            "deny  */*  if * within ~/.ssh ~/.aws $WS/.git/hooks  because \"credentials\"\n"
            "deny  git/push if force is true\n"
            "allow files/read_*,files/list_* if path within $WS ~/docs\n"
            "allow files/move if source within $WS and destination within $WS risk low\n"
            "allow web/fetch if url host docs.python.org *.readthedocs.io\n"
            "ask   git/push because \"leaves this machine\" risk high timeout 10m\n"
            "allow x/y if a.b[] <= 5 and c is \"and\" \"because\"\n"
            "default mcp allow\n"
            "default net deny # all\n"
            "test allow files/read_file {\"path\": \"$WS/a b\"}   # a file\n"
            "test deny net:GET https://x.org/\n");
    struct verdict verdict;

    (void)state;
    assert_int_equal(policy_rule_count(policy, VERDICT_DENY), 2);
    assert_int_equal(policy_rule_count(policy, VERDICT_ALLOW), 4);
    assert_int_equal(policy_rule_count(policy, VERDICT_ASK), 1);
    assert_int_equal(policy_test_count(policy), 2);
    policy_eval_url(policy, STR("GET"), STR("https://git/push"), &verdict);
    assert_int_equal(verdict.kind, VERDICT_DENY);
    policy_free(policy);
}

static void an_empty_file_asks(void **state)
{
    static const char *const texts[] = {"", "\n\r\n", "# only", "\xef\xbb\xbf# bom\r\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct policy *policy = parse(texts[i]);
        struct verdict verdict;

        policy_eval_url(policy, STR("GET"), STR("https://x.org/"), &verdict);
        assert_int_equal(verdict.kind, VERDICT_ASK);
        policy_free(policy);
    }
}

static void the_version_covers_what_decides_and_nothing_else(void **state)
{
    struct policy *a = parse("deny net:* *:22\ndefault net ask\n");
    struct policy *b = parse("# c\n\n  deny\tnet:*  *:22 # x\r\ndefault net  ask\n"
                             "test deny net:CONNECT a.org:22\n");
    struct policy *c = parse("deny net:* *:23\ndefault net ask\n");
    struct policy *d = parse("default net ask\ndeny net:* *:22\n");
    struct policy *e = parse("deny net:* *:22\ndefault net deny\n");

    (void)state;
    assert_int_equal(strlen(policy_version(a)), 16);
    assert_string_equal(policy_version(a), policy_version(b));
    assert_string_not_equal(policy_version(a), policy_version(c));
    assert_string_not_equal(policy_version(a), policy_version(d));
    assert_string_not_equal(policy_version(a), policy_version(e));
    policy_free(a);
    policy_free(b);
    policy_free(c);
    policy_free(d);
    policy_free(e);
}

static void a_file_is_bounded(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    for (int i = 0; i <= LIMIT_POLICY_RULES; i++)
        buf_puts(&text, "deny net:* *:22\n");
    expect_refusal(buf_str(&text), "p.rules:4097: more than 4096 rules");
    buf_clear(&text);
    for (int i = 0; i < LIMIT_POLICY_LINE; i++)
        buf_putc(&text, i % 2 ? ' ' : '#');
    struct policy *policy = policy_parse(buf_str(&text), "p.rules", NULL);
    assert_non_null(policy);
    policy_free(policy);
    buf_putc(&text, 'x');
    expect_refusal(buf_str(&text), "p.rules:1: line longer than 4096 bytes");
    buf_release(&text);
}

static void a_file_is_loaded_and_named(void **state)
{
    char dir[64];
    struct err err = {0};
    struct verdict verdict;

    (void)state;
    test_tmpdir(dir, sizeof(dir), "policy");
    char *path = path_join(dir, "policy.rules");
    assert_null(policy_load(path, &err));
    assert_int_equal(err.code, ERR_NOENT);
    assert_int_equal(file_write(path, "deny net:* *:22\n", 16, 0600, &err), 0);
    struct policy *policy = policy_load(path, &err);
    assert_non_null(policy);
    policy_eval_url(policy, STR("CONNECT"), STR("a.org:22"), &verdict);
    assert_true(str_ends(str_of(verdict.where), STR("policy.rules:1")));
    policy_free(policy);
    assert_int_equal(file_remove_tree(dir, &err), 0);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_wrong_line_refuses_the_file_and_names_the_nearest_word),
            cmocka_unit_test(rules_for_tool_calls_are_read_whole_and_kept),
            cmocka_unit_test(an_empty_file_asks),
            cmocka_unit_test(the_version_covers_what_decides_and_nothing_else),
            cmocka_unit_test(a_file_is_bounded),
            cmocka_unit_test(a_file_is_loaded_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
