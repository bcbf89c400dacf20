/*
 * look.c - which strings of a call are taken for paths.
 *
 * Nobody says which arguments of a tool are paths, so "*" and the program's own rules have to
 * guess. They guess widely where a string begins like a path, holds a slash, or is the name of
 * something in the server's folder (it may be a link). In running text a slash proves nothing:
 * there only what is literally said counts, and in arguments that are text by their name not
 * even that, or no file could be written that mentions a path.
 */
#include "policy/judge.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Names of arguments that hold text for people or for a file. */
#define NAME(text)                                                                             \
    {                                                                                          \
        text, sizeof(text) - 1                                                                 \
    }
static const struct str text_names[] = {NAME("body"), NAME("comment"), NAME("content"),
        NAME("contents"), NAME("data"), NAME("description"), NAME("diff"), NAME("message"),
        NAME("new_str"), NAME("new_string"), NAME("new_text"), NAME("newText"),
        NAME("new_value"), NAME("old_str"), NAME("old_string"), NAME("old_text"),
        NAME("oldText"), NAME("patch"), NAME("prompt"), NAME("query"), NAME("separator"),
        NAME("sql"), NAME("summary"), NAME("text"), NAME("title")};

bool is_text_name(struct str name)
{
    for (size_t i = 0; i < sizeof(text_names) / sizeof(text_names[0]); i++)
        if (str_eq(name, text_names[i]))
            return true;
    return false;
}

static bool has_any(struct str text, const char *of)
{
    for (; *of; of++)
        if (text.n && memchr(text.p, *of, text.n))
            return true;
    return false;
}

static bool begins_like_path(struct str text)
{
    return text.p[0] == '/' || text.p[0] == '~' || text.p[0] == '.' || text.p[0] == '$' ||
           (text.n >= 5 && str_eq_icase((struct str){text.p, 5}, STR("file:")));
}

/* Is there something of this name in the server's folder? One call. */
static bool is_entry(const struct policy_world *world, struct str name)
{
    const char *cwd = world->cwd ? world->cwd : world->workspace;
    char path[PATH_MAX];
    char target[1];

    if (!cwd || name.n > NAME_MAX)
        return false;
    int n = snprintf(path, sizeof(path), "%s/%.*s", cwd, STR_ARG(name));
    if (n < 0 || n >= (int)sizeof(path))
        return false;
    return readlinkat(AT_FDCWD, path, target, sizeof(target)) >= 0 || errno == EINVAL;
}

/* LOOK_UNSEEN: a word without a slash. */
static enum arg_look look_at(struct str text)
{
    if (text.n == 0)
        return LOOK_TEXT;
    if (memchr(text.p, '\0', text.n))
        return LOOK_PATH; /* and nobody can tell which */
    if (begins_like_path(text))
        return memchr(text.p, '\n', text.n) ? LOOK_PROSE : LOOK_PATH;
    if (!memchr(text.p, '/', text.n))
        return LOOK_UNSEEN;
    return has_any(text, " \t\r\n") ? LOOK_PROSE : LOOK_PATH;
}

enum arg_look judge_look(struct judge *judge, struct arg *arg)
{
    if (arg->look != LOOK_UNSEEN)
        return arg->look;
    if (arg->kind != ARG_STRING || (is_text_name(arg->name) && has_any(arg->text, " \t\r\n")))
        arg->look = LOOK_TEXT;
    else
        arg->look = look_at(arg->text);
    if (arg->look == LOOK_UNSEEN)
        arg->look = is_entry(judge->world, arg->text) ? LOOK_PATH : LOOK_WORD;
    else if (arg->look == LOOK_PATH && is_text_name(arg->name))
        arg->look = LOOK_PROSE;
    return arg->look;
}

enum arg_look judge_look_at_name(struct arg *arg)
{
    if (arg->name_look == LOOK_UNSEEN)
        arg->name_look = look_at(arg->name);
    if (arg->name_look == LOOK_UNSEEN)
        arg->name_look = LOOK_WORD;
    return arg->name_look;
}

const struct readings *judge_readings(struct judge *judge, struct arg *arg)
{
    if (!arg->readings) {
        arg->readings = readings_new(judge->world, arg->text);
        if (arg->is_broken && !arg->readings->why)
            arg->readings->why = "it holds half of a character";
    }
    return arg->readings;
}

/* --- patterns of file names -------------------------------------------------------------- */

bool is_glob(struct str text)
{
    return has_any(text, "*?[{");
}

/* One component, generously: brackets and braces may be anything. */
static bool name_may_match(struct str pattern, struct str name)
{
    char plain[NAME_MAX + 1];

    if (has_any(pattern, "[{") || pattern.n > NAME_MAX)
        return true;
    for (size_t i = 0; i < pattern.n; i++)
        plain[i] = pattern.p[i] == '?' ? '*' : pattern.p[i];
    return glob_match((struct str){plain, pattern.n}, name);
}

bool glob_touches(struct str path, struct str folder)
{
    struct str pattern;
    struct str name;

    while (path_next(&folder, &name)) {
        if (!path_next(&path, &pattern))
            return false; /* names only what is above */
        if (str_eq(pattern, STR("**")))
            return true;
        if (!name_may_match(pattern, name))
            return false;
    }
    return true;
}
