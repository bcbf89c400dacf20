/*
 * gate.c - questions to the human, and the one place that answers them.
 *
 *     gate_ask            human, clock, limit          row on disk, or not
 *        |                        |                           |
 *        v                        v                           v
 *     WAITING ---------------> DECIDING ------------------> finished: `done`, recent ring
 *        |                        |                           ^
 *        +-- gate_cancel: finished without `done`             |
 *        +------------------------+-- gate_free: denied ------+
 *
 * item_finish() is the only function that calls `done`, and it takes the item off the list
 * first, so a second call cannot happen. An approval reaches it only from committed(), with
 * the row on disk. The gate owns its items; askers, store and loop are borrowed and outlive
 * it. Nothing here blocks; one timer runs, for the nearest deadline.
 */
#include "gate/gate.h"

#include <inttypes.h>

#include "base/limits.h"
#include "base/mem.h"
#include "io/crypt.h"

#define RECENT 32

struct item {
    struct gate_item pub;
    gate_done_fn done;    /* NULL: the asker is gone */
    void *ctx;            /* borrows */
    uint64_t asked_at_ms; /* loop clock */
    uint32_t timeout_ms;
    bool in_review;
    uint64_t review_since_ms;
    uint64_t review_left_ms; /* of LIMIT_REVIEW_MS */
};

/* A decision on its way to the disk. It outlives the gate if it must: the store calls back. */
struct commit {
    struct gate *gate; /* borrows; NULL: the gate is gone */
    uint64_t id;
    struct escalation_record rec;
    struct commit *next, **prev;
};

struct gate {
    struct loop *loop;   /* borrows */
    struct store *store; /* borrows */
    struct gate_config config;
    struct timer *timer; /* owns */
    struct item **items; /* owns; oldest first */
    size_t count, room;
    struct commit *commits; /* those under way; each frees itself */
    struct gate_item recent[RECENT];
    unsigned recent_count; /* ever */
    int asked;             /* ever; numbers the questions for people */
    bool closing;
};

static void on_timer(void *ctx);
static void rearm(struct gate *gate);
static void decide(struct gate *gate, struct item *item, enum escalation_state state,
        const char *by, const char *message);
static void committed(void *ctx, const struct err *err);
static void item_finish(struct gate *gate, struct item *item, bool allowed, const char *reason);

struct gate *gate_new(struct loop *loop, struct store *store, const struct gate_config *config)
{
    struct gate *gate = xcalloc(1, sizeof(*gate));

    gate->loop = loop;
    gate->store = store;
    gate->config = *config;
    gate->timer = timer_new(loop, on_timer, gate);
    return gate;
}

void gate_free(struct gate *gate)
{
    if (!gate)
        return;
    CHECK(!gate->closing);
    gate->closing = true;
    while (gate->count) {
        struct item *item = gate->items[0];
        struct escalation_record *rec = &item->pub.rec;

        /* A decision that is not on disk yet did not happen; this row replaces it. */
        rec->state = ESC_DENIED;
        rec->decided_ms = clock_wall_ms();
        snprintf(rec->by, sizeof(rec->by), "shutdown");
        store_put_escalation(gate->store, rec);
        item_finish(gate, item, false, "shutting down");
    }
    for (struct commit *commit = gate->commits; commit; commit = commit->next)
        commit->gate = NULL;
    timer_free(gate->timer);
    free(gate->items);
    free(gate);
}

void gate_set_on_change(struct gate *gate, void (*on_change)(void *ctx), void *ctx)
{
    gate->config.on_change = on_change;
    gate->config.ctx = ctx;
}

static void changed(struct gate *gate)
{
    if (gate->config.on_change && !gate->closing)
        gate->config.on_change(gate->config.ctx);
}

/* --- asking ----------------------------------------------------------------------------- */

