/*
 * vt_rect.c - what is done to rectangles of cells: erase, fill and copy them, and the columns
 * that move when the cursor pushes against an edge.
 *
 * libvterm has none of it. In origin mode rows count from the top margin and end at the
 * bottom one; what lies outside the screen is cut off.
 */
#include "pty/vt_internal.h"

#include <stdlib.h>

#include "base/mem.h"

struct rect {
    int top, left, bottom, right; /* [top,bottom), [left,right) */
};

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* Four parameters from `first` on: top, left, bottom, right. False: it is empty. */
static bool rect_of(
        const struct vt *vt, const struct vtguard_csi *csi, unsigned first, struct rect *ret)
{
    int top = vt->origin ? vt->margin_top : 0;
    int bottom = vt->origin ? vt->margin_bottom : vt->grid->rows;
    int cols = vt->grid->cols;

    ret->top = clamp(top + vtguard_param(csi, first, 1) - 1, top, bottom);
    ret->left = clamp(vtguard_param(csi, first + 1, 1) - 1, 0, cols);
    ret->bottom = clamp(top + vtguard_param(csi, first + 2, bottom - top), top, bottom);
    ret->right = clamp(vtguard_param(csi, first + 3, cols), 0, cols);
    return ret->top < ret->bottom && ret->left < ret->right;
}

/* DECERA and, with `selective`, DECSERA. */
static void erase(struct vt *vt, const struct vtguard_csi *csi, bool selective)
{
    struct rect rect;

    if (!rect_of(vt, csi, 0, &rect))
        return;
    for (int row = rect.top; row < rect.bottom; row++) {
        if (selective)
            vt_grid_erase_selective(vt->grid, row, rect.left, rect.right, vt->pen.bg);
        else
            vt_grid_erase(vt->grid, row, rect.left, rect.right, vt->pen.bg);
    }
}

/* DECFRA: a character of Latin-1 that is no control. */
static void fill(struct vt *vt, const struct vtguard_csi *csi)
{
    int cp = vtguard_param(csi, 0, 0);
    struct rect rect;

    if ((cp & 0x7f) < 0x20 || cp == 0x7f || cp > 0xff || !rect_of(vt, csi, 1, &rect))
        return;
    for (int row = rect.top; row < rect.bottom; row++)
        for (int col = rect.left; col < rect.right; col++)
            vt_grid_put(vt->grid, row, col, (uint32_t)cp, 1, &vt->pen);
}

/* --- copying --------------------------------------------------------------------------- */

struct copied {
    struct vt_cell cell;
    uint32_t extra[VT_CELL_CHARS - 1];
};

static void take_row(const struct vt *vt, int row, int from, int count, struct copied *ret)
{
    const struct vt_cell *cells = vt_row(vt, row);

    for (int i = 0; i < count; i++) {
        ret[i].cell = cells[from + i];
        if (ret[i].cell.extra)
            vt_cell_extra(vt, row, from + i, ret[i].extra);
    }
}

static void put_row(struct vt *vt, int row, int to, int count, const struct copied *copied)
{
    struct vt_grid *grid = vt->grid;

    vt_grid_erase(grid, row, to, to + count, vt->pen.bg);
    for (int i = 0; i < count; i++) {
        struct vt_cell cell = copied[i].cell;
        bool is_half = cell.width == 0 ? i == 0 : cell.width == 2 && i + 1 == count;

        if (cell.width == 0 && !is_half)
            continue;
        cell.extra = 0;
        vt_grid_put(grid, row, to + i, is_half ? 0 : cell.cp, is_half ? 1 : cell.width, &cell);
        for (int n = 0; n < copied[i].cell.extra && !is_half; n++)
            vt_grid_mark(grid, row, to + i, copied[i].extra[n]);
    }
}

/* DECCRA, on the one page there is. Rows go in the order in which none is overwritten first. */
static void copy(struct vt *vt, const struct vtguard_csi *csi)
{
    struct rect from;
    int base = vt->origin ? vt->margin_top : 0;
    int end = vt->origin ? vt->margin_bottom : vt->grid->rows;
    int top = base + vtguard_param(csi, 5, 1) - 1;
    int left = vtguard_param(csi, 6, 1) - 1;

    if (!rect_of(vt, csi, 0, &from) || top >= end || left >= vt->grid->cols)
        return;

    int rows = clamp(from.bottom - from.top, 0, end - top);
    int cols = clamp(from.right - from.left, 0, vt->grid->cols - left);
    struct copied *row = xcalloc((size_t)cols, sizeof(*row));
    for (int i = 0; i < rows; i++) {
        int at = top > from.top ? rows - 1 - i : i;

        take_row(vt, from.top + at, from.left, cols, row);
        put_row(vt, top + at, left, cols, row);
    }
    free(row);
}

void vt_rect_csi(struct vt *vt, const struct vtguard_csi *csi)
{
    if (csi->leader || csi->inter != '$')
        return;
    switch (csi->final) {
    case 'z':
    case '{':
        erase(vt, csi, csi->final == '{');
        break;
    case 'x':
        fill(vt, csi);
        break;
    case 'v':
        copy(vt, csi);
        break;
    default:
        break;
    }
}

/* DECBI, DECFI: the cursor moves; at the edge the columns of the region do instead. */
void vt_index_column(struct vt *vt, bool forward)
{
    int row, col, edge = forward ? vt->grid->cols - 1 : 0;

    vt_lib_cursor(vt, &row, &col);
    if (col != edge) {
        vt_lib_printf(vt, "\033[%c", forward ? 'C' : 'D');
        return;
    }
    if (row < vt->margin_top || row >= vt->margin_bottom)
        return;
    for (int r = vt->margin_top; r < vt->margin_bottom; r++)
        vt_grid_shift(vt->grid, r, 0, vt->grid->cols, forward ? -1 : 1, vt->pen.bg);
}
