/*
 * tls_bio.c - the BIO under every TLS channel.
 *
 * A memory BIO of our own: OpenSSL reads straight out of the loop's read buffer and writes
 * into the loop's scratch buffer, so that an idle channel holds no buffer at all and a record
 * is copied once less than through BIO_s_mem. Reading never reports an end; the pump knows
 * about it. Writing never fails.
 *
 *     SSL -- BIO                          TLS
 *     SSL -- OpenSSL's -- SSL -- BIO      TLS within TLS
 */
#include <openssl/bio.h>
#include <pthread.h>

#include "io/tls_priv.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method; /* owns, for the life of the process */

static int bio_read(BIO *bio, char *to, size_t n, size_t *ret_n)
{
    struct chan_tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (!tls->net.n) {
        BIO_set_retry_read(bio);
        return 0;
    }
    if (n > tls->net.n)
        n = tls->net.n;
    memcpy(to, tls->net.p, n);
    tls->net.p += n;
    tls->net.n -= n;
    *ret_n = n;
    return 1;
}

static int bio_write(BIO *bio, const char *p, size_t n, size_t *ret_n)
{
    struct chan_tls *tls = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    buf_append(&tls->chan->loop->scratch, p, n);
    *ret_n = n;
    return 1;
}

static long bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static void make_method(void)
{
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "channel");
    CHECK(method && BIO_meth_set_read_ex(method, bio_read) &&
            BIO_meth_set_write_ex(method, bio_write) && BIO_meth_set_ctrl(method, bio_ctrl));
}

BIO *tls_bio_new(struct chan_tls *tls)
{
    pthread_once(&once, make_method);

    BIO *bio = BIO_new(tls->under ? BIO_f_ssl() : method);

    CHECK(bio);
    if (tls->under) {
        CHECK(BIO_set_ssl(bio, tls->under->ssl, BIO_NOCLOSE) == 1);
    } else {
        BIO_set_data(bio, tls);
        BIO_set_init(bio, 1);
    }
    return bio;
}

/* The BIO knows; OpenSSL's application data would cost each connection a list. */
struct chan_tls *tls_of(const SSL *ssl)
{
    BIO *ours = BIO_find_type(SSL_get_rbio(ssl), BIO_TYPE_SOURCE_SINK);
    struct chan_tls *tls = BIO_get_data(ours);

    return tls->ssl == ssl ? tls : tls->chan->tls;
}
