/*
 * Views, numbers, and above all what is made visible before a person sees it.
 */
#include "base/str.h"

#include "unit/check.h"

static void expect_vis(struct str in, size_t cap, const char *out)
{
    char dst[256];

    memset(dst, 'X', sizeof(dst));
    assert_ptr_equal(str_vis(dst, cap, in), dst);
    assert_string_equal(dst, out);
    for (size_t i = cap; i < sizeof(dst); i++)
        assert_int_equal(dst[i], 'X');
}

static void harmful_characters_are_shown_as_numbers(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
            {"plain k\xc3\xa4se \xe2\x9c\x93 \xf0\x9f\x98\x80",
                    "plain k\xc3\xa4se \xe2\x9c\x93 \xf0\x9f\x98\x80"},
            {"\x1b[31m\r\n\t", "<U+001B>[31m<U+000D><U+000A><U+0009>"},
            {"\x7f\xc2\x9b"
             "31m",
                    "<U+007F><U+009B>31m"},
            {"a\xe2\x80\xae"
             "b",
                    "a<U+202E>b"}, /* right-to-left override */
            {"a\xe2\x80\x8b"
             "b",
                    "a<U+200B>b"}, /* zero width */
            {"a\xef\xbb\xbf"
             "b",
                    "a<U+FEFF>b"}, /* byte order mark */
            {"a\xef\xb8\x8f"
             "b",
                    "a<U+FE0F>b"}, /* variation selector */
            {"a\xf3\xa0\x80\xa1"
             "b",
                    "a<U+E0021>b"}, /* tag character */
            {"a\xcd\x8f"
             "b",
                    "a<U+034F>b"}, /* combining grapheme joiner */
            {"a\xe2\xa0\x80"
             "b",
                    "a<U+2800>b"}, /* looks like a blank */
            {"a\xef\xbf\xbf"
             "b",
                    "a<U+FFFF>b"},                  /* no character */
            {"\xff\xc0\xaf", "<0xFF><0xC0><0xAF>"}, /* overlong slash */
            {"\xed\xa0\x80", "<0xED><0xA0><0x80>"}, /* surrogate */
            {"\xf4\x90\x80\x80", "<0xF4><0x90><0x80><0x80>"},
            {"x\xe2\x82", "x<0xE2><0x82>"}, /* cut off */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_vis(str_of(cases[i].in), 200, cases[i].out);
    expect_vis((struct str){"a\0b", 3}, 200, "a<U+0000>b");
    expect_vis((struct str){NULL, 0}, 200, "");
}

static void a_text_that_fits_exactly_is_not_cut(void **state)
{
    (void)state;
    expect_vis(STR("0123456789abcdef"), 17, "0123456789abcdef");
    expect_vis(STR("0123456789abcdef"), 16, "0123456789abc..");
    expect_vis(STR("12345\x01"), 14, "12345<U+0001>");
    expect_vis(STR("12345\x01"), 13, "12345..");
    expect_vis(STR("12345\x01"), 7, "1234..");
    expect_vis(STR("abc"), 3, "..");
    expect_vis(STR("abc"), 2, "");
    expect_vis(STR("abc"), 1, "");
    expect_vis(STR("ab\xc3\xa4"), 5, "ab\xc3\xa4");
    expect_vis(STR("ab\xc3\xa4"
                   "c"),
            5, "ab..");
}

