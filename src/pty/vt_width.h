/*
 * vt_width.h - how many cells a character takes, and which of them make up an emoji.
 *
 * The cells are those that today's terminals and the libraries of agents (wcwidth,
 * string-width) give it; libvterm's own table ends with Unicode 9. Pure.
 */
#ifndef SRC_PTY_VT_WIDTH_H
#define SRC_PTY_VT_WIDTH_H

#include <stdbool.h>
#include <stdint.h>

#define VT_ZWJ 0x200d
#define VT_EMOJI_STYLE 0xfe0f /* variation selector 16 */

/* 1 or 2; marks and format characters are vt_char_kind()'s. */
int vt_char_width(uint32_t cp);
/* Can be part of an emoji that a zero width joiner holds together. */
bool vt_is_picture(uint32_t cp);
/* Narrow, but VT_EMOJI_STYLE behind it makes it an emoji of two cells. */
bool vt_is_text_or_picture(uint32_t cp);

static inline bool vt_is_regional(uint32_t cp)
{
    return cp >= 0x1f1e6 && cp <= 0x1f1ff;
}

static inline bool vt_is_skin_tone(uint32_t cp)
{
    return cp >= 0x1f3fb && cp <= 0x1f3ff;
}

#endif
