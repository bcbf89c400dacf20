/*
 * fuzz_leak.c - what passes the key check is the stream up to the first key, whatever the keys
 * and the cuts are. A key under LEAK_LEAST bytes is not looked for.
 *
 * Byte 0: length of the first key, byte 1: of the second, byte 2: of the pieces; then the
 * keys, then the stream.
 */
#include <stdint.h>

#include "base/err.h"
#include "proxy/leak.h"

static void collect(void *ctx, struct str piece)
{
    CHECK(piece.n > 0);
    buf_append_str(ctx, piece);
}

static size_t first_key(struct str s, struct str key, size_t best)
{
    if (key.n < LEAK_LEAST)
        return best;
    for (size_t i = 0; key.n <= s.n && i <= s.n - key.n && i < best; i++) {
        if (memcmp(s.p + i, key.p, key.n) == 0)
            return i;
    }
    return best;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct leak leak = LEAK_INIT;
    struct buf got = BUF_INIT;
    if (size < 3)
        return 0;
    size_t n[2] = {(size_t)data[0] % 70 + 1, (size_t)data[1] % 9 + LEAK_LEAST - 1};
    size_t step = (size_t)data[2] % 40 + 1;
    if (size < 3 + n[0] + n[1])
        return 0;
    struct str key[2] = {{(const char *)data + 3, n[0]}, {(const char *)data + 3 + n[0], n[1]}};
    struct str s = {key[1].p + n[1], size - 3 - n[0] - n[1]};
    struct secret *secrets[2];
    for (int i = 0; i < 2; i++) {
        secrets[i] = secret_new(key[i].p, key[i].n);
        leak_add(&leak, secrets[i]);
    }
    int rc = 0;
    for (size_t at = 0; at < s.n && rc == 0; at += step) {
        struct str piece = {s.p + at, s.n - at < step ? s.n - at : step};
        size_t before = buf_len(&got);
        bool clean = leak_is_clean(&leak, piece);
        rc = leak_feed(&leak, piece, collect, &got);
        CHECK(!clean || (rc == 0 && buf_len(&got) - before == piece.n));
    }
    leak_finish(&leak, collect, &got);
    size_t end = first_key(s, key[1], first_key(s, key[0], s.n));
    CHECK((rc < 0) == (end < s.n));
    /* Less where a key that began before was not whole yet. */
    CHECK(rc < 0 ? buf_len(&got) <= end : buf_len(&got) == s.n);
    CHECK(memcmp(buf_len(&got) ? buf_data(&got) : "", s.p, buf_len(&got)) == 0);
    leak_release(&leak);
    buf_release(&got);
    secret_free(secrets[0]);
    secret_free(secrets[1]);
    return 0;
}
