/*
 * proxy_priv.h - the inside of the proxy, for the files of src/proxy only.
 *
 *     proxy.c        listeners, the list of tunnels, rows
 *     keys.c         fake keys, and the real ones that they stand for
 *     tunnel.c       one connection of an agent: CONNECT or plain request, the decision, TLS
 *     raw.c          a tunnel that policy or the human let through uninspected
 *     h1_stream.c    HTTP/1.1 towards the agent: request after request
 *     h2_server.c    HTTP/2 towards the agent
 *     request.c      one request that came: judged, then answered, held or sent on
 *     judge.c        what may be asked: host, endpoint, key; the head that goes upstream
 *     exchange*.c    one request on its way to the upstream and back, see exchange.h
 *     reply.c        every answer that is ours
 *     pool.c h1_upstream.c h2_client.c    connections to upstreams
 *     ca.c provider.c http1.c ...         as their headers say
 *
 *     CONNECT --> HELD --> RAW                                --> gone
 *        |  |       |
 *        |  +-------+-----> refused                           --> gone
 *        |  +--> HANDSHAKE --> REQUESTS (HTTP/1.1) or H2      --> gone
 *        +--<--+ a plain request, answered
 *
 * A tunnel that ended is marked gone and freed at the end of the loop turn, so that nobody up
 * the stack holds a dead pointer; every loop over its input looks at `gone`.
 */
#ifndef SRC_PROXY_PROXY_PRIV_H
#define SRC_PROXY_PROXY_PRIV_H

#include "base/limits.h"
#include "http/http1.h"
#include "proxy/pool.h"
#include "proxy/proxy.h"
#include "proxy/stream.h"
#include "proxy/ws.h"

/* What one place for the key must hold. */
struct key_value {
    const struct key_place *place; /* borrows from the provider */
    char *fake;                    /* owns; "Bearer FAKE"; NULL: there is no key */
};

struct real_key;

/* The key of one provider. */
struct key_set {
    struct credential *credential;  /* borrows */
    char fake[CREDENTIAL_FAKE_MAX]; /* "": there is no key */
    struct key_value values[LIMIT_KEY_PLACES];
    size_t count;
    struct real_key *real; /* shared; the one in force when it was last taken */
};

#define PROXY_LISTENERS 4

struct proxy {
    struct proxy_config config;
    struct tls_server *tls;                      /* owns */
    struct pool *pool;                           /* owns */
    struct key_set *keys;                        /* owns; one per provider, same order */
    struct listener *listeners[PROXY_LISTENERS]; /* owns */
    size_t listener_count;
    struct tunnel *tunnels; /* owns */
    unsigned tunnel_count;
    unsigned stream_count; /* of HTTP/2, in all tunnels */
    size_t bodies;         /* bytes of request bodies that are held whole */
    struct http_head head; /* scratch: filled and used within one call */
    struct proxy *next;    /* list of all, see proxy.c */
};

enum tunnel_state {
    TUNNEL_CONNECT,
    TUNNEL_HELD,
    TUNNEL_RAW,
    TUNNEL_HANDSHAKE,
    TUNNEL_REQUESTS,
    TUNNEL_H2
};

/* HTTP/1.1 towards the agent: one request at a time. */
struct h1_stream {
    struct stream base;
    struct http_scan scan;
    struct http_body discard; /* the body of a request that was answered already */
    uint64_t discarded;
    bool discarding;
    bool keep;   /* the connection stays when this request is answered */
    bool http10; /* the agent does not know chunks */
};

struct tunnel {
    struct proxy *proxy; /* borrows */
    struct tunnel *next, *prev;
    struct chan *chan; /* owns */
    enum tunnel_state state;
    bool gone;
    bool waits; /* for the disk, or the human who holds everything; has input not looked at */
    bool plain; /* http://: the request came outside of any CONNECT */
    struct loop_hook reap;
    struct timer *timer; /* owns; a head must be complete by then */
    char *host;          /* owns; of the CONNECT or the absolute target, lower case */
    uint16_t port;
    const struct provider *provider; /* borrows; NULL: not a provider host */
    struct h1_stream h1;
    struct h2_server *h2; /* owns; NULL: it speaks HTTP/1.1 */
    struct raw *raw;      /* owns; HELD and RAW */
};

/* --- proxy.c --- */

void record_init(const struct tunnel *tunnel, const char *kind, struct request_record *rec);
/* Store the row and show it. */
void record_put(struct proxy *proxy, struct request_record *rec);
/* The same for what was over as soon as it began. */
void record_put_over(struct proxy *proxy, struct request_record *rec, int status,
        enum request_decision decision, const char *reason);

/* --- keys.c --- */

void keys_make(struct proxy *proxy);
void keys_free(struct proxy *proxy);
struct key_set *keys_of(const struct proxy *proxy, const struct provider *provider);
/* The real value in force, for one request; NULL: there is none. Dropped as often as taken. */
struct real_key *real_key_take(struct key_set *set);
void real_key_drop(struct real_key *key); /* NULL is fine */
const struct secret *real_key_value(const struct real_key *key);
unsigned real_key_generation(const struct real_key *key);

/* --- tunnel.c --- */

