/*
 * idna.c - punycode (RFC 3492) for letters about which nobody disagrees.
 *
 * The tables of Unicode are not here: a name is only encoded if all its letters are in one of
 * the ranges below, in which nothing but the case of letters is changed by any standard. For
 * every other name the answer is "cannot tell", which allows nothing.
 */
#include "policy/idna.h"

enum script { LATIN = 1, GREEK, CYRILLIC, HEBREW, ARABIC, THAI, CJK, HANGUL };

enum fold { AS_IT_IS, UP_32, UP_80, ODD_IS_LOWER, EVEN_IS_LOWER };

static const struct range {
    uint32_t first, last;
    enum script script;
    enum fold fold;
} ranges[] = {
        {0xc0, 0xd6, LATIN, UP_32},
        {0xd8, 0xde, LATIN, UP_32},
        {0xe0, 0xf6, LATIN, AS_IT_IS},
        {0xf8, 0xff, LATIN, AS_IT_IS},
        {0x100, 0x12f, LATIN, ODD_IS_LOWER},
        {0x134, 0x137, LATIN, ODD_IS_LOWER},
        {0x139, 0x13e, LATIN, EVEN_IS_LOWER},
        {0x141, 0x148, LATIN, EVEN_IS_LOWER},
        {0x14a, 0x177, LATIN, ODD_IS_LOWER},
        {0x179, 0x17e, LATIN, EVEN_IS_LOWER},
        {0x391, 0x3a1, GREEK, UP_32},
        {0x3a3, 0x3a9, GREEK, UP_32},
        {0x3ac, 0x3af, GREEK, AS_IT_IS},
        {0x3b1, 0x3c1, GREEK, AS_IT_IS},
        {0x3c3, 0x3ce, GREEK, AS_IT_IS},
        {0x400, 0x40f, CYRILLIC, UP_80},
        {0x410, 0x42f, CYRILLIC, UP_32},
        {0x430, 0x45f, CYRILLIC, AS_IT_IS},
        {0x5d0, 0x5ea, HEBREW, AS_IT_IS},
        {0x620, 0x63f, ARABIC, AS_IT_IS},
        {0x641, 0x64a, ARABIC, AS_IT_IS},
        {0xe01, 0xe30, THAI, AS_IT_IS},
        {0x3041, 0x3096, CJK, AS_IT_IS},
        {0x30a1, 0x30fa, CJK, AS_IT_IS},
        {0x3400, 0x4dbf, CJK, AS_IT_IS},
        {0x4e00, 0x9fff, CJK, AS_IT_IS},
        {0xac00, 0xd7a3, HANGUL, AS_IT_IS},
};

#define LABEL_MAX 63

static uint32_t lower(const struct range *range, uint32_t cp)
{
    switch (range->fold) {
    case AS_IT_IS:
        return cp;
    case UP_32:
        return cp + 32;
    case UP_80:
        return cp + 80;
    case ODD_IS_LOWER:
        return cp | 1;
    case EVEN_IS_LOWER:
        return cp + (cp & 1);
    }
    return cp;
}

/* Lower case in *cp; 0: belongs to every script, -1: not known. */
static int classify(uint32_t *cp)
{
    if (*cp < 0x80) {
        *cp = (uint32_t)(unsigned char)char_lower((char)*cp);
        if (*cp >= 'a' && *cp <= 'z')
            return LATIN;
        return (*cp >= '0' && *cp <= '9') || *cp == '-' || *cp == '_' ? 0 : -1;
    }
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        if (*cp < ranges[i].first || *cp > ranges[i].last)
            continue;
        *cp = lower(&ranges[i], *cp);
        return ranges[i].script;
    }
    return -1;
}

/* Code points in lower case; 0 if the label is not one that everybody reads alike. */
static size_t read_label(struct str label, uint32_t cps[LABEL_MAX], bool *ret_ascii)
{
    int script = 0;
    size_t count = 0;

    *ret_ascii = true;
    for (size_t i = 0; i < label.n;) {
        uint32_t cp;
        int n = utf8_decode(label.p + i, label.n - i, &cp);

        if (n <= 0 || count == LABEL_MAX)
            return 0;
        *ret_ascii = *ret_ascii && cp < 0x80;
        int here = classify(&cp);
        if (here < 0 || (here && script && here != script))
            return 0;
        script = here ? here : script;
        cps[count++] = cp;
        i += (size_t)n;
    }
    return count;
}

/* --- RFC 3492 --------------------------------------------------------------------------- */

static uint32_t adapt(uint32_t delta, uint32_t points, bool is_first)
{
    uint32_t k = 0;

    delta = is_first ? delta / 700 : delta / 2;
    delta += delta / points;
    for (; delta > 35 * 26 / 2; k += 36)
        delta /= 35;
    return k + 36 * delta / (delta + 38);
}

struct out {
    char *p;
    size_t n, cap;
};

static bool put(struct out *out, char c)
{
    if (out->n + 1 >= out->cap)
        return false;
    out->p[out->n++] = c;
    return true;
}

static bool put_number(struct out *out, uint32_t q, uint32_t bias)
{
    for (uint32_t k = 36;; k += 36) {
        uint32_t t = k <= bias ? 1 : k >= bias + 26 ? 26 : k - bias;
        uint32_t digit = q < t ? q : t + (q - t) % (36 - t);

        if (!put(out, (char)(digit < 26 ? 'a' + digit : '0' + digit - 26)))
            return false;
        if (q < t)
            return true;
        q = (q - t) / (36 - t);
    }
}

static bool put_label(struct out *out, const uint32_t *cps, size_t count)
{
    uint32_t n = 0x80, delta = 0, bias = 72, done = 0, basic;
    bool ok = put(out, 'x') && put(out, 'n') && put(out, '-') && put(out, '-');

    for (size_t i = 0; i < count; i++)
        if (cps[i] < 0x80 && ++done)
            ok = ok && put(out, (char)cps[i]);
    basic = done;
    if (basic)
        ok = ok && put(out, '-');
    while (ok && done < count) {
        uint32_t next = UINT32_MAX;

        for (size_t i = 0; i < count; i++)
            if (cps[i] >= n && cps[i] < next)
                next = cps[i];
        delta += (next - n) * (done + 1);
        n = next;
        for (size_t i = 0; ok && i < count; i++) {
            delta += cps[i] < n;
            if (cps[i] != n)
                continue;
            ok = put_number(out, delta, bias);
            bias = adapt(delta, done + 1, done == basic);
            done++;
            delta = 0;
        }
        delta++;
        n++;
    }
    return ok;
}

bool idna_encode(struct str host, char *text, size_t cap)
{
    struct out out = {text, 0, cap};
    struct str label;
    bool more = true;

    while (more) {
        uint32_t cps[LABEL_MAX];
        bool is_ascii;

        more = str_cut(&host, '.', &label);
        size_t count = read_label(label, cps, &is_ascii);
        size_t start = out.n;
        /* What looks like a prefix of such a form is none beyond ASCII. */
        if (count == 0 || (!is_ascii && count > 3 && cps[2] == '-' && cps[3] == '-'))
            return false;
        bool ok = true;
        for (size_t i = 0; is_ascii && i < count; i++)
            ok = ok && put(&out, (char)cps[i]);
        if (!is_ascii)
            ok = put_label(&out, cps, count);
        if (!ok || out.n - start > LABEL_MAX || (more && !put(&out, '.')))
            return false;
    }
    text[out.n] = '\0';
    return true;
}
