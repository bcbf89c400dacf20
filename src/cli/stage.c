/*
 * stage.c - see stage.h.
 *
 * News of sessions, gate and store are passed to the screen if there is one. What the screen
 * wants is done at the end of the loop's turn, because it may be the end of the screen.
 */
#include "cli/stage.h"

#include "base/file.h"
#include "cli/outside.h"

/* Until a screen says better. */
#define COLS_UNSEEN 80
#define ROWS_UNSEEN 24
/* Looking for what the dead left asks the disk, and the container engine with a program of its
 * own.
 */
#define RECOVER_MS 1000

/* --- news ------------------------------------------------------------------------------- */

static void on_screen(void *ctx)
{
    struct stage *stage = ctx;

    if (stage->ui)
        ui_screen_changed(stage->ui);
}

static void on_whole(void *ctx)
{
    struct stage *stage = ctx;

    if (stage->ui)
        ui_screen_whole(stage->ui);
}

static void on_change(void *ctx)
{
    struct stage *stage = ctx;

    notify_look(stage->notify);
    if (stage->files)
        sessions_count_questions(stage->sessions, stage->app.gate);
    gate_files_look(stage->files);
    if (stage->ui)
        ui_changed(stage->ui);
    if (stage->ops.on_change)
        stage->ops.on_change(stage->ctx);
}

static void on_marks(void *ctx)
{
    struct stage *stage = ctx;

    if (stage->ui)
        ui_marks_changed(stage->ui);
}

static void say(struct stage *stage, const char *text)
{
    if (stage->ui)
        ui_message(stage->ui, "%s", text);
    else
        messages_add(&stage->messages, clock_wall_ms(), "%s", text);
}

/* Whose news it is, unless it is plain. */
static void say_of(struct stage *stage, const struct tab *tab, const char *text)
{
    char line[MESSAGE_LEN];

    if (sessions_count(stage->sessions) < 2) {
        say(stage, text);
        return;
    }
    snprintf(line, sizeof(line), "%s: %s", session_rec(tab->session)->label, text);
    say(stage, line);
}

static void on_notice(void *ctx, const struct tab *tab, const char *text)
{
    say_of(ctx, tab, text);
}

static void on_bell(void *ctx, const struct tab *tab)
{
    struct stage *stage = ctx;

    (void)tab;
    if (stage->ui)
        ui_agent_bell(stage->ui);
}

static void on_agent(void *ctx, const struct tab *tab, const char *text)
{
    struct stage *stage = ctx;

    messages_note(&stage->messages, clock_wall_ms(), "%s: %s", session_rec(tab->session)->label,
            text);
    on_marks(stage);
}

static void on_clipboard(void *ctx, const struct tab *tab)
{
    struct stage *stage = ctx;

    if (stage->ui)
        ui_clipboard_news(stage->ui, tab);
    else
        messages_add(&stage->messages, clock_wall_ms(), "%s: agent wants to copy %zu bytes",
                session_rec(tab->session)->label, session_clipboard(tab->session).n);
}

static void on_ended(void *ctx, const struct tab *tab, const char *message)
{
    struct stage *stage = ctx;

    if (!tab->end_seen)
        say_of(stage, tab, message);
    on_change(stage);
    if (stage->ops.on_ended)
        stage->ops.on_ended(stage->ctx, tab, message);
}

static const struct sessions_ops sessions_ops = {
        .on_screen = on_screen,
        .on_whole = on_whole,
        .on_change = on_change,
        .on_marks = on_marks,
        .on_notice = on_notice,
        .on_bell = on_bell,
        .on_agent = on_agent,
        .on_clipboard = on_clipboard,
        .on_ended = on_ended,
};

static void audit_failed(void *ctx, const char *why)
{
    char line[MESSAGE_LEN];

    snprintf(line, sizeof(line), "AUDIT FAILED: %s; nothing is approved any more", why);
    say(ctx, line);
}

/* --- making and freeing ----------------------------------------------------------------- */

static void leave(void *ctx)
{
    struct stage *stage = ctx;

    stage->ops.on_leave(stage->ctx, stage->leave);
}

void stage_init(struct stage *stage, const struct stage_ops *ops, void *ctx)
{
    stage->ops = *ops;
    stage->ctx = ctx;
    stage->sessions = sessions_new(&sessions_ops, stage);
    stage->notify =
            notify_new(stage->app.loop, stage->app.gate, stage->app.config.notify_command);
    stage->leave_hook = (struct loop_hook){.fn = leave, .ctx = stage};
    if (stage->app.gate) {
        stage->files = gate_files_new(stage->app.loop, stage->app.gate, path_home());
        gate_set_on_change(stage->app.gate, on_change, stage);
    }
    store_on_failure(stage->app.store, audit_failed, stage);
}

