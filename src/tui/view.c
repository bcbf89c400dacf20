/* view.c - see view.h. */
#include "tui/view.h"

#include <stdarg.h>
#include <time.h>

#define INDEX(i) VT_COLOR_INDEX(i)

const struct style STYLE_PLAIN = {0};
const struct style STYLE_DIM = {.attrs = VT_DIM};
const struct style STYLE_BOLD = {.attrs = VT_BOLD};
const struct style STYLE_BAR = {.attrs = VT_REVERSE};
const struct style STYLE_MODE = {.attrs = VT_REVERSE | VT_BOLD};
const struct style STYLE_ALERT = {.fg = INDEX(3), .attrs = VT_BOLD};
const struct style STYLE_BAD = {.fg = INDEX(1), .attrs = VT_BOLD};
const struct style STYLE_REMOVED = {.fg = INDEX(1)};
const struct style STYLE_GOOD = {.fg = INDEX(2)};
const struct style STYLE_SELECTED = {.attrs = VT_REVERSE};

#define TITLE_COLS 14
#define LINE_BYTES 1024 /* of one row: 200 columns of the widest escapes and more */

int view_put(
        struct frame *frame, int row, int col, int cols, struct style style, struct str text)
{
    char safe[LINE_BYTES];
    if (cols <= 0)
        return 0;
    str_vis(safe, sizeof safe, text);
    struct str s = str_of(safe);
    if (frame_width(s) <= cols)
        return frame_text(frame, row, col, cols, style, s);
    int used = frame_text(frame, row, col, cols > 2 ? cols - 2 : cols, style, s);
    if (cols > 2)
        used += frame_text(frame, row, col + used, cols - used, style, STR(".."));
    return used;
}

int view_printf(struct frame *frame, int row, int col, int cols, struct style style,
        const char *fmt, ...)
{
    char text[LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n < 0)
        return 0;
    return view_put(frame, row, col, cols, style, str_of(text));
}

/* Bytes from the front of `s` that fit into `cols` cells on one line; *ret_space: where the
 * last space of them is, or 0. */
static size_t fitting(struct str s, int cols, size_t *ret_space)
{
    size_t end = 0;
    int used = 0;
    *ret_space = 0;
    while (end < s.n && s.p[end] != '\n') {
        uint32_t cp = 0;
        int n = utf8_decode(s.p + end, s.n - end, &cp);
        size_t len = n > 0 ? (size_t)n : 1;
        int width = frame_width((struct str){s.p + end, len});
        if (used + width > cols)
            break;
        if (s.p[end] == ' ')
            *ret_space = end;
        used += width;
        end += len;
    }
    if (end == 0 && s.n > 0 && s.p[0] != '\n')
        return 1; /* a character wider than the column; never stand still */
    return end;
}

static void take(struct str *rest, size_t end, size_t skip, struct str *ret_line)
{
    *ret_line = (struct str){rest->p, end};
    rest->p += end + skip;
    rest->n -= end + skip;
}

bool view_wrap(struct str *rest, int cols, struct str *ret_line)
{
    size_t space = 0;
    if (rest->n == 0 || cols <= 0)
        return false;
    size_t end = fitting(*rest, cols, &space);
    if (end < rest->n && rest->p[end] != '\n' && rest->p[end] != ' ' && space > 0)
        end = space;
    take(rest, end, end < rest->n && (rest->p[end] == '\n' || rest->p[end] == ' '), ret_line);
    return true;
}

bool view_wrap_exact(struct str *rest, int cols, struct str *ret_line)
{
    size_t space = 0;
    if (rest->n == 0 || cols <= 0)
        return false;
    size_t end = fitting(*rest, cols, &space);
    take(rest, end, end < rest->n && rest->p[end] == '\n', ret_line);
    return true;
}

bool view_is_marked(const struct view_env *env, uint64_t id)
{
    for (unsigned i = 0; env->marks && i < env->marks->count; i++)
        if (env->marks->ids[i] == id)
            return true;
    return false;
}

const char *view_minutes(char buf[16], uint64_t ms)
{
    uint64_t s = ms / 1000;
    snprintf(buf, 16, "%u:%02u", (unsigned)(s / 60 % 100000), (unsigned)(s % 60));
    return buf;
}

const char *view_clock(char buf[16], int64_t unix_ms, bool seconds)
{
    time_t t = (time_t)(unix_ms / 1000);
    struct tm tm;
    buf[0] = '\0';
    if (localtime_r(&t, &tm))
        strftime(buf, 16, seconds ? "%H:%M:%S" : "%H:%M", &tm);
    return buf;
}

