/*
 * Answers about tool calls: what they cover, what they never do. Real loop, database, files.
 */
#include "gate/gate.h"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "base/mem.h"

#define S1 "5a1f0000-0000-4000-8000-000000000001"
#define S2 "5a1f0000-0000-4000-8000-000000000002"
#define VERSION "0123456789abcdef"

struct fixture {
    char dir[64];
    char *db, *answers, *workspace;
    struct policy_world world;
    struct loop *loop;
    struct store *store;
    struct grants *grants;
    struct gate *gate;
    unsigned calls;
    bool allowed;
    bool can_edit;
    struct verdict judged; /* what the rules say of what is edited */
    uint64_t ticket;
    char edited[200], message[200]; /* as told with the answer */
};

static int up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    char resolved[PATH_MAX];

    test_tmpdir(f->dir, sizeof(f->dir), "calls");
    f->db = path_join(f->dir, "ironcurtain.db");
    f->answers = path_join(f->dir, "answers.rules");
    assert_non_null(realpath(f->dir, resolved));
    f->workspace = path_join(resolved, "work");
    assert_int_equal(mkdir(f->workspace, 0700), 0);
    f->world = (struct policy_world){
            .home = "/nobody", .workspace = f->workspace, .box_workspace = "/workspace"};
    f->loop = loop_new(&err);
    f->store = store_open(f->loop, f->db, &err);
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
    free(f->workspace);
    free(f);
    return 0;
}

static void on_done(void *ctx, bool allowed, const char *reason)
{
    struct fixture *f = ctx;

    (void)reason;
    f->calls++;
    f->allowed = allowed;
    struct str edited = gate_edited(f->gate, f->ticket);
    (void)str_copy(f->edited, sizeof(f->edited), edited);
    (void)str_copy(f->message, sizeof(f->message), str_of(gate_message(f->gate, f->ticket)));
}

static void on_judge(void *ctx, struct str arguments, struct verdict *ret)
{
    struct fixture *f = ctx;

    (void)arguments;
    *ret = f->judged;
}

/* {"path":"/workspace/DIR/NAME","content":"x"} */
static struct call_request write_of(char arguments[200], const char *path)
{
    int n = snprintf(arguments, 200, "{\"path\":\"%s\",\"content\":\"x\"}", path);

    return (struct call_request){STR("files"), STR("write_file"), {arguments, (size_t)n}};
}

static uint64_t ask(struct fixture *f, const char *session, const char *path, enum risk risk)
{
    char arguments[200], agent[] = "claude-code";
    struct call_request call = write_of(arguments, path);
    /* The asker's world may go before the item does. */
    struct policy_world world = f->world;
    char *workspace = xstrdup(f->workspace);
    world.workspace = workspace;
    const struct gate_question q = {
            .session = session,
            .label = "s1",
            .agent = agent,
            .kind = "mcp",
            .subject = STR("files/write_file"),
            .detail = call.arguments,
            .verdict = {.kind = VERDICT_ASK, .risk = risk},
            .policy_version = VERSION,
            .call = &call,
            .world = &world,
            .judge = f->can_edit ? on_judge : NULL,
    };
    uint64_t id = f->ticket = gate_ask(f->gate, &q, on_done, f);
    memset(workspace, 'x', strlen(workspace));
    free(workspace);
    return id;
}

static int answer(struct fixture *f, uint64_t id, bool allow, enum scope scope,
        enum width width, char line[RECIPE_LINE])
{
    const struct gate_item *item = gate_find(f->gate, id);
    struct gate_answer answer = {.allow = allow, .scope = scope, .width = width, .rule = line};
    char digest[65];
    struct err err;

    assert_non_null(item);
    snprintf(digest, sizeof(digest), "%s", item->rec.digest);
    if (!gate_rule(f->gate, id, allow, width, line))
        return ERR_NOENT;
    return gate_decide(f->gate, id, digest, VERSION, &answer, &err);
}

static void wait_for(struct fixture *f, unsigned calls)
{
    while (f->calls < calls)
        loop_turn(f->loop, true);
}

