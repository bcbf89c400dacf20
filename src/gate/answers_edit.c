/*
 * answers_edit.c - the lines of answers.rules one by one, and taking one out of the file.
 *
 * A line goes by a new file in the place of the old one, under the lock that writers take;
 * those who waited for it see that their file is not the one of that name any more.
 */
#include "gate/answers.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"

int answers_lock(const char *path, bool is_new, struct err *err)
{
    struct stat ours, named;

    for (;;) {
        int fd = is_new ? file_open_append(path, err)
                        : open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY);
        int rc;

        if (fd < 0)
            return is_new ? fd
                          : err_set(err, errno == ENOENT ? ERR_NOENT : ERR_IO,
                                    "cannot open '%s': %s", path, strerror(errno));
        do
            rc = flock(fd, LOCK_EX);
        while (rc < 0 && errno == EINTR);
        if (rc < 0 || fstat(fd, &ours) < 0) {
            rc = err_set(err, ERR_IO, "cannot lock '%s': %s", path, strerror(errno));
            close(fd);
            return rc;
        }
        if (lstat(path, &named) == 0 && named.st_dev == ours.st_dev &&
                named.st_ino == ours.st_ino)
            return fd;
        close(fd); /* somebody took a line out meanwhile */
    }
}

/* --- looking ----------------------------------------------------------------------------- */

/* "allow ... # comment": a rule? */
static bool is_answer(struct str line)
{
    line = str_trim(line);
    return line.n > 0 && *line.p != '#';
}

int answers_each(const char *path, void (*fn)(void *ctx, unsigned number, struct str line),
        void *ctx, struct err *err)
{
    struct buf text = BUF_INIT;
    int rc = file_exists(path) ? file_read(path, LIMIT_ANSWERS, &text, err) : 0;
    struct str rest = buf_str(&text), line;
    unsigned number = 0;

    while (rc == 0 && rest.n > 0) {
        str_cut(&rest, '\n', &line);
        number++;
        if (is_answer(line))
            fn(ctx, number, line);
    }
    buf_release(&text);
    return rc;
}

/* --- taking one out ---------------------------------------------------------------------- */

/* What is left without the line; false: it does not stand there (any more). */
static bool cut_line(struct str text, unsigned number, struct str line, struct buf *ret)
{
    struct str rest = text, at = {0};
    unsigned i = 0;

    while (rest.n > 0 && i < number) {
        at.p = rest.p;
        str_cut(&rest, '\n', &at);
        i++;
    }
    if (i != number || number == 0 || !str_eq(at, line) || !is_answer(line))
        return false;
    buf_append(ret, text.p, (size_t)(at.p - text.p));
    buf_append_str(ret, rest);
    return true;
}

int answers_remove(const char *path, unsigned number, struct str line, struct err *err)
{
    struct buf text = BUF_INIT, left = BUF_INIT;
    int fd = answers_lock(path, false, err);

    if (fd < 0)
        return fd;
    int rc = file_read(path, LIMIT_ANSWERS, &text, err);
    if (rc == 0 && !cut_line(buf_str(&text), number, line, &left))
        rc = err_set(err, ERR_CONFLICT, "line %u of '%s' is another one now", number, path);
    if (rc == 0)
        rc = file_write(path, buf_str(&left).p, buf_len(&left), 0600, err);
    buf_release(&text);
    buf_release(&left);
    close(fd); /* and with it the lock */
    return rc;
}
