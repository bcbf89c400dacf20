/*
 * test_ws.c - WebSocket handshakes, and the relay between two real sockets on each side. The
 * test's frames are written and read by hand here, not by the library under test.
 */
#include "unit/check.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "proxy/ws.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455 section 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define REAL_KEY "sk-real-0123456789abcdef"

/* --- a relay with a test on either side ----------------------------------------------- */

struct end {
    struct chan *chan; /* owns; NULL: gone */
    struct buf got;
    bool ended, failed;
    bool stopped; /* does not read */
    bool client;
    size_t flood; /* bytes still to send */
    struct buf flood_frame;
};

struct world {
    struct loop *loop;
    struct end agent, upstream;
    struct chan *near_agent, *near_upstream; /* the relay's ends */
    struct ws_relay *relay;
    struct ws_counts counts; /* as they were at the end */
    enum ws_verdict verdict;
    const char *replacement;
    bool free_in_hook, hold_in_hook;
    size_t held, room; /* room 0: no limit */
    int asked, seen, over;
    int last_opcode;
    struct buf last, seen_last;
    char why[200];
    bool has_why;
};

static void flood(struct end *end)
{
    while (end->flood > 0 && !chan_full(end->chan)) {
        chan_write_str(end->chan, buf_str(&end->flood_frame));
        end->flood -= 1;
    }
}

static void end_on_data(void *ctx)
{
    struct end *end = ctx;
    if (end->stopped)
        return;
    buf_append_str(&end->got, buf_str(chan_in(end->chan)));
    buf_clear(chan_in(end->chan));
}

static void end_on_drain(void *ctx)
{
    flood(ctx);
}

static void end_on_end(void *ctx)
{
    ((struct end *)ctx)->ended = true;
}

static void end_on_fail(void *ctx, const struct err *err)
{
    (void)err;
    ((struct end *)ctx)->failed = true;
}

static const struct chan_ops end_ops = {
        .on_data = end_on_data,
        .on_drain = end_on_drain,
        .on_end = end_on_end,
        .on_fail = end_on_fail,
};

static void drop_relay(struct world *w)
{
    if (w->relay)
        w->counts = *ws_relay_counts(w->relay);
    ws_relay_free(w->relay);
    chan_close(w->near_agent);
    chan_close(w->near_upstream);
    w->relay = NULL;
    w->near_agent = w->near_upstream = NULL;
}

static enum ws_verdict on_agent_message(
        void *ctx, int opcode, struct str payload, struct buf *replacement)
{
    struct world *w = ctx;
    w->asked++;
    w->last_opcode = opcode;
    buf_clear(&w->last);
    buf_append_str(&w->last, payload);
    if (w->replacement)
        buf_puts(replacement, w->replacement);
    if (w->free_in_hook)
        drop_relay(w);
    if (w->hold_in_hook)
        ws_relay_hold(w->relay, true);
    return w->verdict;
}

static bool on_agent_holds(void *ctx, size_t bytes)
{
    struct world *w = ctx;
    w->held = bytes;
    return w->room == 0 || bytes <= w->room;
}

static void on_upstream_message(void *ctx, int opcode, struct str payload)
{
    struct world *w = ctx;
    w->seen++;
    w->last_opcode = opcode;
    buf_clear(&w->seen_last);
    buf_append_str(&w->seen_last, payload);
}

static void on_over(void *ctx, const char *why)
{
    struct world *w = ctx;
    w->over++;
    w->has_why = why != NULL;
    snprintf(w->why, sizeof(w->why), "%s", why ? why : "");
    drop_relay(w);
}

static const struct ws_hooks hooks = {
        on_agent_message, on_agent_holds, on_upstream_message, on_over};

