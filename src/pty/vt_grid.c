/*
 * vt_grid.c - one screen of cells.
 *
 * A scroll moves row pointers, never cells: that is why this grid exists and libvterm's own
 * screen layer is not used, which copies the whole screen for each line. Erasing to the end of
 * a line writes no cells either: from `used` on they all are `fill`, so that three hostile
 * bytes do not cost a screen of work. A wide character is two cells, the right one with width
 * 0; every change first splits the wide characters that lie across its borders, so no half is
 * left.
 */
#include "pty/vt_grid.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static const struct vt_cell blank = {.width = 1};

struct vt_line *vt_line_new(int cols)
{
    struct vt_line *line = xcalloc(1, sizeof(*line));

    line->cells = xmalloc((size_t)cols * sizeof(struct vt_cell));
    line->cols = cols;
    line->fill = blank;
    line->dirty_from = INT_MAX;
    return line;
}

void vt_line_free(struct vt_line *line)
{
    if (!line)
        return;
    free(line->cells);
    free(line->marks);
    free(line);
}

void vt_grid_init(struct vt_grid *grid, int cols, int rows)
{
    *grid = (struct vt_grid){.rows = rows, .cols = cols};
    grid->lines = xcalloc((size_t)rows, sizeof(struct vt_line *));
    for (int row = 0; row < rows; row++)
        grid->lines[row] = vt_line_new(cols);
    vt_grid_dirty_rows(grid, 0, rows);
}

void vt_grid_release(struct vt_grid *grid)
{
    for (int row = 0; row < grid->rows; row++)
        vt_line_free(grid->lines[row]);
    free(grid->lines);
    *grid = (struct vt_grid){0};
}

/* The cells before `col` become real ones. */
static void use_up_to(struct vt_line *line, int col)
{
    for (int i = line->used; i < col; i++)
        line->cells[i] = line->fill;
    if (line->used < col)
        line->used = col;
}

const struct vt_cell *vt_line_cells(struct vt_line *line)
{
    for (int i = line->used; i < line->cols; i++)
        line->cells[i] = line->fill;
    return line->cells;
}

bool vt_cell_is_blank(const struct vt_cell *cell)
{
    return (cell->cp == 0 || cell->cp == ' ') && cell->width == 1 && cell->bg == 0 &&
           cell->extra == 0 && (cell->attrs & ~(VT_BOLD | VT_DIM | VT_ITALIC)) == 0;
}

int vt_line_text(struct vt_line *line, int least)
{
    int used = vt_cell_is_blank(&line->fill) ? line->used : line->cols;
    const struct vt_cell *last = &line->cells[line->cols - 1];

    if (used == line->cols || line->wrapped)
        vt_line_cells(line);
    if (line->wrapped) /* a wide character that did not fit leaves the last cell empty */
        return line->cols - (last->cp == 0 && vt_cell_is_blank(last));
    while (used > 0 && vt_cell_is_blank(&line->cells[used - 1]) &&
            !(used <= least && line->cells[used - 1].cp))
        used--;
    return used;
}

static void blank_half(struct vt_cell *cell)
{
    uint32_t bg = cell->bg;

    *cell = blank;
    cell->bg = bg;
}

/* If a wide character lies across the border before `col`, both its halves become blank. */
static void split_wide(struct vt_line *line, int col)
{
    if (col <= 0 || col >= line->used || line->cells[col].width != 0)
        return;
    blank_half(&line->cells[col - 1]);
    blank_half(&line->cells[col]);
    vt_line_dirty(line, col - 1, col + 1);
}

int vt_grid_put(struct vt_grid *grid, int row, int col, uint32_t cp, int width,
        const struct vt_cell *pen)
{
    struct vt_line *line = grid->lines[row];
    struct vt_cell *cell = line->cells + col;

    if (col + width > grid->cols)
        width = 1;
    use_up_to(line, col);
    split_wide(line, col);
    split_wide(line, col + width);

    cell[0] = *pen;
    cell[0].cp = cp;
    cell[0].width = width == 2 ? 2 : 1;
    if (width == 2) {
        cell[1] = *pen;
        cell[1].cp = 0;
        cell[1].width = 0;
    }
    if (line->used < col + width)
        line->used = col + width;
    vt_line_dirty(line, col, col + width);
    return width;
}

void vt_grid_put_ascii(
        struct vt_grid *grid, int row, int col, const char *p, int n, const struct vt_cell *pen)
{
    struct vt_line *line = grid->lines[row];
    struct vt_cell *cell = line->cells + col;
    struct vt_cell model = *pen;

    use_up_to(line, col);
    split_wide(line, col);
    split_wide(line, col + n);
    model.width = 1;
    for (int i = 0; i < n; i++) {
        model.cp = (unsigned char)p[i];
        cell[i] = model;
    }
    if (line->used < col + n)
        line->used = col + n;
    vt_line_dirty(line, col, col + n);
}

