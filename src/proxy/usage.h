/*
 * usage.h - the tokens that a model's answer says it took, out of JSON.
 *
 *     struct usage_reader reader;
 *     usage_reader_init(&reader, API_ANTHROPIC);
 *     usage_reader_event(&reader, name, data);    // each event of a stream
 *     usage_reader_message(&reader, data);        // or message of a WebSocket
 *     usage_reader_body(&reader, piece);          // or a JSON body, in pieces of any size
 *     usage_reader_end(&reader, &usage);          // frees
 *
 * Knows Anthropic Messages, OpenAI chat completions and responses, and Google
 * generateContent, in their streaming and whole forms. Reads along in constant memory (one
 * event at most is kept). Broken JSON is read as far as it goes.
 */
#ifndef SRC_PROXY_USAGE_H
#define SRC_PROXY_USAGE_H

#include <stdint.h>

#include "base/buf.h"
#include "proxy/api.h"
#include "proxy/json_tap.h"

struct usage {
    char model[96];        /* safe to show */
    char stop_reason[32];  /* the provider's own word, safe to show */
    uint64_t input_tokens; /* those of the cache not counted */
    uint64_t output_tokens;
    uint64_t cache_read_tokens;
    uint64_t cache_write_tokens;
    int64_t cost_micro; /* millionths of a US dollar; -1: not known */
    bool seen;          /* there were counts; otherwise all are 0 */
    bool failed;        /* there was an error object */
};

#define USAGE_INIT                                                                             \
    {                                                                                          \
        .cost_micro = -1                                                                       \
    }

/* Counts as the dialects tell them, before they are made comparable. */
enum usage_count {
    COUNT_INPUT,
    COUNT_INPUT_TOOLS,
    COUNT_OUTPUT,
    COUNT_OUTPUT_THOUGHTS,
    COUNT_CACHE_READ,
    COUNT_CACHE_WRITE,
    USAGE_COUNTS
};

struct usage_reader {
    enum api_kind dialect;
    struct json_tap tap;
    uint64_t now[USAGE_COUNTS];    /* of the current response */
    uint64_t before[USAGE_COUNTS]; /* of those before it on a WebSocket */
    struct usage usage;            /* without the counts */
    bool started;                  /* an event came */
    struct buf last;               /* owns; an event that matters only if none follows */
};

/* The reader must not move afterwards. */
void usage_reader_init(struct usage_reader *reader, enum api_kind dialect);
/* `name` is empty for an event without one. */
void usage_reader_event(struct usage_reader *reader, struct str name, struct str data);
void usage_reader_message(struct usage_reader *reader, struct str data);
void usage_reader_body(struct usage_reader *reader, struct str piece);
/* What was told, without the cost; ret may be NULL. Frees. */
void usage_reader_end(struct usage_reader *reader, struct usage *ret);

#endif
