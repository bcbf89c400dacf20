/*
 * pen.h - everything that SGR sets for a cell, and the shortest way from one to the next for
 * what the user's terminal can show.
 */
#ifndef SRC_TUI_PEN_H
#define SRC_TUI_PEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "pty/vt.h"

struct pen {
    uint32_t fg, bg, line; /* VT_COLOR_*; line: of the underline */
    uint32_t attrs;        /* VT_BOLD ... */
};

struct pen_ability {
    int colors;     /* 0, 8, 16, 88, 256 */
    bool direct;    /* takes 24-bit colours */
    bool styled;    /* underlines have styles and a colour */
    unsigned attrs; /* that it shows */
};

/* Without what the terminal cannot show: equal pens look equal on it. */
struct pen pen_reduce(struct pen pen, const struct pen_ability *can);
/* Appends the sequence that changes `from` to `to`, both reduced; nothing if they are equal. */
void pen_change(struct buf *out, const struct pen *from, const struct pen *to);

#endif
