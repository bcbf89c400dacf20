/*
 * ptm.c - see ptm.h.
 *
 * A read(2) of a terminal returns at most 4095 bytes. Several are put together before they are
 * handed on; one that is short is the last of a turn, because there is hardly ever more.
 */
#include "io/ptm.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "io/loop_priv.h"
#include "io/uverr.h"

#define READ_MAX 4095
/* More than the kernel keeps for a terminal: programs left behind may go on writing. */
#define DRAIN_MAX (256u << 10)

_Static_assert(LIMIT_PTY_TURN <= LOOP_READ_SIZE, "a turn's share must fit into the buffer");

struct ptm {
    uv_poll_t uv;
    struct loop *loop; /* borrows */
    void (*on_output)(void *ctx, struct str bytes);
    void *ctx;       /* borrows */
    int fd;          /* owns */
    struct buf wait; /* owns; written, not yet taken */
    bool hung_up;
    bool closed;
};

static void on_poll(uv_poll_t *uv, int status, int events);

static void watch(struct ptm *p)
{
    if (p->hung_up)
        uv_poll_stop(&p->uv);
    else
        CHECK(uv_poll_start(&p->uv, UV_READABLE | (buf_len(&p->wait) ? UV_WRITABLE : 0),
                      on_poll) == 0);
}

/* --- reading ------------------------------------------------------------------------------ */

/* Returns how much was handed on. The owner may have freed us. */
static size_t read_share(struct ptm *p)
{
    char *bytes = p->loop->read_buf;
    size_t len = 0;
    ssize_t n = READ_MAX;

    while (n >= READ_MAX && len + READ_MAX <= LIMIT_PTY_TURN) {
        n = read(p->fd, bytes + len, READ_MAX);
        if (n > 0)
            len += (size_t)n;
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        p->hung_up = true; /* nobody has the other end; there is no use in looking again */
        watch(p);
    }
    if (len)
        p->on_output(p->ctx, (struct str){bytes, len});
    return len;
}

void ptm_drain(struct ptm *p)
{
    size_t left = DRAIN_MAX;

    while (left && !p->closed && !p->hung_up) {
        size_t n = read_share(p);

        if (n == 0)
            return;
        left -= n < left ? n : left;
    }
}

/* --- writing ------------------------------------------------------------------------------ */

static void write_out(struct ptm *p)
{
    while (buf_len(&p->wait)) {
        ssize_t n = write(p->fd, buf_data(&p->wait), buf_len(&p->wait));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            buf_clear(&p->wait); /* no terminal any more: nobody will read it */
        else
            buf_consume(&p->wait, (size_t)n);
    }
}

void ptm_write(struct ptm *p, struct str bytes)
{
    if (p->hung_up)
        return;
    if (!buf_len(&p->wait)) {
        ssize_t n = write(p->fd, bytes.p, bytes.n);

        if (n == (ssize_t)bytes.n)
            return;
        if (n > 0)
            bytes = (struct str){bytes.p + n, bytes.n - (size_t)n};
    }
    buf_append_str(&p->wait, bytes);
    watch(p);
}

size_t ptm_unsent(const struct ptm *p)
{
    return buf_len(&p->wait);
}

void ptm_resize(struct ptm *p, int cols, int rows)
{
    struct winsize size = {.ws_col = (unsigned short)cols, .ws_row = (unsigned short)rows};

    (void)ioctl(p->fd, TIOCSWINSZ, &size); /* sends SIGWINCH if it differs */
}

/* --- the object --------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct ptm *p = uv->data;

    if (p->closed)
        return;
    if (status < 0) {
        p->hung_up = true;
        watch(p);
        return;
    }
    if (events & UV_WRITABLE) {
        write_out(p);
        watch(p);
    }
    if (events & UV_READABLE)
        read_share(p);
}

static bool is_master(int fd)
{
    struct stat st;
    unsigned number;

    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && ioctl(fd, TIOCGPTN, &number) == 0;
}

struct ptm *ptm_adopt(struct loop *loop, int fd, void (*on_output)(void *ctx, struct str bytes),
        void *ctx, struct err *err)
{
    if (!is_master(fd)) {
        close(fd);
        err_set(err, ERR_DENIED, "the descriptor is not the master of a pseudo terminal");
        return NULL;
    }
    struct ptm *p = xcalloc(1, sizeof(*p));
    *p = (struct ptm){
            .loop = loop, .on_output = on_output, .ctx = ctx, .fd = fd, .wait = BUF_INIT};
    int rc = uv_poll_init(&loop->uv, &p->uv, fd); /* makes it non-blocking */
    if (rc < 0) {
        err_uv(err, rc, "cannot watch the pseudo terminal");
        close(fd);
        free(p);
        return NULL;
    }
    p->uv.data = p;
    watch(p);
    loop_opened(loop, "ptm");
    return p;
}

