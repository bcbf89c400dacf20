/*
 * load_keepalive.c - requests one after the other on a number of connections that stay open:
 * requests per second, delays, and the peer's CPU for each.
 *
 * Owns: its load and lane. Blocks: in epoll only.
 */
#include "client.h"

#define DRAIN_NS (10 * UINT64_C(1000000000))

struct keepalive {
    struct load load;
    bool measuring, stopping;
    unsigned running;
    uint64_t done;
    struct samples delay;
};

static void on_ready(struct load *load, struct conn *conn)
{
    (void)load;
    (void)conn;
}

static void on_done(struct load *load, struct conn *conn)
{
    struct keepalive *test = (struct keepalive *)load;
    if (test->measuring) {
        samples_add(&test->delay, now_ns() - conn->asked_ns);
        test->done++;
    }
    if (test->stopping)
        test->running--;
    else
        conn_ask(conn);
}

static void on_fail(struct load *load, struct conn *conn)
{
    struct keepalive *test = (struct keepalive *)load;
    (void)conn;
    if (test->running > 0)
        test->running--;
}

static bool all_stopped(struct load *load)
{
    return ((struct keepalive *)load)->running == 0;
}

static const struct load_ops ops = {on_ready, on_done, on_fail, NULL};

static void begin(struct keepalive *test)
{
    for (unsigned i = 0; i < test->load.count; i++) {
        if (test->load.conn[i].state != CONN_READY)
            continue;
        test->running++;
        conn_ask(&test->load.conn[i]);
    }
}

/* All that was asked is answered in the end: the audit must have as many rows. */
static void stop(struct keepalive *test)
{
    test->measuring = false;
    test->stopping = true;
    load_run(&test->load, now_ns() + DRAIN_NS, all_stopped);
}

void load_keepalive(const struct options *options, json_t *ret)
{
    struct keepalive test = {.done = 0};
    struct lane lane;
    struct usage before, after;

    lane_to_peer(&lane, options);
    lane_request(&lane, "/v1/messages", "json", options->body);
    load_init(&test.load, &ops, options->connections);
    load_open_all(&test.load, 0, options->connections, &lane);
    begin(&test);
    load_run(&test.load, now_ns() + (uint64_t)(options->warm * 1e9), NULL);

    usage_take(&options->watched, &before);
    uint64_t start = now_ns();
    test.measuring = true;
    load_run(&test.load, start + (uint64_t)(options->seconds * 1e9), NULL);
    double seconds = (double)(now_ns() - start) / 1e9;
    usage_take(&options->watched, &after);
    stop(&test);

    load_put(&test.load, ret);
    json_object_set_new(ret, "per_s", json_real((double)test.done / seconds));
    json_object_set_new(ret, "delay", samples_json(&test.delay));
    put_cpu(ret, &options->watched, &before, &after, "cpu_us", (double)test.done);
    samples_release(&test.delay);
    load_release(&test.load);
    lane_release(&lane);
}
