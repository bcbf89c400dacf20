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
#define OFFERS (IN(MODE_LINKS) | IN(MODE_CLIPBOARD))
#define LISTS (PANELS | OFFERS | IN(MODE_HELP) | IN(MODE_MESSAGES) | IN(MODE_REVIEW))

#define TAB(digit, more)                                                                       \
    {                                                                                          \
        (enum action_id)(ACT_TAB_1 + (more)), true, ALL, (digit), 0, NULL, NULL, NULL          \
    }

static const struct action TABLE[] = {
        {ACT_APPROVE, true, ALL, 'y', 0, "C-\\ y", "approve", "approve what the review shows"},
        {ACT_DENY, true, ALL, 'n', 0, "C-\\ n", "deny", "deny what the review shows"},
        {ACT_REVIEW, true, ALL, 'e', 0, "C-\\ e", "review",
                "review the oldest request; again: the next"},
        {ACT_REQUESTS, true, ALL, 'l', 0, "C-\\ l", "requests",
                "request log; again: back to the agent"},
        {ACT_WORDS, true, ALL, 'i', 0, "C-\\ i", "words",
                "your words; again: back to the agent"},
        {ACT_ZOOM, true, ALL, 'z', 0, "C-\\ z", "zoom",
                "the focused part takes the whole area, or gives it back"},
        {ACT_PANELS, true, ALL, 'b', 0, "C-\\ b", "panels", "panels on and off"},
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
        {ACT_TOP, false, LISTS, 'g', 0, "g, Home", NULL, "to the top"},
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
        {ACT_NARROWER, false, IN(MODE_REVIEW), '<', 0, "<", NULL, "draft: exactly this"},
        {ACT_WIDER, false, IN(MODE_REVIEW), '>', 0, ">", NULL, "draft: all of the host"},
        {ACT_BACK, false, HOST & ~IN(MODE_REVIEW), 0, KEY_SYM_ESC, "Esc", "agent",
                "back to the agent"},
        {ACT_BACK, false, HOST & ~IN(MODE_REVIEW), 'q', 0, NULL, NULL, NULL},
        {ACT_BACK, false, HOST, 0x03, 0, "C-c", NULL, "back, as Esc"},
        {ACT_SUSPEND, false, HOST, 0x1a, 0, "C-z", NULL,
                "suspend: the shell is back until 'fg', the sessions go on"},
        {ACT_HELP, false, HOST, '?', 0, "?", NULL, "help"},
};
#define TABLE_LEN (sizeof TABLE / sizeof TABLE[0])

const char *mode_name(enum ui_mode mode)
{
    static const char *const names[MODE_COUNT] = {"AGENT", "WAITING", "REQUESTS", "WORDS",
            "REVIEW", "HELP", "MESSAGES", "LINKS", "CLIPBOARD"};
    return names[mode];
}

static bool row_matches(const struct action *row, const struct key *key)
{
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
    return row->cp == cp && mods == 0;
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
    if (mode == MODE_REVIEW)
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
