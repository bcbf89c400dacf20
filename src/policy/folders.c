/*
 * folders.c - what the folders of rules are, now.
 */
#include "policy/folders.h"

#include <time.h>

#include "base/mem.h"
#include "policy/walk.h"

#define LOOK_HOLDS_NS 1000000000

enum base { BASE_ROOT, BASE_HOME, BASE_WORKSPACE };

struct folder {
    char *words; /* owns */
    enum base base;
    char *rest; /* owns; "" or "/x", normal, behind the base */
    /* The last look; `of` is where the base was. */
    char *of, *text, *real; /* own */
    struct folder_look seen;
    uint64_t turn;
    int64_t until_ns;
};

struct folders {
    struct folder *items; /* owns */
    size_t count;
    uint64_t turn;
    int64_t now_ns; /* 0: not asked in this turn */
    char *home;     /* owns; of the last turn */
};

struct folders *folders_new(void)
{
    return xcalloc(1, sizeof(struct folders));
}

void folders_free(struct folders *folders)
{
    if (!folders)
        return;
    for (size_t i = 0; i < folders->count; i++) {
        struct folder *folder = &folders->items[i];

        free(folder->words);
        free(folder->rest);
        free(folder->of);
        free(folder->text);
        free(folder->real);
    }
    free(folders->items);
    free(folders->home);
    free(folders);
}

/* --- reading ---------------------------------------------------------------------------- */

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!char_is_alnum(s.p[i]) && s.p[i] != '_')
            return false;
    return s.n > 0;
}

/* $NAME in front: *ret_base and what follows, or the value with what follows in `text`. */
static int cut_variable(struct str word, enum base *ret_base, char **text, struct err *err)
{
    struct str rest = {word.p + 1, word.n - 1};
    struct str name;
    char variable[64];
    char shown[80];
    const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;

    name = (struct str){rest.p, slash ? (size_t)(slash - rest.p) : rest.n};
    rest = (struct str){rest.p + name.n, rest.n - name.n};
    if (!is_name(name) || !str_copy(variable, sizeof(variable), name))
        return err_set(
                err, ERR_CONFIG, "'%s' names no variable", str_vis(shown, sizeof(shown), word));
    if (str_eq(name, STR("WS")) || str_eq(name, STR("HOME"))) {
        *ret_base = name.n == 2 ? BASE_WORKSPACE : BASE_HOME;
        *text = xasprintf("/%.*s", STR_ARG(rest));
        return 0;
    }
    const char *value = getenv(variable);
    if (!value || value[0] != '/')
        return err_set(err, ERR_CONFIG, "variable $%s is %s", variable,
                value ? "no absolute path" : "not set");
    *ret_base = BASE_ROOT;
    *text = xasprintf("%s%.*s", value, STR_ARG(rest));
    return 0;
}

static int check_components(struct str path, struct str word, struct err *err)
{
    struct str name;
    char shown[120];

    for (struct str rest = path; path_next(&rest, &name);)
        if (str_eq(name, STR(".")) || str_eq(name, STR("..")))
            return err_set(err, ERR_CONFIG, "folder '%s' holds a '%.*s'",
                    str_vis(shown, sizeof(shown), word), STR_ARG(name));
    if (path.n && memchr(path.p, '*', path.n))
        return err_set(err, ERR_CONFIG,
                "folder '%s': a folder takes all that is in it, no * is needed",
                str_vis(shown, sizeof(shown), word));
    return 0;
}

