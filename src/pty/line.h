/*
 * line.h - the text of one message with a cursor, edited as line editors do.
 *
 * Positions are byte offsets at character boundaries; all text is valid UTF-8 and free of
 * control characters but newline and tab. Home, End and the kills work on the line of the
 * text that the cursor is in.
 */
#ifndef SRC_PTY_LINE_H
#define SRC_PTY_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "base/str.h"

struct line {
    size_t len, cursor;
    char text[LIMIT_WORDS_ENTRY + 1]; /* always NUL-terminated */
};

/* At the cursor, which moves behind it. False: no room, nothing was inserted. */
bool line_insert(struct line *line, struct str text);
void line_erase(struct line *line, size_t from, size_t to); /* the cursor goes to `from` */
void line_clear(struct line *line);                         /* wipes */

/* Where a movement from the cursor ends. */
size_t line_left(const struct line *line);
size_t line_right(const struct line *line);
size_t line_word_left(const struct line *line); /* letters and digits */
size_t line_word_right(const struct line *line);
size_t line_blank_left(const struct line *line); /* anything but white space */
size_t line_home(const struct line *line);
size_t line_end(const struct line *line);

#endif
