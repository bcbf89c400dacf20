/*
 * turn.h - one turn of the helper's only loop: what everybody waits for, in one poll table.
 *
 * The table is made anew each turn from what each part wants now, so that no registration
 * can go stale: turn_begin(), everybody's X_want(), turn_wait(), everybody's X_turn().
 */
#ifndef SRC_GUEST_TURN_H
#define SRC_GUEST_TURN_H

#include <poll.h>
#include <stdint.h>

/* Two descriptors for each of 256 connections, and a dozen of our own. */
#define TURN_MAX 544

struct turn {
    struct pollfd fds[TURN_MAX];
    int count;
    int64_t now;  /* monotonic milliseconds, fresh after turn_wait() */
    int64_t wake; /* earliest deadline of the turn, INT64_MAX: none */
};

int64_t clock_ms(void); /* monotonic */

void turn_begin(struct turn *turn);

/* Wait for `events` on fd; returns the slot to ask with turn_got(). A hangup is reported
 * even with events 0, so whoever has seen it must not ask again. */
int turn_want(struct turn *turn, int fd, short events);
void turn_wake_at(struct turn *turn, int64_t at_ms);
void turn_wait(struct turn *turn);

/* What happened in that slot; slot -1 (nothing wanted): 0. */
short turn_got(const struct turn *turn, int slot);

#endif
