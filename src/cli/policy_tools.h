/*
 * policy_tools.h - the parts of `ironcurtain policy` that are longer than its dispatcher.
 */
#ifndef SRC_CLI_POLICY_TOOLS_H
#define SRC_CLI_POLICY_TOOLS_H

#include "cli/options.h"
#include "policy/call.h"

/* The world that a session in this workspace has (NULL: the current folder), as far as it is
 * known without one: the program's home is guarded, the files of credentials are not. */
struct explain_world;
int explain_world_new(const char *workspace, struct explain_world **ret, struct err *err);
const struct policy_world *explain_world_of(const struct explain_world *at);
void explain_world_free(struct explain_world *at);

/* `policy explain`: JSON lines on stdin. Returns the exit status. */
int policy_explain_lines(
        const struct policy *policy, const char *answers_file, const struct options *options);

/* `policy import FILE...`; argv[0] is "import". Returns the exit status. */
int policy_import(int argc, char **argv);

#endif
