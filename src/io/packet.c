/*
 * packet.c - see packet.h.
 *
 * The socket is watched by a uv_poll, since libuv's pipes know neither packets nor
 * descriptors of terminals. One packet is taken per turn. Nothing is queued: what the other
 * side does not take at once it does not get, and then it is not worth keeping.
 */
#include "io/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "io/addr.h"
#include "io/loop_priv.h"

#define BACKLOG 64
/* More than one is against the rules, but they must be seen to be closed. */
#define DESCRIPTORS 4

struct packets {
    uv_poll_t uv;
    struct loop *loop;            /* borrows */
    const struct packet_ops *ops; /* borrows */
    void *ctx;                    /* borrows */
    int fd;                       /* owns */
    bool closed;
};

struct packet_listener {
    uv_poll_t uv;
    struct loop *loop; /* borrows */
    void (*on_accept)(void *ctx, int fd);
    void *ctx;  /* borrows */
    char *path; /* owns */
    dev_t dev;  /* of the socket file we made */
    ino_t ino;
    int fd; /* owns */
    bool closed;
};

/* --- receiving -------------------------------------------------------------------------- */

/* The descriptor of a message; -1: none, -2: more than one, which are closed. */
static int take_descriptor(struct msghdr *msg)
{
    int found = -1;
    unsigned count = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t at = 0; CMSG_LEN(at + sizeof(int)) <= c->cmsg_len; at += sizeof(int)) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
            if (count++ == 0)
                found = fd;
            else
                close(fd);
        }
    }
    if (count <= 1 && !(msg->msg_flags & MSG_CTRUNC))
        return found;
    if (found >= 0)
        close(found);
    return -2;
}

/* Returns the length of the next packet, 0 if the other side is gone or breaks the rules, or
 * negative if there is none yet. */
static ssize_t next_length(int fd)
{
    ssize_t n = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -1 : 0;
    return n > LIMIT_PACKET ? 0 : n;
}

static void receive(struct packets *p)
{
    union {
        char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
        struct cmsghdr align;
    } control;
    ssize_t n = next_length(p->fd);

    if (n < 0)
        return;
    if (n == 0) {
        p->ops->on_end(p->ctx);
        return;
    }
    char *bytes = xmalloc((size_t)n);
    struct iovec iov = {bytes, (size_t)n};
    struct msghdr msg = {.msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = control.bytes,
            .msg_controllen = sizeof(control.bytes)};
    ssize_t got = recvmsg(p->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    int fd = got > 0 ? take_descriptor(&msg) : -2;

    if (fd == -2)
        p->ops->on_end(p->ctx);
    else
        p->ops->on_packet(p->ctx, (struct str){bytes, (size_t)got}, fd);
    mem_wipe(bytes, (size_t)n); /* keys come this way */
    free(bytes);
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct packets *p = uv->data;

    (void)events;
    if (p->closed)
        return;
    if (status < 0)
        p->ops->on_end(p->ctx);
    else
        receive(p);
}

struct packets *packets_new(struct loop *loop, int fd, const struct packet_ops *ops, void *ctx)
{
    struct packets *p = xcalloc(1, sizeof(*p));

    *p = (struct packets){.loop = loop, .ops = ops, .ctx = ctx, .fd = fd};
    CHECK(uv_poll_init(&loop->uv, &p->uv, fd) == 0);
    p->uv.data = p;
    CHECK(uv_poll_start(&p->uv, UV_READABLE, on_poll) == 0);
    loop_opened(loop, "packets");
    return p;
}

bool packets_send(struct packets *p, struct str bytes)
{
    return send(p->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)bytes.n;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void packets_free(struct packets *p)
{
    if (!p)
        return;
    p->closed = true;
    loop_given_up(p->loop, "packets");
    uv_poll_stop(&p->uv);
    uv_close((uv_handle_t *)&p->uv, on_closed);
    close(p->fd);
}

/* --- listening -------------------------------------------------------------------------- */

static bool is_us(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.uid == geteuid();
}

static void on_connection(uv_poll_t *uv, int status, int events)
{
    struct packet_listener *l = uv->data;

    (void)events;
    if (l->closed || status < 0)
        return;
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    if (is_us(fd))
        l->on_accept(l->ctx, fd);
    else
        close(fd);
}

static int bind_and_listen(struct packet_listener *l, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;

    memcpy(addr.sun_path, l->path, strlen(l->path) + 1);
    if (lstat(l->path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return err_set(
                err, ERR_CONFLICT, "'%s' exists and is not a socket; remove it", l->path);
    if (unlink(l->path) < 0 && errno != ENOENT)
        return err_set(err, ERR_IO, "cannot remove '%s': %s", l->path, strerror(errno));
    /* Nobody can connect before listen(2), so the mode is right in time. */
    if (bind(l->fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
            chmod(l->path, 0600) < 0 || lstat(l->path, &st) < 0 || listen(l->fd, BACKLOG) < 0)
        return err_set(err, ERR_IO, "cannot listen on '%s': %s", l->path, strerror(errno));
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct packet_listener *l = handle->data;

    free(l->path);
    free(l);
}

struct packet_listener *packet_listen(struct loop *loop, const char *path,
        void (*on_accept)(void *ctx, int fd), void *ctx, struct err *err)
{
    if (addr_check_path(path, err) < 0)
        return NULL;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        err_set(err, ERR_IO, "cannot make a socket: %s", strerror(errno));
        return NULL;
    }

    struct packet_listener *l = xcalloc(1, sizeof(*l));
    *l = (struct packet_listener){
            .loop = loop, .on_accept = on_accept, .ctx = ctx, .path = xstrdup(path), .fd = fd};
    if (bind_and_listen(l, err) < 0) {
        close(fd);
        free(l->path);
        free(l);
        return NULL;
    }
    CHECK(uv_poll_init(&loop->uv, &l->uv, fd) == 0);
    l->uv.data = l;
    CHECK(uv_poll_start(&l->uv, UV_READABLE, on_connection) == 0);
    loop_opened(loop, "packet listener");
    return l;
}

/* The file goes before the socket is closed: while it is there somebody answers. */
void packet_listener_free(struct packet_listener *l)
{
    struct stat st;

    if (!l)
        return;
    l->closed = true;
    loop_given_up(l->loop, "packet listener");
    if (lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
    uv_poll_stop(&l->uv);
    uv_close((uv_handle_t *)&l->uv, on_listener_closed);
    close(l->fd);
}
