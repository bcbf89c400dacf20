/*
 * json_tap.c - see json_tap.h.
 *
 *     VALUE --string--> STRING --> AFTER          (a key: --> COLON --> VALUE)
 *       |----number---> WORD   --> AFTER
 *       |----{--------> KEY ; [ -> VALUE          } ] --> AFTER
 *     AFTER --,-------> KEY or VALUE
 *
 * Blocks: no. Owns: nothing.
 */
#include "proxy/json_tap.h"

#include "base/err.h"

enum { VALUE, KEY /* in these a string may begin */, COLON, STRING, ESCAPE, WORD, AFTER, BAD };

/* What tells most names apart. */
static size_t slot(struct str name)
{
    return (name.n + (unsigned char)name.p[0]) % JSON_TAP_SLOTS;
}

void json_tap_init(struct json_tap *tap, const struct str *names, json_tap_fn fn, void *ctx)
{
    tap->names = names;
    tap->fn = fn;
    tap->ctx = ctx;
    memset(tap->first, 0, sizeof(tap->first));
    for (size_t i = 0; names[i].n > 0; i++) {
        CHECK(i < JSON_TAP_NAMES);
        uint8_t *first = &tap->first[slot(names[i])];
        tap->next[i + 1] = *first;
        *first = (uint8_t)(i + 1);
    }
    json_tap_reset(tap);
}

void json_tap_reset(struct json_tap *tap)
{
    tap->state = VALUE;
    tap->depth = 0;
    tap->alive = 0;
    tap->length = 0;
}

static bool in_object(const struct json_tap *tap)
{
    unsigned at = tap->depth - 1;
    return tap->depth > 0 && (tap->is_object[at / 8] >> (at % 8) & 1);
}

/* A value in the current container is of interest if all containers around it are. */
static bool is_wanted(const struct json_tap *tap)
{
    return tap->depth <= JSON_TAP_PATH && tap->alive + 1 >= tap->depth;
}

static uint8_t name_number(const struct json_tap *tap, struct str name)
{
    if (tap->spoilt || name.n == 0)
        return JSON_TAP_OTHER;
    uint8_t i = tap->first[slot(name)];
    while (i && !str_eq(tap->names[i - 1], name))
        i = tap->next[i];
    return i; /* 0 is JSON_TAP_OTHER */
}

static void key_done(struct json_tap *tap, struct str name)
{
    tap->state = COLON;
    if (!is_wanted(tap))
        return;
    uint8_t number = name_number(tap, name);
    tap->path[tap->depth - 1] = number;
    tap->alive = number == JSON_TAP_OTHER ? tap->depth - 1 : tap->depth;
}

static void value_done(struct json_tap *tap, enum json_tap_kind kind, struct str text)
{
    tap->state = AFTER;
    if (tap->keep && !tap->spoilt)
        tap->fn(tap->ctx, tap->path, tap->depth, kind, text);
}

static void text_start(struct json_tap *tap, uint8_t state, bool is_key)
{
    tap->state = state;
    tap->is_key = is_key;
    tap->keep = is_wanted(tap);
    tap->spoilt = false;
    tap->length = 0;
}

static void text_add(struct json_tap *tap, struct str part)
{
    if (!tap->keep || tap->spoilt)
        return;
    if (part.n > sizeof(tap->text) - tap->length) {
        tap->spoilt = true;
        return;
    }
    memcpy(tap->text + tap->length, part.p, part.n);
    tap->length += part.n;
}

static void word_done(struct json_tap *tap, struct str text)
{
    value_done(tap, str_eq(text, STR("null")) ? JSON_TAP_NULL : JSON_TAP_WORD, text);
}

static void open_container(struct json_tap *tap, bool object)
{
    if (tap->depth == JSON_TAP_DEPTH) {
        tap->state = BAD;
        return;
    }
    unsigned at = tap->depth++;
    uint8_t bit = (uint8_t)(1u << (at % 8));
    tap->is_object[at / 8] =
            (uint8_t)(object ? tap->is_object[at / 8] | bit : tap->is_object[at / 8] & ~bit);
    tap->state = object ? KEY : VALUE;
    if (!object && is_wanted(tap)) {
        tap->path[at] = JSON_TAP_ITEM;
        tap->alive = tap->depth;
    }
}

