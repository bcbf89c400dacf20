/*
 * redact.c - one walk over the JSON text; what is not masked is copied as it stands.
 *
 * What is a secret says base/mask.h: the whole value of a member with such a name goes, and
 * words in any string that begin as tokens do.
 */
#include "mcp/redact.h"

#include "base/jscan.h"
#include "base/mask.h"

#define MASK MASK_SHOWN

struct redacting {
    struct jscan scan;
    struct buf *out;
    size_t end;       /* length of `out` that must not be passed */
    const char *done; /* what is before it is in `out`, or masked */
    bool full;
};

/* --- copying -------------------------------------------------------------------------------
 */

static void put(struct redacting *r, struct str s)
{
    size_t room = r->end - buf_len(r->out);

    if (s.n > room) {
        s.n = room;
        while (s.n && (s.p[s.n] & 0xc0) == 0x80)
            s.n--; /* not inside of a character */
        r->full = true;
    }
    buf_append_str(r->out, s);
}

/* Copies up to `to`, then puts `with`, and goes on at `next`. */
static void mask(struct redacting *r, const char *to, const char *next, struct str with)
{
    put(r, (struct str){r->done, (size_t)(to - r->done)});
    put(r, with);
    r->done = next;
}

static bool too_long(const struct redacting *r)
{
    return r->full || (size_t)(r->scan.p - r->done) > r->end - buf_len(r->out);
}

/* --- what is a secret -----------------------------------------------------------------------
 */

static void take_words(struct redacting *r, struct str text)
{
    bool inside = false; /* of a word */

    for (size_t i = 0; i < text.n && !r->full;) {
        struct str rest = {text.p + i, text.n - i};
        size_t len = 0;
        size_t shown = inside ? 0 : mask_token(rest, &len);

        if (shown) {
            mask(r, rest.p + shown, rest.p + len, STR(MASK));
            i += len;
            continue;
        }
        inside = char_is_alnum(text.p[i]);
        i++;
        if ((size_t)(text.p + i - r->done) > r->end - buf_len(r->out))
            return;
    }
}

static void take_key_block(struct redacting *r, struct str text)
{
    const char *begin = memmem(text.p, text.n, "-----BEGIN ", 11);

    if (begin && memmem(begin, (size_t)(text.p + text.n - begin), "PRIVATE KEY", 11))
        mask(r, begin, text.p + text.n, STR(MASK));
    else
        take_words(r, text);
}

/* --- walking -------------------------------------------------------------------------------
 */

/* NOLINTNEXTLINE(misc-no-recursion): jscan bounds the depth */
static void take_value(struct redacting *r, bool is_secret)
{
    struct jscan *scan = &r->scan;
    struct jscan_string string;
    char c = jscan_peek(scan);
    const char *start = scan->p;

    if (is_secret && c && c != '{' && c != '[') {
        if (jscan_skip(scan))
            mask(r, start, scan->p, STR("\"" MASK "\""));
    } else if (c == '"') {
        if (jscan_string(scan, &string))
            take_key_block(r, string.text);
    } else if (c == '{' && jscan_enter(scan)) {
        for (bool first = true; !too_long(r) && jscan_member(scan, &first, &string);)
            take_value(r, is_secret || mask_is_secret_name(string.text));
    } else if (c == '[' && jscan_enter(scan)) {
        for (bool first = true; !too_long(r) && jscan_element(scan, &first);)
            take_value(r, is_secret);
    } else {
        (void)jscan_skip(scan);
    }
}

void redact(struct str json, size_t max, struct buf *ret)
{
    struct redacting r = {.out = ret, .end = buf_len(ret) + max, .done = json.p};

    jscan_init(&r.scan, json);
    take_value(&r, false);
    put(&r, (struct str){r.done, (size_t)(json.p + json.n - r.done)});
}
