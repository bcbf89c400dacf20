/*
 * import_ironcurtain.c - IronCurtain's compiled rules, tool by tool.
 *
 * There a call is taken apart: each argument has roles, for each role the first rule that
 * matches decides, and the strictest of these verdicts is that of the call. Here a rule sees
 * the whole call. So for every tool the folders and hosts that each argument may have are
 * collected, and one `allow` line demands all of them. An argument that may be left out would
 * not be found by its condition; then there is a line without it, which `only` closes.
 *
 * Stricter than the original: a denied folder stays denied within an allowed one, identifiers
 * are compared with their case, and arguments without an annotation are not let through.
 */
#include "base/json.h"
#include "base/mem.h"
#include "policy/import.h"

#define ARGS_MAX 32
#define OPTIONAL_MAX 3 /* optional arguments with a condition: a line for each subset */

enum kind { KIND_OPAQUE, KIND_PATH, KIND_URL, KIND_WORD };

struct role {
    const char *name;
    enum kind kind;
};
static const struct role roles[] = {{"read-path", KIND_PATH}, {"write-path", KIND_PATH},
        {"delete-path", KIND_PATH}, {"write-history", KIND_PATH}, {"delete-history", KIND_PATH},
        {"fetch-url", KIND_URL}, {"git-remote-url", KIND_URL}, {"proxy-domain", KIND_URL},
        {"github-owner", KIND_WORD}, {"github-repo", KIND_WORD}};

struct arg_plan {
    const char *name; /* borrows */
    const json_t *roles[8];
    size_t role_count;
    enum kind kind;
    bool is_list, is_required;
    bool is_open, asks; /* allowed, or asked about, whatever it is */
    struct buf allowed; /* words of its condition */
};

struct plan {
    const char *server, *tool; /* borrow */
    const json_t *compiled;    /* borrows */
    struct arg_plan args[ARGS_MAX];
    size_t count;
    bool bare_allows, bare_asks; /* of a tool without such arguments */
    struct buf *out;             /* borrows */
    struct buf asks;             /* ask lines with conditions */
};

/* --- pieces ----------------------------------------------------------------------------- */

static bool has(const json_t *list, const char *word)
{
    const json_t *item;
    size_t i;

    json_array_foreach(
            list, i, item) if (json_is_string(item) &&
                               strcmp(json_string_value(item), word) == 0) return true;
    return false;
}

static enum kind kind_of(const char *role)
{
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (strcmp(role, roles[i].name) == 0)
            return roles[i].kind;
    return strncmp(role, "email-", 6) == 0 ? KIND_WORD : KIND_OPAQUE;
}

static bool arg_has_role(const struct arg_plan *arg, const json_t *list)
{
    const json_t *role;
    size_t j;

    for (size_t i = 0; i < arg->role_count; i++)
        json_array_foreach(
                arg->roles[i], j, role) if (json_is_string(role) &&
                                            has(list, json_string_value(role))) return true;
    return false;
}

static void put_word(struct buf *out, const char *word)
{
    buf_puts(out, " \"");
    for (; *word; word++) {
        if (*word == '"' || *word == '\\')
            buf_putc(out, '\\');
        buf_putc(out, (unsigned char)*word < 0x20 ? '?' : *word);
    }
    buf_putc(out, '"');
}

/* "*.x" is x too, there. The values of a list (@name) are in a third file; without it the list
 * is empty, which allows nothing. */
static void put_words(struct buf *out, const json_t *list, bool are_hosts)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        const char *word = json_string_value(item);

        if (!word || word[0] == '@')
            continue;
        put_word(out, word);
        if (are_hosts && strncmp(word, "*.", 2) == 0)
            put_word(out, word + 2);
    }
}

static int check_fields(const json_t *object, const char *const *known, struct err *err)
{
    const char *name;
    json_t *value;
    char shown[60];

    json_object_foreach((json_t *)object, name, value)
    {
        bool found = false;

        for (size_t i = 0; known[i]; i++)
            found = found || strcmp(name, known[i]) == 0;
        if (!found)
            return err_set(err, ERR_CONFIG, "unknown field '%s' in a rule",
                    str_vis(shown, sizeof(shown), str_of(name)));
    }
    return 0;
}

