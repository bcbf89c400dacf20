/*
 * test_authority.c - "host:port": one spelling comes out, and what two readers could take for
 * two hosts does not.
 */
#include "proxy/authority.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void what_is_accepted_has_one_spelling(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host;
        uint16_t port;
    } cases[] = {
            {"api.anthropic.com:443", "api.anthropic.com", 443},
            {"API.Anthropic.COM:443", "api.anthropic.com", 443},
            {"api.anthropic.com.:443", "api.anthropic.com", 443},
            {"api.anthropic.com", "api.anthropic.com", 443},
            {"a:1", "a", 1},
            {"a_b-c.d:65535", "a_b-c.d", 65535},
            {"a:00080", "a", 80},
            {"192.0.2.1:80", "192.0.2.1", 80},
            {"3com.test:80", "3com.test", 80},
            {"0xab.test:80", "0xab.test", 80},
            {"fade:80", "fade", 80},
            {"[::1]:8443", "::1", 8443},
            {"[::1]", "::1", 443},
            {"[0:0:0:0:0:0:0:1]:1", "::1", 1},
            {"[2001:DB8::00aB]:1", "2001:db8::ab", 1},
            {"[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1", 1},
            {"[::FFFF:A00:1]:1", "::ffff:10.0.0.1", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct authority got;
        if (authority_parse(str_of(cases[i].text), 443, &got) < 0)
            fail_msg("refused: %s", cases[i].text);
        assert_string_equal(got.host, cases[i].host);
        assert_int_equal(got.port, cases[i].port);
        assert_int_equal(got.is_v6, cases[i].text[0] == '[');
    }
}

static void what_is_ambiguous_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"", ":443", ".:443", "..:443", ".a:443", "a..b:443",
            "a..:443", "a:", "a:0", "a:65536", "a:99999", "a:000443", "a:-1", "a:+1", "a: 1",
            "a:1 ", "a:0x1", "a:1:2", "a::1", "::1", "::1:443", "user@a:443", "user:pw@a:443",
            "a/b:443", "a:443/", "a?b:443", "a#b:443", "a%2eb:443", "a\\b:443", "a b:443",
            " a:443", "a,b:443", "*.a:443", "[", "[]", "[]:443", "[::1", "[::1]443", "[::1]x",
            "[::1]:", "[::1]:0", "[::1]:65536", "[::1]]:1", "[[::1]]:1", "[::1%25eth0]:443",
            "[::1%eth0]:443", "[a]:443", "[127.0.0.1]:443", "[v1.x]:443", "[:::]:443",
            "[1:2:3:4:5:6:7:8:9]:443", "127.1:443", "127.0.1:443", "2130706433:443",
            "0x7f000001:443", "0x7f.1:443", "0177.0.0.1:443", "127.0.0.01:443", "1.2.3.256:443",
            "1.2.3.4.5:443", "a.1:443", "a.0x1:443", "0x:443", "a\xc3\xa4:443", "a\x7f:443",
            "a\t:443", "http://a:80"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct authority got;
        if (authority_parse(str_of(cases[i]), 443, &got) == 0)
            fail_msg("accepted: %s", cases[i]);
    }
    struct authority got;
    assert_int_equal(authority_parse((struct str){"a\0b:443", 7}, 443, &got), -1);
    assert_int_equal(authority_parse((struct str){"[::1\0]:443", 10}, 443, &got), -1);
    assert_int_equal(authority_parse((struct str){"[", 1}, 443, &got), -1);
    assert_int_equal(authority_parse((struct str){NULL, 0}, 443, &got), -1);
}

static void a_port_can_be_made_a_must(void **state)
{
    (void)state;
    struct authority got;
    assert_int_equal(authority_parse(STR("a"), 0, &got), -1);
    assert_int_equal(authority_parse(STR("[::1]"), 0, &got), -1);
    assert_int_equal(authority_parse(STR("a:80"), 0, &got), 0);
}

static void lengths_are_those_of_the_name_system(void **state)
{
    (void)state;
    char text[300];
    struct authority got;
    memset(text, 'a', sizeof(text));
    assert_int_equal(authority_parse((struct str){text, 63}, 443, &got), 0);
    assert_int_equal(authority_parse((struct str){text, 64}, 443, &got), -1);
    for (size_t i = 63; i < sizeof(text); i += 64)
        text[i] = '.';
    assert_int_equal(authority_parse((struct str){text, 253}, 443, &got), 0);
    assert_int_equal(strlen(got.host), 253);
    text[253] = '.';
    assert_int_equal(authority_parse((struct str){text, 254}, 443, &got), 0);
    text[253] = 'a';
    assert_int_equal(authority_parse((struct str){text, 254}, 443, &got), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_accepted_has_one_spelling),
            cmocka_unit_test(what_is_ambiguous_is_refused),
            cmocka_unit_test(a_port_can_be_made_a_must),
            cmocka_unit_test(lengths_are_those_of_the_name_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