static struct chan *adopt(struct world *w, struct end *end)
{
    int fds[2];
    struct err err;
    assert_int_equal(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    end->chan = chan_adopt_fd(w->loop, fds[0], &end_ops, end, &err);
    struct chan *near = chan_adopt_fd(w->loop, fds[1], NULL, NULL, &err);
    assert_non_null(end->chan);
    assert_non_null(near);
    return near;
}

static void open_ends(struct world *w)
{
    struct err err;
    memset(w, 0, sizeof(*w));
    w->loop = loop_new(&err);
    assert_non_null(w->loop);
    w->agent.client = true;
    w->near_agent = adopt(w, &w->agent);
    w->near_upstream = adopt(w, &w->upstream);
}

static void open_world(struct world *w)
{
    open_ends(w);
    w->relay = ws_relay_new(w->loop, w->near_agent, w->near_upstream, &hooks, w);
}

static void close_world(struct world *w)
{
    drop_relay(w);
    chan_close(w->agent.chan);
    chan_close(w->upstream.chan);
    loop_free(w->loop);
    buf_release(&w->agent.got);
    buf_release(&w->upstream.got);
    buf_release(&w->agent.flood_frame);
    buf_release(&w->upstream.flood_frame);
    buf_release(&w->last);
    buf_release(&w->seen_last);
}

static void set_late(void *ctx)
{
    *(bool *)ctx = true;
}

/* The condition may have effects: it is looked at no more once it was true. */
#define UNTIL(w, condition)                                                                    \
    do {                                                                                       \
        bool late_ = false, met_;                                                              \
        struct timer *timer_ = timer_new((w)->loop, set_late, &late_);                         \
        timer_start(timer_, 10000);                                                            \
        while (!(met_ = (condition)) && !late_)                                                \
            loop_turn((w)->loop, true);                                                        \
        timer_free(timer_);                                                                    \
        if (!met_)                                                                             \
            fail_msg("still not true: %s", #condition);                                        \
    } while (0)

/* Until nothing moves any more: some turns that do not wait. */
static void settle(struct world *w)
{
    for (int i = 0; i < 20; i++)
        loop_turn(w->loop, false);
}

/* --- frames by hand ------------------------------------------------------------------- */

#define FIN 0x80
enum { CONT = 0, TEXT = 1, BIN = 2, CLOSE = 8, PING = 9, PONG = 10 };

static void frame_put(struct buf *out, unsigned first, bool masked, struct str payload)
{
    static const char mask[4] = {'\x17', '\x2a', '\x00', '\x99'};
    buf_putc(out, (char)first);
    unsigned bit = masked ? 0x80 : 0;
    if (payload.n < 126) {
        buf_putc(out, (char)(bit | payload.n));
    } else if (payload.n < 65536) {
        buf_putc(out, (char)(bit | 126));
        buf_putc(out, (char)(payload.n >> 8));
        buf_putc(out, (char)payload.n);
    } else {
        buf_putc(out, (char)(bit | 127));
        for (int i = 7; i >= 0; i--)
            buf_putc(out, (char)((uint64_t)payload.n >> (8 * i)));
    }
    if (masked)
        buf_append(out, mask, 4);
    for (size_t i = 0; i < payload.n; i++)
        buf_putc(out, masked ? (char)(payload.p[i] ^ mask[i % 4]) : payload.p[i]);
}

static void say(struct end *end, unsigned first, struct str payload)
{
    frame_put(chan_out(end->chan), first, end->client, payload);
    chan_flush_soon(end->chan);
}

struct frame {
    unsigned first;
    bool masked;
    uint32_t mask;
    size_t size; /* all of it on the wire */
    char *payload;
    size_t n;
};

/* The first frame in `in`; false: not whole. payload is the caller's to free. */
static bool frame_get(struct buf *in, struct frame *f)
{
    const uint8_t *p = (const uint8_t *)buf_data(in);
    size_t have = buf_len(in), at = 2;
    if (have < 2)
        return false;
    f->first = p[0];
    f->masked = p[1] & 0x80;
    f->n = p[1] & 0x7f;
    size_t more = f->n == 126 ? 2 : f->n == 127 ? 8 : 0;
    if (have < at + more)
        return false;
    if (more)
        f->n = 0;
    for (size_t i = 0; i < more; i++)
        f->n = f->n << 8 | p[at++];
    size_t mask_at = at;
    at += f->masked ? 4 : 0;
    if (have < at || have - at < f->n)
        return false;
    f->mask = 0;
    if (f->masked)
        memcpy(&f->mask, p + mask_at, 4);
    f->payload = malloc(f->n + 1);
    for (size_t i = 0; i < f->n; i++)
        f->payload[i] = (char)(p[at + i] ^ (f->masked ? p[mask_at + i % 4] : 0));
    f->payload[f->n] = '\0';
    f->size = at + f->n;
    buf_consume(in, f->size);
    return true;
}

/* The next frame that reaches this end is this one. */
static void expect_str(struct world *w, struct end *end, unsigned first, struct str payload)
{
    struct frame f = {0};
    UNTIL(w, frame_get(&end->got, &f));
    assert_int_equal(f.first, first);
    assert_int_equal(f.masked, !end->client);
    assert_int_equal(f.n, payload.n);
    assert_memory_equal(f.payload, payload.p, payload.n);
    free(f.payload);
}

static void expect(struct world *w, struct end *end, unsigned first, const char *payload)
{
    expect_str(w, end, first, str_of(payload));
}

static void expect_close(struct world *w, struct end *end, unsigned code, const char *reason)
{
    struct frame f = {0};
    UNTIL(w, frame_get(&end->got, &f));
    assert_int_equal(f.first, FIN | CLOSE);
    assert_true(f.n >= 2);
    assert_int_equal((uint8_t)f.payload[0] << 8 | (uint8_t)f.payload[1], code);
    if (reason)
        assert_string_equal(f.payload + 2, reason);
    free(f.payload);
}

static void say_close(struct end *end, unsigned code, const char *reason)
{
    char payload[125];
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    memcpy(payload + 2, reason, strlen(reason));
    say(end, FIN | CLOSE, (struct str){payload, strlen(reason) + 2});
}

static void expect_over(struct world *w, const char *why)
{
    UNTIL(w, w->over);
    settle(w);
    assert_int_equal(w->over, 1);
    if (!why)
        assert_false(w->has_why);
    else if (!strstr(w->why, why))
        fail_msg("over because '%s', not '%s'", w->why, why);
}

/* --- the handshake -------------------------------------------------------------------- */

static struct http_head head;

#define REQUEST "GET /v1/realtime HTTP/1.1\r\nHost: api.example.com\r\n"
#define UP "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define K "Sec-WebSocket-Key: " KEY "\r\n"

static int check_request(const char *text, struct ws_offer *offer, struct http_fault *fault)
{
    assert_int_equal(http_parse_request(&head, str_of(text), fault), 0);
    return ws_check_request(&head, offer, fault);
}

static void test_a_proper_handshake_is_taken_and_its_answer_known(void **state)
{
    (void)state;
    struct ws_offer offer;
    struct http_fault fault;
    const char *text = REQUEST UP V13 K "Sec-WebSocket-Protocol: realtime, beta.1\r\n"
                                        "Sec-WebSocket-Protocol: third\r\n"
                                        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    assert_int_equal(check_request(text, &offer, &fault), 0);
    assert_string_equal(offer.accept, ACCEPT);
    assert_string_equal(offer.protocols, "realtime,beta.1,third");
    assert_true(ws_field_is_ours(STR("sec-websocket-EXTENSIONS")));
    assert_false(ws_field_is_ours(STR("sec-websocket-protocol")));
}

static void test_a_handshake_that_is_not_exactly_one_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
            "POST / HTTP/1.1\r\nHost: a\r\n" UP V13 K "\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\n" UP V13 K "\r\n",
            REQUEST "Upgrade: websocket\r\n" V13 K "\r\n",
            REQUEST "Connection: upgrade\r\n" V13 K "\r\n",
            REQUEST "Connection: upgrade\r\nUpgrade: h2c\r\n" V13 K "\r\n",
            REQUEST "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n" V13 K "\r\n",
            REQUEST UP "Upgrade: websocket\r\n" V13 K "\r\n",
            REQUEST UP K "\r\n",
            REQUEST UP "Sec-WebSocket-Version: 8\r\n" K "\r\n",
            REQUEST UP V13 V13 K "\r\n",
            REQUEST UP V13 "\r\n",
            REQUEST UP V13 K K "\r\n",
            REQUEST UP V13 "Sec-WebSocket-Key: \r\n\r\n",
            REQUEST UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n",
            REQUEST UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n",
            REQUEST UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n",
            REQUEST UP V13 "Sec-WebSocket-Key: dGhlIHNh_XBsZSBub25jZQ==\r\n\r\n",
            REQUEST UP V13 K "Content-Length: 3\r\n\r\n",
            REQUEST UP V13 K "Transfer-Encoding: chunked\r\n\r\n",
            REQUEST UP V13 K "Sec-WebSocket-Protocol: a,,b\r\n\r\n",
            REQUEST UP V13 K "Sec-WebSocket-Protocol:\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct ws_offer offer;
        struct http_fault fault = {0};
        if (check_request(bad[i], &offer, &fault) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(fault.status, 400);
        assert_non_null(fault.reason);
    }
}

static void test_more_subprotocols_than_fit_are_refused(void **state)
{
    (void)state;
    struct ws_offer offer;
    struct http_fault fault = {0};
    static char text[8000];
    int n = snprintf(text, sizeof(text),
            REQUEST UP V13 K "Sec-WebSocket-Protocol: %0*d\r\n\r\n", LIMIT_WS_PROTOCOLS - 2, 7);
    assert_true(n > 0 && (size_t)n < sizeof(text));
    assert_int_equal(check_request(text, &offer, &fault), 0);
    assert_int_equal(strlen(offer.protocols), LIMIT_WS_PROTOCOLS - 2);
    snprintf(text, sizeof(text), REQUEST UP V13 K "Sec-WebSocket-Protocol: %0*d\r\n\r\n",
            LIMIT_WS_PROTOCOLS - 1, 7);
    assert_int_equal(check_request(text, &offer, &fault), -1);
}

#define SWITCH                                                                                 \
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
#define A "Sec-WebSocket-Accept: " ACCEPT "\r\n"

static void test_only_the_answer_to_this_handshake_is_taken(void **state)
{
    (void)state;
    static const struct {
        bool good;
        const char *text;
    } t[] = {
            {true, SWITCH A "\r\n"},
            {true, SWITCH A "Sec-WebSocket-Protocol: beta.1\r\n\r\n"},
            {false, SWITCH A "Sec-WebSocket-Protocol: beta\r\n\r\n"},
            {false, SWITCH A "Sec-WebSocket-Protocol: realtime, beta.1\r\n\r\n"},
            {false, SWITCH A "Sec-WebSocket-Protocol: \r\n\r\n"},
            {false, SWITCH A "Sec-WebSocket-Protocol: realtime\r\n"
                             "Sec-WebSocket-Protocol: realtime\r\n\r\n"},
            {false, SWITCH A "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"},
            {false, SWITCH "\r\n"},
            {false, SWITCH A A "\r\n"},
            {false, SWITCH "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"},
            {false, SWITCH A "Content-Length: 5\r\n\r\n"},
            {false, SWITCH A "Transfer-Encoding: chunked\r\n\r\n"},
            {false, "HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" A
                    "\r\n"},
            {false, "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: upgrade\r\n" A "\r\n"},
            {false, "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n" A "\r\n"},
    };
    struct ws_offer offer;
    struct http_fault fault;
    assert_int_equal(
            check_request(REQUEST UP V13 K "Sec-WebSocket-Protocol: realtime, beta.1\r\n\r\n",
                    &offer, &fault),
            0);
    for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
        assert_int_equal(http_parse_response(&head, str_of(t[i].text), false, &fault), 0);
        int rc = ws_check_response(&head, &offer, &fault);
        if (rc != (t[i].good ? 0 : -1))
            fail_msg("%s: %s", t[i].good ? "refused" : "taken", t[i].text);
        if (rc < 0)
            assert_int_equal(fault.status, 502);
    }
}

