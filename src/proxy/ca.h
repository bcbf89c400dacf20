/*
 * ca.h - our certificate authority and the leaf certificates minted from it.
 *
 * RSA-2048 CA, ten years, in DIR/ca-cert.pem (0644) and DIR/ca-key.pem (0600). A key file
 * that others can read is refused with the command that mends it. Leaves: ECDSA P-256, one
 * key for all, 24 h, SAN dNSName or iPAddress, 127-bit positive serial, minted off the loop
 * and cached (least recently used goes first), re-minted with less than an hour left.
 */
#ifndef SRC_PROXY_CA_H
#define SRC_PROXY_CA_H

#include "io/tls.h"

struct ca;

/* Makes the CA on first use (takes a while: RSA key). */
struct ca *ca_load_or_create(struct loop *loop, const char *dir, struct err *err);
void ca_free(struct ca *ca);

const char *ca_cert_path(const struct ca *ca);
/* The public certificate as PEM; for the box's trust bundle. */
struct str ca_cert_pem(const struct ca *ca);

/*
 * The leaf for a name if it is in the cache and good for another hour. Else NULL: then it is
 * being minted, and every watch is called when it is there or has failed; after a failure the
 * next call says so in *ret_failed (and the one after it tries again). `host` is a lower-case
 * DNS name or an address literal. The identity stays valid until the loop turn ends.
 */
const struct tls_identity *ca_leaf(struct ca *ca, const char *host, bool *ret_failed);

/* Embed one, set fn and ctx. One CA serves the proxies of all sessions. */
struct ca_watch {
    void (*fn)(void *ctx);
    void *ctx; /* borrows */
    struct ca_watch *next;
};
/* Within fn: the host whose leaf is there now, or has failed. */
const char *ca_minted(const struct ca *ca);
void ca_watch(struct ca *ca, struct ca_watch *watch);
void ca_unwatch(struct ca *ca, struct ca_watch *watch);

/* For tests: Unix time in milliseconds from here instead of clock_wall_ms(). */
void ca_set_clock(struct ca *ca, int64_t (*wall_ms)(void));

#endif
