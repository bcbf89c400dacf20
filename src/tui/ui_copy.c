/*
 * ui_copy.c - copy mode between the screen and its keys and mouse: entering and leaving,
 * counts, the field of the search, what is copied and pasted.
 *
 * The text that is read is frozen; while it is, the agent's output redraws nothing but the
 * number of lines that arrived.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "tui/clip.h"
#include "tui/ui_state.h"
#include "tui/v_copy.h"

#define SEARCH_NS 8000000u /* of one turn of the loop */
#define COUNT_MAX 99999u
#define SHOWN_COLS 24 /* of a search in the last row */
#define WORDS_MAX 64  /* messages of the user that are looked for */
#define TURN_BYTES 20 /* of each; an agent may wrap the rest */
#define PROMPT_BYTES 80
#define EDGE_MS 50 /* a line each, while the button is held beyond the pane */

struct ui_copy {
    struct ui *ui;       /* borrows */
    struct copy copy;    /* doc NULL: closed */
    struct clip *clip;   /* owns */
    struct timer *timer; /* owns; the search goes on */
    unsigned count;      /* typed before a movement; 0: none */
    uint64_t arrived;    /* as shown */
    unsigned paste_top;
    bool by_mouse;            /* the mouse opened it, and closes it */
    struct copy_pos press;    /* where the button went down */
    struct timer *edge_timer; /* owns; the pointer is held beyond an edge */
    int edge_row, edge_col;   /* and where */
};

static enum ui_mode plain_mode(const struct ui *ui)
{
    const struct config *config = ui->config.config;

    return config && config->emacs_keys ? MODE_COPY_EMACS : MODE_COPY;
}

static bool is_open(const struct ui *ui)
{
    return ui->copy->copy.doc;
}

/* --- searching -------------------------------------------------------------------------- */

/* A part now, the rest in further turns of the loop. */
static void search_on(struct ui *ui)
{
    if (!copy_search_run(&ui->copy->copy, SEARCH_NS))
        timer_start(ui->copy->timer, 1);
    ui_touch(ui, DIRTY_PANE | DIRTY_CHROME);
}

static void on_timer(void *ctx)
{
    struct ui_copy *ui_copy = ctx;

    if (is_open(ui_copy->ui))
        search_on(ui_copy->ui);
}

static void search_begin(struct ui *ui, int step)
{
    copy_search_open(&ui->copy->copy, step);
    ui_set_mode(ui, MODE_COPY_FIND);
}

static void search_text(struct ui *ui, struct str text)
{
    copy_search_set(&ui->copy->copy, text);
    search_on(ui);
}

static void search_add(struct ui *ui, uint32_t cp)
{
    const struct copy_search *search = &ui->copy->copy.search;
    char text[COPY_PATTERN + 4];
    size_t n = search->len;

    memcpy(text, search->text, n);
    n += utf8_encode(cp, text + n);
    if (n <= COPY_PATTERN)
        search_text(ui, (struct str){text, n});
}

