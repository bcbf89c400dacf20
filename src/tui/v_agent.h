/* v_agent.h - the agent's pane: the grid of its terminal, copied where it changed. */
#ifndef SRC_TUI_V_AGENT_H
#define SRC_TUI_V_AGENT_H

#include "tui/view.h"

/* all: the whole area, not only the changed spans. Clears the dirty marks. */
void v_agent_draw(const struct view_env *env, struct rect area, bool all);
/* Where the agent's cursor is on the screen; false: outside or hidden. */
bool v_agent_cursor(const struct view_env *env, struct rect area, struct vt_cursor *ret);

#endif