static struct vt_mark *mark_entry(struct vt_line *line, int col)
{
    for (unsigned i = line->mark_count; i-- > 0;)
        if (line->marks[i].col == col)
            return &line->marks[i];
    return NULL;
}

void vt_line_add_mark(struct vt_line *line, int col, uint32_t cp)
{
    struct vt_cell *cell = &line->cells[col];

    if (col >= line->used || cell->cp == 0 || cell->extra >= VT_CELL_CHARS - 1)
        return;

    struct vt_mark *mark = mark_entry(line, col);
    if (!mark) {
        /* At most one entry for a column, so this is bounded by the width. */
        if (line->mark_count == line->mark_cap) {
            line->mark_cap = line->mark_cap ? line->mark_cap * 2 : 4;
            line->marks = xrealloc(line->marks, line->mark_cap * sizeof(*line->marks));
        }
        mark = &line->marks[line->mark_count++];
        mark->col = (uint16_t)col;
    }
    mark->cp[cell->extra++] = cp;
    vt_line_dirty(line, col, col + (cell->width == 2 ? 2 : 1));
}

void vt_grid_mark(struct vt_grid *grid, int row, int col, uint32_t cp)
{
    vt_line_add_mark(grid->lines[row], col, cp);
}

const struct vt_mark *vt_line_mark(const struct vt_line *line, int col)
{
    return col < line->used && line->cells[col].extra ? mark_entry((struct vt_line *)line, col)
                                                      : NULL;
}

void vt_grid_widen(struct vt_grid *grid, int row, int col)
{
    struct vt_line *line = grid->lines[row];
    struct vt_cell *cell = line->cells + col;

    if (col >= line->used || cell->cp == 0 || cell->width != 1)
        return;
    split_wide(line, col + 2);
    cell[0].width = 2;
    cell[1] = cell[0];
    cell[1].cp = 0;
    cell[1].extra = 0;
    cell[1].width = 0;
    if (line->used < col + 2)
        line->used = col + 2;
    vt_line_dirty(line, col, col + 2);
}

static struct vt_cell blank_on(uint32_t bg)
{
    struct vt_cell cell = blank;

    cell.bg = bg;
    return cell;
}

static void write_cells(struct vt_line *line, int from, int to, struct vt_cell model)
{
    for (int col = from; col < to; col++)
        line->cells[col] = model;
    if (line->used < to)
        line->used = to;
}

void vt_grid_fill(struct vt_grid *grid, int row, struct vt_cell fill)
{
    struct vt_line *line = grid->lines[row];

    line->used = 0;
    line->fill = fill;
    line->mark_count = 0;
    line->wrapped = line->goes_on = line->prompt = false;
    vt_line_dirty(line, 0, grid->cols);
}

void vt_grid_erase(struct vt_grid *grid, int row, int from, int to, uint32_t bg)
{
    struct vt_line *line = grid->lines[row];
    bool is_fill = line->fill.cp == 0 && line->fill.bg == bg;

    if (from == 0 && to == grid->cols) {
        vt_grid_fill(grid, row, blank_on(bg));
        return;
    }
    split_wide(line, from);
    split_wide(line, to);
    if (from == 0)
        line->goes_on = false;
    if (to == grid->cols) {
        if (!is_fill)
            use_up_to(line, from);
        line->fill = blank_on(bg);
        line->wrapped = false;
    }
    if (to == grid->cols || (is_fill && to >= line->used)) {
        line->used = from < line->used ? from : line->used;
    } else {
        use_up_to(line, from);
        write_cells(line, from, to, blank_on(bg));
    }
    vt_line_dirty(line, from, to);
}

void vt_grid_erase_selective(struct vt_grid *grid, int row, int from, int to, uint32_t bg)
{
    const struct vt_line *line = grid->lines[row];

    for (int col = from; col < to; col++) {
        int end = col;

        while (end < to && (end >= line->used || !(line->cells[end].attrs & VT_PROTECTED)))
            end++;
        if (end > col)
            vt_grid_erase(grid, row, col, end, bg);
        col = end;
    }
}

/* Entries follow their cells; those of cells that are gone are dropped. */
static void marks_shift(struct vt_line *line, int from, int to, int n)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < line->mark_count; i++) {
        struct vt_mark mark = line->marks[i];
        int col = mark.col;

        if (!vt_line_mark(line, col))
            continue;
        if (col >= from && col < to) {
            col += n;
            if (col < from || col >= to)
                continue;
        }
        mark.col = (uint16_t)col;
        line->marks[kept++] = mark;
    }
    line->mark_count = kept;
}

