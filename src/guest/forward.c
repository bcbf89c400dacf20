/*
 * forward.c - TCP on the box's loopback to a Unix socket.
 *
 * How connections end. Half-close is passed on in both directions. When the host's side is
 * gone altogether, the agent still gets what came from it and an end; what the agent still
 * sends is read and thrown away for LINGER_MS, because closing a TCP socket with unread bytes
 * makes a reset, which destroys an answer that is on its way. (A Unix socket closed with
 * unread bytes says ECONNRESET to us after the last byte; that is an end like any other.)
 * When the agent's side breaks, both are closed at once.
 *
 * A hangup is reported by poll() whether asked for or not, so a descriptor is only in the
 * table when something can be done about it; otherwise the loop would spin.
 */
#include "guest/forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/relay.h"

#define BACKLOG 512 /* twice what is served at a time; the kernel holds the rest */
#define LINGER_MS 5000
#define RETRY_MS 20
#define RETRY_END_MS 5000

struct forward_conn {
    int tcp, unix_fd; /* owns; unix_fd -1: gone */
    int tcp_slot, unix_slot;
    int64_t linger_until; /* 0: the host's side is there, or the agent reads its last bytes */
    struct relay up;      /* agent to host */
    struct relay down;    /* host to agent */
    struct forward_conn *next;
};

void forward_init(struct forward *forward)
{
    *forward = (struct forward){.listener = -1, .slot = -1, .waiting = -1};
}

/* Binding to 127.0.0.1 succeeds although nobody could ever connect, so it is asked. */
static bool loopback_is_down(int fd)
{
    struct ifreq lo = {.ifr_name = "lo"};
    return ioctl(fd, SIOCGIFFLAGS, &lo) == 0 && !(lo.ifr_flags & IFF_UP);
}

