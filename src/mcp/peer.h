/*
 * peer.h - the other end of a conversation in JSON-RPC messages, whatever carries it.
 *
 * Both sides of the proxy see only this: an agent's connection (session of HTTP) and a server
 * (process, or URL). A transport embeds a struct peer, fills `ops`, and calls the `events` that
 * its user set before anything can come. stdio.h is the one for a socket and for a process.
 *
 *   messages  One JSON text each, without a newline in it: a transport that takes texts with
 *             newlines makes them blanks first (they can only stand between values). What it
 *             is, and whether it is JSON, is for the user to find out (message.h).
 *   about     The raw id of the request that a message belongs to: its answer, its progress,
 *             questions of a server during it. Outwards it is an id of the other side's
 * request, inwards one of ours; empty if it is not known or there is none. HTTP sends what is
 *             about a request on the stream of that; a socket does not care. What answers a
 *             batch is one message, about the first request of it.
 *   answers   What ends a request of the other side goes out by peer_answer(); with no parts:
 *             there will be no answer (it was taken back).
 *   sending   Never blocks and never fails at once. Who sends without being asked looks at
 *             peer_unsent() first. A transport does not read on from who does not read.
 *   end       on_closed is the last event; then, or earlier, the user calls peer_close(), which
 *             frees the peer and means silence, also from inside an event.
 */
#ifndef SRC_MCP_PEER_H
#define SRC_MCP_PEER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct peer;

/* By the transport. */
struct peer_ops {
    /* The message is the parts one behind another; they are copied. */
    void (*send)(struct peer *peer, struct str about, const struct str *parts, size_t count);
    /* NULL: as send, and nothing if there are no parts. */
    void (*answer)(struct peer *peer, struct str about, const struct str *parts, size_t count);
    size_t (*unsent)(const struct peer *peer);
    void (*close)(struct peer *peer);
    /* To a server: it is initialized with this revision ("2025-11-25"). May be NULL. What
     * follows is notifications/initialized. */
    void (*initialized)(struct peer *peer, const char *revision);
};

/* By who talks to it. Views are valid during the call. */
struct peer_events {
    void (*on_message)(void *ctx, struct str about, struct str text);
    /* A message over LIMIT_MCP_MESSAGE is over; what is left of it is its beginning and end. */
    void (*on_oversize)(void *ctx, struct str about, struct str head, struct str tail);
    void (*on_closed)(void *ctx, const struct err *why);

    /* From a server that is reached by HTTP, each request of which can fail by itself. */
    /* No answer to that will come. */
    void (*on_lost)(void *ctx, struct str about, const struct err *why);
    /* Is an answer to that still waited for? */
    bool (*is_wanted)(void *ctx, struct str about);
    /* It has forgotten the session: initialize it again. What it refused because of that, and
     * what is sent meanwhile, goes to it afterwards. */
    void (*on_forgotten)(void *ctx);
};

struct peer {
    const struct peer_ops *ops;       /* borrows */
    const struct peer_events *events; /* borrows; NULL: nothing may be told yet */
    void *ctx;                        /* borrows from the user */
};

static inline void peer_listen(struct peer *peer, const struct peer_events *events, void *ctx)
{
    peer->ctx = ctx;
    peer->events = events;
}

static inline void peer_send(
        struct peer *peer, struct str about, const struct str *parts, size_t count)
{
    peer->ops->send(peer, about, parts, count);
}

static inline void peer_answer(
        struct peer *peer, struct str about, const struct str *parts, size_t count)
{
    if (peer->ops->answer)
        peer->ops->answer(peer, about, parts, count);
    else if (count)
        peer->ops->send(peer, about, parts, count);
}

static inline size_t peer_unsent(const struct peer *peer)
{
    return peer->ops->unsent(peer);
}

static inline void peer_close(struct peer *peer)
{
    if (peer)
        peer->ops->close(peer);
}

#endif
