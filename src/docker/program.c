/*
 * program.c - finding, and if need be fetching, the program of an agent.
 *
 * npm is run on the host, never in the box: `npm pack` only downloads and verifies, it runs
 * no script of the package. One file is taken out of the archive. Everything happens in a
 * temporary folder and is renamed into place, so an interrupted fetch leaves nothing that
 * looks complete.
 */
#include "docker/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "docker/argv.h"
#include "docker/cmd.h"

/* 80 MB on a slow line, during which npm prints nothing. */
#define FETCH_IDLE_MS 600000
#define UNPACK_IDLE_MS 120000

struct program_job {
    struct loop *loop;
    const struct agent *agent; /* borrows */
    enum program_order order;
    void (*on_progress)(void *ctx, const char *line);
    void (*done)(void *ctx, const char *path, const char *id, const struct err *err);
    void *ctx;

    char *host;         /* owns; usable program in PATH, or NULL */
    char *cached;       /* owns; where the pinned version is or will be, or NULL */
    char *temp;         /* owns; folder of a fetch, or NULL */
    struct cmd *cmd;    /* owns; npm or tar, or NULL */
    struct timer *soon; /* owns; what is known at once is told from the loop */
};

static void start(void *ctx);

static const char *arch_name(void)
{
    static struct utsname name;
    if (uname(&name) < 0)
        return "unknown";
    if (strcmp(name.machine, "x86_64") == 0)
        return "x64";
    if (strcmp(name.machine, "aarch64") == 0)
        return "arm64";
    return name.machine;
}

static bool is_executable_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *program_in_path(const char *name)
{
    struct str path = str_of(getenv("PATH"));
    struct str dir;
    char *found = NULL;
    for (bool more = path.n > 0; more && !found;) {
        more = str_cut(&path, ':', &dir);
        char *candidate = xasprintf("%.*s/%s", STR_ARG(dir), name);
        if (dir.n && dir.p[0] == '/' && is_executable_file(candidate))
            found = realpath(candidate, NULL);
        free(candidate);
    }
    return found;
}

/* A script would need its interpreter and modules in the box. */
static bool is_native(const char *path)
{
    char magic[4] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool native = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
                  memcmp(magic, "\177ELF", 4) == 0;
    close(fd);
    return native;
}

static bool can_fetch(const struct agent *agent)
{
    char *npm = agent->npm ? program_in_path("npm") : NULL;
    bool yes = npm != NULL;
    free(npm);
    return yes;
}

/* "package@version" with {arch} filled in. */
static char *npm_spec(const struct agent *agent)
{
    struct str rest = str_of(agent->npm);
    const char *mark = strstr(agent->npm, "{arch}");
    if (!mark)
        return xasprintf("%s@%s", agent->npm, agent->version);
    rest.n = (size_t)(mark - agent->npm);
    return xasprintf(
            "%.*s%s%s@%s", STR_ARG(rest), arch_name(), mark + strlen("{arch}"), agent->version);
}

static char *cache_path(const struct agent *agent)
{
    if (!agent->npm)
        return NULL;
    const char *slash = strrchr(agent->npm_file, '/');
    return xasprintf("%s/cache/agents/%s-%s-%s/%s", path_home(), agent->name, agent->version,
            arch_name(), slash ? slash + 1 : agent->npm_file);
}

char *program_pinned_id(const struct agent *agent)
{
    char *cached = cache_path(agent);
    char *id = NULL;
    if (cached && (file_exists(cached) || can_fetch(agent))) {
        char *spec = npm_spec(agent);
        id = xasprintf("npm:%s", spec);
        free(spec);
    }
    free(cached);
    return id;
}

static void job_free(struct program_job *job)
{
    if (job->temp)
        (void)file_remove_tree(job->temp, NULL);
    cmd_cancel(job->cmd);
    timer_free(job->soon);
    free(job->host);
    free(job->cached);
    free(job->temp);
    free(job);
}

struct program_job *program_find(struct loop *loop, const struct agent *agent,
        enum program_order order, void (*on_progress)(void *ctx, const char *line),
        void (*done)(void *ctx, const char *path, const char *id, const struct err *err),
        void *ctx)
{
    struct program_job *job = xcalloc(1, sizeof(*job));
    job->loop = loop;
    job->agent = agent;
    job->order = order;
    job->on_progress = on_progress;
    job->done = done;
    job->ctx = ctx;
    job->soon = timer_new(loop, start, job);
    timer_start(job->soon, 0);
    return job;
}

void program_cancel(struct program_job *job)
{
    if (job)
        job_free(job);
}

/* --- endings ------------------------------------------------------------------------- */

static void finish(
        struct program_job *job, const char *path, const char *id, const struct err *err)
{
    job->done(job->ctx, path, id, err);
    job_free(job);
}

static void finish_host(struct program_job *job)
{
    struct stat st = {0};
    (void)stat(job->host, &st);
    char *id = xasprintf(
            "host:%s:%lld:%lld", job->host, (long long)st.st_size, (long long)st.st_mtime);
    finish(job, job->host, id, NULL);
    free(id);
}

static void finish_cached(struct program_job *job)
{
    char *id = program_pinned_id(job->agent);
    finish(job, job->cached, id, NULL);
    free(id);
}

static void fetch_failed(struct program_job *job, struct err *err)
{
    if (job->host) {
        log_warn("docker", "agent=%s using %s: %s", job->agent->name, job->host, err->msg);
        finish_host(job);
        return;
    }
    err_wrap(err, "cannot fetch the program of '%s'", job->agent->name);
    finish(job, NULL, NULL, err);
}

