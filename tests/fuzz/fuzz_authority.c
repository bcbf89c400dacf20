/*
 * fuzz_authority.c - CONNECT targets. What is accepted reads back as itself, does not depend
 * on case, and means what libc means: a name is a name for inet_aton() too (so that no
 * resolver sees an address where policy saw a name), an address is the same address.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "proxy/authority.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Written and read again it is the same. */
static void check_again(const struct authority *a)
{
    char text[300];
    struct authority again;
    int n = snprintf(
            text, sizeof(text), a->is_v6 ? "[%s]:%u" : "%s:%u", a->host, (unsigned)a->port);
    CHECK(authority_parse((struct str){text, (size_t)n}, 1, &again) == 0);
    CHECK(strcmp(a->host, again.host) == 0 && a->port == again.port && a->is_v6 == again.is_v6);
}

static void check_case(const struct authority *a, struct str in)
{
    struct authority other;
    char *upper = xstrndup(in.p, in.n);
    for (size_t i = 0; i < in.n; i++)
        upper[i] = (char)(upper[i] >= 'a' && upper[i] <= 'z' ? upper[i] - 32 : upper[i]);
    CHECK(authority_parse((struct str){upper, in.n}, 443, &other) == 0);
    CHECK(strcmp(a->host, other.host) == 0 && a->port == other.port);
    free(upper);
}

/* The plainest reading: the port is what follows the last colon, unless that is inside of
 * brackets. */
static void check_port(const struct authority *a, struct str in)
{
    size_t at = in.n;
    while (at > 0 && in.p[at - 1] != ':' && in.p[at - 1] != ']')
        at--;
    unsigned long port = 443;
    if (at > 0 && in.p[at - 1] == ':') {
        char digits[8] = "";
        CHECK(in.n - at <= 5 && in.n > at);
        memcpy(digits, in.p + at, in.n - at);
        port = strtoul(digits, NULL, 10);
    }
    CHECK(port == a->port && port > 0);
}

static void check_libc(const struct authority *a)
{
    struct in_addr v4, strict;
    struct in6_addr v6;
    size_t n = strlen(a->host);
    CHECK(n > 0 && n <= 253);
    CHECK(strcspn(a->host, " \t\r\n@/?#\\%*,[]\"'<>") == n);
    CHECK(a->is_v6 == (strchr(a->host, ':') != NULL));
    CHECK((inet_pton(AF_INET6, a->host, &v6) == 1) == a->is_v6);
    if (inet_aton(a->host, &v4))
        CHECK(inet_pton(AF_INET, a->host, &strict) == 1 && v4.s_addr == strict.s_addr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    struct authority a, required;
    if (authority_parse(in, 443, &a) < 0) {
        CHECK(authority_parse(in, 0, &required) < 0);
        return 0;
    }
    CHECK(!memchr(in.p, '\0', in.n));
    check_again(&a);
    check_case(&a, in);
    check_port(&a, in);
    check_libc(&a);
    return 0;
}
