/*
 * addr.h - socket addresses: as text, and which of them are not on the public Internet.
 */
#ifndef SRC_IO_ADDR_H
#define SRC_IO_ADDR_H

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/err.h"

/* Does the path fit a Unix socket address? ERR_LIMIT says how long it may be. */
int addr_check_path(const char *path, struct err *err);

/* "127.0.0.1:80", "[::1]:80". */
void addr_text(const struct sockaddr *addr, char *out, size_t cap);
void addr_of_peer(const uv_tcp_t *tcp, char *out, size_t cap);

/*
 * Anything that must not be reached on behalf of an untrusted program: loopback, private,
 * link-local (cloud metadata), shared (CGNAT), multicast, reserved, documentation; and IPv6
 * forms that carry such an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo).
 */
bool addr_is_private(const struct sockaddr *addr);

#endif
