/*
 * body_rule.c - cutting the provider's own tools out of a request.
 *
 * One walk over the text (base/jscan.h) collects the ranges to leave out; if there are any,
 * the rest is copied. The request's object, the entries of its tools and the parts of its
 * messages are walked into, all else is skipped: schemas and arguments of tools are the
 * agent's business.
 *
 *     request    tools[]         judged one by one (Google: member by member)
 *                tool_choice     goes if what it names goes
 *                drop            members that go
 *                inside          holds a request (messages of a WebSocket)
 *                input, messages, contents
 *                                parts that make the provider fetch something; further tools
 *
 * Blocks: no. Owns: the list of ranges, until the end of body_rule_apply().
 */
#include "proxy/body_rule.h"

#include <stdlib.h>

#include "base/jscan.h"
#include "base/limits.h"
#include "proxy/provider_raw.h"

static const char ODD_NAME[] = "a member's name is spelled in an unusual way";
static const char TWICE[] = "a member appears twice";
static const char NOT_A_LIST[] = "the tools are not a list of objects";
static const char FETCH[] = "the provider would fetch a URL; send the content itself";
static const char MODEL[] = "this model name stands for more than a model";

/* A range of the text that is left out. */
struct cut {
    const char *from, *to; /* borrow from the body */
};

/* What the tools at one place came to. */
struct tally {
    size_t kept, removed;
};

struct pass {
    const struct body_rule *rule; /* borrows */
    struct jscan scan;
    struct cut *cuts; /* owns */
    size_t cut_count;
    struct str *gone; /* owns; names and types of removed tools; borrow from the body */
    size_t gone_count;
    bool is_inside;             /* in the request that a message holds */
    struct body_change *change; /* borrows */
    struct http_fault *fault;   /* borrows; status 0: none yet */
};

static bool walk_request(struct pass *pass);
static bool walk_content(struct pass *pass);
static bool walk_tools(struct pass *pass, struct tally *tally);

static bool refuse(struct pass *pass, int status, const char *reason)
{
    *pass->fault = (struct http_fault){status, reason};
    return false;
}

/* --- what goes ------------------------------------------------------------------------- */

/* The list of names is for people: printable, short, cut with a mark. */
static void note(struct pass *pass, struct str what)
{
    char shown[64];
    char *names = pass->change->names;
    size_t used = strlen(names), room = sizeof(pass->change->names) - used;
    str_vis(shown, sizeof(shown), what);
    pass->change->count++;
    if (used && str_ends(str_of(names), STR(", ..")))
        return;
    if (strlen(shown) + sizeof(", , ..") > room)
        snprintf(names + used, room, ", ..");
    else
        snprintf(names + used, room, "%s%s", used ? ", " : "", shown);
}

static bool cut(struct pass *pass, const char *from, const char *to)
{
    if (pass->cut_count == LIMIT_BODY_CUTS)
        return refuse(pass, 400, "more forbidden tools than a request can need");
    if ((pass->cut_count & (pass->cut_count - 1)) == 0)
        pass->cuts = xrealloc(pass->cuts, (pass->cut_count * 2 + 1) * sizeof(*pass->cuts));
    pass->cuts[pass->cut_count++] = (struct cut){from, to};
    return true;
}

/* cut() bounds how many there can be. */
static void remember_gone(struct pass *pass, struct str what)
{
    if (what.n == 0)
        return;
    pass->gone = xrealloc(pass->gone, (pass->gone_count + 1) * sizeof(*pass->gone));
    pass->gone[pass->gone_count++] = what;
}

static bool is_gone(const struct pass *pass, struct str what)
{
    for (size_t i = 0; i < pass->gone_count; i++) {
        if (str_eq(pass->gone[i], what))
            return true;
    }
    return false;
}

/*
 * Members or elements of one container, in order. A piece goes together with the comma before
 * it, or, while nothing before it stays, with the one behind it.
 */
struct list {
    const char *prev_end; /* of the piece before, borrows */
    bool kept;            /* something before stays */
    bool is_open;         /* the last cut reaches to the next piece */
};

static void list_piece(struct pass *pass, struct list *list, const char *start)
{
    if (list->is_open)
        pass->cuts[pass->cut_count - 1].to = start;
    list->is_open = false;
}

