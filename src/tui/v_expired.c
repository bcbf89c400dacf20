/*
 * v_expired.c - EXPIRED: what nobody answered in time, newest first. Enter opens it in a
 * review, where a late yes can be given.
 */
#include "tui/view.h"

static unsigned count_items(const struct view_env *env)
{
    unsigned count = 0;
    while (env->gate && gate_expired_at(env->gate, count))
        count++;
    return count;
}

static void what_became(const struct gate_item *item, char *out, size_t cap)
{
    char left[16];
    if (item->late_ms > 0)
        snprintf(out, cap, "GRANT: once, for %s", view_minutes(left, item->late_ms));
    else if (item->deciding)
        snprintf(out, cap, "being allowed");
    else if (item->again > 0)
        snprintf(out, cap, "asked again as #%d", item->again);
    else
        snprintf(out, cap, "denied by timeout");
}

static void draw(struct view *view, const struct view_env *env, struct rect r)
{
    unsigned count = count_items(env), fit = r.rows > 1 ? (unsigned)r.rows : 1;
    if (view->selected < view->top)
        view->top = view->selected;
    if (view->selected >= view->top + fit)
        view->top = view->selected - fit + 1;
    if (count == 0)
        view_put(env->frame, r.row, r.col, r.cols, STYLE_DIM,
                STR("nothing ran out of time; Esc goes back"));
    for (unsigned i = view->top; i < count && (int)(i - view->top) < r.rows; i++) {
        const struct gate_item *item = gate_expired_at(env->gate, i);
        char when[16], became[64];
        int row = r.row + (int)(i - view->top);
        struct style style = i == view->selected ? STYLE_SELECTED : STYLE_PLAIN;
        what_became(item, became, sizeof became);
        int right = frame_width(str_of(became)) + 1;
        frame_fill(env->frame, (struct rect){row, r.col, 1, r.cols}, style);
        view_printf(env->frame, row, r.col, r.cols - right, style, "#%-4d %s  %-10.10s %s",
                item->rec.number, view_clock(when, item->rec.decided_ms, false), item->label,
                item->rec.subject);
        view_put(env->frame, row, r.col + r.cols - right, right, style, str_of(became));
    }
}

const struct view_ops v_expired_ops = {MODE_EXPIRED, "EXPIRED", "C-\\ E", draw, count_items};
