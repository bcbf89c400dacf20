/*
 * client.h - the process at the user's terminal: hands it to the server and waits.
 */
#ifndef SRC_CLI_CLIENT_H
#define SRC_CLI_CLIENT_H

#include "session/session.h"

struct client_request {
    /* A session to start, all but its size; NULL: attach. */
    const struct session_spec *start;
    bool detach;                 /* do not show it; no terminal is needed */
    const char *target;          /* attach: which session, or NULL: the one shown last */
    const char *config, *policy; /* absolute paths or NULL */
    bool ascii;                  /* as in struct options */
};

/* Until the user leaves, or it is known why there is nothing to show: the exit code. For
 * attach *ret_none (may be NULL) says that there is no server, and nothing was printed. */
int client_run(const struct client_request *request, bool *ret_none);

#endif
