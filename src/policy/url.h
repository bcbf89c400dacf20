/*
 * url.h - the host of a URL in an argument; inside src/policy only.
 */
#ifndef SRC_POLICY_URL_H
#define SRC_POLICY_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct url {
    char host[256]; /* lower case, no trailing dot, punycode; an address without brackets */
    bool is_address;
    uint16_t port;
    bool is_standard_port;
};

/* http and https only. False with a sentence if programs may disagree about its host. */
bool url_read(struct str text, struct url *ret, const char **ret_why);

/*
 * Does it lead to an address that is not public, or to a name of this machine or its network,
 * in any reading that a program is known to make? True with a sentence.
 */
bool url_is_private(struct str text, char *why, size_t cap);

#endif
