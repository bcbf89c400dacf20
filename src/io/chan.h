/*
 * chan.h - a two-way byte channel with backpressure: TCP or Unix socket, plain or TLS.
 *
 * What HTTP, the guest protocol and MCP see. Bytes the peer sent collect in chan_in(); the
 * owner consumes what it can use. Bytes for the peer are appended to chan_out() (or with
 * chan_write) and leave at the end of the loop turn, so that a head and the first part of a
 * body written in one turn make one TLS record and one write(2).
 *
 *   reading     stops by itself when chan_in() holds LIMIT_CHAN_HIGH bytes or chan_pause()
 *               was called; chan_resume() goes on and calls on_data again if bytes are left.
 *               Whoever consumes from chan_in() outside on_data calls chan_resume(), too.
 *               While paused neither on_data nor on_end comes, on_fail does.
 *   writing     never blocks and never fails at once; chan_full() says that more than
 *               LIMIT_CHAN_HIGH bytes wait, on_drain comes when they fell below LOW.
 *   share       after chan_share() both limits are lower while all connections together hold
 *               much (held.h), and who cannot go on with LIMIT_CHAN_LEAST bytes waits.
 *   end         on_end: the peer finished cleanly (FIN, and close_notify under TLS) and
 *               everything it sent is in chan_in(). on_fail: reset, truncation without
 *               close_notify, TLS error, timeout. After either no more on_data comes. When
 *               writing fails, what the peer had sent before it left is still delivered first.
 *   close       chan_close(): what was written still goes out (bounded by 5 s), then the
 *               channel ends cleanly. chan_linger(): the same, for a peer that may go on
 *               sending: what comes is read and dropped until the peer ends (within those 5 s),
 *               because a reset could destroy what it has not read (RFC 9112 section 9.6).
 *               chan_break(): what was written goes out as well, but what ends the channel is
 *               no clean end: no close_notify under TLS, a reset on plain TCP, so that the peer
 *               cannot take what it got for a complete answer (on a plain Unix socket there is
 *               no such thing: the peer sees an end). chan_abort(): broken at once, whatever
 *               was written. NULL is fine; after any of them the channel is gone for the owner.
 *
 * Callbacks are never called from inside chan_write/close/pause, only from the loop.
 * Rules of the TLS part (memory BIOs, one idempotent pump): RFC 8446, and the OpenSSL manual
 * pages SSL_read_ex(3), BIO_s_mem(3). TCP_NODELAY is always on.
 */
#ifndef SRC_IO_CHAN_H
#define SRC_IO_CHAN_H

#include "base/buf.h"
#include "io/loop.h"

struct chan;
struct tls_server;
struct tls_client;

struct chan_ops {
    void (*on_open)(void *ctx);  /* connected / TLS handshake done; may be NULL */
    void (*on_data)(void *ctx);  /* more bytes in chan_in() */
    void (*on_drain)(void *ctx); /* may be NULL */
    void (*on_end)(void *ctx);
    void (*on_fail)(void *ctx, const struct err *err);
};

/*
 * Who owns the events; may be changed at any time (a tunnel turning into a TLS server). A new
 * owner gets on_data if bytes are waiting already. Nothing is read while ops is NULL.
 */
void chan_set_ops(struct chan *chan, const struct chan_ops *ops, void *ctx);

struct buf *chan_in(struct chan *chan);
void chan_write(struct chan *chan, const void *p, size_t n);
void chan_write_str(struct chan *chan, struct str s);
struct buf *chan_out(struct chan *chan); /* append here, then chan_flush_soon() */
void chan_flush_soon(struct chan *chan);
size_t chan_unsent(const struct chan *chan); /* plaintext and ciphertext not yet written */
bool chan_full(struct chan *chan);           /* if so, on_drain will come */
void chan_share(struct chan *chan);
/* How much a queue next to this channel may hold, and at what it goes on: as its own. */
size_t chan_high(const struct chan *chan);
size_t chan_low(const struct chan *chan);

void chan_pause(struct chan *chan);
void chan_resume(struct chan *chan);

void chan_shutdown(struct chan *chan); /* end our direction after what was written */
void chan_close(struct chan *chan);
void chan_linger(struct chan *chan);
void chan_break(struct chan *chan);
void chan_abort(struct chan *chan);

/*
 * Start TLS on a plain channel. Bytes already in chan_in() are the beginning of the
 * handshake, bytes not yet written go out in the clear before it. on_open comes when it is
 * done; on_fail after `timeout_ms` if it is not. What is written meanwhile waits for it.
 * On a channel that has TLS the new TLS runs within it, once: an https proxy is reached so.
 * Which names are accepted is for the find function of the server (tls.h) to say.
 */
