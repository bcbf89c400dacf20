/*
 * Punycode of names about which nobody disagrees, and silence about all others.
 */
#include "policy/idna.h"

#include "unit/check.h"

static void names_are_encoded_as_they_are_looked_up(void **state)
{
    static const char *const pairs[][2] = {
            {"example.org", "example.org"},
            {"EXAMPLE.Org", "example.org"},
            {"b\xc3\xbc"
             "cher.example",
                    "xn--bcher-kva.example"},
            {"M\xc3\x9cNCHEN.de", "xn--mnchen-3ya.de"},
            {"\xe4\xbe\x8b\xe3\x81\x88.jp", "xn--r8jz45g.jp"}, /* Han and Hiragana */
            {"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80.\xd1\x80\xd1\x84",
                    "xn--e1afmkfd.xn--p1ai"},
            {"\xd0\x9f\xd0\xa0\xd0\x98\xd0\x9c\xd0\x95\xd0\xa0.\xd0\xa0\xd0\xa4",
                    "xn--e1afmkfd.xn--p1ai"},
            {"\xce\xb4\xce\xbf\xce\xba\xce\xb9\xce\xbc\xce\xae.gr", "xn--jxalpdlp.gr"},
            {"\xc5\x82\xc3\xb3\x64\xc5\xba.pl", "xn--d-uga0v4h.pl"},
            {"xn--bcher-kva.example", "xn--bcher-kva.example"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char out[256] = "";

        if (!idna_encode(str_of(pairs[i][0]), out, sizeof(out)))
            fail_msg("%s: not encoded", pairs[i][0]);
        if (strcmp(out, pairs[i][1]) != 0)
            fail_msg("%s: %s, expected %s", pairs[i][0], out, pairs[i][1]);
    }
}

static void names_that_programs_may_read_differently_are_not(void **state)
{
    static const char *const names[] = {
            "",
            "a..b",
            "p\xd0\xb0ypal.com",   /* a Cyrillic a */
            "fa\xc3\x9f.de",       /* sharp s */
            "\xcf\x83\xcf\x82.gr", /* final sigma */
            "bu\xcc\x88"
            "cher.de",          /* a combining mark */
            "a\xe3\x80\x82org", /* an ideographic dot */
            "\xef\xbd\x81.org", /* full width */
            "a\xe2\x80\x8b"
            "b.org", /* zero width */
            "\xc4\xb0.org",
            "\xc4\xb1.org",     /* I with and i without a dot */
            "ab--\xc3\xbc.org", /* like a prefix */
            "\xff.org",
            "a b.org",
            "\xf0\x9f\x98\x80.org",
            "\xce\xb1"
            "b\xd0\xb3.org",
    };
    char out[256];
    char small[8];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (idna_encode(str_of(names[i]), out, sizeof(out)))
            fail_msg("%s: %s", names[i], out);
    assert_false(idna_encode(STR("b\xc3\xbc"
                                 "cher.example"),
            small, sizeof(small)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(names_are_encoded_as_they_are_looked_up),
            cmocka_unit_test(names_that_programs_may_read_differently_are_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
