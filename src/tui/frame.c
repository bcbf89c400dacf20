/*
 * frame.c - the only file that knows curses. See frame.h.
 *
 * ncurses is started with a memory file as its terminal. It wants to own signals and the
 * environment; both are put back right after newterm(), because they are not its to own.
 * The terminal it knows is one of ours (terminfo.h); outer.h makes what it writes into what
 * the user's terminal understands.
 *
 * ncurses 6.4 keeps one list of windows for all screens: delscreen() and resizeterm() of one
 * screen also take or resize the windows of the others. So a screen that is given up is not
 * deleted but kept for the next frame of its kind (there are never more than terminals were
 * open at the same time), and after a resize the windows of all other screens are put right
 * again. ncurses 6.5 has a list for each screen; there nothing is to be put right.
 *
 * A character whose width is not certain on the terminal would move everything behind it,
 * across our own frames too. A wide one is drawn alone, with the cursor put behind it
 * (outer.h); a narrow one, over which the terminal might draw its neighbour, is U+FFFD:
 * wrong by one glyph, never by one column.
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
#include "pty/vt_width.h"
#include "tui/outer.h"
#include "tui/terminfo.h"

#define RUN_MAX 512
#define SMALL_FRAME 64  /* bytes that a terminal takes in one read anyway */
#define READ_SIZE 4096  /* more than most frames have */
#define FILE_MAX 131072 /* of the memory file, before it is emptied */

