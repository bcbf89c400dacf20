/*
 * vt_internal.h - the emulator's parts among themselves.
 *
 *   vt.c       owns libvterm: its callbacks, feeding, resizing, the public calls
 *   vt_csi.c   sequences that do not go to libvterm as they are: modes, cursor, queries
 *   vt_sgr.c   colours and attributes: the pen is ours, libvterm never sees one
 *   vt_osc.c   title, clipboard, colour queries
 *   vt_keys.c  keys and pastes for the agent
 */
#ifndef SRC_PTY_VT_INTERNAL_H
#define SRC_PTY_VT_INTERNAL_H

#include "pty/vt_grid.h"
#include "pty/vt_scroll.h"
#include "pty/vtguard.h"

#define VT_KITTY_STACK 8
#define VT_TITLE_CHARS 64

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

struct vt_kitty {
    unsigned flags;
    unsigned stack[VT_KITTY_STACK];
    unsigned depth;
};

struct vt {
    struct VTerm *term;       /* owns */
    struct VTermState *state; /* belongs to term */
    struct vtguard guard;
    const struct vt_ops *ops; /* borrows */
    void *ctx;                /* borrows */

    struct vt_grid screens[2]; /* main, alternate */
    struct vt_saved saved[2];
    struct vt_kitty kitty[2];
    struct vt_grid *grid; /* the one in use */
    struct vt_scroll scroll;

    struct vt_cell pen;
    struct vt_modes modes;
    bool cursor_visible, cursor_blink;
    int cursor_shape;
    bool origin, autowrap, insert, newline;
    int margin_top, margin_bottom; /* scroll region [top,bottom) */
    char charset[4];               /* 'B', '0' or 'A' in G0..G3 */
    int shift;                     /* which of them is in use */

    int put_row, put_col; /* character printed last, for marks; row -1: none */
    bool wrap_pending;    /* it filled its row */
    bool want_history;    /* lines leaving the top are kept */
    char title[VT_TITLE_CHARS * 4 + 1];
};

/* vt.c */
void vt_lib_write(struct vt *vt, const char *p, size_t n);
void vt_lib_printf(struct vt *vt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void vt_lib_cursor(const struct vt *vt, int *ret_row, int *ret_col);
void vt_lib_reset(struct vt *vt, bool hard);
void vt_reply(struct vt *vt, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* vt_csi.c */
bool vt_is_plain_csi(void *ctx, const struct vtguard_csi *csi);
void vt_on_csi(void *ctx, const struct vtguard_csi *csi);
bool vt_is_plain_esc(void *ctx, char inter, char final);
void vt_on_esc(void *ctx, char inter, char final);
void vt_on_shift(void *ctx, int set);
void vt_modes_reset(struct vt *vt);

/* vt_sgr.c */
void vt_sgr(struct vt_cell *pen, const struct vtguard_csi *csi);

/* vt_osc.c */
void vt_on_osc(void *ctx, struct str body, bool ended_by_bell);

#endif
