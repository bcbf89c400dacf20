/*
 * word_keys.c - from bytes to editing keys.
 *
 * One state machine, one byte at a time; it never looks ahead and holds no more than one
 * character and a few parameters. A byte that cannot continue a sequence ends it and counts
 * for itself (a real Enter after an Alt-[ must not be lost).
 */
#include "pty/word_keys.h"

/* A terminal sends a sequence in one go; a person does not type two keys this fast. */
#define GAP_MS 50
/* Long answers (a clipboard) may come in pieces over a slow line. */
#define STRING_GAP_MS 1000
#define PARAM_MAX 0x110000u

#define MOD_SHIFT 1u
#define MOD_ALT 2u
#define MOD_CTRL 4u
#define MOD_LOCKS 0xc0u /* Caps Lock and Num Lock */

static const char paste_end[] = "\033[201~";

/* What ^@ to ^_ do in readline and in the editors of the agents. */
static const uint8_t control_keys[32] = {
        ['A' - '@'] = WORD_HOME,
        ['B' - '@'] = WORD_LEFT,
        ['C' - '@'] = WORD_CLEAR,
        ['D' - '@'] = WORD_ERASE_RIGHT,
        ['E' - '@'] = WORD_END,
        ['F' - '@'] = WORD_RIGHT,
        ['H' - '@'] = WORD_ERASE_LEFT,
        ['I' - '@'] = WORD_UNSURE, /* completion */
        ['J' - '@'] = WORD_NEWLINE,
        ['K' - '@'] = WORD_KILL_RIGHT,
        ['M' - '@'] = WORD_ENTER,
        ['N' - '@'] = WORD_UNSURE, /* history */
        ['P' - '@'] = WORD_UNSURE,
        ['R' - '@'] = WORD_UNSURE,
        ['S' - '@'] = WORD_UNSURE,
        ['T' - '@'] = WORD_UNSURE, /* transpose */
        ['U' - '@'] = WORD_KILL_LEFT,
        ['V' - '@'] = WORD_UNSURE, /* quoted insert, or a picture from the clipboard */
        ['W' - '@'] = WORD_RUBOUT,
        ['X' - '@'] = WORD_UNSURE, /* prefix, external editor */
        ['Y' - '@'] = WORD_UNSURE, /* yank */
        ['_' - '@'] = WORD_UNSURE, /* undo */
};

void word_keys_init(struct word_keys *keys, word_key_fn emit, void *ctx)
{
    *keys = (struct word_keys){.emit = emit, .ctx = ctx, .state = WORD_GROUND};
}

static void emit(struct word_keys *keys, enum word_key key)
{
    if (key != WORD_NOTHING)
        keys->emit(keys->ctx, key, STR(""));
}

static enum word_key alt_key(uint32_t c)
{
    switch (c) {
    case 'b':
        return WORD_WORD_LEFT;
    case 'f':
        return WORD_WORD_RIGHT;
    case 'd':
        return WORD_ERASE_WORD_RIGHT;
    case 0x7f:
    case '\b':
        return WORD_ERASE_WORD_LEFT;
    case '\r':
    case '\n':
        return WORD_NEWLINE;
    case 'y':
    case 't':
    case 'u':
    case 'l':
    case 'c':
    case '.':
    case '\t':
        return WORD_UNSURE; /* yank, transpose, case, last argument, completion */
    default:
        return WORD_NOTHING;
    }
}

/* --- characters ---------------------------------------------------------------------- */

static bool is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0);
}

