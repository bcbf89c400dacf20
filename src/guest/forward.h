/*
 * forward.h - 127.0.0.1:PORT in the box carried to a Unix socket of the host, one connection
 * each, both directions with half-close, at most FORWARD_MAX at a time (more wait in the
 * kernel's queue).
 */
#ifndef SRC_GUEST_FORWARD_H
#define SRC_GUEST_FORWARD_H

#include <stdint.h>

#include "guest/turn.h"

#define FORWARD_MAX 256

struct forward_conn;

struct forward {
    int listener;     /* -1: nothing is forwarded */
    int slot;         /* in the poll table */
    const char *path; /* borrows */
    int waiting;      /* accepted, but the host's queue is full; -1: none */
    int64_t retry_at;
    int64_t retry_end;
    struct forward_conn *conns; /* owns */
    int count;
};

void forward_init(struct forward *forward);
/* "PORT:SOCKET". 0, or -1 after a message on stderr. */
int forward_open(struct forward *forward, const char *spec);
void forward_want(struct forward *forward, struct turn *turn);
void forward_turn(struct forward *forward, struct turn *turn);
void forward_free(struct forward *forward);

#endif
