/*
 * import.h - rules made of what other programs have.
 *
 * What cannot be said in a rule is said in a comment, and never widened: the rules allow no
 * call that the original would not have allowed.
 */
#ifndef SRC_POLICY_IMPORT_H
#define SRC_POLICY_IMPORT_H

#include "base/buf.h"
#include "base/err.h"

/* IronCurtain's compiled-policy.json and tool-annotations.json. An unknown field of a rule is
 * an error: a misspelt "within" must not widen it. */
int import_ironcurtain(
        struct str compiled, struct str annotations, struct buf *ret, struct err *err);

/* Claude Code's settings.json: the lists permissions.{allow,ask,deny}, of which mcp__SERVER and
 * mcp__SERVER__TOOL concern tool calls. */
int import_claude(struct str settings, struct buf *ret, struct err *err);

#endif
