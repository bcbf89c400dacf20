/*
 * jsonscan.c - see jsonscan.h.
 *
 *     VALUE --string--> STRING --> AFTER          (a key: --> COLON --> VALUE)
 *       |----number---> WORD   --> AFTER
 *       |----{--------> KEY ; [ -> VALUE          } ] --> AFTER
 *     AFTER --,-------> KEY or VALUE
 *
 * Blocks: no. Owns: nothing.
 */
#include "proxy/jsonscan.h"

#include "base/err.h"

enum { VALUE, KEY, COLON, STRING, ESCAPE, WORD, AFTER, BAD };

void json_scan_init(struct json_scan *scan, const struct str *names, json_scan_fn fn, void *ctx)
{
    scan->names = names;
    scan->fn = fn;
    scan->ctx = ctx;
    memset(scan->lengths, 0, sizeof(scan->lengths));
    for (size_t i = 0; names[i].p; i++) {
        CHECK(names[i].n > 0 && names[i].n < 32 && i < JSON_SCAN_ITEM - 1);
        scan->lengths[names[i].p[0] & 31] |= 1u << names[i].n;
    }
    json_scan_reset(scan);
}

void json_scan_reset(struct json_scan *scan)
{
    scan->state = VALUE;
    scan->depth = 0;
    scan->alive = 0;
    scan->length = 0;
}

static bool in_object(const struct json_scan *scan)
{
    unsigned at = scan->depth - 1;
    return scan->depth > 0 && (scan->is_object[at / 8] >> (at % 8) & 1);
}

/* A value in the current container is of interest if all containers around it are. */
static bool is_wanted(const struct json_scan *scan)
{
    return scan->depth <= JSON_SCAN_PATH && scan->alive + 1 >= scan->depth;
}

static uint8_t name_number(const struct json_scan *scan)
{
    uint32_t lengths = scan->length ? scan->lengths[scan->text[0] & 31] : 0;
    if (scan->spoilt || scan->length > 31 || !(lengths >> scan->length & 1))
        return JSON_SCAN_OTHER;
    for (uint8_t i = 0; scan->names[i].p; i++) {
        if (scan->names[i].n == scan->length &&
                memcmp(scan->names[i].p, scan->text, scan->length) == 0)
            return (uint8_t)(i + 1);
    }
    return JSON_SCAN_OTHER;
}

static void key_done(struct json_scan *scan)
{
    scan->state = COLON;
    if (!is_wanted(scan))
        return;
    uint8_t number = name_number(scan);
    scan->path[scan->depth - 1] = number;
    scan->alive = number == JSON_SCAN_OTHER ? scan->depth - 1 : scan->depth;
}

static void value_done(struct json_scan *scan, enum json_scan_kind kind)
{
    scan->state = AFTER;
    if (scan->keep && !scan->spoilt)
        scan->fn(scan->ctx, scan->path, scan->depth, kind,
                (struct str){scan->text, scan->length});
}

static void text_start(struct json_scan *scan, uint8_t state, bool is_key)
{
    scan->state = state;
    scan->is_key = is_key;
    scan->keep = is_wanted(scan);
    scan->spoilt = false;
    scan->length = 0;
}

static void text_add(struct json_scan *scan, const char *p, size_t n)
{
    if (!scan->keep || scan->spoilt)
        return;
    if (n > sizeof(scan->text) - scan->length) {
        scan->spoilt = true;
        return;
    }
    memcpy(scan->text + scan->length, p, n);
    scan->length += n;
}

static void word_done(struct json_scan *scan)
{
    bool null = str_eq((struct str){scan->text, scan->length}, STR("null"));
    value_done(scan, null ? JSON_SCAN_NULL : JSON_SCAN_WORD);
}

static void open_container(struct json_scan *scan, bool object)
{
    if (scan->depth == JSON_SCAN_DEPTH) {
        scan->state = BAD;
        return;
    }
    unsigned at = scan->depth++;
    uint8_t bit = (uint8_t)(1u << (at % 8));
    scan->is_object[at / 8] =
            (uint8_t)(object ? scan->is_object[at / 8] | bit : scan->is_object[at / 8] & ~bit);
    scan->state = object ? KEY : VALUE;
    if (!object && is_wanted(scan)) {
        scan->path[at] = JSON_SCAN_ITEM;
        scan->alive = scan->depth;
    }
}

static void close_container(struct json_scan *scan, bool object)
{
    if (scan->depth == 0 || in_object(scan) != object) {
        scan->state = BAD;
        return;
    }
    scan->depth--;
    if (scan->alive > scan->depth)
        scan->alive = scan->depth;
    scan->state = AFTER;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One byte that is not inside a string or word. */
static void step(struct json_scan *scan, char c)
{
    if (is_space(c))
        return;
    if (c == '}' || c == ']') {
        /* Also where another value had to come: "[]", "{}". */
        close_container(scan, c == '}');
    } else if (scan->state == AFTER) {
        bool more = c == ',' && scan->depth > 0;
        scan->state = !more ? BAD : in_object(scan) ? KEY : VALUE;
    } else if (scan->state == COLON) {
        scan->state = c == ':' ? VALUE : BAD;
    } else if (c == '"') {
        text_start(scan, STRING, scan->state == KEY);
    } else if (scan->state == KEY) {
        scan->state = BAD;
    } else if (c == '{' || c == '[') {
        open_container(scan, c == '{');
    } else {
        text_start(scan, WORD, false);
        text_add(scan, &c, 1);
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

static struct str in_string(struct json_scan *scan, struct str s)
{
    size_t n = plain_run(s);
    while (n < s.n && s.p[n] == '\\') {
        scan->spoilt = true;
        if (s.n - n < 2) {
            scan->state = ESCAPE;
            return rest(s, s.p + s.n);
        }
        s = rest(s, s.p + n + 2);
        n = plain_run(s);
    }
    text_add(scan, s.p, n);
    if (n == s.n)
        return rest(s, s.p + n);
    if (scan->is_key)
        key_done(scan);
    else
        value_done(scan, JSON_SCAN_STRING);
    return rest(s, s.p + n + 1);
}

static struct str in_word(struct json_scan *scan, struct str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != ',' && s.p[n] != '}' && s.p[n] != ']' && !is_space(s.p[n]))
        n++;
    text_add(scan, s.p, n);
    if (n < s.n)
        word_done(scan);
    return rest(s, s.p + n);
}

bool json_scan_feed(struct json_scan *scan, struct str piece)
{
    struct str s = piece;
    while (s.n > 0 && scan->state != BAD) {
        if (scan->state == STRING) {
            s = in_string(scan, s);
        } else if (scan->state == WORD) {
            s = in_word(scan, s);
        } else {
            if (scan->state == ESCAPE)
                scan->state = STRING;
            else
                step(scan, *s.p);
            s = rest(s, s.p + 1);
        }
    }
    return scan->state != BAD;
}
