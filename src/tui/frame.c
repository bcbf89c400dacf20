/*
 * frame.c - the only file that knows curses. See frame.h.
 *
 * ncurses is started with a memory file as its terminal. It wants to own signals and the
 * environment; both are put back right after newterm(), because they are not its to own.
 * For 24-bit colours it is given a description of ours (terminfo.h).
 *
 * ncurses 6.4 keeps one list of windows for all screens: delscreen() and resizeterm() of one
 * screen also take or resize the windows of the others. So a screen that is given up is not
 * deleted but kept for the next frame of its kind (there are never more than terminals were
 * open at the same time), and after a resize the windows of all other screens are put right
 * again. ncurses 6.5 has a list for each screen; there nothing is to be put right.
 *
 * A character whose width the C library and the emulator judge differently would move
 * everything behind it on the real terminal, across our own frames too. Such a cell is drawn
 * as U+FFFD, of which the width is certain: wrong by one glyph, never by one column.
 */
#define NCURSES_NOMACROS 1
#define NCURSES_WIDECHAR 1

#include "tui/frame.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

#include <curses.h>
#include <term.h>

#include "base/mem.h"
#include "tui/color.h"
#include "tui/terminfo.h"

#define RUN_MAX 512

struct frame {
    struct frame *next; /* in the list of all */
    bool used;          /* by a terminal; otherwise kept for the next */
    bool lost;          /* the surface must be drawn anew by its views */
    char term[64];
    SCREEN *screen; /* owns */
    FILE *out;      /* owns; the memory file */
    FILE *in;       /* owns; /dev/null */
    int fd;         /* of out */
    bool direct, utf8, mono, sync, colored;
    bool repaint; /* the next frame paints all */
    int cols, rows;
    int shape; /* cursor shape sent last; -1: none */
    uint32_t last_fg, last_bg;
    int last_pair;
    int run_row, run_col, run_len, run_end;
    cchar_t run[RUN_MAX];
};

static struct frame *frames; /* owns; all there are */

static const int SIGNALS[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};
#define SIGNAL_COUNT (int)(sizeof SIGNALS / sizeof SIGNALS[0])

static bool env_is_utf8(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", NULL);
    if (locale == (locale_t)0)
        return false;
    bool is = strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    freelocale(locale);
    return is;
}

void frame_config_from_env(struct frame_config *ret)
{
    const char *term = getenv("TERM"), *color = getenv("COLORTERM"), *no = getenv("NO_COLOR");
    ret->term = term && *term ? term : "dumb";
    ret->utf8 = env_is_utf8();
    ret->truecolor = (color && (!strcmp(color, "truecolor") || !strcmp(color, "24bit"))) ||
                     str_ends(str_of(ret->term), STR("-direct"));
    ret->mono = no && *no;
}

/* The environment as it must look for newterm(), and back. */
struct env_save {
    const char *name;
    char *value; /* owns; NULL: was not set */
};

static void env_set(struct env_save *save, const char *name, const char *value)
{
    *save = (struct env_save){name, xstrdup(getenv(name))};
    setenv(name, value, 1);
}

static void env_restore(struct env_save *save)
{
    if (save->value)
        setenv(save->name, save->value, 1);
    else
        unsetenv(save->name);
    free(save->value);
}

/* The size must be right from the start: ncurses sets the margins by it. */
static SCREEN *new_terminal(struct frame *frame, int cols, int rows)
{
    struct env_save env_rows, env_cols, terminfo = {0};
    char number[16];
    snprintf(number, sizeof number, "%d", rows);
    env_set(&env_rows, "LINES", number);
    snprintf(number, sizeof number, "%d", cols);
    env_set(&env_cols, "COLUMNS", number);
    if (frame->direct) {
        struct buf entry = BUF_INIT;
        terminfo_direct(&entry);
        buf_putc(&entry, 0);
        env_set(&terminfo, "TERMINFO", buf_data(&entry));
        buf_release(&entry);
    }
    use_env(TRUE);
    SCREEN *screen =
            newterm(frame->direct ? TERMINFO_DIRECT_NAME : frame->term, frame->out, frame->in);
    env_restore(&env_rows);
    env_restore(&env_cols);
    if (frame->direct)
        env_restore(&terminfo);
    return screen;
}

/* newterm() leaks when it fails, so it is only tried with what the system knows. */
static bool is_known(const char *term)
{
    TERMINAL *before = cur_term; /* of the current screen, which must keep it */
    int found = 0;
    bool known = setupterm(term, STDERR_FILENO, &found) == OK;
    TERMINAL *tried = set_curterm(before);
    if (known)
        del_curterm(tried);
    return known;
}

