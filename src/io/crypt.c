/*
 * crypt.c - hashes, random numbers, base64.
 *
 * The digest is fetched once: OpenSSL 3 otherwise looks it up by name in every call, which
 * costs more than hashing a small message.
 */
#include "io/crypt.h"

#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

#include "base/err.h"
#include "base/mem.h"

struct sha256 {
    EVP_MD_CTX *ctx; /* owns */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *md; /* owns, for the life of the process */

static void drop_md(void)
{
    EVP_MD_free(md);
    md = NULL;
}

static void fetch_md(void)
{
    md = EVP_MD_fetch(NULL, "SHA256", NULL);
    CHECK(md);
    atexit(drop_md);
}

static void to_hex(const uint8_t raw[SHA256_LEN], char out[SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < SHA256_LEN; i++) {
        out[2 * i] = digits[raw[i] >> 4];
        out[2 * i + 1] = digits[raw[i] & 15];
    }
    out[SHA256_HEX - 1] = '\0';
}

void crypt_sha256(const void *p, size_t n, uint8_t out[SHA256_LEN])
{
    pthread_once(&once, fetch_md);
    CHECK(EVP_Digest(p, n, out, NULL, md, NULL) == 1);
}

void crypt_sha256_hex(const void *p, size_t n, char out[SHA256_HEX])
{
    uint8_t raw[SHA256_LEN];

    crypt_sha256(p, n, raw);
    to_hex(raw, out);
}

void crypt_sha1(const void *p, size_t n, uint8_t out[SHA1_LEN])
{
    CHECK(EVP_Digest(p, n, out, NULL, EVP_sha1(), NULL) == 1);
}

struct sha256 *sha256_new(void)
{
    struct sha256 *h = xmalloc(sizeof(*h));

    pthread_once(&once, fetch_md);
    h->ctx = EVP_MD_CTX_new();
    CHECK(h->ctx && EVP_DigestInit_ex(h->ctx, md, NULL) == 1);
    return h;
}

void sha256_add(struct sha256 *h, const void *p, size_t n)
{
    CHECK(EVP_DigestUpdate(h->ctx, p, n) == 1);
}

void sha256_end(struct sha256 *h, char out[SHA256_HEX])
{
    uint8_t raw[SHA256_LEN];

    CHECK(EVP_DigestFinal_ex(h->ctx, raw, NULL) == 1);
    to_hex(raw, out);
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

void crypt_random(void *p, size_t n)
{
    uint8_t *to = p;

    while (n) {
        ssize_t got = getrandom(to, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        CHECK(got > 0);
        to += got;
        n -= (size_t)got;
    }
}

size_t crypt_base64url(const void *p, size_t n, char *out)
{
    static const char digits[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const uint8_t *in = p;
    size_t len = 0;

    for (size_t i = 0; i < n; i += 3) {
        size_t left = n - i;
        uint32_t bits = (uint32_t)in[i] << 16;

        if (left > 1)
            bits |= (uint32_t)in[i + 1] << 8;
        if (left > 2)
            bits |= in[i + 2];
        for (size_t k = 0; k < (left > 2 ? 4 : left + 1); k++)
            out[len++] = digits[bits >> (18 - 6 * k) & 63];
    }
    out[len] = '\0';
    return len;
}

size_t crypt_base64(const void *p, size_t n, char *out)
{
    CHECK(n <= INT_MAX / 2);
    return (size_t)EVP_EncodeBlock((unsigned char *)out, p, (int)n);
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* OpenSSL knows one alphabet, wants the padding, and counts it as zero bytes. */
bool crypt_base64_decode(struct str text, struct buf *ret)
{
    uint32_t bits = 0;
    unsigned count = 0;

    while (text.n && text.p[text.n - 1] == '=')
        text.n--;
    if (text.n % 4 == 1)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        int value = base64_value(text.p[i]);

        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            buf_putc(ret, (char)(bits >> count & 0xff));
        }
    }
    return true;
}

void crypt_uuid(char out[37])
{
    uint8_t b[16];

    crypt_random(b, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4 */
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
            b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
            b[13], b[14], b[15]);
}