/* --- messages ------------------------------------------------------------------------- */

static void test_messages_go_both_ways_with_masks_only_towards_the_upstream(void **state)
{
    (void)state;
    struct world w;
    struct frame one, two;
    open_world(&w);
    say(&w.agent, FIN | TEXT, STR("{\"type\":\"hello\"}"));
    expect(&w, &w.upstream, FIN | TEXT, "{\"type\":\"hello\"}");
    assert_int_equal(w.asked, 1);
    assert_int_equal(w.last_opcode, WS_TEXT);
    say(&w.upstream, FIN | BIN, STR("answer\xff"));
    expect(&w, &w.agent, FIN | BIN, "answer\xff");
    assert_int_equal(w.seen, 1);
    assert_int_equal(w.last_opcode, WS_BINARY);
    say(&w.agent, FIN | TEXT, STR("same"));
    say(&w.agent, FIN | TEXT, STR("same"));
    UNTIL(&w, frame_get(&w.upstream.got, &one));
    UNTIL(&w, frame_get(&w.upstream.got, &two));
    assert_int_not_equal(one.mask, two.mask);
    free(one.payload);
    free(two.payload);
    say(&w.agent, FIN | TEXT, STR(""));
    expect(&w, &w.upstream, FIN | TEXT, "");
    const struct ws_counts *counts = ws_relay_counts(w.relay);
    assert_int_equal(counts->messages_up, 4);
    assert_int_equal(counts->bytes_up, 16 + 4 + 4);
    assert_int_equal(counts->messages_down, 1);
    assert_int_equal(counts->bytes_down, 7);
    close_world(&w);
}

