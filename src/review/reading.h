/*
 * reading.h - what a person reads of a tool call: every argument, what it would do to files of
 * the workspace as they are now, its commands in parts, and what of it the user never said.
 *
 * Made for the item under review from copies, on any thread, because files are read.
 */
#ifndef SRC_REVIEW_READING_H
#define SRC_REVIEW_READING_H

#include "gate/gate.h"
#include "review/sheet.h"

struct reading;

/* Copies what it needs; the item must have a call. `words`: what the user said, one text. */
struct reading *reading_new(const struct gate_item *item, struct str words);
/* The same call with other arguments; those asked for are shown as the difference to them. */
struct reading *reading_new_edited(
        const struct gate_item *item, struct str arguments, struct str words);
void reading_free(struct reading *reading);

/* Once. Blocks. */
void reading_make(struct reading *reading);
/* Has a file that was read changed meanwhile? Blocks. */
bool reading_is_stale(struct reading *reading);

/* After reading_make(). */
const struct sheet *reading_what(const struct reading *reading);
const struct sheet *reading_raw(const struct reading *reading); /* the JSON as received */
/* Names, paths, flags and hosts of the call that the words do not have, safe to print; "" */
const char *reading_unsaid(const struct reading *reading);
/* A file was written after the question was asked. */
bool reading_file_is_newer(const struct reading *reading);

#endif
