/*
 * lines.c - lines cut out of a channel.
 *
 * Most messages are small and lie whole in the channel's own buffer, where they are handled
 * in place. The beginning of one that is not complete moves to `in`, where it is never looked
 * at again before the newline has come.
 */
#include "mcp/lines.h"

#include "base/held.h"
#include "base/limits.h"
#include "base/mem.h"

struct lines {
    struct chan *chan;                       /* owns */
    const struct lines_ops *ops;             /* borrows */
    void *ctx;                               /* borrows from the owner */
    struct buf in;                           /* owns; the beginning of a line */
    char head[LINES_ENDS], tail[LINES_ENDS]; /* of a line that is skipped */
    size_t head_len, tail_len;
    bool patient;
    bool skipping; /* inside a line that is too long */
    bool busy;     /* pump() is on the stack: it frees then */
    bool dead;     /* lines_free() was called */
};

static void pump(void *ctx);
static void on_end(void *ctx);
static void on_fail(void *ctx, const struct err *err);

static const struct chan_ops chan_ops = {
        .on_data = pump, .on_drain = pump, .on_end = on_end, .on_fail = on_fail};

struct lines *lines_new(struct chan *chan, bool patient, const struct lines_ops *ops, void *ctx)
{
    struct lines *lines = xcalloc(1, sizeof(*lines));

    *lines = (struct lines){.chan = chan, .ops = ops, .ctx = ctx, .patient = patient};
    chan_set_ops(chan, &chan_ops, lines);
    return lines;
}

void lines_free(struct lines *lines)
{
    if (!lines)
        return;
    chan_close(lines->chan);
    buf_release(&lines->in);
    if (lines->busy)
        lines->dead = true;
    else
        free(lines);
}

void lines_write(struct lines *lines, const struct str *parts, size_t count)
{
    struct buf *out = chan_out(lines->chan);
    size_t len = 1;

    for (size_t i = 0; i < count; i++)
        len += parts[i].n;
    (void)buf_reserve(out, len);
    for (size_t i = 0; i < count; i++)
        buf_append_str(out, parts[i]);
    buf_putc(out, '\n');
    chan_flush_soon(lines->chan);
}

size_t lines_unsent(const struct lines *lines)
{
    return chan_unsent(lines->chan);
}

void lines_finish(struct lines *lines)
{
    chan_shutdown(lines->chan);
}

/* --- a line that is too long ----------------------------------------------------------------
 */

static void keep_tail(struct lines *lines, struct str more)
{
    if (more.n >= LINES_ENDS) {
        memcpy(lines->tail, more.p + more.n - LINES_ENDS, LINES_ENDS);
        lines->tail_len = LINES_ENDS;
        return;
    }
    size_t keep = LINES_ENDS - more.n < lines->tail_len ? LINES_ENDS - more.n : lines->tail_len;
    memmove(lines->tail, lines->tail + lines->tail_len - keep, keep);
    memcpy(lines->tail + keep, more.p, more.n);
    lines->tail_len = keep + more.n;
}

static void begin_skipping(struct lines *lines)
{
    struct str in = buf_str(&lines->in);

    lines->skipping = true;
    lines->head_len = in.n < LINES_ENDS ? in.n : LINES_ENDS;
    memcpy(lines->head, in.p, lines->head_len);
    lines->tail_len = 0;
    keep_tail(lines, in);
    buf_release(&lines->in);
}

static bool is_too_long(size_t n)
{
    return n > LIMIT_MCP_MESSAGE || (n > LIMIT_MCP_SMALL && held_room() < LIMIT_MCP_SMALL);
}

/* --- lines ---------------------------------------------------------------------------------
 */

static void tell_line(struct lines *lines, struct str line)
{
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    line = str_trim(line);
    if (line.n)
        lines->ops->on_line(lines->ctx, line);
}

/* The rest of the line that is skipped is here. */
static void end_skipping(struct lines *lines, struct str rest)
{
    char head[LINES_ENDS], tail[LINES_ENDS];

    keep_tail(lines, rest);
    lines->skipping = false;
    /* The callee may free us. */
    memcpy(head, lines->head, lines->head_len);
    memcpy(tail, lines->tail, lines->tail_len);
    lines->ops->on_long(lines->ctx, (struct str){head, lines->head_len},
            (struct str){tail, lines->tail_len});
}

/* What is in the channel goes behind the beginning that we have. False: no line is whole. */
static bool complete_line(struct lines *lines, struct str fresh)
{
    const char *end = memchr(fresh.p, '\n', fresh.n);
    struct str piece = {fresh.p, end ? (size_t)(end - fresh.p) : fresh.n};

    if (lines->skipping && end) {
        end_skipping(lines, piece);
    } else if (lines->skipping) {
        keep_tail(lines, piece);
    } else {
        buf_append_str(&lines->in, piece);
        if (is_too_long(buf_len(&lines->in))) {
            begin_skipping(lines);
            if (end)
                end_skipping(lines, STR(""));
        } else if (end) {
            struct buf line = lines->in; /* the callee may free us */

            lines->in = (struct buf)BUF_INIT;
            tell_line(lines, buf_str(&line));
            buf_release(&line);
        }
    }
    if (!lines->dead)
        buf_consume(chan_in(lines->chan), piece.n + (end ? 1 : 0));
    return end != NULL;
}

/* One line, in place if it lies whole in the channel. False: none is whole. */
static bool take_line(struct lines *lines)
{
    struct str fresh = buf_str(chan_in(lines->chan));
    const char *end;

    if (!fresh.n)
        return false;
    if (lines->skipping || buf_len(&lines->in))
        return complete_line(lines, fresh);
    end = memchr(fresh.p, '\n', fresh.n);
    if (!end)
        return complete_line(lines, fresh);
    size_t n = (size_t)(end - fresh.p);
    tell_line(lines, (struct str){fresh.p, n});
    if (!lines->dead)
        buf_consume(chan_in(lines->chan), n + 1);
    return true;
}

static void pump(void *ctx)
{
    struct lines *lines = ctx;
    bool more = true;

    lines->busy = true;
    while (more && !lines->dead && !(lines->patient && chan_full(lines->chan)))
        more = take_line(lines);
    lines->busy = false;
    if (lines->dead)
        free(lines);
    else if (more)
        chan_pause(lines->chan); /* on_drain brings us back */
    else
        chan_resume(lines->chan);
}

static void on_end(void *ctx)
{
    struct lines *lines = ctx;
    struct err err;

    err_set(&err, ERR_EOF, "the connection was closed");
    lines->ops->on_end(lines->ctx, &err);
}

static void on_fail(void *ctx, const struct err *err)
{
    struct lines *lines = ctx;

    lines->ops->on_end(lines->ctx, err);
}
