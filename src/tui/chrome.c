/*
 * chrome.c - see chrome.h. The clock has no seconds: an idle program is woken once a minute.
 */
#include "tui/chrome.h"

#define LABEL_COLS 24 /* of a session's name in its tab; half of it when there are many */
#define TAB_GAP 2
#define TITLE_COLS 24
#define TITLE_MIN_COLS 8 /* for less room no title begins */
#define HIDDEN_COLS 5    /* "+12!" */

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

/* What a tab's mark says, the most urgent only. */
static const char *tab_mark(const struct view_env *env, const struct tab *tab, char buf[16])
{
    bool shown = tab->session == env->session;
    unsigned waiting = env->gate ? gate_count_of(env->gate, session_rec(tab->session)->id) : 0;
    if (waiting > 0)
        snprintf(buf, 16, "!%u", waiting);
    else
        snprintf(buf, 16, "%s",
                tab_has_ended(tab)      ? "x"
                : tab->bell             ? "?"
                : tab->output && !shown ? "."
                                        : "");
    return buf;
}

/* "2:docs*!1"; names are cut so that a few tabs fit. */
static void tab_text(
        const struct view_env *env, const struct tab *tab, int cols, struct buf *ret)
{
    char mark[16], label[LABEL_COLS * 4 + 1];
    struct str rest, line;
    str_vis(label, sizeof label, str_of(session_rec(tab->session)->label));
    rest = str_of(label);
    if (!view_wrap_exact(&rest, cols, &line))
        line = STR("");
    bool floods = env->gate && gate_floods(env->gate, session_rec(tab->session)->id);
    buf_printf(ret, "%u:%.*s%s%s%s%s%s", tab->number, STR_ARG(line), rest.n > 0 ? ".." : "",
            tab->session == env->session ? "*" : "", tab_mark(env, tab, mark),
            floods ? " HOLD" : "", session_busy(tab->session) ? " busy" : "");
}

/* The tabs [from,to) that are shown, around the one that is looked at. */
struct tab_range {
    unsigned from, to;
};

static int tab_cols(const struct view_env *env, unsigned index, int cols)
{
    struct buf text = BUF_INIT;
    tab_text(env, sessions_at(env->sessions, index), cols, &text);
    int width = frame_width(buf_str(&text)) + TAB_GAP;
    buf_release(&text);
    return width;
}

static struct tab_range tabs_that_fit(const struct view_env *env, int label, int room)
{
    struct tab_range range = {0, 0};
    unsigned count = sessions_count(env->sessions);
    while (range.from < count &&
            sessions_at(env->sessions, range.from)->session != env->session)
        range.from++;
    if (range.from == count)
        range.from = 0;
    range.to = range.from;
    for (bool grew = true; grew;) {
        grew = false;
        if (range.to < count && tab_cols(env, range.to, label) <= room) {
            room -= tab_cols(env, range.to++, label);
            grew = true;
        }
        if (range.from > 0 && tab_cols(env, range.from - 1, label) <= room) {
            room -= tab_cols(env, --range.from, label);
            grew = true;
        }
    }
    return range;
}

/* How many tabs are beyond the edge, and whether one of them needs somebody. */
static int put_hidden(
        const struct view_env *env, struct rect row, int col, struct tab_range beyond)
{
    char mark[16];
    bool waits = false;
    if (beyond.from == beyond.to)
        return 0;
    for (unsigned i = beyond.from; i < beyond.to; i++)
        waits = waits || *tab_mark(env, sessions_at(env->sessions, i), mark) == '!';
    return view_printf(env->frame, row.row, col, HIDDEN_COLS, waits ? STYLE_ALERT : STYLE_BAR,
            "+%u%s ", beyond.to - beyond.from, waits ? "!" : "");
}

/* What the shown agent calls itself, behind all tabs, where a change of its length moves
 * nothing. The mark in front of it says whose words these are. */
static void put_title(const struct view_env *env, struct rect at)
{
    struct vt *vt = env->session ? session_vt(env->session) : NULL;
    struct str title = str_of(vt ? vt_title(vt) : ""), line;
    char safe[TITLE_COLS * 4 + 80];

    if (title.n == 0 || at.cols < TITLE_MIN_COLS)
        return;
    title = str_of(str_vis(safe, sizeof safe, title));
    int room = at.cols - 3 < TITLE_COLS ? at.cols - 3 : TITLE_COLS;
    if (!view_wrap_exact(&title, room, &line))
        return;
    int col = at.col + frame_text(env->frame, at.row, at.col, 2, STYLE_BAR, STR("~\""));
    col += frame_text(env->frame, at.row, col, room, STYLE_BAR, line);
    frame_text(env->frame, at.row, col, 1, STYLE_BAR, STR("\""));
}

static void add_hit(struct chrome_hits *hits, unsigned number, int from, int to)
{
    if (hits->count == CHROME_HITS)
        return;
    hits->tab[hits->count].number = number;
    hits->tab[hits->count].from = from;
    hits->tab[hits->count++].to = to;
}