static bool list_judge(struct pass *pass, struct list *list, const char *start, bool keep)
{
    const char *end = pass->scan.p;
    bool ok = keep || cut(pass, list->kept ? list->prev_end : start, end);
    list->is_open = !keep && !list->kept;
    list->kept = list->kept || keep;
    list->prev_end = end;
    return ok;
}

/* --- names ----------------------------------------------------------------------------- */

static bool is_in(char *const *list, size_t count, struct str word)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(str_of(list[i]), word))
            return true;
    }
    return false;
}

static bool keeps(const struct pass *pass, struct str word)
{
    return is_in(pass->rule->keep, pass->rule->keep_count, word);
}

/*
 * The index of a name in a table that ends with NULL, or its length. False: escaped, or like
 * one in the table but for its case, which some readers take for the same.
 */
static bool find_name(struct pass *pass, const struct jscan_string *name,
        const char *const *table, size_t *ret)
{
    size_t i = 0;
    if (name->escaped)
        return refuse(pass, 400, ODD_NAME);
    while (table[i] && !str_eq_icase(name->text, str_of(table[i])))
        i++;
    *ret = i;
    return !table[i] || str_eq(name->text, str_of(table[i])) || refuse(pass, 400, ODD_NAME);
}

static bool find_once(struct pass *pass, const struct jscan_string *name,
        const char *const *table, unsigned *seen, size_t *ret)
{
    if (!find_name(pass, name, table, ret))
        return false;
    if (table[*ret] && (*seen & 1u << *ret))
        return refuse(pass, 400, TWICE);
    *seen |= 1u << *ret;
    return true;
}

/* --- tools ----------------------------------------------------------------------------- */

/* One tool, or a choice of one. */
struct tool {
    bool has_type;         /* a member "type" that is not null */
    struct str type, name; /* empty if no plain string */
    bool is_local;         /* "environment" says so */
    struct tally inner;    /* "tools" in it */
};

/* Empty for anything but a string without escapes. */
static bool read_word(struct pass *pass, struct str *ret)
{
    struct jscan_string s;
    *ret = (struct str){NULL, 0};
    if (jscan_peek(&pass->scan) != '"')
        return jscan_skip(&pass->scan);
    if (!jscan_string(&pass->scan, &s))
        return false;
    if (!s.escaped)
        *ret = s.text;
    return true;
}

static bool read_type(struct pass *pass, struct tool *tool)
{
    tool->has_type = jscan_peek(&pass->scan) != 'n';
    return read_word(pass, &tool->type);
}

/* {"type": "local"} and nothing that makes it something else. */
static bool read_environment(struct pass *pass, bool *ret_local)
{
    static const char *const names[] = {"type", NULL};
    struct jscan_string name;
    struct str type = {NULL, 0};
    unsigned seen = 0;
    size_t i;
    if (jscan_peek(&pass->scan) != '{')
        return jscan_skip(&pass->scan);
    jscan_enter(&pass->scan);
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        if (!find_once(pass, &name, names, &seen, &i) ||
                !(i == 0 ? read_word(pass, &type) : jscan_skip(&pass->scan)))
            return false;
    }
    *ret_local = str_eq(type, STR("local"));
    return !pass->scan.why;
}

static bool tool_stays(const struct pass *pass, const struct tool *tool)
{
    if (!tool->has_type)
        return pass->rule->keep_typeless;
    /* OpenAI's shell runs with the agent or in a container of the provider. */
    if (pass->rule->api == API_OPENAI && str_eq(tool->type, STR("shell")) && !tool->is_local)
        return false;
    return keeps(pass, tool->type);
}

static bool walk_tool(struct pass *pass, bool *keep)
{
    static const char *const names[] = {"type", "name", "tools", "environment", NULL};
    struct jscan_string name;
    struct tool tool = {0};
    unsigned seen = 0;
    size_t i;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        bool ok = find_once(pass, &name, names, &seen, &i);
        if (ok && i == 0)
            ok = read_type(pass, &tool);
        else if (ok && i == 1)
            ok = read_word(pass, &tool.name);
        else if (ok && i == 2)
            ok = walk_tools(pass, &tool.inner);
        else if (ok && i == 3)
            ok = read_environment(pass, &tool.is_local);
        else if (ok)
            ok = jscan_skip(&pass->scan);
        if (!ok)
            return false;
    }
    *keep = tool_stays(pass, &tool);
    if (!*keep) {
        note(pass, tool.type.n ? tool.type : STR("tool"));
        remember_gone(pass, tool.type);
        remember_gone(pass, tool.name);
    }
    return !pass->scan.why;
}

