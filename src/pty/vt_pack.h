/*
 * vt_pack.h - one line of text in few bytes, over all the rows it took.
 *
 * A header, attribute runs and UTF-8 text, one character for each cell from the left; a line
 * in default colours has no runs at all. Two control characters, which a cell cannot hold,
 * carry what the text alone does not say: VT_PACK_WIDE stands before a character of two
 * cells, VT_PACK_MARK before a code point that belongs to the cell before.
 *
 * Rows follow from the width: a character that does not fit any more begins the next one.
 */
#ifndef SRC_PTY_VT_PACK_H
#define SRC_PTY_VT_PACK_H

#include "base/str.h"
#include "pty/vt_grid.h"

#define VT_PACK_WIDE 0x01
#define VT_PACK_MARK 0x02

#define VT_PACK_ROWS 511 /* that can be noted */

/* A line ends here and goes on in another one: what must be walked to find a row is bounded.
   A row is never longer (LIMIT_VT_COLS). */
#define VT_PACK_CELLS 2048

/* At most: WIDE and a character of 4 bytes, and the marks. */
#define VT_PACK_CELL_BYTES (1 + 4 + (VT_CELL_CHARS - 1) * 5)

struct vt_run {
    uint32_t fg, bg;
    uint16_t attrs;
    uint16_t cells;
};

struct vt_packed {
    uint16_t text_len;
    uint16_t cells : 12;
    uint16_t open : 1;    /* its text goes on in the next line */
    uint16_t goes_on : 1; /* its text began in the line before */
    uint16_t prompt : 1;  /* a prompt begins here */
    uint16_t plain : 1;   /* no control characters: each character is one cell */
    uint32_t run_count : 12;
    uint32_t weight : 11; /* rows that it took when they were packed */
    uint32_t rows : 9;    /* that it takes now; 0: too many to be noted */
    struct vt_run runs[]; /* then the text */
};

/* A row made ready for packing. */
struct vt_packing {
    const struct vt_cell *cells;
    int used;      /* without trailing blanks, unless its text goes on */
    bool open;     /* text goes on in the next row */
    bool prompt;   /* as above */
    bool goes_on;  /* its text began in the row before */
    bool plain;    /* as above */
    bool is_wide;  /* begins with a character of two cells */
    unsigned runs; /* 0: all in default colours */
    char *text;    /* owns; reused */
    size_t text_cap;
    size_t text_len;
};

void vt_pack_row(struct vt_packing *packing, struct vt_line *line);
void vt_packing_release(struct vt_packing *packing);
/* Bytes of a line of this row alone. */
size_t vt_pack_size(const struct vt_packing *packing);
void vt_pack_write(const struct vt_packing *packing, struct vt_packed *to);
/* Bytes of the line with this row joined to it; 0: it would be too long. */
size_t vt_pack_join_size(const struct vt_packed *packed, const struct vt_packing *packing);
/* There is room for as much behind it. */
void vt_pack_join(struct vt_packed *packed, const struct vt_packing *packing);

size_t vt_packed_size(const struct vt_packed *packed);
const char *vt_packed_text(const struct vt_packed *packed);
/* cols 0: a line is one row however long. */
int vt_packed_rows(const struct vt_packed *packed, int cols);

/* Walks one row cell by cell. */
struct vt_walk {
    const struct vt_packed *packed;
    const char *p, *end;
    int left; /* columns of the row */
    unsigned run;
    unsigned run_left;
};

/* At the first cell of a row; the whole line if cols is 0. */
struct vt_walk vt_walk_begin(const struct vt_packed *packed, int row, int cols);
/* The next character, its cell, the right half of a wide one, its marks (cell->extra of them).
   False at the end of the row. */
bool vt_walk_next(struct vt_walk *walk, struct vt_cell *cell, struct vt_cell *right,
        uint32_t marks[VT_CELL_CHARS - 1]);
/* All of the row that is left, with control characters if the line is not plain. */
struct str vt_walk_text(const struct vt_walk *walk);
/* A character with its marks as bytes of text; returns their number. */
size_t vt_pack_encode(
        const struct vt_cell *cell, const uint32_t *marks, char out[VT_PACK_CELL_BYTES]);

#endif
