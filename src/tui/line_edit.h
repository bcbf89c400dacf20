/*
 * line_edit.h - one line of text that the user writes, with the keys of readline.
 *
 * Holds what fits into its room; control characters never get in.
 */
#ifndef SRC_TUI_LINE_EDIT_H
#define SRC_TUI_LINE_EDIT_H

#include "base/str.h"
#include "tui/input.h"

#define LINE_EDIT_MAX 512

struct line_edit {
    char text[LINE_EDIT_MAX]; /* UTF-8 */
    size_t n, at;             /* bytes; where the cursor is, at a whole character */
    size_t max;               /* at most so many bytes */
    char cut[LINE_EDIT_MAX];  /* what C-k, C-u and C-w took last, for C-y */
    size_t cut_n;
    char shown[LINE_EDIT_MAX + 4]; /* for line_edit_text() */
};

enum line_edit_said { LINE_EDIT_GOES_ON, LINE_EDIT_DONE, LINE_EDIT_LEFT, LINE_EDIT_NOT_MINE };

void line_edit_start(struct line_edit *edit, const char *text, size_t max);
enum line_edit_said line_edit_key(struct line_edit *edit, const struct key *key);
/* Text from a paste: line ends become blanks. */
void line_edit_paste(struct line_edit *edit, struct str text);
/* With a "|" where the cursor is; until the next call. */
struct str line_edit_text(struct line_edit *edit);

#endif
