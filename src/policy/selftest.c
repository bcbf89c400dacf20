/*
 * selftest.c - reading and running the tests of a rule file.
 */
#include "policy/selftest.h"

#include "base/jscan.h"
#include "base/limits.h"
#include "base/mem.h"

#define HOME "/nonexistent/home"

static const char *const guarded[] = {HOME "/.ironcurtain", NULL};
const struct policy_world selftest_world = {.home = HOME,
        .workspace = HOME "/workspace",
        .box_workspace = "/workspace",
        .guarded = guarded};

static const char *const kind_words[] = {"deny", "ask", "allow", NULL};

/* --- reading ---------------------------------------------------------------------------- */

/* The JSON object that is next in the line. */
static int take_object(struct lex *lex, char **ret, struct err *err)
{
    struct jscan scan;

    lex->rest = str_trim(lex->rest);
    jscan_init(&scan, lex->rest);
    if (jscan_peek(&scan) != '{' || !jscan_skip(&scan))
        return err_set(err, ERR_CONFIG, "the arguments of a tool call must be a JSON object");
    size_t n = (size_t)(scan.p - lex->rest.p);
    *ret = xstrndup(lex->rest.p, n);
    lex->rest = (struct str){lex->rest.p + n, lex->rest.n - n};
    return 0;
}

static int parse_call(
        struct lex *lex, struct str target, struct selftest *test, struct err *err)
{
    struct target *targets;
    size_t count;
    int rc = targets_parse(target, &targets, &count, err);

    if (rc == 0 && (count != 1 || !target_is_exact(&targets[0])))
        rc = err_set(err, ERR_CONFIG, "a test names one tool");
    if (rc == 0) {
        test->server = xstrdup(targets[0].server.p);
        test->tool = xstrdup(targets[0].tool.p);
        rc = take_object(lex, &test->arguments, err);
    }
    targets_free(targets, count);
    return rc;
}

static int parse_request(
        struct lex *lex, struct str target, struct selftest *test, struct err *err)
{
    struct str method = {target.p + 4, target.n - 4};
    struct word url;

    if (!is_method(method))
        return err_set(err, ERR_CONFIG, "a test names one method in upper case");
    int rc = lex_need(lex, &url, "URL", err);
    if (rc == 0) {
        test->method = xstrndup(method.p, method.n);
        test->url = xstrndup(url.text.p, url.text.n);
    }
    return rc;
}

int selftest_parse(struct policy *policy, struct lex *lex, unsigned line, struct err *err)
{
    struct word target;
    int verb = lex_need_choice(lex, "verdict", kind_words, err);
    int rc = verb < 0 ? verb : lex_need(lex, &target, "target", err);

    if (rc < 0)
        return rc;
    if (policy->test_count >= LIMIT_POLICY_RULES)
        return err_set(err, ERR_CONFIG, "more than %d tests", LIMIT_POLICY_RULES);
    policy->tests = xrealloc(policy->tests, (policy->test_count + 1) * sizeof(*policy->tests));
    struct selftest *test = &policy->tests[policy->test_count++];
    *test = (struct selftest){.expect = (enum verdict_kind)verb, .line = line};
    rc = str_starts(target.text, STR("net:")) ? parse_request(lex, target.text, test, err)
                                              : parse_call(lex, target.text, test, err);
    return rc < 0 ? rc : lex_need_end(lex, err);
}

void selftests_free(struct selftest *tests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(tests[i].method);
        free(tests[i].url);
        free(tests[i].server);
        free(tests[i].tool);
        free(tests[i].arguments);
    }
    free(tests);
}

/* --- running ---------------------------------------------------------------------------- */

/* Strings that begin with $WS or $HOME, as those of rules do. */
static void expand(struct buf *out, struct str text, const struct policy_world *world)
{
    for (size_t i = 0; i < text.n; i++) {
        struct str here = {text.p + i, text.n - i};
        bool is_workspace = str_starts(here, STR("\"$WS"));

        if (is_workspace && world->workspace) {
            buf_printf(out, "\"%s", world->workspace);
            i += 3;
        } else if (str_starts(here, STR("\"$HOME")) && world->home) {
            buf_printf(out, "\"%s", world->home);
            i += 5;
        } else {
            buf_putc(out, text.p[i]);
        }
    }
}

static void run_call(const struct policy *policy, const struct policy_world *world,
        const struct selftest *test, struct verdict *ret)
{
    struct buf arguments = BUF_INIT;

    expand(&arguments, str_of(test->arguments), world);
    struct call_request call = {str_of(test->server), str_of(test->tool), buf_str(&arguments)};
    policy_eval_call(policy, world, &call, ret, NULL);
    buf_release(&arguments);
}

static int fails(const struct policy *policy, const struct selftest *test,
        const struct verdict *verdict, struct err *err)
{
    char subject[160];
    char shown[240];

    if (test->url)
        snprintf(subject, sizeof(subject), "%s %s", test->method, test->url);
    else
        snprintf(subject, sizeof(subject), "%s/%s %s", test->server, test->tool,
                test->arguments);
    return err_set(err, ERR_CONFIG, "%s:%u: test failed: %s is '%s' by '%s' (%s), not '%s'",
            policy->name, test->line, str_vis(shown, 120, str_of(subject)),
            verdict_name(verdict->kind), verdict->rule, verdict->where,
            verdict_name(test->expect));
}

int policy_run_tests(
        const struct policy *policy, const struct policy_world *world, struct err *err)
{
    for (size_t i = 0; i < policy->test_count; i++) {
        const struct selftest *test = &policy->tests[i];
        struct verdict verdict;

        if (test->url)
            policy_eval_url(policy, str_of(test->method), str_of(test->url), &verdict);
        else
            run_call(policy, world, test, &verdict);
        if (verdict.kind != test->expect)
            return fails(policy, test, &verdict, err);
    }
    return 0;
}
