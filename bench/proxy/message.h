/*
 * message.h - HTTP/1.1 messages as both ends of the benchmark read them: requests in the
 * origin, answers in the load. Just enough for what they say to each other; the parser of
 * the proxy is what is measured and not used here.
 */
#ifndef BENCH_PROXY_MESSAGE_H
#define BENCH_PROXY_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define MESSAGE_HEAD_MAX 8192

enum message_state {
    MESSAGE_HEAD,
    MESSAGE_BODY,
    MESSAGE_CHUNK_SIZE,
    MESSAGE_CHUNK_END, /* the line end after the bytes of a chunk */
    MESSAGE_TRAILER,
    MESSAGE_DONE,
    MESSAGE_BAD,
};

struct message {
    enum message_state state;
    bool chunked;
    bool line_has; /* the trailer line has something in it */
    uint64_t left; /* bytes of the body or chunk still to come */
    uint64_t body; /* bytes of the body so far */
    size_t head_len;
    char head[MESSAGE_HEAD_MAX];
};

void message_reset(struct message *message);

/* Reads until the message is done or the bytes are used up; returns how many were used. Body
 * bytes go to `body` where it is not NULL. */
size_t message_feed(struct message *message, const char *p, size_t n,
        void (*body)(void *ctx, const char *p, size_t n), void *ctx);

/* Of an answer; 0: not a number. */
int message_status(const struct message *message);
/* The value of a field by its lower-case name; n == 0: there is none. */
struct str message_field(const struct message *message, const char *name);

#endif
