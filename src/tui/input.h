/*
 * input.h - bytes of the user's terminal in, keys out. A pure state machine.
 *
 * Every key carries its raw bytes, so that what is not ours can go on to the agent exactly
 * as it came. What a terminal answers by itself (cursor reports, attributes, modes, colours,
 * versions, mouse) is recognised and reported as KEY_REPLY or KEY_MOUSE: it must never reach
 * the agent, which would otherwise learn about, or be driven by, the real terminal.
 *
 *     input_init(&in, 0x1c);
 *     input_feed(&in, bytes, on_key, ctx);        // as often as bytes come
 *     if (input_wait_ms(&in) > 0) ...             // start a timer, then
 *     input_timeout(&in, on_key, ctx);            // a lone ESC is a key after all
 *
 * Sequences may be split over reads anywhere. The callback must not feed the same object.
 */
#ifndef SRC_TUI_INPUT_H
#define SRC_TUI_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "pty/vt.h"

#define INPUT_SEQ_MAX 64     /* longest control sequence looked at; longer ones pass as bytes */
#define INPUT_CHUNK 4096     /* pasted text is handed over in pieces of this size */
#define INPUT_ESC_MS 20      /* a lone ESC is held so long */
#define INPUT_PARTIAL_MS 500 /* the rest of a longer sequence is awaited so long */
#define INPUT_PASTE_MS 2000  /* a paste whose end never comes is ended after this silence */

enum key_kind {
    KEY_CHAR,      /* cp and mods */
    KEY_SYM,       /* sym and mods */
    KEY_RAW,       /* nothing we know; raw only */
    KEY_PASTE,     /* a piece of pasted text in raw */
    KEY_PASTE_END, /* the paste is complete */
    KEY_FOCUS_IN,
    KEY_FOCUS_OUT,
    KEY_MOUSE, /* never forwarded */
    KEY_REPLY  /* the terminal's own answer; never forwarded */
};

/* Key symbols: those of vt.h (VT_KEY_UP ... VT_KEY_F1 + n) and these. */
enum key_sym { KEY_SYM_ESC = 300, KEY_SYM_BACKTAB };

enum key_reply {
    REPLY_OTHER,
    REPLY_READY, /* CSI 0 n: everything written before has been handled */
    REPLY_MODE   /* DECRPM: param[0] mode, param[1] its state */
};

struct key {
    enum key_kind kind;
    uint32_t cp;
    int sym;
    int mods;    /* VT_MOD_* */
    bool repeat; /* a repeat or release event of the kitty protocol: never a decision */
    bool in_paste;
    enum key_reply reply;
    unsigned param[2];
    struct str raw; /* borrows; valid during the callback */
};

typedef void (*input_emit_fn)(void *ctx, const struct key *key);

struct input {
    unsigned char prefix; /* this byte always is a key of its own */
    int state;
    bool alt;      /* an ESC stands before the UTF-8 character in seq */
    unsigned need; /* UTF-8 bytes still to come */
    unsigned mark; /* bytes of the paste's end marker seen */
    unsigned string_len;
    unsigned started; /* counts sequences, tells one wait from the next */
    size_t len;
    char seq[INPUT_SEQ_MAX];
    size_t chunk_len;
    char chunk[INPUT_CHUNK];
};

void input_init(struct input *in, unsigned char prefix);
void input_feed(struct input *in, struct str bytes, input_emit_fn emit, void *ctx);
/* 0: nothing is held back. Otherwise call input_timeout() when so much time has passed since
 * input_wait_id() changed. */
unsigned input_wait_ms(const struct input *in);
unsigned input_wait_id(const struct input *in);
void input_timeout(struct input *in, input_emit_fn emit, void *ctx);

/* Is it the prefix key, as a byte or as the kitty protocol writes it? Also for repeats. */
bool key_is_prefix(const struct input *in, const struct key *key);
/* A printable character without Ctrl or Alt. */
bool key_is_text(const struct key *key);

#endif
