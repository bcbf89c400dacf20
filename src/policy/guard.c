/*
 * guard.c - what no call may do, whatever the rules say: touch what guards us, reach addresses
 * that are not public.
 *
 * What is above a guarded place is harmless to list, but not to delete, to move, or to walk
 * through; what a tool does is told by the words of its name.
 */
#include "policy/judge.h"
#include "policy/url.h"
#include "policy/verdict.h"

/* Tools with one of these words in their name write, delete, or walk whole trees. */
static const char *const touching[] = {"add", "append", "archive", "bash", "chmod", "chown",
        "clean", "clone", "command", "commit", "compress", "copy", "cp", "create", "delete",
        "download", "edit", "erase", "exec", "execute", "extract", "find", "glob", "grep",
        "index", "init", "insert", "link", "mkdir", "modify", "move", "mv", "overwrite",
        "patch", "purge", "put", "recursive", "remove", "rename", "replace", "restore", "rm",
        "rmdir", "run", "save", "search", "set", "shell", "store", "symlink", "sync", "tar",
        "touch", "tree", "truncate", "unlink", "unzip", "update", "upload", "walk", "watch",
        "write", "zip"};

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Words end at what is no letter, and where a capital follows a small letter. */
static bool next_word(struct str *rest, struct str *ret)
{
    size_t n = 0;

    while (rest->n && !char_is_alnum(rest->p[0]))
        *rest = (struct str){rest->p + 1, rest->n - 1};
    while (n < rest->n && char_is_alnum(rest->p[n]) &&
            !(n && is_upper(rest->p[n]) && !is_upper(rest->p[n - 1])))
        n++;
    *ret = (struct str){rest->p, n};
    *rest = (struct str){rest->p + n, rest->n - n};
    return n > 0;
}

bool tool_says(struct str tool, const char *const *words, size_t count)
{
    struct str word;

    while (next_word(&tool, &word))
        for (size_t i = 0; i < count; i++)
            if (str_eq_icase(word, str_of(words[i])))
                return true;
    return false;
}

static bool is_recursive_flag(const struct arg *arg)
{
    struct str name = arg->name;

    if (!arg->is_member || arg->kind == ARG_FALSE || arg->kind == ARG_NULL)
        return false;
    for (; name.n >= 6; name = (struct str){name.p + 1, name.n - 1})
        if (str_eq_icase((struct str){name.p, 6}, STR("recurs")))
            return true;
    return false;
}

static bool is_touching(const struct judge *judge)
{
    if (tool_says(judge->call->tool, touching, sizeof(touching) / sizeof(touching[0])))
        return true;
    for (size_t i = 1; i < judge->args.count; i++)
        if (is_recursive_flag(&judge->args.items[i]))
            return true;
    return false;
}

static bool deny(struct verdict *ret, const char *rule, const char *reason)
{
    verdict_forbid(ret, rule, reason);
    return true;
}

/* --- guarded places ---------------------------------------------------------------------- */

struct guard {
    struct judge *judge;
    enum match touching; /* unknown until it matters */
};

static bool touches(struct guard *guard)
{
    if (guard->touching == MATCH_UNKNOWN)
        guard->touching = is_touching(guard->judge) ? MATCH_YES : MATCH_NO;
    return guard->touching == MATCH_YES;
}

static const char *touched_by(struct guard *guard, struct str path, bool is_sure)
{
    bool as_glob = is_sure && is_glob(path);

    for (const char *const *at = guard->judge->world->guarded; *at; at++) {
        struct str place = str_of(*at);

        if (path_is_in(path, place))
            return *at;
        if (is_sure && path_is_in(place, path) && touches(guard))
            return *at;
        if (as_glob && glob_touches(path, place))
            return *at;
    }
    return NULL;
}

static bool check_path(
        struct guard *guard, const struct readings *r, bool is_sure, struct verdict *ret)
{
    char shown[120];
    char reason[sizeof(ret->reason)];

    for (size_t i = 0; i < r->count; i++) {
        struct str path = readings_item(r, i);
        const char *place = touched_by(guard, path, is_sure && !r->is_url);

        if (!place)
            continue;
        snprintf(reason, sizeof(reason), "'%s' %s what no tool may touch",
                str_vis(shown, sizeof(shown), path),
                path_is_in(path, str_of(place)) ? "belongs to" : "contains");
        return deny(ret, "structural: protected path", reason);
    }
    return false;
}

static bool check_string(struct guard *guard, struct arg *arg, struct verdict *ret)
{
    enum arg_look look = judge_look(guard->judge, arg);
    char why[sizeof(ret->reason)];

    if (look == LOOK_TEXT)
        return false;
    if (url_is_private(arg->text, why, sizeof(why)))
        return deny(ret, "structural: address", why);
    return look != LOOK_WORD && guard->judge->world->guarded &&
           check_path(guard, judge_readings(guard->judge, arg), look == LOOK_PATH, ret);
}

static bool check_name(struct guard *guard, struct arg *arg, struct verdict *ret)
{
    enum arg_look look = judge_look_at_name(arg);
    struct str name = arg->name;
    char why[sizeof(ret->reason)];

    if (look != LOOK_PATH && look != LOOK_PROSE)
        return false;
    if (url_is_private(name, why, sizeof(why)))
        return deny(ret, "structural: address", why);
    if (!guard->judge->world->guarded)
        return false;
    struct readings *r = readings_new(guard->judge->world, name);
    bool found = check_path(guard, r, look == LOOK_PATH, ret);
    readings_free(r);
    return found;
}

bool call_is_forbidden(struct judge *judge, struct verdict *ret)
{
    struct guard guard = {judge, MATCH_UNKNOWN};

    if (judge->args.count == 1)
        return false;
    for (size_t i = 1; i < judge->args.count; i++) {
        struct arg *arg = &judge->args.items[i];

        if (arg->is_member && check_name(&guard, arg, ret))
            return true;
        if (arg->kind == ARG_STRING && check_string(&guard, arg, ret))
            return true;
    }
    return false;
}
