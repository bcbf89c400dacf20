/*
 * grants.c - the answers that hold, and judging with them.
 *
 * A grant is a rule line, parsed, with a bound: uses, two clocks, a session. Both clocks are
 * looked at, because the monotonic one stands still while the machine sleeps and the other
 * can be set back. Those that are over are dropped when room is needed; nothing here waits
 * or runs by itself.
 */
#include "gate/grants.h"

#include <inttypes.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "gate/answers.h"
#include "gate/revoke.h"

#define MAX_TIME_MS UINT64_C(86400000) /* a day */
#define MAX_USES 1000000

struct grant {
    enum verdict_kind verb; /* allow or deny */
    enum scope scope;
    enum width width;
    char session[37];
    char words[32]; /* the scope, for people */
    int number;
    uint32_t uses_left;  /* SCOPE_USES */
    uint64_t until_ms;   /* SCOPE_TIME; loop_now_ms() clock */
    int64_t until_wall;  /* SCOPE_TIME */
    struct loop *loop;   /* borrows */
    struct policy *rule; /* owns; the one line */
    char line[RECIPE_LINE];
};

struct grants {
    struct loop *loop;       /* borrows */
    struct answers *answers; /* owns; NULL: no file */
    struct grant **list;     /* owns; oldest first */
    unsigned count, room;
};

void scope_words(const struct gate_answer *answer, char *out, size_t cap)
{
    uint64_t minutes = answer->for_ms / 60000;

    switch (answer->scope) {
    case SCOPE_ONCE:
        snprintf(out, cap, "once");
        return;
    case SCOPE_USES:
        snprintf(out, cap, "%u times", (unsigned)answer->uses);
        return;
    case SCOPE_TIME:
        if (answer->for_ms % 60000)
            snprintf(out, cap, "for %" PRIu64 " s", answer->for_ms / 1000);
        else if (minutes % 60)
            snprintf(out, cap, "for %" PRIu64 " min", minutes);
        else
            snprintf(out, cap, "for %" PRIu64 " h", minutes / 60);
        return;
    case SCOPE_SESSION:
        snprintf(out, cap, "this session");
        return;
    case SCOPE_ALWAYS:
        snprintf(out, cap, "always");
        return;
    }
    CHECK_UNREACHABLE();
}

struct grants *grants_new(struct loop *loop, const char *path, struct err *err)
{
    struct answers *answers = path ? answers_open(path, err) : NULL;

    if (path && !answers)
        return NULL;
    struct grants *grants = xcalloc(1, sizeof(*grants));
    grants->loop = loop;
    grants->answers = answers;
    return grants;
}

void grants_free(struct grants *grants)
{
    if (!grants)
        return;
    for (unsigned i = 0; i < grants->count; i++)
        grant_free(grants->list[i]);
    free(grants->list);
    answers_free(grants->answers);
    free(grants);
}

/* --- one grant -------------------------------------------------------------------------- */

static bool is_over(const struct grant *grant)
{
    if (grant->scope == SCOPE_USES)
        return grant->uses_left == 0;
    return grant->scope == SCOPE_TIME && (loop_now_ms(grant->loop) >= grant->until_ms ||
                                                 clock_wall_ms() >= grant->until_wall);
}

static void drop_over(struct grants *grants)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < grants->count; i++) {
        if (is_over(grants->list[i]))
            grant_free(grants->list[i]);
        else
            grants->list[kept++] = grants->list[i];
    }
    grants->count = kept;
}

static int check_answer(
        const struct grants *grants, const struct gate_answer *answer, struct err *err)
{
    switch (answer->scope) {
    case SCOPE_ONCE:
        return err_set(err, ERR_USAGE, "an answer for once is not remembered");
    case SCOPE_USES:
        if (answer->uses == 0 || answer->uses > MAX_USES)
            return err_set(err, ERR_USAGE, "%u uses make no answer", (unsigned)answer->uses);
        return 0;
    case SCOPE_TIME:
        if (answer->for_ms < 1000 || answer->for_ms > MAX_TIME_MS)
            return err_set(err, ERR_USAGE, "an answer holds for a second to a day");
        return 0;
    case SCOPE_SESSION:
        return 0;
    case SCOPE_ALWAYS:
        if (!grants->answers)
            return err_set(err, ERR_USAGE, "there is no file for answers that always hold");
        return 0;
    }
    CHECK_UNREACHABLE();
}

