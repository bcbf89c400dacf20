/*
 * ws.c - see ws.h.
 *
 * wslay's frame layer reads and writes the frames: headers, masks, the sizes of control
 * frames. Its event layer would answer Pings itself and keep whole messages; here Pings go
 * from end to end and messages of the upstream do not wait. What the frame layer leaves to its
 * user is in take_frame(): reserved bits, opcodes, who masks, and the order of fragments.
 *
 *     agent.chan --frames--> agent.message --hook--> one frame, new mask --> upstream.chan
 *     agent.chan <--frames-- leak <--hook (at the end)-- upstream.message <-- upstream.chan
 *
 * upstream.message keeps what was sent on already until the end of the message, for the hook;
 * once the message is `large` it holds only the part that is not sent on yet. Every frame that
 * is written is whole, so that a Close can follow at any time.
 *
 * Memory: one message of the agent, out of what its owner has for all, LIMIT_WS_TAP of the
 * upstream (less while all together hold much), and what the channels hold: pump() takes no
 * frame while the other side's channel is full.
 *
 * Blocks: no. Owns: the messages being read; borrows both channels.
 */
#include "proxy/ws.h"

#include <wslay/wslay.h>

#include "base/held.h"
#include "io/crypt.h"
#include "proxy/leak.h"

#define CONTROL_MAX 125 /* RFC 6455 section 5.5 */
#define REASON_MAX 123  /* of it, after the code */
#define KEEP_MEMORY LIMIT_WS_PART
#define CODE_TRY_AGAIN_LATER 1013 /* IANA's registry */

/* UTF-8 that may be cut anywhere. */
struct text {
    char begun[4]; /* of the character that the cut went through */
    size_t n;
};

struct side {
    struct ws_relay *relay;         /* borrows; the owner */
    struct side *other;             /* borrows */
    struct chan *chan;              /* borrows */
    wslay_frame_context_ptr frames; /* owns; reads from and writes to chan */
    bool masks;                     /* what is written to it is masked; else what it writes */

    /* The frame that is being read. */
    bool in_frame;
    uint8_t frame_op;
    bool frame_fin;
    uint64_t frame_left;
    uint8_t control[CONTROL_MAX];
    size_t control_len;

    /* The message that is being read. */
    uint8_t opcode; /* 0: none */
    struct buf message;
    struct text text;

    bool close_got, close_sent; /* from it, to it */
    bool ended;                 /* nothing more comes */
};

struct ws_relay {
    struct side agent, upstream;
    struct loop *loop;            /* borrows */
    const struct ws_hooks *hooks; /* borrows */
    void *ctx;
    struct loop_hook hook; /* on_over, and going on after a hold */
    struct timer *timer;   /* owns; runs once one side has closed or ended */
    struct ws_counts counts;

    size_t sent; /* bytes of upstream.message that were sent on */
    bool begun;  /* a first frame of it was */
    bool large;  /* upstream.message is not the whole any more */
    struct leak leak, control_leak;
    struct buf filtered; /* what the leak filter lets pass of a suspicious part */

    bool held, over;
    unsigned busy; /* callbacks of ours on the stack */
    bool freed;
    bool clean;
    char why[REASON_MAX + 1];
};

static void pump(struct side *from);
static void take_frame(struct side *from, const struct wslay_frame_iocb *io);
static void judge_frame(struct side *from, const struct wslay_frame_iocb *io);
static void judge_size(struct side *from, uint64_t n);
static void take_control(struct side *from);
static void take_close(struct side *from, struct str payload);
static void agent_message(struct ws_relay *relay);
static void upstream_part(struct ws_relay *relay, bool fin);
static void fault(struct side *from, int code, const char *why);
static void finish(struct ws_relay *relay, const char *why, int agent_code, int upstream_code);
static void destroy(struct ws_relay *relay);

/* --- text ----------------------------------------------------------------------------- */

static bool text_feed(struct text *text, struct str s)
{
    uint32_t cp;
    while (text->n > 0 && s.n > 0) {
        text->begun[text->n++] = *s.p++;
        s.n--;
        int len = utf8_decode(text->begun, text->n, &cp);
        if (len < 0)
            return false;
        if (len > 0)
            text->n = 0;
    }
    for (size_t i = 0; i < s.n;) {
        int len = (unsigned char)s.p[i] < 0x80 ? 1 : utf8_decode(s.p + i, s.n - i, &cp);
        if (len < 0)
            return false;
        if (len == 0) {
            text->n = s.n - i;
            memcpy(text->begun, s.p + i, text->n);
            return true;
        }
        i += (size_t)len;
    }
    return true;
}