static int check_rule(const json_t *rule, struct err *err)
{
    static const char *const fields[] = {
            "name", "description", "principle", "if", "then", "reason", NULL};
    static const char *const conditions[] = {
            "server", "tool", "roles", "paths", "domains", "lists", NULL};
    static const char *const paths[] = {"roles", "within", NULL};
    static const char *const domains[] = {"roles", "allowed", NULL};
    static const char *const lists[] = {"roles", "allowed", "matchType", NULL};
    const json_t *conds = json_object_get(rule, "if");
    const char *then = json_string_value(json_object_get(rule, "then"));
    const json_t *item;
    size_t i;
    int rc = check_fields(rule, fields, err);

    if (rc == 0)
        rc = check_fields(conds, conditions, err);
    if (rc == 0)
        rc = check_fields(json_object_get(conds, "paths"), paths, err);
    if (rc == 0)
        rc = check_fields(json_object_get(conds, "domains"), domains, err);
    json_array_foreach(json_object_get(conds, "lists"), i, item) if (rc == 0) rc =
            check_fields(item, lists, err);
    if (rc == 0 && (!json_is_object(conds) || !then ||
                           (strcmp(then, "allow") != 0 && strcmp(then, "deny") != 0 &&
                                   strcmp(then, "escalate") != 0)))
        rc = err_set(err, ERR_CONFIG,
                "a rule without \"if\", or \"then\" is none of allow, deny, "
                "escalate");
    return rc;
}

/* --- one tool --------------------------------------------------------------------------- */

/* The condition of the rule on this argument, as words behind within, host or is. 0: the rule
 * is not about it; 1: about whatever it is; 2: about what *ret says. */
static int condition_on(const json_t *conds, const struct arg_plan *arg, struct buf *ret)
{
    const json_t *only = json_object_get(conds, "roles");
    const json_t *paths = json_object_get(conds, "paths");
    const json_t *domains = json_object_get(conds, "domains");
    const json_t *lists = json_object_get(conds, "lists");
    const json_t *item;
    size_t i;

    if (only && !arg_has_role(arg, only))
        return 0;
    if (!paths && !domains && !lists)
        return 1;
    if (paths && arg->kind == KIND_PATH && arg_has_role(arg, json_object_get(paths, "roles"))) {
        const char *within = json_string_value(json_object_get(paths, "within"));
        if (!within)
            return 0;
        put_word(ret, within);
        return 2;
    }
    if (domains && arg->kind == KIND_URL &&
            arg_has_role(arg, json_object_get(domains, "roles"))) {
        put_words(ret, json_object_get(domains, "allowed"), true);
        return buf_len(ret) ? 2 : 0;
    }
    json_array_foreach(lists, i, item)
    {
        if (arg->kind != KIND_URL && arg->kind != KIND_WORD)
            continue;
        if (arg_has_role(arg, json_object_get(item, "roles")))
            put_words(ret, json_object_get(item, "allowed"), arg->kind == KIND_URL);
    }
    return buf_len(ret) ? 2 : 0;
}

static const char *op_of(const struct arg_plan *arg)
{
    return arg->kind == KIND_PATH ? "within" : arg->kind == KIND_URL ? "host" : "is";
}

static void put_because(struct buf *out, const json_t *rule)
{
    const char *reason = json_string_value(json_object_get(rule, "reason"));
    char cut[230];

    if (!reason || !*reason)
        return;
    buf_puts(out, "  because");
    put_word(out, str_vis(cut, sizeof(cut), str_of(reason)));
}

static void put_line(struct buf *out, const struct plan *plan, const char *verb,
        const struct arg_plan *arg, struct str words, const json_t *rule)
{
    buf_printf(out, "%-5s %s/%s if \"%s\" %s%.*s", verb, plan->server, plan->tool, arg->name,
            op_of(arg), STR_ARG(words));
    put_because(out, rule);
    buf_putc(out, '\n');
}

/* True when nothing that follows can be about the argument. */
static bool apply(struct plan *plan, struct arg_plan *arg, const json_t *rule)
{
    const json_t *conds = json_object_get(rule, "if");
    const char *then = json_string_value(json_object_get(rule, "then"));
    struct buf words = BUF_INIT;
    int about = condition_on(conds, arg, &words);

    if (about == 1) {
        arg->is_open = strcmp(then, "allow") == 0;
        arg->asks = strcmp(then, "escalate") == 0;
    } else if (about == 2) {
        if (strcmp(then, "allow") == 0)
            buf_append_str(&arg->allowed, buf_str(&words));
        else if (strcmp(then, "deny") == 0)
            put_line(plan->out, plan, "deny", arg, buf_str(&words), rule);
        else
            put_line(&plan->asks, plan, "ask", arg, buf_str(&words), rule);
    }
    buf_release(&words);
    return about == 1;
}

