/*
 * vt_modes.c - modes, margins, saved cursors, screens, resets.
 *
 * All of it is kept here: libvterm either does not know it (2026, ?47, CSI s), reads only the
 * first of several (0.1.4), or can be crashed through it (DECSC and a resize, mode 69). It is
 * told what changes where text goes: origin, margins, wrapping, inserting, character sets.
 */
#include "pty/vt_internal.h"

#include <stddef.h>
#include <string.h>

#include "base/err.h"

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* --- cursor, screens, margins ---------------------------------------------------------- */

bool vt_has_margins(const struct vt *vt)
{
    return vt->margin_top != 0 || vt->margin_bottom != vt->grid->rows;
}

void vt_set_charset(struct vt *vt, int set, char name)
{
    vt->charset[set] = name;
    vt_lib_printf(vt, "\033%c%c", "()*+"[set], name);
}

void vt_set_shift(struct vt *vt, int shift)
{
    static const char *const shifts[] = {"\017", "\016", "\033n", "\033o"};

    vt->shift = shift;
    vt_lib_write(vt, shifts[shift], strlen(shifts[shift]));
}

void vt_on_shift(void *ctx, int set)
{
    vt_set_shift(ctx, set);
}

static void set_origin(struct vt *vt, bool on)
{
    vt->origin = on;
    vt_lib_printf(vt, "\033[?6%c", on ? 'h' : 'l');
}

void vt_save_cursor(struct vt *vt)
{
    struct vt_saved *saved = &vt->saved[vt->modes.alt_screen];

    vt_lib_cursor(vt, &saved->row, &saved->col);
    saved->pen = vt->pen;
    saved->pen.link = 0;
    saved->origin = vt->origin;
    saved->shift = vt->shift;
    memcpy(saved->charset, vt->charset, sizeof(saved->charset));
}

void vt_restore_cursor(struct vt *vt)
{
    const struct vt_saved *saved = &vt->saved[vt->modes.alt_screen];
    int row = saved->row;

    uint8_t link = vt->pen.link;
    vt->pen = saved->pen;
    vt->pen.link = link;
    for (int set = 0; set < 4; set++)
        if (vt->charset[set] != saved->charset[set])
            vt_set_charset(vt, set, saved->charset[set]);
    if (vt->shift != saved->shift)
        vt_set_shift(vt, saved->shift);
    set_origin(vt, saved->origin);
    if (saved->origin)
        row = clamp(row - vt->margin_top, 0, vt->grid->rows);
    vt_lib_printf(vt, "\033[%d;%dH", row + 1, saved->col + 1);
}

static void use_screen(struct vt *vt, bool alternate)
{
    vt->modes.alt_screen = alternate;
    vt->grid = &vt->screens[alternate];
    vt->put_row = -1;
    vt->wrap_pending = false;
    vt_grid_dirty_rows(vt->grid, 0, vt->grid->rows);
}

static void erase_screen(struct vt *vt)
{
    for (int row = 0; row < vt->grid->rows; row++)
        vt_grid_erase(vt->grid, row, 0, vt->grid->cols, vt->pen.bg);
}

static void set_screen(struct vt *vt, int mode, bool on)
{
    bool was_on = vt->modes.alt_screen;

    if (mode == 1049 && on)
        vt_save_cursor(vt);
    if (was_on != on)
        use_screen(vt, on);
    if (on && (!was_on || mode == 1049))
        erase_screen(vt);
    if (mode == 1049 && !on)
        vt_restore_cursor(vt);
}

void vt_set_margins(struct vt *vt, const struct vtguard_csi *csi)
{
    int rows = vt->grid->rows;
    int top = vtguard_param(csi, 0, 1) - 1;
    int bottom = clamp(vtguard_param(csi, 1, rows), 1, rows);

    if (bottom - top < 2) /* one row is no region; nor is an upside-down one */
        return;
    vt->margin_top = top;
    vt->margin_bottom = bottom;
    vt_lib_printf(vt, "\033[%d;%dr", top + 1, bottom);
}
/* --- modes ----------------------------------------------------------------------------- */

