/*
 * clip.c - see clip.h. Files are written by the pool; a command is waited for by the loop.
 */
#include "tui/clip.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/child.h"
#include "io/crypt.h"

/* A file being written; outlives the clip if that goes meanwhile. */
struct job {
    struct clip *clip; /* borrows; NULL: nobody listens any more */
    struct buf text;   /* owns */
    char *path;        /* owns */
    int rc;
    struct err err;
};

struct clip {
    struct loop *loop;
    char *const *command; /* borrows; or NULL */
    void (*on_done)(void *ctx, const char *message);
    void *ctx;
    struct child *child; /* owns; the command while it runs */
    struct buf text;     /* owns; what it was given */
    struct buf out;      /* owns; for the terminal */
    struct job *job;     /* its own owner, see job_done() */
};

struct clip *clip_new(struct loop *loop, char *const *command,
        void (*on_done)(void *ctx, const char *message), void *ctx)
{
    struct clip *clip = xcalloc(1, sizeof *clip);

    *clip = (struct clip){.loop = loop, .command = command, .on_done = on_done, .ctx = ctx};
    return clip;
}

void clip_free(struct clip *clip)
{
    if (!clip)
        return;
    if (clip->job)
        clip->job->clip = NULL;
    child_free(clip->child);
    buf_release(&clip->text);
    buf_release(&clip->out);
    free(clip);
}

static void say(struct clip *clip, size_t bytes, const char *where)
{
    char text[512];

    snprintf(text, sizeof text, "copied %zu byte%s %s", bytes, bytes == 1 ? "" : "s", where);
    clip->on_done(clip->ctx, text);
}

/* --- a file ----------------------------------------------------------------------------- */

static void job_work(void *ctx)
{
    struct job *job = ctx;
    char *folder = path_join(path_home(), "copies");

    job->path = xasprintf("%s/%lld.txt", folder, (long long)clock_wall_ms());
    job->rc = file_mkdir(folder, &job->err);
    if (job->rc == 0)
        job->rc = file_create(
                job->path, buf_data(&job->text), buf_len(&job->text), 0600, &job->err);
    free(folder);
}

static void job_done(void *ctx)
{
    struct job *job = ctx;
    char where[400];

    if (job->clip) {
        job->clip->job = NULL;
        snprintf(where, sizeof where, "to %s", job->path);
        if (job->rc == 0)
            say(job->clip, buf_len(&job->text), where);
        else
            job->clip->on_done(job->clip->ctx, job->err.msg);
    }
    buf_release(&job->text);
    free(job->path);
    free(job);
}

static void to_file(struct clip *clip, struct str text)
{
    struct job *job = xcalloc(1, sizeof *job);

    if (clip->job)
        clip->job->clip = NULL; /* it is written all the same */
    job->clip = clip;
    buf_append_str(&job->text, text);
    clip->job = job;
    loop_work(clip->loop, job_work, job_done, job);
}

/* --- the terminal ----------------------------------------------------------------------- */

static void to_terminal(struct clip *clip, struct str text)
{
    if (text.n > LIMIT_COPY_OSC) {
        to_file(clip, text);
        return;
    }
    buf_clear(&clip->out);
    buf_puts(&clip->out, "\033]52;c;");
    char *place = buf_reserve(&clip->out, (text.n + 2) / 3 * 4 + 1);
    buf_commit(&clip->out, crypt_base64(text.p, text.n, place));
    buf_putc(&clip->out, '\a');
    say(clip, text.n, "(OSC 52)");
}

void clip_flush(struct clip *clip, struct buf *out)
{
    buf_append_str(out, buf_str(&clip->out));
    buf_clear(&clip->out);
}

/* --- a command -------------------------------------------------------------------------- */

static const char *command_name(const struct clip *clip)
{
    const char *slash = strrchr(clip->command[0], '/');

    return slash ? slash + 1 : clip->command[0];
}

static void end_command(struct clip *clip)
{
    child_free(clip->child);
    clip->child = NULL;
}

static void on_exit_of_command(void *ctx, int exit_status, int term_signal)
{
    struct clip *clip = ctx;
    char where[128];

    end_command(clip);
    if (exit_status == 0 && term_signal == 0) {
        snprintf(where, sizeof where, "(%s)", command_name(clip));
        say(clip, buf_len(&clip->text), where);
    } else {
        to_terminal(clip, buf_str(&clip->text));
    }
    buf_release(&clip->text);
}

static bool to_command(struct clip *clip, struct str text)
{
    struct child_spec spec = {.argv = (const char *const *)clip->command,
            .input = text,
            .on_exit = on_exit_of_command,
            .ctx = clip};
    struct err err;

    end_command(clip);
    buf_release(&clip->text);
    buf_append_str(&clip->text, text);
    clip->child = child_spawn(clip->loop, &spec, &err);
    return clip->child;
}

void clip_put(struct clip *clip, struct str text)
{
    if (!clip->command || !to_command(clip, text))
        to_terminal(clip, text);
}
