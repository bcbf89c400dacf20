/*
 * fuzz_mcp_lines.c - the framing: bytes cut anywhere become the lines that are in them. The
 * first byte of the input says where it is cut.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "io/chan.h"
#include "mcp/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct buf lines;
    bool ended;
};

static void on_line(void *ctx, struct str line)
{
    struct seen *seen = ctx;

    buf_append_str(&seen->lines, line);
    buf_putc(&seen->lines, '\n');
}

static void on_long(void *ctx, struct str head, struct str tail)
{
    (void)ctx;
    (void)head;
    (void)tail;
    abort(); /* no input is that long */
}

static void on_end(void *ctx, const struct err *why)
{
    (void)why;
    ((struct seen *)ctx)->ended = true;
}

static const struct lines_ops ops = {.on_line = on_line, .on_long = on_long, .on_end = on_end};

/* What should come: by a second, simpler reader. */
static void expected(struct str text, struct buf *ret)
{
    while (memchr(text.p, '\n', text.n)) {
        struct str line;

        (void)str_cut(&text, '\n', &line);
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        line = str_trim(line);
        if (line.n) {
            buf_append_str(ret, line);
            buf_putc(ret, '\n');
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {.ended = false};
    struct buf wanted = BUF_INIT;
    struct err err;
    int fds[2];

    if (size < 1 || size > 20000)
        return 0;
    size_t step = data[0] ? data[0] : 4096;
    struct str text = {(const char *)data + 1, size - 1};
    struct loop *loop = loop_new(&err);
    if (!loop || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        abort();
    struct chan *chan = chan_adopt_fd(loop, fds[0], NULL, NULL, &err);
    struct lines *lines = lines_new(chan, size % 2 == 0, &ops, &seen);
    for (size_t at = 0; at < text.n; at += step) {
        size_t n = text.n - at < step ? text.n - at : step;

        if (write(fds[1], text.p + at, n) != (ssize_t)n)
            abort();
        loop_turn(loop, false);
    }
    close(fds[1]);
    while (!seen.ended)
        loop_turn(loop, true);
    expected(text, &wanted);
    if (!str_eq(buf_str(&wanted), buf_str(&seen.lines)))
        abort();
    lines_free(lines);
    loop_free(loop);
    buf_release(&wanted);
    buf_release(&seen.lines);
    return 0;
}
