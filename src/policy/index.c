/*
 * index.c - a hash table of chains. Nodes are put in front, rules from the last to the first,
 * so that every chain rises.
 */
#include "policy/index.h"

#include "base/mem.h"
#include "policy/rule.h"

static uint64_t hash_bytes(uint64_t hash, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        hash = (hash ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* `tool` NULL: of the server alone. */
static size_t place(
        const struct rule_index *index, struct str server, const struct str *tool, bool denies)
{
    uint64_t hash = hash_bytes(UINT64_C(0xcbf29ce484222325) + denies, server);

    if (tool)
        hash = hash_bytes(hash, *tool);
    return (hash ^ hash >> 29) & index->mask;
}

static void put(struct rule_index *index, uint32_t *head, size_t rule)
{
    if (index->count == index->room) {
        index->room = index->room ? index->room * 2 : 64;
        index->nodes = xrealloc(index->nodes, index->room * sizeof(*index->nodes));
    }
    index->nodes[index->count] = (struct index_node){(uint32_t)rule, *head};
    *head = (uint32_t)++index->count;
}

static void put_target(
        struct rule_index *index, const struct target *target, size_t rule, bool denies)
{
    if (target->any_server && !target->tool_globs)
        put(index, &index->heads[place(index, STR("*"), &target->tool, denies)], rule);
    else if (target->server_globs)
        put(index, &index->everywhere[denies], rule);
    else if (target->tool_globs)
        put(index, &index->heads[place(index, target->server, NULL, denies)], rule);
    else
        put(index, &index->heads[place(index, target->server, &target->tool, denies)], rule);
}

void index_build(struct rule_index *index, const struct policy *policy)
{
    size_t targets = 0;
    size_t size = 64;

    index_release(index);
    for (size_t i = 0; i < policy->count; i++)
        targets += policy->rules[i].target_count;
    while (size < targets * 2)
        size *= 2;
    index->mask = size - 1;
    index->heads = xcalloc(size, sizeof(*index->heads));
    for (size_t i = policy->count; i-- > 0;) {
        const struct rule *rule = &policy->rules[i];

        for (size_t j = 0; j < rule->target_count; j++)
            put_target(index, &rule->targets[j], i, rule->verb == VERDICT_DENY);
    }
}

void index_release(struct rule_index *index)
{
    free(index->nodes);
    free(index->heads);
    *index = (struct rule_index){0};
}

void index_walk(struct index_walk *walk, const struct rule_index *index, struct str server,
        struct str tool, bool denies)
{
    walk->index = index;
    walk->at[0] = index->everywhere[denies];
    walk->at[1] = index->heads[place(index, server, NULL, denies)];
    walk->at[2] = index->heads[place(index, server, &tool, denies)];
    walk->at[3] = index->heads[place(index, STR("*"), &tool, denies)];
}

bool index_next(struct index_walk *walk, size_t *ret_rule)
{
    int best = -1;
    uint32_t rule = UINT32_MAX;

    for (int i = 0; i < 4; i++) {
        if (walk->at[i] == 0)
            continue;
        const struct index_node *node = &walk->index->nodes[walk->at[i] - 1];
        if (node->rule < rule) {
            rule = node->rule;
            best = i;
        }
    }
    if (best < 0)
        return false;
    walk->at[best] = walk->index->nodes[walk->at[best] - 1].next;
    *ret_rule = rule;
    return true;
}
