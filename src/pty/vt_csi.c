/*
 * vt_csi.c - what becomes of each sequence.
 *
 * vt_is_plain_csi lists what libvterm may see as it came; the rest is done here, by vt_modes.c
 * or, rewritten, by the library after all. What is in neither list is dropped.
 */
#include "pty/vt_internal.h"

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

bool vt_is_plain_csi(void *ctx, const struct vtguard_csi *csi)
{
    int first = vtguard_param(csi, 0, 0);

    (void)ctx;
    if (csi->count > 2 || csi->sub)
        return false;
    switch (csi_key(csi)) {
    case 'I':
    case 'S':
    case 'X':
    case 'Z':
    case 'a':
    case 'e':
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
    case 'c':
    case KEY('>', 0, 'c'):
        return first == 0;
    default:
        return false;
    }
}

/* --- cursor and erasing ---------------------------------------------------------------- */

/* Back to column `col`, which also forgets a pending line wrap. */
static void set_column(struct vt *vt, int col)
{
    vt_lib_printf(vt, "\033[%dG", col + 1);
    vt->wrap_pending = false;
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
    if (!vt_fast_is_allowed(vt) && (vt->origin || !vt_has_margins(vt))) {
        forward(vt, csi);
        vt->wrap_pending = false;
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

/* --- tab stops --------------------------------------------------------------------------- */

void vt_tabs_reset(struct vt *vt)
{
    memset(vt->tabs, 1, sizeof(vt->tabs));
    vt->has_tabs = false;
}

bool vt_is_tab(const struct vt *vt, int col)
{
    return vt->tabs[col / 8] >> (col % 8) & 1;
}

static void set_tab(struct vt *vt)
{
    int row, col;

    vt_lib_cursor(vt, &row, &col);
    vt->tabs[col / 8] |= (uint8_t)(1 << (col % 8));
    vt->has_tabs = true;
    vt_lib_printf(vt, "\033H");
}

static void clear_tabs(struct vt *vt, int which)
{
    int row, col;

    vt_lib_cursor(vt, &row, &col);
    if (which == 0)
        vt->tabs[col / 8] &= (uint8_t) ~(1 << (col % 8));
    else if (which == 3)
        memset(vt->tabs, 0, sizeof(vt->tabs));
    else
        return;
    vt->has_tabs = true;
    vt_lib_printf(vt, "\033[%dg", which);
}

/* --- cells ---------------------------------------------------------------------------------
 */

/* Insert or delete characters; libvterm does it only inside the scroll region. */
static void shift_cells(struct vt *vt, const struct vtguard_csi *csi)
{
    int n = clamp(vtguard_param(csi, 0, 1), 1, vt->grid->cols);
    int row, col;

    vt_lib_cursor(vt, &row, &col);
    vt_grid_shift(vt->grid, row, col, vt->grid->cols, csi->final == '@' ? n : -n, vt->pen.bg);
    set_column(vt, col);
}

/* SL and SR: all rows of the region move left or right. */
static void shift_rows(struct vt *vt, const struct vtguard_csi *csi)
{
    int n = clamp(vtguard_param(csi, 0, 1), 1, vt->grid->cols);

    for (int row = vt->margin_top; row < vt->margin_bottom; row++)
        vt_grid_shift(vt->grid, row, 0, vt->grid->cols, csi->final == 'A' ? n : -n, vt->pen.bg);
}

static void protect(struct vt *vt, int how)
{
    if (how <= 2)
        vt->pen.attrs =
                (uint16_t)((vt->pen.attrs & ~VT_PROTECTED) | (how == 1 ? VT_PROTECTED : 0));
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

/* --- dispatch -------------------------------------------------------------------------- */

/* IL and DL. Lines that are deleted at the top did not scroll away. */
static void shift_lines(struct vt *vt, const struct vtguard_csi *csi)
{
    int row, col;

    if (csi->count > 2 || csi->sub)
        return;
    vt_lib_cursor(vt, &row, &col);
    if (row < vt->margin_top || row >= vt->margin_bottom)
        return;
    vt->want_history = false;
    forward(vt, csi);
    vt->want_history = true;
    set_column(vt, 0);
}

/* DSR: all is well; or where the cursor is, which in origin mode counts from the margin. */
static void report_status(struct vt *vt, const struct vtguard_csi *csi)
{
    const char *leader = csi->leader ? "?" : "";
    int what = vtguard_param(csi, 0, 0);
    int row, col;

    vt_lib_cursor(vt, &row, &col);
    if (what == 5)
        vt_reply(vt, "\033[%s0n", leader);
    else if (what == 6)
        vt_reply(vt, "\033[%s%d;%dR", leader, row - (vt->origin ? vt->margin_top : 0) + 1,
                col + 1);
}

/* Sequences with a leader or an intermediate. */
static void special_csi(struct vt *vt, const struct vtguard_csi *csi)
{
    int first = vtguard_param(csi, 0, 0);

    switch (csi_key(csi)) {
    case KEY('?', 0, 'h'):
    case KEY('?', 0, 'l'):
        vt_set_modes(vt, csi);
        break;
    case KEY('?', 0, 'u'):
    case KEY('>', 0, 'u'):
    case KEY('<', 0, 'u'):
    case KEY('=', 0, 'u'):
        vt_kitty_csi(vt, csi);
        break;
    case KEY('>', 0, 'm'):
    case KEY('>', 0, 'n'):
    case KEY('?', 0, 'm'):
        vt_modify_csi(vt, csi);
        break;
    case KEY('>', 0, 'q'):
        if (first == 0)
            vt_reply(vt, "\033P>|ironcurtain(%s)\033\\", IC_VERSION);
        break;
    case KEY('?', 0, 'n'):
        report_status(vt, csi);
        break;
    case KEY('=', 0, 'c'):
        if (first == 0)
            vt_reply(vt, "\033P!|00000000\033\\");
        break;
    case KEY(0, ' ', 'q'):
        vt_set_cursor_shape(vt, first);
        break;
    case KEY(0, ' ', '@'):
    case KEY(0, ' ', 'A'):
        shift_rows(vt, csi);
        break;
    case KEY(0, '"', 'q'):
        protect(vt, first);
        break;
    case KEY(0, '!', 'p'):
        vt_soft_reset(vt);
        break;
    case KEY('?', '$', 'p'):
        vt_reply(vt, "\033[?%d;%d$y", first, vt_dec_mode_state(vt, first));
        break;
    case KEY(0, '$', 'p'):
        vt_reply(vt, "\033[%d;%d$y", first, vt_ansi_mode_state(vt, first));
        break;
    default:
        vt_rect_csi(vt, csi);
        break;
    }
}

static bool is_cursor_move(char final)
{
    return (final >= 'A' && final <= 'H') || final == '`' || final == 'd' || final == 'f';
}

void vt_on_csi(void *ctx, const struct vtguard_csi *csi)
{
    struct vt *vt = ctx;
    int first = vtguard_param(csi, 0, 0);

    if (csi->leader || csi->inter) {
        special_csi(vt, csi);
        return;
    }
    if (is_cursor_move(csi->final)) {
        move_cursor(vt, csi);
        return;
    }
    switch (csi->final) {
    case 'm':
        vt_sgr(vt, csi);
        break;
    case 'J':
    case 'K':
        if (csi->final == 'J' && first == 3)
            vt_scroll_clear(&vt->scroll);
        else
            erase(vt, csi);
        break;
    case '@':
    case 'P':
        shift_cells(vt, csi);
        break;
    case 'L':
    case 'M':
        shift_lines(vt, csi);
        break;
    case 'b':
        repeat(vt, csi);
        break;
    case 'g':
        clear_tabs(vt, first);
        break;
    case 'h':
    case 'l':
        vt_set_modes(vt, csi);
        break;
    case 'n':
        report_status(vt, csi);
        break;
    case 'r':
        vt_set_margins(vt, csi);
        break;
    case 's':
        if (csi->count == 0)
            vt_save_cursor(vt);
        break;
    case 'u':
        if (csi->count == 0)
            vt_restore_cursor(vt);
        break;
    case 't':
        if (first == 18)
            vt_reply(vt, "\033[8;%d;%dt", vt->grid->rows, vt->grid->cols);
        break;
    default:
        break;
    }
}

bool vt_is_plain_esc(void *ctx, char inter, char final)
{
    (void)ctx;
    return inter == 0 && (final == 'D' || final == 'E');
}

static void reverse_index(struct vt *vt)
{
    int row, col;

    vt_lib_cursor(vt, &row, &col);
    vt_lib_write(vt, "\033M", 2);
    if (col == vt->grid->cols - 1)
        set_column(vt, col);
}

static void fill_with_e(struct vt *vt)
{
    const struct vt_cell e = {.cp = 'E', .width = 1};

    for (int row = 0; row < vt->grid->rows; row++)
        vt_grid_fill(vt->grid, row, e);
    vt->margin_top = 0;
    vt->margin_bottom = vt->grid->rows;
    vt_lib_printf(vt, "\033[r\033[H");
}

void vt_on_esc(void *ctx, char inter, char final)
{
    struct vt *vt = ctx;

    if (inter >= '(' && inter <= '+')
        vt_set_charset(vt, inter - '(', final == '0' || final == 'A' ? final : 'B');
    else if (inter == '#' && final == '8')
        fill_with_e(vt);
    if (inter)
        return;
    switch (final) {
    case '7':
        vt_save_cursor(vt);
        break;
    case '8':
        vt_restore_cursor(vt);
        break;
    case '=':
    case '>':
        vt->modes.app_keypad = final == '=';
        break;
    case 'H':
        set_tab(vt);
        break;
    case 'M':
        reverse_index(vt);
        break;
    case '6':
    case '9':
        vt_index_column(vt, final == '9');
        break;
    case 'n':
    case 'o':
        vt_set_shift(vt, final == 'n' ? 2 : 3);
        break;
    case 'c':
        vt_hard_reset(vt);
        break;
    default:
        break;
    }
}
