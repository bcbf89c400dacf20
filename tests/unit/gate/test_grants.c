/*
 * Which answers hold for which requests, how long, and in which order with the policy. Real
 * loop, real answers.rules.
 */
#include "gate/grants.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

#define S1 "5a1f0000-0000-4000-8000-000000000001"
#define S2 "5a1f0000-0000-4000-8000-000000000002"

struct fixture {
    char dir[64];
    char *path;
    struct loop *loop;
    struct grants *grants;
    struct policy *policy;
};

static struct policy *parse(const char *text)
{
    struct err err = {0};
    struct policy *policy = policy_parse(str_of(text), "t.rules", &err);

    if (!policy)
        fail_msg("%s", err.msg);
    return policy;
}

static int up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};

    test_tmpdir(f->dir, sizeof(f->dir), "grants");
    f->path = path_join(f->dir, "answers.rules");
    f->loop = loop_new(&err);
    f->grants = grants_new(f->loop, f->path, &err);
    assert_non_null(f->grants);
    f->policy = parse("deny net:* denied.example.org\nask net:* asked.example.org\n"
                      "allow net:* allowed.example.org\ndefault net ask\n");
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    grants_free(f->grants);
    policy_free(f->policy);
    loop_free(f->loop);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f->path);
    free(f);
    return 0;
}

static struct net_request get(const char *host, const char *path)
{
    return (struct net_request){.method = STR("GET"),
            .scheme = STR("https"),
            .host = str_of(host),
            .port = 443,
            .path = str_of(path)};
}

static struct verdict judge(struct fixture *f, const char *session, struct net_request req)
{
    struct verdict verdict;

    grants_judge_net(f->grants, f->policy, session, &req, &verdict);
    return verdict;
}

#define EXPECT(f, session, req, want) assert_int_equal(judge(f, session, req).kind, want)

struct outcome {
    bool done;
    struct err err;
};

static void on_added(void *ctx, const struct err *err)
{
    struct outcome *outcome = ctx;

    assert_false(outcome->done);
    outcome->done = true;
    if (err)
        outcome->err = *err;
}

static struct grant *make(
        struct fixture *f, struct gate_answer answer, struct net_request req, struct err *err)
{
    char line[RECIPE_LINE];

    assert_true(
            recipe_net(&req, answer.allow ? VERDICT_ALLOW : VERDICT_DENY, answer.width, line));
    answer.rule = line;
    return grant_new(f->grants, &answer, S1, err);
}

static struct err give(struct fixture *f, struct gate_answer answer, struct net_request req)
{
    struct outcome outcome = {0};
    struct err err = {0};
    struct grant *grant = make(f, answer, req, &err);

    if (!grant)
        fail_msg("%s", err.msg);
    grants_add(f->grants, grant, 12, 345, on_added, &outcome);
    while (!outcome.done)
        loop_turn(f->loop, true);
    return outcome.err;
}

static void put_file(struct fixture *f, const char *text)
{
    struct err err = {0};

    if (file_write(f->path, text, strlen(text), 0600, &err) < 0)
        fail_msg("%s", err.msg);
}

static char *get_file(struct fixture *f)
{
    struct buf text = BUF_INIT;

    assert_int_equal(file_read(f->path, 1 << 20, &text, NULL), 0);
    char *copy = xstrndup(buf_data(&text), buf_len(&text));
    buf_release(&text);
    return copy;
}

/* --- recipes ---------------------------------------------------------------------------- */

static void expect_rule(struct net_request req, enum width width, const char *want)
{
    char line[RECIPE_LINE] = "";
    bool made = recipe_net(&req, VERDICT_ALLOW, width, line);

    if (!want)
        assert_false(made);
    else
        assert_string_equal(made ? line : "none", want);
}