/* Google's tools have no type; each member is a tool of its own. */
static bool walk_google_tool(struct pass *pass, bool *keep)
{
    struct jscan_string name;
    struct list list = {NULL, false, false};
    bool any = false;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        const char *start = name.text.p - 1;
        bool stays = !name.escaped && keeps(pass, name.text);
        any = true;
        list_piece(pass, &list, start);
        if (!jscan_skip(&pass->scan) || !list_judge(pass, &list, start, stays))
            return false;
        if (!stays)
            note(pass, name.text);
    }
    *keep = list.kept || !any;
    return !pass->scan.why;
}

static bool walk_tools(struct pass *pass, struct tally *tally)
{
    struct list list = {NULL, false, false};
    char c = jscan_peek(&pass->scan);
    if (c == 'n')
        return jscan_skip(&pass->scan);
    if (c != '[')
        return refuse(pass, 400, NOT_A_LIST);
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_element(&pass->scan, &first);) {
        bool keep = false;
        if (jscan_peek(&pass->scan) != '{')
            return pass->scan.p == pass->scan.end ? jscan_skip(&pass->scan)
                                                  : refuse(pass, 400, NOT_A_LIST);
        const char *start = pass->scan.p;
        list_piece(pass, &list, start);
        bool ok = jscan_enter(&pass->scan) &&
                  (pass->rule->api == API_GOOGLE ? walk_google_tool(pass, &keep)
                                                 : walk_tool(pass, &keep));
        if (!ok || !list_judge(pass, &list, start, keep))
            return false;
        tally->kept += keep;
        tally->removed += !keep;
    }
    return !pass->scan.why;
}

/* --- the choice of a tool -------------------------------------------------------------- */

struct choice {
    bool is_object;
    struct tool tool;
    struct tally list; /* of an allowed_tools */
};

/* {"type": "function", "function": {"name": N}}, {"type": "allowed_tools", "tools": [...]}
 * and the latter's longer form, all of which may be nested in a member of their own name. */
static bool walk_choice_object(struct pass *pass, struct choice *choice, bool nested)
{
    static const char *const names[] = {
            "type", "name", "tools", "function", "custom", "allowed_tools", NULL};
    struct jscan_string name;
    unsigned seen = 0;
    size_t i;
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        bool ok = find_once(pass, &name, names, &seen, &i);
        if (ok && i == 0 && !nested)
            ok = read_type(pass, &choice->tool);
        else if (ok && i == 1)
            ok = read_word(pass, &choice->tool.name);
        else if (ok && i == 2)
            ok = walk_tools(pass, &choice->list);
        else if (ok && i > 2 && names[i] && !nested && jscan_peek(&pass->scan) == '{')
            ok = walk_choice_object(pass, choice, true);
        else if (ok)
            ok = jscan_skip(&pass->scan);
        if (!ok)
            return false;
    }
    return !pass->scan.why;
}

static bool walk_choice(struct pass *pass, struct choice *choice)
{
    choice->is_object = jscan_peek(&pass->scan) == '{';
    return choice->is_object ? walk_choice_object(pass, choice, false)
                             : jscan_skip(&pass->scan);
}

static bool choice_stays(
        const struct pass *pass, const struct choice *choice, const struct tally *tools)
{
    const struct tool *tool = &choice->tool;
    if (tools->removed && !tools->kept)
        return false;
    if (!choice->is_object)
        return true;
    if (choice->list.removed && !choice->list.kept)
        return false;
    if (pass->rule->api != API_OPENAI)
        return !is_gone(pass, tool->name);
    if (str_eq(tool->type, STR("allowed_tools")))
        return true;
    return keeps(pass, tool->type) && !is_gone(pass, tool->type) && !is_gone(pass, tool->name);
}

/* --- content --------------------------------------------------------------------------- */