/* --- fetching ------------------------------------------------------------------------ */

static int put_in_place(struct program_job *job, struct err *err)
{
    char *file = path_join(job->temp, job->agent->npm_file);
    char *dir = xstrndup(job->cached, (size_t)(strrchr(job->cached, '/') - job->cached));
    struct stat st;
    int rc = file_mkdir(dir, err);
    if (rc == 0 && (lstat(file, &st) < 0 || !S_ISREG(st.st_mode) || !is_native(file)))
        rc = err_set(err, ERR_PROTO, "'%s' of the package is not a native program",
                job->agent->npm_file);
    if (rc == 0 && (chmod(file, 0755) < 0 || rename(file, job->cached) < 0))
        rc = err_set(err, ERR_IO, "cannot keep '%s': %s", job->cached, strerror(errno));
    free(dir);
    free(file);
    return rc;
}

static void on_unpacked(void *ctx, const struct cmd_result *result)
{
    struct program_job *job = ctx;
    struct err err;
    job->cmd = NULL;
    if (cmd_check(result, "tar", &err) < 0 || put_in_place(job, &err) < 0)
        fetch_failed(job, &err);
    else
        finish_cached(job);
}

/* The name npm printed is its own, but it becomes part of a path here. */
static bool is_archive_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!char_is_alnum(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return name.n < 200 && str_ends(name, STR(".tgz")) && name.p[0] != '.' && name.p[0] != '-';
}

static void on_packed(void *ctx, const struct cmd_result *result)
{
    struct program_job *job = ctx;
    struct argv argv = ARGV_INIT;
    struct err err;
    job->cmd = NULL;
    struct str name = result->out;
    while (name.n && (name.p[name.n - 1] == '\n' || name.p[name.n - 1] == '\r'))
        name.n--;
    if (cmd_check(result, "npm pack", &err) < 0) {
        fetch_failed(job, &err);
        return;
    }
    if (!is_archive_name(name)) {
        err_set(&err, ERR_PROTO, "npm pack: it did not print the name of an archive");
        fetch_failed(job, &err);
        return;
    }
    argv_adds(&argv, "tar", "--extract", "--gzip", "--no-same-owner", NULL);
    argv_addf(&argv, "--file=%s/%.*s", job->temp, STR_ARG(name));
    argv_addf(&argv, "--directory=%s", job->temp);
    argv_adds(&argv, "--", job->agent->npm_file, NULL);
    const struct cmd_spec spec = {.argv = argv_list(&argv),
            .idle_ms = UNPACK_IDLE_MS,
            .done = on_unpacked,
            .ctx = job};
    job->cmd = cmd_start(job->loop, &spec, &err);
    argv_release(&argv);
    if (!job->cmd)
        fetch_failed(job, &err);
}

static int make_temp(struct program_job *job, struct err *err)
{
    char *parent = path_join(path_home(), "cache");
    int rc = file_mkdir(parent, err);
    job->temp = xasprintf("%s/fetch-XXXXXX", parent);
    free(parent);
    if (rc == 0 && !mkdtemp(job->temp))
        rc = err_set(
                err, ERR_IO, "cannot make the folder '%s': %s", job->temp, strerror(errno));
    if (rc < 0) {
        free(job->temp);
        job->temp = NULL;
    }
    return rc;
}

static void fetch(struct program_job *job)
{
    struct argv argv = ARGV_INIT;
    struct err err;
    if (make_temp(job, &err) < 0) {
        fetch_failed(job, &err);
        return;
    }
    char *what = npm_spec(job->agent);
    char *line = xasprintf("fetching %s with npm ...", what);
    argv_adds(&argv, "npm", "pack", "--silent", "--ignore-scripts", "--pack-destination",
            job->temp, "--", what, NULL);
    const struct cmd_spec spec = {.argv = argv_list(&argv),
            .cwd = job->temp,
            .idle_ms = FETCH_IDLE_MS,
            .done = on_packed,
            .ctx = job};
    job->cmd = cmd_start(job->loop, &spec, &err);
    argv_release(&argv);
    free(what);
    if (job->cmd)
        job->on_progress(job->ctx, line); /* may cancel the job */
    else
        fetch_failed(job, &err);
    free(line);
}

/* --- deciding ------------------------------------------------------------------------ */

static void start(void *ctx)
{
    struct program_job *job = ctx;
    const struct agent *agent = job->agent;
    struct err err;
    if (!agent || (!agent->host_binary && !agent->npm)) {
        finish(job, NULL, "none", NULL);
        return;
    }
    job->host = agent->host_binary ? program_in_path(agent->host_binary) : NULL;
    if (job->host && !is_native(job->host)) {
        log_info("docker", "agent=%s ignoring %s: it is a script", agent->name, job->host);
        free(job->host);
        job->host = NULL;
    }
    job->cached = cache_path(agent);
    bool host_first = job->order == PROGRAM_HOST_FIRST;
    bool is_cached = job->cached && is_executable_file(job->cached);
    bool fetchable = !is_cached && can_fetch(agent);
    if (job->host && (host_first || !(is_cached || fetchable)))
        finish_host(job);
    else if (is_cached)
        finish_cached(job);
    else if (fetchable)
        fetch(job);
    else {
        err_set(&err, ERR_NOENT,
                "the program of '%s' is missing: put a native '%s' into PATH%s", agent->name,
                agent->host_binary ? agent->host_binary : agent->argv[0],
                agent->npm ? ", or install npm so that it can be fetched" : "");
        finish(job, NULL, NULL, &err);
    }
}
