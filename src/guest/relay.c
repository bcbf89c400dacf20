/*
 * relay.c - one direction of a byte stream.
 */
#include "guest/relay.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

void relay_init(struct relay *relay, int from, int to)
{
    relay->from = from;
    relay->to = to;
    relay->state = RELAY_OPEN;
    relay->discard = false;
    relay->write_max = RELAY_BUF;
    relay->off = relay->len = 0;
}

bool relay_wants_read(const struct relay *relay)
{
    return relay->state == RELAY_OPEN && relay->len == 0;
}

bool relay_wants_write(const struct relay *relay)
{
    return relay->len > 0;
}

static bool try_again(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static void finish_if_empty(struct relay *relay)
{
    if (relay->state == RELAY_ENDED && relay->len == 0) {
        (void)shutdown(relay->to, SHUT_WR); /* ENOTSOCK for a pipe: its owner closes it */
        relay->state = RELAY_DONE;
    }
}

bool relay_read(struct relay *relay)
{
    ssize_t n = read(relay->from, relay->bytes, sizeof(relay->bytes));
    if (n < 0)
        return try_again();
    relay->len = relay->discard ? 0 : (size_t)n;
    if (n == 0)
        relay_end(relay);
    return true;
}

void relay_end(struct relay *relay)
{
    relay->state = relay->discard ? RELAY_DONE : RELAY_ENDED;
    finish_if_empty(relay);
}

bool relay_write(struct relay *relay)
{
    size_t left = relay->len - relay->off;
    size_t max = relay->write_max;
    ssize_t n = write(relay->to, relay->bytes + relay->off, left < max ? left : max);
    if (n < 0)
        return try_again();
    relay->off += (size_t)n;
    if (relay->off == relay->len)
        relay->off = relay->len = 0;
    finish_if_empty(relay);
    return true;
}

void relay_discard(struct relay *relay)
{
    relay->off = relay->len = 0;
    relay->discard = true;
    if (relay->state == RELAY_ENDED)
        relay->state = RELAY_DONE;
}
