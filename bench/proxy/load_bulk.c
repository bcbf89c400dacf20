/*
 * load_bulk.c - one large body down or up: megabytes per second, the peer's CPU for each, and
 * by how much its memory is larger meanwhile than before.
 *
 * Owns: its load and lanes. Blocks: in epoll only.
 */
#include "client.h"

#include <stdio.h>

#define LOOK_NS UINT64_C(20000000) /* at the peer's memory */
#define MOST_NS (60 * UINT64_C(1000000000))

struct bulk {
    struct load load;
    bool waiting;
};

static void on_ready(struct load *load, struct conn *conn)
{
    (void)load;
    (void)conn;
}

static void on_done(struct load *load, struct conn *conn)
{
    (void)conn;
    ((struct bulk *)load)->waiting = false;
}

static bool is_done(struct load *load)
{
    return !((struct bulk *)load)->waiting;
}

static const struct load_ops ops = {on_ready, on_done, on_done, NULL};

/* Returns the seconds it took; the most memory meanwhile in *ret_peak_kb. */
static double transfer(struct bulk *test, const struct options *options, long *ret_peak_kb)
{
    struct conn *conn = &test->load.conn[0];
    uint64_t start = now_ns();
    test->waiting = conn->state == CONN_READY;
    if (test->waiting)
        conn_ask(conn);
    while (test->waiting && now_ns() < start + MOST_NS) {
        struct usage usage;
        load_run(&test->load, now_ns() + LOOK_NS, is_done);
        usage_take(&options->watched, &usage);
        if (usage.rss_kb > *ret_peak_kb)
            *ret_peak_kb = usage.rss_kb;
    }
    return (double)(now_ns() - start) / 1e9;
}

void load_bulk(const struct options *options, json_t *ret)
{
    struct bulk test = {.waiting = false};
    struct lane lane;
    struct usage before, after;
    char what[64];
    long peak_kb = 0;

    lane_to_peer(&lane, options);
    lane_request(&lane, "/v1/messages", "json", 0);
    load_init(&test.load, &ops, 1);
    load_open_all(&test.load, 0, 1, &lane);
    (void)transfer(&test, options, &peak_kb); /* the connection to the origin is there */

    snprintf(what, sizeof(what), "big %llu", (unsigned long long)options->bytes);
    if (options->upload)
        lane_upload(&lane, "/v1/files", options->bytes);
    else
        lane_request(&lane, "/v1/messages", what, 0);
    usage_take(&options->watched, &before);
    peak_kb = before.rss_kb;
    double seconds = transfer(&test, options, &peak_kb);
    usage_take(&options->watched, &after);

    double mb = (double)options->bytes / 1e6;
    load_put(&test.load, ret);
    json_object_set_new(ret, "mb_per_s", json_real(mb / seconds));
    json_object_set_new(ret, "rss_growth_kb", json_integer(peak_kb - before.rss_kb));
    put_cpu(ret, &options->watched, &before, &after, "cpu_us", mb);
    load_release(&test.load);
    lane_release(&lane);
}