static void a_recipe_writes_the_rule_a_person_would(void **state)
{
    struct net_request req = get("a.example.org", "/v1/x%20y");
    struct net_request tunnel = {STR("CONNECT"), STR(""), STR("a.example.org"), 443, STR("")};
    char longer[RECIPE_LINE + 2] = "/";

    (void)state;
    expect_rule(req, WIDTH_EXACT, "allow net:GET https://a.example.org/v1/x%20y");
    expect_rule(req, WIDTH_HOST, "allow net:GET,HEAD https://a.example.org/**");
    req.method = STR("HEAD");
    expect_rule(req, WIDTH_HOST, "allow net:GET,HEAD https://a.example.org/**");
    req.method = STR("POST");
    expect_rule(req, WIDTH_EXACT, "allow net:POST https://a.example.org/v1/x%20y");
    expect_rule(req, WIDTH_HOST, "allow net:* https://a.example.org/**");
    req.port = 8443;
    expect_rule(req, WIDTH_HOST, "allow net:* https://a.example.org:8443/**");
    req.scheme = STR("http");
    req.port = 80;
    expect_rule(req, WIDTH_HOST, "allow net:* http://a.example.org/**");
    req.host = STR("2620:fe::fe");
    expect_rule(req, WIDTH_HOST, "allow net:* http://[2620:fe::fe]/**");
    expect_rule(tunnel, WIDTH_EXACT, "allow net:CONNECT a.example.org:443");
    expect_rule(tunnel, WIDTH_HOST, "allow net:CONNECT a.example.org:443");
    tunnel.host = STR("2620:fe::fe");
    expect_rule(tunnel, WIDTH_EXACT, "allow net:CONNECT [2620:fe::fe]:443");
    char line[RECIPE_LINE];
    assert_true(recipe_net(&tunnel, VERDICT_DENY, WIDTH_EXACT, line));
    assert_string_equal(line, "deny net:* [2620:fe::fe]:443");

    /* A path that would mean more, or something else, as a pattern. */
    expect_rule(get("a.example.org", "/a/*"), WIDTH_EXACT, NULL);
    expect_rule(get("a.example.org", "/a/**"), WIDTH_EXACT, NULL);
    expect_rule(get("a.example.org", "/a/../b"), WIDTH_EXACT, NULL);
    expect_rule(get("a.example.org", "/a/%2e"), WIDTH_EXACT, NULL);
    expect_rule(get("a.example.org", ""), WIDTH_EXACT, NULL);
    expect_rule(get("a.example.org", "/a/../b"), WIDTH_HOST,
            "allow net:GET,HEAD https://a.example.org/**");
    memset(longer + 1, 'x', RECIPE_LINE);
    expect_rule(get("a.example.org", longer), WIDTH_EXACT, NULL);
    /* What the program itself denies is not offered. */
    expect_rule(get("localhost", "/"), WIDTH_HOST, NULL);
    expect_rule(get("a.example.org\nallow net:* *", "/"), WIDTH_HOST, NULL);
}

/* --- scopes ----------------------------------------------------------------------------- */

static void a_session_answer_turns_ask_into_allow_for_that_session_and_width(void **state)
{
    struct fixture *f = *state;
    struct gate_answer host = {.allow = true, .scope = SCOPE_SESSION, .width = WIDTH_HOST};
    struct gate_answer exact = {.allow = true, .scope = SCOPE_SESSION};

    EXPECT(f, S1, get("asked.example.org", "/a"), VERDICT_ASK);
    assert_true(judge(f, S1, get("new.example.org", "/a")).by_default);
    assert_false(judge(f, S1, get("asked.example.org", "/a")).by_default);
    give(f, host, get("asked.example.org", "/a"));
    give(f, exact, get("new.example.org", "/a"));

    struct verdict v = judge(f, S1, get("asked.example.org", "/b"));
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_string_equal(v.rule, "allow net:GET,HEAD https://asked.example.org/**");
    assert_string_equal(v.where, "answer #12, this session");
    assert_false(v.by_default);
    EXPECT(f, S2, get("asked.example.org", "/b"), VERDICT_ASK);
    EXPECT(f, NULL, get("asked.example.org", "/b"), VERDICT_ASK);
    EXPECT(f, S1, get("sub.asked.example.org", "/b"), VERDICT_ASK);
    struct net_request post = get("asked.example.org", "/a");
    post.method = STR("POST");
    EXPECT(f, S1, post, VERDICT_ASK);
    EXPECT(f, S1, get("new.example.org", "/a"), VERDICT_ALLOW);
    EXPECT(f, S1, get("new.example.org", "/b"), VERDICT_ASK);

    grants_end_session(f->grants, S2);
    EXPECT(f, S1, get("new.example.org", "/a"), VERDICT_ALLOW);
    grants_end_session(f->grants, S1);
    EXPECT(f, S1, get("new.example.org", "/a"), VERDICT_ASK);
}

