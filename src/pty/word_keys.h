/*
 * word_keys.h - the bytes that went to the agent's PTY, taken apart into editing keys.
 *
 * The reading direction opposite to key encoding: legacy control bytes, CSI and SS3 keys,
 * Alt as an ESC prefix, CSI u and modifyOtherKeys forms, bracketed paste. What is no key of a
 * person (mouse and focus reports, answers to queries of the agent) is consumed and gives
 * nothing. Sequences may be split anywhere; one that stops in the middle is given up after a
 * pause, because Escape and Alt-[ are keys that a person can press.
 */
#ifndef SRC_PTY_WORD_KEYS_H
#define SRC_PTY_WORD_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum word_key {
    WORD_NOTHING, /* without effect on the text */
    WORD_TEXT,    /* one character, typed */
    WORD_PASTED,  /* one character of a paste */
    WORD_NEWLINE, /* inside the message */
    WORD_ENTER,
    WORD_LEFT,
    WORD_RIGHT,
    WORD_WORD_LEFT,
    WORD_WORD_RIGHT,
    WORD_HOME,
    WORD_END,
    WORD_ERASE_LEFT,
    WORD_ERASE_RIGHT,
    WORD_ERASE_WORD_LEFT,  /* letters and digits (Alt-Backspace) */
    WORD_ERASE_WORD_RIGHT, /* Alt-d */
    WORD_RUBOUT,           /* back to white space (^W) */
    WORD_KILL_LEFT,
    WORD_KILL_RIGHT,
    WORD_CLEAR,  /* ^C */
    WORD_ESCAPE, /* alone */
    WORD_UNSURE  /* history, completion, undo: the effect depends on what we cannot know */
};

typedef void (*word_key_fn)(void *ctx, enum word_key key, struct str text);

enum word_state {
    WORD_GROUND,
    WORD_IN_ESC,
    WORD_IN_CSI,
    WORD_IN_SS3,
    WORD_IN_STRING, /* OSC, DCS, APC, PM, SOS */
    WORD_IN_STRING_ESC,
    WORD_IN_MOUSE, /* three raw bytes after CSI M */
    WORD_IN_PASTE
};

#define WORD_PARAMS 4

struct word_keys {
    word_key_fn emit;
    void *ctx; /* borrows */
    enum word_state state;
    int64_t last_ms;
    uint32_t params[WORD_PARAMS], subs[WORD_PARAMS]; /* "params[i]:subs[i];..." */
    unsigned index;                                  /* parameter being read */
    bool in_sub;
    bool is_report; /* private or intermediate bytes: no key of a person */
    unsigned skip;  /* bytes left of a mouse report */
    size_t matched; /* of the end of a paste */
    bool after_cr;  /* in a paste: LF belongs to the CR before it */
    char utf8[4];
    size_t utf8_len;
};

void word_keys_init(struct word_keys *keys, word_key_fn emit, void *ctx);
void word_keys_feed(struct word_keys *keys, struct str bytes, int64_t now_ms);

#endif
