/*
 * program.h - where the program of an agent comes from: the host's PATH or the npm registry.
 *
 * A native program is wanted that needs only libc, with the files that the agent names beside
 * it; or a script with its package, for an agent that has a runner. What is fetched is kept
 * below IRONCURTAIN_HOME/cache/agents, one folder per name, version and processor, so that it
 * is fetched once; npm checks its integrity.
 */
#ifndef SRC_DOCKER_PROGRAM_H
#define SRC_DOCKER_PROGRAM_H

#include <stdbool.h>

#include "docker/agent.h"
#include "docker/argv.h"
#include "io/loop.h"

enum program_order {
    PROGRAM_HOST_FIRST,  /* what the user has installed, else the pinned version */
    PROGRAM_PINNED_FIRST /* the pinned version, else what the user has installed */
};

struct program_job;

/*
 * path: the file on the host, or NULL if the box has it anyway: the agent names no program,
 * or PROGRAM_HOST_FIRST found a script and its runner in the host's /usr. id: names its
 * content, for the build hash. Both valid during the call. Never called from inside
 * program_find(). The job frees itself after done; program_cancel() silences it.
 */
struct program_job *program_find(struct loop *loop, const struct agent *agent,
        enum program_order order, void (*on_progress)(void *ctx, const char *line),
        void (*done)(void *ctx, const char *path, const char *id, const struct err *err),
        void *ctx);
void program_cancel(struct program_job *job); /* NULL is fine */

/* The id that the pinned version will have, without fetching it; NULL if it names none or
 * nothing can fetch it. Caller frees. */
char *program_pinned_id(const struct agent *agent);

/* What goes into one folder of the box for the program at `path`: the file and what is there
 * of those beside it, or the folder of the package. */
void program_parts(const struct agent *agent, const char *path, struct argv *ret);

/* Where in that folder the program is: its name, or package/..; caller frees. */
char *program_inner_path(const struct agent *agent, const char *path);

/* Absolute path of an executable in PATH, symlinks resolved; NULL if there is none. */
char *program_in_path(const char *name);

#endif