static enum verdict_kind judge(struct fixture *f, const char *rules, const char *session,
        const char *path, struct call_edits *edits)
{
    struct policy *policy = policy_parse(str_of(rules), "t.rules", NULL);
    char arguments[200];
    struct call_request call = write_of(arguments, path);
    struct verdict verdict;

    assert_non_null(policy);
    grants_judge_call(f->grants, policy, session, &call, &f->world, &verdict, edits);
    policy_free(policy);
    return verdict.kind;
}

#define ASK "default mcp ask\n"

static void an_answer_for_a_folder_holds_there_and_in_this_session_only(void **state)
{
    struct fixture *f = *state;
    char line[RECIPE_LINE];
    uint64_t id = ask(f, S1, "/workspace/a.txt", RISK_MED);

    assert_int_equal(judge(f, ASK, S1, "/workspace/a.txt", NULL), VERDICT_ASK);
    assert_int_equal(answer(f, id, true, SCOPE_SESSION, WIDTH_DIR, line), 0);
    wait_for(f, 1);
    assert_true(f->allowed);
    assert_int_equal(judge(f, ASK, S1, "/workspace/b.txt", NULL), VERDICT_ALLOW);
    assert_int_equal(judge(f, ASK, S2, "/workspace/b.txt", NULL), VERDICT_ASK);
    assert_int_equal(judge(f, ASK, S1, "/workspace/../b.txt", NULL), VERDICT_ASK);
    assert_int_equal(judge(f, ASK, S1, "/etc/b.txt", NULL), VERDICT_ASK);
    assert_int_equal(
            judge(f, "deny files/*\n" ASK, S1, "/workspace/b.txt", NULL), VERDICT_DENY);
    grants_end_session(f->grants, S1);
    assert_int_equal(judge(f, ASK, S1, "/workspace/b.txt", NULL), VERDICT_ASK);
}

static void what_else_waits_is_answered_with_it(void **state)
{
    struct fixture *f = *state;
    char line[RECIPE_LINE];
    uint64_t id = ask(f, S1, "/workspace/a.txt", RISK_MED);

    (void)ask(f, S1, "/workspace/b.txt", RISK_MED);
    (void)ask(f, S1, "/etc/passwd", RISK_MED);
    (void)ask(f, S1, "/workspace/c.txt", RISK_HIGH);
    assert_int_equal(answer(f, id, true, SCOPE_SESSION, WIDTH_DIR, line), 0);
    wait_for(f, 2);
    assert_int_equal(gate_count(f->gate), 2);
    gate_free(f->gate);
    f->gate = NULL;
}

static void high_risk_is_answered_exactly_or_not_at_all(void **state)
{
    struct fixture *f = *state;
    char line[RECIPE_LINE];
    uint64_t id = ask(f, S1, "/workspace/a.txt", RISK_HIGH);

    assert_false(gate_rule(f->gate, id, true, WIDTH_DIR, line));
    assert_true(gate_rule(f->gate, id, false, WIDTH_DIR, line));
    assert_int_equal(answer(f, id, true, SCOPE_SESSION, WIDTH_EXACT, line), 0);
    wait_for(f, 1);
    assert_int_equal(
            judge(f, "ask files/* risk high\n", S1, "/workspace/a.txt", NULL), VERDICT_ALLOW);
    assert_int_equal(
            judge(f, "ask files/* risk high\n", S1, "/workspace/b.txt", NULL), VERDICT_ASK);
}

static void never_is_a_line_that_denies(void **state)
{
    struct fixture *f = *state;
    char line[RECIPE_LINE], *text;
    uint64_t id = ask(f, S1, "/workspace/a.txt", RISK_MED);

    assert_int_equal(answer(f, id, false, SCOPE_ALWAYS, WIDTH_DIR, line), 0);
    wait_for(f, 1);
    assert_false(f->allowed);
    assert_int_equal(judge(f, "allow files/*\n", S2, "/workspace/b.txt", NULL), VERDICT_DENY);
    assert_int_equal(judge(f, "allow files/*\n", S2, "/tmp/b.txt", NULL), VERDICT_ALLOW);
    struct buf file = BUF_INIT;
    assert_int_equal(file_read(f->answers, 4096, &file, NULL), 0);
    buf_putc(&file, '\0');
    text = buf_data(&file);
    assert_non_null(strstr(text, line));
    buf_release(&file);
}