const char *view_short(char buf[16], uint64_t n)
{
    if (n < 1000)
        snprintf(buf, 16, "%u", (unsigned)n);
    else if (n < 10000)
        snprintf(buf, 16, "%u.%uk", (unsigned)(n / 1000), (unsigned)(n / 100 % 10));
    else if (n < 1000000)
        snprintf(buf, 16, "%uk", (unsigned)(n / 1000));
    else
        snprintf(buf, 16, "%uM", (unsigned)(n / 1000000 % 100000));
    return buf;
}

static void box_line(struct frame *frame, struct rect a, int row, bool doubled, bool top)
{
    frame_line(frame, row, a.col, top ? LINE_TL : LINE_BL, doubled, STYLE_PLAIN);
    for (int c = 1; c < a.cols - 1; c++)
        frame_line(frame, row, a.col + c, LINE_H, doubled, STYLE_PLAIN);
    frame_line(frame, row, a.col + a.cols - 1, top ? LINE_TR : LINE_BR, doubled, STYLE_PLAIN);
    frame_cells_done(frame);
}

struct rect view_box(struct frame *frame, struct rect area, bool doubled, const char *left,
        const char *right, const char *bottom)
{
    if (area.rows < 1 || area.cols < 4)
        return (struct rect){area.row, area.col, 0, 0};
    box_line(frame, area, area.row, doubled, true);
    int right_cols = right ? frame_width(str_of(right)) + 2 : 0;
    if (right && area.cols - right_cols - 6 < TITLE_COLS)
        right_cols = 0; /* what it is comes before how long it waits */
    int room = area.cols - 4 - (right_cols > 0 ? right_cols + 2 : 0);
    if (room >= 4) {
        char text[LINE_BYTES];
        snprintf(text, sizeof text, " %s ", left);
        view_put(frame, area.row, area.col + 2, room, STYLE_BOLD, str_of(text));
    }
    if (right_cols > 0)
        view_printf(frame, area.row, area.col + area.cols - right_cols - 2, right_cols,
                STYLE_PLAIN, " %s ", right);
    if (area.rows < 2)
        return (struct rect){area.row + 1, area.col + 2, 0, area.cols - 4};
    for (int r = 1; r < area.rows - 1; r++) {
        frame_line(frame, area.row + r, area.col, LINE_V, doubled, STYLE_PLAIN);
        frame_line(frame, area.row + r, area.col + area.cols - 1, LINE_V, doubled, STYLE_PLAIN);
    }
    box_line(frame, area, area.row + area.rows - 1, doubled, false);
    if (bottom)
        view_printf(frame, area.row + area.rows - 1, area.col + 2, area.cols - 4, STYLE_BOLD,
                " %s ", bottom);
    struct rect inner = {area.row + 1, area.col + 1, area.rows - 2, area.cols - 2};
    frame_fill(frame, inner, STYLE_PLAIN);
    return (struct rect){area.row + 1, area.col + 2, area.rows - 2, area.cols - 4};
}

void view_draw(struct view *view, const struct view_env *env)
{
    if (view->area.rows == 0)
        return;
    char title[64];
    snprintf(title, sizeof title, "%s%s", view->focused ? "[*] " : "", view->ops->title);
    struct buf chord = BUF_INIT;
    keymap_shown(view->ops->chord, env->prefix, &chord);
    buf_putc(&chord, '\0');
    /* An agent can draw a frame, but not with these two words in it. */
    const char *mark = view->focused && env->config ? env->config->host_mark : NULL;
    struct rect inner =
            view_box(env->frame, view->area, view->focused, title, buf_data(&chord), mark);
    buf_release(&chord);
    if (inner.rows <= 0)
        return;
    unsigned count = view->ops->count(env);
    if (view->selected >= count)
        view->selected = count > 0 ? count - 1 : 0;
    view->ops->draw(view, env, inner);
}

bool view_move(struct view *view, const struct view_env *env, enum action_id action)
{
    unsigned count = view->ops->count(env);
    unsigned page = view->area.rows > 4 ? (unsigned)view->area.rows - 3 : 1;
    unsigned last = count > 0 ? count - 1 : 0, at = view->selected;
    switch ((int)action) {
    case ACT_DOWN:
        at = at < last ? at + 1 : last;
        break;
    case ACT_UP:
        at = at > 0 ? at - 1 : 0;
        break;
    case ACT_PAGE_DOWN:
        at = at + page < last ? at + page : last;
        break;
    case ACT_PAGE_UP:
        at = at > page ? at - page : 0;
        break;
    case ACT_TOP:
        at = 0;
        break;
    case ACT_BOTTOM:
        at = last;
        break;
    default:
        return false;
    }
    view->selected = at;
    return true;
}