static SCREEN *start_curses(struct frame *frame, int cols, int rows)
{
    struct sigaction saved[SIGNAL_COUNT];
    if (!frame->direct && !is_known(frame->term))
        return NULL;
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaction(SIGNALS[i], NULL, &saved[i]);
    SCREEN *screen = new_terminal(frame, cols, rows);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaction(SIGNALS[i], &saved[i], NULL);
    return screen;
}

static int open_files(struct frame *frame, struct err *err)
{
    frame->fd = memfd_create("frame", MFD_CLOEXEC);
    frame->out = frame->fd < 0 ? NULL : fdopen(frame->fd, "w+");
    frame->in = fopen("/dev/null", "re");
    if (frame->out && frame->in)
        return 0;
    if (frame->fd >= 0 && !frame->out)
        close(frame->fd);
    return err_set(err, ERR_IO, "cannot make a memory file for the screen");
}

static struct frame *find_unused(const char *term, bool direct)
{
    for (struct frame *frame = frames; frame; frame = frame->next)
        if (!frame->used && frame->direct == direct && strcmp(frame->term, term) == 0)
            return frame;
    return NULL;
}

static void discard(struct frame *frame)
{
    if (frame->out)
        fclose(frame->out);
    if (frame->in)
        fclose(frame->in);
    free(frame);
}

static struct frame *make(
        const struct frame_config *config, int cols, int rows, struct err *err)
{
    struct frame *frame = xcalloc(1, sizeof *frame);
    frame->direct = config->truecolor;
    if (!str_copy(frame->term, sizeof frame->term, str_of(config->term)) ||
            open_files(frame, err) < 0) {
        discard(frame);
        return NULL;
    }
    frame->screen = start_curses(frame, cols, rows);
    if (!frame->screen) {
        err_set(err, ERR_USAGE, "the terminal type '%s' cannot show a screen (TERM)",
                frame->term);
        discard(frame);
        return NULL;
    }
    frame->colored = has_colors() && start_color() == OK && use_default_colors() == OK;
    idlok(stdscr, TRUE);
    frame->next = frames;
    frames = frame;
    return frame;
}

struct frame *frame_new(const struct frame_config *config, int cols, int rows, struct err *err)
{
    struct frame *frame = find_unused(config->term, config->truecolor);
    /* For widths and for what ncurses writes, whatever the terminal can show: that is `utf8`.
     */
    setlocale(LC_CTYPE, "C.UTF-8");
    if (!frame)
        frame = make(config, cols, rows, err);
    if (!frame)
        return NULL;
    frame->utf8 = config->utf8;
    frame->mono = config->mono;
    frame->used = true;
    frame->lost = false;
    frame->sync = false;
    frame->shape = -1;
    frame_resize(frame, cols, rows);
    return frame;
}

void frame_free(struct frame *frame)
{
    struct buf rest = BUF_INIT;
    if (!frame)
        return;
    frame->run_len = 0;
    frame_leave(frame, &rest);
    buf_release(&rest);
    frame->used = false;
}

static void fit_windows(struct frame *frame)
{
    set_term(frame->screen);
    if (getmaxy(stdscr) == frame->rows && getmaxx(stdscr) == frame->cols)
        return;
    wresize(curscr, frame->rows, frame->cols);
    wresize(newscr, frame->rows, frame->cols);
    wresize(stdscr, frame->rows, frame->cols);
    frame->repaint = frame->lost = true;
}

void frame_resize(struct frame *frame, int cols, int rows)
{
    set_term(frame->screen);
    frame->cols = cols;
    frame->rows = rows;
    if (is_term_resized(rows, cols))
        resizeterm(rows, cols);
    for (struct frame *other = frames; other; other = other->next)
        if (other != frame)
            fit_windows(other);
    set_term(frame->screen);
    werase(stdscr);
    frame->repaint = true;
}

bool frame_lost(struct frame *frame)
{
    bool lost = frame->lost;
    frame->lost = false;
    return lost;
}

void frame_invalidate(struct frame *frame)
{
    frame->repaint = true;
}

void frame_set_sync(struct frame *frame, bool supported)
{
    frame->sync = supported;
}

bool frame_utf8(const struct frame *frame)
{
    return frame->utf8;
}

/* --- drawing -------------------------------------------------------------------------- */

