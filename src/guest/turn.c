/*
 * turn.c - the poll table of one turn.
 */
#include "guest/turn.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void turn_begin(struct turn *turn)
{
    turn->count = 0;
    turn->wake = INT64_MAX;
}

int turn_want(struct turn *turn, int fd, short events)
{
    if (turn->count >= TURN_MAX)
        abort(); /* TURN_MAX follows from the limits of the parts */
    turn->fds[turn->count] = (struct pollfd){.fd = fd, .events = events};
    return turn->count++;
}

void turn_wake_at(struct turn *turn, int64_t at_ms)
{
    if (at_ms < turn->wake)
        turn->wake = at_ms;
}

void turn_wait(struct turn *turn)
{
    int timeout = -1;
    if (turn->wake != INT64_MAX) {
        int64_t left = turn->wake - clock_ms();
        timeout = left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
    }
    int n = poll(turn->fds, (nfds_t)turn->count, timeout);
    if (n < 0 && errno != EINTR) {
        fprintf(stderr, "icguest: poll: %s\n", strerror(errno));
        abort();
    }
    for (int i = 0; n < 0 && i < turn->count; i++)
        turn->fds[i].revents = 0;
    turn->now = clock_ms();
}

short turn_got(const struct turn *turn, int slot)
{
    if (slot < 0)
        return 0;
    return turn->fds[slot].revents;
}
