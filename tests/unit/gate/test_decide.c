/*
 * Questions that are the same share an item, and an answer may hold for more than once; each
 * asker is told exactly once all the same. Real loop, database and answers.rules.
 */
#include "gate/gate.h"

#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

#define S1 "5a1f0000-0000-4000-8000-000000000001"
#define S2 "5a1f0000-0000-4000-8000-000000000002"
#define VERSION "0123456789abcdef"

struct fixture {
    char dir[64];
    char *db, *answers;
    struct loop *loop;
    struct store *store;
    struct grants *grants;
    struct gate *gate;
};

struct asker {
    struct fixture *f;
    const char *session, *method, *host, *path;
    enum risk risk;
    uint32_t timeout_ms;
    uint64_t ticket;
    uint64_t item_id; /* as seen from inside `done` */
    unsigned calls;
    bool allowed;
    char reason[600];
    void (*then)(struct asker *asker);
    struct asker *other;
};

static int up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};

    test_tmpdir(f->dir, sizeof(f->dir), "decide");
    f->db = path_join(f->dir, "ironcurtain.db");
    f->answers = path_join(f->dir, "answers.rules");
    f->loop = loop_new(&err);
    f->store = store_open(f->loop, f->db, &err);
    assert_non_null(f->store);
    f->grants = grants_new(f->loop, f->answers, &err);
    assert_non_null(f->grants);
    struct gate_config config = {.timeout_ms = 60000, .grants = f->grants};
    f->gate = gate_new(f->loop, f->store, &config);
    alarm(100);
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    gate_free(f->gate);
    grants_free(f->grants);
    store_close(f->store);
    loop_free(f->loop);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f->db);
    free(f->answers);
    free(f);
    return 0;
}

static void on_done(void *ctx, bool allowed, const char *reason)
{
    struct asker *asker = ctx;

    asker->calls++;
    asker->allowed = allowed;
    snprintf(asker->reason, sizeof(asker->reason), "%s", reason);
    if (asker->f->gate)
        asker->item_id = gate_item_id(asker->f->gate, asker->ticket);
    if (asker->then)
        asker->then(asker);
}

static struct net_request request(const struct asker *asker)
{
    bool is_connect = strcmp(asker->method, "CONNECT") == 0;

    return (struct net_request){
            .method = str_of(asker->method),
            .scheme = is_connect ? STR("") : STR("https"),
            .host = str_of(asker->host),
            .port = 443,
            .path = is_connect ? STR("") : str_of(asker->path),
    };
}

static void start(struct asker *asker)
{
    char text[256];
    struct net_request net = request(asker);

    snprintf(text, sizeof(text), "%s https://%s%s", asker->method, asker->host, asker->path);
    struct gate_question q = {
            .session = asker->session,
            .label = "s1",
            .agent = "claude-code",
            .kind = "net",
            .subject = str_of(text),
            .detail = str_of(text),
            .verdict = {.kind = VERDICT_ASK,
                    .risk = asker->risk,
                    .timeout_ms = asker->timeout_ms},
            .policy_version = VERSION,
            .net = &net,
    };
    asker->ticket = gate_ask(asker->f->gate, &q, on_done, asker);
    assert_int_equal(asker->calls, 0);
}

static struct asker asker(struct fixture *f, const char *host, const char *path)
{
    return (struct asker){.f = f,
            .session = S1,
            .method = "GET",
            .host = host,
            .path = path,
            .risk = RISK_MED};
}

static int answer(struct fixture *f, uint64_t id, struct gate_answer answer, struct err *err)
{
    const struct gate_item *item = gate_find(f->gate, id);
    char digest[65], line[RECIPE_LINE];

    assert_non_null(item);
    snprintf(digest, sizeof(digest), "%s", item->rec.digest);
    if (answer.scope != SCOPE_ONCE && !answer.rule &&
            gate_rule(f->gate, id, answer.allow, answer.width, line))
        answer.rule = line;
    return gate_decide(f->gate, id, digest, VERSION, &answer, err);
}

static void wait_for(struct asker *asker)
{
    while (asker->calls == 0)
        loop_turn(asker->f->loop, true);
}

