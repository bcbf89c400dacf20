/*
 * chan_tls.c - the TLS pump of a channel.
 *
 * chan_tls_pump() moves ciphertext from the socket through SSL into chan_in();
 * chan_tls_encrypt() moves chan_out() through SSL towards the socket. Both may be called at
 * any time and do what is possible now. Input stops when chan_in() is full or paused, output
 * while the socket takes nothing, so every buffer is bounded: the stash by one read (and
 * LIMIT_CHAN_LOW during a handshake), the wire by one step of chan_tls_encrypt().
 *
 * SSL_get_error() also looks at old entries of the thread's error queue, hence the clearing
 * in ssl_enter(), which also claims the loop's scratch buffer for the ciphertext made by the
 * call; ssl_leave() sends it on.
 */
#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/limits.h"
#include "base/mem.h"
#include "io/tls_priv.h"
#include "io/uverr.h"

/* One record at most; SSL_read_ex returns no more than that. */
#define RECORD 16384
/* Encrypted at once and written with one system call: four records. */
#define ENCRYPT_STEP 65536

static void start(
        struct chan *chan, struct chan_tls *tls, const struct err *err, uint32_t timeout_ms);

/* The one that has the socket. */
static struct chan_tls *lowest(struct chan_tls *tls)
{
    return tls->under ? tls->under : tls;
}

static void ssl_enter(struct chan *chan)
{
    CHECK(!chan->loop->scratch_busy);
    chan->loop->scratch_busy = true;
    if (ERR_peek_error()) /* clearing an empty queue costs as much as a short event */
        ERR_clear_error();
}

static void ssl_leave(struct chan *chan)
{
    chan->loop->scratch_busy = false;
    if (buf_len(&chan->loop->scratch))
        chan_send_scratch(chan, chan_tls_wire(chan));
}

void chan_start_tls_server(struct chan *chan, struct tls_server *server, uint32_t timeout_ms)
{
    struct chan_tls *tls = xcalloc(1, sizeof(*tls));
    struct err err;

    tls->h2 = tls_server_h2(server);
    tls->ssl = tls_server_ssl(server, &err);
    start(chan, tls, &err, timeout_ms);
}

static void start_client(struct chan *chan, struct tls_client *client, const char *host,
        bool h2, uint32_t timeout_ms)
{
    struct chan_tls *tls = xcalloc(1, sizeof(*tls));
    struct err err;

    tls->client = client;
    tls->host = xstrdup(host);
    tls->h2 = h2;
    tls->ssl = tls_client_ssl(client, host, h2, &err);
    start(chan, tls, &err, timeout_ms);
}

void chan_start_tls_client(
        struct chan *chan, struct tls_client *client, const char *host, uint32_t timeout_ms)
{
    start_client(chan, client, host, false, timeout_ms);
}

void chan_start_tls_client_h2(
        struct chan *chan, struct tls_client *client, const char *host, uint32_t timeout_ms)
{
    start_client(chan, client, host, true, timeout_ms);
}

/* What was written before still goes out as it is; what was read before is the handshake. */
static void start_lowest(struct chan *chan, struct chan_tls *tls)
{
    buf_swap(&tls->wire, &chan->out);
    buf_swap(&tls->stash, &chan->in);
}

/* The same where there is TLS already: that has been read and writes what is left to write. */
static void start_within(struct chan *chan, struct chan_tls *tls)
{
    CHECK(!chan->tls->under && !buf_len(&chan->in));
    while (chan_tls_encrypt(chan))
        continue;
    tls->under = chan->tls;
}

static void start(
        struct chan *chan, struct chan_tls *tls, const struct err *err, uint32_t timeout_ms)
{
    (chan->tls ? start_within : start_lowest)(chan, tls);
    chan->tls = tls;
    tls->chan = chan;
    tls->more = true;
    chan->news &= ~(unsigned)(NEWS_DATA | NEWS_END);
    loop_defer(chan->loop, &chan->hook);
    if (!tls->ssl) {
        chan_fail(chan, err);
        return;
    }
    BIO *bio = tls_bio_new(tls);
    SSL_set_bio(tls->ssl, bio, bio);
    chan_deadline(chan, timeout_ms);
    if (chan->ended && !chan->err)
        chan_tls_eof(chan);
}

const char *chan_alpn(const struct chan *chan)
{
    return chan->tls ? chan->tls->alpn : "";
}

