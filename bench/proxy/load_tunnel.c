/*
 * load_tunnel.c - new connections, CONNECT and TLS, a number of them at a time: all to one
 * host, or each to a host that nobody asked for before, whose certificate must be minted.
 *
 * Owns: its load and lane. Blocks: in epoll only.
 */
#include "client.h"

#include <stdio.h>

#define DRAIN_NS (10 * UINT64_C(1000000000))

struct tunnels {
    struct load load;
    const struct options *options;
    const struct lane *lane;
    uint64_t end;
    unsigned next; /* number of the next new host */
    unsigned running;
    uint64_t done;
    struct samples delay;
};

static void open_next(struct tunnels *test, struct conn *conn)
{
    char host[64] = BENCH_HOST;
    if (now_ns() >= test->end) {
        test->running--;
        return;
    }
    if (test->options->mint)
        snprintf(host, sizeof(host), "h%06u.mint.test", test->next++);
    conn_open(&test->load, conn, test->lane, host);
}

static void on_ready(struct load *load, struct conn *conn)
{
    struct tunnels *test = (struct tunnels *)load;
    samples_add(&test->delay, conn->ready_ns - conn->opened_ns);
    test->done++;
    conn_close(conn);
    open_next(test, conn);
}

/* A peer that refuses each would be asked for ever: its connection is not opened again. */
static void on_fail(struct load *load, struct conn *conn)
{
    (void)conn;
    ((struct tunnels *)load)->running--;
}

static bool all_ended(struct load *load)
{
    return ((struct tunnels *)load)->running == 0;
}

static const struct load_ops ops = {on_ready, NULL, on_fail, NULL};

void load_tunnel(const struct options *options, json_t *ret)
{
    struct tunnels test = {.options = options, .next = options->first};
    struct lane lane;
    struct usage before, after;

    lane_to_peer(&lane, options);
    load_init(&test.load, &ops, options->connections);
    test.lane = &lane;
    usage_take(&options->watched, &before);
    uint64_t start = now_ns();
    test.end = start + (uint64_t)(options->seconds * 1e9);
    test.running = options->connections;
    for (unsigned i = 0; i < options->connections; i++)
        open_next(&test, &test.load.conn[i]);
    load_run(&test.load, test.end + DRAIN_NS, all_ended);
    double seconds = (double)(now_ns() - start) / 1e9;
    usage_take(&options->watched, &after);

    load_put(&test.load, ret);
    json_object_set_new(ret, "tunnels", json_integer((json_int_t)test.done));
    json_object_set_new(ret, "per_s", json_real((double)test.done / seconds));
    json_object_set_new(ret, "delay", samples_json(&test.delay));
    put_cpu(ret, &options->watched, &before, &after, "cpu_us", (double)test.done);
    samples_release(&test.delay);
    load_release(&test.load);
    lane_release(&lane);
}