/* The agent's own data; nothing in it means anything to the provider. */
static bool is_opaque(enum api_kind api, struct str name)
{
    switch (api) {
    case API_ANTHROPIC:
        return str_eq(name, STR("input"));
    case API_OPENAI:
        return str_eq(name, STR("arguments"));
    case API_GOOGLE:
        return str_eq(name, STR("args")) || str_eq(name, STR("response"));
    case API_NONE:
        break;
    }
    return true;
}

static bool holds_url(enum api_kind api, struct str name)
{
    static const char *const names[][3] = {
            [API_OPENAI] = {"image_url", "file_url"},
            [API_GOOGLE] = {"fileUri", "file_uri"},
    };
    const char *const *list = names[api == API_OPENAI ? API_OPENAI : API_GOOGLE];
    if (api == API_ANTHROPIC)
        return false;
    return str_eq_icase(name, str_of(list[0])) || str_eq_icase(name, str_of(list[1]));
}

/* A string that is content itself, or a file that the provider has already. */
static bool check_url(struct pass *pass)
{
    struct jscan_string s;
    struct jscan_string name;
    struct str harmless = pass->rule->api == API_GOOGLE
                                  ? STR("https://generativelanguage.googleapis.com/")
                                  : STR("data:");
    char c = jscan_peek(&pass->scan);
    if (c == '"') {
        if (!jscan_string(&pass->scan, &s))
            return false;
        return s.text.n == 0 || str_starts(s.text, harmless) || refuse(pass, 403, FETCH);
    }
    if (c != '{')
        return jscan_skip(&pass->scan);
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        if (name.escaped)
            return refuse(pass, 400, ODD_NAME);
        bool is_url = str_eq_icase(name.text, STR("url"));
        if (!(is_url && jscan_peek(&pass->scan) == '"' ? check_url(pass)
                                                       : jscan_skip(&pass->scan)))
            return false;
    }
    return !pass->scan.why;
}

/* Anthropic: {"type": "url", "url": ...} */
static bool check_source(struct pass *pass)
{
    struct jscan_string name, type;
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        if (name.escaped)
            return refuse(pass, 400, ODD_NAME);
        if (!str_eq_icase(name.text, STR("type")) || jscan_peek(&pass->scan) != '"') {
            if (!walk_content(pass))
                return false;
            continue;
        }
        if (!jscan_string(&pass->scan, &type))
            return false;
        if (type.escaped || str_eq(type.text, STR("url")))
            return refuse(pass, 403, FETCH);
    }
    return !pass->scan.why;
}

static bool walk_part(struct pass *pass)
{
    enum api_kind api = pass->rule->api;
    struct jscan_string name;
    struct tally tally = {0, 0};
    bool deny = pass->rule->deny_urls;
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        bool ok;
        if (name.escaped)
            return refuse(pass, 400, ODD_NAME);
        if (api == API_OPENAI && str_eq_icase(name.text, STR("tools")))
            ok = walk_tools(pass, &tally);
        else if (is_opaque(api, name.text))
            ok = jscan_skip(&pass->scan);
        else if (deny && holds_url(api, name.text))
            ok = check_url(pass);
        else if (deny && api == API_ANTHROPIC && str_eq_icase(name.text, STR("source")) &&
                 jscan_peek(&pass->scan) == '{')
            ok = check_source(pass);
        else
            ok = walk_content(pass);
        if (!ok)
            return false;
    }
    return !pass->scan.why;
}

static bool walk_content(struct pass *pass)
{
    char c = jscan_peek(&pass->scan);
    if (c == '{')
        return walk_part(pass);
    if (c != '[')
        return jscan_skip(&pass->scan);
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_element(&pass->scan, &first);) {
        if (!walk_content(pass))
            return false;
    }
    return !pass->scan.why;
}

/* --- models ---------------------------------------------------------------------------- */

static bool contains(struct str text, struct str part)
{
    for (size_t i = 0; i + part.n <= text.n; i++) {
        if (str_eq_icase((struct str){text.p + i, part.n}, part))
            return true;
    }
    return false;
}

