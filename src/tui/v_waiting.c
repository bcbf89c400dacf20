/*
 * v_waiting.c - WAITING: what asks for the human, oldest first, and what was decided lately.
 * Nothing is decided here; Enter opens the review.
 */
#include "base/limits.h"
#include "tui/view.h"

struct row {
    const struct gate_item *item;
    unsigned more;
    bool floods;
};

/* What one session asks and asks is one row, so that it buries nobody else's. */
static unsigned make_rows(struct gate *gate, struct row rows[LIMIT_GATE_ITEMS])
{
    const struct gate_item *item;
    unsigned count = 0;
    for (unsigned i = 0; (item = gate_at(gate, i)) && count < LIMIT_GATE_ITEMS; i++) {
        struct row *same = NULL;
        for (unsigned n = 0; n < count && !same; n++)
            if (strcmp(rows[n].item->rec.session, item->rec.session) == 0)
                same = &rows[n];
        if (same && same->floods)
            same->more++;
        else
            rows[count++] =
                    (struct row){item, 0, !same && gate_floods(gate, item->rec.session)};
    }
    return count;
}

static unsigned count_items(const struct view_env *env)
{
    struct row rows[LIMIT_GATE_ITEMS];
    return env->gate ? make_rows(env->gate, rows) : 0;
}

const struct gate_item *v_waiting_item(struct gate *gate, unsigned row, unsigned *ret_more)
{
    struct row rows[LIMIT_GATE_ITEMS];
    if (!gate || row >= make_rows(gate, rows))
        return NULL;
    if (ret_more)
        *ret_more = rows[row].more;
    return rows[row].item;
}

/* What stands for the subject of a flood; "" for one request. */
static void flood_words(const struct row *row, char out[120])
{
    out[0] = '\0';
    if (row->floods)
        snprintf(out, 120, "FLOOD: %u more of %.40s wait; D marks all", row->more,
                row->item->label);
}

static struct style risk_style(enum risk risk)
{
    return risk == RISK_HIGH ? STYLE_BAD : risk == RISK_MED ? STYLE_ALERT : STYLE_PLAIN;
}

static const char *risk_word(enum risk risk)
{
    return risk == RISK_HIGH ? "HIGH" : risk == RISK_MED ? "MED" : "LOW";
}

static void draw_wide(
        const struct view_env *env, struct rect r, const struct row *row, bool selected)
{
    const struct gate_item *item = row->item;
    char age[16], left[16], flood[120];
    struct style style = selected ? STYLE_SELECTED : STYLE_PLAIN;
    frame_fill(env->frame, (struct rect){r.row, r.col, 1, r.cols}, style);
    int used = view_printf(env->frame, r.row, r.col, r.cols, style,
            "%s#%-4d %5s %5s  %-10.10s ", view_is_marked(env, item->rec.id) ? "*" : " ",
            item->rec.number, view_minutes(age, item->age_ms),
            view_minutes(left, item->left_ms), item->label);
    if (item->count > 1)
        used += view_printf(
                env->frame, r.row, r.col + used, r.cols - used, style, "x%u ", item->count);
    int room = r.cols - used - 5;
    flood_words(row, flood);
    view_put(env->frame, r.row, r.col + used, room, style,
            str_of(flood[0] ? flood : item->rec.subject));
    view_put(env->frame, r.row, r.col + r.cols - 4, 4,
            selected ? style : risk_style(item->risk), str_of(risk_word(item->risk)));
}

/* Two rows an item. */
static void draw_short(
        const struct view_env *env, struct rect r, const struct row *row, bool selected)
{
    const struct gate_item *item = row->item;
    char left[16], flood[120];
    struct style style = selected ? STYLE_SELECTED : STYLE_ALERT;
    int right = frame_width(str_of(view_minutes(left, item->left_ms))) + 5;
    char times[16] = "";
    if (item->count > 1)
        snprintf(times, sizeof times, "x%u ", item->count);
    view_printf(env->frame, r.row, r.col, r.cols - right - 1, style, "[%s]#%d %s%s",
            view_is_marked(env, item->rec.id) ? "*" : "!", item->rec.number, times,
            item->rec.subject);
    view_printf(env->frame, r.row, r.col + r.cols - right, right, risk_style(item->risk),
            "%4s %s", risk_word(item->risk), left);
    flood_words(row, flood);
    if (flood[0])
        view_put(env->frame, r.row + 1, r.col + 4, r.cols - 4, STYLE_BAD, str_of(flood));
    else
        view_printf(env->frame, r.row + 1, r.col + 4, r.cols - 4, STYLE_DIM, "%s  %s",
                item->label, item->rec.reason);
}

static void draw_last(const struct view_env *env, struct rect r, int row)
{
    const struct gate_item *item;
    for (unsigned i = 0; row < r.rows && (item = gate_recent(env->gate, i)); i++, row++)
        view_printf(env->frame, r.row + row, r.col, r.cols, STYLE_DIM, "%s #%d %s  %s",
                i == 0 ? "last:" : "     ", item->rec.number,
                escalation_state_name(item->rec.state), item->rec.subject);
}

static int rows_each(int cols)
{
    return cols >= 60 ? 1 : 2;
}

int v_waiting_at(const struct view *view, int row)
{
    int inner = row - view->area.row - 1;
    if (inner < 0 || inner >= view->area.rows - 2)
        return -1;
    return (int)view->top + inner / rows_each(view->area.cols - 4);
}

static void draw(struct view *view, const struct view_env *env, struct rect r)
{
    struct row rows[LIMIT_GATE_ITEMS];
    int step = rows_each(r.cols), row = 0;
    bool wide = step == 1;
    unsigned count = env->gate ? make_rows(env->gate, rows) : 0;
    unsigned fit = r.rows / step > 0 ? (unsigned)(r.rows / step) : 1;
    if (view->selected < view->top)
        view->top = view->selected;
    if (view->selected >= view->top + fit)
        view->top = view->selected - fit + 1;
    if (count == 0)
        view_put(env->frame, r.row + row++, r.col, r.cols, STYLE_DIM, STR("none wait"));
    for (unsigned i = view->top; i < count && row + step <= r.rows; i++, row += step) {
        struct rect line = {r.row + row, r.col, step, r.cols};
        if (wide)
            draw_wide(env, line, &rows[i], view->focused && i == view->selected);
        else
            draw_short(env, line, &rows[i], view->focused && i == view->selected);
    }
    if (env->gate && row + 1 < r.rows)
        draw_last(env, r, row + 1);
}

const struct view_ops v_waiting_ops = {MODE_WAITING, "WAITING", "C-\\ e", draw, count_items};