static void numbers_are_decimal_digits_and_bounded(void **state)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1.0", "1e3",
            "18446744073709551616", "99999999999999999999999"};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(str_u64(str_of(bad[i]), UINT64_MAX, &value));
        assert_int_equal(value, 7);
    }
    assert_true(str_u64(STR("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_true(str_u64(STR("65535"), 65535, &value));
    assert_false(str_u64(STR("65536"), 65535, &value));
    assert_true(str_u64(STR("000"), 0, &value));
    assert_int_equal(value, 0);
}

static void cutting_goes_to_the_end_and_stops(void **state)
{
    struct str s = STR("a,,b");
    struct str head;

    (void)state;
    assert_true(str_cut(&s, ',', &head));
    assert_true(str_eq(head, STR("a")));
    assert_true(str_cut(&s, ',', &head));
    assert_int_equal(head.n, 0);
    assert_false(str_cut(&s, ',', &head));
    assert_true(str_eq(head, STR("b")));
    assert_false(str_cut(&s, ',', &head));
    assert_int_equal(head.n, 0);
    s = (struct str){NULL, 0};
    assert_false(str_cut(&s, ',', &head));
    assert_null(s.p);
}

static void beginnings_ends_and_trims(void **state)
{
    struct str nothing = {NULL, 0};

    (void)state;
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_false(str_starts(STR("a"), STR("ab")));
    assert_true(str_starts(nothing, nothing));
    assert_true(str_ends(nothing, STR("")));
    assert_true(str_ends(STR("abc"), STR("bc")));
    assert_false(str_ends(STR("c"), STR("bc")));
    assert_true(str_eq(nothing, STR("")));
    assert_true(str_eq_icase(STR("HoSt"), STR("hOsT")));
    assert_false(str_eq_icase(STR("\xc3\x84"), STR("\xc3\xa4")));
    assert_true(str_eq(str_trim(STR(" \ta b\t ")), STR("a b")));
    assert_int_equal(str_trim(STR(" \t ")).n, 0);
    assert_int_equal(str_trim(nothing).n, 0);
}

static void a_copy_is_always_terminated(void **state)
{
    char dst[4] = "xyz";

    (void)state;
    assert_true(str_copy(dst, sizeof(dst), STR("abc")));
    assert_string_equal(dst, "abc");
    assert_false(str_copy(dst, sizeof(dst), STR("abcd")));
    assert_string_equal(dst, "abc");
    assert_false(str_copy(dst, 1, STR("a")));
    assert_string_equal(dst, "");
    assert_true(str_copy(dst, 1, (struct str){NULL, 0}));
    assert_false(str_copy(NULL, 0, STR("a")));
}

static void the_nearest_name_is_near(void **state)
{
    static const char *const names[] = {"allow", "ask", "deny", NULL};
    char long_name[300];

    (void)state;
    assert_int_equal(str_distance("kitten", "sitting"), 3);
    assert_int_equal(str_distance("", "abc"), 3);
    assert_string_equal(str_nearest("alow", names), "allow");
    assert_string_equal(str_nearest("dney", names), "deny");
    assert_string_equal(str_nearest("ask", names), "ask");
    assert_null(str_nearest("completely", names));
    assert_null(str_nearest("x", (const char *const[]){NULL}));
    memset(long_name, 'a', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    (void)str_nearest(long_name, names);
    assert_int_equal(str_distance(long_name, long_name), 0);
}

static void utf8_goes_there_and_back(void **state)
{
    char out[4];

    (void)state;
    for (uint32_t cp = 0; cp <= 0x10ffff; cp += cp < 0x3000 ? 1 : 251) {
        uint32_t back = 0;

        if (cp >= 0xd800 && cp <= 0xdfff)
            continue;
        size_t n = utf8_encode(cp, out);
        assert_int_equal(utf8_decode(out, n, &back), (int)n);
        assert_int_equal(back, cp);
        for (size_t cut = 1; cut < n; cut++)
            assert_int_equal(utf8_decode(out, cut, &back), 0);
    }
    for (int first = 0x80; first < 0x100; first++) {
        uint32_t cp;

        out[0] = (char)first;
        out[1] = 'a';
        assert_int_equal(utf8_decode(out, 2, &cp), -1);
    }
}

static void hex_digits_and_percent_escapes(void **state)
{
    (void)state;
    assert_int_equal(char_hex('0'), 0);
    assert_int_equal(char_hex('f'), 15);
    assert_int_equal(char_hex('F'), 15);
    assert_int_equal(char_hex('g'), -1);
    assert_int_equal(char_hex('@'), -1);
    assert_int_equal(str_percent(STR("%2eX")), '.');
    assert_int_equal(str_percent(STR("%FF")), 255);
    assert_int_equal(str_percent(STR("%2")), -1);
    assert_int_equal(str_percent(STR("%zz")), -1);
    assert_int_equal(str_percent(STR("a2e")), -1);
    assert_true(char_is_alnum('z') && char_is_alnum('A') && char_is_alnum('9'));
    assert_false(char_is_alnum('[') || char_is_alnum('`') || char_is_alnum('\xe9'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(hex_digits_and_percent_escapes),
            cmocka_unit_test(harmful_characters_are_shown_as_numbers),
            cmocka_unit_test(a_text_that_fits_exactly_is_not_cut),
            cmocka_unit_test(numbers_are_decimal_digits_and_bounded),
            cmocka_unit_test(cutting_goes_to_the_end_and_stops),
            cmocka_unit_test(beginnings_ends_and_trims),
            cmocka_unit_test(a_copy_is_always_terminated),
            cmocka_unit_test(the_nearest_name_is_near),
            cmocka_unit_test(utf8_goes_there_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
