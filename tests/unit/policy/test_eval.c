/*
 * Which verdict a request gets, and why.
 */
#include "policy/policy.h"
#include "policy/selftest.h"

#include "unit/check.h"

static struct policy *parse(const char *text)
{
    struct err err = {0};
    struct policy *policy = policy_parse(str_of(text), "t.rules", &err);

    if (!policy)
        fail_msg("%s", err.msg);
    return policy;
}

static struct verdict eval(const struct policy *policy, const char *method, const char *url)
{
    struct verdict verdict;

    policy_eval_url(policy, str_of(method), str_of(url), &verdict);
    return verdict;
}

struct sample {
    const char *expect, *method, *url;
};

static void expect_all(const char *rules, const struct sample *samples, size_t count)
{
    struct policy *policy = parse(rules);

    for (size_t i = 0; i < count; i++) {
        struct verdict v = eval(policy, samples[i].method, samples[i].url);

        if (strcmp(verdict_name(v.kind), samples[i].expect) != 0)
            fail_msg("%s %s: %s by '%s' (%s), expected %s", samples[i].method, samples[i].url,
                    verdict_name(v.kind), v.rule, v.reason, samples[i].expect);
    }
    policy_free(policy);
}

#define EXPECT_ALL(rules, samples)                                                             \
    expect_all(rules, samples, sizeof(samples) / sizeof((samples)[0]))

static void the_shipped_policy_denies_ssh_and_mail_and_asks_everything_else(void **state)
{
    struct err err = {0};
    struct policy *policy = policy_load(NULL, &err);

    (void)state;
    assert_non_null(policy);
    assert_int_equal(eval(policy, "CONNECT", "github.com:22").kind, VERDICT_DENY);
    assert_int_equal(eval(policy, "CONNECT", "mx.example.org:25").kind, VERDICT_DENY);
    struct verdict v = eval(policy, "CONNECT", "example.org:443");
    assert_int_equal(v.kind, VERDICT_ASK);
    assert_int_equal(v.risk, RISK_MED);
    assert_string_equal(v.rule, "default net ask");
    assert_string_equal(v.where, "default.policy.rules:10");
    assert_string_equal(v.reason, "no rule names this host");
    assert_int_equal(policy_rule_count(policy, VERDICT_DENY), 6);
    assert_int_equal(policy_test_count(policy), 40);
    assert_int_equal(policy_run_tests(policy, &selftest_world, &err), 0);
    policy_free(policy);
}

