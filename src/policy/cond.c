/*
 * cond.c - reading conditions.
 */
#include "policy/cond.h"

#include "base/mem.h"
#include "policy/decimal.h"
#include "policy/ere.h"
#include "policy/host.h"

static const char *const op_words[] = {"within", "outside", "host", "is", "matches", "<",
        "<=", ">", ">=", "has", "lacks", "only", "type", NULL};
const char *const cond_type_names[] = {
        "string", "number", "integer", "boolean", "null", "array", "object", NULL};

const char *cond_op_name(enum cond_op op)
{
    return op_words[op];
}

/* --- ARG -------------------------------------------------------------------------------- */

static void add_step(struct cond *cond, struct str name, unsigned elements)
{
    cond->steps = xrealloc(cond->steps, (cond->step_count + 1) * sizeof(*cond->steps));
    cond->steps[cond->step_count++] = (struct arg_step){xstrndup(name.p, name.n), elements};
}

static int parse_step(struct cond *cond, struct str step, struct err *err)
{
    unsigned elements = 0;

    while (str_ends(step, STR("[]"))) {
        step.n -= 2;
        elements++;
    }
    if (step.n == 0)
        return err_set(err, ERR_CONFIG, "a name is missing in '%s'", cond->arg);
    if (memchr(step.p, '[', step.n) || memchr(step.p, '*', step.n))
        return err_set(err, ERR_CONFIG,
                "argument '%s': write a.b, a[], a[].b, . or *; other names in quotes",
                cond->arg);
    add_step(cond, step, elements);
    return 0;
}

static int parse_arg(struct cond *cond, const struct word *word, struct err *err)
{
    struct str rest = word->text;
    struct str step;
    bool more = true;
    char shown[120];
    int rc = 0;

    cond->arg = xstrdup(str_vis(shown, sizeof(shown), word->text));
    cond->root = ROOT_MEMBER;
    if (word->quoted) {
        add_step(cond, word->text, 0);
        return 0;
    }
    if (str_eq(rest, STR("*")) || str_eq(rest, STR("."))) {
        cond->root = rest.p[0] == '*' ? ROOT_EVERYTHING : ROOT_WHOLE;
        return 0;
    }
    while (rc == 0 && more) {
        more = str_cut(&rest, '.', &step);
        rc = parse_step(cond, step, err);
    }
    return rc;
}

/* --- values ----------------------------------------------------------------------------- */

static int parse_host(struct cond_value *value, enum verdict_kind verb, struct err *err)
{
    struct str text = {value->text, value->n};
    char why[200];

    value->pattern = xcalloc(1, sizeof(*value->pattern));
    if (memchr(text.p, '/', text.n))
        return err_set(err, ERR_CONFIG, "a host is written without scheme and path");
    int rc = pattern_parse(STR("*"), text, value->pattern, err);
    bool is_name = value->pattern->kind == HOST_NAME || value->pattern->kind == HOST_ADDRESS;
    if (rc == 0 && verb != VERDICT_DENY && is_name &&
            host_is_forbidden(str_of(value->pattern->host), why, sizeof(why)))
        return err_set(err, ERR_CONFIG, "%s, which is denied by the program itself", why);
    return rc;
}

static int parse_value(struct cond *cond, struct cond_value *value, struct folders *folders,
        enum verdict_kind verb, struct err *err)
{
    struct str text = {value->text, value->n};
    char shown[80];
    int rc = 0;

    value->is_number = !value->quoted && is_decimal(text);
    switch (cond->op) {
    case OP_WITHIN:
    case OP_OUTSIDE:
        rc = folders_add(folders, text, err);
        value->folder = rc < 0 ? 0 : (unsigned)rc;
        return rc < 0 ? rc : 0;
    case OP_HOST:
        return parse_host(value, verb, err);
    case OP_MATCHES:
        value->regex = ere_new(value->text, err);
        return value->regex ? 0 : ERR_CONFIG;
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        if (!value->is_number)
            return err_set(
                    err, ERR_CONFIG, "'%s' is no number", str_vis(shown, sizeof(shown), text));
        return 0;
    case OP_TYPE: {
        struct word word = {text, value->quoted};
        rc = lex_choose(&word, "unknown type", cond_type_names, err);
        value->type = rc < 0 ? 0 : (unsigned)rc;
        return rc < 0 ? rc : 0;
    }
    case OP_IS:
    case OP_HAS:
    case OP_LACKS:
    case OP_ONLY:
        return 0;
    }
    CHECK_UNREACHABLE();
}

