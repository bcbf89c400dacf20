/*
 * paths.c - the forms and readings of a path.
 */
#include "policy/paths.h"

#include "base/mem.h"
#include "policy/walk.h"

#define FIRST_ROOM 512

struct maker {
    struct readings *r; /* owns until it is given away */
    const struct policy_world *world;
    struct buf path;   /* scratch: an absolute path */
    struct walk *walk; /* borrows; scratch */
};

void readings_free(struct readings *readings)
{
    free(readings);
}

static void doubt(struct maker *maker, const char *why)
{
    if (!maker->r->why)
        maker->r->why = why;
}

/* Index of the reading; the same one is kept once. */
static size_t keep(struct maker *maker, const char *path, size_t n)
{
    struct readings *r = maker->r;

    for (size_t i = 0; i < r->count; i++)
        if (str_eq(readings_item(r, i), (struct str){path, n}))
            return i;
    CHECK(r->count < READINGS_MAX);
    if (r->used + n + 1 > r->room) {
        r->room = (r->used + n + 1) * 2;
        r = maker->r = xrealloc(r, sizeof(*r) + r->room);
    }
    memcpy(r->store + r->used, path, n);
    r->store[r->used + n] = '\0';
    r->items[r->count].at = r->used;
    r->items[r->count].n = n;
    r->used += n + 1;
    return r->count++;
}

/* --- one form --------------------------------------------------------------------------- */

/* So much of the path is a folder of the world, of which nothing has to be looked at. */
static size_t known_prefix(const struct policy_world *world, struct str path)
{
    struct str workspace = str_of(world->workspace);

    return workspace.n > 1 && path_is_in(path, workspace) ? workspace.n : 0;
}

/* Relative paths begin in the server's folder. */
static bool make_absolute(
        struct maker *maker, struct str prefix, struct str text, size_t *ret_known)
{
    const struct policy_world *world = maker->world;

    if (prefix.n == 0 && (text.n == 0 || text.p[0] != '/')) {
        prefix = str_of(world->cwd ? world->cwd : world->workspace);
        if (prefix.n == 0)
            return false;
    }
    buf_clear(&maker->path);
    buf_append_str(&maker->path, prefix);
    if (prefix.n)
        buf_putc(&maker->path, '/');
    buf_append_str(&maker->path, text);
    *ret_known = prefix.n > 1 ? prefix.n : known_prefix(world, buf_str(&maker->path));
    return true;
}

static bool is_text(struct str path)
{
    uint32_t cp;

    for (size_t i = 0; i < path.n;) {
        int n = (signed char)path.p[i] >= 0 ? 1 : utf8_decode(path.p + i, path.n - i, &cp);

        if (n <= 0)
            return false;
        i += (size_t)n;
    }
    return true;
}

static void read_form(struct maker *maker, struct str prefix, struct str text, bool is_judged)
{
    struct walk *walk = maker->walk;

    size_t known = 0;

    if (!make_absolute(maker, prefix, text, &known)) {
        if (is_judged)
            doubt(maker, "it is relative to a folder that is not known");
        return;
    }
    struct str path = buf_str(&maker->path);
    path_walk(walk, path, known, !maker->r->is_url);
    if (!walk->why && !is_text((struct str){walk->real, walk->real_n}))
        walk->why = "a link leads to a name that is no text";
    if (walk->why) {
        doubt(maker, walk->why);
    } else {
        size_t real = keep(maker, walk->real, walk->real_n);
        size_t itself = keep(maker, walk->itself, walk->itself_n);

        if (is_judged) {
            maker->r->real = real;
            maker->r->itself = itself;
            maker->r->exists = walk->exists;
        }
    }
    char few[PATH_MAX];
    char *lexical = path.n < sizeof(few) ? few : xmalloc(path.n + 2);
    size_t n = path_lexical(path, lexical);
    size_t i = keep(maker, lexical, n);
    if (is_judged && !walk->why && i != maker->r->real)
        maker->r->differs = true;
    if (lexical != few)
        free(lexical);
}

/* --- what the text may be ---------------------------------------------------------------- */

static bool starts_icase(struct str text, struct str prefix)
{
    return text.n >= prefix.n && str_eq_icase((struct str){text.p, prefix.n}, prefix);
}

/* Scheme and colon, two slashes behind them. */
static bool is_url(struct str text)
{
    size_t i = 0;

    while (i < text.n && i < 32 &&
            (char_is_alnum(text.p[i]) || (i && memchr("+-.", text.p[i], 3))))
        i++;
    return i > 0 && i + 2 < text.n && memcmp(text.p + i, "://", 3) == 0;
}

/* file:/x, file:///x and file://localhost/x; false if it cannot be told what it names. */
static bool decode_file_url(struct str text, struct buf *ret)
{
    struct str rest = {text.p + 5, text.n - 5};

    if (str_starts(rest, STR("//"))) {
        rest = (struct str){rest.p + 2, rest.n - 2};
        if (starts_icase(rest, STR("localhost/")))
            rest = (struct str){rest.p + 9, rest.n - 9};
    }
    if (rest.n == 0 || rest.p[0] != '/')
        return false;
    for (size_t i = 0; i < rest.n; i++) {
        struct str here = {rest.p + i, rest.n - i};
        int byte = rest.p[i] == '%' ? str_percent(here) : (unsigned char)rest.p[i];

        /* An encoded slash is one to some readers only. */
        if (byte <= 0 || (rest.p[i] == '%' && byte == '/') || memchr("?#\\", rest.p[i], 3))
            return false;
        buf_putc(ret, (char)byte);
        i += rest.p[i] == '%' ? 2 : 0;
    }
    return true;
}