static void test_frames_that_came_with_the_heads_are_the_first(void **state)
{
    (void)state;
    struct world w;
    open_ends(&w);
    frame_put(chan_in(w.near_agent), FIN | TEXT, true, STR("early"));
    frame_put(chan_in(w.near_upstream), FIN | TEXT, false, STR("bird"));
    chan_pause(w.near_agent);
    w.relay = ws_relay_new(w.loop, w.near_agent, w.near_upstream, &hooks, &w);
    expect(&w, &w.upstream, FIN | TEXT, "early");
    expect(&w, &w.agent, FIN | TEXT, "bird");
    close_world(&w);
}

static void test_fragments_of_the_agent_become_one_message(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    say(&w.agent, TEXT, STR("one \xc3"));
    say(&w.agent, CONT, STR(""));
    say(&w.agent, FIN | PING, STR("p"));
    say(&w.agent, CONT, STR("\xa4 two "));
    settle(&w);
    expect(&w, &w.upstream, FIN | PING, "p");
    assert_int_equal(buf_len(&w.upstream.got), 0);
    assert_int_equal(w.asked, 0);
    say(&w.agent, FIN | CONT, STR("three"));
    expect(&w, &w.upstream, FIN | TEXT, "one \xc3\xa4 two three");
    assert_int_equal(w.asked, 1);
    close_world(&w);
}

static void test_a_fragment_of_the_upstream_does_not_wait_for_the_next(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    say(&w.upstream, TEXT, STR("one \xc3"));
    expect(&w, &w.agent, TEXT, "one \xc3");
    say(&w.upstream, FIN | PING, STR(""));
    expect(&w, &w.agent, FIN | PING, "");
    say(&w.upstream, CONT, STR("\xa4 two"));
    expect(&w, &w.agent, CONT, "\xa4 two");
    assert_int_equal(w.seen, 0);
    say(&w.upstream, FIN | CONT, STR(""));
    expect(&w, &w.agent, FIN | CONT, "");
    assert_int_equal(w.seen, 1);
    assert_int_equal(buf_len(&w.seen_last), 10);
    assert_memory_equal(buf_data(&w.seen_last), "one \xc3\xa4 two", 10);
    assert_int_equal(ws_relay_counts(w.relay)->messages_down, 1);
    close_world(&w);
}

static void test_a_frame_leaves_in_the_turn_in_which_it_came(void **state)
{
    (void)state;
    struct world w;
    int fds[2];
    char bytes[64];
    struct err err;
    open_ends(&w);
    chan_close(w.near_agent);
    assert_int_equal(
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    w.near_agent = chan_adopt_fd(w.loop, fds[1], NULL, NULL, &err);
    w.relay = ws_relay_new(w.loop, w.near_agent, w.near_upstream, &hooks, &w);
    settle(&w);
    struct buf frame = BUF_INIT;
    frame_put(&frame, FIN | TEXT, false, STR("data: tick"));
    buf_append_str(chan_in(w.near_upstream), buf_str(&frame));
    chan_resume(w.near_upstream); /* on_data comes in the next turn */
    loop_turn(w.loop, false);
    assert_int_equal(read(fds[0], bytes, sizeof(bytes)), buf_len(&frame));
    assert_memory_equal(bytes, buf_data(&frame), buf_len(&frame));
    buf_release(&frame);
    close(fds[0]);
    close_world(&w);
}

static void test_each_ping_keeps_its_own_payload(void **state)
{
    (void)state;
    struct world w;
    char text[126];
    memset(text, 'p', sizeof(text));
    open_world(&w);
    for (size_t n = 125; n > 120; n--) {
        say(&w.agent, FIN | PING, (struct str){text, n});
        say(&w.upstream, FIN | PONG, (struct str){text, n});
        expect_str(&w, &w.upstream, FIN | PING, (struct str){text, n});
        expect_str(&w, &w.agent, FIN | PONG, (struct str){text, n});
    }
    close_world(&w);
}

static void test_frames_may_be_cut_anywhere(void **state)
{
    (void)state;
    struct world w;
    struct buf up = BUF_INIT, down = BUF_INIT;
    char text[700];
    memset(text, 'x', sizeof(text));
    struct str big = {text, sizeof(text)};
    open_world(&w);
    frame_put(&up, FIN | TEXT, true, STR("a"));
    frame_put(&up, FIN | PONG, true, STR("b"));
    frame_put(&up, FIN | BIN, true, big);
    frame_put(&down, FIN | TEXT, false, STR("c"));
    frame_put(&down, FIN | PONG, false, STR("d"));
    frame_put(&down, FIN | BIN, false, big);
    for (size_t i = 0; i < buf_len(&up) || i < buf_len(&down); i++) {
        if (i < buf_len(&up))
            chan_write(w.agent.chan, buf_data(&up) + i, 1);
        if (i < buf_len(&down))
            chan_write(w.upstream.chan, buf_data(&down) + i, 1);
        loop_turn(w.loop, false);
    }
    expect(&w, &w.upstream, FIN | TEXT, "a");
    expect(&w, &w.upstream, FIN | PONG, "b");
    expect_str(&w, &w.upstream, FIN | BIN, big);
    expect(&w, &w.agent, FIN | TEXT, "c");
    expect(&w, &w.agent, FIN | PONG, "d");
    expect_str(&w, &w.agent, FIN | BIN, big);
    buf_release(&up);
    buf_release(&down);
    close_world(&w);
}

static void test_a_large_message_of_the_upstream_goes_on_in_parts(void **state)
{
    (void)state;
    struct world w;
    size_t n = 5u << 20, parts = 0, at = 0;
    char *text = malloc(n);
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i * 7 % 23);
    open_world(&w);
    say(&w.upstream, TEXT, (struct str){text, 10});
    say(&w.upstream, CONT, (struct str){text + 10, n - 20});
    say(&w.upstream, FIN | CONT, (struct str){text + n - 10, 10});
    for (bool fin = false; !fin; parts++) {
        struct frame f = {0};
        UNTIL(&w, frame_get(&w.agent.got, &f));
        assert_int_equal(f.first & 0x7f, parts == 0 ? TEXT : CONT);
        assert_true(f.n <= LIMIT_WS_PART + 4096);
        assert_memory_equal(f.payload, text + at, f.n);
        at += f.n;
        fin = f.first & FIN;
        free(f.payload);
    }
    assert_int_equal(at, n);
    assert_int_equal(w.seen, 0);
    say(&w.upstream, FIN | BIN, (struct str){text, LIMIT_WS_TAP});
    expect_str(&w, &w.agent, FIN | BIN, (struct str){text, LIMIT_WS_TAP});
    assert_int_equal(w.seen, 1);
    /* While the upstream is in the middle of one, the agent is not too large. */
    say(&w.upstream, BIN, (struct str){text, n});
    say(&w.agent, FIN | BIN, (struct str){text, n});
    expect_str(&w, &w.upstream, FIN | BIN, (struct str){text, n});
    close_world(&w);
    free(text);
}

