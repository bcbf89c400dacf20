/*
 * test_sse.c - the same events however the stream is cut and its lines end; bounded memory.
 */
#include "http/sse.h"

#include "unit/check.h"

#include "base/limits.h"
#include "base/mem.h"

/* Events as "name=data|". */
static void note(void *ctx, struct str name, struct str data)
{
    buf_append_str(ctx, name);
    buf_putc(ctx, '=');
    buf_append_str(ctx, data);
    buf_putc(ctx, '|');
}

static void expect(const struct buf *got, const char *want)
{
    if (!str_eq(buf_str(got), str_of(want)))
        fail_msg("got '%.*s', want '%s'", STR_ARG(buf_str(got)), want);
}

/* In two cuts at every place, then byte by byte; every piece in memory of its own size, so
 * that a view that outlives it is found. */
static void check(struct str text, const char *want)
{
    for (size_t a = 0; a <= text.n + 1; a++) {
        struct buf got = BUF_INIT;
        struct sse sse;
        sse_init(&sse, note, &got);
        for (size_t at = 0; at < text.n;) {
            size_t n = a > text.n ? 1 : at < a ? a : text.n - a;
            char *piece = xmalloc(n);
            memcpy(piece, text.p + at, n);
            sse_feed(&sse, (struct str){piece, n});
            free(piece);
            at += n;
        }
        expect(&got, want);
        sse_release(&sse);
        buf_release(&got);
    }
}

static void test_events_are_the_same_at_every_cut(void **state)
{
    (void)state;
    check(STR("event: a\ndata: 1\n\nevent:b\ndata:2\ndata: 3\n\n: talk\n\ndata\n\n"),
            "a=1|b=2\n3|=|");
}

static void test_all_line_ends_are_one(void **state)
{
    (void)state;
    check(STR("event: a\rdata: 1\r\rdata: 2\r\n\r\ndata: 3\n\r\ndata: 4\r\n\r"),
            "a=1|=2|=3|=4|");
}

static void test_the_mark_is_skipped_and_what_only_looks_like_it_is_not(void **state)
{
    (void)state;
    check(STR("\xef\xbb\xbf"
              "data: 1\n\n\xef\xbb\xbf"
              "data: 2\n\ndata: 3\n\n"),
            "=1|=3|");
    check(STR("\xef\xbb"
              "data: 1\n\ndata: 2\n\n"),
            "=2|");
}

static void test_an_event_that_the_end_cuts_off_is_none(void **state)
{
    (void)state;
    check(STR("data: 1\n\nevent: x\ndata: 2\n"), "=1|");
    check(STR("event: x\n\ndata: 1\n\nid: 4\nretry: 5\nfoo: 6\nno colon\n\n"), "=1|");
}

static void count_bytes(void *ctx, struct str name, struct str data)
{
    size_t *sizes = ctx;
    (void)name;
    sizes[0]++;
    sizes[1] += data.n;
}

static void test_a_line_of_100_mb_is_skipped_in_bounded_memory_and_the_next_event_comes(
        void **state)
{
    (void)state;
    size_t sizes[2] = {0, 0};
    static char part[65536];
    struct sse sse;

    sse_init(&sse, count_bytes, sizes);
    memset(part, 'x', sizeof(part));
    sse_feed(&sse, STR("data: before\n\ndata: "));
    for (int i = 0; i < 1600; i++) {
        sse_feed(&sse, (struct str){part, sizeof(part)});
        assert_true(sse.line.cap <= 2 * LIMIT_SSE_LINE);
    }
    sse_feed(&sse, STR("\n\ndata: after\n\n"));
    assert_int_equal(sizes[0], 2);
    assert_int_equal(sizes[1], strlen("before") + strlen("after"));
    assert_true(sse.line.cap + sse.data.cap < 65536);
    sse_release(&sse);
}

static void test_an_event_of_many_lines_is_bounded_too(void **state)
{
    (void)state;
    size_t sizes[2] = {0, 0};
    struct sse sse;

    sse_init(&sse, count_bytes, sizes);
    for (int i = 0; i < 400000; i++)
        sse_feed(&sse, STR("data: a few bytes\n"));
    assert_true(sse.data.cap <= 2 * LIMIT_SSE_LINE);
    sse_feed(&sse, STR("\ndata: after\n\n"));
    assert_int_equal(sizes[0], 1);
    assert_int_equal(sizes[1], strlen("after"));
    sse_release(&sse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_events_are_the_same_at_every_cut),
            cmocka_unit_test(test_all_line_ends_are_one),
            cmocka_unit_test(test_the_mark_is_skipped_and_what_only_looks_like_it_is_not),
            cmocka_unit_test(test_an_event_that_the_end_cuts_off_is_none),
            cmocka_unit_test(
                    test_a_line_of_100_mb_is_skipped_in_bounded_memory_and_the_next_event_comes),
            cmocka_unit_test(test_an_event_of_many_lines_is_bounded_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
