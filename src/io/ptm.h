/*
 * ptm.h - the master of a pseudo terminal on the loop, and how it is received.
 *
 * Reads at most LIMIT_PTY_TURN bytes a loop turn; what more there is waits in the kernel (64
 * KiB), then the program that writes does. What the terminal does not take at once waits here;
 * the owner bounds that by ptm_unsent().
 */
#ifndef SRC_IO_PTM_H
#define SRC_IO_PTM_H

#include "base/str.h"
#include "io/loop.h"

struct ptm;

/*
 * Takes fd, on failure too. ERR_DENIED if it is not the master of a pseudo terminal. It must be
 * the only descriptor of its open file that is left: O_NONBLOCK belongs to the open file, and
 * whoever shares it could switch it off and stop the loop.
 */
struct ptm *ptm_adopt(struct loop *loop, int fd, void (*on_output)(void *ctx, struct str bytes),
        void *ctx, struct err *err);
void ptm_write(struct ptm *ptm, struct str bytes);
size_t ptm_unsent(const struct ptm *ptm);
void ptm_resize(struct ptm *ptm, int cols, int rows);
/* Hands on what is in the kernel now, whatever the turn's share, but not without end. */
void ptm_drain(struct ptm *ptm);
void ptm_free(struct ptm *ptm);

/*
 * The first `n` bytes of a stream socket, at most FIRST_MAX, and the descriptor that came with
 * them (-1: none; the callee's). Exactly these are read. Over with the call, or freed before.
 */
#define FIRST_MAX 16
struct first;
struct first *first_read(struct loop *loop, int fd, size_t n,
        void (*done)(void *ctx, struct str bytes, int passed, const struct err *err),
        void *ctx);
void first_free(struct first *first);

#endif
