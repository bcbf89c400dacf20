/*
 * reading_priv.h - the inside of a reading, for reading.c (arguments), change.c (files) and
 * unsaid.c (words) only.
 */
#ifndef SRC_REVIEW_READING_PRIV_H
#define SRC_REVIEW_READING_PRIV_H

#include "policy/args.h"
#include "review/reading.h"
#include "review/wsfile.h"

struct reading {
    struct call_request call;  /* owns what it points to */
    struct policy_world world; /* same; without `guarded` */
    struct str asked;          /* owns; the arguments that were edited; p NULL: none were */
    char *words;               /* owns */
    int64_t asked_ms;
    struct args args;
    bool *covered; /* owns; by argument: shown as a difference, not again as text */
    struct sheet what, raw, change;
    struct buf unsaid;
    struct wsfile file;
    bool has_file;
    bool is_newer;
};

/* The member of the arguments with one of these names (NULL-ended); 0: none. */
size_t reading_member(
        const struct reading *reading, size_t of, const char *const *names, enum arg_kind kind);

/* change.c: what the call would do to a file, into `change`; marks what that covers. */
void reading_find_change(struct reading *reading);
/* unsaid.c */
void reading_find_unsaid(struct reading *reading);

#endif
