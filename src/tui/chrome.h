/* chrome.h - the two rows that are the host's: tabs on top, mode and hints at the bottom. */
#ifndef SRC_TUI_CHROME_H
#define SRC_TUI_CHROME_H

#include "tui/view.h"

/* Where the tabs were drawn: a click means what was on the screen. */
#define CHROME_HITS 64
struct chrome_hits {
    unsigned count;
    struct {
        unsigned number;
        int from, to; /* columns */
    } tab[CHROME_HITS];
};

struct chrome_state {
    enum ui_mode mode;
    bool prefix; /* the prefix key was pressed */
    bool quit_asked, stop_asked;
    bool zoom;
    const char *mark;         /* "UNBOXED" or NULL */
    const char *message;      /* or NULL */
    struct chrome_hits *hits; /* borrows; filled by chrome_tabs() */
    struct buf note;          /* behind the mode: where one is in it; may be empty */
    struct buf news;          /* at the right end of the last row; may be empty */
};

void chrome_tabs(const struct view_env *env, struct rect row, const struct chrome_state *state);
/* The number of the tab in this column; 0: none. */
unsigned chrome_tab_at(const struct chrome_hits *hits, int col);
void chrome_status(
        const struct view_env *env, struct rect row, const struct chrome_state *state);

#endif
