/*
 * Every question is answered exactly once, and never "yes" without a row that says so. Real
 * loop, real database.
 */
#include "gate/gate.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

#define SESSION "5a1f0000-0000-4000-8000-000000000001"

static const struct gate_answer YES = {.allow = true};

struct fixture {
    char dir[64];
    char *path;
    struct loop *loop;
    struct store *store;
    struct gate *gate;
    unsigned changes;
};

/* One asker; what it was told. */
struct asker {
    struct fixture *f;
    uint64_t id;
    unsigned calls;
    bool allowed;
    char reason[600];
    enum escalation_state on_disk; /* at the moment of `done` */
    void (*then)(struct asker *asker);
};

static void on_change(void *ctx)
{
    ((struct fixture *)ctx)->changes++;
}

static int up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};

    test_tmpdir(f->dir, sizeof(f->dir), "gate");
    f->path = path_join(f->dir, "ironcurtain.db");
    f->loop = loop_new(&err);
    f->store = store_open(f->loop, f->path, &err);
    assert_non_null(f->store);
    struct gate_config config = {.timeout_ms = 60000, .on_change = on_change, .ctx = f};
    f->gate = gate_new(f->loop, f->store, &config);
    alarm(100); /* a test that hangs ends here */
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    gate_free(f->gate);
    store_close(f->store);
    loop_free(f->loop);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f->path);
    free(f);
    return 0;
}

static struct escalation_record row(struct fixture *f, uint64_t id)
{
    struct err err = {0};
    struct escalation_record rec;
    struct store_reader *reader = store_reader_open(f->path, &err);

    assert_non_null(reader);
    if (store_find_escalation(reader, id, &rec, &err) < 0)
        fail_msg("row %llu: %s", (unsigned long long)id, err.msg);
    store_reader_free(reader);
    escalation_release(&rec); /* no test looks at the detail */
    return rec;
}

static void on_done(void *ctx, bool allowed, const char *reason)
{
    struct asker *asker = ctx;

    asker->calls++;
    asker->allowed = allowed;
    snprintf(asker->reason, sizeof(asker->reason), "%s", reason);
    if (asker->f->gate && !store_failed(asker->f->store))
        asker->on_disk = row(asker->f, asker->id).state;
    if (asker->then)
        asker->then(asker);
}

static struct gate_question question(uint32_t timeout_ms)
{
    struct gate_question q = {
            .session = SESSION,
            .label = "s1",
            .agent = "claude-code",
            .kind = "net",
            .subject = STR("CONNECT example.org:443"),
            .detail = STR("CONNECT example.org:443\nsession s1"),
            .verdict = {.kind = VERDICT_ASK, .risk = RISK_MED, .timeout_ms = timeout_ms},
            .policy_version = "0123456789abcdef",
    };

    snprintf(q.verdict.rule, sizeof(q.verdict.rule), "default net ask");
    snprintf(q.verdict.where, sizeof(q.verdict.where), "policy.rules:7");
    return q;
}

static struct asker ask(struct fixture *f, uint32_t timeout_ms)
{
    return (struct asker){.f = f, .calls = 0, .on_disk = ESC_WAITING, .id = timeout_ms};
}

/* Every one asks something else, else they would share an item. */
static void start(struct asker *asker)
{
    static unsigned serial;
    struct gate_question q = question((uint32_t)asker->id);
    char detail[64];

    snprintf(detail, sizeof(detail), "CONNECT example.org:443\nnumber %u", ++serial);
    q.detail = str_of(detail);
    asker->id = gate_ask(asker->f->gate, &q, on_done, asker);
    assert_int_not_equal(asker->id, 0);
    assert_int_equal(asker->calls, 0);
}

static void wait_for(struct asker *asker)
{
    while (asker->calls == 0)
        loop_turn(asker->f->loop, true);
}

static int decide(struct asker *asker, bool allow, const char *message)
{
    const struct gate_item *item = gate_find(asker->f->gate, asker->id);
    char digest[65];

    assert_non_null(item);
    struct gate_answer answer = {.allow = allow, .message = message};
    snprintf(digest, sizeof(digest), "%s", item->rec.digest);
    return gate_decide(asker->f->gate, asker->id, digest, "0123456789abcdef", &answer, NULL);
}

static void mark(void *ctx)
{
    *(bool *)ctx = true;
}

static void let_pass(struct fixture *f, uint64_t ms)
{
    bool passed = false;
    struct timer *timer = timer_new(f->loop, mark, &passed);

    timer_start(timer, ms);
    while (!passed)
        loop_turn(f->loop, true);
    timer_free(timer);
}

