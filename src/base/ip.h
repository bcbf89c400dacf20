/*
 * ip.h - literal IP addresses, strictly read; and which addresses and names are not public.
 */
#ifndef SRC_BASE_IP_H
#define SRC_BASE_IP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct ip {
    bool is_v6;
    uint8_t bytes[16]; /* network order; IPv4 in the first four, the rest zero */
};

/*
 * Four decimal numbers without leading zeros, or an IPv6 address with or without brackets;
 * no zone. Other spellings that some resolvers take (127.1, 0x7f000001) are not addresses
 * here: see ip_looks_numeric().
 */
bool ip_parse(struct str text, struct ip *ret);

/* Would a lenient reader take this for an IPv4 address? The last label is a number, with or
 * without a final dot. */
bool ip_looks_numeric(struct str text);

bool ip_equal(const struct ip *a, const struct ip *b);

/* Do the first `bits` bits agree? Families never do. */
bool ip_in_net(const struct ip *ip, const struct ip *net, unsigned bits);

/*
 * What keeps the literal from being a public one ("loopback", "private", ...), or NULL. An
 * IPv6 address that carries an IPv4 address is special whatever it carries: a rule about the
 * IPv4 address would not see it.
 */
const char *ip_special(const struct ip *ip);

/*
 * What keeps a connection from going there, or NULL. Mapped and NAT64 addresses are judged by
 * what they carry. own: the operator chose this address, so loopback and private networks
 * are all right; link-local, metadata services and the rest never are.
 */
const char *ip_refused(const struct ip *ip, bool own);

/* A name of this machine or of the network it is in: without a dot, or in a local domain. */
bool name_is_local(struct str name);

/* The name of a cloud's metadata service. */
bool name_is_metadata(struct str name);

#endif
