/*
 * proxy_priv.h - the inside of the proxy, for the files of src/proxy only.
 *
 *     proxy.c      listeners, fake keys, the list of tunnels, rows
 *     tunnel.c     one connection of an agent: CONNECT, the decision, TLS, request after
 * request raw.c        a tunnel that policy or the human let through uninspected judge.c what
 * may be asked: host, endpoint, key; the head that goes upstream exchange.c   one accepted
 * request on its way to the upstream and back reply.c      every answer that is ours pool.c
 * ca.c provider.c http1.c   as their headers say
 *
 *     CONNECT --> HELD --> RAW              --> gone
 *        |         |
 *        +---------+-----> refused          --> gone
 *        +--> HANDSHAKE --> REQUESTS        --> gone
 *
 * A tunnel that ended is marked gone and freed at the end of the loop turn, so that nobody up
 * the stack holds a dead pointer; every loop over its input looks at `gone`.
 */
#ifndef SRC_PROXY_PROXY_PRIV_H
#define SRC_PROXY_PROXY_PRIV_H

#include "proxy/http1.h"
#include "proxy/pool.h"
#include "proxy/proxy.h"

/* What the key header of one provider must hold, and what it is replaced by. */
struct credential {
    const struct provider *provider; /* borrows */
    char *fake_value;                /* owns; "Bearer FAKE"; NULL: there is no key */
    struct secret *real_value;       /* owns */
};

struct fake_key {
    const char *prefix; /* borrows from the provider */
    char text[128];
};

#define PROXY_LISTENERS 4

struct proxy {
    struct proxy_config config;
    struct proxy_resolve *resolve; /* owns the array */
    struct tls_server *tls;        /* owns */
    struct ca_watch minted;
    struct pool *pool;              /* owns */
    struct credential *credentials; /* owns; one per provider, same order */
    struct fake_key *fakes;         /* owns */
    size_t fake_count;
    struct listener *listeners[PROXY_LISTENERS]; /* owns */
    size_t listener_count;
    struct tunnel *tunnels; /* owns */
    unsigned tunnel_count;
    struct http_head head; /* scratch: filled and used within one call */
    struct proxy *next;    /* list of all, see proxy.c */
};

enum tunnel_state {
    TUNNEL_CONNECT,
    TUNNEL_HELD,
    TUNNEL_RAW,
    TUNNEL_HANDSHAKE,
    TUNNEL_REQUESTS
};

struct tunnel {
    struct proxy *proxy; /* borrows */
    struct tunnel *next, *prev;
    struct chan *chan; /* owns */
    enum tunnel_state state;
    bool gone;
    bool waits_for_store; /* has input that was not looked at */
    bool discarding;      /* the body of a request that was answered already */
    bool close_after;     /* nothing more is read after that */
    struct loop_hook reap;
    struct timer *timer; /* owns; a head must be complete by then */
    struct http_scan scan;
    struct http_body discard;
    uint64_t discarded;
    char *host; /* owns; of the CONNECT, lower case */
    uint16_t port;
    const struct provider *provider; /* borrows; NULL: not a provider host */
    struct origin *origin;           /* borrows from the pool */
    struct exchange *exchange;       /* owns; the request under way */
    struct raw *raw;                 /* owns; HELD and RAW */
};

/* --- proxy.c --- */

const struct credential *proxy_credential(
        const struct proxy *proxy, const struct provider *provider);
void record_init(const struct tunnel *tunnel, const char *kind, struct request_record *rec);
/* Store the row and show it. */
void record_put(struct proxy *proxy, struct request_record *rec);

/* --- tunnel.c --- */

void tunnel_accept(void *ctx, struct chan *chan);
/* Go on with the input as far as it goes. */
void tunnel_run(struct tunnel *tunnel);
/* The exchange is over and freed. `body`: what is left of the request body, or NULL. */
void tunnel_exchange_done(struct tunnel *tunnel, const struct http_body *body, bool keep);
void tunnel_close(struct tunnel *tunnel); /* what was written still goes out */
void tunnel_abort(struct tunnel *tunnel);
void tunnel_free(struct tunnel *tunnel); /* at once; only when the proxy goes */

/* --- raw.c --- */

/* Judge the CONNECT of a host that is not a provider's and go on from there. */
void raw_start(struct tunnel *tunnel);
void raw_free(struct raw *raw);
void raw_agent_ended(struct tunnel *tunnel, const char *why);

/* --- judge.c --- */

struct refusal {
    int status; /* 0: none */
    enum request_decision decision;
    char reason[240]; /* the line the agent gets */
};

/* May this request go upstream? Fills rec (method, path, key_swapped) either way. */
bool judge_request(struct tunnel *tunnel, const struct http_head *head,
        struct request_record *rec, struct refusal *refusal);
/* The head as it goes upstream, with the real key in it if rec says so. */
void judge_write_head(const struct tunnel *tunnel, const struct http_head *head,
        const struct request_record *rec, struct buf *out);

/* --- exchange.c --- */

/* Takes the request on; its head is not needed any more when this returns. */
void exchange_start(
        struct tunnel *tunnel, const struct http_head *head, const struct request_record *rec);
void exchange_agent_data(struct exchange *x);
void exchange_agent_drained(struct exchange *x);
/* The agent is gone: end without a word. Frees x. */
void exchange_cancel(struct exchange *x, const char *why);

/* --- reply.c --- */

/* A whole answer of ours: one line of text. `close`: say that the connection ends. */
void reply_text(struct chan *chan, int status, struct str text, bool to_head, bool close);
const char *reply_reason(int status);

#endif
