/*
 * vt_text.h - all that can be read of a terminal, by line numbers that stay.
 *
 * A vt_doc is the history, the screen as it was when the doc was opened, and the screens
 * at rest. The terminal goes on meanwhile: what scrolls away keeps its number, what is dropped
 * at the old end is gone, what arrives is only counted.
 *
 * Numbers: history and screen from VT_DOC_LIVE on, one sequence; below it the screens at rest.
 * Rows of the terminal are lines here; where text goes on in the next one it is wrapped.
 *
 *     struct vt_doc *doc = vt_doc_open(vt);
 *     struct vt_range all = vt_doc_page(doc, VT_DOC_LIVE);
 *     for (uint64_t line = all.first; line < all.end; line++)
 *         n = vt_doc_cells(doc, line, cells, cols);
 *     vt_doc_close(doc);
 */
#ifndef SRC_PTY_VT_TEXT_H
#define SRC_PTY_VT_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "pty/vt.h"

#define VT_DOC_LIVE ((uint64_t)1 << 40)
#define VT_PARA_ROWS 256 /* wrapped rows read as one; a longer text is cut */

struct vt_doc;

struct vt_range {
    uint64_t first, end; /* lines [first,end) */
};

/* Borrows vt until it is closed. After vt_resize() numbers mean other lines: open it anew. */
struct vt_doc *vt_doc_open(const struct vt *vt);
void vt_doc_close(struct vt_doc *doc);

/* The lines that belong together with this one: history and screen, or one screen at rest.
 * A line that is gone is taken for the nearest that is there. */
struct vt_range vt_doc_page(const struct vt_doc *doc, uint64_t line);
/* The screen at rest before (-1) or after (1) the one of this line, then the live page;
 * the same page at the ends. */
struct vt_range vt_doc_turn(const struct vt_doc *doc, uint64_t line, int step);
/* When it came to rest, Unix time; 0: the live page. */
int64_t vt_doc_time(const struct vt_doc *doc, uint64_t line);
/* All screens at rest. */
struct vt_range vt_doc_rest(const struct vt_doc *doc);
/* The frozen screen. */
struct vt_range vt_doc_screen(const struct vt_doc *doc);
/* Where the cursor was. */
uint64_t vt_doc_cursor(const struct vt_doc *doc, int *ret_col);
/* Lines that arrived since. */
uint64_t vt_doc_arrived(const struct vt_doc *doc);

/* As vt_scroll_line() and vt_scroll_extra(). */
int vt_doc_cells(const struct vt_doc *doc, uint64_t line, struct vt_cell *cells, int cols);
int vt_doc_extra(
        const struct vt_doc *doc, uint64_t line, int col, uint32_t out[VT_CELL_CHARS - 1]);
bool vt_doc_is_wrapped(const struct vt_doc *doc, uint64_t line);
bool vt_doc_is_prompt(const struct vt_doc *doc, uint64_t line);
/* Append the text of the characters that touch columns [from,to). */
void vt_doc_append(const struct vt_doc *doc, uint64_t line, int from, int to, struct buf *ret);

/* One line of text over all the rows it takes. */
struct vt_para {
    uint64_t first;
    unsigned rows;
    struct str text;             /* UTF-8; borrows from the doc or from `joined` */
    struct buf joined;           /* owns; reused */
    size_t at[VT_PARA_ROWS + 1]; /* where each row begins in text, and the end */
};
/* The text that begins in this line. False: no such line. */
bool vt_doc_para_at(const struct vt_doc *doc, uint64_t line, struct vt_para *para);
/* The text that this line is a part of. */
bool vt_doc_para(const struct vt_doc *doc, uint64_t line, struct vt_para *para);
/* Line and column of byte `at` of the text. */
uint64_t vt_para_place(
        const struct vt_doc *doc, const struct vt_para *para, size_t at, int *ret_col);
/* And back: the byte at which the character of this line and column begins. */
size_t vt_para_offset(
        const struct vt_doc *doc, const struct vt_para *para, uint64_t line, int col);
void vt_para_release(struct vt_para *para);

#endif
