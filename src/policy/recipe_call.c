/*
 * recipe_call.c - rule lines for tool calls.
 *
 * The tree of the arguments is walked once; each value becomes a condition by what it is and
 * how wide the answer shall be. The line is read back and tried on its call.
 */
#include "base/ip.h"
#include "base/mem.h"
#include "policy/judge.h"
#include "policy/recipe.h"
#include "policy/url.h"

struct cook {
    struct judge judge; /* the call; its policy is not used */
    enum verdict_kind verb;
    enum width width;
    struct buf line;
    bool is_wider; /* something was generalised */
    bool is_first; /* no condition yet */
};

static bool cook_object(struct cook *cook, size_t at, struct str path);

/* --- words ------------------------------------------------------------------------------ */

/* A word of a rule: bare if it can be, never one with a meaning of its own. */
static bool put_word(struct cook *cook, struct str text, bool quote)
{
    for (size_t i = 0; i < text.n;) {
        uint32_t cp;
        int n = utf8_decode(text.p + i, text.n - i, &cp);

        if (n <= 0 || cp < 0x20 || (cp >= 0x7f && cp < 0xa0))
            return false;
        quote = quote || !(char_is_alnum(text.p[i]) || memchr("/._-:[]", text.p[i], 7));
        i += (size_t)n;
    }
    buf_putc(&cook->line, ' ');
    if (!quote && text.n) {
        buf_append_str(&cook->line, text);
        return true;
    }
    buf_putc(&cook->line, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_putc(&cook->line, '\\');
        buf_putc(&cook->line, text.p[i]);
    }
    buf_putc(&cook->line, '"');
    return true;
}

static bool is_plain_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!char_is_alnum(name.p[i]) && name.p[i] != '_' && name.p[i] != '-')
            return false;
    return name.n && !str_eq(name, STR("any")) && !str_eq(name, STR("all")) &&
           !str_eq(name, STR("and")) && !str_eq(name, STR("because")) &&
           !str_eq(name, STR("risk")) && !str_eq(name, STR("timeout"));
}

/* " if PATH OP" or " and PATH OP"; the words follow. */
static void begin(struct cook *cook, struct str path, const char *op)
{
    buf_printf(&cook->line, " %s %.*s %s", cook->is_first ? "if" : "and", STR_ARG(path), op);
    cook->is_first = false;
}

/* --- values ----------------------------------------------------------------------------- */

/* Is it in a folder that is narrow enough to be offered? */
static bool folder_of(struct cook *cook, struct arg *arg, char out[PATH_MAX])
{
    const struct policy_world *world = cook->judge.world;
    const struct readings *r = judge_readings(&cook->judge, arg);

    if (r->why || r->is_url || is_glob(arg->text))
        return false;
    struct str real = readings_item(r, r->real);
    size_t n = real.n;
    if (!(r->exists && path_is_folder(r->store + r->items[r->real].at)))
        while (n && real.p[--n] != '/')
            ;
    struct str folder = {real.p, n};
    if (n < 2 || (world->home && path_is_in(str_of(world->home), folder)) ||
            !str_copy(out, PATH_MAX, folder))
        return false;
    for (const char *const *at = world->guarded; at && *at; at++)
        if (path_is_in(str_of(*at), folder))
            return false;
    return true;
}

static bool put_within(struct cook *cook, struct str path, struct arg *arg)
{
    char folder[PATH_MAX];

    if (!folder_of(cook, arg, folder))
        return false;
    begin(cook, path, "within");
    return put_word(cook, str_of(folder), false);
}

static bool put_host(struct cook *cook, struct str path, const struct url *url)
{
    char text[300];
    bool is_v6 = strchr(url->host, ':') != NULL;
    int n = snprintf(
            text, sizeof(text), "%s%s%s", is_v6 ? "[" : "", url->host, is_v6 ? "]" : "");

    if (!url->is_standard_port)
        (void)snprintf(text + n, sizeof(text) - (size_t)n, ":%u", (unsigned)url->port);
    begin(cook, path, "host");
    cook->is_wider = true;
    return put_word(cook, str_of(text), false);
}

static bool cook_string(struct cook *cook, struct arg *arg, struct str path)
{
    bool is_path = judge_look(&cook->judge, arg) == LOOK_PATH && !is_text_name(arg->name);
    struct url url;
    const char *why;

    if (arg->is_broken)
        return false;
    if (cook->width == WIDTH_HOST && url_read(arg->text, &url, &why))
        return put_host(cook, path, &url);
    if (judge_readings(&cook->judge, arg)->is_url)
        is_path = false;
    if (cook->width == WIDTH_DIR && is_path) {
        cook->is_wider = true;
        return put_within(cook, path, arg);
    }
    if (cook->width == WIDTH_DIR && is_text_name(arg->name))
        return true; /* any text */
    begin(cook, path, "is");
    if (!put_word(cook, arg->text, true))
        return false;
    return !is_path || cook->verb == VERDICT_DENY || put_within(cook, path, arg);
}

/* Text only, in whatever depth: free if paths are. */
static bool is_text_only(struct cook *cook, size_t at)
{
    struct arg *items = cook->judge.args.items;

    for (size_t i = at; i < items[at].next; i++)
        if (items[i].kind == ARG_STRING && !is_text_name(items[i].name))
            return false;
    return true;
}

