/*
 * ip.h - literal IP addresses: strictly read, and told apart from the public Internet.
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

/* Would a lenient reader take this for an IPv4 address? The last label is a number. */
bool ip_looks_numeric(struct str text);

bool ip_equal(const struct ip *a, const struct ip *b);

/*
 * What keeps the address from being a public one ("loopback", "private", ...), or NULL. An
 * IPv6 address that carries an IPv4 address is special whatever it carries.
 */
const char *ip_special(const struct ip *ip);

#endif