void tunnel_accept(void *ctx, struct chan *chan);
/* Go on with the input as far as it goes. */
void tunnel_run(struct tunnel *tunnel);
/* No new request may begin: the disk does not keep up with the rows, or
 * the human holds everything. */
bool proxy_must_wait(const struct proxy *proxy);
/* The same; if so, the tunnel is paused until it changes. */
bool tunnel_must_wait(struct tunnel *tunnel);
/* What was written still goes out; whether the end is a clean one or not. */
void tunnel_close(struct tunnel *tunnel);
void tunnel_break(struct tunnel *tunnel);
void tunnel_abort(struct tunnel *tunnel); /* at once */
void tunnel_free(struct tunnel *tunnel);  /* at once; only when the proxy goes */

/* --- raw.c --- */

/* The CONNECT of this tunnel, for the policy. */
struct net_request raw_request(const struct tunnel *tunnel);
/* Go on as the verdict on it says: let through, ask or refuse. */
void raw_start(struct tunnel *tunnel, const struct verdict *verdict);
void raw_free(struct raw *raw);
void raw_go_on(struct raw *raw); /* it was paused */
void raw_agent_ended(struct tunnel *tunnel, const char *why);

/* --- h1_stream.c --- */

void h1_stream_init(struct tunnel *tunnel);
/* Look at the input inside of a TLS tunnel. False: nothing more to do now. */
bool h1_stream_run(struct tunnel *tunnel);
/* The next head, parsed into the proxy's scratch and still in the channel: its length.
 * 0: wait; -1: the tunnel is over. */
long h1_read_head(struct tunnel *tunnel);
/* A request whose head was read by h1_read_head(). Consumes its `n` bytes. */
void h1_request(struct tunnel *tunnel, size_t n);
/* A head that cannot be read: nothing behind it is certain either. Closes. */
void h1_refuse_head(struct tunnel *tunnel, int status, const char *reason);
/* Status line and those fields that go on; content-length and framing are the caller's. */
void h1_put_head(struct buf *out, const struct http_head *head);

/* --- h2_server.c --- */

struct h2_server *h2_server_new(struct tunnel *tunnel); /* the handshake chose h2 */
void h2_server_data(struct h2_server *h2);              /* more in the channel, or room again */
void h2_server_drained(struct h2_server *h2);
void h2_server_free(struct h2_server *h2, const char *why); /* cancels what is under way */

/* --- request.c --- */

/* Judge a request and answer it, hold it or send it on; its head is not needed any more when
 * this returns. */
void request_begin(struct stream *stream, const struct http_head *head);
/* Of a question that was answered with no: by the human, or by the clock? The gate keeps what
 * was lately decided. */
enum request_decision request_refused_by(const struct proxy *proxy, uint64_t question);

/* --- judge.c --- */

enum judgement { JUDGED_REFUSE, JUDGED_ASK, JUDGED_SEND };

struct judged {
    enum judgement what;
    int status; /* of a refusal */
    enum request_decision decision;
    char reason[240]; /* the line the agent gets */
    struct verdict verdict;
    bool websocket; /* it asks for one, and may */
    struct ws_offer offer;
};

/* May this request go upstream? Fills rec (method, path, rule, key_swapped) either way. */
void judge_request(const struct stream *stream, const struct http_head *head,
        struct request_record *rec, struct judged *judged);
/* The request for the policy; borrows from both. */
struct net_request judge_net_request(const struct tunnel *tunnel, const struct http_head *head);
/*
 * The head as it goes upstream, up to its last field; framing and the empty line are still to
 * come. Where the real key goes there is JUDGE_KEY, a byte that no head can have.
 */
#define JUDGE_KEY '\1'
void judge_write_head(const struct tunnel *tunnel, const struct origin *origin,
        const struct http_head *head, const struct request_record *rec, bool websocket,
        struct buf *out);

/* --- exchange.c --- */

/* Takes on a request that was judged SEND or ASK. */
void exchange_start(struct stream *stream, const struct http_head *head,
        const struct request_record *rec, const struct judged *judged);

void exchange_agent_data(struct exchange *x);
void exchange_agent_end(struct exchange *x); /* HTTP/2: the request body is whole */
void exchange_agent_drained(struct exchange *x);
/* The agent is gone: end without a word. Frees x. */
void exchange_cancel(struct exchange *x, const char *why);
/* Messages of a WebSocket wait; nothing else of an exchange does. */
void exchange_hold(struct exchange *x);
void exchange_go_on(struct exchange *x);

void exchange_up_data(struct exchange *x); /* a head, or body bytes */
void exchange_up_drained(struct exchange *x);
/* Nothing more comes: cleanly (err NULL; HTTP/2: the stream ended), or broken. */
void exchange_up_over(struct exchange *x, const struct err *err);

/* --- reply.c --- */

/* An answer of ours in the words of the provider (provider NULL: plain text). `out` holds
 * the body that the reply borrows. */
struct reply reply_make(
        const struct provider *provider, int status, struct str text, struct buf *out);
/* As HTTP/1.1. */
void reply_write(struct buf *out, const struct reply *reply, bool to_head, bool keep);
/* A line of text outside of any stream, and the connection's last. */
void reply_text(struct chan *chan, int status, struct str text, bool to_head);

#endif
