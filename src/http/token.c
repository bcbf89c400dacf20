/*
 * token.c - tokens, by a table: this runs over every byte of every header name.
 */
#include "http/token.h"

static const bool good[256] = {
        ['a' ... 'z'] = true,
        ['A' ... 'Z'] = true,
        ['0' ... '9'] = true,
        ['!'] = true,
        ['#' ... '\''] = true, /* # $ % & ' */
        ['*'] = true,
        ['+'] = true,
        ['-'] = true,
        ['.'] = true,
        ['^' ... '`'] = true, /* ^ _ ` */
        ['|'] = true,
        ['~'] = true,
};

bool token_char(char c)
{
    return good[(unsigned char)c];
}

size_t token_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && good[(unsigned char)s.p[n]])
        n++;
    return n;
}

bool token_is(struct str s)
{
    return s.n > 0 && token_length(s) == s.n;
}
