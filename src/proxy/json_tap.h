/*
 * json_tap.h - values out of a JSON text that comes in pieces and is never held.
 *
 * For reading along: constant memory, about a nanosecond a byte and much less inside long
 * strings, so that bodies need neither a copy nor a limit. That is what base/jscan.h cannot
 * do, which has to see the whole text; and it is all that this one is for: it does not check
 * more than it needs to find its way, so nothing may be decided by it. base/json.h tells
 * which reader to take.
 *
 * The caller names the members it wants (`names`, at most JSON_TAP_NAMES, ended by an empty
 * one). fn is called for every string, number, true, false and null whose whole path but the
 * last step consists of such members or of elements of arrays: path[i] is the number of the
 * name, counted from 1, JSON_TAP_OTHER for another name (only as the last step), or
 * JSON_TAP_ITEM for an element.
 */
#ifndef SRC_PROXY_JSON_TAP_H
#define SRC_PROXY_JSON_TAP_H

#include <stdint.h>

#include "base/str.h"

#define JSON_TAP_OTHER 0
#define JSON_TAP_ITEM 255
#define JSON_TAP_NAMES 63
#define JSON_TAP_SLOTS 64
/* Steps of a path that are told; deeper values are passed over. */
#define JSON_TAP_PATH 6
/* Deeper nesting ends the reading. */
#define JSON_TAP_DEPTH 256
/* Bytes of one value; longer ones are not told. */
#define JSON_TAP_TEXT 112

enum json_tap_kind { JSON_TAP_STRING, JSON_TAP_WORD /* number, true, false */, JSON_TAP_NULL };

typedef void (*json_tap_fn)(void *ctx, const uint8_t *path, size_t steps,
        enum json_tap_kind kind, struct str text /* without escapes, valid during the call */);

struct json_tap {
    const struct str *names; /* borrows */
    json_tap_fn fn;
    void *ctx; /* borrows */
    uint8_t state;
    bool is_key;    /* the string that is read */
    bool keep;      /* its bytes are wanted */
    bool spoilt;    /* it is too long, or has escapes */
    unsigned depth; /* containers that are open */
    unsigned alive; /* so many steps of the path are of interest */
    size_t length;
    uint8_t first[JSON_TAP_SLOTS];    /* a name for each; 0: none */
    uint8_t next[JSON_TAP_NAMES + 1]; /* by name, another of its slot; 0: none */
    uint8_t path[JSON_TAP_PATH];
    uint8_t is_object[JSON_TAP_DEPTH / 8]; /* a bit per container */
    char text[JSON_TAP_TEXT];
};

void json_tap_init(struct json_tap *tap, const struct str *names, json_tap_fn fn, void *ctx);
/* Begin with a new text. */
void json_tap_reset(struct json_tap *tap);
/* False: it is not JSON; nothing more will be told. */
bool json_tap_feed(struct json_tap *tap, struct str piece);

#endif