static void test_a_message_of_the_agent_has_a_limit(void **state)
{
    (void)state;
    struct world w;
    char *text = calloc(1, LIMIT_WS_MESSAGE);
    open_world(&w);
    say(&w.agent, FIN | BIN, (struct str){text, LIMIT_WS_MESSAGE});
    expect_str(&w, &w.upstream, FIN | BIN, (struct str){text, LIMIT_WS_MESSAGE});
    say(&w.agent, BIN, (struct str){text, LIMIT_WS_MESSAGE - 5});
    say(&w.agent, FIN | CONT, STR("123456"));
    expect_close(&w, &w.agent, 1009, "WebSocket message is too large");
    expect_close(&w, &w.upstream, 1009, "");
    expect_over(&w, "too large");
    assert_int_equal(w.asked, 1);
    close_world(&w);
    free(text);
}

static void test_the_owner_knows_what_is_held_and_may_end_it(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    w.room = 12;
    say(&w.agent, TEXT, STR("twelve "));
    say(&w.agent, FIN | CONT, STR("bytes"));
    expect(&w, &w.upstream, FIN | TEXT, "twelve bytes");
    assert_int_equal(w.held, 0);
    say(&w.agent, TEXT, STR("twelve "));
    UNTIL(&w, w.held == 7);
    say(&w.agent, CONT, STR("bytes."));
    expect_close(&w, &w.agent, 1013, "too many large messages at once");
    expect_close(&w, &w.upstream, 1001, "");
    expect_over(&w, "too many");
    assert_int_equal(w.asked, 1);
    close_world(&w);
}

/* --- judging -------------------------------------------------------------------------- */

static void test_a_replaced_message_goes_up_instead(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    w.verdict = WS_REPLACED;
    w.replacement = "{\"tools\":[]}";
    say(&w.agent, TEXT, STR("{\"tools\":["));
    say(&w.agent, FIN | CONT, STR("\"web_search\"]}"));
    expect(&w, &w.upstream, FIN | TEXT, "{\"tools\":[]}");
    assert_memory_equal(buf_data(&w.last), "{\"tools\":[\"web_search\"]}", 24);
    close_world(&w);
}

static void test_a_refused_message_ends_the_connection_with_the_reason(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    w.verdict = WS_REFUSE;
    w.replacement = "Blocked: \x1b[2J"
                    "no such endpoint";
    say(&w.agent, FIN | TEXT, STR("secret plan"));
    expect_close(&w, &w.agent, 1008, "Blocked: <U+001B>[2Jno such endpoint");
    expect_close(&w, &w.upstream, 1001, "");
    expect_over(&w, "no such endpoint");
    assert_int_equal(buf_len(&w.upstream.got), 0);
    assert_int_equal(w.counts.messages_up, 0);
    UNTIL(&w, w.agent.ended && w.upstream.ended);
    close_world(&w);
}

static void test_a_long_reason_fits_the_close(void **state)
{
    (void)state;
    struct world w;
    struct frame f = {0};
    char reason[1000];
    memset(reason, 'r', sizeof(reason));
    reason[sizeof(reason) - 1] = '\0';
    open_world(&w);
    w.verdict = WS_REFUSE;
    w.replacement = reason;
    say(&w.agent, FIN | TEXT, STR("x"));
    UNTIL(&w, frame_get(&w.agent.got, &f));
    assert_int_equal(f.first, FIN | CLOSE);
    assert_in_range(f.n, 100, 125);
    free(f.payload);
    close_world(&w);
}