static void a_tunnel_is_allowed_by_name_and_denied_with_all_inside(void **state)
{
    struct fixture *f = *state;
    struct net_request tunnel = {
            STR("CONNECT"), STR(""), STR("asked.example.org"), 443, STR("")};
    struct gate_answer allow = {.allow = true, .scope = SCOPE_SESSION};
    struct gate_answer deny = {.scope = SCOPE_SESSION};

    give(f, allow, tunnel);
    struct verdict v = judge(f, S1, tunnel);
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_true(v.names_method && v.is_exact);
    EXPECT(f, S1, get("asked.example.org", "/"), VERDICT_ASK);
    give(f, deny, tunnel);
    EXPECT(f, S1, tunnel, VERDICT_DENY);
    EXPECT(f, S1, get("asked.example.org", "/"), VERDICT_DENY);
}

static void uses_are_counted_and_not_spent_where_the_policy_allows(void **state)
{
    struct fixture *f = *state;
    struct gate_answer twice = {
            .allow = true, .scope = SCOPE_USES, .uses = 2, .width = WIDTH_HOST};

    give(f, twice, get("allowed.example.org", "/"));
    for (int i = 0; i < 5; i++)
        EXPECT(f, S1, get("allowed.example.org", "/"), VERDICT_ALLOW);
    give(f, twice, get("asked.example.org", "/"));
    EXPECT(f, S1, get("other.example.org", "/"), VERDICT_ASK);
    assert_string_equal(
            judge(f, S1, get("asked.example.org", "/1")).where, "answer #12, 2 times");
    EXPECT(f, S1, get("asked.example.org", "/2"), VERDICT_ALLOW);
    EXPECT(f, S1, get("asked.example.org", "/3"), VERDICT_ASK);
}

static void a_preview_uses_nothing_up(void **state)
{
    struct fixture *f = *state;
    struct gate_answer twice = {.scope = SCOPE_USES, .uses = 2};
    struct net_request req = get("allowed.example.org", "/");
    struct verdict v;

    give(f, twice, req);
    for (int i = 0; i < 5; i++) {
        grants_preview_net(f->grants, f->policy, S1, &req, &v);
        assert_int_equal(v.kind, VERDICT_DENY);
    }
    EXPECT(f, S1, req, VERDICT_DENY);
    EXPECT(f, S1, req, VERDICT_DENY);
    grants_preview_net(f->grants, f->policy, S1, &req, &v);
    assert_int_equal(v.kind, VERDICT_ALLOW);
}

static void the_narrowest_answer_is_used_first(void **state)
{
    struct fixture *f = *state;
    struct gate_answer host = {
            .allow = true, .scope = SCOPE_USES, .uses = 1, .width = WIDTH_HOST};
    struct gate_answer exact = {.allow = true, .scope = SCOPE_SESSION, .width = WIDTH_EXACT};

    give(f, host, get("a.example.org", "/"));
    give(f, exact, get("a.example.org", "/x"));
    for (int i = 0; i < 3; i++)
        EXPECT(f, S1, get("a.example.org", "/x"), VERDICT_ALLOW);
    EXPECT(f, S1, get("a.example.org", "/y"), VERDICT_ALLOW);
    EXPECT(f, S1, get("a.example.org", "/y"), VERDICT_ASK);
}

static void on_tick(void *ctx)
{
    (void)ctx;
}

static void an_answer_for_a_time_ends(void **state)
{
    struct fixture *f = *state;
    struct timer *tick = timer_new(f->loop, on_tick, NULL);
    struct gate_answer brief = {.allow = true, .scope = SCOPE_TIME, .for_ms = 1000};
    uint64_t start = clock_ns();

    give(f, brief, get("a.example.org", "/"));
    EXPECT(f, S1, get("a.example.org", "/"), VERDICT_ALLOW);
    while (judge(f, S1, get("a.example.org", "/")).kind == VERDICT_ALLOW) {
        assert_true(clock_ns() - start < 5000000000);
        timer_start(tick, 20);
        loop_turn(f->loop, true);
    }
    timer_free(tick);
    assert_true(clock_ns() - start > 900000000);
}