static struct escalation_record row(struct fixture *f, uint64_t id)
{
    struct err err = {0};
    struct escalation_record rec;
    struct store_reader *reader = store_reader_open(f->db, &err);

    assert_non_null(reader);
    if (store_find_escalation(reader, id, &rec, &err) < 0)
        fail_msg("row %llu: %s", (unsigned long long)id, err.msg);
    store_reader_free(reader);
    escalation_release(&rec); /* no test looks at the detail */
    return rec;
}

static enum verdict_kind judge(struct asker *asker)
{
    struct net_request req = request(asker);
    struct policy *policy = policy_parse(STR("default net ask\n"), "t.rules", NULL);
    struct verdict verdict;

    grants_judge_net(asker->f->grants, policy, asker->session, &req, &verdict);
    policy_free(policy);
    return verdict.kind;
}

/* The askers of a test live on its stack: nothing of it may wait when it ends. */
static void end(struct fixture *f)
{
    struct gate *gate = f->gate;

    f->gate = NULL;
    gate_free(gate);
}

static const struct gate_answer YES = {.allow = true};
static const struct gate_answer NO = {.allow = false};
static const struct gate_answer HOST = {
        .allow = true, .scope = SCOPE_SESSION, .width = WIDTH_HOST};

/* --- the same question ------------------------------------------------------------------ */

static void the_same_question_is_one_item_with_a_count(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/"), b = a, c = a, d = a, e = a;

    c.path = "/other";
    d.session = S2;
    e.risk = RISK_HIGH;
    start(&a);
    start(&b);
    start(&c);
    start(&d);
    start(&e);
    assert_int_equal(gate_count(f->gate), 4);
    const struct gate_item *item = gate_at(f->gate, 0);
    assert_int_equal(item->count, 2);
    assert_int_equal(item->rec.id, a.ticket);
    assert_string_equal(item->host, "a.example.org");
    assert_int_not_equal(a.ticket, b.ticket);
    assert_int_equal(gate_item_id(f->gate, b.ticket), a.ticket);
    assert_int_equal(gate_item_id(f->gate, c.ticket), c.ticket);
    assert_null(gate_find(f->gate, b.ticket));

    assert_int_equal(answer(f, a.ticket, YES, NULL), 0);
    wait_for(&a);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    assert_int_equal(b.item_id, a.ticket);
    assert_true(a.allowed && b.allowed);
    assert_int_equal(c.calls + d.calls + e.calls, 0);
    assert_int_equal(row(f, a.ticket).state, ESC_APPROVED);
    assert_string_equal(row(f, a.ticket).answer, "once");
    assert_int_equal(gate_item_id(f->gate, b.ticket), 0);
    end(f);
}

static void what_is_asked_during_a_review_is_not_answered_with_it(void **state)
{
    struct fixture *f = *state;
    struct asker shown = asker(f, "a.example.org", "/"), late = shown, later = shown;

    start(&shown);
    gate_review_begin(f->gate, shown.ticket);
    start(&late);
    start(&later);
    assert_int_equal(gate_count(f->gate), 2);
    assert_int_equal(gate_at(f->gate, 0)->count, 1);
    assert_int_equal(gate_at(f->gate, 1)->count, 2);
    assert_int_equal(answer(f, shown.ticket, YES, NULL), 0);
    start(&late); /* nor what is asked between the decision and the disk */
    wait_for(&shown);
    assert_int_equal(late.calls + later.calls, 0);
    assert_int_equal(gate_at(f->gate, 0)->count, 3);
    end(f);
}

static void each_asker_can_leave_alone_and_the_last_one_ends_the_item(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/"), b = a, c = a;

    start(&a);
    start(&b);
    start(&c);
    gate_cancel(f->gate, a.ticket); /* whose ticket is the item's id */
    gate_cancel(f->gate, a.ticket);
    assert_int_equal(gate_find(f->gate, a.ticket)->count, 2);
    gate_cancel(f->gate, c.ticket);
    assert_int_equal(answer(f, a.ticket, YES, NULL), 0);
    wait_for(&b);
    assert_int_equal(a.calls + c.calls, 0);
    assert_int_equal(b.calls, 1);

    b.calls = 0;
    start(&a);
    start(&b);
    gate_cancel(f->gate, b.ticket);
    gate_cancel(f->gate, a.ticket);
    assert_int_equal(gate_count(f->gate), 0);
    assert_int_equal(gate_recent(f->gate, 0)->rec.state, ESC_CANCELED);
    assert_int_equal(a.calls + b.calls, 0);
}

