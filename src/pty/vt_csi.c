/*
 * vt_csi.c - sequences that do not go to libvterm as they are.
 *
 * libvterm moves the cursor, erases and scrolls; is_plain_csi lists what it may see. Modes,
 * saved cursors, screens and margins are kept here: the library either does not know them
 * (2026, ?47, CSI s), reads only the first of several (0.1.4), or can be crashed through them
 * (DECSC and a resize, REP, DECDWL, mode 69).
 */
#include "pty/vt_internal.h"

#include <stddef.h>
#include <string.h>

#define KEY(leader, inter, final) ((leader) << 16 | (inter) << 8 | (final))

static int csi_key(const struct vtguard_csi *csi)
{
    return KEY(csi->leader, csi->inter, csi->final);
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static bool has_margins(const struct vt *vt)
{
    return vt->margin_top != 0 || vt->margin_bottom != vt->grid->rows;
}

bool vt_is_plain_csi(void *ctx, const struct vtguard_csi *csi)
{
    int first = vtguard_param(csi, 0, 0);

    (void)ctx;
    if (csi->count > 2 || csi->sub)
        return false;
    switch (csi_key(csi)) {
    case 'I':
    case 'L':
    case 'S':
    case 'X':
    case 'Z':
    case 'a':
    case 'e':
    case 'g':
    case 'j':
    case 'k':
    case KEY(0, '\'', '}'):
    case KEY(0, '\'', '~'):
        return true;
    case KEY('?', 0, 'J'):
    case KEY('?', 0, 'K'):
        return first <= 2;
    case 'T': /* with more parameters it is mouse tracking */
        return csi->count <= 1;
    case 'n':
    case KEY('?', 0, 'n'):
        return first == 5 || first == 6;
    case 'c':
    case KEY('>', 0, 'c'):
        return first == 0;
    default:
        return false;
    }
}

/* --- cursor, screens, margins ---------------------------------------------------------- */

/* Back to column `col`, which also forgets a pending line wrap. */
static void set_column(struct vt *vt, int col)
{
    vt_lib_printf(vt, "\033[%dG", col + 1);
}

static void set_charset(struct vt *vt, int set, char name)
{
    vt->charset[set] = name;
    vt_lib_printf(vt, "\033%c%c", "()*+"[set], name);
}

static void set_shift(struct vt *vt, int shift)
{
    static const char *const shifts[] = {"\017", "\016", "\033n", "\033o"};

    vt->shift = shift;
    vt_lib_write(vt, shifts[shift], strlen(shifts[shift]));
}

void vt_on_shift(void *ctx, int set)
{
    set_shift(ctx, set);
}

static void set_origin(struct vt *vt, bool on)
{
    vt->origin = on;
    vt_lib_printf(vt, "\033[?6%c", on ? 'h' : 'l');
}

static void save_cursor(struct vt *vt)
{
    struct vt_saved *saved = &vt->saved[vt->modes.alt_screen];

    vt_lib_cursor(vt, &saved->row, &saved->col);
    saved->pen = vt->pen;
    saved->origin = vt->origin;
    saved->shift = vt->shift;
    memcpy(saved->charset, vt->charset, sizeof(saved->charset));
}

static void restore_cursor(struct vt *vt)
{
    const struct vt_saved *saved = &vt->saved[vt->modes.alt_screen];
    int row = saved->row;

    vt->pen = saved->pen;
    for (int set = 0; set < 4; set++)
        if (vt->charset[set] != saved->charset[set])
            set_charset(vt, set, saved->charset[set]);
    if (vt->shift != saved->shift)
        set_shift(vt, saved->shift);
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
        save_cursor(vt);
    if (was_on != on)
        use_screen(vt, on);
    if (on && (!was_on || mode == 1049))
        erase_screen(vt);
    if (mode == 1049 && !on)
        restore_cursor(vt);
}

static void set_margins(struct vt *vt, const struct vtguard_csi *csi)
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

static void forward(struct vt *vt, const struct vtguard_csi *csi)
{
    char text[VTGUARD_PARAMS * 5 + 8];

    vt_lib_write(vt, text, vtguard_csi_text(csi, text));
}

/* Up and down stop at the margin they move towards, which libvterm leaves out. */
static int rows_above(const struct vt *vt, int row)
{
    return row >= vt->margin_top ? row - vt->margin_top : row;
}

static int rows_below(const struct vt *vt, int row)
{
    return (row < vt->margin_bottom ? vt->margin_bottom : vt->grid->rows) - 1 - row;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void move_cursor(struct vt *vt, const struct vtguard_csi *csi)
{
    int n = vtguard_param(csi, 0, 1);
    int row, col;

    if (csi->count > 2 || csi->sub)
        return;
    if (!vt_fast_is_allowed(vt) && (vt->origin || !has_margins(vt))) {
        forward(vt, csi);
        return;
    }
    vt_lib_cursor(vt, &row, &col);
    switch (csi->final) {
    case 'A':
        row -= least(n, rows_above(vt, row));
        break;
    case 'B':
        row += least(n, rows_below(vt, row));
        break;
    case 'C':
        col += n;
        break;
    case 'D':
        col -= n;
        break;
    case 'E':
        row += least(n, rows_below(vt, row));
        col = 0;
        break;
    case 'F':
        row -= least(n, rows_above(vt, row));
        col = 0;
        break;
    case 'G':
    case '`':
        col = n - 1;
        break;
    case 'd':
        row = n - 1;
        break;
    default: /* H, f */
        row = n - 1;
        col = vtguard_param(csi, 1, 1) - 1;
        break;
    }
    vt_fast_move(vt, row, col);
}

/* ED and EL with 0, 1 or 2: from the cursor on, up to it, all. */
static void erase(struct vt *vt, const struct vtguard_csi *csi)
{
    int part = vtguard_param(csi, 0, 0);
    struct vt_grid *grid = vt->grid;

    if (csi->count > 2 || csi->sub || part > 2)
        return;
    if (!vt_fast_enter(vt)) {
        forward(vt, csi);
        return;
    }

    int row = vt->fast.row;
    vt_grid_erase(grid, row, part == 0 ? vt->fast.col : 0,
            part == 1 ? vt->fast.col + 1 : grid->cols, vt->pen.bg);
    if (csi->final == 'K')
        return;
    for (int r = part == 0 ? row + 1 : 0; r < (part == 1 ? row : grid->rows); r++)
        if (r != row)
            vt_grid_erase(grid, r, 0, grid->cols, vt->pen.bg);
}

/* Insert or delete characters; libvterm does it only inside the scroll region. */
static void shift_cells(struct vt *vt, const struct vtguard_csi *csi)
{
    int n = clamp(vtguard_param(csi, 0, 1), 1, vt->grid->cols);
    int row, col;

    vt_lib_cursor(vt, &row, &col);
    vt_grid_shift(vt->grid, row, col, vt->grid->cols, csi->final == '@' ? n : -n, vt->pen.bg);
    set_column(vt, col);
}

/* Repeat the last character, at most for a row: more is nothing that draws, only work. */
static void repeat(struct vt *vt, const struct vtguard_csi *csi)
{
    int count = clamp(vtguard_param(csi, 0, 1), 1, vt->grid->cols);
    char text[VTGUARD_SLICE];
    size_t n = 0;

    if (vt->guard.last_cp == 0)
        return;
    while (count-- > 0) {
        if (n + 4 > sizeof(text)) {
            vt_lib_write(vt, text, n);
            n = 0;
        }
        n += utf8_encode(vt->guard.last_cp, text + n);
    }
    vt_lib_write(vt, text, n);
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
            save_cursor(vt);
        else
            restore_cursor(vt);
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
static int dec_mode_state(struct vt *vt, int mode)
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
    default:
        return 0;
    }
}

static void set_ansi_mode(struct vt *vt, int mode, bool on)
{
    if (mode != 4 && mode != 20)
        return;
    if (mode == 4)
        vt->insert = on;
    else
        vt->newline = on;
    vt_lib_printf(vt, "\033[%d%c", mode, on ? 'h' : 'l');
}

static int ansi_mode_state(const struct vt *vt, int mode)
{
    return mode == 4 ? (vt->insert ? 1 : 2) : mode == 20 ? (vt->newline ? 1 : 2) : 0;
}

/* Several modes in one sequence: libvterm 0.1.4 would take the first only. */
static void set_modes(struct vt *vt, const struct vtguard_csi *csi)
{
    bool on = csi->final == 'h';

    for (unsigned i = 0; i < csi->count; i++) {
        if (csi->leader == '?')
            set_dec_mode(vt, vtguard_param(csi, i, 0), on);
        else
            set_ansi_mode(vt, vtguard_param(csi, i, 0), on);
    }
}

static void set_cursor_shape(struct vt *vt, int style)
{
    if (style > 6)
        return;
    style = style ? style : 1;
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

static void soft_reset(struct vt *vt)
{
    vt_modes_reset(vt);
    vt_lib_reset(vt, false);
}

static void hard_reset(struct vt *vt)
{
    set_sync(vt, false);
    vt->modes = (struct vt_modes){.alt_screen = vt->modes.alt_screen};
    vt->kitty[0] = vt->kitty[1] = (struct vt_kitty){0};
    vt->cursor_shape = 1;
    vt->cursor_blink = true;
    vt->guard.last_cp = 0;
    vt_modes_reset(vt);
    for (int i = 1; i >= 0; i--) {
        use_screen(vt, i);
        erase_screen(vt);
    }
    vt_lib_reset(vt, true);
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

static void kitty_csi(struct vt *vt, const struct vtguard_csi *csi)
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

/* --- dispatch -------------------------------------------------------------------------- */

/* Lines that are deleted at the top did not scroll away. */
static void delete_lines(struct vt *vt, const struct vtguard_csi *csi)
{
    if (csi->count > 2 || csi->sub)
        return;
    vt->want_history = false;
    forward(vt, csi);
    vt->want_history = true;
}

void vt_on_csi(void *ctx, const struct vtguard_csi *csi)
{
    struct vt *vt = ctx;
    int first = vtguard_param(csi, 0, 0);

    switch (csi_key(csi)) {
    case 'm':
        vt_sgr(&vt->pen, csi);
        break;
    case 'h':
    case 'l':
    case KEY('?', 0, 'h'):
    case KEY('?', 0, 'l'):
        set_modes(vt, csi);
        break;
    case 'A':
    case 'B':
    case 'C':
    case 'D':
    case 'E':
    case 'F':
    case 'G':
    case 'H':
    case '`':
    case 'd':
    case 'f':
        move_cursor(vt, csi);
        break;
    case '@':
    case 'P':
        shift_cells(vt, csi);
        break;
    case 'M':
        delete_lines(vt, csi);
        break;
    case 'J':
        if (first == 3)
            vt_scroll_clear(&vt->scroll);
        else
            erase(vt, csi);
        break;
    case 'K':
        erase(vt, csi);
        break;
    case 'b':
        repeat(vt, csi);
        break;
    case 'r':
        set_margins(vt, csi);
        break;
    case 's':
        if (csi->count == 0)
            save_cursor(vt);
        break;
    case 'u':
        if (csi->count == 0)
            restore_cursor(vt);
        break;
    case 't':
        if (first == 18)
            vt_reply(vt, "\033[8;%d;%dt", vt->grid->rows, vt->grid->cols);
        break;
    case KEY('?', 0, 'u'):
    case KEY('>', 0, 'u'):
    case KEY('<', 0, 'u'):
    case KEY('=', 0, 'u'):
        kitty_csi(vt, csi);
        break;
    case KEY('>', 0, 'q'):
        if (first == 0)
            vt_reply(vt, "\033P>|ironcurtain(%s)\033\\", IC_VERSION);
        break;
    case KEY(0, ' ', 'q'):
        set_cursor_shape(vt, first);
        break;
    case KEY(0, '!', 'p'):
        soft_reset(vt);
        break;
    case KEY('?', '$', 'p'):
        vt_reply(vt, "\033[?%d;%d$y", first, dec_mode_state(vt, first));
        break;
    case KEY(0, '$', 'p'):
        vt_reply(vt, "\033[%d;%d$y", first, ansi_mode_state(vt, first));
        break;
    default:
        break;
    }
}

bool vt_is_plain_esc(void *ctx, char inter, char final)
{
    (void)ctx;
    return inter == 0 && (final == 'D' || final == 'E' || final == 'H' || final == 'M');
}

static void fill_with_e(struct vt *vt)
{
    static const char row_of_e[] = "EEEEEEEEEEEEEEEE";
    const struct vt_cell plain = {.width = 1};

    for (int row = 0; row < vt->grid->rows; row++)
        for (int col = 0; col < vt->grid->cols; col += (int)sizeof(row_of_e) - 1)
            vt_grid_put_ascii(vt->grid, row, col, row_of_e,
                    clamp(vt->grid->cols - col, 0, (int)sizeof(row_of_e) - 1), &plain);
    vt_lib_write(vt, "\033[H", 3);
}

void vt_on_esc(void *ctx, char inter, char final)
{
    struct vt *vt = ctx;

    if (inter >= '(' && inter <= '+')
        set_charset(vt, inter - '(', final == '0' || final == 'A' ? final : 'B');
    else if (inter == '#' && final == '8')
        fill_with_e(vt);
    if (inter)
        return;
    switch (final) {
    case '7':
        save_cursor(vt);
        break;
    case '8':
        restore_cursor(vt);
        break;
    case '=':
    case '>':
        vt->modes.app_keypad = final == '=';
        break;
    case 'n':
    case 'o':
        set_shift(vt, final == 'n' ? 2 : 3);
        break;
    case 'c':
        hard_reset(vt);
        break;
    default:
        break;
    }
}
