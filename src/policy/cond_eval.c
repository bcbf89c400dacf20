/*
 * cond_eval.c - does a condition hold for a call? True, false or cannot tell.
 *
 * What each operator makes of one value is a function; what several values come to is told
 * once, in `sum_up`.
 */
#include "base/mem.h"
#include "policy/decimal.h"
#include "policy/ere.h"
#include "policy/judge.h"
#include "policy/url.h"

/* Text longer than this is not matched against a pattern: it would take too long. */
#define MATCHED_MAX (64 * 1024)

struct tally {
    unsigned yes, no, unknown;
    unsigned words; /* yes about what may be no path at all */
};

struct test {
    struct judge *judge;
    const struct cond *cond;
    enum verdict_kind verb;
    struct tally tally;
};

static enum match value_match(struct test *test, struct arg *arg);

static void count(struct tally *tally, enum match match)
{
    tally->yes += match == MATCH_YES;
    tally->no += match == MATCH_NO;
    tally->unknown += match == MATCH_UNKNOWN;
}

static enum match negate(enum match match)
{
    return match == MATCH_UNKNOWN ? match : match == MATCH_YES ? MATCH_NO : MATCH_YES;
}

static enum match is_true(bool value)
{
    return value ? MATCH_YES : MATCH_NO;
}

/* --- paths ------------------------------------------------------------------------------ */

static bool is_in_folder(struct test *test, struct str path, bool as_glob)
{
    const struct cond *cond = test->cond;

    for (size_t i = 0; i < cond->value_count; i++) {
        const struct folder_look *look = folders_look(
                test->judge->policy->folders, cond->values[i].folder, test->judge->world);

        if (look->is_nowhere)
            continue;
        if (as_glob ? glob_touches(path, look->text) || glob_touches(path, look->real)
                    : path_is_in(path, look->text) ||
                                (look->is_moved && path_is_in(path, look->real)))
            return true;
    }
    return false;
}

static enum match readings_within(struct test *test, const struct readings *r)
{
    size_t in = 0;

    for (size_t i = 0; i < r->count; i++)
        in += is_in_folder(test, readings_item(r, i), false);
    return in == 0 ? MATCH_NO : in == r->count ? MATCH_YES : MATCH_UNKNOWN;
}

/* `is_prose`: what the text may mean beyond what it says does not count. */
static enum match path_match(
        struct test *test, const struct readings *r, struct str text, bool is_prose)
{
    bool is_named = test->cond->root == ROOT_MEMBER;
    enum match match = readings_within(test, r);

    if (is_prose)
        return match == MATCH_UNKNOWN && r->why ? MATCH_UNKNOWN : match;
    if (r->why)
        return MATCH_UNKNOWN;
    if (r->is_url)
        return is_named || match != MATCH_NO ? MATCH_UNKNOWN : MATCH_NO;
    if (r->exists || !is_glob(text))
        return match;
    if (match == MATCH_YES && (memchr(text.p, '*', text.n) || memchr(text.p, '?', text.n)))
        return MATCH_UNKNOWN; /* it may name a link that leads out */
    for (size_t i = 0; match == MATCH_NO && i < r->count; i++)
        if (is_in_folder(test, readings_item(r, i), true))
            return MATCH_UNKNOWN;
    return match;
}

static enum match turned(const struct test *test, enum match match)
{
    return test->cond->op == OP_OUTSIDE ? negate(match) : match;
}

static enum match named_path(struct test *test, struct arg *arg)
{
    if (arg->kind != ARG_STRING)
        return MATCH_UNKNOWN;
    arg->is_judged = arg->is_judged || test->judge->is_marking;
    return turned(test, path_match(test, judge_readings(test->judge, arg), arg->text, false));
}

