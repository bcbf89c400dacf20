/*
 * mask.h - what looks like a secret in text that is kept or sent on.
 *
 * Two signs: a word that begins as the tokens of well-known services do, and the name that
 * stands beside a value. It is a net with holes: what has no such sign stays.
 */
#ifndef SRC_BASE_MASK_H
#define SRC_BASE_MASK_H

#include "base/buf.h"
#include "base/str.h"

#define MASK_SHOWN "***"

/* The text begins with a token, and no word goes on into it: the bytes of it that may be shown,
 * *ret_len is all of it; 0: it does not. */
size_t mask_token(struct str text, size_t *ret_len);

/* A value of this name is a secret: "password", "x_api_key". */
bool mask_is_secret_name(struct str name);

/* The text begins with the mark of a private key (PEM), which ends where the text does. */
bool mask_is_key_block(struct str text);

/* Appends the text with its secrets masked; true: there were any. */
bool mask_text(struct str text, struct buf *ret);

#endif
