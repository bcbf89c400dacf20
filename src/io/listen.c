/*
 * listen.c - accepting channels on Unix and TCP sockets.
 *
 * A Unix socket is bound by hand: libuv cuts long paths silently, and the mode of the file
 * must be right before listen(2) makes connecting possible. The file is removed at the end
 * only if it is still the one we made, since a successor may have put its own there.
 *
 * Accepting is by hand, too, with libuv only telling when: its releases differ in what they do
 * when descriptors run out, and newer ones spin without a word if they have lost the one they
 * keep for that. Here a connection that gets a descriptor beyond what accepting may use is
 * closed at once. If nothing at all is left, each listener has a spare descriptor to give, with
 * which it takes and drops those that wait.
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
/* Connections that a listener takes before others have their turn of the loop. */
#define TURN 64

struct listener {
    uv_poll_t poll;
    struct loop *loop; /* borrows */
    void (*on_accept)(void *ctx, struct chan *chan);
    void *ctx;  /* borrows */
    char *path; /* owns; NULL: TCP */
    dev_t dev;  /* of the socket file we made */
    ino_t ino;
    int fd;      /* owns */
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

static void spare_give(struct listener *l)
{
    if (l->spare >= 0)
        close(l->spare);
    l->spare = -1;
}

static int take_one(const struct listener *l)
{
    return accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* The next connection, or -1. *shed: it must go at once. */
static int take(struct listener *l, bool *shed)
{
    int fd = take_one(l);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && l->spare >= 0) {
        spare_give(l);
        fd = take_one(l);
    }
    /* Descriptors are given out from the lowest, so the number tells how many are in use. */
    *shed = fd >= 0 && (!spare_take(l) || (size_t)fd >= l->most);
    return fd;
}

/* libuv tells again of those beyond the limit of a turn. */
static void on_waiting(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    bool shed;

    (void)status; /* a listening socket has no errors to tell */
    (void)events;
    for (int i = 0; i < TURN && !l->closing; i++) {
        int fd = take(l, &shed);
        struct chan *chan =
                fd < 0 || shed ? NULL : chan_adopt_fd(l->loop, fd, NULL, NULL, NULL);

        if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
            break;
        if (chan)
            l->on_accept(l->ctx, chan);
        else if (fd >= 0)
            close(fd);
    }
    if (!l->closing)
        (void)spare_take(l); /* with what the last one had */
}

/* Takes the bound socket over. NULL: it is closed, errno says why. */
static struct listener *listener_new(
        struct loop *loop, int fd, void (*on_accept)(void *ctx, struct chan *chan), void *ctx)
{
    struct listener *l = xcalloc(1, sizeof(*l));
    size_t limit = proc_descriptor_limit();
    int rc = listen(fd, BACKLOG) < 0 ? -errno : uv_poll_init(&loop->uv, &l->poll, fd);

    if (rc < 0) {
        close(fd);
        free(l);
        errno = -rc;
        return NULL;
    }
    l->most = limit - limit / LIMIT_ACCEPT_SPARE;
    l->loop = loop;
    l->fd = fd;
    l->on_accept = on_accept;
    l->ctx = ctx;
    l->spare = -1;
    (void)spare_take(l);
    l->poll.data = l;
    CHECK(uv_poll_start(&l->poll, UV_READABLE, on_waiting) == 0);
    loop_opened(loop, "listener");
    return l;
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

    struct listener *l = listener_new(loop, fd, on_accept, ctx);
    if (!l) {
        err_set(err, ERR_IO, "cannot listen on '%s': %s", path, strerror(errno));
        unlink(path);
        return NULL;
    }
    l->path = xstrdup(path);
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return l;
}

static int parse_host(const char *host, uint16_t port, struct sockaddr_storage *addr)
{
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)addr) == 0)
        return 0;
    return uv_ip6_addr(host, port, (struct sockaddr_in6 *)addr);
}

/* Returns a bound descriptor whose address is then in *addr, or negative with errno. */
static int bind_tcp(struct sockaddr_storage *addr)
{
    int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof(*addr);
    struct sockaddr *any = (struct sockaddr *)addr;

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
            bind(fd, any, len) == 0 && getsockname(fd, any, &len) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

struct listener *listen_tcp(struct loop *loop, const char *host, uint16_t port,
        void (*on_accept)(void *ctx, struct chan *chan), void *ctx, struct err *err)
{
    struct sockaddr_storage addr = {0};
    struct listener *l = NULL;

    if (parse_host(host, port, &addr) < 0) {
        err_set(err, ERR_CONFIG, "'%s' is not an IP address to listen on", host);
        return NULL;
    }
    int fd = bind_tcp(&addr);
    if (fd >= 0)
        l = listener_new(loop, fd, on_accept, ctx);
    if (!l) {
        err_uv(err, -errno, "cannot listen on port %u of '%s'", port, host);
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
    uv_close((uv_handle_t *)&l->poll, on_closed);
    close(l->fd); /* libuv no longer looks at it */
}
