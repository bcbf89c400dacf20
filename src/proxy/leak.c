/*
 * leak.c - see leak.h.
 *
 * memmem() for the last bytes of each key, because the beginning is what all keys of a
 * provider share; glibc takes a needle of that length at several GB/s. The end of a piece is
 * looked at from the earliest place where a key could begin unfinished, so that costs the
 * length of the key, not of the piece. Comparing is not in constant time: who could measure
 * it would have to know the key already to come near.
 *
 * Blocks: no. Owns: the bytes held back.
 */
#include "proxy/leak.h"

#include "base/err.h"

/* glibc is fast for needles up to 256 bytes; so many random ones do not occur by chance. */
#define ANCHOR 48

void leak_add(struct leak *leak, const struct secret *key)
{
    if (secret_len(key) < LEAK_LEAST)
        return;
    CHECK(leak->count < LEAK_KEYS);
    leak->keys[leak->count++] = key;
    if (secret_len(key) > leak->longest)
        leak->longest = secret_len(key);
}

/* Where the key begins in `s`, or s.n. */
static size_t find_key(struct str s, const struct secret *secret)
{
    struct str key = {secret_bytes(secret), secret_len(secret)};
    size_t tail = key.n < ANCHOR ? key.n : ANCHOR, head = key.n - tail;
    size_t at = head;
    while (at < s.n) {
        const char *hit = memmem(s.p + at, s.n - at, key.p + head, tail);
        if (!hit)
            break;
        if (memcmp(hit - head, key.p, head) == 0)
            return (size_t)(hit - s.p) - head;
        at = (size_t)(hit - s.p) + 1;
    }
    return s.n;
}

/* Of the key that begins first. */
static size_t find(const struct leak *leak, struct str s)
{
    size_t first = s.n;
    for (size_t i = 0; i < leak->count; i++) {
        size_t at = find_key(s, leak->keys[i]);
        first = at < first ? at : first;
    }
    return first;
}

/* How many bytes at the end of `s` are the beginning of that key, which is not in there. */
static size_t unfinished(struct str s, const struct secret *secret)
{
    struct str key = {secret_bytes(secret), secret_len(secret)};
    size_t at = s.n < key.n ? 0 : s.n - key.n + 1;
    while (at < s.n) {
        const char *hit = memchr(s.p + at, key.p[0], s.n - at);
        if (!hit)
            return 0;
        at = (size_t)(hit - s.p);
        if (memcmp(hit, key.p, s.n - at) == 0)
            return s.n - at;
        at++;
    }
    return 0;
}

static size_t hold(const struct leak *leak, struct str s)
{
    size_t most = 0;
    for (size_t i = 0; i < leak->count; i++) {
        size_t n = unfinished(s, leak->keys[i]);
        most = n > most ? n : most;
    }
    return most;
}

static void pass(struct str s, size_t n, http_sink_fn sink, void *ctx)
{
    if (n > 0)
        sink(ctx, (struct str){s.p, n});
}

static void hold_back(struct leak *leak, const char *p, size_t n)
{
    buf_mark_secret(&leak->held);
    buf_append(&leak->held, p, n);
}

static int stop(struct leak *leak)
{
    leak->found = true;
    buf_wipe(&leak->held);
    return -1;
}

/* A key begins at `at`; another, longer one may have begun before and be unfinished. */
static int stop_at(struct leak *leak, struct str s, size_t at, http_sink_fn sink, void *ctx)
{
    size_t clear = s.n - hold(leak, s);
    pass(s, at < clear ? at : clear, sink, ctx);
    return stop(leak);
}

bool leak_is_clean(const struct leak *leak, struct str in)
{
    return !leak->found && buf_len(&leak->held) == 0 && find(leak, in) == in.n &&
           hold(leak, in) == 0;
}

bool leak_has(const struct leak *leak, struct str bytes)
{
    return find(leak, bytes) < bytes.n;
}

/* Nothing is held back that is not in `s`. */
static int feed_plain(struct leak *leak, struct str s, http_sink_fn sink, void *ctx)
{
    size_t at = find(leak, s);
    if (at < s.n)
        return stop_at(leak, s, at, sink, ctx);
    size_t n = hold(leak, s);
    pass(s, s.n - n, sink, ctx);
    if (n > 0)
        hold_back(leak, s.p + s.n - n, n);
    return 0;
}

/* A piece too short to settle what is held back becomes part of it. */
static int feed_short(struct leak *leak, http_sink_fn sink, void *ctx)
{
    struct str s = buf_str(&leak->held);
    size_t at = find(leak, s);
    if (at < s.n)
        return stop_at(leak, s, at, sink, ctx);
    size_t done = s.n - hold(leak, s);
    pass(s, done, sink, ctx);
    buf_consume(&leak->held, done);
    return 0;
}

int leak_feed(struct leak *leak, struct str in, http_sink_fn sink, void *ctx)
{
    if (leak->found)
        return -1;
    size_t before = buf_len(&leak->held);
    if (before == 0)
        return feed_plain(leak, in, sink, ctx);
    if (in.n < leak->longest) {
        hold_back(leak, in.p, in.n);
        return feed_short(leak, sink, ctx);
    }
    /* A key that begins in what is held back ends before this. */
    hold_back(leak, in.p, leak->longest);
    struct str joined = buf_str(&leak->held);
    size_t at = find(leak, joined);
    pass(joined, at < before ? at : before, sink, ctx);
    if (at < before)
        return stop(leak);
    buf_wipe(&leak->held);
    return feed_plain(leak, in, sink, ctx);
}

void leak_finish(struct leak *leak, http_sink_fn sink, void *ctx)
{
    struct str held = buf_str(&leak->held);
    if (!leak->found)
        pass(held, held.n, sink, ctx);
    buf_wipe(&leak->held);
}

void leak_release(struct leak *leak)
{
    buf_wipe(&leak->held);
    *leak = (struct leak)LEAK_INIT;
}
