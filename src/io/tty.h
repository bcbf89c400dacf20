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

/*
 * fd must be a terminal, open for reading and writing (else ERR_USAGE). Puts it into raw mode:
 * no echo, no signals from keys, no output processing ("\n" is a bare line feed). fd stays the
 * caller's, with its flags as they are; close it after tty_free() and the loop's last turn.
 */
struct tty *tty_open(
        struct loop *loop, int fd, const struct tty_ops *ops, void *ctx, struct err *err);
void tty_size(const struct tty *tty, int *ret_cols, int *ret_rows);
bool tty_busy(const struct tty *tty);
/* Ask for the size again, as SIGWINCH does (a client passed the signal on); on_resize comes. */
void tty_check_size(struct tty *tty);
/* Send one frame, not while tty_busy(); on_sent comes, also if it left at once. The bytes are
 * taken over by swapping with `frame`, which comes back empty with memory to reuse. */
void tty_send(struct tty *tty, struct buf *frame);
/* The last bytes of all, also while tty_busy(): they follow what is in flight, and tty_free()
 * flushes them too. Taken over by swapping. Once, right before tty_free(). */
void tty_send_last(struct tty *tty, struct buf *bytes);
/* Flushes what is in flight (bounded by 1 s), restores termios. */
void tty_free(struct tty *tty);
/* The same; done is called once when the terminal is as it was, possibly from inside. */
void tty_free_then(struct tty *tty, void (*done)(void *ctx), void *ctx);

/* Suspend (SIGTSTP): restore the terminal, stop, and after SIGCONT raw mode again. */
void tty_suspend(struct tty *tty);

/* Async-signal-safe: restore termios of fd and write the reset sequence of the modes we set
 * (alternate screen, mouse, paste, focus, cursor). Used by crash handlers and the guardian. */
void tty_emergency_reset(int fd);

/* Remember the settings of fd for tty_emergency_reset() without opening it, for a guardian
 * that outlives the one that did; tty_open() does it by itself. ERR_USAGE: no terminal. */
int tty_save(int fd, struct err *err);
void tty_forget(int fd);

#endif
