/*
 * argv.h - a growing list of strings, NULL-terminated, for argument vectors and environments.
 */
#ifndef SRC_DOCKER_ARGV_H
#define SRC_DOCKER_ARGV_H

#include <stddef.h>

struct argv {
    char **v; /* owns the array and the strings; NULL while empty */
    size_t n;
};

#define ARGV_INIT                                                                              \
    {                                                                                          \
        NULL, 0                                                                                \
    }

void argv_add(struct argv *argv, const char *arg);
void argv_addf(struct argv *argv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Several at once; the last argument is NULL. */
void argv_adds(struct argv *argv, ...) __attribute__((sentinel));
void argv_add_list(struct argv *argv, const char *const *list); /* NULL is an empty list */
void argv_release(struct argv *argv);

static inline const char *const *argv_list(const struct argv *argv)
{
    return (const char *const *)argv->v;
}

/* A copy of a NULL-terminated list (NULL stays NULL), and its end. */
char **strings_copy(const char *const *list);
void strings_free(char **list);

#endif