static bool text_is_whole(struct str s)
{
    struct text text = {.n = 0};
    return text_feed(&text, s) && text.n == 0;
}

/* --- frames --------------------------------------------------------------------------- */

static ssize_t on_recv(uint8_t *to, size_t n, int flags, void *ctx)
{
    struct side *side = ctx;
    struct buf *in = chan_in(side->chan);
    size_t got = buf_len(in) < n ? buf_len(in) : n;
    (void)flags;
    if (got == 0)
        return -1;
    memcpy(to, buf_data(in), got);
    buf_consume(in, got);
    return (ssize_t)got;
}

static ssize_t on_send(const uint8_t *p, size_t n, int flags, void *ctx)
{
    struct side *side = ctx;
    (void)flags;
    chan_write(side->chan, p, n);
    return (ssize_t)n;
}

static int on_genmask(uint8_t *p, size_t n, void *ctx)
{
    (void)ctx;
    crypt_random(p, n);
    return 0;
}

static void frame_send(struct side *to, bool fin, uint8_t opcode, struct str payload)
{
    struct wslay_frame_iocb io = {
            .fin = fin,
            .opcode = opcode,
            .payload_length = payload.n,
            .mask = to->masks,
            .data = (const uint8_t *)payload.p,
            .data_length = payload.n,
    };
    CHECK(wslay_frame_send(to->frames, &io) == (ssize_t)payload.n);
}

static void close_send(struct side *to, int code, struct str reason)
{
    char payload[CONTROL_MAX];
    if (code == 0 || to->close_sent)
        return;
    CHECK(reason.n <= REASON_MAX);
    to->close_sent = true;
    payload[0] = (char)(code >> 8);
    payload[1] = (char)(code & 255);
    memcpy(payload + 2, reason.p, reason.n);
    frame_send(to, true, WSLAY_CONNECTION_CLOSE, (struct str){payload, reason.n + 2});
}

/* Empty it; memory that only a large message needs goes. */
static void message_drop(struct buf *message)
{
    if (message->cap > KEEP_MEMORY)
        buf_release(message);
    else
        buf_clear(message);
}

/* --- the relay ------------------------------------------------------------------------ */

static void enter(struct ws_relay *relay)
{
    relay->busy++;
}

static void leave(struct ws_relay *relay)
{
    if (--relay->busy == 0 && relay->freed)
        destroy(relay);
}

static void on_data(void *ctx)
{
    struct side *side = ctx;
    enter(side->relay);
    pump(side);
    leave(side->relay);
}

/* This side can take more: the other one goes on. */
static void on_drain(void *ctx)
{
    struct side *side = ctx;
    enter(side->relay);
    chan_resume(side->other->chan);
    pump(side->other);
    leave(side->relay);
}

static void on_end(void *ctx)
{
    struct side *side = ctx;
    side->ended = true;
    timer_start(side->relay->timer, LIMIT_WS_CLOSE_MS);
    on_data(side);
}

static void gone(struct side *side, const char *why)
{
    struct ws_relay *relay = side->relay;
    if (side->close_got || side->other->close_got)
        finish(relay, NULL, 0, 0);
    else if (side == &relay->agent)
        finish(relay, why, 0, WSLAY_CODE_GOING_AWAY);
    else
        finish(relay, why, WSLAY_CODE_INTERNAL_SERVER_ERROR, 0);
}

static void on_fail(void *ctx, const struct err *err)
{
    struct side *side = ctx;
    gone(side, side == &side->relay->agent ? "the agent's connection broke" : err->msg);
}

static const struct chan_ops ops = {
        .on_data = on_data,
        .on_drain = on_drain,
        .on_end = on_end,
        .on_fail = on_fail,
};

/* One has closed or ended, and the other says nothing. */
static void on_late(void *ctx)
{
    finish(ctx, "the connection was closed and the other side did not answer",
            WSLAY_CODE_INTERNAL_SERVER_ERROR, WSLAY_CODE_GOING_AWAY);
}

static void on_hook(void *ctx)
{
    struct ws_relay *relay = ctx;
    if (relay->over) {
        relay->hooks->on_over(relay->ctx, relay->clean ? NULL : relay->why);
        return;
    }
    enter(relay);
    chan_resume(relay->agent.chan);
    chan_resume(relay->upstream.chan);
    pump(&relay->agent);
    pump(&relay->upstream);
    leave(relay);
}