static void all_askers_are_told_when_time_runs_out(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/"), b;

    a.timeout_ms = 20;
    b = a;
    start(&a);
    start(&b);
    wait_for(&a);
    assert_int_equal(b.calls, 1);
    assert_false(a.allowed || b.allowed);
    assert_string_equal(b.reason, "nobody answered in 0:00");
    assert_int_equal(gate_count(f->gate), 0);
}

static void only_so_many_share_one_item(void **state)
{
    struct fixture *f = *state;
    struct asker *many = xcalloc(LIMIT_GATE_ASKERS + 1, sizeof(*many));

    for (int i = 0; i <= LIMIT_GATE_ASKERS; i++) {
        many[i] = asker(f, "a.example.org", "/");
        start(&many[i]);
    }
    assert_int_equal(gate_count(f->gate), 2);
    assert_int_equal(gate_at(f->gate, 0)->count, LIMIT_GATE_ASKERS);
    end(f);
    for (int i = 0; i <= LIMIT_GATE_ASKERS; i++)
        assert_true(many[i].calls == 1 && !many[i].allowed);
    free(many);
}

static void cancel_other(struct asker *asker)
{
    gate_cancel(asker->f->gate, asker->other->ticket);
}

static void free_gate(struct asker *asker)
{
    end(asker->f);
}

static void done_may_cancel_those_who_wait_with_it(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/"), b = a, c = a;

    a.then = cancel_other;
    a.other = &b;
    start(&a);
    start(&b);
    start(&c);
    assert_int_equal(answer(f, a.ticket, YES, NULL), 0);
    wait_for(&c);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 0);
    assert_int_equal(c.calls, 1);
}

static void done_may_free_the_gate_and_the_rest_is_told_first(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/"), b = a, c = a;

    a.then = free_gate;
    c.path = "/c";
    start(&a);
    start(&b);
    start(&c);
    assert_int_equal(answer(f, a.ticket, YES, NULL), 0);
    wait_for(&a);
    assert_int_equal(a.calls, 1);
    assert_int_equal(b.calls, 1);
    assert_true(b.allowed); /* it is on disk */
    assert_int_equal(c.calls, 1);
    assert_false(c.allowed);
}

/* --- answers for more than once --------------------------------------------------------- */

static void a_session_answer_lets_through_what_else_waits_and_comes(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "npm.example.org", "/a"), b = a, post = a, elsewhere = a, x = a;

    b.path = "/b";
    post.method = "POST";
    elsewhere.session = S2;
    x.host = "x.example.org";
    start(&a);
    start(&b);
    start(&post);
    start(&elsewhere);
    start(&x);
    assert_int_equal(answer(f, a.ticket, HOST, NULL), 0);
    assert_true(gate_find(f->gate, b.ticket)->deciding);
    wait_for(&a);
    wait_for(&b);
    assert_true(a.allowed && b.allowed);
    assert_int_equal(post.calls + elsewhere.calls + x.calls, 0);
    assert_string_equal(row(f, a.ticket).answer,
            "this session: allow net:GET,HEAD https://npm.example.org/**");
    assert_string_equal(row(f, a.ticket).by, "human");
    assert_string_equal(row(f, b.ticket).by, "answer");
    assert_string_equal(b.reason, "answered with #1");

    a.path = "/new";
    assert_int_equal(judge(&a), VERDICT_ALLOW);
    assert_int_equal(judge(&post), VERDICT_ASK);
    assert_int_equal(judge(&elsewhere), VERDICT_ASK);
    end(f);
}

static void nothing_is_remembered_before_the_row_is_on_disk(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/a"), late = a;

    late.path = "/late";
    start(&a);
    assert_int_equal(answer(f, a.ticket, HOST, NULL), 0);
    assert_int_equal(judge(&a), VERDICT_ASK);
    start(&late); /* judged before, asked now: the answer reaches it */
    wait_for(&a);
    wait_for(&late);
    assert_true(late.allowed);
    assert_string_equal(late.reason, "answer #1, this session");
    assert_int_equal(judge(&late), VERDICT_ALLOW);
}

