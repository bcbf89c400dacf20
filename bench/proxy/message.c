/*
 * message.c - see message.h. Heads are copied whole and looked through when asked.
 *
 * Owns: nothing. Blocks: no.
 */
#include "message.h"

#include <stdlib.h>

void message_reset(struct message *message)
{
    message->state = MESSAGE_HEAD;
    message->chunked = message->line_has = false;
    message->left = message->body = 0;
    message->head_len = 0;
}

int message_status(const struct message *message)
{
    if (message->head_len < 12 || memcmp(message->head, "HTTP/1.1 ", 9) != 0)
        return 0;
    return (int)strtol(message->head + 9, NULL, 10);
}

struct str message_field(const struct message *message, const char *name)
{
    struct str rest = {message->head, message->head_len}, line, key;
    while (str_cut(&rest, '\n', &line)) {
        if (str_cut(&line, ':', &key) && str_eq_icase(key, str_of(name)))
            return str_trim((struct str){line.p, line.n ? line.n - 1 : 0});
    }
    return (struct str){"", 0};
}

/* How the body is framed, once the head is whole. */
static void begin_body(struct message *message)
{
    int status = message_status(message);
    struct str length = message_field(message, "content-length");
    if (status >= 100 && status < 200) {
        message_reset(message);
        return;
    }
    message->chunked = message_field(message, "transfer-encoding").n > 0;
    if (length.n > 0 && !str_u64(length, UINT64_MAX, &message->left))
        message->state = MESSAGE_BAD;
    else if (message->chunked)
        message->state = MESSAGE_CHUNK_SIZE;
    else
        message->state = message->left > 0 ? MESSAGE_BODY : MESSAGE_DONE;
}

static size_t feed_head(struct message *message, const char *p, size_t n)
{
    size_t old = message->head_len;
    size_t take = n < MESSAGE_HEAD_MAX - old ? n : MESSAGE_HEAD_MAX - old;
    memcpy(message->head + old, p, take);
    size_t from = old > 3 ? old - 3 : 0;
    const char *end = memmem(message->head + from, old + take - from, "\r\n\r\n", 4);
    if (!end) {
        message->head_len += take;
        if (message->head_len == MESSAGE_HEAD_MAX)
            message->state = MESSAGE_BAD;
        return take;
    }
    message->head_len = (size_t)(end - message->head) + 4;
    size_t used = message->head_len - old;
    begin_body(message);
    return used;
}

static size_t feed_body(struct message *message, const char *p, size_t n,
        void (*body)(void *ctx, const char *p, size_t n), void *ctx)
{
    size_t take = n < message->left ? n : (size_t)message->left;
    message->left -= take;
    message->body += take;
    if (body)
        body(ctx, p, take);
    if (message->left == 0)
        message->state = message->chunked ? MESSAGE_CHUNK_END : MESSAGE_DONE;
    return take;
}

/* One byte of the lines around chunks. */
static void feed_line(struct message *message, char c)
{
    switch (message->state) {
    case MESSAGE_CHUNK_SIZE:
        if (c == '\n')
            message->state = message->left > 0 ? MESSAGE_BODY : MESSAGE_TRAILER;
        else if (char_hex(c) >= 0 && message->left < UINT64_MAX >> 4)
            message->left = message->left * 16 + (uint64_t)char_hex(c);
        else if (c != '\r')
            message->state = MESSAGE_BAD;
        break;
    case MESSAGE_CHUNK_END:
        if (c == '\n')
            message->state = MESSAGE_CHUNK_SIZE;
        break;
    default: /* MESSAGE_TRAILER */
        if (c == '\n' && !message->line_has)
            message->state = MESSAGE_DONE;
        else if (c == '\n' || c != '\r')
            message->line_has = c != '\n';
        break;
    }
}

size_t message_feed(struct message *message, const char *p, size_t n,
        void (*body)(void *ctx, const char *p, size_t n), void *ctx)
{
    size_t used = 0;
    while (used < n && message->state < MESSAGE_DONE) {
        if (message->state == MESSAGE_HEAD)
            used += feed_head(message, p + used, n - used);
        else if (message->state == MESSAGE_BODY)
            used += feed_body(message, p + used, n - used, body, ctx);
        else
            feed_line(message, p[used++]);
    }
    return used;
}
