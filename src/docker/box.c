/*
 * box.c - what the runtimes share: the copy of the spec, the wait for pty.sock, reports.
 *
 *   PREPARING --> CREATING --> STARTING --> RUNNING --> ENDED      on_exit
 *       |             |            |           |
 *       +-------------+--- fail ---+           |
 *                     |                        |
 *                  REMOVING <--- box_free -----+
 *                     |
 *                   ENDED                                          on_failed, or freed
 *
 * Readiness is asked of the socket itself: icguest listens as the last thing it does, and a
 * connection that says nothing disturbs it not. The agent starts only with the first real
 * host, so nothing hostile runs before on_started.
 */
#include "docker/box_priv.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/chan.h"

/* An engine under load takes seconds to start a container; then it is broken. */
#define START_LIMIT_MS 60000
#define TRY_FIRST_MS 10
#define TRY_MAX_MS 250

/* One attempt after the other to connect to pty.sock. */
struct wait {
    struct box *box;     /* borrows */
    struct chan *chan;   /* owns; the attempt under way, or NULL */
    struct timer *retry; /* owns */
    uint64_t next_ms;
    uint64_t until;
};

static void wait_free(struct wait *wait);
static void start_prepared(void *ctx);
static void prepare_work(void *ctx);

/* --- life ---------------------------------------------------------------------------- */

static void spec_copy(struct box_spec *to, const struct box_spec *from)
{
    *to = *from;
    to->runtime = xstrdup(from->runtime);
    to->id12 = xstrdup(from->id12);
    to->session = xstrdup(from->session);
    to->workspace = xstrdup(from->workspace);
    to->sockets = xstrdup(from->sockets);
    to->orientation = xstrdup(from->orientation);
    to->home = xstrdup(from->home);
    to->base_image = xstrdup(from->base_image);
    to->guest = NULL;
    const char *const *argv = from->argv;
    if (!argv && from->agent)
        argv = (const char *const *)from->agent->argv;
    to->argv = (const char *const *)strings_copy(argv);
    to->env = (const char *const *)strings_copy(from->env);
    to->memory_mb = from->memory_mb ? from->memory_mb : BOX_DEFAULT_MEMORY_MB;
    to->pids = from->pids ? from->pids : BOX_DEFAULT_PIDS;
    to->cpus = from->cpus > 0 ? from->cpus : BOX_DEFAULT_CPUS;
}

static void spec_release(struct box_spec *spec)
{
    free((char *)spec->runtime);
    free((char *)spec->id12);
    free((char *)spec->session);
    free((char *)spec->workspace);
    free((char *)spec->sockets);
    free((char *)spec->orientation);
    free((char *)spec->home);
    free((char *)spec->base_image);
    strings_free((char **)spec->argv);
    strings_free((char **)spec->env);
}

/* The agent's uid on the host: ours, or, if we are root, that of the workspace's owner. */
static int choose_user(struct box *box, struct err *err)
{
    struct stat st;
    box->uid = geteuid();
    box->gid = getegid();
    if (stat(box->spec.workspace, &st) < 0)
        return err_set(
                err, ERR_NOENT, "workspace '%s': %s", box->spec.workspace, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(err, ERR_USAGE, "workspace '%s' is not a folder", box->spec.workspace);
    if (box->uid != 0 || st.st_uid == 0)
        return 0;
    if (strcmp(box->spec.runtime, "bwrap") == 0)
        return err_set(err, ERR_USAGE,
                "workspace '%s' belongs to uid %u: run ironcurtain as that user, or with "
                "--runtime docker (bubblewrap started by root can only be root on the host)",
                box->spec.workspace, (unsigned)st.st_uid);
    box->uid = st.st_uid;
    box->gid = st.st_gid;
    return 0;
}

void box_inner_user(const struct box *box, uid_t *ret_uid, gid_t *ret_gid)
{
    bool mapped = box->uid == 0 && strcmp(box->spec.runtime, "bwrap") == 0;
    *ret_uid = mapped ? 1000 : box->uid;
    *ret_gid = mapped ? 1000 : box->gid;
}

static int check_spec(struct box *box, const struct box_spec *spec, struct err *err)
{
    bool known = strcmp(spec->runtime, "docker") == 0 || strcmp(spec->runtime, "bwrap") == 0;
    if (!known)
        return err_set(err, ERR_USAGE, "unknown runtime '%s': docker or bwrap", spec->runtime);
    if (!box->spec.argv || !box->spec.argv[0])
        return err_set(err, ERR_USAGE, "no command for the box");
    const char *const folders[] = {
            spec->workspace, spec->sockets, spec->orientation, spec->home};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (folders[i][0] != '/')
            return err_set(err, ERR_USAGE, "'%s' is not an absolute path", folders[i]);
    }
    if (strlen(box->pty_path) > LIMIT_SUN_PATH)
        return err_set(err, ERR_LIMIT,
                "socket path '%s' is too long: %zu bytes, at most %d fit; set IRONCURTAIN_HOME "
                "to a shorter folder",
                box->pty_path, strlen(box->pty_path), LIMIT_SUN_PATH);
    return choose_user(box, err);
}

