/*
 * fuzz_ws.c - any bytes from the agent and from the upstream, cut anywhere, through a relay.
 * Beyond memory safety: it is over once and then silent, what waits is bounded, what leaves
 * is whole frames in order with the right masks and no reserved bit, nothing follows a Close,
 * text is UTF-8, and the key never reaches the agent.
 *
 * The input: one byte of options, then records of one byte (side, and how many bytes follow).
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/ws.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REAL_KEY "key!KEY!"

/* One end of the test: what arrived there, and what it is in the middle of. */
struct end {
    int fd;
    bool client;
    struct buf got;
    bool in_message, closed;
};

struct world {
    struct ws_relay *relay;
    struct chan *agent, *upstream;
    int over;
    bool freed;
};

static void drop(struct world *w)
{
    ws_relay_free(w->relay);
    chan_close(w->agent);
    chan_close(w->upstream);
    w->relay = NULL;
    w->agent = w->upstream = NULL;
    w->freed = true;
}

static void check_utf8(struct str s)
{
    uint32_t cp;
    for (size_t i = 0; i < s.n;) {
        int n = utf8_decode(s.p + i, s.n - i, &cp);
        CHECK(n > 0);
        i += (size_t)n;
    }
}

static enum ws_verdict on_agent_message(
        void *ctx, int opcode, struct str payload, struct buf *replacement)
{
    struct world *w = ctx;
    CHECK(!w->freed && w->over == 0);
    CHECK(opcode == WS_TEXT || opcode == WS_BINARY);
    if (opcode == WS_TEXT)
        check_utf8(payload);
    char first = payload.n > 0 ? payload.p[0] : 'k';
    if (first == 'f')
        drop(w);
    if (first == 'h')
        ws_relay_hold(w->relay, true);
    if (first == 'r' || first == 'n')
        buf_append_str(replacement, payload);
    return first == 'r' ? WS_REPLACED : first == 'n' ? WS_REFUSE : WS_KEEP;
}

static bool on_agent_holds(void *ctx, size_t bytes)
{
    struct world *w = ctx;
    CHECK(!w->freed && w->over == 0);
    return bytes < 12000;
}

static void on_upstream_message(void *ctx, int opcode, struct str payload)
{
    struct world *w = ctx;
    CHECK(!w->freed && w->over == 0 && payload.n <= LIMIT_WS_TAP);
    if (opcode == WS_TEXT)
        check_utf8(payload);
    if (payload.n > 0 && payload.p[0] == 'c')
        drop(w);
}

static void on_over(void *ctx, const char *why)
{
    struct world *w = ctx;
    CHECK(!w->freed && w->over++ == 0);
    CHECK(!why || strlen(why) < 124);
    drop(w);
}

static const struct ws_hooks hooks = {
        on_agent_message, on_agent_holds, on_upstream_message, on_over};

/* Frames that are whole are checked and dropped. False: the first one is not. */
static bool check_frame(struct end *end)
{
    const uint8_t *p = (const uint8_t *)buf_data(&end->got);
    size_t have = buf_len(&end->got), at = 2;
    if (have < 2)
        return false;
    unsigned opcode = p[0] & 0x0f;
    bool fin = p[0] & 0x80, masked = p[1] & 0x80;
    uint64_t n = p[1] & 0x7f;
    CHECK((p[0] & 0x70) == 0 && masked == !end->client && !end->closed);
    CHECK(opcode <= 2 || (opcode >= 8 && opcode <= 10 && fin && n <= 125));
    if (opcode <= 2) {
        CHECK((opcode == 0) == end->in_message);
        CHECK(fin || end->client); /* the upstream gets whole messages */
    }
    size_t more = n == 126 ? 2 : n == 127 ? 8 : 0;
    if (have < at + more)
        return false;
    n = more ? 0 : n;
    for (size_t i = 0; i < more; i++)
        n = n << 8 | p[at++];
    at += masked ? 4 : 0;
    if (have < at || have - at < n)
        return false;
    if (opcode <= 2)
        end->in_message = !fin;
    end->closed = opcode == 8;
    if (end->client)
        CHECK(!memmem(p + at, n, REAL_KEY, strlen(REAL_KEY)));
    buf_consume(&end->got, at + n);
    return true;
}

static void take(struct end *end)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(end->fd, bytes, sizeof(bytes))) > 0)
        buf_append(&end->got, bytes, (size_t)n);
    while (check_frame(end))
        ;
}

static void say(struct world *w, struct end *end, const uint8_t *p, size_t n)
{
    ssize_t rc = write(end->fd, p, n);
    CHECK(rc == (ssize_t)n || (rc < 0 && w->freed));
}

static void run(struct world *w, struct loop *loop, struct end ends[2], const uint8_t *data,
        size_t size)
{
    bool slow = size > 0 && data[0] & 1;
    for (size_t i = 1; i < size;) {
        struct end *end = &ends[data[i] & 1];
        size_t n = data[i] >> 1;
        i++;
        n = n < size - i ? n : size - i;
        say(w, end, data + i, n);
        i += n;
        loop_turn(loop, false);
        if (!w->freed)
            CHECK(chan_unsent(w->agent) + chan_unsent(w->upstream) <= 4 * size + 1024);
        if (!slow) {
            take(&ends[0]);
            take(&ends[1]);
        }
    }
    for (int i = 0; i < 3; i++)
        loop_turn(loop, false);
    if (!w->freed)
        ws_relay_hold(w->relay, false);
    loop_turn(loop, false);
    take(&ends[0]);
    take(&ends[1]);
    shutdown(ends[size & 1].fd, SHUT_WR);
    loop_turn(loop, false);
    shutdown(ends[!(size & 1)].fd, SHUT_WR);
    while (!w->freed) {
        loop_turn(loop, true);
        if (!w->freed)
            ws_relay_hold(w->relay, false);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct end ends[2] = {{.client = true}, {.client = false}};
    struct world w = {0};
    int fds[2][2];
    if (size > 16 * 1024)
        return 0;
    struct loop *loop = loop_new(NULL);
    struct secret *key = secret_new(REAL_KEY, strlen(REAL_KEY));
    for (int i = 0; i < 2; i++) {
        CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds[i]) == 0);
        ends[i].fd = fds[i][0];
    }
    w.agent = chan_adopt_fd(loop, fds[0][1], NULL, NULL, NULL);
    w.upstream = chan_adopt_fd(loop, fds[1][1], NULL, NULL, NULL);
    w.relay = ws_relay_new(loop, w.agent, w.upstream, &hooks, &w);
    ws_relay_hide(w.relay, key);
    run(&w, loop, ends, data, size);
    for (int i = 0; i < 2; i++) {
        take(&ends[i]);
        close(ends[i].fd);
        buf_release(&ends[i].got);
    }
    loop_free(loop);
    CHECK(w.over <= 1);
    secret_free(key);
    return 0;
}
