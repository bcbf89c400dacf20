/*
 * selftest.h - the tests that a rule file brings along; inside src/policy only.
 */
#ifndef SRC_POLICY_SELFTEST_H
#define SRC_POLICY_SELFTEST_H

#include "policy/call.h"
#include "policy/lex.h"
#include "policy/rule.h"

/* Where the tests of a file take place when it is read: folders that exist nowhere, so that
 * the outcome does not depend on the machine. */
extern const struct policy_world selftest_world;

/* Behind "test". */
int selftest_parse(struct policy *policy, struct lex *lex, unsigned line, struct err *err);

void selftests_free(struct selftest *tests, size_t count);

#endif
