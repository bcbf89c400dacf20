/*
 * host.h - the helper's side of pty.sock: one host, its frames, and the replay for the next.
 *
 * A connection becomes the host by a valid HELLO, and only then replaces the one before;
 * whoever connects and says nothing (a probe) disturbs nobody. While a host is connected and
 * does not read, the PTY is not read either and the agent waits; while none is connected the
 * output goes on into the ring, so that the agent works on, and the oldest is forgotten.
 */
#ifndef SRC_GUEST_HOST_H
#define SRC_GUEST_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/agent.h"
#include "guest/frame.h"
#include "guest/ring.h"
#include "guest/turn.h"

#define HOST_HELLO_LEN (GUEST_FRAME_HEAD + 6)
#define HOST_PENDING 4 /* connections that have not said HELLO; more wait in the kernel */

struct pending {
    int fd; /* -1: free */
    int slot;
    int64_t until; /* closed then, if it still says nothing */
    size_t len;
    unsigned char hello[HOST_HELLO_LEN];
};

struct host {
    struct agent *agent;     /* borrows */
    const struct ring *ring; /* borrows */
    const char *path;        /* borrows */
    int listener, listener_slot;
    struct pending pending[HOST_PENDING];

    int fd; /* -1: no host */
    int slot;
    bool hello;          /* some host has come: the agent may start */
    unsigned cols, rows; /* as the last HELLO said */
    uint64_t sent;       /* position in the ring of what follows the frame under way */
    uint64_t replay_to;  /* output before it goes as REPLAY */
    int64_t progress;    /* when the connection last moved, or the last host left */
    bool exit_sent;

    unsigned char out[GUEST_FRAME_HEAD + 2]; /* head of the frame under way, small bodies */
    size_t out_off, out_len;
    uint64_t body_at; /* the part of its body that is not yet written, from the ring */
    size_t body_left;
    bool ready_due, was_running;
    bool pass; /* the PTY's master goes with the frame under way */

    size_t in_len;
    unsigned char in[GUEST_FRAME_HEAD + GUEST_FRAME_MAX];
};

int host_init(struct host *host, struct agent *agent, const char *path); /* listens */
void host_free(struct host *host);                                       /* unlinks */

/* How much output may be read from the PTY now. */
size_t host_room(const struct host *host);

void host_want(struct host *host, struct turn *turn);
void host_turn(struct host *host, struct turn *turn);

/* The agent ended and the host has been told, or nobody was there to be told for 10 s. */
bool host_is_done(const struct host *host, const struct turn *turn);

#endif
