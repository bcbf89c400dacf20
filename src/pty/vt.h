/*
 * vt.h - the terminal that the agent draws on: guard, libvterm's parser and state layer, and
 * a grid of our own with scrollback. No libvterm type shows here.
 *
 * Everything the agent prints ends in this grid and nowhere else. Rows are reached through
 * pointers that rotate when the screen scrolls; each row knows its changed span.
 */
#ifndef SRC_PTY_VT_H
#define SRC_PTY_VT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Base and what belongs to it: the longest emoji that Unicode lists has ten. */
#define VT_CELL_CHARS 10

/* Colour: kind in the top byte (0 default, 1 palette index, 2 RGB), value below. */
#define VT_COLOR_DEFAULT 0u
#define VT_COLOR_INDEX(i) (0x01000000u | (uint32_t)(i))
#define VT_COLOR_RGB(r, g, b)                                                                  \
    (0x02000000u | (uint32_t)(r) << 16 | (uint32_t)(g) << 8 | (uint32_t)(b))

enum vt_attr {
    VT_BOLD = 1,
    VT_DIM = 2,
    VT_ITALIC = 4,
    VT_UNDERLINE = 8, /* the style is a number in three bits */
    VT_UNDERLINE_DOUBLE = 16,
    VT_UNDERLINE_CURLY = 24,
    VT_UNDERLINE_DOTTED = 32,
    VT_UNDERLINE_DASHED = 40,
    VT_UNDERLINE_MASK = 56,
    VT_BLINK = 64,
    VT_REVERSE = 128,
    VT_CONCEAL = 256,
    VT_STRIKE = 512,
    VT_OVERLINE = 1024,
    VT_PROTECTED = 2048, /* DECSCA; does not show */
    VT_VISIBLE_ATTRS = 0x7ff
    /* The four bits above: colour of the underline, see vt_underline_color(). */
};

struct vt_cell {
    uint32_t cp;     /* base character; 0: empty */
    uint32_t fg, bg; /* VT_COLOR_* */
    uint16_t attrs;
    uint8_t width : 4; /* 1 or 2; 0: right half of a wide character */
    uint8_t extra : 4; /* so many code points follow: vt_cell_extra() */
    uint8_t link;      /* vt_link_target(); 0: none. On the screen only, not in the history */
};

struct vt;

struct vt_ops {
    /* Answers for the agent (DA, CPR...), to its PTY only. Called inside vt_feed. */
    void (*on_reply)(void *ctx, struct str bytes);
    void (*on_bell)(void *ctx);
    void (*on_title)(void *ctx, const char *title); /* cleaned, at most 64 characters */
    /* OSC 52 write; bytes decoded. Nothing was done with it. */
    void (*on_clipboard)(void *ctx, struct str text);
    /* A synchronized update (mode 2026) just ended: the screen is whole now, though the
       next one may open in the same vt_feed. vt_row() and the rest may be called here. */
    void (*on_sync_end)(void *ctx);
    /* It wants its user to hear this (OSC 9, 99, 777); raw bytes, at most LIMIT_VT_STRING. */
    void (*on_notice)(void *ctx, struct str text);
};

/* scrollback: lines kept. rows >= 1, cols >= 2 (clamped). Any op may be NULL. */
struct vt *vt_new(int cols, int rows, unsigned scrollback, const struct vt_ops *ops, void *ctx);
void vt_free(struct vt *vt);

/* Screens at rest kept: of full-screen programs, which have no history. Before the first feed. */
void vt_keep_screens(struct vt *vt, unsigned count);
/* Before a feed, with the time: this is how a rest of the screen is seen. */
void vt_time(struct vt *vt, uint64_t now_ms, int64_t wall_ms);
/* Any bytes, split anywhere. */
void vt_feed(struct vt *vt, struct str bytes);
void vt_resize(struct vt *vt, int cols, int rows);
void vt_reset(struct vt *vt);
/* What the user's terminal has for text and background, 0xRRGGBB: agents ask (OSC 10, 11) to
   tell dark from light. Until told: light grey on black. */
void vt_set_colors(struct vt *vt, uint32_t fg, uint32_t bg);

void vt_size(const struct vt *vt, int *ret_cols, int *ret_rows);
/* Row of the screen: cols cells, borrowed until the next feed or resize. */
const struct vt_cell *vt_row(const struct vt *vt, int row);
/* Combining marks and the rest of a cluster: up to 5 code points; returns how many. */
int vt_cell_extra(const struct vt *vt, int row, int col, uint32_t out[VT_CELL_CHARS - 1]);

