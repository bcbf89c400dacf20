/*
 * paths.h - a string of a call as a path, in every way that a server may understand it; inside
 * src/policy only.
 *
 * Each form (as it stands, "~/" expanded, "file:" decoded, the box's workspace mapped to the
 * host's) is read twice: as the kernel walks it and as the text normalised. Whoever allows
 * wants all readings to be inside, whoever denies is content with one.
 */
#ifndef SRC_POLICY_PATHS_H
#define SRC_POLICY_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "policy/call.h"

#define READINGS_MAX 9 /* three forms: by the kernel, the last link itself, by the text */

struct readings {
    const char *why; /* NULL, or why not all that it may mean is known */
    bool exists;     /* as the judged form */
    bool is_url;     /* has a scheme, and it is not file: */
    bool is_boxed;   /* a path of the box */
    bool is_file;    /* a file: URL */
    bool differs;    /* the server has to be sent the judged path, not the text */
    size_t count;
    struct {
        size_t at, n;
    } items[READINGS_MAX];
    /* Of the judged form: the kernel's reading, and with a last link not followed. */
    size_t real, itself;
    size_t used, room;
    char store[]; /* all readings, each with a NUL */
};

/* No "cannot tell" is an error: what can be told is in it. Free it. */
struct readings *readings_new(const struct policy_world *world, struct str text);
void readings_free(struct readings *readings);

static inline struct str readings_item(const struct readings *r, size_t i)
{
    return (struct str){r->store + r->items[i].at, r->items[i].n};
}

/* The judged path as it is to be sent, in the form that the text has; a JSON string. */
char *readings_judged(const struct readings *r, bool itself);

/* If `text` is the box's workspace or in it: the same on the host, a JSON string; else NULL.
 * The rest of the text is left as it is. */
char *path_unboxed(const struct policy_world *world, struct str text);

#endif
