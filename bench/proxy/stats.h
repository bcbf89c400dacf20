/*
 * stats.h - the clock, delays and what they come to, and what another process used.
 */
#ifndef BENCH_PROXY_STATS_H
#define BENCH_PROXY_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/json.h"

/* A benchmark that cannot go on says why and ends with status 2. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

uint64_t now_ns(void); /* monotonic; the same clock in the load and in the origin */

/* Every single delay is kept: a p99 from buckets would be off by the width of a bucket. */
struct samples {
    uint64_t *ns; /* owns */
    size_t count, cap;
    bool sorted;
};

void samples_add(struct samples *samples, uint64_t ns);
double samples_us(struct samples *samples, double percent); /* 0 when there are none */
void samples_release(struct samples *samples);
/* {"n":, "p50":, "p99":, "p999":, "max":} in microseconds. */
json_t *samples_json(struct samples *samples);

/* The processes of a peer, all of them: a server with workers has several. */
struct watched {
    pid_t pid[16];
    unsigned count;
};

struct usage {
    double cpu_us; /* user and system, all threads */
    long rss_kb;
    long anon_kb;
};

void watched_parse(struct watched *watched, const char *text); /* "12,13" */
void usage_take(const struct watched *watched, struct usage *ret);

/* "cpu_us_per_UNIT", with nothing watched left out. */
void put_cpu(json_t *ret, const struct watched *watched, const struct usage *before,
        const struct usage *after, const char *name, double per);

#endif