/* --- handshake --------------------------------------------------------------------- */

static void handshake_failed(struct chan *chan)
{
    struct chan_tls *tls = chan->tls;
    long verify = SSL_get_verify_result(tls->ssl);
    struct err err;

    if (tls->refused) {
        ERR_clear_error();
        err_set(&err, ERR_TLS, "TLS handshake with '%s': the name it asked for is refused",
                chan_peer(chan));
    } else if (tls->client && verify != X509_V_OK) {
        ERR_clear_error();
        err_set(&err, ERR_TLS, "the certificate of '%s' is not accepted: %s", tls->host,
                X509_verify_cert_error_string(verify));
    } else {
        err_ssl(&err, "TLS handshake with '%s' failed",
                tls->host ? tls->host : chan_peer(chan));
    }
    chan_fail(chan, &err);
}

static void handshake_done(struct chan *chan)
{
    struct chan_tls *tls = chan->tls;
    const unsigned char *alpn = NULL;
    unsigned n = 0;

    tls->open = true;
    chan_deadline(chan, 0);
    /* OpenSSL has compared it with what was offered. */
    SSL_get0_alpn_selected(tls->ssl, &alpn, &n);
    if (n)
        str_copy(tls->alpn, sizeof(tls->alpn), (struct str){(const char *)alpn, n});
    chan->news |= NEWS_OPEN;
}

static void handshake(struct chan *chan)
{
    struct chan_tls *tls = chan->tls;

    ssl_enter(chan);
    int rc = SSL_do_handshake(tls->ssl);
    int why = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, rc);
    ssl_leave(chan);

    if (chan->state != CHAN_OPEN)
        return; /* closed in the certificate callback */
    if (rc == 1)
        handshake_done(chan);
    else if (why == SSL_ERROR_SYSCALL)
        chan_tls_eof(chan); /* the TLS under this one has ended */
    else if (why != SSL_ERROR_WANT_READ)
        handshake_failed(chan);
}

/* --- input ------------------------------------------------------------------------- */

static bool has_pending(const struct chan_tls *tls)
{
    return SSL_has_pending(tls->ssl) || (tls->under && SSL_has_pending(tls->under->ssl));
}

/* Room for what comes next: no plaintext is longer than its ciphertext, and a short event
 * needs no large buffer, which would be let go of again at once. */
static size_t room_for_next(struct chan_tls *tls)
{
    size_t n = lowest(tls)->net.n;

    return n < RECORD && !has_pending(tls) ? n : RECORD;
}

/* One record into chan_in(); false: no more for now. */
static bool decrypt(struct chan *chan)
{
    struct chan_tls *tls = chan->tls;
    size_t n = 0;
    struct err err;

    if (!lowest(tls)->net.n && !has_pending(tls))
        return false;
    size_t most = room_for_next(tls);
    char *room = buf_reserve(&chan->in, most);
    ssl_enter(chan);
    int ok = SSL_read_ex(tls->ssl, room, most, &n);
    int why = ok ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, ok);
    ssl_leave(chan);

    if (ok) {
        buf_commit(&chan->in, n);
        chan->news |= NEWS_DATA;
        return true;
    }
    if (why == SSL_ERROR_ZERO_RETURN) {
        chan_ended(chan);
    } else if (why == SSL_ERROR_SYSCALL) {
        chan_tls_eof(chan);
    } else if (why != SSL_ERROR_WANT_READ) {
        err_ssl(&err, "TLS connection with '%s' broke",
                tls->host ? tls->host : chan_peer(chan));
        chan_fail(chan, &err);
    }
    return false;
}

/* RELEASE_BUFFERS frees it after the next write only, which on an idle channel never comes. */
static void drop_ticket_buffer(struct chan_tls *tls)
{
    if (tls->under)
        drop_ticket_buffer(tls->under);
    if (!tls->ticket || tls->net.n || SSL_has_pending(tls->ssl))
        return;
    tls->ticket = false;
    SSL_free_buffers(tls->ssl);
}

static void digest(struct chan *chan)
{
    struct chan_tls *tls = chan->tls;

    tls->more = false;
    if (!tls->open)
        handshake(chan);
    if (!tls->open || chan->state != CHAN_OPEN || chan->ended)
        return;
    while (chan_can_take(chan)) {
        if (!decrypt(chan)) { /* all used up; what is pending is a part of a record */
            drop_ticket_buffer(tls);
            return;
        }
    }
    tls->more = !chan->ended && (lowest(tls)->net.n || has_pending(tls));
}

