/*
 * image.c - finding or building the image, one docker command after the other.
 *
 *   find base --> (pull it) --> nothing to add: done
 *        |
 *        +--> read the label of the agent's image --> inputs unchanged: done
 *        +--> find the program --> is there a bridge? --> copy context --> build --> done
 *
 * Without a default bridge (engines started with --bridge=none) a build has a network only
 * with --network=host; that is the build of our own Dockerfile, not the box.
 */
#include "docker/image.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assets.h"
#include "base/file.h"
#include "base/mem.h"
#include "docker/argv.h"
#include "docker/cmd.h"
#include "docker/program.h"
#include "io/crypt.h"

#define QUERY_IDLE_MS 15000
#define PULL_IDLE_MS 120000
#define COPY_IDLE_MS 120000
#define BUILD_IDLE_MS 300000

#define LABEL_HASH "ironcurtain.build-hash"

struct image_job {
    struct loop *loop;
    const struct agent *agent; /* borrows; NULL: the base alone */
    void (*on_progress)(void *ctx, const char *line);
    void (*done)(void *ctx, const char *image, const struct err *err);
    void *ctx;

    bool base_is_given;
    bool pulled;
    char *base;         /* owns; the name being tried */
    char *base_id;      /* owns */
    char *image;        /* owns; name of the agent's image */
    char *old_id;       /* owns; id of the image that the build replaces, or NULL */
    char *old_hash;     /* owns; its label, "" if there is none */
    char *hash;         /* owns; what the label must be */
    char *program_path; /* owns */
    char *context;      /* owns; build folder, or NULL */
    const char *network;
    struct cmd *cmd;             /* owns */
    struct program_job *program; /* owns */
    struct timer *soon;          /* owns */
};

static void find_base(void *ctx);
static void inspect_image(struct image_job *job);

static void job_free(struct image_job *job)
{
    cmd_cancel(job->cmd);
    program_cancel(job->program);
    timer_free(job->soon);
    if (job->context)
        (void)file_remove_tree(job->context, NULL);
    free(job->base);
    free(job->base_id);
    free(job->image);
    free(job->old_id);
    free(job->old_hash);
    free(job->hash);
    free(job->program_path);
    free(job->context);
    free(job);
}

struct image_job *image_ensure(struct loop *loop, const struct agent *agent, const char *base,
        void (*on_progress)(void *ctx, const char *line),
        void (*done)(void *ctx, const char *image, const struct err *err), void *ctx)
{
    struct image_job *job = xcalloc(1, sizeof(*job));
    job->loop = loop;
    job->agent = agent;
    job->on_progress = on_progress;
    job->done = done;
    job->ctx = ctx;
    job->base_is_given = base != NULL;
    job->base = xstrdup(base ? base : IMAGE_LOCAL_BASE);
    job->soon = timer_new(loop, find_base, job);
    timer_start(job->soon, 0);
    return job;
}

void image_cancel(struct image_job *job)
{
    if (job)
        job_free(job);
}

static void fail(struct image_job *job, const struct err *err)
{
    job->done(job->ctx, NULL, err);
    job_free(job);
}

static void succeed(struct image_job *job, const char *image)
{
    job->done(job->ctx, image, NULL);
    job_free(job);
}

/* Start the next command; the job is gone if that fails. Releases argv. */
static void run(struct image_job *job, struct argv *argv, uint32_t idle_ms,
        void (*done)(void *ctx, const struct cmd_result *result))
{
    struct err err;
    const struct cmd_spec spec = {
            .argv = argv_list(argv), .idle_ms = idle_ms, .done = done, .ctx = job};
    job->cmd = cmd_start(job->loop, &spec, &err);
    argv_release(argv);
    if (!job->cmd)
        fail(job, &err);
}

static bool is_missing(const struct cmd_result *result)
{
    char line[300];
    str_vis(line, sizeof(line), result->errline);
    return result->status != 0 && strcasestr(line, "no such image") != NULL;
}

static void relay_progress(void *ctx, const char *line)
{
    struct image_job *job = ctx;
    job->on_progress(job->ctx, line);
}

/* First line of the output. */
static char *first_line(const struct cmd_result *result)
{
    struct str rest = result->out, line;
    str_cut(&rest, '\n', &line);
    return xstrndup(line.p, line.n);
}

/* --- the base ------------------------------------------------------------------------ */

static void on_pulled(void *ctx, const struct cmd_result *result)
{
    struct image_job *job = ctx;
    struct err err;
    job->cmd = NULL;
    if (cmd_check(result, "docker pull", &err) < 0) {
        err_wrap(&err,
                "base image '%s' is not here and cannot be pulled; make one with "
                "scripts/mk-base-image",
                job->base);
        fail(job, &err);
        return;
    }
    job->pulled = true;
    find_base(job);
}

static void on_line(void *ctx, struct str line)
{
    struct image_job *job = ctx;
    char text[201];
    job->on_progress(job->ctx, str_vis(text, sizeof(text), line));
}

