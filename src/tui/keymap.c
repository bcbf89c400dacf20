/*
 * keymap.c - the table. A new key is one row here and one case in ui_keys.c.
 *
 * Rows stand in the order of their importance for the last row. Approve and deny exist after
 * the prefix only and do something in REVIEW only; elsewhere they are a reminder.
 */
#include "tui/keymap.h"

#define PREFIX "C-\\" /* as the texts here and elsewhere write it */

#define IN(mode) (1u << (mode))
#define ALL (IN(MODE_COUNT) - 1)
#define PANELS (IN(MODE_WAITING) | IN(MODE_REQUESTS) | IN(MODE_WORDS))
#define HOST (ALL & ~IN(MODE_AGENT))
#define OFFERS (IN(MODE_LINKS) | IN(MODE_CLIPBOARD) | IN(MODE_EXPIRED) | IN(MODE_RULES))
#define VI IN(MODE_COPY)
#define EMACS IN(MODE_COPY_EMACS)
#define COPY (VI | EMACS)
#define FIND IN(MODE_COPY_FIND)
#define ALT(cp) (KEYMAP_ALT | (cp))
#define LISTS                                                                                  \
    (PANELS | OFFERS | IN(MODE_HELP) | IN(MODE_MESSAGES) | IN(MODE_REVIEW) | IN(MODE_PASTE))
#define LEFT_BY_ESC (HOST & ~IN(MODE_REVIEW) & ~COPY & ~FIND)

#define TAB(digit, more)                                                                       \
    {                                                                                          \
        (enum action_id)(ACT_TAB_1 + (more)), true, ALL, (digit), 0, NULL, NULL, NULL          \
    }