static void uses_count_those_who_wait(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/a"), b = a, c = a, d = a;
    struct gate_answer uses = {
            .allow = true, .scope = SCOPE_USES, .uses = 1, .width = WIDTH_HOST};
    struct err err;

    c.path = "/c";
    d.path = "/d";
    start(&a);
    start(&b);
    start(&c);
    start(&d);
    assert_int_equal(answer(f, a.ticket, uses, &err), ERR_CONFLICT); /* two wait */
    uses.uses = 3;
    assert_int_equal(answer(f, a.ticket, uses, &err), 0);
    wait_for(&a);
    wait_for(&c);
    assert_true(b.allowed && c.allowed);
    assert_int_equal(d.calls, 0);
    assert_int_equal(judge(&a), VERDICT_ASK);
    end(f);
}

static void always_and_never_are_lines_in_the_file_and_answer_what_waits(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/a"), b = a, n = a, m = a;
    struct gate_answer always = {.allow = true, .scope = SCOPE_ALWAYS, .width = WIDTH_HOST};
    struct gate_answer never = {.scope = SCOPE_ALWAYS, .width = WIDTH_HOST};
    struct buf text = BUF_INIT;

    b.session = S2;
    n.host = "n.example.org";
    m = n;
    m.path = "/m";
    start(&a);
    start(&b);
    start(&n);
    start(&m);
    assert_int_equal(answer(f, a.ticket, always, NULL), 0);
    assert_int_equal(answer(f, n.ticket, never, NULL), 0);
    wait_for(&a);
    wait_for(&b);
    wait_for(&n);
    wait_for(&m);
    assert_true(a.allowed && b.allowed);
    assert_false(n.allowed || m.allowed);
    assert_int_equal(judge(&b), VERDICT_ALLOW);
    assert_int_equal(judge(&m), VERDICT_DENY);
    assert_int_equal(file_read(f->answers, 4096, &text, NULL), 0);
    buf_putc(&text, '\0');
    assert_non_null(strstr(buf_data(&text), "allow net:GET,HEAD https://a.example.org/**  # "));
    assert_non_null(strstr(buf_data(&text), "deny net:GET,HEAD https://n.example.org/**  # "));
    buf_release(&text);
}

static void an_answer_that_cannot_be_written_decides_the_request_and_says_so(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/a");
    struct gate_answer always = {.allow = true, .scope = SCOPE_ALWAYS};

    assert_int_equal(file_write(f->answers, "alow\n", 5, 0600, NULL), 0);
    start(&a);
    assert_int_equal(answer(f, a.ticket, always, NULL), 0);
    wait_for(&a);
    assert_true(a.allowed);
    const struct gate_item *item = gate_recent(f->gate, 0);
    assert_non_null(strstr(item->rec.message, "once only, not remembered: "));
    assert_non_null(strstr(item->rec.message, "answers.rules:1"));
    assert_int_equal(judge(&a), VERDICT_ASK);
}

static void an_answer_must_be_the_rule_that_was_shown(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/a");
    struct gate_answer wrong = HOST;
    struct err err;

    start(&a);
    wrong.rule = "allow net:GET https://a.example.org/a";
    assert_int_equal(answer(f, a.ticket, wrong, &err), ERR_CONFLICT);
    wrong.allow = false;
    wrong.rule = "allow net:GET,HEAD https://a.example.org/**";
    assert_int_equal(answer(f, a.ticket, wrong, &err), ERR_CONFLICT);
    assert_false(gate_find(f->gate, a.ticket)->deciding);
    assert_int_equal(judge(&a), VERDICT_ASK);
    assert_int_equal(answer(f, a.ticket, NO, &err), 0);
    wait_for(&a);
    assert_false(a.allowed);
}

