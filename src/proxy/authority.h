/*
 * authority.h - "host:port" as it stands in a CONNECT or behind "http://".
 *
 * Nothing is repaired but what two spellings of one host need: letters become small, a final
 * dot goes, an IPv6 literal loses its brackets and gets its shortest form, so that policy and
 * provider table compare strings. What a resolver would read as an address in another
 * notation ("127.1", "0x7f000001", "017700000001") is refused, and so is a user name.
 */
#ifndef SRC_PROXY_AUTHORITY_H
#define SRC_PROXY_AUTHORITY_H

#include <stdbool.h>

#include "base/str.h"

struct authority {
    char host[256]; /* lower case, without brackets and final dot */
    uint16_t port;
    bool is_v6; /* host is an IPv6 address; it needs brackets where a port may follow */
};

/* `port` is used where none is written; 0: there must be one. 0, or -1 and *ret is void. */
int authority_parse(struct str text, uint16_t port, struct authority *ret);

#endif
