/*
 * args.h - the arguments of a call, read once into a flat list; for src/policy, and src/review,
 * which shows them.
 *
 * A value stands before the values inside of it, so its children begin one behind it and end
 * before `next`. Numbers stay text: none is too large. Strings are decoded.
 */
#ifndef SRC_POLICY_ARGS_H
#define SRC_POLICY_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct readings;

/* What a string looks like, if nobody says what it is. */
enum arg_look {
    LOOK_UNSEEN,
    LOOK_TEXT,  /* no path */
    LOOK_WORD,  /* a name that nothing in the server's folder has */
    LOOK_PROSE, /* a text that holds a slash: what it says counts, not what it may mean */
    LOOK_PATH
};

enum arg_kind { ARG_NULL, ARG_FALSE, ARG_TRUE, ARG_NUMBER, ARG_STRING, ARG_ARRAY, ARG_OBJECT };

struct arg {
    enum arg_kind kind;
    bool is_broken; /* a string that is no text: half of a surrogate pair */
    bool is_member; /* the name is its own, else that of the array it is in */
    bool is_judged; /* a path that the deciding rule looked at */
    enum arg_look look;
    enum arg_look name_look; /* of a member's name */
    size_t next;             /* index behind this value and all inside of it */
    struct str name;
    struct str text;           /* a string, decoded (may hold NUL); else as written */
    struct readings *readings; /* owns; of a string as a path, once somebody asked */
    size_t at, len;            /* as written, with quotes, in the arguments */
};

#define ARGS_INLINE 24

struct args {
    struct arg *items; /* `first` or owned */
    size_t count, room;
    char *decoded; /* owns; what borrows no text of the arguments */
    size_t used;
    size_t size; /* of the arguments */
    struct arg first[ARGS_INLINE];
};

/* items[0] is the object. False with a sentence: no JSON object, two members of one name, a
 * name that is no text, too many values. Borrows from `text`. Release it in either case. */
bool args_read(struct args *args, struct str text, const char **ret_why);
void args_release(struct args *args);

#endif
