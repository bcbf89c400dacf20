/*
 * decide.c - the one place where questions are answered: compare and swap, the grant that an
 * answer is, the row on the disk, and the one end of an item. gate.c has the states.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "gate/gate_priv.h"
#include "policy/risk.h"

static struct commit *prepare(struct gate *gate, struct item *item, enum escalation_state state,
        const char *by, const char *message);
static void committed(void *ctx, const struct err *err);

static int check_shown(const struct item *item, uint64_t id, const char *digest,
        const char *policy_version, struct err *err)
{
    if (!item)
        return err_set(err, ERR_NOENT, "request #%" PRIu64 " does not wait any more", id);
    const struct escalation_record *rec = &item->pub.rec;
    if (item->pub.deciding)
        return err_set(err, ERR_CONFLICT, "request #%d is decided already", rec->number);
    if (!digest || !policy_version || strcmp(digest, rec->digest) != 0 ||
            strcmp(policy_version, rec->policy_version) != 0)
        return err_set(err, ERR_CONFLICT, "request #%d changed, look again", rec->number);
    return 0;
}

static bool is_denied(const struct gate *gate, struct grant_use *use)
{
    struct verdict verdict;

    use->uses = 0;
    return grants_decide(gate->config.grants, use, &verdict) && verdict.kind == VERDICT_DENY;
}

/* Somebody may have answered "never" since it was asked, in another session or by hand. */
bool gate_is_denied_now(const struct gate *gate, const struct item *item)
{
    struct net_request req;
    struct grant_use use;

    return gate->config.grants && item_use(item, &req, &use) && is_denied(gate, &use);
}

/* --- other arguments -------------------------------------------------------------------- */

/* What rules and answers say of the call with these arguments. */
static int judge_edit(const struct gate *gate, const struct item *item, struct str arguments,
        struct gate_edit *ret, struct err *err)
{
    const struct call_request *call = item_call(item);
    gate_judge_fn judge = item->pub.count > 0 ? item->askers[0].judge : NULL;
    struct verdict verdict = {0};
    struct grant_use use;

    if (!call || !judge)
        return err_set(err, ERR_USAGE, "request #%d has no arguments that can be edited",
                item->pub.rec.number);
    const struct call_request edited = {call->server, call->tool, arguments};
    judge(item->askers[0].ctx, arguments, &verdict);
    if (verdict.kind == VERDICT_DENY)
        return err_set(err, ERR_DENIED, "the rules forbid it so: %s",
                verdict.reason[0] ? verdict.reason : verdict.rule);
    (void)item_use(item, NULL, &use);
    use.call = &edited;
    if (gate->config.grants && is_denied(gate, &use))
        return err_set(err, ERR_DENIED, "an answer of yours denies it so");
    uint32_t hazards = hazards_of_call(use.world, &edited);
    enum risk danger = hazards_risk(hazards);
    ret->hazards = verdict.hazards | hazards;
    ret->risk = verdict.kind == VERDICT_ASK && verdict.risk > danger ? verdict.risk : danger;
    return 0;
}

int gate_edit(const struct gate *gate, uint64_t id, struct str arguments, struct gate_edit *ret,
        struct err *err)
{
    const struct item *item = gate_item(gate, id);
    struct gate_edit edit;
    char *shown;

    if (!item)
        return err_set(err, ERR_NOENT, "request #%" PRIu64 " does not wait any more", id);
    int rc = judge_edit(gate, item, arguments, &edit, err);
    if (rc < 0)
        return rc;
    if (!item_edit(item, arguments, edit.digest, &shown))
        return err_set(err, ERR_LIMIT, "it would be too long to be shown whole");
    free(shown);
    *ret = edit;
    return 0;
}