void chan_start_tls_server(struct chan *chan, struct tls_server *server, uint32_t timeout_ms);
void chan_start_tls_client(
        struct chan *chan, struct tls_client *client, const char *host, uint32_t timeout_ms);
/* The same, offering h2 before http/1.1; chan_alpn() tells what the server chose. */
void chan_start_tls_client_h2(
        struct chan *chan, struct tls_client *client, const char *host, uint32_t timeout_ms);
/* The negotiated protocol, "h2" or "http/1.1"; "" before on_open, without TLS, or if the peer
 * does not know ALPN. */
const char *chan_alpn(const struct chan *chan);

/* The peer's address as text for logs ("unix", "127.0.0.1:4711"). */
const char *chan_peer(const struct chan *chan);

/* --- listening --------------------------------------------------------------------- */

struct listener;
/* accept: the channel is the callee's and open; on_open is not called for it. A stale Unix
 * socket file is removed first; a live one is ERR_CONFLICT. Mode is set before anybody can
 * connect. ERR_LIMIT if the path does not fit sun_path, saying how long it may be. */
struct listener *listen_unix(struct loop *loop, const char *path, unsigned mode,
        void (*on_accept)(void *ctx, struct chan *chan), void *ctx, struct err *err);
/* port 0: any; listener_port() tells. ERR_CONFLICT with the port number if it is in use. */
struct listener *listen_tcp(struct loop *loop, const char *host, uint16_t port,
        void (*on_accept)(void *ctx, struct chan *chan), void *ctx, struct err *err);
uint16_t listener_port(const struct listener *listener);
void listener_free(struct listener *listener); /* unlinks a Unix socket file */

/* --- dialing ----------------------------------------------------------------------- */

struct dial_proxy;

struct dial_target {
    const char *host; /* name or address literal; also SNI and certificate name */
    uint16_t port;
    const char *address;    /* connect here instead of resolving host; NULL: resolve */
    struct tls_client *tls; /* NULL: plain */
    bool h2;                /* offer h2, too: look at chan_alpn() */
    bool allow_private;     /* the operator chose this place: his own machine and networks are
                             * all right. false: only what is public, see base/ip.h. Link-local
                             * and metadata services never are. */
    const struct dial_proxy
            *via; /* borrows until done; go through this proxy, unless its list
                   * of exceptions has the host or `address` is set. NULL: direct */
};

/*
 * Resolve (off the loop), connect, handshake; all within timeout_ms. The addresses are tried
 * in turn, the next one 250 ms after the last or at once when that failed, and the first
 * connection is taken (RFC 8305). One address that is refused refuses the name. Through a proxy
 * the name is judged alone, because the proxy resolves it. done is called exactly once: with
 * a ready channel, which is the callee's, or with an error that names everything that failed.
 * dial_cancel() silences it. All strings are copied.
 */
struct dial;
struct dial *dial_start(struct loop *loop, const struct dial_target *target,
        uint32_t timeout_ms, void (*done)(void *ctx, struct chan *chan, const struct err *err),
        void *ctx);
void dial_cancel(struct dial *dial);

/*
 * A proxy between us and the Internet, as in HTTPS_PROXY: [http://|https://][user:password@]
 * host[:port][/], port 80 or 443 if it is missing. no_proxy: hosts that are reached without
 * it, as curl reads NO_PROXY: names (with all below them), addresses, networks in CIDR
 * notation, separated by commas or spaces, or "*"; may be NULL. This machine never is reached
 * through it. extra_ca: as for
 * tls_client_new(), for an https proxy. Errors never show the address, which holds a password.
 */
struct dial_proxy *dial_proxy_new(
        const char *url, const char *no_proxy, const char *extra_ca, struct err *err);
void dial_proxy_free(struct dial_proxy *proxy); /* no dial may be using it */
/* Is this host, or address, reached through it? */
bool dial_proxy_wanted(const struct dial_proxy *proxy, const char *host);
/* "host:port" for logs. */
const char *dial_proxy_name(const struct dial_proxy *proxy);

/* Connect to a Unix socket at once; the channel queues writes until on_open. */
struct chan *chan_connect_unix(struct loop *loop, const char *path, const struct chan_ops *ops,
        void *ctx, struct err *err);

/* Take over a connected socket or one end of a socketpair; it is open, on_open is not called.
 * On failure the descriptor stays the caller's. */
struct chan *chan_adopt_fd(
        struct loop *loop, int fd, const struct chan_ops *ops, void *ctx, struct err *err);

#endif
