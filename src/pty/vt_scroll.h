/*
 * vt_scroll.h - lines that left the top of the screen, packed.
 *
 * What is kept are lines of text, over all the rows they took; what is read are rows of
 * `cols` columns, which follow from the text. So a resize moves no text, and nothing is lost
 * when a window becomes narrow and wide again.
 *
 * Lines stand one behind the other in blocks: an ordinary one takes its text and 12 bytes.
 */
#ifndef SRC_PTY_VT_SCROLL_H
#define SRC_PTY_VT_SCROLL_H

#include "base/buf.h"
#include "pty/vt_pack.h"

struct vt_scroll {
    struct vt_block *blocks; /* owns; the oldest first */
    unsigned block_count, block_cap;
    char *spare;                 /* owns; an empty block */
    struct vt_scroll_seek *seek; /* owns; rows that are counted, where the last look-up ended */
    struct vt_packing packing;
    int cols;            /* of a row; 0: rows are lines as they were pushed, never joined */
    int tail;            /* cells that the newest row lacks to be full; -1: it is complete */
    unsigned weight;     /* rows that were pushed and are still here */
    unsigned max;        /* of them */
    size_t bytes;        /* of all blocks; at most max_bytes */
    size_t max_bytes;    /* LIMIT_VT_SCROLL, or what the owner says after init */
    uint32_t block_size; /* at least; likewise */
    uint64_t end;        /* number that the next row gets; another width gives all other ones */
};

/* Rows are not joined until vt_scroll_set_cols(). */
void vt_scroll_init(struct vt_scroll *scroll, unsigned max);
/* Forgets all rows. */
void vt_scroll_clear(struct vt_scroll *scroll);
/* Rows have another width from now on; the next pushed too. */
void vt_scroll_set_cols(struct vt_scroll *scroll, int cols);
/* How many there are, and the number of the oldest. The first call after another width looks at
   all lines; so does whatever reads one of them. */
unsigned vt_scroll_rows_of(const struct vt_scroll *scroll);
uint64_t vt_scroll_first(const struct vt_scroll *scroll);

void vt_scroll_push(struct vt_scroll *scroll, struct vt_line *line);
/* Row 0 is the newest. Fills at most cols cells and returns how many; *ret_wrapped: its text
   goes on in the next row. May be NULL. */
int vt_scroll_get(const struct vt_scroll *scroll, unsigned index, struct vt_cell *cells,
        int cols, bool *ret_wrapped);
/* Marks of a cell of it, as vt_cell_extra(). */
int vt_scroll_marks(const struct vt_scroll *scroll, unsigned index, int col,
        uint32_t out[VT_CELL_CHARS - 1]);

/* Its text: UTF-8 of all cells but trailing blanks. False: control characters (vt_pack.h) are
   among it, which vt_scroll_append() leaves out. Borrowed until the next push. */
bool vt_scroll_text(const struct vt_scroll *scroll, unsigned index, struct str *ret);
/* Append the text of the characters that touch columns [from,to). */
void vt_scroll_append(
        const struct vt_scroll *scroll, unsigned index, int from, int to, struct buf *ret);
/* The column of the character that byte `at` of vt_scroll_append(0, all) belongs to; at its
   end: how many columns it has. */
int vt_scroll_column(const struct vt_scroll *scroll, unsigned index, size_t at);
bool vt_scroll_is_wrapped(const struct vt_scroll *scroll, unsigned index);
bool vt_scroll_is_prompt(const struct vt_scroll *scroll, unsigned index);

/* The oldest line leaves; there must be one. */
void vt_scroll_drop(struct vt_scroll *scroll);
/* The newest line, to be read before vt_scroll_pop(); NULL: there is none. */
const struct vt_packed *vt_scroll_newest(const struct vt_scroll *scroll);
/* It leaves, with all its rows. */
void vt_scroll_pop(struct vt_scroll *scroll);

#endif
