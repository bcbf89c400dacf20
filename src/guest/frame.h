/*
 * frame.h - what the host and the helper inside the box say to each other over pty.sock.
 *
 * A frame is a five byte header and a body: type (1 byte), length of the body (4 bytes, big
 * endian), body. Both sides refuse a body over GUEST_FRAME_MAX. The host speaks first: HELLO
 * with version and size; the helper answers READY, then the agent's last output as REPLAY
 * frames (if it ran before), then DATA as it comes. The box is hostile: the host checks all
 * it reads. One host at a time: a second connection takes over, the first is closed.
 *
 * A helper started with --hand-over gives the first host the PTY's master itself, with READY
 * (SCM_RIGHTS), and keeps none: the host reads and writes it and sets its size, and no DATA,
 * INPUT and RESIZE go over the socket, only EXIT. It is made before the agent starts, so the
 * box has never had it.
 */
#ifndef SRC_GUEST_FRAME_H
#define SRC_GUEST_FRAME_H

#define GUEST_FRAME_HEAD 5
#define GUEST_FRAME_MAX (64u << 10)
#define GUEST_VERSION 1

enum guest_frame {
    /* host to helper */
    GUEST_HELLO = 'H',  /* u8 version, u16 columns, u16 rows, u8 want_replay */
    GUEST_INPUT = 'I',  /* bytes for the PTY */
    GUEST_RESIZE = 'W', /* u16 columns, u16 rows */
    GUEST_SIGNAL = 'K', /* u8 signal for the agent's foreground process group; after --hand-over
                         * for the agent's own */
    /* helper to host */
    GUEST_READY = 'R',  /* u8 version, u8 GUEST_RAN and GUEST_PTY */
    GUEST_REPLAY = 'P', /* bytes of earlier output, oldest first */
    GUEST_DATA = 'D',   /* bytes from the PTY */
    GUEST_EXIT = 'X'    /* u8 by_signal, u8 status or signal; last frame */
};

#define GUEST_RAN 1u /* the agent was running already */
#define GUEST_PTY 2u /* the PTY's master comes with this */

#endif
