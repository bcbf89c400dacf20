/*
 * chan_uv.c - the libuv side of a channel.
 *
 * Writing tries write(2) first (uv_try_write) and gives only the rest to uv_write, one
 * request in flight: the usual answer costs one system call and no extra loop turn. Reading
 * goes through the loop's one buffer. Unwanted reading is stopped by the allocation callback,
 * that is when bytes really come, because stopping and starting costs epoll_ctl calls.
 *
 * Closing with unread bytes makes the kernel send a reset, which can destroy what the peer
 * has not read yet. If the peer seems to be in the middle of sending, or chan_linger() says
 * that it may be, chan_finish_close() therefore sends FIN and reads until the peer's end; the
 * deadline of chan_close() bounds it.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "io/addr.h"
#include "io/chan_priv.h"
#include "io/uverr.h"

static void on_connect(uv_connect_t *req, int status);
static void on_hook(void *ctx);

struct chan *chan_new(struct loop *loop, int family)
{
    struct chan *chan = xcalloc(1, sizeof(*chan));
    int rc;

    chan->loop = loop;
    chan->hook = (struct loop_hook){.fn = on_hook, .ctx = chan};
    if (family == AF_UNIX) {
        rc = uv_pipe_init(&loop->uv, &chan->uv.pipe, 0);
    } else {
        rc = uv_tcp_init(&loop->uv, &chan->uv.tcp);
        if (rc == 0)
            uv_tcp_nodelay(&chan->uv.tcp, 1);
    }
    CHECK(rc == 0);
    chan->uv.handle.data = chan;
    loop_opened(loop, "channel");
    loop_crowd(loop, 1);
    return chan;
}

void chan_name_peer(struct chan *chan, const struct sockaddr *addr)
{
    char text[64];

    if (addr)
        addr_text(addr, text, sizeof(text));
    else
        addr_of_peer(&chan->uv.tcp, text, sizeof(text));
    chan->peer = xstrdup(text);
}

struct chan *chan_connect_unix(struct loop *loop, const char *path, const struct chan_ops *ops,
        void *ctx, struct err *err)
{
    if (addr_check_path(path, err) < 0)
        return NULL;

    struct chan *chan = chan_new(loop, AF_UNIX);

    uv_connect_t *req = xmalloc(sizeof(*req));
    chan->connecting = true;
    req->data = chan;
    uv_pipe_connect(req, &chan->uv.pipe, path, on_connect);
    chan_set_ops(chan, ops, ctx);
    return chan;
}

struct chan *chan_connect_tcp(
        struct loop *loop, const struct sockaddr *addr, const struct chan_ops *ops, void *ctx)
{
    struct chan *chan = chan_new(loop, addr->sa_family);

    chan_name_peer(chan, addr);
    uv_connect_t *req = xmalloc(sizeof(*req));
    req->data = chan;
    int rc = uv_tcp_connect(req, &chan->uv.tcp, addr, on_connect);
    if (rc < 0) {
        struct err err;

        free(req);
        err_uv(&err, rc, "cannot connect to '%s'", chan_peer(chan));
        chan_fail(chan, &err);
    } else {
        chan->connecting = true;
    }
    chan_set_ops(chan, ops, ctx);
    return chan;
}

struct chan *chan_adopt_fd(
        struct loop *loop, int fd, const struct chan_ops *ops, void *ctx, struct err *err)
{
    struct sockaddr_storage addr = {0};
    socklen_t len = sizeof(addr);

    if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0) {
        err_set(err, ERR_IO, "cannot use descriptor %d as a channel: %s", fd, strerror(errno));
        return NULL;
    }
    struct chan *chan = chan_new(loop, addr.ss_family);
    int rc = addr.ss_family == AF_UNIX ? uv_pipe_open(&chan->uv.pipe, fd)
                                       : uv_tcp_open(&chan->uv.tcp, fd);
    if (rc < 0) {
        err_uv(err, rc, "cannot use descriptor %d as a channel", fd);
        chan_abort(chan);
        return NULL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (addr.ss_family != AF_UNIX) {
        chan_name_peer(chan, NULL);
        uv_tcp_nodelay(&chan->uv.tcp, 1);
    }
    chan_set_ops(chan, ops, ctx);
    return chan;
}

static void on_hook(void *ctx)
{
    chan_turn(ctx);
}

static void on_connect(uv_connect_t *req, int status)
{
    struct chan *chan = req->data;
    struct err err;

    free(req);
    chan->connecting = false;
    if (chan->state == CHAN_DEAD)
        return;
    if (status < 0) {
        if (chan->state == CHAN_CLOSING) {
            chan_die(chan);
            return;
        }
        err_uv(&err, status, "cannot connect to '%s'", chan_peer(chan));
        chan_fail(chan, &err);
    } else {
        chan->news |= NEWS_OPEN;
    }
    chan_turn(chan);
}

/* --- reading ----------------------------------------------------------------------- */

