/*
 * boxes.h - a world for one box: folders, spec, events, and a host that says HELLO and keeps
 * what the agent prints, whether it comes in frames or the terminal's master is handed over.
 * Waiting always has a deadline.
 */
#ifndef TESTS_UNIT_DOCKER_BOXES_H
#define TESTS_UNIT_DOCKER_BOXES_H

#include "unit/check.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "docker/box.h"
#include "guest/frame.h"
#include "io/chan.h"
#include "io/ptm.h"
#include "support/tmpdir.h"

struct world {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    char dir[64]; /* everything of this test; IRONCURTAIN_HOME is <dir>/home */
    char *workspace, *sockets, *orientation, *state, *guest;
    struct agent agent;
    struct box_spec spec;
    struct box *box;
    int socket; /* -1: it is the channel's */
    struct first *first;
    struct chan *chan;
    struct ptm *ptm;
    struct buf output; /* what the agent printed */
    struct buf progress;
    bool started, failed, exited;
    int status;
    struct err err;
};

static const char *const world_env[] = {
        "HOME=/home/agent", "PATH=/usr/bin:/bin", "LANG=C.UTF-8", "TERM=xterm", NULL};

static void on_late(void *ctx)
{
    ((struct world *)ctx)->late = true;
}

static void on_guest_data(void *ctx)
{
    struct world *w = ctx;
    struct buf *in = chan_in(w->chan);
    bool ended = false;
    while (buf_len(in) >= GUEST_FRAME_HEAD) {
        const unsigned char *p = (const unsigned char *)buf_data(in);
        size_t n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
        if (buf_len(in) < GUEST_FRAME_HEAD + n)
            break;
        if (p[0] == GUEST_DATA)
            buf_append(&w->output, p + GUEST_FRAME_HEAD, n);
        ended = ended || p[0] == GUEST_EXIT;
        buf_consume(in, GUEST_FRAME_HEAD + n);
    }
    if (ended) { /* the helper waits until we have read that */
        if (w->ptm)
            ptm_drain(w->ptm);
        chan_close(w->chan);
        w->chan = NULL;
    }
}

static void on_guest_end(void *ctx)
{
    (void)ctx;
}

static void on_guest_fail(void *ctx, const struct err *err)
{
    (void)ctx;
    (void)err;
}

static const struct chan_ops guest_ops = {
        .on_data = on_guest_data, .on_end = on_guest_end, .on_fail = on_guest_fail};

static void on_progress(void *ctx, const char *line)
{
    struct world *w = ctx;
    buf_puts(&w->progress, line);
    buf_putc(&w->progress, '\n');
}

static void on_output(void *ctx, struct str bytes)
{
    buf_append_str(&((struct world *)ctx)->output, bytes);
}

/* READY; frames follow, or only EXIT if the master came with it. */
static void on_ready(void *ctx, struct str bytes, int passed, const struct err *err)
{
    struct world *w = ctx;
    struct err why;
    w->first = NULL;
    if (err)
        return; /* the box ended: on_exit_status() */
    assert_int_equal(bytes.p[0], GUEST_READY);
    if (passed >= 0)
        w->ptm = ptm_adopt(w->loop, passed, on_output, w, &why);
    assert_int_equal(passed >= 0, w->ptm != NULL);
    w->chan = chan_adopt_fd(w->loop, w->socket, &guest_ops, w, &why);
    assert_non_null(w->chan);
    w->socket = -1;
}

