/*
 * keymap.h - the one table of actions: what keys do, what hints say, what help lists.
 */
#ifndef SRC_TUI_KEYMAP_H
#define SRC_TUI_KEYMAP_H

#include "base/buf.h"
#include "tui/input.h"

enum ui_mode {
    MODE_AGENT,
    MODE_WAITING,
    MODE_REQUESTS,
    MODE_WORDS,
    MODE_REVIEW,
    MODE_HELP,
    MODE_MESSAGES,
    MODE_LINKS,
    MODE_CLIPBOARD,
    MODE_COUNT
};

enum action_id {
    /* after the prefix */
    ACT_SEND_PREFIX,
    ACT_REVIEW,
    ACT_REQUESTS,
    ACT_WORDS,
    ACT_FOCUS_NEXT,
    ACT_ZOOM,
    ACT_PANELS,
    ACT_REDRAW,
    ACT_MESSAGES,
    ACT_LINKS,
    ACT_CLIPBOARD,
    ACT_QUIT,
    ACT_DETACH,
    ACT_STOP,
    ACT_TAB_1, /* and so on up to the ninth */
    ACT_TAB_9 = ACT_TAB_1 + 8,
    ACT_TAB_LEFT,
    ACT_TAB_RIGHT,
    ACT_TAB_PREVIOUS,
    ACT_TAB_NEEDING,
    ACT_APPROVE,
    ACT_DENY,
    ACT_CANCEL,
    ACT_HELP,
    /* plain keys of the host's views */
    ACT_DOWN,
    ACT_UP,
    ACT_PAGE_DOWN,
    ACT_PAGE_UP,
    ACT_TOP,
    ACT_BOTTOM,
    ACT_OPEN,
    ACT_REFUSE,
    ACT_REFUSE_ALL,
    ACT_NEXT,
    ACT_PREVIOUS,
    ACT_BACK,
    ACT_SUSPEND,
    /* the draft of a review */
    ACT_ONCE,
    ACT_SESSION,
    ACT_ALWAYS,
    ACT_TIME,
    ACT_NARROWER,
    ACT_WIDER
};

struct action {
    enum action_id id;
    bool prefix;      /* after the prefix key */
    unsigned modes;   /* 1 << enum ui_mode */
    uint32_t cp;      /* character or control character, or */
    int sym;          /* key symbol */
    const char *keys; /* for keymap_shown(); NULL: a second key of the row above */
    const char *hint; /* short word for the last row, or NULL */
    const char *help;
};

const char *mode_name(enum ui_mode mode);

/* NULL: this key does nothing there. */
const struct action *keymap_find(enum ui_mode mode, bool prefix, const struct key *key);
/* Row of the table, NULL past the end. */
const struct action *keymap_at(unsigned index);

/* A text of ours in which keys are written with the default prefix, "C-\ y": with the name of
 * the prefix that is in use (NULL: that one) instead. Appends. */
void keymap_shown(const char *text, const char *prefix, struct buf *ret);

/* "C-\ e review  C-\ l requests ...  C-\ ? help" as far as it fits into `cols`; the last one
 * stays always. `after`: behind the prefix, where keys are shown without it. */
void keymap_hints(enum ui_mode mode, bool after, const char *prefix, int cols, struct buf *ret);

#endif
