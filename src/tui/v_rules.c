/*
 * v_rules.c - RULES: the answers that hold, of memory first, then the lines of answers.rules.
 * They are taken back here, and given in reviews only.
 */
#include "tui/view.h"

static unsigned count_items(const struct view_env *env)
{
    return env->rules ? (unsigned)env->rules->count : 0;
}

static void describe(
        const struct view_env *env, const struct held_answer *answer, char *out, size_t cap)
{
    char left[16];
    const struct tab *tab =
            answer->number ? sessions_by_id(env->sessions, answer->session) : NULL;
    const char *label = tab ? session_rec(tab->session)->label : "";
    if (answer->number == 0)
        snprintf(out, cap, "answers.rules:%-4u always", answer->line);
    else if (answer->uses_left)
        snprintf(out, cap, "#%-4d %-10.10s %u more", answer->number, label,
                (unsigned)answer->uses_left);
    else if (answer->left_ms)
        snprintf(out, cap, "#%-4d %-10.10s %s left", answer->number, label,
                view_minutes(left, answer->left_ms));
    else
        snprintf(out, cap, "#%-4d %-10.10s %s", answer->number, label, answer->scope);
}

static void draw(struct view *view, const struct view_env *env, struct rect r)
{
    unsigned count = count_items(env), fit = r.rows > 1 ? (unsigned)r.rows : 1;
    if (view->selected < view->top)
        view->top = view->selected;
    if (view->selected >= view->top + fit)
        view->top = view->selected - fit + 1;
    if (!env->rules || env->rules->reads)
        view_put(env->frame, r.row, r.col, r.cols, STYLE_DIM, STR("reading ..."));
    else if (env->rules->why[0])
        view_printf(env->frame, r.row + r.rows - 1, r.col, r.cols, STYLE_ALERT, "%s",
                env->rules->why);
    else if (count == 0)
        view_put(env->frame, r.row, r.col, r.cols, STYLE_DIM,
                STR("no answer holds for longer than once; Esc goes back"));
    for (unsigned i = view->top; i < count && (int)(i - view->top) < r.rows; i++) {
        const struct held_answer *answer = &env->rules->items[i];
        struct style style = i == view->selected ? STYLE_SELECTED : STYLE_PLAIN;
        int row = r.row + (int)(i - view->top);
        char what[120];
        describe(env, answer, what, sizeof what);
        frame_fill(env->frame, (struct rect){row, r.col, 1, r.cols}, style);
        view_printf(env->frame, row, r.col, r.cols, style, "%-32s %s", what, answer->rule);
    }
}

const struct view_ops v_rules_ops = {MODE_RULES, "RULES", "C-\\ R", draw, count_items};
