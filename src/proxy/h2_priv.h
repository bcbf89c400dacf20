/*
 * h2_priv.h - the inside of HTTP/2: streams of an agent's connection (h2_server.c,
 * h2_stream.c) and requests on an upstream's (h2_client.c, h2_upstream.c).
 */
#ifndef SRC_PROXY_H2_PRIV_H
#define SRC_PROXY_H2_PRIV_H

#include "proxy/h2_client.h"
#include "proxy/h2_common.h"
#include "proxy/proxy_priv.h"

/* Bytes given to the library at once; between two such pieces marks are acted upon. */
#define H2_PIECE 32768

struct h2_stream {
    struct stream base;
    struct h2_server *h2; /* borrows */
    struct h2_stream *next, *prev;
    struct h2_stream *next_news;
    int32_t id;
    struct buf text; /* of the request head, until it began */
    struct buf in, out;
    size_t owed;             /* bytes of `in` whose window was not given back */
    uint64_t announced;      /* length of the request body, if the head says it */
    uint64_t dropped;        /* body bytes that came after the answer was whole */
    struct http_fault fault; /* of the head; status 0: none */
    const char *broken;      /* why it ended early */
    bool in_news;
    bool empty;    /* END_STREAM came with the head */
    bool headed;   /* the head is whole and nobody has looked at it */
    bool ended;    /* the agent sent END_STREAM */
    bool end_told; /* to the exchange */
    bool answered; /* the head of the answer is submitted */
    bool finished; /* nothing is appended to out any more */
    bool cut;      /* and what was sent is not a whole answer */
    bool bodyless; /* the answer was whole with its head */
    bool waits;    /* somebody was told that out is full */
    bool sent;     /* END_STREAM of the answer */
    bool rejected; /* the rest of the request was */
    bool closed;   /* the library has forgotten it */
};

struct h2_server {
    struct tunnel *tunnel;     /* borrows; the owner */
    nghttp2_session *session;  /* owns */
    struct h2_stream *streams; /* owns */
    struct h2_stream *news, **news_end;
    struct h2_head head; /* the block that is coming in; there is never more than one */
    struct timer *timer; /* owns; runs while the preface or a block is awaited */
    struct loop_hook hook;
    struct h2_meter resets, talk;
    const char *why;       /* the connection is given up; constant */
    uint32_t code;         /* what GOAWAY says then; 0: the library has said it */
    const char *complaint; /* the library's last one; constant */
    bool in_block;         /* a header block began */
    bool leaving;          /* the agent sent GOAWAY */
};

/* --- h2_stream.c --- */

extern const struct stream_ops h2_stream_ops;
/* The head is whole: to be judged, or refused if it is no HTTP. */
void h2_stream_begin(struct h2_stream *s);
/* Nobody reads what came of the body. */
void h2_stream_drop_input(struct h2_stream *s);
/* So many bytes came of a body that nobody reads. */
void h2_stream_discard(struct h2_stream *s, size_t n);
/* The answer is out: the rest of the request may be stopped. */
void h2_stream_sent(struct h2_stream *s);
/* Of an answer that is cut off: if all of it is out, the stream is reset. */
void h2_stream_cut(struct h2_stream *s);

/* --- h2_server.c --- */

void h2_stream_mark(struct h2_stream *s); /* there are news of it */
void h2_server_send_soon(struct h2_server *h2);
/* The row of what is no request. */
void h2_put_row(const struct tunnel *tunnel, int status, const char *reason);

struct h2_request {
    struct upstream base;
    struct h2_client *client; /* borrows */
    struct h2_request *next, *prev;
    struct h2_request *next_news;
    int32_t id;       /* 0: nothing was sent */
    struct buf head;  /* owns; text of the request head with the key, until it was sent */
    struct buf heads; /* response heads as text, not yet read */
    size_t head_len;  /* of the one that was read and not yet consumed */
    struct buf in, out;
    size_t owed;             /* bytes of `in` whose window was not given back */
    uint32_t code;           /* why the stream was closed */
    struct http_fault fault; /* of a response head; status 0: none */
    bool in_news;
    bool busy;       /* its news are being told */
    bool out_ended;  /* nothing is appended to out any more */
    bool waits;      /* somebody was told that out is full */
    bool sent;       /* the request head */
    bool answered;   /* the final response head came */
    bool head_ended; /* and END_STREAM with it */
    bool ended;      /* END_STREAM came */
    bool closed;     /* the library has forgotten it */
    bool over_told;
    bool dropped;  /* too much of the body was not consumed: the rest is not wanted */
    bool released; /* the exchange has */
};

struct h2_client {
    struct pool *pool;        /* borrows */
    struct origin *origin;    /* borrows; only while listed */
    struct chan *chan;        /* owns; NULL: broken */
    nghttp2_session *session; /* owns */
    struct h2_client *next;
    struct h2_request *requests; /* owns */
    unsigned active;             /* of them not released */
    struct h2_request *news, **news_end;
    struct h2_head head; /* the block that is coming in */
    struct loop_hook hook;
    struct h2_meter talk;
    uint64_t idle_since;
    bool listed;
    bool served;           /* it had a request before */
    bool busy;             /* it is freed at the end of what runs now */
    const char *why;       /* it is given up; constant */
    const char *complaint; /* the library's last one; constant */
    struct err err;        /* why it broke */
};

/* --- h2_upstream.c --- */

extern const struct upstream_ops h2_upstream_ops;

/* --- h2_client.c --- */

void h2_request_mark(struct h2_request *r); /* there are news of it */
void h2_request_free(struct h2_request *r);
void h2_client_send_soon(struct h2_client *client);
void h2_client_unlist(struct h2_client *client);
/* The last thing of everything that may have ended the client. */
void h2_client_settle(struct h2_client *client);

#endif
