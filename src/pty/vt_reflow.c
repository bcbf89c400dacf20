/*
 * vt_reflow.c - the main screen gets another size, and its text is wrapped anew.
 *
 * The text of the screen, with the part of its first line that is history already, flows
 * into lines of the new width; then the screen is put over their end. What is above becomes
 * history, which keeps lines of text and so needs no work here; if the screen was full and
 * there is room now, history comes back. Blank rows at the bottom are no text. The cursor
 * stays on its character.
 */
#include "pty/vt_reflow.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* The spots, and where the text of the screen begins. */
#define SPOTS (VT_SPOTS + 1)
#define START VT_SPOTS

struct flow {
    struct vt_line **lines; /* owns */
    int count, cap;
    int cols;
    struct vt_line *line; /* being filled, the last one; NULL: the next begins a line */
    int col;              /* in it */
    bool goes_on;         /* the next line does */
    bool prompt;          /* what is put next begins one */
};

struct spots {
    struct vt_spot from[SPOTS];
    struct vt_spot to[SPOTS];
};

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void next_line(struct flow *flow)
{
    if (flow->count == flow->cap) {
        flow->cap = flow->cap ? flow->cap * 2 : 64;
        flow->lines = xrealloc(flow->lines, (size_t)flow->cap * sizeof(*flow->lines));
    }
    flow->line = flow->lines[flow->count++] = vt_line_new(flow->cols);
    flow->line->goes_on = flow->goes_on;
    flow->line->prompt = flow->prompt;
    flow->goes_on = flow->prompt = false;
    flow->col = 0;
}

static void put(struct flow *flow, const struct vt_cell *cell, const struct vt_cell *right,
        const uint32_t *marks)
{
    if (flow->line && flow->col + cell->width > flow->cols) {
        flow->line->wrapped = flow->goes_on = true;
        flow->line = NULL;
    }
    if (!flow->line)
        next_line(flow);

    struct vt_line *line = flow->line;
    line->prompt = line->prompt || flow->prompt;
    flow->prompt = false;
    line->cells[flow->col] = *cell;
    if (cell->width == 2)
        line->cells[flow->col + 1] = *right;
    line->used = flow->col + cell->width;
    line->cells[flow->col].extra = 0;
    for (int i = 0; i < cell->extra; i++)
        vt_line_add_mark(line, flow->col, marks[i]);
    flow->col = line->used;
}

static void end_line(struct flow *flow)
{
    if (!flow->line)
        next_line(flow);
    flow->line = NULL;
}

/* --- sources --------------------------------------------------------------------------- */

static void put_packed(struct flow *flow, const struct vt_packed *packed)
{
    struct vt_walk walk = vt_walk_begin(packed, 0, 0);
    struct vt_cell cell, right;
    uint32_t marks[VT_CELL_CHARS - 1];

    flow->goes_on = packed->goes_on;
    flow->prompt = packed->prompt;
    while (vt_walk_next(&walk, &cell, &right, marks))
        put(flow, &cell, &right, marks);
}

/* The character at columns [col,end) of the row was put. */
static void met_char(struct flow *flow, struct spots *spots, int row, int col, int end)
{
    for (int i = 0; i < SPOTS; i++) {
        const struct vt_spot *from = &spots->from[i];

        if (from->row != row || from->col < col || from->col >= end)
            continue;
        spots->to[i] = (struct vt_spot){flow->count - 1, flow->col - (end - col), false};
        if (from->is_after)
            spots->to[i] = (struct vt_spot){
                    flow->count - 1, least(flow->col, flow->cols - 1), flow->col == flow->cols};
    }
}

/* Spots behind the text of the row. */
static void met_end(struct flow *flow, struct spots *spots, int row, int end)
{
    for (int i = 0; i < SPOTS; i++) {
        const struct vt_spot *from = &spots->from[i];

        if (from->row != row || from->col < end)
            continue;
        if (!flow->line)
            next_line(flow);

        spots->to[i] = (struct vt_spot){
                flow->count - 1, least(flow->col + from->col - end, flow->cols - 1), false};
    }
}

static void put_row(
        struct flow *flow, struct vt_line *line, int row, bool goes_on, struct spots *spots)
{
    const struct vt_spot *cursor = &spots->from[0];
    bool was_wrapped = line->wrapped;

