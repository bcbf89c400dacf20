/*
 * sse.h - events out of a text/event-stream that comes in pieces (WHATWG HTML, 9.2.6).
 *
 * Lines end with LF, CR or CRLF; a byte order mark at the beginning is skipped; data lines of
 * one event are joined with LF; an event without data, and one that the end of the stream
 * cuts off, is none. An event that lies in one piece is told without a copy.
 *
 * Lines longer than LIMIT_SSE_LINE are skipped, and so is an event whose data would become
 * longer. Where events are messages that nobody may lose (MCP), sse_init_messages() takes them
 * up to LIMIT_MCP_MESSAGE and tells what was longer.
 */
#ifndef SRC_HTTP_SSE_H
#define SRC_HTTP_SSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define SSE_ID_MAX 256 /* bytes of an id; a longer one is none */

/* Both valid during the call. `name` is empty if the event has none. */
typedef void (*sse_event_fn)(void *ctx, struct str name, struct str data);

struct sse {
    sse_event_fn fn;
    void (*on_dropped)(void *ctx); /* an event was too long; or NULL */
    void *ctx;                     /* borrows */
    struct buf line;               /* owns; the beginning of a line that is not complete */
    struct buf data;               /* owns; of the event, when it is more than `whole` */
    struct str whole;              /* the only data line so far; borrows from the piece */
    char name[64];
    unsigned name_length;
    /* Of the last event that was complete, also of one without data; and of the one being read.
     */
    char id[SSE_ID_MAX], next_id[SSE_ID_MAX];
    unsigned id_length, next_id_length;
    uint32_t retry_ms; /* as the stream says; 0: it does not */
    bool messages;     /* see above */
    unsigned mark;     /* bytes of the byte order mark that were met */
    bool has_data;
    bool drop_line;  /* too long */
    bool drop_event; /* same */
    bool after_cr;   /* a LF that comes next belongs to it */
};

void sse_init(struct sse *sse, sse_event_fn fn, void *ctx);
void sse_init_messages(
        struct sse *sse, sse_event_fn fn, void (*on_dropped)(void *ctx), void *ctx);
/* The stream is begun anew; its last id is kept. What was not complete is gone. */
void sse_restart(struct sse *sse);
void sse_feed(struct sse *sse, struct str piece);
void sse_release(struct sse *sse);

#endif
