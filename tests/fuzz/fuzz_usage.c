/*
 * fuzz_usage.c - responses read along: event streams, JSON, compressed bodies. What is told
 * does not depend on how the body is cut, and stays within its bounds.
 *
 * Byte 0: dialect and kind of body, byte 1: coding, byte 2: length of the pieces.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "proxy/tap.h"

static const char *const types[] = {"application/json", "text/event-stream"};
static const char *const codings[] = {"", "gzip", "deflate", "br", "zstd"};

static void feed(const struct tap_config *config, struct str in, size_t step, struct usage *ret)
{
    *ret = (struct usage)USAGE_INIT;
    struct body_tap *tap = body_tap_new(config);
    int rc = 0;
    CHECK(tap);
    for (size_t at = 0; at < in.n && rc == 0; at += step) {
        size_t n = in.n - at < step ? in.n - at : step;
        /* Memory of its own, so that a view that outlives the piece is found. */
        char *piece = xmalloc(n);
        memcpy(piece, in.p + at, n);
        if (config->websocket)
            body_tap_message(tap, (struct str){piece, n});
        else
            rc = body_tap_feed(tap, (struct str){piece, n});
        free(piece);
    }
    body_tap_end(tap, ret);
}

static void check(const struct usage *usage)
{
    CHECK(memchr(usage->model, '\0', sizeof(usage->model)));
    CHECK(memchr(usage->stop_reason, '\0', sizeof(usage->stop_reason)));
    CHECK(usage->input_tokens <= 1000000000 && usage->output_tokens <= 1000000000);
    CHECK(usage->cost_micro >= -1);
    CHECK(usage->seen || usage->cost_micro == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct price_table prices;
    static struct secret *key;
    const struct secret *keys[1];
    struct usage whole, pieces;
    struct err err;
    if (!prices.count)
        CHECK(price_table_load(&prices, STR(""), "", &err) == 0);
    if (!key)
        key = secret_new("sk-ant-secret", 13);
    keys[0] = key;
    if (size < 3)
        return 0;
    const char *coding = codings[data[1] % 5];
    struct tap_config config = {.dialect = (enum api_kind)(data[0] % 3 + 1),
            .prices = &prices,
            .content_type = str_of(types[data[0] / 3 % 2]),
            .content_encoding = str_of(coding),
            .websocket = data[0] / 6 % 8 == 7,
            .keys = keys,
            .key_count = 1};
    struct str in = {(const char *)data + 3, size - 3};
    feed(&config, in, in.n + 1, &whole);
    check(&whole);
    feed(&config, in, (size_t)data[2] % 97 + 1, &pieces);
    check(&pieces);
    /* When a bomb is one depends on how much went in before. */
    if (!coding[0] && !config.websocket) {
        CHECK(strcmp(whole.model, pieces.model) == 0);
        CHECK(strcmp(whole.stop_reason, pieces.stop_reason) == 0);
        CHECK(whole.input_tokens == pieces.input_tokens);
        CHECK(whole.output_tokens == pieces.output_tokens);
        CHECK(whole.seen == pieces.seen && whole.failed == pieces.failed);
        CHECK(whole.cost_micro == pieces.cost_micro);
    }
    return 0;
}
