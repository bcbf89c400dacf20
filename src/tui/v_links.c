/*
 * v_links.c - see v_links.h. Both views show every character that could hide something, and the
 * whole of it: what does not fit is a key away.
 */
#include "tui/v_links.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tui/view.h"

#define TARGET_ROWS 6 /* for the chosen one, whole */

/* --- links ---------------------------------------------------------------------------- */

static unsigned count_links(const struct view_env *env)
{
    return env->links ? env->links->count : 0;
}

static void draw_target(const struct view_env *env, struct rect r, const struct link *link)
{
    char safe[LIMIT_VT_LINK * 8];
    const char *why;
    struct str rest, line;

    for (int c = 0; c < r.cols; c++)
        frame_line(env->frame, r.row, r.col + c, LINE_H, false, STYLE_DIM);
    frame_cells_done(env->frame);
    bool can = link_can_open(link->target, &why);
    view_printf(env->frame, r.row, r.col + 1, r.cols - 2, can ? STYLE_BOLD : STYLE_ALERT,
            can ? " leads to " : " leads to, but is not opened: %s ", why);
    rest = str_of(str_vis(safe, sizeof safe, str_of(link->target)));
    for (int row = 1; row < r.rows && view_wrap_exact(&rest, r.cols, &line); row++)
        frame_text(env->frame, r.row + row, r.col, r.cols, STYLE_PLAIN, line);
}

static int foot_rows(int rows)
{
    return rows > 2 * TARGET_ROWS ? TARGET_ROWS : rows / 2;
}

int v_links_at(const struct view *view, int row)
{
    int inner = row - view->area.row - 1, rows = view->area.rows - 2;

    return inner < 0 || inner >= rows - foot_rows(rows) ? -1 : (int)view->top + inner;
}

static void draw_links(struct view *view, const struct view_env *env, struct rect r)
{
    const struct links *links = env->links;
    int foot = foot_rows(r.rows), rows = r.rows - foot;

    if (!links || links->count == 0) {
        view_put(env->frame, r.row, r.col, r.cols, STYLE_DIM, STR("no links on the screen"));
        return;
    }
    if (view->selected < view->top)
        view->top = view->selected;
    if (rows > 0 && view->selected >= view->top + (unsigned)rows)
        view->top = view->selected - (unsigned)rows + 1;
    for (int row = 0; row < rows && view->top + (unsigned)row < links->count; row++) {
        unsigned i = view->top + (unsigned)row;
        const struct link *link = &links->items[i];
        struct style style = i == view->selected ? STYLE_SELECTED : STYLE_PLAIN;

        if (link->text)
            view_printf(env->frame, r.row + row, r.col, r.cols, style, "~\"%s\" -> %s",
                    link->text, link->target);
        else
            view_put(env->frame, r.row + row, r.col, r.cols, style, str_of(link->target));
    }
    draw_target(env, (struct rect){r.row + rows, r.col, foot, r.cols},
            &links->items[view->selected]);
}

/* --- a text for the clipboard ----------------------------------------------------------- */

/* Line by line, each with its end written out. */
void offer_take(struct offer *offer, struct str text)
{
    struct str line;
    bool more = true;

    offer_release(offer);
    buf_append_str(&offer->text, text);
    while (more && text.n > 0) {
        more = str_cut(&text, '\n', &line);
        size_t room = line.n * 8 + 16;
        char *p = buf_reserve(&offer->shown, room);

        str_vis(p, room, line);
        buf_commit(&offer->shown, strlen(p));
        buf_puts(&offer->shown, more ? "<U+000A>\n" : "");
    }
}

void offer_release(struct offer *offer)
{
    buf_release(&offer->text);
    buf_release(&offer->shown);
    free(offer->lines);
    *offer = (struct offer){0};
}

unsigned offer_lines(struct offer *offer, int cols)
{
    struct str rest = buf_str(&offer->shown), line;
    unsigned cap = 0;

    if (offer->cols == cols)
        return offer->count;
    offer->cols = cols;
    offer->count = 0;
    while (view_wrap_exact(&rest, cols, &line)) {
        if (offer->count == cap) {
            cap = cap ? cap * 2 : 64;
            offer->lines = xrealloc(offer->lines, cap * sizeof *offer->lines);
        }
        offer->lines[offer->count++] = (size_t)(line.p - buf_data(&offer->shown));
    }
    return offer->count;
}

static unsigned count_offer(const struct view_env *env)
{
    return env->offer ? env->offer->count : 0;
}

static void draw_offer(struct view *view, const struct view_env *env, struct rect r)
{
    struct offer *offer = env->offer;
    struct buf title = BUF_INIT;

    if (!offer || buf_len(&offer->text) == 0) {
        view_put(env->frame, r.row, r.col, r.cols, STYLE_DIM,
                STR("the agent does not want anything copied"));
        return;
    }
    unsigned count = offer_lines(offer, r.cols);
    keymap_shown(
            "C-\\ k copies it, x refuses it, d refuses whatever comes", env->prefix, &title);
    view_printf(env->frame, r.row, r.col, r.cols, STYLE_BOLD,
            "agent wants to copy %zu bytes, %u line%s here", buf_len(&offer->text), count,
            count == 1 ? "" : "s");
    view_put(env->frame, r.row + 1, r.col, r.cols, STYLE_PLAIN, buf_str(&title));
    buf_release(&title);
    for (int row = 3; row < r.rows && view->selected + (unsigned)row - 3 < count; row++) {
        struct str rest = buf_str(&offer->shown), line;
        size_t at = offer->lines[view->selected + (unsigned)row - 3];

        rest = (struct str){rest.p + at, rest.n - at};
        if (view_wrap_exact(&rest, r.cols, &line))
            frame_text(env->frame, r.row + row, r.col, r.cols, STYLE_PLAIN, line);
    }
}

const struct view_ops v_links_ops = {MODE_LINKS, "LINKS", "C-\\ o", draw_links, count_links};
const struct view_ops v_clipboard_ops = {
        MODE_CLIPBOARD, "CLIPBOARD", "C-\\ k", draw_offer, count_offer};
