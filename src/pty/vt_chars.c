/*
 * vt_chars.c - a character with modifiers for the agent: by the kitty keyboard protocol if it
 * asked for that, else by xterm's modifyOtherKeys, else as the control bytes of old.
 *
 * The character is the one that was typed ('A', not 'a' with Shift). What key it was cannot be
 * known in general; letters are taken back to their small form, as the protocol wants it.
 */
#include "pty/vt_internal.h"

#include <stdio.h>

#define KITTY_DISAMBIGUATE 1u
#define KITTY_ALTERNATES 4u
#define KITTY_ALL 8u
#define KITTY_TEXT 16u

#define TAB 9
#define ENTER 13
#define ESCAPE 27
#define BACKSPACE 127

static bool is_upper(uint32_t cp)
{
    return cp >= 'A' && cp <= 'Z';
}

static bool is_lower(uint32_t cp)
{
    return cp >= 'a' && cp <= 'z';
}

static bool is_printable(uint32_t cp)
{
    return cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0);
}

int vt_control_byte(uint32_t cp)
{
    static const char keys[] = " @2[3\\4]5^6~_7/?8";
    static const char bytes[] =
            "\0\0\0\033\033\034\034\035\035\036\036\036\037\037\037\177\177";

    if (is_upper(cp) || is_lower(cp))
        return (int)(cp & 0x1f);
    for (size_t i = 0; i < sizeof(keys) - 1; i++)
        if (cp == (uint32_t)keys[i])
            return bytes[i];
    if (cp == BACKSPACE)
        return '\b';
    return cp == TAB || cp == ENTER || cp == ESCAPE ? (int)cp : -1;
}

/* Old bytes; what they cannot say is left out. */
static size_t encode_bytes(uint32_t cp, int mods, char out[32])
{
    int control = mods & VT_MOD_CTRL ? vt_control_byte(cp) : -1;
    size_t n = 0;

    if (mods & VT_MOD_ALT)
        out[n++] = '\033';
    if (cp == TAB && mods & VT_MOD_SHIFT)
        return n + (size_t)snprintf(out + n, 32 - n, "\033[Z");
    if (control < 0)
        return n + utf8_encode(cp, out + n);
    out[n++] = (char)control;
    return n;
}

static size_t encode_kitty(unsigned flags, uint32_t cp, int mods, char out[32])
{
    bool is_text = is_printable(cp) && !(mods & (VT_MOD_ALT | VT_MOD_CTRL));
    bool all = flags & KITTY_ALL;
    char shifted[16] = "", modifiers[8] = "", text[16] = "";
    uint32_t code = cp;

    if (!all && (is_text || !(flags & KITTY_DISAMBIGUATE)))
        return encode_bytes(cp, mods, out);
    if (!all && !mods && cp != ESCAPE)
        return encode_bytes(cp, 0, out);
    if (is_upper(cp)) {
        code = cp | 0x20;
        mods |= VT_MOD_SHIFT;
        if (flags & KITTY_ALTERNATES)
            snprintf(shifted, sizeof(shifted), ":%u", (unsigned)cp);
    }
    if (all && flags & KITTY_TEXT && is_text)
        snprintf(text, sizeof(text), ";%u", (unsigned)cp);
    if (mods)
        snprintf(modifiers, sizeof(modifiers), ";%d", mods + 1);
    else if (*text)
        snprintf(modifiers, sizeof(modifiers), ";");
    return (size_t)snprintf(
            out, 32, "\033[%u%s%s%su", (unsigned)code, shifted, modifiers, text);
}

/* Level 1: only where the old bytes would lose a modifier. */
static bool is_lossy(uint32_t cp, int mods)
{
    bool control = mods & VT_MOD_CTRL;

    switch (cp) {
    case TAB:
        return control;
    case BACKSPACE:
        return mods & VT_MOD_SHIFT;
    case ENTER:
    case ESCAPE:
        return mods & (VT_MOD_SHIFT | VT_MOD_CTRL);
    default:
        return control && (vt_control_byte(cp) < 0 || mods & VT_MOD_SHIFT);
    }
}

static size_t encode_other(unsigned level, uint32_t cp, int mods, char out[32])
{
    bool is_text = is_printable(cp) && !(mods & (VT_MOD_ALT | VT_MOD_CTRL));
    bool is_back_tab = cp == TAB && mods == VT_MOD_SHIFT;

    if (!mods || is_text || is_back_tab || (level == 1 && !is_lossy(cp, mods)))
        return encode_bytes(cp, mods, out);
    return (size_t)snprintf(out, 32, "\033[27;%d;%u~", mods + 1, (unsigned)cp);
}

size_t vt_encode_char(const struct vt *vt, uint32_t cp, int mods, char out[32])
{
    struct vt_modes modes = vt_modes(vt);

    mods &= VT_MOD_SHIFT | VT_MOD_ALT | VT_MOD_CTRL;
    if (cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
        return 0;
    if (modes.kitty_flags)
        return encode_kitty(modes.kitty_flags, cp, mods, out);
    if (modes.modify_keys)
        return encode_other(modes.modify_keys, cp, mods, out);
    return encode_bytes(cp, mods, out);
}
