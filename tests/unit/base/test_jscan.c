/*
 * test_jscan.c - what is JSON and what is not, and what a walk sees.
 */
#include "base/jscan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"

/* In memory of the exact size, so that a read behind the end is seen. */
static const char *judge(struct str text)
{
    struct jscan scan;
    char *copy = malloc(text.n ? text.n : 1);
    memcpy(copy, text.p, text.n);
    jscan_init(&scan, (struct str){copy, text.n});
    bool ok = jscan_skip(&scan) && jscan_end(&scan);
    assert_int_equal(ok, scan.why == NULL);
    free(copy);
    return scan.why;
}

static void json_is_accepted(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "[]", "null", "true", "false", "0", "-0", "12.50",
            "1e5", "1E+5", "-1.5e-7", "\"\"", "\"a\"", " [ 1 , 2 ] ", "{\"a\":{\"b\":[{}]}}",
            "\t\r\n{}\n", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\uD83d\\uDE00\"",
            "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f\"", "\"1234567\"", "\"12345678\"",
            "\"1234567\\n\"", "\"12345678\xc3\xa4\"", "{\"\":\"\"}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        const char *why = judge(str_of(texts[i]));
        if (why)
            fail_msg("%s: %s", texts[i], why);
    }
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " ", "{", "[", "}", "]", "{]", "[}", "[1", "[1,",
            "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{'a':1}",
            "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{1:2}", "{} {}", "{}x", "nul", "nulll", "True",
            "NaN", "Infinity", "-", "01", "-01", "1.", ".5", "1e", "1e+", "+1", "0x1", "\"",
            "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\", "\"\t\"",
            "\"1234567\n8\"", "\"\xc3\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xff\"",
            "\"12345678\xf5\"", "\xef\xbb\xbf{}", "/**/{}", "[1]//", "\xc2\xa0{}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        if (!judge(str_of(texts[i])))
            fail_msg("accepted: %s", texts[i]);
    }
    assert_non_null(judge(STR("{}\0")));
    assert_non_null(judge(STR("\"a\0b\"")));
    assert_non_null(judge(STR("\0")));
    struct jscan scan;
    jscan_init(&scan, (struct str){NULL, 0});
    assert_int_equal(jscan_peek(&scan), 0);
    assert_false(jscan_skip(&scan));
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    struct buf text = BUF_INIT;
    for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
        buf_putc(&text, '[');
    for (int i = 0; i < LIMIT_JSON_DEPTH; i++)
        buf_putc(&text, ']');
    assert_null(judge(buf_str(&text)));
    buf_clear(&text);
    for (int i = 0; i < 1000000; i++)
        buf_puts(&text, "{\"\":");
    assert_non_null(strstr(judge(buf_str(&text)), "deep"));
    buf_release(&text);
}

static void every_byte_is_special_wherever_it_stands(void **state)
{
    (void)state;
    for (int at = 0; at < 24; at++) {
        for (int c = 0; c < 256; c++) {
            char text[27];
            memset(text, 'a', sizeof(text));
            text[0] = text[25] = '"';
            text[1 + at] = (char)c;
            bool fine = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            const char *why = judge((struct str){text, 26});
            if (fine != !why)
                fail_msg("byte %d at %d: %s", c, at, why ? why : "accepted");
        }
    }
}

static void a_walk_sees_names_as_they_stand(void **state)
{
    (void)state;
    struct jscan scan;
    struct jscan_string name;
    char seen[64] = "";
    jscan_init(&scan, STR("{\"a\": [1], \"t\\u006f\": {\"x\": 1} , \"c\":null}"));
    assert_int_equal(jscan_peek(&scan), '{');
    assert_true(jscan_enter(&scan));
    for (bool first = true; jscan_member(&scan, &first, &name);) {
        size_t used = strlen(seen);
        snprintf(seen + used, sizeof(seen) - used, "%.*s%s ", STR_ARG(name.text),
                name.escaped ? "!" : "");
        assert_true(jscan_skip(&scan));
    }
    assert_true(jscan_end(&scan));
    assert_string_equal(seen, "a t\\u006f! c ");
    assert_int_equal(scan.depth, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(json_is_accepted),
            cmocka_unit_test(what_is_not_json_is_refused),
            cmocka_unit_test(nesting_is_bounded),
            cmocka_unit_test(every_byte_is_special_wherever_it_stands),
            cmocka_unit_test(a_walk_sees_names_as_they_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
