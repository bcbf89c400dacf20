/*
 * ui.c - the object behind one terminal: layout, frames and their pace.
 *
 * Drawing happens at the end of a loop turn, when something is dirty: at once after a pause,
 * then about every FRAME_MS, see frame_wait(). While a frame is not sent none is made. A
 * program in the pane that announced a synchronized update is given HOLD_MS to finish it.
 * Nothing dirty: no timer runs, but a tick a second while a request waits, because its age is
 * on the screen.
 *
 * Owns the terminal, the encoder and its timers; borrows sessions, messages, gate and
 * configuration.
 */
#include "tui/ui.h"

#include <stdarg.h>

#include "base/mem.h"
#include "tui/ui_state.h"
#include "tui/v_agent.h"

#define FRAME_MS 16
#define FRAME_GAP_MS 1 /* at least, between two frames */
#define WORDS_MS                                                                               \
    100                /* what is typed is on the panel by then; the echo does not wait for it \
                        */
#define FRAME_KEY_MS 2 /* what a frame costs after a key */
#define FRAME_CREDIT_MS 48u /* three frames */
#define AFTER_KEY_MS 50
#define HOLD_MS 1000
#define TICK_MS 1000
#define COLUMN_REST_MS 100
static const char FENCE[] = "\033[5n";

uint64_t ui_now(const struct ui *ui)
{
    return loop_now_ms(ui->config.loop);
}

void ui_touch(struct ui *ui, unsigned dirty)
{
    if (dirty == DIRTY_WORDS) {
        if (!timer_running(ui->words_timer))
            timer_start(ui->words_timer, WORDS_MS);
        return;
    }
    ui->dirty |= dirty;
    loop_defer(ui->config.loop, &ui->hook);
}

bool ui_agent_lives(const struct ui *ui)
{
    return ui->session && session_state(ui->session) == SESSION_RUNNING;
}

const struct tab *ui_tab(const struct ui *ui)
{
    return ui->session ? sessions_tab(ui->config.sessions, ui->session) : NULL;
}

struct view *ui_view(struct ui *ui, enum ui_mode mode)
{
    switch (mode) {
    case MODE_WAITING:
        return &ui->panels[PANEL_WAITING];
    case MODE_REQUESTS:
        return &ui->panels[PANEL_REQUESTS];
    case MODE_WORDS:
        return &ui->panels[PANEL_WORDS];
    case MODE_HELP:
        return &ui->help;
    case MODE_MESSAGES:
        return &ui->messages_view;
    case MODE_LINKS:
        return &ui->links_view;
    case MODE_EXPIRED:
        return &ui->expired_view;
    case MODE_RULES:
        return &ui->rules_view;
    case MODE_CLIPBOARD:
        return &ui->clipboard_view;
    case MODE_AGENT:
    case MODE_REVIEW:
    case MODE_COPY:
    case MODE_COPY_EMACS:
    case MODE_COPY_FIND:
    case MODE_PASTE:
    case MODE_COUNT:
        return NULL;
    }
    CHECK_UNREACHABLE();
}

struct view_env ui_env(struct ui *ui)
{
    return (struct view_env){.frame = ui->frame,
            .session = ui->session,
            .sessions = ui->config.sessions,
            .gate = ui->config.gate,
            .config = ui->config.config,
            .messages = ui->config.messages,
            .links = &ui->links,
            .offer = &ui->offer,
            .marks = &ui->marks,
            .rules = &ui->rules,
            .prefix = ui->input.prefix.name,
            .kind = ui->layout.kind,
            .wall_ms = clock_wall_ms()};
}

/* --- layout --------------------------------------------------------------------------- */

static void resize_session(struct ui *ui)
{
    int cols = 0, rows = 0, has_cols = 0, has_rows = 0;
    if (!ui->session)
        return;
    ui_pane_size(ui, &cols, &rows);
    struct vt *vt = session_vt(ui->session);
    if (vt)
        vt_size(vt, &has_cols, &has_rows);
    if (cols != has_cols || rows != has_rows)
        ui_copy_resize(ui, cols, rows);
}

static void compute_layout(struct ui *ui)
{
    struct layout_want want = {.cols = ui->cols,
            .rows = ui->rows,
            .panels = ui->config.panels,
            .column = ui->column && !ui->mouse.given,
            .side_cols = ui->side_cols,
            .zoom = ui->zoom_pane,
            .open = ui->open};
    layout_compute(&want, &ui->layout);
    for (int i = 0; i < PANEL_COUNT; i++)
        ui->panels[i].area = ui->layout.panel[i];
    ui->help.area = ui->messages_view.area = ui->layout.middle;
    ui->links_view.area = ui->clipboard_view.area = ui->layout.middle;
    ui->expired_view.area = ui->layout.middle;
    ui->rules_view.area = ui->layout.middle;
    commit_set_can_decide(&ui->review.commit, ui->layout.can_decide);
}

