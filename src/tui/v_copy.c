/*
 * v_copy.c - see v_copy.h. Drawn whole each time; the encoder sends what differs.
 *
 * Hits are marked in a map of the view first, since one may run over several rows.
 */
#include "tui/v_copy.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

#define HIT 1
#define HIT_HERE 2 /* the one under the cursor */

static const struct style STYLE_HIT = {VT_COLOR_INDEX(0), VT_COLOR_INDEX(3), 0, 0};
static const struct style STYLE_HIT_HERE = {VT_COLOR_INDEX(0), VT_COLOR_INDEX(6), VT_BOLD, 0};

struct map {
    uint8_t *marks; /* rows * cols */
    struct rect area;
};

static void mark_hit(const struct copy *copy, struct map *map, struct copy_pos from,
        struct copy_pos to, uint8_t mark)
{
    for (uint64_t line = from.line; line <= to.line; line++) {
        int first = line == from.line ? from.col : 0;
        int end = line == to.line ? to.col : map->area.cols;

        if (line < copy->top || line >= copy->top + (uint64_t)map->area.rows)
            continue;
        uint8_t *row = map->marks + (line - copy->top) * (uint64_t)map->area.cols;
        for (int col = first; col < end && col < map->area.cols; col++)
            row[col] = mark;
    }
}

static void mark_hits(struct copy *copy, struct map *map)
{
    struct vt_para *para = &copy->para;
    uint64_t end = copy->top + (uint64_t)map->area.rows;

    if (copy->search.len == 0)
        return;
    for (uint64_t line = copy->top; line < end && vt_doc_para(copy->doc, line, para);
            line = para->first + para->rows) {
        size_t at = 0, stop = 0;

        for (; copy_search_match(&copy->search, para->text, &at, &stop); at = stop) {
            struct copy_pos from, to;
            from.line = vt_para_place(copy->doc, para, at, &from.col);
            to.line = vt_para_place(copy->doc, para, stop, &to.col);
            bool here = from.line == copy->cursor.line && from.col == copy->cursor.col;
            mark_hit(copy, map, from, to, here ? HIT_HERE : HIT);
        }
    }
}

/* Without colours a hit is underlined, bold where the cursor is. */
static struct style hit_style(const struct view_env *env, struct style style, uint8_t mark)
{
    struct style hit = mark == HIT_HERE ? STYLE_HIT_HERE : STYLE_HIT;

    if (frame_mono(env->frame))
        hit = (struct style){style.fg, style.bg,
                VT_UNDERLINE | (mark == HIT_HERE ? VT_BOLD | VT_REVERSE : 0), 0};
    return hit;
}

static void draw_row(
        const struct view_env *env, struct copy *copy, const struct map *map, int row)
{
    static const struct vt_cell blank = {.width = 1};
    uint64_t line = copy->top + (uint64_t)row;
    const uint8_t *marks = map->marks + (size_t)row * (size_t)map->area.cols;
    int count = 0, from = 0, to = 0;
    bool is_there = line < vt_doc_page(copy->doc, copy->cursor.line).end;
    bool selected = is_there && copy_selected(copy, line, &from, &to);
    const struct vt_cell *cells = copy->cells;

    if (is_there)
        cells = copy_cells(copy, line, &count);
    if (selected && copy->kind != COPY_BLOCK && to > count)
        to = count > 0 ? count : 1; /* an empty line shows that it is in */
    for (int col = 0; col < map->area.cols;) {
        const struct vt_cell *cell = col < count ? &cells[col] : &blank;
        struct glyph glyph = {
                .cps = {cell->cp}, .count = 1, .width = cell->width ? cell->width : 1};
        struct style style = {
                cell->fg, cell->bg, cell->attrs, vt_underline_color(copy->vt, cell->attrs)};

        if (cell->extra)
            glyph.count += vt_doc_extra(copy->doc, line, col, glyph.cps + 1);
        if (marks[col])
            style = hit_style(env, style, marks[col]);
        if (selected && col >= from && col < to)
            style.attrs ^= VT_REVERSE;
        if (col + glyph.width > map->area.cols)
            glyph = (struct glyph){.width = 1}; /* half of it would be outside */
        frame_cell(env->frame, map->area.row + row, map->area.col + col, style, &glyph);
        col += glyph.width;
    }
    frame_cells_done(env->frame);
}

void v_copy_draw(const struct view_env *env, struct copy *copy, struct rect area)
{
    struct map map = {.area = area};

    if (area.rows <= 0 || area.cols <= 0)
        return;
    copy_fit(copy, area.cols, area.rows);
    map.marks = xcalloc((size_t)area.rows, (size_t)area.cols);
    mark_hits(copy, &map);
    for (int row = 0; row < area.rows; row++)
        draw_row(env, copy, &map, row);
    free(map.marks);
}

struct vt_cursor v_copy_cursor(const struct copy *copy, struct rect area)
{
    int col = copy->cursor.col < area.cols ? copy->cursor.col : area.cols - 1;

    return (struct vt_cursor){.row = area.row + (int)(copy->cursor.line - copy->top),
            .col = area.col + col,
            .visible = true,
            .shape = 1};
}

/* --- paste ------------------------------------------------------------------------------ */

unsigned v_paste_lines(struct str text)
{
    struct str line;
    unsigned lines = 1;

    while (str_cut(&text, '\n', &line))
        lines++;
    return lines;
}

/* What cannot be seen is shown in words; a line that is too long is cut with "..". */
void v_paste_draw(const struct view_env *env, struct rect area, struct str text, unsigned top)
{
    char title[64];
    struct str line;
    bool more = true;

    snprintf(title, sizeof title, "PASTE: %u lines, %zu bytes", v_paste_lines(text), text.n);
    struct rect inner =
            view_box(env->frame, area, true, title, NULL, "Enter sends it, Esc does not");
    frame_fill(env->frame, inner, STYLE_PLAIN);
    for (unsigned at = 0; more && at < top; at++)
        more = str_cut(&text, '\n', &line);
    for (int row = 0; more && row < inner.rows; row++) {
        more = str_cut(&text, '\n', &line);
        view_put(env->frame, inner.row + row, inner.col, inner.cols, STYLE_PLAIN, line);
    }
}
