/*
 * packet.h - small messages between processes of one user on one machine, each with at most
 * one descriptor: a Unix socket of type SOCK_SEQPACKET.
 *
 * Sequenced packets, because one send is one message: nothing can be half there, and a
 * descriptor belongs to exactly the message that it came with. Whoever connects must have our
 * uid (SO_PEERCRED) or is closed unheard.
 */
#ifndef SRC_IO_PACKET_H
#define SRC_IO_PACKET_H

#include "base/buf.h"
#include "io/loop.h"

struct packets;
struct packet_listener;

struct packet_ops {
    /* fd: -1, or one that is the callee's to close. The bytes are overwritten afterwards. */
    void (*on_packet)(void *ctx, struct str bytes, int fd);
    /* The other side is gone or broke the rules: too long, empty, several descriptors. */
    void (*on_end)(void *ctx);
};

/* One end of a connection; fd is taken over. */
struct packets *packets_new(struct loop *loop, int fd, const struct packet_ops *ops, void *ctx);
/* At once or not at all: false if the other side does not take it. */
bool packets_send(struct packets *packets, struct str bytes);
void packets_free(struct packets *packets);

/* on_accept gets a descriptor for packets_new(). A leftover of a dead process at `path` is
 * removed: the caller knows that nobody listens there. Mode 0600. */
struct packet_listener *packet_listen(struct loop *loop, const char *path,
        void (*on_accept)(void *ctx, int fd), void *ctx, struct err *err);
/* Removes the socket file, if it is still the one that was made. */
void packet_listener_free(struct packet_listener *listener);

#endif
