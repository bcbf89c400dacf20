/*
 * docker.c - the box made by a container engine, through its command line.
 *
 *   docker info --> image --> docker create --rm --> docker start --attach (until it ends)
 *                                                              |
 *                                    docker stop, docker rm <--+-- box_free or a failure
 *
 * Create and start are apart so that there is always one known moment from which on there is
 * something to remove. The attached start is the box's main command: its exit status is the
 * agent's, its output tells why a start failed, and no further `docker wait` is needed. If we
 * die, the client dies or lingers and the container stays; box_collect() finds it by label.
 *
 * No capability, no new privileges, read-only root file system, no network, the engine's own
 * seccomp profile, no log file. Mounts go through --mount with CSV quoting, so that a path
 * may hold ':' and ','.
 */
#include "docker/box_priv.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"

#define QUERY_IDLE_MS 60000

/* Before a container is killed, its agent may write down what it has to. */
#define STOP_SECONDS "3"

/* One field of a CSV line (RFC 4180), as docker reads the argument of --mount. */
static void csv_field(struct buf *out, const char *name, const char *value)
{
    bool quote = strpbrk(value, ",\"\n\r") != NULL;
    if (quote)
        buf_putc(out, '"');
    buf_printf(out, "%s=", name);
    for (const char *p = value; *p; p++) {
        if (*p == '"')
            buf_putc(out, '"');
        buf_putc(out, *p);
    }
    if (quote)
        buf_putc(out, '"');
}

static void add_mount(struct argv *out, const char *source, const char *target, bool writable)
{
    struct buf text = BUF_INIT;
    buf_puts(&text, "--mount=type=bind,");
    csv_field(&text, "source", source);
    buf_putc(&text, ',');
    csv_field(&text, "target", target);
    if (!writable)
        buf_puts(&text, ",readonly");
    argv_addf(out, "%.*s", STR_ARG(buf_str(&text)));
    buf_release(&text);
}

static void add_mount_in(
        struct argv *out, const char *dir, const char *name, const char *target, bool writable)
{
    char *source = xasprintf("%s/%s", dir, name);
    add_mount(out, source, target, writable);
    free(source);
}

static void add_limits(
        const struct box_spec *spec, const struct box_host *host, struct argv *out)
{
    /* The engine refuses more processors than there are. */
    double cpus = spec->cpus < host->cpus ? spec->cpus : host->cpus;
    argv_addf(out, "--cpus=%.2f", cpus);
    argv_addf(out, "--memory=%um", spec->memory_mb);
    argv_addf(out, "--memory-swap=%um", spec->memory_mb);
    argv_addf(out, "--pids-limit=%u", spec->pids);
    argv_adds(out, "--ulimit=core=0:0", NULL);
}

static void add_labels(
        const struct box_spec *spec, const struct box_host *host, struct argv *out)
{
    argv_add(out, "--label=ironcurtain.managed=true");
    argv_addf(out, "--label=ironcurtain.session=%s", spec->session);
    argv_addf(out, "--label=ironcurtain.home=%s", host->home);
    argv_addf(out, "--label=ironcurtain.owner=%s", host->owner);
}

void docker_create_argv(const struct box_spec *spec, const struct box_host *host,
        const char *image, struct argv *out)
{
    argv_adds(out, "docker", "create", "--rm", "--pull=never", NULL);
    argv_addf(out, "--name=ironcurtain-%.12s", spec->id12);
    argv_adds(out, "--hostname=box", "--network=none", "--cap-drop=ALL",
            "--security-opt=no-new-privileges", "--read-only", "--ipc=private",
            "--log-driver=none", NULL);
    argv_addf(out, "--tmpfs=/tmp:rw,exec,nosuid,nodev,mode=1777,size=%um", BOX_TMP_MB);
    argv_addf(out, "--tmpfs=/var/tmp:rw,exec,nosuid,nodev,mode=1777,size=%um", BOX_VAR_TMP_MB);
    argv_addf(out, "--shm-size=%um", BOX_SHM_MB);
    argv_addf(out, "--user=%u:%u", (unsigned)host->uid, (unsigned)host->gid);
    add_limits(spec, host, out);
    add_labels(spec, host, out);
    add_mount(out, spec->workspace, BOX_WORKSPACE, true);
    add_mount(out, spec->home, BOX_HOME, true);
    add_mount(out, spec->orientation, BOX_ORIENTATION, false);
    add_mount(out, spec->sockets, BOX_SOCKETS, false);
    add_mount_in(out, spec->sockets, "guest", BOX_SOCKETS "/guest", true);
    add_mount_in(out, spec->orientation, "passwd", "/etc/passwd", false);
    add_mount_in(out, spec->orientation, "group", "/etc/group", false);
    add_mount(out, host->guest, BOX_GUEST, false);
    for (const char *const *item = spec->env; item && *item; item++)
        argv_addf(out, "--env=%s", *item);
    argv_adds(out, "--workdir=" BOX_WORKSPACE, "--entrypoint=" BOX_GUEST, "--", image, NULL);
    box_guest_args(spec, out);
}