static void test_the_real_key_does_not_reach_the_agent(void **state)
{
    (void)state;
    static const struct {
        unsigned first, second;
        const char *one, *two;
    } t[] = {
            {FIN | TEXT, 0, "you sent " REAL_KEY ".", NULL},
            {FIN | BIN, 0, REAL_KEY, NULL},
            {TEXT, FIN | CONT, "you sent sk-real-0123456789abcde", "f."},
            {TEXT, FIN | CONT, "you sent s", "k-real-0123456789abcdef"},
            {FIN | PING, 0, REAL_KEY, NULL},
            {FIN | CLOSE, 0, "\x03\xe8 bad key " REAL_KEY, NULL},
    };
    struct secret *key = secret_new(REAL_KEY, strlen(REAL_KEY));
    for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
        struct world w;
        open_world(&w);
        ws_relay_hide(w.relay, key);
        say(&w.upstream, FIN | TEXT, STR("first"));
        expect(&w, &w.agent, FIN | TEXT, "first");
        say(&w.upstream, t[i].first, str_of(t[i].one));
        if (t[i].two)
            say(&w.upstream, t[i].second, str_of(t[i].two));
        expect_over(&w, "withheld");
        UNTIL(&w, w.agent.ended);
        assert_null(memmem(buf_data(&w.agent.got), buf_len(&w.agent.got), "sk-", 3));
        if (t[i].two)
            expect(&w, &w.agent, TEXT, i == 2 || i == 3 ? "you sent " : "");
        expect_close(&w, &w.agent, 1011, NULL);
        expect_close(&w, &w.upstream, 1008, "");
        close_world(&w);
    }
    secret_free(key);
}

static void test_what_only_looks_like_the_key_arrives_whole(void **state)
{
    (void)state;
    struct world w;
    struct secret *key = secret_new(REAL_KEY, strlen(REAL_KEY));
    open_world(&w);
    ws_relay_hide(w.relay, key);
    say(&w.upstream, TEXT, STR("take sk-real-012"));
    expect(&w, &w.agent, TEXT, "take ");
    say(&w.upstream, CONT, STR("99 or sk-"));
    expect(&w, &w.agent, CONT, "sk-real-01299 or ");
    say(&w.upstream, FIN | CONT, STR(""));
    expect(&w, &w.agent, FIN | CONT, "sk-");
    say(&w.upstream, FIN | TEXT, STR("sk-real"));
    expect(&w, &w.agent, FIN | TEXT, "sk-real");
    say(&w.upstream, FIN | PONG, STR("sk-real"));
    expect(&w, &w.agent, FIN | PONG, "sk-real");
    close_world(&w);
    secret_free(key);
}

static void test_while_held_nothing_is_taken(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    w.hold_in_hook = true;
    say(&w.agent, FIN | TEXT, STR("1"));
    say(&w.agent, FIN | TEXT, STR("2"));
    expect(&w, &w.upstream, FIN | TEXT, "1");
    say(&w.upstream, FIN | TEXT, STR("3"));
    settle(&w);
    assert_int_equal(w.asked, 1);
    assert_int_equal(buf_len(&w.agent.got), 0);
    w.hold_in_hook = false;
    ws_relay_hold(w.relay, false);
    expect(&w, &w.upstream, FIN | TEXT, "2");
    expect(&w, &w.agent, FIN | TEXT, "3");
    close_world(&w);
}

/* --- ends ----------------------------------------------------------------------------- */

static void test_a_close_is_passed_on_and_answered(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world w;
        open_world(&w);
        struct end *first = i ? &w.agent : &w.upstream, *second = i ? &w.upstream : &w.agent;
        say(first, TEXT, STR("half a mess")); /* a Close may come in the middle */
        say_close(first, 4321, "enough \xe2\x82\xac");
        if (second == &w.agent)
            expect(&w, second, TEXT, "half a mess");
        expect_close(&w, second, 4321, "enough \xe2\x82\xac");
        say(first, FIN | TEXT, STR("after a Close nothing counts"));
        say(second, FIN | TEXT, STR("last words"));
        expect(&w, first, FIN | TEXT, "last words");
        assert_int_equal(w.over, 0);
        say_close(second, 1000, "");
        expect_close(&w, first, 1000, "");
        expect_over(&w, NULL);
        UNTIL(&w, first->ended && second->ended);
        assert_int_equal(buf_len(&first->got) + buf_len(&second->got), 0);
        close_world(&w);
    }
}

static void test_a_close_without_a_code_stays_without(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    say(&w.agent, FIN | CLOSE, STR(""));
    expect(&w, &w.upstream, FIN | CLOSE, "");
    say(&w.upstream, FIN | CLOSE, STR(""));
    expect(&w, &w.agent, FIN | CLOSE, "");
    expect_over(&w, NULL);
    close_world(&w);
}

static void test_a_server_may_hang_up_after_its_close(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    say_close(&w.upstream, 1000, "bye");
    chan_shutdown(w.upstream.chan);
    expect_close(&w, &w.agent, 1000, "bye");
    settle(&w);
    assert_int_equal(w.over, 0);
    say_close(&w.agent, 1000, "bye");
    expect_over(&w, NULL);
    close_world(&w);
}

static void test_a_side_that_closed_may_break_off(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    w.agent.stopped = true;
    say(&w.upstream, FIN | TEXT, STR("not read"));
    say_close(&w.agent, 1000, "");
    expect_close(&w, &w.upstream, 1000, "");
    settle(&w);
    chan_abort(w.agent.chan);
    w.agent.chan = NULL;
    settle(&w);
    say(&w.upstream, FIN | TEXT, STR("to nobody"));
    settle(&w);
    say(&w.upstream, FIN | TEXT, STR("to nobody"));
    expect_over(&w, NULL);
    close_world(&w);
}

static void test_an_upstream_that_breaks_off_is_no_proper_end_for_the_agent(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    say(&w.upstream, TEXT, STR("half"));
    chan_close(w.upstream.chan);
    w.upstream.chan = NULL;
    expect(&w, &w.agent, TEXT, "half");
    expect_close(&w, &w.agent, 1011, NULL);
    expect_over(&w, "the upstream left");
    UNTIL(&w, w.agent.ended);
    close_world(&w);
}