static void an_approval_is_told_after_it_is_on_disk(void **state)
{
    struct fixture *f = *state;
    struct asker a = ask(f, 0);

    start(&a);
    assert_int_equal(gate_count(f->gate), 1);
    const struct gate_item *item = gate_at(f->gate, 0);
    assert_int_equal(item->rec.id, a.id);
    assert_int_equal(item->risk, RISK_MED);
    assert_non_null(strstr(item->rec.detail, "CONNECT example.org:443\nnumber "));
    assert_int_equal(item->count, 1);
    assert_true(item->left_ms > 59000 && item->left_ms <= 60000);
    assert_string_equal(item->label, "s1");

    assert_int_equal(decide(&a, true, "go"), 0);
    assert_int_equal(a.calls, 0);
    assert_true(gate_find(f->gate, a.id)->deciding);
    wait_for(&a);
    assert_true(a.allowed);
    assert_int_equal(a.on_disk, ESC_APPROVED);
    assert_string_equal(a.reason, "approved by the human: go");
    assert_int_equal(gate_count(f->gate), 0);
    assert_null(gate_find(f->gate, a.id));

    struct escalation_record rec = row(f, a.id);
    assert_string_equal(rec.by, "human");
    assert_string_equal(rec.message, "go");
    assert_string_equal(rec.policy_version, "0123456789abcdef");
    assert_string_equal(rec.risk, "med");
    assert_true(rec.decided_ms >= rec.asked_ms && rec.asked_ms > 0);
    assert_int_equal(gate_recent(f->gate, 0)->rec.state, ESC_APPROVED);
    let_pass(f, 20);
    assert_int_equal(a.calls, 1);
}

static void a_refusal_carries_the_message(void **state)
{
    struct fixture *f = *state;
    struct asker a = ask(f, 0);

    start(&a);
    assert_int_equal(decide(&a, false, "use the \x1b[31mmirror"), 0);
    wait_for(&a);
    assert_false(a.allowed);
    assert_int_equal(a.on_disk, ESC_DENIED);
    assert_string_equal(a.reason, "refused by the human: use the <U+001B>[31mmirror");
}

static void a_decision_counts_only_for_what_was_shown(void **state)
{
    struct fixture *f = *state;
    struct asker a = ask(f, 0);
    struct err err = {0};
    char digest[65];

    start(&a);
    snprintf(digest, sizeof(digest), "%s", gate_at(f->gate, 0)->rec.digest);
    assert_int_equal(strlen(digest), 64);
    assert_int_equal(gate_decide(f->gate, a.id + 1000, digest, "0123456789abcdef", &YES, &err),
            ERR_NOENT);
    assert_int_equal(
            gate_decide(f->gate, a.id, digest, "0123456789abcdee", &YES, &err), ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "changed, look again"));
    assert_int_equal(gate_decide(f->gate, a.id, digest, NULL, &YES, &err), ERR_CONFLICT);
    digest[0] = digest[0] == '0' ? '1' : '0';
    assert_int_equal(
            gate_decide(f->gate, a.id, digest, "0123456789abcdef", &YES, &err), ERR_CONFLICT);
    assert_int_equal(
            gate_decide(f->gate, a.id, "", "0123456789abcdef", &YES, &err), ERR_CONFLICT);
    let_pass(f, 20);
    assert_int_equal(a.calls, 0);

    assert_int_equal(decide(&a, false, NULL), 0);
    assert_int_equal(decide(&a, true, NULL), ERR_CONFLICT);
    wait_for(&a);
    assert_false(a.allowed);
    assert_int_equal(
            gate_decide(f->gate, a.id, digest, "0123456789abcdef", &YES, &err), ERR_NOENT);
}

static void different_texts_have_different_digests(void **state)
{
    struct fixture *f = *state;
    struct gate_question q = question(0);

    gate_ask(f->gate, &q, on_done, NULL);
    uint64_t first = gate_at(f->gate, 0)->rec.id;
    q.detail = STR("CONNECT example.org:444\nsession s1");
    uint64_t second = gate_ask(f->gate, &q, on_done, NULL);
    assert_string_not_equal(gate_at(f->gate, 0)->rec.digest, gate_at(f->gate, 1)->rec.digest);
    gate_cancel(f->gate, first);
    gate_cancel(f->gate, second);
}

