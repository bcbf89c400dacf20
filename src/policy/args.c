/*
 * args.c - arguments read by the project's scanner, so that what is legal JSON is never an
 * error here because of its size (numbers beyond 64 bits), and what two readers may take for
 * different things never gets through.
 */
#include "policy/args.h"

#include "base/jscan.h"
#include "base/limits.h"
#include "base/mem.h"
#include "policy/paths.h"

struct reader {
    struct args *args;
    struct jscan scan;
    const char *start; /* of the arguments */
    const char *why;
};

static bool read_value(struct reader *reader, struct str name, bool is_member);

static bool refuse(struct reader *reader, const char *why)
{
    if (!reader->why)
        reader->why = why;
    return false;
}

/* --- strings ---------------------------------------------------------------------------- */

static unsigned hex4(const char *p)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++)
        value = value * 16 + (unsigned)char_hex(p[i]);
    return value;
}

/* What "\uXXXX" at p means, with its second half if it has one; 0 width: half a pair. */
static size_t decode_u(const char *p, size_t n, uint32_t *ret)
{
    uint32_t high = hex4(p + 2);

    *ret = high;
    if (high < 0xd800 || high > 0xdfff)
        return 6;
    if (high > 0xdbff || n < 12 || p[6] != '\\' || p[7] != 'u')
        return 0;
    uint32_t low = hex4(p + 8);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *ret = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

static char unescape(char c)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *found = strchr(from, c);

    return found ? to[found - from] : c;
}

/* The text of a scanned string. What is decoded is never longer than what is written, so one
 * piece of memory as long as the arguments serves all strings. */
static struct str decode(struct reader *reader, const struct jscan_string *s, bool *ret_broken)
{
    struct args *args = reader->args;

    *ret_broken = false;
    if (!s->escaped)
        return s->text;
    if (!args->decoded)
        args->decoded = xmalloc(args->size);
    char *start = args->decoded + args->used;
    char *out = start;
    for (size_t i = 0; i < s->text.n;) {
        const char *p = s->text.p + i;
        uint32_t cp;

        if (*p != '\\') {
            *out++ = *p;
            i++;
        } else if (p[1] != 'u') {
            *out++ = unescape(p[1]);
            i += 2;
        } else {
            size_t width = decode_u(p, s->text.n - i, &cp);

            if (width == 0) {
                *ret_broken = true;
                i += 6;
                continue;
            }
            out += utf8_encode(cp, out);
            i += width;
        }
    }
    args->used += (size_t)(out - start);
    return (struct str){start, (size_t)(out - start)};
}

/* --- values ----------------------------------------------------------------------------- */

static bool add(struct reader *reader, enum arg_kind kind, size_t *ret)
{
    struct args *args = reader->args;

    if (args->count == LIMIT_CALL_VALUES)
        return refuse(reader, "the arguments hold more values than are looked at");
    if (args->count == args->room) {
        size_t size = args->room * sizeof(*args->items);
        struct arg *items = xmalloc(size * 2);

        memcpy(items, args->items, size);
        if (args->items != args->first)
            free(args->items);
        args->items = items;
        args->room *= 2;
    }
    args->items[args->count] = (struct arg){.kind = kind};
    *ret = args->count++;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct str *x = a;
    const struct str *y = b;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Few names are compared with each other, many are sorted. */
static bool has_twins(const struct args *args, size_t object)
{
    struct str few[16];
    struct str *names = few;
    size_t count = 0;
    size_t end = args->items[object].next;
    bool found = false;

    for (size_t i = object + 1; i < end; i = args->items[i].next)
        count++;
    if (count > sizeof(few) / sizeof(few[0]))
        names = xcalloc(count, sizeof(*names));
    count = 0;
    for (size_t i = object + 1; i < end; i = args->items[i].next)
        names[count++] = args->items[i].name;
    if (names != few) {
        qsort(names, count, sizeof(*names), by_name);
        for (size_t i = 1; i < count; i++)
            found = found || str_eq(names[i - 1], names[i]);
        free(names);
        return found;
    }
    for (size_t i = 1; i < count; i++)
        for (size_t j = 0; j < i; j++)
            found = found || str_eq(names[i], names[j]);
    return found;
}

static bool read_object(struct reader *reader, size_t self)
{
    struct jscan_string raw;

    if (!jscan_enter(&reader->scan))
        return false;
    for (bool first = true; jscan_member(&reader->scan, &first, &raw);) {
        bool broken;
        struct str name = decode(reader, &raw, &broken);

        if (broken || (name.n && memchr(name.p, '\0', name.n)))
            return refuse(reader, "the name of an argument is no text");
        if (!read_value(reader, name, true))
            return false;
    }
    if (reader->scan.why)
        return false;
    reader->args->items[self].next = reader->args->count;
    return !has_twins(reader->args, self) || refuse(reader, "an argument is there twice");
}

static bool read_array(struct reader *reader, struct str name)
{
    if (!jscan_enter(&reader->scan))
        return false;
    for (bool first = true; jscan_element(&reader->scan, &first);) {
        if (!read_value(reader, name, false))
            return false;
    }
    return !reader->scan.why;
}

static enum arg_kind kind_of(char c)
{
    switch (c) {
    case '{':
        return ARG_OBJECT;
    case '[':
        return ARG_ARRAY;
    case '"':
        return ARG_STRING;
    case 't':
        return ARG_TRUE;
    case 'f':
        return ARG_FALSE;
    case 'n':
        return ARG_NULL;
    default:
        return ARG_NUMBER;
    }
}

static bool read_value(struct reader *reader, struct str name, bool is_member)
{
    enum arg_kind kind = kind_of(jscan_peek(&reader->scan));
    const char *start = reader->scan.p;
    struct jscan_string raw = {0};
    size_t self;
    bool ok;

    if (!add(reader, kind, &self))
        return false;
    if (kind == ARG_OBJECT)
        ok = read_object(reader, self);
    else if (kind == ARG_ARRAY)
        ok = read_array(reader, name);
    else if (kind == ARG_STRING)
        ok = jscan_string(&reader->scan, &raw);
    else
        ok = jscan_skip(&reader->scan);
    if (!ok)
        return false;

    struct arg *arg = &reader->args->items[self]; /* reading may have moved it */
    arg->next = reader->args->count;
    arg->at = (size_t)(start - reader->start);
    arg->len = (size_t)(reader->scan.p - start);
    arg->text = (struct str){start, arg->len};
    if (kind == ARG_STRING)
        arg->text = decode(reader, &raw, &arg->is_broken);
    arg->is_member = is_member;
    arg->name = name;
    return true;
}

bool args_read(struct args *args, struct str text, const char **ret_why)
{
    struct reader reader = {.args = args};

    if (text.n == 0)
        text = STR("{}");
    reader.start = text.p;
    args->items = args->first;
    args->room = ARGS_INLINE;
    args->count = args->used = 0;
    args->decoded = NULL;
    args->size = text.n;
    jscan_init(&reader.scan, text);
    bool ok = jscan_peek(&reader.scan) == '{' ? read_value(&reader, STR(""), false)
                                              : refuse(&reader, "not a JSON object");
    if (ok && jscan_end(&reader.scan))
        return true;
    *ret_why = reader.why ? reader.why : reader.scan.why;
    return false;
}

void args_release(struct args *args)
{
    for (size_t i = 0; i < args->count; i++)
        readings_free(args->items[i].readings);
    if (args->items != args->first)
        free(args->items);
    free(args->decoded);
}