static void test_an_agent_that_breaks_off_is_away_for_the_upstream(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    say(&w.agent, FIN | TEXT, STR("whole"));
    say(&w.agent, TEXT, STR("half"));
    chan_close(w.agent.chan);
    w.agent.chan = NULL;
    expect(&w, &w.upstream, FIN | TEXT, "whole");
    expect_close(&w, &w.upstream, 1001, "");
    expect_over(&w, "the agent left");
    UNTIL(&w, w.upstream.ended);
    close_world(&w);
}

static void test_a_broken_protocol_ends_both_sides(void **state)
{
    (void)state;
    static const struct {
        bool agent; /* who says it */
        struct str bytes;
        unsigned code;
    } t[] = {
            {true, STR("\x81\x01x"), 1002},                          /* no mask */
            {true, STR("\xc1\x81\0\0\0\0x"), 1002},                  /* RSV1: compressed */
            {true, STR("\x91\x81\0\0\0\0x"), 1002},                  /* RSV3 */
            {true, STR("\x83\x81\0\0\0\0x"), 1002},                  /* opcode 3 */
            {true, STR("\x8b\x81\0\0\0\0x"), 1002},                  /* opcode 11 */
            {true, STR("\x80\x81\0\0\0\0x"), 1002},                  /* continues nothing */
            {true, STR("\x01\x81\0\0\0\0x\x81\x81\0\0\0\0x"), 1002}, /* one inside another */
            {true, STR("\x09\x80\0\0\0\0"), 1002},                   /* Ping in fragments */
            {true, STR("\x89\xfe\0\x7e\0\0\0\0"), 1002},             /* Ping of 126 bytes */
            {true, STR("\x82\xfe\0\x05\0\0\0\0hello"), 1002}, /* longer length than due */
            {true, STR("\x82\xff\0\0\0\0\0\0\0\x05\0\0\0\0hello"), 1002},
            {true, STR("\x82\xff\xff\0\0\0\0\0\0\x05\0\0\0\0hello"), 1002},
            {true, STR("\x88\x81\0\0\0\0x"), 1002},            /* half a code */
            {true, STR("\x88\x82\0\0\0\0\x03\xed"), 1002},     /* 1005 */
            {true, STR("\x88\x82\0\0\0\0\x03\xe7"), 1002},     /* 999 */
            {true, STR("\x88\x82\0\0\0\0\x0b\xb7"), 1002},     /* 2999 */
            {true, STR("\x88\x82\0\0\0\0\x13\x88"), 1002},     /* 5000 */
            {true, STR("\x88\x83\0\0\0\0\x03\xe8\xff"), 1007}, /* reason is not UTF-8 */
            {true, STR("\x81\x81\0\0\0\0\xff"), 1007},
            {true, STR("\x81\x82\0\0\0\0\xc3("), 1007},
            {true, STR("\x81\x82\0\0\0\0x\xc3"), 1007},        /* cut off */
            {true, STR("\x81\x83\0\0\0\0\xed\xa0\x80"), 1007}, /* surrogate */
            {false, STR("\x81\x81\0\0\0\0x"), 1002},           /* a mask */
            {false, STR("\xc1\x01x"), 1002},
            {false, STR("\x84\x01x"), 1002},
            {false, STR("\x80\x01x"), 1002},
            {false, STR("\x89\x7e\0\x7e"), 1002},
            {false, STR("\x88\x01x"), 1002},
            {false, STR("\x81\x01\x80"), 1007},
            {false, STR("\x01\x01\xc3\x80\x01("), 1007},
            {false, STR("\x01\x01\xc3\x80\0"), 1007},
            {false, STR("HTTP/1.1 400 Bad Request\r\n\r\n"), 1002},
            {true, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 1002},
    };
    for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
        struct world w;
        open_world(&w);
        struct end *guilty = t[i].agent ? &w.agent : &w.upstream;
        struct end *other = t[i].agent ? &w.upstream : &w.agent;
        print_message("case %zu\n", i);
        chan_write_str(guilty->chan, t[i].bytes);
        expect_close(&w, guilty, t[i].code, NULL);
        struct frame f = {0};
        UNTIL(&w, frame_get(&other->got, &f));
        if (f.first == TEXT) {
            free(f.payload);
            UNTIL(&w, frame_get(&other->got, &f));
        }
        assert_int_equal(f.first, FIN | CLOSE);
        assert_memory_equal(f.payload, t[i].agent ? "\x03\xe9" : "\x03\xf3", 2);
        free(f.payload);
        expect_over(&w, "");
        assert_true(w.has_why);
        assert_int_equal(w.asked, 0);
        UNTIL(&w, guilty->ended && other->ended);
        close_world(&w);
    }
}

static void test_a_relay_freed_inside_its_hook_is_silent(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    w.free_in_hook = true;
    say(&w.agent, FIN | TEXT, STR("1"));
    say(&w.agent, FIN | TEXT, STR("2"));
    say(&w.upstream, FIN | TEXT, STR("3"));
    UNTIL(&w, w.agent.ended && w.upstream.ended);
    assert_int_equal(w.asked, 1);
    assert_int_equal(w.over, 0);
    close_world(&w);
}

static void test_a_relay_freed_at_any_time_is_silent(void **state)
{
    (void)state;
    for (int turns = 0; turns < 8; turns++) {
        struct world w;
        open_world(&w);
        say(&w.agent, FIN | TEXT, STR("1"));
        say(&w.upstream, 0xff, STR("3")); /* over, soon */
        for (int i = 0; i < turns; i++)
            loop_turn(w.loop, false);
        int over = w.over;
        drop_relay(&w);
        settle(&w);
        assert_int_equal(w.over, over);
        close_world(&w);
    }
}

/* --- backpressure --------------------------------------------------------------------- */

static size_t held_back(const struct world *w)
{
    return chan_unsent(w->near_agent) + chan_unsent(w->near_upstream) +
           buf_len(chan_in(w->near_agent)) + buf_len(chan_in(w->near_upstream));
}

