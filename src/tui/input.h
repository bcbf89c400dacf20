/*
 * input.h - bytes of the user's terminal in, keys out. A pure state machine.
 *
 * Every key carries its raw bytes, so that what is not ours can go on to the agent exactly
 * as it came. What a terminal answers by itself (cursor reports, attributes, modes, colours,
 * versions, mouse) is recognised and reported as KEY_REPLY or KEY_MOUSE: it must never reach
 * the agent, which would otherwise learn about, or be driven by, the real terminal.
 *
 * Keys come as bytes of old, in the forms of the kitty keyboard protocol, or in xterm's of
 * modifyOtherKeys; what was typed is in cp, sym and mods in all three.
 *
 *     input_init(&in, &CHORD_DEFAULT);
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
#include "pty/chord.h"
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
    KEY_MOUSE, /* `mouse`, in cells of the whole terminal */
    KEY_REPLY  /* the terminal's own answer; never forwarded */
};

/* Key symbols: those of vt.h (VT_KEY_UP ... VT_KEY_F1 + n) and these. */
enum key_sym { KEY_SYM_ESC = 300, KEY_SYM_BACKTAB };

enum key_reply {
    REPLY_OTHER,
    REPLY_READY, /* CSI 0 n: everything written before has been handled */
    REPLY_MODE,  /* DECRPM: param[0] mode, param[1] its state */
    REPLY_KITTY, /* it knows the kitty keyboard protocol */
    REPLY_MODEL, /* secondary attributes: param[0] the kind of terminal */
    REPLY_COLOUR /* OSC 10 or 11: param[0] which, param[1] 0xRRGGBB */
};

enum key_form {
    FORM_BYTES, /* as terminals always sent it */
    FORM_KITTY, /* as only the kitty protocol writes it */
    FORM_OTHER  /* modifyOtherKeys */
};

/* Super, Hyper or Meta was held, beside VT_MOD_*: never a key of the host's. */
#define KEY_MOD_OTHER 8

struct key {
    enum key_kind kind;
    uint32_t cp;   /* as typed: 'A', not 'a' with Shift */
    uint32_t base; /* the key in the same place on a Latin keyboard, if the terminal says so */
    int sym;
    int mods; /* VT_MOD_* and KEY_MOD_OTHER */
    enum key_form form;
    bool repeat;   /* a repeat or release event of the kitty protocol: never a decision */
    bool release;  /* a release */
    bool modifier; /* Shift, Ctrl ... by itself */
    bool in_paste;
    enum key_reply reply;
    unsigned param[2];
    struct vt_mouse mouse;
    struct str raw; /* borrows; valid during the callback */
};

typedef void (*input_emit_fn)(void *ctx, const struct key *key);

struct input {
    struct chord prefix; /* its byte always is a key of its own */
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

void input_init(struct input *in, const struct chord *prefix);
void input_feed(struct input *in, struct str bytes, input_emit_fn emit, void *ctx);
/* 0: nothing is held back. Otherwise call input_timeout() when so much time has passed since
 * input_wait_id() changed. */
unsigned input_wait_ms(const struct input *in);
unsigned input_wait_id(const struct input *in);
void input_timeout(struct input *in, input_emit_fn emit, void *ctx);

/* The character that the key would give on a Latin keyboard, for keys that are commands: by
 * the terminal's word, else by the usual Cyrillic and Greek layouts; other characters as they
 * are. */
uint32_t key_latin(const struct key *key);
/* Is it the prefix key, in whatever form? Also for repeats. */
bool key_is_prefix(const struct input *in, const struct key *key);
/* A printable character without Ctrl or Alt. */
bool key_is_text(const struct key *key);

#endif
