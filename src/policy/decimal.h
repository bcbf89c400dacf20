/*
 * decimal.h - numbers compared by their digits, so that none is too large or too fine; inside
 * src/policy only.
 */
#ifndef SRC_POLICY_DECIMAL_H
#define SRC_POLICY_DECIMAL_H

#include <stdbool.h>

#include "base/str.h"

/* Is this a JSON number? */
bool is_decimal(struct str text);

/* Two JSON numbers: *ret is below, at or above 0 as a is below, equal to or above b. False if
 * their exponents are too large to tell. */
bool decimal_compare(struct str a, struct str b, int *ret);

/* A JSON number without a fraction, whatever its spelling (1e2 is one). */
bool decimal_is_integer(struct str text);

#endif
