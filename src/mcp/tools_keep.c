/*
 * tools_keep.c - lists of tools on disk, read and written off the loop.
 *
 *     CACHE/SERVER-DIGEST.tools    the definitions, one a line, as the server gave them
 *
 * The digest is that of the server's command, so that a changed one starts with nothing.
 */
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/loop.h"
#include "mcp/tools.h"

struct job {
    struct tools_load load; /* first; what the caller knows */
    char *dir, *path;       /* own */
    struct buf lines;       /* owns */
};

static struct job *job_new(const char *dir, const char *server, const char digest[17])
{
    struct job *job = xcalloc(1, sizeof(*job));

    job->dir = xstrdup(dir);
    job->path = xasprintf("%s/%s-%s.tools", dir, server, digest);
    return job;
}

static void job_free(struct job *job)
{
    free(job->dir);
    free(job->path);
    buf_release(&job->lines);
    free(job);
}

static void load_work(void *ctx)
{
    struct job *job = ctx;

    if (file_read(job->path, LIMIT_MCP_LIST, &job->lines, NULL) < 0)
        buf_clear(&job->lines); /* there is none, ignoring why */
}

static void load_done(void *ctx)
{
    struct job *job = ctx;

    if (job->load.ctx)
        job->load.done(job->load.ctx, buf_str(&job->lines));
    job_free(job);
}

struct tools_load *tools_load_start(struct loop *loop, const char *dir, const char *server,
        const char digest[17], void (*done)(void *ctx, struct str lines), void *ctx)
{
    struct job *job = job_new(dir, server, digest);

    job->load = (struct tools_load){done, ctx};
    loop_work(loop, load_work, load_done, job);
    return &job->load;
}

static void keep_work(void *ctx)
{
    struct job *job = ctx;

    /* Without it the next session waits for the server itself: ignoring what goes wrong. */
    if (file_mkdir(job->dir, NULL) == 0)
        (void)file_write(job->path, buf_data(&job->lines), buf_len(&job->lines), 0600, NULL);
}

static void keep_done(void *ctx)
{
    job_free(ctx);
}

void tools_keep(struct loop *loop, const char *dir, const char *server, const char digest[17],
        struct str lines)
{
    struct job *job = job_new(dir, server, digest);

    buf_append_str(&job->lines, lines);
    loop_work(loop, keep_work, keep_done, job);
}
