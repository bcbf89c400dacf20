/*
 * cmd.c - running command line tools.
 *
 * stdout is kept up to OUT_MAX, of stderr and of anything beyond only the last line: enough
 * for an id, a label or the reason of a failure, and bounded whatever the tool prints.
 */
#include "docker/cmd.h"

#include <signal.h>

#include "base/mem.h"
#include "io/child.h"

#define OUT_MAX ((size_t)64 * 1024)
#define LINE_MAX_BYTES 1024

/* A line being assembled from pieces, and the last one that was complete. */
struct lines {
    char text[LINE_MAX_BYTES];
    size_t n;
    char last[LINE_MAX_BYTES];
    size_t last_n;
};

struct cmd {
    struct child *child; /* owns */
    struct timer *idle;  /* owns; NULL: no limit */
    uint32_t idle_ms;
    bool timed_out;
    bool busy; /* inside one of our callbacks: freeing has to wait for its end */
    bool dead;
    struct buf out;
    struct lines lines[2]; /* stdout, stderr */
    void (*on_line)(void *ctx, struct str line);
    void (*done)(void *ctx, const struct cmd_result *result);
    void *ctx;
};

static void on_output(void *ctx, int fd, struct str bytes);
static void on_exit_status(void *ctx, int exit_status, int term_signal);
static void on_idle(void *ctx);

static void cmd_free(struct cmd *cmd)
{
    timer_free(cmd->idle);
    child_free(cmd->child);
    buf_release(&cmd->out);
    free(cmd);
}

struct cmd *cmd_start(struct loop *loop, const struct cmd_spec *spec, struct err *err)
{
    struct cmd *cmd = xcalloc(1, sizeof(*cmd));
    cmd->on_line = spec->on_line;
    cmd->done = spec->done;
    cmd->ctx = spec->ctx;
    cmd->idle_ms = spec->idle_ms;
    const struct child_spec child = {.argv = spec->argv,
            .env = spec->env,
            .cwd = spec->cwd,
            .input = spec->input,
            .on_output = on_output,
            .on_exit = on_exit_status,
            .ctx = cmd};
    cmd->child = child_spawn(loop, &child, err);
    if (!cmd->child) {
        free(cmd);
        return NULL;
    }
    if (spec->idle_ms) {
        cmd->idle = timer_new(loop, on_idle, cmd);
        timer_start(cmd->idle, spec->idle_ms);
    }
    return cmd;
}

void cmd_cancel(struct cmd *cmd)
{
    if (!cmd)
        return;
    cmd->dead = true;
    if (!cmd->busy)
        cmd_free(cmd);
}

pid_t cmd_pid(const struct cmd *cmd)
{
    return child_pid(cmd->child);
}

void cmd_background(struct cmd *cmd)
{
    timer_free(cmd->idle);
    cmd->idle = NULL;
    child_background(cmd->child);
}

int cmd_check(const struct cmd_result *result, const char *what, struct err *err)
{
    char line[300];
    str_vis(line, sizeof(line), result->errline);
    if (result->timed_out)
        return err_set(err, ERR_TIMEOUT, "%s: gave up, it said nothing any more after '%s'",
                what, line);
    if (result->status == 0)
        return 0;
    if (result->errline.n == 0)
        return err_set(err, ERR_IO, "%s: exit status %d", what, result->status);
    return err_set(err, ERR_IO, "%s: %s", what, line);
}

static void line_end(struct cmd *cmd, struct lines *lines)
{
    struct str line = str_trim((struct str){lines->text, lines->n});
    if (line.n) {
        memcpy(lines->last, line.p, line.n);
        lines->last_n = line.n;
        if (cmd->on_line && !cmd->dead)
            cmd->on_line(cmd->ctx, (struct str){lines->last, lines->last_n});
    }
    lines->n = 0;
}

static void on_output(void *ctx, int fd, struct str bytes)
{
    struct cmd *cmd = ctx;
    struct lines *lines = &cmd->lines[fd == 1 ? 0 : 1];
    if (cmd->idle)
        timer_start(cmd->idle, cmd->idle_ms);
    if (fd == 1 && buf_len(&cmd->out) < OUT_MAX) {
        size_t room = OUT_MAX - buf_len(&cmd->out);
        buf_append(&cmd->out, bytes.p, bytes.n < room ? bytes.n : room);
    }
    cmd->busy = true;
    for (size_t i = 0; i < bytes.n; i++) {
        if (bytes.p[i] == '\n' || bytes.p[i] == '\r')
            line_end(cmd, lines);
        else if (lines->n < sizeof(lines->text))
            lines->text[lines->n++] = bytes.p[i];
    }
    cmd->busy = false;
    if (cmd->dead)
        cmd_free(cmd);
}

static void on_exit_status(void *ctx, int exit_status, int term_signal)
{
    struct cmd *cmd = ctx;
    cmd->busy = true;
    line_end(cmd, &cmd->lines[0]);
    line_end(cmd, &cmd->lines[1]);
    const struct lines *said = cmd->lines[1].last_n ? &cmd->lines[1] : &cmd->lines[0];
    const struct cmd_result result = {
            .status = term_signal ? 128 + term_signal : exit_status,
            .timed_out = cmd->timed_out,
            .out = buf_str(&cmd->out),
            .errline = {said->last, said->last_n},
    };
    if (!cmd->dead)
        cmd->done(cmd->ctx, &result);
    cmd_free(cmd);
}

static void on_idle(void *ctx)
{
    struct cmd *cmd = ctx;
    cmd->timed_out = true;
    child_kill(cmd->child, SIGKILL);
}