static void side_init(struct side *side, struct ws_relay *relay, struct side *other,
        struct chan *chan, bool masks)
{
    static const struct wslay_frame_callbacks callbacks = {on_send, on_recv, on_genmask};
    side->relay = relay;
    side->other = other;
    side->chan = chan;
    side->masks = masks;
    CHECK(wslay_frame_context_init(&side->frames, &callbacks, side) == 0);
    chan_set_ops(chan, &ops, side);
    chan_resume(chan);
}

struct ws_relay *ws_relay_new(struct loop *loop, struct chan *agent, struct chan *upstream,
        const struct ws_hooks *hooks, void *ctx)
{
    struct ws_relay *relay = xcalloc(1, sizeof(*relay));
    relay->loop = loop;
    relay->hooks = hooks;
    relay->ctx = ctx;
    relay->hook = (struct loop_hook){.fn = on_hook, .ctx = relay};
    relay->timer = timer_new(loop, on_late, relay);
    side_init(&relay->agent, relay, &relay->upstream, agent, false);
    side_init(&relay->upstream, relay, &relay->agent, upstream, true);
    return relay;
}

void ws_relay_hide(struct ws_relay *relay, const struct secret *key)
{
    leak_add(&relay->leak, key);
    leak_add(&relay->control_leak, key);
}

void ws_relay_hold(struct ws_relay *relay, bool hold)
{
    relay->held = hold;
    if (!hold && !relay->over)
        loop_defer(relay->loop, &relay->hook);
}

const struct ws_counts *ws_relay_counts(const struct ws_relay *relay)
{
    return &relay->counts;
}

/* The channels' events end here; the caller may close them as soon as this returns. */
static void let_go(struct ws_relay *relay)
{
    relay->over = true;
    chan_set_ops(relay->agent.chan, NULL, NULL);
    chan_set_ops(relay->upstream.chan, NULL, NULL);
    timer_stop(relay->timer);
}

void ws_relay_free(struct ws_relay *relay)
{
    if (!relay)
        return;
    if (!relay->over)
        let_go(relay);
    loop_undefer(&relay->hook);
    timer_free(relay->timer);
    relay->timer = NULL;
    relay->freed = true;
    if (!relay->busy)
        destroy(relay);
}

static void destroy(struct ws_relay *relay)
{
    wslay_frame_context_free(relay->agent.frames);
    wslay_frame_context_free(relay->upstream.frames);
    buf_release(&relay->agent.message);
    buf_release(&relay->upstream.message);
    buf_release(&relay->filtered);
    leak_release(&relay->leak);
    leak_release(&relay->control_leak);
    free(relay);
}

/* The end, with a last Close to whom none was sent yet. */
static void finish(struct ws_relay *relay, const char *why, int agent_code, int upstream_code)
{
    if (relay->over)
        return;
    relay->clean = why == NULL;
    str_vis(relay->why, sizeof(relay->why), str_of(why ? why : ""));
    close_send(&relay->agent, agent_code, str_of(relay->why));
    close_send(&relay->upstream, upstream_code, STR(""));
    let_go(relay);
    loop_defer(relay->loop, &relay->hook);
}

/* `from` did what may not be; the other side is told as if it were gone. */
static void fault(struct side *from, int code, const char *why)
{
    if (from == &from->relay->agent)
        finish(from->relay, why, code, WSLAY_CODE_GOING_AWAY);
    else
        finish(from->relay, why, WSLAY_CODE_INTERNAL_SERVER_ERROR, code);
}

/* --- reading -------------------------------------------------------------------------- */

/* Everything that may be taken now. A caller has entered the relay. */
static void pump(struct side *from)
{
    struct ws_relay *relay = from->relay;
    struct wslay_frame_iocb io = {0};
    while (!relay->over && !relay->held && !from->close_got && !chan_full(from->other->chan)) {
        ssize_t rc = wslay_frame_recv(from->frames, &io);
        if (rc >= 0) {
            take_frame(from, &io);
        } else if (rc != WSLAY_ERR_WANT_READ) {
            fault(from, WSLAY_CODE_PROTOCOL_ERROR, "malformed WebSocket frame");
        } else {
            if (from->ended)
                gone(from, from == &relay->agent ? "the agent left without a Close"
                                                 : "the upstream left without a Close");
            return;
        }
    }
    if (!relay->over && from->close_got)
        buf_clear(chan_in(from->chan)); /* whatever comes after a Close */
}

