/* pretty.c - see pretty.h. Both walk over the tokens; what is valid is jscan's to say. */
#include "review/pretty.h"

#include "base/json.h"
#include "base/slice.h"

#define INDENT 2

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct str trim(struct str text)
{
    while (text.n && is_blank(*text.p))
        text = (struct str){text.p + 1, text.n - 1};
    while (text.n && is_blank(text.p[text.n - 1]))
        text.n--;
    return text;
}

/* The string at the front, with its quotes; the text is valid. */
static struct str cut_string(struct str *text)
{
    size_t n = 1;

    while (n < text->n && text->p[n] != '"')
        n += text->p[n] == '\\' ? 2 : 1;
    n = n < text->n ? n + 1 : text->n;
    struct str string = {text->p, n};
    *text = (struct str){text->p + n, text->n - n};
    return string;
}

static void put_escape(struct buf *out, uint32_t cp)
{
    if (cp < 0x10000) {
        buf_printf(out, "\\u%04x", (unsigned)cp);
        return;
    }
    cp -= 0x10000;
    buf_printf(out, "\\u%04x\\u%04x", 0xd800u + (unsigned)(cp >> 10),
            0xdc00u + (unsigned)(cp & 0x3ff));
}

static bool put_string(struct buf *out, struct str string)
{
    for (size_t i = 0; i < string.n;) {
        uint32_t cp;
        int n = utf8_decode(string.p + i, string.n - i, &cp);

        if (n <= 0)
            return false;
        if (char_is_deceptive(cp))
            put_escape(out, cp);
        else
            buf_append(out, string.p + i, (size_t)n);
        i += (size_t)n;
    }
    return true;
}

static void put_line_end(struct buf *out, size_t depth)
{
    buf_printf(out, "\n%*s", (int)(depth * INDENT), "");
}

static struct str skip(struct str text, size_t n)
{
    text = (struct str){text.p + n, text.n - n};
    while (text.n && is_blank(*text.p))
        text = (struct str){text.p + 1, text.n - 1};
    return text;
}

bool json_pretty(struct str raw, struct buf *ret)
{
    struct str text = trim(raw);
    size_t depth = 0;

    if (!json_raw_is_valid(text))
        return false;
    while (text.n) {
        char c = *text.p;

        if (c == '"') {
            if (!put_string(ret, cut_string(&text)))
                return false;
            text = skip(text, 0);
            continue;
        }
        text = skip(text, 1);
        bool is_empty = text.n && (*text.p == '}' || *text.p == ']');
        if (c == '}' || c == ']') {
            if (depth-- > 0 && ret->p[ret->len - 1] != '{' && ret->p[ret->len - 1] != '[')
                put_line_end(ret, depth);
            buf_putc(ret, c);
            continue;
        }
        buf_putc(ret, c);
        if (c == '{' || c == '[')
            depth++;
        if (c == ',' || ((c == '{' || c == '[') && !is_empty))
            put_line_end(ret, depth);
        else if (c == ':')
            buf_putc(ret, ' ');
    }
    return true;
}

/* The other reader knows the place, and takes less for right. */
static int say_where(struct str text, struct err *err)
{
    json_error_t error;
    json_t *value = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    char why[120];

    if (value) {
        bool is_object = json_is_object(value);

        json_decref(value);
        return err_set(err, ERR_PROTO, "%s",
                is_object ? "it is no JSON as it is agreed on" : "it is no object: { ... }");
    }
    str_vis(why, sizeof(why), str_of(error.text));
    return err_set(err, ERR_PROTO, "line %d: %s", error.line, why);
}

int json_compact(struct str text, struct buf *ret, struct err *err)
{
    struct str all = text;

    text = trim(text);
    if (!json_raw_is_valid(text) || text.n == 0 || *text.p != '{')
        return say_where(all, err);
    while (text.n) {
        if (*text.p == '"') {
            buf_append_str(ret, cut_string(&text));
            continue;
        }
        if (!is_blank(*text.p))
            buf_putc(ret, *text.p);
        text = (struct str){text.p + 1, text.n - 1};
    }
    return 0;
}
