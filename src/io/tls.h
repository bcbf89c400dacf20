/*
 * tls.h - what both ends of a TLS channel are configured with.
 *
 * Server side: one context for all hosts; the certificate is chosen per connection by SNI
 * through a callback.
 * Client side: verifies against the system's trust store plus an optional extra anchor,
 * checks the name, offers TLS 1.2 and 1.3, keeps sessions for resumption.
 *
 * ALPN (RFC 7301): http/1.1, and h2 before it where it was asked for on that end. A peer that
 * offers only what we do not speak, or chooses what was not offered, fails the handshake; one
 * without ALPN gets a connection whose chan_alpn() is "".
 */
#ifndef SRC_IO_TLS_H
#define SRC_IO_TLS_H

#include <stdbool.h>

#include "base/err.h"

/* openssl types without its headers */
struct x509_st;
struct evp_pkey_st;

struct tls_server;
struct tls_client;

/* A certificate with its key, made by proxy/ca; a connection takes references of its own. */
struct tls_identity {
    struct x509_st *cert;
    struct evp_pkey_st *key;
};

/*
 * find: the identity for this name, borrowed until the next call, or NULL to reject the name.
 * `conn_ctx` is what chan_set_ops() gave the channel. `sni` is lower case, "" if the client
 * named nobody. Called on resumed handshakes, too; sessions of one name resume no other.
 */
typedef const struct tls_identity *(*tls_find_fn)(void *ctx, void *conn_ctx, const char *sni);

struct tls_server *tls_server_new(tls_find_fn find, void *ctx, struct err *err);
/* The certificate between those that find() returns and the clients' root: sent along. A
 * reference of its own. Without it the leaf goes alone. */
void tls_server_send_issuer(struct tls_server *tls, struct x509_st *issuer);
/* Choose h2 when a client offers it; off at first. For connections started from then on. */
void tls_server_set_h2(struct tls_server *tls, bool on);
void tls_server_free(struct tls_server *tls); /* channels using it must be closed before */

/* extra_ca: PEM file with more trust anchors, or NULL. */
struct tls_client *tls_client_new(const char *extra_ca, struct err *err);
void tls_client_free(struct tls_client *tls);

#endif