static void a_deny_wins_over_every_allow(void **state)
{
    struct fixture *f = *state;
    struct gate_answer allow = {.allow = true, .scope = SCOPE_SESSION, .width = WIDTH_HOST};
    struct gate_answer deny = {.scope = SCOPE_SESSION, .width = WIDTH_EXACT};

    /* Of the policy: no answer opens it. */
    give(f, allow, get("denied.example.org", "/"));
    EXPECT(f, S1, get("denied.example.org", "/"), VERDICT_DENY);
    /* Of the human: over other answers and over what the policy allows. */
    give(f, allow, get("asked.example.org", "/"));
    give(f, deny, get("asked.example.org", "/no"));
    give(f, deny, get("allowed.example.org", "/no"));
    EXPECT(f, S1, get("asked.example.org", "/yes"), VERDICT_ALLOW);
    struct verdict v = judge(f, S1, get("asked.example.org", "/no"));
    assert_int_equal(v.kind, VERDICT_DENY);
    assert_string_equal(v.where, "answer #12, this session");
    EXPECT(f, S1, get("allowed.example.org", "/no"), VERDICT_DENY);
    EXPECT(f, S2, get("allowed.example.org", "/no"), VERDICT_ALLOW);
}

static void a_default_of_deny_is_not_opened_by_an_answer(void **state)
{
    struct fixture *f = *state;
    struct gate_answer allow = {.allow = true, .scope = SCOPE_SESSION, .width = WIDTH_HOST};

    policy_free(f->policy);
    f->policy = parse("default net deny\nask net:* asked.example.org\n");
    put_file(f, "allow net:GET https://a.example.org/**\n");
    give(f, allow, get("a.example.org", "/"));
    EXPECT(f, S1, get("a.example.org", "/"), VERDICT_DENY);
    give(f, allow, get("asked.example.org", "/"));
    EXPECT(f, S1, get("asked.example.org", "/"), VERDICT_ALLOW);
}

static void without_grants_the_policy_judges_alone(void **state)
{
    struct fixture *f = *state;
    struct net_request req = get("asked.example.org", "/");
    struct verdict v;

    grants_judge_net(NULL, f->policy, S1, &req, &v);
    assert_int_equal(v.kind, VERDICT_ASK);
    assert_string_equal(v.where, "t.rules:2");
}

static void an_answer_that_makes_no_sense_is_refused(void **state)
{
    struct fixture *f = *state;
    struct gate_answer answer = {.allow = true, .scope = SCOPE_ONCE};
    struct err err = {0};

    answer.rule = "allow net:GET https://a.example.org/";
    assert_null(grant_new(f->grants, &answer, S1, &err));
    answer.scope = SCOPE_USES;
    assert_null(grant_new(f->grants, &answer, S1, &err));
    answer.scope = SCOPE_TIME;
    assert_null(grant_new(f->grants, &answer, S1, &err));
    answer.for_ms = (uint64_t)2 * 24 * 60 * 60 * 1000;
    assert_null(grant_new(f->grants, &answer, S1, &err));
    assert_int_equal(err.code, ERR_USAGE);
}

static void only_so_many_answers_are_remembered(void **state)
{
    struct fixture *f = *state;
    struct gate_answer once_more = {.allow = true, .scope = SCOPE_USES, .uses = 1};
    struct gate_answer keep = {.allow = true, .scope = SCOPE_SESSION};
    struct err err = {0};

    give(f, once_more, get("a.example.org", "/"));
    for (int i = 1; i < LIMIT_GRANTS; i++)
        give(f, keep, get("b.example.org", "/"));
    assert_null(make(f, keep, get("c.example.org", "/"), &err));
    assert_int_equal(err.code, ERR_LIMIT);
    /* One that is used up makes room. */
    EXPECT(f, S1, get("a.example.org", "/"), VERDICT_ALLOW);
    give(f, keep, get("c.example.org", "/"));
}

/* --- answers.rules ---------------------------------------------------------------------- */

static void always_appends_one_line_that_every_session_and_process_reads(void **state)
{
    struct fixture *f = *state;
    struct gate_answer always = {.allow = true, .scope = SCOPE_ALWAYS, .width = WIDTH_HOST};
    struct gate_answer never = {.scope = SCOPE_ALWAYS};
    struct err err = {0};
    struct stat st;

    assert_int_equal(give(f, always, get("a.example.org", "/")).code, 0);
    assert_int_equal(give(f, never, get("a.example.org", "/no")).code, 0);
    char *text = get_file(f);
    assert_non_null(strstr(text, "allow net:GET,HEAD https://a.example.org/**  # 20"));
    assert_non_null(
            strstr(text, " UTC, request 345\ndeny net:GET https://a.example.org/no  #"));
    free(text);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    struct verdict v = judge(f, S2, get("a.example.org", "/x"));
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_non_null(strstr(v.where, "answers.rules:1"));
    v = judge(f, NULL, get("a.example.org", "/no"));
    assert_int_equal(v.kind, VERDICT_DENY);
    assert_non_null(strstr(v.where, "answers.rules:2"));

    grants_free(f->grants);
    f->grants = grants_new(f->loop, f->path, &err);
    assert_non_null(f->grants);
    EXPECT(f, S2, get("a.example.org", "/x"), VERDICT_ALLOW);
}

