/*
 * argv.c - argument vectors.
 */
#include "docker/argv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

static void argv_adopt(struct argv *argv, char *arg)
{
    argv->v = xrealloc(argv->v, (argv->n + 2) * sizeof(*argv->v));
    argv->v[argv->n++] = arg;
    argv->v[argv->n] = NULL;
}

void argv_add(struct argv *argv, const char *arg)
{
    argv_adopt(argv, xstrdup(arg));
}

void argv_addf(struct argv *argv, const char *fmt, ...)
{
    va_list args;
    char *text = NULL;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    CHECK(n >= 0);
    argv_adopt(argv, text);
}

void argv_adds(struct argv *argv, ...)
{
    va_list args;
    va_start(args, argv);
    for (const char *arg = va_arg(args, const char *); arg; arg = va_arg(args, const char *))
        argv_add(argv, arg);
    va_end(args);
}

void argv_add_list(struct argv *argv, const char *const *list)
{
    for (; list && *list; list++)
        argv_add(argv, *list);
}

void argv_release(struct argv *argv)
{
    strings_free(argv->v);
    *argv = (struct argv)ARGV_INIT;
}

char **strings_copy(const char *const *list)
{
    if (!list)
        return NULL;
    struct argv copy = ARGV_INIT;
    argv_add_list(&copy, list);
    return copy.v ? copy.v : xcalloc(1, sizeof(char *));
}

void strings_free(char **list)
{
    for (char **p = list; p && *p; p++)
        free(*p);
    free(list);
}