/* VT_COLOR_* of the underline of a cell with these attributes; DEFAULT: that of the text. */
uint32_t vt_underline_color(const struct vt *vt, unsigned attrs);

/* Where a hyperlink (OSC 8) leads, as the agent wrote it; NULL: not known (any more). */
const char *vt_link_target(const struct vt *vt, unsigned link);

/* Control strings that were dropped whole since the start. */
enum vt_dropped {
    VT_DROPPED_DCS,  /* sixel, passthrough, definitions; not the questions that are answered */
    VT_DROPPED_APC,  /* kitty's pictures, and messages to programs */
    VT_DROPPED_PM,   /* PM and SOS */
    VT_DROPPED_FILE, /* OSC 1337: files, pictures, commands of iTerm2 */
    VT_DROPPED_OSC,  /* others, too long ones */
    VT_DROPPED_COUNT
};
uint64_t vt_dropped(const struct vt *vt, enum vt_dropped what);

/* Dirty span of a row, [from,to) in columns; false: clean. vt_dirty_clear after drawing. */
bool vt_dirty(const struct vt *vt, int row, int *ret_from, int *ret_to);
bool vt_any_dirty(const struct vt *vt);
void vt_dirty_clear(struct vt *vt);
void vt_dirty_all(struct vt *vt);

struct vt_cursor {
    int row, col;
    bool visible;
    bool blink;
    int shape; /* 1 block, 2 underline, 3 bar; 0: what the user likes, blinking or not */
};
struct vt_cursor vt_cursor(const struct vt *vt);

struct vt_modes {
    bool alt_screen, app_cursor, app_keypad, bracketed_paste, focus_events, sync_open;
    int mouse; /* 0 none, 1 click, 2 drag, 3 move */
    bool mouse_sgr;
    unsigned kitty_flags;
    unsigned modify_keys; /* xterm's modifyOtherKeys, 0 to 2 */
};
struct vt_modes vt_modes(const struct vt *vt);
const char *vt_title(const struct vt *vt);

/* Scrollback: line 0 is the newest. Fills at most cols cells, returns how many. */
unsigned vt_scroll_count(const struct vt *vt);
int vt_scroll_line(const struct vt *vt, unsigned line, struct vt_cell *cells, int cols);
/* As vt_cell_extra() for a cell of it. */
int vt_scroll_extra(
        const struct vt *vt, unsigned line, int col, uint32_t out[VT_CELL_CHARS - 1]);
/* True: the text of the line goes on in the next newer one. */
bool vt_scroll_wrapped(const struct vt *vt, unsigned line);

/* --- keys towards the agent ------------------------------------------------------------ */

enum vt_key {
    VT_KEY_UP = 1,
    VT_KEY_DOWN,
    VT_KEY_RIGHT,
    VT_KEY_LEFT,
    VT_KEY_HOME,
    VT_KEY_END,
    VT_KEY_INSERT,
    VT_KEY_DELETE,
    VT_KEY_PAGE_UP,
    VT_KEY_PAGE_DOWN,
    VT_KEY_F1 = 100
    /* F1+n */
};
enum vt_mod { VT_MOD_SHIFT = 1, VT_MOD_ALT = 2, VT_MOD_CTRL = 4 };

/* The bytes a cursor or function key is for the agent in its current modes; returns length. */
size_t vt_encode_key(const struct vt *vt, int key, int mods, char out[32]);
/* The bytes of a typed character with modifiers, also of Tab (9), Enter (13), Escape (27) and
 * Backspace (127). */
size_t vt_encode_char(const struct vt *vt, uint32_t cp, int mods, char out[32]);

/* The control byte that Ctrl and this key make on most terminals; -1: none. */
int vt_control_byte(uint32_t cp);

#define VT_MOUSE_BUTTONS 0xc3u /* 0, 1, 2: a button; 64, 65: the wheel; or */
#define VT_MOUSE_NONE 3u
#define VT_MOUSE_SHIFT 4u
#define VT_MOUSE_ALT 8u
#define VT_MOUSE_CTRL 16u
#define VT_MOUSE_MOTION 32u
#define VT_MOUSE_WHEEL 64u

struct vt_mouse {
    unsigned button; /* as xterm numbers it: VT_MOUSE_* joined */
    bool release;
    int row, col; /* of the agent's screen, from 0 */
};
/* 0: the agent did not ask for that, or it is outside of its screen. */
size_t vt_encode_mouse(const struct vt *vt, const struct vt_mouse *mouse, char out[32]);
/* Text pasted by the user, wrapped if the agent asked for it, ESC[201~ inside removed. */
void vt_encode_paste(const struct vt *vt, struct str text, struct buf *ret);

#endif
