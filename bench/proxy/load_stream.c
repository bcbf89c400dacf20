/*
 * load_stream.c - server-sent events: how long after the origin sent it an event is here, on
 * as many streams through the peer as straight from the origin at the same time.
 *
 * Each event carries the time at which it was sent, of the same clock. Events of the time
 * in which the streams begin (a handshake with the origin for each) are left out.
 *
 * Owns: its load and lanes. Blocks: in epoll only.
 */
#include "client.h"

#include <stdio.h>

#define SKIP_SHARE 4 /* one part in so many of the time is left out at the front */
#define DRAIN_NS (30 * UINT64_C(1000000000))

struct streams {
    struct load load;
    struct lane lanes[2];
    uint64_t count_from;
    unsigned running;
    uint64_t events; /* through the peer, counted or not */
    struct samples delay[2];
};

/* "@NANOSECONDS@", in whatever pieces it comes. */
static void on_body(struct load *load, struct conn *conn, const char *p, size_t n)
{
    struct streams *test = (struct streams *)load;
    unsigned lane = conn->lane == &test->lanes[1];
    uint64_t now = now_ns();
    for (size_t i = 0; i < n; i++) {
        if (p[i] != '@') {
            if (conn->scan)
                conn->stamp = conn->stamp * 10 + (uint64_t)(p[i] - '0');
            continue;
        }
        if (conn->scan && conn->stamp >= test->count_from)
            samples_add(&test->delay[lane], now - conn->stamp);
        test->events += conn->scan && lane == 0;
        conn->scan = !conn->scan;
        conn->stamp = 0;
    }
}

static void on_ready(struct load *load, struct conn *conn)
{
    (void)load;
    (void)conn;
}

static void on_end(struct load *load, struct conn *conn)
{
    struct streams *test = (struct streams *)load;
    (void)conn;
    if (test->running > 0)
        test->running--;
}

static bool all_ended(struct load *load)
{
    return ((struct streams *)load)->running == 0;
}

static const struct load_ops ops = {on_ready, on_end, on_end, on_body};

static void begin(struct streams *test, uint64_t skip_ns)
{
    test->count_from = now_ns() + skip_ns;
    for (unsigned i = 0; i < test->load.count; i++) {
        if (test->load.conn[i].state != CONN_READY)
            continue;
        test->running++;
        conn_ask(&test->load.conn[i]);
    }
}

static void put(struct streams *test, uint64_t expected, json_t *ret)
{
    json_object_set_new(ret, "events", json_integer((json_int_t)test->events));
    json_object_set_new(ret, "delay", samples_json(&test->delay[0]));
    json_object_set_new(ret, "direct", samples_json(&test->delay[1]));
    json_object_set_new(ret, "added_p50",
            json_real(samples_us(&test->delay[0], 50) - samples_us(&test->delay[1], 50)));
    json_object_set_new(ret, "added_p99",
            json_real(samples_us(&test->delay[0], 99) - samples_us(&test->delay[1], 99)));
    if (test->events != expected) {
        test->load.failures++;
        snprintf(test->load.first_failure, sizeof(test->load.first_failure),
                "%llu events came, %llu were asked for", (unsigned long long)test->events,
                (unsigned long long)expected);
    }
    load_put(&test->load, ret);
}

void load_stream(const struct options *options, json_t *ret)
{
    struct streams test = {.count_from = 0};
    struct usage before, after;
    char what[64];
    const unsigned streams = options->connections;
    uint64_t events = (uint64_t)(options->seconds * 1000) / options->period_ms + 1;

    lane_to_peer(&test.lanes[0], options);
    lane_to_origin(&test.lanes[1], options);
    load_init(&test.load, &ops, 2 * streams);
    snprintf(what, sizeof(what), "events %llu %u", (unsigned long long)events,
            options->period_ms);
    for (unsigned k = 0; k < 2; k++) {
        lane_request(&test.lanes[k], "/v1/messages", what, options->body);
        load_open_all(&test.load, k * streams, (k + 1) * streams, &test.lanes[k]);
    }
    begin(&test, (uint64_t)(options->seconds * 1e9) / SKIP_SHARE);
    load_run(&test.load, test.count_from, NULL);
    usage_take(&options->watched, &before);
    uint64_t skipped = test.events;
    load_run(&test.load, now_ns() + (uint64_t)(options->seconds * 1e9) + DRAIN_NS, all_ended);
    usage_take(&options->watched, &after);

    put(&test, events * streams, ret);
    put_cpu(ret, &options->watched, &before, &after, "cpu_us", (double)(test.events - skipped));
    for (unsigned k = 0; k < 2; k++)
        samples_release(&test.delay[k]);
    load_release(&test.load);
    for (unsigned k = 0; k < 2; k++)
        lane_release(&test.lanes[k]);
}
