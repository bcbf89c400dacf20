/*
 * vt_keys.c - keys and pastes for the agent, as xterm would send them.
 */
#include "pty/vt_internal.h"

#include <stdio.h>
#include <string.h>

/* Keys of the form `CSI letter` (SS3 letter in application mode), or `CSI number ~`. */
struct key_form {
    char letter;
    uint8_t number;
};

static const struct key_form cursor_keys[] = {
        [VT_KEY_UP] = {'A', 0},
        [VT_KEY_DOWN] = {'B', 0},
        [VT_KEY_RIGHT] = {'C', 0},
        [VT_KEY_LEFT] = {'D', 0},
        [VT_KEY_HOME] = {'H', 0},
        [VT_KEY_END] = {'F', 0},
        [VT_KEY_INSERT] = {0, 2},
        [VT_KEY_DELETE] = {0, 3},
        [VT_KEY_PAGE_UP] = {0, 5},
        [VT_KEY_PAGE_DOWN] = {0, 6},
};

static const struct key_form function_keys[] = {{'P', 0}, {'Q', 0}, {'R', 0}, {'S', 0}, {0, 15},
        {0, 17}, {0, 18}, {0, 19}, {0, 20}, {0, 21}, {0, 23}, {0, 24}};

#define FUNCTION_KEYS (int)(sizeof(function_keys) / sizeof(function_keys[0]))
#define CURSOR_KEYS (int)(sizeof(cursor_keys) / sizeof(cursor_keys[0]))

static size_t encode_letter(char letter, bool is_ss3, int mods, char out[32])
{
    int n;

    if (mods)
        n = snprintf(out, 32, "\033[1;%d%c", mods + 1, letter);
    else
        n = snprintf(out, 32, "\033%c%c", is_ss3 ? 'O' : '[', letter);
    return (size_t)n;
}

static size_t encode_number(unsigned number, int mods, char out[32])
{
    int n;

    if (mods)
        n = snprintf(out, 32, "\033[%u;%d~", number, mods + 1);
    else
        n = snprintf(out, 32, "\033[%u~", number);
    return (size_t)n;
}

size_t vt_encode_key(const struct vt *vt, int key, int mods, char out[32])
{
    struct vt_modes modes = vt_modes(vt);
    bool is_kitty = modes.kitty_flags != 0;
    struct key_form form = {0, 0};
    bool is_ss3 = false;

    out[0] = '\0';
    mods &= VT_MOD_SHIFT | VT_MOD_ALT | VT_MOD_CTRL;
    if (key >= VT_KEY_UP && key < CURSOR_KEYS) {
        form = cursor_keys[key];
        is_ss3 = modes.app_cursor && !is_kitty;
    } else if (key >= VT_KEY_F1 && key < VT_KEY_F1 + FUNCTION_KEYS) {
        form = function_keys[key - VT_KEY_F1];
        is_ss3 = !is_kitty;
        /* CSI R is a cursor position report, so the kitty protocol moved F3. */
        if (is_kitty && form.letter == 'R')
            form = (struct key_form){0, 13};
    }
    if (form.letter)
        return encode_letter(form.letter, is_ss3, mods, out);
    return form.number ? encode_number(form.number, mods, out) : 0;
}

/*
 * No control character but tab and line end survives in a paste: neither the end mark nor
 * another sequence can be smuggled in by the clipboard. The end mark goes whole; the suffix
 * is looked at after each byte, so one that is put together by taking another away goes
 * too. Lines end as the Enter key does.
 */
static void paste_byte(struct buf *ret, size_t start, char c)
{
    static const struct str end = {"\033[201~", 6};

    buf_putc(ret, c);
    size_t n = buf_len(ret);
    if (c == '~' && n - start >= end.n && memcmp(buf_data(ret) + n - end.n, end.p, end.n) == 0)
        ret->len -= end.n;
}

static void remove_controls(struct buf *ret, size_t start)
{
    char *p = buf_data(ret);
    size_t kept = start;

    for (size_t i = start; i < buf_len(ret); i++)
        if ((unsigned char)p[i] >= 0x20 ? p[i] != 0x7f : p[i] == '\t' || p[i] == '\r')
            p[kept++] = p[i];
    ret->len = ret->off + kept;
}

void vt_encode_paste(const struct vt *vt, struct str text, struct buf *ret)
{
    bool is_bracketed = vt_modes(vt).bracketed_paste;

    if (is_bracketed)
        buf_puts(ret, "\033[200~");

    size_t start = buf_len(ret);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\n' && i && text.p[i - 1] == '\r')
            continue;
        paste_byte(ret, start, text.p[i] == '\n' ? '\r' : text.p[i]);
    }
    remove_controls(ret, start);
    if (is_bracketed)
        buf_puts(ret, "\033[201~");
}
