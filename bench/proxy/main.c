/*
 * main.c - the command line of proxy_bench, which `run` starts; it is not meant for hands.
 *
 *     proxy_bench certs DIR
 *     proxy_bench origin DIR REAL-KEY
 *     proxy_bench TEST [--NAME VALUE]...     one JSON line on stdout
 *
 * Owns: nothing. Blocks: as the mode does.
 */
#include "modes.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

static const struct {
    const char *name;
    load_fn *fn;
} loads[] = {
        {"keepalive", load_keepalive},
        {"latency", load_latency},
        {"tunnel", load_tunnel},
        {"stream", load_stream},
        {"bulk", load_bulk},
        {"idle", load_idle},
        {"blocked", load_blocked},
};

static double number(const char *name, const char *value)
{
    char *end = NULL;
    double n = strtod(value, &end);
    if (end == value || *end || n < 0)
        fail("%s: '%s' is no number", name, value);
    return n;
}

static bool set_text(struct options *options, const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {
            {"--proxy", &options->proxy},
            {"--ca", &options->ca},
            {"--key", &options->key},
            {"--origin-ca", &options->origin_ca},
            {"--real-key", &options->real_key},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(texts[i].name, name) == 0) {
            *texts[i].to = value;
            return true;
        }
    }
    if (strcmp(name, "--pids") != 0)
        return false;
    watched_parse(&options->watched, value);
    return true;
}

static bool set_number(struct options *options, const char *name, double n)
{
    const struct {
        const char *name;
        unsigned *to;
    } counts[] = {
            {"--connections", &options->connections},
            {"--body", &options->body},
            {"--period-ms", &options->period_ms},
            {"--gap-us", &options->gap_us},
            {"--first", &options->first},
            {"--origin", &options->origin},
            {"--origin-pid", &options->origin_pid},
            {"--mint", &options->mint},
            {"--upload", &options->upload},
            {"--no-connect", &options->no_connect},
    };
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        if (strcmp(counts[i].name, name) == 0) {
            *counts[i].to = (unsigned)n;
            return true;
        }
    }
    if (strcmp(name, "--seconds") == 0)
        options->seconds = n;
    else if (strcmp(name, "--warm") == 0)
        options->warm = n;
    else if (strcmp(name, "--bytes") == 0)
        options->bytes = (uint64_t)n;
    else
        return false;
    return true;
}

static void parse(struct options *options, int argc, char **argv)
{
    for (int i = 0; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!value)
            fail("%s needs a value", argv[i]);
        if (!set_text(options, argv[i], value) &&
                !set_number(options, argv[i], number(argv[i], value)))
            fail("unknown option %s", argv[i]);
    }
    if (options->origin == 0 || !options->origin_ca || !options->real_key ||
            (options->proxy && (!options->ca || !options->key)) || options->period_ms == 0 ||
            options->connections == 0)
        fail("an option is missing; see `run`");
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 3 && strcmp(argv[1], "certs") == 0)
        return certs_main(argv[2]);
    if (argc == 4 && strcmp(argv[1], "origin") == 0)
        return origin_main(argv[2], argv[3]);
    for (size_t i = 0; argc > 1 && i < sizeof(loads) / sizeof(loads[0]); i++) {
        struct options options = {.connections = 1, .period_ms = 10, .gap_us = 1000};
        if (strcmp(argv[1], loads[i].name) != 0)
            continue;
        parse(&options, argc - 2, argv + 2);
        json_t *ret = json_object();
        loads[i].fn(&options, ret);
        json_dumpf(ret, stdout, JSON_COMPACT | JSON_REAL_PRECISION(8));
        putchar('\n');
        json_decref(ret);
        return 0;
    }
    fail("usage: proxy_bench certs|origin|TEST ...");
}
