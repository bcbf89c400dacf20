/*
 * resolve.h - from a host name to the addresses that may be connected to.
 *
 * The guard is here: every answer is judged, and one that is not public refuses the whole
 * name, because whoever mixes public and private answers wants the private one to be tried.
 * `own`: the operator named this host, so his own networks are all right (base/ip.h).
 */
#ifndef SRC_IO_RESOLVE_H
#define SRC_IO_RESOLVE_H

#include <sys/socket.h>

#include "io/loop.h"

/* So many addresses of one name are tried. */
#define RESOLVE_MAX 8

/* In the order in which they are to be tried, the families taking turns (RFC 8305). */
struct resolved {
    struct sockaddr_storage addrs[RESOLVE_MAX];
    size_t count;
};

/* May this name be asked for at all? For a proxy that resolves it, this is all there is. */
int resolve_check_name(const char *name, bool own, struct err *err);

/* 1 if the text is an address, which is then in *ret; 0 if not; negative if it is refused. */
int resolve_literal(
        const char *text, uint16_t port, bool own, struct resolved *ret, struct err *err);

/*
 * Ask the system's resolver; the name is copied. done comes from the loop, exactly once, with
 * addresses or with an error. NULL with an error if it cannot even be asked. libuv lets names
 * take half of the pool's threads at most, so however slow the name servers are, file work goes
 * on.
 */
struct resolve;
struct resolve_query {
    const char *name; /* borrows */
    uint16_t port;
    bool own; /* private addresses are fine */
};
struct resolve *resolve_start(struct loop *loop, const struct resolve_query *query,
        void (*done)(void *ctx, const struct resolved *found, const struct err *err), void *ctx,
        struct err *err);
void resolve_cancel(struct resolve *resolve); /* silence; NULL is fine */

#endif
