/*
 * environment.h - the complete environment of the agent in its box: nothing of the host's
 * goes in, no real key is ever in it.
 */
#ifndef SRC_SESSION_ENVIRONMENT_H
#define SRC_SESSION_ENVIRONMENT_H

#include <stddef.h>

#include "docker/agent.h"

/* What our emulator is, whatever terminal is around us. */
#define ENVIRONMENT_TERM "TERM=xterm-256color"
#define ENVIRONMENT_COLORTERM "COLORTERM=truecolor"

struct environment {
    char **items; /* owns; NULL-terminated "NAME=value" */
    size_t count;
};

/* The agent's own variables are filled in from `fakes`. `extra` (or NULL) comes last and wins.
 */
void environment_build(struct environment *env, const struct agent *agent, const char *session,
        const struct agent_fakes *fakes, char *const *extra);
void environment_release(struct environment *env);

/* NULL-terminated lists of strings; NULL gives NULL. */
char **environment_copy_list(const char *const *list);
void environment_free_list(char **list);

#endif