static void every_string(struct test *test, struct arg *arg)
{
    enum arg_look look = judge_look(test->judge, arg);
    bool allows = test->verb == VERDICT_ALLOW;

    if (look == LOOK_TEXT || (look == LOOK_WORD && !allows))
        return;
    const struct readings *r = judge_readings(test->judge, arg);
    if (r->is_url && !allows && test->cond->op == OP_OUTSIDE)
        return;
    /* Running text is never sent in another form. */
    arg->is_judged = arg->is_judged || (test->judge->is_marking && look == LOOK_PATH);
    enum match match = turned(test, path_match(test, r, arg->text, look == LOOK_PROSE));
    if (look == LOOK_WORD && match == MATCH_YES)
        test->tally.words++;
    else
        count(&test->tally, match);
}

static void every_name(struct test *test, struct arg *arg)
{
    enum arg_look look = judge_look_at_name(arg);

    if (look != LOOK_PATH && look != LOOK_PROSE)
        return;
    struct readings *r = readings_new(test->judge->world, arg->name);
    count(&test->tally, turned(test, path_match(test, r, arg->name, look == LOOK_PROSE)));
    readings_free(r);
}

static void everything(struct test *test)
{
    struct args *args = &test->judge->args;

    for (size_t i = 1; i < args->count; i++) {
        if (args->items[i].is_member)
            every_name(test, &args->items[i]);
        if (args->items[i].kind == ARG_STRING)
            every_string(test, &args->items[i]);
    }
}

/* --- hosts, numbers, patterns ------------------------------------------------------------- */

static enum match host_match(const struct cond *cond, const struct arg *arg)
{
    enum match match = MATCH_NO;
    struct url url;
    const char *why;

    if (arg->kind != ARG_STRING || arg->is_broken || !url_read(arg->text, &url, &why))
        return MATCH_UNKNOWN;
    for (size_t i = 0; i < cond->value_count; i++) {
        const struct pattern *pattern = cond->values[i].pattern;

        if (!pattern_takes_host(pattern, str_of(url.host)) ||
                (url.is_address && pattern->kind != HOST_ADDRESS))
            continue;
        if (pattern->port ? pattern->port == url.port : url.is_standard_port)
            return MATCH_YES;
        if (!pattern->port)
            match = MATCH_UNKNOWN;
    }
    return match;
}

static enum match number_match(const struct cond *cond, const struct arg *arg)
{
    struct str limit = {cond->values[0].text, cond->values[0].n};
    int order;

    if (arg->kind != ARG_NUMBER || !decimal_compare(arg->text, limit, &order))
        return MATCH_UNKNOWN;
    switch (cond->op) {
    case OP_LT:
        return is_true(order < 0);
    case OP_LE:
        return is_true(order <= 0);
    case OP_GT:
        return is_true(order > 0);
    default:
        return is_true(order >= 0);
    }
}

static enum match pattern_match_text(const struct cond *cond, const struct arg *arg)
{
    enum match match = MATCH_NO;
    char few[512];
    char *text = few;

    if (arg->kind != ARG_STRING || arg->is_broken || arg->text.n > MATCHED_MAX ||
            (arg->text.n && memchr(arg->text.p, '\0', arg->text.n)))
        return MATCH_UNKNOWN;
    if (arg->text.n >= sizeof(few))
        text = xmalloc(arg->text.n + 1);
    (void)str_copy(text, arg->text.n + 1, arg->text);
    for (size_t i = 0; i < cond->value_count && match != MATCH_YES; i++) {
        enum ere_match one = ere_match(cond->values[i].regex, text);

        if (one != ERE_NO)
            match = one == ERE_YES ? MATCH_YES : MATCH_UNKNOWN;
    }
    if (text != few)
        free(text);
    return match;
}

/* --- equality --------------------------------------------------------------------------- */

static enum match string_is(const struct arg *arg, const struct cond_value *value)
{
    struct str word = {value->text, value->n};

    if (arg->is_broken)
        return MATCH_UNKNOWN;
    if (value->quoted || !value->is_number) {
        bool is_word =
                !value->quoted && (str_eq(word, STR("true")) || str_eq(word, STR("false")) ||
                                          str_eq(word, STR("null")));
        if (!is_word)
            return is_true(str_eq(arg->text, word));
        /* A text where a boolean is expected: who reads it decides. */
        return str_eq(word, STR("null")) ? is_true(false) : MATCH_UNKNOWN;
    }
    return is_decimal(arg->text) ? MATCH_UNKNOWN : MATCH_NO;
}