/* A change by the user's key: the agent is told about its new size after a moment of rest. */
void ui_relayout(struct ui *ui)
{
    struct rect before = ui->layout.pane;
    compute_layout(ui);
    if (before.cols != ui->layout.pane.cols || before.rows != ui->layout.pane.rows)
        timer_start(ui->resize_timer, COLUMN_REST_MS);
    ui_touch(ui, DIRTY_ALL);
}

void ui_column_width(struct ui *ui, int cols)
{
    int room = ui->cols - LAYOUT_AGENT_COLS;
    if (ui->layout.kind > LAYOUT_ACCORDION)
        return;
    cols = cols > room ? room : cols;
    ui->side_cols = cols < LAYOUT_SIDE_MIN ? LAYOUT_SIDE_MIN : cols;
    ui_relayout(ui);
}

static void on_resize(void *ctx)
{
    struct ui *ui = ctx;
    tty_size(ui->tty, &ui->cols, &ui->rows);
    frame_resize(ui->frame, ui->cols, ui->rows);
    compute_layout(ui);
    timer_stop(ui->resize_timer);
    resize_session(ui);
    commit_repaint(&ui->review.commit);
    ui_touch(ui, DIRTY_ALL);
}

void ui_pane_size(const struct ui *ui, int *ret_cols, int *ret_rows)
{
    *ret_cols = ui->layout.pane.cols > 2 ? ui->layout.pane.cols : 2;
    *ret_rows = ui->layout.pane.rows > 1 ? ui->layout.pane.rows : 1;
}

/* --- drawing -------------------------------------------------------------------------- */

struct view *ui_overlay(struct ui *ui)
{
    struct view *view = ui_view(ui, ui->mode);
    if (!view)
        return NULL;
    for (int i = 0; i < PANEL_COUNT; i++)
        if (view == &ui->panels[i] && ui->layout.panel[i].rows > 1 && !ui->zoom_panel)
            return NULL;
    return view;
}

static void draw_prefix_list(struct ui *ui, const struct view_env *env)
{
    struct rect middle = ui->layout.middle;
    int rows = middle.rows / 3;
    struct view list = {.ops = &v_help_ops,
            .area = {middle.row + middle.rows - rows, middle.col, rows, middle.cols}};
    view_draw(&list, env);
}

static void draw_middle(struct ui *ui, const struct view_env *env)
{
    struct view *over = ui_overlay(ui);
    bool all = ui->dirty & DIRTY_ALL;
    if (ui->mode == MODE_REVIEW) {
        if (ui->dirty & (DIRTY_ALL | DIRTY_PANELS))
            review_draw(&ui->review, env, ui->layout.middle, ui_now(ui));
        return;
    }
    if (over) {
        over->area = ui->layout.middle; /* until the next layout */
        if (ui->dirty & (DIRTY_ALL | DIRTY_PANELS | DIRTY_WORDS))
            view_draw(over, env);
        return;
    }
    if (ui->dirty & (DIRTY_ALL | DIRTY_PANE) && !ui_copy_draw(ui, env, ui->layout.pane))
        v_agent_draw(env, ui->layout.pane, all);
    for (int i = 0; i < PANEL_COUNT; i++)
        if (ui->dirty & (DIRTY_ALL | DIRTY_PANELS | (i == PANEL_WORDS ? DIRTY_WORDS : 0)))
            view_draw(&ui->panels[i], env);
}

static void draw_chrome(struct ui *ui, const struct view_env *env)
{
    const struct messages *messages = ui->config.messages;
    const struct message *message = messages_shown(messages);
    struct chrome_state state = {.mode = ui->mode,
            .prefix = ui->prefix,
            .quit_asked = ui->asked == ASKED_QUIT,
            .stop_asked = ui->asked == ASKED_STOP,
            .zoom = ui->zoom_pane || ui->zoom_panel,
            .mark = ui->config.mark,
            .hits = &ui->hits,
            .message = message ? message->text : NULL};
    ui_copy_note(ui, &state.note, &state.news);
    chrome_tabs(env, ui->layout.tabs, &state);
    chrome_status(env, ui->layout.status, &state);
    buf_release(&state.note);
    buf_release(&state.news);
}

