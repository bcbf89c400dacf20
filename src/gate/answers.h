/*
 * answers.h - answers.rules in the home folder: what a human answered with "always", one rule
 * a line in the language of the policy, `allow` or `deny`. The program appends to it, people
 * may edit it, and several processes share it.
 *
 * An unreadable or wrong file is never half used: at start it is an error; later the answers
 * read last go on to deny, but allow nothing, until the file is right again.
 */
#ifndef SRC_GATE_ANSWERS_H
#define SRC_GATE_ANSWERS_H

#include "io/loop.h"
#include "policy/policy.h"

struct answers;

/* A missing file is an empty one. Reads the file: called at start. */
struct answers *answers_open(const char *path, struct err *err);
void answers_free(struct answers *answers);

/* Read the file again if somebody changed it since; else one stat(). */
void answers_refresh(struct answers *answers);

/* The rules to use; a pointer valid until the next refresh. */
const struct policy *answers_policy(const struct answers *answers);
/* Why the file as it is now is not used; "" if it is. Nothing may be allowed then. */
const char *answers_trouble(const struct answers *answers);

/* Each rule with the number of its line, as it stands there; a missing file has none. Blocks.
 */
int answers_each(const char *path, void (*fn)(void *ctx, unsigned number, struct str line),
        void *ctx, struct err *err);
/* Take the line out, if it stands there still (ERR_CONFLICT); the file is replaced in one step.
 * Blocks. */
int answers_remove(const char *path, unsigned number, struct str line, struct err *err);
/* The file of that name, locked against all others until it is closed: to append (made if it
 * is not there), or to read. Blocks. */
int answers_lock(const char *path, bool is_new, struct err *err);
const char *answers_path(const struct answers *answers);

/*
 * Append one rule line and its comment, off the loop, locked against other processes, and
 * refused if the file would not be right afterwards. `done` is called on the loop, exactly
 * once, also when `answers` is freed meanwhile: nothing of it is used.
 */
void answers_append(const struct answers *answers, struct loop *loop, const char *line,
        const char *comment, void (*done)(void *ctx, const struct err *err), void *ctx);

#endif