static int listen_loopback(uint16_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool down = fd >= 0 && loopback_is_down(fd);
    if (!down && fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
            listen(fd, BACKLOG) == 0)
        return fd;
    fprintf(stderr, "icguest: cannot listen on 127.0.0.1:%u: %s\n", port,
            down ? "the box's interface 'lo' is down" : strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

int forward_open(struct forward *forward, const char *spec)
{
    char *end;
    unsigned long port = strtoul(spec, &end, 10);
    if (port < 1 || port > 65535 || *end != ':' || end[1] == '\0') {
        fprintf(stderr, "icguest: '%s' is not PORT:SOCKET\n", spec);
        return -1;
    }
    forward->path = end + 1;
    if (strlen(forward->path) >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        fprintf(stderr, "icguest: the path '%s' is too long for a socket\n", forward->path);
        return -1;
    }
    forward->listener = listen_loopback((uint16_t)port);
    return forward->listener < 0 ? -1 : 0;
}

static bool is_finished(const struct forward_conn *conn)
{
    return conn->up.state == RELAY_DONE && conn->down.state == RELAY_DONE;
}

static void conn_want(struct forward_conn *conn, struct turn *turn)
{
    short tcp = 0;
    short ux = 0;
    if (relay_wants_read(&conn->up))
        tcp |= POLLIN;
    if (relay_wants_write(&conn->down))
        tcp |= POLLOUT;
    if (conn->unix_fd >= 0 && relay_wants_read(&conn->down))
        ux |= POLLIN;
    if (conn->unix_fd >= 0 && relay_wants_write(&conn->up))
        ux |= POLLOUT;
    bool tcp_may_break = conn->up.state == RELAY_DONE;
    bool unix_may_break = conn->unix_fd >= 0 && conn->down.state != RELAY_OPEN;
    conn->tcp_slot = tcp || tcp_may_break ? turn_want(turn, conn->tcp, tcp) : -1;
    conn->unix_slot = ux || unix_may_break ? turn_want(turn, conn->unix_fd, ux) : -1;
    if (conn->linger_until)
        turn_wake_at(turn, conn->linger_until);
}

void forward_want(struct forward *forward, struct turn *turn)
{
    forward->slot = -1;
    if (forward->waiting >= 0)
        turn_wake_at(turn, forward->retry_at);
    else if (forward->listener >= 0 && forward->count < FORWARD_MAX)
        forward->slot = turn_want(turn, forward->listener, POLLIN);
    for (struct forward_conn *conn = forward->conns; conn; conn = conn->next)
        conn_want(conn, turn);
}

/* --- one connection ----------------------------------------------------------------- */

static void turn_unix(struct forward_conn *conn, short got)
{
    if ((got & (POLLIN | POLLHUP | POLLERR)) && relay_wants_read(&conn->down) &&
            !relay_read(&conn->down))
        relay_end(&conn->down);
    if ((got & POLLOUT) && relay_wants_write(&conn->up) && !relay_write(&conn->up))
        relay_discard(&conn->up); /* the host does not read any more; it may still send */
    if ((got & (POLLHUP | POLLERR)) && conn->down.state != RELAY_OPEN) {
        /* The host has closed both directions and all it sent is read. */
        close(conn->unix_fd);
        conn->unix_fd = -1;
        relay_discard(&conn->up);
    }
}

static bool turn_tcp(struct forward_conn *conn, short got)
{
    if ((got & POLLOUT) && relay_wants_write(&conn->down) && !relay_write(&conn->down))
        return false;
    if ((got & (POLLIN | POLLHUP | POLLERR)) && relay_wants_read(&conn->up) &&
            !relay_read(&conn->up))
        return false;
    /* Our own direction is still open here, so a hangup is a reset: nobody to write for. */
    return !((got & (POLLHUP | POLLERR)) && conn->up.state == RELAY_DONE);
}

/* What was just read is written at once: most of the time the other side is ready. */
static bool push_on(struct forward_conn *conn)
{
    if (relay_wants_write(&conn->down) && !relay_write(&conn->down))
        return false;
    if (conn->unix_fd >= 0 && relay_wants_write(&conn->up) && !relay_write(&conn->up))
        relay_discard(&conn->up);
    return true;
}

/* False: the connection is to be closed. */
static bool conn_turn(struct forward_conn *conn, const struct turn *turn)
{
    short got_unix = turn_got(turn, conn->unix_slot);
    short got_tcp = turn_got(turn, conn->tcp_slot);
    if (got_unix)
        turn_unix(conn, got_unix);
    if (got_tcp && !turn_tcp(conn, got_tcp))
        return false;
    if ((got_unix || got_tcp) && !push_on(conn))
        return false;
    if (conn->linger_until && turn->now >= conn->linger_until)
        return false;
    if (!conn->linger_until && conn->unix_fd < 0 && conn->down.state == RELAY_DONE)
        conn->linger_until = turn->now + LINGER_MS;
    return !is_finished(conn);
}

static void conn_close(struct forward_conn *conn)
{
    close(conn->tcp);
    if (conn->unix_fd >= 0)
        close(conn->unix_fd);
    free(conn);
}

/* --- accepting ----------------------------------------------------------------------- */

/* The agent sees a refused connection rather than one that ends cleanly with no answer. */
static void refuse(int tcp)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(tcp, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(tcp);
}

static int connect_unix(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    memcpy(addr.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

/* Takes tcp. False: the host's queue is full, tcp is still the caller's. */
static bool conn_open(struct forward *forward, int tcp)
{
    int unix_fd = connect_unix(forward->path);
    if (unix_fd < 0 && errno == EAGAIN)
        return false;
    struct forward_conn *conn = unix_fd < 0 ? NULL : malloc(sizeof(*conn));
    if (!conn) {
        refuse(tcp);
        if (unix_fd >= 0)
            close(unix_fd);
        return true;
    }
    int on = 1;
    (void)setsockopt(tcp, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn->tcp = tcp;
    conn->unix_fd = unix_fd;
    conn->tcp_slot = conn->unix_slot = -1;
    conn->linger_until = 0;
    relay_init(&conn->up, tcp, unix_fd);
    relay_init(&conn->down, unix_fd, tcp);
    conn->next = forward->conns;
    forward->conns = conn;
    forward->count++;
    return true;
}

/* A Unix socket whose queue is full refuses at once and tells nobody when there is room
 * again (connect(2), EAGAIN); so this one place has to ask again after a while. */
static void wait_for_queue(struct forward *forward, int tcp, int64_t now)
{
    if (forward->waiting < 0)
        forward->retry_end = now + RETRY_END_MS;
    forward->waiting = tcp;
    forward->retry_at = now + RETRY_MS;
    if (now >= forward->retry_end) {
        refuse(tcp);
        forward->waiting = -1;
    }
}

static void retry_waiting(struct forward *forward, int64_t now)
{
    if (conn_open(forward, forward->waiting))
        forward->waiting = -1;
    else
        wait_for_queue(forward, forward->waiting, now);
}

static void accept_all(struct forward *forward, int64_t now)
{
    while (forward->waiting < 0 && forward->count < FORWARD_MAX) {
        int tcp = accept4(forward->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (tcp < 0)
            return;
        if (!conn_open(forward, tcp))
            wait_for_queue(forward, tcp, now);
    }
}

void forward_turn(struct forward *forward, struct turn *turn)
{
    struct forward_conn **link = &forward->conns;
    while (*link) {
        struct forward_conn *conn = *link;
        if (conn_turn(conn, turn)) {
            link = &conn->next;
            continue;
        }
        *link = conn->next;
        forward->count--;
        conn_close(conn);
    }
    if (forward->waiting >= 0 && turn->now >= forward->retry_at)
        retry_waiting(forward, turn->now);
    if (turn_got(turn, forward->slot))
        accept_all(forward, turn->now);
}

void forward_free(struct forward *forward)
{
    while (forward->conns) {
        struct forward_conn *conn = forward->conns;
        forward->conns = conn->next;
        conn_close(conn);
    }
    if (forward->waiting >= 0)
        close(forward->waiting);
    if (forward->listener >= 0)
        close(forward->listener);
}