static const struct action TABLE[] = {
        {ACT_APPROVE, true, ALL, 'y', 0, "C-\\ y", "approve", "approve what the review shows"},
        {ACT_DENY, true, ALL, 'n', 0, "C-\\ n", "deny", "deny what the review shows"},
        {ACT_REVIEW, true, ALL, 'e', 0, "C-\\ e", "review",
                "review the oldest request; again: the next"},
        {ACT_EXPIRED, true, ALL, 'E', 0, "C-\\ E", NULL,
                "what ran out of time; Enter opens it, for a late yes"},
        {ACT_RULES, true, ALL, 'R', 0, "C-\\ R", NULL,
                "your answers that hold for longer; x there takes one back"},
        {ACT_HOLD, true, ALL, '!', 0, "C-\\ !", NULL,
                "hold everything: requests wait, nothing is denied; again: go on"},
        {ACT_UNDO, true, ALL, 'u', 0, "C-\\ u", NULL,
                "take back an approval of high risk, within a second"},
        {ACT_REQUESTS, true, ALL, 'l', 0, "C-\\ l", "requests",
                "request log; again: back to the agent"},
        {ACT_WORDS, true, ALL, 'i', 0, "C-\\ i", "words",
                "your words; again: back to the agent"},
        {ACT_ZOOM, true, ALL, 'z', 0, "C-\\ z", "zoom",
                "the focused part takes the whole area, or gives it back"},
        {ACT_COPY, true, ALL, '[', 0, "C-\\ [", "copy",
                "copy mode: scroll back, search, select"},
        {ACT_COPY_PAGE, true, ALL, 0, VT_KEY_PAGE_UP, "C-\\ PgUp", NULL,
                "copy mode, a page up"},
        {ACT_COPY_FIND, true, ALL, '/', 0, "C-\\ /", NULL, "copy mode, searching upwards"},
        {ACT_PASTE, true, ALL, ']', 0, "C-\\ ]", NULL,
                "paste what was copied last; several lines are shown first"},
        {ACT_PANELS, true, ALL, 'b', 0, "C-\\ b", "panels", "panels on and off"},
        {ACT_COLUMN_WIDER, true, ALL, '<', 0, "C-\\ <", NULL, "the column of panels wider"},
        {ACT_COLUMN_NARROWER, true, ALL, '>', 0, "C-\\ >", NULL,
                "the column of panels narrower"},
        {ACT_MOUSE, true, ALL, 'm', 0, "C-\\ m", NULL,
                "the mouse for the terminal, to select with it; again: back"},
        {ACT_FOCUS_NEXT, true, ALL, '\t', 0, "C-\\ Tab", NULL, "focus the next part"},
        {ACT_LINKS, true, ALL, 'o', 0, "C-\\ o", NULL,
                "links on the screen, with where they lead"},
        {ACT_CLIPBOARD, true, ALL, 'k', 0, "C-\\ k", NULL,
                "what the agent wants copied; again: copy it"},
        {ACT_MESSAGES, true, ALL, '~', 0, "C-\\ ~", NULL, "messages so far"},
        {ACT_REDRAW, true, ALL, 'r', 0, "C-\\ r", NULL, "draw everything anew"},
        {ACT_REDRAW, false, HOST, 0x0c, 0, "C-l", NULL, "draw everything anew"},
        {ACT_SEND_PREFIX, true, ALL, 0, 0, "C-\\ C-\\", NULL,
                "send the prefix key itself to the agent"},
        {ACT_DETACH, true, ALL, 'd', 0, "C-\\ d", "detach",
                "leave, the sessions go on; 'ironcurtain attach' comes back"},
        {ACT_TAB_1, true, ALL, '1', 0, "C-\\ 1-9", NULL, "the tab with this number"},
        TAB('2', 1),
        TAB('3', 2),
        TAB('4', 3),
        TAB('5', 4),
        TAB('6', 5),
        TAB('7', 6),
        TAB('8', 7),
        TAB('9', 8),
        {ACT_TAB_LEFT, true, ALL, 0, VT_KEY_LEFT, "C-\\ Left", NULL, "the tab to the left"},
        {ACT_TAB_RIGHT, true, ALL, 0, VT_KEY_RIGHT, "C-\\ Right", NULL, "the tab to the right"},
        {ACT_TAB_PREVIOUS, true, ALL, ' ', 0, "C-\\ Space", NULL, "the tab you were in before"},
        {ACT_TAB_NEEDING, true, ALL, 'g', 0, "C-\\ g", NULL, "the next tab that needs you"},
        {ACT_STOP, true, ALL, 'x', 0, "C-\\ x", NULL,
                "end this session, close its tab; asks for C-\\ x a second time"},
        {ACT_QUIT, true, ALL, 'q', 0, "C-\\ q", "quit",
                "end this session and leave; asks for C-\\ q a second time"},
        {ACT_CANCEL, true, ALL, 0, KEY_SYM_ESC, "C-\\ Esc", NULL, "cancel the prefix"},
        {ACT_HELP, true, ALL, '?', 0, "C-\\ ?", "help", "this list"},
        {ACT_HELP, true, ALL, 0, VT_KEY_F1, NULL, NULL, NULL},

        {ACT_OPEN, false, IN(MODE_WAITING), '\r', 0, "Enter", "review", "review this request"},
        {ACT_MARK, false, IN(MODE_WAITING), ' ', 0, "Space", "mark",
                "mark this request, or not; C-\\ n then denies the marked"},
        {ACT_MARK_ALIKE, false, IN(MODE_WAITING), '*', 0, "*", NULL,
                "mark all alike: same session, and the same tool or host"},
        {ACT_GROUP, false, IN(MODE_WAITING), 'g', 0, "g", NULL,
                "review all alike one after the other, then decide them together"},
        {ACT_TICK, false, IN(MODE_REVIEW), ' ', 0, "Space", NULL,
                "in a group: this one is decided with the others, or not"},
        {ACT_NEXT, false, IN(MODE_REVIEW), 'J', 0, "J, K", NULL,
                "in a group: the next one, the one before"},
        {ACT_PREVIOUS, false, IN(MODE_REVIEW), 'K', 0, NULL, NULL, NULL},
        {ACT_MARK_SESSION, false, IN(MODE_WAITING), 'D', 0, "D", NULL,
                "mark all of this session, to deny them with C-\\ n"},
        {ACT_OPEN, false, IN(MODE_EXPIRED), '\r', 0, "Enter", "open", NULL},
        {ACT_OPEN, false, IN(MODE_EXPIRED), 'g', 0, "g", "allow late",
                "open it, where C-\\ y allows it once if it is asked again"},
        {ACT_FORGET, false, IN(MODE_EXPIRED), 'x', 0, "x", "clear",
                "forget this one, with its late answer"},
        {ACT_REVOKE, false, IN(MODE_RULES), 'x', 0, "x", "take back",
                "take this answer back; asks for x a second time"},
        {ACT_OPEN, false, IN(MODE_LINKS), '\r', 0, "Enter", "open",
                "open this link in a browser"},
        {ACT_REFUSE, false, IN(MODE_CLIPBOARD), 'x', 0, "x", "refuse", "do not copy it"},
        {ACT_REFUSE_ALL, false, IN(MODE_CLIPBOARD), 'd', 0, "d", "refuse all",
                "and refuse whatever this session wants copied from now on"},
        {ACT_DOWN, false, LISTS, 'j', 0, "j, Down", NULL, "one line down"},
        {ACT_DOWN, false, LISTS, 0, VT_KEY_DOWN, NULL, NULL, NULL},
        {ACT_UP, false, LISTS, 'k', 0, "k, Up", NULL, "one line up"},
        {ACT_UP, false, LISTS, 0, VT_KEY_UP, NULL, NULL, NULL},
        {ACT_DOWN, false, IN(MODE_REVIEW), 0, 0, "j/k", "scroll", NULL},
        {ACT_PAGE_DOWN, false, LISTS, 0, VT_KEY_PAGE_DOWN, "PgDn", NULL, "a page down"},
        {ACT_PAGE_UP, false, LISTS, 0, VT_KEY_PAGE_UP, "PgUp", NULL, "a page up"},
        {ACT_TOP, false, LISTS & ~IN(MODE_EXPIRED) & ~IN(MODE_WAITING), 'g', 0, "g, Home", NULL,
                "to the top"},
        {ACT_TOP, false, LISTS, 0, VT_KEY_HOME, NULL, NULL, NULL},
        {ACT_BOTTOM, false, LISTS, 'G', 0, "G, End", NULL, "to the bottom"},
        {ACT_BOTTOM, false, LISTS, 0, VT_KEY_END, NULL, NULL, NULL},
        {ACT_PREVIOUS, false, IN(MODE_REVIEW), 0, KEY_SYM_BACKTAB, "S-Tab", NULL,
                "previous request"},
        {ACT_BACK, false, IN(MODE_REVIEW), 0, KEY_SYM_ESC, "Esc", "leave",
                "leave the review, nothing is decided"},
        {ACT_NEXT, false, IN(MODE_REVIEW), '\t', 0, "Tab", "next", "next request"},
        {ACT_ONCE, false, IN(MODE_REVIEW), '1', 0, "1", NULL,
                "draft: once, nothing is remembered"},
        {ACT_SESSION, false, IN(MODE_REVIEW), '2', 0, "2", NULL,
                "draft: until the session ends"},
        {ACT_ALWAYS, false, IN(MODE_REVIEW), '3', 0, "3", NULL,
                "draft: always; C-\\ y or C-\\ n writes the rule shown to answers.rules"},
        {ACT_TIME, false, IN(MODE_REVIEW), 't', 0, "t", NULL,
                "draft: for a time, or for some uses; again: the next"},
        {ACT_NARROWER, false, IN(MODE_REVIEW), '<', 0, "<", NULL,
                "draft: narrower, down to exactly this"},
        {ACT_WIDER, false, IN(MODE_REVIEW), '>', 0, ">", NULL,
                "draft: wider, as to all of the folder or host"},
        {ACT_WRITE, false, IN(MODE_REVIEW), 'm', 0, "m", NULL,
                "draft: write a message to the agent"},
        {ACT_EDIT, false, IN(MODE_REVIEW), 'e', 0, "e", NULL,
                "draft: edit the arguments of a call; C-g there: in $EDITOR"},
        {ACT_VIEW, false, IN(MODE_REVIEW), 'v', 0, "v", NULL,
                "the arguments of a call as received, or read again"},
        {ACT_BACK, false, LEFT_BY_ESC, 0, KEY_SYM_ESC, "Esc", "agent", "back to the agent"},
        {ACT_BACK, false, LEFT_BY_ESC, 'q', 0, NULL, NULL, NULL},
        {ACT_BACK, false, HOST & ~FIND, 0x03, 0, "C-c", NULL, "back, as Esc"},
        {ACT_SUSPEND, false, HOST, 0x1a, 0, "C-z", NULL,
                "suspend: the shell is back until 'fg', the sessions go on"},
        {ACT_HELP, false, HOST & ~VI & ~FIND, '?', 0, "?", NULL, "help"},

        {COPY_SELECT, false, VI, 'v', 0, "v", "select",
                "copy mode: select characters, or stop it"},
        {COPY_SELECT_LINES, false, VI, 'V', 0, "V", NULL, "select lines"},
        {COPY_SELECT_BLOCK, false, VI, 0x16, 0, "C-v", NULL, "select a block"},
        {COPY_SELECT, false, EMACS, KEYMAP_NUL, 0, "C-Space", "select",
                "copy mode: select from here, or stop it"},
        {COPY_SELECT_BLOCK, false, EMACS, 'R', 0, "R", NULL, "select a block"},
        {COPY_TAKE, false, VI, 'y', 0, "y", "copy", "y, Enter: copy what is selected"},
        {COPY_TAKE, false, EMACS, ALT('w'), 0, "M-w", "copy",
                "M-w, Enter: copy what is selected"},
        {COPY_TAKE, false, COPY, '\r', 0, NULL, NULL, NULL},
        {COPY_OTHER_END, false, COPY, 'o', 0, "o", NULL, "to the other end of the selection"},
        {COPY_FIND_DOWN, false, VI, '/', 0, "/", NULL, "search downwards as you type"},
        {COPY_FIND_UP, false, VI, '?', 0, "?", NULL, "search upwards"},
        {COPY_FIND_DOWN, false, EMACS, 0x13, 0, "C-s", NULL,
                "search downwards as you type; again: the next"},
        {COPY_FIND_UP, false, EMACS, 0x12, 0, "C-r", NULL,
                "search upwards; again: the one before"},
        {COPY_FIND_NEXT, false, COPY, 'n', 0, "n/N", "next", "next and previous hit"},
        {COPY_FIND_PREVIOUS, false, COPY, 'N', 0, NULL, NULL, NULL},
        {ACT_BACK, false, COPY, 0, KEY_SYM_ESC, "Esc", "live", "back to the agent"},
        {ACT_BACK, false, COPY, 'q', 0, NULL, NULL, NULL},
        {ACT_BACK, false, EMACS, 0x07, 0, NULL, NULL, NULL},

        {COPY_LEFT, false, VI, 'h', 0, "h j k l", NULL, "move, as the arrows do"},
        {COPY_DOWN, false, VI, 'j', 0, NULL, NULL, NULL},
        {COPY_UP, false, VI, 'k', 0, NULL, NULL, NULL},
        {COPY_RIGHT, false, VI, 'l', 0, NULL, NULL, NULL},
        {COPY_LEFT, false, EMACS, 0x02, 0, "C-b C-f", NULL, "left and right, as the arrows do"},
        {COPY_RIGHT, false, EMACS, 0x06, 0, NULL, NULL, NULL},
        {COPY_DOWN, false, EMACS, 0x0e, 0, "C-n C-p", NULL, "down and up"},
        {COPY_UP, false, EMACS, 0x10, 0, NULL, NULL, NULL},
        {COPY_LEFT, false, COPY, 0, VT_KEY_LEFT, NULL, NULL, NULL},
        {COPY_DOWN, false, COPY, 0, VT_KEY_DOWN, NULL, NULL, NULL},
        {COPY_UP, false, COPY, 0, VT_KEY_UP, NULL, NULL, NULL},
        {COPY_RIGHT, false, COPY, 0, VT_KEY_RIGHT, NULL, NULL, NULL},
        {COPY_WORD, false, VI, 'w', 0, "w b e", NULL,
                "next word, word before, end of the word"},
        {COPY_WORD_BACK, false, VI, 'b', 0, NULL, NULL, NULL},
        {COPY_WORD_END, false, VI, 'e', 0, NULL, NULL, NULL},
        {COPY_WORD, false, EMACS, ALT('f'), 0, "M-f M-b", NULL, "next word, word before"},
        {COPY_WORD_BACK, false, EMACS, ALT('b'), 0, NULL, NULL, NULL},
        {COPY_LINE_START, false, VI, '0', 0, "0 ^ $", NULL,
                "start of the line, of its text, its end"},
        {COPY_LINE_TEXT, false, VI, '^', 0, NULL, NULL, NULL},
        {COPY_LINE_END, false, VI, '$', 0, NULL, NULL, NULL},
        {COPY_LINE_START, false, EMACS, 0x01, 0, "C-a C-e", NULL, "start and end of the line"},
        {COPY_LINE_END, false, EMACS, 0x05, 0, NULL, NULL, NULL},
        {COPY_LINE_TEXT, false, EMACS, ALT('m'), 0, NULL, NULL, NULL},
        {COPY_LINE_START, false, COPY, 0, VT_KEY_HOME, NULL, NULL, NULL},
        {COPY_LINE_END, false, COPY, 0, VT_KEY_END, NULL, NULL, NULL},
        {COPY_BLANK_UP, false, VI, '{', 0, "{ }", NULL, "blank line above, below"},
        {COPY_BLANK_DOWN, false, VI, '}', 0, NULL, NULL, NULL},
        {COPY_BLANK_UP, false, EMACS, ALT('{'), 0, "M-{ M-}", NULL, "blank line above, below"},
        {COPY_BLANK_DOWN, false, EMACS, ALT('}'), 0, NULL, NULL, NULL},
        {COPY_HALF_UP, false, VI, 0x15, 0, "C-u C-d", NULL, "half a page up, down"},
        {COPY_HALF_DOWN, false, VI, 0x04, 0, NULL, NULL, NULL},
        {COPY_PAGE_UP, false, VI, 0x02, 0, "C-b C-f", NULL, "a page up, down"},
        {COPY_PAGE_DOWN, false, VI, 0x06, 0, NULL, NULL, NULL},
        {COPY_PAGE_UP, false, EMACS, ALT('v'), 0, "M-v C-v", NULL, "a page up, down"},
        {COPY_PAGE_DOWN, false, EMACS, 0x16, 0, NULL, NULL, NULL},
        {COPY_PAGE_UP, false, COPY, 0, VT_KEY_PAGE_UP, NULL, NULL, NULL},
        {COPY_PAGE_DOWN, false, COPY, 0, VT_KEY_PAGE_DOWN, NULL, NULL, NULL},
        {COPY_TOP, false, VI, 'g', 0, "g G", NULL, "the oldest line, the newest"},
        {COPY_BOTTOM, false, VI, 'G', 0, NULL, NULL, NULL},
        {COPY_TOP, false, EMACS, ALT('<'), 0, "M-< M->", NULL, "the oldest line, the newest"},
        {COPY_BOTTOM, false, EMACS, ALT('>'), 0, NULL, NULL, NULL},
        {COPY_HIGH, false, VI, 'H', 0, "H M L", NULL, "top, middle, last row of the view"},
        {COPY_MIDDLE, false, VI, 'M', 0, NULL, NULL, NULL},
        {COPY_LOW, false, VI, 'L', 0, NULL, NULL, NULL},
        {COPY_PROMPT_UP, false, COPY, '[', 0, "[ ]", NULL,
                "the prompt before, after: where you spoke"},
        {COPY_PROMPT_DOWN, false, COPY, ']', 0, NULL, NULL, NULL},
        {COPY_SCREEN_BEFORE, false, COPY, '<', 0, "< >", NULL,
                "earlier and later screen of a full-screen agent"},
        {COPY_SCREEN_AFTER, false, COPY, '>', 0, NULL, NULL, NULL},

        {COPY_FIND_DONE, false, FIND, '\r', 0, "Enter", "stay here", "the search is right"},
        {COPY_FIND_LEAVE, false, FIND, 0, KEY_SYM_ESC, "Esc", "give up",
                "give the search up, back to where it began"},
        {COPY_FIND_LEAVE, false, FIND, 0x03, 0, NULL, NULL, NULL},
        {COPY_FIND_LEAVE, false, FIND, 0x07, 0, NULL, NULL, NULL},
        {COPY_FIND_ERASE, false, FIND, 0x7f, 0, NULL, NULL, NULL},
        {COPY_FIND_ERASE, false, FIND, 0x08, 0, NULL, NULL, NULL},
        {COPY_FIND_ERASE_WORD, false, FIND, 0x17, 0, NULL, NULL, NULL},
        {COPY_FIND_ERASE_ALL, false, FIND, 0x15, 0, NULL, NULL, NULL},
        {COPY_FIND_NEXT, false, FIND, 0x13, 0, NULL, NULL, NULL},
        {COPY_FIND_PREVIOUS, false, FIND, 0x12, 0, NULL, NULL, NULL},
        {COPY_FIND_NEXT, false, FIND, 0, VT_KEY_DOWN, NULL, NULL, NULL},
        {COPY_FIND_PREVIOUS, false, FIND, 0, VT_KEY_UP, NULL, NULL, NULL},
        {COPY_PASTE_SEND, false, IN(MODE_PASTE), '\r', 0, "Enter", "send",
                "send what is shown to the agent"},
};
#define TABLE_LEN (sizeof TABLE / sizeof TABLE[0])