static bool is_about(const struct plan *plan, const json_t *rule)
{
    const json_t *conds = json_object_get(rule, "if");
    const json_t *servers = json_object_get(conds, "server");
    const json_t *tools = json_object_get(conds, "tool");

    return (!servers || has(servers, plan->server)) && (!tools || has(tools, plan->tool));
}

static void apply_rules(struct plan *plan)
{
    const json_t *rules = json_object_get(plan->compiled, "rules");
    const json_t *rule;
    size_t i;
    bool has_resource = false;

    for (size_t a = 0; a < plan->count; a++) {
        struct arg_plan *arg = &plan->args[a];

        if (arg->kind == KIND_OPAQUE)
            continue;
        has_resource = true;
        json_array_foreach(
                rules, i, rule) if (is_about(plan, rule) && apply(plan, arg, rule)) break;
        if (arg->kind == KIND_PATH && !arg->is_open &&
                (strcmp(plan->server, "filesystem") == 0 || strcmp(plan->server, "git") == 0))
            buf_puts(&arg->allowed, " $WS"); /* their sandbox */
    }
    json_array_foreach(rules, i, rule)
    {
        const json_t *conds = json_object_get(rule, "if");
        const char *then = json_string_value(json_object_get(rule, "then"));

        if (has_resource || !is_about(plan, rule) || json_object_get(conds, "paths") ||
                json_object_get(conds, "domains") || json_object_get(conds, "lists") ||
                json_object_get(conds, "roles"))
            continue;
        plan->bare_allows = strcmp(then, "allow") == 0;
        plan->bare_asks = strcmp(then, "escalate") == 0;
        break;
    }
}

static bool is_plain_path(const struct arg_plan *arg)
{
    for (const char *c = arg->name; *c; c++)
        if (!char_is_alnum(*c) && *c != '_' && *c != '-')
            return false;
    return arg->name[0] && strcmp(arg->name, "any") != 0 && strcmp(arg->name, "all") != 0;
}

/* The line for calls that have all arguments but those in `without` (bits of optional ones). */
static void put_allow(const struct plan *plan, unsigned without)
{
    struct buf *out = plan->out;
    unsigned optional = 0;
    bool skip[ARGS_MAX] = {false};
    const char *glue = "if";

    buf_printf(out, "allow %s/%s", plan->server, plan->tool);
    for (size_t i = 0; i < plan->count; i++) {
        const struct arg_plan *arg = &plan->args[i];

        if (arg->kind == KIND_OPAQUE || arg->is_open)
            continue;
        if (!arg->is_required && without & 1u << optional++) {
            skip[i] = true;
            continue;
        }
        buf_printf(out, " %s %s%s %s%.*s", glue, arg->name, arg->is_list ? "[]" : "",
                op_of(arg), STR_ARG(buf_str(&arg->allowed)));
        glue = "and";
    }
    buf_printf(out, " %s . only", glue);
    for (size_t i = 0; i < plan->count; i++)
        if (!skip[i])
            put_word(out, plan->args[i].name);
    buf_putc(out, '\n');
}

static void put_tool(const struct plan *plan)
{
    unsigned optional = 0;
    bool can_allow = true;
    bool asks = plan->bare_asks;
    bool has_resource = false;

    for (size_t i = 0; i < plan->count; i++) {
        const struct arg_plan *arg = &plan->args[i];

        if (arg->kind == KIND_OPAQUE)
            continue;
        has_resource = true;
        asks = asks || arg->asks;
        if (arg->is_open)
            continue;
        can_allow = can_allow && buf_len(&arg->allowed) > 0 && is_plain_path(arg);
        optional += !arg->is_required;
    }
    buf_append_str(plan->out, buf_str(&plan->asks));
    if (!has_resource)
        can_allow = plan->bare_allows;
    if (can_allow && optional > OPTIONAL_MAX)
        buf_printf(plan->out,
                "# %s/%s has many optional arguments: only calls with all of them\n",
                plan->server, plan->tool);
    unsigned lines = can_allow ? optional > OPTIONAL_MAX ? 1 : 1u << optional : 0;
    for (unsigned without = 0; without < lines; without++)
        put_allow(plan, without);
    if (asks)
        buf_printf(plan->out, "ask   %s/%s\n", plan->server, plan->tool);
}

