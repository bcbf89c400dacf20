/*
 * load_idle.c - many tunnels that were used once and do nothing: the peer's memory for each,
 * and whether all of them still answer when they are used again.
 *
 * Owns: its load and lane. Blocks: in epoll only.
 */
#include "client.h"

#define AT_ONCE 16
#define SETTLE_NS UINT64_C(500000000)
#define ANSWERS_NS (60 * UINT64_C(1000000000))

struct idle {
    struct load load;
    unsigned asking;
};

static void on_ready(struct load *load, struct conn *conn)
{
    (void)load;
    (void)conn;
}

static void on_done(struct load *load, struct conn *conn)
{
    struct idle *test = (struct idle *)load;
    (void)conn;
    if (test->asking > 0)
        test->asking--;
}

static bool few_asking(struct load *load)
{
    return ((struct idle *)load)->asking < AT_ONCE;
}

static bool none_asking(struct load *load)
{
    return ((struct idle *)load)->asking == 0;
}

static const struct load_ops ops = {on_ready, on_done, on_done, NULL};

/* One request on each, a few at a time; returns how many were answered. */
static uint64_t ask_all(struct idle *test)
{
    uint64_t before = test->load.answered;
    for (unsigned i = 0; i < test->load.count; i++) {
        if (test->load.conn[i].state != CONN_READY)
            continue;
        load_run(&test->load, now_ns() + ANSWERS_NS, few_asking);
        test->asking++;
        conn_ask(&test->load.conn[i]);
    }
    load_run(&test->load, now_ns() + ANSWERS_NS, none_asking);
    return test->load.answered - before;
}

void load_idle(const struct options *options, json_t *ret)
{
    struct idle test = {.asking = 0};
    struct lane lane;
    struct usage before, open;
    const unsigned tunnels = options->connections;

    lane_to_peer(&lane, options);
    lane_request(&lane, "/v1/messages", "json", options->body);
    load_init(&test.load, &ops, tunnels);
    usage_take(&options->watched, &before);
    load_open_all(&test.load, 0, tunnels, &lane);
    uint64_t first = ask_all(&test);
    load_run(&test.load, now_ns() + SETTLE_NS, NULL);
    usage_take(&options->watched, &open);
    uint64_t again = ask_all(&test);

    load_put(&test.load, ret);
    json_object_set_new(ret, "tunnels", json_integer(tunnels));
    json_object_set_new(ret, "used_once", json_integer((json_int_t)first));
    json_object_set_new(ret, "used_again", json_integer((json_int_t)again));
    json_object_set_new(ret, "base_rss_kb", json_integer(before.rss_kb));
    json_object_set_new(ret, "open_rss_kb", json_integer(open.rss_kb));
    json_object_set_new(ret, "kb_per_tunnel",
            json_real((double)(open.anon_kb - before.anon_kb) / (double)tunnels));
    load_release(&test.load);
    lane_release(&lane);
}
