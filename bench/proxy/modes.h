/*
 * modes.h - the words of the command line, and the functions behind them.
 */
#ifndef BENCH_PROXY_MODES_H
#define BENCH_PROXY_MODES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

#include "stats.h"

#define BENCH_HOST "api.bench.test"

/* What a load is to do. The runner gives what the mode needs. */
struct options {
    const char *proxy;    /* unix:PATH or tcp:HOST:PORT; NULL: straight to the origin */
    const char *ca;       /* whom to trust through the proxy */
    const char *key;      /* the key that the proxy takes */
    const char *real_key; /* the key that the origin takes */
    const char *origin_ca;
    unsigned origin; /* the origin's port on 127.0.0.1 */
    unsigned origin_pid;
    struct watched watched;
    unsigned connections;
    double seconds, warm;
    unsigned body;       /* bytes of a request's body */
    uint64_t bytes;      /* of a bulk transfer */
    unsigned period_ms;  /* between two events of a stream, or two new hosts */
    unsigned gap_us;     /* before a request of the latency test */
    unsigned first;      /* number of the first new host */
    unsigned mint;       /* 1: every tunnel to a new host */
    unsigned upload;     /* 1: up instead of down */
    unsigned no_connect; /* 1: the peer is a reverse proxy */
};

/* Every load fills a result; failures are counted in it and do not end it. */
typedef void load_fn(const struct options *options, json_t *ret);
load_fn load_keepalive, load_latency, load_tunnel, load_stream, load_bulk, load_idle,
        load_blocked;

int certs_main(const char *dir);
/* Serves until it is killed; prints {"ready":true,"port":N} first. */
int origin_main(const char *certs, const char *real_key);

#endif
