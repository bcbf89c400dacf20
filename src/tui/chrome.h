/* chrome.h - the two rows that are the host's: tabs on top, mode and hints at the bottom. */
#ifndef SRC_TUI_CHROME_H
#define SRC_TUI_CHROME_H

#include "tui/view.h"

struct chrome_state {
    enum ui_mode mode;
    bool prefix; /* the prefix key was pressed */
    bool quit_asked, stop_asked;
    bool zoom;
    const char *mark;    /* "UNBOXED" or NULL */
    const char *message; /* or NULL */
    struct buf note;     /* behind the mode: where one is in it; may be empty */
    struct buf news;     /* at the right end of the last row; may be empty */
};

void chrome_tabs(const struct view_env *env, struct rect row, const struct chrome_state *state);
void chrome_status(
        const struct view_env *env, struct rect row, const struct chrome_state *state);

#endif
