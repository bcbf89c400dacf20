/*
 * idna.h - host names beyond ASCII in the form that is looked up (xn--...); inside src/policy
 * only.
 */
#ifndef SRC_POLICY_IDNA_H
#define SRC_POLICY_IDNA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

/*
 * The name in lower case, labels beyond ASCII in punycode, with a NUL. False if programs may
 * disagree about it: letters of several scripts in one label, letters that have to be changed
 * by more than their case, final sigma and sharp s (which the two standards treat differently),
 * combining marks, dots of other scripts.
 */
bool idna_encode(struct str host, char *out, size_t cap);

#endif