/* DEC modes that are just a flag of ours. */
static const struct {
    int mode;
    size_t flag; /* offset in struct vt */
} flag_modes[] = {
        {1, offsetof(struct vt, modes.app_cursor)},
        {12, offsetof(struct vt, cursor_blink)},
        {25, offsetof(struct vt, cursor_visible)},
        {66, offsetof(struct vt, modes.app_keypad)},
        {1004, offsetof(struct vt, modes.focus_events)},
        {1006, offsetof(struct vt, modes.mouse_sgr)},
        {2004, offsetof(struct vt, modes.bracketed_paste)},
};

static bool *flag_of(struct vt *vt, int mode)
{
    for (size_t i = 0; i < sizeof(flag_modes) / sizeof(flag_modes[0]); i++)
        if (flag_modes[i].mode == mode)
            return (bool *)((char *)vt + flag_modes[i].flag);
    return NULL;
}

static void set_sync(struct vt *vt, bool on)
{
    bool was_on = vt->modes.sync_open;

    vt->modes.sync_open = on;
    if (was_on && !on && vt->ops->on_sync_end)
        vt->ops->on_sync_end(vt->ctx);
}

static void set_dec_mode(struct vt *vt, int mode, bool on)
{
    bool *flag = flag_of(vt, mode);

    if (flag) {
        *flag = on;
        return;
    }
    switch (mode) {
    case 6:
        set_origin(vt, on);
        break;
    case 7:
        vt->autowrap = on;
        vt_lib_printf(vt, "\033[?7%c", on ? 'h' : 'l');
        break;
    case 47:
    case 1047:
    case 1049:
        set_screen(vt, mode, on);
        break;
    case 1048:
        if (on)
            vt_save_cursor(vt);
        else
            vt_restore_cursor(vt);
        break;
    case 1000:
    case 1002:
    case 1003:
        vt->modes.mouse = !on ? 0 : mode == 1000 ? 1 : mode - 1000;
        break;
    case 2026:
        set_sync(vt, on);
        break;
    default:
        break;
    }
}

/* As DECRPM says it: 0 unknown, 1 set, 2 reset. */
int vt_dec_mode_state(struct vt *vt, int mode)
{
    bool *flag = flag_of(vt, mode);

    if (flag)
        return *flag ? 1 : 2;
    switch (mode) {
    case 6:
        return vt->origin ? 1 : 2;
    case 7:
        return vt->autowrap ? 1 : 2;
    case 47:
    case 1047:
    case 1049:
        return vt->modes.alt_screen ? 1 : 2;
    case 1000:
        return vt->modes.mouse == 1 ? 1 : 2;
    case 1002:
    case 1003:
        return vt->modes.mouse == mode - 1000 ? 1 : 2;
    case 2026:
        return vt->modes.sync_open ? 1 : 2;
    case 2027: /* clusters have the width of what they show: always */
        return 3;
    default:
        return 0;
    }
}

static void set_ansi_mode(struct vt *vt, int mode, bool on)
{
    if (mode != 4 && mode != 20)
        return;
    if (mode == 4) { /* not told: libvterm makes room for one cell, also before a wide one */
        vt->insert = on;
        return;
    }
    vt->newline = on;
    vt_lib_printf(vt, "\033[20%c", on ? 'h' : 'l');
}

int vt_ansi_mode_state(const struct vt *vt, int mode)
{
    return mode == 4 ? (vt->insert ? 1 : 2) : mode == 20 ? (vt->newline ? 1 : 2) : 0;
}

/* Several modes in one sequence: libvterm 0.1.4 would take the first only. */
void vt_set_modes(struct vt *vt, const struct vtguard_csi *csi)
{
    bool on = csi->final == 'h';

    for (unsigned i = 0; i < csi->count; i++) {
        if (csi->leader == '?')
            set_dec_mode(vt, vtguard_param(csi, i, 0), on);
        else
            set_ansi_mode(vt, vtguard_param(csi, i, 0), on);
    }
}

void vt_set_cursor_shape(struct vt *vt, int style)
{
    if (style > 6)
        return;
    vt->cursor_shape = (style + 1) / 2;
    vt->cursor_blink = style % 2 == 1;
}

