/*
 * outside.h - a text about a request while the user has it in an editor of his own: a file of
 * his, 0600, from the time the screen gives it away until the next screen takes it back.
 */
#ifndef SRC_CLI_OUTSIDE_H
#define SRC_CLI_OUTSIDE_H

#include "cli/stage.h"

/* The file is written off the loop; then the screen leaves with UI_EDIT. One at a time. */
void outside_start(struct stage *stage, uint64_t id, struct str text);
/* The screen is gone: the clock of the request stands still, as in a review. */
void outside_hold(struct stage *stage);
/* The file to be edited, or NULL. */
const char *outside_path(const struct stage *stage);
/* A screen is there again: what was edited goes to it, if anything was, and the file is gone.
 */
void outside_take_back(struct stage *stage);
void outside_free(struct stage *stage);

#endif