static void test_a_reader_that_stops_stops_the_other_side(void **state)
{
    (void)state;
    enum { FRAME = 32768, COUNT = 2048 }; /* 64 MB */
    for (int i = 0; i < 2; i++) {
        struct world w;
        open_world(&w);
        struct end *from = i ? &w.agent : &w.upstream, *to = i ? &w.upstream : &w.agent;
        char *payload = malloc(FRAME);
        memset(payload, 'z', FRAME);
        to->stopped = true;
        frame_put(&from->flood_frame, FIN | BIN, from->client, (struct str){payload, FRAME});
        from->flood = COUNT;
        flood(from);
        size_t left = 0;
        for (int idle = 0; idle < 50; idle++) {
            loop_turn(w.loop, false);
            assert_true(held_back(&w) < 3u * LIMIT_CHAN_HIGH);
            if (left != from->flood)
                idle = 0;
            left = from->flood;
        }
        assert_true(left > COUNT / 2);
        to->stopped = false;
        chan_resume(to->chan);
        for (size_t n = 0; n < COUNT; n++) {
            struct frame f;
            UNTIL(&w, frame_get(&to->got, &f));
            assert_int_equal(f.n, FRAME);
            assert_memory_equal(f.payload, payload, FRAME);
            free(f.payload);
            assert_true(held_back(&w) < 3u * LIMIT_CHAN_HIGH);
        }
        free(payload);
        close_world(&w);
    }
}

/* Small frames, of which the last ones wait in the frame reader and not in the channel. */
static void test_nothing_is_forgotten_when_a_stopped_reader_goes_on(void **state)
{
    (void)state;
    struct world w;
    size_t said = 0;
    char payload[98];
    memset(payload, 's', sizeof(payload));
    open_world(&w);
    w.agent.stopped = true;
    while (!chan_full(w.near_agent)) {
        for (int i = 0; i < 40; i++, said++)
            say(&w.upstream, FIN | TEXT, (struct str){payload, sizeof(payload)});
        settle(&w);
    }
    assert_int_equal(buf_len(chan_in(w.near_upstream)), 0);
    w.agent.stopped = false;
    chan_resume(w.agent.chan);
    for (size_t i = 0; i < said; i++)
        expect_str(&w, &w.agent, FIN | TEXT, (struct str){payload, sizeof(payload)});
    close_world(&w);
}

static void test_an_agent_that_leaves_while_blocked_ends_the_upstream(void **state)
{
    (void)state;
    struct world w;
    char *payload = calloc(1, 32768);
    open_world(&w);
    w.agent.stopped = true;
    frame_put(&w.upstream.flood_frame, FIN | BIN, false, (struct str){payload, 32768});
    w.upstream.flood = 2048;
    flood(&w.upstream);
    settle(&w);
    assert_true(w.upstream.flood > 1024);
    chan_abort(w.agent.chan);
    w.agent.chan = NULL;
    expect_over(&w, "the agent");
    UNTIL(&w, w.upstream.ended || w.upstream.failed);
    close_world(&w);
    free(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_a_proper_handshake_is_taken_and_its_answer_known),
            cmocka_unit_test(test_a_handshake_that_is_not_exactly_one_is_refused),
            cmocka_unit_test(test_more_subprotocols_than_fit_are_refused),
            cmocka_unit_test(test_only_the_answer_to_this_handshake_is_taken),
            cmocka_unit_test(test_messages_go_both_ways_with_masks_only_towards_the_upstream),
            cmocka_unit_test(test_frames_that_came_with_the_heads_are_the_first),
            cmocka_unit_test(test_fragments_of_the_agent_become_one_message),
            cmocka_unit_test(test_a_fragment_of_the_upstream_does_not_wait_for_the_next),
            cmocka_unit_test(test_a_frame_leaves_in_the_turn_in_which_it_came),
            cmocka_unit_test(test_each_ping_keeps_its_own_payload),
            cmocka_unit_test(test_frames_may_be_cut_anywhere),
            cmocka_unit_test(test_a_large_message_of_the_upstream_goes_on_in_parts),
            cmocka_unit_test(test_a_message_of_the_agent_has_a_limit),
            cmocka_unit_test(test_the_owner_knows_what_is_held_and_may_end_it),
            cmocka_unit_test(test_a_replaced_message_goes_up_instead),
            cmocka_unit_test(test_a_refused_message_ends_the_connection_with_the_reason),
            cmocka_unit_test(test_a_long_reason_fits_the_close),
            cmocka_unit_test(test_the_real_key_does_not_reach_the_agent),
            cmocka_unit_test(test_what_only_looks_like_the_key_arrives_whole),
            cmocka_unit_test(test_while_held_nothing_is_taken),
            cmocka_unit_test(test_a_close_is_passed_on_and_answered),
            cmocka_unit_test(test_a_close_without_a_code_stays_without),
            cmocka_unit_test(test_a_server_may_hang_up_after_its_close),
            cmocka_unit_test(test_a_side_that_closed_may_break_off),
            cmocka_unit_test(test_an_upstream_that_breaks_off_is_no_proper_end_for_the_agent),
            cmocka_unit_test(test_an_agent_that_breaks_off_is_away_for_the_upstream),
            cmocka_unit_test(test_a_broken_protocol_ends_both_sides),
            cmocka_unit_test(test_a_relay_freed_inside_its_hook_is_silent),
            cmocka_unit_test(test_a_relay_freed_at_any_time_is_silent),
            cmocka_unit_test(test_a_reader_that_stops_stops_the_other_side),
            cmocka_unit_test(test_nothing_is_forgotten_when_a_stopped_reader_goes_on),
            cmocka_unit_test(test_an_agent_that_leaves_while_blocked_ends_the_upstream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
