/*
 * guest_world.h - a loop, the helper's program and a client of it, for the tests of the guest.
 */
#ifndef TESTS_UNIT_PTY_GUEST_WORLD_H
#define TESTS_UNIT_PTY_GUEST_WORLD_H

#include "pty/guest.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "support/tmpdir.h"
#include "unit/check.h"

#define DEADLINE_MS 30000
#define ARGV_MAX 8

/* One client and what it was told. */
struct client {
    struct guest *guest;
    struct buf output, replay;
    size_t turn_bytes, turn_max; /* output handed on in one loop turn */
    bool keep, free_on_output;
    bool ready, was_running, exited, failed;
    size_t total;
    int status, signo;
    struct err err;
};

/* The tests of the first group run twice: with the PTY's bytes in frames, and with the PTY. */
static bool hand_over;

struct world {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    char dir[64], path[96];
    pid_t helper;
};

/* --- callbacks ------------------------------------------------------------------------ */

static void on_ready(void *ctx, bool was_running)
{
    struct client *c = ctx;
    assert_false(c->ready);
    c->ready = true;
    c->was_running = was_running;
}

static void on_replay(void *ctx, struct str bytes)
{
    struct client *c = ctx;
    assert_true(c->ready);
    buf_append_str(&c->replay, bytes);
}

static void on_output(void *ctx, struct str bytes)
{
    struct client *c = ctx;
    assert_true(c->ready && !c->exited && !c->failed);
    c->total += bytes.n;
    c->turn_bytes += bytes.n;
    if (c->keep)
        buf_append_str(&c->output, bytes);
    if (c->free_on_output) {
        guest_free(c->guest);
        c->guest = NULL;
    }
}

static void on_exit_frame(void *ctx, int status, int signo)
{
    struct client *c = ctx;
    assert_false(c->exited || c->failed);
    c->exited = true;
    c->status = status;
    c->signo = signo;
}

static void on_fail(void *ctx, const struct err *err)
{
    struct client *c = ctx;
    assert_false(c->exited || c->failed);
    c->failed = true;
    c->err = *err;
}

static const struct guest_ops ops = {on_ready, on_replay, on_output, on_exit_frame, on_fail};

static void on_late(void *ctx)
{
    ((struct world *)ctx)->late = true;
}

/* --- the world ------------------------------------------------------------------------ */

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    w->loop = loop_new(NULL);
    w->deadline = timer_new(w->loop, on_late, w);
    test_tmpdir(w->dir, sizeof(w->dir), "guest");
    snprintf(w->path, sizeof(w->path), "%s/pty.sock", w->dir);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    if (w->helper) {
        kill(w->helper, SIGKILL);
        waitpid(w->helper, NULL, 0);
    }
    timer_free(w->deadline);
    loop_free(w->loop); /* the proof that nothing is left open */
    unlink(w->path);
    rmdir(w->dir);
    free(w);
    return 0;
}

static void start_deadline(struct world *w)
{
    w->late = false;
    timer_start(w->deadline, DEADLINE_MS);
}

/* Turn the loop until the condition holds. */
#define TURN_UNTIL(w, c, condition)                                                            \
    do {                                                                                       \
        start_deadline(w);                                                                     \
        while (!(condition)) {                                                                 \
            (c)->turn_bytes = 0;                                                               \
            loop_turn((w)->loop, true);                                                        \
            if ((c)->turn_bytes > (c)->turn_max)                                               \
                (c)->turn_max = (c)->turn_bytes;                                               \
            if ((w)->late)                                                                     \
                fail_msg("too late: %s", #condition);                                          \
        }                                                                                      \
        timer_stop((w)->deadline);                                                             \
    } while (0)

/* Returns when the helper listens. */
static void spawn_helper(struct world *w, const char *const *agent)
{
    char program[256], ready[6] = "";
    int out[2];
    assert_non_null(getenv("IC_BUILD"));
    snprintf(program, sizeof(program), "%s/icguest", getenv("IC_BUILD"));
    const char *argv[ARGV_MAX + 6] = {
            program, "--pty", w->path, hand_over ? "--hand-over" : "--"};
    int n = 4;
    if (hand_over)
        argv[n++] = "--";
    for (int i = 0; agent[i]; i++)
        argv[n++] = agent[i];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    w->helper = fork();
    assert_true(w->helper >= 0);
    if (w->helper == 0) {
        dup2(out[1], STDOUT_FILENO);
        execv(program, (char *const *)argv);
        _exit(125);
    }
    close(out[1]);
    assert_int_equal(read(out[0], ready, sizeof(ready)), sizeof(ready));
    assert_memory_equal(ready, "ready\n", sizeof(ready));
    close(out[0]);
}

static void spawn_shell(struct world *w, const char *script)
{
    const char *agent[] = {"sh", "-c", script, NULL};
    spawn_helper(w, agent);
}

static void connect_client(struct world *w, struct client *c, int cols, int rows, bool replay)
{
    struct err err = {0};
    unsigned want = (replay ? GUEST_WANT_REPLAY : 0) | (hand_over ? GUEST_WANT_PTY : 0);
    c->guest = guest_connect(w->loop, w->path, cols, rows, want, &ops, c, &err);
    if (!c->guest)
        fail_msg("%s", err.msg);
}

static void release(struct client *c)
{
    guest_free(c->guest);
    buf_release(&c->output);
    buf_release(&c->replay);
}

static int helper_status(struct world *w)
{
    int status;
    assert_int_equal(waitpid(w->helper, &status, 0), w->helper);
    w->helper = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool has(const struct buf *b, const char *text)
{
    return buf_len(b) && memmem(buf_data(b), buf_len(b), text, strlen(text)) != NULL;
}

static void type(struct client *c, const char *text)
{
    assert_int_equal(guest_input(c->guest, str_of(text), NULL), 0);
}

#endif