/* The item is to be approved with other arguments; they become its own. */
static int take_edit(const struct gate *gate, struct item *item, const char *digest,
        const struct gate_answer *answer, struct err *err)
{
    struct gate_edit edit;
    char *shown;

    if (!answer->allow || answer->scope != SCOPE_ONCE)
        return err_set(err, ERR_USAGE, "an edited call is approved once");
    int rc = judge_edit(gate, item, answer->edited, &edit, err);
    if (rc < 0)
        return rc;
    if (edit.risk > answer->edited_risk)
        return err_set(err, ERR_CONFLICT, "its risk changed, look again");
    if (!item_edit(item, answer->edited, edit.digest, &shown))
        return err_set(err, ERR_LIMIT, "it is too long to be shown whole");
    if (!digest || strcmp(digest, edit.digest) != 0) {
        free(shown);
        return err_set(err, ERR_CONFLICT, "what was edited is not what was shown");
    }
    item->edited = xstrndup(answer->edited.p, answer->edited.n);
    item->edited_shown = shown;
    return 0;
}

/* --- answering -------------------------------------------------------------------------- */

bool gate_rule(const struct gate *gate, uint64_t id, bool allow, enum width width,
        char line[RECIPE_LINE])
{
    const struct item *item = gate_item(gate, id);
    struct net_request req;

    struct grant_use use;
    enum verdict_kind verb = allow ? VERDICT_ALLOW : VERDICT_DENY;

    if (!gate->config.grants || !item || !item_use(item, &req, &use))
        return false;
    if (allow && item->pub.risk == RISK_HIGH && width != WIDTH_EXACT)
        return false;
    return use.call ? recipe_call(use.call, use.world, verb, width, line)
                    : recipe_net(use.req, verb, width, line);
}

/* The grant that the answer is, with those who wait counted. */
static struct grant *make_grant(struct gate *gate, const struct item *item,
        const struct gate_answer *answer, struct err *err)
{
    struct net_request req;
    char line[RECIPE_LINE];

    if (!gate_rule(gate, item->pub.rec.id, answer->allow, answer->width, line)) {
        err_set(err, ERR_USAGE, "request #%d cannot be answered so for more than once",
                item->pub.rec.number);
        return NULL;
    }
    if (!answer->rule || strcmp(answer->rule, line) != 0) {
        err_set(err, ERR_CONFLICT, "the rule is another one than was shown, look again");
        return NULL;
    }
    struct grant_use use;
    CHECK(item_use(item, &req, &use));
    struct grant *grant = grant_new(gate->config.grants, answer, use.session, err);
    if (grant && !grant_take(grant, &use)) {
        err_set(err, ERR_CONFLICT, "%u wait for this answer already, look again", use.uses);
        grant_free(grant);
        return NULL;
    }
    return grant;
}

static void write_answer(struct escalation_record *rec, const struct gate_answer *answer)
{
    char words[32];

    scope_words(answer, words, sizeof(words));
    if (answer->scope == SCOPE_ONCE)
        snprintf(rec->answer, sizeof(rec->answer), "%s%s", words,
                answer->edited.p ? ", edited" : "");
    else
        snprintf(rec->answer, sizeof(rec->answer), "%s: %s", words, answer->rule);
}

/* What else waits and is answered by this one: its decision goes to the disk behind it. */
static void spread(struct gate *gate, struct grant *grant, bool allow, int number)
{
    struct net_request req;
    char message[48];

    snprintf(message, sizeof(message), "answered with #%d", number);
    for (size_t i = 0; i < gate->count; i++) {
        struct item *item = gate->items[i];

        struct grant_use use;

        if (item->pub.deciding || !item_use(item, &req, &use))
            continue;
        if (grant_take(grant, &use))
            gate_settle(gate, item, allow ? ESC_APPROVED : ESC_DENIED, "answer", message);
    }
}

