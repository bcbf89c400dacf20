/*
 * guest.c - the host's end of the agent's PTY.
 *
 * The other side is the box, so nothing it says is believed: the order of frames, their
 * lengths and the values in them are checked, and the first wrong one ends the connection
 * with ERR_PROTO.
 *
 *      connect, HELLO sent        READY             DATA         EXIT
 *   GREETING ------------> (answer within 10 s) -> REPLAYING -> RUNNING ----> OVER
 *                                                  (REPLAY*)   (DATA*)
 *
 * With READY the PTY's master may come. Then output is read from it and input written to it,
 * without the helper in between, and the socket only tells how it ends. EXIT may come before
 * the last output, which is in the kernel then: that is read first.
 *
 * Bodies of output are handed on as they arrive, without waiting for the whole frame. After
 * LIMIT_PTY_TURN bytes pump() pauses the channel and goes on in a post, that is after the
 * loop has looked at everything else; a hook would run again in the same turn. The post
 * cannot be taken back, so it holds a small object (struct again) that outlives the guest.
 *
 * The box can replace pty.sock, also by a symbolic link to some socket of the host. The path
 * is therefore opened without following one, and the connection made to what was opened.
 */
#include "pty/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "guest/frame.h"
#include "io/chan.h"
#include "io/ptm.h"

enum guest_state { GUEST_GREETING, GUEST_REPLAYING, GUEST_RUNNING, GUEST_OVER };

struct again {
    struct guest *guest; /* borrows; NULL: given up */
};

struct guest {
    struct loop *loop;           /* borrows */
    struct first *first;         /* owns; the greeting under way, else NULL */
    int fd;                      /* owns; the socket until there is a channel, else -1 */
    int passed;                  /* owns; came with the greeting, else -1 */
    struct chan *chan;           /* owns; NULL when GREETING or OVER */
    struct ptm *ptm;             /* owns; the PTY, NULL: its bytes come in frames */
    const struct guest_ops *ops; /* borrows */
    void *ctx;                   /* borrows from the owner */
    struct timer *greeting;      /* owns; deadline of READY */
    struct again *again;         /* shared with the post under way, NULL: none */
    bool *freed; /* set by guest_free() while pump() or drain() is on the stack */
    enum guest_state state;
    unsigned want;
    bool ended;      /* the connection is over, `why` says how; bytes may be left */
    bool resize_due; /* not told yet: no channel, or it was full */
    int cols, rows;
    char body_type; /* of the output frame under way */
    size_t body_left;
    struct err why;
};

static void pump(struct guest *guest);
static void on_data(void *ctx);
static void on_drain(void *ctx);
static void on_end(void *ctx);
static void on_chan_fail(void *ctx, const struct err *err);
static void on_greeting_late(void *ctx);
static void on_head(void *ctx, struct str bytes, int passed, const struct err *err);
static void send_size(struct guest *guest);

static const struct chan_ops chan_ops = {
        .on_data = on_data, .on_drain = on_drain, .on_end = on_end, .on_fail = on_chan_fail};

/* --- connecting ---------------------------------------------------------------------- */

/* A descriptor of the socket file itself; negative code on failure. */
static int open_socket_file(const char *path, struct err *err)
{
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOENT : ERR_IO, "cannot open '%s': %s", path,
                strerror(errno));
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_DENIED,
                "'%s' is not a socket (the box may have replaced it), not connecting", path);
    }
    return fd;
}

