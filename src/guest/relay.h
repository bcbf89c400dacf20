/*
 * relay.h - one direction of a byte stream: read when empty, write what was read, pass the
 * end on as a half-close. One buffer, so a slow reader stops its writer.
 */
#ifndef SRC_GUEST_RELAY_H
#define SRC_GUEST_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#define RELAY_BUF (64u << 10)

enum relay_state {
    RELAY_OPEN,
    RELAY_ENDED, /* the source has ended, its last bytes are not written yet */
    RELAY_DONE   /* all written, the end was passed on */
};

struct relay {
    int from, to; /* borrows */
    enum relay_state state;
    bool discard;     /* the reader is gone: read and throw away */
    size_t write_max; /* bytes in one write(2), so that a blocking pipe does not block */
    size_t off, len;
    char bytes[RELAY_BUF];
};

void relay_init(struct relay *relay, int from, int to);
bool relay_wants_read(const struct relay *relay);
bool relay_wants_write(const struct relay *relay);

/* Call when the descriptor is ready (a spurious call is harmless on a non-blocking one).
 * False: the connection is broken. */
bool relay_read(struct relay *relay);
bool relay_write(struct relay *relay);

void relay_end(struct relay *relay); /* the source has ended */

/* Whoever reads is gone: drop what waits; read on only to let the writer finish. */
void relay_discard(struct relay *relay);

#endif
