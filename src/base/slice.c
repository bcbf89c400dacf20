/*
 * slice.c - jsmn's tokens, checked, as views.
 *
 * jsmn is given parent links, without which it looks back over all tokens at each comma; a
 * closing bracket still walks up over what is closed, so the depth is bounded before. It
 * stops at NUL bytes and accepts some texts that are no JSON, which check_structure() finds.
 */
#include "base/slice.h"

#include "base/limits.h"
#include "base/mem.h"

#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#define FIRST_TOKENS 128

struct tokens {
    jsmntok_t *at; /* owns */
    int count;
};

static int not_json(struct err *err)
{
    return err_set(err, ERR_PROTO, "not valid JSON");
}

static int check_depth(struct str text, struct err *err)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\0')
            return not_json(err);
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '[' || c == '{'))
            depth++;
        else if (!in_string && (c == ']' || c == '}'))
            depth--;
        if (depth > LIMIT_JSON_DEPTH)
            return err_set(
                    err, ERR_LIMIT, "values nested deeper than %d levels", LIMIT_JSON_DEPTH);
    }
    return 0;
}

/* jsmn goes on where it was when it gets more tokens. */
static int tokenize(struct str text, struct tokens *tokens, struct err *err)
{
    jsmn_parser parser;
    unsigned room = FIRST_TOKENS;
    jsmn_init(&parser);
    *tokens = (struct tokens){0};
    for (;;) {
        tokens->at = xrealloc(tokens->at, room * sizeof(*tokens->at));
        tokens->count = jsmn_parse(&parser, text.p, text.n, tokens->at, room);
        if (tokens->count != JSMN_ERROR_NOMEM)
            break;
        room *= 2;
        if (room > LIMIT_JSON_VALUES)
            return err_set(err, ERR_LIMIT, "more than %u values", LIMIT_JSON_VALUES);
    }
    return tokens->count < 1 ? not_json(err) : 0;
}

/* One root; members have a name and one value; elements have none of their own. */
static int check_structure(const struct tokens *tokens, struct str text, struct err *err)
{
    for (int i = 1; i < tokens->count; i++) {
        const jsmntok_t *token = &tokens->at[i];
        if (token->parent < 0)
            return not_json(err);
        const jsmntok_t *parent = &tokens->at[token->parent];
        bool is_name = parent->type == JSMN_OBJECT;
        if (is_name && (token->type != JSMN_STRING || token->size != 1))
            return not_json(err);
        if (!is_name && token->type == JSMN_STRING && token->size != 0)
            return not_json(err);
        if (parent->type == JSMN_PRIMITIVE)
            return not_json(err);
    }
    struct str rest = {text.p + tokens->at[0].end, text.n - (size_t)tokens->at[0].end};
    return str_trim(rest).n == 0 && tokens->at[0].size >= 0 ? 0 : not_json(err);
}

static int parse(struct str text, jsmntype_t type, struct tokens *tokens, struct err *err)
{
    text = str_trim(text);
    int rc = check_depth(text, err);
    if (rc < 0)
        return rc;
    rc = tokenize(text, tokens, err);
    if (rc < 0)
        return rc;
    if (tokens->at[0].type != type)
        return err_set(err, ERR_PROTO, "not the expected kind of value");
    return check_structure(tokens, text, err);
}

/* With its quotes, if it is a string. */
static struct str raw_value(struct str text, const jsmntok_t *token)
{
    int quote = token->type == JSMN_STRING;
    return (struct str){
            text.p + token->start - quote, (size_t)(token->end - token->start + 2 * quote)};
}

static int take_member(struct str name, struct str value, struct json_member *members,
        size_t count, struct err *err)
{
    if (memchr(name.p, '\\', name.n))
        return err_set(err, ERR_CONFLICT, "a member's name contains an escape");
    for (size_t i = 0; i < count; i++) {
        if (!str_eq(name, str_of(members[i].name)))
            continue;
        if (members[i].value.p)
            return err_set(err, ERR_CONFLICT, "member '%s' appears twice", members[i].name);
        members[i].value = value;
    }
    return 0;
}

int json_slice_object(
        struct str text, struct json_member *members, size_t count, struct err *err)
{
    struct tokens tokens = {0};
    text = str_trim(text);
    int rc = parse(text, JSMN_OBJECT, &tokens, err);
    for (size_t i = 0; i < count; i++)
        members[i].value = (struct str){NULL, 0};
    for (int i = 1; rc == 0 && i < tokens.count; i++) {
        const jsmntok_t *token = &tokens.at[i];
        if (token->parent != 0)
            continue;
        struct str name = {text.p + token->start, (size_t)(token->end - token->start)};
        /* Structure is checked: the value's token follows that of its name. */
        rc = take_member(name, raw_value(text, token + 1), members, count, err);
    }
    free(tokens.at);
    return rc;
}

int json_slice_array(
        struct str text, struct str *items, size_t max, size_t *ret_count, struct err *err)
{
    struct tokens tokens = {0};
    size_t count = 0;
    text = str_trim(text);
    int rc = parse(text, JSMN_ARRAY, &tokens, err);
    for (int i = 1; rc == 0 && i < tokens.count; i++) {
        if (tokens.at[i].parent != 0)
            continue;
        if (count == max)
            rc = err_set(err, ERR_LIMIT, "more than %zu elements", max);
        else
            items[count++] = raw_value(text, &tokens.at[i]);
    }
    free(tokens.at);
    if (rc == 0)
        *ret_count = count;
    return rc;
}

bool json_is_string(struct str raw, struct str *content)
{
    if (raw.n < 2 || raw.p[0] != '"')
        return false;
    struct str s = {raw.p + 1, raw.n - 2};
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        int n = utf8_decode(s.p + i, s.n - i, &cp);
        if (n <= 0 || cp < 0x20)
            return false;
        i += (size_t)n;
    }
    *content = s;
    return true;
}

static size_t digits(struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

static struct str skip(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

bool json_is_number(struct str raw)
{
    struct str s = raw;
    if (s.n && s.p[0] == '-')
        s = skip(s, 1);
    size_t n = digits(s);
    if (n == 0 || (n > 1 && s.p[0] == '0'))
        return false;
    s = skip(s, n);
    if (s.n && s.p[0] == '.') {
        n = digits(skip(s, 1));
        if (n == 0)
            return false;
        s = skip(s, n + 1);
    }
    if (s.n && (s.p[0] == 'e' || s.p[0] == 'E')) {
        size_t sign = s.n > 1 && (s.p[1] == '+' || s.p[1] == '-');
        n = digits(skip(s, 1 + sign));
        if (n == 0)
            return false;
        s = skip(s, 1 + sign + n);
    }
    return s.n == 0;
}

bool json_is_object(struct str raw)
{
    return raw.n > 0 && raw.p[0] == '{';
}
