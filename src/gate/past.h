/*
 * past.h - what an answer would have meant for the requests in the record: how many it takes,
 * of which sessions, and one that it would have decided otherwise. Shown before an answer is
 * remembered, because a rule is easily read for less than it is.
 */
#ifndef SRC_GATE_PAST_H
#define SRC_GATE_PAST_H

#include "gate/gate.h"

struct past;

/* Of a waiting item, with the rule lines that an approval and a denial would be ("": none).
 * Copies all of it. */
struct past *past_new(const struct store *store, const struct gate_item *item,
        const char *allow, const char *deny);
void past_free(struct past *past);

/* Once, on any thread. Reads at most LIMIT_PAST rows, newest first. Blocks. */
void past_make(struct past *past);

/* After past_make(): "4 of 212 recorded calls, in 2 sessions; ..." in one or two lines, safe to
 * print. */
const char *past_text(const struct past *past, bool allow);

#endif
