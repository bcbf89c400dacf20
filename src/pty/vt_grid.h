/*
 * vt_grid.h - one screen of cells: rows that rotate, what changed, marks on the side.
 *
 * Rows and columns are the caller's promise to be inside the grid; ranges are [from,to).
 */
#ifndef SRC_PTY_VT_GRID_H
#define SRC_PTY_VT_GRID_H

#include "pty/vt.h"

struct vt_mark {
    uint16_t col;
    uint32_t cp[VT_CELL_CHARS - 1];
};

struct vt_line {
    struct vt_cell *cells; /* owns; `cols` of them, valid below `used` */
    int cols;
    int used;
    struct vt_cell fill;      /* what every cell from `used` on is; one column wide */
    int dirty_from, dirty_to; /* empty: from >= to */
    bool wrapped;             /* text goes on in the next line, if that one says so too */
    bool goes_on;             /* text that began in the line before */
    bool prompt;              /* a prompt begins in it (OSC 133;A) */
    struct vt_mark *marks;    /* owns; entries of cells whose extra is 0 are stale */
    unsigned mark_count, mark_cap;
};

struct vt_grid {
    struct vt_line **lines; /* owns */
    int rows, cols;
    int full_from, full_to; /* rows that changed as a whole */
};

void vt_grid_init(struct vt_grid *grid, int cols, int rows);
void vt_grid_release(struct vt_grid *grid);

/* Width 1 or 2. `pen` gives colours and attributes. Returns the columns really taken. */
int vt_grid_put(struct vt_grid *grid, int row, int col, uint32_t cp, int width,
        const struct vt_cell *pen);
/* One cell for each byte of printable ASCII. */
void vt_grid_put_ascii(struct vt_grid *grid, int row, int col, const char *p, int n,
        const struct vt_cell *pen);
void vt_grid_mark(struct vt_grid *grid, int row, int col, uint32_t cp);
/* The character takes the cell behind it, too, which is there. */
void vt_grid_widen(struct vt_grid *grid, int row, int col);
void vt_grid_erase(struct vt_grid *grid, int row, int from, int to, uint32_t bg);
/* Those that are protected stay. */
void vt_grid_erase_selective(struct vt_grid *grid, int row, int from, int to, uint32_t bg);
/* Cells move right (n > 0) or left inside [from,to); what opens up is blank. */
void vt_grid_shift(struct vt_grid *grid, int row, int from, int to, int n, uint32_t bg);
/* Rows move up (n > 0) or down inside [top,bottom). */
void vt_grid_scroll(struct vt_grid *grid, int top, int bottom, int n, uint32_t bg);
/* `drop` rows go at the top, `pull` blank ones come there; the bottom gives or takes. */
void vt_grid_resize(struct vt_grid *grid, int cols, int rows, int drop, int pull);

/* A blank one, not in a grid. */
struct vt_line *vt_line_new(int cols);
void vt_line_free(struct vt_line *line);
/* How many cells from the left are text, without trailing blanks; of a wrapped line all. Blanks
   that were written count up to column `least`. The cells are written out as far. */
int vt_line_text(struct vt_line *line, int least);
/* One more code point for the character in this cell. */
void vt_line_add_mark(struct vt_line *line, int col, uint32_t cp);
bool vt_cell_is_blank(const struct vt_cell *cell);

/* Every cell is this one. */
void vt_grid_fill(struct vt_grid *grid, int row, struct vt_cell fill);
/* All cells of the line, the filled ones written out; `used` stays. */
const struct vt_cell *vt_line_cells(struct vt_line *line);
const struct vt_mark *vt_line_mark(const struct vt_line *line, int col);

static inline void vt_line_dirty(struct vt_line *line, int from, int to)
{
    if (from < line->dirty_from)
        line->dirty_from = from;
    if (to > line->dirty_to)
        line->dirty_to = to;
}

void vt_grid_dirty_rows(struct vt_grid *grid, int from, int to);
bool vt_grid_dirty(const struct vt_grid *grid, int row, int *ret_from, int *ret_to);
void vt_grid_clean(struct vt_grid *grid);

#endif
