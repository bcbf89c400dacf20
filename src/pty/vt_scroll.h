/*
 * vt_scroll.h - lines that left the top of the screen, packed.
 *
 * One allocation a line; an ordinary line takes about its text and 16 bytes.
 */
#ifndef SRC_PTY_VT_SCROLL_H
#define SRC_PTY_VT_SCROLL_H

#include "pty/vt_grid.h"

struct vt_scroll {
    struct vt_packed **ring; /* owns, and the lines in it */
    unsigned cap;            /* slots of ring */
    unsigned first;          /* slot of the oldest line */
    unsigned count;
    unsigned max;     /* lines kept */
    size_t max_bytes; /* LIMIT_VT_SCROLL, or what the owner says after init */
    size_t bytes;     /* of all lines; at most max_bytes */
    uint64_t dropped; /* lines that left at the old end, ever */
    char *scratch;    /* owns; text of the line being packed */
    size_t scratch_cap;
};

void vt_scroll_init(struct vt_scroll *scroll, unsigned max);
void vt_scroll_clear(struct vt_scroll *scroll);

void vt_scroll_push(struct vt_scroll *scroll, struct vt_line *line);
/* The oldest line leaves; there must be one. */
void vt_scroll_drop(struct vt_scroll *scroll);
/* Line 0 is the newest. Fills at most cols cells and returns how many; *ret_wrapped: its text
   goes on in the next line. May be NULL. */
int vt_scroll_get(const struct vt_scroll *scroll, unsigned index, struct vt_cell *cells,
        int cols, bool *ret_wrapped);
/* Marks of a cell of it, as vt_cell_extra(). */
int vt_scroll_marks(const struct vt_scroll *scroll, unsigned index, int col,
        uint32_t out[VT_CELL_CHARS - 1]);
/* Its text: UTF-8 of all cells but trailing blanks. False: two kinds of control characters are
   among it, which vt_scroll_append() leaves out. Borrowed until the line leaves. */
bool vt_scroll_text(const struct vt_scroll *scroll, unsigned index, struct str *ret);
/* Append the text of the characters that touch columns [from,to). */
void vt_scroll_append(
        const struct vt_scroll *scroll, unsigned index, int from, int to, struct buf *ret);
/* The column of the character that byte `at` of vt_scroll_append(0, all) belongs to; at its
   end: how many columns it has. */
int vt_scroll_column(const struct vt_scroll *scroll, unsigned index, size_t at);
bool vt_scroll_is_wrapped(const struct vt_scroll *scroll, unsigned index);
bool vt_scroll_is_prompt(const struct vt_scroll *scroll, unsigned index);
/* The newest line leaves and is written into a blank row of the grid. */
void vt_scroll_pop(struct vt_scroll *scroll, struct vt_grid *grid, int row);

#endif
