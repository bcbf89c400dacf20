/*
 * vt_internal.h - the emulator's parts among themselves.
 *
 *   vt.c       owns libvterm: its callbacks, feeding, resizing, the public calls
 *   vt_grid.c  one screen of cells; vt_reflow.c: another size
 *   vt_scroll.c  history; vt_pack.c: a line of it; vt_rest.c: screens at rest
 *   vt_fast.c  plain text and cursor moves, past libvterm
 *   vt_csi.c   what becomes of each sequence
 *   vt_rect.c  rectangles
 *   vt_modes.c modes, margins, saved cursors, screens, resets
 *   vt_sgr.c   colours and attributes: the pen is ours, libvterm never sees one
 *   vt_link.c  hyperlinks; vt_news.c: notifications, and what is dropped
 *   vt_osc.c   title, clipboard, queries in strings
 *   vt_keys.c  cursor and function keys and pastes for the agent; vt_chars.c: characters;
 *              vt_mouse.c: the mouse
 */
#ifndef SRC_PTY_VT_INTERNAL_H
#define SRC_PTY_VT_INTERNAL_H

#include "base/limits.h"
#include "pty/vt_grid.h"
#include "pty/vt_rest.h"
#include "pty/vt_scroll.h"
#include "pty/vtguard.h"

#define VT_KITTY_STACK 8
#define VT_TITLE_CHARS 64
#define VT_LINKS 256 /* numbers that fit into a cell; 0 is none */
#define VT_UNDERLINE_COLORS 15 /* more than these are drawn in the colour of the text */
#define VT_UNDERLINE_COLOR_SHIFT 12
#define VT_MARKS 4 /* for a character that is no emoji */

struct VTerm;
struct VTermState;

/* What DECSC saves. libvterm has one slot, saves too much and forgets to check it after
   a resize; so it never gets to see a save or a restore. */
struct vt_saved {
    int row, col;
    struct vt_cell pen;
    bool origin;
    char charset[4];
    int shift;
};

/* Where a hyperlink leads. */
struct vt_link {
    char *target; /* owns; NULL: the number is free */
    size_t len;
};

struct vt_kitty {
    unsigned flags;
    unsigned stack[VT_KITTY_STACK];
    unsigned depth;
};

struct vt_fast {
    bool is_open; /* row and col are the cursor, not libvterm's */
    int row, col;
    bool is_full; /* the row is, and the next character wraps; col is the last one */
    bool is_off; /* for tests: everything through libvterm */
};

struct vt {
    struct VTerm *term;       /* owns */
    struct VTermState *state; /* belongs to term */
    struct vtguard guard;
    struct vt_fast fast;
    const struct vt_ops *ops; /* borrows */
    void *ctx;                /* borrows */

    struct vt_grid screens[2]; /* main, alternate */
    struct vt_saved saved[2];
    struct vt_kitty kitty[2];
    struct vt_grid *grid; /* the one in use */
    struct vt_scroll scroll;
    struct vt_rest rest;

    struct vt_cell pen;
    struct vt_modes modes;
    bool cursor_visible, cursor_blink;
    int cursor_shape;
    bool origin, autowrap, insert, newline;
    int margin_top, margin_bottom;       /* scroll region [top,bottom) */
    char charset[4];                     /* 'B', '0' or 'A' in G0..G3 */
    int shift;                           /* which of them is in use */
    uint8_t tabs[LIMIT_VT_COLS / 8 + 1]; /* bit for each column */
    bool has_tabs;                       /* not every eighth any more */

    int put_row, put_col; /* character printed last, for marks; row -1: none */
    bool wrap_pending;    /* it filled its row */
    bool edge_pending;    /* it left one column, too few for a wide one */
    bool want_history;    /* lines leaving the top are kept */
    uint32_t stand_for;   /* what the next glyph of libvterm is really; 0: itself */
    bool is_silent;       /* the next glyph is not drawn */
    uint32_t underline_colors[VT_UNDERLINE_COLORS];
    unsigned underline_color_count;
    uint32_t text_color, back_color; /* 0xRRGGBB of the user's terminal */
    char title[VT_TITLE_CHARS * 4 + 1];
    struct vt_link links[VT_LINKS]; /* by number */
    bool links_half;                /* which half is forgotten next */
    uint64_t dropped[VT_DROPPED_COUNT];
};

