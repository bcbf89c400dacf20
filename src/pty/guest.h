/*
 * guest.h - the host's end of the agent's PTY: the client of icguest over pty.sock.
 *
 * Reads at most LIMIT_PTY_TURN bytes of output a loop turn, so that a flood starves nobody;
 * the rest waits in the kernel and slows the agent down. Input is bounded by
 * LIMIT_PTY_WRITE: guest_input() refuses more (ERR_AGAIN), and any before on_ready.
 */
#ifndef SRC_PTY_GUEST_H
#define SRC_PTY_GUEST_H

#include "base/buf.h"
#include "io/loop.h"

struct guest;

struct guest_ops {
    void (*on_ready)(void *ctx, bool was_running);
    void (*on_replay)(void *ctx, struct str bytes);
    void (*on_output)(void *ctx, struct str bytes);
    void (*on_exit)(void *ctx, int exit_status, int term_signal); /* agent ended; last */
    void (*on_fail)(void *ctx, const struct err *err); /* connection lost, bad frame; last */
};

/* What is wanted of the helper. */
#define GUEST_WANT_REPLAY 1u /* the agent's last output, if it ran before */
/* The PTY itself, if the helper was started to hand it over (guest/frame.h). Only of a box that
 * was just made and has never run anything but the helper: the open file must not be shared. */
#define GUEST_WANT_PTY 2u

struct guest *guest_connect(struct loop *loop, const char *socket_path, int cols, int rows,
        unsigned want, const struct guest_ops *ops, void *ctx, struct err *err);
/* Same protocol on a connected socket (tests, other transports). Takes fd. */
struct guest *guest_adopt(struct loop *loop, int fd, int cols, int rows, unsigned want,
        const struct guest_ops *ops, void *ctx, struct err *err);

int guest_input(struct guest *guest, struct str bytes, struct err *err);
void guest_resize(struct guest *guest, int cols, int rows);
void guest_signal(struct guest *guest, int signo);
void guest_free(struct guest *guest);

#endif