static void silence_is_a_denial_at_the_time_of_the_rule(void **state)
{
    struct fixture *f = *state;
    struct asker late = ask(f, 0);
    struct asker second = ask(f, 90);
    struct asker first = ask(f, 30);

    start(&late);
    start(&second);
    start(&first);
    uint64_t begin = loop_now_ms(f->loop);
    wait_for(&first);
    assert_true(loop_now_ms(f->loop) - begin >= 30);
    assert_false(first.allowed);
    assert_int_equal(first.on_disk, ESC_EXPIRED);
    assert_string_equal(first.reason, "nobody answered in 0:00");
    assert_string_equal(row(f, first.id).by, "timeout");
    wait_for(&second);
    assert_true(loop_now_ms(f->loop) - begin >= 90);
    assert_int_equal(late.calls, 0);
    assert_int_equal(gate_count(f->gate), 1);
    gate_cancel(f->gate, late.id);
}

/* One that expired. */
static struct asker expired(struct fixture *f, const char *text)
{
    struct asker asker = ask(f, 0);
    struct gate_question q = question(10);

    q.detail = str_of(text);
    asker.id = gate_ask(f->gate, &q, on_done, &asker);
    wait_for(&asker);
    assert_int_equal(asker.on_disk, ESC_EXPIRED);
    return asker;
}

static int allow_late(struct fixture *f, uint64_t id)
{
    const struct gate_item *item = gate_expired_find(f->gate, id);
    struct err err;

    return gate_allow_late(f->gate, id, item->rec.digest, item->rec.policy_version, &err);
}

static void wait_for_late(struct fixture *f, uint64_t id)
{
    while (gate_expired_find(f->gate, id)->late_ms == 0)
        loop_turn(f->loop, true);
}

static void a_late_yes_is_for_the_same_question_once(void **state)
{
    struct fixture *f = *state;
    struct asker late = expired(f, "rm build");
    struct asker other = expired(f, "rm src");
    struct asker anew = ask(f, 0), again = ask(f, 0), before = ask(f, 0);
    struct gate_question q = question(0);
    struct err err;

    assert_int_equal(gate_expired_at(f->gate, 0)->rec.id, other.id);
    assert_string_equal(gate_expired_at(f->gate, 1)->rec.detail, "rm build");
    assert_null(gate_expired_at(f->gate, 2));
    assert_int_equal(gate_allow_late(f->gate, late.id, "another", "0123456789abcdef", &err),
            ERR_CONFLICT);

    /* Not on disk yet: the question waits. */
    q.detail = STR("rm build");
    assert_int_equal(allow_late(f, late.id), 0);
    assert_int_equal(allow_late(f, late.id), ERR_CONFLICT);
    before.id = gate_ask(f->gate, &q, on_done, &before);
    wait_for_late(f, late.id);
    assert_int_equal(before.calls, 0);
    assert_int_equal(gate_expired_find(f->gate, late.id)->again,
            gate_find(f->gate, before.id)->rec.number);
    assert_string_equal(row(f, late.id).answer, "once, if asked again in 15 min");
    assert_string_equal(row(f, late.id).by, "timeout");
    gate_cancel(f->gate, before.id);

    q.detail = STR("rm src"); /* of which nobody said anything */
    again.id = gate_ask(f->gate, &q, on_done, &again);
    q.detail = STR("rm build");
    anew.id = gate_ask(f->gate, &q, on_done, &anew);
    wait_for(&anew);
    assert_true(anew.allowed);
    assert_int_equal(anew.on_disk, ESC_APPROVED);
    assert_non_null(strstr(anew.reason, "approved by the human: late, to #"));
    assert_int_equal(again.calls, 0);
    assert_null(gate_expired_find(f->gate, late.id));
    gate_cancel(f->gate, again.id);

    again = ask(f, 0);
    again.id = gate_ask(f->gate, &q, on_done, &again); /* it is used up */
    let_pass(f, 30);
    assert_int_equal(again.calls, 0);
    gate_cancel(f->gate, again.id);
}

static void what_expires_is_kept_within_bounds(void **state)
{
    struct fixture *f = *state;
    uint64_t last = 0;

    for (int i = 0; i < LIMIT_GATE_EXPIRED + 2; i++) {
        char text[32];
        snprintf(text, sizeof(text), "number %d", i);
        last = expired(f, text).id;
    }
    assert_int_equal(gate_expired_at(f->gate, 0)->rec.id, last);
    assert_non_null(gate_expired_at(f->gate, LIMIT_GATE_EXPIRED - 1));
    assert_null(gate_expired_at(f->gate, LIMIT_GATE_EXPIRED));
    assert_int_equal(allow_late(f, last), 0);
    gate_drop_expired(f->gate); /* with its answer on the way */
    assert_null(gate_expired_at(f->gate, 0));
    let_pass(f, 30);
}

