/*
 * exchange.h - the inside of an exchange, for the files exchange*.c only.
 *
 *     exchange.c          start, the upstream's connection, the request's way, the end
 *     exchange_answer.c   the response's way back
 *     exchange_ask.c      the human is asked first
 *     exchange_body.c     the body is needed whole: rules for it, and sending it twice
 *     exchange_key.c      a login is renewed, before or after the upstream says 401
 *     exchange_ws.c       the answer is a WebSocket
 *
 *     [HELD] --> [COLLECT] --> [RENEW] --> CONNECT --> FLOW --> [WEBSOCKET]
 *                                 ^                     |
 *                                 +------- 401 ---------+ once
 */
#ifndef SRC_PROXY_EXCHANGE_H
#define SRC_PROXY_EXCHANGE_H

#include "proxy/body_rule.h"
#include "proxy/leak.h"
#include "proxy/proxy_priv.h"
#include "proxy/tap.h"
#include "proxy/ws.h"

enum phase {
    PHASE_HELD,
    PHASE_COLLECT,
    PHASE_RENEW,
    PHASE_CONNECT,
    PHASE_FLOW,
    PHASE_WEBSOCKET
};

struct exchange {
    struct stream *stream; /* borrows; the owner */
    struct origin *origin; /* shared with the pool */
    struct upstream *up;   /* owns; NULL: not connected */
    struct dial *dial;     /* owns; NULL: not dialing */
    uint64_t question;     /* at the gate; 0: none */
    enum phase phase;
    struct request_record rec;
    struct buf head; /* owns; for the upstream, without framing and key */
    struct http_body request;
    struct http_body response;
    struct leak leak;
    struct body_tap *tap;         /* owns; NULL: nothing to read along */
    enum api_kind dialect;        /* of what is read along */
    struct real_key *key;         /* shared; NULL: there is none */
    struct real_key *old_keys[2]; /* shared; those before it was renewed */
    unsigned old_count;
    struct credential_wait *wait; /* owns; NULL: no renewal is awaited */
    const struct body_rule *rule; /* borrows; NULL: none */
    struct buf body;              /* owns; the whole request body, if collected */
    size_t body_at;               /* bytes of it that were sent */
    size_t reserved;              /* bytes of the proxy's budget */
    struct ws_offer *offer;       /* owns; NULL: no WebSocket is asked for */
    struct ws_relay *relay;       /* owns; the answer is one */
    uint64_t started_ns;
    uint64_t length;  /* of the request body, if has_length */
    unsigned interim; /* 1xx answers so far */
    bool has_length;
    bool starting;  /* the head is still in the input: nothing may be read from it yet */
    bool expects;   /* the agent waits for 100 Continue */
    bool collected; /* `body` is what is sent */
    bool head_sent;
    bool ended_up; /* the request is whole at the upstream */
    bool idempotent;
    bool retried;      /* the second connection, never a third */
    bool renewed;      /* the login was renewed before the request went */
    bool refused;      /* the upstream said 401, and the login was renewed then */
    bool responding;   /* the response head went to the agent */
    bool unreadable;   /* its body cannot be searched for the key */
    bool keep_up;      /* the upstream's connection stays */
    bool up_over;      /* the upstream ended or failed; what it sent may be unread */
    struct err up_err; /* code ERR_OK: it ended cleanly */
};

static inline struct proxy *proxy_of(const struct exchange *x)
{
    return x->stream->tunnel->proxy;
}

/* --- exchange.c; those marked with E may end the exchange --- */

void exchange_connect(struct exchange *x);      /* E, but not while starting */
void exchange_pump_request(struct exchange *x); /* E */
/* The connection is given up; the next one starts anew. */
void exchange_drop_upstream(struct exchange *x);
/* A body of known length that fills the input goes over whole, without a copy. */
bool exchange_swap_body(struct http_body *body, struct buf *in, struct buf *out);
/* Nothing of a response went to the agent: answer ourselves. */
void exchange_fail(struct exchange *x, int status, enum request_decision decision,
        const char *text);                                  /* E */
void exchange_cut_off(struct exchange *x, const char *why); /* E */
void exchange_finish(struct exchange *x);                   /* E; the answer is whole */
void exchange_record_end(struct exchange *x, const char *why);
void exchange_release(struct exchange *x); /* E; frees */

/* --- exchange_answer.c --- */

void exchange_pump_response(struct exchange *x); /* E */

/* --- exchange_ask.c --- */

void exchange_ask(
        struct exchange *x, const struct http_head *head, const struct verdict *verdict);

/* --- exchange_body.c --- */

/* Must the body be had whole before anything is sent? */
bool exchange_must_collect(const struct exchange *x);
/* Its head announces more than may be collected: answered at once, nothing of it is read. */
bool exchange_refuse_length(struct exchange *x); /* E, if true */
void exchange_collect(struct exchange *x);       /* E; with what has come so far */
void exchange_send_body(struct exchange *x);
/* So many bytes are held for it now, in all, of the proxy's budget. False: there is no room. */
bool exchange_reserve(struct exchange *x, size_t bytes);
void exchange_free_body(struct exchange *x);

/* --- exchange_key.c --- */

/* E, but not while starting. The request may go: at once, or after the login was renewed that
 * ends soon. */
void exchange_go(struct exchange *x);
/* The upstream says 401: true if a newer key is sought, and the request sent again with it. */
bool exchange_renew(struct exchange *x);

/* --- exchange_ws.c --- */

/* The upstream says 101. -1: the relay has the channels, or the exchange is over. */
int exchange_switch(struct exchange *x, const struct http_head *head);

#endif
