/*
 * frame.h - the surface that all views draw on, and ncurses behind it as an encoder only.
 *
 * ncurses never sees the terminal: it writes into a memory file, and frame_end() hands out
 * the bytes that turn what the terminal shows into what was drawn. An unchanged surface gives
 * no byte. Nothing here blocks. Termios, signals and size belong to src/io/tty.
 *
 *     frame_text(frame, 0, 1, 20, STYLE, str_of("hello"));   // row, column, at most 20 cells
 *     frame_end(frame, &cursor, &out);                       // appends, possibly nothing
 *     tty_send(tty, &out);
 */
#ifndef SRC_TUI_FRAME_H
#define SRC_TUI_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "pty/vt.h"

struct rect {
    int row, col, rows, cols;
};

struct style {
    uint32_t fg, bg; /* VT_COLOR_* */
    unsigned attrs;  /* VT_BOLD ... */
    uint32_t line;   /* VT_COLOR_* of an underline; default: that of the text */
};

/* How the terminal puts a notice on the user's desktop. */
enum frame_notice { NOTICE_BELL, NOTICE_9, NOTICE_99, NOTICE_777 };

struct frame_config {
    const char *term; /* $TERM */
    bool truecolor;   /* the terminal takes 24-bit colours */
    bool styled;      /* it has underline styles though its description does not say so */
    bool utf8;        /* else frames are +-| and other characters '?' */
    bool mono;        /* NO_COLOR: chrome without colours; the pane keeps its own */
    enum frame_notice notice;
};

struct frame;

/* Fills all from TERM, COLORTERM, what terminals say of themselves, locale and NO_COLOR. */
void frame_config_from_env(struct frame_config *ret);

struct frame *frame_new(const struct frame_config *config, int cols, int rows, struct err *err);
void frame_free(struct frame *frame);
/* The bytes that leave the screen and restore what ncurses changed. */
void frame_leave(struct frame *frame, struct buf *out);

void frame_resize(struct frame *frame, int cols, int rows);
/* What was drawn is lost (another terminal changed its size): draw all again. Asking clears
 * it. */
bool frame_lost(struct frame *frame);
/* The next frame_end() paints everything. */
void frame_invalidate(struct frame *frame);
/* The terminal reported mode 2026: frames are wrapped so that they appear at once. */
void frame_set_sync(struct frame *frame, bool supported);
/* It reported mode 2027: an emoji joined of several takes two cells. */
void frame_set_clusters(struct frame *frame, bool supported);
bool frame_utf8(const struct frame *frame);
bool frame_mono(const struct frame *frame);

/* Blank a part. */
void frame_fill(struct frame *frame, struct rect area, struct style style);
/* UTF-8 text, cut at `max` cells at a whole character. Returns the cells used. */
int frame_text(
        struct frame *frame, int row, int col, int max, struct style style, struct str text);
/* The cells frame_text() would use. */
int frame_width(struct str text);
/* A line of the frame alphabet: '-', '|' or a corner '+'. Double lines mark the focus. */
enum frame_line { LINE_H, LINE_V, LINE_TL, LINE_TR, LINE_BL, LINE_BR };
void frame_line(struct frame *frame, int row, int col, enum frame_line line, bool doubled,
        struct style style);

/* One character of the agent's screen: base and what belongs to it; 0: blank. */
struct glyph {
    uint32_t cps[VT_CELL_CHARS];
    int count;
    int width; /* cells: 1 or 2 */
};
void frame_cell(
        struct frame *frame, int row, int col, struct style style, const struct glyph *glyph);
/* Cells put since the last call appear; call once after each run of frame_cell(). */
void frame_cells_done(struct frame *frame);

/* Encode. Appends to `out`; nothing if the screen and the cursor are as before. */
void frame_end(struct frame *frame, const struct vt_cursor *cursor, struct buf *out);

#endif
