/* v_words.c - YOUR WORDS: what the user typed for the agent, newest first, draft on top. */
#include "tui/view.h"

static struct words *words_of(const struct view_env *env)
{
    return env->session ? session_words(env->session) : NULL;
}

static unsigned count_words(const struct view_env *env)
{
    struct words *words = words_of(env);
    return words ? words_count(words) : 0;
}

/* One entry from row `row` on; returns the row behind it. */
static int draw_entry(
        const struct view_env *env, struct rect r, int row, const struct words_entry *entry)
{
    char clock[16], safe[1024];
    view_printf(env->frame, r.row + row++, r.col, r.cols,
            entry->draft ? STYLE_ALERT : STYLE_DIM, "%s %s%s%s",
            view_clock(clock, entry->at_ms, r.cols >= 60), entry->pasted ? "pasted" : "typed",
            entry->draft ? ", draft, not sent yet" : "",
            entry->unsure ? "  ? edited in ways not seen here" : "");
    str_vis(safe, sizeof safe, str_of(entry->text));
    struct str rest = str_of(safe), line;
    bool first = true;
    while (row < r.rows && view_wrap(&rest, r.cols - 3, &line)) {
        int used = frame_text(
                env->frame, r.row + row, r.col, 2, STYLE_PLAIN, first ? STR(" \"") : STR("  "));
        used += frame_text(
                env->frame, r.row + row, r.col + used, r.cols - used - 1, STYLE_PLAIN, line);
        if (rest.n == 0)
            frame_text(env->frame, r.row + row, r.col + used, 1, STYLE_PLAIN, STR("\""));
        first = false;
        row++;
    }
    return row;
}

static void draw(struct view *view, const struct view_env *env, struct rect r)
{
    struct words *words = words_of(env);
    struct words_entry entry;
    unsigned index = view->focused || view->pinned ? view->selected : 0;
    int row = 0;
    if (!words || words_count(words) == 0) {
        view_put(env->frame, r.row, r.col, r.cols, STYLE_DIM, STR("nothing typed yet"));
        return;
    }
    while (row < r.rows && words_at(words, index++, &entry))
        row = draw_entry(env, r, row, &entry);
}

const struct view_ops v_words_ops = {MODE_WORDS, "YOUR WORDS", "C-\\ i", draw, count_words};
