/*
 * call.h - judging MCP tool calls.
 *
 * The order is that of net requests (policy.h): what the program itself forbids, any deny,
 * ask and allow in file order, the default. A rule's conditions look at the arguments; what
 * a path means is what the kernel makes of it now, so judging reads links (readlinkat and
 * openat2, nothing else, bounded). Everything is judged on the calling thread.
 *
 *     policy_eval_call(policy, &world, &call, &verdict, &edits);
 *     if (verdict.kind == VERDICT_ALLOW)
 *         ... call_rewrite(call.arguments, &edits, &out) is what may be sent
 *     call_edits_release(&edits);
 */
#ifndef SRC_POLICY_CALL_H
#define SRC_POLICY_CALL_H

#include "base/buf.h"
#include "policy/policy.h"

/* Where the words of a call mean what. Host paths are real (no links in them, as realpath()
 * makes them, and they stay so) and have no final slash. All borrow. */
struct policy_world {
    const char *home;          /* "~/" */
    const char *workspace;     /* $WS, or NULL */
    const char *box_workspace; /* what stands for it in arguments ("/workspace"), or NULL */
    const char *cwd;           /* of the server that is called; NULL: the workspace */
    /* NULL-ended, or NULL: what no call may touch (our home, policy, CA, database, sockets, the
     * agent's credentials), nor what contains it if the call writes, deletes or recurses. */
    const char *const *guarded;
};

struct call_request {
    struct str server, tool;
    struct str arguments; /* raw JSON object; n 0: {} */
};

/* An argument that was judged in another form than written, to be sent in that form. */
struct call_edit {
    size_t at, len; /* the string token with its quotes, in call_request.arguments */
    char *text;     /* owns; a JSON string with quotes */
};

struct call_edits {
    struct call_edit *items; /* owns; by rising `at` */
    size_t count;
};

void call_edits_release(struct call_edits *edits); /* empty and usable again */

/*
 * Judge a call. `edits` (NULL: not wanted) is filled anew; it is empty for what is denied.
 * Arguments that are no JSON object, or that two readers may understand differently
 * (duplicate names), are denied.
 */
void policy_eval_call(const struct policy *policy, const struct policy_world *world,
        const struct call_request *call, struct verdict *ret, struct call_edits *edits);

/* As policy_restrict_net(). */
void policy_restrict_call(const struct policy *repository, const struct policy_world *world,
        const struct call_request *call, struct verdict *verdict);

/* The tests of the file once more, in this world instead of one that exists nowhere. */
int policy_run_tests(
        const struct policy *policy, const struct policy_world *world, struct err *err);

/*
 * The judgement of a call step by step, for people: one line each, safe to print. `line` is
 * valid during the call.
 */
void policy_explain_call(const struct policy *policy, const struct policy_world *world,
        const struct call_request *call, void (*step)(void *ctx, const char *line), void *ctx);

/* The arguments with the edits made, appended to `ret`; false if they do not belong together.
 */
bool call_rewrite(struct str arguments, const struct call_edits *edits, struct buf *ret);

#endif
