/*
 * authority.c - reading "host:port" (RFC 3986 section 3.2, without user names).
 *
 * Blocks: no. Owns: nothing.
 */
#include "proxy/authority.h"

#include <arpa/inet.h>

static bool host_v6(struct str text, struct authority *ret);
static bool host_name(struct str text, struct authority *ret);

int authority_parse(struct str text, uint16_t port, struct authority *ret)
{
    struct str host = text, digits = {text.p, 0};
    uint64_t number = port;
    bool colon;
    ret->is_v6 = str_starts(text, STR("["));
    if (ret->is_v6) {
        struct str rest = {text.p + 1, text.n - 1};
        if (!str_cut(&rest, ']', &host) || (rest.n > 0 && rest.p[0] != ':'))
            return -1;
        colon = rest.n > 0;
        digits = colon ? (struct str){rest.p + 1, rest.n - 1} : rest;
    } else {
        colon = str_cut(&text, ':', &host);
        if (colon)
            digits = text;
    }
    if (colon && (digits.n > 5 || !str_u64(digits, UINT16_MAX, &number)))
        return -1;
    ret->port = (uint16_t)number;
    if (number == 0)
        return -1;
    return (ret->is_v6 ? host_v6(host, ret) : host_name(host, ret)) ? 0 : -1;
}

/* No zone ("%eth0"): it means something on one machine only, and inet_pton refuses it. */
static bool host_v6(struct str text, struct authority *ret)
{
    char literal[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (memchr(text.p, '\0', text.n) || !str_copy(literal, sizeof(literal), text))
        return false;
    return inet_pton(AF_INET6, literal, &address) == 1 &&
           inet_ntop(AF_INET6, &address, ret->host, sizeof(ret->host)) != NULL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Does getaddrinfo() take a name that ends in this label for a number? */
static bool label_is_number(const char *label)
{
    bool hex = label[0] == '0' && label[1] == 'x';
    label += hex ? 2 : 0;
    return label[strspn(label, hex ? "0123456789abcdef" : "0123456789")] == '\0';
}

static bool labels_are_good(const char *host)
{
    size_t label = 0, i;
    for (i = 0; host[i]; i++) {
        char c = host[i];
        if (c == '.') {
            if (i == label || i - label > 63)
                return false;
            label = i + 1;
        } else if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-' && c != '_') {
            return false;
        }
    }
    if (i == label || i - label > 63)
        return false;
    struct in_addr address;
    return !label_is_number(host + label) || inet_pton(AF_INET, host, &address) == 1;
}

static bool host_name(struct str text, struct authority *ret)
{
    if (str_ends(text, STR(".")))
        text.n--;
    if (text.n == 0 || text.n > 253)
        return false;
    for (size_t i = 0; i < text.n; i++)
        ret->host[i] = char_lower(text.p[i]);
    ret->host[text.n] = '\0';
    return strlen(ret->host) == text.n && labels_are_good(ret->host);
}