static void search_erase(struct ui *ui, enum action_id id)
{
    const struct copy_search *search = &ui->copy->copy.search;
    char text[COPY_PATTERN];
    size_t n = search->len;

    memcpy(text, search->text, n);
    if (id == COPY_FIND_ERASE_ALL)
        n = 0;
    while (id == COPY_FIND_ERASE_WORD && n > 0 && text[n - 1] == ' ')
        n--;
    while (id == COPY_FIND_ERASE_WORD && n > 0 && text[n - 1] != ' ')
        n--;
    if (id == COPY_FIND_ERASE && n > 0)
        for (n--; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    search_text(ui, (struct str){text, n});
}

static void search_end(struct ui *ui, bool keep)
{
    struct copy *copy = &ui->copy->copy;

    if (!keep || copy->search.len == 0)
        copy_search_cancel(copy);
    ui_set_mode(ui, plain_mode(ui));
}

static void search_step(struct ui *ui, int step)
{
    struct copy *copy = &ui->copy->copy;

    if (copy->search.len == 0)
        ui_message(ui, "nothing has been searched for yet");
    else if (!copy_search_step(copy, step) && !copy->search.running)
        ui_message(ui, "no hit for '%s'", copy->search.text);
}

/* --- prompts ---------------------------------------------------------------------------- */

/* The beginnings of what the user sent. */
struct turns {
    struct str starts[WORDS_MAX];
    unsigned count;
};

static void collect_turns(struct ui *ui, struct turns *turns)
{
    struct words *words = session_words(ui->session);
    struct words_entry entry;

    turns->count = 0;
    for (unsigned i = 0; turns->count < WORDS_MAX && words_at(words, i, &entry); i++) {
        struct str rest = str_of(entry.text), line;
        str_cut(&rest, '\n', &line);
        line = str_trim(line);
        if (line.n > TURN_BYTES)
            line.n = TURN_BYTES;
        if (!entry.draft && line.n > 0)
            turns->starts[turns->count++] = line;
    }
}

/* The length of a character that ends prompts, 0: it is none. */
static size_t prompt_end(struct str text)
{
    static const char *const ends[] = {">", "$", "#", "%", "\xe2\x9d\xaf", "\xe2\x80\xba",
            "\xc2\xbb"}; /* and the angles that shells and agents like */

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (str_starts(text, str_of(ends[i])))
            return strlen(ends[i]);
    return 0;
}

static bool is_said(const struct turns *turns, struct str text)
{
    for (unsigned i = 0; i < turns->count; i++)
        if (str_starts(text, turns->starts[i]))
            return true;
    return false;
}

/* A prompt's mark (OSC 133), or a prompt and behind it what the user sent. */
static bool starts_turn(void *ctx, struct copy *copy, uint64_t line)
{
    const struct turns *turns = ctx;

    if (vt_doc_is_prompt(copy->doc, line))
        return true;
    if (vt_doc_is_wrapped(copy->doc, line - 1) || !vt_doc_para_at(copy->doc, line, &copy->para))
        return false;
    struct str text = copy->para.text;
    for (size_t i = 0; i < text.n && i < PROMPT_BYTES; i++) {
        struct str rest = {text.p + i, text.n - i};
        size_t n = prompt_end(rest);
        if (n == 0)
            continue;
        rest = str_trim((struct str){rest.p + n, rest.n - n});
        if (is_said(turns, rest))
            return true;
    }
    return false;
}

static void to_prompt(struct ui *ui, int step)
{
    struct turns turns;

    collect_turns(ui, &turns);
    if (!copy_jump(&ui->copy->copy, step, starts_turn, &turns))
        ui_message(ui, "no prompt %s", step < 0 ? "above" : "below");
}

/* --- open and close --------------------------------------------------------------------- */

bool ui_copy_open(struct ui *ui)
{
    struct vt *vt = ui->session && session_state(ui->session) != SESSION_STARTING
                            ? session_vt(ui->session)
                            : NULL;
    int cols, rows;

    if (is_open(ui))
        return true;
    if (!vt) {
        ui_message(ui, "there is nothing to read yet");
        return false;
    }
    ui_pane_size(ui, &cols, &rows);
    copy_open(&ui->copy->copy, vt, cols, rows);
    ui->copy->count = 0;
    ui->copy->arrived = 0;
    ui->copy->by_mouse = false;
    ui_set_mode(ui, plain_mode(ui));
    return true;
}

void ui_copy_close(struct ui *ui)
{
    if (!is_open(ui))
        return;
    timer_stop(ui->copy->timer);
    timer_stop(ui->copy->edge_timer);
    copy_close(&ui->copy->copy);
}

void ui_copy_resize(struct ui *ui, int cols, int rows)
{
    struct copy *copy = &ui->copy->copy;
    uint64_t place = is_open(ui) ? copy_place(copy) : 0;

    session_resize(ui->session, cols, rows);
    if (!is_open(ui))
        return;
    copy_reopen(copy, place);
    search_on(ui);
}

/* --- copying and pasting ---------------------------------------------------------------- */

static void on_copied(void *ctx, const char *message)
{
    struct ui_copy *ui_copy = ctx;

    ui_message(ui_copy->ui, "%s", message);
}

static void take(struct ui *ui)
{
    struct copy *copy = &ui->copy->copy;
    struct buf text = BUF_INIT;
    bool is_whole = copy_take(copy, &text);

    if (copy->kind == COPY_NOTHING) {
        ui_message(ui, "nothing is selected");
    } else if (!is_whole) {
        ui_message(ui, "that is more than %u MiB, nothing was copied", LIMIT_COPY >> 20);
    } else if (buf_len(&text) == 0) {
        ui_message(ui, "there is no text in the selection");
    } else {
        buf_swap(ui->config.copied, &text);
        copy_select_nothing(copy);
        ui_copy_out(ui, buf_str(ui->config.copied));
    }
    buf_release(&text);
}

void ui_copy_out(struct ui *ui, struct str text)
{
    clip_put(ui->copy->clip, text);
}

static bool is_one_line(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return false;
    return true;
}

static void send_paste(struct ui *ui)
{
    if (ui_agent_lives(ui))
        session_paste(ui->session, buf_str(ui->config.copied));
    ui_set_mode(ui, MODE_AGENT);
}

void ui_copy_paste(struct ui *ui)
{
    struct str text = buf_str(ui->config.copied);

    if (text.n == 0) {
        ui_message(ui, "nothing has been copied yet; C-\\ [ is copy mode");
    } else if (!ui_agent_lives(ui)) {
        ui_message(ui, "there is no agent to paste to");
    } else if (text.n > LIMIT_PASTE) {
        ui_message(ui, "what was copied is longer than 1 MiB and was not pasted");
    } else if (is_one_line(text)) {
        send_paste(ui);
    } else {
        ui->copy->paste_top = 0;
        ui_set_mode(ui, MODE_PASTE);
    }
}

static void move_paste(struct ui *ui, enum action_id id)
{
    unsigned page = ui->layout.pane.rows > 4 ? (unsigned)ui->layout.pane.rows - 3 : 1;
    unsigned *top = &ui->copy->paste_top;

    if (id == ACT_UP || id == ACT_PAGE_UP) {
        unsigned n = id == ACT_UP ? 1 : page;
        *top = *top > n ? *top - n : 0;
    } else {
        *top = id == ACT_TOP      ? 0
               : id == ACT_BOTTOM ? UINT32_MAX
                                  : *top + (id == ACT_DOWN ? 1 : page);
    }
    ui_touch(ui, DIRTY_PANE);
}

/* --- keys ------------------------------------------------------------------------------- */

static unsigned take_count(struct ui *ui)
{
    unsigned count = ui->copy->count;

    ui->copy->count = 0;
    return count ? count : 1;
}

static void movement(struct ui *ui, enum action_id id)
{
    struct copy *copy = &ui->copy->copy;
    unsigned times = take_count(ui);
    bool is_next = id == COPY_FIND_NEXT;

    if (id == COPY_PROMPT_UP || id == COPY_PROMPT_DOWN) {
        while (times-- > 0)
            to_prompt(ui, id == COPY_PROMPT_UP ? -1 : 1);
    } else if (is_next || id == COPY_FIND_PREVIOUS) {
        int step = ui->mode == MODE_COPY_FIND ? 1 : copy->search.step;
        while (times-- > 0)
            search_step(ui, is_next ? step : -step);
    } else {
        copy_move(copy, id, times);
    }
}

static void act(struct ui *ui, enum action_id id)
{
    struct copy *copy = &ui->copy->copy;

    switch ((int)id) {
    case COPY_FIND_DOWN:
    case COPY_FIND_UP:
        search_begin(ui, id == COPY_FIND_DOWN ? 1 : -1);
        return;
    case COPY_FIND_DONE:
    case COPY_FIND_LEAVE:
        search_end(ui, id == COPY_FIND_DONE);
        return;
    case COPY_FIND_ERASE:
    case COPY_FIND_ERASE_WORD:
    case COPY_FIND_ERASE_ALL:
        search_erase(ui, id);
        return;
    case COPY_SELECT:
        copy_select(copy, COPY_CHARS);
        return;
    case COPY_SELECT_LINES:
        copy_select(copy, COPY_LINES);
        return;
    case COPY_SELECT_BLOCK:
        copy_select(copy, COPY_BLOCK);
        return;
    case COPY_TAKE:
        take(ui);
        return;
    default:
        movement(ui, id);
    }
}

void ui_copy_act(struct ui *ui, enum action_id id)
{
    if (id == COPY_PASTE_SEND) {
        send_paste(ui);
        return;
    }
    if (ui->mode == MODE_PASTE && id >= ACT_DOWN && id <= ACT_BOTTOM) {
        move_paste(ui, id);
        return;
    }
    if (!ui_copy_open(ui))
        return;
    if (id == ACT_COPY_PAGE)
        act(ui, COPY_PAGE_UP);
    else if (id == ACT_COPY_FIND)
        act(ui, COPY_FIND_UP);
    else if (id != ACT_COPY)
        act(ui, id);
    ui->copy->count = 0;
    ui_touch(ui, DIRTY_PANE | DIRTY_CHROME);
}

bool ui_copy_text(struct ui *ui, const struct key *key)
{
    struct ui_copy *ui_copy = ui->copy;

    if (!key_is_text(key))
        return false;
    if (ui->mode == MODE_COPY_FIND) {
        search_add(ui, key->cp);
        return true;
    }
    bool is_digit = key->cp >= '0' && key->cp <= '9' && (key->cp != '0' || ui_copy->count);
    if (ui->mode != MODE_COPY || !is_digit)
        return false;
    unsigned count = ui_copy->count * 10 + (key->cp - '0');
    ui_copy->count = count < COUNT_MAX ? count : COUNT_MAX;
    ui_touch(ui, DIRTY_CHROME);
    return true;
}

/* --- the mouse -------------------------------------------------------------------------- */

static struct copy_pos at(const struct ui *ui, int row, int col)
{
    return (struct copy_pos){
            ui->copy->copy.top + (uint64_t)(row > 0 ? row : 0), col > 0 ? col : 0};
}

void ui_copy_wheel(struct ui *ui, int lines)
{
    bool was_open = is_open(ui);
    struct copy *copy = &ui->copy->copy;

    if (!was_open && (lines >= 0 || !ui_copy_open(ui)))
        return;
    ui->copy->by_mouse = ui->copy->by_mouse || !was_open;
    copy_scroll(copy, lines);
    /* Back at the end, or there was nothing above. */
    if ((lines > 0 || !was_open) && ui->copy->by_mouse && copy->kind == COPY_NOTHING &&
            copy_above(copy) == 0)
        ui_set_mode(ui, MODE_AGENT);
    ui_touch(ui, DIRTY_PANE | DIRTY_CHROME);
}

void ui_copy_press(struct ui *ui, int row, int col, unsigned clicks)
{
    bool was_open = is_open(ui);
    struct copy *copy = &ui->copy->copy;

    if (!ui_copy_open(ui))
        return;
    ui->copy->by_mouse = ui->copy->by_mouse || !was_open;
    ui->copy->press = at(ui, row, col);
    if (clicks >= 3) {
        copy_select_line(copy, ui->copy->press);
    } else if (clicks == 2) {
        copy_select_word(copy, ui->copy->press);
    } else {
        copy_select_nothing(copy);
        copy_go(copy, ui->copy->press);
    }
    ui_touch(ui, DIRTY_PANE | DIRTY_CHROME);
}

/* Nothing moves any more at the end of the text. */
static void drag_on(struct ui *ui, int row, int col)
{
    struct copy *copy = &ui->copy->copy;
    bool is_beyond = row < 0 || row >= copy->rows;
    uint64_t top = copy->top;

    if (is_beyond)
        copy_scroll(copy, row < 0 ? -1 : 1);
    copy_go(copy, at(ui, row < copy->rows ? row : copy->rows - 1, col));
    if (!is_beyond || copy->top == top)
        timer_stop(ui->copy->edge_timer);
    else
        timer_start(ui->copy->edge_timer, EDGE_MS);
    ui_touch(ui, DIRTY_PANE | DIRTY_CHROME);
}

static void on_edge_timer(void *ctx)
{
    struct ui_copy *ui_copy = ctx;

    if (is_open(ui_copy->ui) && ui_copy->copy.kind != COPY_NOTHING)
        drag_on(ui_copy->ui, ui_copy->edge_row, ui_copy->edge_col);
}

void ui_copy_drag(struct ui *ui, int row, int col)
{
    struct copy *copy = &ui->copy->copy;

    if (!is_open(ui))
        return;
    if (copy->kind == COPY_NOTHING)
        copy_select_range(copy, copy->cursor, copy->cursor);
    ui->copy->edge_row = row;
    ui->copy->edge_col = col;
    drag_on(ui, row, col);
}

void ui_copy_drag_over(struct ui *ui)
{
    timer_stop(ui->copy->edge_timer);
}

void ui_copy_release(struct ui *ui)
{
    ui_copy_drag_over(ui);
    if (!is_open(ui))
        return;
    if (ui->copy->copy.kind != COPY_NOTHING)
        take(ui);
    if (ui->copy->by_mouse && copy_above(&ui->copy->copy) == 0)
        ui_set_mode(ui, MODE_AGENT);
    ui_touch(ui, DIRTY_PANE | DIRTY_CHROME);
}

/* --- drawing ---------------------------------------------------------------------------- */

bool ui_copy_hides(struct ui *ui)
{
    if (!is_open(ui))
        return ui->mode == MODE_PASTE;

    uint64_t arrived = vt_doc_arrived(ui->copy->copy.doc);
    if (arrived != ui->copy->arrived)
        ui_touch(ui, DIRTY_CHROME);
    ui->copy->arrived = arrived;
    return true;
}

bool ui_copy_draw(struct ui *ui, const struct view_env *env, struct rect area)
{
    if (is_open(ui)) {
        v_copy_draw(env, &ui->copy->copy, area);
        return true;
    }
    if (ui->mode != MODE_PASTE)
        return false;
    unsigned lines = v_paste_lines(buf_str(ui->config.copied));
    if (ui->copy->paste_top >= lines)
        ui->copy->paste_top = lines - 1;
    v_paste_draw(env, area, buf_str(ui->config.copied), ui->copy->paste_top);
    return true;
}

bool ui_copy_cursor(struct ui *ui, struct vt_cursor *ret)
{
    if (!is_open(ui))
        return false;
    *ret = v_copy_cursor(&ui->copy->copy, ui->layout.pane);
    return true;
}

/* The end of what is searched for, as far as there is room. */
static struct str shown_pattern(const struct copy_search *search)
{
    struct str text = {search->text, search->len};

    while (frame_width(text) > SHOWN_COLS) {
        uint32_t cp;
        int n = utf8_decode(text.p, text.n, &cp);
        text.p += n > 0 ? n : 1;
        text.n -= n > 0 ? (size_t)n : 1;
    }
    return text;
}

static void note_search(const struct ui *ui, struct buf *ret)
{
    const struct copy_search *search = &ui->copy->copy.search;
    bool is_typed = ui->mode == MODE_COPY_FIND;

    if (!is_typed && search->len == 0)
        return;
    buf_printf(ret, "  /%.*s%s", STR_ARG(shown_pattern(search)), is_typed ? "|" : "");
    if (search->len > 0)
        buf_printf(ret, " %llu hit%s%s", (unsigned long long)search->hits,
                search->hits == 1 ? "" : "s", search->running ? ".." : "");
}

void ui_copy_note(struct ui *ui, struct buf *left, struct buf *right)
{
    const struct copy *copy = &ui->copy->copy;
    char clock[16];

    if (!is_open(ui))
        return;
    int64_t time = vt_doc_time(copy->doc, copy->cursor.line);
    struct vt_range page = vt_doc_page(copy->doc, copy->cursor.line);
    uint64_t above = copy_above(copy), all = vt_doc_screen(copy->doc).first - page.first;
    if (time)
        buf_printf(left, "screen of %s", view_clock(clock, time, true));
    else
        buf_printf(left, "%s%llu of %llu", above ? "-" : "", (unsigned long long)above,
                (unsigned long long)all);
    note_search(ui, left);
    if (ui->copy->count)
        buf_printf(left, "  %u", ui->copy->count);
    if (ui->copy->arrived)
        buf_printf(right, "+%llu new", (unsigned long long)ui->copy->arrived);
}

void ui_copy_flush(struct ui *ui, struct buf *out)
{
    clip_flush(ui->copy->clip, out);
}

/* --- the object ------------------------------------------------------------------------- */

struct ui_copy *ui_copy_new(struct ui *ui)
{
    struct ui_copy *ui_copy = xcalloc(1, sizeof *ui_copy);
    const struct config *config = ui->config.config;

    ui_copy->ui = ui;
    ui_copy->timer = timer_new(ui->config.loop, on_timer, ui_copy);
    ui_copy->edge_timer = timer_new(ui->config.loop, on_edge_timer, ui_copy);
    ui_copy->clip =
            clip_new(ui->config.loop, config ? config->copy_command : NULL, on_copied, ui_copy);
    return ui_copy;
}

void ui_copy_free(struct ui_copy *ui_copy)
{
    if (ui_copy->copy.doc)
        copy_close(&ui_copy->copy);
    timer_free(ui_copy->timer);
    timer_free(ui_copy->edge_timer);
    clip_free(ui_copy->clip);
    free(ui_copy);
}
