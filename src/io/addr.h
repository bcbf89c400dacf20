/*
 * addr.h - socket addresses, as text and as bytes.
 */
#ifndef SRC_IO_ADDR_H
#define SRC_IO_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/err.h"
#include "base/ip.h"

/* Does the path fit a Unix socket address? ERR_LIMIT says how long it may be. */
int addr_check_path(const char *path, struct err *err);

/* "127.0.0.1:80", "[::1]:80". */
void addr_text(const struct sockaddr *addr, char *out, size_t cap);
void addr_of_peer(const uv_tcp_t *tcp, char *out, size_t cap);

/* False: neither IPv4 nor IPv6. */
bool addr_to_ip(const struct sockaddr *addr, struct ip *ret);
void addr_of_ip(const struct ip *ip, uint16_t port, struct sockaddr_storage *ret);

#endif
