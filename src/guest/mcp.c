/*
 * mcp.c - stdin and stdout carried to a Unix socket, with half-close.
 *
 * Stdin and stdout may be shared with our starter, so they are not made non-blocking: a read
 * follows POLLIN, and a write after POLLOUT is at most a pipe's guaranteed PIPE_BUF. Ends
 * when the socket ends and all of it was written; the end of stdin is passed on, answers that
 * are under way still come.
 */
#include "guest/mcp.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/relay.h"
#include "guest/turn.h"

static int connect_to(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(addr.sun_path)) {
        fprintf(stderr, "icguest: the path '%s' is too long for a socket\n", path);
        return -1;
    }
    memcpy(addr.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        fprintf(stderr, "icguest: cannot connect to '%s': %s\n", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* A pipe whose other end is gone says POLLERR or POLLHUP: the call then tells what it is. */
static bool step(struct relay *relay, short from, short to)
{
    const short end = POLLHUP | POLLERR | POLLNVAL;
    if ((from & (POLLIN | end)) && relay_wants_read(relay) && !relay_read(relay))
        return false;
    return !((to & (POLLOUT | end)) && relay_wants_write(relay) && !relay_write(relay));
}

static int want(struct turn *turn, int fd, short events)
{
    return events ? turn_want(turn, fd, events) : -1;
}

static int carry(int sock)
{
    static struct relay up, down;
    static struct turn turn;
    relay_init(&up, STDIN_FILENO, sock);
    relay_init(&down, sock, STDOUT_FILENO);
    up.write_max = down.write_max = PIPE_BUF;

    while (down.state != RELAY_DONE) {
        turn_begin(&turn);
        short sock_events = (short)((relay_wants_read(&down) ? POLLIN : 0) |
                                    (relay_wants_write(&up) ? POLLOUT : 0));
        int in = want(&turn, STDIN_FILENO, relay_wants_read(&up) ? POLLIN : 0);
        int out = want(&turn, STDOUT_FILENO, relay_wants_write(&down) ? POLLOUT : 0);
        int io = want(&turn, sock, sock_events);
        turn_wait(&turn);
        if (!step(&down, turn_got(&turn, io), turn_got(&turn, out)))
            return 1;
        if (!step(&up, turn_got(&turn, in), turn_got(&turn, io)))
            relay_discard(&up); /* the socket's end will tell */
    }
    return 0;
}

int mcp_stdio_run(const char *socket_path)
{
    int sock = connect_to(socket_path);
    if (sock < 0)
        return 1;
    int status = carry(sock);
    close(sock);
    return status;
}
