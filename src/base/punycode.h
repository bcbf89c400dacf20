/*
 * punycode.h - host names in letters: what a label "xn--..." stands for (RFC 3492).
 */
#ifndef SRC_BASE_PUNYCODE_H
#define SRC_BASE_PUNYCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define PUNYCODE_LABEL 64 /* letters of one label, at the most */

/* What follows "xn--", as code points. False if it is no punycode. */
bool punycode_decode(struct str label, uint32_t out[PUNYCODE_LABEL], size_t *ret_n);

/* The name with its "xn--" labels in letters, those that are none as they are; UTF-8, cut at
 * `cap`. False: the name has no such label. */
bool host_letters(struct str host, char *out, size_t cap);

#endif
