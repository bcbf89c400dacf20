/*
 * index.h - which rules may be about a tool, without looking at all of them; inside src/policy
 * only.
 *
 * A rule is found by the one of server and tool that it names, or by both; a rule that names
 * neither is looked at for every call. What is found has still to be compared: two names may
 * share a place.
 */
#ifndef SRC_POLICY_INDEX_H
#define SRC_POLICY_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct policy;

struct rule_index {
    struct index_node {
        uint32_t rule;
        uint32_t next; /* 0: the last one; else one more than its place */
    } * nodes;         /* owns */
    size_t count, room;
    uint32_t *heads; /* owns; as those of nodes */
    size_t mask;
    uint32_t everywhere[2]; /* of rules that name no server: [is deny] */
};

/* When all rules stand in their final order. */
void index_build(struct rule_index *index, const struct policy *policy);
void index_release(struct rule_index *index);

/* Rising rule numbers, some of them twice. */
struct index_walk {
    const struct rule_index *index; /* borrows */
    uint32_t at[4];
};
void index_walk(struct index_walk *walk, const struct rule_index *index, struct str server,
        struct str tool, bool denies);
bool index_next(struct index_walk *walk, size_t *ret_rule);

#endif