/* The hardware cursor sits where the attention is, also for those who do not see it. */
static struct vt_cursor cursor_place(struct ui *ui, const struct view_env *env)
{
    struct vt_cursor cursor = {.row = ui->layout.status.row, .col = 1};
    struct view *view = ui_view(ui, ui->mode);
    struct rect middle = ui->layout.middle;
    if (ui_copy_cursor(ui, &cursor))
        return cursor;
    if (ui->mode == MODE_AGENT) {
        struct vt_cursor agent;
        if (v_agent_cursor(env, ui->layout.pane, &agent))
            return agent;
    } else if (ui->mode == MODE_REVIEW && ui->review.edits) {
        cursor.row = ui->review.cursor_row;
        cursor.col = ui->review.cursor_col;
        cursor.visible = true;
    } else if (ui->mode == MODE_REVIEW) {
        cursor.row = middle.row + middle.rows - 1;
        cursor.visible = true;
    } else if (view) {
        struct rect area = view->area;
        int down = ui->mode == MODE_WAITING ? (int)(view->selected - view->top) : 0;
        cursor.row = area.row + 1 + (down < area.rows - 2 ? down : 0);
        cursor.col = area.col + 1;
        cursor.visible = true;
    }
    return cursor;
}

static void arm_timers(struct ui *ui)
{
    bool waits = ui->config.gate && gate_count(ui->config.gate) > 0;
    if (waits && !timer_running(ui->tick_timer))
        timer_start(ui->tick_timer, TICK_MS);
    if (!timer_running(ui->clock_timer))
        timer_start(ui->clock_timer, 60000 - (uint64_t)clock_wall_ms() % 60000);
    uint64_t next = commit_next_ms(&ui->review.commit, ui_now(ui));
    if (next > 0)
        timer_start(ui->commit_timer, next);
}

/* held: all but the agent's own drawing. */
static void draw(struct ui *ui, bool held)
{
    struct view_env env = ui_env(ui);
    struct buf *out = &ui->out;
    if (frame_lost(ui->frame))
        ui->dirty |= DIRTY_ALL;
    draw_middle(ui, &env);
    if (ui->prefix_list)
        draw_prefix_list(ui, &env);
    if (ui->dirty & (DIRTY_ALL | DIRTY_CHROME | DIRTY_PANELS))
        draw_chrome(ui, &env);
    if (!held)
        ui->cursor = cursor_place(ui, &env);
    frame_end(ui->frame, &ui->cursor, out);
    ui_outer_sync(ui); /* before a fence: what is typed behind it comes as we want it */
    if (ui->mode == MODE_REVIEW && commit_painted(&ui->review.commit, ui_now(ui)))
        buf_puts(out, FENCE);
    if (ui->ring)
        buf_putc(out, '\a');
    ui->ring = false;
    ui_tell_flush(ui);
    if (ui->dirty & (DIRTY_ALL | DIRTY_CHROME | DIRTY_PANELS))
        ui_tell_title(ui);
    ui_copy_flush(ui, out);
    ui->dirty = held ? DIRTY_PANE : 0;
    if (!held)
        ui->hold_at = 0;
    ui->frame_at = ui_now(ui);
    if (buf_len(out) > 0)
        tty_send(ui->tty, out);
    arm_timers(ui);
}

/* The agent is in the middle of an update it wants to appear at once. */
static bool held_back(struct ui *ui, uint64_t now)
{
    struct vt *vt = ui_agent_lives(ui) ? session_vt(ui->session) : NULL;
    if (!(ui->dirty & DIRTY_PANE) || (ui->dirty & DIRTY_ALL) || !vt ||
            !vt_modes(vt).sync_open || mode_is_copy(ui->mode)) {
        ui->hold_at = 0;
        return false;
    }
    if (ui->hold_at == 0)
        ui->hold_at = now;
    return now - ui->hold_at < HOLD_MS;
}

/*
 * Milliseconds until a frame is due. Time is saved up, for at most FRAME_CREDIT_MS, and
 * each frame costs FRAME_MS of it: the second half of an update that came in two reads need not
 * wait, and a flood still gets 60 frames a second. After a key frames are cheap.
 */
static uint64_t frame_wait(struct ui *ui, uint64_t now)
{
    uint64_t credit = ui->credit + (now - ui->credit_at), since = now - ui->frame_at;
    uint64_t cost = now - ui->key_at < AFTER_KEY_MS ? FRAME_KEY_MS : FRAME_MS;
    ui->credit = credit < FRAME_CREDIT_MS ? credit : FRAME_CREDIT_MS;
    ui->credit_at = now;
    uint64_t debt = ui->credit < cost ? cost - ui->credit : 0;
    uint64_t gap = since < FRAME_GAP_MS ? FRAME_GAP_MS - since : 0;
    if (debt > 0 || gap > 0)
        return debt > gap ? debt : gap;
    ui->credit -= cost;
    return 0;
}

