/*
 * runtime.c - questions about the runtimes as such: usable here? what did dead sessions leave?
 */
#include "docker/box.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "docker/box_priv.h"

/* These run without an owner who could cancel them, so timeout(1) bounds them from outside. */
#define PROBE_SECONDS "10"
#define COLLECT_SECONDS "60"
#define COLLECT_MAX 256 /* containers removed in one go; the rest goes at the next start */

/* --- probe --------------------------------------------------------------------------- */

struct probe {
    const char *runtime; /* a literal */
    void (*done)(void *ctx, const struct err *err);
    void *ctx;
    struct err err;
};

static void on_probed(void *ctx, const struct cmd_result *result)
{
    struct probe *probe = ctx;
    bool fine = cmd_check(result, probe->runtime, &probe->err) == 0;
    if (result->status == 124)
        err_set(&probe->err, ERR_TIMEOUT, "%s does not answer within " PROBE_SECONDS " s",
                probe->runtime);
    probe->done(probe->ctx, fine ? NULL : &probe->err);
    free(probe);
}

static void probe_failed(void *ctx)
{
    struct probe *probe = ctx;
    probe->done(probe->ctx, &probe->err);
    free(probe);
}

void runtime_probe(struct loop *loop, const char *runtime,
        void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct argv argv = ARGV_INIT;
    struct probe *probe = xcalloc(1, sizeof(*probe));
    probe->done = done;
    probe->ctx = ctx;
    probe->runtime = strcmp(runtime, "bwrap") == 0 ? "bwrap" : "docker";
    char *program = program_in_path(probe->runtime);
    if (!program) {
        err_set(&probe->err, ERR_NOENT, "%s is not installed", probe->runtime);
        loop_post(loop, probe_failed, probe);
        return;
    }
    free(program);
    argv_adds(&argv, "timeout", "--kill-after=1", PROBE_SECONDS, NULL);
    if (strcmp(runtime, "bwrap") == 0) {
        bwrap_base_argv(&argv);
        argv_adds(&argv, "--", "/usr/bin/true", NULL);
    } else {
        argv_adds(&argv, "docker", "version", "--format", "{{.Server.Version}}", NULL);
    }
    const struct cmd_spec spec = {.argv = argv_list(&argv), .done = on_probed, .ctx = probe};
    struct cmd *cmd = cmd_start(loop, &spec, &probe->err);
    argv_release(&argv);
    if (cmd)
        cmd_background(cmd);
    else
        loop_post(loop, probe_failed, probe);
}

/* --- collect ------------------------------------------------------------------------- */

struct collect {
    struct loop *loop;
    bool dry_run;
    unsigned count;
    void (*done)(void *ctx, unsigned count, const struct err *err);
    void *ctx;
};

static void collect_end(struct collect *collect, const struct err *err)
{
    collect->done(collect->ctx, collect->count, err);
    free(collect);
}

static void collect_nothing(void *ctx)
{
    collect_end(ctx, NULL);
}

static void on_collected(void *ctx, const struct cmd_result *result)
{
    struct err err;
    int rc = cmd_check(result, "docker rm", &err);
    collect_end(ctx, rc < 0 ? &err : NULL);
}

static bool is_container_id(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        if (!((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'a' && id.p[i] <= 'f')))
            return false;
    }
    return id.n >= 12 && id.n <= 64;
}

/* A line "ID<tab>owner": is the container's owner dead? Unreadable means no. */
static bool is_left(struct str line, struct str *ret_id)
{
    struct proc_id owner;
    char text[80];
    return str_cut(&line, '\t', ret_id) && is_container_id(*ret_id) &&
           str_copy(text, sizeof(text), line) && proc_parse(text, &owner) &&
           !proc_alive(&owner);
}

static void on_listed(void *ctx, const struct cmd_result *result)
{
    struct collect *collect = ctx;
    struct argv argv = ARGV_INIT;
    struct err err;
    struct str rest = result->out, line, id;
    if (result->status != 0) {
        char text[200];
        log_debug("docker", "collect: %s", str_vis(text, sizeof(text), result->errline));
        collect_end(collect, NULL);
        return;
    }
    argv_adds(&argv, "timeout", "--kill-after=1", COLLECT_SECONDS, "docker", "rm", "--force",
            "--volumes", NULL);
    for (bool more = rest.n > 0; more && collect->count < COLLECT_MAX;) {
        more = str_cut(&rest, '\n', &line);
        if (!is_left(line, &id))
            continue;
        argv_addf(&argv, "%.*s", STR_ARG(id));
        collect->count++;
    }
    if (collect->count == 0 || collect->dry_run) {
        argv_release(&argv);
        collect_end(collect, NULL);
        return;
    }
    const struct cmd_spec spec = {
            .argv = argv_list(&argv), .done = on_collected, .ctx = collect};
    struct cmd *cmd = cmd_start(collect->loop, &spec, &err);
    argv_release(&argv);
    if (cmd)
        cmd_background(cmd);
    else
        collect_end(collect, &err);
}

void box_collect(struct loop *loop, const char *home, bool dry_run,
        void (*done)(void *ctx, unsigned count, const struct err *err), void *ctx)
{
    struct argv argv = ARGV_INIT;
    struct collect *collect = xcalloc(1, sizeof(*collect));
    collect->loop = loop;
    collect->dry_run = dry_run;
    collect->done = done;
    collect->ctx = ctx;
    argv_adds(&argv, "timeout", "--kill-after=1", PROBE_SECONDS, "docker", "ps", "--all",
            "--no-trunc", "--filter", "label=ironcurtain.managed=true", "--filter", NULL);
    argv_addf(&argv, "label=ironcurtain.home=%s", home);
    argv_adds(&argv, "--format", "{{.ID}}\t{{.Label \"ironcurtain.owner\"}}", NULL);
    const struct cmd_spec spec = {.argv = argv_list(&argv), .done = on_listed, .ctx = collect};
    struct cmd *cmd = cmd_start(loop, &spec, NULL);
    argv_release(&argv);
    if (cmd)
        cmd_background(cmd);
    else
        loop_post(loop, collect_nothing, collect);
}

/* --- the helper ---------------------------------------------------------------------- */

char *box_guest_path(struct err *err)
{
    static const char *const places[] = {"icguest", "../libexec/ironcurtain/icguest"};
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n < 0) {
        err_set(err, ERR_IO, "cannot find our own program: %s", strerror(errno));
        return NULL;
    }
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    *slash = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char *path = path_join(self, places[i]);
        char *found = access(path, X_OK) == 0 ? realpath(path, NULL) : NULL;
        free(path);
        if (found)
            return found;
    }
    err_set(err, ERR_NOENT, "the helper 'icguest' is neither in '%s' nor installed", self);
    return NULL;
}