static void close_container(struct json_tap *tap, bool object)
{
    if (tap->depth == 0 || in_object(tap) != object) {
        tap->state = BAD;
        return;
    }
    tap->depth--;
    if (tap->alive > tap->depth)
        tap->alive = tap->depth;
    tap->state = AFTER;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One byte that is not inside a string or word. */
static void step(struct json_tap *tap, char c)
{
    if (c == '"' && tap->state <= KEY) {
        text_start(tap, STRING, tap->state == KEY);
    } else if (is_space(c)) {
        return;
    } else if (c == '}' || c == ']') {
        /* Also where another value had to come: "[]", "{}". */
        close_container(tap, c == '}');
    } else if (tap->state == AFTER) {
        bool more = c == ',' && tap->depth > 0;
        tap->state = !more ? BAD : in_object(tap) ? KEY : VALUE;
    } else if (tap->state == COLON) {
        tap->state = c == ':' ? VALUE : BAD;
    } else if (tap->state == KEY) {
        tap->state = BAD;
    } else if (c == '{' || c == '[') {
        open_container(tap, c == '{');
    } else {
        text_start(tap, WORD, false); /* with this byte, see json_tap_feed */
    }
}

/* Returns what is left. */
static struct str rest(struct str s, const char *from)
{
    return (struct str){from, (size_t)(s.p + s.n - from)};
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (uint64_t)(c))

/* The high bit of each byte of `word` that is `c`; right up to the first, which is enough. */
static uint64_t bytes_equal(uint64_t word, char c)
{
    uint64_t x = word ^ EACH_BYTE(c);
    return (x - EACH_BYTE(1)) & ~x & EACH_BYTE(0x80);
}

/* Bytes in front of the first quote or backslash. Strings are mostly short, and long ones are
 * full of escapes, so that two calls of memchr() for each part would cost more. */
static size_t plain_run(struct str s)
{
    size_t n = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; s.n - n >= 8; n += 8) {
        uint64_t word;
        memcpy(&word, s.p + n, 8);
        uint64_t found = bytes_equal(word, '"') | bytes_equal(word, '\\');
        if (found)
            return n + (size_t)__builtin_ctzll(found) / 8;
    }
#endif
    while (n < s.n && s.p[n] != '"' && s.p[n] != '\\')
        n++;
    return n;
}

/* All of the text whose last part is `last`; it is copied only if it came in parts. */
static struct str text_of(struct json_tap *tap, struct str last)
{
    if (tap->length == 0) {
        tap->spoilt = tap->spoilt || last.n > JSON_TAP_TEXT;
        return last;
    }
    text_add(tap, last);
    return (struct str){tap->text, tap->length};
}

static struct str in_string(struct json_tap *tap, struct str s)
{
    size_t n = plain_run(s);
    while (n < s.n && s.p[n] == '\\') {
        tap->spoilt = true;
        if (s.n - n < 2) {
            tap->state = ESCAPE;
            return rest(s, s.p + s.n);
        }
        s = rest(s, s.p + n + 2);
        n = plain_run(s);
    }
    struct str part = {s.p, n};
    if (n == s.n)
        text_add(tap, part);
    else if (tap->is_key)
        key_done(tap, text_of(tap, part));
    else
        value_done(tap, JSON_TAP_STRING, text_of(tap, part));
    return rest(s, s.p + n + (n < s.n));
}

static struct str in_word(struct json_tap *tap, struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != ',' && s.p[n] != '}' && s.p[n] != ']' && !is_space(s.p[n]))
        n++;
    struct str part = {s.p, n};
    if (n == s.n)
        text_add(tap, part);
    else
        word_done(tap, text_of(tap, part));
    return rest(s, s.p + n);
}

bool json_tap_feed(struct json_tap *tap, struct str piece)
{
    struct str s = piece;
    while (s.n > 0 && tap->state != BAD) {
        if (tap->state == STRING) {
            s = in_string(tap, s);
        } else if (tap->state == WORD) {
            s = in_word(tap, s);
        } else {
            if (tap->state == ESCAPE)
                tap->state = STRING;
            else
                step(tap, *s.p);
            if (tap->state != WORD)
                s = rest(s, s.p + 1);
        }
    }
    return tap->state != BAD;
}