    line->wrapped = was_wrapped && goes_on;
    int end = vt_line_text(line, cursor->row == row ? cursor->col : 0);
    line->wrapped = was_wrapped;
    if (end > line->used) /* the rest is no text but the line's own colour */
        end = line->used;
    flow->prompt = line->prompt;
    for (int col = 0, width; col < end; col += width) {
        const struct vt_cell *cell = &line->cells[col];
        const struct vt_mark *mark = vt_line_mark(line, col);

        width = cell->width == 2 ? 2 : 1;
        put(flow, cell, cell + 1, mark ? mark->cp : NULL);
        met_char(flow, spots, row, col, col + width);
    }
    met_end(flow, spots, row, end);
    if (was_wrapped && goes_on)
        return;
    end_line(flow);
    flow->lines[flow->count - 1]->fill = line->fill;
}

/* Rows up to the last one with text, the cursor or a colour of its own. */
static int used_rows(const struct vt_grid *grid, int cursor_row)
{
    int rows = grid->rows;

    while (rows > cursor_row + 1 && vt_line_text(grid->lines[rows - 1], 0) == 0)
        rows--;
    return rows;
}

static void put_screen(
        struct flow *flow, const struct vt_grid *grid, int used, struct spots *spots)
{
    for (int row = 0; row < used; row++)
        put_row(flow, grid->lines[row], row, row + 1 < used && grid->lines[row + 1]->goes_on,
                spots);
    for (int i = 0; i < SPOTS; i++)
        if (spots->from[i].row >= used)
            spots->to[i] = (struct vt_spot){flow->count + spots->from[i].row - used,
                    least(spots->from[i].col, flow->cols - 1), false};
}

/* --- placing --------------------------------------------------------------------------- */

/* Lines of history come in front, as many as are wanted and there. Returns how many. */
static int pull(struct flow *flow, struct vt_scroll *scroll, int wanted)
{
    int pulled = 0;

    while (pulled < wanted && vt_scroll_newest(scroll)) {
        struct flow older = {.cols = flow->cols};
        const struct vt_packed *newest = vt_scroll_newest(scroll);
        bool is_open = newest->open;

        put_packed(&older, newest);
        end_line(&older);
        older.lines[older.count - 1]->wrapped = is_open;
        vt_scroll_pop(scroll);

        older.lines = xrealloc(
                older.lines, (size_t)(older.count + flow->count) * sizeof(*older.lines));
        memcpy(older.lines + older.count, flow->lines,
                (size_t)flow->count * sizeof(*older.lines));
        free(flow->lines);
        flow->lines = older.lines;
        flow->count += older.count;
        pulled += older.count;
    }
    return pulled;
}

/* The first line that is on the screen: the end of the text is, and the cursor. */
static int top_line(const struct flow *flow, int rows, int start, int cursor)
{
    int top = flow->count - rows;

    if (top < start)
        top = start;
    return least(top, cursor);
}

static void install(
        struct flow *flow, struct vt_grid *grid, struct vt_scroll *scroll, int rows, int top)
{
    struct vt_line **lines = xcalloc((size_t)rows, sizeof(*lines));

    for (int i = 0; i < flow->count; i++) {
        if (i >= top && i < top + rows) {
            lines[i - top] = flow->lines[i];
            continue;
        }
        if (i < top)
            vt_scroll_push(scroll, flow->lines[i]);
        vt_line_free(flow->lines[i]);
    }
    for (int row = 0; row < rows; row++)
        if (!lines[row])
            lines[row] = vt_line_new(flow->cols);
    vt_grid_release(grid);
    *grid = (struct vt_grid){.lines = lines, .rows = rows, .cols = flow->cols};
    vt_grid_dirty_rows(grid, 0, rows);
    free(flow->lines);
}

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

void vt_reflow(struct vt_grid *grid, struct vt_scroll *scroll, int cols, int rows,
        struct vt_spot spots[VT_SPOTS])
{
    struct flow flow = {.cols = cols};
    struct spots met = {0};
    int used = used_rows(grid, spots[0].row);
    bool was_full = used == grid->rows;

    memcpy(met.from, spots, VT_SPOTS * sizeof(*spots));
    if (cols != scroll->cols)
        vt_scroll_set_cols(scroll, cols);
    const struct vt_packed *newest = vt_scroll_newest(scroll);
    if (newest && newest->open && grid->lines[0]->goes_on) {
        put_packed(&flow, newest);
        vt_scroll_pop(scroll);
    }
    put_screen(&flow, grid, used, &met);

    int pulled = was_full ? pull(&flow, scroll, rows - flow.count) : 0;
    int top = top_line(&flow, rows, was_full ? 0 : met.to[START].row, met.to[0].row + pulled);
    for (int i = 0; i < VT_SPOTS; i++) {
        spots[i] = met.to[i];
        spots[i].row = clamp(met.to[i].row + pulled - top, 0, rows - 1);
    }
    install(&flow, grid, scroll, rows, top);
}
