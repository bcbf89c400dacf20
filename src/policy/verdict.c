/*
 * verdict.c - verdicts and their texts.
 */
#include "policy/verdict.h"

void verdict_fill(struct verdict *ret, enum verdict_kind kind, const char *rule,
        const char *where, const char *reason)
{
    *ret = (struct verdict){.kind = kind, .risk = RISK_MED};
    (void)str_copy(ret->rule, sizeof(ret->rule), str_of(rule));
    (void)str_copy(ret->where, sizeof(ret->where), str_of(where));
    (void)str_copy(ret->reason, sizeof(ret->reason), str_of(reason));
}

void verdict_forbid(struct verdict *ret, const char *rule, const char *reason)
{
    verdict_fill(ret, VERDICT_DENY, rule, "built in", reason);
}
