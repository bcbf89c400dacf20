/*
 * tls_priv.h - what chan_tls.c and tls.c share.
 */
#ifndef SRC_IO_TLS_PRIV_H
#define SRC_IO_TLS_PRIV_H

#include <openssl/ssl.h>

#include "io/chan_priv.h"
#include "io/tls.h"

/* The TLS half of a channel. */
struct chan_tls {
    SSL *ssl;                  /* owns */
    struct chan *chan;         /* borrows; its owner */
    struct tls_client *client; /* borrows; NULL on the server side */
    struct chan_tls *under;    /* owns; the TLS this one runs within; NULL: none, the socket */
    char *host;                /* owns; client side: the name to verify */
    /* Of the lowest one only: */
    struct str net;   /* ciphertext that SSL may read during this call of the pump */
    struct buf stash; /* owns; ciphertext that SSL did not want yet */
    struct buf wire;  /* owns; bytes the socket did not take yet */

    bool open;     /* handshake done */
    bool more;     /* the pump stopped although there may be more in SSL or the stash */
    bool ticket;   /* a session ticket came: OpenSSL holds a write buffer for nothing */
    bool refused;  /* the name was refused */
    bool h2;       /* h2 is offered (client) or chosen if offered (server) */
    bool said_bye; /* close_notify is in the wire buffer or further */
    char alpn[16];
};

/* A new SSL on which the BIO still has to be set; NULL with an error. */
SSL *tls_server_ssl(struct tls_server *tls, struct err *err);
SSL *tls_client_ssl(struct tls_client *tls, const char *host, bool h2, struct err *err);
bool tls_server_h2(const struct tls_server *tls);

/* A BIO over chan_tls.net and the loop's scratch buffer, or over the TLS under this one. */
BIO *tls_bio_new(struct chan_tls *tls);
/* Whose BIO this SSL has. */
struct chan_tls *tls_of(const SSL *ssl);

#endif