/* --- annotations ------------------------------------------------------------------------- */

/* A list of roles, or {default, when: [{condition, roles}]}, of which all count. */
static void read_roles(struct arg_plan *arg, const json_t *value)
{
    const json_t *when;
    const json_t *role;
    size_t i;

    if (json_is_array(value)) {
        arg->roles[arg->role_count++] = value;
    } else {
        if (json_is_array(json_object_get(value, "default")))
            arg->roles[arg->role_count++] = json_object_get(value, "default");
        json_array_foreach(json_object_get(value, "when"), i, when) if (arg->role_count < 8)
                arg->roles[arg->role_count++] = json_object_get(when, "roles");
    }
    for (size_t n = 0; n < arg->role_count; n++)
        json_array_foreach(arg->roles[n], i, role)
        {
            enum kind kind =
                    json_is_string(role) ? kind_of(json_string_value(role)) : KIND_OPAQUE;
            if (kind != KIND_OPAQUE)
                arg->kind = kind;
        }
}

static int read_tool(struct plan *plan, const json_t *tool, struct err *err)
{
    const json_t *schema = json_object_get(tool, "inputSchema");
    const char *name;
    json_t *value;

    plan->tool = json_string_value(json_object_get(tool, "toolName"));
    if (!plan->tool || strpbrk(plan->tool, " \t\",*#") || strpbrk(plan->server, " \t\",*#/"))
        return err_set(err, ERR_CONFIG, "a tool without a usable name in the annotations");
    json_object_foreach(json_object_get(tool, "args"), name, value)
    {
        const json_t *property = json_object_get(json_object_get(schema, "properties"), name);

        if (plan->count == ARGS_MAX)
            return err_set(err, ERR_LIMIT, "tool '%s' has more than %d arguments", plan->tool,
                    ARGS_MAX);
        struct arg_plan *arg = &plan->args[plan->count++];
        arg->name = name;
        arg->is_required = has(json_object_get(schema, "required"), name);
        const char *type = json_string_value(json_object_get(property, "type"));
        arg->is_list = type && strcmp(type, "array") == 0;
        read_roles(arg, value);
    }
    return 0;
}

static int import_tool(const json_t *compiled, const char *server, const json_t *tool,
        struct buf *out, struct err *err)
{
    struct plan *plan = xcalloc(1, sizeof(*plan));

    plan->server = server;
    plan->compiled = compiled;
    plan->out = out;
    int rc = read_tool(plan, tool, err);
    if (rc == 0) {
        apply_rules(plan);
        put_tool(plan);
    }
    for (size_t i = 0; i < plan->count; i++)
        buf_release(&plan->args[i].allowed);
    buf_release(&plan->asks);
    free(plan);
    return rc;
}

static int import_all(
        const json_t *compiled, const json_t *annotations, struct buf *out, struct err *err)
{
    const char *server;
    const json_t *rule;
    json_t *value;
    size_t i;
    int rc = 0;

    if (!json_is_array(json_object_get(compiled, "rules")) ||
            !json_is_object(json_object_get(annotations, "servers")))
        return err_set(err, ERR_CONFIG, "there are no \"rules\", or no \"servers\"");
    json_array_foreach(json_object_get(compiled, "rules"), i, rule) if (rc == 0) rc =
            check_rule(rule, err);
    buf_puts(out, "default mcp deny\n");
    json_object_foreach(json_object_get(annotations, "servers"), server, value)
    {
        const json_t *tool;

        buf_putc(out, '\n');
        json_array_foreach(json_object_get(value, "tools"), i, tool) if (rc == 0) rc =
                import_tool(compiled, server, tool, out, err);
    }
    return rc;
}

int import_ironcurtain(
        struct str compiled, struct str annotations, struct buf *ret, struct err *err)
{
    json_error_t why;
    json_t *rules = json_loadb(compiled.p, compiled.n, JSON_REJECT_DUPLICATES, &why);
    json_t *tools =
            rules ? json_loadb(annotations.p, annotations.n, JSON_REJECT_DUPLICATES, &why)
                  : NULL;
    int rc = rules && tools ? import_all(rules, tools, ret, err)
                            : err_set(err, ERR_CONFIG, "%s, line %d: %s",
                                      rules ? "annotations" : "rules", why.line, why.text);
    json_decref(rules);
    json_decref(tools);
    return rc;
}
