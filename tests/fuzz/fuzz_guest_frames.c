/*
 * fuzz_guest_frames.c - any bytes from the box's helper: they end in one exit or one failure,
 * nothing is told afterwards, and nothing stays open.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pty/guest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    int ready, over;
    size_t bytes;
};

static void on_ready(void *ctx, bool was_running)
{
    struct seen *seen = ctx;
    (void)was_running;
    if (seen->over || seen->ready++)
        abort();
}

static void on_bytes(void *ctx, struct str bytes)
{
    struct seen *seen = ctx;
    if (seen->over || !seen->ready || bytes.n == 0)
        abort();
    seen->bytes += bytes.n;
}

static void on_exit_frame(void *ctx, int exit_status, int term_signal)
{
    struct seen *seen = ctx;
    if (seen->over++ || exit_status > 255 || term_signal > 64)
        abort();
}

static void on_fail(void *ctx, const struct err *err)
{
    struct seen *seen = ctx;
    if (seen->over++ || !err->code)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct guest_ops ops = {on_ready, on_bytes, on_bytes, on_exit_frame, on_fail};
    struct seen seen = {0};
    int fds[2];
    if (size > 64 * 1024 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return 0;
    struct loop *loop = loop_new(NULL);
    unsigned want = size > 0 ? data[size - 1] & (GUEST_WANT_REPLAY | GUEST_WANT_PTY) : 0;
    struct guest *guest = guest_adopt(loop, fds[0], 80, 24, want, &ops, &seen, NULL);
    if (write(fds[1], data, size) != (ssize_t)size)
        abort();
    close(fds[1]);
    while (!seen.over)
        loop_turn(loop, true);
    if (seen.bytes > size)
        abort();
    guest_free(guest);
    loop_free(loop);
    return 0;
}
