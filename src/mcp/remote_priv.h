/*
 * remote_priv.h - the two files of remote.h, as they see each other.
 *
 *     remote.c  the session: what may be sent when, and what becomes of what is sent
 *     flow.c    one request of HTTP and its answer, resumed if that breaks off
 *
 * Whatever is called from outside is between remote_enter() and remote_leave(): flows that are
 * over, and a peer that was closed meanwhile, are freed by the outermost one of these.
 */
#ifndef SRC_MCP_REMOTE_PRIV_H
#define SRC_MCP_REMOTE_PRIV_H

#include "http/sse.h"
#include "mcp/message.h"
#include "mcp/remote.h"

struct remote;

enum flow_kind {
    FLOW_INITIALIZE,
    FLOW_GREETING, /* notifications/initialized */
    FLOW_REQUEST,
    FLOW_REST,  /* other notices, and answers */
    FLOW_LISTEN /* the GET */
};

enum flow_state {
    FLOW_WAITING, /* until it may go */
    FLOW_ASKING,
    FLOW_PAUSED, /* it broke off and is gone on with by the timer */
    FLOW_DONE
};

/* What the answer is. */
enum flow_answer { ANSWER_NONE, ANSWER_JSON, ANSWER_EVENTS, ANSWER_REFUSAL };

struct flow {
    struct remote *remote; /* borrows */
    struct flow *next, **prev;
    enum flow_kind kind;
    enum flow_state state;
    struct buf body; /* owns; until an answer begins */
    struct buf id;   /* owns; of a request */
    bool again;      /* it was refused once, because the session was forgotten */
    bool resuming;
    struct http_call *call; /* owns; while ASKING */
    int status;
    enum flow_answer answer;
    struct buf text; /* owns; of JSON, or of a refusal */
    bool too_large;
    struct sse sse;
    unsigned tries;      /* in a row that did not begin */
    struct timer *timer; /* owns */
};

enum remote_phase {
    REMOTE_FRESH,    /* initialize may go, nothing else */
    REMOTE_GREETING, /* so may notifications/initialized */
    REMOTE_OPEN
};

#define REMOTE_SESSION 1024 /* characters of a session's id; it goes with each request */

struct remote {
    struct peer peer; /* first */
    struct loop *loop;
    char *name;                 /* owns */
    struct http_origin *origin; /* owns */
    struct buf fields;          /* owns; secret */
    enum remote_phase phase;
    char session[REMOTE_SESSION + 1]; /* "": it has none */
    char revision[16];
    unsigned renewals;  /* in a row, without anything answered in between */
    bool no_listening;  /* the server has no GET */
    bool listened;      /* it had, once */
    struct flow *flows; /* owns; oldest first */
    unsigned flow_count;
    unsigned depth; /* of remote_enter() */
    bool closed;
};

void remote_enter(struct remote *remote);
void remote_leave(struct remote *remote);
/* This flow is over; what waits may go. */
void remote_flow_done(struct flow *flow);
/* Its request was refused, because the session is not known. */
void remote_forgotten(struct flow *flow);
/* Head fields of every request. */
void remote_put_fields(const struct remote *remote, struct buf *out);
/* Nothing works any more. */
void remote_fail(struct remote *remote, const struct err *why);
void remote_take_session(struct remote *remote, const struct http_head *head);
bool remote_wants(const struct remote *remote, const struct flow *flow);

/* flow.c */
struct flow *flow_new(struct remote *remote, enum flow_kind kind);
void flow_go(struct flow *flow);
void flow_free(struct flow *flow);
/* No answer will come; tells who asked. */
void flow_lost(struct flow *flow, const struct err *why);

#endif