static bool wants_read(const struct chan *chan)
{
    if (chan->state == CHAN_CLOSING)
        return chan->lingering;
    if (!chan->ops || chan->connecting || chan->ended || chan->state != CHAN_OPEN)
        return false;
    if (chan->tls && !chan_tls_wants_bytes(chan))
        return false;
    return (chan->tls && !chan_tls_open(chan)) || chan_can_take(chan);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct chan *chan = handle->data;

    (void)hint;
    size_t n = chan_high(chan) < LOOP_READ_SIZE ? chan_high(chan) : LOOP_READ_SIZE;
    *buf = wants_read(chan) ? uv_buf_init(chan->loop->read_buf, (unsigned)n)
                            : uv_buf_init(NULL, 0);
}

static void stop_reading(struct chan *chan)
{
    if (chan->reading)
        uv_read_stop(&chan->uv.stream);
    chan->reading = false;
}

/* libuv takes a reset behind the last bytes for an end. */
static int true_end(struct chan *chan)
{
    uv_os_fd_t fd;
    int error = 0;
    socklen_t len = sizeof(error);

    if (uv_fileno(&chan->uv.handle, &fd) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error == 0)
        return UV_EOF;
    return uv_translate_sys_error(error);
}

/* The socket ended (UV_EOF) or broke. */
static void input_over(struct chan *chan, int status)
{
    struct err err;

    stop_reading(chan);
    if (status == UV_EOF)
        status = true_end(chan);
    if (status != UV_EOF) {
        err_uv(&err, status, "connection with '%s' broke", chan_peer(chan));
        chan_fail(chan, &err);
    } else if (chan->tls) {
        chan_tls_eof(chan);
    } else {
        chan_ended(chan);
    }
}

/* The peer ends, and may still read what is on its way; or it is gone. */
static void lingered(struct chan *chan, ssize_t status)
{
    stop_reading(chan);
    chan->ended = true;
    chan->lingering = false;
    if (status == UV_EOF)
        chan_turn(chan);
    else
        chan_die(chan);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct chan *chan = stream->data;

    if (n == 0 || chan->state == CHAN_DEAD)
        return;
    if (n == UV_ENOBUFS) {
        stop_reading(chan);
        return;
    }
    if (chan->state == CHAN_CLOSING) {
        if (n < 0)
            lingered(chan, n);
        return; /* what still comes is not wanted */
    }
    if (n < 0) {
        input_over(chan, (int)n);
    } else if (chan->tls) {
        chan_tls_feed(chan, buf->base, (size_t)n);
    } else {
        buf_append(&chan->in, buf->base, (size_t)n);
        chan->news |= NEWS_DATA;
    }
    chan_turn(chan);
}

void chan_update_reading(struct chan *chan)
{
    if (chan->reading || !wants_read(chan)) {
        if (chan->ended && !chan->lingering)
            stop_reading(chan);
        return;
    }
    chan->reading = true;
    CHECK(uv_read_start(&chan->uv.stream, on_alloc, on_read) == 0);
}

/* --- writing ----------------------------------------------------------------------- */

/*
 * Nothing can be written any more. The peer may have answered before it went away, so the
 * owner hears of it when the input is over, too; that comes soon, because a peer that
 * refuses our bytes with EPIPE has closed its end.
 */
static void output_over(struct chan *chan, int status)
{
    struct err err;

    if (chan->out_failed || status == UV_ECANCELED)
        return;
    chan->out_failed = true;
    buf_release(&chan->out);
    if (chan->tls)
        buf_release(chan_tls_wire(chan));
    err_uv(&err, status, "cannot send to '%s'", chan_peer(chan));
    if (chan->ended) {
        chan_fail(chan, &err);
    } else if (!chan->err) {
        chan->err = xmalloc(sizeof(err));
        *chan->err = err;
    }
}

static void on_written(uv_write_t *req, int status)
{
    struct chan *chan = req->data;

    free(req);
    chan->writing = false;
    buf_release(&chan->sending);
    if (chan->state == CHAN_DEAD)
        return;
    if (status < 0)
        output_over(chan, status);
    chan_turn(chan);
}

static size_t try_write(struct chan *chan, const struct buf *from)
{
    uv_buf_t b = uv_buf_init(buf_data(from), (unsigned)buf_len(from));
    int n = uv_try_write(&chan->uv.stream, &b, 1);

    if (n < 0 && n != UV_EAGAIN)
        output_over(chan, n);
    return n > 0 ? (size_t)n : 0;
}