void chan_tls_pump(struct chan *chan)
{
    struct chan_tls *tls = chan->tls, *low = lowest(tls);
    bool from_socket = low->net.n > 0;

    if (chan->state != CHAN_OPEN || chan->connecting || chan->ended)
        return;
    if (!from_socket)
        low->net = buf_str(&low->stash);
    if (low->net.n || tls->more || !tls->open)
        digest(chan);
    if (from_socket)
        buf_append(&low->stash, low->net.p, low->net.n);
    else
        buf_consume(&low->stash, buf_len(&low->stash) - low->net.n);
    low->net = (struct str){NULL, 0};
    if (!buf_len(&low->stash) && low->stash.cap)
        buf_release(&low->stash);
}

void chan_tls_feed(struct chan *chan, const char *p, size_t n)
{
    struct chan_tls *low = lowest(chan->tls);

    if (buf_len(&low->stash))
        buf_append(&low->stash, p, n);
    else
        low->net = (struct str){p, n};
    chan_tls_pump(chan);
}

void chan_tls_eof(struct chan *chan)
{
    struct err err;

    if (chan->err && !chan->ended) { /* writing had failed before; that is the reason */
        chan_ended(chan);
        return;
    }
    if (chan->tls->open)
        err_set(&err, ERR_EOF, "connection with '%s' was cut off (no TLS close_notify)",
                chan_peer(chan));
    else
        err_set(&err, ERR_TLS, "'%s' closed the connection during the TLS handshake",
                chan_peer(chan));
    chan_fail(chan, &err);
}

/* --- output ------------------------------------------------------------------------ */

bool chan_tls_encrypt(struct chan *chan)
{
    struct chan_tls *tls = chan->tls;
    size_t n = buf_len(&chan->out);
    size_t taken = 0;

    if (!tls->open || tls->said_bye)
        return false;
    if (!n && !chan->shut_wanted)
        return false;
    ssl_enter(chan);
    int ok = 1;
    if (n) {
        ok = SSL_write_ex(
                tls->ssl, buf_data(&chan->out), n < ENCRYPT_STEP ? n : ENCRYPT_STEP, &taken);
    } else {
        ok = SSL_shutdown(tls->ssl) >= 0 && (!tls->under || SSL_shutdown(tls->under->ssl) >= 0);
        tls->said_bye = true;
    }
    ssl_leave(chan);
    if (!ok) {
        struct err err;

        err_ssl(&err, "TLS connection with '%s' broke",
                tls->host ? tls->host : chan_peer(chan));
        chan->out_failed = true;
        chan_fail(chan, &err);
        return false;
    }
    if (chan->out_failed) /* the socket refused it: ssl_leave() let go of `out` */
        return false;
    buf_consume(&chan->out, taken);
    if (!buf_len(&chan->out))
        buf_release(&chan->out);
    return true;
}

/* --- for the other files of the channel -------------------------------------------- */

bool chan_tls_more(const struct chan *chan)
{
    return chan->tls->more;
}

bool chan_tls_wants_bytes(const struct chan *chan)
{
    return !chan->tls->more && buf_len(&lowest(chan->tls)->stash) < LIMIT_CHAN_LOW;
}

bool chan_tls_open(const struct chan *chan)
{
    return chan->tls->open;
}

bool chan_tls_said_bye(const struct chan *chan)
{
    return chan->tls->said_bye;
}

struct buf *chan_tls_wire(struct chan *chan)
{
    return &lowest(chan->tls)->wire;
}

void chan_tls_free(struct chan *chan)
{
    struct chan_tls *tls = chan->tls;

    /* Without this SSL_free would make the session unusable for resumption, and the BIO over
     * the SSL under it would say goodbye there. */
    for (struct chan_tls *one = tls; one; one = one->under)
        if (one->ssl && one->open)
            SSL_set_shutdown(one->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    while (tls) {
        struct chan_tls *under = tls->under;

        SSL_free(tls->ssl);
        buf_release(&tls->stash);
        buf_release(&tls->wire);
        free(tls->host);
        free(tls);
        tls = under;
    }
}
