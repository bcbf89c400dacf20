/* test_mask.c - secrets in text that is kept or sent on. */
#include "base/mask.h"

#include "unit/check.h"

static const struct {
    const char *text, *masked; /* NULL: stays as it is */
} cases[] = {
        {"", NULL},
        {"push my branch to origin", NULL},
        {"use sk-ant-api03-abcdefgh12345 for it", "use sk-*** for it"},
        {"sk-ant-api03-abcdefgh12345", "sk-***"},
        {"task-sized chunks-of-some-length", NULL},
        {"sk-short", NULL},
        {"ghp_0123456789abcdef, AKIAABCDEFGHIJKLMNOP", "ghp_***, AKIA***"},
        {"Authorization: Bearer abcdefgh.ijkl", "Authorization: Bearer ***"},
        {"key:\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n", "key:\n***"},
        {"-----BEGIN CERTIFICATE-----\nMIIE\n", NULL},
};

static void test_tokens_of_services_are_masked_and_words_are_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = BUF_INIT;
        bool any = mask_text(str_of(cases[i].text), &out);

        buf_putc(&out, '\0');
        assert_string_equal(buf_data(&out), cases[i].masked ? cases[i].masked : cases[i].text);
        assert_int_equal(any, cases[i].masked != NULL);
        buf_release(&out);
    }
}

static void test_names_of_secrets_are_known(void **state)
{
    (void)state;
    assert_true(mask_is_secret_name(STR("X-Api-Key")));
    assert_true(mask_is_secret_name(STR("db_password")));
    assert_false(mask_is_secret_name(STR("path")));
    assert_false(mask_is_secret_name(STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_tokens_of_services_are_masked_and_words_are_not),
            cmocka_unit_test(test_names_of_secrets_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