const char *mode_name(enum ui_mode mode)
{
    static const char *const names[MODE_COUNT] = {"AGENT", "WAITING", "REQUESTS", "WORDS",
            "REVIEW", "HELP", "MESSAGES", "LINKS", "CLIPBOARD", "EXPIRED", "RULES", "COPY",
            "COPY", "COPY", "PASTE"};
    return names[mode];
}

bool mode_is_copy(enum ui_mode mode)
{
    return mode == MODE_COPY || mode == MODE_COPY_EMACS || mode == MODE_COPY_FIND;
}

static bool row_matches(const struct action *row, const struct key *key)
{
    uint32_t wanted = row->cp == KEYMAP_NUL ? 0 : row->cp & ~KEYMAP_ALT;
    if (key->kind == KEY_SYM)
        return row->sym != 0 && row->sym == key->sym;
    if (key->kind != KEY_CHAR || row->cp == 0)
        return false;
    uint32_t cp = key_latin(key);
    int mods = key->mods & ~VT_MOD_SHIFT;
    if (mods == VT_MOD_CTRL && key->form != FORM_BYTES) {
        cp = (uint32_t)vt_control_byte(cp);
        mods = 0;
    }
    return wanted == cp && mods == (row->cp & KEYMAP_ALT ? VT_MOD_ALT : 0);
}

