/*
 * chan_priv.h - the inside of a channel, for the files of src/io only.
 *
 *     chan.c       what the owner calls; telling the owner the news
 *     chan_uv.c    the libuv handle: reading, writing, connecting, closing
 *     chan_tls.c   the TLS pump between both
 *
 *                 connect / accept              chan_close()
 *     CHAN_OPEN (connecting, handshaking) -----------------> CHAN_CLOSING --+
 *          | chan_abort(), or chan_close() with nothing to send             | sent, lingered
 *          +-----------------------> CHAN_DEAD <----------------------------+ or 5 s passed
 *                                    (uv_close; memory goes in its callback)
 *
 * Everything that moves bytes (the pumps) calls no owner; it sets bits in `news`. Only
 * chan_turn(), which runs from libuv callbacks and from the hook, tells the owner, who may do
 * anything there, closing included: the memory stays until libuv's close callback.
 *
 * Requests of libuv (connect, write, shutdown) are allocated when they are needed and freed in
 * their callbacks, which libuv calls before the close callback: an idle channel has none.
 */
#ifndef SRC_IO_CHAN_PRIV_H
#define SRC_IO_CHAN_PRIV_H

#include <sys/socket.h>

#include "io/chan.h"
#include "io/loop_priv.h"

enum chan_state { CHAN_OPEN, CHAN_CLOSING, CHAN_DEAD };

enum chan_news { NEWS_OPEN = 1, NEWS_DATA = 2, NEWS_DRAIN = 4, NEWS_END = 8, NEWS_FAIL = 16 };

struct chan_tls;

struct chan {
    struct loop *loop;          /* borrows */
    const struct chan_ops *ops; /* borrows from the owner; NULL: nobody listens */
    void *ctx;                  /* borrows from the owner */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct loop_hook hook;
    struct buf in;        /* owns; plaintext for the owner */
    struct buf out;       /* owns; plaintext of the owner */
    struct buf sending;   /* owns; in flight with uv_write */
    struct chan_tls *tls; /* owns; NULL: plain */
    struct timer *timer;  /* owns; handshake or close deadline, NULL: none */
    struct err *err;      /* owns; why it failed, NULL: it did not */
    enum chan_state state;
    unsigned news; /* enum chan_news not yet told */
    bool connecting;
    bool turning;     /* in a turn that pumps still: there is no need to ask for one */
    bool reading;     /* uv_read_start is on */
    bool paused;      /* by the owner */
    bool shares;      /* holds less while all together hold much */
    bool writing;     /* `sending` is in flight */
    bool full;        /* the owner is owed on_drain */
    bool ended;       /* the peer finished, or failed: nothing more comes in */
    bool out_failed;  /* writing is over; the failure is told when reading is, too */
    bool told_end;    /* on_end or on_fail was called */
    bool shut_wanted; /* chan_shutdown() or chan_close() */
    bool shut_sent;   /* FIN is out or on its way */
    bool lingering;   /* CLOSING: input is dropped until the peer's end */
    bool breaking;    /* CLOSING: the end must not look clean */
    char *peer;       /* owns; its address as text; NULL: a Unix socket */
};

/* --- chan_uv.c --- */

/* A channel around an initialised handle without a socket yet. family: AF_UNIX or AF_INET*. */
struct chan *chan_new(struct loop *loop, int family);
/* Connect; failure is reported by on_fail. on_open comes when it is done. */
struct chan *chan_connect_tcp(
        struct loop *loop, const struct sockaddr *addr, const struct chan_ops *ops, void *ctx);
void chan_pump_out(struct chan *chan);
/* Write what is in the loop's scratch buffer; keep in `rest` what the socket does not take. */
void chan_send_scratch(struct chan *chan, struct buf *rest);
void chan_update_reading(struct chan *chan);
void chan_finish_close(struct chan *chan);
void chan_die(struct chan *chan);
void chan_reset(struct chan *chan); /* die, with RST where there is one */

void chan_name_peer(struct chan *chan, const struct sockaddr *addr); /* NULL: ask the socket */

/* --- chan.c --- */

void chan_turn(struct chan *chan);
void chan_ended(struct chan *chan);                       /* clean end of input */
void chan_fail(struct chan *chan, const struct err *err); /* the first one counts */
void chan_deadline(struct chan *chan, uint64_t ms);       /* 0: none */
bool chan_can_take(const struct chan *chan);              /* may `in` grow? */

/* --- chan_tls.c --- */

void chan_tls_feed(struct chan *chan, const char *p, size_t n);
void chan_tls_pump(struct chan *chan);
bool chan_tls_encrypt(struct chan *chan);    /* one step; false: nothing to do */
void chan_tls_eof(struct chan *chan);        /* the socket ended */
bool chan_tls_more(const struct chan *chan); /* undigested input is left */
bool chan_tls_wants_bytes(const struct chan *chan);
bool chan_tls_open(const struct chan *chan);     /* handshake done */
bool chan_tls_said_bye(const struct chan *chan); /* close_notify is out */
struct buf *chan_tls_wire(struct chan *chan);
void chan_tls_free(struct chan *chan);

#endif
