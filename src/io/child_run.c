/*
 * child_run.c - run a command to its end on a loop of its own. Blocks by design: for command
 * line tools and start-up only.
 */
#include <signal.h>

#include "base/limits.h"
#include "io/child.h"

struct run {
    struct loop *loop;
    struct child *child;
    struct buf *out[2]; /* borrows from the caller */
    int status;
    bool ended;
    bool late;
    bool too_much;
};

static void on_output(void *ctx, int fd, struct str bytes)
{
    struct run *run = ctx;
    struct buf *to = run->out[fd - 1];

    if (!to || run->too_much)
        return;
    if (buf_len(to) + bytes.n > LIMIT_CHILD_OUTPUT) {
        run->too_much = true;
        child_kill(run->child, SIGKILL);
        return;
    }
    buf_append_str(to, bytes);
}

static void on_exit_status(void *ctx, int exit_status, int term_signal)
{
    struct run *run = ctx;

    run->status = term_signal ? 128 + term_signal : exit_status;
    run->ended = true;
}

static void on_late(void *ctx)
{
    struct run *run = ctx;

    run->late = true;
    child_kill(run->child, SIGKILL);
}

static int judge(
        const struct run *run, const char *name, uint32_t timeout_ms, int *ret, struct err *err)
{
    if (run->too_much)
        return err_set(
                err, ERR_LIMIT, "'%s' printed more than %d bytes", name, LIMIT_CHILD_OUTPUT);
    if (run->late)
        return err_set(err, ERR_TIMEOUT, "'%s' did not end within %u ms", name, timeout_ms);
    *ret = run->status;
    return 0;
}

int child_run(const char *const *argv, uint32_t timeout_ms, struct buf *out, struct buf *errout,
        int *ret_status, struct err *err)
{
    struct run run = {.out = {out, errout}};

    run.loop = loop_new(err);
    if (!run.loop)
        return err ? (int)err->code : ERR_IO;
    struct child_spec spec = {
            .argv = argv, .on_output = on_output, .on_exit = on_exit_status, .ctx = &run};
    run.child = child_spawn(run.loop, &spec, err);
    if (!run.child) {
        loop_free(run.loop);
        return err ? (int)err->code : ERR_IO;
    }
    struct timer *timer = timer_new(run.loop, on_late, &run);
    timer_start(timer, timeout_ms);
    while (!run.ended)
        loop_turn(run.loop, true);
    timer_free(timer);
    child_free(run.child);
    loop_free(run.loop);
    return judge(&run, argv[0], timeout_ms, ret_status, err);
}
