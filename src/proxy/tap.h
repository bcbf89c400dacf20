/*
 * tap.h - what is read along from one response: tokens, model, cost, and a real key inside a
 * compressed body.
 *
 * The tap sees a copy and never changes, delays or fails the response, with one exception
 * (see body_tap_feed). Of usage, what it does not understand, what is too large and what comes
 * broken it stops looking at. Memory: see the limits of sse.h and inflate.h; identity JSON
 * bodies of any length take none.
 *
 *     struct tap_config config = {.dialect = provider->dialect, .prices = prices,
 *             .content_type = type, .content_encoding = coding,
 *             .keys = keys, .key_count = n};
 *     struct body_tap *tap = body_tap_new(&config);      // NULL: nothing to see
 *     ...
 *     if (tap && body_tap_feed(tap, piece) != TAP_FINE)  // before the piece is passed on
 *         ... cut the response off and report it
 *     ...
 *     struct usage usage = USAGE_INIT;
 *     body_tap_end(tap, &usage);                         // NULL is fine
 *
 * Blocks: no.
 */
#ifndef SRC_PROXY_TAP_H
#define SRC_PROXY_TAP_H

#include "base/mem.h"
#include "base/str.h"
#include "proxy/price.h"
#include "proxy/usage.h"

struct tap_config {
    enum api_kind dialect;
    const struct price_table *prices; /* borrows while the tap lives; NULL: no costs */
    struct str content_type;          /* value of the field, borrows during the call */
    struct str content_encoding;      /* same; empty: none */
    bool websocket;                   /* messages come instead of pieces; the two above are
                                         not looked at */
    const struct secret *const *keys; /* the array borrows during the call, the keys while the
                                         tap lives; at most LEAK_KEYS */
    size_t key_count;
};

struct body_tap;

/* NULL when there is nothing to observe: neither the usage of a known dialect in JSON or an
 * event stream, nor a body with a coding that could hold a key. */
struct body_tap *body_tap_new(const struct tap_config *config);

enum tap_result {
    TAP_FINE,
    TAP_KEY,       /* the decoded form contains a real key that this piece completes */
    TAP_UNREADABLE /* it might: broken, a bomb, or a coding other than gzip, deflate, br, zstd
                    */
};

/* Body bytes as they come, without the chunks' framing. A body that has no coding is the
 * business of leak.h, and always fine here. */
enum tap_result body_tap_feed(struct body_tap *tap, struct str piece);

/* One whole text message of a WebSocket, from the upstream. */
void body_tap_message(struct body_tap *tap, struct str json);

/* Fills *ret (NULL: nobody wants it) and frees. A tap of NULL leaves *ret alone. */
void body_tap_end(struct body_tap *tap, struct usage *ret);

#endif
