/*
 * ca.h - our certificate authority and the leaf certificates minted from it.
 *
 * Root: RSA-2048, ten years, in DIR/ca-cert.pem (0644) and DIR/ca-key.pem (0600). A key file
 * that others can read is refused with the command that mends it. A certificate of an earlier
 * version, which allows no issuing certificate below it, is replaced by one of the same key
 * and subject.
 *
 * The root signs one issuing certificate a start (P-256, valid as long as the root), whose key
 * this process makes and never writes. From then on no memory of ours holds the root's private
 * key. The issuing key is as good as it until the root ends, and is wiped with the process.
 *
 * Leaves: signed by the issuing key, ECDSA P-256, one key for all, 24 h, SAN dNSName or
 * iPAddress, 127-bit positive serial, cached (least recently used goes first), minted again
 * with less than an hour left.
 */
#ifndef SRC_PROXY_CA_H
#define SRC_PROXY_CA_H

#include <stdint.h>

#include "base/str.h"
#include "io/tls.h"

struct ca;

/* Makes the root on first use (takes a while: RSA key). */
struct ca *ca_load_or_create(const char *dir, struct err *err);
void ca_free(struct ca *ca);

const char *ca_cert_path(const struct ca *ca);
/* The root's certificate as PEM; for the box's trust bundle. */
struct str ca_cert_pem(const struct ca *ca);
/* Has to be sent along with every leaf: tls_server_send_issuer(). Borrowed. */
struct x509_st *ca_issuer(const struct ca *ca);

/*
 * The leaf for a name, from the cache or minted now (about 0.1 ms); NULL: OpenSSL failed.
 * `host` is a lower-case DNS name or an address literal. Borrowed until the next call.
 */
const struct tls_identity *ca_leaf(struct ca *ca, const char *host);

/* For tests: Unix time in milliseconds from here instead of clock_wall_ms(). */
void ca_set_clock(struct ca *ca, int64_t (*wall_ms)(void));

#endif
