/*
 * names.h - the words that enums are stored as.
 *
 * The database holds words, not numbers, so that it can be read with any sqlite tool and an
 * enum may get a new member in the middle.
 */
#ifndef SRC_STORE_NAMES_H
#define SRC_STORE_NAMES_H

#include "base/str.h"

struct names {
    const char *const *list; /* index = value of the enum */
    int count;
};

extern const struct names names_session_state;
extern const struct names names_request_decision;
extern const struct names names_escalation_state;

/* The word of a value; a value outside the enum is our own mistake. */
const char *names_word(const struct names *names, int value);

/* False if the word is none of them (a database that somebody edited). */
bool names_value(const struct names *names, struct str word, int *ret);

#endif
