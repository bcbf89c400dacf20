/*
 * target.h - what a rule for tool calls is about: SERVER/TOOL, with * for any characters;
 * inside src/policy only.
 */
#ifndef SRC_POLICY_TARGET_H
#define SRC_POLICY_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct target {
    char *text;                    /* owns; server, NUL, tool, NUL */
    struct str server, tool;       /* borrow from text */
    bool any_server, any_tool;     /* "*" */
    bool server_globs, tool_globs; /* hold a star */
};

/* "SERVER/TOOL[,SERVER/TOOL...]"; *ret is owned by the caller also after a failure. */
int targets_parse(struct str text, struct target **ret, size_t *ret_count, struct err *err);
void targets_free(struct target *targets, size_t count);

bool target_takes(const struct target *target, struct str server, struct str tool);

/* Names one server and one tool. */
bool target_is_exact(const struct target *target);

/* A * takes any number of any characters; everything else stands for itself. */
bool glob_match(struct str pattern, struct str text);

#endif
