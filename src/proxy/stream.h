/*
 * stream.h - one request of an agent and the place where its answer goes.
 *
 * What exchange.c sees of the agent, whatever HTTP it speaks: with HTTP/1.1 a connection has
 * one stream at a time (h1_stream.c), with HTTP/2 many (h2_server.c). The stream owns its
 * exchange and tells it the news by the exchange_agent_*() functions of proxy_priv.h; it is
 * told what to send by stream_ops.
 *
 *     request   head as struct http_head; body bytes collect in in(), framed as the head says.
 *               HTTP/2 has no framing of its own there: its head says HTTP_TO_CLOSE (or
 *               HTTP_NO_BODY when it ended the stream) and exchange_agent_end() is the end.
 *     answer    interim()*, head(), body bytes appended to out() + flush(), finish().
 *               Or reply() + finish(). Or cut(): what was sent is not a whole answer.
 *
 * finish() and cut() are the last call about one exchange; the exchange is freed before
 * them, and the stream may be gone when they return.
 */
#ifndef SRC_PROXY_STREAM_H
#define SRC_PROXY_STREAM_H

#include "http/http1.h"

struct exchange;
struct stream;
struct tunnel;

/* A whole answer of ours. */
struct reply {
    int status;
    const char *type; /* content type */
    struct str body;
    bool close; /* what follows on this connection is not certain (HTTP/1.1 only) */
};

struct stream_ops {
    struct buf *(*in)(struct stream *stream);
    void (*resume)(struct stream *stream); /* something of in() was consumed: read on */

    void (*interim)(struct stream *stream, const struct http_head *head);
    /* Sends status and all fields that are not of one hop, framed anew; sets `chunked`. */
    void (*head)(struct stream *stream, const struct http_head *head);
    void (*reply)(struct stream *stream, const struct reply *reply);

    struct buf *(*out)(struct stream *stream);
    void (*flush)(struct stream *stream); /* something was appended to out() */
    bool (*full)(struct stream *stream);  /* exchange_agent_drained() comes when not any more */

    /* `rest`: what of the request body was not read, or NULL. */
    void (*finish)(struct stream *stream, const struct http_body *rest);
    void (*cut)(struct stream *stream); /* what is in out() still goes */
};

struct stream {
    const struct stream_ops *ops;
    struct tunnel *tunnel;     /* borrows */
    struct exchange *exchange; /* owns; the request under way, or NULL */
    bool chunked;              /* the answer's body goes into out() as chunks */
    bool to_head;              /* the request is HEAD: no body follows any answer */
};

#endif