static attr_t to_attrs(unsigned attrs)
{
    attr_t a = 0;
    if (attrs & VT_BOLD)
        a |= WA_BOLD;
    if (attrs & VT_DIM)
        a |= WA_DIM;
    if (attrs & VT_ITALIC)
        a |= WA_ITALIC;
    if (attrs & (VT_UNDERLINE | VT_UNDERLINE_DOUBLE | VT_UNDERLINE_CURLY))
        a |= WA_UNDERLINE;
    if (attrs & VT_BLINK)
        a |= WA_BLINK;
    if (attrs & VT_REVERSE)
        a |= WA_REVERSE;
    if (attrs & VT_CONCEAL)
        a |= WA_INVIS;
    return a;
}

/* Pairs are made on demand. When all 65,536 are taken, all are given back and the screen is
 * painted anew; an agent would have to try for that. */
static int to_pair(struct frame *frame, uint32_t fg, uint32_t bg)
{
    if (!frame->colored || (fg == VT_COLOR_DEFAULT && bg == VT_COLOR_DEFAULT))
        return 0;
    if (fg == frame->last_fg && bg == frame->last_bg)
        return frame->last_pair;
    int f = color_map(fg, COLORS, frame->direct), b = color_map(bg, COLORS, frame->direct);
    int pair = alloc_pair(f, b);
    if (pair < 0) {
        reset_color_pairs();
        frame->repaint = true;
        pair = alloc_pair(f, b);
    }
    if (pair < 0)
        return 0;
    frame->last_fg = fg;
    frame->last_bg = bg;
    frame->last_pair = pair;
    return pair;
}

static struct style chrome_style(const struct frame *frame, struct style style)
{
    if (frame->mono)
        style.fg = style.bg = VT_COLOR_DEFAULT;
    return style;
}

/* What a locale without UTF-8 can show of a character. */
static uint32_t to_ascii(uint32_t cp)
{
    if (cp < 0x7f)
        return cp;
    if (cp >= 0x2500 && cp <= 0x257f) {
        if (cp == 0x2500 || cp == 0x2501 || cp == 0x2550 || (cp >= 0x2504 && cp <= 0x2505))
            return '-';
        if (cp == 0x2502 || cp == 0x2503 || cp == 0x2551)
            return '|';
        return '+';
    }
    if (cp >= 0x2580 && cp <= 0x259f)
        return '#';
    return cp == 0xa0 ? ' ' : '?';
}

void frame_cells_done(struct frame *frame)
{
    if (frame->run_len == 0)
        return;
    set_term(frame->screen);
    mvadd_wchnstr(frame->run_row, frame->run_col, frame->run, frame->run_len);
    frame->run_len = 0;
}

static void put(struct frame *frame, int row, int col, int width, struct style style,
        const wchar_t *chars)
{
    if (row < 0 || col < 0 || row >= frame->rows || col + width > frame->cols)
        return;
    if (frame->run_len > 0 &&
            (frame->run_row != row || frame->run_end != col || frame->run_len == RUN_MAX))
        frame_cells_done(frame);
    if (frame->run_len == 0) {
        frame->run_row = row;
        frame->run_col = col;
    }
    int pair = to_pair(frame, style.fg, style.bg);
    setcchar(&frame->run[frame->run_len++], chars, to_attrs(style.attrs), (short)pair, &pair);
    frame->run_end = col + width;
}

void frame_cell(
        struct frame *frame, int row, int col, struct style style, const struct glyph *glyph)
{
    static const wchar_t blank[2] = {L' ', 0};
    wchar_t chars[CCHARW_MAX + 1] = {L' '};
    uint32_t cp = glyph->count > 0 ? glyph->cps[0] : 0;
    if (cp != 0 && !frame->utf8)
        cp = to_ascii(cp);
    bool agreed =
            cp < 0x7f ? cp >= 0x20 && glyph->width == 1 : wcwidth((wchar_t)cp) == glyph->width;
    if (cp == 0 || !agreed) {
        wchar_t unknown[2] = {frame->utf8 ? 0xfffd : L'?', 0};
        put(frame, row, col, 1, style, cp == 0 ? blank : unknown);
        if (glyph->width == 2)
            put(frame, row, col + 1, 1, style, blank);
        return;
    }
    chars[0] = (wchar_t)cp;
    int n = 1;
    for (int i = 1; frame->utf8 && i < glyph->count && n < CCHARW_MAX; i++)
        if (wcwidth((wchar_t)glyph->cps[i]) == 0)
            chars[n++] = (wchar_t)glyph->cps[i];
    put(frame, row, col, glyph->width, style, chars);
}

int frame_char_width(uint32_t cp)
{
    return cp >= 0x20 && cp < 0x7f ? 1 : wcwidth((wchar_t)cp);
}

void frame_fill(struct frame *frame, struct rect area, struct style style)
{
    style = chrome_style(frame, style);
    static const wchar_t blank[2] = {L' ', 0};
    for (int r = 0; r < area.rows; r++)
        for (int c = 0; c < area.cols; c++)
            put(frame, area.row + r, area.col + c, 1, style, blank);
    frame_cells_done(frame);
}

