/*
 * peer.h - what the channel tests share: an owner that records what it is told, loops with a
 * deadline, descriptors counted, certificates made on the spot.
 */
#ifndef TESTS_UNIT_IO_PEER_H
#define TESTS_UNIT_IO_PEER_H

#include "unit/check.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/chan.h"
#include "io/tls.h"
#include "support/tmpdir.h"
#include "support/trust.h"

struct peer {
    struct chan *chan;
    int opened, data, drained, ended, failed;
    enum err_code why;
    char msg[480];
    bool keep; /* leave the bytes in chan_in() */
    bool echo; /* send them back */
    bool close_on_data;
    bool abort_on_data;
    bool close_at_end;
    size_t got;     /* bytes consumed */
    uint64_t sum;   /* of their values times their places */
    char last[256]; /* the newest bytes, NUL-terminated */
};

static inline void sum_bytes(uint64_t *sum, size_t *at, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        *sum += (uint64_t)(uint8_t)s.p[i] * (1 + *at + i);
    *at += s.n;
}

static inline void peer_on_open(void *ctx)
{
    ((struct peer *)ctx)->opened++;
}

static inline void peer_on_data(void *ctx)
{
    struct peer *p = ctx;
    struct str s = buf_str(chan_in(p->chan));

    p->data++;
    if (p->keep)
        return;
    if (p->echo)
        chan_write(p->chan, s.p, s.n);
    size_t n = s.n < sizeof(p->last) - 1 ? s.n : sizeof(p->last) - 1;
    memcpy(p->last, s.p + s.n - n, n);
    p->last[n] = '\0';
    sum_bytes(&p->sum, &p->got, s);
    buf_consume(chan_in(p->chan), s.n);
    if (p->close_on_data || p->abort_on_data) {
        (p->close_on_data ? chan_close : chan_abort)(p->chan);
        p->chan = NULL;
    }
}

static inline void peer_on_drain(void *ctx)
{
    ((struct peer *)ctx)->drained++;
}

static inline void peer_on_end(void *ctx)
{
    struct peer *p = ctx;

    p->ended++;
    if (p->close_at_end) {
        chan_close(p->chan);
        p->chan = NULL;
    }
}

static inline void peer_on_fail(void *ctx, const struct err *err)
{
    struct peer *p = ctx;

    p->failed++;
    p->why = err->code;
    snprintf(p->msg, sizeof(p->msg), "%s", err->msg);
}

static const struct chan_ops peer_ops = {.on_open = peer_on_open,
        .on_data = peer_on_data,
        .on_drain = peer_on_drain,
        .on_end = peer_on_end,
        .on_fail = peer_on_fail};

static inline void peer_take(struct peer *p, struct chan *chan)
{
    p->chan = chan;
    chan_set_ops(chan, &peer_ops, p);
}

/* For listen_*: the context is the peer that takes the one connection. */
static inline void peer_accept(void *ctx, struct chan *chan)
{
    peer_take(ctx, chan);
}

static inline void tick(void *ctx)
{
    ++*(int *)ctx;
}

/* Turn the loop until the condition holds; fails the test after ten seconds. */
#define UNTIL(loop, condition)                                                                 \
    do {                                                                                       \
        int late_ = 0;                                                                         \
        struct timer *timer_ = timer_new(loop, tick, &late_);                                  \
        timer_start(timer_, 10000);                                                            \
        while (!(condition) && !late_)                                                         \
            loop_turn(loop, true);                                                             \
        timer_free(timer_);                                                                    \
        if (!(condition))                                                                      \
            fail_msg("still not true: %s", #condition);                                        \
    } while (0)

static inline struct loop *test_loop(void)
{
    struct err err;
    struct loop *loop = loop_new(&err);
    int pair[2];

    assert_non_null(loop);
    /* libuv opens a descriptor of its own with the first stream of a loop; those who count
     * descriptors want it to be there. */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    struct chan *chan = chan_adopt_fd(loop, pair[0], NULL, NULL, &err);
    assert_non_null(chan);
    chan_abort(chan);
    close(pair[1]);
    loop_turn(loop, false);
    return loop;
}

static inline int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 3; /* ".", ".." and the folder itself */
}

/* A certificate for `name` (DNS, or IP if ip), signed by `ca` or by itself. */
static inline struct tls_identity make_identity(
        const char *name, bool ip, const struct tls_identity *ca)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    static long serial = 1;
    char san[300];

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_NAME_add_entry_by_txt(
            subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, ca ? X509_get_subject_name(ca->cert) : subject);
    X509_set_pubkey(cert, key);
    snprintf(san, sizeof(san), "%s:%s", ip ? "IP" : "DNS", name);
    X509_EXTENSION *ext =
            ca ? X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san)
               : X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    X509_sign(cert, ca ? ca->key : key, EVP_sha256());
    return (struct tls_identity){cert, key};
}

static inline void drop_identity(struct tls_identity *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

/* The file for clients that shall trust this certificate, and no other. */
static inline void save_cert(
        char *path, size_t size, const char *name, const struct tls_identity *id)
{
    trust_no_system_ca();
    test_tmpfile(path, size, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    PEM_write_X509(f, id->cert);
    fclose(f);
}

#endif