const struct action *keymap_find(enum ui_mode mode, bool prefix, const struct key *key)
{
    for (size_t i = 0; i < TABLE_LEN; i++)
        if (TABLE[i].prefix == prefix && (TABLE[i].modes & IN(mode)) &&
                row_matches(&TABLE[i], key))
            return &TABLE[i];
    return NULL;
}

const struct action *keymap_at(unsigned index)
{
    return index < TABLE_LEN ? &TABLE[index] : NULL;
}

/* In the last row a key is shown where it does something now. */
static bool hint_applies(const struct action *row, enum ui_mode mode, bool prefix)
{
    if (!row->hint || row->id == ACT_HELP || !(row->modes & IN(mode)))
        return false;
    if (prefix)
        return row->prefix &&
               ((row->id != ACT_APPROVE && row->id != ACT_DENY) || mode == MODE_REVIEW);
    if (row->id == ACT_APPROVE || row->id == ACT_DENY)
        return mode == MODE_REVIEW;
    if (mode == MODE_REVIEW || mode_is_copy(mode))
        return !row->prefix;
    return mode == MODE_AGENT ? row->prefix && row->id != ACT_QUIT
                              : !row->prefix || row->id == ACT_REVIEW;
}

void keymap_shown(const char *text, const char *prefix, struct buf *ret)
{
    const char *at;
    while (prefix && (at = strstr(text, PREFIX))) {
        buf_append(ret, text, (size_t)(at - text));
        buf_puts(ret, prefix);
        text = at + strlen(PREFIX);
    }
    buf_puts(ret, text);
}

void keymap_hints(enum ui_mode mode, bool after, const char *prefix, int cols, struct buf *ret)
{
    struct buf help = BUF_INIT, keys = BUF_INIT;
    keymap_shown(after ? "? help" : PREFIX " ? help", prefix, &help);
    int left = cols - (int)buf_len(&help);
    for (size_t i = 0; i < TABLE_LEN && left > 0; i++) {
        const struct action *row = &TABLE[i];
        if (!hint_applies(row, mode, after))
            continue;
        buf_clear(&keys);
        keymap_shown(after ? strrchr(row->keys, ' ') + 1 : row->keys, prefix, &keys);
        int need = (int)(buf_len(&keys) + 1 + strlen(row->hint) + 2);
        if (need > left)
            continue;
        buf_printf(ret, "%.*s %s  ", STR_ARG(buf_str(&keys)), row->hint);
        left -= need;
    }
    buf_append_str(ret, buf_str(&help));
    buf_release(&help);
    buf_release(&keys);
}