/* One character with its combining marks from the front of *s; false at the end. */
static bool next_glyph(struct str *s, struct glyph *ret)
{
    ret->count = ret->width = 0;
    while (s->n > 0) {
        uint32_t cp = 0;
        int n = utf8_decode(s->p, s->n, &cp);
        if (n <= 0) {
            n = 1;
            cp = 0xfffd;
        }
        int w = cp < 0x20 || cp == 0x7f ? -1 : cp < 0x7f ? 1 : wcwidth((wchar_t)cp);
        if (w < 0) {
            cp = cp < 0x20 || cp == 0x7f ? '?' : 0xfffd;
            w = 1;
        }
        if (ret->count > 0 && w > 0)
            break;
        if (ret->count < VT_CELL_CHARS)
            ret->cps[ret->count++] = cp;
        if (w > 0)
            ret->width = w;
        s->p += n;
        s->n -= (size_t)n;
    }
    return ret->count > 0;
}

int frame_text(
        struct frame *frame, int row, int col, int max, struct style style, struct str text)
{
    style = chrome_style(frame, style);
    struct glyph glyph;
    int used = 0;
    while (next_glyph(&text, &glyph) && used + glyph.width <= max) {
        if (glyph.width > 0)
            frame_cell(frame, row, col + used, style, &glyph);
        used += glyph.width;
    }
    frame_cells_done(frame);
    return used;
}

int frame_width(struct str text)
{
    struct glyph glyph;
    int used = 0;
    while (next_glyph(&text, &glyph))
        used += glyph.width;
    return used;
}

void frame_line(struct frame *frame, int row, int col, enum frame_line line, bool doubled,
        struct style style)
{
    static const uint32_t single[] = {0x2500, 0x2502, 0x250c, 0x2510, 0x2514, 0x2518};
    static const uint32_t twice[] = {0x2550, 0x2551, 0x2554, 0x2557, 0x255a, 0x255d};
    uint32_t cp = doubled ? twice[line] : single[line];
    if (!frame->utf8)
        cp = line == LINE_H ? (doubled ? '=' : '-') : line == LINE_V ? '|' : '+';
    struct glyph glyph = {.cps = {cp}, .count = 1, .width = 1};
    frame_cell(frame, row, col, chrome_style(frame, style), &glyph);
}

/* --- encoding ------------------------------------------------------------------------- */

static void take_bytes(struct frame *frame, struct buf *out)
{
    off_t n = lseek(frame->fd, 0, SEEK_END);
    if (n <= 0)
        return;
    char *p = buf_reserve(out, (size_t)n);
    ssize_t got = pread(frame->fd, p, (size_t)n, 0);
    CHECK(got == n);
    buf_commit(out, (size_t)n);
    CHECK(ftruncate(frame->fd, 0) == 0);
    lseek(frame->fd, 0, SEEK_SET);
}

void frame_end(struct frame *frame, const struct vt_cursor *cursor, struct buf *out)
{
    set_term(frame->screen);
    frame_cells_done(frame);
    bool repaint = frame->repaint;
    if (repaint)
        clearok(curscr, TRUE);
    frame->repaint = false;
    curs_set(cursor->visible ? 1 : 0);
    wmove(stdscr, cursor->row, cursor->col);
    wrefresh(stdscr);
    struct buf bytes = BUF_INIT;
    take_bytes(frame, &bytes);
    int shape = cursor->shape == 0 ? 0 : cursor->shape * 2 - (cursor->blink ? 1 : 0);
    bool reshape = cursor->visible && shape != frame->shape;
    bool wrap = frame->sync && buf_len(&bytes) > 0;
    if (wrap)
        buf_puts(out, "\033[?2026h");
    /* Margins of another size may be left. Resetting them moves the cursor, and where it is
     * when the screen is entered it is again after leaving. */
    if (repaint)
        buf_puts(out, "\0337\033[r\0338");
    buf_append_str(out, buf_str(&bytes));
    if (reshape) {
        buf_printf(out, "\033[%d q", shape);
        frame->shape = shape;
    }
    if (wrap)
        buf_puts(out, "\033[?2026l");
    buf_release(&bytes);
}

void frame_leave(struct frame *frame, struct buf *out)
{
    set_term(frame->screen);
    curs_set(1);
    if (!isendwin())
        endwin();
    take_bytes(frame, out);
    if (frame->shape > 0)
        buf_puts(out, "\033[0 q");
    frame->shape = -1;
    frame->repaint = true;
}
