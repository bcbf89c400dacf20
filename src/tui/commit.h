/*
 * commit.h - the gate's keeper: decides whether a commit key counts now. Pure; time is given.
 *
 *   NONE --open--> PAINT --painted--> FENCE --reply, or 800 ms--> ARMING --time--> READY
 *                    ^                                             |  ^             |
 *                    |                                   rearm ----'  `---- rearm --+
 *                    `------------------------ repaint -----------------------------+
 *   READY --approve, high risk--> CODE --both letters--> SENT      (a wrong one: ARMING)
 *   READY --approve--> SENT          any but NONE --deny--> SENT, after the fence only
 *   any --the subject expired, was decided or differs--> DEAD (a tombstone; keys are dead)
 *
 * The fence: after the subject has been painted whole, the terminal is asked for CSI 5 n.
 * Every key that arrives before its answer was pressed before the user could see the subject,
 * and is dropped. Terminals that do not answer get a time instead. Answers are counted, so
 * that a late one to an older question does not open a newer fence.
 */
#ifndef SRC_TUI_COMMIT_H
#define SRC_TUI_COMMIT_H

#include <stdbool.h>
#include <stdint.h>

#define COMMIT_FENCE_ALONE_MS 800 /* from the paint, when no answer comes before */
#define COMMIT_ARM_MS 500
#define COMMIT_HIGH_FACTOR 3

enum commit_phase {
    COMMIT_NONE,
    COMMIT_PAINT,
    COMMIT_FENCE,
    COMMIT_ARMING,
    COMMIT_READY,
    COMMIT_CODE,
    COMMIT_SENT,
    COMMIT_DEAD
};

enum commit_answer {
    COMMIT_OK,         /* decide now */
    COMMIT_IGNORED,    /* before the fence: as if never pressed */
    COMMIT_NOT_READY,  /* still arming */
    COMMIT_NOT_SEEN,   /* not every line was on the screen yet */
    COMMIT_TOO_SMALL,  /* the terminal cannot show it */
    COMMIT_ASKS_CODE,  /* high risk: two letters follow */
    COMMIT_WRONG_CODE, /* a wrong letter */
    COMMIT_GONE        /* tombstone, or decided already */
};

struct commit {
    enum commit_phase phase;
    /* The bound subject. */
    uint64_t id;
    char digest[65];
    char policy_version[17];
    bool high;
    bool seen; /* every line was shown */
    bool can_decide;
    char code[3];   /* two letters to copy for high risk */
    unsigned typed; /* how many of them are right so far */
    /* Times, all in the caller's milliseconds. */
    uint64_t painted_at, armed_at;
    uint32_t arm_ms;
    /* The terminal's fence. */
    unsigned asked, answered;
};

void commit_init(struct commit *commit, uint32_t arm_ms);
/* Bind a subject. `code`: two letters, made anew for each subject. */
void commit_open(struct commit *commit, uint64_t id, const char *digest,
        const char *policy_version, bool high, const char code[2]);
void commit_close(struct commit *commit);
/* What is shown will be painted differently (resize): fence and arming start again. */
void commit_repaint(struct commit *commit);
/* The paint goes out now. True: send CSI 5 n right behind it. */
bool commit_painted(struct commit *commit, uint64_t now);
void commit_fence_answer(struct commit *commit, uint64_t now);
/* The window got the focus, or the like: arm again. */
void commit_rearm(struct commit *commit, uint64_t now);
void commit_set_seen(struct commit *commit, bool seen);
void commit_set_can_decide(struct commit *commit, bool can_decide);
/* Compare what waits now with what is bound; waits false: it does not wait any more. */
void commit_check(
        struct commit *commit, bool waits, const char *digest, const char *policy_version);
void commit_kill(struct commit *commit);

/* Moves over what time alone changes. */
enum commit_phase commit_phase(struct commit *commit, uint64_t now);
/* Milliseconds until time changes the phase; 0: never. */
uint64_t commit_next_ms(struct commit *commit, uint64_t now);
/* Keys of any kind are dropped now. */
bool commit_drops_keys(struct commit *commit, uint64_t now);

enum commit_answer commit_approve(struct commit *commit, uint64_t now);
enum commit_answer commit_deny(struct commit *commit, uint64_t now);
/* A letter in phase CODE. COMMIT_ASKS_CODE: one more. */
enum commit_answer commit_letter(struct commit *commit, uint32_t cp, uint64_t now);

#endif
