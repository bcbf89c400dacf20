/*
 * vt.c - the terminal that the agent draws on.
 *
 * agent's bytes -> vtguard.c -> libvterm's parser and state layer -> callbacks here -> grid,
 * plain text past the library (vt_fast.c).
 * libvterm decides widths, wrapping, tabs, cursor moves and what scrolls; cells, colours,
 * modes and history are ours (VTermScreen is slow and loses attributes). Owns the library's
 * object, both screens and the scrollback. Never blocks; callbacks of the owner run inside
 * vt_feed and must not call it again.
 */
#include "pty/vt_internal.h"
#include "pty/vt_width.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vterm.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "pty/vt_reflow.h"

/* --- libvterm --------------------------------------------------------------------------- */

/* Two of the drawing set are others in libvterm than in xterm and in terminfo's acsc. */
static uint32_t drawing(uint32_t cp)
{
    return cp == 0x2a7d ? 0x2264 : cp == 0x2a7e ? 0x2265 : cp;
}

static int on_glyph(VTermGlyphInfo *info, VTermPos pos, void *user)
{
    struct vt *vt = user;
    int width = info->width > 2 ? 2 : info->width;
    uint32_t cp = vt->stand_for ? vt->stand_for : drawing(info->chars[0]);

    if (vt->is_silent || width < 1 || pos.row >= vt->grid->rows || pos.col >= vt->grid->cols)
        return 1;
    if (pos.col == 0 && pos.row > 0 && (vt->wrap_pending || (width == 2 && vt->edge_pending))) {
        vt->grid->lines[pos.row - 1]->wrapped = true;
        vt->grid->lines[pos.row]->goes_on = true;
    }
    if (vt->insert)
        vt_grid_shift(vt->grid, pos.row, pos.col, vt->grid->cols, width, vt->pen.bg);
    width = vt_grid_put(vt->grid, pos.row, pos.col, cp, width, &vt->pen);
    vt->put_row = pos.row;
    vt->put_col = pos.col;
    vt->wrap_pending = pos.col + width >= vt->grid->cols;
    vt->edge_pending = pos.col + width == vt->grid->cols - 1;
    return 1;
}

static int on_move(VTermPos pos, VTermPos old, int visible, void *user)
{
    struct vt *vt = user;

    (void)old;
    (void)visible;
    if (pos.row != vt->put_row || pos.col != vt->put_col)
        vt->wrap_pending = false;
    if (pos.row != vt->put_row || pos.col != vt->grid->cols - 1)
        vt->edge_pending = false;
    return 1;
}

void vt_scroll_rows(struct vt *vt, int top, int bottom, int n)
{
    if (top == 0 && n > 0 && vt->want_history && !vt->modes.alt_screen)
        for (int row = 0; row < n && row < bottom; row++)
            vt_scroll_push(&vt->scroll, vt->grid->lines[row]);
    vt_grid_scroll(vt->grid, top, bottom, n, vt->pen.bg);
}

static int on_scroll(VTermRect rect, int downward, int rightward, void *user)
{
    struct vt *vt = user;
    struct vt_grid *grid = vt->grid;

    if (rightward) {
        for (int row = rect.start_row; row < rect.end_row; row++)
            vt_grid_shift(grid, row, rect.start_col, rect.end_col, -rightward, vt->pen.bg);
        return 1;
    }
    /* Columns are never a region (mode 69 does not get through), so rows move whole. */
    vt_scroll_rows(vt, rect.start_row, rect.end_row, downward);
    return 1;
}

static int on_erase(VTermRect rect, int selective, void *user)
{
    struct vt *vt = user;
    void (*erase)(struct vt_grid *, int, int, int, uint32_t) =
            selective ? vt_grid_erase_selective : vt_grid_erase;

    for (int row = rect.start_row; row < rect.end_row; row++)
        erase(vt->grid, row, rect.start_col, rect.end_col, vt->pen.bg);
    return 1;
}

static int on_bell(void *user)
{
    struct vt *vt = user;

    if (vt->ops->on_bell)
        vt->ops->on_bell(vt->ctx);
    return 1;
}

static const VTermStateCallbacks state_callbacks = {
        .putglyph = on_glyph,
        .movecursor = on_move,
        .scrollrect = on_scroll,
        .erase = on_erase,
        .bell = on_bell,
};

static void on_output(const char *p, size_t n, void *user)
{
    struct vt *vt = user;

    if (vt->ops->on_reply)
        vt->ops->on_reply(vt->ctx, (struct str){p, n});
}

void vt_lib_write(struct vt *vt, const char *p, size_t n)
{
    vt_fast_close(vt);
    vterm_input_write(vt->term, p, n);
}

void vt_lib_printf(struct vt *vt, const char *fmt, ...)
{
    char text[64];
    va_list ap;

    vt_fast_close(vt);
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    vterm_input_write(vt->term, text, (size_t)n);
}

