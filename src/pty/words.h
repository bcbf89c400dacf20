/*
 * words.h - the user's own words, rebuilt from the keystrokes that went to the agent.
 *
 * Captured on the host, before anything reaches the box, into a rolling buffer of
 * LIMIT_WORDS bytes; a deterministic line editor replays them: printables, backspace, ^U ^W
 * ^K ^A ^E, cursor keys, bracketed paste, Enter. What it cannot know (history, completion)
 * makes the entry unsure. For display and the record; never a reason to approve anything.
 */
#ifndef SRC_PTY_WORDS_H
#define SRC_PTY_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct words;

struct words_entry {
    int64_t at_ms;    /* Unix time of the last key of it */
    const char *text; /* owned by words; UTF-8, one message, newlines kept */
    bool pasted;      /* any part came as a paste */
    bool unsure;
    bool draft; /* not sent yet */
};

/* on_sent: an entry was finished by Enter; may be NULL. */
struct words *words_new(void (*on_sent)(void *ctx, const struct words_entry *entry), void *ctx);
void words_free(struct words *words); /* wipes */

/* Bytes exactly as they went to the agent's PTY. */
void words_feed(struct words *words, struct str bytes, int64_t now_ms);

/* 0 is the draft being typed if there is one, then sent messages, newest first. */
unsigned words_count(const struct words *words);
bool words_at(const struct words *words, unsigned index, struct words_entry *ret);

/* The raw rolling buffer, oldest first (two parts when it wrapped are joined). */
struct str words_raw(struct words *words);

#endif
