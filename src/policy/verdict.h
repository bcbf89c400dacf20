/*
 * verdict.h - filling a verdict; inside src/policy only.
 */
#ifndef SRC_POLICY_VERDICT_H
#define SRC_POLICY_VERDICT_H

#include "policy/policy.h"

/* What is too long is cut. */
void verdict_fill(struct verdict *ret, enum verdict_kind kind, const char *rule,
        const char *where, const char *reason);

/* Denied by the program itself. */
void verdict_forbid(struct verdict *ret, const char *rule, const char *reason);

#endif