/* Several lines made safe to show. False if they do not fit whole. */
static bool show_lines(char *dst, size_t cap, struct str text)
{
    size_t used = 0;
    bool more = true;

    dst[0] = '\0';
    if (text.n >= cap)
        return false;
    /* Six bytes of "<0xXX>" for one are the worst case. */
    size_t room = text.n * 6 + 1;
    char *shown = xmalloc(room);
    bool fits = true;
    while (more && fits) {
        struct str line;

        more = str_cut(&text, '\n', &line);
        size_t n = strlen(str_vis(shown, room, line));
        fits = used + n + 2 <= cap;
        if (fits)
            used += (size_t)snprintf(dst + used, cap - used, "%s%s", shown, more ? "\n" : "");
    }
    free(shown);
    return fits;
}

static void vis(char *dst, size_t cap, const char *text)
{
    str_vis(dst, cap, str_of(text ? text : ""));
}

/* False if the text cannot be shown whole: what nobody can read nobody can approve. */
static bool describe(struct gate_item *pub, const struct gate_question *question)
{
    const struct verdict *verdict = &question->verdict;
    struct escalation_record *rec = &pub->rec;

    vis(pub->label, sizeof(pub->label), question->label);
    vis(pub->agent, sizeof(pub->agent), question->agent);
    pub->risk = verdict->risk;
    vis(rec->session, sizeof(rec->session), question->session);
    vis(rec->kind, sizeof(rec->kind), question->kind);
    str_vis(rec->subject, sizeof(rec->subject), question->subject);
    crypt_sha256_hex(question->detail.p, question->detail.n, rec->digest);
    snprintf(rec->rule, sizeof(rec->rule), "%s", verdict->rule);
    snprintf(rec->where, sizeof(rec->where), "%s", verdict->where);
    snprintf(rec->reason, sizeof(rec->reason), "%s", verdict->reason);
    snprintf(rec->risk, sizeof(rec->risk), "%s", risk_name(verdict->risk));
    vis(rec->policy_version, sizeof(rec->policy_version), question->policy_version);
    rec->asked_ms = clock_wall_ms();
    rec->state = ESC_WAITING;
    return show_lines(rec->detail, sizeof(rec->detail), question->detail);
}

static size_t waiting(const struct gate *gate)
{
    size_t n = 0;

    for (size_t i = 0; i < gate->count; i++)
        n += !gate->items[i]->pub.deciding;
    return n;
}

static void append(struct gate *gate, struct item *item)
{
    if (gate->count == gate->room) {
        gate->room = gate->room ? gate->room * 2 : 16;
        gate->items = xrealloc(gate->items, gate->room * sizeof(struct item *));
    }
    gate->items[gate->count++] = item;
}

uint64_t gate_ask(
        struct gate *gate, const struct gate_question *question, gate_done_fn done, void *ctx)
{
    struct item *item = xcalloc(1, sizeof(*item));
    uint32_t timeout = question->verdict.timeout_ms;
    uint64_t id = store_next_id(gate->store);
    bool is_full = waiting(gate) >= LIMIT_GATE_ITEMS;
    bool is_shown = describe(&item->pub, question);

    item->pub.rec.id = id;
    item->pub.rec.number = ++gate->asked;
    item->done = done;
    item->ctx = ctx;
    item->timeout_ms = timeout ? timeout : gate->config.timeout_ms;
    item->asked_at_ms = loop_now_ms(gate->loop);
    item->pub.deadline_ms = item->asked_at_ms + item->timeout_ms;
    item->review_left_ms = LIMIT_REVIEW_MS;
    append(gate, item);
    store_put_escalation(gate->store, &item->pub.rec);
    if (is_full)
        decide(gate, item, ESC_DENIED, "limit", "too many requests wait for an answer");
    else if (!is_shown)
        decide(gate, item, ESC_DENIED, "limit", "too long to be shown whole");
    else
        rearm(gate);
    changed(gate);
    return id;
}

static struct item *find(const struct gate *gate, uint64_t id)
{
    for (size_t i = 0; i < gate->count; i++)
        if (gate->items[i]->pub.rec.id == id)
            return gate->items[i];
    return NULL;
}

