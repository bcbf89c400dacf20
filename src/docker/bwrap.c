/*
 * bwrap.c - the box made by bubblewrap: the host's /usr read-only, everything else empty.
 *
 * All namespaces are new, the user's too, and no further one can be made inside; no
 * capability is left. The box dies with us (--die-with-parent): it has no owner that could
 * find it again. --new-session keeps the terminal we were started from out of its reach.
 * The first process inside is icguest itself (--as-pid-1): one of bwrap's own would have no
 * system call filter, and the agent could trace it and call the kernel in its name.
 *
 * Started by root, the box is uid 0 for the host's files, though without a capability. So it
 * may not write what that uid owns: kernel settings in /proc (core_pattern runs programs on
 * the host), and the modes of the device files, so it gets device files of its own.
 *
 * Limits: there is no control group to be had without an engine, so they are per process
 * (prlimit inside the new user namespace, where the count of processes is the box's own).
 * RLIMIT_AS is of no use, because JavaScript engines reserve far more addresses than they
 * use; RLIMIT_DATA counts what can really be filled. The kernel does not count processes of
 * the host's root, so a box started by root has no limit on their number.
 */
#include "docker/box_priv.h"

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

/* In /etc; the rest of the host's /etc stays out. */
static const char *const etc_files[] = {"/etc/alternatives", "/etc/ld.so.cache",
        "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types",
        "/etc/ssl/certs", "/etc/terminfo", NULL};

/* bwrap is PID 1 of the box, and its own environment can be read there. */
static const char *const bwrap_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

static const char *const root_links[] = {
        "bin", "lib", "lib32", "lib64", "libx32", "sbin", NULL};

/* A file system in memory is memory that no limit of a process counts. */
static void add_tmpfs(struct argv *out, const char *path, unsigned size_mb)
{
    argv_add(out, "--size");
    argv_addf(out, "%llu", (unsigned long long)size_mb << 20);
    argv_adds(out, "--tmpfs", path, NULL);
}

static void add_proc_and_dev(struct argv *out)
{
    argv_adds(out, "--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", NULL);
    add_tmpfs(out, "/dev/shm", BOX_SHM_MB);
    argv_adds(out, "--remount-ro", "/dev", NULL);
}

void bwrap_base_argv(struct argv *out)
{
    argv_adds(out, "bwrap", "--unshare-all", "--unshare-user", "--disable-userns",
            "--die-with-parent", "--new-session", "--as-pid-1", "--cap-drop", "ALL",
            "--clearenv", "--hostname", "box", "--ro-bind", "/usr", "/usr", NULL);
    for (const char *const *name = root_links; *name; name++) {
        char path[16], target[64];
        snprintf(path, sizeof(path), "/%s", *name);
        ssize_t n = readlink(path, target, sizeof(target) - 1);
        if (n > 0) {
            target[n] = '\0';
            argv_adds(out, "--symlink", target, path, NULL);
        } else if (file_exists(path)) {
            argv_adds(out, "--ro-bind", path, path, NULL);
        }
    }
    add_proc_and_dev(out);
}

static void add_devices(const struct box_host *host, struct argv *out)
{
    for (const char *const *name = box_devices; host->devices && *name; name++) {
        argv_add(out, "--dev-bind");
        argv_addf(out, "%s/%s", host->devices, *name);
        argv_addf(out, "/dev/%s", *name);
    }
}

static void add_etc(const struct box_spec *spec, struct argv *out)
{
    for (const char *const *file = etc_files; *file; file++)
        argv_adds(out, "--ro-bind-try", *file, *file, NULL);
    argv_adds(out, "--ro-bind", spec->orientation, BOX_ORIENTATION, NULL);
    /* Made by box_files.c; there is no DNS to ask, so no resolv.conf and no nsswitch. */
    argv_add(out, "--ro-bind");
    argv_addf(out, "%s/passwd", spec->orientation);
    argv_adds(out, "/etc/passwd", "--ro-bind", NULL);
    argv_addf(out, "%s/group", spec->orientation);
    argv_add(out, "/etc/group");
}

static void add_at_programs(struct argv *out, const char *source, const char *name)
{
    argv_adds(out, "--ro-bind", source, NULL);
    argv_addf(out, BOX_PROGRAMS "/%s", name);
}