static void pull(struct image_job *job)
{
    struct err err;
    struct argv argv = ARGV_INIT;
    argv_adds(&argv, "docker", "pull", "--", job->base, NULL);
    const struct cmd_spec spec = {.argv = argv_list(&argv),
            .idle_ms = PULL_IDLE_MS,
            .on_line = on_line,
            .done = on_pulled,
            .ctx = job};
    job->cmd = cmd_start(job->loop, &spec, &err);
    argv_release(&argv);
    if (!job->cmd)
        fail(job, &err);
}

static void on_base(void *ctx, const struct cmd_result *result)
{
    struct image_job *job = ctx;
    struct err err;
    job->cmd = NULL;
    if (is_missing(result) && !job->pulled) {
        if (job->base_is_given || strcmp(job->base, IMAGE_PUBLIC_BASE) == 0) {
            pull(job);
            return;
        }
        free(job->base);
        job->base = xstrdup(IMAGE_PUBLIC_BASE);
        find_base(job);
        return;
    }
    if (cmd_check(result, "docker", &err) < 0) {
        fail(job, &err);
        return;
    }
    free(job->base_id);
    job->base_id = first_line(result);
    if (!job->agent || !job->agent->image) {
        succeed(job, job->base);
        return;
    }
    inspect_image(job);
}

static void find_base(void *ctx)
{
    struct image_job *job = ctx;
    struct argv argv = ARGV_INIT;
    argv_adds(
            &argv, "docker", "image", "inspect", "--format", "{{.Id}}", "--", job->base, NULL);
    run(job, &argv, QUERY_IDLE_MS, on_base);
}

/* --- is the agent's image current? --------------------------------------------------- */

static void on_program(void *ctx, const char *path, const char *id, const struct err *err);

static struct str dockerfile_of(const struct image_job *job)
{
    return asset_get(job->agent->dockerfile);
}

static char *build_hash(const struct image_job *job, const char *program_id)
{
    char hex[SHA256_HEX];
    struct sha256 *h = sha256_new();
    struct str text = dockerfile_of(job);
    char *head = xasprintf("dockerfile:%zu\n", text.n);
    char *tail = xasprintf("program:%s\nparent:%s\n", program_id, job->base_id);
    sha256_add(h, head, strlen(head));
    sha256_add(h, text.p, text.n);
    sha256_add(h, tail, strlen(tail));
    sha256_end(h, hex);
    free(head);
    free(tail);
    return xstrdup(hex);
}

static bool is_current(struct image_job *job, const char *program_id)
{
    free(job->hash);
    job->hash = build_hash(job, program_id);
    return job->old_hash && strcmp(job->old_hash, job->hash) == 0;
}

static void on_image(void *ctx, const struct cmd_result *result)
{
    struct image_job *job = ctx;
    struct err err;
    job->cmd = NULL;
    if (!is_missing(result)) {
        if (cmd_check(result, "docker", &err) < 0) {
            fail(job, &err);
            return;
        }
        char *line = first_line(result);
        struct str hash = str_of(line), id;
        str_cut(&hash, ' ', &id);
        job->old_id = xstrndup(id.p, id.n);
        job->old_hash = xstrndup(hash.p, hash.n);
        free(line);
    }
    /* The usual case needs neither npm nor the program itself. */
    char *pinned = program_pinned_id(job->agent);
    bool current = pinned && is_current(job, pinned);
    free(pinned);
    if (current) {
        succeed(job, job->image);
        return;
    }
    job->program = program_find(
            job->loop, job->agent, PROGRAM_PINNED_FIRST, relay_progress, on_program, job);
}

static void inspect_image(struct image_job *job)
{
    struct argv argv = ARGV_INIT;
    job->image = xasprintf("%s:latest", job->agent->image);
    argv_adds(&argv, "docker", "image", "inspect", "--format",
            "{{.Id}} {{index .Config.Labels \"" LABEL_HASH "\"}}", "--", job->image, NULL);
    run(job, &argv, QUERY_IDLE_MS, on_image);
}

/* --- building ------------------------------------------------------------------------ */

static void on_removed(void *ctx, const struct cmd_result *result)
{
    struct image_job *job = ctx;
    (void)result; /* still used by a running box: it goes with a later build */
    job->cmd = NULL;
    succeed(job, job->image);
}

static void on_built(void *ctx, const struct cmd_result *result)
{
    struct image_job *job = ctx;
    struct argv argv = ARGV_INIT;
    struct err err;
    job->cmd = NULL;
    if (cmd_check(result, "docker build", &err) < 0) {
        err_wrap(&err, "cannot build image '%s'", job->image);
        fail(job, &err);
        return;
    }
    if (!job->old_id) {
        succeed(job, job->image);
        return;
    }
    /* The tag has moved on; the old image would lie about without a name. */
    argv_adds(&argv, "docker", "image", "rm", "--", job->old_id, NULL);
    run(job, &argv, QUERY_IDLE_MS, on_removed);
}