/* A name, or a list of them. */
static bool check_model(struct pass *pass)
{
    struct jscan_string model;
    char c = jscan_peek(&pass->scan);
    if (pass->rule->deny_model_count == 0 || (c != '"' && c != '['))
        return jscan_skip(&pass->scan);
    if (c == '"') {
        if (!jscan_string(&pass->scan, &model))
            return false;
        if (model.escaped)
            return refuse(pass, 400, "a model's name contains an escape");
        for (size_t i = 0; i < pass->rule->deny_model_count; i++) {
            if (contains(model.text, str_of(pass->rule->deny_model[i])))
                return refuse(pass, 403, MODEL);
        }
        return true;
    }
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_element(&pass->scan, &first);) {
        if (!check_model(pass))
            return false;
    }
    return !pass->scan.why;
}

/* --- the request ----------------------------------------------------------------------- */

enum field {
    FIELD_TOOLS,
    FIELD_TOOL_CHOICE,
    FIELD_TOOL_CONFIG,
    FIELD_TOOL_CONFIG_2,
    FIELD_PARALLEL,
    FIELD_MODEL,
    FIELD_MODELS,
    FIELD_FIRST_CONTENT
};

static const char *const request_fields[] = {[FIELD_TOOLS] = "tools",
        [FIELD_TOOL_CHOICE] = "tool_choice",
        [FIELD_TOOL_CONFIG] = "toolConfig",
        [FIELD_TOOL_CONFIG_2] = "tool_config",
        [FIELD_PARALLEL] = "parallel_tool_calls",
        [FIELD_MODEL] = "model",
        [FIELD_MODELS] = "models",
        [FIELD_FIRST_CONTENT] = "messages",
        "input",
        "contents",
        "system",
        "systemInstruction",
        "system_instruction",
        NULL};

/* A member that may go; whether it does is known only at the end. */
struct member {
    struct str name;
    const char *prev_end, *start, *end, *next; /* borrow from the body; next may be NULL */
    size_t index;
    enum field field;
    bool is_gone;
};

#define MEMBERS_MAX 64

struct request {
    unsigned seen; /* of request_fields */
    struct tally tools;
    struct choice choice;
    struct member members[MEMBERS_MAX];
    size_t member_count;
};

static bool walk_field(struct pass *pass, struct request *request, enum field field)
{
    switch (field) {
    case FIELD_TOOLS:
        return walk_tools(pass, &request->tools);
    case FIELD_TOOL_CHOICE:
        return walk_choice(pass, &request->choice);
    case FIELD_MODEL:
    case FIELD_MODELS:
        return check_model(pass);
    case FIELD_TOOL_CONFIG:
    case FIELD_TOOL_CONFIG_2:
    case FIELD_PARALLEL:
        return jscan_skip(&pass->scan);
    case FIELD_FIRST_CONTENT:
        break;
    }
    /* Only OpenAI has tools in there. */
    return pass->rule->deny_urls || pass->rule->api == API_OPENAI ? walk_content(pass)
                                                                  : jscan_skip(&pass->scan);
}

/* Cut what goes; both it and what precedes it are known by now. */
static bool request_cut(struct pass *pass, struct request *request)
{
    size_t removed = 0;
    bool all_gone = request->tools.removed && !request->tools.kept;
    for (size_t i = 0; i < request->member_count; i++) {
        struct member *m = &request->members[i];
        if (!m->is_gone && m->field == FIELD_TOOL_CHOICE)
            m->is_gone = !choice_stays(pass, &request->choice, &request->tools);
        else if (!m->is_gone)
            m->is_gone = all_gone;
        if (!m->is_gone)
            continue;
        if (m->field != FIELD_TOOLS || !all_gone)
            note(pass, m->name); /* the tools themselves are noted already */
        bool kept_before = m->index > removed++;
        if (!cut(pass, kept_before ? m->prev_end : m->start,
                    kept_before || !m->next ? m->end : m->next))
            return false;
    }
    return true;
}

static bool is_drop(const struct pass *pass, const struct jscan_string *name, bool *odd)
{
    for (size_t i = 0; i < pass->rule->drop_count; i++) {
        struct str drop = str_of(pass->rule->drop[i]);
        if (str_eq(name->text, drop))
            return true;
        *odd = *odd || str_eq_icase(name->text, drop);
    }
    return false;
}

