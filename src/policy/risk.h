/*
 * risk.h - what is dangerous about a request whatever the rules say: rules with names, by fixed
 * tables. They never decide anything; the person who is asked reads them, and the highest of
 * their risks and the rule's is the request's.
 *
 * Where a table cannot tell, it warns: a warning too many costs a look.
 */
#ifndef SRC_POLICY_RISK_H
#define SRC_POLICY_RISK_H

#include "policy/call.h"
#include "policy/policy.h"

/* In the order in which they are shown. */
enum hazard {
    HAZARD_LOOKALIKE,
    HAZARD_INVISIBLE,
    HAZARD_PRIVATE,
    HAZARD_CREDENTIAL,
    HAZARD_OUTSIDE,
    HAZARD_HOOK,
    HAZARD_HISTORY,
    HAZARD_DELETES,
    HAZARD_LEAVES,
    HAZARD_TUNNEL,
    HAZARD_EXECUTABLE,
    HAZARD_LARGE,
    HAZARD_FIRST, /* who keeps the record knows */
    HAZARD_COUNT
};

const char *hazard_text(enum hazard hazard); /* "leaves this machine" */
enum risk hazard_risk(enum hazard hazard);

static inline uint32_t hazard_bit(enum hazard hazard)
{
    return UINT32_C(1) << hazard;
}

/* Bits of all that are true of the request. */
uint32_t hazards_of_net(const struct policy *policy, const struct net_request *req);
uint32_t hazards_of_call(const struct policy_world *world, const struct call_request *call);
/* The highest risk of them. */
enum risk hazards_risk(uint32_t hazards);

/* Both, put into a verdict that asks. */
void verdict_warn_net(
        struct verdict *verdict, const struct policy *policy, const struct net_request *req);
/* is_out: what its paths lead to is out of the workspace, whatever their text says. */
void verdict_warn_call(struct verdict *verdict, const struct policy_world *world,
        const struct call_request *call, bool is_out);

/* The name of a rule that allows or asks which this host could be taken for: other letters of
 * the same look, one letter more, less or another. NULL: none. Borrows from the policy. */
const char *host_taken_for(const struct policy *policy, struct str host);
/* Letters of several scripts in one label, in punycode or not. */
bool host_is_mixed(struct str host);

#endif
