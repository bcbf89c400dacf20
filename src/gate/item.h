/*
 * item.h - one question that waits, and who waits for its answer; inside src/gate only.
 *
 * Several askers of the same share one item: the same session, kind, text, policy, rule and
 * risk. Each has a ticket of its own.
 */
#ifndef SRC_GATE_ITEM_H
#define SRC_GATE_ITEM_H

#include "gate/gate.h"

struct asker {
    uint64_t ticket;
    gate_done_fn done;
    gate_judge_fn judge; /* or NULL */
    void *ctx;           /* borrows */
};

struct item {
    struct gate_item pub;                /* pub.count: askers; 0: all are gone */
    struct asker *askers;                /* owns; in the order of asking */
    char *method, *scheme, *host, *path; /* own; NULL without a net request */
    uint16_t port;
    struct kept_call *call; /* owns; NULL without a tool call */
    uint64_t asked_at_ms;   /* loop clock */
    uint32_t timeout_ms;
    char *detail;           /* owns; pub.rec.detail */
    uint64_t late_until_ms; /* of an expired one: loop clock; 0: no late answer */
    bool is_shown;          /* the text fits whole; what nobody can read nobody can approve */
    bool in_review;
    uint64_t review_since_ms;
    uint64_t review_left_ms;     /* of LIMIT_REVIEW_MS */
    bool has_message;            /* of the human, for the askers */
    char *edited, *edited_shown; /* own; approved so, and for the record; NULL: as asked */
    /* Finished: what the askers are told, one after the other. */
    uint64_t telling; /* ticket of the one whose `done` runs */
    bool allowed;
    char outcome[sizeof(((struct err *)0)->msg) + 64];
    struct item *next, **prev;
};

struct item *item_new(const struct gate_question *question);
void item_free(struct item *item);
/* Nobody will look at it: keep only the beginning of the text, for the record. */
void item_cut(struct item *item);

/* The arguments as a person would decide about them: the digest, and the text for the record,
 * which is the caller's. False: they cannot be shown whole. */
bool item_edit(
        const struct item *item, struct str arguments, char ret_digest[65], char **ret_shown);

/* May whoever asks `asked` wait with those of `item`? */
bool item_is_same(const struct item *item, const struct item *asked);

void item_add(struct item *item, const struct asker *asker);
bool item_has(const struct item *item, uint64_t ticket);
/* False if there is no such ticket. */
bool item_remove(struct item *item, uint64_t ticket);
/* The first who waits, who then does not any more. There must be one. */
struct asker item_take(struct item *item);

/* NULL: it is no tool call, or cannot be shown. Borrows from the item. */
const struct call_request *item_call(const struct item *item);
/* All who wait, as a use of grants, for items that answers can be about. Borrows from the item;
 * `req` is filled if it is a net request and must live as long as the result. */
bool item_use(const struct item *item, struct net_request *req, struct grant_use *ret);

#endif
