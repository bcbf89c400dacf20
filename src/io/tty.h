/*
 * tty.h - the user's terminal: raw mode, reading, frames out, size; restored on every way out.
 *
 * uv_tty re-opens the terminal, so that the flags of stdin and stdout, which are shared with
 * the shell that started us, stay as they are. One frame is in flight at a time: while it is
 * unsent tty_busy() is true and the drawer skips frames instead of queueing them.
 */
#ifndef SRC_IO_TTY_H
#define SRC_IO_TTY_H

#include "base/buf.h"
#include "io/loop.h"

struct tty;

struct tty_ops {
    void (*on_bytes)(void *ctx, struct str bytes); /* one read(2) each */
    void (*on_sent)(void *ctx);                    /* the frame left; draw the next if needed */
    void (*on_resize)(void *ctx);                  /* SIGWINCH, coalesced per loop turn */
    void (*on_gone)(void *ctx);                    /* hangup or EOF: the terminal is lost */
};

/* fd must be a terminal (else ERR_USAGE). Puts it into raw mode. */
struct tty *tty_open(struct loop *loop, int fd, const struct tty_ops *ops, void *ctx,
        struct err *err);
void tty_size(const struct tty *tty, int *ret_cols, int *ret_rows);
bool tty_busy(const struct tty *tty);
/* Send one frame; bytes are taken over by swapping with `frame`, which comes back empty. */
void tty_send(struct tty *tty, struct buf *frame);
/* Flushes what is in flight (bounded by 1 s), restores termios. */
void tty_free(struct tty *tty);

/* Suspend (SIGTSTP): restore the terminal, stop, and after SIGCONT raw mode again. */
void tty_suspend(struct tty *tty);

/* Async-signal-safe: restore termios of fd and write the reset sequence of the modes we set
 * (alternate screen, mouse, paste, focus, cursor). Used by crash handlers and the guardian. */
void tty_emergency_reset(int fd);

#endif