struct grant *grant_new(struct grants *grants, const struct gate_answer *answer,
        const char *session, struct err *err)
{
    if (check_answer(grants, answer, err) < 0)
        return NULL;
    drop_over(grants);
    if (answer->scope != SCOPE_ALWAYS && grants->count >= LIMIT_GRANTS) {
        err_set(err, ERR_LIMIT, "%d answers are remembered already; answer once", LIMIT_GRANTS);
        return NULL;
    }

    struct grant *grant = xcalloc(1, sizeof(*grant));
    grant->verb = answer->allow ? VERDICT_ALLOW : VERDICT_DENY;
    grant->scope = answer->scope;
    grant->width = answer->width;
    grant->uses_left = answer->uses;
    grant->until_ms = loop_now_ms(grants->loop) + answer->for_ms;
    grant->until_wall = clock_wall_ms() + (int64_t)answer->for_ms;
    grant->loop = grants->loop;
    scope_words(answer, grant->words, sizeof(grant->words));
    snprintf(grant->session, sizeof(grant->session), "%s", session);
    snprintf(grant->line, sizeof(grant->line), "%s", answer->rule);
    grant->rule = policy_parse(str_of(grant->line), "answer", NULL);
    CHECK(grant->rule); /* a recipe has read it */
    return grant;
}

void grant_free(struct grant *grant)
{
    if (!grant)
        return;
    policy_free(grant->rule);
    free(grant);
}

static void eval(const struct policy *rules, const struct grant_use *use, struct verdict *ret)
{
    if (use->req)
        policy_eval_net(rules, use->req, ret);
    else
        policy_eval_call(rules, use->world, use->call, ret, NULL);
}

static bool covers(const struct grant *grant, const struct grant_use *use)
{
    struct verdict verdict;

    if (is_over(grant) || (grant->scope == SCOPE_USES && grant->uses_left < use->uses))
        return false;
    if (grant->scope != SCOPE_ALWAYS &&
            (!use->session || strcmp(use->session, grant->session) != 0))
        return false;
    eval(grant->rule, use, &verdict);
    if (verdict.kind != grant->verb || verdict.by_default)
        return false;
    return grant->verb == VERDICT_DENY || use->risk != RISK_HIGH || verdict.is_exact;
}

bool grant_take(struct grant *grant, const struct grant_use *use)
{
    if (!covers(grant, use))
        return false;
    if (grant->scope == SCOPE_USES)
        grant->uses_left -= use->uses;
    return true;
}

/* --- all of them ------------------------------------------------------------------------ */

void grants_add(struct grants *grants, struct grant *grant, int number, uint64_t id,
        void (*done)(void *ctx, const struct err *err), void *ctx)
{
    grant->number = number;
    if (grant->scope == SCOPE_ALWAYS) {
        time_t now = (time_t)(clock_wall_ms() / 1000);
        struct tm tm;
        char day[32], comment[80];

        gmtime_r(&now, &tm);
        strftime(day, sizeof(day), "%Y-%m-%d %H:%M", &tm);
        snprintf(comment, sizeof(comment), "%s UTC, request %" PRIu64, day, id);
        answers_append(grants->answers, grants->loop, grant->line, comment, done, ctx);
        grant_free(grant);
        return;
    }
    if (grants->count == grants->room) {
        grants->room = grants->room ? grants->room * 2 : 16;
        grants->list = xrealloc(grants->list, grants->room * sizeof(struct grant *));
    }
    grants->list[grants->count++] = grant;
    done(ctx, NULL);
}

void grants_end_session(struct grants *grants, const char *session)
{
    unsigned kept = 0;

    for (unsigned i = 0; grants && i < grants->count; i++) {
        if (strcmp(grants->list[i]->session, session) == 0)
            grant_free(grants->list[i]);
        else
            grants->list[kept++] = grants->list[i];
    }
    if (grants)
        grants->count = kept;
}

bool grants_drop(struct grants *grants, int number)
{
    for (unsigned i = 0; grants && i < grants->count; i++) {
        if (grants->list[i]->number != number)
            continue;
        grant_free(grants->list[i]);
        grants->count--;
        memmove(grants->list + i, grants->list + i + 1,
                (grants->count - i) * sizeof(grants->list[0]));
        return true;
    }
    return false;
}

const char *grants_path(const struct grants *grants)
{
    return grants->answers ? answers_path(grants->answers) : NULL;
}

bool grants_at(struct grants *grants, unsigned index, struct held_answer *ret)
{
    if (grants && index == 0)
        drop_over(grants);
    if (!grants || index >= grants->count)
        return false;
    const struct grant *grant = grants->list[index];
    uint64_t now = loop_now_ms(grants->loop);

    *ret = (struct held_answer){.number = grant->number};
    snprintf(ret->session, sizeof(ret->session), "%s", grant->session);
    snprintf(ret->scope, sizeof(ret->scope), "%s", grant->words);
    snprintf(ret->rule, sizeof(ret->rule), "%s", grant->line);
    if (grant->scope == SCOPE_USES)
        ret->uses_left = grant->uses_left;
    if (grant->scope == SCOPE_TIME && grant->until_ms > now)
        ret->left_ms = grant->until_ms - now;
    return true;
}

/* The rule's own verdict, with the answer as its source. */
static void say(const struct grant *grant, const struct grant_use *use, struct verdict *ret)
{
    eval(grant->rule, use, ret);
    snprintf(ret->where, sizeof(ret->where), "answer #%d, %s", grant->number, grant->words);
    snprintf(ret->reason, sizeof(ret->reason), "the human answered so before");
}