void vt_lib_cursor(const struct vt *vt, int *ret_row, int *ret_col)
{
    VTermPos pos = {vt->fast.row, vt->fast.col};

    if (!vt->fast.is_open)
        vterm_state_get_cursorpos(vt->state, &pos);
    *ret_row = pos.row;
    *ret_col = pos.col;
}

static void replay_tabs(struct vt *vt)
{
    vt_lib_printf(vt, "\033[3g");
    for (int col = 0; col < vt->grid->cols; col++)
        if (vt_is_tab(vt, col))
            vt_lib_printf(vt, "\033[%dG\033H", col + 1);
}

/*
 * Both releases of the library break when they are resized (lines below the new screen, 0.3.3
 * also with more lines than before), and one has no soft reset. A new object has none of that.
 */
void vt_lib_renew(struct vt *vt, int row, int col)
{
    vt->fast.is_open = vt->fast.is_full = false;
    if (vt->term)
        vterm_free(vt->term);
    vt->term = vterm_new(vt->grid->rows, vt->grid->cols);
    CHECK(vt->term);
    vterm_set_utf8(vt->term, 1);
    vterm_output_set_callback(vt->term, on_output, vt);
    vt->state = vterm_obtain_state(vt->term);
    vterm_state_reset(vt->state, 1);
    /* Not before: the reset erases. */
    vterm_state_set_callbacks(vt->state, &state_callbacks, vt);

    if (vt->has_tabs)
        replay_tabs(vt);
    vt_modes_replay(vt);
    vt_lib_printf(vt, "\033[%d;%dH", row + 1, col + 1);
}

void vt_reply(struct vt *vt, const char *fmt, ...)
{
    char text[128];
    va_list ap;

    if (!vt->ops->on_reply)
        return;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    vt->ops->on_reply(vt->ctx, (struct str){text, (size_t)n});
}

/* --- guard ------------------------------------------------------------------------------ */

/* How much libvterm gets at once: ASCII up to the end of the line. */
static size_t ascii_piece(const char *p, size_t n)
{
    size_t len = 1;

    while (len < n && p[len] != '\r' && (unsigned char)p[len] < 0x80)
        len++;
    return len;
}

/* libvterm's table of widths is old, so it gets a character of ours' width in its place. */
static size_t lib_put_wider(struct vt *vt, const char *p, size_t n)
{
    static const char narrow[] = "\xc3\x97", wide[] = "\xe4\xb8\xad";
    int len = utf8_decode(p, n, &vt->stand_for);
    int row, col;

    CHECK(len > 1);
    if (vt_char_width(vt->stand_for) == 2) {
        /* In the last column there is no room: the line goes on in the next one, or not. */
        vt_fast_close(vt);
        vt_lib_cursor(vt, &row, &col);
        if (!vt->autowrap && col == vt->grid->cols - 1) {
            vt->stand_for = 0;
            return (size_t)len;
        }
        if (col == vt->grid->cols - 1 && !vt->wrap_pending)
            vt_grid_erase(vt->grid, row, col, col + 1, vt->pen.bg);
        vt->wrap_pending = vt->wrap_pending || col == vt->grid->cols - 1;
        vt_lib_write(vt, wide, 3);
    } else {
        vt_lib_write(vt, narrow, 2);
    }
    vt->stand_for = 0;
    return (size_t)len;
}

static void on_plain(void *ctx, const char *p, size_t n)
{
    struct vt *vt = ctx;

    while (n) {
        size_t done = vt_fast_run(vt, p, n);

        if (done == 0 && (unsigned char)*p >= 0x80) {
            done = lib_put_wider(vt, p, n);
        } else if (done == 0) {
            done = ascii_piece(p, n);
            vt_lib_write(vt, p, done);
        }
        p += done;
        n -= done;
    }
}

/*
 * The character printed last turned out to take two cells. Behind it is the cursor, which moves
 * on; at the end of a row the library must know that a wrap is pending.
 */
static void widen(struct vt *vt)
{
    int row = vt->put_row, col = vt->put_col;
    int cols = vt->grid->cols;

    if (col + 1 >= cols || vt->grid->lines[row]->cells[col].width != 1)
        return;
    vt_grid_widen(vt->grid, row, col);
    vt_lib_printf(vt, "\033[%dG", col + 2 < cols ? col + 3 : cols);
    if (col + 2 < cols)
        return;
    vt->is_silent = true;
    vt_lib_write(vt, "\xc3\x97", 2);
    vt->is_silent = false;
    vt->wrap_pending = true;
}

static bool is_emoji_part(uint32_t cp)
{
    return cp == VT_EMOJI_STYLE || vt_is_picture(cp) || vt_is_regional(cp);
}

