/*
 * addr.c - socket addresses.
 */
#include "io/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/str.h"

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

bool addr_to_ip(const struct sockaddr *addr, struct ip *ret)
{
    struct ip ip = {.is_v6 = addr->sa_family == AF_INET6};

    if (ip.is_v6)
        memcpy(ip.bytes, &((const struct sockaddr_in6 *)addr)->sin6_addr, 16);
    else if (addr->sa_family == AF_INET)
        memcpy(ip.bytes, &((const struct sockaddr_in *)addr)->sin_addr, 4);
    else
        return false;
    *ret = ip;
    return true;
}

void addr_of_ip(const struct ip *ip, uint16_t port, struct sockaddr_storage *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (ip->is_v6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, ip->bytes, 16);
    } else {
        struct sockaddr_in *in = (struct sockaddr_in *)ret;

        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, ip->bytes, 4);
    }
}
