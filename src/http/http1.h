/*
 * http1.h - HTTP/1.1 messages, read strictly (RFC 9110, RFC 9112).
 *
 * Three steps, each usable alone:
 *
 *     http_scan_head()      is the head complete? Resumable, each byte is looked at once.
 *     http_parse_request()  one pass over a complete head; views point into it.
 *     http_body_feed()      the body without its framing, as pieces of the input.
 *
 * Nothing is repaired. What two readers could understand in two ways is a fault: both
 * lengths, two lengths, a coding other than chunked, folded lines, a bare CR or LF, control
 * bytes, blanks around a name, a second Host. A fault carries the status for the agent; on
 * the way back every fault is a bad upstream.
 */
#ifndef SRC_HTTP_HTTP1_H
#define SRC_HTTP_HTTP1_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "http/chunked.h"

/* Why a message is refused. The reason is a constant string. */
struct http_fault {
    int status;
    const char *reason;
};

/* Fields that the proxy itself acts upon. */
enum http_name {
    HTTP_OTHER,
    HTTP_HOST,
    HTTP_CONNECTION,
    HTTP_CONTENT_LENGTH,
    HTTP_TRANSFER_ENCODING,
    HTTP_EXPECT,
    HTTP_UPGRADE,
    HTTP_HOP /* any other that concerns one connection only */
};

struct http_field {
    struct str name;  /* borrows from the head, as sent */
    struct str value; /* borrows from the head, without blanks around it */
    enum http_name known;
    bool hop; /* not forwarded: hop-by-hop by definition or named by Connection */
};

enum http_framing { HTTP_NO_BODY, HTTP_LENGTH, HTTP_CHUNKED, HTTP_TO_CLOSE };

/* About 5 kB: the proxy has one, and is done with it before it parses the next. */
struct http_head {
    struct str method; /* requests; borrows */
    struct str target; /* requests; borrows, raw */
    struct str host;   /* requests; the Host field, or empty (HTTP/1.0 only) */
    int status;        /* responses */
    struct str reason; /* responses; borrows */
    int minor;         /* HTTP/1.minor: 0 or 1 */
    enum http_framing framing;
    uint64_t length; /* HTTP_LENGTH */
    bool has_length; /* the field was there, also where no body follows (HEAD, 304) */
    bool keep_alive; /* the sender keeps the connection */
    bool expect_continue;
    bool upgrade; /* Connection names Upgrade, and it is there */
    size_t count;
    struct http_field fields[LIMIT_HTTP_FIELDS];
};

struct http_scan {
    size_t at;         /* bytes looked at */
    size_t line_start; /* of the line that `at` is in */
};

/*
 * Look for the end of the head that `in` begins with. `in` may only grow between calls with
 * the same scan. Returns its length with the empty line, 0 for more bytes, -1 with a fault
 * (400 for bytes that cannot be, 431 for too many).
 */
long http_scan_head(struct http_scan *scan, struct str in, struct http_fault *fault);

/* `bytes` is a whole head as http_scan_head() found it. 0 or -1 with a fault. */
int http_parse_request(struct http_head *head, struct str bytes, struct http_fault *fault);
/* `to_head`: the request was HEAD, so no body follows whatever the fields say. */
int http_parse_response(
        struct http_head *head, struct str bytes, bool to_head, struct http_fault *fault);

/* The next field of that name (any case) at or behind *index, which moves past it. */
const struct http_field *http_next(
        const struct http_head *head, struct str name, size_t *index);

/* A body being read. No memory of its own. */
struct http_body {
    enum http_framing framing;
    uint64_t left;  /* HTTP_LENGTH: bytes to come */
    uint64_t bytes; /* body bytes so far */
    bool done;
    struct chunked chunks;
};

void http_body_init(struct http_body *body, enum http_framing framing, uint64_t length);
/*
 * Hand the body bytes in `in` to `sink`, piece by piece; returns how many bytes of `in` were
 * used (all, unless the body ended) or -1 with a fault. Trailers are dropped.
 */
long http_body_feed(struct http_body *body, struct str in, http_sink_fn sink, void *ctx,
        struct http_fault *fault);
/* The sender closed. True if that is the proper end. */
bool http_body_eof(struct http_body *body);

/* "\r\ncontent-length: N", for a head that is being written. */
void http_put_length(struct buf *out, uint64_t length);
/* "HTTP/1.1 STATUS REASON" */
void http_put_status(struct buf *out, int status, struct str reason);

/* Append `piece` as one chunk; the last one ends the body. */
void http_put_chunk(struct buf *out, struct str piece);
void http_put_last_chunk(struct buf *out);

#endif