void gate_cancel(struct gate *gate, uint64_t id)
{
    struct item *item = find(gate, id);

    if (!item)
        return;
    item->done = NULL;
    if (item->pub.deciding)
        return;

    struct escalation_record *rec = &item->pub.rec;
    rec->state = ESC_CANCELED;
    rec->decided_ms = clock_wall_ms();
    snprintf(rec->by, sizeof(rec->by), "agent-gone");
    store_put_escalation(gate->store, rec);
    item_finish(gate, item, false, "");
}

/* --- the clock -------------------------------------------------------------------------- */

static uint64_t review_used(const struct item *item, uint64_t now)
{
    if (!item->in_review)
        return 0;
    uint64_t used = now - item->review_since_ms;
    return used < item->review_left_ms ? used : item->review_left_ms;
}

/* When the item expires if nothing happens: a review that goes on uses up what it may. */
static uint64_t expires_at(const struct item *item)
{
    return item->pub.deadline_ms + (item->in_review ? item->review_left_ms : 0);
}

static void rearm(struct gate *gate)
{
    uint64_t now = loop_now_ms(gate->loop);
    uint64_t nearest = UINT64_MAX;

    for (size_t i = 0; i < gate->count; i++) {
        uint64_t at = expires_at(gate->items[i]);

        if (!gate->items[i]->pub.deciding && at < nearest)
            nearest = at;
    }
    if (nearest == UINT64_MAX)
        timer_stop(gate->timer);
    else
        timer_start(gate->timer, nearest > now ? nearest - now : 0);
}

static void on_timer(void *ctx)
{
    struct gate *gate = ctx;
    uint64_t now = loop_now_ms(gate->loop);
    char message[64];

    for (size_t i = 0; i < gate->count; i++) {
        struct item *item = gate->items[i];
        uint32_t seconds = item->timeout_ms / 1000;

        if (item->pub.deciding || expires_at(item) > now)
            continue;
        snprintf(message, sizeof(message), "nobody answered in %u:%02u", seconds / 60,
                seconds % 60);
        decide(gate, item, ESC_EXPIRED, "timeout", message);
    }
    rearm(gate);
    changed(gate);
}

void gate_review_begin(struct gate *gate, uint64_t id)
{
    struct item *item = find(gate, id);

    if (!item || item->in_review)
        return;
    item->in_review = true;
    item->review_since_ms = loop_now_ms(gate->loop);
    rearm(gate);
}

void gate_review_end(struct gate *gate, uint64_t id)
{
    struct item *item = find(gate, id);

    if (!item || !item->in_review)
        return;
    uint64_t used = review_used(item, loop_now_ms(gate->loop));
    item->pub.deadline_ms += used;
    item->review_left_ms -= used;
    item->in_review = false;
    rearm(gate);
}

/* --- deciding --------------------------------------------------------------------------- */

/* What was shown, what is answered, what went wrong: NOLINTNEXTLINE(*-function-size) */
int gate_decide(struct gate *gate, uint64_t id, const char *digest, const char *policy_version,
        bool allow, const char *message, struct err *err)
{
    struct item *item = find(gate, id);

    if (!item)
        return err_set(err, ERR_NOENT, "request #%" PRIu64 " does not wait any more", id);
    const struct escalation_record *rec = &item->pub.rec;
    if (item->pub.deciding || expires_at(item) <= loop_now_ms(gate->loop))
        return err_set(err, ERR_CONFLICT, "request #%" PRIu64 " is decided already", id);
    if (!digest || !policy_version || strcmp(digest, rec->digest) != 0 ||
            strcmp(policy_version, rec->policy_version) != 0)
        return err_set(err, ERR_CONFLICT, "request #%" PRIu64 " changed, look again", id);
    decide(gate, item, allow ? ESC_APPROVED : ESC_DENIED, "human", message);
    rearm(gate);
    changed(gate);
    return 0;
}

