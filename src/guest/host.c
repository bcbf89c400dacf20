/*
 * host.c - frames between pty.sock and the agent.
 *
 * Output is never copied: a frame's body is written from the ring, where it stays for the
 * replay. Once a frame's length is announced it must be completed, so what is not sent yet is
 * kept from being overwritten by host_room().
 */
#include "guest/host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define UNSENT_MAX (64u << 10) /* more would only delay what a key press answers */
#define HELLO_WAIT_MS 10000
#define GONE_WAIT_MS 10000
#define TURN_FRAMES 8 /* written in one turn before input gets its turn */

static int fail(const char *what, const char *path)
{
    fprintf(stderr, "icguest: %s '%s': %s\n", what, path, strerror(errno));
    return -1;
}

int host_init(struct host *host, struct agent *agent, const char *path)
{
    *host = (struct host){.agent = agent, .ring = agent->ring, .path = path, .fd = -1};
    host->slot = host->listener_slot = -1;
    host->progress = clock_ms();
    for (int i = 0; i < HOST_PENDING; i++)
        host->pending[i].fd = -1;

    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(addr.sun_path)) {
        errno = ENAMETOOLONG;
        return fail("cannot listen on", path);
    }
    memcpy(addr.sun_path, path, strlen(path));
    host->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (host->listener < 0)
        return fail("cannot make a socket for", path);

    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        unlink(path);          /* of an earlier run of this box; there is one helper in a box */
    mode_t mask = umask(0177); /* the host's user has the same uid and nobody else may */
    int rc = bind(host->listener, (struct sockaddr *)&addr, sizeof(addr));
    umask(mask);
    if (rc < 0 || listen(host->listener, 8) < 0)
        return fail("cannot listen on", path);
    return 0;
}

static void drop_pending(struct pending *pending)
{
    close(pending->fd);
    pending->fd = -1;
}

static void drop_host(struct host *host, int64_t now)
{
    if (host->fd >= 0)
        close(host->fd);
    if (host->out_off < host->out_len)
        host->exit_sent = false; /* it may have been the frame under way */
    host->fd = -1;
    host->slot = -1;
    host->pass = false;
    host->progress = now;
}

void host_free(struct host *host)
{
    drop_host(host, 0);
    for (int i = 0; i < HOST_PENDING; i++) {
        if (host->pending[i].fd >= 0)
            drop_pending(&host->pending[i]);
    }
    close(host->listener);
    unlink(host->path);
}

size_t host_room(const struct host *host)
{
    if (host->fd < 0)
        return RING_CAP;
    uint64_t from = host->body_left ? host->body_at : host->sent;
    uint64_t unsent = host->ring->head - from;
    return unsent < UNSENT_MAX ? UNSENT_MAX - (size_t)unsent : 0;
}

/* When waiting for a host to take the last output and EXIT is over. */
static int64_t patience_ends(const struct host *host)
{
    int64_t from = host->agent->ended_at;
    return (host->progress > from ? host->progress : from) + GONE_WAIT_MS;
}

static bool host_has_output(const struct host *host)
{
    return host->out_off < host->out_len || host->body_left || host->ready_due ||
           host->sent < host->ring->head || (host->agent->drained && !host->exit_sent);
}

void host_want(struct host *host, struct turn *turn)
{
    struct pending *vacant = NULL;
    for (int i = 0; i < HOST_PENDING; i++) {
        struct pending *pending = &host->pending[i];
        pending->slot = -1;
        if (pending->fd < 0) {
            vacant = pending;
            continue;
        }
        pending->slot = turn_want(turn, pending->fd, POLLIN);
        turn_wake_at(turn, pending->until);
    }
    host->listener_slot = vacant ? turn_want(turn, host->listener, POLLIN) : -1;

    host->slot = -1;
    if (host->fd >= 0) {
        short events = host_has_output(host) ? POLLOUT : 0;
        if (agent_has_room(host->agent))
            events |= POLLIN;
        host->slot = turn_want(turn, host->fd, events);
    }
    if (host->agent->ended)
        turn_wake_at(turn, patience_ends(host));
}

/* --- hello -------------------------------------------------------------------------- */

