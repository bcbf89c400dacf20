/*
 * pretty.h - the arguments of a call as a text that a person edits, and back.
 *
 * Nothing is decoded and nothing lost: numbers stay as they were written, and what a reader
 * could not see in a string becomes an escape.
 */
#ifndef SRC_REVIEW_PRETTY_H
#define SRC_REVIEW_PRETTY_H

#include "base/buf.h"
#include "base/err.h"

/* One member or element a line. False: it is no JSON, or holds bytes that are no text. */
bool json_pretty(struct str raw, struct buf *ret);

/* As it is sent: on one line. ERR_PROTO says where it is no JSON object. */
int json_compact(struct str text, struct buf *ret, struct err *err);

#endif
