/*
 * gate.h - the queue of questions to the human, and the only place that answers them.
 *
 * Whoever needs a decision calls gate_ask() and gets exactly one call of `done`: after the
 * human decided and the decision is on disk, after the timeout, at shutdown, or when the
 * record cannot be written. Everything but an approval that is on disk is a denial.
 * gate_decide() is a compare-and-swap: id, digest and policy version must be those shown.
 */
#ifndef SRC_GATE_GATE_H
#define SRC_GATE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "gate/grants.h"
#include "io/loop.h"
#include "policy/policy.h"
#include "store/store.h"

struct gate;

/* Judge the asker's call with other arguments, as if the agent had made it so; a verdict that
 * allows asks nevertheless. `ctx` is the asker's. */
typedef void (*gate_judge_fn)(void *ctx, struct str arguments, struct verdict *ret);

struct gate_question {
    const char *session; /* uuid */
    const char *label;   /* session name for the human */
    const char *agent;
    const char *kind;       /* "net" or "mcp" */
    struct str subject;     /* one line, from outside */
    struct str detail;      /* the canonical whole text; what the digest covers */
    struct verdict verdict; /* why it is asked, risk, timeout */
    const char *policy_version;
    /* What is asked to be allowed, so that the answer can hold for more than once; NULL: once
     * only. Read during gate_ask(). */
    const struct net_request *net;
    const struct call_request *call;  /* the same for a tool call */
    const struct policy_world *world; /* of the call */
    gate_judge_fn judge;              /* NULL: its arguments cannot be edited */
};

/* An item as the screen sees it; owned by the gate, valid until the next gate call. */
struct gate_item {
    struct escalation_record
            rec; /* state, texts, digest, times; in gate_recent() without detail and call */
    char label[64];
    char agent[32];
    enum risk risk;
    unsigned count;      /* askers who wait for this answer */
    char host[256];      /* of a net request, safe to print; else "" */
    char taken_for[128]; /* the name of a rule that this host looks like; else "" */
    uint32_t hazards;    /* policy/risk.h */
    /* Of a tool call that fits to be shown; NULL: none. */
    const struct call_request *call;
    const struct policy_world *world;
    uint64_t deadline_ms; /* loop_now_ms() clock; clock stops while under review */
    uint64_t age_ms;
    uint64_t left_ms;
    bool deciding; /* decision taken, not on disk yet */
    /* Of one that expired. */
    uint64_t late_ms; /* the late yes holds for so long; 0: there is none */
    int again;        /* number of the same question, asked anew; 0: it was not */
};

typedef void (*gate_done_fn)(void *ctx, bool allowed, const char *reason);

struct gate_config {
    uint32_t timeout_ms;          /* default of a question */
    struct grants *grants;        /* borrows; NULL: every answer is for once */
    void (*on_change)(void *ctx); /* queue or an item changed; may be NULL */
    void *ctx;
};

struct gate *gate_new(struct loop *loop, struct store *store, const struct gate_config *config);
/* Denies everything that waits ("shutting down"), then frees; `done` is called from inside.
 * Decisions that are not on disk yet are denied too. */
void gate_free(struct gate *gate);
void gate_set_on_change(struct gate *gate, void (*on_change)(void *ctx), void *ctx);

struct grants *gate_grants(const struct gate *gate); /* borrows; or NULL */
struct store *gate_store(const struct gate *gate);   /* borrows; where it records */

/*
 * Returns the asker's ticket, never 0. `done` is called from the loop, never from inside. It
 * may ask, cancel and free the gate. A question that does not fit the record whole is denied.
 *
 * Who asks the same as somebody who waits already (session, kind, detail, rule) shares that
 * item, unless it is under review just now: an answer is for those who were shown.
 */
uint64_t gate_ask(
        struct gate *gate, const struct gate_question *question, gate_done_fn done, void *ctx);
/* The asker is gone: its `done` is not called any more. The item ends as canceled when that
 * was the last one. */
