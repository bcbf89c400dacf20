/*
 * ere.h - POSIX extended regular expressions that match a whole string; inside src/policy only.
 */
#ifndef SRC_POLICY_ERE_H
#define SRC_POLICY_ERE_H

#include <regex.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/* Refuses back-references and whatever else POSIX does not define behind a backslash, and what
 * would take long to compile. The message has no file and line. Owned by the caller. */
regex_t *ere_new(const char *pattern, struct err *err);
void ere_free(regex_t *regex);

enum ere_match { ERE_NO, ERE_YES, ERE_CANNOT_TELL };

/* NUL-terminated text without a NUL in it; newlines are characters like others. */
enum ere_match ere_match(const regex_t *regex, const char *text);

#endif
