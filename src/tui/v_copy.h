/* v_copy.h - the pane in copy mode, and what C-\ ] would send. */
#ifndef SRC_TUI_V_COPY_H
#define SRC_TUI_V_COPY_H

#include "tui/copy.h"
#include "tui/view.h"

/* The whole view: text, hits, selection. */
void v_copy_draw(const struct view_env *env, struct copy *copy, struct rect area);
/* Where its cursor is on the screen. */
struct vt_cursor v_copy_cursor(const struct copy *copy, struct rect area);

/* A text about to be sent, from this line of it on. */
void v_paste_draw(const struct view_env *env, struct rect area, struct str text, unsigned top);
unsigned v_paste_lines(struct str text);

#endif
