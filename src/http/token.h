/*
 * token.h - tokens, the alphabet of HTTP (RFC 9110 section 5.6.2).
 */
#ifndef SRC_HTTP_TOKEN_H
#define SRC_HTTP_TOKEN_H

#include <stdbool.h>

#include "base/str.h"

bool token_char(char c);
/* So many bytes at its beginning are of a token. */
size_t token_length(struct str s);
/* It is one, and not empty. */
bool token_is(struct str s);

#endif
