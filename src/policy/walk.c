/*
 * walk.c - the kernel's reading of a path, component by component.
 *
 * One openat2() that refuses links answers for most long paths: without links the kernel's
 * reading is the normal form of the text. Else the links are read one by one. Between
 * this look and the use of the path somebody may exchange a folder for a link; that is why the
 * result is sent instead of what was asked, and why this is a filter and no wall.
 */
#include "policy/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

/* So few names are read one by one at once: that costs no more than opening and closing. */
#define FEW_NAMES 2

/* The walk while it goes on. What is still to be walked stands at the end of `rest`, so that
 * the target of a link can be put in front of it. */
struct steps {
    struct walk *walk;
    char rest[PATH_MAX];
    size_t at;     /* of what is left, in rest */
    bool missing;  /* what follows does not exist */
    bool has_link; /* walk->itself is known */
    int links;
};

bool path_next(struct str *rest, struct str *ret)
{
    while (rest->n && rest->p[0] == '/')
        *rest = (struct str){rest->p + 1, rest->n - 1};
    if (rest->n == 0)
        return false;
    const char *slash = memchr(rest->p, '/', rest->n);
    size_t n = slash ? (size_t)(slash - rest->p) : rest->n;
    *ret = (struct str){rest->p, n};
    *rest = (struct str){rest->p + n, rest->n - n};
    return true;
}

static bool is_dot(struct str name)
{
    return name.n == 1 && name.p[0] == '.';
}

static bool is_dots(struct str name)
{
    return name.n == 2 && name.p[0] == '.' && name.p[1] == '.';
}

static void up(const char *path, size_t *n)
{
    while (*n && path[*n - 1] != '/')
        (*n)--;
    if (*n)
        (*n)--;
}

size_t path_lexical(struct str path, char *out)
{
    struct str name;
    size_t n = 0;

    while (path_next(&path, &name)) {
        if (is_dot(name))
            continue;
        if (is_dots(name)) {
            up(out, &n);
            continue;
        }
        out[n++] = '/';
        memmove(out + n, name.p, name.n);
        n += name.n;
    }
    if (n == 0)
        out[n++] = '/';
    out[n] = '\0';
    return n;
}

/* --- with links ------------------------------------------------------------------------- */

static bool stop(struct steps *steps, const char *why)
{
    steps->walk->why = why;
    return false;
}

/* Whose /proc a link there is about depends on who asks. */
static bool is_in_proc(const struct walk *walk)
{
    return path_is_in((struct str){walk->real, walk->real_n}, STR("/proc"));
}

/* The target goes in front of what is left; `name_n` bytes of the link's own name and its
 * slash are taken back. */
static bool follow(struct steps *steps, size_t name_n, const char *target, size_t target_n)
{
    struct walk *walk = steps->walk;
    struct str left = {steps->rest + steps->at, sizeof(steps->rest) - steps->at};

    if (++steps->links > WALK_LINKS)
        return stop(steps, "it goes through too many links");
    if (is_in_proc(walk))
        return stop(steps, "it goes through a link in /proc");
    if (target_n == 0 || target_n + 1 > steps->at)
        return stop(steps, "it becomes too long");
    struct str probe = left;
    struct str name;
    if (!path_next(&probe, &name) && !steps->has_link) {
        steps->has_link = walk->ends_in_link = true;
        memcpy(walk->itself, walk->real, walk->real_n + 1);
        walk->itself_n = walk->real_n;
    }
    walk->real_n = target[0] == '/' ? 0 : walk->real_n - name_n - 1;
    steps->rest[--steps->at] = '/';
    steps->at -= target_n;
    memcpy(steps->rest + steps->at, target, target_n);
    return true;
}

static bool enter(struct steps *steps, struct str name)
{
    struct walk *walk = steps->walk;
    char target[PATH_MAX];

    if (walk->real_n + 1 + name.n + 1 > sizeof(walk->real))
        return stop(steps, "it is too long");
    walk->real[walk->real_n++] = '/';
    memcpy(walk->real + walk->real_n, name.p, name.n);
    walk->real_n += name.n;
    walk->real[walk->real_n] = '\0';
    if (steps->missing)
        return true;
    ssize_t n = readlinkat(AT_FDCWD, walk->real, target, sizeof(target));
    if (n == (ssize_t)sizeof(target))
        return stop(steps, "it becomes too long");
    if (n >= 0)
        return follow(steps, name.n, target, (size_t)n);
    if (errno == ENOENT || errno == ENOTDIR)
        steps->missing = true;
    else if (errno != EINVAL)
        return stop(steps, errno == EACCES ? "it leads through a folder that is closed to us"
                                           : "the system cannot walk it");
    return true;
}

static bool step(struct steps *steps)
{
    struct str left = {steps->rest + steps->at, sizeof(steps->rest) - steps->at};
    struct str name;
    char copy[NAME_MAX + 1];

    if (!path_next(&left, &name))
        return false;
    steps->at = sizeof(steps->rest) - left.n;
    if (is_dot(name))
        return true;
    if (is_dots(name)) {
        if (steps->missing)
            return stop(steps, "'..' follows what does not exist");
        up(steps->walk->real, &steps->walk->real_n);
        return true;
    }
    if (name.n >= sizeof(copy))
        return stop(steps, "a name in it is too long");
    memcpy(copy, name.p, name.n);
    return enter(steps, (struct str){copy, name.n});
}

/* One call: is everything there, without a link? */
static bool is_plain(struct str path, char cpath[PATH_MAX])
{
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS};

    memcpy(cpath, path.p, path.n);
    cpath[path.n] = '\0';
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, cpath, &how, sizeof(how));
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static size_t count_names(struct str path)
{
    struct str name;
    size_t count = 0;

    while (path_next(&path, &name))
        count++;
    return count;
}

bool path_is_folder(const char *path)
{
    char inside[PATH_MAX + 2];
    char target[1];
    int n = snprintf(inside, sizeof(inside), "%s/.", path);

    /* "x/." is no link, and there is none behind a file. */
    return n < (int)sizeof(inside) &&
           readlinkat(AT_FDCWD, inside, target, sizeof(target)) < 0 && errno == EINVAL;
}

static void walk_links(struct walk *walk, struct str rest)
{
    struct steps steps;

    steps.walk = walk;
    steps.missing = steps.has_link = false;
    steps.links = 0;
    steps.at = sizeof(steps.rest) - rest.n;
    memcpy(steps.rest + steps.at, rest.p, rest.n);
    while (step(&steps))
        ;
    walk->exists = !steps.missing;
}

void path_walk(struct walk *walk, struct str path, size_t known, bool is_likely)
{
    struct str rest = {path.p + known, path.n - known};

    walk->why = NULL;
    walk->exists = walk->ends_in_link = false;
    walk->real_n = known;
    if (path.n >= PATH_MAX) {
        walk->why = "it is too long";
        return;
    }
    memcpy(walk->real, path.p, known);
    if (is_likely && count_names(rest) > FEW_NAMES && is_plain(path, walk->itself)) {
        walk->exists = true;
        walk->real_n = path_lexical(path, walk->real);
    } else {
        walk_links(walk, rest);
        if (walk->why)
            return;
        if (walk->real_n == 0)
            walk->real[walk->real_n++] = '/';
        walk->real[walk->real_n] = '\0';
    }
    if (!walk->ends_in_link) {
        memcpy(walk->itself, walk->real, walk->real_n + 1);
        walk->itself_n = walk->real_n;
    }
}