unsigned chrome_tab_at(const struct chrome_hits *hits, int col)
{
    for (unsigned i = 0; i < hits->count; i++)
        if (col >= hits->tab[i].from && col < hits->tab[i].to)
            return hits->tab[i].number;
    return 0;
}

static void put_tabs(
        const struct view_env *env, struct rect row, int room, struct chrome_hits *hits)
{
    unsigned count = sessions_count(env->sessions);
    int end = row.col + 1 + room;
    int label = count > 4 ? LABEL_COLS / 2 : LABEL_COLS, col = row.col + 1;
    struct tab_range range = tabs_that_fit(env, label, room);
    if (range.to - range.from < count)
        range = tabs_that_fit(env, label, room - 2 * HIDDEN_COLS);
    col += put_hidden(env, row, col, (struct tab_range){0, range.from});
    for (unsigned i = range.from; i < range.to; i++) {
        const struct tab *tab = sessions_at(env->sessions, i);
        struct buf text = BUF_INIT;
        tab_text(env, tab, label, &text);
        int used = frame_text(env->frame, row.row, col, room,
                tab->session == env->session ? STYLE_MODE : STYLE_BAR, buf_str(&text));
        add_hit(hits, tab->number, col, col + used);
        col += used + TAB_GAP;
        buf_release(&text);
    }
    col += put_hidden(env, row, col, (struct tab_range){range.to, count});
    put_title(env, (struct rect){row.row, col, 1, end - col});
}

void chrome_tabs(const struct view_env *env, struct rect row, const struct chrome_state *state)
{
    const char *host = env->config ? env->config->host_mark : NULL;
    char right[200], clock[16];
    state->hits->count = 0;
    if (row.rows == 0)
        return;
    frame_fill(env->frame, row, STYLE_BAR);
    const char *net = net_word(env);
    snprintf(right, sizeof right, "%s%s%s%s%s%s", state->zoom ? "ZOOM  " : "", host ? host : "",
            host ? "  " : "", net, *net ? "  " : "", view_clock(clock, env->wall_ms, false));
    int right_cols = frame_width(str_of(right));
    bool fits = right_cols < row.cols - 12;
    if (sessions_count(env->sessions) > 0)
        put_tabs(env, row, row.cols - 2 - (fits ? right_cols + 1 : 0), state->hits);
    else
        view_put(env->frame, row.row, 1, row.cols - 2, STYLE_MODE, STR("ironcurtain"));
    if (fits)
        view_put(env->frame, row.row, row.cols - right_cols - 1, right_cols, STYLE_BAR,
                str_of(right));
}

/* How to get help, at the right end if there is room. */
static void help_text(const struct view_env *env, struct rect row, struct buf *ret)
{
    if (row.cols >= 60)
        keymap_shown("C-\\ ? help ", env->prefix, ret);
}

/* What was asked for once and is done when it comes again. */
static void put_question(
        const struct view_env *env, struct rect row, int col, const struct chrome_state *state)
{
    view_printf(env->frame, row.row, col, row.cols - col, STYLE_ALERT,
            "end this session%s? %s %c again does it, any other key stays",
            state->quit_asked ? " and leave" : "", env->prefix ? env->prefix : "C-\\",
            state->quit_asked ? 'q' : 'x');
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

/* Where one is in the mode. */
static int put_note(
        const struct view_env *env, struct rect at, const struct chrome_state *state)
{
    if (buf_len(&state->note) == 0)
        return 0;
    return view_put(env->frame, at.row, at.col, at.cols, STYLE_BOLD, buf_str(&state->note)) + 2;
}

/* At the right end; returns the columns it takes there. */
static int put_news(
        const struct view_env *env, struct rect row, const struct chrome_state *state)
{
    int cols = frame_width(buf_str(&state->news));

    if (cols == 0 || cols + 2 > row.cols)
        return 0;
    view_put(env->frame, row.row, row.cols - cols, cols, STYLE_ALERT, buf_str(&state->news));
    return cols + 2;
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
    if (env->gate && gate_is_held(env->gate))
        col += view_put(env->frame, row.row, col, row.cols - col, STYLE_BAD, STR(" HOLD "));
    col += 1;
    if (state->quit_asked || state->stop_asked) {
        put_question(env, row, col, state);
        return;
    }
    struct buf text = BUF_INIT;
    help_text(env, row, &text);
    int help = (int)buf_len(&text);
    if (!state->prefix) /* no message may hide that something waits */
        col += put_waiting(env, row, col, row.cols - col - help);
    bool has_message = state->message && !state->prefix;
    if (!has_message && !state->prefix)
        col += put_note(env, (struct rect){row.row, col, 1, row.cols - col}, state);
    int room = row.cols - col - put_news(env, row, state);
    if (has_message) {
        view_put(env->frame, row.row, col, room - help - 1, STYLE_BOLD, str_of(state->message));
        col += room - help;
    } else {
        buf_clear(&text);
        keymap_hints(state->mode, state->prefix, env->prefix, room, &text);
    }
    view_put(env->frame, row.row, col, room, STYLE_PLAIN, buf_str(&text));
    buf_release(&text);
}