/* A link in the workspace: what is sent is the place that was judged. */
static void an_answer_sends_what_its_rule_looked_at(void **state)
{
    struct fixture *f = *state;
    char line[RECIPE_LINE];
    struct call_edits edits = {0};
    char *folder = path_join(f->workspace, "real"), *other = path_join(f->workspace, "link");

    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(symlink("real", other), 0);
    uint64_t id = ask(f, S1, "/workspace/real/a.txt", RISK_MED);
    assert_int_equal(answer(f, id, true, SCOPE_SESSION, WIDTH_DIR, line), 0);
    wait_for(f, 1);
    assert_int_equal(judge(f, ASK, S1, "/workspace/real/b.txt", &edits), VERDICT_ALLOW);
    assert_int_equal(edits.count, 1);
    assert_non_null(strstr(edits.items[0].text, folder));
    call_edits_release(&edits);
    assert_int_equal(judge(f, ASK, S1, "/workspace/link/../../x", &edits), VERDICT_ASK);
    call_edits_release(&edits);
    free(folder);
    free(other);
}

#define OTHER "{\"path\":\"/workspace/b\",\"content\":\"y\"}"

/* What the gate says to other arguments, approved as they were shown. */
static int approve_edited(struct fixture *f, uint64_t id, const struct gate_edit *edit,
        struct gate_answer answer, struct err *err)
{
    answer.edited = STR(OTHER);
    answer.edited_risk = edit->risk;
    return gate_decide(f->gate, id, edit->digest, VERSION, &answer, err);
}

struct row {
    char detail[300], edited[300], edited_digest[65], answer[64];
};

static bool take_row(void *ctx, const struct escalation_record *rec)
{
    struct row *row = ctx;

    (void)str_copy(row->detail, sizeof(row->detail), str_of(rec->detail));
    (void)str_copy(row->edited, sizeof(row->edited), str_of(rec->edited));
    (void)str_copy(row->edited_digest, sizeof(row->edited_digest), str_of(rec->edited_digest));
    (void)str_copy(row->answer, sizeof(row->answer), str_of(rec->answer));
    return false;
}

static void an_edited_call_is_approved_by_its_own_digest_and_kept_beside_the_asked(void **state)
{
    struct fixture *f = *state;
    struct gate_answer yes = {.allow = true, .edited = STR(OTHER), .message = "so"};
    struct gate_edit edit;
    struct row row;
    struct err err;
    char asked[65];

    f->can_edit = true;
    f->judged = (struct verdict){.kind = VERDICT_ASK, .risk = RISK_MED};
    uint64_t id = ask(f, S1, "a", RISK_LOW);
    assert_int_equal(gate_edit(f->gate, id, STR(OTHER), &edit, &err), 0);
    assert_int_equal(edit.risk, RISK_MED);
    snprintf(asked, sizeof(asked), "%s", gate_find(f->gate, id)->rec.digest);
    assert_string_not_equal(asked, edit.digest);
    yes.edited_risk = RISK_MED;
    assert_int_equal(gate_decide(f->gate, id, asked, VERSION, &yes, &err), ERR_CONFLICT);
    assert_int_equal(f->calls, 0);
    assert_int_equal(approve_edited(f, id, &edit, yes, &err), 0);
    wait_for(f, 1);
    assert_true(f->allowed);
    assert_string_equal(f->edited, OTHER);
    assert_string_equal(f->message, "so");

    struct store_reader *reader = store_reader_open(f->db, &err);
    assert_non_null(reader);
    assert_int_equal(store_each_escalation(reader, NULL, 1, take_row, &row, &err), 0);
    store_reader_free(reader);
    assert_non_null(strstr(row.detail, "\"content\":\"x\""));
    assert_string_equal(row.edited, "files/write_file\n" OTHER);
    assert_string_equal(row.edited_digest, edit.digest);
    assert_string_equal(row.answer, "once, edited");
}

