/*
 * stats.c - see stats.h. CPU comes from the other process's CPU clock, which counts
 * nanoseconds of all its threads, ended ones too; the ticks in /proc are 10 ms.
 *
 * Owns: the samples. Blocks: reads /proc.
 */
#include "stats.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("proxy_bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) < 0)
        fail("clock_gettime: %s", strerror(errno));
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

/* --- samples -------------------------------------------------------------------------- */

void samples_add(struct samples *samples, uint64_t ns)
{
    if (samples->count == samples->cap) {
        samples->cap = samples->cap ? samples->cap * 2 : 4096;
        samples->ns = xrealloc(samples->ns, samples->cap * sizeof(*samples->ns));
    }
    samples->ns[samples->count++] = ns;
    samples->sorted = false;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

double samples_us(struct samples *samples, double percent)
{
    if (samples->count == 0)
        return 0;
    if (!samples->sorted)
        qsort(samples->ns, samples->count, sizeof(*samples->ns), compare);
    samples->sorted = true;
    size_t at = (size_t)(percent / 100 * (double)(samples->count - 1) + 0.5);
    return (double)samples->ns[at] / 1000;
}

void samples_release(struct samples *samples)
{
    free(samples->ns);
    *samples = (struct samples){0};
}

json_t *samples_json(struct samples *samples)
{
    return json_pack("{s:I, s:f, s:f, s:f, s:f}", "n", (json_int_t)samples->count, "p50",
            samples_us(samples, 50), "p99", samples_us(samples, 99), "p999",
            samples_us(samples, 99.9), "max", samples_us(samples, 100));
}

/* --- other processes ------------------------------------------------------------------ */

void watched_parse(struct watched *watched, const char *text)
{
    const size_t most = sizeof(watched->pid) / sizeof(watched->pid[0]);
    while (*text) {
        char *end = NULL;
        long pid = strtol(text, &end, 10);
        if (pid <= 0 || watched->count == most || (*end && *end != ','))
            fail("'%s' is no list of process ids", text);
        watched->pid[watched->count++] = (pid_t)pid;
        text = *end ? end + 1 : end;
    }
}

static void add_memory(pid_t pid, struct usage *ret)
{
    char path[64], line[256];
    long kb = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    if (!f)
        fail("%s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            ret->rss_kb += kb;
        else if (sscanf(line, "RssAnon: %ld", &kb) == 1)
            ret->anon_kb += kb;
    }
    fclose(f);
}

void usage_take(const struct watched *watched, struct usage *ret)
{
    *ret = (struct usage){0};
    for (unsigned i = 0; i < watched->count; i++) {
        clockid_t clock;
        int rc = clock_getcpuclockid(watched->pid[i], &clock);
        if (rc != 0)
            fail("process %d: %s", (int)watched->pid[i], strerror(rc));
        ret->cpu_us += (double)clock_ns(clock) / 1000;
        add_memory(watched->pid[i], ret);
    }
}

void put_cpu(json_t *ret, const struct watched *watched, const struct usage *before,
        const struct usage *after, const char *name, double per)
{
    if (watched->count > 0 && per > 0)
        json_object_set_new(ret, name, json_real((after->cpu_us - before->cpu_us) / per));
}
