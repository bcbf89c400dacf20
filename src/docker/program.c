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

static const char *machine_name(void)
{
    return strcmp(arch_name(), "x64") == 0     ? "x86_64"
           : strcmp(arch_name(), "arm64") == 0 ? "aarch64"
                                               : arch_name();
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

/* {arch} and {machine} filled in. */
static char *filled(const char *text)
{
    struct buf out = BUF_INIT;
    while (*text) {
        if (str_starts(str_of(text), STR("{arch}"))) {
            buf_puts(&out, arch_name());
            text += strlen("{arch}");
        } else if (str_starts(str_of(text), STR("{machine}"))) {
            buf_puts(&out, machine_name());
            text += strlen("{machine}");
        } else {
            buf_putc(&out, *text++);
        }
    }
    char *copy = xstrndup(buf_data(&out), buf_len(&out));
    buf_release(&out);
    return copy;
}

/* "package@version" */
static char *npm_spec(const struct agent *agent)
{
    char *text = xasprintf("%s@%s", agent->npm, agent->version);
    char *spec = filled(text);
    free(text);
    return spec;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A script keeps its place in the package. */
static char *cache_path(const struct agent *agent)
{
    if (!agent->npm)
        return NULL;
    char *version = filled(agent->version);
    char *file = filled(agent->npm_file);
    char *path = xasprintf("%s/cache/agents/%s-%s-%s/%s", path_home(), agent->name, version,
            arch_name(), agent->runner ? file : base_of(file));
    free(file);
    free(version);
    return path;
}

static char *folder_of(const char *path)
{
    return xstrndup(path, (size_t)(base_of(path) - path - 1));
}

/* The package's folder for a program at `path`, where npm's archives have one. */
static char *package_of(const struct agent *agent, const char *path)
{
    char *file = filled(agent->npm_file);
    size_t inner = strlen(file) - strcspn(file, "/");
    free(file);
    return xstrndup(path, strlen(path) - inner);
}

void program_parts(const struct agent *agent, const char *path, struct argv *ret)
{
    if (agent->runner) {
        char *package = package_of(agent, path);
        argv_add(ret, package);
        free(package);
        return;
    }
    argv_add(ret, path);
    char *folder = folder_of(path);
    for (char **name = agent->beside; name && *name; name++) {
        char *file = path_join(folder, *name);
        if (is_executable_file(file))
            argv_add(ret, file);
        free(file);
    }
    free(folder);
}

char *program_inner_path(const struct agent *agent, const char *path)
{
    return agent->runner ? filled(agent->npm_file) : xstrdup(base_of(path));
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

/* One file of the package, or the package. */
static int keep(const char *from, const char *to, struct err *err)
{
    if (rename(from, to) == 0 || (errno == ENOTEMPTY && file_exists(to)))
        return 0;
    return err_set(err, ERR_IO, "cannot keep '%s': %s", to, strerror(errno));
}

static int check_program(
        const struct agent *agent, const char *file, bool is_main, struct err *err)
{
    struct stat st;
    bool regular = lstat(file, &st) == 0 && S_ISREG(st.st_mode);
    if (!regular || (!(agent->runner && is_main) && !is_native(file)))
        return err_set(err, ERR_PROTO, "'%s' of the package is not a %s", base_of(file),
                agent->runner ? "file" : "native program");
    if (chmod(file, 0755) < 0)
        return err_set(err, ERR_IO, "cannot set the mode of '%s': %s", file, strerror(errno));
    return 0;
}

/* The program comes last: when it is there, all is. */
static int put_in_place(struct program_job *job, struct err *err)
{
    const struct agent *agent = job->agent;
    char *inner = filled(agent->npm_file);
    char *file = path_join(job->temp, inner);
    char *to = agent->runner ? package_of(agent, job->cached) : xstrdup(job->cached);
    char *from = agent->runner ? package_of(agent, file) : xstrdup(file);
    char *to_dir = folder_of(to), *from_dir = folder_of(file);
    int rc = file_mkdir(to_dir, err);
    for (char **name = agent->beside; rc == 0 && name && *name; name++) {
        char *one = path_join(from_dir, *name);
        char *place = path_join(to_dir, *name);
        rc = check_program(agent, one, false, err);
        if (rc == 0)
            rc = keep(one, place, err);
        free(place);
        free(one);
    }
    if (rc == 0)
        rc = check_program(agent, file, true, err);
    if (rc == 0)
        rc = keep(from, to, err);
    free(from_dir);
    free(to_dir);
    free(from);
    free(to);
    free(file);
    free(inner);
    return rc;
}

/* What is taken out of the archive. */
static void add_members(const struct agent *agent, struct argv *argv)
{
    char *file = filled(agent->npm_file);
    const char *base = base_of(file);
    if (agent->runner) {
        argv_addf(argv, "%.*s", (int)strcspn(file, "/"), file);
    } else {
        argv_add(argv, file);
        for (char **name = agent->beside; name && *name; name++)
            argv_addf(argv, "%.*s%s", (int)(base - file), file, *name);
    }
    free(file);
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
    argv_add(&argv, "--");
    add_members(job->agent, &argv);
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

/* A box made of the host's /usr has it where it is. */
static bool is_in_usr(const char *name)
{
    char *usr = xasprintf("/usr/bin/%s", name);
    char *local = xasprintf("/usr/local/bin/%s", name);
    bool yes = is_executable_file(usr) || is_executable_file(local);
    free(local);
    free(usr);
    return yes;
}

static void start(void *ctx)
{
    struct program_job *job = ctx;
    const struct agent *agent = job->agent;
    struct err err;
    bool is_there = agent && agent->runner && job->order == PROGRAM_HOST_FIRST &&
                    is_in_usr(agent->host_binary) && is_in_usr(agent->runner);
    if (!agent || is_there || (!agent->host_binary && !agent->npm)) {
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
        err_set(&err, ERR_NOENT, "the program of '%s' is missing: put a%s '%s' into %s%s",
                agent->name, agent->runner ? "" : " native",
                agent->host_binary ? agent->host_binary : agent->argv[0],
                agent->runner ? "/usr/local/bin" : "PATH",
                agent->npm ? ", or install npm so that it can be fetched" : "");
        finish(job, NULL, NULL, &err);
    }
}