/* The host's way to a mirror is the build's way too. docker hides these from the image. */
static void add_proxies(struct argv *argv)
{
    static const char *const names[] = {"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY",
            "HTTPS_PROXY", "NO_PROXY", NULL};
    for (const char *const *name = names; *name; name++) {
        if (getenv(*name))
            argv_addf(argv, "--build-arg=%s", *name);
    }
}

static void build(struct image_job *job)
{
    struct argv argv = ARGV_INIT;
    struct err err;
    argv_adds(&argv, "docker", "build", "--pull=false", NULL);
    argv_addf(&argv, "--network=%s", job->network);
    argv_addf(&argv, "--build-arg=BASE=%s", job->base);
    add_proxies(&argv);
    argv_addf(&argv, "--label=" LABEL_HASH "=%s", job->hash);
    argv_addf(&argv, "--label=ironcurtain.managed-image=true");
    argv_addf(&argv, "--tag=%s", job->image);
    argv_addf(&argv, "--file=%s/Dockerfile", job->context);
    argv_adds(&argv, "--", job->context, NULL);
    const struct cmd_spec spec = {.argv = argv_list(&argv),
            .idle_ms = BUILD_IDLE_MS,
            .on_line = on_line,
            .done = on_built,
            .ctx = job};
    job->cmd = cmd_start(job->loop, &spec, &err);
    argv_release(&argv);
    if (!job->cmd)
        fail(job, &err);
}

/* The name by which the agent's command finds it. */
static int name_program(struct image_job *job, struct err *err)
{
    const struct agent *agent = job->agent;
    char *inner = program_inner_path(agent, job->program_path);
    char *from = path_join3(job->context, "agent", inner);
    char *to = path_join3(
            job->context, "agent", agent->host_binary ? agent->host_binary : agent->argv[0]);
    int rc = strcmp(from, to) == 0 ? 0 : agent->runner ? symlink(inner, to) : rename(from, to);
    if (rc < 0)
        rc = err_set(err, ERR_IO, "cannot make '%s': %s", to, strerror(errno));
    free(to);
    free(from);
    free(inner);
    return rc;
}

static void on_copied(void *ctx, const struct cmd_result *result)
{
    struct image_job *job = ctx;
    struct err err;
    job->cmd = NULL;
    if (cmd_check(result, "cp", &err) < 0 || name_program(job, &err) < 0)
        fail(job, &err);
    else
        build(job);
}

static int make_context(struct image_job *job, struct err *err)
{
    struct str text = dockerfile_of(job);
    char *parent = path_join(path_home(), "cache");
    int rc = file_mkdir(parent, err);
    char *context = xasprintf("%s/build-XXXXXX", parent);
    free(parent);
    if (rc == 0 && !mkdtemp(context))
        rc = err_set(err, ERR_IO, "cannot make the folder '%s': %s", context, strerror(errno));
    if (rc < 0) {
        free(context);
        return rc;
    }
    job->context = context;
    char *file = path_join(context, "Dockerfile");
    char *dir = path_join(context, "agent");
    rc = file_write(file, text.p, text.n, 0600, err);
    if (rc == 0)
        rc = file_mkdir(dir, err);
    /* COPY keeps the folder's mode, and the box's user has to get in. */
    if (rc == 0 && chmod(dir, 0755) < 0)
        rc = err_set(err, ERR_IO, "cannot set the mode of '%s': %s", dir, strerror(errno));
    free(file);
    free(dir);
    return rc;
}

static void on_network(void *ctx, const struct cmd_result *result)
{
    struct image_job *job = ctx;
    struct argv argv = ARGV_INIT;
    struct err err;
    job->cmd = NULL;
    job->network = result->status == 0 ? "default" : "host";
    if (make_context(job, &err) < 0) {
        fail(job, &err);
        return;
    }
    if (!job->program_path) {
        build(job);
        return;
    }
    argv_adds(&argv, "cp", "--reflink=auto", "--recursive", "--preserve=mode,timestamps", "--",
            NULL);
    program_parts(job->agent, job->program_path, &argv);
    argv_addf(&argv, "%s/agent/", job->context);
    run(job, &argv, COPY_IDLE_MS, on_copied);
}

static void on_program(void *ctx, const char *path, const char *id, const struct err *err)
{
    struct image_job *job = ctx;
    struct argv argv = ARGV_INIT;
    job->program = NULL;
    if (err) {
        fail(job, err);
        return;
    }
    if (is_current(job, id)) {
        succeed(job, job->image);
        return;
    }
    job->program_path = xstrdup(path);
    argv_adds(&argv, "docker", "network", "inspect", "bridge", NULL);
    struct err why;
    const struct cmd_spec spec = {
            .argv = argv_list(&argv), .idle_ms = QUERY_IDLE_MS, .done = on_network, .ctx = job};
    job->cmd = cmd_start(job->loop, &spec, &why);
    argv_release(&argv);
    if (!job->cmd) {
        fail(job, &why);
        return;
    }
    char *line = xasprintf("building image %s on %s ...", job->image, job->base);
    job->on_progress(job->ctx, line); /* may cancel the job */
    free(line);
}