static bool values_end(const struct lex *lex)
{
    static const char *const ends[] = {"and", "because", "risk", "timeout"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (lex_next_is(lex, ends[i]))
            return true;
    return false;
}

static int parse_values(struct lex *lex, struct folders *folders, enum verdict_kind verb,
        struct cond *cond, struct err *err)
{
    struct word word;
    int rc = 0;

    while (!values_end(lex)) {
        rc = lex_word(lex, &word, err);
        if (rc <= 0)
            break;
        cond->values = xrealloc(cond->values, (cond->value_count + 1) * sizeof(*cond->values));
        struct cond_value *value = &cond->values[cond->value_count++];
        *value = (struct cond_value){.text = xstrndup(word.text.p, word.text.n),
                .n = word.text.n,
                .quoted = word.quoted};
        rc = parse_value(cond, value, folders, verb, err);
        if (rc < 0)
            break;
    }
    if (rc < 0)
        return rc;
    /* ". only" alone: no arguments. */
    if (cond->value_count == 0 && cond->op != OP_ONLY)
        return err_set(err, ERR_CONFIG, "the condition has no value");
    if (cond->op >= OP_LT && cond->op <= OP_GE && cond->value_count > 1)
        return err_set(err, ERR_CONFIG, "'%s' compares with one number", op_words[cond->op]);
    return 0;
}

static int check_sense(const struct cond *cond, struct err *err)
{
    bool is_path = cond->op == OP_WITHIN || cond->op == OP_OUTSIDE;

    if (cond->root == ROOT_EVERYTHING && !is_path)
        return err_set(err, ERR_CONFIG,
                "* are the paths of a call, for 'within' and 'outside'; name an argument");
    if (cond->root == ROOT_WHOLE && cond->op != OP_HAS && cond->op != OP_LACKS &&
            cond->op != OP_ONLY)
        return err_set(err, ERR_CONFIG,
                ". is the whole of the arguments, for 'has', 'lacks' and 'only'");
    return 0;
}

static int parse_one(struct lex *lex, struct folders *folders, enum verdict_kind verb,
        struct cond *cond, struct err *err)
{
    struct word word;
    int rc = lex_need(lex, &word, "argument name", err);

    if (rc == 0 && !word.quoted &&
            (str_eq(word.text, STR("any")) || str_eq(word.text, STR("all")))) {
        cond->quantifier = word.text.p[1] == 'n' ? QUANT_ANY : QUANT_ALL;
        rc = lex_need(lex, &word, "argument name", err);
    }
    if (rc == 0)
        rc = parse_arg(cond, &word, err);
    if (rc < 0)
        return rc;
    rc = lex_need_choice(lex, "operator", op_words, err);
    if (rc < 0)
        return rc;
    cond->op = (enum cond_op)rc;
    rc = check_sense(cond, err);
    return rc < 0 ? rc : parse_values(lex, folders, verb, cond, err);
}

int conds_parse(struct lex *lex, struct folders *folders, enum verdict_kind verb,
        struct cond **ret, size_t *ret_count, struct err *err)
{
    struct word word;
    int rc;

    for (;;) {
        *ret = xrealloc(*ret, (*ret_count + 1) * sizeof(**ret));
        struct cond *cond = &(*ret)[(*ret_count)++];
        *cond = (struct cond){0};
        rc = parse_one(lex, folders, verb, cond, err);
        if (rc < 0 || !lex_next_is(lex, "and"))
            return rc;
        (void)lex_word(lex, &word, NULL);
    }
}

void conds_free(struct cond *conds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct cond *cond = &conds[i];

        for (size_t j = 0; j < cond->step_count; j++)
            free(cond->steps[j].name);
        for (size_t j = 0; j < cond->value_count; j++) {
            free(cond->values[j].text);
            ere_free(cond->values[j].regex);
            if (cond->values[j].pattern)
                pattern_release(cond->values[j].pattern);
            free(cond->values[j].pattern);
        }
        free(cond->steps);
        free(cond->values);
        free(cond->arg);
    }
    free(conds);
}