static int parse(struct str word, struct folder *ret, struct err *err)
{
    char *path = NULL;
    char shown[80];
    int rc = 0;

    ret->base = BASE_ROOT;
    if (word.n && word.p[0] == '$') {
        rc = cut_variable(word, &ret->base, &path, err);
    } else if (word.n && word.p[0] == '~' && (word.n == 1 || word.p[1] == '/')) {
        ret->base = BASE_HOME;
        path = xasprintf("/%.*s", (int)word.n - 1, word.p + 1);
    } else if (word.n && word.p[0] == '/') {
        path = xstrndup(word.p, word.n);
    } else {
        rc = err_set(err, ERR_CONFIG, "folder '%s' must begin with /, ~/ or $WS",
                str_vis(shown, sizeof(shown), word));
    }
    if (rc == 0)
        rc = check_components(str_of(path), word, err);
    if (rc == 0) {
        ret->rest = xmalloc(strlen(path) + 2);
        (void)path_lexical(str_of(path), ret->rest);
        if (ret->base != BASE_ROOT && ret->rest[1] == '\0')
            ret->rest[0] = '\0';
    }
    free(path);
    return rc;
}

int folders_add(struct folders *folders, struct str word, struct err *err)
{
    struct folder folder = {0};

    for (size_t i = 0; i < folders->count; i++)
        if (str_eq(str_of(folders->items[i].words), word))
            return (int)i;
    int rc = parse(word, &folder, err);
    if (rc < 0)
        return rc;
    folder.words = xstrndup(word.p, word.n);
    folders->items = xrealloc(folders->items, (folders->count + 1) * sizeof(folder));
    folders->items[folders->count] = folder;
    return (int)folders->count++;
}

const char *folders_words(const struct folders *folders, size_t i)
{
    return folders->items[i].words;
}

/* --- looking ---------------------------------------------------------------------------- */

void folders_turn(struct folders *folders, const struct policy_world *world)
{
    bool is_same = folders->home && world->home ? strcmp(folders->home, world->home) == 0
                                                : !folders->home && !world->home;

    folders->turn++;
    folders->now_ns = 0;
    if (is_same)
        return;
    free(folders->home);
    folders->home = xstrdup(world->home);
    for (size_t i = 0; i < folders->count; i++)
        folders->items[i].until_ns = 0;
}

static int64_t now(struct folders *folders)
{
    struct timespec t;

    if (folders->now_ns == 0 && clock_gettime(CLOCK_MONOTONIC_COARSE, &t) == 0)
        folders->now_ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + 1;
    return folders->now_ns;
}

static void set(char **place, const char *value, size_t n)
{
    free(*place);
    *place = xstrndup(value, n);
}

static void look(struct folder *folder, const char *base)
{
    struct walk walk;

    if (!folder->of || strcmp(folder->of, base) != 0) {
        char *text = xasprintf("%s%s", base, folder->rest);

        set(&folder->of, base, strlen(base));
        free(folder->text);
        folder->text = text;
    }
    if (folder->rest[0]) /* else it is real, as the world says */
        path_walk(&walk, str_of(folder->text), strlen(base), true);
    if (folder->rest[0] == '\0' || walk.why)
        set(&folder->real, folder->text, strlen(folder->text));
    else if (!folder->real ||
             !str_eq(str_of(folder->real), (struct str){walk.real, walk.real_n}))
        set(&folder->real, walk.real, walk.real_n);
}

static void look_again(struct folders *folders, struct folder *folder, const char *base)
{
    if (folder->base != BASE_WORKSPACE && now(folders) < folder->until_ns)
        return;
    look(folder, base);
    folder->until_ns = now(folders) + LOOK_HOLDS_NS;
    folder->seen = (struct folder_look){.text = str_of(folder->text),
            .real = str_of(folder->real),
            .is_moved = strcmp(folder->text, folder->real) != 0};
}

const struct folder_look *folders_look(
        struct folders *folders, size_t i, const struct policy_world *world)
{
    struct folder *folder = &folders->items[i];

    if (folder->turn == folders->turn)
        return &folder->seen;
    folder->turn = folders->turn;
    const char *const bases[] = {"", world->home, world->workspace};
    const char *base = bases[folder->base];
    if (base)
        look_again(folders, folder, base);
    folder->seen.is_nowhere = !base;
    return &folder->seen;
}
