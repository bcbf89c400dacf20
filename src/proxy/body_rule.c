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

#include "proxy/body_priv.h"

static bool walk_request(struct pass *pass);

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
        return body_walk_tools(pass, &request->tools);
    case FIELD_TOOL_CHOICE:
        return body_walk_choice(pass, &request->choice);
    case FIELD_MODEL:
    case FIELD_MODELS:
        return body_check_model(pass);
    case FIELD_TOOL_CONFIG:
    case FIELD_TOOL_CONFIG_2:
    case FIELD_PARALLEL:
        return jscan_skip(&pass->scan);
    case FIELD_FIRST_CONTENT:
        break;
    }
    /* Only OpenAI has tools in there. */
    return pass->rule->deny_urls || pass->rule->api == API_OPENAI ? body_walk_content(pass)
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
            m->is_gone = !body_choice_stays(pass, &request->choice, &request->tools);
        else if (!m->is_gone)
            m->is_gone = all_gone;
        if (!m->is_gone)
            continue;
        if (m->field != FIELD_TOOLS || !all_gone)
            body_note(pass, m->name); /* the tools themselves are noted already */
        bool kept_before = m->index > removed++;
        if (!body_cut(pass, kept_before ? m->prev_end : m->start,
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
        return body_refuse(pass, 400, "not a message that holds one request");
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
    bool inside = body_is_in(pass->rule->inside, pass->rule->inside_count, name->text);
    size_t i;
    m->name = name->text;
    m->is_gone = is_drop(pass, name, &odd);
    for (size_t k = 0; k < pass->rule->inside_count && !inside; k++)
        odd = odd || str_eq_icase(name->text, str_of(pass->rule->inside[k]));
    if (odd)
        return body_refuse(pass, 400, BODY_ODD_NAME);
    if (!body_find_once(pass, name, request_fields, &request->seen, &i))
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
            return body_refuse(pass, 400, BODY_TWICE);
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
                                            : body_refuse(&pass, 400, "not a JSON object");
    if (!ok && !fault->status)
        body_refuse(&pass, 400, pass.scan.why);
    if (ok && pass.cut_count)
        copy_rest(&pass, body, ret);
    free(pass.cuts);
    free(pass.gone);
    if (!ok)
        *change = (struct body_change){0};
    return ok ? 0 : ERR_DENIED;
}