struct box *box_start(struct loop *loop, const struct box_spec *spec, const struct box_ops *ops,
        void *ctx, struct err *err)
{
    struct proc_id self;
    struct box *box = xcalloc(1, sizeof(*box));
    box->loop = loop;
    box->ops = *ops;
    box->ctx = ctx;
    spec_copy(&box->spec, spec);
    box->pty_path = path_join3(spec->sockets, "guest", "pty.sock");
    snprintf(box->name, sizeof(box->name), "ironcurtain-%.12s", spec->id12);
    box->guest = spec->guest ? xstrdup(spec->guest) : box_guest_path(err);
    if (!box->guest || check_spec(box, spec, err) < 0) {
        box_release(box);
        return NULL;
    }
    CHECK(proc_identify(getpid(), &self));
    proc_format(&self, box->owner);
    box->working = true;
    loop_work(loop, prepare_work, start_prepared, box);
    return box;
}

static void prepare_work(void *ctx)
{
    struct box *box = ctx;
    box->work_rc = box_files_prepare(box, &box->why);
}

static void start_prepared(void *ctx)
{
    struct box *box = ctx;
    box->working = false;
    if (box->detached) {
        if (box->on_quiet)
            box->on_quiet(box->quiet_ctx);
        box_release(box);
    } else if (box->work_rc < 0) {
        box_fail(box, &box->why);
    } else if (strcmp(box->spec.runtime, "docker") == 0) {
        docker_begin(box);
    } else {
        bwrap_begin(box);
    }
}

const char *box_name(const struct box *box)
{
    return box->name;
}

void box_release(struct box *box)
{
    wait_free(box->wait);
    cmd_cancel(box->cmd);
    image_cancel(box->image);
    program_cancel(box->program);
    spec_release(&box->spec);
    free(box->guest);
    free(box->pty_path);
    free(box->devices);
    free(box);
}

void box_free(struct box *box)
{
    if (!box)
        return;
    box->detached = true;
    wait_free(box->wait);
    box->wait = NULL;
    if (box->working)
        return; /* start_prepared() frees */
    bool is_docker = strcmp(box->spec.runtime, "docker") == 0;
    switch (box->state) {
    case BOX_PREPARING:
        box_release(box);
        return;
    case BOX_ENDED:
        /* The client may have lost its engine, and the container lives on. */
        if (is_docker && box->was_started && !box->failed)
            docker_remove(box);
        else
            box_release(box);
        return;
    case BOX_CREATING:
    case BOX_REMOVING:
        cmd_background(box->cmd); /* its end leads on to removing and freeing */
        return;
    case BOX_STARTING:
    case BOX_RUNNING:
        if (is_docker)
            docker_remove(box);
        else
            box_release(box);
        return;
    }
}

void box_free_then(struct box *box, void (*done)(void *ctx), void *ctx)
{
    if (box && box->working) {
        box->on_quiet = done;
        box->quiet_ctx = ctx;
        box_free(box);
        return;
    }
    box_free(box);
    done(ctx);
}

/* --- reports ------------------------------------------------------------------------- */

void box_progress(void *ctx, const char *line)
{
    struct box *box = ctx;
    if (box->ops.on_progress)
        box->ops.on_progress(box->ctx, line);
}

void box_fail(struct box *box, const struct err *err)
{
    enum box_state state = box->state;
    if (err != &box->why)
        box->why = *err;
    box->failed = true;
    wait_free(box->wait);
    box->wait = NULL;
    if (strcmp(box->spec.runtime, "docker") == 0 &&
            (state == BOX_CREATING || state == BOX_STARTING)) {
        docker_remove(box);
        return;
    }
    cmd_cancel(box->cmd);
    box->cmd = NULL;
    box_finish(box);
}

void box_finish(struct box *box)
{
    box->state = BOX_ENDED;
    if (box->detached) {
        box_release(box);
        return;
    }
    CHECK(box->failed);
    struct err why = box->why;
    box->ops.on_failed(box->ctx, &why);
}

