/*
 * sheet.h - lines for a person to read, whatever they are about: safe to print, each with a
 * label and a mark that says what it is. Lines are not wrapped and not cut.
 */
#ifndef SRC_REVIEW_SHEET_H
#define SRC_REVIEW_SHEET_H

#include "base/buf.h"

enum sheet_mark {
    SHEET_TEXT,
    SHEET_DIM,   /* said by us, not part of the request */
    SHEET_ALERT, /* to be noticed */
    SHEET_BAD,
    SHEET_ADDED,
    SHEET_REMOVED
};

struct sheet_line {
    const char *label; /* a constant; "": goes on */
    enum sheet_mark mark;
    size_t at, n;
};

struct sheet {
    struct buf text;          /* owns */
    struct sheet_line *lines; /* owns */
    size_t count, room;
};

/* One line, from outside: what is invisible in it is shown, tabs and blanks at its end too. */
void sheet_add(struct sheet *sheet, const char *label, enum sheet_mark mark, struct str lead,
        struct str text);
/* Of ours, safe already. */
void sheet_printf(struct sheet *sheet, const char *label, enum sheet_mark mark, const char *fmt,
        ...) __attribute__((format(printf, 4, 5)));
/* Every line of a text, behind `lead`; that the last has no newline is not said. */
void sheet_add_lines(
        struct sheet *sheet, enum sheet_mark mark, struct str lead, struct str text);
struct str sheet_text(const struct sheet *sheet, size_t index);
void sheet_release(struct sheet *sheet);

/* What sheet_add() makes of a text, appended. */
void text_make_safe(struct buf *out, struct str text);

#endif
