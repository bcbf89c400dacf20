/*
 * Addresses are read in one spelling only, and the private ones are known.
 */
#include "base/ip.h"

#include "unit/check.h"

static void only_one_spelling_is_an_address(void **state)
{
    static const char *const good[] = {"0.0.0.0", "255.255.255.255", "8.8.8.8", "::", "::1",
            "[::1]", "2001:DB8::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4"};
    static const char *const bad[] = {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4",
            "1.2.3.4.", "1.2.3.-4", " 1.2.3.4", "0x1.2.3.4", "[1.2.3.4]", "[]", "[", ":",
            "1::2::3", "::1%eth0", "[::1", "::1]", "12345::", "a.b.c.d",
            "1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9"};
    struct ip ip;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(ip_parse(str_of(good[i]), &ip));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (ip_parse(str_of(bad[i]), &ip))
            fail_msg("'%s' is taken for an address", bad[i]);
    assert_false(ip_parse((struct str){"::1\0", 4}, &ip));
}

static void equal_addresses_are_equal_in_any_spelling(void **state)
{
    struct ip a;
    struct ip b;

    (void)state;
    assert_true(ip_parse(STR("[2001:db8:0:0::1]"), &a) && ip_parse(STR("2001:DB8::1"), &b));
    assert_true(ip_equal(&a, &b));
    assert_true(ip_parse(STR("1.2.3.4"), &a) && ip_parse(STR("1.2.3.5"), &b));
    assert_false(ip_equal(&a, &b));
}

static void the_edges_of_the_special_blocks_are_right(void **state)
{
    static const struct {
        const char *last_public, *first_special, *last_special, *first_public;
    } blocks[] = {
            {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
            {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
            {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
            {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
            {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
            {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
            {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
            {"223.255.255.255", "224.0.0.0", "255.255.255.255", "1.0.0.0"},
            {"2606:4700::1", "2001::", "2001:1ff:ffff::", "2001:200::"},
            {"2001:db7::", "2001:db8::", "2001:db8:ffff::1", "2001:db9::"},
            {"2001:ffff::", "2002::", "2002:ffff::", "2003::"},
            {"3ffe::", "3fff::", "3fff:fff::", "3fff:1000::"},
            {"3fff:1000::", "4000::", "ffff::", "2000::"},
            {"2000::", "::", "1fff:ffff::", "2000::"},
    };
    struct ip ip;

    (void)state;
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        assert_true(ip_parse(str_of(blocks[i].last_public), &ip));
        assert_null(ip_special(&ip));
        assert_true(ip_parse(str_of(blocks[i].first_special), &ip));
        assert_non_null(ip_special(&ip));
        assert_true(ip_parse(str_of(blocks[i].last_special), &ip));
        assert_non_null(ip_special(&ip));
        assert_true(ip_parse(str_of(blocks[i].first_public), &ip));
        assert_null(ip_special(&ip));
    }
}

static void numbers_that_some_readers_take_for_addresses_are_noticed(void **state)
{
    (void)state;
    assert_true(ip_looks_numeric(STR("127.1")));
    assert_true(ip_looks_numeric(STR("2130706433")));
    assert_true(ip_looks_numeric(STR("a.0x7f")));
    assert_true(ip_looks_numeric(STR("a.0X")));
    assert_false(ip_looks_numeric(STR("1.2.3.4.example")));
    assert_false(ip_looks_numeric(STR("a.1b")));
    assert_false(ip_looks_numeric(STR("a.")));
    assert_false(ip_looks_numeric(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(only_one_spelling_is_an_address),
            cmocka_unit_test(equal_addresses_are_equal_in_any_spelling),
            cmocka_unit_test(the_edges_of_the_special_blocks_are_right),
            cmocka_unit_test(numbers_that_some_readers_take_for_addresses_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
