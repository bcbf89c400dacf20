/*
 * gate_priv.h - the inside of the gate, for gate.c (asking, the clock, looking), decide.c
 * (deciding, the disk, telling the askers) and late.c (answers that come too late) only.
 */
#ifndef SRC_GATE_GATE_PRIV_H
#define SRC_GATE_GATE_PRIV_H

#include "gate/item.h"

#define GATE_RECENT 32

/* A decision on its way to the disk. It outlives the gate if it must: the store calls back. */
struct commit {
    struct gate *gate; /* borrows; NULL: the gate is gone */
    uint64_t id;
    struct escalation_record rec; /* the detail is the item's */
    struct grant *grant;          /* owns; NULL: for once */
    struct commit *next, **prev;
};

struct hold_listener {
    void (*fn)(void *ctx, bool held);
    void *ctx; /* borrows */
    struct hold_listener *next;
};

struct gate {
    struct loop *loop;   /* borrows */
    struct store *store; /* borrows */
    struct gate_config config;
    struct timer *timer; /* owns */
    struct item **items; /* owns; oldest first */
    size_t count, room;
    struct item *expired;   /* owns; newest first; late.c */
    struct item *finishing; /* off the list, their askers are being told */
    struct commit *commits; /* those under way; each frees itself */
    struct gate_item recent[GATE_RECENT];
    unsigned recent_count; /* ever */
    int asked;             /* ever; numbers the questions for people */
    bool closing;
    bool held;
    struct hold_listener *listeners; /* owns */
    struct first *firsts;            /* under way; each frees itself; first.c */
    struct revocation *revocations;  /* under way; each frees itself; revoke.c */
};

/* Why a person, or the program, decided so, as the askers are told. */
void gate_explain(const struct escalation_record *rec, char *out, size_t cap);

/* A decision about the item that is to go to the disk; the item itself does not change. */
struct commit *commit_new(struct gate *gate, const struct item *item,
        enum escalation_state state, const char *by, const char *message);
void commit_free(struct commit *commit);

/* Somebody denied it for longer, since it was asked. */
bool gate_is_denied_now(const struct gate *gate, const struct item *item);

/* late.c: take an item that expired and has been told. */
void late_keep(struct gate *gate, struct item *item);
/* The same question is asked anew, as number `again`. The number of the one whose late answer
 * allows it, which is then used up; 0: none. */
int late_take(struct gate *gate, const struct item *asked, int again);

/* The waiting item of an id, or NULL. */
struct item *gate_item(const struct gate *gate, uint64_t id);
/* Set the timer for the nearest deadline; tell the screen. */
void gate_rearm(struct gate *gate);
void gate_changed(struct gate *gate);

/* The program decides: the item goes on its way to the disk. */
void gate_settle(struct gate *gate, struct item *item, enum escalation_state state,
        const char *by, const char *message);
/* The one end of an item. Nothing may follow a call: `done` may free the gate. */
void gate_finish(struct gate *gate, struct item *item, bool allowed, const char *reason);
/* first.c: find out whether it is the first of its kind; those under way are left alone. */
void first_ask(struct gate *gate, const struct item *item);
void first_leave(struct gate *gate);
/* revoke.c: those under way are left to themselves. */
void gate_leave_revocations(struct gate *gate);
/* The gate closes: who has not been told of a finished item yet is told now, and commits
 * under way are left to themselves. */
void gate_let_go(struct gate *gate);

#endif
