/*
 * body_content.c - the messages of a request: what the provider would fetch, tools among
 * them, and names of models.
 *
 * Blocks: no. Owns: nothing.
 */
#include "proxy/body_priv.h"

static const char FETCH[] = "the provider would fetch a URL; send the content itself";
static const char MODEL[] = "this model name stands for more than a model";

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
        return s.text.n == 0 || str_starts(s.text, harmless) || body_refuse(pass, 403, FETCH);
    }
    if (c != '{')
        return jscan_skip(&pass->scan);
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_member(&pass->scan, &first, &name);) {
        if (name.escaped)
            return body_refuse(pass, 400, BODY_ODD_NAME);
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
            return body_refuse(pass, 400, BODY_ODD_NAME);
        if (!str_eq_icase(name.text, STR("type")) || jscan_peek(&pass->scan) != '"') {
            if (!body_walk_content(pass))
                return false;
            continue;
        }
        if (!jscan_string(&pass->scan, &type))
            return false;
        if (type.escaped || str_eq(type.text, STR("url")))
            return body_refuse(pass, 403, FETCH);
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
            return body_refuse(pass, 400, BODY_ODD_NAME);
        if (api == API_OPENAI && str_eq_icase(name.text, STR("tools")))
            ok = body_walk_tools(pass, &tally);
        else if (is_opaque(api, name.text))
            ok = jscan_skip(&pass->scan);
        else if (deny && holds_url(api, name.text))
            ok = check_url(pass);
        else if (deny && api == API_ANTHROPIC && str_eq_icase(name.text, STR("source")) &&
                 jscan_peek(&pass->scan) == '{')
            ok = check_source(pass);
        else
            ok = body_walk_content(pass);
        if (!ok)
            return false;
    }
    return !pass->scan.why;
}

bool body_walk_content(struct pass *pass)
{
    char c = jscan_peek(&pass->scan);
    if (c == '{')
        return walk_part(pass);
    if (c != '[')
        return jscan_skip(&pass->scan);
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_element(&pass->scan, &first);) {
        if (!body_walk_content(pass))
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
bool body_check_model(struct pass *pass)
{
    struct jscan_string model;
    char c = jscan_peek(&pass->scan);
    if (pass->rule->deny_model_count == 0 || (c != '"' && c != '['))
        return jscan_skip(&pass->scan);
    if (c == '"') {
        if (!jscan_string(&pass->scan, &model))
            return false;
        if (model.escaped)
            return body_refuse(pass, 400, "a model's name contains an escape");
        for (size_t i = 0; i < pass->rule->deny_model_count; i++) {
            if (contains(model.text, str_of(pass->rule->deny_model[i])))
                return body_refuse(pass, 403, MODEL);
        }
        return true;
    }
    if (!jscan_enter(&pass->scan))
        return false;
    for (bool first = true; jscan_element(&pass->scan, &first);) {
        if (!body_check_model(pass))
            return false;
    }
    return !pass->scan.why;
}
