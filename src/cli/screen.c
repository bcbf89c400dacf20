/*
 * screen.c - one session on one terminal, in the foreground: server and client in one.
 *
 * The order is what a person feels: what takes a while, the CA and a session's folders, begins
 * off the loop, and meanwhile the screen is made and drawn; the clean-up comes when that has
 * had its time. What can be known to be wrong is said before the screen is taken.
 */
#include "cli/screen.h"

#include <signal.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/guardian.h"
#include "cli/stage.h"

struct screen {
    const struct screen_spec *spec;
    struct session_spec session_spec; /* the given one, completed from the configuration */
    struct stage stage;
    struct stage_terminal terminal;
    struct sigwatch *term, *hangup, *interrupt;
    int exit_code;
    char farewell[600]; /* printed when the terminal is back */
};

static void on_ended(void *ctx, const struct tab *tab, const char *message)
{
    struct screen *screen = ctx;
    int status = session_rec(tab->session)->exit_status;

    screen->exit_code = status < 0 ? EXIT_FAILED : status;
    str_vis(screen->farewell, sizeof(screen->farewell), str_of(message));
    if (screen->spec->quit_at_end)
        loop_stop(screen->stage.app.loop);
}

static void fail(struct screen *screen, const struct err *err)
{
    log_error("screen", "%s", err->msg);
    snprintf(screen->farewell, sizeof(screen->farewell), "%s", err->msg);
    screen->exit_code = EXIT_FAILED;
    loop_stop(screen->stage.app.loop);
}

static void on_signal(void *ctx, int signo)
{
    struct screen *screen = ctx;

    screen->exit_code = 128 + signo;
    snprintf(screen->farewell, sizeof(screen->farewell), "ended by signal %d", signo);
    loop_stop(screen->stage.app.loop);
}

/* The guardian sees that we stopped, stops as well, and wakes us when it is woken. */
static void on_terminal_back(void *ctx)
{
    struct screen *screen = ctx;
    struct err err;

    raise(SIGSTOP);
    if (stage_show(&screen->stage, &screen->terminal, &err) < 0)
        fail(screen, &err);
}

static void on_leave(void *ctx, enum ui_leave why)
{
    struct screen *screen = ctx;

    switch (why) {
    case UI_QUIT:
    case UI_GONE:
        loop_stop(screen->stage.app.loop);
        return;
    case UI_DETACH:
        ui_message(screen->stage.ui, "this session runs in the foreground and ends with its "
                                     "screen; C-\\ q leaves");
        return;
    case UI_EDIT: /* never: ops.can_edit is not set */
        return;
    case UI_SUSPEND:
        stage_hide(&screen->stage, on_terminal_back, screen);
        return;
    }
    CHECK_UNREACHABLE();
}

static void on_ready(void *ctx, const struct err *failed)
{
    struct screen *screen = ctx;
    struct err err;

    if (failed) {
        fail(screen, failed);
        return;
    }
    const struct tab *tab = stage_start(&screen->stage, &screen->session_spec, &err);
    if (!tab) {
        fail(screen, &err);
        return;
    }
    if (screen->stage.ui) /* otherwise it is what is shown next */
        ui_show(screen->stage.ui, tab->session);
}

static const struct stage_ops stage_ops = {
        .on_ready = on_ready,
        .on_leave = on_leave,
        .on_ended = on_ended,
};

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
    struct stage *stage = &screen->stage;
    struct app_options options = spec->app;

    options.store_later = true;
    if (app_open(&stage->app, &options, err) < 0)
        return err->code;
    if (spec->on_open && spec->on_open(spec->ctx, &stage->app, err) < 0)
        return err->code;
    stage_init(stage, &stage_ops, screen);
    screen->session_spec = spec->session;
    if (stage_check(stage, &screen->session_spec, err) < 0)
        return err->code;
    screen->terminal = (struct stage_terminal){
            .fd = STDIN_FILENO, .mark = spec->mark, .panels = spec->panels};
    frame_config_from_env(&screen->terminal.config);
    screen->terminal.config.utf8 = screen->terminal.config.utf8 && !spec->ascii;
    stage_prepare(stage, !spec->session.unboxed);
    if (stage_show(stage, &screen->terminal, err) < 0 || app_wait_store(&stage->app, err) < 0)
        return err->code;
    if (spec->message)
        ui_message(stage->ui, "%s", spec->message);
    return 0;
}

static void close_all(struct screen *screen)
{
    sigwatch_free(screen->term);
    sigwatch_free(screen->hangup);
    sigwatch_free(screen->interrupt);
    signal(SIGHUP, SIG_IGN); /* the terminal may go now; a second SIGTERM still ends at once */
    stage_free(&screen->stage);
    if (screen->spec->on_close)
        screen->spec->on_close(screen->spec->ctx);
    if (screen->stage.app.loop)
        app_close(&screen->stage.app);
}

int screen_run(const struct screen_spec *spec)
{
    struct screen *screen = xcalloc(1, sizeof(*screen));
    struct err err;

    screen->spec = spec;
    guardian_start(STDIN_FILENO);
    if (open_all(screen, &err) < 0) {
        close_all(screen);
        free(screen);
        return cmd_fail(&err);
    }
    struct loop *loop = screen->stage.app.loop;
    screen->term = sigwatch_new(loop, SIGTERM, on_signal, screen);
    screen->hangup = sigwatch_new(loop, SIGHUP, on_signal, screen);
    screen->interrupt = sigwatch_new(loop, SIGINT, on_signal, screen);
    loop_run(loop);
    close_all(screen);
    int exit_code = screen->exit_code;
    if (screen->farewell[0])
        cmd_say(screen->farewell);
    free(screen);
    return exit_code;
}
