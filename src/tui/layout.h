/*
 * layout.h - who gets which part of the screen. Pure functions over a table.
 *
 * The agent never gets less than 80 columns while the terminal has them, the first and the
 * last row are never the agent's, and nothing changes but by the user's hand or the
 * terminal's size.
 */
#ifndef SRC_TUI_LAYOUT_H
#define SRC_TUI_LAYOUT_H

#include <stdbool.h>

#include "tui/frame.h"

enum panel { PANEL_WAITING, PANEL_REQUESTS, PANEL_WORDS, PANEL_COUNT };

enum layout_kind {
    LAYOUT_FULL,      /* side column, three panels, all columns */
    LAYOUT_SHORT,     /* side column, three panels, short columns */
    LAYOUT_NAMES,     /* side column, three panels, names only */
    LAYOUT_ACCORDION, /* side column, one panel open and two as title lines */
    LAYOUT_DOCK,      /* ten rows at the bottom with three tabs */
    LAYOUT_BARE,      /* pane and the two rows; a panel opens over the pane */
    LAYOUT_SMALL,     /* as BARE; tables show two-line rows */
    LAYOUT_TINY       /* pane and last row; nothing can be approved here */
};

#define LAYOUT_MIN_COLS 40
#define LAYOUT_MIN_ROWS 10
#define LAYOUT_AGENT_COLS 80
#define LAYOUT_DOCK_ROWS 10
#define LAYOUT_SIDE_MIN 24

struct layout_want {
    int cols, rows;
    bool panels;     /* false: there are none at all (pane alone) */
    bool column;     /* the user has not switched the panels off */
    bool zoom;       /* the pane has all of the middle */
    enum panel open; /* which one the accordion and the dock show */
    int side_cols;   /* of the side column; 0: by the rules */
};

struct layout {
    enum layout_kind kind;
    struct rect tabs;   /* rows 0 when TINY */
    struct rect pane;   /* the agent's */
    struct rect middle; /* everything between the two rows: overlays, reviews */
    struct rect status;
    struct rect panel[PANEL_COUNT]; /* rows 0: not shown, 1: title line only */
    bool can_decide;                /* large enough to read what is decided */
};

enum layout_kind layout_kind(int cols, int rows);
/* The line between pane and side column, which can be dragged. */
bool layout_is_edge(const struct layout *layout, int row, int col);
void layout_compute(const struct layout_want *want, struct layout *ret);

#endif