void gate_cancel(struct gate *gate, uint64_t ticket);
/* The item in which a ticket waits, which is its row in the store, also from inside its `done`
 * (gate_recent() has the rest then); 0: it does not wait. The first asker's ticket is the
 * item's id. */
uint64_t gate_item_id(const struct gate *gate, uint64_t ticket);

/*
 * The rule line that an answer of this width would be, to be shown before and given back in
 * gate_answer.rule. False: this item can be answered so for once only; risk high excludes
 * allowing more than exactly this.
 */
bool gate_rule(const struct gate *gate, uint64_t id, bool allow, enum width width,
        char line[RECIPE_LINE]);

/*
 * What a call would be with other arguments (a JSON object on one line): its risk, what is
 * dangerous about it, and the digest that gate_decide() wants with gate_answer.edited. Nothing
 * changes. ERR_DENIED if the rules forbid it, ERR_USAGE if it cannot be edited, ERR_LIMIT.
 */
struct gate_edit {
    enum risk risk;
    uint32_t hazards;
    char digest[65];
};
int gate_edit(const struct gate *gate, uint64_t id, struct str arguments, struct gate_edit *ret,
        struct err *err);
/* Inside of `done`, of its ticket: the arguments that were approved in place of those asked
 * for; p NULL: there are none. What the human wrote to the agent, or "". Both borrow. */
struct str gate_edited(const struct gate *gate, uint64_t ticket);
const char *gate_message(const struct gate *gate, uint64_t ticket);

/*
 * ERR_CONFLICT "changed, look again" if anything differs from what waits, or an answer denies
 * it meanwhile; ERR_NOENT; what grant_new() says. An answer for more than once also answers
 * what else waits and is covered by it.
 */
int gate_decide(struct gate *gate, uint64_t id, const char *digest, const char *policy_version,
        const struct gate_answer *answer, struct err *err);

/* Opening a review stops the item's clock, for at most 10 minutes in all. */
void gate_review_begin(struct gate *gate, uint64_t id);
void gate_review_end(struct gate *gate, uint64_t id);

/*
 * Hold everything: while it is on, no new request begins and raw tunnels stand still; nothing
 * is denied by it. Those who carry requests ask gate_is_held() before each and are told of the
 * change; `fn` NULL takes a listener of that ctx off.
 */
void gate_hold(struct gate *gate, bool hold);
bool gate_is_held(const struct gate *gate);
void gate_on_hold(struct gate *gate, void (*fn)(void *ctx, bool held), void *ctx);

/* Waiting items, oldest first. gate_at returns NULL past the end, gate_find by id. */
unsigned gate_count(const struct gate *gate);
unsigned gate_count_of(const struct gate *gate, const char *session);
/* More than LIMIT_FLOOD of what waits came from this session within LIMIT_FLOOD_MS. */
bool gate_floods(const struct gate *gate, const char *session);
const struct gate_item *gate_at(struct gate *gate, unsigned index);
const struct gate_item *gate_find(struct gate *gate, uint64_t id);
/*
 * What nobody answered in time, newest first; NULL past the end, or if there is none of that
 * id. Agents ask again: a late yes is for the same question (session, kind, text, rule, policy)
 * once, within LIMIT_LATE_MS, and counts from when it is on disk. gate_drop_expired() forgets
 * them, with their late answers.
 */
const struct gate_item *gate_expired_at(struct gate *gate, unsigned index);
const struct gate_item *gate_expired_find(struct gate *gate, uint64_t id);
int gate_allow_late(struct gate *gate, uint64_t id, const char *digest,
        const char *policy_version, struct err *err);
void gate_drop_expired(struct gate *gate);
void gate_forget_expired(struct gate *gate, uint64_t id); /* this one */

/* Lately decided or expired, newest first (up to 32). */
const struct gate_item *gate_recent(struct gate *gate, unsigned index);

#endif
