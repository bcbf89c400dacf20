/* The key decoder: raw bytes are never lost or made up, whatever the reads and pauses. */
#include "base/err.h"
#include "tui/input.h"

struct seen {
    size_t bytes;
};

static void on_key(void *ctx, const struct key *key)
{
    struct seen *seen = ctx;
    CHECK(key->raw.n <= INPUT_CHUNK);
    seen->bytes += key->raw.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in;
    struct seen seen = {0};
    input_init(&in, &CHORD_DEFAULT);
    /* Each block: a byte that says how many follow, and whether a pause comes behind them. */
    for (size_t i = 0; i < size;) {
        size_t n = data[i] & 63, rest = size - i - 1;
        bool pause = data[i] & 64;
        n = n < rest ? n : rest;
        input_feed(&in, (struct str){(const char *)data + i + 1, n}, on_key, &seen);
        if (pause && input_wait_ms(&in) > 0)
            input_timeout(&in, on_key, &seen);
        i += n + 1;
    }
    input_timeout(&in, on_key, &seen);
    CHECK(input_wait_ms(&in) == 0);
    CHECK(seen.bytes <= size);
    return 0;
}
