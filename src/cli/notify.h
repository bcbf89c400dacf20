/*
 * notify.h - notify.command: a command of the user's that hears of requests that wait, whether
 * a screen shows them or not.
 *
 * Its standard input is one JSON object: how many wait, and whose; never what is asked for.
 */
#ifndef SRC_CLI_NOTIFY_H
#define SRC_CLI_NOTIFY_H

#include "gate/gate.h"
#include "io/loop.h"

struct notify;

/* command: argv, NULL-terminated, borrowed; NULL: nothing is ever run. */
struct notify *notify_new(struct loop *loop, struct gate *gate, char *const *command);
void notify_free(struct notify *notify);
/* The queue changed. */
void notify_look(struct notify *notify);

#endif
