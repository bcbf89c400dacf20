/*
 * listen.c - accepting channels on Unix and TCP sockets.
 *
 * A Unix socket is bound by hand: libuv cuts long paths silently, and the mode of the file
 * must be right before listen(2) makes connecting possible. The file is removed at the end
 * only if it is still the one we made, since a successor may have put its own there.
 *
 * Out of descriptors: a connection that gets one beyond what accepting may use is closed at
 * once. If nothing at all is left, libuv takes and drops connections with a descriptor it
 * keeps for that; should it have lost that one to another thread, it would call accept(2)
 * for ever, so each listener has a spare of its own to give.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/proc.h"
#include "io/addr.h"
#include "io/chan.h"
#include "io/chan_priv.h"
#include "io/uverr.h"

/* Connections the kernel may hold for us; more than the tunnels of a session make at once. */
#define BACKLOG 4096

struct listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct loop *loop; /* borrows */
    void (*on_accept)(void *ctx, struct chan *chan);
    void *ctx;  /* borrows */
    char *path; /* owns; NULL: TCP */
    dev_t dev;  /* of the socket file we made */
    ino_t ino;
    int family;
    int spare;   /* a descriptor to give up when there are no others; -1: given */
    size_t most; /* descriptors from this number on are not for connections */
    uint16_t port;
    bool closing;
};

static bool spare_take(struct listener *l)
{
    if (l->spare < 0)
        l->spare = open("/", O_PATH | O_CLOEXEC);
    return l->spare >= 0;
}

static struct listener *listener_new(struct loop *loop, int family,
        void (*on_accept)(void *ctx, struct chan *chan), void *ctx)
{
    struct listener *l = xcalloc(1, sizeof(*l));
    size_t limit = proc_descriptor_limit();

    l->most = limit - limit / LIMIT_ACCEPT_SPARE;
    l->loop = loop;
    l->family = family;
    l->on_accept = on_accept;
    l->ctx = ctx;
    l->spare = -1;
    (void)spare_take(l);
    CHECK((family == AF_UNIX ? uv_pipe_init(&loop->uv, &l->uv.pipe, 0)
                             : uv_tcp_init(&loop->uv, &l->uv.tcp)) == 0);
    l->uv.handle.data = l;
    loop_opened(loop, "listener");
    return l;
}

static void spare_give(struct listener *l)
{
    if (l->spare >= 0)
        close(l->spare);
    l->spare = -1;
}

/* Descriptors are given out from the lowest, so the number tells how many are in use. */
static bool must_shed(struct listener *l, const struct chan *chan)
{
    uv_os_fd_t fd = -1;

    return !spare_take(l) || uv_fileno(&chan->uv.handle, &fd) < 0 || (size_t)fd >= l->most;
}

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = stream->data;

    if (l->closing)
        return;
    if (status < 0) {
        spare_give(l); /* libuv tries again before it waits */
        return;
    }

    struct chan *chan = chan_new(l->loop, l->family);

    if (uv_accept(stream, &chan->uv.stream) < 0 || must_shed(l, chan)) {
        chan_abort(chan);
        (void)spare_take(l); /* what the connection had */
        return;
    }
    if (l->family != AF_UNIX) {
        chan_name_peer(chan, NULL);
        uv_tcp_nodelay(&chan->uv.tcp, 1);
    }
    l->on_accept(l->ctx, chan);
}

/* Is somebody listening there? 1: yes, 0: the file is a leftover, or negative. */
static int probe(const struct sockaddr_un *addr, struct err *err)
{
    struct stat st;

    if (lstat(addr->sun_path, &st) < 0)
        return 0;
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_CONFLICT, "'%s' exists and is not a socket; remove it",
                addr->sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot make a socket: %s", strerror(errno));
    int rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
    int why = errno;
    close(fd);
    if (rc < 0 && why == ECONNREFUSED)
        return 0;
    return 1;
}

/* Returns a bound descriptor, or negative. */
static int bind_unix(const char *path, unsigned mode, struct stat *st, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    memcpy(addr.sun_path, path, strlen(path) + 1);
    int live = probe(&addr, err);
    if (live < 0)
        return live;
    if (live)
        return err_set(err, ERR_CONFLICT, "'%s' is in use by another process", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set(err, ERR_IO, "cannot remove '%s': %s", path, strerror(errno));

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot make a socket: %s", strerror(errno));
    if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
        int why = errno;

        close(fd);
        return err_set(err, why == EADDRINUSE ? ERR_CONFLICT : ERR_IO, "cannot bind '%s': %s",
                path, strerror(why));
    }
    if (chmod(path, mode) < 0 || lstat(path, st) < 0) {
        int why = errno;

        close(fd);
        unlink(path);
        return err_set(err, ERR_IO, "cannot set the mode of '%s': %s", path, strerror(why));
    }
    return fd;
}

struct listener *listen_unix(struct loop *loop, const char *path, unsigned mode,
        void (*on_accept)(void *ctx, struct chan *chan), void *ctx, struct err *err)
{
    struct stat st = {0};

    if (addr_check_path(path, err) < 0)
        return NULL;
    int fd = bind_unix(path, mode, &st, err);
    if (fd < 0)
        return NULL;

    struct listener *l = listener_new(loop, AF_UNIX, on_accept, ctx);
    int rc = uv_pipe_open(&l->uv.pipe, fd);
    if (rc < 0)
        close(fd);
    else
        rc = uv_listen(&l->uv.stream, BACKLOG, on_connection);
    l->path = xstrdup(path);
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    if (rc < 0) {
        err_uv(err, rc, "cannot listen on '%s'", path);
        listener_free(l);
        return NULL;
    }
    return l;
}

static int parse_host(const char *host, uint16_t port, struct sockaddr_storage *addr)
{
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)addr) == 0)
        return 0;
    return uv_ip6_addr(host, port, (struct sockaddr_in6 *)addr);
}

struct listener *listen_tcp(struct loop *loop, const char *host, uint16_t port,
        void (*on_accept)(void *ctx, struct chan *chan), void *ctx, struct err *err)
{
    struct sockaddr_storage addr = {0};
    int len = sizeof(addr);

    if (parse_host(host, port, &addr) < 0) {
        err_set(err, ERR_CONFIG, "'%s' is not an IP address to listen on", host);
        return NULL;
    }
    struct listener *l = listener_new(loop, addr.ss_family, on_accept, ctx);
    int rc = uv_tcp_bind(&l->uv.tcp, (const struct sockaddr *)&addr, 0);
    if (rc == 0)
        rc = uv_listen(&l->uv.stream, BACKLOG, on_connection);
    if (rc == 0)
        rc = uv_tcp_getsockname(&l->uv.tcp, (struct sockaddr *)&addr, &len);
    if (rc < 0) {
        err_uv(err, rc, "cannot listen on port %u of '%s'", port, host);
        listener_free(l);
        return NULL;
    }
    l->port = ntohs(addr.ss_family == AF_INET ? ((struct sockaddr_in *)&addr)->sin_port
                                              : ((struct sockaddr_in6 *)&addr)->sin6_port);
    return l;
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}

static void on_closed(uv_handle_t *handle)
{
    struct listener *l = handle->data;

    free(l->path);
    free(l);
}

void listener_free(struct listener *l)
{
    struct stat st;

    if (!l)
        return;
    l->closing = true;
    spare_give(l);
    loop_given_up(l->loop, "listener");
    if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
    uv_close(&l->uv.handle, on_closed);
}
