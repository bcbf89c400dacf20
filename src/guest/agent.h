/*
 * agent.h - the agent: one program under a PTY of the box's own, from fork to exit status.
 *
 * Output is read into the ring, input waits in a bounded queue until the PTY takes it. We
 * keep the slave end open ourselves, so that an agent that closes its terminal for a while
 * does not look like one that ended: the end is what waitpid() says, nothing else.
 */
#ifndef SRC_GUEST_AGENT_H
#define SRC_GUEST_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/frame.h"
#include "guest/ring.h"
#include "guest/turn.h"

/* Two frames: one can always be taken while another waits for the PTY. */
#define AGENT_INPUT (GUEST_FRAME_MAX << 1)

struct agent {
    char *const *argv;     /* borrows */
    const char *cwd;       /* borrows; NULL: ours */
    struct ring *ring;     /* borrows */
    int master, slave;     /* the PTY, open from the beginning; master -1: handed over */
    bool hand_over;        /* to the first host, before the start */
    pid_t pid;             /* 0: not started */
    bool ended;            /* waitpid() has told */
    int64_t ended_at;      /* monotonic milliseconds */
    bool drained;          /* and all it wrote is in the ring */
    bool by_signal;        /* meaning of status */
    int status;            /* exit status or signal number */
    size_t drain_left;     /* bytes still read after the end */
    int stop_step;         /* 0: not asked to stop; else steps of the ladder done */
    int64_t stop_next;     /* when the next step is due */
    int slot;              /* in the poll table, -1: nothing wanted */
    size_t in_off, in_len; /* queued input is in[in_off..in_len) */
    char in[AGENT_INPUT];
};

/* Opens the PTY. 0, or -1 after a message on stderr. */
int agent_init(struct agent *agent, struct ring *ring, char *const *argv, const char *cwd);

/* Start with the size set before. -1: fork failed, message on stderr. */
int agent_start(struct agent *agent);

/* The host has the master now, and nobody else. */
void agent_handed_over(struct agent *agent);

void agent_resize(struct agent *agent, unsigned cols, unsigned rows);
void agent_signal(struct agent *agent, int signo); /* to the foreground process group */

bool agent_has_room(const struct agent *agent); /* for one whole frame of input */
void agent_input(struct agent *agent, const char *p, size_t n);

/* `room`: how much output may be read, 0: none (the host is slow). */
void agent_want(struct agent *agent, struct turn *turn, size_t room);
void agent_turn(struct agent *agent, struct turn *turn, size_t room);

void agent_reap(struct agent *agent);              /* on SIGCHLD: the agent and any orphan */
void agent_stop(struct agent *agent, int64_t now); /* HUP, TERM after 2 s, KILL after 4 s */

#endif
