/*
 * jscan.c - the JSON scanner.
 *
 * Strings are most of what passes here, so they are looked at eight bytes at a time as long as
 * nothing in them is special. Nesting is bounded before it becomes stack.
 */
#include "base/jscan.h"

#include "base/limits.h"

static bool fail(struct jscan *scan, const char *why)
{
    if (!scan->why)
        scan->why = why;
    return false;
}

void jscan_init(struct jscan *scan, struct str text)
{
    if (text.n == 0)
        text.p = ""; /* NULL is fine for nothing */
    *scan = (struct jscan){text.p, text.p + text.n, 0, NULL};
}

static inline void skip_blanks(struct jscan *scan)
{
    while (scan->p < scan->end &&
            (*scan->p == ' ' || *scan->p == '\n' || *scan->p == '\r' || *scan->p == '\t'))
        scan->p++;
}

char jscan_peek(struct jscan *scan)
{
    skip_blanks(scan);
    if (scan->why || scan->p == scan->end)
        return '\0';
    return *scan->p;
}

bool jscan_enter(struct jscan *scan)
{
    if (scan->why)
        return false;
    if (++scan->depth > LIMIT_JSON_DEPTH)
        return fail(scan, "not accepted JSON: nested too deep");
    scan->p++;
    return true;
}

/* At the closing bracket, which is consumed, or at the comma before the next one. */
static bool more(struct jscan *scan, bool *first, char closing)
{
    char c = jscan_peek(scan);
    if (c == closing) {
        scan->p++;
        scan->depth--;
        return false;
    }
    if (*first) {
        *first = false;
        return !scan->why;
    }
    if (c != ',')
        return fail(scan, c ? "not valid JSON: a comma or bracket is missing"
                            : "not valid JSON: it ends too early");
    scan->p++;
    return true;
}

bool jscan_member(struct jscan *scan, bool *first, struct jscan_string *ret_name)
{
    if (!more(scan, first, '}'))
        return false;
    if (jscan_peek(scan) != '"')
        return fail(scan, "not valid JSON: a member has no name");
    if (!jscan_string(scan, ret_name))
        return false;
    if (jscan_peek(scan) != ':')
        return fail(scan, "not valid JSON: no colon after a name");
    scan->p++;
    return true;
}

bool jscan_element(struct jscan *scan, bool *first)
{
    return more(scan, first, ']');
}

/* --- strings --------------------------------------------------------------------------- */

#define ALL(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Is one of eight bytes a quote, a backslash, a control character or not ASCII? */
static inline bool any_special(uint64_t v)
{
    uint64_t quote = v ^ ALL('"'), slash = v ^ ALL('\\');
    uint64_t found = v | (v - ALL(0x20)) | (quote - ALL(1)) | (slash - ALL(1));
    return (found & ALL(0x80)) != 0;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool skip_escape(struct jscan *scan)
{
    size_t left = (size_t)(scan->end - scan->p);
    if (left >= 2 && scan->p[1] && strchr("\"\\/bfnrt", scan->p[1])) {
        scan->p += 2;
        return true;
    }
    if (left >= 6 && scan->p[1] == 'u' && is_hex(scan->p[2]) && is_hex(scan->p[3]) &&
            is_hex(scan->p[4]) && is_hex(scan->p[5])) {
        scan->p += 6;
        return true;
    }
    return fail(scan, "not valid JSON: a malformed escape");
}

static bool skip_special(struct jscan *scan)
{
    unsigned char c = (unsigned char)*scan->p;
    uint32_t cp;
    if (c == '\\')
        return skip_escape(scan);
    if (c < 0x20)
        return fail(scan, "not valid JSON: a control character in a string");
    int n = c < 0x80 ? 1 : utf8_decode(scan->p, (size_t)(scan->end - scan->p), &cp);
    if (n <= 0)
        return fail(scan, "not valid JSON: text that is not UTF-8");
    scan->p += n;
    return true;
}

bool jscan_string(struct jscan *scan, struct jscan_string *ret)
{
    uint64_t v;
    if (scan->why || jscan_peek(scan) != '"')
        return fail(scan, "not valid JSON: a string is missing");
    const char *start = ++scan->p;
    bool escaped = false;
    for (;;) {
        while (scan->end - scan->p >= 8) {
            memcpy(&v, scan->p, sizeof(v));
            if (any_special(v))
                break;
            scan->p += 8;
        }
        if (scan->p == scan->end)
            return fail(scan, "not valid JSON: it ends too early");
        if (*scan->p == '"')
            break;
        escaped = escaped || *scan->p == '\\';
        if (!skip_special(scan))
            return false;
    }
    *ret = (struct jscan_string){{start, (size_t)(scan->p - start)}, escaped};
    scan->p++;
    return true;
}

/* --- other values ---------------------------------------------------------------------- */

static size_t skip_digits(struct jscan *scan)
{
    const char *start = scan->p;
    while (scan->p < scan->end && *scan->p >= '0' && *scan->p <= '9')
        scan->p++;
    return (size_t)(scan->p - start);
}

static bool next_is(const struct jscan *scan, char a, char b)
{
    return scan->p < scan->end && (*scan->p == a || *scan->p == b);
}

static bool skip_number(struct jscan *scan)
{
    static const char malformed[] = "not valid JSON: a malformed value";
    if (next_is(scan, '-', '-'))
        scan->p++;
    const char *start = scan->p;
    size_t n = skip_digits(scan);
    if (n == 0 || (n > 1 && *start == '0'))
        return fail(scan, malformed);
    if (next_is(scan, '.', '.')) {
        scan->p++;
        if (skip_digits(scan) == 0)
            return fail(scan, malformed);
    }
    if (next_is(scan, 'e', 'E')) {
        scan->p++;
        if (next_is(scan, '+', '-'))
            scan->p++;
        if (skip_digits(scan) == 0)
            return fail(scan, malformed);
    }
    return true;
}

static bool skip_word(struct jscan *scan, struct str word)
{
    struct str rest = {scan->p, (size_t)(scan->end - scan->p)};
    if (!str_starts(rest, word))
        return fail(scan, "not valid JSON: a malformed value");
    scan->p += word.n;
    return true;
}

static bool skip_object(struct jscan *scan)
{
    struct jscan_string name;
    if (!jscan_enter(scan))
        return false;
    for (bool first = true; jscan_member(scan, &first, &name);) {
        if (!jscan_skip(scan))
            return false;
    }
    return !scan->why;
}

static bool skip_array(struct jscan *scan)
{
    if (!jscan_enter(scan))
        return false;
    for (bool first = true; jscan_element(scan, &first);) {
        if (!jscan_skip(scan))
            return false;
    }
    return !scan->why;
}

bool jscan_skip(struct jscan *scan)
{
    struct jscan_string text;
    switch (jscan_peek(scan)) {
    case '"':
        return jscan_string(scan, &text);
    case '{':
        return skip_object(scan);
    case '[':
        return skip_array(scan);
    case 't':
        return skip_word(scan, STR("true"));
    case 'f':
        return skip_word(scan, STR("false"));
    case 'n':
        return skip_word(scan, STR("null"));
    case '\0':
        return fail(scan, scan->p == scan->end ? "not valid JSON: it ends too early"
                                               : "not valid JSON: a malformed value");
    default:
        return skip_number(scan);
    }
}

bool jscan_end(struct jscan *scan)
{
    if (scan->why)
        return false;
    skip_blanks(scan);
    return scan->p == scan->end || fail(scan, "not valid JSON: something follows its end");
}