/* Once; nothing else is a message, and each level takes some kilobytes of stack. */
static bool walk_inside(struct pass *pass)
{
    char c = jscan_peek(&pass->scan);
    if (c == '[' || (c == '{' && pass->is_inside))
        return refuse(pass, 400, "not a message that holds one request");
    if (c != '{')
        return jscan_skip(&pass->scan);
    pass->is_inside = true;
    bool ok = walk_request(pass);
    pass->is_inside = false;
    return ok;
}

static bool walk_member(struct pass *pass, struct request *request,
        const struct jscan_string *name, struct member *m)
{
    bool odd = false;
    bool inside = is_in(pass->rule->inside, pass->rule->inside_count, name->text);
    size_t i;
    m->name = name->text;
    m->is_gone = is_drop(pass, name, &odd);
    for (size_t k = 0; k < pass->rule->inside_count && !inside; k++)
        odd = odd || str_eq_icase(name->text, str_of(pass->rule->inside[k]));
    if (odd)
        return refuse(pass, 400, ODD_NAME);
    if (!find_once(pass, name, request_fields, &request->seen, &i))
        return false;
    m->field = i < FIELD_FIRST_CONTENT ? (enum field)i : FIELD_FIRST_CONTENT;
    if (m->is_gone)
        return jscan_skip(&pass->scan);
    if (inside)
        return walk_inside(pass);
    return request_fields[i] ? walk_field(pass, request, (enum field)i)
                             : jscan_skip(&pass->scan);
}

static bool walk_request(struct pass *pass)
{
    struct request request = {.seen = 0};
    struct jscan_string name;
    const char *prev_end = NULL;
    size_t index = 0;
    struct member *last = NULL;
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_member(&pass->scan, &first, &name); index++) {
        struct member m = {.prev_end = prev_end, .start = name.text.p - 1, .index = index};
        if (last)
            last->next = m.start;
        last = NULL;
        if (!walk_member(pass, &request, &name, &m))
            return false;
        m.end = prev_end = pass->scan.p;
        if (!m.is_gone && m.field > FIELD_PARALLEL)
            continue;
        if (request.member_count == MEMBERS_MAX)
            return refuse(pass, 400, TWICE);
        last = &request.members[request.member_count++];
        *last = m;
    }
    return !pass->scan.why && request_cut(pass, &request);
}

/* --- the whole ------------------------------------------------------------------------- */

static int cut_compare(const void *a, const void *b)
{
    const char *x = ((const struct cut *)a)->from, *y = ((const struct cut *)b)->from;
    return x < y ? -1 : x > y;
}

/* Cuts may lie within others; they never overlap by half. */
static void copy_rest(struct pass *pass, struct str body, struct buf *ret)
{
    const char *at = body.p;
    qsort(pass->cuts, pass->cut_count, sizeof(*pass->cuts), cut_compare);
    for (size_t i = 0; i < pass->cut_count; i++) {
        const struct cut *c = &pass->cuts[i];
        if (c->from > at)
            buf_append(ret, at, (size_t)(c->from - at));
        if (c->to > at)
            at = c->to;
    }
    buf_append(ret, at, (size_t)(body.p + body.n - at));
}

int body_rule_apply(const struct body_rule *rule, struct str body, struct buf *ret,
        struct body_change *change, struct http_fault *fault)
{
    struct pass pass = {.rule = rule, .change = change, .fault = fault};
    *change = (struct body_change){0};
    *fault = (struct http_fault){0, NULL};
    jscan_init(&pass.scan, body);
    bool ok = jscan_peek(&pass.scan) == '{' ? walk_request(&pass) && jscan_end(&pass.scan)
                                            : refuse(&pass, 400, "not a JSON object");
    if (!ok && !fault->status)
        refuse(&pass, 400, pass.scan.why);
    if (ok && pass.cut_count)
        copy_rest(&pass, body, ret);
    free(pass.cuts);
    free(pass.gone);
    if (!ok)
        *change = (struct body_change){0};
    return ok ? 0 : ERR_DENIED;
}

void body_rule_release(struct body_rule *rule)
{
    free(rule->endpoint.pattern);
    provider_strings_free(rule->keep, rule->keep_count);
    provider_strings_free(rule->drop, rule->drop_count);
    provider_strings_free(rule->inside, rule->inside_count);
    provider_strings_free(rule->deny_model, rule->deny_model_count);
    *rule = (struct body_rule){0};
}
