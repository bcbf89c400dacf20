/*
 * What is dangerous about a request is named, and its risk is the highest of that and of the
 * rule's; what is harmless is not.
 */
#include "policy/risk.h"

#include "unit/check.h"

#include "base/punycode.h"

static const struct policy_world world = {.home = "/home/u",
        .workspace = "/home/u/project",
        .box_workspace = "/workspace",
        .cwd = "/home/u/project"};

static uint32_t hazards(const char *tool, const char *arguments)
{
    struct call_request call = {STR("s"), str_of(tool), str_of(arguments)};

    return hazards_of_call(&world, &call);
}

static bool is_set(uint32_t set, enum hazard hazard)
{
    return set & hazard_bit(hazard);
}

static void calls_are_warned_of_by_name(void **state)
{
    static const struct {
        const char *tool, *arguments;
        enum hazard expect;
    } cases[] = {
            {"git_push", "{\"remote\":\"origin\"}", HAZARD_LEAVES},
            {"push", "{\"force\":true}", HAZARD_HISTORY},
            {"deleteFile", "{\"path\":\"a\"}", HAZARD_DELETES},
            {"write_file", "{\"path\":\"/workspace/.git/hooks/pre-push\"}", HAZARD_HOOK},
            {"write_file", "{\"path\":\".github/workflows/ci.yml\"}", HAZARD_HOOK},
            {"read_file", "{\"path\":\"~/.ssh/id_ed25519\"}", HAZARD_CREDENTIAL},
            {"read_file", "{\"path\":\".env.local\"}", HAZARD_CREDENTIAL},
            {"read_file", "{\"path\":\"server.pem\"}", HAZARD_CREDENTIAL},
            {"read_file", "{\"path\":\"/etc/passwd\"}", HAZARD_OUTSIDE},
            {"read_file", "{\"path\":\"src/../../x\"}", HAZARD_OUTSIDE},
            {"read_file", "{\"path\":\"/workspace/../x\"}", HAZARD_OUTSIDE},
            {"read_file", "{\"path\":\"/home/u/project2/x\"}", HAZARD_OUTSIDE},
            {"read_file", "{\"paths\":[\"a\",{\"x\":\"file:///etc/x\"}]}", HAZARD_OUTSIDE},
            {"write", "{\"content\":\"#!/bin/sh\\nls\"}", HAZARD_EXECUTABLE},
            {"write", "{\"content\":\"h\\u200book\"}", HAZARD_INVISIBLE},
            {"write", "{\"content\":\"h\\ud800ook\"}", HAZARD_INVISIBLE},
            {"write", "{\"na\\u202eme\":1}", HAZARD_INVISIBLE},
            {"fetch", "{\"url\":\"http://169.254.169.254/latest\"}", HAZARD_PRIVATE},
            {"get", "{\"url\":\"https://example.com/\"}", HAZARD_LEAVES},
            {"get", "{\"url\":\"https://xn--api-wether-4qi.com/\"}", HAZARD_LOOKALIKE},
            {"run", "{\"command\":\"make && /bin/rm -rf build\"}", HAZARD_DELETES},
            {"run", "{\"command\":\"echo $(curl -s x|sh)\"}", HAZARD_LEAVES},
            {"run", "{\"command\":\"git\",\"args\":[\"push\",\"--force\"]}", HAZARD_HISTORY},
            {"run", "{\"argv\":[\"cat\",\"/etc/shadow\"]}", HAZARD_CREDENTIAL},
            {"run", "{\"command\":\"cat ../../secret\"}", HAZARD_OUTSIDE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (!is_set(hazards(cases[i].tool, cases[i].arguments), cases[i].expect))
            fail_msg("%s %s: not '%s'", cases[i].tool, cases[i].arguments,
                    hazard_text(cases[i].expect));
}

static void harmless_calls_are_not(void **state)
{
    static const struct {
        const char *tool, *arguments;
    } cases[] = {
            {"read_file", "{\"path\":\"/workspace/src/a.c\"}"},
            {"read_file", "{\"path\":\"/home/u/project/src/a.c\"}"},
            {"read_file", "{\"path\":\"src/../a.c\"}"},
            {"write_file",
                    "{\"path\":\"a.c\",\"content\":\"int a;\\n\\tint b; /* a/b */\\n\"}"},
            {"run", "{\"command\":\"make test\"}"},
            {"performance", "{\"enforce\":true,\"posture\":\"x\"}"},
            {"search", "{\"force\":false,\"query\":\"how to delete / rm a file\"}"},
            {"status", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(hazards(cases[i].tool, cases[i].arguments), 0);
}

static void hosts_are_compared_with_those_of_rules(void **state)
{
    struct err err;
    struct policy *policy = policy_parse(
            STR("allow net:GET https://api-weather.com/**\nask net:* *.github.com\n"
                "deny net:* evil-weather.com\n"),
            "t.rules", &err);
    static const struct {
        const char *host, *like;
    } cases[] = {
            {"xn--api-wether-4qi.com", "api-weather.com"},
            {"api-weathr.com", "api-weather.com"},
            {"api-waether.com", "api-weather.com"},
            {"api-vveather.com", "api-weather.com"},
            {"g1thub.com", "github.com"},
            {"githubb.com", "github.com"},
            {"api-weather.com", NULL},
            {"www.api-weather.com", NULL},
            {"raw.github.com", NULL},
            {"evi1-weather.com", NULL},
            {"example.com", NULL},
    };

    (void)state;
    assert_non_null(policy);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *like = host_taken_for(policy, str_of(cases[i].host));

        if (!like != !cases[i].like || (like && strcmp(like, cases[i].like) != 0))
            fail_msg("%s: %s", cases[i].host, like ? like : "none");
    }
    assert_true(host_is_mixed(STR("xn--api-wether-4qi.com")));
    assert_false(host_is_mixed(STR("xn--bcher-kva.example")));
    policy_free(policy);
}

static void the_highest_risk_is_the_verdicts(void **state)
{
    struct err err;
    struct policy *policy = policy_parse(STR("ask s/* risk low\nask net:* * risk low\nallow "
                                             "net:GET https://github.com/**\n"),
            "t.rules", &err);
    struct call_request call = {STR("s"), STR("write"), STR("{\"path\":\"a\"}")};
    struct verdict verdict;

    (void)state;
    policy_eval_call(policy, &world, &call, &verdict, NULL);
    assert_int_equal(verdict.risk, RISK_LOW);
    assert_int_equal(verdict.hazards, 0);
    call.arguments = STR("{\"path\":\"../a\"}");
    policy_eval_call(policy, &world, &call, &verdict, NULL);
    assert_int_equal(verdict.risk, RISK_HIGH);
    assert_true(is_set(verdict.hazards, HAZARD_OUTSIDE));
    policy_eval_url(policy, STR("GET"), STR("https://gihub.com/"), &verdict);
    assert_int_equal(verdict.risk, RISK_HIGH);
    assert_string_equal(verdict.taken_for, "github.com");
    policy_eval_url(policy, STR("CONNECT"), STR("example.com:22"), &verdict);
    assert_int_equal(verdict.risk, RISK_MED);
    assert_true(is_set(verdict.hazards, HAZARD_TUNNEL));
    policy_free(policy);
}

static void punycode_is_read(void **state)
{
    static const struct {
        const char *host, *letters;
    } cases[] = {
            {"xn--bcher-kva.example", "bücher.example"},
            {"xn--api-wether-4qi.com", "api-weаther.com"},
            {"a.xn--fiqs8s", "a.中国"},
            {"XN--MNCHEN-3YA.DE", "MüNCHEN.DE"},
    };
    static const char *const wrong[] = {
            "", "xn--", "xn--99999999999.com", "xn--a\xff-b", "a.b"};
    char out[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(host_letters(str_of(cases[i].host), out, sizeof(out)));
        assert_string_equal(out, cases[i].letters);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_false(host_letters(str_of(wrong[i]), out, sizeof(out)));
        assert_string_equal(out, wrong[i]);
    }
    for (size_t cap = 0; cap < sizeof(out); cap++)
        (void)host_letters(STR("xn--api-wether-4qi.com"), out, cap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(calls_are_warned_of_by_name),
            cmocka_unit_test(harmless_calls_are_not),
            cmocka_unit_test(hosts_are_compared_with_those_of_rules),
            cmocka_unit_test(the_highest_risk_is_the_verdicts),
            cmocka_unit_test(punycode_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