/* What was shown, what is answered, what went wrong: NOLINTNEXTLINE(*-function-size) */
int gate_decide(struct gate *gate, uint64_t id, const char *digest, const char *policy_version,
        const struct gate_answer *answer, struct err *err)
{
    struct item *item = gate_item(gate, id);
    struct grant *grant = NULL;
    struct err why;

    const char *original = item && answer->edited.p ? item->pub.rec.digest : digest;
    int rc = check_shown(item, id, original, policy_version, err);
    if (rc < 0)
        return rc;
    if (answer->allow && gate_is_denied_now(gate, item))
        return err_set(err, ERR_CONFLICT, "request #%d is denied by an answer meanwhile",
                item->pub.rec.number);
    if (answer->edited.p && (rc = take_edit(gate, item, digest, answer, err)) < 0)
        return rc;
    if (answer->scope != SCOPE_ONCE) {
        grant = make_grant(gate, item, answer, &why);
        if (!grant)
            return err_set(err, why.code, "%s", why.msg);
    }
    item->has_message = answer->message && *answer->message;
    struct commit *commit = prepare(
            gate, item, answer->allow ? ESC_APPROVED : ESC_DENIED, "human", answer->message);
    write_answer(&commit->rec, answer);
    if (answer->edited.p) {
        commit->rec.edited = item->edited_shown;
        str_copy(commit->rec.edited_digest, sizeof(commit->rec.edited_digest), str_of(digest));
        str_copy(commit->rec.risk, sizeof(commit->rec.risk),
                str_of(risk_name(answer->edited_risk)));
    }
    commit->grant = grant;
    store_commit_escalation(gate->store, &commit->rec, committed, commit);
    if (grant)
        spread(gate, grant, answer->allow, commit->rec.number);
    gate_rearm(gate);
    gate_changed(gate);
    return 0;
}

/* From here the item waits for the disk and for nothing else. */
static struct commit *prepare(struct gate *gate, struct item *item, enum escalation_state state,
        const char *by, const char *message)
{
    item->pub.deciding = true;
    return commit_new(gate, item, state, by, message);
}

struct commit *commit_new(struct gate *gate, const struct item *item,
        enum escalation_state state, const char *by, const char *message)
{
    struct commit *commit = xcalloc(1, sizeof(*commit));
    struct escalation_record *rec = &commit->rec;

    commit->gate = gate;
    commit->id = item->pub.rec.id;
    *rec = item->pub.rec;
    rec->state = state;
    rec->decided_ms = clock_wall_ms();
    snprintf(rec->by, sizeof(rec->by), "%s", by);
    str_vis(rec->message, sizeof(rec->message), str_of(message ? message : ""));

    commit->next = gate->commits;
    commit->prev = &gate->commits;
    if (commit->next)
        commit->next->prev = &commit->next;
    gate->commits = commit;
    return commit;
}

void gate_settle(struct gate *gate, struct item *item, enum escalation_state state,
        const char *by, const char *message)
{
    struct commit *commit = prepare(gate, item, state, by, message);

    store_commit_escalation(gate->store, &commit->rec, committed, commit);
}

void commit_free(struct commit *commit)
{
    if (commit->gate) {
        *commit->prev = commit->next;
        if (commit->next)
            commit->next->prev = commit->prev;
    }
    grant_free(commit->grant);
    free(commit);
}

void gate_explain(const struct escalation_record *rec, char *out, size_t cap)
{
    if (strcmp(rec->by, "human") != 0)
        snprintf(out, cap, "%s", rec->message);
    else
        snprintf(out, cap, "%s by the human%s%s",
                rec->state == ESC_APPROVED ? "approved" : "refused",
                rec->message[0] ? ": " : "", rec->message);
}

/* What waits and is covered by the answers that hold now. */
static void sweep(struct gate *gate)
{
    struct net_request req;
    struct verdict verdict;

    for (size_t i = 0; i < gate->count; i++) {
        struct item *item = gate->items[i];

        struct grant_use use;

        if (item->pub.deciding || !item_use(item, &req, &use))
            continue;
        if (grants_decide(gate->config.grants, &use, &verdict))
            gate_settle(gate, item, verdict.kind == VERDICT_ALLOW ? ESC_APPROVED : ESC_DENIED,
                    "answer", verdict.where);
    }
}

