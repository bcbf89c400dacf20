/*
 * wire.c - see wire.h. Pure but for the two calls at the end.
 */
#include "cli/wire.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/limits.h"

void wire_begin(struct buf *message, const char *verb)
{
    buf_clear(message);
    buf_append(message, verb, strlen(verb) + 1);
}

void wire_put(struct buf *message, const char *name, const char *value)
{
    if (!value)
        return;
    buf_puts(message, name);
    buf_putc(message, '=');
    buf_append(message, value, strlen(value) + 1);
}

void wire_put_number(struct buf *message, const char *name, long value)
{
    char text[24];

    snprintf(text, sizeof(text), "%ld", value);
    wire_put(message, name, text);
}

bool wire_ok(struct str message)
{
    return message.n > 1 && message.p[0] >= 'A' && message.p[0] <= 'Z' &&
           message.p[message.n - 1] == '\0';
}

const char *wire_verb(struct str message)
{
    return message.p;
}

const char *wire_next(struct str message, const char *name, size_t *pos)
{
    size_t n = strlen(name);
    size_t at = *pos ? *pos : strlen(message.p) + 1;

    while (at < message.n) {
        const char *field = message.p + at;

        at += strlen(field) + 1;
        if (strncmp(field, name, n) == 0 && field[n] == '=') {
            *pos = at;
            return field + n + 1;
        }
    }
    *pos = at;
    return NULL;
}

const char *wire_get(struct str message, const char *name)
{
    size_t pos = 0;

    return wire_next(message, name, &pos);
}

bool wire_is_set(struct str message, const char *name)
{
    const char *value = wire_get(message, name);

    return value && strcmp(value, "1") == 0;
}

long wire_number(struct str message, const char *name, long otherwise)
{
    const char *value = wire_get(message, name);
    uint64_t number;

    return value && str_u64(str_of(value), 1u << 30, &number) ? (long)number : otherwise;
}

int wire_send(int fd, struct str message, int passed, struct err *err)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } control = {{0}};
    struct iovec iov = {(void *)message.p, message.n};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    if (message.n > LIMIT_PACKET)
        return err_set(err, ERR_LIMIT, "the command has %zu bytes, %u can be passed on",
                message.n, LIMIT_PACKET);
    if (passed >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &passed, sizeof(passed));
    }
    while (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return err_set(err, errno == EPIPE ? ERR_EOF : ERR_IO,
                    "cannot talk to the server: %s", strerror(errno));
    return 0;
}

int wire_receive(int fd, struct buf *message)
{
    ssize_t n;

    buf_clear(message);
    /* A reset comes before what the other side said last, if it closed without having read
     * all of ours; it is told once. */
    do
        n = recv(fd, buf_reserve(message, LIMIT_PACKET_ANSWER), LIMIT_PACKET_ANSWER, 0);
    while (n < 0 && (errno == EINTR || errno == ECONNRESET));
    if (n <= 0)
        return 0;
    buf_commit(message, (size_t)n);
    return (int)n;
}