static void what_is_edited_is_judged_when_it_is_shown_and_when_it_is_approved(void **state)
{
    struct fixture *f = *state;
    struct gate_answer yes = {.allow = true};
    struct gate_edit edit;
    struct err err;

    f->can_edit = true;
    f->judged = (struct verdict){.kind = VERDICT_DENY, .reason = "never so"};
    uint64_t id = ask(f, S1, "a", RISK_LOW);
    assert_int_equal(gate_edit(f->gate, id, STR(OTHER), &edit, &err), ERR_DENIED);
    assert_non_null(strstr(err.msg, "never so"));

    f->judged = (struct verdict){.kind = VERDICT_ALLOW};
    assert_int_equal(gate_edit(f->gate, id, STR(OTHER), &edit, &err), 0);
    f->judged.kind = VERDICT_DENY;
    assert_int_equal(approve_edited(f, id, &edit, yes, &err), ERR_DENIED);
    f->judged = (struct verdict){.kind = VERDICT_ASK, .risk = RISK_HIGH};
    assert_int_equal(approve_edited(f, id, &edit, yes, &err), ERR_CONFLICT);

    /* What makes it dangerous counts whatever the rules say. */
    f->judged = (struct verdict){.kind = VERDICT_ALLOW};
    assert_int_equal(gate_edit(f->gate, id, STR("{\"path\":\"/etc/passwd\"}"), &edit, &err), 0);
    assert_int_equal(edit.risk, RISK_HIGH);
    assert_int_equal(f->calls, 0);
}

static void an_edited_call_is_answered_once_and_by_whoever_can_send_it(void **state)
{
    struct fixture *f = *state;
    struct gate_answer yes = {.allow = true};
    struct gate_edit edit;
    char line[RECIPE_LINE];
    struct err err;

    uint64_t id = ask(f, S1, "a", RISK_LOW);
    assert_int_equal(gate_edit(f->gate, id, STR(OTHER), &edit, &err), ERR_USAGE);
    gate_cancel(f->gate, id);
    f->can_edit = true;
    f->judged = (struct verdict){.kind = VERDICT_ASK};
    id = ask(f, S1, "a", RISK_LOW);
    assert_int_equal(gate_edit(f->gate, id, STR(OTHER), &edit, &err), 0);
    assert_true(gate_rule(f->gate, id, true, WIDTH_EXACT, line));
    yes.scope = SCOPE_SESSION;
    yes.rule = line;
    assert_int_equal(approve_edited(f, id, &edit, yes, &err), ERR_USAGE);
    yes.scope = SCOPE_ONCE;
    yes.allow = false;
    assert_int_equal(approve_edited(f, id, &edit, yes, &err), ERR_USAGE);

    /* An answer that denies what was edited is one about it. */
    uint64_t other = ask(f, S1, "b", RISK_LOW);
    assert_int_equal(answer(f, other, false, SCOPE_SESSION, WIDTH_EXACT, line), 0);
    wait_for(f, 1);
    struct str same = STR("{\"path\":\"b\",\"content\":\"x\"}");
    assert_int_equal(gate_edit(f->gate, id, same, &edit, &err), ERR_DENIED);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
            TEST(an_answer_for_a_folder_holds_there_and_in_this_session_only),
            TEST(what_else_waits_is_answered_with_it),
            TEST(high_risk_is_answered_exactly_or_not_at_all),
            TEST(never_is_a_line_that_denies),
            TEST(an_answer_sends_what_its_rule_looked_at),
            TEST(an_edited_call_is_approved_by_its_own_digest_and_kept_beside_the_asked),
            TEST(what_is_edited_is_judged_when_it_is_shown_and_when_it_is_approved),
            TEST(an_edited_call_is_answered_once_and_by_whoever_can_send_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
