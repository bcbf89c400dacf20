/*
 * v_agent.c - see v_agent.h. The pane's colours and attributes are the agent's; what it
 * prints ends at the edge of the area whatever widths it claims.
 */
#include "tui/v_agent.h"

/* Columns [from,to) of one row of the grid; beyond its width the pane is blank. */
struct span {
    int row, from, to;
};

/* One character; returns the columns it covers. */
static int draw_cell(
        const struct view_env *env, struct vt *vt, struct rect area, int row, int col)
{
    const struct vt_cell *cell = &vt_row(vt, row)[col];
    struct glyph glyph = {
            .cps = {cell->cp}, .count = 1, .width = cell->width ? cell->width : 1};
    struct style style = {cell->fg, cell->bg, cell->attrs, vt_underline_color(vt, cell->attrs)};
    if (cell->extra)
        glyph.count += vt_cell_extra(vt, row, col, glyph.cps + 1);
    if (col + glyph.width > area.cols)
        glyph = (struct glyph){.width = 1}; /* half of it would be outside */
    frame_cell(env->frame, area.row + row, area.col + col, style, &glyph);
    return glyph.width;
}

static void draw_span(
        const struct view_env *env, struct vt *vt, struct rect area, struct span span)
{
    static const struct glyph blank = {.width = 1};
    const struct vt_cell *cells = vt_row(vt, span.row);
    int cols = 0, rows = 0, col = span.from > 0 ? span.from - 1 : 0;
    vt_size(vt, &cols, &rows);
    while (col > 0 && col < cols && cells[col].width == 0)
        col--; /* begin at the left half */
    while (col < span.to && col < cols)
        col += draw_cell(env, vt, area, span.row, col);
    for (; col < span.to; col++)
        frame_cell(env->frame, area.row + span.row, area.col + col, STYLE_PLAIN, &blank);
    frame_cells_done(env->frame);
}

static void draw_grid(const struct view_env *env, struct vt *vt, struct rect area, bool all)
{
    int cols = 0, rows = 0;
    vt_size(vt, &cols, &rows);
    for (int row = 0; row < area.rows; row++) {
        struct span span = {row, 0, area.cols};
        if (row >= rows && all)
            frame_fill(env->frame, (struct rect){area.row + row, area.col, 1, area.cols},
                    STYLE_PLAIN);
        if (row >= rows || (!all && !vt_dirty(vt, row, &span.from, &span.to)))
            continue;
        if (span.to > area.cols)
            span.to = area.cols;
        draw_span(env, vt, area, span);
    }
    vt_dirty_clear(vt);
}

static void draw_status(const struct view_env *env, struct rect area)
{
    const char *text = env->session ? session_status(env->session) : "starting";
    char safe[1024];
    struct str rest, line;
    frame_fill(env->frame, area, STYLE_PLAIN);
    rest = str_of(str_vis(safe, sizeof safe, str_of(text ? text : "")));
    for (int row = 1; row < area.rows && view_wrap(&rest, area.cols - 4, &line); row++)
        frame_text(env->frame, area.row + row, area.col + 2, area.cols - 4, STYLE_PLAIN, line);
}

/* The agent is gone: a line of the host over its last row, and why. */
static void draw_ended(const struct view_env *env, struct rect area)
{
    const struct session_record *rec = session_rec(env->session);
    struct rect bar = {area.row + area.rows - 1, area.col, 1, area.cols};
    frame_fill(env->frame, bar, STYLE_BAR);
    const char *why = session_status(env->session);
    if (why && *why)
        view_printf(env->frame, bar.row, bar.col, bar.cols, STYLE_BAR, "-- %s --", why);
    else
        view_printf(env->frame, bar.row, bar.col, bar.cols, STYLE_BAR,
                "-- session ended (exit %d) --", rec->exit_status);
}

static bool has_ended(const struct session *session)
{
    enum session_state state = session_state(session);
    return state == SESSION_STOPPED || state == SESSION_CRASHED;
}

/* Before the agent's first output the pane says how far the start has come. */
static struct vt *shown_vt(const struct view_env *env)
{
    if (!env->session || session_state(env->session) == SESSION_STARTING)
        return NULL;
    return session_vt(env->session);
}

void v_agent_draw(const struct view_env *env, struct rect area, bool all)
{
    struct vt *vt = shown_vt(env);
    if (area.rows <= 0 || area.cols <= 0)
        return;
    if (vt)
        draw_grid(env, vt, area, all);
    else
        draw_status(env, area);
    if (vt && has_ended(env->session))
        draw_ended(env, area);
}

bool v_agent_cursor(const struct view_env *env, struct rect area, struct vt_cursor *ret)
{
    struct vt *vt = shown_vt(env);
    if (!vt || has_ended(env->session))
        return false;
    *ret = vt_cursor(vt);
    if (ret->row < 0 || ret->row >= area.rows || ret->col < 0 || ret->col >= area.cols)
        ret->visible = false;
    ret->row += area.row;
    ret->col += area.col;
    return ret->visible;
}