static void on_mark(void *ctx, uint32_t cp)
{
    struct vt *vt = ctx;

    if (vt->put_row < 0)
        return;

    uint32_t base = vt->guard.last_cp;
    bool is_emoji = vt_is_picture(base) || vt_is_regional(base);

    if (!is_emoji && vt->grid->lines[vt->put_row]->cells[vt->put_col].extra >= VT_MARKS)
        return;
    vt_grid_mark(vt->grid, vt->put_row, vt->put_col, cp);
    if (cp == VT_EMOJI_STYLE ? vt_is_text_or_picture(base) : is_emoji && is_emoji_part(cp))
        widen(vt);
}

static const struct vtguard_ops guard_ops = {
        .on_plain = on_plain,
        .on_mark = on_mark,
        .is_plain_csi = vt_is_plain_csi,
        .on_csi = vt_on_csi,
        .is_plain_esc = vt_is_plain_esc,
        .on_esc = vt_on_esc,
        .on_shift = vt_on_shift,
        .on_osc = vt_on_osc,
        .on_dcs = vt_on_dcs,
        .on_dropped = vt_on_dropped,
};

/* --- public ----------------------------------------------------------------------------- */

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static void start(struct vt *vt, int cols, int rows)
{
    for (int i = 0; i < 2; i++)
        vt_grid_init(&vt->screens[i], cols, rows);
    vt_scroll_set_cols(&vt->scroll, cols);
    vt->grid = &vt->screens[0];
    vt->put_row = -1;
    vt->want_history = true;
    vt_set_colors(vt, 0xe5e5e5, 0x000000);
    vt_modes_reset(vt);
    vt_tabs_reset(vt);
    vt_lib_renew(vt, 0, 0);
    vtguard_init(&vt->guard, &guard_ops, vt);
}

static void stop(struct vt *vt)
{
    vtguard_release(&vt->guard);
    vterm_free(vt->term);
    for (int i = 0; i < 2; i++)
        vt_grid_release(&vt->screens[i]);
    vt_scroll_clear(&vt->scroll);
    vt_rest_release(&vt->rest);
    vt_links_release(vt);
}

struct vt *vt_new(int cols, int rows, unsigned scrollback, const struct vt_ops *ops, void *ctx)
{
    static const struct vt_ops none;
    struct vt *vt = xcalloc(1, sizeof(*vt));

    vt->ops = ops ? ops : &none;
    vt->ctx = ctx;
    vt_scroll_init(&vt->scroll, scrollback);
    vt_rest_init(&vt->rest, VT_REST_SCREENS);
    start(vt, clamp(cols, 2, LIMIT_VT_COLS), clamp(rows, 1, LIMIT_VT_ROWS));
    return vt;
}

void vt_free(struct vt *vt)
{
    if (!vt)
        return;
    stop(vt);
    free(vt);
}

void vt_keep_screens(struct vt *vt, unsigned count)
{
    vt_rest_release(&vt->rest);
    vt_rest_init(&vt->rest, count);
}

void vt_time(struct vt *vt, uint64_t now_ms, int64_t wall_ms)
{
    vt_rest_look(&vt->rest, vt, now_ms, wall_ms);
}

void vt_feed(struct vt *vt, struct str bytes)
{
    vtguard_write(&vt->guard, bytes);
}

void vt_reset(struct vt *vt)
{
    const struct vt_ops *ops = vt->ops;
    void *ctx = vt->ctx;
    unsigned scrollback = vt->scroll.max, screens = vt->rest.max;
    int cols, rows;

    vt_size(vt, &cols, &rows);
    stop(vt);
    uint32_t text_color = vt->text_color, back_color = vt->back_color;
    *vt = (struct vt){.ops = ops, .ctx = ctx};
    vt_scroll_init(&vt->scroll, scrollback);
    vt_rest_init(&vt->rest, screens);
    start(vt, cols, rows);
    vt_set_colors(vt, text_color, back_color);
}

/* The text of the main screen is wrapped anew. Returns whether a line wrap is pending. */
static bool resize_main(struct vt *vt, int cols, int rows, int *row, int *col)
{
    bool is_alt = vt->modes.alt_screen;
    struct vt_saved *saved = &vt->saved[0];
    struct vt_spot spots[VT_SPOTS] = {
            {is_alt ? saved->row : *row, is_alt ? saved->col : *col, false},
            {saved->row, saved->col, false}};

    if (!is_alt && vt->wrap_pending && vt->autowrap)
        spots[0] = (struct vt_spot){vt->put_row, vt->put_col, true};
    vt_reflow(&vt->screens[0], &vt->scroll, cols, rows, spots);
    saved->row = spots[1].row;
    saved->col = spots[1].col;
    if (is_alt)
        return false;
    *row = spots[0].row;
    *col = spots[0].col;
    return spots[0].is_after;
}