/* Is it the box's workspace or in it? *ret is what follows. */
static bool cut_box(const struct policy_world *world, struct str path, struct str *ret)
{
    struct str box = str_of(world->box_workspace);

    if (box.n == 0 || !world->workspace || !str_starts(path, box) ||
            (path.n > box.n && path.p[box.n] != '/'))
        return false;
    *ret = (struct str){path.p + box.n, path.n - box.n};
    return true;
}

static void read_absolute(struct maker *maker, struct str path)
{
    struct str rest;

    if (!cut_box(maker->world, path, &rest)) {
        read_form(maker, STR(""), path, true);
        return;
    }
    maker->r->is_boxed = true;
    read_form(maker, str_of(maker->world->workspace), rest, true);
    maker->r->differs = strcmp(maker->world->workspace, maker->world->box_workspace) != 0 ||
                        maker->r->differs;
}

static void read_file_url(struct maker *maker, struct str text)
{
    struct buf path = BUF_INIT;

    maker->r->is_file = true;
    if (decode_file_url(text, &path))
        read_absolute(maker, buf_str(&path));
    else
        doubt(maker, "it is a file: URL that can be read in two ways");
    buf_release(&path);
    read_form(maker, STR(""), text, false);
}

static void read_tilde(struct maker *maker, struct str text)
{
    const char *home = maker->world->home;

    if (text.n > 1 && text.p[1] != '/')
        doubt(maker, "it names the home of somebody");
    else if (!home)
        doubt(maker, "the home folder is not known");
    else {
        read_form(maker, str_of(home), (struct str){text.p + 1, text.n - 1}, true);
        maker->r->differs = true;
    }
    read_form(maker, STR(""), text, false);
}

static bool has_variable(struct str text)
{
    for (size_t i = 0; i + 1 < text.n; i++)
        if (text.p[i] == '$' &&
                (char_is_alnum(text.p[i + 1]) || memchr("_{(", text.p[i + 1], 3)))
            return true;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void read_text(struct maker *maker, struct str text)
{
    if (text.n == 0) {
        doubt(maker, "it is empty");
        return;
    }
    if (memchr(text.p, '\0', text.n)) {
        doubt(maker, "it holds a NUL");
        return;
    }
    if (has_variable(text))
        doubt(maker, "it holds a variable");
    if (is_blank(text.p[0]) || is_blank(text.p[text.n - 1]))
        doubt(maker, "it has blanks at an end, which some programs cut off");
    if (starts_icase(text, STR("file:")))
        read_file_url(maker, text);
    else if (text.p[0] == '~')
        read_tilde(maker, text);
    else if (text.p[0] == '/')
        read_absolute(maker, text);
    else
        read_form(maker, STR(""), text, true);
}

struct readings *readings_new(const struct policy_world *world, struct str text)
{
    struct walk walk; /* large, and need not be zero */
    struct maker maker = {.world = world, .path = BUF_INIT, .walk = &walk};

    maker.r = xmalloc(sizeof(*maker.r) + FIRST_ROOM);
    *maker.r = (struct readings){.room = FIRST_ROOM, .is_url = is_url(text)};
    if (maker.r->is_url && starts_icase(text, STR("file:")))
        maker.r->is_url = false;
    read_text(&maker, text);
    buf_release(&maker.path);
    return maker.r;
}

/* --- what is sent ----------------------------------------------------------------------- */

static void put_encoded(struct buf *out, struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];

        if (char_is_alnum(c) || memchr("-._~/", c, 5))
            buf_putc(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

static char *as_json(struct str text)
{
    struct buf out = BUF_INIT;

    buf_putc(&out, '"');
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '"' || c == '\\')
            buf_putc(&out, '\\');
        if (c < 0x20)
            buf_printf(&out, "\\u%04x", c);
        else
            buf_putc(&out, (char)c);
    }
    buf_append(&out, "\"", 2);
    char *text_owned = xstrdup(buf_data(&out));
    buf_release(&out);
    return text_owned;
}

char *readings_judged(const struct readings *r, bool itself)
{
    struct str path = readings_item(r, itself ? r->itself : r->real);
    struct buf url = BUF_INIT;

    if (!r->is_file)
        return as_json(path);
    buf_puts(&url, "file://");
    put_encoded(&url, path);
    char *text = as_json(buf_str(&url));
    buf_release(&url);
    return text;
}

char *path_unboxed(const struct policy_world *world, struct str text)
{
    struct buf path = BUF_INIT;
    struct str rest;

    if (!cut_box(world, text, &rest) || strcmp(world->workspace, world->box_workspace) == 0)
        return NULL;
    buf_puts(&path, world->workspace);
    buf_append_str(&path, rest);
    char *json = as_json(buf_str(&path));
    buf_release(&path);
    return json;
}
