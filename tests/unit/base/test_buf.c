/*
 * A buffer behaves like a queue of bytes, whatever it does with its memory.
 */
#include "base/buf.h"

#include "unit/check.h"

static void what_goes_in_comes_out_in_order(void **state)
{
    struct buf b = BUF_INIT;
    uint32_t random = 1;
    unsigned in = 0;
    unsigned out = 0;

    (void)state;
    for (int step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        size_t n = (random >> 16) % 700;

        if ((random >> 8) % 2) {
            char *room = buf_reserve(&b, n);

            for (size_t i = 0; i < n; i++)
                room[i] = (char)(in++ * 31);
            buf_commit(&b, n);
        } else {
            n = n < buf_len(&b) ? n : buf_len(&b);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(buf_data(&b)[i], (char)(out++ * 31));
            buf_consume(&b, n);
        }
        assert_int_equal(buf_len(&b), in - out);
    }
    buf_release(&b);
}

static void an_empty_buffer_is_a_valid_view(void **state)
{
    struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(buf_len(&b), 0);
    assert_null(buf_data(&b));
    assert_non_null(buf_str(&b).p);
    assert_int_equal(buf_str(&b).n, 0);
    buf_append(&b, NULL, 0);
    buf_consume(&b, 0);
    buf_clear(&b);
    assert_non_null(buf_reserve(&b, 0));
    buf_release(&b);
    buf_release(&b);
    buf_wipe(&b);
}

static void text_of_any_length_is_printed_whole(void **state)
{
    struct buf b = BUF_INIT;
    char text[1000];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    buf_puts(&b, "<");
    buf_printf(&b, "%s|%d|%s", text, 42, "");
    buf_putc(&b, '>');
    assert_int_equal(buf_len(&b), 1 + 999 + 4 + 1);
    assert_true(str_ends(buf_str(&b), STR("x|42|>")));
    buf_release(&b);
}

static void consuming_does_not_let_the_memory_grow(void **state)
{
    struct buf b = BUF_INIT;
    char block[1000] = {0};

    (void)state;
    for (int i = 0; i < 10000; i++) {
        buf_append(&b, block, sizeof(block));
        if (i > 2)
            buf_consume(&b, sizeof(block));
    }
    assert_true(b.cap <= 16384);
    buf_release(&b);
}

static void swapping_and_clearing_keep_the_bytes_apart(void **state)
{
    struct buf a = BUF_INIT;
    struct buf b = BUF_INIT;

    (void)state;
    buf_puts(&a, "aa");
    buf_append_str(&b, STR("b"));
    buf_swap(&a, &b);
    assert_true(str_eq(buf_str(&a), STR("b")));
    assert_true(str_eq(buf_str(&b), STR("aa")));
    buf_clear(&b);
    assert_int_equal(buf_len(&b), 0);
    assert_true(b.cap > 0);
    buf_wipe(&b);
    assert_int_equal(b.cap, 0);
    buf_release(&a);
}

static bool is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* The mark goes with the memory, and memory that is emptied holds nothing any more. */
static void a_secret_is_overwritten_when_it_is_consumed_or_swapped_away(void **state)
{
    struct buf a = BUF_INIT;
    struct buf b = BUF_INIT;

    (void)state;
    buf_mark_secret(&a);
    buf_puts(&a, "hunter2");
    buf_consume(&a, 3);
    assert_memory_equal(a.p, "hunter2", 7);
    buf_consume(&a, 4);
    assert_true(is_zero(a.p, a.cap));

    buf_puts(&a, "hunter2");
    buf_swap(&a, &b);
    assert_false(a.secret);
    buf_clear(&b);
    assert_true(is_zero(b.p, b.cap));
    buf_release(&b);
    assert_false(b.secret);

    buf_puts(&b, "public");
    buf_clear(&b);
    assert_memory_equal(b.p, "public", 6);
    buf_release(&a);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_goes_in_comes_out_in_order),
            cmocka_unit_test(an_empty_buffer_is_a_valid_view),
            cmocka_unit_test(text_of_any_length_is_printed_whole),
            cmocka_unit_test(consuming_does_not_let_the_memory_grow),
            cmocka_unit_test(swapping_and_clearing_keep_the_bytes_apart),
            cmocka_unit_test(a_secret_is_overwritten_when_it_is_consumed_or_swapped_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
