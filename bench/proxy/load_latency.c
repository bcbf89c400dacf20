/*
 * load_latency.c - one request at a time with a pause before it, in turn through the peer and
 * straight to the origin: what the peer adds, with whatever else the machine does in both.
 *
 * Owns: its load and lanes. Blocks: sleeps between requests.
 */
#include "client.h"

#include <stdlib.h>
#include <time.h>

#define WARM 50
#define ANSWER_NS (10 * UINT64_C(1000000000))

struct latency {
    struct load load;
    bool waiting;
    struct samples delay[2];
};

static void on_ready(struct load *load, struct conn *conn)
{
    (void)load;
    (void)conn;
}

static void on_done(struct load *load, struct conn *conn)
{
    (void)conn;
    ((struct latency *)load)->waiting = false;
}

static bool is_answered(struct load *load)
{
    return !((struct latency *)load)->waiting;
}

static const struct load_ops ops = {on_ready, on_done, on_done, NULL};

/* Returns the delay; 0: it broke. */
static uint64_t ask(struct latency *test, unsigned lane)
{
    struct conn *conn = &test->load.conn[lane];
    if (conn->state != CONN_READY)
        return 0;
    test->waiting = true;
    conn_ask(conn);
    load_run(&test->load, now_ns() + ANSWER_NS, is_answered);
    return conn->state == CONN_READY ? now_ns() - conn->asked_ns : 0;
}

static void measure(struct latency *test, const struct options *options)
{
    const struct timespec gap = {0, (long)options->gap_us * 1000};
    uint64_t end = now_ns() + (uint64_t)(options->seconds * 1e9);
    /* Which goes first changes each time: what one leaves in the caches helps the other. */
    for (unsigned i = 0; now_ns() < end; i++) {
        for (unsigned k = 0; k < 2; k++) {
            unsigned lane = (i + k) % 2;
            (void)nanosleep(&gap, NULL);
            uint64_t ns = ask(test, lane);
            if (ns > 0)
                samples_add(&test->delay[lane], ns);
        }
    }
}

void load_latency(const struct options *options, json_t *ret)
{
    struct latency test = {.waiting = false};
    struct lane lanes[2];
    struct usage before, after;

    lane_to_peer(&lanes[0], options);
    lane_to_origin(&lanes[1], options);
    load_init(&test.load, &ops, 2);
    for (unsigned k = 0; k < 2; k++) {
        lane_request(&lanes[k], "/v1/messages", "json", options->body);
        load_open_all(&test.load, k, k + 1, &lanes[k]);
    }
    for (unsigned i = 0; i < 2 * WARM; i++)
        (void)ask(&test, i % 2);
    usage_take(&options->watched, &before);
    measure(&test, options);
    usage_take(&options->watched, &after);

    load_put(&test.load, ret);
    json_object_set_new(ret, "delay", samples_json(&test.delay[0]));
    json_object_set_new(ret, "direct", samples_json(&test.delay[1]));
    json_object_set_new(ret, "added_p50",
            json_real(samples_us(&test.delay[0], 50) - samples_us(&test.delay[1], 50)));
    json_object_set_new(ret, "added_p99",
            json_real(samples_us(&test.delay[0], 99) - samples_us(&test.delay[1], 99)));
    put_cpu(ret, &options->watched, &before, &after, "cpu_us", (double)test.delay[0].count);
    for (unsigned k = 0; k < 2; k++) {
        samples_release(&test.delay[k]);
    }
    load_release(&test.load);
    for (unsigned k = 0; k < 2; k++)
        lane_release(&lanes[k]);
}
