/*
 * ws.h - WebSocket (RFC 6455) through the proxy: the opening handshake, and the messages.
 *
 *     ws_check_request()    a request that names Upgrade: is it a proper handshake?
 *     ... its head goes upstream without the fields of ws_field_is_ours(), but with
 *         Connection and Upgrade; a status other than 101 is an ordinary response
 *     ws_check_response()   the 101: does it answer this handshake, and nothing else?
 *     ... its head goes to the agent, again with Connection and Upgrade
 *     ws_relay_new()        from here on both channels carry frames
 *
 * The relay ends the protocol on both sides. What the agent sends is put together, judged as
 * a whole message and only then sent on, as one frame. What the upstream sends goes on frame
 * by frame in the loop turn in which the frame is complete; frames of large messages are cut
 * into smaller ones, so that nothing waits for their end. No extension is ever agreed on: what
 * was compressed could not be read.
 *
 *   one side closes          the other gets its Close, code and reason, and answers; what it
 *                            still had to say arrives before that
 *   one side breaks off      Close 1011 to the agent, 1001 to the upstream
 *   breaks the protocol      Close 1002 (1007: text that is not UTF-8) to it, to the other as
 *                            if it had broken off
 *   too large, refused       Close 1009 to both; Close 1008 with the reason to the agent
 *   too much is held         Close 1013 to the agent, 1001 to the upstream
 *
 * A reader that does not read stops the other side; silence lasts as long as both like.
 */
#ifndef SRC_PROXY_WS_H
#define SRC_PROXY_WS_H

#include "base/mem.h"
#include "http/http1.h"
#include "io/chan.h"

/* What a handshake asked for, kept until the answer. No memory of its own. */
struct ws_offer {
    char accept[29];                    /* the Sec-WebSocket-Accept that answers it */
    char protocols[LIMIT_WS_PROTOCOLS]; /* "a,b,c": subprotocols in the order asked for */
};

/* 0 or -1 with a fault for the agent. */
int ws_check_request(
        const struct http_head *head, struct ws_offer *ret, struct http_fault *fault);
/* 0 or -1 with a fault (502): the upstream's connection is of no use after that. */
int ws_check_response(
        const struct http_head *head, const struct ws_offer *offer, struct http_fault *fault);
/* Fields of the handshake that concern one connection only: extensions. Hop-by-hop ones are
 * marked in the head already. */
bool ws_field_is_ours(struct str name);

enum { WS_TEXT = 1, WS_BINARY = 2 };

enum ws_verdict {
    WS_KEEP,     /* sent on as it is */
    WS_REPLACED, /* `replacement` is sent instead, with the same opcode; not checked */
    WS_REFUSE    /* the connection ends; `replacement` holds the reason, shown to the agent */
};

/*
 * on_agent_message: payloads are views, valid during the call; text is valid UTF-8.
 * on_agent_holds: so many bytes of a message are kept until it is whole, 0 after that; false:
 * that is too much, and the connection ends.
 * on_upstream_message: a message of at most LIMIT_WS_TAP bytes, before its last frame goes on.
 * on_over: exactly once, in a later callback of the loop than what caused it; why is NULL after
 * a proper Close of both sides. The owner then frees the relay and closes both channels, with
 * chan_close(), since a last Close frame may be on its way.
 * From inside any of them, ws_relay_free() and ws_relay_hold() are fine.
 */
struct ws_hooks {
    enum ws_verdict (*on_agent_message)(
            void *ctx, int opcode, struct str payload, struct buf *replacement);
    bool (*on_agent_holds)(void *ctx, size_t bytes);
    void (*on_upstream_message)(void *ctx, int opcode, struct str payload);
    void (*on_over)(void *ctx, const char *why);
};

/* Data messages sent on, and bytes of payload in them. */
struct ws_counts {
    uint64_t messages_up, bytes_up;
    uint64_t messages_down, bytes_down;
};

/*
 * Takes over the events of both channels, not the channels. Bytes already in their chan_in()
 * are the first frames; a 101 already in the agent's chan_out() leaves before them.
 * `hooks` is borrowed for as long as the relay lives.
 */
struct ws_relay;
struct ws_relay *ws_relay_new(struct loop *loop, struct chan *agent, struct chan *upstream,
        const struct ws_hooks *hooks, void *ctx);
/* The key, which outlives the relay, must not reach the agent in a message, a Close or a Ping:
 * the connection ends instead. See leak.h for what counts and how many. */
void ws_relay_hide(struct ws_relay *relay, const struct secret *key);
/* While held nothing is taken from either side: the log has to catch up. */
void ws_relay_hold(struct ws_relay *relay, bool hold);
const struct ws_counts *ws_relay_counts(const struct ws_relay *relay);
/* At any time before the channels are closed; NULL is fine. */
void ws_relay_free(struct ws_relay *relay);

#endif