static void what_another_process_wrote_counts_at_once(void **state)
{
    struct fixture *f = *state;

    EXPECT(f, S1, get("a.example.org", "/"), VERDICT_ASK);
    put_file(f, "allow net:GET https://a.example.org/**\n");
    EXPECT(f, S1, get("a.example.org", "/"), VERDICT_ALLOW);
    put_file(f, "allow net:GET https://b.example.org/**\n"); /* as long as before */
    EXPECT(f, S1, get("a.example.org", "/"), VERDICT_ASK);
    EXPECT(f, S1, get("b.example.org", "/"), VERDICT_ALLOW);
    put_file(f, "deny net:* allowed.example.org\n");
    EXPECT(f, S1, get("allowed.example.org", "/"), VERDICT_DENY);
    assert_int_equal(unlink(f->path), 0);
    EXPECT(f, S1, get("b.example.org", "/"), VERDICT_ASK);
    EXPECT(f, S1, get("allowed.example.org", "/"), VERDICT_ALLOW);
}

static void an_exact_line_reaches_a_high_risk_behind_a_wide_one(void **state)
{
    struct fixture *f = *state;

    policy_free(f->policy);
    f->policy = parse("ask net:* asked.example.org risk high\n");
    put_file(f, "allow net:GET https://asked.example.org/**\n"
                "allow net:GET https://asked.example.org/x\n");
    EXPECT(f, S1, get("asked.example.org", "/y"), VERDICT_ASK);
    struct verdict v = judge(f, S1, get("asked.example.org", "/x"));
    assert_int_equal(v.kind, VERDICT_ALLOW);
    assert_non_null(strstr(v.where, "answers.rules:2"));
}

static void a_line_says_that_a_human_wrote_it_unless_it_gives_a_reason(void **state)
{
    struct fixture *f = *state;

    put_file(f, "deny net:* a.example.org\ndeny net:* b.example.org because \"no\"\n");
    assert_string_equal(
            judge(f, S1, get("a.example.org", "/")).reason, "the human answered so before");
    assert_string_equal(judge(f, S1, get("b.example.org", "/")).reason, "no");
}

static void https_is_looked_for_inside_where_the_policy_or_the_file_names_it(void **state)
{
    struct fixture *f = *state;

    assert_true(grants_name_https(f->grants, f->policy, STR("asked.example.org"), 8443));
    assert_false(grants_name_https(f->grants, f->policy, STR("a.example.org"), 8443));
    put_file(f, "allow net:POST https://a.example.org:8443/v1/x\n");
    assert_true(grants_name_https(f->grants, f->policy, STR("a.example.org"), 8443));
    assert_false(grants_name_https(f->grants, f->policy, STR("a.example.org"), 9443));
    assert_false(grants_name_https(NULL, f->policy, STR("a.example.org"), 8443));
}

static void a_broken_file_is_refused_at_start_and_allows_nothing_later(void **state)
{
    static const char *const broken[] = {
            "alow net:GET https://a.example.org/**\n",
            "allow net:GET https://a.example.org/**\nask net:* b.example.org\n",
            "allow net:GET https://a.example.org/**\ndefault net deny\n",
            "ask git/push\n",
            "allow net:GET https://a.example.org/**\nallow net:GET https://b.example.or",
    };
    struct fixture *f = *state;
    struct gate_answer always = {.allow = true, .scope = SCOPE_ALWAYS};

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct err err = {0};

        put_file(f, "allow net:GET https://a.example.org/**\ndeny net:* no.example.org\n");
        EXPECT(f, S1, get("a.example.org", "/"), VERDICT_ALLOW);
        put_file(f, broken[i]);
        struct verdict v = judge(f, S1, get("a.example.org", "/"));
        assert_int_equal(v.kind, VERDICT_ASK);
        assert_non_null(strstr(v.reason, "answers.rules"));
        EXPECT(f, S1, get("no.example.org", "/"), VERDICT_DENY);
        assert_null(grants_new(f->loop, f->path, &err));
        assert_int_equal(err.code, ERR_CONFIG);
        assert_non_null(strstr(err.msg, "answers.rules:"));
        /* It is not appended to either. */
        assert_int_equal(give(f, always, get("c.example.org", "/")).code, ERR_CONFIG);
        char *text = get_file(f);
        assert_string_equal(text, broken[i]);
        free(text);
    }
}

