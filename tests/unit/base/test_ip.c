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

static const char *refused(const char *text, bool own)
{
    struct ip ip;

    if (!ip_parse(str_of(text), &ip))
        fail_msg("'%s' is not an address", text);
    return ip_refused(&ip, own);
}

static void a_connection_is_judged_by_where_it_would_really_go(void **state)
{
    static const char *const public[] = {"1.1.1.1", "169.253.255.255", "198.20.0.0",
            "223.255.255.255", "2606:4700::1111", "2001:200::1", "::ffff:8.8.8.8",
            "64:ff9b::808:808", "2a00::1"};
    static const char *const private[] = {"0.1.2.3", "10.255.255.255", "100.127.255.255",
            "127.255.255.255", "172.16.0.0", "192.0.0.1", "192.0.2.1", "198.19.255.255",
            "198.51.100.1", "203.0.113.9", "224.0.0.0", "255.255.255.255", "::1",
            "::", "::7f00:1", "::808:808", "::ffff:10.0.0.1", "::ffff:0:7f00:1",
            "64:ff9b::a00:1", "64:ff9b:1::1", "64:ff9b:1::808:808", "fc00::1", "fe80::1",
            "fec0::1", "ff02::1", "2001::1", "2001:1ff::1", "2001:db8::1",
            "2002:7f00:1::", "2002:808:808::1", "3fff:fff::1", "4000::1", "100::1"};

    (void)state;
    for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++)
        if (refused(public[i], false) || refused(public[i], true))
            fail_msg("%s is refused", public[i]);
    for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
        if (!refused(private[i], false))
            fail_msg("%s is let through", private[i]);
}

static void the_operator_reaches_his_own_networks_but_no_metadata_service(void **state)
{
    static const char *const own[] = {"127.0.0.1", "::1", "10.1.2.3", "172.16.0.1",
            "192.168.0.1", "100.64.0.1", "fd12::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
            "8.8.8.8"};
    static const char *const never[] = {"169.254.169.254", "169.254.170.2", "fe80::1",
            "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16",
            "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1", "::a9fe:a9fe", "2001:0:a9fe:a9fe::1",
            "2001:0:808:808:0:0:5601:5601", "0.0.0.0", "::", "224.0.0.1", "ff02::1",
            "240.0.0.1", "2001:db8::1", "192.0.2.1", "198.18.0.1"};

    (void)state;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (refused(own[i], true))
            fail_msg("%s is refused: %s", own[i], refused(own[i], true));
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (!refused(never[i], true))
            fail_msg("%s is let through", never[i]);
    assert_string_equal(refused("2002:a9fe:a9fe::1", true), refused("169.254.1.1", true));
    assert_string_equal(
            refused("2001:0:808:808:0:0:5601:5601", true), refused("169.254.1.1", true));
}

static void networks_are_compared_by_their_first_bits(void **state)
{
    struct ip a, b;

    (void)state;
    assert_true(ip_parse(STR("10.1.2.3"), &a) && ip_parse(STR("10.1.0.0"), &b));
    assert_true(ip_in_net(&a, &b, 16) && ip_in_net(&a, &b, 0) && ip_in_net(&a, &a, 32));
    assert_true(ip_in_net(&a, &b, 22));
    assert_false(ip_in_net(&a, &b, 23));
    assert_true(ip_parse(STR("a01::"), &b)); /* the same bytes, another family */
    assert_false(ip_in_net(&a, &b, 8));
}

static void names_of_the_local_network_and_of_metadata_are_known(void **state)
{
    static const char *const local[] = {"localhost", "a.LocalHost", "printer.local", "db",
            "x.internal", "host.docker.internal.", "a.home.arpa", "db."};
    static const char *const other[] = {
            "example.org", "mylocal.org", "notlocalhost.com", "local.example", "internal.org."};

    (void)state;
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        if (!name_is_local(str_of(local[i])))
            fail_msg("%s", local[i]);
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        if (name_is_local(str_of(other[i])))
            fail_msg("%s", other[i]);
    assert_true(name_is_metadata(STR("Metadata.Google.Internal.")));
    assert_true(name_is_metadata(STR("metadata")));
    assert_false(name_is_metadata(STR("metadata.example.org")));
    assert_false(name_is_metadata(STR("")));
}

static void numbers_that_some_readers_take_for_addresses_are_noticed(void **state)
{
    (void)state;
    assert_true(ip_looks_numeric(STR("127.1")));
    assert_true(ip_looks_numeric(STR("2130706433")));
    assert_true(ip_looks_numeric(STR("a.0x7f")));
    assert_true(ip_looks_numeric(STR("a.0X")));
    assert_true(ip_looks_numeric(STR("127.0.0.1.")));
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
            cmocka_unit_test(a_connection_is_judged_by_where_it_would_really_go),
            cmocka_unit_test(the_operator_reaches_his_own_networks_but_no_metadata_service),
            cmocka_unit_test(networks_are_compared_by_their_first_bits),
            cmocka_unit_test(names_of_the_local_network_and_of_metadata_are_known),
            cmocka_unit_test(numbers_that_some_readers_take_for_addresses_are_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