static void emit_char(struct word_keys *keys, uint32_t cp)
{
    char out[4];
    if (is_control(cp) || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return; /* CSI u can name any number */
    bool pasted = keys->state == WORD_IN_PASTE;
    keys->emit(keys->ctx, pasted ? WORD_PASTED : WORD_TEXT,
            (struct str){out, utf8_encode(cp, out)});
}

/* A byte of text. Bytes that are no UTF-8 are dropped, and what they did is not known. */
static void feed_text(struct word_keys *keys, char c)
{
    for (;;) {
        uint32_t cp;
        keys->utf8[keys->utf8_len++] = c;
        int n = utf8_decode(keys->utf8, keys->utf8_len, &cp);
        if (n == 0 && keys->utf8_len < sizeof(keys->utf8))
            return;
        bool is_first = keys->utf8_len == 1;
        keys->utf8_len = 0;
        if (n > 0) {
            emit_char(keys, cp);
            return;
        }
        emit(keys, WORD_UNSURE);
        if (is_first)
            return;
        /* The byte broke the character before it and may begin the next. */
    }
}

static void drop_partial(struct word_keys *keys)
{
    if (keys->utf8_len)
        emit(keys, WORD_UNSURE);
    keys->utf8_len = 0;
}

/* --- sequences ------------------------------------------------------------------------ */

static void begin_csi(struct word_keys *keys)
{
    keys->state = WORD_IN_CSI;
    memset(keys->params, 0, sizeof(keys->params));
    memset(keys->subs, 0, sizeof(keys->subs));
    keys->index = 0;
    keys->in_sub = keys->is_report = false;
}

static unsigned modifiers(const struct word_keys *keys, unsigned index)
{
    return keys->params[index] ? (keys->params[index] - 1) & ~MOD_LOCKS : 0;
}

/* A key given by its code point and modifiers (CSI u, modifyOtherKeys). */
static void coded_key(struct word_keys *keys, uint32_t code, unsigned mods)
{
    bool is_function_key = code >= 0xe000 && code <= 0xf8ff;
    if (code == '\r')
        emit(keys, mods ? WORD_NEWLINE : WORD_ENTER);
    else if (code == 0x1b)
        emit(keys, WORD_ESCAPE);
    else if (code == 0x7f || code == '\b')
        emit(keys, mods & (MOD_ALT | MOD_CTRL) ? WORD_ERASE_WORD_LEFT : WORD_ERASE_LEFT);
    else if (mods & MOD_CTRL && code >= '@' && code < 0x7f)
        emit(keys, control_keys[code & 0x1f]);
    else if (mods & MOD_ALT)
        emit(keys, alt_key(code));
    else if (code < 0x20)
        emit(keys, control_keys[code]);
    else if (!(mods & ~MOD_SHIFT) && !is_function_key)
        emit_char(keys, code);
}

/* The text that the key made, where the terminal says it; else Shift on a letter. */
static void kitty_key(struct word_keys *keys, unsigned mods)
{
    uint32_t code = keys->params[0], text = keys->index >= 2 ? keys->params[2] : 0;
    bool is_text = !(mods & ~MOD_SHIFT);
    if (is_text && text)
        code = text;
    else if (is_text && mods && code >= 'a' && code <= 'z')
        code -= 'a' - 'A';
    coded_key(keys, code, mods);
}

static void tilde_key(struct word_keys *keys)
{
    switch (keys->params[0]) {
    case 1:
    case 7:
        emit(keys, WORD_HOME);
        break;
    case 4:
    case 8:
        emit(keys, WORD_END);
        break;
    case 3:
        emit(keys, WORD_ERASE_RIGHT);
        break;
    case 27:
        coded_key(keys, keys->params[2], modifiers(keys, 1));
        break;
    case 200:
        drop_partial(keys);
        keys->state = WORD_IN_PASTE;
        keys->matched = 0;
        keys->after_cr = false;
        break;
    default:
        break; /* page and function keys */
    }
}

static enum word_key cursor_key(char final, unsigned mods)
{
    bool by_word = mods & (MOD_ALT | MOD_CTRL);
    switch (final) {
    case 'A':
    case 'B':
        return WORD_UNSURE; /* another line, or history */
    case 'C':
        return by_word ? WORD_WORD_RIGHT : WORD_RIGHT;
    case 'D':
        return by_word ? WORD_WORD_LEFT : WORD_LEFT;
    case 'H':
        return WORD_HOME;
    case 'F':
        return WORD_END;
    default:
        return WORD_NOTHING;
    }
}

static void end_csi(struct word_keys *keys, char final)
{
    keys->state = WORD_GROUND;
    if (keys->is_report || keys->subs[1] == 3)
        return; /* an answer or a report; 3: a key was released */
    if (final == '~')
        tilde_key(keys);
    else if (final == 'u')
        kitty_key(keys, modifiers(keys, 1));
    else if (final == 'M' && keys->index == 0 && keys->params[0] == 0) {
        keys->state = WORD_IN_MOUSE;
        keys->skip = 3;
    } else
        emit(keys, cursor_key(final, modifiers(keys, 1)));
}

/* False: the byte ends the sequence and counts for itself. */
static bool feed_csi(struct word_keys *keys, char c)
{
    if (c >= '0' && c <= '9') {
        if (keys->index < WORD_PARAMS) {
            uint32_t *p = keys->in_sub ? &keys->subs[keys->index] : &keys->params[keys->index];
            *p = *p < PARAM_MAX ? *p * 10 + (uint32_t)(c - '0') : PARAM_MAX;
        }
    } else if (c == ';') {
        keys->index += keys->index < WORD_PARAMS;
        keys->in_sub = false;
    } else if (c == ':') {
        keys->in_sub = true;
        if (keys->index < WORD_PARAMS)
            keys->subs[keys->index] = 0;
    } else if (c >= 0x40 && c <= 0x7e) {
        end_csi(keys, c);
    } else if (c >= 0x20 && c <= 0x3f) {
        keys->is_report = true;
    } else {
        keys->state = WORD_GROUND;
        return false;
    }
    return true;
}

static bool feed_esc(struct word_keys *keys, char c)
{
    keys->state = WORD_GROUND;
    if (c == '[') {
        begin_csi(keys);
    } else if (c == 'O') {
        keys->state = WORD_IN_SS3;
    } else if (c == ']' || c == 'P' || c == '_' || c == '^' || c == 'X') {
        keys->state = WORD_IN_STRING;
    } else if (c == 0x1b) {
        emit(keys, WORD_ESCAPE);
        keys->state = WORD_IN_ESC;
    } else if ((unsigned char)c < 0x80) {
        emit(keys, alt_key((unsigned char)c));
    } else {
        return false;
    }
    return true;
}

static bool feed_ss3(struct word_keys *keys, char c)
{
    keys->state = WORD_GROUND;
    if (c == 'M')
        emit(keys, WORD_ENTER); /* of the keypad */
    else
        emit(keys, cursor_key(c, 0));
    return c >= 0x40 && c <= 0x7e;
}

static bool feed_string(struct word_keys *keys, char c)
{
    if (keys->state == WORD_IN_STRING_ESC) {
        keys->state = WORD_GROUND;
        if (c == '\\')
            return true;
        keys->state = WORD_IN_ESC; /* the ESC began something else */
        return feed_esc(keys, c);
    }
    if (c == 0x1b)
        keys->state = WORD_IN_STRING_ESC;
    else if ((unsigned char)c < 0x20)
        keys->state = WORD_GROUND;
    return c == '\a' || c == 0x1b || keys->state != WORD_GROUND;
}

static void feed_paste(struct word_keys *keys, char c)
{
    if (c == paste_end[keys->matched]) {
        if (keys->matched == 0)
            drop_partial(keys);
        if (paste_end[++keys->matched] == '\0') {
            drop_partial(keys);
            keys->state = WORD_GROUND;
        }
        return;
    }
    size_t matched = keys->matched;
    keys->matched = 0;
    for (size_t i = 1; i < matched; i++)
        feed_text(keys, paste_end[i]); /* it was text after all; its ESC is no text */
    if (c == paste_end[0]) {
        keys->matched = 1;
        return;
    }
    bool lf_of_crlf = c == '\n' && keys->after_cr;
    keys->after_cr = c == '\r';
    if (c == '\t')
        keys->emit(keys->ctx, WORD_PASTED, STR("\t"));
    else if ((c == '\r' || c == '\n') && !lf_of_crlf)
        keys->emit(keys->ctx, WORD_PASTED, STR("\n"));
    else if ((unsigned char)c >= 0x20)
        feed_text(keys, c);
}

static void feed_ground(struct word_keys *keys, char c)
{
    unsigned char byte = (unsigned char)c;
    if (byte >= 0x20 && byte != 0x7f) {
        feed_text(keys, c);
        return;
    }
    drop_partial(keys);
    if (byte == 0x1b)
        keys->state = WORD_IN_ESC;
    else
        emit(keys, byte == 0x7f ? WORD_ERASE_LEFT : control_keys[byte]);
}

static void feed_byte(struct word_keys *keys, char c)
{
    bool used = true;
    switch (keys->state) {
    case WORD_GROUND:
        used = false;
        break;
    case WORD_IN_ESC:
        used = feed_esc(keys, c);
        break;
    case WORD_IN_CSI:
        used = feed_csi(keys, c);
        break;
    case WORD_IN_SS3:
        used = feed_ss3(keys, c);
        break;
    case WORD_IN_STRING:
    case WORD_IN_STRING_ESC:
        used = feed_string(keys, c);
        break;
    case WORD_IN_MOUSE:
        if (--keys->skip == 0)
            keys->state = WORD_GROUND;
        break;
    case WORD_IN_PASTE:
        feed_paste(keys, c);
        break;
    }
    if (!used)
        feed_ground(keys, c);
}

static void give_up_after_pause(struct word_keys *keys, int64_t pause)
{
    switch (keys->state) {
    case WORD_GROUND:
    case WORD_IN_PASTE:
        return;
    case WORD_IN_STRING:
    case WORD_IN_STRING_ESC:
        if (pause <= STRING_GAP_MS)
            return;
        break;
    case WORD_IN_ESC:
    case WORD_IN_CSI:
    case WORD_IN_SS3:
    case WORD_IN_MOUSE:
        if (pause <= GAP_MS)
            return;
        if (keys->state == WORD_IN_ESC)
            emit(keys, WORD_ESCAPE);
        break;
    }
    keys->state = WORD_GROUND;
}

void word_keys_feed(struct word_keys *keys, struct str bytes, int64_t now_ms)
{
    give_up_after_pause(keys, now_ms - keys->last_ms);
    keys->last_ms = now_ms;
    for (size_t i = 0; i < bytes.n; i++)
        feed_byte(keys, bytes.p[i]);
}
