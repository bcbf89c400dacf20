/*
 * ip.c - literal IP addresses.
 *
 * The tables follow the IANA special-purpose registries (RFC 6890 and its updates). For IPv6
 * it is simpler to say what is public: 2000::/3 without a few holes.
 */
#include "base/ip.h"

#include <arpa/inet.h>

struct range {
    uint8_t net[4];
    unsigned bits;
    const char *what;
};

static const struct range special4[] = {
        {{0}, 8, "this network"},
        {{10}, 8, "private"},
        {{100, 64}, 10, "carrier-grade NAT"},
        {{127}, 8, "loopback"},
        {{169, 254}, 16, "link-local, where clouds keep their metadata service"},
        {{172, 16}, 12, "private"},
        {{192, 0, 0}, 24, "reserved"},
        {{192, 0, 2}, 24, "documentation"},
        {{192, 88, 99}, 24, "reserved"},
        {{192, 168}, 16, "private"},
        {{198, 18}, 15, "benchmark"},
        {{198, 51, 100}, 24, "documentation"},
        {{203, 0, 113}, 24, "documentation"},
        {{224}, 4, "multicast"},
        {{240}, 4, "reserved"},
};

/* Inside 2000::/3; all of them fit in four bytes. */
static const struct range special6[] = {
        {{0x20, 0x01, 0x00}, 23, "reserved"}, /* Teredo and others */
        {{0x20, 0x01, 0x0d, 0xb8}, 32, "documentation"},
        {{0x20, 0x02}, 16, "6to4"},
        {{0x3f, 0xff, 0x00}, 20, "documentation"},
};

static bool in_range(const uint8_t *ip, const struct range *range)
{
    unsigned whole = range->bits / 8;
    unsigned rest = range->bits % 8;

    if (memcmp(ip, range->net, whole) != 0)
        return false;
    return rest == 0 || ip[whole] >> (8 - rest) == range->net[whole] >> (8 - rest);
}

static bool parse4(struct str text, struct ip *ret)
{
    struct ip ip = {.is_v6 = false};

    for (int i = 0; i < 4; i++) {
        struct str part;
        uint64_t value = 0;
        bool more = str_cut(&text, '.', &part);

        if (more != (i < 3) || !str_u64(part, 255, &value))
            return false;
        if (part.n > 1 && part.p[0] == '0')
            return false;
        ip.bytes[i] = (uint8_t)value;
    }
    *ret = ip;
    return true;
}

bool ip_parse(struct str text, struct ip *ret)
{
    struct ip ip = {.is_v6 = true};
    char cstr[INET6_ADDRSTRLEN];

    if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = (struct str){text.p + 1, text.n - 2};
    else if (parse4(text, ret))
        return true;
    if (text.n == 0 || memchr(text.p, '\0', text.n) || !memchr(text.p, ':', text.n))
        return false;
    if (!str_copy(cstr, sizeof(cstr), text) || inet_pton(AF_INET6, cstr, ip.bytes) != 1)
        return false;
    *ret = ip;
    return true;
}

bool ip_looks_numeric(struct str text)
{
    size_t start = text.n;

    while (start > 0 && text.p[start - 1] != '.')
        start--;
    struct str last = {text.p + start, text.n - start};
    if (last.n >= 2 && last.p[0] == '0' && (last.p[1] == 'x' || last.p[1] == 'X'))
        return true;
    for (size_t i = 0; i < last.n; i++)
        if (last.p[i] < '0' || last.p[i] > '9')
            return false;
    return last.n > 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->is_v6 == b->is_v6 && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

static const char *special_v6(const uint8_t *ip)
{
    static const uint8_t loopback[16] = {[15] = 1};

    if (memcmp(ip, loopback, 16) == 0)
        return "loopback";
    if ((ip[0] & 0xfe) == 0xfc)
        return "private";
    if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)
        return "link-local";
    if (ip[0] == 0xff)
        return "multicast";
    if ((ip[0] & 0xe0) != 0x20)
        return "reserved";
    for (size_t i = 0; i < sizeof(special6) / sizeof(special6[0]); i++)
        if (in_range(ip, &special6[i]))
            return special6[i].what;
    return NULL;
}

const char *ip_special(const struct ip *ip)
{
    if (ip->is_v6)
        return special_v6(ip->bytes);
    for (size_t i = 0; i < sizeof(special4) / sizeof(special4[0]); i++)
        if (in_range(ip->bytes, &special4[i]))
            return special4[i].what;
    return NULL;
}
