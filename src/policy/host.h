/*
 * host.h - host names and addresses: what is one, what is never reached, what may deceive.
 */
#ifndef SRC_POLICY_HOST_H
#define SRC_POLICY_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/*
 * May nobody reach this host, whatever the rules say? True with a sentence: it is not a host
 * name (letters, digits, hyphens; lower case) nor an address, or it is a private one.
 */
bool host_is_forbidden(struct str host, char *why, size_t cap);

/* Letters, digits, hyphens, dots in the places where a name may have them. */
bool host_is_name(struct str host);

/* Has a label in punycode, which a screen may show as letters that look like others. */
bool host_is_lookalike(struct str host);

#endif