/* Hand all of `from` to libuv; it is empty afterwards. */
static void send_rest(struct chan *chan, struct buf *from)
{
    CHECK(!chan->writing && !buf_len(&chan->sending));
    buf_release(&chan->sending);
    buf_swap(&chan->sending, from);

    uv_buf_t b = uv_buf_init(buf_data(&chan->sending), (unsigned)buf_len(&chan->sending));
    uv_write_t *req = xmalloc(sizeof(*req));
    req->data = chan;
    int rc = uv_write(req, &chan->uv.stream, &b, 1, on_written);
    if (rc < 0) {
        free(req);
        buf_release(&chan->sending);
        output_over(chan, rc);
        return;
    }
    chan->writing = true;
}

static void send_buf(struct chan *chan, struct buf *from)
{
    buf_consume(from, try_write(chan, from));
    if (buf_len(from))
        send_rest(chan, from);
    else
        buf_release(from);
}

void chan_send_scratch(struct chan *chan, struct buf *rest)
{
    struct buf *scratch = &chan->loop->scratch;

    if (!chan->writing && !buf_len(rest) && !chan->out_failed && chan->state != CHAN_DEAD)
        buf_consume(scratch, try_write(chan, scratch));
    if (!chan->out_failed && buf_len(scratch))
        buf_append(rest, buf_data(scratch), buf_len(scratch));
    buf_clear(scratch);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    free(req);
    (void)status; /* An error shows up as a failing read or write. */
}

static void send_fin(struct chan *chan)
{
    if (chan->shut_sent)
        return;
    uv_shutdown_t *req = xmalloc(sizeof(*req));
    chan->shut_sent = true;
    if (uv_shutdown(req, &chan->uv.stream, on_shutdown) < 0)
        free(req);
}

static bool all_sent(struct chan *chan)
{
    bool bye = !chan->tls || chan->breaking || chan_tls_said_bye(chan);
    return !chan->writing && !chan_unsent(chan) && bye;
}

void chan_pump_out(struct chan *chan)
{
    if (chan->connecting || chan->state == CHAN_DEAD)
        return;
    if (chan->out_failed)
        buf_release(&chan->out);
    while (!chan->writing && !chan->out_failed) {
        struct buf *from = chan->tls ? chan_tls_wire(chan) : &chan->out;

        if (buf_len(from))
            send_buf(chan, from);
        else if (!chan->tls || !chan_tls_encrypt(chan))
            break;
    }
    if (chan->full && chan_unsent(chan) <= chan_low(chan)) {
        chan->full = false;
        chan->news |= NEWS_DRAIN;
    }
    if (chan->state == CHAN_OPEN && chan->shut_wanted && !chan->out_failed && all_sent(chan))
        send_fin(chan);
}

/* --- closing ----------------------------------------------------------------------- */

static bool peer_is_sending(struct chan *chan)
{
    uv_os_fd_t fd;
    int unread = 0;

    if (chan->ended)
        return false;
    if (buf_len(&chan->in) || (chan->tls && chan_tls_more(chan)))
        return true;
    return uv_fileno(&chan->uv.handle, &fd) == 0 && ioctl(fd, FIONREAD, &unread) == 0 &&
           unread > 0;
}

void chan_finish_close(struct chan *chan)
{
    if (chan->out_failed) {
        chan_die(chan);
        return;
    }
    if (chan->connecting || !all_sent(chan))
        return;
    if (chan->breaking && !chan->tls) {
        chan_reset(chan);
        return;
    }
    if (!chan->lingering && !peer_is_sending(chan)) {
        chan_die(chan);
        return;
    }
    send_fin(chan);
    chan->lingering = true;
    buf_release(&chan->in);
}

static void on_closed(uv_handle_t *handle)
{
    struct chan *chan = handle->data;

    chan_tls_free(chan);
    buf_release(&chan->in);
    buf_release(&chan->out);
    buf_release(&chan->sending);
    free(chan->err);
    free(chan->peer);
    loop_crowd(chan->loop, -1);
    free(chan);
}

void chan_die(struct chan *chan)
{
    if (chan->state == CHAN_DEAD)
        return;
    chan->state = CHAN_DEAD;
    chan->reading = false;
    loop_undefer(&chan->hook);
    chan_deadline(chan, 0);
    uv_close(&chan->uv.handle, on_closed);
}

void chan_reset(struct chan *chan)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    uv_os_fd_t fd;

    /* uv_tcp_close_reset() refuses after uv_shutdown(); the option works always. */
    if (chan->uv.handle.type == UV_TCP && uv_fileno(&chan->uv.handle, &fd) == 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    chan_die(chan);
}
