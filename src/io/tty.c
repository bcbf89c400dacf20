/*
 * tty.c - the user's terminal.
 *
 * Raw mode is set by us with tcsetattr, not by libuv: libuv's mode keeps output processing
 * and knows one terminal per process. Saved settings live in a small static table, so that
 * tty_emergency_reset() finds them from a signal handler without touching the heap; an entry
 * is valid while its `fd` is >= 0, which is written last and cleared first.
 *
 * A frame is tried with write(2) at once; what the terminal does not take goes to uv_write,
 * and until that is done tty_busy(). Nothing here blocks but tty_suspend(), which stops the
 * process by design.
 */
#include "io/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/loop_priv.h"
#include "io/uverr.h"

/* Terminals with saved settings: one screen each, and the guardian's. */
#define SAVED 16
#define FLUSH_MS 1000

struct saved {
    volatile sig_atomic_t used;
    int fd;
    struct termios termios;
};

struct tty {
    uv_tty_t uv;
    uv_write_t write;
    struct loop *loop;         /* borrows */
    const struct tty_ops *ops; /* borrows; NULL after tty_free */
    void *ctx;                 /* borrows */
    int fd;                    /* the caller's, and what the settings are changed on */
    struct buf sending;        /* owns; the frame in flight */
    struct buf last;           /* owns; goes out behind it, see tty_send_last() */
    char *read_buf;            /* owns; input is small and rare */
    struct loop_hook hook;     /* tells what came up during a turn */
    struct sigwatch *winch;    /* owns */
    struct timer *timer;       /* owns; the deadline of tty_free */
    int cols;
    int rows;
    bool writing;
    bool tell_sent;
    bool tell_resize;
    bool tell_gone;
    bool gone;
    bool suspend; /* as soon as the frame is out */
    bool closed;
    void (*done)(void *ctx); /* of tty_free_then(), or NULL */
    void *done_ctx;          /* borrows */
};

#define READ_SIZE 4096

static struct saved saved[SAVED];

static void on_hook(void *ctx);
static void on_winch(void *ctx, int signo);

/* --- settings ---------------------------------------------------------------------- */

static struct saved *saved_of(int fd)
{
    for (int i = 0; i < SAVED; i++)
        if (saved[i].used && saved[i].fd == fd)
            return &saved[i];
    return NULL;
}

int tty_save(int fd, struct err *err)
{
    struct saved *s = saved_of(fd);

    if (s)
        return 0;
    for (int i = 0; i < SAVED && !s; i++)
        if (!saved[i].used)
            s = &saved[i];
    if (!s)
        return err_set(err, ERR_LIMIT, "more than %d terminals are open", SAVED);
    if (tcgetattr(fd, &s->termios) < 0)
        return err_set(
                err, ERR_USAGE, "descriptor %d is not a terminal: %s", fd, strerror(errno));
    s->fd = fd;
    s->used = 1;
    return 0;
}

void tty_forget(int fd)
{
    struct saved *s = saved_of(fd);

    if (s)
        s->used = 0;
}

static void set_raw(int fd)
{
    struct saved *s = saved_of(fd);
    struct termios raw;

    CHECK(s);
    raw = s->termios;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    /* Fails only on a terminal that is gone; the read says so. */
    (void)tcsetattr(fd, TCSANOW, &raw);
}

static void set_saved(int fd)
{
    struct saved *s = saved_of(fd);

    if (s)
        (void)tcsetattr(fd, TCSANOW, &s->termios);
}

void tty_emergency_reset(int fd)
{
    /* End of a synchronized update; default attributes and cursor; the modes we may have
     * set: mouse, focus, keyboard protocols, paste, keypad, application cursor keys; the
     * primary screen. */
    static const char reset[] = "\033[?2026l\033[0m\033[?25h\033[0 q"
                                "\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?1004l"
                                "\033[<u\033[>4m"
                                "\033[?2004l\033[?1l\033>\033[8h\033[?1049l"
                                "\033[23;0t\r\n"; /* the title that was there before */
    int keep = errno;

    set_saved(fd);
    if (write(fd, reset, sizeof(reset) - 1) < 0)
        errno = 0; /* The terminal is gone or full; nothing is left to try. */
    errno = keep;
}

