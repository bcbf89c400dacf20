/*
 * folders.h - the folders that rules name; inside src/policy only.
 *
 * Where "~/" and $WS are is known only when a call is judged, and a folder may itself be
 * reached through a link, so each has two forms then: as its text says and as the kernel walks
 * it. The workspace belongs to the agent: what is in it is looked at anew for every call.
 * Elsewhere a look holds for a second, since a look costs as much as the rest of a decision.
 */
#ifndef SRC_POLICY_FOLDERS_H
#define SRC_POLICY_FOLDERS_H

#include "base/err.h"
#include "policy/call.h"

struct folders; /* of one policy; the memory of the looks changes while rules are judged */

struct folders *folders_new(void);
void folders_free(struct folders *folders);

/* "~", "~/x", "$WS", "$WS/x", "$NAME/x" (of the environment, now) or "/x"; the same text is the
 * same folder. Returns its index or an error without file and line. */
int folders_add(struct folders *folders, struct str word, struct err *err);

/* A call in this world begins. */
void folders_turn(struct folders *folders, const struct policy_world *world);

struct folder_look {
    bool is_nowhere;       /* there is no such folder in this world, so nothing is in it */
    bool is_moved;         /* real is not the same as text */
    struct str text, real; /* borrow */
};
/* Until the next look at it. */
const struct folder_look *folders_look(
        struct folders *folders, size_t i, const struct policy_world *world);

/* The words of the rule, for people. */
const char *folders_words(const struct folders *folders, size_t i);

#endif
