/*
 * h2_client.h - one HTTP/2 connection to an upstream, shared by requests (RFC 9113).
 */
#ifndef SRC_PROXY_H2_CLIENT_H
#define SRC_PROXY_H2_CLIENT_H

#include "proxy/pool.h"

struct h2_client;

/*
 * Takes the channel, whose handshake chose h2, and puts itself into the origin's list. It
 * leaves that list when it takes no more requests (GOAWAY, ids used up, broken), and frees
 * itself when it has left and its last request is over.
 */
struct h2_client *h2_client_new(struct pool *pool, struct origin *origin, struct chan *chan);
/* A new request on it, or NULL: it has as many as the upstream takes at once. */
struct upstream *h2_client_open(struct h2_client *client);
/* The loop_now_ms() of when its last request ended; UINT64_MAX: some are under way. */
uint64_t h2_client_idle_since(const struct h2_client *client);
/* The next one of its origin. */
struct h2_client *h2_client_next(const struct h2_client *client);
/* Ends it cleanly (GOAWAY); no request may be under way. */
void h2_client_free(struct h2_client *client);

#endif
