/*
 * answers.c - reading and appending answers.rules.
 *
 * Whether the file changed is asked of stat() whenever something is judged: no watcher, no
 * timer. A reader needs no lock, because a line without its end refuses the file; writers
 * lock each other out, so that a line cannot land behind half of another.
 */
#include "gate/answers.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

/* What stat() says of a file's content. */
struct stamp {
    bool exists;
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec modified, changed;
};

struct answers {
    char *path;            /* owns */
    struct policy *policy; /* owns; the last that was right */
    struct stamp stamp;    /* of what was read last, right or wrong */
    char trouble[480];
};

struct append {
    char *path, *line; /* owns */
    struct err err;
    int rc;
    void (*done)(void *ctx, const struct err *err);
    void *ctx; /* borrows */
};

static struct stamp look(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return (struct stamp){.exists = false};
    return (struct stamp){true, st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same(const struct stamp *a, const struct stamp *b)
{
    return a->exists == b->exists && a->dev == b->dev && a->ino == b->ino &&
           a->size == b->size && same_time(a->modified, b->modified) &&
           same_time(a->changed, b->changed);
}

static struct policy *load(const char *path, struct err *err)
{
    struct buf text = BUF_INIT;
    struct policy *policy = NULL;
    struct err why;
    int rc = file_read(path, LIMIT_ANSWERS, &text, &why);

    if (rc == 0 || rc == ERR_NOENT)
        policy = policy_parse_answers(buf_str(&text), path, err);
    else if (err)
        *err = why;
    buf_release(&text);
    return policy;
}

struct answers *answers_open(const char *path, struct err *err)
{
    struct stamp stamp = look(path); /* before reading: a change in between is seen later */
    struct policy *policy = load(path, err);

    if (!policy)
        return NULL;
    struct answers *answers = xcalloc(1, sizeof(*answers));
    answers->path = xstrdup(path);
    answers->policy = policy;
    answers->stamp = stamp;
    return answers;
}

void answers_free(struct answers *answers)
{
    if (!answers)
        return;
    policy_free(answers->policy);
    free(answers->path);
    free(answers);
}

void answers_refresh(struct answers *answers)
{
    struct stamp stamp = look(answers->path);
    struct err err;

    if (same(&stamp, &answers->stamp))
        return;
    struct policy *policy = load(answers->path, &err);
    answers->stamp = stamp;
    answers->trouble[0] = '\0';
    if (!policy) {
        snprintf(answers->trouble, sizeof(answers->trouble), "%s", err.msg);
        return;
    }
    policy_free(answers->policy);
    answers->policy = policy;
}

const struct policy *answers_policy(const struct answers *answers)
{
    return answers->policy;
}

const char *answers_path(const struct answers *answers)
{
    return answers->path;
}

const char *answers_trouble(const struct answers *answers)
{
    return answers->trouble;
}

/* --- appending -------------------------------------------------------------------------- */

/* Would the file be right with this line behind it? */
static int check(const struct append *append, struct err *err)
{
    struct buf text = BUF_INIT;
    int rc = file_read(append->path, LIMIT_ANSWERS, &text, err);

    if (rc == 0 && buf_len(&text) + strlen(append->line) > LIMIT_ANSWERS)
        rc = err_set(err, ERR_LIMIT, "'%s' has no room for another answer", append->path);
    if (rc == 0) {
        buf_puts(&text, append->line);
        struct policy *policy = policy_parse_answers(buf_str(&text), append->path, err);
        rc = policy ? 0 : err->code;
        policy_free(policy);
    }
    buf_release(&text);
    return rc;
}

/* All of the line or nothing of it. */
static int write_line(int fd, const struct append *append, struct err *err)
{
    size_t n = strlen(append->line);
    off_t before = lseek(fd, 0, SEEK_END);
    ssize_t written = write(fd, append->line, n);

    if (written == (ssize_t)n && fsync(fd) == 0)
        return 0;
    int code = written < 0 || written == (ssize_t)n ? errno : ENOSPC;
    if (written > 0 && (before < 0 || ftruncate(fd, before) < 0))
        return err_set(
                err, ERR_IO, "'%s' ends in half a line: %s", append->path, strerror(code));
    return err_set(err, ERR_IO, "cannot write '%s': %s", append->path, strerror(code));
}

static void append_work(void *ctx)
{
    struct append *append = ctx;
    int fd = answers_lock(append->path, true, &append->err);

    append->rc = fd;
    if (fd < 0)
        return;
    append->rc = check(append, &append->err);
    if (append->rc == 0)
        append->rc = write_line(fd, append, &append->err);
    close(fd);
}

static void append_done(void *ctx)
{
    struct append *append = ctx;

    append->done(append->ctx, append->rc < 0 ? &append->err : NULL);
    free(append->path);
    free(append->line);
    free(append);
}

void answers_append(const struct answers *answers, struct loop *loop, const char *line,
        const char *comment, void (*done)(void *ctx, const struct err *err), void *ctx)
{
    struct append *append = xcalloc(1, sizeof(*append));

    append->path = xstrdup(answers->path);
    append->line = xasprintf("%s  # %s\n", line, comment);
    append->done = done;
    append->ctx = ctx;
    loop_work(loop, append_work, append_done, append);
}
