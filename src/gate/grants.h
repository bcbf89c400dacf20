/*
 * grants.h - answers a human gave, and what they mean for requests that come later.
 *
 * One object per process. An answer that is not for once holds as a rule line made by a
 * recipe (policy/recipe.h): for some uses, some time or a session in memory, or always in
 * answers.rules (gate/answers.h). Order of judging, as in docs/policy.md: what the program
 * forbids and denies of the policy; denies among the answers; then answers that allow,
 * narrowest first, turn "ask" into "allow"; they never turn "deny" into "allow".
 *
 *     grants_judge_net(grants, policy, session, &req, &verdict);
 *     if (verdict.kind == VERDICT_ASK)
 *         ticket = gate_ask(gate, &question, done, ctx);      (question.net = &req)
 */
#ifndef SRC_GATE_GRANTS_H
#define SRC_GATE_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/loop.h"
#include "policy/call.h"
#include "policy/policy.h"
#include "policy/recipe.h"

enum scope {
    SCOPE_ONCE,    /* those who wait now, nothing is remembered */
    SCOPE_USES,    /* so many in all, those who wait now among them */
    SCOPE_TIME,    /* for a time */
    SCOPE_SESSION, /* until the session ends */
    SCOPE_ALWAYS   /* a line in answers.rules, for every session */
};

/* What a human answers; zeroed is "deny, once". */
struct gate_answer {
    bool allow;
    enum scope scope;
    uint32_t uses;       /* SCOPE_USES */
    uint64_t for_ms;     /* SCOPE_TIME */
    enum width width;    /* not for SCOPE_ONCE */
    const char *rule;    /* borrows; not for SCOPE_ONCE: the line that was shown */
    const char *message; /* borrows; for the agent, or NULL */
    /* Allowed once, with these arguments instead of those asked for (gate_edit()), which were
     * shown as of this risk; p NULL: as asked. Borrows. */
    struct str edited;
    enum risk edited_risk;
};

/* "once" "3 times" "for 15 min" "this session" "always" */
void scope_words(const struct gate_answer *answer, char *out, size_t cap);

struct grants;
struct grant;

/*
 * Reads the answers.rules at `path`; a missing one is empty, a wrong one is an error with
 * file:line. NULL path: no file, nothing can be answered with "always".
 */
struct grants *grants_new(struct loop *loop, const char *path, struct err *err);
void grants_free(struct grants *grants);

/*
 * Policy and answers together. An answer that is counted is used up by this call, so judge a
 * request once. verdict.where says which answer decided: "answer #12, this session" or
 * "answers.rules:3". grants NULL: the policy alone; session NULL: answers.rules alone.
 */
void grants_judge_net(struct grants *grants, const struct policy *policy, const char *session,
        const struct net_request *req, struct verdict *ret);

/* The same for a tool call; `edits` as in policy_eval_call(). */
void grants_judge_call(struct grants *grants, const struct policy *policy, const char *session,
        const struct call_request *call, const struct policy_world *world, struct verdict *ret,
        struct call_edits *edits);

/* The same, but nothing is used up: to see what would be. */
void grants_preview_net(struct grants *grants, const struct policy *policy, const char *session,
        const struct net_request *req, struct verdict *ret);

/* policy_names_https() of the policy, or of answers.rules. Answers in memory need no look: a
 * question inside of a tunnel is asked only where one of these two led into it. */
bool grants_name_https(
        struct grants *grants, const struct policy *policy, struct str host, uint16_t port);

/* The session is over: its answers are forgotten. */
void grants_end_session(struct grants *grants, const char *session);

/* --- for the gate ----------------------------------------------------------------------- */

/*
 * The answer as a grant that does not hold yet; answer.rule is a line of a recipe. ERR_LIMIT
 * if no more can be remembered; ERR_USAGE if it makes no sense.
 */
struct grant *grant_new(struct grants *grants, const struct gate_answer *answer,
        const char *session, struct err *err);
void grant_free(struct grant *grant);
/* So many askers of one request (net or call), all at once. What is of high risk takes answers
 * that name it exactly and no wider ones. `uses` 0: only looking. */
struct grant_use {
    const char *session;           /* borrows, or NULL */
    const struct net_request *req; /* NULL: it is a call */
    const struct call_request *call;
    const struct policy_world *world; /* of the call */
    enum risk risk;
    uint32_t uses;
};
/* Does the grant answer them? Their uses are then taken. */
bool grant_take(struct grant *grant, const struct grant_use *use);

/*
 * The grant holds from now on; `number` is what people call the request that it answered.
 * SCOPE_ALWAYS: `done` is called when the line is on disk, or with the reason why it is not;
 * other scopes call it before this returns. Takes the grant.
 */
void grants_add(struct grants *grants, struct grant *grant, int number, uint64_t id,
        void (*done)(void *ctx, const struct err *err), void *ctx);

/* Forget the one in memory that answered this request; false: there is none. */
bool grants_drop(struct grants *grants, int number);
const char *grants_path(const struct grants *grants); /* of answers.rules, or NULL */

/* Do the answers alone decide it now? False: none is about it. */
bool grants_decide(struct grants *grants, const struct grant_use *use, struct verdict *ret);

#endif
