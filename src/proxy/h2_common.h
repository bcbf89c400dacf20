/*
 * h2_common.h - what both ends of HTTP/2 share (RFC 9113).
 *
 * A head that came as a header block is turned into the text of an HTTP/1.1 head and read by
 * http1.c: what one protocol refuses the other refuses too, and there is one set of rules to
 * get right. For that nothing may be in a name or value that could end a line, whatever the
 * library lets pass.
 */
#ifndef SRC_PROXY_H2_COMMON_H
#define SRC_PROXY_H2_COMMON_H

#include <nghttp2/nghttp2.h>

#include "http/http1.h"
#include "io/chan.h"

enum h2_pseudo { H2_METHOD, H2_SCHEME, H2_AUTHORITY, H2_PATH, H2_STATUS, H2_PSEUDO_COUNT };

/* A header block that is coming in. Zeroed is empty. */
struct h2_head {
    struct buf pseudo[H2_PSEUDO_COUNT];
    struct buf fields; /* "name: value\r\n" */
    struct buf cookie; /* the crumbs, joined again */
    struct buf host;   /* the Host field, if there is one */
    bool has_host;
    size_t size; /* bytes so far */
    unsigned count;
    struct http_fault fault; /* the first thing that was wrong, status 0: nothing */
};

void h2_head_clear(struct h2_head *head); /* for the next block */
void h2_head_release(struct h2_head *head);
void h2_head_add(struct h2_head *head, struct str name, struct str value);
/* Append it as text to `out`. 0, or -1 with a fault and nothing appended. */
int h2_head_request(const struct h2_head *head, struct buf *out, struct http_fault *fault);
int h2_head_response(const struct h2_head *head, struct buf *out, struct http_fault *fault);

/* Fields on their way to the library, which copies what has no NO_COPY flag. */
struct h2_fields {
    nghttp2_nv nv[LIMIT_HTTP_FIELDS + H2_PSEUDO_COUNT + 1];
    size_t count;
};

void h2_fields_add(struct h2_fields *fields, struct str name, struct str value, uint8_t flags);

/* Of a stream's body, with n more bytes, when all connections together hold all they may: its
 * window is too large then, and was given before. */
bool h2_is_too_much(const struct buf *in, size_t n);

/* A leaky bucket: more than `burst` at once or `per_s` for long is over. */
struct h2_meter {
    uint64_t level_ms; /* thousandths of an event */
    uint64_t at_ms;
};

bool h2_meter_over(struct h2_meter *meter, uint64_t now_ms, unsigned burst, unsigned per_s);
/* Of the frames that carry nothing: true if that were too many. */
bool h2_frame_is_idle_talk(const nghttp2_frame_hd *hd);

/* What one end does with what the library tells. */
struct h2_events {
    nghttp2_on_begin_frame_callback on_begin_frame;
    nghttp2_on_begin_headers_callback on_begin_headers;
    nghttp2_on_header_callback on_header;
    nghttp2_on_frame_recv_callback on_frame;
    nghttp2_on_invalid_frame_recv_callback on_bad_frame;
    nghttp2_on_data_chunk_recv_callback on_data;
    nghttp2_on_stream_close_callback on_close;
    nghttp2_on_frame_send_callback on_sent;
    nghttp2_send_data_callback send_data;
    nghttp2_pack_extension_callback pack_extension; /* may be NULL */
};

/* A session with its SETTINGS and its window for the connection submitted; windows are given
 * back by hand. */
nghttp2_session *h2_session_new(bool server, const struct h2_events *events, void *ctx,
        const nghttp2_settings_entry *settings, size_t count, int32_t window);
/* What was set for the stream; NULL: nothing, or the library has forgotten it. */
void *h2_data_of(nghttp2_session *session, int32_t id);
bool h2_ends_stream(const nghttp2_frame_hd *hd);
#define H2_CHECK(rc) CHECK((rc) == 0) /* fails only without memory or by our mistake */

/* Move what the session has to send into the channel, until that is full. 0, or -1: the
 * session is of no use any more. */
int h2_pump(nghttp2_session *session, struct chan *chan);
/* For the end of a nghttp2_data_source_read_callback: so much of `from` may go; `ended`:
 * nothing is appended to it any more. */
ssize_t h2_read_data(const struct buf *from, bool ended, size_t length, uint32_t *flags);
/* For nghttp2_send_data_callback: one DATA frame out of `from`. */
int h2_send_data(struct chan *chan, const uint8_t *frame_head, struct buf *from, size_t n);

#endif
