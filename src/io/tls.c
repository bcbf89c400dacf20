/*
 * tls.c - contexts for both ends of TLS.
 *
 * The server chooses the certificate in the ClientHello callback, not in the certificate
 * callback, because only the former runs on resumed handshakes as well, so that a name is
 * checked every time. The session id context is a hash of the name: a ticket given for one
 * host resumes nothing on another (RFC 6066 section 3).
 *
 * The client keeps one session per host and offer of protocols (ALPN). It was verified for
 * that name when it was made. ALPN itself is negotiated anew on every handshake.
 */
#include "io/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "io/crypt.h"
#include "io/tls_priv.h"
#include "io/uverr.h"

/* Sessions kept for resumption; an agent talks to a handful of hosts. */
#define SESSIONS 64

/* AES-128 first: fastest in hardware, and strong enough for every peer. */
#define SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"

struct tls_server {
    SSL_CTX *ctx; /* owns */
    tls_find_fn find;
    void *find_ctx; /* borrows */
    bool h2;
};

struct kept_session {
    char *host; /* owns; NULL: free slot */
    bool h2;
    SSL_SESSION *session; /* owns */
    uint64_t used;
};

struct tls_client {
    SSL_CTX *ctx; /* owns */
    struct kept_session kept[SESSIONS];
    uint64_t clock;
};

static int on_client_hello(SSL *ssl, int *alert, void *arg);
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
        const unsigned char *in, unsigned inlen, void *arg);
static int on_session(SSL *ssl, SSL_SESSION *session);

static SSL_CTX *new_ctx(const SSL_METHOD *method, struct err *err)
{
    ERR_clear_error();

    SSL_CTX *ctx = SSL_CTX_new(method);

    if (!ctx || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
            !SSL_CTX_set_ciphersuites(ctx, SUITES_13)) {
        err_ssl(err, "cannot set up TLS");
        SSL_CTX_free(ctx);
        return NULL;
    }
    /* RELEASE_BUFFERS: an idle connection gives its 2 x 17 KiB of record buffers back. */
    SSL_CTX_set_mode(ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx,
            SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    return ctx;
}

/* What we speak, best first, in the form of the extension. */
static struct str alpn_list(bool h2)
{
    struct str both = STR("\x02h2\x08http/1.1");

    return h2 ? both : (struct str){both.p + 3, both.n - 3};
}

/* --- server ------------------------------------------------------------------------ */

struct tls_server *tls_server_new(tls_find_fn find, void *ctx, struct err *err)
{
    SSL_CTX *ssl_ctx = new_ctx(TLS_server_method(), err);

    if (!ssl_ctx)
        return NULL;

    struct tls_server *tls = xcalloc(1, sizeof(*tls));

    tls->ctx = ssl_ctx;
    tls->find = find;
    tls->find_ctx = ctx;
    SSL_CTX_set_client_hello_cb(ssl_ctx, on_client_hello, tls);
    SSL_CTX_set_alpn_select_cb(ssl_ctx, on_alpn, NULL);
    /* The root is not sent along: clients have it. */
    SSL_CTX_set_mode(ssl_ctx, SSL_MODE_NO_AUTO_CHAIN);
    /* Tickets hold the state; one is enough for a client that comes back once. */
    SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ssl_ctx, 1);
    return tls;
}

void tls_server_send_issuer(struct tls_server *tls, struct x509_st *issuer)
{
    CHECK(X509_up_ref(issuer) == 1);
    CHECK(SSL_CTX_add_extra_chain_cert(tls->ctx, issuer) == 1);
}

void tls_server_set_h2(struct tls_server *tls, bool on)
{
    tls->h2 = on;
}

bool tls_server_h2(const struct tls_server *tls)
{
    return tls->h2;
}

void tls_server_free(struct tls_server *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->ctx);
    free(tls);
}

SSL *tls_server_ssl(struct tls_server *tls, struct err *err)
{
    ERR_clear_error();

    SSL *ssl = SSL_new(tls->ctx);

    if (!ssl)
        err_ssl(err, "cannot set up TLS");
    else
        SSL_set_accept_state(ssl);
    return ssl;
}

/*
 * The host name of the server_name extension (RFC 6066 section 3): a two byte list length,
 * then one entry of type 0 with a two byte length. Lower case; "" without the extension.
 */
static bool hello_sni(SSL *ssl, char sni[256])
{
    const unsigned char *ext = NULL;
    size_t n = 0;

    sni[0] = '\0';
    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &n))
        return true;
    if (n < 5 || (size_t)(ext[0] << 8 | ext[1]) != n - 2 || ext[2] != 0)
        return false;
    size_t len = (size_t)(ext[3] << 8 | ext[4]);
    if (len == 0 || len != n - 5 || len > 255)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = ext[5 + i];

        if (c <= ' ' || c >= 0x7f)
            return false;
        sni[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    sni[len] = '\0';
    return true;
}

