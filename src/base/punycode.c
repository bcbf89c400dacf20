/*
 * punycode.c - decoding only: what is sent stays in the form in which it is looked up.
 */
#include "base/punycode.h"

#include <stdio.h>

enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, FIRST_BIAS = 72 };

static uint32_t adapt(uint32_t delta, uint32_t points, bool is_first)
{
    uint32_t k = 0;

    delta = is_first ? delta / DAMP : delta / 2;
    delta += delta / points;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static int digit(char c)
{
    c = char_lower(c);
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    return c >= '0' && c <= '9' ? c - '0' + 26 : -1;
}

/* One number of variable length off the front, added to *i. */
static bool take_number(struct str *rest, uint32_t bias, uint32_t *i)
{
    uint32_t weight = 1;

    for (uint32_t k = BASE;; k += BASE) {
        int value = rest->n ? digit(*rest->p) : -1;
        uint32_t step, t = k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;

        if (value < 0 || __builtin_mul_overflow((uint32_t)value, weight, &step) ||
                __builtin_add_overflow(*i, step, i))
            return false;
        rest->p++;
        rest->n--;
        if ((uint32_t)value < t)
            return true;
        if (__builtin_mul_overflow(weight, BASE - t, &weight))
            return false;
    }
}

bool punycode_decode(struct str label, uint32_t out[PUNYCODE_LABEL], size_t *ret_n)
{
    size_t n = 0, basic = label.n;
    uint32_t cp = 128, i = 0, bias = FIRST_BIAS;

    while (basic > 0 && label.p[basic - 1] != '-')
        basic--;
    for (; basic > 0 && n < basic - 1; n++) {
        if (n == PUNYCODE_LABEL || (unsigned char)label.p[n] >= 128)
            return false;
        out[n] = (unsigned char)label.p[n];
    }
    struct str rest = {label.p + basic, label.n - basic};
    while (rest.n > 0) {
        uint32_t before = i, count = (uint32_t)n + 1;

        if (n == PUNYCODE_LABEL || !take_number(&rest, bias, &i))
            return false;
        bias = adapt(i - before, count, before == 0);
        if (i / count > 0x10ffff - cp)
            return false;
        cp += i / count;
        i %= count;
        if (cp >= 0xd800 && cp <= 0xdfff)
            return false;
        memmove(out + i + 1, out + i, (n - i) * sizeof(*out));
        out[i++] = cp;
        n++;
    }
    *ret_n = n;
    return n > 0;
}

bool host_letters(struct str host, char *out, size_t cap)
{
    uint32_t letters[PUNYCODE_LABEL];
    bool more = true, found = false;
    size_t used = 0, n = 0;
    struct str label;

    while (more && cap > 0) {
        more = str_cut(&host, '.', &label);
        struct str code = {label.p + 4, label.n >= 4 ? label.n - 4 : 0};
        bool is_coded = label.n > 4 && str_eq_icase((struct str){label.p, 4}, STR("xn--")) &&
                        punycode_decode(code, letters, &n);

        found = found || is_coded;
        for (size_t i = 0; is_coded && i < n && used + 5 < cap; i++)
            used += utf8_encode(letters[i], out + used);
        if (!is_coded && used + label.n + 1 < cap) {
            memcpy(out + used, label.p, label.n);
            used += label.n;
        }
        if (more && used + 1 < cap)
            out[used++] = '.';
    }
    if (cap > 0)
        out[used] = '\0';
    return found;
}
