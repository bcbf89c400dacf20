/*
 * keymap.h - the one table of actions: what keys do, what hints say, what help lists.
 */
#ifndef SRC_TUI_KEYMAP_H
#define SRC_TUI_KEYMAP_H

#include "base/buf.h"
#include "tui/input.h"

/* In struct action: C-Space, which is the character 0; with Alt. */
#define KEYMAP_NUL 0x110000u
#define KEYMAP_ALT 0x200000u

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
    MODE_EXPIRED,
    MODE_RULES,
    MODE_COPY,       /* with the keys of vi */
    MODE_COPY_EMACS, /* or of emacs */
    MODE_COPY_FIND,  /* its search is being typed */
    MODE_PASTE,      /* what C-\ ] would send is shown */
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
    ACT_COLUMN_WIDER,
    ACT_COLUMN_NARROWER,
    ACT_MOUSE,
    ACT_REDRAW,
    ACT_MESSAGES,
    ACT_LINKS,
    ACT_CLIPBOARD,
    ACT_EXPIRED,
    ACT_RULES,
    ACT_HOLD,
    ACT_UNDO,
    ACT_QUIT,
    ACT_DETACH,
    ACT_STOP,
    ACT_TAB_1, /* and so on up to the ninth */
    ACT_TAB_9 = ACT_TAB_1 + 8,
    ACT_TAB_LEFT,
    ACT_TAB_RIGHT,
    ACT_TAB_PREVIOUS,
    ACT_TAB_NEEDING,
    ACT_COPY,
    ACT_COPY_PAGE,
    ACT_COPY_FIND,
    ACT_PASTE,
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
    ACT_FORGET,
    ACT_REVOKE,
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
    ACT_WIDER,
    ACT_WRITE,
    ACT_EDIT,
    ACT_VIEW,
    /* the list of those who wait */
    ACT_MARK,
    ACT_MARK_ALIKE,
    ACT_MARK_SESSION,
    ACT_GROUP,
    ACT_TICK,
    /* copy mode: movements */
    COPY_LEFT,
    COPY_DOWN,
    COPY_UP,
    COPY_RIGHT,
    COPY_WORD,
    COPY_WORD_BACK,
    COPY_WORD_END,
    COPY_LINE_START,
    COPY_LINE_TEXT,
    COPY_LINE_END,
    COPY_BLANK_UP,
    COPY_BLANK_DOWN,
    COPY_HALF_UP,
    COPY_HALF_DOWN,
    COPY_PAGE_UP,
    COPY_PAGE_DOWN,
    COPY_TOP,
    COPY_BOTTOM,
    COPY_HIGH,
    COPY_MIDDLE,
    COPY_LOW,
    COPY_PROMPT_UP,
    COPY_PROMPT_DOWN,
    COPY_SCREEN_BEFORE,
    COPY_SCREEN_AFTER,
    COPY_OTHER_END,
    COPY_FIND_NEXT,
    COPY_FIND_PREVIOUS,
    /* what else it does */
    COPY_FIND_DOWN,
    COPY_FIND_UP,
    COPY_SELECT,
    COPY_SELECT_LINES,
    COPY_SELECT_BLOCK,
    COPY_TAKE,
    COPY_FIND_DONE,
    COPY_FIND_LEAVE,
    COPY_FIND_ERASE,
    COPY_FIND_ERASE_WORD,
    COPY_FIND_ERASE_ALL,
    COPY_PASTE_SEND,
    COPY_LAST
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
bool mode_is_copy(enum ui_mode mode);

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