/* Some payload of a frame, or a frame without any. */
static void take_frame(struct side *from, const struct wslay_frame_iocb *io)
{
    struct ws_relay *relay = from->relay;
    struct str piece = {(const char *)io->data, io->data_length};
    if (!from->in_frame)
        judge_frame(from, io);
    if (relay->over)
        return;
    from->frame_left -= piece.n;
    from->in_frame = from->frame_left > 0;
    if (wslay_is_ctrl_frame(from->frame_op)) {
        memcpy(from->control + from->control_len, piece.p, piece.n);
        from->control_len += piece.n;
        if (!from->in_frame)
            take_control(from);
        return;
    }
    buf_append_str(&from->message, piece);
    bool fin = !from->in_frame && from->frame_fin;
    if (from == &relay->upstream) {
        if (!from->in_frame || (relay->large && buf_len(&from->message) >= LIMIT_WS_PART))
            upstream_part(relay, fin);
    } else if (!relay->hooks->on_agent_holds(relay->ctx, buf_len(&from->message))) {
        finish(relay, "too many large messages at once", CODE_TRY_AGAIN_LATER,
                WSLAY_CODE_GOING_AWAY);
    } else if (fin) {
        agent_message(relay);
    }
}

/* The header of a new frame: may it be? */
static void judge_frame(struct side *from, const struct wslay_frame_iocb *io)
{
    struct ws_relay *relay = from->relay;
    bool control = wslay_is_ctrl_frame(io->opcode);
    from->frame_op = io->opcode;
    from->frame_fin = io->fin;
    from->frame_left = io->payload_length;
    if (io->rsv != 0)
        fault(from, WSLAY_CODE_PROTOCOL_ERROR, "reserved bit in a WebSocket frame");
    else if (io->opcode > WSLAY_PONG || (io->opcode > WSLAY_BINARY_FRAME && !control))
        fault(from, WSLAY_CODE_PROTOCOL_ERROR, "unknown opcode in a WebSocket frame");
    else if (io->mask == from->masks)
        fault(from, WSLAY_CODE_PROTOCOL_ERROR,
                io->mask ? "masked WebSocket frame of a server"
                         : "unmasked WebSocket frame of a client");
    else if (!control && (io->opcode == WSLAY_CONTINUATION_FRAME) != (from->opcode != 0))
        fault(from, WSLAY_CODE_PROTOCOL_ERROR,
                from->opcode ? "WebSocket message begun inside another"
                             : "WebSocket continuation of nothing");
    from->control_len = 0;
    if (relay->over || control)
        return;
    if (io->opcode != WSLAY_CONTINUATION_FRAME)
        from->opcode = io->opcode;
    judge_size(from, io->payload_length);
}

/* So much more of a message of the upstream is kept for being looked at. */
static size_t tap_room(const struct buf *message)
{
    size_t room = held_room(), n = buf_len(message);
    room = room < LIMIT_WS_TAP ? room : LIMIT_WS_TAP;
    return n < room ? room - n : 0;
}

/* One more frame of a message, so long. */
static void judge_size(struct side *from, uint64_t n)
{
    struct ws_relay *relay = from->relay;
    if (from == &relay->agent) {
        if (n > LIMIT_WS_MESSAGE - buf_len(&from->message))
            finish(relay, "WebSocket message is too large", WSLAY_CODE_MESSAGE_TOO_BIG,
                    WSLAY_CODE_MESSAGE_TOO_BIG);
    } else if (!relay->large && n > tap_room(&from->message)) {
        relay->large = true; /* between frames, so all that came was sent on */
        message_drop(&from->message);
        relay->sent = 0;
    }
}

static void nowhere(void *ctx, struct str piece)
{
    (void)ctx;
    (void)piece;
}

static void withhold(struct ws_relay *relay)
{
    buf_wipe(&relay->upstream.message);
    buf_wipe(&relay->filtered);
    fault(&relay->upstream, WSLAY_CODE_POLICY_VIOLATION,
            "the upstream's message is withheld: it would show the real key");
}

static bool shows_key(struct side *from, struct str payload)
{
    struct ws_relay *relay = from->relay;
    if (from == &relay->agent || leak_is_clean(&relay->control_leak, payload))
        return false;
    int rc = leak_feed(&relay->control_leak, payload, nowhere, NULL);
    leak_finish(&relay->control_leak, nowhere, NULL);
    return rc < 0;
}

