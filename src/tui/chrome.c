/*
 * chrome.c - see chrome.h. No clock: it would wake an idle program, and a clock that stands
 * still is worse than none.
 */
#include "tui/chrome.h"

#define HELP_KEY "C-\\ ? help"

static bool has_ended(const struct view_env *env)
{
    return env->session && (session_state(env->session) == SESSION_STOPPED ||
                                   session_state(env->session) == SESSION_CRASHED);
}

/* What is true about the agent's network, and nothing before there is an agent. */
static const char *net_word(const struct view_env *env)
{
    if (!env->session || session_state(env->session) != SESSION_RUNNING)
        return "";
    return strcmp(session_rec(env->session)->runtime, "none") == 0 ? "net: NOT BOXED"
                                                                   : "net: proxy only";
}

void chrome_tabs(const struct view_env *env, struct rect row, const struct chrome_state *state)
{
    unsigned waiting = env->gate ? gate_count(env->gate) : 0;
    const char *host = env->config ? env->config->host_mark : NULL;
    char right[200], marks[32] = "";
    if (row.rows == 0)
        return;
    frame_fill(env->frame, row, STYLE_BAR);
    snprintf(right, sizeof right, "%s%s%s%s", state->zoom ? "ZOOM  " : "", host ? host : "",
            host ? "  " : "", net_word(env));
    int right_cols = frame_width(str_of(right));
    int room = row.cols - right_cols - 3;
    if (waiting > 0)
        snprintf(marks, sizeof marks, "!%u", waiting);
    else if (has_ended(env))
        snprintf(marks, sizeof marks, "x");
    else if (state->pane_bell)
        snprintf(marks, sizeof marks, "?");
    const char *label = env->session ? session_rec(env->session)->label : "ironcurtain";
    int used = view_printf(env->frame, row.row, 1, room - 8, STYLE_MODE, "1:%s", label);
    used += view_put(env->frame, row.row, 1 + used, 1, STYLE_MODE, STR("*"));
    view_put(env->frame, row.row, 1 + used, 6, STYLE_MODE, str_of(marks));
    if (right_cols < row.cols - 12)
        view_put(env->frame, row.row, row.cols - right_cols - 1, right_cols, STYLE_BAR,
                str_of(right));
}

static const char *mode_word(const struct view_env *env, const struct chrome_state *state)
{
    if (state->prefix)
        return "PREFIX";
    if (state->mode == MODE_AGENT && has_ended(env))
        return "ENDED";
    return mode_name(state->mode);
}

/* In `cols` cells: in few of them only the number. */
static int put_waiting(const struct view_env *env, struct rect row, int col, int cols)
{
    unsigned waiting = env->gate ? gate_count(env->gate) : 0;
    const struct gate_item *oldest = waiting > 0 ? gate_at(env->gate, 0) : NULL;
    char age[16], total[16];
    if (!oldest)
        return 0;
    if (cols < 40)
        return view_printf(
                env->frame, row.row, col, cols, STYLE_ALERT, "[!] %u wait  ", waiting);
    return view_printf(env->frame, row.row, col, cols, STYLE_ALERT,
            "[!] %u wait, oldest %s of %s  ", waiting, view_minutes(age, oldest->age_ms),
            view_minutes(total, oldest->age_ms + oldest->left_ms + 500));
}

void chrome_status(
        const struct view_env *env, struct rect row, const struct chrome_state *state)
{
    int col = row.col + 1;
    if (row.rows == 0)
        return;
    frame_fill(env->frame, row, STYLE_PLAIN);
    if (state->mark)
        col += view_printf(
                env->frame, row.row, col, row.cols - col, STYLE_BAD, "%s ", state->mark);
    col += view_printf(env->frame, row.row, col, row.cols - col, STYLE_MODE, " %s ",
            mode_word(env, state));
    col += 1;
    if (state->quit_asked) {
        view_put(env->frame, row.row, col, row.cols - col, STYLE_ALERT,
                STR("end the session and leave? C-\\ q again does it, any other key stays"));
        return;
    }
    int help = row.cols >= 60 ? (int)strlen(HELP_KEY) + 1 : 0;
    if (!state->prefix) /* no message may hide that something waits */
        col += put_waiting(env, row, col, row.cols - col - help);
    if (state->message && !state->prefix) {
        view_put(env->frame, row.row, col, row.cols - col - help - 1, STYLE_BOLD,
                str_of(state->message));
        view_put(env->frame, row.row, row.cols - help, help - 1, STYLE_PLAIN, str_of(HELP_KEY));
        return;
    }
    struct buf hints = BUF_INIT;
    int room = row.cols - col;
    keymap_hints(state->mode, state->prefix, room, &hints);
    view_put(env->frame, row.row, col, room, STYLE_PLAIN, buf_str(&hints));
    buf_release(&hints);
}
