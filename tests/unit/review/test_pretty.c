/*
 * Arguments as a text to edit, and back: nothing is lost, nothing is invisible, and what is no
 * JSON object is refused with its place.
 */
#include "review/pretty.h"

#include "unit/check.h"

static char shown[4096];

static const char *pretty(const char *raw)
{
    struct buf out = BUF_INIT;

    if (!json_pretty(str_of(raw), &out))
        return NULL;
    (void)str_copy(shown, sizeof(shown), buf_str(&out));
    buf_release(&out);
    return shown;
}

static const char *compact(const char *text, struct err *err)
{
    struct buf out = BUF_INIT;

    if (json_compact(str_of(text), &out, err) < 0)
        return NULL;
    (void)str_copy(shown, sizeof(shown), buf_str(&out));
    buf_release(&out);
    return shown;
}

static void each_member_has_a_line(void **state)
{
    (void)state;
    assert_string_equal(pretty("{\"a\":1,\"b\":[true,{}],\"c\":{\"d\":[]}}"),
            "{\n  \"a\": 1,\n  \"b\": [\n    true,\n    {}\n  ],\n  \"c\": {\n    \"d\": "
            "[]\n  }\n}");
    assert_string_equal(pretty(" { } "), "{}");
}

static void numbers_and_names_stay_as_written(void **state)
{
    struct err err;

    (void)state;
    static const char raw[] = "{\"n\":1.50e+0999,\"m\":123456789012345678901234567890,"
                              "\"z\":\"\\u0041\\/ {,}: \\\"\",\"a\":-0}";
    char text[512];
    (void)str_copy(text, sizeof(text), str_of(pretty(raw)));
    assert_string_equal(compact(text, &err), raw);
}

static void what_cannot_be_seen_becomes_an_escape(void **state)
{
    struct err err;

    (void)state;
    assert_string_equal(pretty("{\"a\":\"x\u200b\u202ey\U000e0041\u00e9\"}"),
            "{\n  \"a\": \"x\\u200b\\u202ey\\udb40\\udc41\u00e9\"\n}");
    assert_string_equal(
            compact(shown, &err), "{\"a\":\"x\\u200b\\u202ey\\udb40\\udc41\u00e9\"}");
}

static void what_is_no_text_is_not_edited(void **state)
{
    (void)state;
    assert_null(pretty("{\"a\":\"\xff\"}"));
    assert_null(pretty("{\"a\":"));
}

static void what_is_no_object_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text, *says;
    } wrong[] = {
            {"", "line 1"},
            {"[1]", "no object"},
            {"{\n  \"a\": 1,\n}", "line 3"},
            {"{\"a\": \"x\ny\"}", "line 1"},
            {"{} {}", "line 1"},
            {"{\"a\":01}", "line 1"},
    };
    struct err err;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_null(compact(wrong[i].text, &err));
        if (!strstr(err.msg, wrong[i].says))
            fail_msg("'%s': %s", wrong[i].text, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_member_has_a_line),
            cmocka_unit_test(numbers_and_names_stay_as_written),
            cmocka_unit_test(what_cannot_be_seen_becomes_an_escape),
            cmocka_unit_test(what_is_no_text_is_not_edited),
            cmocka_unit_test(what_is_no_object_is_refused_with_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
