/*
 * stdio.c - the transports made of lines.
 *
 * A server has one end of a socketpair as both stdin and stdout. It has ended when its stdout
 * and the process have, or END_MS after one of them: something that it left behind may hold the
 * socket open for ever, and it may close its stdout and stay.
 */
#include "mcp/stdio.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/child.h"
#include "mcp/lines.h"

#define MINUTE_MS 60000
#define END_MS 1000

struct stdio {
    struct peer peer;    /* first */
    struct lines *lines; /* owns */
    struct child *child; /* owns; a server's */
    struct loop *loop;   /* borrows; a server's */
    char *name;          /* owns; a server's */
    struct buf errline;  /* owns; the beginning of a line of stderr */
    uint64_t minute;     /* when the one began in which `said` bytes were logged */
    size_t said;
    struct timer *timer; /* owns; one half of a server has ended */
    struct err why;
};

static struct stdio *of(const struct peer *peer)
{
    return (struct stdio *)peer;
}

/* --- what peer.h asks for -----------------------------------------------------------------
 */

static void send_parts(
        struct peer *peer, struct str about, const struct str *parts, size_t count)
{
    (void)about;
    lines_write(of(peer)->lines, parts, count);
}

static size_t unsent(const struct peer *peer)
{
    return lines_unsent(of(peer)->lines);
}

static void close_peer(struct peer *peer)
{
    struct stdio *stdio = of(peer);

    timer_free(stdio->timer);
    lines_free(stdio->lines);
    child_free(stdio->child);
    buf_release(&stdio->errline);
    free(stdio->name);
    free(stdio);
}

static const struct peer_ops peer_ops = {
        .send = send_parts, .unsent = unsent, .close = close_peer};

static void on_line(void *ctx, struct str line)
{
    struct stdio *stdio = ctx;

    if (stdio->peer.events)
        stdio->peer.events->on_message(stdio->peer.ctx, STR(""), line);
}

static void on_long(void *ctx, struct str head, struct str tail)
{
    struct stdio *stdio = ctx;

    if (stdio->peer.events)
        stdio->peer.events->on_oversize(stdio->peer.ctx, STR(""), head, tail);
}

static void tell_closed(struct stdio *stdio, const struct err *why)
{
    if (stdio->peer.events)
        stdio->peer.events->on_closed(stdio->peer.ctx, why);
}

static void on_end(void *ctx, const struct err *why)
{
    tell_closed(ctx, why);
}

static const struct lines_ops agent_ops = {
        .on_line = on_line, .on_long = on_long, .on_end = on_end};

struct peer *stdio_agent(struct chan *chan)
{
    struct stdio *stdio = xcalloc(1, sizeof(*stdio));

    stdio->peer.ops = &peer_ops;
    stdio->lines = lines_new(chan, true, &agent_ops, stdio);
    return &stdio->peer;
}

/* --- a server ------------------------------------------------------------------------------
 */

static void on_end_timer(void *ctx)
{
    struct stdio *stdio = ctx;

    tell_closed(stdio, &stdio->why);
}

/* One of the two has ended. */
static void end_half(struct stdio *stdio)
{
    if (!stdio->timer) {
        stdio->timer = timer_new(stdio->loop, on_end_timer, stdio);
        timer_start(stdio->timer, END_MS);
    } else {
        timer_stop(stdio->timer);
        tell_closed(stdio, &stdio->why);
    }
}

static void on_stdout_end(void *ctx, const struct err *why)
{
    struct stdio *stdio = ctx;

    (void)why;
    if (!stdio->timer)
        err_set(&stdio->why, ERR_EOF, "it closed its output");
    end_half(stdio);
}

static const struct lines_ops server_ops = {
        .on_line = on_line, .on_long = on_long, .on_end = on_stdout_end};

static void log_line(struct stdio *stdio, struct str line)
{
    uint64_t now = loop_now_ms(stdio->loop);
    char text[400];

    if (now - stdio->minute >= MINUTE_MS) {
        stdio->minute = now;
        stdio->said = 0;
    }
    if (line.n == 0 || stdio->said >= LIMIT_MCP_STDERR)
        return;
    stdio->said += line.n;
    str_vis(text, sizeof(text), line);
    log_info("mcp", "server '%s' says: %s%s", stdio->name, text,
            stdio->said >= LIMIT_MCP_STDERR ? " (and no more in this minute)" : "");
}

static void on_stderr(void *ctx, int fd, struct str bytes)
{
    struct stdio *stdio = ctx;
    struct str line;

    (void)fd;
    for (;;) {
        bool whole = str_cut(&bytes, '\n', &line);

        if (buf_len(&stdio->errline) + line.n <= LIMIT_MCP_STDERR)
            buf_append_str(&stdio->errline, line);
        if (!whole)
            return;
        log_line(stdio, buf_str(&stdio->errline));
        buf_clear(&stdio->errline);
    }
}

static void on_exit_of(void *ctx, int exit_status, int term_signal)
{
    struct stdio *stdio = ctx;

    if (term_signal)
        err_set(&stdio->why, ERR_EOF, "it was ended by signal %d", term_signal);
    else
        err_set(&stdio->why, ERR_EOF, "it ended with status %d", exit_status);
    end_half(stdio);
}

static struct child *spawn(struct loop *loop, const struct stdio_server *spec, int fd,
        struct stdio *stdio, struct err *err)
{
    struct child_spec child = {
            .argv = spec->argv,
            .env = spec->env,
            .cwd = spec->cwd,
            .talk = true,
            .talk_fd = fd,
            .on_output = on_stderr,
            .on_exit = on_exit_of,
            .ctx = stdio,
    };

    return child_spawn(loop, &child, err);
}

struct peer *stdio_server(struct loop *loop, const struct stdio_server *spec, struct err *err)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        err_set(err, ERR_IO, "cannot make a socket pair");
        return NULL;
    }
    struct stdio *stdio = xcalloc(1, sizeof(*stdio));
    struct chan *chan = NULL;
    stdio->peer.ops = &peer_ops;
    stdio->loop = loop;
    stdio->name = xstrdup(spec->name);
    stdio->child = spawn(loop, spec, fds[1], stdio, err);
    close(fds[1]);
    if (stdio->child)
        chan = chan_adopt_fd(loop, fds[0], NULL, NULL, err);
    if (!chan) {
        close(fds[0]);
        child_free(stdio->child);
        free(stdio->name);
        free(stdio);
        return NULL;
    }
    stdio->lines = lines_new(chan, false, &server_ops, stdio);
    return &stdio->peer;
}