static unsigned get_u16(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static void take_over(struct host *host, struct pending *pending, int64_t now)
{
    const unsigned char *body = pending->hello + GUEST_FRAME_HEAD;
    drop_host(host, now);
    host->fd = pending->fd;
    pending->fd = -1;
    host->in_len = host->out_off = host->out_len = host->body_left = 0;
    host->hello = host->ready_due = true;
    host->was_running = host->agent->pid != 0;
    host->exit_sent = false;
    host->cols = get_u16(body + 1);
    host->rows = get_u16(body + 3);
    host->replay_to = host->ring->head;
    host->sent = body[5] ? ring_tail(host->ring) : host->ring->head;
    agent_resize(host->agent, host->cols, host->rows);
}

/* Exactly the HELLO is read, so that what follows it is left for the host's own buffer. */
static void read_hello(struct host *host, struct pending *pending, int64_t now)
{
    static const unsigned char head[] = {GUEST_HELLO, 0, 0, 0, 6, GUEST_VERSION};
    ssize_t n = read(pending->fd, pending->hello + pending->len, HOST_HELLO_LEN - pending->len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop_pending(pending);
        return;
    }
    pending->len += (size_t)n;
    if (pending->len < HOST_HELLO_LEN)
        return;
    if (memcmp(pending->hello, head, sizeof(head)) == 0) {
        take_over(host, pending, now);
        return;
    }
    fprintf(stderr, "icguest: a connection that does not speak version %d was closed\n",
            GUEST_VERSION);
    drop_pending(pending);
}

static void accept_pending(struct host *host, int64_t now)
{
    for (int i = 0; i < HOST_PENDING; i++) {
        struct pending *pending = &host->pending[i];
        if (pending->fd >= 0)
            continue;
        int fd = accept4(host->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        *pending = (struct pending){.fd = fd, .slot = -1, .until = now + HELLO_WAIT_MS};
    }
}

/* --- frames from the host ------------------------------------------------------------ */

/* False: the frame breaks the protocol. */
static bool take_frame(struct host *host, unsigned type, const unsigned char *body, size_t n)
{
    switch (type) {
    case GUEST_INPUT:
        agent_input(host->agent, (const char *)body, n);
        return true;
    case GUEST_RESIZE:
        if (n != 4)
            return false;
        agent_resize(host->agent, get_u16(body), get_u16(body + 2));
        return true;
    case GUEST_SIGNAL:
        if (n != 1)
            return false;
        agent_signal(host->agent, body[0]);
        return true;
    default:
        return false;
    }
}

/* False: the connection is of no use any more. */
static bool take_frames(struct host *host)
{
    size_t off = 0;
    bool valid = true;
    while (valid && host->in_len - off >= GUEST_FRAME_HEAD && agent_has_room(host->agent)) {
        const unsigned char *p = host->in + off;
        size_t n = (size_t)get_u16(p + 1) << 16 | get_u16(p + 3);
        if (n > GUEST_FRAME_MAX)
            valid = false;
        if (!valid || host->in_len - off < GUEST_FRAME_HEAD + n)
            break;
        valid = take_frame(host, p[0], p + GUEST_FRAME_HEAD, n);
        off += GUEST_FRAME_HEAD + n;
    }
    memmove(host->in, host->in + off, host->in_len - off);
    host->in_len -= off;
    if (!valid)
        fprintf(stderr, "icguest: the host sent a frame it must not, connection closed\n");
    return valid;
}

static void read_host(struct host *host, int64_t now)
{
    ssize_t n = read(host->fd, host->in + host->in_len, sizeof(host->in) - host->in_len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        host->in_len += (size_t)n;
    if (n < 0 && errno == ECONNRESET)
        host->exit_sent = false; /* it closed with unread bytes, EXIT may be among them */
    if (n <= 0 || !take_frames(host))
        drop_host(host, now);
}

/* --- frames to the host -------------------------------------------------------------- */

static void begin_frame(struct host *host, enum guest_frame type, size_t n)
{
    const unsigned char head[GUEST_FRAME_HEAD] = {(unsigned char)type, (unsigned char)(n >> 24),
            (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n};
    memcpy(host->out, head, sizeof(head));
    host->out_off = 0;
    host->out_len = sizeof(head);
}

static void begin_small(struct host *host, enum guest_frame type, unsigned a, unsigned b)
{
    begin_frame(host, type, 2);
    host->out[host->out_len++] = (unsigned char)a;
    host->out[host->out_len++] = (unsigned char)b;
}

static void begin_output(struct host *host)
{
    bool replay = host->sent < host->replay_to;
    uint64_t left = (replay ? host->replay_to : host->ring->head) - host->sent;
    size_t n = left < GUEST_FRAME_MAX ? (size_t)left : GUEST_FRAME_MAX;
    begin_frame(host, replay ? GUEST_REPLAY : GUEST_DATA, n);
    host->body_at = host->sent;
    host->body_left = n;
    host->sent += n;
}

/* False: nothing to send. */
static bool next_frame(struct host *host)
{
    if (host->ready_due) {
        host->ready_due = false;
        host->pass = host->agent->hand_over && host->agent->master >= 0;
        begin_small(host, GUEST_READY, GUEST_VERSION,
                (host->was_running ? GUEST_RAN : 0) | (host->pass ? GUEST_PTY : 0));
        return true;
    }
    if (host->sent < host->ring->head) {
        begin_output(host);
        return true;
    }
    if (host->agent->drained && !host->exit_sent) {
        host->exit_sent = true;
        begin_small(host, GUEST_EXIT, host->agent->by_signal, (unsigned)host->agent->status);
        return true;
    }
    return false;
}

/* As writev(2); the master goes with the first byte. */
static ssize_t write_parts(struct host *host, struct iovec *parts, int count)
{
    if (!host->pass)
        return writev(host->fd, parts, count);
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr head;
    } control = {.head = {.cmsg_len = CMSG_LEN(sizeof(int)),
                         .cmsg_level = SOL_SOCKET,
                         .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.head), &host->agent->master, sizeof(int));
    struct msghdr msg = {.msg_iov = parts,
            .msg_iovlen = (size_t)count,
            .msg_control = control.bytes,
            .msg_controllen = sizeof(control.bytes)};
    ssize_t n = sendmsg(host->fd, &msg, 0);
    if (n > 0) {
        host->pass = false;
        agent_handed_over(host->agent);
    }
    return n;
}

/* Writes what is left of the frame under way. 1: complete, 0: the socket is full, -1: gone. */
static int write_frame(struct host *host)
{
    while (host->out_off < host->out_len || host->body_left) {
        struct iovec parts[3] = {{host->out + host->out_off, host->out_len - host->out_off}};
        int count = 1;
        if (host->body_left)
            count += ring_slice(host->ring, host->body_at, host->body_left, parts + 1);
        ssize_t n = write_parts(host, parts, count);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        size_t head = host->out_len - host->out_off;
        size_t of_head = (size_t)n < head ? (size_t)n : head;
        host->out_off += of_head;
        host->body_at += (size_t)n - of_head;
        host->body_left -= (size_t)n - of_head;
    }
    return 1;
}

static void write_host(struct host *host, int64_t now)
{
    for (int i = 0; i < TURN_FRAMES; i++) {
        bool under_way = host->out_off < host->out_len || host->body_left;
        if (!under_way && !next_frame(host))
            return;
        int rc = write_frame(host);
        if (rc < 0)
            drop_host(host, now);
        if (rc <= 0)
            return;
        host->progress = now;
    }
}

/* --- turns --------------------------------------------------------------------------- */

void host_turn(struct host *host, struct turn *turn)
{
    short got = turn_got(turn, host->slot);
    if (got & (POLLIN | POLLHUP | POLLERR))
        read_host(host, turn->now);
    else if (host->in_len && agent_has_room(host->agent) && !take_frames(host))
        drop_host(host, turn->now);

    for (int i = 0; i < HOST_PENDING; i++) {
        struct pending *pending = &host->pending[i];
        if (pending->fd < 0)
            continue;
        if (turn_got(turn, pending->slot))
            read_hello(host, pending, turn->now);
        else if (turn->now >= pending->until)
            drop_pending(pending);
    }
    if (turn_got(turn, host->listener_slot))
        accept_pending(host, turn->now);
    if (host->fd >= 0)
        write_host(host, turn->now); /* also what the agent's part read this turn */
}

bool host_is_done(const struct host *host, const struct turn *turn)
{
    if (!host->agent->ended)
        return false;
    bool nobody = host->agent->stop_step || host->agent->hand_over;
    if (host->fd < 0 && nobody && host->agent->drained)
        return true; /* asked to stop, or there is no next host, and nobody listens */
    if (host->fd < 0 && host->exit_sent)
        return true;
    return turn->now >= patience_ends(host);
}
