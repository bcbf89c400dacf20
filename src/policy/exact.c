/*
 * exact.c - which rules for tool calls take one call only.
 */
#include "policy/judge.h"

/* Is the argument also compared word for word? */
static bool has_is(const struct rule *rule, const char *arg)
{
    for (size_t i = 0; i < rule->cond_count; i++)
        if (rule->conds[i].op == OP_IS && rule->conds[i].value_count == 1 &&
                strcmp(rule->conds[i].arg, arg) == 0)
            return true;
    return false;
}

bool rule_is_exact(const struct rule *rule)
{
    bool is_closed = false;

    if (rule->target_count != 1 || !target_is_exact(&rule->targets[0]))
        return false;
    for (size_t i = 0; i < rule->cond_count; i++) {
        const struct cond *cond = &rule->conds[i];

        if (cond->op == OP_ONLY)
            is_closed = is_closed || cond->root == ROOT_WHOLE;
        else if (!has_is(rule, cond->arg))
            return false;
    }
    /* Every argument that there may be is compared. */
    for (size_t i = 0; i < rule->cond_count; i++) {
        const struct cond *cond = &rule->conds[i];

        if (cond->op == OP_ONLY && cond->root == ROOT_WHOLE)
            for (size_t j = 0; j < cond->value_count; j++)
                if (!has_is(rule, cond->values[j].text))
                    return false;
    }
    return is_closed;
}
