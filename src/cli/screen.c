/*
 * screen.c - one session on one terminal, in the foreground.
 *
 * The order is what a person feels: the frame first, then the CA and the clean-up off the
 * loop, then the session. What can be known to be wrong is said before the screen is taken.
 */
#include "cli/screen.h"

#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/guardian.h"
#include "tui/ui.h"

struct screen {
    const struct screen_spec *spec;
    struct session_spec session_spec; /* the given one, completed from the configuration */
    struct app app;
    struct ui *ui;
    struct session *session;
    struct sigwatch *term, *hangup, *interrupt;
    int exit_code;
    char farewell[600]; /* printed when the terminal is back */
};

static void on_screen(void *ctx)
{
    ui_screen_changed(((struct screen *)ctx)->ui);
}

static void on_whole(void *ctx)
{
    ui_screen_whole(((struct screen *)ctx)->ui);
}

static void on_change(void *ctx)
{
    ui_changed(((struct screen *)ctx)->ui);
}

static void on_bell(void *ctx)
{
    ui_bell(((struct screen *)ctx)->ui);
}

static void on_notice(void *ctx, const char *text)
{
    ui_message(((struct screen *)ctx)->ui, "%s", text);
}

static void on_ended(void *ctx, int exit_status, const char *message)
{
    struct screen *screen = ctx;

    screen->exit_code = exit_status < 0 ? EXIT_FAILED : exit_status;
    str_vis(screen->farewell, sizeof(screen->farewell), str_of(message));
    ui_changed(screen->ui);
    if (screen->spec->quit_at_end)
        loop_stop(screen->app.loop);
}

static const struct session_ops session_ops = {
        .on_screen = on_screen,
        .on_whole = on_whole,
        .on_change = on_change,
        .on_bell = on_bell,
        .on_notice = on_notice,
        .on_ended = on_ended,
};

static void on_quit(void *ctx)
{
    struct screen *screen = ctx;

    loop_stop(screen->app.loop);
}

static void on_signal(void *ctx, int signo)
{
    struct screen *screen = ctx;

    screen->exit_code = 128 + signo;
    snprintf(screen->farewell, sizeof(screen->farewell), "ended by signal %d", signo);
    loop_stop(screen->app.loop);
}

static void fail(struct screen *screen, const struct err *err)
{
    log_error("screen", "%s", err->msg);
    snprintf(screen->farewell, sizeof(screen->farewell), "%s", err->msg);
    screen->exit_code = EXIT_FAILED;
    loop_stop(screen->app.loop);
}

static void gate_changed(void *ctx)
{
    ui_changed(ctx);
}

static void audit_failed(void *ctx, const char *why)
{
    ui_message(ctx, "AUDIT FAILED: %s; nothing is approved any more", why);
}

static void start_session(struct screen *screen)
{
    struct session_spec *spec = &screen->session_spec;
    struct session_env env = app_env(&screen->app);
    struct err err;

    ui_pane_size(screen->ui, &spec->cols, &spec->rows);
    screen->session = session_start(&env, spec, &session_ops, screen, &err);
    if (!screen->session) {
        fail(screen, &err);
        return;
    }
    ui_set_session(screen->ui, screen->session);
    if (screen->spec->message)
        ui_message(screen->ui, "%s", screen->spec->message);
}

static void on_ca(void *ctx, const struct err *err)
{
    struct screen *screen = ctx;

    if (err)
        fail(screen, err);
    else
        start_session(screen);
}

int screen_check_terminal(void)
{
    const char *term = getenv("TERM");

    if (!isatty(0) || !isatty(1)) {
        fprintf(stderr,
                "ironcurtain: the screen needs a terminal on standard input and output; "
                "for scripts there is 'ironcurtain run'\n");
        return EXIT_USAGE;
    }
    if (!term || !*term || strcmp(term, "dumb") == 0) {
        fprintf(stderr,
                "ironcurtain: TERM is '%s', which cannot show a screen; for scripts "
                "there is 'ironcurtain run'\n",
                term ? term : "");
        return EXIT_USAGE;
    }
    return 0;
}

static int open_all(struct screen *screen, struct err *err)
{
    const struct screen_spec *spec = screen->spec;
    struct session_env env;

    if (app_open(&screen->app, &spec->app, err) < 0)
        return err->code;
    if (spec->on_open && spec->on_open(spec->ctx, &screen->app, err) < 0)
        return err->code;
    screen->session_spec = spec->session;
    app_session_defaults(&screen->app, &screen->session_spec);
    env = app_env(&screen->app);
    if (session_check(&env, &screen->session_spec, err) < 0)
        return err->code;

    struct ui_config config = {
            .loop = screen->app.loop,
            .gate = screen->app.gate,
            .config = &screen->app.config,
            .tty_fd = STDIN_FILENO,
            .mark = spec->mark,
            .panels = spec->panels,
            .on_quit = on_quit,
            .ctx = screen,
    };
    screen->ui = ui_new(&config, err);
    return screen->ui ? 0 : err->code;
}

static void close_all(struct screen *screen)
{
    if (screen->ui)
        ui_set_session(screen->ui, NULL);
    session_free(screen->session);
    sigwatch_free(screen->term);
    sigwatch_free(screen->hangup);
    sigwatch_free(screen->interrupt);
    if (screen->app.gate)
        gate_set_on_change(screen->app.gate, NULL, NULL);
    if (screen->app.store)
        store_on_failure(screen->app.store, NULL, NULL);
    ui_free(screen->ui);
    if (screen->spec->on_close)
        screen->spec->on_close(screen->spec->ctx);
    if (screen->app.loop)
        app_close(&screen->app);
}

int screen_run(const struct screen_spec *spec)
{
    struct screen screen = {.spec = spec};
    struct err err;

    guardian_start(STDIN_FILENO);
    if (open_all(&screen, &err) < 0) {
        close_all(&screen);
        return cmd_fail(&err);
    }
    screen.term = sigwatch_new(screen.app.loop, SIGTERM, on_signal, &screen);
    screen.hangup = sigwatch_new(screen.app.loop, SIGHUP, on_signal, &screen);
    screen.interrupt = sigwatch_new(screen.app.loop, SIGINT, on_signal, &screen);
    gate_set_on_change(screen.app.gate, gate_changed, screen.ui);
    store_on_failure(screen.app.store, audit_failed, screen.ui);
    app_recover(&screen.app);
    app_load_ca(&screen.app, on_ca, &screen);
    loop_run(screen.app.loop);
    close_all(&screen);
    if (screen.farewell[0])
        cmd_say(screen.farewell);
    return screen.exit_code;
}