/* --- the main command ---------------------------------------------------------------- */

static void on_main_ended(void *ctx, const struct cmd_result *result)
{
    struct box *box = ctx;
    struct err err;
    box->cmd = NULL;
    if (box->state == BOX_RUNNING) {
        box->state = BOX_ENDED;
        box->ops.on_exit(box->ctx, result->status);
        return;
    }
    if (cmd_check(result, box->spec.runtime, &err) == 0)
        err_set(&err, ERR_EOF, "the box ended before it was ready");
    box_fail(box, &err);
}

static void wait_again(void *ctx);

int box_run(struct box *box, struct cmd_spec *spec, struct err *err)
{
    spec->done = on_main_ended;
    spec->ctx = box;
    box->cmd = cmd_start(box->loop, spec, err);
    if (!box->cmd)
        return err->code;
    box->state = BOX_STARTING;
    box->wait = xcalloc(1, sizeof(*box->wait));
    box->wait->box = box;
    box->wait->next_ms = TRY_FIRST_MS;
    box->wait->until = loop_now_ms(box->loop) + START_LIMIT_MS;
    box->wait->retry = timer_new(box->loop, wait_again, box->wait);
    timer_start(box->wait->retry, TRY_FIRST_MS);
    return 0;
}

static void wait_free(struct wait *wait)
{
    if (!wait)
        return;
    if (wait->chan)
        chan_abort(wait->chan);
    timer_free(wait->retry);
    free(wait);
}

static void wait_later(struct wait *wait)
{
    struct box *box = wait->box;
    struct err err;
    if (loop_now_ms(box->loop) >= wait->until) {
        err_set(&err, ERR_TIMEOUT, "the box '%s' was not ready within %d s", box->name,
                START_LIMIT_MS / 1000);
        box_fail(box, &err);
        return;
    }
    timer_start(wait->retry, wait->next_ms);
    wait->next_ms = wait->next_ms * 2 < TRY_MAX_MS ? wait->next_ms * 2 : TRY_MAX_MS;
}

static void on_open(void *ctx)
{
    struct wait *wait = ctx;
    struct box *box = wait->box;
    box->wait = NULL;
    wait_free(wait);
    box->state = BOX_RUNNING;
    box->ops.on_started(box->ctx);
}

static void on_nothing(void *ctx)
{
    (void)ctx;
}

static void on_gone(struct wait *wait)
{
    chan_abort(wait->chan);
    wait->chan = NULL;
    wait_later(wait);
}

static void on_end(void *ctx)
{
    on_gone(ctx);
}

static void on_fail(void *ctx, const struct err *err)
{
    (void)err;
    on_gone(ctx);
}

static const struct chan_ops probe_ops = {
        .on_open = on_open, .on_data = on_nothing, .on_end = on_end, .on_fail = on_fail};

static void wait_again(void *ctx)
{
    struct wait *wait = ctx;
    struct box *box = wait->box;
    struct stat st;
    if (lstat(box->pty_path, &st) < 0 || !S_ISSOCK(st.st_mode)) {
        wait_later(wait);
        return;
    }
    wait->chan = chan_connect_unix(box->loop, box->pty_path, &probe_ops, wait, NULL);
    if (!wait->chan)
        wait_later(wait);
}

/* --- for the command lines ------------------------------------------------------------ */

struct box_host box_host_of(const struct box *box, const char *program)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return (struct box_host){
            .uid = box->uid,
            .gid = box->gid,
            .guest = box->guest,
            .program = program,
            .home = path_home(),
            .devices = box->devices,
            .owner = box->owner,
            .cpus = cpus > 0 ? (unsigned)cpus : 1,
    };
}

void box_guest_args(const struct box_spec *spec, struct argv *out)
{
    argv_adds(out, "--pty", BOX_SOCKETS "/guest/pty.sock", "--proxy", NULL);
    argv_addf(out, "%d:" BOX_SOCKETS "/proxy.sock", BOX_PROXY_PORT);
    argv_adds(out, "--mcp", BOX_SOCKETS "/mcp.sock", "--size", NULL);
    argv_addf(out, "%dx%d", spec->cols > 0 ? spec->cols : 80, spec->rows > 0 ? spec->rows : 24);
    argv_adds(out, "--cwd", BOX_WORKSPACE, "--filter", BOX_ORIENTATION "/" BOX_FILTER, NULL);
    if (strcmp(spec->runtime, "docker") != 0)
        argv_add(out, "--hand-over"); /* the box ends with us, its terminal may, too */
    argv_add(out, "--");
    argv_add_list(out, spec->argv);
}