static bool cook_array(struct cook *cook, size_t at, struct str path)
{
    struct arg *items = cook->judge.args.items;
    bool is_paths = items[at].next > at + 1;
    char each[RECIPE_LINE];

    for (size_t i = at + 1; i < items[at].next; i++)
        is_paths = is_paths && items[i].kind == ARG_STRING &&
                   judge_look(&cook->judge, &items[i]) == LOOK_PATH;
    if (cook->width == WIDTH_DIR && is_text_only(cook, at))
        return true;
    if (cook->width != WIDTH_DIR || !is_paths) {
        begin(cook, path, "is");
        return put_word(cook, items[at].text, true);
    }
    cook->is_wider = true;
    int n = snprintf(each, sizeof(each), "%.*s[]", STR_ARG(path));
    if (n >= (int)sizeof(each))
        return false;
    begin(cook, str_of(each), "within");
    for (size_t i = at + 1; i < items[at].next; i++) {
        char folder[PATH_MAX];

        if (!folder_of(cook, &items[i], folder))
            return false;
        if (!put_word(cook, str_of(folder), false))
            return false;
    }
    return true;
}

static bool cook_value(struct cook *cook, size_t at, struct str path)
{
    struct arg *arg = &cook->judge.args.items[at];

    switch (arg->kind) {
    case ARG_STRING:
        return cook_string(cook, arg, path);
    case ARG_OBJECT:
        return cook_object(cook, at, path);
    case ARG_ARRAY:
        return cook_array(cook, at, path);
    case ARG_NUMBER:
        begin(cook, path,
                cook->width == WIDTH_EXACT || cook->verb == VERDICT_DENY ? "is" : "<=");
        buf_printf(&cook->line, " %.*s", STR_ARG(arg->text));
        return true;
    case ARG_NULL:
    case ARG_FALSE:
    case ARG_TRUE:
        begin(cook, path, "is");
        buf_printf(&cook->line, " %.*s", STR_ARG(arg->text));
        return true;
    }
    CHECK_UNREACHABLE();
}

/* Its members, then: no others. */
static bool cook_object(struct cook *cook, size_t at, struct str path)
{
    struct arg *items = cook->judge.args.items;
    bool is_root = at == 0;

    for (size_t i = at + 1; i < items[at].next; i = items[i].next) {
        char member[RECIPE_LINE];
        int n = snprintf(member, sizeof(member), "%.*s%s%.*s", STR_ARG(path),
                is_root ? "" : ".", STR_ARG(items[i].name));

        if (n >= (int)sizeof(member) || !is_plain_name(items[i].name) ||
                !cook_value(cook, i, str_of(member)))
            return false;
    }
    begin(cook, is_root ? STR(".") : path, "only");
    for (size_t i = at + 1; i < items[at].next; i = items[i].next)
        buf_printf(&cook->line, " %.*s", STR_ARG(items[i].name));
    return true;
}

static bool says_the_same(const struct cook *cook, const char *line)
{
    struct verdict verdict;
    struct policy *policy = policy_parse(str_of(line), "recipe", NULL);

    if (!policy)
        return false;
    policy_eval_call(policy, cook->judge.world, cook->judge.call, &verdict, NULL);
    policy_free(policy);
    return verdict.kind == cook->verb && !verdict.by_default;
}

static bool is_plain_target(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!char_is_alnum(name.p[i]) && !memchr("_-.:/@+=~", name.p[i], 9))
            return false;
    return name.n > 0;
}

static bool cook_line(struct cook *cook)
{
    const struct call_request *call = cook->judge.call;
    bool is_empty = cook->judge.args.count == 1;

    if (!is_plain_target(call->server) || !is_plain_target(call->tool) ||
            memchr(call->server.p, '/', call->server.n))
        return false;
    /* Nothing is left open without arguments: then the tool is the exact call. */
    if ((cook->width == WIDTH_TOOL) != is_empty && cook->width != WIDTH_EXACT)
        return false;
    buf_printf(&cook->line, "%s %.*s/%.*s", verdict_name(cook->verb), STR_ARG(call->server),
            STR_ARG(call->tool));
    if (!cook_object(cook, 0, STR("")))
        return false;
    return cook->is_wider || cook->width == WIDTH_EXACT || cook->width == WIDTH_TOOL;
}

bool recipe_call(const struct call_request *call, const struct policy_world *world,
        enum verdict_kind verb, enum width width, char line[RECIPE_LINE])
{
    struct cook cook = {.judge = {.world = world, .call = call},
            .verb = verb,
            .width = width,
            .line = BUF_INIT,
            .is_first = true};
    const char *why;
    bool ok = verb != VERDICT_ASK && args_read(&cook.judge.args, call->arguments, &why) &&
              cook_line(&cook);

    ok = ok && str_copy(line, RECIPE_LINE, buf_str(&cook.line)) && says_the_same(&cook, line);
    if (verb != VERDICT_ASK)
        args_release(&cook.judge.args);
    buf_release(&cook.line);
    return ok;
}