/* From here the item waits for the disk and for nothing else. */
static void decide(struct gate *gate, struct item *item, enum escalation_state state,
        const char *by, const char *message)
{
    struct commit *commit = xcalloc(1, sizeof(*commit));
    struct escalation_record *rec = &commit->rec;

    item->pub.deciding = true;
    commit->gate = gate;
    commit->id = item->pub.rec.id;
    *rec = item->pub.rec;
    rec->state = state;
    rec->decided_ms = clock_wall_ms();
    snprintf(rec->by, sizeof(rec->by), "%s", by);
    vis(rec->message, sizeof(rec->message), message);

    commit->next = gate->commits;
    commit->prev = &gate->commits;
    if (commit->next)
        commit->next->prev = &commit->next;
    gate->commits = commit;
    store_commit_escalation(gate->store, rec, committed, commit);
}

static void unlink_commit(struct commit *commit)
{
    if (!commit->gate)
        return;
    *commit->prev = commit->next;
    if (commit->next)
        commit->next->prev = commit->prev;
}

/* What the asker is told. */
static void explain(const struct escalation_record *rec, char *out, size_t cap)
{
    if (strcmp(rec->by, "human") != 0)
        snprintf(out, cap, "%s", rec->message);
    else
        snprintf(out, cap, "%s by the human%s%s",
                rec->state == ESC_APPROVED ? "approved" : "refused",
                rec->message[0] ? ": " : "", rec->message);
}

static void committed(void *ctx, const struct err *err)
{
    struct commit *commit = ctx;
    struct gate *gate = commit->gate;
    struct item *item = gate ? find(gate, commit->id) : NULL;
    bool allowed = !err && commit->rec.state == ESC_APPROVED;
    char reason[sizeof(err->msg) + 64];

    unlink_commit(commit);
    if (item) {
        item->pub.rec = commit->rec;
        explain(&commit->rec, reason, sizeof(reason));
        if (err) {
            item->pub.rec.state = ESC_DENIED;
            snprintf(
                    reason, sizeof(reason), "the decision could not be recorded: %s", err->msg);
            vis(item->pub.rec.message, sizeof(item->pub.rec.message), reason);
        }
    }
    free(commit);
    if (item)
        item_finish(gate, item, allowed, reason);
}

/* The one end of an item. Nothing may follow a call: `done` may free the gate. */
static void item_finish(struct gate *gate, struct item *item, bool allowed, const char *reason)
{
    gate_done_fn done = item->done;
    void *ctx = item->ctx;
    size_t at = 0;

    while (gate->items[at] != item)
        at++;
    gate->count--;
    memmove(gate->items + at, gate->items + at + 1, (gate->count - at) * sizeof(struct item *));
    item->pub.deciding = false;
    gate->recent[gate->recent_count++ % RECENT] = item->pub;
    free(item);
    rearm(gate);
    changed(gate);
    if (done)
        done(ctx, allowed, reason);
}

/* --- looking ---------------------------------------------------------------------------- */

static const struct gate_item *show(const struct gate *gate, struct item *item)
{
    uint64_t now = loop_now_ms(gate->loop);
    uint64_t end = item->pub.deadline_ms + review_used(item, now);

    item->pub.left_ms = end > now ? end - now : 0;
    item->pub.age_ms = now - item->asked_at_ms;
    return &item->pub;
}

unsigned gate_count(const struct gate *gate)
{
    return (unsigned)gate->count;
}

const struct gate_item *gate_at(struct gate *gate, unsigned index)
{
    return index < gate->count ? show(gate, gate->items[index]) : NULL;
}

const struct gate_item *gate_find(struct gate *gate, uint64_t id)
{
    struct item *item = find(gate, id);

    return item ? show(gate, item) : NULL;
}

const struct gate_item *gate_recent(struct gate *gate, unsigned index)
{
    unsigned kept = gate->recent_count < RECENT ? gate->recent_count : RECENT;

    if (index >= kept)
        return NULL;
    return &gate->recent[(gate->recent_count - 1 - index) % RECENT];
}
