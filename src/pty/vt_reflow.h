/*
 * vt_reflow.h - the main screen gets another size, and its text is wrapped anew.
 */
#ifndef SRC_PTY_VT_REFLOW_H
#define SRC_PTY_VT_REFLOW_H

#include "pty/vt_scroll.h"

/* A place on the screen that stays with its text. */
struct vt_spot {
    int row, col;
    bool is_after; /* behind the character there, a line wrap may be pending */
};

#define VT_SPOTS 2

/* The first spot is the cursor, which stays on the screen. A spot that is still `is_after`
   then stands on the last column with a line wrap pending. */
void vt_reflow(struct vt_grid *grid, struct vt_scroll *scroll, int cols, int rows,
        struct vt_spot spots[VT_SPOTS]);

#endif
