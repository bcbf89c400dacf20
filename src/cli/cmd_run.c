/*
 * cmd_run.c - `ironcurtain run`: one command in a box without a screen.
 *
 * The command's output goes to our standard output: as it is when that is a file or a pipe
 * (line ends of the PTY turned back into plain newlines), and with everything but text,
 * newlines and tabs taken out when it is a terminal, since it comes from a box: also the
 * controls of one byte from 0x80 on and their UTF-8 forms, which terminals obey like ESC. Its
 * exit status is ours; 125 is our own failure, 126 and 127 as the box's helper reports them.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/app.h"
#include "cli/cmd.h"
#include "cli/options.h"

struct run {
    struct app app;
    struct session_spec spec;
    struct session *session;
    struct sigwatch *term, *interrupt;
    bool to_terminal;
    bool last_was_cr;
    char part[4]; /* of a character whose end is not here yet, for a terminal */
    size_t part_n;
    int exit_code;
};

static void write_out(struct str bytes)
{
    while (bytes.n) {
        ssize_t n = write(STDOUT_FILENO, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return; /* the reader is gone; the command goes on */
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
}

static bool is_plain(uint32_t cp)
{
    return cp >= 0x20 ? cp < 0x7f || cp >= 0xa0 : cp == '\n' || cp == '\t';
}

/* For a terminal: whole characters only, and none that it would obey. */
static void put_text(struct run *run, struct buf *out, char c)
{
    run->part[run->part_n++] = c;
    while (run->part_n) {
        uint32_t cp = 0;
        int len = utf8_decode(run->part, run->part_n, &cp);

        if (len == 0)
            return;
        if (len > 0 && is_plain(cp))
            buf_append(out, run->part, (size_t)len);
        size_t used = len > 0 ? (size_t)len : 1; /* what is no character is left out */
        run->part_n -= used;
        memmove(run->part, run->part + used, run->part_n);
    }
}

/* For a file: CR LF becomes LF; a CR may be the last byte of one read and its LF the next. */
static void put_byte(struct run *run, struct buf *out, char c)
{
    if (run->last_was_cr && c != '\n')
        buf_putc(out, '\r');
    run->last_was_cr = c == '\r';
    if (c != '\r')
        buf_putc(out, c);
}

static void on_output(void *ctx, struct str bytes)
{
    struct run *run = ctx;
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < bytes.n; i++) {
        if (run->to_terminal)
            put_text(run, &out, bytes.p[i]);
        else
            put_byte(run, &out, bytes.p[i]);
    }
    write_out(buf_str(&out));
    buf_release(&out);
}

static void on_notice(void *ctx, const char *text)
{
    (void)ctx;
    cmd_say(text);
}

static void on_ended(void *ctx, int exit_status, const char *message)
{
    struct run *run = ctx;

    run->exit_code = exit_status;
    if (exit_status < 0) {
        cmd_say(message);
        run->exit_code = EXIT_RUN_FAILED;
    }
    loop_stop(run->app.loop);
}

static const struct session_ops ops = {
        .on_output = on_output,
        .on_notice = on_notice,
        .on_ended = on_ended,
};

static void on_ca(void *ctx, const struct err *err)
{
    struct run *run = ctx;
    struct session_env env = app_env(&run->app);
    struct err why;

    if (!err)
        run->session = session_start(&env, &run->spec, &ops, run, &why);
    if (!run->session) {
        cmd_fail(err ? err : &why);
        run->exit_code = EXIT_RUN_FAILED;
        loop_stop(run->app.loop);
    }
}

static void on_signal(void *ctx, int signo)
{
    struct run *run = ctx;

    run->exit_code = 128 + signo;
    loop_stop(run->app.loop);
}

static int run_loop(struct run *run)
{
    run->term = sigwatch_new(run->app.loop, SIGTERM, on_signal, run);
    run->interrupt = sigwatch_new(run->app.loop, SIGINT, on_signal, run);
    app_recover(&run->app, 0);
    app_load_ca(&run->app, on_ca, run);
    loop_run(run->app.loop);
    session_free(run->session);
    sigwatch_free(run->term);
    sigwatch_free(run->interrupt);
    return run->exit_code;
}

static int check_options(const struct options *options, struct err *err)
{
    if (!options->command)
        return err_set(err, ERR_USAGE, "usage: ironcurtain run [DIR] -- CMD");
    if (options->on_escalate && strcmp(options->on_escalate, "deny") != 0)
        return err_set(err, ERR_USAGE,
                "--on-escalate: without a screen there is nobody to ask; only 'deny' is "
                "possible");
    return 0;
}

int cmd_run(int argc, char **argv)
{
    char cwd[PATH_MAX];
    struct options options;
    struct run run = {.exit_code = EXIT_RUN_FAILED, .to_terminal = isatty(STDOUT_FILENO)};
    struct err err;

    if (options_parse(&options, argc, argv, &err) < 0 || check_options(&options, &err) < 0) {
        cmd_fail(&err);
        return EXIT_USAGE;
    }
    if (!options.dir && !getcwd(cwd, sizeof(cwd)))
        return EXIT_RUN_FAILED;

    struct app_options ao = {.config = options.config, .policy = options.policy};
    if (app_open(&run.app, &ao, &err) < 0)
        return cmd_fail(&err) == EXIT_USAGE ? EXIT_USAGE : EXIT_RUN_FAILED;
    run.spec = (struct session_spec){
            .agent = options.agent ? options.agent : "shell",
            .name = options.name,
            .workspace = options.dir ? options.dir : cwd,
            .runtime = options.runtime,
            .argv = options.command,
            .cols = 80,
            .rows = 24,
    };
    app_session_defaults(&run.app, &run.spec);

    struct session_env env = app_env(&run.app);
    int code = session_check(&env, &run.spec, &err) < 0 ? cmd_fail(&err) : run_loop(&run);
    app_close(&run.app);
    return code;
}
