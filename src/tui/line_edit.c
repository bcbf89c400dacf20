/* line_edit.c - see line_edit.h. */
#include "tui/line_edit.h"

#include "pty/vt.h"

static size_t before(const struct line_edit *edit, size_t at)
{
    if (at > 0)
        at--;
    while (at > 0 && ((unsigned char)edit->text[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static size_t behind(const struct line_edit *edit, size_t at)
{
    if (at < edit->n)
        at++;
    while (at < edit->n && ((unsigned char)edit->text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static bool is_blank(const struct line_edit *edit, size_t at)
{
    return edit->text[at] == ' ';
}

static size_t word_before(const struct line_edit *edit)
{
    size_t at = edit->at;
    while (at > 0 && is_blank(edit, at - 1))
        at--;
    while (at > 0 && !is_blank(edit, at - 1))
        at--;
    return at;
}

static size_t word_behind(const struct line_edit *edit)
{
    size_t at = edit->at;
    while (at < edit->n && is_blank(edit, at))
        at++;
    while (at < edit->n && !is_blank(edit, at))
        at++;
    return at;
}

static void erase(struct line_edit *edit, size_t from, size_t to, bool keep)
{
    if (from == to)
        return;
    if (keep) {
        edit->cut_n = to - from;
        memcpy(edit->cut, edit->text + from, to - from);
    }
    memmove(edit->text + from, edit->text + to, edit->n - to);
    edit->n -= to - from;
    edit->at = from;
}

static void insert(struct line_edit *edit, const char *text, size_t n)
{
    if (edit->n + n > edit->max)
        return;
    memmove(edit->text + edit->at + n, edit->text + edit->at, edit->n - edit->at);
    memcpy(edit->text + edit->at, text, n);
    edit->n += n;
    edit->at += n;
}

static void insert_cp(struct line_edit *edit, uint32_t cp)
{
    char bytes[4];
    if (!char_is_deceptive(cp))
        insert(edit, bytes, utf8_encode(cp, bytes));
}

void line_edit_start(struct line_edit *edit, const char *text, size_t max)
{
    *edit = (struct line_edit){.max = max < LINE_EDIT_MAX ? max : LINE_EDIT_MAX};
    line_edit_paste(edit, str_of(text));
}

void line_edit_paste(struct line_edit *edit, struct str text)
{
    for (size_t i = 0; i < text.n;) {
        uint32_t cp = 0;
        int n = utf8_decode(text.p + i, text.n - i, &cp);
        i += n > 0 ? (size_t)n : 1;
        if (n > 0)
            insert_cp(edit, cp == '\n' || cp == '\r' || cp == '\t' ? ' ' : cp);
    }
}

static bool symbol(struct line_edit *edit, int sym)
{
    switch (sym) {
    case VT_KEY_LEFT:
        edit->at = before(edit, edit->at);
        return true;
    case VT_KEY_RIGHT:
        edit->at = behind(edit, edit->at);
        return true;
    case VT_KEY_HOME:
        edit->at = 0;
        return true;
    case VT_KEY_END:
        edit->at = edit->n;
        return true;
    case VT_KEY_DELETE:
        erase(edit, edit->at, behind(edit, edit->at), false);
        return true;
    default:
        return false;
    }
}

/* A control character, as a byte. */
static bool control(struct line_edit *edit, uint32_t byte)
{
    switch (byte) {
    case 0x01:
        edit->at = 0;
        return true;
    case 0x02:
        return symbol(edit, VT_KEY_LEFT);
    case 0x04:
        return symbol(edit, VT_KEY_DELETE);
    case 0x05:
        edit->at = edit->n;
        return true;
    case 0x06:
        return symbol(edit, VT_KEY_RIGHT);
    case 0x08:
    case 0x7f:
        erase(edit, before(edit, edit->at), edit->at, false);
        return true;
    case 0x0b:
        erase(edit, edit->at, edit->n, true);
        return true;
    case 0x15:
        erase(edit, 0, edit->at, true);
        return true;
    case 0x17:
        erase(edit, word_before(edit), edit->at, true);
        return true;
    case 0x19:
        insert(edit, edit->cut, edit->cut_n);
        return true;
    default:
        return false;
    }
}

enum line_edit_said line_edit_key(struct line_edit *edit, const struct key *key)
{
    if (key->release)
        return LINE_EDIT_GOES_ON;
    if (key->kind == KEY_SYM && key->sym == KEY_SYM_ESC)
        return LINE_EDIT_LEFT;
    if (key->kind == KEY_SYM)
        return symbol(edit, key->sym) ? LINE_EDIT_GOES_ON : LINE_EDIT_NOT_MINE;
    if (key->kind != KEY_CHAR)
        return LINE_EDIT_NOT_MINE;
    int mods = key->mods & ~VT_MOD_SHIFT;
    uint32_t cp = key->cp;
    if (mods == VT_MOD_CTRL && key->form != FORM_BYTES) {
        cp = (uint32_t)vt_control_byte(cp);
        mods = 0;
    }
    if (mods == 0 && cp == '\r')
        return LINE_EDIT_DONE;
    if (mods == 0 && cp == 0x03)
        return LINE_EDIT_LEFT;
    if (mods == 0 && control(edit, cp))
        return LINE_EDIT_GOES_ON;
    if (mods == VT_MOD_ALT && (cp == 'b' || cp == 'f')) {
        edit->at = cp == 'b' ? word_before(edit) : word_behind(edit);
        return LINE_EDIT_GOES_ON;
    }
    if (!key_is_text(key))
        return LINE_EDIT_NOT_MINE;
    insert_cp(edit, cp);
    return LINE_EDIT_GOES_ON;
}

struct str line_edit_text(struct line_edit *edit)
{
    memcpy(edit->shown, edit->text, edit->at);
    edit->shown[edit->at] = '|';
    memcpy(edit->shown + edit->at + 1, edit->text + edit->at, edit->n - edit->at);
    return (struct str){edit->shown, edit->n + 1};
}
