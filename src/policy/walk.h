/*
 * walk.h - what a path is: as the kernel walks it, and as a text; inside src/policy only.
 *
 * Paths are absolute. Results are normal: no empty component, no "." or "..", no final slash
 * ("/" alone is the root). The kernel's reading follows links, also the last and also one that
 * leads nowhere; what does not exist yet keeps its name.
 */
#ifndef SRC_POLICY_WALK_H
#define SRC_POLICY_WALK_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

#define WALK_LINKS 40 /* as in the kernel */

struct walk {
    const char *why; /* NULL, or what keeps the kernel's reading from being known */
    bool exists;     /* all of it is there */
    /* Is the last component a link? Then this is the link itself, else the same as `real`. */
    bool ends_in_link;
    size_t real_n, itself_n;
    char real[PATH_MAX];
    char itself[PATH_MAX];
};

/* Reads links and changes nothing. `path` begins with a slash and has no NUL; what is longer
 * than the kernel takes is not known. Its first `known` bytes (0 or more, no final slash) are a
 * real folder in normal form. `is_likely`: something of that name is expected to be there,
 * which only makes a difference in time. */
void path_walk(struct walk *walk, struct str path, size_t known, bool is_likely);

/* The normal form of the text, which is what programs compute that do not ask the kernel.
 * `out` has room for path.n + 1 bytes; returns the length. */
size_t path_lexical(struct str path, char *out);

/* Is `path` the folder itself, or in it? Both normal. */
static inline bool path_is_in(struct str path, struct str folder)
{
    if (folder.n == 1)
        return true;
    return path.n >= folder.n && (path.n == folder.n || path.p[folder.n] == '/') &&
           memcmp(path.p, folder.p, folder.n) == 0;
}

/* Is there a folder? The path is normal. */
bool path_is_folder(const char *path);

/* Takes the next component off the front; false when there is none. */
bool path_next(struct str *rest, struct str *ret);

#endif
