/*
 * options.h - the command line options that starting a session has in every command.
 */
#ifndef SRC_CLI_OPTIONS_H
#define SRC_CLI_OPTIONS_H

#include <stdbool.h>

#include "base/err.h"

struct options {
    const char *dir;
    const char *agent, *name, *runtime, *config, *policy;
    const char *workspace;   /* of `policy` */
    const char *on_escalate; /* "ask" or "deny" */
    bool dry_run, detach, foreground;
    bool ascii; /* frames and marks of the host in ASCII, whatever the locale says */
    bool json;
    bool steps;                 /* of `policy explain` */
    const char *const *command; /* behind "--", or NULL */
};

/* Unknown options are ERR_USAGE with the nearest known one. argv[0] is skipped. */
int options_parse(struct options *options, int argc, char **argv, struct err *err);

#endif