struct frame {
    struct frame *next; /* in the list of all */
    bool used;          /* by a terminal; otherwise kept for the next */
    bool lost;          /* the surface must be drawn anew by its views */
    char term[64];
    SCREEN *screen; /* owns */
    FILE *out;      /* owns; the memory file */
    FILE *in;       /* owns; /dev/null */
    int fd;         /* of out */
    off_t taken;    /* what is before this in the file was read */
    bool direct, utf8, mono, sync;
    bool styled;  /* by the terminal's description */
    bool repaint; /* the next frame paints all */
    bool rewrite; /* the next frame writes all cells again */
    int cols, rows;
    int shape; /* cursor shape sent last; -1: none */
    struct outer outer;
    struct style last_style;
    unsigned last_pen;
    unsigned pairs; /* ncurses has colour pairs for pens up to this number */
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

/* VTE and some others call themselves xterm, which has plain underlines only. */
static bool env_is_styled(void)
{
    static const char *const programs[] = {"iTerm.app", "WezTerm", "ghostty", "vscode"};
    const char *vte = getenv("VTE_VERSION"), *program = getenv("TERM_PROGRAM");
    uint64_t version = 0;
    if (vte && str_u64(str_of(vte), 1000000, &version) && version >= 5200)
        return true;
    for (size_t i = 0; program && i < sizeof programs / sizeof programs[0]; i++)
        if (strcmp(program, programs[i]) == 0)
            return true;
    return false;
}

/* By name, because there is no question that all of them answer. In a multiplexer it is the
 * multiplexer's terminal, which drops notices. */
static enum frame_notice env_notice(const char *term)
{
    static const struct {
        const char *variable, *begins; /* variable NULL: $TERM */
        enum frame_notice notice;
    } known[] = {
            {NULL, "tmux", NOTICE_BELL},
            {NULL, "screen", NOTICE_BELL},
            {"TMUX", "", NOTICE_BELL},
            {"STY", "", NOTICE_BELL},
            {NULL, "xterm-kitty", NOTICE_99},
            {NULL, "foot", NOTICE_777},
            {NULL, "xterm-ghostty", NOTICE_777},
            {NULL, "contour", NOTICE_777},
            {"TERM_PROGRAM", "WezTerm", NOTICE_777},
            {"TERM_PROGRAM", "ghostty", NOTICE_777},
            {"TERM_PROGRAM", "iTerm.app", NOTICE_9},
            {"LC_TERMINAL", "iTerm2", NOTICE_9},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *value = known[i].variable ? getenv(known[i].variable) : term;
        if (value && *value && str_starts(str_of(value), str_of(known[i].begins)))
            return known[i].notice;
    }
    return NOTICE_BELL;
}

void frame_config_from_env(struct frame_config *ret)
{
    const char *term = getenv("TERM"), *color = getenv("COLORTERM"), *no = getenv("NO_COLOR");
    ret->term = term && *term ? term : "dumb";
    ret->utf8 = env_is_utf8();
    ret->truecolor = (color && (!strcmp(color, "truecolor") || !strcmp(color, "24bit"))) ||
                     str_ends(str_of(ret->term), STR("-direct"));
    ret->styled = env_is_styled();
    ret->mono = no && *no;
    ret->notice = env_notice(ret->term);
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
static SCREEN *new_terminal(struct frame *frame, const char *entry, int cols, int rows)
{
    struct env_save env_rows, env_cols, terminfo;
    char number[16];
    snprintf(number, sizeof number, "%d", rows);
    env_set(&env_rows, "LINES", number);
    snprintf(number, sizeof number, "%d", cols);
    env_set(&env_cols, "COLUMNS", number);
    env_set(&terminfo, "TERMINFO", entry);
    use_env(TRUE);
    SCREEN *screen = newterm(TERMINFO_NAME, frame->out, frame->in);
    env_restore(&env_rows);
    env_restore(&env_cols);
    env_restore(&terminfo);
    return screen;
}

static const char *string_of(const char *name)
{
    const char *text = tigetstr(name);
    return text == (char *)-1 ? NULL : text;
}

static const char *lookup(int index)
{
    return string_of(strnames[index]);
}

/* What the terminal's description, which is the current one, says it can show. */
static void learn_abilities(struct frame *frame)
{
    static const struct {
        const char *name;
        unsigned attr;
    } names[] = {{"bold", VT_BOLD}, {"dim", VT_DIM}, {"sitm", VT_ITALIC},
            {"smul", VT_UNDERLINE}, {"blink", VT_BLINK}, {"rev", VT_REVERSE},
            {"invis", VT_CONCEAL}, {"smxx", VT_STRIKE}};
    int colors = tigetnum("colors");
    frame->outer.can.colors = colors > 256 ? 256 : colors > 0 ? colors : 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (string_of(names[i].name))
            frame->outer.can.attrs |= names[i].attr;
    frame->styled = string_of("Smulx") || tigetflag("Su") > 0;
}

/* False: nothing is known of the terminal, or it cannot move its cursor. */
static bool describe(struct frame *frame, struct buf *entry)
{
    TERMINAL *before = cur_term; /* of the current screen, which must keep it */
    int found = 0;
    bool is_known = setupterm(frame->term, STDERR_FILENO, &found) == OK;
    bool is_able = is_known && string_of("cup");
    if (is_able)
        learn_abilities(frame);
    if (is_able || frame->direct)
        terminfo_make(entry, frame->direct ? NULL : lookup);
    TERMINAL *tried = set_curterm(before);
    if (is_known)
        del_curterm(tried);
    return is_able || frame->direct;
}

static SCREEN *start_curses(struct frame *frame, int cols, int rows)
{
    struct sigaction saved[SIGNAL_COUNT];
    struct buf entry = BUF_INIT;
    if (!describe(frame, &entry))
        return NULL;
    buf_putc(&entry, 0);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaction(SIGNALS[i], NULL, &saved[i]);
    /* Where it finds anything but the default it leaves SIGTSTP alone for good, instead of
     * ignoring it and back around every frame. */
    signal(SIGTSTP, SIG_IGN);
    SCREEN *screen = new_terminal(frame, buf_data(&entry), cols, rows);
    for (int i = 0; i < SIGNAL_COUNT; i++)
        sigaction(SIGNALS[i], &saved[i], NULL);
    buf_release(&entry);
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
    outer_release(&frame->outer);
    free(frame);
}

static struct frame *make(
        const struct frame_config *config, int cols, int rows, struct err *err)
{
    struct frame *frame = xcalloc(1, sizeof *frame);
    frame->direct = config->truecolor;
    outer_init(&frame->outer);
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
    CHECK(start_color() == OK && use_default_colors() == OK);
    /* Until it was left once, ncurses writes after each move of the cursor. */
    endwin();
    frame->taken = lseek(frame->fd, 0, SEEK_END);
    idlok(stdscr, TRUE);
    typeahead(-1); /* do not look for keys while drawing: there are none in /dev/null */
    frame->next = frames;
    frames = frame;
    return frame;
}

static void set_abilities(struct frame *frame, const struct frame_config *config)
{
    struct pen_ability *can = &frame->outer.can;
    can->direct = config->truecolor;
    can->styled = config->styled || frame->styled;
    if (can->direct || can->styled) /* a terminal of today, whatever its description lacks */
        can->attrs = VT_VISIBLE_ATTRS & ~(unsigned)(can->styled ? 0 : VT_OVERLINE);
    frame->outer.clusters = false;
    outer_forget(&frame->outer);
    frame->last_style = (struct style){0};
    frame->last_pen = 0;
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
    set_abilities(frame, config);
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
    if (!outer_is_full(&frame->outer))
        return lost;
    set_term(frame->screen);
    outer_forget(&frame->outer);
    frame->last_style = (struct style){0};
    frame->last_pen = 0;
    frame->run_len = 0;
    werase(stdscr);
    frame->rewrite = true;
    return true;
}

void frame_invalidate(struct frame *frame)
{
    frame->repaint = true;
}

void frame_set_sync(struct frame *frame, bool supported)
{
    frame->sync = supported;
}

void frame_set_clusters(struct frame *frame, bool supported)
{
    frame->rewrite = frame->rewrite || supported != frame->outer.clusters;
    frame->outer.clusters = supported;
}

bool frame_mono(const struct frame *frame)
{
    return frame->mono;
}

bool frame_utf8(const struct frame *frame)
{
    return frame->utf8;
}

/* --- drawing -------------------------------------------------------------------------- */

static bool is_same_style(const struct style *a, const struct style *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->attrs == b->attrs && a->line == b->line;
}

/* Number of the pen, which is that of ncurses' colour and pair as well. */
static int to_pair(struct frame *frame, struct style style)
{
    if (is_same_style(&style, &frame->last_style))
        return (int)frame->last_pen;
    unsigned pen = outer_pen(&frame->outer,
            (struct pen){style.fg, style.bg, style.line, style.attrs & VT_VISIBLE_ATTRS});
    while (frame->pairs < pen) {
        frame->pairs++;
        init_extended_pair((int)frame->pairs, (int)frame->pairs, -1);
    }
    frame->last_style = style;
    frame->last_pen = pen;
    return (int)pen;
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
    int pair = to_pair(frame, style);
    setcchar(&frame->run[frame->run_len++], chars, 0, 0, &pair);
    frame->run_end = col + width;
}

/* A wide character that ncurses or the terminal may get wrong: two stand-ins of one cell. */
static bool put_alone(
        struct frame *frame, int row, int col, struct style style, const struct glyph *glyph)
{
    wchar_t right[2] = {OUTER_RIGHT, 0}, left[2] = {0};
    if (row == frame->rows - 1 && col + 3 >= frame->cols)
        return false; /* ncurses makes the last cell of the screen by inserting */
    left[0] = (wchar_t)outer_shape(&frame->outer, glyph->cps, glyph->count);
    if (left[0] == 0)
        return false;
    put(frame, row, col, 1, style, left);
    put(frame, row, col + 1, 1, style, right);
    return true;
}

static void put_unknown(struct frame *frame, int row, int col, int width, struct style style)
{
    static const wchar_t blank[2] = {L' ', 0};
    wchar_t unknown[2] = {frame->utf8 ? 0xfffd : L'?', 0};
    put(frame, row, col, 1, style, unknown);
    if (width == 2)
        put(frame, row, col + 1, 1, style, blank);
}

/* The marks that every terminal puts on the character before. False: there are others. */
static bool plain_marks(const struct glyph *glyph, wchar_t chars[CCHARW_MAX + 1])
{
    int n = 1;
    for (int i = 1; i < glyph->count; i++) {
        uint32_t cp = glyph->cps[i];
        bool is_mark = wcwidth((wchar_t)cp) == 0 && cp != VT_ZWJ && cp != VT_EMOJI_STYLE;
        if (is_mark && n < CCHARW_MAX)
            chars[n++] = (wchar_t)cp;
        else if (glyph->width == 2)
            return false;
    }
    return true;
}

void frame_cell(
        struct frame *frame, int row, int col, struct style style, const struct glyph *glyph)
{
    wchar_t chars[CCHARW_MAX + 1] = {L' '};
    uint32_t cp = glyph->count > 0 ? glyph->cps[0] : 0;
    if (cp != 0 && !frame->utf8)
        cp = to_ascii(cp);
    if (cp == 0 || (cp >= 0x20 && cp < 0x7f && glyph->width == 1 && glyph->count == 1)) {
        chars[0] = cp ? (wchar_t)cp : L' ';
        for (int i = 0; i < (cp ? 1 : glyph->width); i++)
            put(frame, row, col + i, 1, style, chars);
        return;
    }
    bool agreed = cp < OUTER_FIRST && (cp < 0x7f ? cp >= 0x20 && glyph->width == 1
                                                 : wcwidth((wchar_t)cp) == glyph->width);
    chars[0] = (wchar_t)cp;
    if (agreed && (!frame->utf8 || plain_marks(glyph, chars)))
        put(frame, row, col, glyph->width, style, chars);
    else if (!frame->utf8 || glyph->width != 2 || !put_alone(frame, row, col, style, glyph))
        put_unknown(frame, row, col, glyph->width, style);
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
        if (cp == VT_ZWJ || cp == VT_EMOJI_STYLE || cp >= OUTER_FIRST) {
            /* Would make the width of what it joins uncertain. */
            s->p += n;
            s->n -= (size_t)n;
            continue;
        }
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

/* Reads on from where it read before; the file is emptied only when it has grown large. */
static void take_bytes(struct frame *frame, struct buf *out)
{
    ssize_t n;
    do {
        n = pread(frame->fd, buf_reserve(out, READ_SIZE), READ_SIZE, frame->taken);
        CHECK(n >= 0);
        buf_commit(out, (size_t)n);
        frame->taken += n;
    } while (n == READ_SIZE);
    if (frame->taken < FILE_MAX)
        return;
    CHECK(ftruncate(frame->fd, 0) == 0 && lseek(frame->fd, 0, SEEK_SET) == 0);
    frame->taken = 0;
}

/* What ncurses wrote, as the terminal understands it. */
static void translate(struct frame *frame, struct buf *out)
{
    struct buf bytes = BUF_INIT;
    take_bytes(frame, &bytes);
    outer_translate(&frame->outer, buf_str(&bytes), out);
    buf_release(&bytes);
}

void frame_end(struct frame *frame, const struct vt_cursor *cursor, struct buf *out)
{
    set_term(frame->screen);
    frame_cells_done(frame);
    bool repaint = frame->repaint;
    if (repaint)
        clearok(curscr, TRUE);
    if (frame->rewrite)
        redrawwin(stdscr);
    frame->repaint = frame->rewrite = false;
    curs_set(cursor->visible ? 1 : 0);
    wmove(stdscr, cursor->row, cursor->col);
    wrefresh(stdscr);
    struct buf bytes = BUF_INIT;
    translate(frame, &bytes);
    int shape = cursor->shape == 0 ? 0 : cursor->shape * 2 - (cursor->blink ? 1 : 0);
    bool reshape = cursor->visible && shape != frame->shape;
    bool wrap = frame->sync && buf_len(&bytes) > SMALL_FRAME;
    if (wrap)
        buf_puts(out, "\033[?2026h");
    /* Margins of another size may be left. Resetting them moves the cursor, and where it is
     * when the screen is entered it is again after leaving. */
    if (repaint)
        buf_puts(out, "\033[m\0337\033[r\0338");
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
    /* On a terminal with one screen the shell goes on in the last row. */
    buf_printf(out, "\0337\033[m\033[%d;1H\033[K\0338", frame->rows);
    if (!isendwin())
        endwin();
    translate(frame, out);
    if (frame->shape > 0)
        buf_puts(out, "\033[0 q");
    frame->shape = -1;
    frame->repaint = true;
}
