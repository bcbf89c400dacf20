/*
 * recipe.h - from one request to the rule that answers it and others like it, by fixed
 * recipes, so that a person reads the whole consequence in one line before answering.
 */
#ifndef SRC_POLICY_RECIPE_H
#define SRC_POLICY_RECIPE_H

#include "policy/call.h"
#include "policy/policy.h"

/* Room for every rule line a recipe makes; what does not fit is not offered. */
#define RECIPE_LINE 640

enum width {
    WIDTH_EXACT, /* this method and path, with any query; a call with these arguments */
    WIDTH_HOST,  /* scheme, host and port; reading (GET, HEAD) stays reading, else any method.
                  * Of a call: other URLs of the same hosts */
    WIDTH_DIR,   /* a call: other paths in the same folders, and any text for them */
    WIDTH_TOOL   /* a call without arguments */
};
const char *width_name(enum width width); /* "exact" "host" "dir" "tool" */

/*
 * The line, with `verb` (allow or deny) in front. A CONNECT has one width: host and port; to
 * deny it denies all requests to them.
 * False if this width cannot be written as a rule, or the rule would not take this request:
 * the path holds a "*", can be read in two ways, or is too long.
 */
bool recipe_net(const struct net_request *req, enum verdict_kind verb, enum width width,
        char line[RECIPE_LINE]);

/*
 * The same for a tool call. The arguments it may have are always named; what is not
 * generalised has to be the same, numbers may be smaller. A path is held in its real folder
 * even if it is to be exactly the same, since what it leads to may be exchanged.
 * False also if an argument cannot be written in a rule: control characters, too long.
 */
bool recipe_call(const struct call_request *call, const struct policy_world *world,
        enum verdict_kind verb, enum width width, char line[RECIPE_LINE]);

#endif
