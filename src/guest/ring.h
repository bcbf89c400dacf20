/*
 * ring.h - the agent's last output, and the queue to the host in one.
 *
 * Positions count bytes since the agent started and never wrap (64 bits). The ring holds
 * [tail, head); the host has got everything before its own position `sent`. What is not sent
 * yet is protected by its owner, who does not ask for room beyond it; older bytes are
 * overwritten.
 */
#ifndef SRC_GUEST_RING_H
#define SRC_GUEST_RING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define RING_CAP (256u << 10)

struct ring {
    uint64_t head; /* position after the newest byte */
    char bytes[RING_CAP];
};

uint64_t ring_tail(const struct ring *ring); /* position of the oldest byte kept */

/* Where the next output goes: a pointer into the ring, *n bytes up to its edge. */
char *ring_space(struct ring *ring, size_t *n);
void ring_commit(struct ring *ring, size_t n);

/* The bytes from position `at`, n of them, as one or two pieces; returns how many. */
int ring_slice(const struct ring *ring, uint64_t at, size_t n, struct iovec out[2]);

#endif
