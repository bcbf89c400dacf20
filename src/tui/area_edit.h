/*
 * area_edit.h - a text of several lines that the user edits, with the keys of readline. Enter
 * is done as everywhere; C-o makes a new line.
 *
 * The text is safe to print: what a reader could not see never gets in.
 */
#ifndef SRC_TUI_AREA_EDIT_H
#define SRC_TUI_AREA_EDIT_H

#include "base/buf.h"
#include "tui/frame.h"
#include "tui/layout.h"
#include "tui/line_edit.h"

/* Longer texts are for a real editor: every key walks through what is before the cursor. */
#define AREA_EDIT_MAX 65536

struct area_edit {
    struct buf text; /* owns */
    struct buf cut;  /* owns; what C-k, C-u and C-w took last, for C-y */
    size_t at;       /* where the cursor is, at a whole character */
    size_t top;      /* first row shown */
    int cols, rows;  /* as drawn last */
};

void area_edit_start(struct area_edit *edit, struct str text);
void area_edit_release(struct area_edit *edit);
enum line_edit_said area_edit_key(struct area_edit *edit, const struct key *key);
void area_edit_paste(struct area_edit *edit, struct str text);
/* Where the cursor is goes to *ret_row and *ret_col, of the screen. */
void area_edit_draw(
        struct area_edit *edit, struct frame *frame, struct rect r, int *ret_row, int *ret_col);

#endif