/* The answer holds now, or it could not be written; the request itself is decided anyway. */
static void remembered(void *ctx, const struct err *err)
{
    struct commit *commit = ctx;
    struct gate *gate = commit->gate;
    struct item *item = gate ? gate_item(gate, commit->id) : NULL;

    commit_free(commit);
    if (!item)
        return;
    struct escalation_record *rec = &item->pub.rec;
    char reason[sizeof(item->outcome)];
    gate_explain(rec, reason, sizeof(reason));
    if (err) {
        char message[sizeof(rec->message) + sizeof(err->msg)];

        snprintf(message, sizeof(message), "once only, not remembered: %s", err->msg);
        str_copy(rec->message, sizeof(rec->message), str_of(message));
        item->has_message = false;
        store_put_escalation(gate->store, rec);
    } else {
        sweep(gate);
    }
    gate_finish(gate, item, rec->state == ESC_APPROVED, reason);
}

static void committed(void *ctx, const struct err *err)
{
    struct commit *commit = ctx;
    struct gate *gate = commit->gate;
    struct item *item = gate ? gate_item(gate, commit->id) : NULL;
    char reason[sizeof(item->outcome)];

    if (item)
        item->pub.rec = commit->rec;
    if (item && !err && commit->grant) {
        struct grant *grant = commit->grant;

        commit->grant = NULL;
        grants_add(
                gate->config.grants, grant, commit->rec.number, commit->id, remembered, commit);
        return;
    }
    commit_free(commit);
    if (!item)
        return;
    gate_explain(&item->pub.rec, reason, sizeof(reason));
    bool allowed = !err && item->pub.rec.state == ESC_APPROVED;
    if (err) {
        item->pub.rec.state = ESC_DENIED;
        snprintf(reason, sizeof(reason), "the decision could not be recorded: %s", err->msg);
        str_vis(item->pub.rec.message, sizeof(item->pub.rec.message), str_of(reason));
    }
    gate_finish(gate, item, allowed, reason);
}

/* Each asker once. An asker may cancel the others, ask anew, and free the gate. */
static void tell(struct item *item)
{
    while (item->pub.count) {
        struct asker asker = item_take(item);

        item->telling = asker.ticket;
        asker.done(asker.ctx, item->allowed, item->outcome);
    }
}

static void unlink_finishing(struct item *item)
{
    if (!item->prev)
        return;
    *item->prev = item->next;
    if (item->next)
        item->next->prev = item->prev;
    item->prev = NULL;
}

void gate_let_go(struct gate *gate)
{
    while (gate->finishing) {
        struct item *item = gate->finishing;

        unlink_finishing(item);
        tell(item);
    }
    for (struct commit *commit = gate->commits; commit; commit = commit->next)
        commit->gate = NULL;
}

void gate_finish(struct gate *gate, struct item *item, bool allowed, const char *reason)
{
    size_t at = 0;

    while (gate->items[at] != item)
        at++;
    gate->count--;
    memmove(gate->items + at, gate->items + at + 1, (gate->count - at) * sizeof(struct item *));
    item->pub.deciding = false;
    gate->recent[gate->recent_count % GATE_RECENT] = item->pub;
    struct gate_item *kept = &gate->recent[gate->recent_count++ % GATE_RECENT];
    kept->rec.detail = NULL;
    kept->rec.edited = NULL;
    kept->call = NULL;
    kept->world = NULL;
    item->allowed = allowed;
    snprintf(item->outcome, sizeof(item->outcome), "%s", reason);
    item->next = gate->finishing;
    item->prev = &gate->finishing;
    if (item->next)
        item->next->prev = &item->next;
    gate->finishing = item;
    gate_rearm(gate);
    gate_changed(gate);
    tell(item);
    bool gone = !item->prev; /* the gate */
    unlink_finishing(item);
    if (!gone && item->pub.rec.state == ESC_EXPIRED)
        late_keep(gate, item);
    else
        item_free(item);
}