static void render(void *ctx)
{
    struct ui *ui = ctx;
    uint64_t now = ui_now(ui);
    if (!ui->dirty)
        return;
    if (tty_busy(ui->tty))
        return; /* on_sent comes back here */
    bool held = held_back(ui, now);
    if (held && ui->dirty == DIRTY_PANE) {
        timer_start(ui->frame_timer, HOLD_MS - (now - ui->hold_at));
        return;
    }
    uint64_t wait = frame_wait(ui, now);
    if (wait > 0) {
        timer_start(ui->frame_timer, wait);
        return;
    }
    if (held) {
        ui->dirty &= ~DIRTY_PANE;
        timer_start(ui->frame_timer, HOLD_MS - (now - ui->hold_at));
    } else {
        timer_stop(ui->frame_timer);
    }
    draw(ui, held);
}

/* --- events --------------------------------------------------------------------------- */

static void on_bytes(void *ctx, struct str bytes)
{
    ui_bytes(ctx, bytes);
}

static void on_sent(void *ctx)
{
    struct ui *ui = ctx;
    if (ui->dirty)
        ui_touch(ui, 0);
}

static void on_gone(void *ctx)
{
    struct ui *ui = ctx;
    ui->config.on_leave(ui->config.ctx, UI_GONE);
}

static void on_frame_timer(void *ctx)
{
    ui_touch(ctx, 0);
}

static void on_words_timer(void *ctx)
{
    struct ui *ui = ctx;
    ui->dirty |= DIRTY_WORDS;
    ui_touch(ui, 0);
}

static void on_esc_timer(void *ctx)
{
    ui_held_keys(ctx);
}

static void on_tick(void *ctx)
{
    ui_gate_tick(ctx);
    ui_touch(ctx, DIRTY_CHROME | DIRTY_PANELS);
}

static void on_commit_timer(void *ctx)
{
    ui_touch(ctx, DIRTY_PANELS | DIRTY_CHROME);
}

static void on_undo_timer(void *ctx)
{
    ui_gate_release(ctx);
}

static void on_rest(void *ctx)
{
    resize_session(ctx);
}

static void on_prefix_timer(void *ctx)
{
    struct ui *ui = ctx;
    ui->prefix_list = true;
    ui_touch(ui, DIRTY_CHROME);
}

static void on_chrome_timer(void *ctx)
{
    ui_touch(ctx, DIRTY_CHROME);
}

static void make_timers(struct ui *ui)
{
    struct loop *loop = ui->config.loop;
    ui->frame_timer = timer_new(loop, on_frame_timer, ui);
    ui->words_timer = timer_new(loop, on_words_timer, ui);
    ui->esc_timer = timer_new(loop, on_esc_timer, ui);
    ui->tick_timer = timer_new(loop, on_tick, ui);
    ui->commit_timer = timer_new(loop, on_commit_timer, ui);
    ui->undo_timer = timer_new(loop, on_undo_timer, ui);
    ui->resize_timer = timer_new(loop, on_rest, ui);
    ui->prefix_timer = timer_new(loop, on_prefix_timer, ui);
    ui->title_timer = timer_new(loop, on_chrome_timer, ui);
    ui->clock_timer = timer_new(loop, on_chrome_timer, ui);
}

static void free_timers(struct ui *ui)
{
    timer_free(ui->frame_timer);
    timer_free(ui->words_timer);
    timer_free(ui->esc_timer);
    timer_free(ui->tick_timer);
    timer_free(ui->commit_timer);
    timer_free(ui->undo_timer);
    timer_free(ui->resize_timer);
    timer_free(ui->prefix_timer);
    timer_free(ui->title_timer);
    timer_free(ui->clock_timer);
}

static const struct tty_ops TTY_OPS = {
        .on_bytes = on_bytes, .on_sent = on_sent, .on_resize = on_resize, .on_gone = on_gone};