static enum match bare_is(const struct arg *arg, const struct cond_value *value)
{
    struct str word = {value->text, value->n};
    bool is_boolean = str_eq(word, STR("true")) || str_eq(word, STR("false"));
    int order;

    if (value->quoted)
        return str_eq(arg->text, word) ? MATCH_UNKNOWN : MATCH_NO;
    if (arg->kind == ARG_NULL || !is_boolean)
        return arg->kind == ARG_NUMBER && value->is_number
                       ? decimal_compare(arg->text, word, &order) ? is_true(order == 0)
                                                                  : MATCH_UNKNOWN
                       : is_true(str_eq(arg->text, word));
    if (arg->kind == ARG_NUMBER)
        return MATCH_UNKNOWN; /* 1 is true to many */
    return is_true(str_eq(arg->text, word));
}

/* An array or object is what a value says in JSON, blanks included. */
static enum match is_value(const struct cond *cond, const struct arg *arg)
{
    enum match match = MATCH_NO;

    for (size_t i = 0; i < cond->value_count && match != MATCH_YES; i++) {
        const struct cond_value *value = &cond->values[i];
        enum match one;

        if (arg->kind == ARG_STRING)
            one = string_is(arg, value);
        else if (arg->kind == ARG_ARRAY || arg->kind == ARG_OBJECT)
            one = str_eq(arg->text, (struct str){value->text, value->n}) ? MATCH_YES
                                                                         : MATCH_UNKNOWN;
        else
            one = bare_is(arg, value);
        match = one > match ? one : match;
    }
    return match;
}

/* --- members and types ------------------------------------------------------------------ */

static bool is_named(const struct cond *cond, struct str name, bool *ret_nearly)
{
    for (size_t i = 0; i < cond->value_count; i++) {
        struct str word = {cond->values[i].text, cond->values[i].n};

        if (str_eq(word, name))
            return true;
        *ret_nearly = *ret_nearly || str_eq_icase(word, name);
    }
    return false;
}

static enum match object_has(struct test *test, const struct arg *object)
{
    struct arg *items = test->judge->args.items;
    bool nearly = false;

    for (size_t i = (size_t)(object - items) + 1; i < object->next; i = items[i].next)
        if (is_named(test->cond, items[i].name, &nearly))
            return MATCH_YES;
    return nearly ? MATCH_UNKNOWN : MATCH_NO;
}

static enum match array_has(struct test *test, const struct arg *array)
{
    struct arg *items = test->judge->args.items;
    enum match match = MATCH_NO;

    for (size_t i = (size_t)(array - items) + 1; i < array->next; i = items[i].next) {
        enum match one = is_value(test->cond, &items[i]);
        match = one > match ? one : match;
    }
    return match;
}

static enum match string_has(const struct cond *cond, const struct arg *arg)
{
    for (size_t i = 0; i < cond->value_count; i++)
        if (memmem(arg->text.p, arg->text.n, cond->values[i].text, cond->values[i].n))
            return MATCH_YES;
    return arg->is_broken ? MATCH_UNKNOWN : MATCH_NO;
}

static enum match has(struct test *test, const struct arg *arg)
{
    switch (arg->kind) {
    case ARG_OBJECT:
        return object_has(test, arg);
    case ARG_ARRAY:
        return array_has(test, arg);
    case ARG_STRING:
        return string_has(test->cond, arg);
    case ARG_NULL:
    case ARG_FALSE:
    case ARG_TRUE:
    case ARG_NUMBER:
        return MATCH_UNKNOWN;
    }
    CHECK_UNREACHABLE();
}

static enum match has_only(struct test *test, const struct arg *arg)
{
    struct arg *items = test->judge->args.items;
    bool nearly = false;

    if (arg->kind != ARG_OBJECT)
        return MATCH_UNKNOWN;
    for (size_t i = (size_t)(arg - items) + 1; i < arg->next; i = items[i].next)
        if (!is_named(test->cond, items[i].name, &nearly))
            return MATCH_NO;
    return MATCH_YES;
}