static void reading_stops_the_clock(void **state)
{
    struct fixture *f = *state;
    struct asker a = ask(f, 60);

    start(&a);
    gate_review_begin(f->gate, a.id);
    gate_review_begin(f->gate, a.id);
    uint64_t left = gate_find(f->gate, a.id)->left_ms;
    let_pass(f, 150);
    assert_int_equal(a.calls, 0);
    assert_int_equal(gate_find(f->gate, a.id)->left_ms, left);
    assert_true(gate_find(f->gate, a.id)->age_ms >= 150);
    gate_review_end(f->gate, a.id);
    gate_review_end(f->gate, a.id);
    wait_for(&a);
    assert_int_equal(a.on_disk, ESC_EXPIRED);
    gate_review_begin(f->gate, a.id); /* gone: nothing happens */
    gate_review_end(f->gate, a.id);
}

static void an_asker_that_is_gone_is_not_called(void **state)
{
    struct fixture *f = *state;
    struct asker a = ask(f, 20);
    struct asker b = ask(f, 0);
    struct asker last = ask(f, 0);

    start(&a);
    start(&b);
    start(&last);
    gate_cancel(f->gate, a.id);
    gate_cancel(f->gate, a.id);
    assert_int_equal(decide(&b, true, NULL), 0);
    gate_cancel(f->gate, b.id); /* decided, not on disk yet */
    assert_int_equal(decide(&last, true, NULL), 0);
    wait_for(&last);
    let_pass(f, 40);
    assert_int_equal(a.calls, 0);
    assert_int_equal(b.calls, 0);
    assert_int_equal(row(f, a.id).state, ESC_CANCELED);
    assert_string_equal(row(f, a.id).by, "agent-gone");
    assert_int_equal(row(f, b.id).state, ESC_APPROVED);
    assert_int_equal(gate_count(f->gate), 0);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void an_approval_that_cannot_be_written_is_a_denial(void **state)
{
    struct fixture *f = *state;
    struct asker a = ask(f, 0);
    struct asker b = ask(f, 0);

    start(&a);
    set_file_limit(1024);
    assert_int_equal(decide(&a, true, NULL), 0);
    wait_for(&a);
    assert_false(a.allowed);
    assert_non_null(strstr(a.reason, "the decision could not be recorded: "));
    assert_int_equal(gate_recent(f->gate, 0)->rec.state, ESC_DENIED);

    /* The log stays failed, so does every approval. */
    set_file_limit(RLIM_INFINITY);
    start(&b);
    assert_int_equal(decide(&b, true, NULL), 0);
    wait_for(&b);
    assert_false(b.allowed);
}

/* `count` questions of as many sessions that wait. */
static struct asker *ask_many(struct fixture *f, int count, int sessions)
{
    struct asker *many = xcalloc((size_t)count, sizeof(*many));
    char names[LIMIT_GATE_ITEMS][24];
    for (int i = 0; i < count; i++) {
        struct gate_question q = question(0);
        char detail[64];
        snprintf(names[i % sessions], sizeof(names[0]), "crowd%d", i % sessions);
        snprintf(detail, sizeof(detail), "number %d of many", i);
        q.session = names[i % sessions];
        q.detail = str_of(detail);
        many[i] = ask(f, 0);
        many[i].id = gate_ask(f->gate, &q, on_done, &many[i]);
    }
    return many;
}

static void too_many_questions_are_denied_and_the_old_ones_stay(void **state)
{
    struct fixture *f = *state;
    struct asker *many = ask_many(f, LIMIT_GATE_ITEMS, 8);
    struct asker over = ask(f, 0);

    start(&over);
    wait_for(&over);
    assert_false(over.allowed);
    assert_string_equal(over.reason, "too many requests wait for an answer");
    assert_int_equal(gate_count(f->gate), LIMIT_GATE_ITEMS);
    assert_int_equal(gate_at(f->gate, 0)->rec.id, many[0].id);
    assert_null(gate_at(f->gate, LIMIT_GATE_ITEMS));
    gate_free(f->gate);
    f->gate = NULL;
    for (int i = 0; i < LIMIT_GATE_ITEMS; i++)
        assert_int_equal(many[i].calls, 1);
    free(many);
}

static void an_agent_that_floods_takes_no_room_from_others(void **state)
{
    struct fixture *f = *state;
    struct asker *many = ask_many(f, LIMIT_GATE_ITEMS, 1);
    struct asker other = ask(f, 0);

    for (int i = LIMIT_GATE_ITEMS_EACH; i < LIMIT_GATE_ITEMS; i++) {
        wait_for(&many[i]);
        assert_false(many[i].allowed);
    }
    start(&other);
    assert_int_equal(gate_count(f->gate), LIMIT_GATE_ITEMS_EACH + 1);
    assert_int_equal(decide(&other, true, NULL), 0);
    wait_for(&other);
    assert_true(other.allowed);
    gate_free(f->gate);
    f->gate = NULL;
    free(many);
}

static uint64_t ask_text(struct asker *asker, const char *session, const char *text, size_t n)
{
    struct gate_question q = question(0);
    q.session = session;
    q.detail = (struct str){text, n};
    return asker->id = gate_ask(asker->f->gate, &q, on_done, asker);
}

static void long_texts_wait_whole_and_take_their_share_of_memory(void **state)
{
    struct fixture *f = *state;
    size_t n = LIMIT_GATE_DETAIL - 1;
    char *text = xmalloc(n);
    struct asker askers[6];

    memset(text, 'x', n);
    for (int i = 0; i < 6; i++) {
        askers[i] = ask(f, 0);
        text[n - 1] = (char)('0' + i);
        (void)ask_text(&askers[i], i < 5 ? "wordy" : "other", text, n);
    }
    assert_int_equal(strlen(gate_find(f->gate, askers[0].id)->rec.detail), n);
    wait_for(&askers[4]); /* four fit */
    assert_string_equal(askers[4].reason, "too many requests wait for an answer");
    assert_int_equal(gate_count(f->gate), 5);
    assert_non_null(gate_find(f->gate, askers[5].id));
    gate_free(f->gate);
    f->gate = NULL;
    free(text);
}

static void what_cannot_be_shown_whole_is_denied(void **state)
{
    struct fixture *f = *state;
    size_t n = LIMIT_GATE_DETAIL / 8;
    char *text = xmalloc(LIMIT_GATE_DETAIL + 1);
    struct asker a = ask(f, 0), b = ask(f, 0);

    memset(text, '\x01', LIMIT_GATE_DETAIL + 1); /* 8 bytes each when shown */
    (void)ask_text(&a, "s1", text, n + 1);
    wait_for(&a);
    assert_false(a.allowed);
    assert_string_equal(a.reason, "too long to be shown whole");
    assert_int_equal(a.on_disk, ESC_DENIED);
    (void)ask_text(&b, "s1", text, LIMIT_GATE_DETAIL + 1);
    wait_for(&b);
    assert_string_equal(b.reason, "too long to be shown whole");
    free(text);
}

static void shutting_down_denies_what_waits_and_what_is_not_on_disk(void **state)
{
    struct fixture *f = *state;
    struct asker waits = ask(f, 0);
    struct asker decided = ask(f, 0);

    start(&waits);
    start(&decided);
    assert_int_equal(decide(&decided, true, NULL), 0);
    struct gate *gate = f->gate;
    f->gate = NULL;
    gate_free(gate);
    assert_int_equal(waits.calls, 1);
    assert_int_equal(decided.calls, 1);
    assert_false(waits.allowed);
    assert_false(decided.allowed);
    assert_string_equal(decided.reason, "shutting down");
    store_close(f->store);
    f->store = NULL;
    assert_int_equal(waits.calls, 1);
    assert_int_equal(decided.calls, 1);
    assert_string_equal(row(f, waits.id).by, "shutdown");
    assert_int_equal(row(f, decided.id).state, ESC_DENIED);
    assert_string_equal(row(f, decided.id).by, "shutdown");
}

static struct asker *other;

static void ask_again_and_cancel_another(struct asker *asker)
{
    struct gate_question q = question(0);

    gate_cancel(asker->f->gate, other->id);
    asker->then = NULL;
    asker->id = gate_ask(asker->f->gate, &q, on_done, asker);
}

static void free_the_gate(struct asker *asker)
{
    struct gate *gate = asker->f->gate;

    asker->then = NULL;
    asker->f->gate = NULL;
    gate_free(gate);
}

static void done_may_ask_cancel_and_free_the_gate(void **state)
{
    struct fixture *f = *state;
    struct asker a = ask(f, 0);
    struct asker b = ask(f, 0);
    struct asker c = ask(f, 0);

    a.then = ask_again_and_cancel_another;
    other = &b;
    start(&a);
    start(&b);
    start(&c);
    assert_int_equal(decide(&a, false, NULL), 0);
    assert_int_equal(decide(&b, true, NULL), 0);
    wait_for(&a);
    let_pass(f, 50);
    assert_int_equal(b.calls, 0);
    a.then = free_the_gate;
    a.calls = 0;
    assert_int_equal(decide(&a, true, NULL), 0);
    wait_for(&a);
    assert_true(a.allowed);
    assert_int_equal(c.calls, 1);
    assert_false(c.allowed);
}

static void lately_decided_items_are_kept_newest_first(void **state)
{
    struct fixture *f = *state;
    struct asker a;
    uint64_t ids[40];

    for (int i = 0; i < 40; i++) {
        a = ask(f, 0);
        start(&a);
        ids[i] = a.id;
        gate_cancel(f->gate, a.id);
    }
    assert_int_equal(gate_recent(f->gate, 0)->rec.id, ids[39]);
    assert_int_equal(gate_recent(f->gate, 31)->rec.id, ids[8]);
    assert_null(gate_recent(f->gate, 32));
}

static void the_screen_hears_of_every_change_until_it_leaves(void **state)
{
    struct fixture *f = *state;
    struct asker a = ask(f, 30);

    start(&a);
    assert_true(f->changes > 0);
    f->changes = 0;
    wait_for(&a);
    assert_true(f->changes > 0);
    gate_set_on_change(f->gate, NULL, NULL);
    f->changes = 0;
    a = ask(f, 0);
    start(&a);
    gate_cancel(f->gate, a.id);
    assert_int_equal(f->changes, 0);
}

static void a_call_is_kept_as_it_came_with_what_its_words_mean(void **state)
{
    struct fixture *f = *state;
    struct asker asker = ask(f, 0);
    struct gate_question q = question(0);
    char detail[] = "fs/write\nfile\n{\"text\":\"a\x01\"}", workspace[] = "/home/u/project";
    const struct call_request call = {
            STR("fs"), STR("write\nfile"), STR("{\"text\":\"a\x01\"}")};
    const struct policy_world world = {.workspace = workspace, .box_workspace = "/workspace"};

    q.kind = "mcp";
    q.detail = str_of(detail);
    q.call = &call;
    q.world = &world;
    q.verdict.hazards = 5;
    asker.id = gate_ask(f->gate, &q, on_done, &asker);
    memset(detail, 'x', strlen(detail));
    memset(workspace, 'x', strlen(workspace));

    const struct gate_item *item = gate_find(f->gate, asker.id);
    assert_true(str_eq(item->call->server, STR("fs")));
    assert_true(str_eq(item->call->tool, STR("write\nfile")));
    assert_true(str_eq(item->call->arguments, call.arguments));
    assert_string_equal(item->world->workspace, "/home/u/project");
    assert_string_equal(item->world->box_workspace, "/workspace");
    assert_null(item->world->cwd);
    assert_int_equal(item->hazards, 5);
    assert_non_null(strstr(item->rec.detail, "a<U+0001>"));
    gate_cancel(f->gate, asker.id);
    assert_null(gate_recent(f->gate, 0)->call);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
            TEST(an_approval_is_told_after_it_is_on_disk),
            TEST(a_call_is_kept_as_it_came_with_what_its_words_mean),
            TEST(a_refusal_carries_the_message),
            TEST(a_decision_counts_only_for_what_was_shown),
            TEST(different_texts_have_different_digests),
            TEST(silence_is_a_denial_at_the_time_of_the_rule),
            TEST(a_late_yes_is_for_the_same_question_once),
            TEST(what_expires_is_kept_within_bounds),
            TEST(reading_stops_the_clock),
            TEST(an_asker_that_is_gone_is_not_called),
            TEST(an_approval_that_cannot_be_written_is_a_denial),
            TEST(too_many_questions_are_denied_and_the_old_ones_stay),
            TEST(an_agent_that_floods_takes_no_room_from_others),
            TEST(long_texts_wait_whole_and_take_their_share_of_memory),
            TEST(what_cannot_be_shown_whole_is_denied),
            TEST(shutting_down_denies_what_waits_and_what_is_not_on_disk),
            TEST(done_may_ask_cancel_and_free_the_gate),
            TEST(lately_decided_items_are_kept_newest_first),
            TEST(the_screen_hears_of_every_change_until_it_leaves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