static void a_high_risk_takes_exact_answers_only(void **state)
{
    struct fixture *f = *state;
    struct asker high = asker(f, "a.example.org", "/high"), low = high;
    char line[RECIPE_LINE];
    struct gate_answer exact = {.allow = true, .scope = SCOPE_SESSION};
    struct err err;

    high.risk = RISK_HIGH;
    low.path = "/low";
    start(&high);
    start(&low);
    assert_false(gate_rule(f->gate, high.ticket, true, WIDTH_HOST, line));
    assert_true(gate_rule(f->gate, high.ticket, false, WIDTH_HOST, line));
    struct gate_answer forced = HOST;
    forced.rule = "allow net:GET,HEAD https://a.example.org/**";
    assert_int_equal(answer(f, high.ticket, forced, &err), ERR_USAGE);
    /* An answer to another question does not reach it either. */
    assert_int_equal(answer(f, low.ticket, HOST, NULL), 0);
    wait_for(&low);
    assert_int_equal(high.calls, 0);
    assert_int_equal(answer(f, high.ticket, exact, NULL), 0);
    wait_for(&high);
    assert_true(high.allowed);
}

static void what_has_no_request_is_answered_once_only(void **state)
{
    struct fixture *f = *state;
    struct asker a = {.f = f};
    struct gate_answer session = {.allow = true, .scope = SCOPE_SESSION, .rule = "allow */*"};
    struct err err;
    struct gate_question q = {.session = S1,
            .label = "s1",
            .agent = "x",
            .kind = "mcp",
            .subject = STR("git.push"),
            .detail = STR("git.push"),
            .verdict = {.kind = VERDICT_ASK},
            .policy_version = VERSION};

    a.ticket = gate_ask(f->gate, &q, on_done, &a);
    assert_int_equal(answer(f, a.ticket, session, &err), ERR_USAGE);
    assert_int_equal(answer(f, a.ticket, YES, &err), 0);
    wait_for(&a);
    assert_true(a.allowed);
}

static void an_approval_does_not_pass_a_deny_written_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/a");
    const char *text = "deny net:* *.example.org\n";
    struct err err;

    start(&a);
    assert_int_equal(file_write(f->answers, text, strlen(text), 0600, NULL), 0);
    assert_int_equal(answer(f, a.ticket, YES, &err), ERR_CONFLICT);
    assert_int_equal(answer(f, a.ticket, NO, &err), 0);
    wait_for(&a);
}

static void shutting_down_between_row_and_line_tells_what_is_on_disk(void **state)
{
    struct fixture *f = *state;
    struct asker a = asker(f, "a.example.org", "/a");
    struct gate_answer always = {.allow = true, .scope = SCOPE_ALWAYS};

    start(&a);
    assert_int_equal(answer(f, a.ticket, always, NULL), 0);
    while (gate_find(f->gate, a.ticket) &&
            gate_find(f->gate, a.ticket)->rec.state == ESC_WAITING)
        loop_turn(f->loop, true);
    bool was_between = gate_find(f->gate, a.ticket) != NULL;
    free_gate(&a);
    assert_int_equal(a.calls, 1);
    assert_true(a.allowed);
    if (!was_between)
        print_message("the line was on disk in the same turn\n");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
            TEST(the_same_question_is_one_item_with_a_count),
            TEST(what_is_asked_during_a_review_is_not_answered_with_it),
            TEST(each_asker_can_leave_alone_and_the_last_one_ends_the_item),
            TEST(all_askers_are_told_when_time_runs_out),
            TEST(only_so_many_share_one_item),
            TEST(done_may_cancel_those_who_wait_with_it),
            TEST(done_may_free_the_gate_and_the_rest_is_told_first),
            TEST(a_session_answer_lets_through_what_else_waits_and_comes),
            TEST(nothing_is_remembered_before_the_row_is_on_disk),
            TEST(uses_count_those_who_wait),
            TEST(always_and_never_are_lines_in_the_file_and_answer_what_waits),
            TEST(an_answer_that_cannot_be_written_decides_the_request_and_says_so),
            TEST(an_answer_must_be_the_rule_that_was_shown),
            TEST(a_high_risk_takes_exact_answers_only),
            TEST(what_has_no_request_is_answered_once_only),
            TEST(an_approval_does_not_pass_a_deny_written_meanwhile),
            TEST(shutting_down_between_row_and_line_tells_what_is_on_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