static void on_ca(void *ctx, const struct err *err)
{
    struct stage *stage = ctx;

    if (stage->sessions) /* or all is over already */
        stage->ops.on_ready(stage->ctx, err);
}

void stage_prepare(struct stage *stage, bool needs_ca)
{
    app_recover(&stage->app, RECOVER_MS);
    if (needs_ca)
        app_load_ca(&stage->app, on_ca, stage);
    else
        stage->ops.on_ready(stage->ctx, NULL);
}

void stage_free(struct stage *stage)
{
    if (!stage->sessions)
        return;
    loop_undefer(&stage->leave_hook);
    if (stage->ui)
        ui_free(stage->ui, NULL, NULL);
    stage->ui = NULL;
    notify_free(stage->notify);
    stage->notify = NULL;
    if (stage->app.gate)
        gate_set_on_change(stage->app.gate, NULL, NULL); /* while the list goes, too */
    sessions_free(stage->sessions);
    outside_free(stage);
    gate_files_free(stage->files);
    stage->files = NULL;
    stage->sessions = NULL;
    buf_release(&stage->copied);
    store_on_failure(stage->app.store, NULL, NULL);
}

/* --- the screen ------------------------------------------------------------------------- */

static void on_ui_leave(void *ctx, enum ui_leave why)
{
    stage_leave(ctx, why);
}

void stage_leave(struct stage *stage, enum ui_leave why)
{
    if (!stage->leave_hook.next || why == UI_GONE)
        stage->leave = why;
    loop_defer(stage->app.loop, &stage->leave_hook);
}

static void on_ui_edit(void *ctx, uint64_t id, struct str text)
{
    outside_start(ctx, id, text);
}

static void on_ui_stop(void *ctx, struct session *session)
{
    struct stage *stage = ctx;

    sessions_remove(stage->sessions, session);
}

int stage_show(struct stage *stage, const struct stage_terminal *terminal, struct err *err)
{
    struct ui_config config = {
            .loop = stage->app.loop,
            .gate = stage->app.gate,
            .config = &stage->app.config,
            .sessions = stage->sessions,
            .messages = &stage->messages,
            .copied = &stage->copied,
            .tty_fd = terminal->fd,
            .terminal = terminal->config,
            .mark = terminal->mark,
            .panels = terminal->panels,
            .on_leave = on_ui_leave,
            .on_stop = on_ui_stop,
            .on_edit = stage->ops.can_edit ? on_ui_edit : NULL,
            .ctx = stage,
    };

    CHECK(!stage->ui);
    stage->ui = ui_new(&config, err);
    if (stage->ui)
        outside_take_back(stage);
    return stage->ui ? 0 : err->code;
}

static void forget_seen(struct stage *stage)
{
    const struct tab *tab;

    for (unsigned i = 0; (tab = sessions_at(stage->sessions, i));)
        if (tab_has_ended(tab) && tab->end_seen)
            sessions_remove(stage->sessions, tab->session);
        else
            i++;
}

void stage_hide(struct stage *stage, void (*done)(void *ctx), void *ctx)
{
    struct ui *ui = stage->ui;

    stage->ui = NULL;
    loop_undefer(&stage->leave_hook);
    if (!ui) {
        done(ctx);
        return;
    }
    sessions_show(stage->sessions, NULL);
    forget_seen(stage);
    ui_free(ui, done, ctx);
    outside_hold(stage);
}

/* --- sessions --------------------------------------------------------------------------- */

int stage_check(struct stage *stage, struct session_spec *spec, struct err *err)
{
    struct session_env env = app_env(&stage->app);

    app_session_defaults(&stage->app, spec);
    return session_check(&env, spec, err);
}

const struct tab *stage_start(struct stage *stage, struct session_spec *spec, struct err *err)
{
    struct session_env env = app_env(&stage->app);

    spec->cols = COLS_UNSEEN;
    spec->rows = ROWS_UNSEEN;
    if (stage->ui)
        ui_pane_size(stage->ui, &spec->cols, &spec->rows);
    return sessions_start(stage->sessions, &env, spec, err);
}

void stage_stop(struct stage *stage, struct session *session)
{
    CHECK(!stage->ui);
    sessions_remove(stage->sessions, session);
}
