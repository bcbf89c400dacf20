/*
 * judge.h - one call while it is judged; inside src/policy only.
 */
#ifndef SRC_POLICY_JUDGE_H
#define SRC_POLICY_JUDGE_H

#include "policy/args.h"
#include "policy/call.h"
#include "policy/paths.h"
#include "policy/rule.h"
#include "policy/walk.h"

struct judge {
    const struct policy *policy;      /* borrows */
    const struct policy_world *world; /* borrows */
    const struct call_request *call;  /* borrows */
    struct args args;
    bool is_marking; /* conditions leave a mark on the paths they look at */
};

/* The readings of a string as a path; made once. */
const struct readings *judge_readings(struct judge *judge, struct arg *arg);

/* What the string looks like; found out once. */
enum arg_look judge_look(struct judge *judge, struct arg *arg);
/* The same for the name of a member. */
enum arg_look judge_look_at_name(struct arg *arg);

/* May this pattern of file names (* ? [ {) name something on the way to the folder or in it? */
bool glob_touches(struct str path, struct str folder);
bool is_glob(struct str text);

/* Does the condition hold? Which of several values counts depends on the verb. */
enum match cond_match(struct judge *judge, const struct cond *cond, enum verdict_kind verb);

/* Is one of the words in the tool's name? "delete_file" and "deleteFile" have two. */
bool tool_says(struct str tool, const char *const *words, size_t count);

/* Is the argument text by its name? */
bool is_text_name(struct str name);

/* Is it about this tool? */
bool rule_takes(const struct rule *rule, const struct call_request *call);

/* One tool, and nothing about its arguments is left open. */
bool rule_is_exact(const struct rule *rule);

/* What the program itself forbids. */
bool call_is_forbidden(struct judge *judge, struct verdict *ret);

#endif