static bool is_of_type(const struct arg *arg, enum cond_type type)
{
    switch (type) {
    case TYPE_STRING:
        return arg->kind == ARG_STRING;
    case TYPE_NUMBER:
        return arg->kind == ARG_NUMBER;
    case TYPE_INTEGER:
        return arg->kind == ARG_NUMBER && decimal_is_integer(arg->text);
    case TYPE_BOOLEAN:
        return arg->kind == ARG_TRUE || arg->kind == ARG_FALSE;
    case TYPE_NULL:
        return arg->kind == ARG_NULL;
    case TYPE_ARRAY:
        return arg->kind == ARG_ARRAY;
    case TYPE_OBJECT:
        return arg->kind == ARG_OBJECT;
    }
    CHECK_UNREACHABLE();
}

static enum match type_match(const struct cond *cond, const struct arg *arg)
{
    for (size_t i = 0; i < cond->value_count; i++)
        if (is_of_type(arg, (enum cond_type)cond->values[i].type))
            return MATCH_YES;
    return MATCH_NO;
}

static enum match value_match(struct test *test, struct arg *arg)
{
    const struct cond *cond = test->cond;

    switch (cond->op) {
    case OP_WITHIN:
    case OP_OUTSIDE:
        return named_path(test, arg);
    case OP_HOST:
        return host_match(cond, arg);
    case OP_IS:
        return is_value(cond, arg);
    case OP_MATCHES:
        return pattern_match_text(cond, arg);
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        return number_match(cond, arg);
    case OP_HAS:
        return has(test, arg);
    case OP_LACKS:
        return negate(has(test, arg));
    case OP_ONLY:
        return has_only(test, arg);
    case OP_TYPE:
        return type_match(cond, arg);
    }
    CHECK_UNREACHABLE();
}

/* --- which values ------------------------------------------------------------------------ */

static void select_values(struct test *test, size_t at, size_t step, unsigned elements)
{
    struct arg *items = test->judge->args.items;
    const struct cond *cond = test->cond;

    if (elements) {
        if (items[at].kind != ARG_ARRAY)
            test->tally.unknown++;
        else
            for (size_t i = at + 1; i < items[at].next; i = items[i].next)
                select_values(test, i, step, elements - 1);
        return;
    }
    if (step == cond->step_count) {
        count(&test->tally, value_match(test, &items[at]));
        return;
    }
    if (items[at].kind != ARG_OBJECT) {
        test->tally.unknown++;
        return;
    }
    struct str name = str_of(cond->steps[step].name);
    for (size_t i = at + 1; i < items[at].next; i = items[i].next) {
        if (str_eq(items[i].name, name))
            select_values(test, i, step + 1, cond->steps[step].elements);
        else if (str_eq_icase(items[i].name, name))
            test->tally.unknown++; /* some servers do not care about case */
    }
}

static enum match sum_up(const struct test *test)
{
    const struct tally *t = &test->tally;
    enum quantifier quantifier = test->cond->quantifier;

    if (quantifier == QUANT_BY_VERB)
        quantifier = test->verb == VERDICT_ALLOW ? QUANT_ALL : QUANT_ANY;
    /* What is not there lacks everything. */
    if (test->cond->op == OP_LACKS && t->yes + t->no + t->unknown == 0)
        return MATCH_YES;
    if (quantifier == QUANT_ANY)
        return t->yes ? MATCH_YES : t->unknown ? MATCH_UNKNOWN : MATCH_NO;
    return t->no ? MATCH_NO : t->unknown ? MATCH_UNKNOWN : is_true(t->yes > 0);
}

enum match cond_match(struct judge *judge, const struct cond *cond, enum verdict_kind verb)
{
    struct test test = {.judge = judge, .cond = cond, .verb = verb};

    switch (cond->root) {
    case ROOT_EVERYTHING:
        everything(&test);
        break;
    case ROOT_WHOLE:
        count(&test.tally, value_match(&test, &judge->args.items[0]));
        break;
    case ROOT_MEMBER:
        select_values(&test, 0, 0, 0);
        break;
    }
    return sum_up(&test);
}
