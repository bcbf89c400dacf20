/* v_help.c - HELP and MESSAGES: two lists over the whole middle. */
#include "tui/view.h"

/* Of the two sets of keys of copy mode only the one in use. */
static bool is_listed(const struct view_env *env, const struct action *row)
{
    bool emacs = env->config && env->config->emacs_keys;
    unsigned other = 1u << (emacs ? MODE_COPY : MODE_COPY_EMACS);

    return row->help && row->modes != other;
}

static unsigned count_help(const struct view_env *env)
{
    unsigned n = 0;
    const struct action *row;
    for (unsigned i = 0; (row = keymap_at(i)); i++)
        n += is_listed(env, row);
    return n;
}

static void put_shown(
        const struct view_env *env, struct rect r, struct style style, const char *text)
{
    struct buf shown = BUF_INIT;
    keymap_shown(text, env->prefix, &shown);
    view_put(env->frame, r.row, r.col, r.cols, style, buf_str(&shown));
    buf_release(&shown);
}

static void draw_help(struct view *view, const struct view_env *env, struct rect r)
{
    const struct action *row;
    unsigned at = 0;
    int line = 0;
    for (unsigned i = 0; (row = keymap_at(i)) && line < r.rows; i++) {
        if (!is_listed(env, row) || at++ < view->selected)
            continue;
        put_shown(env, (struct rect){r.row + line, r.col, 1, 14}, STYLE_BOLD, row->keys);
        put_shown(env, (struct rect){r.row + line, r.col + 15, 1, r.cols - 15}, STYLE_PLAIN,
                row->help);
        line++;
    }
}

static unsigned count_messages(const struct view_env *env)
{
    unsigned n = 0;
    while (messages_at(env->messages, n))
        n++;
    return n;
}

/* What of the shown session's output has no place on a screen; returns the rows it takes. */
static int draw_dropped(const struct view_env *env, struct rect r)
{
    static const char *const names[VT_DROPPED_COUNT] = {"DCS (sixel, passthrough)",
            "APC (kitty pictures)", "PM or SOS", "OSC 1337 (files)", "other OSC"};
    struct vt *vt = env->session ? session_vt(env->session) : NULL;
    struct buf text = BUF_INIT;

    for (int i = 0; vt && i < VT_DROPPED_COUNT; i++) {
        uint64_t n = vt_dropped(vt, (enum vt_dropped)i);
        if (n > 0)
            buf_printf(&text, "%s%llu %s",
                    buf_len(&text) ? ", " : "dropped of the agent's output: ",
                    (unsigned long long)n, names[i]);
    }
    struct str rest = buf_str(&text), line;
    int row = 0;
    while (row < r.rows && view_wrap(&rest, r.cols, &line))
        frame_text(env->frame, r.row + row++, r.col, r.cols, STYLE_ALERT, line);
    buf_release(&text);
    return row;
}

static void draw_messages(struct view *view, const struct view_env *env, struct rect r)
{
    const struct message *message;
    int row = draw_dropped(env, r);
    unsigned i = view->selected;
    if (!messages_at(env->messages, 0))
        view_put(env->frame, r.row + row, r.col, r.cols, STYLE_DIM, STR("no messages"));
    while (row < r.rows && (message = messages_at(env->messages, i++))) {
        char clock[16];
        struct str rest = str_of(message->text), line;
        view_put(env->frame, r.row + row, r.col, 8, STYLE_DIM,
                str_of(view_clock(clock, message->at_ms, true)));
        while (row < r.rows && view_wrap(&rest, r.cols - 10, &line))
            frame_text(env->frame, r.row + row++, r.col + 10, r.cols - 10, STYLE_PLAIN, line);
    }
}

const struct view_ops v_help_ops = {MODE_HELP, "HELP", "C-\\ ?", draw_help, count_help};
const struct view_ops v_messages_ops = {
        MODE_MESSAGES, "MESSAGES", "C-\\ ~", draw_messages, count_messages};
