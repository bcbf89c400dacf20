/*
 * splice.c - cuts kept in order, so that the pieces are a walk.
 */
#include "mcp/splice.h"

#include "base/err.h"

void splice_put(struct splice *splice, struct str old, struct str with)
{
    size_t at = (size_t)(old.p - splice->text.p);
    size_t i = splice->count;

    CHECK(splice->count < SPLICE_MAX);
    CHECK(old.p >= splice->text.p && at <= splice->text.n && old.n <= splice->text.n - at);
    for (; i > 0 && splice->cuts[i - 1].at > at; i--)
        splice->cuts[i] = splice->cuts[i - 1];
    splice->cuts[i] = (struct cut){at, old.n, with};
    splice->count++;
    CHECK(i == 0 || splice->cuts[i - 1].at + splice->cuts[i - 1].len <= at);
    CHECK(i + 1 == splice->count || at + old.n <= splice->cuts[i + 1].at);
}

size_t splice_parts(const struct splice *splice, struct str parts[SPLICE_PARTS])
{
    size_t from = 0;
    size_t n = 0;

    for (size_t i = 0; i < splice->count; i++) {
        const struct cut *cut = &splice->cuts[i];

        parts[n++] = (struct str){splice->text.p + from, cut->at - from};
        parts[n++] = cut->with;
        from = cut->at + cut->len;
    }
    parts[n++] = (struct str){splice->text.p + from, splice->text.n - from};
    return n;
}

size_t splice_len(const struct splice *splice)
{
    size_t len = splice->text.n;

    for (size_t i = 0; i < splice->count; i++)
        len = len - splice->cuts[i].len + splice->cuts[i].with.n;
    return len;
}
