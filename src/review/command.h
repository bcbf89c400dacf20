/*
 * command.h - a shell command for reading: each part of a pipe or list on a line of its own,
 * here-documents and comments in full. It is cut, not understood: every byte of it is shown
 * once, in its order, with its quotes.
 */
#ifndef SRC_REVIEW_COMMAND_H
#define SRC_REVIEW_COMMAND_H

#include "review/sheet.h"

void command_show(struct sheet *sheet, const char *label, struct str command);
/* One word of an argv, quoted where a shell would need it; appended, not yet safe. */
void word_quote(struct buf *out, struct str word);

#endif