static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    struct tls_server *server = arg;
    struct chan_tls *tls = tls_of(ssl);
    char sni[256];
    uint8_t id[SHA256_LEN];

    *alert = SSL_AD_DECODE_ERROR;
    if (!hello_sni(ssl, sni))
        return SSL_CLIENT_HELLO_ERROR;

    const struct tls_identity *identity = server->find(server->find_ctx, tls->chan->ctx, sni);
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    tls->refused = !identity;
    if (!identity || tls->chan->state != CHAN_OPEN)
        return SSL_CLIENT_HELLO_ERROR;
    *alert = SSL_AD_INTERNAL_ERROR;
    crypt_sha256(sni, strlen(sni), id);
    if (SSL_use_certificate(ssl, identity->cert) != 1 ||
            SSL_use_PrivateKey(ssl, identity->key) != 1 ||
            SSL_set_session_id_context(ssl, id, sizeof(id)) != 1)
        return SSL_CLIENT_HELLO_ERROR;
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
        const unsigned char *in, unsigned inlen, void *arg)
{
    const struct chan_tls *tls = tls_of(ssl);
    struct str ours = alpn_list(tls->h2);
    unsigned char *chosen = NULL;

    (void)arg;
    if (SSL_select_next_proto(&chosen, outlen, (const unsigned char *)ours.p, (unsigned)ours.n,
                in, inlen) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* --- client ------------------------------------------------------------------------ */

struct tls_client *tls_client_new(const char *extra_ca, struct err *err)
{
    SSL_CTX *ctx = new_ctx(TLS_client_method(), err);

    if (!ctx)
        return NULL;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_set_default_verify_paths(ctx) != 1) {
        err_ssl(err, "cannot set up TLS");
        SSL_CTX_free(ctx);
        return NULL;
    }
    if (extra_ca && SSL_CTX_load_verify_file(ctx, extra_ca) != 1) {
        err_ssl(err, "cannot read certificates from '%s'", extra_ca);
        if (err)
            err->code = ERR_CONFIG;
        SSL_CTX_free(ctx);
        return NULL;
    }

    struct tls_client *tls = xcalloc(1, sizeof(*tls));

    tls->ctx = ctx;
    SSL_CTX_set_app_data(ctx, tls);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    return tls;
}

void tls_client_free(struct tls_client *tls)
{
    if (!tls)
        return;
    for (size_t i = 0; i < SESSIONS; i++) {
        free(tls->kept[i].host);
        SSL_SESSION_free(tls->kept[i].session);
    }
    /* A channel that is still closing holds the context a little longer. */
    SSL_CTX_set_app_data(tls->ctx, NULL);
    SSL_CTX_free(tls->ctx);
    free(tls);
}

static bool slot_is(const struct kept_session *k, const char *host, bool h2)
{
    return k->host && k->h2 == h2 && strcmp(k->host, host) == 0;
}

/* The slot of this host and offer, or the one that was not used for longest. */
static struct kept_session *slot_of(struct tls_client *tls, const char *host, bool h2)
{
    struct kept_session *oldest = &tls->kept[0];

    for (size_t i = 0; i < SESSIONS; i++) {
        struct kept_session *k = &tls->kept[i];

        if (slot_is(k, host, h2))
            return k;
        if (k->used < oldest->used)
            oldest = k;
    }
    return oldest;
}

/* Returns 1 if it keeps the session's reference. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct chan_tls *tls = tls_of(ssl);

    tls->ticket = true;
    if (!client || !SSL_SESSION_is_resumable(session))
        return 0;

    struct kept_session *k = slot_of(client, tls->host, tls->h2);

    if (!slot_is(k, tls->host, tls->h2)) {
        free(k->host);
        k->host = xstrdup(tls->host);
        k->h2 = tls->h2;
    }
    SSL_SESSION_free(k->session);
    k->session = session;
    k->used = ++client->clock;
    return 1;
}

static bool is_ip(const char *host)
{
    unsigned char addr[16];

    return inet_pton(AF_INET, host, addr) == 1 || inet_pton(AF_INET6, host, addr) == 1;
}

SSL *tls_client_ssl(struct tls_client *tls, const char *host, bool h2, struct err *err)
{
    ERR_clear_error();

    struct str alpn = alpn_list(h2);
    SSL *ssl = SSL_new(tls->ctx);
    int ok = ssl &&
             SSL_set_alpn_protos(ssl, (const unsigned char *)alpn.p, (unsigned)alpn.n) == 0;

    if (ok && is_ip(host)) {
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    } else if (ok) {
        SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ok = SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host) == 1;
    }
    if (!ok) {
        char vis[128];

        err_ssl(err, "cannot set up TLS for '%s'", str_vis(vis, sizeof(vis), str_of(host)));
        SSL_free(ssl);
        return NULL;
    }
    struct kept_session *k = slot_of(tls, host, h2);
    if (slot_is(k, host, h2)) {
        k->used = ++tls->clock;
        SSL_set_session(ssl, k->session);
    }
    SSL_set_connect_state(ssl);
    return ssl;
}
