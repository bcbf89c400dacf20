/*
 * server.h - the process that has the sessions: one for each IRONCURTAIN_HOME.
 *
 * It has no terminal of its own. Clients connect to server.sock (wire.h), at most one at a
 * time has the screen. It ends by itself when there is neither a session nor a client; a
 * session that ended while nobody looked counts until somebody has.
 */
#ifndef SRC_CLI_SERVER_H
#define SRC_CLI_SERVER_H

#include <stdbool.h>

#include "base/err.h"

struct server_options {
    const char *config, *policy; /* absolute paths or NULL */
};

/*
 * A connection to the server; ERR_NOENT: none runs. start not NULL: one is started then, and
 * *ret_started says so. What it says on the connection is also why it could not start.
 */
int server_connect(const struct server_options *start, bool *ret_started, struct err *err);

/* The server's life. first: the connection of the client that started it; lock: given up when
 * others can connect; both are taken over. */
int server_run(const struct server_options *options, int first, int lock);

#endif