static void read_size(struct tty *tty)
{
    struct winsize size = {0};

    if (ioctl(tty->fd, TIOCGWINSZ, &size) < 0 || !size.ws_col || !size.ws_row)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    tty->cols = size.ws_col;
    tty->rows = size.ws_row;
}

/* --- reading ----------------------------------------------------------------------- */

static void set_gone(struct tty *tty)
{
    if (tty->gone)
        return;
    tty->gone = true;
    tty->tell_gone = true;
    uv_read_stop((uv_stream_t *)&tty->uv);
    loop_defer(tty->loop, &tty->hook);
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    struct tty *tty = handle->data;

    (void)hint;
    *buf = uv_buf_init(tty->read_buf, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tty *tty = stream->data;

    if (tty->closed)
        return;
    if (n < 0)
        set_gone(tty);
    else if (n > 0)
        tty->ops->on_bytes(tty->ctx, (struct str){buf->base, (size_t)n});
}

/* --- opening ----------------------------------------------------------------------- */

/*
 * libuv re-opens the terminal by its name and puts the new description over the descriptor it
 * was given. It gets a copy, so that the caller's stays as it is. Where re-opening is not
 * possible (the device belongs to somebody else) libuv keeps the copy.
 */
static int open_uv(struct loop *loop, uv_tty_t *uv, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    uv_os_fd_t used = -1;

    if (copy < 0)
        return -errno;
    int rc = uv_tty_init(&loop->uv, uv, copy, 0);
    if (rc == 0)
        CHECK(uv_fileno((const uv_handle_t *)uv, &used) == 0);
    if (used != copy)
        close(copy);
    return rc;
}

struct tty *tty_open(
        struct loop *loop, int fd, const struct tty_ops *ops, void *ctx, struct err *err)
{
    if (!isatty(fd)) {
        err_set(err, ERR_USAGE, "descriptor %d is not a terminal", fd);
        return NULL;
    }
    if (tty_save(fd, err) < 0)
        return NULL;

    struct tty *tty = xcalloc(1, sizeof(*tty));
    int rc = open_uv(loop, &tty->uv, fd);

    if (rc < 0) {
        err_uv(err, rc, "cannot open the terminal");
        tty_forget(fd);
        free(tty);
        return NULL;
    }
    tty->uv.data = tty;
    tty->loop = loop;
    tty->ops = ops;
    tty->ctx = ctx;
    tty->fd = fd;
    tty->read_buf = xmalloc(READ_SIZE);
    tty->hook = (struct loop_hook){.fn = on_hook, .ctx = tty};
    tty->winch = sigwatch_new(loop, SIGWINCH, on_winch, tty);
    set_raw(fd);
    read_size(tty);
    CHECK(uv_read_start((uv_stream_t *)&tty->uv, on_alloc, on_read) == 0);
    loop_opened(loop, "tty");
    return tty;
}

void tty_size(const struct tty *tty, int *ret_cols, int *ret_rows)
{
    *ret_cols = tty->cols;
    *ret_rows = tty->rows;
}

void tty_check_size(struct tty *tty)
{
    tty->tell_resize = true;
    loop_defer(tty->loop, &tty->hook);
}

static void on_winch(void *ctx, int signo)
{
    (void)signo;
    tty_check_size(ctx);
}

/* --- suspending -------------------------------------------------------------------- */

/* After SIGCONT the settings may be new ones, and so may the size. */
static void stop_process(struct tty *tty)
{
    tty->suspend = false;
    set_saved(tty->fd);
    raise(SIGSTOP);
    tty_forget(tty->fd);
    if (tty_save(tty->fd, NULL) < 0) {
        set_gone(tty);
        return;
    }
    set_raw(tty->fd);
    tty_check_size(tty);
}

void tty_suspend(struct tty *tty)
{
    tty->suspend = true;
    loop_defer(tty->loop, &tty->hook);
}

/* One thing a run; the owner may free the terminal in each. */
static void on_hook(void *ctx)
{
    struct tty *tty = ctx;

    if (tty->suspend && !tty->writing && !tty->gone)
        stop_process(tty);
    if (tty->tell_resize) {
        tty->tell_resize = false;
        read_size(tty);
        tty->ops->on_resize(tty->ctx);
    }
    if (tty->tell_sent && !tty->closed) {
        tty->tell_sent = false;
        tty->ops->on_sent(tty->ctx);
    }
    if (tty->tell_gone && !tty->closed) {
        tty->tell_gone = false;
        tty->ops->on_gone(tty->ctx);
    }
}

/* --- closing ----------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    struct tty *tty = handle->data;

    buf_release(&tty->sending);
    buf_release(&tty->last);
    free(tty->read_buf);
    free(tty);
}

static void close_now(struct tty *tty)
{
    timer_free(tty->timer);
    tty->timer = NULL;
    set_saved(tty->fd);
    tty_forget(tty->fd);
    uv_close((uv_handle_t *)&tty->uv, on_closed);
    if (tty->done)
        tty->done(tty->done_ctx);
}

static void on_flush_late(void *ctx)
{
    close_now(ctx);
}

void tty_free(struct tty *tty)
{
    if (tty)
        tty_free_then(tty, NULL, NULL);
}

void tty_free_then(struct tty *tty, void (*done)(void *ctx), void *ctx)
{
    tty->done = done;
    tty->done_ctx = ctx;
    loop_given_up(tty->loop, "tty");
    tty->closed = true;
    loop_undefer(&tty->hook);
    sigwatch_free(tty->winch);
    uv_read_stop((uv_stream_t *)&tty->uv);
    if (!tty->writing || tty->gone) {
        close_now(tty);
        return;
    }
    tty->timer = timer_new_inner(tty->loop, on_flush_late, tty);
    timer_start(tty->timer, FLUSH_MS);
}

/* --- writing ----------------------------------------------------------------------- */

bool tty_busy(const struct tty *tty)
{
    return tty->writing;
}

static void frame_out(struct tty *tty)
{
    buf_clear(&tty->sending); /* the memory goes back to the drawer with the next swap */
    tty->tell_sent = true;
    loop_defer(tty->loop, &tty->hook);
}

static void on_written(uv_write_t *req, int status);

static bool write_on(struct tty *tty)
{
    uv_buf_t b = uv_buf_init(buf_data(&tty->sending), (unsigned)buf_len(&tty->sending));

    tty->write.data = tty;
    tty->writing = uv_write(&tty->write, (uv_stream_t *)&tty->uv, &b, 1, on_written) == 0;
    return tty->writing;
}

static void on_written(uv_write_t *req, int status)
{
    struct tty *tty = req->data;

    tty->writing = false;
    if (uv_is_closing((uv_handle_t *)&tty->uv))
        return;
    if (status == 0 && buf_len(&tty->last)) {
        buf_clear(&tty->sending);
        buf_swap(&tty->sending, &tty->last);
        if (write_on(tty))
            return;
    }
    if (tty->closed) {
        close_now(tty);
        return;
    }
    if (status < 0)
        set_gone(tty);
    else
        frame_out(tty);
}

void tty_send_last(struct tty *tty, struct buf *bytes)
{
    if (tty->writing)
        buf_swap(&tty->last, bytes);
    else
        tty_send(tty, bytes);
    buf_clear(bytes);
}

void tty_send(struct tty *tty, struct buf *frame)
{
    CHECK(!tty->writing);
    buf_swap(&tty->sending, frame);
    buf_clear(frame);
    if (tty->gone || !buf_len(&tty->sending)) {
        buf_clear(&tty->sending);
        return;
    }
    uv_buf_t b = uv_buf_init(buf_data(&tty->sending), (unsigned)buf_len(&tty->sending));
    int n = uv_try_write((uv_stream_t *)&tty->uv, &b, 1);
    if (n < 0 && n != UV_EAGAIN) {
        set_gone(tty);
        return;
    }
    if (n > 0)
        buf_consume(&tty->sending, (size_t)n);
    if (!buf_len(&tty->sending)) {
        frame_out(tty);
        return;
    }
    if (!write_on(tty))
        set_gone(tty);
}
