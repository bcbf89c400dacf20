/*
 * addr.c - socket addresses. The tables follow the IANA special-purpose address registries
 * (RFC 6890 and its updates).
 */
#include "io/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/str.h"

struct range4 {
    uint32_t net; /* host byte order */
    unsigned bits;
};

static const struct range4 special4[] = {
        {0x00000000, 8},  /* 0.0.0.0/8 this network */
        {0x0a000000, 8},  /* 10.0.0.0/8 private */
        {0x64400000, 10}, /* 100.64.0.0/10 carrier-grade NAT */
        {0x7f000000, 8},  /* 127.0.0.0/8 loopback */
        {0xa9fe0000, 16}, /* 169.254.0.0/16 link-local, metadata services */
        {0xac100000, 12}, /* 172.16.0.0/12 private */
        {0xc0000000, 24}, /* 192.0.0.0/24 protocol assignments */
        {0xc0000200, 24}, /* 192.0.2.0/24 documentation */
        {0xc0586300, 24}, /* 192.88.99.0/24 6to4 relay, gone */
        {0xc0a80000, 16}, /* 192.168.0.0/16 private */
        {0xc6120000, 15}, /* 198.18.0.0/15 benchmarks */
        {0xc6336400, 24}, /* 198.51.100.0/24 documentation */
        {0xcb007100, 24}, /* 203.0.113.0/24 documentation */
        {0xe0000000, 3},  /* 224.0.0.0/4 multicast, 240.0.0.0/4 reserved, broadcast */
};

struct range6 {
    uint8_t net[8];
    unsigned bits;
};

/* Inside 2000::/3, the only block that is global unicast at all. */
static const struct range6 special6[] = {
        {{0x20, 0x01, 0x00}, 23},       /* 2001::/23 protocol assignments, Teredo */
        {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
        {{0x20, 0x02}, 16},             /* 6to4 */
        {{0x3f, 0xff, 0x00}, 20},       /* documentation, RFC 9637 */
};

int addr_check_path(const char *path, struct err *err)
{
    size_t n = strlen(path);

    if (n == 0 || n > LIMIT_SUN_PATH)
        return err_set(err, ERR_LIMIT,
                "socket path '%s' has %zu bytes, the system allows 1 to %d; use a shorter "
                "folder",
                path, n, LIMIT_SUN_PATH);
    return 0;
}

void addr_text(const struct sockaddr *addr, char *out, size_t cap)
{
    char ip[INET6_ADDRSTRLEN] = "?";

    if (addr->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

        inet_ntop(AF_INET, &in->sin_addr, ip, sizeof(ip));
        snprintf(out, cap, "%s:%u", ip, ntohs(in->sin_port));
    } else if (addr->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;

        inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
        snprintf(out, cap, "[%s]:%u", ip, ntohs(in6->sin6_port));
    } else {
        snprintf(out, cap, "unix");
    }
}

void addr_of_peer(const uv_tcp_t *tcp, char *out, size_t cap)
{
    struct sockaddr_storage addr = {0};
    int len = sizeof(addr);

    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&addr, &len) == 0)
        addr_text((const struct sockaddr *)&addr, out, cap);
    else
        snprintf(out, cap, "tcp");
}

static bool private4(uint32_t ip)
{
    for (size_t i = 0; i < sizeof(special4) / sizeof(special4[0]); i++) {
        uint32_t mask = ~0u << (32 - special4[i].bits);

        if ((ip & mask) == special4[i].net)
            return true;
    }
    return false;
}

static bool in_range6(const uint8_t ip[16], const struct range6 *range)
{
    unsigned whole = range->bits / 8;
    unsigned rest = range->bits % 8;

    if (memcmp(ip, range->net, whole) != 0)
        return false;
    return !rest || (ip[whole] >> (8 - rest)) == (range->net[whole] >> (8 - rest));
}

static bool private6(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};

    /* These carry an IPv4 address; a mapped public one is no more private than its IPv4. */
    if (memcmp(ip, mapped, 12) == 0 || memcmp(ip, nat64, 12) == 0)
        return private4((uint32_t)ip[12] << 24 | (uint32_t)ip[13] << 16 |
                        (uint32_t)ip[14] << 8 | ip[15]);
    if ((ip[0] & 0xe0) != 0x20)
        return true;
    for (size_t i = 0; i < sizeof(special6) / sizeof(special6[0]); i++)
        if (in_range6(ip, &special6[i]))
            return true;
    return false;
}

bool addr_is_private(const struct sockaddr *addr)
{
    if (addr->sa_family == AF_INET)
        return private4(ntohl(((const struct sockaddr_in *)addr)->sin_addr.s_addr));
    if (addr->sa_family == AF_INET6)
        return private6(((const struct sockaddr_in6 *)addr)->sin6_addr.s6_addr);
    return true;
}