static void on_started(void *ctx)
{
    static const char hello[] = {GUEST_HELLO, 0, 0, 0, 6, GUEST_VERSION, 0, 100, 0, 30, 1};
    struct world *w = ctx;
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    w->started = true;
    char *path = path_join3(w->sockets, "guest", "pty.sock");
    assert_true(str_copy(addr.sun_path, sizeof(addr.sun_path), str_of(path)));
    free(path);
    w->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(w->socket, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(write(w->socket, hello, sizeof(hello)), sizeof(hello));
    w->first = first_read(w->loop, w->socket, GUEST_FRAME_HEAD + 2, on_ready, w);
}

static void on_failed(void *ctx, const struct err *err)
{
    struct world *w = ctx;
    w->failed = true;
    w->err = *err;
}

static void on_exit_status(void *ctx, int status)
{
    struct world *w = ctx;
    w->exited = true;
    w->status = status;
}

static const struct box_ops world_ops = {.on_progress = on_progress,
        .on_started = on_started,
        .on_failed = on_failed,
        .on_exit = on_exit_status};

static char *world_folder(struct world *w, const char *name)
{
    char *path = path_join(w->dir, name);
    assert_int_equal(file_mkdir(path, NULL), 0);
    assert_int_equal(chmod(path, 0755), 0);
    return path;
}

/* Short, because of sun_path. IRONCURTAIN_HOME must have been set before base looks at it. */
static struct world *world_new(const char *runtime)
{
    struct world *w = xcalloc(1, sizeof(*w));
    test_tmpdir(w->dir, sizeof(w->dir), "box");
    w->loop = loop_new(NULL);
    w->socket = -1;
    w->deadline = timer_new(w->loop, on_late, w);
    w->workspace = world_folder(w, "work, space");
    w->sockets = world_folder(w, "sockets");
    w->orientation = world_folder(w, "orientation");
    w->state = world_folder(w, "state");
    assert_non_null(getenv("IC_BUILD"));
    w->guest = xasprintf("%s/icguest", getenv("IC_BUILD"));
    snprintf(w->agent.name, sizeof(w->agent.name), "shell");
    char id[13];
    snprintf(id, sizeof(id), "%06x%s", (unsigned)getpid() & 0xffffff,
            w->dir + strlen(w->dir) - 6);
    w->spec = (struct box_spec){.runtime = runtime,
            .id12 = xstrdup(id),
            .session = "01234567-89ab-4000-8000-000000000000",
            .agent = &w->agent,
            .workspace = w->workspace,
            .sockets = w->sockets,
            .orientation = w->orientation,
            .home = w->state,
            .env = world_env,
            .guest = w->guest};
    return w;
}

static void world_free(struct world *w)
{
    if (w->chan)
        chan_abort(w->chan);
    first_free(w->first);
    if (w->socket >= 0)
        close(w->socket);
    ptm_free(w->ptm);
    box_free(w->box);
    timer_free(w->deadline);
    loop_free(w->loop);
    assert_int_equal(file_remove_tree(w->dir, NULL), 0);
    buf_release(&w->output);
    buf_release(&w->progress);
    free((char *)w->spec.id12);
    free(w->workspace);
    free(w->sockets);
    free(w->orientation);
    free(w->state);
    free(w->guest);
    free(w);
}

#define WAIT_FOR(w, condition)                                                                 \
    do {                                                                                       \
        timer_start((w)->deadline, 120000);                                                    \
        while (!(condition) && !(w)->late)                                                     \
            loop_turn((w)->loop, true);                                                        \
        timer_stop((w)->deadline);                                                             \
        if ((w)->late)                                                                         \
            fail_msg(                                                                          \
                    "too late: %s; output: %.*s", #condition, STR_ARG(buf_str(&(w)->output))); \
    } while (0)

static void world_start(struct world *w, const char *const *argv)
{
    struct err err;
    w->spec.argv = argv;
    w->box = box_start(w->loop, &w->spec, &world_ops, w, &err);
    if (!w->box)
        fail_msg("box_start: %s", err.msg);
}

/* Run a shell script in the box until it ends. */
static inline void world_run(struct world *w, const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    world_start(w, argv);
    WAIT_FOR(w, w->failed || w->exited);
    if (w->failed)
        fail_msg("the box failed: %s", w->err.msg);
    assert_true(w->started);
}

static inline bool printed(struct world *w, const char *text)
{
    buf_putc(&w->output, '\0');
    bool yes = strstr(buf_data(&w->output), text) != NULL;
    w->output.len--;
    return yes;
}

#define assert_printed(w, text)                                                                \
    do {                                                                                       \
        if (!printed(w, text))                                                                 \
            fail_msg("not printed: '%s'; but:\n%.*s", text, STR_ARG(buf_str(&(w)->output)));   \
    } while (0)
#define assert_not_printed(w, text)                                                            \
    do {                                                                                       \
        if (printed(w, text))                                                                  \
            fail_msg("printed: '%s' in:\n%.*s", text, STR_ARG(buf_str(&(w)->output)));         \
    } while (0)

#endif
