/*
 * test_crypt.c - known answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "io/crypt.h"

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_sha256_gives_the_answers_of_fips_180(void **state)
{
    (void)state;
    char hex[SHA256_HEX];

    crypt_sha256_hex("abc", 3, hex);
    assert_string_equal(hex, ABC);
    crypt_sha256_hex("", 0, hex);
    assert_string_equal(hex, EMPTY);
}

static void test_sha256_in_parts_is_sha256_of_the_whole(void **state)
{
    (void)state;
    char hex[SHA256_HEX];
    struct sha256 *h = sha256_new();

    sha256_add(h, "a", 1);
    sha256_add(h, "", 0);
    sha256_add(h, "bc", 2);
    sha256_end(h, hex);
    assert_string_equal(hex, ABC);
}

static void test_base64url_has_no_padding_and_the_url_alphabet(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } t[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"},
            {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xff\xfe", "-__-"}};

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        char out[16];

        assert_int_equal(crypt_base64url(t[i].in, strlen(t[i].in), out), strlen(t[i].out));
        assert_string_equal(out, t[i].out);
    }
}

static void test_base64_is_padded_and_has_the_usual_alphabet(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } t[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
            {"\xfb\xff\xfe", "+//+"}};

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        char out[16];

        assert_int_equal(crypt_base64(t[i].in, strlen(t[i].in), out), strlen(t[i].out));
        assert_string_equal(out, t[i].out);
    }
}

static void test_base64_of_either_alphabet_is_read_with_and_without_padding(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out; /* NULL: it is none */
    } t[] = {{"", ""}, {"Zg==", "f"}, {"Zg", "f"}, {"Zm8=", "fo"}, {"Zm9vYmFy", "foobar"},
            {"-__-", "\xfb\xff\xfe"}, {"+//+", "\xfb\xff\xfe"}, {"Z", NULL}, {"Zg=x", NULL},
            {"Zm 9v", NULL}, {"Zm9v\n", NULL}, {"?", NULL}};

    for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        struct buf out = BUF_INIT;
        bool fine = crypt_base64_decode(str_of(t[i].in), &out);

        assert_int_equal(fine, t[i].out != NULL);
        assert_true(!fine || str_eq(buf_str(&out), str_of(t[i].out)));
        buf_release(&out);
    }
}

static void test_sha1_gives_the_answer_of_fips_180(void **state)
{
    (void)state;
    static const uint8_t abc[] = "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e"
                                 "\x25\x71\x78\x50\xc2\x6c\x9c\xd0\xd8\x9d";
    uint8_t out[SHA1_LEN];

    crypt_sha1("abc", 3, out);
    assert_memory_equal(out, abc, SHA1_LEN);
}

static void test_uuids_have_their_form_and_differ(void **state)
{
    (void)state;
    char a[37];
    char b[37];

    crypt_uuid(a);
    crypt_uuid(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    for (int i = 0; i < 36; i++)
        assert_non_null(strchr(
                i == 8 || i == 13 || i == 18 || i == 23 ? "-" : "0123456789abcdef", a[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_sha256_gives_the_answers_of_fips_180),
            cmocka_unit_test(test_sha256_in_parts_is_sha256_of_the_whole),
            cmocka_unit_test(test_base64url_has_no_padding_and_the_url_alphabet),
            cmocka_unit_test(test_base64_is_padded_and_has_the_usual_alphabet),
            cmocka_unit_test(test_base64_of_either_alphabet_is_read_with_and_without_padding),
            cmocka_unit_test(test_sha1_gives_the_answer_of_fips_180),
            cmocka_unit_test(test_uuids_have_their_form_and_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