static void take_control(struct side *from)
{
    struct str payload = {(const char *)from->control, from->control_len};
    if (shows_key(from, payload))
        withhold(from->relay);
    else if (from->frame_op == WSLAY_CONNECTION_CLOSE)
        take_close(from, payload);
    else
        frame_send(from->other, true, from->frame_op, payload);
}

/* RFC 6455 section 7.4, and IANA's registry up to 1014; 1005, 1006 and 1015 are not sent. */
static bool code_is_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static void take_close(struct side *from, struct str payload)
{
    const uint8_t *p = from->control;
    if (payload.n == 1 || (payload.n > 1 && !code_is_valid((unsigned)p[0] << 8 | p[1]))) {
        fault(from, WSLAY_CODE_PROTOCOL_ERROR, "malformed WebSocket Close");
        return;
    }
    if (payload.n > 2 && !text_is_whole((struct str){payload.p + 2, payload.n - 2})) {
        fault(from, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "WebSocket Close is not UTF-8");
        return;
    }
    from->close_got = true;
    frame_send(from->other, true, WSLAY_CONNECTION_CLOSE, payload);
    from->other->close_sent = true;
    timer_start(from->relay->timer, LIMIT_WS_CLOSE_MS);
    if (from->other->close_got || from->other->ended)
        finish(from->relay, NULL, 0, 0);
}

/* --- messages ------------------------------------------------------------------------- */

static void agent_message(struct ws_relay *relay)
{
    struct side *agent = &relay->agent;
    struct buf replacement = BUF_INIT;
    struct str payload = buf_str(&agent->message);
    uint8_t opcode = agent->opcode;
    agent->opcode = 0;
    if (opcode == WSLAY_TEXT_FRAME && !text_is_whole(payload)) {
        fault(agent, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "WebSocket text is not UTF-8");
        return;
    }
    enum ws_verdict verdict =
            relay->hooks->on_agent_message(relay->ctx, opcode, payload, &replacement);
    if (verdict == WS_REPLACED)
        payload = buf_str(&replacement);
    if (relay->over) {
        /* The hook has freed the relay. */
    } else if (verdict == WS_REFUSE) {
        buf_putc(&replacement, '\0');
        finish(relay, buf_data(&replacement), WSLAY_CODE_POLICY_VIOLATION,
                WSLAY_CODE_GOING_AWAY);
    } else {
        frame_send(&relay->upstream, true, opcode, payload);
        (void)relay->hooks->on_agent_holds(relay->ctx, 0);
        relay->counts.messages_up++;
        relay->counts.bytes_up += payload.n;
    }
    message_drop(&agent->message);
    buf_release(&replacement);
}

static void keep(void *ctx, struct str piece)
{
    buf_append_str(ctx, piece);
}

/* Send on what of `part` cannot show the key. False: the connection is over. */
static bool part_send(struct ws_relay *relay, struct str part, bool fin)
{
    if (!leak_is_clean(&relay->leak, part)) {
        if (leak_feed(&relay->leak, part, keep, &relay->filtered) < 0) {
            withhold(relay);
            return false;
        }
        if (fin)
            leak_finish(&relay->leak, keep, &relay->filtered);
        part = buf_str(&relay->filtered);
    }
    if (part.n > 0 || fin) {
        uint8_t first = relay->upstream.opcode;
        frame_send(&relay->agent, fin, relay->begun ? WSLAY_CONTINUATION_FRAME : first, part);
        relay->begun = true;
        relay->counts.bytes_down += part.n;
    }
    message_drop(&relay->filtered);
    return true;
}

/* A frame of the upstream is complete, or enough of a large message has come. */
static void upstream_part(struct ws_relay *relay, bool fin)
{
    struct side *side = &relay->upstream;
    struct str part = buf_str(&side->message);
    part.p += relay->sent;
    part.n -= relay->sent;
    if (side->opcode == WSLAY_TEXT_FRAME &&
            (!text_feed(&side->text, part) || (fin && side->text.n > 0))) {
        fault(side, WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA, "upstream's text is not UTF-8");
        return;
    }
    if (!part_send(relay, part, fin))
        return;
    if (!fin) {
        if (relay->large)
            message_drop(&side->message);
        relay->sent = buf_len(&side->message);
        return;
    }
    if (!relay->large) {
        relay->hooks->on_upstream_message(relay->ctx, side->opcode, buf_str(&side->message));
        if (relay->over)
            return;
    }
    message_drop(&side->message);
    side->opcode = 0;
    relay->sent = 0;
    relay->begun = relay->large = false;
    relay->counts.messages_down++;
}