void vt_modes_reset(struct vt *vt)
{
    vt->pen = (struct vt_cell){.width = 1};
    vt->modes.app_cursor = false;
    vt->modes.app_keypad = false;
    vt->cursor_visible = true;
    vt->origin = false;
    vt->autowrap = true;
    vt->insert = false;
    vt->newline = false;
    vt->margin_top = 0;
    vt->margin_bottom = vt->grid->rows;
    memset(vt->charset, 'B', sizeof(vt->charset));
    vt->shift = 0;
    for (int i = 0; i < 2; i++) {
        vt->saved[i] = (struct vt_saved){.pen = vt->pen};
        memset(vt->saved[i].charset, 'B', sizeof(vt->saved[i].charset));
    }
}

void vt_modes_replay(struct vt *vt)
{
    CHECK(!vt_has_margins(vt));
    for (int set = 0; set < 4; set++)
        if (vt->charset[set] != 'B')
            vt_set_charset(vt, set, vt->charset[set]);
    if (vt->shift)
        vt_set_shift(vt, vt->shift);
    if (vt->newline)
        set_ansi_mode(vt, 20, true);
    if (!vt->autowrap)
        set_dec_mode(vt, 7, false);
    if (vt->origin)
        set_origin(vt, true);
}

void vt_soft_reset(struct vt *vt)
{
    int row, col;

    vt_lib_cursor(vt, &row, &col);
    vt_modes_reset(vt);
    vt_lib_renew(vt, row, col);
}

void vt_hard_reset(struct vt *vt)
{
    set_sync(vt, false);
    vt->modes = (struct vt_modes){.alt_screen = vt->modes.alt_screen};
    vt->kitty[0] = vt->kitty[1] = (struct vt_kitty){0};
    vt_set_cursor_shape(vt, 0);
    vt->guard.last_cp = 0;
    vt_modes_reset(vt);
    for (int i = 1; i >= 0; i--) {
        use_screen(vt, i);
        erase_screen(vt);
    }
    vt_tabs_reset(vt);
    vt_lib_renew(vt, 0, 0);
}

/* --- keyboard protocol of kitty -------------------------------------------------------- */

#define KITTY_FLAGS 0x1f

static void kitty_push(struct vt_kitty *kitty, unsigned flags)
{
    if (kitty->depth == VT_KITTY_STACK) {
        memmove(kitty->stack, kitty->stack + 1, sizeof(kitty->stack) - sizeof(unsigned));
        kitty->depth--;
    }
    kitty->stack[kitty->depth++] = kitty->flags;
    kitty->flags = flags & KITTY_FLAGS;
}

static void kitty_pop(struct vt_kitty *kitty, int count)
{
    while (count-- > 0) {
        kitty->flags = kitty->depth ? kitty->stack[--kitty->depth] : 0;
        if (kitty->depth == 0 && kitty->flags == 0)
            return;
    }
}

static void kitty_set(struct vt_kitty *kitty, unsigned flags, int how)
{
    flags &= KITTY_FLAGS;
    if (how == 1)
        kitty->flags = flags;
    else if (how == 2)
        kitty->flags |= flags;
    else if (how == 3)
        kitty->flags &= ~flags;
}

void vt_kitty_csi(struct vt *vt, const struct vtguard_csi *csi)
{
    struct vt_kitty *kitty = &vt->kitty[vt->modes.alt_screen];

    if (csi->leader == '?')
        vt_reply(vt, "\033[?%uu", kitty->flags);
    else if (csi->leader == '>')
        kitty_push(kitty, (unsigned)vtguard_param(csi, 0, 0));
    else if (csi->leader == '<')
        kitty_pop(kitty, vtguard_param(csi, 0, 1));
    else
        kitty_set(kitty, (unsigned)vtguard_param(csi, 0, 0), vtguard_param(csi, 1, 1));
}

/* --- xterm's modifyOtherKeys ----------------------------------------------------------- */

void vt_modify_csi(struct vt *vt, const struct vtguard_csi *csi)
{
    int resource = vtguard_param(csi, 0, 0);
    int level = csi->final == 'm' ? vtguard_param(csi, 1, 0) : 0;

    if (resource != 4 && !(csi->count == 0 && csi->final == 'm'))
        return; /* cursor, function and keypad keys are as xterm has them by default */
    if (csi->leader == '?')
        vt_reply(vt, "\033[>4;%um", vt->modes.modify_keys);
    else
        vt->modes.modify_keys = (unsigned)clamp(level, 0, 2);
}
