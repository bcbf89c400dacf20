/* opener.h - a link in the user's own browser. */
#ifndef SRC_TUI_OPENER_H
#define SRC_TUI_OPENER_H

#include "io/loop.h"

/* command: argv, NULL-terminated; NULL: xdg-open. The link is its last argument; no shell sees
 * it. The program outlives us. Only what link_can_open() allows. */
int opener_open(struct loop *loop, char *const *command, const char *link, struct err *err);

#endif