/* vt.c */
void vt_lib_write(struct vt *vt, const char *p, size_t n);
void vt_lib_printf(struct vt *vt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vt_lib_cursor(const struct vt *vt, int *ret_row, int *ret_col);
/* A fresh library for the grid's size, with our modes and tabs, without margins. */
void vt_lib_renew(struct vt *vt, int row, int col);
/* Rows go up (n > 0) or down; lines that leave the main screen become history. */
void vt_scroll_rows(struct vt *vt, int top, int bottom, int n);
void vt_reply(struct vt *vt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* vt_fast.c */
bool vt_fast_is_allowed(const struct vt *vt);
/* Take over libvterm's cursor if no line wrap can be pending. False: it could be. */
bool vt_fast_enter(struct vt *vt);
/* The cursor goes there, clamped to the screen. Only if allowed. */
void vt_fast_move(struct vt *vt, int row, int col);
/* It stands in the last column of a full row. */
void vt_fast_fill_row(struct vt *vt, int row);
/* How many bytes at p it took; 0: libvterm must do it. */
size_t vt_fast_run(struct vt *vt, const char *p, size_t n);
/* From here on libvterm's cursor counts again. */
void vt_fast_close(struct vt *vt);

/* vt_csi.c */
bool vt_is_plain_csi(void *ctx, const struct vtguard_csi *csi);
void vt_on_csi(void *ctx, const struct vtguard_csi *csi);
bool vt_is_plain_esc(void *ctx, char inter, char final);
void vt_on_esc(void *ctx, char inter, char final);
void vt_tabs_reset(struct vt *vt);
bool vt_is_tab(const struct vt *vt, int col);

/* vt_rect.c */
void vt_rect_csi(struct vt *vt, const struct vtguard_csi *csi);
void vt_index_column(struct vt *vt, bool forward);

/* vt_modes.c */
void vt_on_shift(void *ctx, int set);
void vt_set_charset(struct vt *vt, int set, char name);
void vt_set_shift(struct vt *vt, int shift);
void vt_save_cursor(struct vt *vt);
void vt_restore_cursor(struct vt *vt);
bool vt_has_margins(const struct vt *vt);
void vt_set_margins(struct vt *vt, const struct vtguard_csi *csi);
void vt_set_modes(struct vt *vt, const struct vtguard_csi *csi);
/* As DECRPM says it: 0 unknown, 1 set, 2 reset. */
int vt_dec_mode_state(struct vt *vt, int mode);
int vt_ansi_mode_state(const struct vt *vt, int mode);
void vt_set_cursor_shape(struct vt *vt, int style);
void vt_kitty_csi(struct vt *vt, const struct vtguard_csi *csi);
void vt_modify_csi(struct vt *vt, const struct vtguard_csi *csi);
void vt_modes_reset(struct vt *vt);
/* Tell a fresh libvterm the modes that are not as it starts. */
void vt_modes_replay(struct vt *vt);
void vt_soft_reset(struct vt *vt);
void vt_hard_reset(struct vt *vt);

/* vt_sgr.c */
void vt_sgr(struct vt *vt, const struct vtguard_csi *csi);
/* The pen as the parameters of SGR that make it. */
void vt_sgr_text(const struct vt *vt, struct buf *ret);

/* vt_link.c */
/* `parameters;target` of OSC 8: what is printed from now on leads there. */
void vt_set_link(struct vt *vt, struct str body);
void vt_links_release(struct vt *vt);

/* vt_news.c */
void vt_notice(struct vt *vt, unsigned code, struct str body);
void vt_on_dropped(void *ctx, char introducer);

/* vt_osc.c */
void vt_on_osc(void *ctx, struct str body, bool ended_by_bell);
/* DECRQSS and XTGETTCAP. */
void vt_on_dcs(void *ctx, struct str body);

#endif