/* --- starting ------------------------------------------------------------------------ */

static void on_created(void *ctx, const struct cmd_result *result)
{
    struct box *box = ctx;
    struct argv argv = ARGV_INIT;
    struct err err;
    box->cmd = NULL;
    if (box->detached) {
        docker_remove(box);
        return;
    }
    if (cmd_check(result, "docker create", &err) < 0) {
        box_fail(box, &err);
        return;
    }
    argv_adds(&argv, "docker", "start", "--attach", "--", box->name, NULL);
    struct cmd_spec spec = {.argv = argv_list(&argv)};
    int rc = box_run(box, &spec, &err);
    argv_release(&argv);
    if (rc < 0)
        box_fail(box, &err);
    else
        box->was_started = true;
}

static void on_image(void *ctx, const char *image, const struct err *err)
{
    struct box *box = ctx;
    struct argv argv = ARGV_INIT;
    struct err why;
    box->image = NULL;
    if (err) {
        box_fail(box, err);
        return;
    }
    struct box_host host = box_host_of(box, NULL);
    docker_create_argv(&box->spec, &host, image, &argv);
    const struct cmd_spec spec = {
            .argv = argv_list(&argv), .idle_ms = QUERY_IDLE_MS, .done = on_created, .ctx = box};
    box->cmd = cmd_start(box->loop, &spec, &why);
    argv_release(&argv);
    if (box->cmd)
        box->state = BOX_CREATING;
    else
        box_fail(box, &why);
}

/* A rootless engine maps its root to the user who runs it, and every other uid to one that
 * may not touch that user's files: there the host's uid is 0 inside. */
static void on_info(void *ctx, const struct cmd_result *result)
{
    struct box *box = ctx;
    struct err err;
    box->cmd = NULL;
    if (cmd_check(result, "docker info", &err) < 0) {
        box_fail(box, &err);
        return;
    }
    char *text = xstrndup(result->out.p, result->out.n);
    if (strstr(text, "name=rootless"))
        box->uid = box->gid = 0;
    free(text);
    box->image = image_ensure(
            box->loop, box->spec.agent, box->spec.base_image, box_progress, on_image, box);
}

void docker_begin(struct box *box)
{
    static const char *const argv[] = {
            "docker", "info", "--format", "{{json .SecurityOptions}}", NULL};
    struct err err;
    const struct cmd_spec spec = {
            .argv = argv, .idle_ms = QUERY_IDLE_MS, .done = on_info, .ctx = box};
    box->cmd = cmd_start(box->loop, &spec, &err);
    if (!box->cmd)
        box_fail(box, &err);
}

/* --- removing ------------------------------------------------------------------------ */

/* Start a step of the removal; timeout(1) bounds it also when nobody looks any more. */
static bool removal_step(struct box *box, struct argv *argv,
        void (*done)(void *ctx, const struct cmd_result *result))
{
    struct err err;
    const struct cmd_spec spec = {.argv = argv_list(argv), .done = done, .ctx = box};
    box->cmd = cmd_start(box->loop, &spec, &err);
    argv_release(argv);
    if (!box->cmd) {
        log_warn("docker", "box=%s cannot remove it now: %s", box->name, err.msg);
        return false;
    }
    if (box->detached)
        cmd_background(box->cmd);
    return true;
}

static void on_removed(void *ctx, const struct cmd_result *result)
{
    struct box *box = ctx;
    char line[200];
    box->cmd = NULL;
    str_vis(line, sizeof(line), result->errline);
    /* Normal: with --rm the engine may have been faster than we were. */
    if (result->status != 0)
        log_debug("docker", "box=%s docker rm: %s", box->name, line);
    box_finish(box);
}

static void remove_now(struct box *box)
{
    struct argv argv = ARGV_INIT;
    argv_adds(&argv, "timeout", "--kill-after=5", "30", "docker", "rm", "--force", "--volumes",
            "--", box->name, NULL);
    if (!removal_step(box, &argv, on_removed))
        box_finish(box);
}

static void on_stopped(void *ctx, const struct cmd_result *result)
{
    struct box *box = ctx;
    (void)result;
    box->cmd = NULL;
    remove_now(box);
}

void docker_remove(struct box *box)
{
    struct argv argv = ARGV_INIT;
    bool ended = box->state == BOX_ENDED;
    /* Stops watching only: the container is not this client's child. */
    cmd_cancel(box->cmd);
    box->cmd = NULL;
    box->state = BOX_REMOVING;
    if (!box->was_started || box->failed || ended) {
        remove_now(box);
        return;
    }
    argv_adds(&argv, "timeout", "--kill-after=5", "30", "docker", "stop", "--time",
            STOP_SECONDS, "--", box->name, NULL);
    if (!removal_step(box, &argv, on_stopped))
        remove_now(box);
}
