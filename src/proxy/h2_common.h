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

#include "io/chan.h"
#include "proxy/http1.h"

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

/* A leaky bucket: more than `burst` at once or `per_s` for long is over. */
struct h2_meter {
    uint64_t level_ms; /* thousandths of an event */
    uint64_t at_ms;
};

bool h2_meter_over(struct h2_meter *meter, uint64_t now_ms, unsigned burst, unsigned per_s);
/* Of the frames that carry nothing: true if that were too many. */
bool h2_frame_is_idle_talk(const nghttp2_frame_hd *hd);

/* Options for both ends: windows by hand. */
nghttp2_option *h2_options(void);
nghttp2_session_callbacks *h2_callbacks(void);
#define H2_CHECK(rc) CHECK((rc) == 0) /* fails only without memory or by our mistake */

/* Move what the session has to send into the channel, until that is full. 0, or -1: the
 * session is of no use any more. */
int h2_pump(nghttp2_session *session, struct chan *chan);
/* For nghttp2_send_data_callback: one DATA frame out of `from`. */
int h2_send_data(struct chan *chan, const uint8_t *frame_head, struct buf *from, size_t n);

#endif