static int connect_socket(const char *path, struct err *err)
{
    int file = open_socket_file(path, err);
    if (file < 0)
        return file;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", file);
    int rc = fd < 0 ? fd : connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    int why = errno;
    close(file);
    if (rc == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return err_set(err, ERR_IO, "cannot connect to '%s': %s", path, strerror(why));
}

/* NOLINTNEXTLINE(readability-function-size): the parameters are the header's contract */
struct guest *guest_connect(struct loop *loop, const char *socket_path, int cols, int rows,
        unsigned want, const struct guest_ops *ops, void *ctx, struct err *err)
{
    int fd = connect_socket(socket_path, err);
    if (fd < 0)
        return NULL;
    return guest_adopt(loop, fd, cols, rows, want, ops, ctx, err);
}

static void put_u16(unsigned char *p, int value)
{
    p[0] = (unsigned char)(value >> 8);
    p[1] = (unsigned char)value;
}

static int clamp_size(int n)
{
    return n < 1 ? 1 : n > UINT16_MAX ? UINT16_MAX : n;
}

static void send_frame(struct guest *guest, enum guest_frame type, const void *body, size_t n)
{
    const unsigned char head[GUEST_FRAME_HEAD] = {(unsigned char)type, (unsigned char)(n >> 24),
            (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n};
    chan_write(guest->chan, head, sizeof(head));
    chan_write(guest->chan, body, n);
}

/* A new socket takes that much at once. */
static int send_hello(const struct guest *guest, struct err *err)
{
    unsigned char hello[GUEST_FRAME_HEAD + 6] = {GUEST_HELLO, 0, 0, 0, 6, GUEST_VERSION};
    put_u16(hello + GUEST_FRAME_HEAD + 1, guest->cols);
    put_u16(hello + GUEST_FRAME_HEAD + 3, guest->rows);
    hello[GUEST_FRAME_HEAD + 5] = guest->want & GUEST_WANT_REPLAY ? 1 : 0;
    if (send(guest->fd, hello, sizeof(hello), MSG_DONTWAIT | MSG_NOSIGNAL) ==
            (ssize_t)sizeof(hello))
        return 0;
    return err_set(err, ERR_IO, "cannot greet the box's helper: %s", strerror(errno));
}

/* NOLINTNEXTLINE(readability-function-size): as above */
struct guest *guest_adopt(struct loop *loop, int fd, int cols, int rows, unsigned want,
        const struct guest_ops *ops, void *ctx, struct err *err)
{
    struct guest *guest = xcalloc(1, sizeof(*guest));
    *guest = (struct guest){.loop = loop,
            .ops = ops,
            .ctx = ctx,
            .want = want,
            .fd = fd,
            .passed = -1,
            .cols = clamp_size(cols),
            .rows = clamp_size(rows)};
    if (send_hello(guest, err) < 0) {
        close(fd);
        free(guest);
        return NULL;
    }
    guest->first = first_read(loop, fd, GUEST_FRAME_HEAD, on_head, guest);
    guest->greeting = timer_new(loop, on_greeting_late, guest);
    timer_start(guest->greeting, LIMIT_GUEST_READY_MS);
    return guest;
}

/* --- the end ------------------------------------------------------------------------- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Lets go of the connection. Unsent input still goes out; else at once, because waiting for
 * a peer that is in the middle of sending would be waiting for the box. */
static void disconnect(struct guest *guest)
{
    if (guest->again)
        guest->again->guest = NULL;
    guest->again = NULL;
    timer_free(guest->greeting);
    guest->greeting = NULL;
    first_free(guest->first);
    guest->first = NULL;
    ptm_free(guest->ptm);
    guest->ptm = NULL;
    close_fd(&guest->passed);
    close_fd(&guest->fd);
    if (guest->chan && chan_unsent(guest->chan))
        chan_close(guest->chan);
    else
        chan_abort(guest->chan);
    guest->chan = NULL;
    guest->state = GUEST_OVER;
}

void guest_free(struct guest *guest)
{
    if (!guest)
        return;
    disconnect(guest);
    if (guest->freed)
        *guest->freed = true;
    free(guest);
}

/* Hands on what the PTY still has. False: the owner has freed the guest meanwhile. */
static bool drain(struct guest *guest)
{
    bool freed = false, *outer = guest->freed;
    if (!guest->ptm)
        return true;
    guest->freed = &freed;
    ptm_drain(guest->ptm);
    if (freed && outer)
        *outer = true;
    if (!freed)
        guest->freed = outer;
    return !freed;
}

/* The callback may free the guest: nothing touches it afterwards. */
static void fail(struct guest *guest, const struct err *err)
{
    struct err copy = *err;
    disconnect(guest);
    guest->ops->on_fail(guest->ctx, &copy);
}

static void fail_proto(struct guest *guest, const char *what)
{
    struct err err;
    err_set(&err, ERR_PROTO, "the box's helper broke the protocol: %s", what);
    fail(guest, &err);
}

static void on_greeting_late(void *ctx)
{
    struct err err;
    err_set(&err, ERR_TIMEOUT, "the box's helper did not answer within %d s",
            LIMIT_GUEST_READY_MS / 1000);
    fail(ctx, &err);
}

/* --- frames from the box ------------------------------------------------------------- */

static void on_output(void *ctx, struct str bytes)
{
    struct guest *guest = ctx;
    guest->ops->on_output(guest->ctx, bytes);
}

/* The greeting is all there. Makes what the rest goes over. */
static int open_ways(struct guest *guest, struct err *err)
{
    int fd = guest->fd, passed = guest->passed;
    guest->fd = guest->passed = -1;
    guest->chan = chan_adopt_fd(guest->loop, fd, &chan_ops, guest, err);
    if (!guest->chan)
        close(fd);
    if (guest->chan && passed >= 0)
        guest->ptm = ptm_adopt(guest->loop, passed, on_output, guest, err);
    else if (passed >= 0)
        close(passed);
    if (!guest->chan || (passed >= 0 && !guest->ptm))
        return err->code;
    if (guest->resize_due && guest->ptm)
        ptm_resize(guest->ptm, guest->cols, guest->rows);
    else if (guest->resize_due)
        send_size(guest);
    return 0;
}

static void on_greeting(void *ctx, struct str bytes, int passed, const struct err *err)
{
    struct guest *guest = ctx;
    struct err why;
    guest->first = NULL;
    if (guest->passed < 0)
        guest->passed = passed;
    else if (passed >= 0)
        close(passed);
    if (err) {
        fail(guest, err);
        return;
    }
    unsigned flags = (unsigned char)bytes.p[1];
    if (bytes.p[0] != GUEST_VERSION || flags > (GUEST_RAN | GUEST_PTY)) {
        fail_proto(guest, "greeting of another version");
        return;
    }
    /* Of an agent that ran the box may have kept a second descriptor. */
    bool pty = (flags & GUEST_PTY) != 0;
    if (pty != (guest->passed >= 0) ||
            (pty && (!(guest->want & GUEST_WANT_PTY) || flags & GUEST_RAN))) {
        fail_proto(guest, "a descriptor that was not expected, or none that was");
        return;
    }
    if (open_ways(guest, &why) < 0) {
        fail(guest, &why);
        return;
    }
    timer_stop(guest->greeting);
    guest->state = guest->want & GUEST_WANT_REPLAY ? GUEST_REPLAYING : GUEST_RUNNING;
    guest->ops->on_ready(guest->ctx, (flags & GUEST_RAN) != 0);
}

static void on_head(void *ctx, struct str bytes, int passed, const struct err *err)
{
    static const char head[GUEST_FRAME_HEAD] = {GUEST_READY, 0, 0, 0, 2};
    struct guest *guest = ctx;
    guest->first = NULL;
    guest->passed = passed;
    if (err)
        fail(guest, err);
    else if (memcmp(bytes.p, head, sizeof(head)) != 0)
        fail_proto(guest, "unexpected greeting");
    else
        guest->first = first_read(guest->loop, guest->fd, 2, on_greeting, guest);
}

static void take_exit(struct guest *guest, const unsigned char *body, size_t n)
{
    if (n != 2 || body[0] > 1 || (body[0] == 1 && (body[1] < 1 || body[1] > 64))) {
        fail_proto(guest, "malformed exit status");
        return;
    }
    if (!drain(guest))
        return;
    int status = body[0] ? 0 : body[1];
    int signo = body[0] ? body[1] : 0;
    disconnect(guest);
    guest->ops->on_exit(guest->ctx, status, signo);
}

/* The head of an output frame; its body follows through take_body(). */
static void begin_body(struct guest *guest, char type, size_t n)
{
    bool in_order = !guest->ptm && (type == GUEST_DATA || guest->state == GUEST_REPLAYING);
    if (!in_order || n == 0) {
        fail_proto(guest, n ? "output out of order" : "empty output");
        return;
    }
    if (type == GUEST_DATA)
        guest->state = GUEST_RUNNING;
    guest->body_type = type;
    guest->body_left = n;
}

/* One frame, or the head of an output frame. Returns how many bytes were used up, 0: more
 * bytes are needed or the guest is over (or freed, which the caller knows). */
static size_t take_frame(struct guest *guest, struct str in)
{
    if (in.n < GUEST_FRAME_HEAD)
        return 0;
    const unsigned char *p = (const unsigned char *)in.p;
    size_t n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
    if (n > GUEST_FRAME_MAX) {
        fail_proto(guest, "frame too long");
        return 0;
    }
    if (p[0] == GUEST_REPLAY || p[0] == GUEST_DATA) {
        begin_body(guest, in.p[0], n);
        return GUEST_FRAME_HEAD;
    }
    if (p[0] != GUEST_EXIT) {
        fail_proto(guest, "unknown frame type");
        return 0;
    }
    if (in.n < GUEST_FRAME_HEAD + n)
        return 0;
    take_exit(guest, p + GUEST_FRAME_HEAD, n);
    return GUEST_FRAME_HEAD + n;
}

static size_t take_body(struct guest *guest, struct str in, size_t budget)
{
    size_t n = in.n < budget ? in.n : budget;
    if (n > guest->body_left)
        n = guest->body_left;
    guest->body_left -= n;
    struct str bytes = {in.p, n};
    if (n && guest->body_type == GUEST_REPLAY)
        guest->ops->on_replay(guest->ctx, bytes);
    else if (n)
        guest->ops->on_output(guest->ctx, bytes);
    return n;
}

/* Digest what is there, at most the budget of a turn. Returns what is left of the budget;
 * 0 is not read when *freed. */
static size_t digest(struct guest *guest, const bool *freed)
{
    size_t budget = LIMIT_PTY_TURN;
    while (budget > 0) {
        struct str in = buf_str(chan_in(guest->chan));
        size_t used = guest->body_left ? take_body(guest, in, budget) : take_frame(guest, in);
        if (*freed || guest->state == GUEST_OVER)
            return 0;
        if (used == 0)
            return budget;
        buf_consume(chan_in(guest->chan), used);
        budget -= used < budget ? used : budget;
    }
    return 0;
}

static void on_again(void *ctx)
{
    struct again *again = ctx;
    struct guest *guest = again->guest;
    free(again);
    if (!guest)
        return;
    guest->again = NULL;
    chan_resume(guest->chan);
    pump(guest);
}

static void pump(struct guest *guest)
{
    if (guest->again || guest->freed || guest->state == GUEST_OVER)
        return; /* this turn's share is used up */
    bool freed = false;
    guest->freed = &freed;
    size_t left = digest(guest, &freed);
    if (freed)
        return;
    guest->freed = NULL;
    if (guest->state == GUEST_OVER)
        return;
    if (left == 0) {
        chan_pause(guest->chan);
        guest->again = xmalloc(sizeof(*guest->again));
        guest->again->guest = guest;
        loop_post(guest->loop, on_again, guest->again);
    } else if (guest->ended && drain(guest)) {
        fail(guest, &guest->why);
    }
}

static void on_data(void *ctx)
{
    pump(ctx);
}

static void on_end(void *ctx)
{
    struct guest *guest = ctx;
    guest->ended = true;
    err_set(&guest->why, ERR_EOF, "the connection to the box ended before the agent did");
    pump(guest);
}

static void on_chan_fail(void *ctx, const struct err *err)
{
    struct guest *guest = ctx;
    guest->ended = true;
    guest->why = *err;
    pump(guest);
}

/* --- to the box ---------------------------------------------------------------------- */

int guest_input(struct guest *guest, struct str bytes, struct err *err)
{
    if (guest->state == GUEST_OVER || guest->ended)
        return err_set(err, ERR_EOF, "the agent has ended");
    if (guest->state == GUEST_GREETING)
        return err_set(err, ERR_AGAIN, "the agent is not there yet");
    size_t unsent = guest->ptm ? ptm_unsent(guest->ptm) : chan_unsent(guest->chan);
    if (bytes.n > LIMIT_PTY_WRITE || unsent > LIMIT_PTY_WRITE - bytes.n)
        return err_set(err, ERR_AGAIN, "the agent does not read its input");
    if (guest->ptm) {
        ptm_write(guest->ptm, bytes);
        return 0;
    }
    while (bytes.n) {
        size_t n = bytes.n < GUEST_FRAME_MAX ? bytes.n : GUEST_FRAME_MAX;
        send_frame(guest, GUEST_INPUT, bytes.p, n);
        bytes = (struct str){bytes.p + n, bytes.n - n};
    }
    return 0;
}

static void send_size(struct guest *guest)
{
    unsigned char body[4];
    put_u16(body, guest->cols);
    put_u16(body + 2, guest->rows);
    send_frame(guest, GUEST_RESIZE, body, sizeof(body));
    guest->resize_due = false;
}

void guest_resize(struct guest *guest, int cols, int rows)
{
    cols = clamp_size(cols);
    rows = clamp_size(rows);
    if (guest->state == GUEST_OVER || (cols == guest->cols && rows == guest->rows))
        return;
    guest->cols = cols;
    guest->rows = rows;
    if (guest->ptm)
        ptm_resize(guest->ptm, cols, rows);
    else if (guest->state == GUEST_GREETING || chan_full(guest->chan))
        guest->resize_due = true; /* only the last size counts */
    else
        send_size(guest);
}

static void on_drain(void *ctx)
{
    struct guest *guest = ctx;
    if (guest->resize_due)
        send_size(guest);
}

void guest_signal(struct guest *guest, int signo)
{
    unsigned char body = (unsigned char)signo;
    /* Who has left that much unread will not read this either; the box can be ended. */
    if (!guest->chan || chan_unsent(guest->chan) > LIMIT_PTY_WRITE)
        return;
    send_frame(guest, GUEST_SIGNAL, &body, 1);
}
