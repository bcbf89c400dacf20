/*
 * str.c - string views.
 */
#include "base/str.h"

char char_lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c;
}

bool char_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (char_lower(c) >= 'a' && char_lower(c) <= 'z');
}

int char_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = char_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int str_percent(struct str s)
{
    int high = s.n < 3 || s.p[0] != '%' ? -1 : char_hex(s.p[1]);
    int low = high < 0 ? -1 : char_hex(s.p[2]);

    return low < 0 ? -1 : high * 16 + low;
}

bool str_eq_icase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (char_lower(a.p[i]) != char_lower(b.p[i]))
            return false;
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

struct str str_trim(struct str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

bool str_cut(struct str *s, char sep, struct str *head)
{
    const char *at = s->n ? memchr(s->p, sep, s->n) : NULL;

    if (!at) {
        *head = *s;
        *s = (struct str){s->p ? s->p + s->n : NULL, 0};
        return false;
    }
    *head = (struct str){s->p, (size_t)(at - s->p)};
    *s = (struct str){at + 1, s->n - head->n - 1};
    return true;
}

bool str_u64(struct str s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t digit = (uint64_t)(unsigned char)s.p[i] - '0';

        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
                __builtin_add_overflow(v, digit, &v) || v > max)
            return false;
    }
    *ret = v;
    return true;
}

int utf8_decode(const char *p, size_t n, uint32_t *ret_cp)
{
    const unsigned char *u = (const unsigned char *)p;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int len = u[0] < 0x80                   ? 1
              : u[0] >= 0xc2 && u[0] < 0xe0 ? 2
              : (u[0] & 0xf0) == 0xe0       ? 3
              : u[0] >= 0xf0 && u[0] < 0xf5 ? 4
                                            : -1;

    if (len == 1)
        *ret_cp = u[0];
    if (len <= 1)
        return len;

    uint32_t cp = u[0] & (0x7fu >> len);
    for (int i = 1; i < len; i++) {
        if ((size_t)i >= n)
            return 0;
        if ((u[i] & 0xc0) != 0x80)
            return -1;
        cp = cp << 6 | (u[i] & 0x3f);
        /* Overlong, surrogate and too large show in the second byte already. */
        if (i == 1 && ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) ||
                              (u[0] == 0xf0 && u[1] < 0x90) || (u[0] == 0xf4 && u[1] > 0x8f)))
            return -1;
    }
    if (cp < least[len])
        return -1;
    *ret_cp = cp;
    return len;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xc0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xe0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
        out[2] = (char)(0x80 | (cp & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
    out[3] = (char)(0x80 | (cp & 0x3f));
    return 4;
}

bool char_is_deceptive(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0xad || cp == 0x34f || cp == 0x61c ||
           cp == 0x17b4 || cp == 0x17b5 || cp == 0x2800 || (cp & 0xfffe) == 0xfffe ||
           (cp >= 0x1d173 && cp <= 0x1d17a) || (cp >= 0x180b && cp <= 0x180f) ||
           (cp >= 0x200b && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202e) ||
           (cp >= 0x2060 && cp <= 0x206f) || cp == 0x115f || cp == 0x1160 || cp == 0x3164 ||
           cp == 0xffa0 || (cp >= 0xfe00 && cp <= 0xfe0f) || cp == 0xfeff ||
           (cp >= 0xfff0 && cp <= 0xfffb) || (cp >= 0xe000 && cp <= 0xf8ff) || cp >= 0xe0000;
}

/* Nothing in it needs another form. */
static bool is_printable_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < 0x20 || s.p[i] > 0x7e)
            return false;
    }
    return true;
}

char *str_vis(char *dst, size_t cap, struct str s)
{
    size_t out = 0;
    size_t cut = 0; /* the last end of an item with room for the mark behind it */

    if (cap == 0)
        return dst;
    if (s.n < cap && is_printable_ascii(s)) {
        str_copy(dst, cap, s);
        return dst;
    }
    for (size_t i = 0; i < s.n;) {
        char item[16];
        uint32_t cp = 0;
        int len = utf8_decode(s.p + i, s.n - i, &cp);
        int n;

        if (len <= 0) {
            n = snprintf(item, sizeof(item), "<0x%02X>", (unsigned char)s.p[i]);
            len = 1;
        } else if (char_is_deceptive(cp)) {
            n = snprintf(item, sizeof(item), "<U+%04X>", cp);
        } else {
            memcpy(item, s.p + i, (size_t)len);
            n = len;
        }
        if (out + (size_t)n >= cap) {
            out = cut;
            if (cut + 3 <= cap) {
                memcpy(dst + cut, "..", 2);
                out += 2;
            }
            break;
        }
        memcpy(dst + out, item, (size_t)n);
        out += (size_t)n;
        i += (size_t)len;
        if (out + 3 <= cap)
            cut = out;
    }
    dst[out] = '\0';
    return dst;
}

bool str_copy(char *dst, size_t cap, struct str s)
{
    if (cap == 0)
        return false;

    size_t n = s.n < cap ? s.n : cap - 1;

    if (n)
        memcpy(dst, s.p, n);
    dst[n] = '\0';
    return n == s.n;
}

size_t str_distance(const char *a, const char *b)
{
    size_t an = strnlen(a, 63);
    size_t bn = strnlen(b, 63);
    size_t row[64];

    for (size_t j = 0; j <= bn; j++)
        row[j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[bn];
}

const char *str_nearest(const char *wrong, const char *const *names)
{
    const char *best = NULL;
    size_t limit = strlen(wrong) / 3 + 2;

    for (; *names; names++) {
        size_t d = str_distance(wrong, *names);

        if (d < limit) {
            limit = d;
            best = *names;
        }
    }
    return best;
}