static struct ui *ui_alloc(const struct ui_config *config)
{
    struct ui *ui = xcalloc(1, sizeof *ui);
    ui->config = *config;
    ui->column = true;
    ui->panels[PANEL_WAITING].ops = &v_waiting_ops;
    ui->panels[PANEL_REQUESTS].ops = &v_requests_ops;
    ui->panels[PANEL_WORDS].ops = &v_words_ops;
    ui->help.ops = &v_help_ops;
    ui->messages_view.ops = &v_messages_ops;
    ui->help.focused = ui->messages_view.focused = true;
    ui->links_view = (struct view){.ops = &v_links_ops, .focused = true};
    ui->expired_view = (struct view){.ops = &v_expired_ops, .focused = true};
    ui->rules_view = (struct view){.ops = &v_rules_ops, .focused = true};
    ui->clipboard_view = (struct view){.ops = &v_clipboard_ops, .focused = true};
    ui->hook = (struct loop_hook){.fn = render, .ctx = ui};
    input_init(&ui->input, config->config ? &config->config->prefix : &CHORD_DEFAULT);
    review_init(&ui->review, config->config ? config->config->review_arm_ms : 0);
    ui->review.prefix = ui->input.prefix.name;
    make_timers(ui);
    ui->copy = ui_copy_new(ui);
    return ui;
}

struct ui *ui_new(const struct ui_config *config, struct err *err)
{
    const struct tab *current = sessions_current(config->sessions);
    struct ui *ui = ui_alloc(config);
    ui->tty = tty_open(config->loop, config->tty_fd, &TTY_OPS, ui, err);
    if (!ui->tty) {
        ui_free(ui, NULL, NULL);
        return NULL;
    }
    tty_size(ui->tty, &ui->cols, &ui->rows);
    ui->frame = frame_new(&config->terminal, ui->cols, ui->rows, err);
    if (!ui->frame) {
        ui_free(ui, NULL, NULL);
        return NULL;
    }
    compute_layout(ui);
    tell_enter(&ui->tell, &config->terminal, &ui->out);
    ui_show(ui, current ? current->session : NULL);
    ui_outer_enter(ui);
    return ui; /* drawn at the end of the turn, when a session may have begun to start */
}

void ui_free(struct ui *ui, void (*done)(void *ctx), void *ctx)
{
    struct tty *tty = ui->tty;
    sessions_show(ui->config.sessions, NULL);
    if (ui->config.gate)
        ui_gate_close(ui);
    if (ui->frame) {
        ui_outer_leave(ui);
        tell_leave(&ui->tell, &ui->out);
        frame_leave(ui->frame, &ui->out);
        tty_send_last(ui->tty, &ui->out);
    }
    loop_undefer(&ui->hook);
    free_timers(ui);
    frame_free(ui->frame);
    ui_copy_free(ui->copy);
    ui_past_drop(ui);
    ui_rules_release(ui);
    review_release(&ui->review);
    buf_release(&ui->undo.edited);
    ui_offers_release(ui);
    buf_release(&ui->agent_bytes);
    buf_release(&ui->paste);
    buf_release(&ui->out);
    free(ui);
    if (tty)
        tty_free_then(tty, done, ctx); /* last: it may make the next screen */
}

void ui_show(struct ui *ui, struct session *session)
{
    if (session != ui->session && (mode_is_copy(ui->mode) || ui->mode == MODE_PASTE))
        ui_set_mode(ui, MODE_AGENT);
    ui->session = session;
    ui->hold_at = 0;
    ui->asked = ASKED_NOTHING;
    sessions_show(ui->config.sessions, session);
    ui_outer_colors(ui);
    resize_session(ui);
    ui_touch(ui, DIRTY_ALL);
}

void ui_check_size(struct ui *ui)
{
    tty_check_size(ui->tty);
}

void ui_screen_changed(struct ui *ui)
{
    if (!ui_copy_hides(ui))
        ui_touch(ui, DIRTY_PANE);
}

/* The moment at which the screen is whole: the next update may begin in the same read. */
void ui_screen_whole(struct ui *ui)
{
    uint64_t now = ui_now(ui);
    if (ui_copy_hides(ui))
        return;
    ui->dirty |= DIRTY_PANE;
    if (!tty_busy(ui->tty) && frame_wait(ui, now) == 0)
        draw(ui, false);
    else
        ui_touch(ui, 0);
}

void ui_changed(struct ui *ui)
{
    ui_gate_changed(ui);
    ui_touch(ui, DIRTY_PANE | DIRTY_PANELS | DIRTY_CHROME);
}

void ui_marks_changed(struct ui *ui)
{
    ui_touch(ui, DIRTY_CHROME);
}

void ui_message(struct ui *ui, const char *fmt, ...)
{
    struct buf shown = BUF_INIT;
    char text[MESSAGE_LEN];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    keymap_shown(text, strstr(fmt, "C-\\") ? ui->input.prefix.name : NULL, &shown);
    messages_add(ui->config.messages, clock_wall_ms(), "%.*s", STR_ARG(buf_str(&shown)));
    buf_release(&shown);
    ui_touch(ui, DIRTY_CHROME);
}