static int resize_alternate(struct vt *vt, int cols, int rows, int cursor_row)
{
    int drop = cursor_row >= rows ? cursor_row - rows + 1 : 0;

    vt_grid_resize(&vt->screens[1], cols, rows, drop, 0);
    return -drop;
}

void vt_resize(struct vt *vt, int cols, int rows)
{
    bool is_alt = vt->modes.alt_screen;
    int row, col;

    cols = clamp(cols, 2, LIMIT_VT_COLS);
    rows = clamp(rows, 1, LIMIT_VT_ROWS);
    if (cols == vt->grid->cols && rows == vt->grid->rows)
        return;

    vt_lib_cursor(vt, &row, &col);
    bool is_pending = resize_main(vt, cols, rows, &row, &col);
    int alt_shift = resize_alternate(vt, cols, rows, is_alt ? row : 0);
    vt->margin_top = 0;
    vt->margin_bottom = rows;
    vt->put_row = -1;
    vt->wrap_pending = vt->edge_pending = false;
    vt->saved[1].row = clamp(vt->saved[1].row + alt_shift, 0, rows - 1);
    row = clamp(is_alt ? row + alt_shift : row, 0, rows - 1);
    vt_lib_renew(vt, row, clamp(col, 0, cols - 1));
    if (is_pending)
        vt_fast_fill_row(vt, row);
}

void vt_size(const struct vt *vt, int *ret_cols, int *ret_rows)
{
    *ret_cols = vt->grid->cols;
    *ret_rows = vt->grid->rows;
}

const struct vt_cell *vt_row(const struct vt *vt, int row)
{
    return vt_line_cells(vt->grid->lines[row]);
}

int vt_cell_extra(const struct vt *vt, int row, int col, uint32_t out[VT_CELL_CHARS - 1])
{
    const struct vt_line *line = vt->grid->lines[row];
    const struct vt_mark *mark = vt_line_mark(line, col);

    if (!mark)
        return 0;
    memcpy(out, mark->cp, line->cells[col].extra * sizeof(out[0]));
    return line->cells[col].extra;
}

uint32_t vt_underline_color(const struct vt *vt, unsigned attrs)
{
    unsigned index = attrs >> VT_UNDERLINE_COLOR_SHIFT & 15;

    return index ? vt->underline_colors[index - 1] : VT_COLOR_DEFAULT;
}

void vt_set_colors(struct vt *vt, uint32_t fg, uint32_t bg)
{
    vt->text_color = fg;
    vt->back_color = bg;
}

bool vt_dirty(const struct vt *vt, int row, int *ret_from, int *ret_to)
{
    return vt_grid_dirty(vt->grid, row, ret_from, ret_to);
}

bool vt_any_dirty(const struct vt *vt)
{
    int from, to;

    for (int row = 0; row < vt->grid->rows; row++)
        if (vt_grid_dirty(vt->grid, row, &from, &to))
            return true;
    return false;
}

void vt_dirty_clear(struct vt *vt)
{
    vt_grid_clean(vt->grid);
}

void vt_dirty_all(struct vt *vt)
{
    vt_grid_dirty_rows(vt->grid, 0, vt->grid->rows);
}

struct vt_cursor vt_cursor(const struct vt *vt)
{
    struct vt_cursor cursor = {.visible = vt->cursor_visible,
            .blink = vt->cursor_blink,
            .shape = vt->cursor_shape};

    vt_lib_cursor(vt, &cursor.row, &cursor.col);
    cursor.row = clamp(cursor.row, 0, vt->grid->rows - 1);
    cursor.col = clamp(cursor.col, 0, vt->grid->cols - 1);
    return cursor;
}

struct vt_modes vt_modes(const struct vt *vt)
{
    struct vt_modes modes = vt->modes;

    modes.kitty_flags = vt->kitty[modes.alt_screen].flags;
    return modes;
}

const char *vt_title(const struct vt *vt)
{
    return vt->title;
}

unsigned vt_scroll_count(const struct vt *vt)
{
    return vt_scroll_rows_of(&vt->scroll);
}

int vt_scroll_line(const struct vt *vt, unsigned line, struct vt_cell *cells, int cols)
{
    return vt_scroll_get(&vt->scroll, line, cells, cols, NULL);
}

int vt_scroll_extra(
        const struct vt *vt, unsigned line, int col, uint32_t out[VT_CELL_CHARS - 1])
{
    return vt_scroll_marks(&vt->scroll, line, col, out);
}

bool vt_scroll_wrapped(const struct vt *vt, unsigned line)
{
    bool wrapped = false;

    vt_scroll_get(&vt->scroll, line, NULL, 0, &wrapped);
    return wrapped && (line > 0 || vt->screens[0].lines[0]->goes_on);
}
