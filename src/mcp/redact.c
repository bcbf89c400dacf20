/*
 * redact.c - one walk over the JSON text; what is not masked is copied as it stands.
 *
 * Two signs of a secret: a member with a name like "password" (its whole value goes), and words
 * in any string that begin as tokens of well-known services do. It is a net with holes: what
 * has no such sign stays.
 */
#include "mcp/redact.h"

#include "base/jscan.h"

#define MASK "***"
#define TOKEN_MIN 8 /* characters behind the beginning */

struct redacting {
    struct jscan scan;
    struct buf *out;
    size_t end;       /* length of `out` that must not be passed */
    const char *done; /* what is before it is in `out`, or masked */
    bool full;
};

static const char *const names[] = {"password", "passwd", "passphrase", "secret", "token",
        "apikey", "api_key", "api-key", "authorization", "private_key", "privatekey",
        "access_key", "accesskey", "credential", "cookie"};

static const char *const prefixes[] = {"sk-", "sk_live_", "sk_test_", "rk_live_", "ghp_",
        "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-",
        "xoxs-", "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "eyJ", "hf_", "npm_", "pypi-",
        "dop_v1_", "SG.", "Bearer ", "Basic ", "bearer ", "basic "};

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

static bool contains_name(struct str text, struct str name)
{
    for (size_t i = 0; i + name.n <= text.n; i++) {
        if (str_eq_icase((struct str){text.p + i, name.n}, name))
            return true;
    }
    return false;
}

static bool is_secret_name(struct str name)
{
    for (size_t i = 0; name.n <= 64 && i < sizeof(names) / sizeof(names[0]); i++) {
        if (contains_name(name, str_of(names[i])))
            return true;
    }
    return false;
}

static bool is_token_char(char c)
{
    return char_is_alnum(c) || strchr("_-./+=~", c) != NULL;
}

/* How much of the text is a secret's beginning that may be shown; 0: it is none. */
static size_t secret_at(struct str text, size_t *ret_len)
{
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        struct str prefix = str_of(prefixes[i]);
        size_t n = prefix.n;

        if (!str_starts(text, prefix))
            continue;
        while (n < text.n && text.p[n] && is_token_char(text.p[n]))
            n++;
        if (n - prefix.n < TOKEN_MIN)
            continue;
        *ret_len = n;
        return prefix.n;
    }
    return 0;
}

static void take_words(struct redacting *r, struct str text)
{
    bool inside = false; /* of a word */

    for (size_t i = 0; i < text.n && !r->full;) {
        struct str rest = {text.p + i, text.n - i};
        size_t len = 0;
        size_t shown = inside ? 0 : secret_at(rest, &len);

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
            take_value(r, is_secret || is_secret_name(string.text));
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
