/*
 * recipe.h - from one request to the rule that answers it and others like it, by fixed
 * recipes, so that a person reads the whole consequence in one line before answering.
 */
#ifndef SRC_POLICY_RECIPE_H
#define SRC_POLICY_RECIPE_H

#include "policy/policy.h"

/* Room for every rule line a recipe makes; what does not fit is not offered. */
#define RECIPE_LINE 640

enum width {
    WIDTH_EXACT, /* this method and path, with any query */
    WIDTH_HOST   /* scheme, host and port; reading (GET, HEAD) stays reading, else any method */
};
const char *width_name(enum width width); /* "exact" "host" */

/*
 * The line, with `verb` (allow or deny) in front. A CONNECT has one width: host and port; to
 * deny it denies all requests to them.
 * False if this width cannot be written as a rule, or the rule would not take this request:
 * the path holds a "*", can be read in two ways, or is too long.
 */
bool recipe_net(const struct net_request *req, enum verdict_kind verb, enum width width,
        char line[RECIPE_LINE]);

#endif
