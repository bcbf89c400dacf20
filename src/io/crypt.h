/*
 * crypt.h - hashes, random numbers, base64; the OpenSSL behind them stays in io.
 */
#ifndef SRC_IO_CRYPT_H
#define SRC_IO_CRYPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SHA256_LEN 32
#define SHA256_HEX 65 /* with the NUL */
#define SHA1_LEN 20

void crypt_sha256(const void *p, size_t n, uint8_t out[SHA256_LEN]);
void crypt_sha256_hex(const void *p, size_t n, char out[SHA256_HEX]); /* lower case */

/* For protocols that name it (RFC 6455); never where it has to resist anybody. */
void crypt_sha1(const void *p, size_t n, uint8_t out[SHA1_LEN]);

/* Incremental. */
struct sha256;
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *h, const void *p, size_t n);
void sha256_end(struct sha256 *h, char out[SHA256_HEX]); /* frees h */

void crypt_random(void *p, size_t n); /* getrandom; cannot fail */

/* RFC 4648 section 5, no padding. out needs n*4/3+2 bytes; returns the length. */
size_t crypt_base64url(const void *p, size_t n, char *out);

/* RFC 4648 section 4, padded. out needs (n+2)/3*4+1 bytes; returns the length. */
size_t crypt_base64(const void *p, size_t n, char *out);

/* Either alphabet, padded or not; appends. False: it is neither, and only a part is there. */
bool crypt_base64_decode(struct str text, struct buf *ret);

/* Random UUID, version 4 (RFC 9562), 36 characters and NUL. */
void crypt_uuid(char out[37]);

#endif
