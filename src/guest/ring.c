/*
 * ring.c - a byte ring with absolute positions.
 */
#include "guest/ring.h"

uint64_t ring_tail(const struct ring *ring)
{
    return ring->head > RING_CAP ? ring->head - RING_CAP : 0;
}

char *ring_space(struct ring *ring, size_t *n)
{
    size_t at = (size_t)(ring->head % RING_CAP);
    *n = RING_CAP - at;
    return ring->bytes + at;
}

void ring_commit(struct ring *ring, size_t n)
{
    ring->head += n;
}

int ring_slice(const struct ring *ring, uint64_t at, size_t n, struct iovec out[2])
{
    size_t from = (size_t)(at % RING_CAP);
    size_t first = n < RING_CAP - from ? n : RING_CAP - from;
    out[0] = (struct iovec){(void *)(ring->bytes + from), first};
    if (first == n)
        return 1;
    out[1] = (struct iovec){(void *)ring->bytes, n - first};
    return 2;
}