static void private_names_and_addresses_are_denied_whatever_the_rules_say(void **state)
{
    static const char *const hosts[] = {
            "localhost",
            "LOCALHOST",
            "a.localhost",
            "localhost.",
            "printer.local",
            "db.internal",
            "metadata.google.internal",
            "host.docker.internal",
            "router",
            "x.home.arpa",
            "127.0.0.1",
            "127.1.2.3",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.127.1.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[fc00::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[64:ff9b::a00:1]",
            "[2002:7f00:1::]",
            "[ff02::1]",
            "[2001:db8::1]",
            /* spellings that only some readers take for an address */
            "127.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0177.0.0.1",
            "127.0.0.01",
            "10.0.0.1.",
            "1.2.3.4.5",
            "256.1.1.1",
            "a.123",
            /* not names */
            "",
            "-a.example",
            "a-.example",
            "a..example",
            ".example",
            "a_b.example",
            "a b.example",
            "user@example.org",
            "ex%61mple.org",
            "k\xc3\xa4se.example",
            "[::1",
            "::1]",
            "[::1%25eth0]",
            "a*.example",
            "\x1b[2J.example",
    };
    static const char *const methods[] = {"GET", "CONNECT"};
    struct policy *policy = parse("allow net:* *\n");

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        for (int m = 0; m < 2; m++) {
            char url[200];

            snprintf(url, sizeof(url), "%s%s:443%s", m ? "" : "https://", hosts[i],
                    m ? "" : "/");
            struct verdict v = eval(policy, methods[m], url);
            if (v.kind != VERDICT_DENY)
                fail_msg("%s is not denied", url);
            assert_string_equal(v.where, "built in");
            assert_non_null(strstr(v.rule, "structural: "));
            assert_null(strchr(v.reason, '\x1b'));
        }
    policy_free(policy);
}

static void public_names_and_addresses_are_not_structural(void **state)
{
    static const struct sample samples[] = {
            {"allow", "GET", "https://example.org/"},
            {"allow", "GET", "https://EXAMPLE.org./"},
            {"allow", "GET", "http://8.8.8.8:8080/"},
            {"allow", "CONNECT", "[2606:4700::1111]:443"},
            {"allow", "CONNECT", "100.63.255.255:443"},
            {"allow", "CONNECT", "172.32.0.1:443"},
            {"allow", "CONNECT", "mylocal.example:443"},
            {"allow", "CONNECT", "notlocalhost.example:443"},
            {"allow", "CONNECT", "1.2.3.4.example:443"},
            {"allow", "CONNECT", "xn--bcher-kva.example:443"},
            {"deny", "CONNECT", "example.org:0"},
            {"deny", "CONNECT", "example.org"},
            {"deny", "CONNECT", "example.org:65536"},
            {"deny", "CONNECT", "example.org:"},
            {"deny", "GET", "ftp://example.org/"},
            {"deny", "GET", "example.org"},
            {"deny", "get", "https://example.org/"},
            {"deny", "", "https://example.org/"},
            {"deny", "GET", "https://good.example\\@evil.example/"},
            {"deny", "GET", "https://"},
    };

    (void)state;
    EXPECT_ALL("allow net:* *\n", samples);
}

static void deny_wins_wherever_it_stands_and_then_the_first_line(void **state)
{
    static const struct sample samples[] = {
            {"allow", "GET", "https://a.example/"},
            {"ask", "POST", "https://a.example/"},
            {"deny", "GET", "https://a.example/secret"},
            {"ask", "GET", "https://b.example/"},
            {"deny", "GET", "https://c.example/"},
    };

    (void)state;
    EXPECT_ALL("allow net:GET https://a.example/**\n"
               "ask net:* https://a.example/**\n"
               "ask net:* https://b.example\n"
               "allow net:* https://b.example\n"
               "deny net:* https://a.example/secret\n"
               "default net deny\n",
            samples);
}

static void hosts_ports_and_methods_are_matched_exactly(void **state)
{
    static const struct sample samples[] = {
            {"allow", "GET", "https://docs.example/"},
            {"allow", "HEAD", "https://DOCS.example:443/x?q=1#f"},
            {"ask", "POST", "https://docs.example/"},
            {"ask", "GET", "http://docs.example/"},
            {"ask", "GET", "https://docs.example:8443/"},
            {"ask", "GET", "https://x.docs.example/"},
            {"ask", "GET", "https://notdocs.example/"},
            {"ask", "GET", "https://docs.example.evil.example/"},
            {"allow", "CONNECT", "a.crates.io:443"},
            {"allow", "CONNECT", "a.b.crates.io:443"},
            {"ask", "CONNECT", "crates.io:443"},
            {"ask", "CONNECT", "evilcrates.io:443"},
            {"ask", "CONNECT", "a.crates.io:80"},
            {"ask", "GET", "https://a.crates.io/"},
            {"deny", "CONNECT", "any.example:22"},
            {"deny", "GET", "https://any.example:22/"},
            {"deny", "CONNECT", "1.1.1.1:22"},
            {"allow", "CONNECT", "9.9.9.9:443"},
            {"allow", "CONNECT", "[2620:00fe::FE]:443"},
            {"ask", "CONNECT", "[2620:fe::9]:443"},
            {"ask", "CONNECT", "8.8.8.8:443"},
    };

    (void)state;
    EXPECT_ALL("allow net:GET,HEAD https://Docs.example\n"
               "allow net:CONNECT *.crates.io:443\n"
               "deny net:* *:22\n"
               "allow net:* 9.9.9.9:443\n"
               "allow net:* [2620:fe::fe]:443\n",
            samples);
}

static void below_a_name_is_never_an_address(void **state)
{
    static const struct sample samples[] = {
            {"ask", "CONNECT", "8.8.8.8:443"},
            {"allow", "CONNECT", "a.example:443"},
            {"allow", "CONNECT", "8.8.8.8.example:443"},
    };

    (void)state;
    EXPECT_ALL("allow net:* *.example:443\n", samples);
}

static void a_star_is_one_segment_and_two_are_the_rest(void **state)
{
    static const struct sample samples[] = {
            {"allow", "GET", "https://a.example/v1/x/get"},
            {"ask", "GET", "https://a.example/v1/x/y/get"},
            {"ask", "GET", "https://a.example/v1//get"},
            {"allow", "GET", "https://a.example/files/a.tar.gz"},
            {"allow", "GET", "https://a.example/files/a.gz.gz"},
            {"ask", "GET", "https://a.example/files/.gz"},
            {"ask", "GET", "https://a.example/files/a.gzx"},
            {"allow", "GET", "https://a.example/docs/"},
            {"allow", "GET", "https://a.example/docs/a/b"},
            {"ask", "GET", "https://a.example/docs"},
            {"allow", "GET", "https://a.example/exact?x=/../"},
            {"ask", "GET", "https://a.example/exact/"},
            {"ask", "GET", "https://a.example/"},
            {"allow", "GET", "https://b.example"},
            {"ask", "GET", "https://b.example/x"},
    };

    (void)state;
    EXPECT_ALL("allow net:GET https://a.example/v1/*/get\n"
               "allow net:GET https://a.example/files/*.gz\n"
               "allow net:GET https://a.example/docs/**\n"
               "allow net:GET https://a.example/exact\n"
               "allow net:GET https://b.example/\n",
            samples);
}

static void a_path_that_can_be_read_in_two_ways_is_denied_and_never_allowed(void **state)
{
    static const struct sample deny[] = {
            {"deny", "GET", "https://a.example/admin/x"},
            {"deny", "GET", "https://a.example/%61dmin/x"},
            {"deny", "GET", "https://a.example/x/../admin/x"},
            {"deny", "GET", "https://a.example//admin/x"},
            {"deny", "GET", "https://a.example/x/%2e%2e/admin/x"},
            {"deny", "GET", "https://a.example/x%2Fadmin"},
            {"deny", "GET", "https://a.example/x/%252e"},
            {"deny", "GET", "https://a.example/%zz"},
            {"deny", "GET", "https://a.example/%2"},
            {"deny", "GET", "https://a.example/x/..;/admin/x"},
            {"deny", "GET", "https://a.example/admin;a=b/x"},
            {"deny", "GET", "https://a.example/admin%3Ba=b/x"},
            {"allow", "GET", "https://a.example/x?a;b"},
            {"allow", "GET", "https://a.example/x/%20y/%C3%A9"},
            {"allow", "GET", "https://b.example/x/../y"},
    };
    static const struct sample allow[] = {
            {"allow", "GET", "https://a.example/pub/x"},
            {"ask", "GET", "https://a.example/pub/../x"},
            {"ask", "GET", "https://a.example/pub/%2e%2e/x"},
            {"ask", "GET", "https://a.example/pub/./x"},
            {"ask", "GET", "https://a.example/pub/..;/x"},
            {"ask", "GET", "https://a.example/pub/x;y"},
            {"ask", "GET", "https://a.example/pub/x\x01"},
    };

    (void)state;
    EXPECT_ALL("deny net:* https://a.example/admin/**\nallow net:* *\n", deny);
    EXPECT_ALL("allow net:* https://a.example/pub/**\n", allow);
}

static void a_tunnel_cannot_be_told_from_a_rule_with_scheme_or_path(void **state)
{
    static const struct sample samples[] = {
            {"ask", "CONNECT", "a.example:443"},
            {"deny", "CONNECT", "b.example:443"},
            {"ask", "CONNECT", "b.example:80"},
            {"ask", "CONNECT", "c.example:443"},
    };
    struct policy *policy = parse("deny net:* https://b.example/x\n");
    struct verdict v = eval(policy, "CONNECT", "b.example:443");

    (void)state;
    assert_string_equal(v.reason, "the rule may apply; it cannot be told for certain");
    policy_free(policy);
    EXPECT_ALL("allow net:* https://a.example/**\ndeny net:* https://b.example/x\n"
               "ask net:* c.example/x\nallow net:* c.example:443\n",
            samples);
}

static void a_verdict_carries_rule_place_reason_risk_and_timeout(void **state)
{
    struct policy *policy =
            parse("# first\n\n  ask   net:CONNECT *.example:443   because \"leaves "
                  "\\\"here\\\"\" risk low timeout 10m  # note\n"
                  "deny net:* bad.example\n");
    struct verdict v = eval(policy, "CONNECT", "a.example:443");

    (void)state;
    assert_int_equal(v.kind, VERDICT_ASK);
    assert_int_equal(v.risk, RISK_MED); /* a tunnel is never low */
    assert_int_equal(v.timeout_ms, 600000);
    assert_string_equal(v.where, "t.rules:3");
    assert_string_equal(v.reason, "leaves \"here\"");
    assert_string_equal(v.rule, "ask   net:CONNECT *.example:443   because \"leaves "
                                "\\\"here\\\"\" risk low timeout 10m");
    v = eval(policy, "CONNECT", "xn--80ak6aa92e.example:443");
    assert_int_equal(v.kind, VERDICT_ASK);
    assert_int_equal(v.risk, RISK_HIGH);
    v = eval(policy, "GET", "http://other.org/");
    assert_string_equal(v.where, "built in");
    assert_string_equal(v.rule, "default net ask");
    policy_free(policy);
}

static void a_rule_names_https_by_host_and_port_whatever_method_and_path(void **state)
{
    struct policy *policy = parse("allow net:POST https://a.example:8443/v1/x\n"
                                  "ask net:* *.b.example\n"
                                  "allow net:CONNECT c.example:8443\n"
                                  "allow net:* http://d.example:8443/**\n"
                                  "deny net:* https://e.example:8443/**\n"
                                  "allow net:GET https://f.example/**\n");

    (void)state;
    assert_true(policy_names_https(policy, STR("a.example"), 8443));
    assert_false(policy_names_https(policy, STR("a.example"), 8444));
    assert_true(policy_names_https(policy, STR("x.b.example"), 9000));
    assert_false(policy_names_https(policy, STR("b.example"), 9000));
    assert_false(policy_names_https(policy, STR("c.example"), 8443));
    assert_false(policy_names_https(policy, STR("d.example"), 8443));
    assert_false(policy_names_https(policy, STR("e.example"), 8443));
    assert_true(policy_names_https(policy, STR("f.example"), 443));
    assert_false(policy_names_https(policy, STR("f.example"), 8443));
    policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_shipped_policy_denies_ssh_and_mail_and_asks_everything_else),
            cmocka_unit_test(private_names_and_addresses_are_denied_whatever_the_rules_say),
            cmocka_unit_test(public_names_and_addresses_are_not_structural),
            cmocka_unit_test(deny_wins_wherever_it_stands_and_then_the_first_line),
            cmocka_unit_test(hosts_ports_and_methods_are_matched_exactly),
            cmocka_unit_test(below_a_name_is_never_an_address),
            cmocka_unit_test(a_star_is_one_segment_and_two_are_the_rest),
            cmocka_unit_test(a_path_that_can_be_read_in_two_ways_is_denied_and_never_allowed),
            cmocka_unit_test(a_tunnel_cannot_be_told_from_a_rule_with_scheme_or_path),
            cmocka_unit_test(a_verdict_carries_rule_place_reason_risk_and_timeout),
            cmocka_unit_test(a_rule_names_https_by_host_and_port_whatever_method_and_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
