/*
 * revoke.h - answers that hold, listed and taken back. What is taken back is recorded first.
 */
#ifndef SRC_GATE_REVOKE_H
#define SRC_GATE_REVOKE_H

#include "gate/gate.h"

/* An answer: of memory by the number of its request, or a line of answers.rules. */
struct held_answer {
    int number;    /* 0: it is a line */
    unsigned line; /* in answers.rules, from 1 */
    char session[37];
    char scope[32]; /* "this session", "always" */
    char rule[RECIPE_LINE + 256];
    uint32_t uses_left; /* 0: it does not count */
    uint64_t left_ms;   /* 0: no time is set */
};

/* Those in memory, oldest first; false past the end. */
bool grants_at(struct grants *grants, unsigned index, struct held_answer *ret);

/*
 * Take it back, unless it is another one by now (ERR_CONFLICT, ERR_NOENT). `done` is called
 * exactly once, never from inside, also after the gate is gone. The line of a file is read and
 * written off the loop.
 */
void gate_revoke(struct gate *gate, const struct held_answer *answer,
        void (*done)(void *ctx, const struct err *err), void *ctx);
/* The same for a line, where there is no gate: only the store. */
void answer_revoke(struct loop *loop, struct store *store, const char *path,
        const struct held_answer *answer, void (*done)(void *ctx, const struct err *err),
        void *ctx);

#endif
