/*
 * decimal.c - comparing numbers as they are written.
 */
#include "policy/decimal.h"

#include "base/slice.h"

/* Beyond this an exponent is not added to any more. */
#define EXPONENT_MAX INT64_C(1000000000000)

/* 0.DIGITS * 10^scale, the first digit not 0; no digits: zero. */
struct decimal {
    bool is_negative;
    bool is_vague;     /* the exponent is too large */
    struct str digits; /* with a point somewhere, maybe; without zeros at the ends */
    int64_t scale;
};

bool is_decimal(struct str text)
{
    char last = text.n ? text.p[text.n - 1] : ' ';

    return last >= '0' && last <= '9' && json_raw_is_number(text);
}

static int64_t read_exponent(struct str text, bool *ret_vague)
{
    bool is_negative = text.n && text.p[0] == '-';
    int64_t value = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0')
            continue;
        value = value * 10 + (text.p[i] - '0');
        if (value > EXPONENT_MAX) {
            *ret_vague = true;
            break;
        }
    }
    return is_negative ? -value : value;
}

static struct decimal read(struct str text)
{
    struct decimal d = {.is_negative = text.p[0] == '-'};
    size_t end = 0;
    size_t point;

    if (d.is_negative)
        text = (struct str){text.p + 1, text.n - 1};
    while (end < text.n && text.p[end] != 'e' && text.p[end] != 'E')
        end++;
    if (end < text.n)
        d.scale = read_exponent((struct str){text.p + end + 1, text.n - end - 1}, &d.is_vague);
    for (point = 0; point < end && text.p[point] != '.'; point++)
        ;
    size_t first = 0;
    while (first < end && (text.p[first] == '0' || text.p[first] == '.'))
        first++;
    while (end > first && (text.p[end - 1] == '0' || text.p[end - 1] == '.'))
        end--;
    d.digits = (struct str){text.p + first, end - first};
    if (d.digits.n == 0)
        return (struct decimal){0};
    /* Digits in front of the point count up, zeros behind it count down. */
    d.scale += first < point ? (int64_t)(point - first) : -(int64_t)(first - point - 1);
    return d;
}

/* Digit by digit, the point left out. */
static int compare_digits(struct str a, struct str b)
{
    size_t i = 0;
    size_t j = 0;

    for (;;) {
        if (i < a.n && a.p[i] == '.')
            i++;
        if (j < b.n && b.p[j] == '.')
            j++;
        if (i >= a.n || j >= b.n)
            return (i < a.n) - (j < b.n);
        if (a.p[i] != b.p[j])
            return a.p[i] < b.p[j] ? -1 : 1;
        i++;
        j++;
    }
}

bool decimal_compare(struct str a_text, struct str b_text, int *ret)
{
    struct decimal a = read(a_text);
    struct decimal b = read(b_text);
    int a_sign = a.digits.n == 0 ? 0 : a.is_negative ? -1 : 1;
    int b_sign = b.digits.n == 0 ? 0 : b.is_negative ? -1 : 1;

    if (a.is_vague || b.is_vague)
        return false;
    if (a_sign != b_sign)
        *ret = a_sign < b_sign ? -1 : 1;
    else if (a.scale != b.scale)
        *ret = (a.scale < b.scale ? -1 : 1) * a_sign;
    else
        *ret = compare_digits(a.digits, b.digits) * a_sign;
    return true;
}

bool decimal_is_integer(struct str text)
{
    struct decimal d = read(text);
    size_t digits = d.digits.n - (d.digits.n && memchr(d.digits.p, '.', d.digits.n));

    return !d.is_vague && (int64_t)digits <= (d.scale > 0 ? d.scale : 0);
}
