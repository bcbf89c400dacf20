/*
 * test_slice.c - pieces of JSON come out byte for byte, and what is not JSON does not.
 */
#include "base/slice.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "unit/check.h"

static void test_members_are_views_of_the_original_spelling(void **state)
{
    (void)state;
    struct str text = STR(" {\"id\" : 18446744073709551615 ,\"s\":\"a\\u00e9\\\"\" , "
                          "\"o\":{\"id\":1, \"x\":[1e400,-0]},\"n\":null,\"e\":\"\"} ");
    struct json_member m[] = {{.name = "id"}, {.name = "s"}, {.name = "o"}, {.name = "n"},
            {.name = "e"}, {.name = "x"}};
    assert_int_equal(json_slice_object(text, m, 6, NULL), 0);
    assert_true(str_eq(m[0].value, STR("18446744073709551615")));
    assert_true(str_eq(m[1].value, STR("\"a\\u00e9\\\"\"")));
    assert_true(str_eq(m[2].value, STR("{\"id\":1, \"x\":[1e400,-0]}")));
    assert_true(str_eq(m[3].value, STR("null")));
    assert_true(str_eq(m[4].value, STR("\"\"")));
    assert_null(m[5].value.p); /* only on the first level */
}

static void test_elements_are_views_too(void **state)
{
    (void)state;
    struct str items[4];
    size_t count = 99;
    assert_int_equal(
            json_slice_array(STR("[1,[2,3],{\"a\":[4]},\"x\"]"), items, 4, &count, NULL), 0);
    assert_int_equal(count, 4);
    assert_true(str_eq(items[1], STR("[2,3]")));
    assert_true(str_eq(items[2], STR("{\"a\":[4]}")));
    assert_true(str_eq(items[3], STR("\"x\"")));
    assert_int_equal(json_slice_array(STR("[]"), items, 4, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(json_slice_array(STR("[1,2,3,4,5]"), items, 4, &count, NULL), ERR_LIMIT);
    assert_int_equal(json_slice_array(STR("[1,2,3,4,5"), items, 4, &count, NULL), ERR_PROTO);
    assert_int_equal(json_slice_array(STR("{}"), items, 4, &count, NULL), ERR_PROTO);
    assert_int_equal(count, 0);
}

static void test_what_is_no_json_object_is_refused(void **state)
{
    (void)state;
    static const struct str table[] = {STR(""), STR("{"), STR("}"), STR("{}}"), STR("{}{}"),
            STR("{} 1"), STR("[]"), STR("1"), STR("\"x\""), STR("{\"a\"}"), STR("{\"a\":}"),
            STR("{\"a\":1 2}"), STR("{\"a\" \"b\"}"), STR("{\"a\":1,\"b\"}"), STR("{1:2}"),
            STR("{[]:2}"), STR("{\"a\":\"b}"), STR("{\"a\":\"\\x\"}"), STR("{\"a\":[\"b\":1]}"),
            STR("{\"a\":{\"b\":{\"c\"}}}"), STR("{\"a\":[1}"), STR("{\"a\":\"x\0y\"}"),
            STR("{\0}"), STR("{\"a\":'b'}"), STR("{\"a\":01}"), STR("{\"a\":[tru]}"),
            STR("{\"a\":[1,]}"), STR("{\"b\":\"\377\"}"), STR("{\"a\":1,\"a\":2"),
            STR("{\"\\u0061\":1,\"a\":x}")};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct json_member m = {.name = "a"};
        if (json_slice_object(table[i], &m, 1, NULL) != ERR_PROTO)
            fail_msg("accepted: %.*s", STR_ARG(table[i]));
    }
}

static void test_members_that_two_readers_may_see_differently_are_refused(void **state)
{
    (void)state;
    struct json_member m = {.name = "id"};
    assert_int_equal(json_slice_object(STR("{\"id\":1,\"id\":2}"), &m, 1, NULL), ERR_CONFLICT);
    assert_int_equal(json_slice_object(STR("{\"i\\u0064\":2}"), &m, 1, NULL), ERR_CONFLICT);
    /* Deeper down it is somebody else's business. */
    assert_int_equal(json_slice_object(STR("{\"a\":{\"b\":1,\"b\":2}}"), &m, 1, NULL), 0);
}

static struct str repeated(struct buf *b, const char *open, size_t count, const char *close)
{
    buf_clear(b);
    buf_puts(b, "{\"a\":[");
    for (size_t i = 0; i < count; i++)
        buf_puts(b, open);
    for (size_t i = 0; i < count; i++)
        buf_puts(b, close);
    buf_puts(b, "0]}");
    return buf_str(b);
}

static void test_depth_is_bounded_and_the_number_of_values_need_not_be(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    struct json_member m = {.name = "a"};
    assert_int_equal(json_slice_object(repeated(&b, "1,", 100000, ""), &m, 1, NULL), 0);
    assert_int_equal(m.value.n, 200003);
    assert_int_equal(json_slice_object(STR("{\"a\":[[[[[[[[[[1]]]]]]]]]]}"), &m, 1, NULL), 0);
    assert_int_equal(
            json_slice_object(repeated(&b, "[", 1000000, "]"), &m, 1, NULL), ERR_LIMIT);
    /* Brackets in strings do not count. */
    assert_int_equal(json_slice_object(repeated(&b, "\"[[\\\"[\",", 1000, ""), &m, 1, NULL), 0);
    buf_release(&b);
}

static void test_numbers_and_strings_are_told_by_the_grammar(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "-0", "1", "-12", "1.5", "1e5", "1E+5", "0.1e-7"};
    static const char *const bad[] = {
            "", "-", "01", "1.", ".5", "1e", "1e+", "+1", "1x", "0x1", "true", "\"1\"", "1 2"};
    struct str content;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(json_raw_is_number(str_of(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(json_raw_is_number(str_of(bad[i])));
    assert_true(json_raw_is_string(STR("\"a\\n\303\274\""), &content));
    assert_true(str_eq(content, STR("a\\n\303\274")));
    assert_false(json_raw_is_string(STR("\"a\nb\""), &content));
    assert_false(json_raw_is_string(STR("\"\377\""), &content));
    assert_false(json_raw_is_string(STR("\"a\" "
                                        "\"b\""),
            &content));
    assert_false(json_raw_is_string(STR("12"), &content));
    assert_false(json_raw_is_string((struct str){NULL, 0}, &content));
    assert_true(json_raw_is_valid(STR("null")) && json_raw_is_valid(STR("[true]\r\n")));
    assert_false(json_raw_is_valid(STR("nul")) || json_raw_is_valid(STR("{} {}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_members_are_views_of_the_original_spelling),
            cmocka_unit_test(test_elements_are_views_too),
            cmocka_unit_test(test_what_is_no_json_object_is_refused),
            cmocka_unit_test(test_members_that_two_readers_may_see_differently_are_refused),
            cmocka_unit_test(test_depth_is_bounded_and_the_number_of_values_need_not_be),
            cmocka_unit_test(test_numbers_and_strings_are_told_by_the_grammar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