static void always_is_refused_where_there_is_no_file(void **state)
{
    struct fixture *f = *state;
    struct gate_answer always = {.allow = true, .scope = SCOPE_ALWAYS};
    struct err err = {0};

    grants_free(f->grants);
    f->grants = grants_new(f->loop, NULL, &err);
    assert_null(make(f, always, get("a.example.org", "/"), &err));
    assert_int_equal(err.code, ERR_USAGE);
    EXPECT(f, S1, get("a.example.org", "/"), VERDICT_ASK);
}

static void a_symlink_is_not_written_through(void **state)
{
    struct fixture *f = *state;
    struct gate_answer always = {.allow = true, .scope = SCOPE_ALWAYS};
    char *target = path_join(f->dir, "target");

    assert_int_equal(file_write(target, "", 0, 0600, NULL), 0);
    assert_int_equal(symlink(target, f->path), 0);
    assert_true(give(f, always, get("a.example.org", "/")).code < 0);
    EXPECT(f, S1, get("a.example.org", "/"), VERDICT_ASK);
    free(target);
}

static void an_answer_on_its_way_to_the_disk_outlives_the_grants(void **state)
{
    struct fixture *f = *state;
    struct gate_answer always = {.allow = true, .scope = SCOPE_ALWAYS};
    struct outcome outcome = {0};
    struct err err = {0};

    grants_add(f->grants, make(f, always, get("a.example.org", "/"), &err), 1, 1, on_added,
            &outcome);
    grants_free(f->grants);
    f->grants = NULL;
    while (!outcome.done)
        loop_turn(f->loop, true);
    assert_int_equal(outcome.err.code, 0);
    assert_true(file_exists(f->path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_recipe_writes_the_rule_a_person_would),
            cmocka_unit_test_setup_teardown(
                    a_session_answer_turns_ask_into_allow_for_that_session_and_width, up, down),
            cmocka_unit_test_setup_teardown(
                    a_tunnel_is_allowed_by_name_and_denied_with_all_inside, up, down),
            cmocka_unit_test_setup_teardown(
                    uses_are_counted_and_not_spent_where_the_policy_allows, up, down),
            cmocka_unit_test_setup_teardown(a_preview_uses_nothing_up, up, down),
            cmocka_unit_test_setup_teardown(the_narrowest_answer_is_used_first, up, down),
            cmocka_unit_test_setup_teardown(an_answer_for_a_time_ends, up, down),
            cmocka_unit_test_setup_teardown(a_deny_wins_over_every_allow, up, down),
            cmocka_unit_test_setup_teardown(
                    a_default_of_deny_is_not_opened_by_an_answer, up, down),
            cmocka_unit_test_setup_teardown(without_grants_the_policy_judges_alone, up, down),
            cmocka_unit_test_setup_teardown(an_answer_that_makes_no_sense_is_refused, up, down),
            cmocka_unit_test_setup_teardown(only_so_many_answers_are_remembered, up, down),
            cmocka_unit_test_setup_teardown(
                    always_appends_one_line_that_every_session_and_process_reads, up, down),
            cmocka_unit_test_setup_teardown(
                    what_another_process_wrote_counts_at_once, up, down),
            cmocka_unit_test_setup_teardown(
                    an_exact_line_reaches_a_high_risk_behind_a_wide_one, up, down),
            cmocka_unit_test_setup_teardown(
                    a_line_says_that_a_human_wrote_it_unless_it_gives_a_reason, up, down),
            cmocka_unit_test_setup_teardown(
                    https_is_looked_for_inside_where_the_policy_or_the_file_names_it, up, down),
            cmocka_unit_test_setup_teardown(
                    a_broken_file_is_refused_at_start_and_allows_nothing_later, up, down),
            cmocka_unit_test_setup_teardown(always_is_refused_where_there_is_no_file, up, down),
            cmocka_unit_test_setup_teardown(a_symlink_is_not_written_through, up, down),
            cmocka_unit_test_setup_teardown(
                    an_answer_on_its_way_to_the_disk_outlives_the_grants, up, down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