void vt_grid_shift(struct vt_grid *grid, int row, int from, int to, int n, uint32_t bg)
{
    struct vt_line *line = grid->lines[row];
    int width = to - from;
    int by = n < 0 ? -n : n;

    if (by >= width) {
        vt_grid_erase(grid, row, from, to, bg);
        return;
    }
    use_up_to(line, to);
    split_wide(line, from);
    split_wide(line, to);
    split_wide(line, n > 0 ? to - by : from + by);
    if (line->mark_count)
        marks_shift(line, from, to, n);

    struct vt_cell *cells = line->cells + from;
    size_t moved = (size_t)(width - by) * sizeof(*cells);
    if (n > 0) {
        memmove(cells + by, cells, moved);
        write_cells(line, from, from + by, blank_on(bg));
    } else {
        memmove(cells, cells + by, moved);
        write_cells(line, to - by, to, blank_on(bg));
    }
    line->wrapped = false;
    vt_line_dirty(line, from, to);
}

static void reverse(struct vt_line **lines, int from, int to)
{
    for (to--; from < to; from++, to--) {
        struct vt_line *t = lines[from];

        lines[from] = lines[to];
        lines[to] = t;
    }
}

static void rotate(struct vt_line **lines, int top, int bottom, int n)
{
    struct vt_line *first = lines[top];

    if (n == 1) {
        memmove(lines + top, lines + top + 1, (size_t)(bottom - top - 1) * sizeof(*lines));
        lines[bottom - 1] = first;
        return;
    }
    reverse(lines, top, top + n);
    reverse(lines, top + n, bottom);
    reverse(lines, top, bottom);
}

void vt_grid_scroll(struct vt_grid *grid, int top, int bottom, int n, uint32_t bg)
{
    int height = bottom - top;
    int by = n < 0 ? -n : n;

    if (by > height)
        by = height;
    if (by == 0)
        return;
    if (by < height)
        rotate(grid->lines, top, bottom, n > 0 ? by : height - by);

    int from = n > 0 ? bottom - by : top;
    for (int row = from; row < from + by; row++)
        vt_grid_erase(grid, row, 0, grid->cols, bg);
    vt_grid_dirty_rows(grid, top, bottom);
}

static void line_resize(struct vt_line *line, int cols)
{
    split_wide(line, cols);
    if (cols > line->cols && (line->fill.cp || line->fill.bg)) {
        use_up_to(line, line->cols);
        line->fill = blank;
    }
    line->cells = xrealloc(line->cells, (size_t)cols * sizeof(struct vt_cell));
    if (line->used > cols)
        line->used = cols;
    line->wrapped = line->goes_on = false;
    line->cols = cols;

    unsigned kept = 0;
    for (unsigned i = 0; i < line->mark_count; i++)
        if (line->marks[i].col < cols)
            line->marks[kept++] = line->marks[i];
    line->mark_count = kept;
    line->dirty_from = INT_MAX;
    line->dirty_to = 0;
}

void vt_grid_resize(struct vt_grid *grid, int cols, int rows, int drop, int pull)
{
    struct vt_line **lines = xcalloc((size_t)rows, sizeof(struct vt_line *));

    CHECK(drop >= 0 && pull >= 0 && drop < grid->rows && pull < rows);
    for (int row = 0; row < grid->rows; row++) {
        struct vt_line *line = grid->lines[row];
        int to = row - drop + pull;

        if (row < drop || to >= rows) {
            vt_line_free(line);
            continue;
        }
        if (cols != grid->cols)
            line_resize(line, cols);
        lines[to] = line;
    }
    for (int row = 0; row < rows; row++)
        if (!lines[row])
            lines[row] = vt_line_new(cols);
    free(grid->lines);
    grid->lines = lines;
    grid->rows = rows;
    grid->cols = cols;
    grid->full_from = grid->full_to = 0;
    vt_grid_dirty_rows(grid, 0, rows);
}

void vt_grid_dirty_rows(struct vt_grid *grid, int from, int to)
{
    if (grid->full_from >= grid->full_to) {
        grid->full_from = from;
        grid->full_to = to;
        return;
    }
    if (from < grid->full_from)
        grid->full_from = from;
    if (to > grid->full_to)
        grid->full_to = to;
}

bool vt_grid_dirty(const struct vt_grid *grid, int row, int *ret_from, int *ret_to)
{
    const struct vt_line *line = grid->lines[row];

    if (row >= grid->full_from && row < grid->full_to) {
        *ret_from = 0;
        *ret_to = grid->cols;
        return true;
    }
    if (line->dirty_from >= line->dirty_to)
        return false;
    *ret_from = line->dirty_from;
    *ret_to = line->dirty_to;
    return true;
}

void vt_grid_clean(struct vt_grid *grid)
{
    for (int row = 0; row < grid->rows; row++) {
        grid->lines[row]->dirty_from = INT_MAX;
        grid->lines[row]->dirty_to = 0;
    }
    grid->full_from = grid->full_to = 0;
}