/* A script needs its runner: that of the host, if it is not below /usr, which the box has. */
static void add_script(
        const struct agent *agent, const char *package, const char *script, struct argv *out)
{
    char *runner = program_in_path(agent->runner);
    add_at_programs(out, package, strrchr(package, '/') + 1);
    argv_adds(out, "--symlink", script, NULL);
    argv_addf(out, BOX_PROGRAMS "/%s", agent->host_binary);
    if (runner && !str_starts(str_of(runner), STR("/usr/")))
        add_at_programs(out, runner, agent->runner);
    free(runner);
}

static void add_program(const struct agent *agent, const char *program, struct argv *out)
{
    struct argv parts = ARGV_INIT;
    char *inner = program_inner_path(agent, program);
    program_parts(agent, program, &parts);
    if (agent->runner)
        add_script(agent, parts.v[0], inner, out);
    else
        add_at_programs(out, program, agent->host_binary ? agent->host_binary : inner);
    for (size_t i = 1; i < parts.n; i++)
        add_at_programs(out, parts.v[i], strrchr(parts.v[i], '/') + 1);
    argv_release(&parts);
    free(inner);
}

static void add_folders(
        const struct box_spec *spec, const struct box_host *host, struct argv *out)
{
    add_tmpfs(out, "/tmp", BOX_TMP_MB);
    add_tmpfs(out, "/var/tmp", BOX_VAR_TMP_MB);
    argv_adds(out, "--tmpfs", "/run", NULL);
    argv_adds(out, "--ro-bind", spec->sockets, BOX_SOCKETS, "--bind", NULL);
    argv_addf(out, "%s/guest", spec->sockets);
    argv_adds(out, BOX_SOCKETS "/guest", NULL);
    argv_adds(out, "--bind", spec->workspace, BOX_WORKSPACE, NULL);
    argv_adds(out, "--bind", spec->home, BOX_HOME, NULL);
    argv_adds(out, "--ro-bind", host->guest, BOX_GUEST, NULL);
    if (host->program)
        add_program(spec->agent, host->program, out);
    argv_adds(out, "--remount-ro", "/run", "--remount-ro", "/", NULL);
}

static void add_environment(const struct box_spec *spec, struct argv *out)
{
    for (const char *const *item = spec->env; item && *item; item++) {
        const char *equals = strchr(*item, '=');
        if (!equals)
            continue;
        argv_add(out, "--setenv");
        argv_addf(out, "%.*s", (int)(equals - *item), *item);
        argv_add(out, equals + 1);
    }
}

void bwrap_argv(const struct box_spec *spec, const struct box_host *host, struct argv *out)
{
    bwrap_base_argv(out);
    argv_add(out, "--uid");
    argv_addf(out, "%u", host->uid ? (unsigned)host->uid : 1000u);
    argv_add(out, "--gid");
    argv_addf(out, "%u", host->uid ? (unsigned)host->gid : 1000u);
    add_devices(host, out);
    add_etc(spec, out);
    add_folders(spec, host, out);
    add_environment(spec, out);
    argv_adds(out, "--chdir", BOX_WORKSPACE, "--", NULL);
    argv_adds(out, "/usr/bin/prlimit", "--core=0", NULL);
    argv_addf(out, "--nproc=%u", spec->pids);
    argv_addf(out, "--data=%llu", (unsigned long long)spec->memory_mb << 20);
    argv_adds(out, "--", BOX_GUEST, NULL);
    box_guest_args(spec, out);
}

static void on_program(void *ctx, const char *path, const char *id, const struct err *err)
{
    struct box *box = ctx;
    struct argv argv = ARGV_INIT;
    (void)id;
    box->program = NULL;
    if (err) {
        box_fail(box, err);
        return;
    }
    struct box_host host = box_host_of(box, path);
    struct err why;
    bwrap_argv(&box->spec, &host, &argv);
    struct cmd_spec spec = {.argv = argv_list(&argv), .env = bwrap_env};
    int rc = box_run(box, &spec, &why);
    argv_release(&argv);
    if (rc < 0)
        box_fail(box, &why);
    else
        snprintf(box->name, sizeof(box->name), "bwrap:%d", (int)cmd_pid(box->cmd));
}

void bwrap_begin(struct box *box)
{
    box->program = program_find(
            box->loop, box->spec.agent, PROGRAM_HOST_FIRST, box_progress, on_program, box);
}
