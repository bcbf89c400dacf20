/* layout.c - the collapse rules as a table, first match wins; then plain arithmetic. */
#include "tui/layout.h"

static const struct {
    int min_cols, min_rows;
    enum layout_kind kind;
} RULES[] = {
        {160, 30, LAYOUT_FULL},
        {120, 30, LAYOUT_SHORT},
        {110, 30, LAYOUT_NAMES},
        {110, 20, LAYOUT_ACCORDION},
        {80, 40, LAYOUT_DOCK},
        {80, 20, LAYOUT_BARE},
        {LAYOUT_MIN_COLS, LAYOUT_MIN_ROWS, LAYOUT_SMALL},
};

enum layout_kind layout_kind(int cols, int rows)
{
    for (unsigned i = 0; i < sizeof RULES / sizeof RULES[0]; i++)
        if (cols >= RULES[i].min_cols && rows >= RULES[i].min_rows)
            return RULES[i].kind;
    return LAYOUT_TINY;
}

static int side_cols(const struct layout_want *want)
{
    int cols = want->cols, most = cols - LAYOUT_AGENT_COLS;
    if (want->side_cols > 0)
        return want->side_cols < most ? want->side_cols : most;
    if (cols >= 160)
        return cols - 120 < 80 ? cols - 120 : 80;
    return most;
}

static void place_column(const struct layout_want *want, struct layout *ret)
{
    int cols = side_cols(want);
    struct rect side = {ret->middle.row, want->cols - cols, ret->middle.rows, cols};
    ret->pane.cols = want->cols - cols;
    int rows[PANEL_COUNT];
    if (ret->kind == LAYOUT_ACCORDION) {
        for (int i = 0; i < PANEL_COUNT; i++)
            rows[i] = i == (int)want->open ? side.rows - (PANEL_COUNT - 1) : 1;
    } else {
        rows[PANEL_WAITING] = side.rows * 3 / 10;
        rows[PANEL_WORDS] = side.rows / 4;
        rows[PANEL_REQUESTS] = side.rows - rows[PANEL_WAITING] - rows[PANEL_WORDS];
    }
    int row = side.row;
    for (int i = 0; i < PANEL_COUNT; i++) {
        ret->panel[i] = (struct rect){row, side.col, rows[i], side.cols};
        row += rows[i];
    }
}

static void place_dock(const struct layout_want *want, struct layout *ret)
{
    ret->pane.rows = ret->middle.rows - LAYOUT_DOCK_ROWS;
    ret->panel[want->open] =
            (struct rect){ret->pane.row + ret->pane.rows, 0, LAYOUT_DOCK_ROWS, want->cols};
}

bool layout_is_edge(const struct layout *layout, int row, int col)
{
    const struct rect *side = &layout->panel[PANEL_WAITING], *middle = &layout->middle;
    return layout->kind <= LAYOUT_ACCORDION && side->rows > 0 && col == side->col &&
           row >= middle->row && row < middle->row + middle->rows;
}

void layout_compute(const struct layout_want *want, struct layout *ret)
{
    int cols = want->cols > 0 ? want->cols : 1, rows = want->rows > 0 ? want->rows : 1;
    *ret = (struct layout){.kind = layout_kind(cols, rows)};
    int top = ret->kind == LAYOUT_TINY ? 0 : 1;
    int bottom = rows > 1 ? 1 : 0;
    ret->tabs = (struct rect){0, 0, top, cols};
    ret->status = (struct rect){rows - 1, 0, bottom, cols};
    ret->middle = (struct rect){top, 0, rows - top - bottom, cols};
    ret->pane = ret->middle;
    ret->can_decide = ret->kind != LAYOUT_TINY;
    if (!want->panels || !want->column || want->zoom)
        return;
    if (ret->kind <= LAYOUT_ACCORDION)
        place_column(want, ret);
    else if (ret->kind == LAYOUT_DOCK)
        place_dock(want, ret);
}