/* The rule that decides, or NULL. */
static const struct policy *take(struct grants *grants, enum verdict_kind verb,
        const struct grant_use *use, struct verdict *ret)
{
    for (enum width width = WIDTH_EXACT; width <= WIDTH_TOOL; width++)
        for (unsigned i = 0; i < grants->count; i++) {
            struct grant *grant = grants->list[i];

            if (grant->verb != verb || grant->width != width || !grant_take(grant, use))
                continue;
            say(grant, use, ret);
            return grant->rule;
        }
    return NULL;
}

/* What answers.rules says; ask: nothing. */
static void ask_file(struct grants *grants, const struct grant_use *use, struct verdict *ret)
{
    *ret = (struct verdict){.kind = VERDICT_ASK};
    if (!grants->answers)
        return;
    answers_refresh(grants->answers);
    eval(answers_policy(grants->answers), use, ret);
    bool is_wide = use->risk == RISK_HIGH && !ret->is_exact;
    if (ret->by_default ||
            (ret->kind == VERDICT_ALLOW && (is_wide || answers_trouble(grants->answers)[0])))
        ret->kind = VERDICT_ASK;
}

/* Denies: the file's, then the session's. What the file says otherwise stays in `ret_file`. */
static bool denied(struct grants *grants, const struct grant_use *use, struct verdict *ret,
        struct verdict *ret_file)
{
    ask_file(grants, use, ret_file);
    *ret = *ret_file;
    return ret_file->kind == VERDICT_DENY || take(grants, VERDICT_DENY, use, ret);
}

/* *ret_rules: those that allow it; NULL if it is denied. False: no answer is about it. */
static bool decide(struct grants *grants, const struct grant_use *use, struct verdict *ret,
        const struct policy **ret_rules)
{
    struct verdict file;

    *ret_rules = NULL;
    if (denied(grants, use, ret, &file))
        return true;
    *ret_rules = take(grants, VERDICT_ALLOW, use, ret);
    if (*ret_rules)
        return true;
    *ret = file;
    if (file.kind != VERDICT_ALLOW)
        return false;
    *ret_rules = answers_policy(grants->answers);
    return true;
}

bool grants_decide(struct grants *grants, const struct grant_use *use, struct verdict *ret)
{
    const struct policy *rules;

    return decide(grants, use, ret, &rules);
}

/* The policy's verdict is in *ret. The rules of an answer that allows it, else NULL. */
static const struct policy *answer_to(
        struct grants *grants, struct grant_use use, struct verdict *ret)
{
    struct verdict answer, file;
    const struct policy *rules = NULL;

    if (!grants || ret->kind == VERDICT_DENY)
        return NULL;
    use.risk = ret->risk;
    if (ret->kind == VERDICT_ALLOW) {
        /* Only a deny among the answers matters, and no use of one that allows is spent. */
        if (denied(grants, &use, &answer, &file))
            *ret = answer;
    } else if (decide(grants, &use, &answer, &rules)) {
        *ret = answer;
    } else if (grants->answers && answers_trouble(grants->answers)[0]) {
        snprintf(ret->reason, sizeof(ret->reason), "your answers do not count: %s",
                answers_trouble(grants->answers));
    }
    return rules;
}

static void judge_net(struct grants *grants, const struct policy *policy,
        const struct grant_use *use, struct verdict *ret)
{
    policy_eval_net(policy, use->req, ret);
    (void)answer_to(grants, *use, ret);
}

void grants_judge_net(struct grants *grants, const struct policy *policy, const char *session,
        const struct net_request *req, struct verdict *ret)
{
    const struct grant_use use = {.session = session, .req = req, .uses = 1};

    judge_net(grants, policy, &use, ret);
}

void grants_preview_net(struct grants *grants, const struct policy *policy, const char *session,
        const struct net_request *req, struct verdict *ret)
{
    const struct grant_use use = {.session = session, .req = req};

    judge_net(grants, policy, &use, ret);
}

void grants_judge_call(struct grants *grants, const struct policy *policy, const char *session,
        const struct call_request *call, const struct policy_world *world, struct verdict *ret,
        struct call_edits *edits)
{
    const struct grant_use use = {.session = session, .call = call, .world = world, .uses = 1};
    struct verdict again;

    policy_eval_call(policy, world, call, ret, edits);
    const struct policy *rules = answer_to(grants, use, ret);
    if (edits && (rules || ret->kind == VERDICT_DENY))
        call_edits_release(edits);
    /* What is sent is what the rule that allows it has looked at. */
    if (edits && rules)
        policy_eval_call(rules, world, call, &again, edits);
}

bool grants_name_https(
        struct grants *grants, const struct policy *policy, struct str host, uint16_t port)
{
    if (policy_names_https(policy, host, port))
        return true;
    if (!grants || !grants->answers)
        return false;
    answers_refresh(grants->answers);
    return policy_names_https(answers_policy(grants->answers), host, port);
}
