/*
 * vt_fast.c - the fast lane: what floods are made of does not go through libvterm.
 *
 * Text, CR, LF, tabs and cursor moves are done here. While the lane is open, the cursor is ours
 * and the library's is stale; whatever the library must do next first gets a cursor move, and
 * a character in the last column if a wrap is pending there (vt_fast_close). Wide characters at
 * the end of a row are left to it. Tests and the fuzzer compare both ways.
 */
#include "pty/vt_internal.h"
#include "pty/vt_width.h"

bool vt_fast_is_allowed(const struct vt *vt)
{
    return !vt->fast.is_off && !vt->origin;
}

static bool is_plain_text_mode(const struct vt *vt)
{
    return !vt->insert && !vt->newline && vt->charset[vt->shift] == 'B';
}

bool vt_fast_enter(struct vt *vt)
{
    struct vt_fast *fast = &vt->fast;

    if (fast->is_open || !vt_fast_is_allowed(vt))
        return fast->is_open;
    vt_lib_cursor(vt, &fast->row, &fast->col);
    /* A wrap may be pending; a wide character leaves it in the last column but one. */
    fast->is_open = fast->col < vt->grid->cols - 2;
    return fast->is_open;
}

void vt_fast_move(struct vt *vt, int row, int col)
{
    int rows = vt->grid->rows;
    int cols = vt->grid->cols;

    vt->fast.row = row < 0 ? 0 : row >= rows ? rows - 1 : row;
    vt->fast.col = col < 0 ? 0 : col >= cols ? cols - 1 : col;
    vt->fast.is_open = true;
    vt->fast.is_full = false;
    vt->wrap_pending = false;
}

void vt_fast_fill_row(struct vt *vt, int row)
{
    vt->fast.row = vt->put_row = row;
    vt->fast.col = vt->put_col = vt->grid->cols - 1;
    vt->fast.is_open = vt->fast.is_full = vt->wrap_pending = true;
}

static void line_feed(struct vt *vt)
{
    struct vt_fast *fast = &vt->fast;

    if (fast->row == vt->margin_bottom - 1)
        vt_scroll_rows(vt, vt->margin_top, vt->margin_bottom, 1);
    else if (fast->row < vt->grid->rows - 1)
        fast->row++;
}

static void tab(struct vt *vt)
{
    struct vt_fast *fast = &vt->fast;

    while (fast->col < vt->grid->cols - 1 && !vt_is_tab(vt, ++fast->col))
        ;
    vt->wrap_pending = false;
}

static void advance(struct vt *vt, int cols, int last_width)
{
    struct vt_fast *fast = &vt->fast;

    fast->col += cols;
    vt->put_row = fast->row;
    vt->put_col = fast->col - last_width;
    vt->wrap_pending = fast->col == vt->grid->cols;
    vt->edge_pending = fast->col == vt->grid->cols - 1;
    if (vt->wrap_pending) {
        fast->col--;
        fast->is_full = vt->autowrap;
    }
}

/* On to the next row, if the cursor's is full. As on_glyph() in vt.c. */
static void wrap(struct vt *vt)
{
    struct vt_fast *fast = &vt->fast;

    if (!fast->is_full)
        return;
    fast->is_full = false;
    fast->col = 0;
    line_feed(vt);
    if (fast->row > 0 && vt->wrap_pending) {
        vt->grid->lines[fast->row - 1]->wrapped = true;
        vt->grid->lines[fast->row]->goes_on = true;
    }
}

static size_t put_ascii(struct vt *vt, const char *p, size_t n)
{
    struct vt_fast *fast = &vt->fast;
    size_t room = (size_t)(vt->grid->cols - (fast->is_full ? 0 : fast->col));
    size_t len = 0;

    if (n > room)
        n = room;
    while (len < n && (unsigned char)(p[len] - 0x20) < 0x5f)
        len++;
    if (len == 0)
        return 0;
    wrap(vt);
    vt_grid_put_ascii(vt->grid, fast->row, fast->col, p, (int)len, &vt->pen);
    advance(vt, (int)len, 1);
    return len;
}

static size_t put_wider(struct vt *vt, const char *p, size_t n)
{
    struct vt_fast *fast = &vt->fast;
    uint32_t cp = 0;
    int len = utf8_decode(p, n, &cp);
    int width = vt_char_width(cp);

    if (fast->is_full ? width == 2 : fast->col + width > vt->grid->cols - (width == 2))
        return 0;
    wrap(vt);
    vt_grid_put(vt->grid, fast->row, fast->col, cp, width, &vt->pen);
    advance(vt, width, width);
    return (size_t)len;
}

size_t vt_fast_run(struct vt *vt, const char *p, size_t n)
{
    size_t i = 0;

    if (!vt_fast_is_allowed(vt) || !is_plain_text_mode(vt))
        return 0;
    if (!vt_fast_enter(vt)) {
        if (p[0] != '\r')
            return 0;
        vt_fast_move(vt, vt->fast.row, 0);
    }
    while (i < n) {
        size_t len = 1;

        if (p[i] == '\r') {
            vt_fast_move(vt, vt->fast.row, 0);
        } else if ((p[i] == '\n' || p[i] == '\t') && vt->fast.is_full) {
            len = 0;
        } else if (p[i] == '\n') {
            line_feed(vt);
        } else if (p[i] == '\t') {
            tab(vt);
        } else if ((unsigned char)p[i] >= 0x80) {
            len = put_wider(vt, p + i, n - i);
        } else {
            len = put_ascii(vt, p + i, n - i);
        }
        if (len == 0)
            break;
        i += len;
    }
    return i;
}

void vt_fast_close(struct vt *vt)
{
    char text[16];
    size_t n = 2;

    if (!vt->fast.is_open)
        return;
    bool is_full = vt->fast.is_full;
    vt->fast.is_open = vt->fast.is_full = false;
    text[0] = 0x1b;
    text[1] = '[';
    n += vtguard_number(text + n, (unsigned)vt->fast.row + 1);
    text[n++] = ';';
    n += vtguard_number(text + n, (unsigned)vt->fast.col + 1);
    text[n++] = 'H';
    vt_lib_write(vt, text, n);
    if (!is_full)
        return;
    vt->is_silent = true;
    vt_lib_write(vt, "x", 1);
    vt->is_silent = false;
}