static void on_closed(uv_handle_t *handle)
{
    struct ptm *p = handle->data;

    buf_release(&p->wait);
    free(p);
}

void ptm_free(struct ptm *p)
{
    if (!p)
        return;
    p->closed = true;
    loop_given_up(p->loop, "ptm");
    uv_poll_stop(&p->uv);
    uv_close((uv_handle_t *)&p->uv, on_closed);
    close(p->fd);
}

/* --- the first bytes of a socket ---------------------------------------------------------- */

struct first {
    uv_poll_t uv;
    struct loop *loop; /* borrows */
    void (*done)(void *ctx, struct str bytes, int passed, const struct err *err);
    void *ctx; /* borrows */
    int fd;    /* borrows */
    int passed;
    size_t len, want;
    char bytes[FIRST_MAX];
    bool closed;
};

static void on_first_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void first_free(struct first *f)
{
    if (!f)
        return;
    f->closed = true;
    loop_given_up(f->loop, "first");
    if (f->passed >= 0)
        close(f->passed);
    uv_poll_stop(&f->uv);
    uv_close((uv_handle_t *)&f->uv, on_first_closed);
}

/* The kernel closes what does not fit into the room for one. A second one, with later bytes,
 * is against the rules. */
static int keep_passed(struct first *f, struct msghdr *msg)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(msg);
    int fd;

    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return 0;
    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    if (f->passed >= 0 || msg->msg_flags & MSG_CTRUNC) {
        close(fd);
        return -1;
    }
    f->passed = fd;
    return 0;
}

/* 1: there are more to come, 0: all are here, negative: there will be no more. */
static int receive(struct first *f, struct err *err)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {f->bytes + f->len, f->want - f->len};
    struct msghdr msg = {.msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = control.bytes,
            .msg_controllen = CMSG_LEN(sizeof(int))}; /* room for one, though padded */
    ssize_t n = recvmsg(f->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 1;
    if (n < 0)
        return err_set(err, ERR_IO, "cannot read: %s", strerror(errno));
    if (n == 0)
        return err_set(err, ERR_EOF, "the connection ended before anything was said");
    if (keep_passed(f, &msg) < 0)
        return err_set(err, ERR_PROTO, "more than one descriptor came");
    f->len += (size_t)n;
    return f->len < f->want;
}

/* An error is what a peer makes that closes with unread bytes: what it said before is there. */
static void on_first(uv_poll_t *uv, int status, int events)
{
    struct first *f = uv->data;
    struct err err;
    (void)events;

    if (f->closed)
        return;
    int rc = receive(f, &err);
    if (rc > 0 && status == 0)
        return;
    if (rc > 0)
        rc = err_uv(&err, status, "cannot read");
    int passed = rc == 0 ? f->passed : -1;
    if (rc == 0)
        f->passed = -1;
    first_free(f); /* the memory stays until libuv has let go */
    f->done(f->ctx, (struct str){f->bytes, f->len}, passed, rc < 0 ? &err : NULL);
}

struct first *first_read(struct loop *loop, int fd, size_t n,
        void (*done)(void *ctx, struct str bytes, int passed, const struct err *err), void *ctx)
{
    struct first *f = xcalloc(1, sizeof(*f));

    CHECK(n > 0 && n <= FIRST_MAX);
    *f = (struct first){
            .loop = loop, .done = done, .ctx = ctx, .fd = fd, .passed = -1, .want = n};
    CHECK(uv_poll_init(&loop->uv, &f->uv, fd) == 0);
    f->uv.data = f;
    CHECK(uv_poll_start(&f->uv, UV_READABLE, on_first) == 0);
    loop_opened(loop, "first");
    return f;
}
