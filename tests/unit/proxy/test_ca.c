/*
 * test_ca.c - the authority's files, and leaves that strict clients accept.
 */
#include "proxy/ca.h"

#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "support/tmpdir.h"
#include "unit/check.h"

struct fixture {
    char dir[64];
    struct loop *loop;
    struct ca *ca;
    struct ca_watch watch;
    unsigned minted;
};

static int64_t clock_shift;

static int64_t shifted_clock(void)
{
    return clock_wall_ms() + clock_shift;
}

static void on_minted(void *ctx)
{
    struct fixture *f = ctx;
    f->minted++;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    test_tmpdir(f->dir, sizeof(f->dir), "ca");
    f->loop = loop_new(&err);
    f->ca = ca_load_or_create(f->loop, f->dir, &err);
    if (!f->ca)
        fail_msg("%s", err.msg);
    f->watch = (struct ca_watch){.fn = on_minted, .ctx = f};
    ca_watch(f->ca, &f->watch);
    clock_shift = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ca_free(f->ca);
    loop_free(f->loop);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f);
    return 0;
}

static const struct tls_identity *leaf_wait(struct fixture *f, const char *host)
{
    bool failed = false;
    uint64_t deadline = clock_ns() + 20000000000ull;
    const struct tls_identity *id = ca_leaf(f->ca, host, &failed);
    while (!id && !failed && clock_ns() < deadline) {
        loop_turn(f->loop, true);
        id = ca_leaf(f->ca, host, &failed);
    }
    return id;
}

static X509 *ca_cert(struct fixture *f)
{
    struct str pem = ca_cert_pem(f->ca);
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(cert);
    return cert;
}

static bool verifies(X509_STORE *store, X509 *leaf, const char *host)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_CTX_init(ctx, store, leaf, NULL);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    if (strchr(host, ':') || (host[0] >= '0' && host[0] <= '9'))
        X509_VERIFY_PARAM_set1_ip_asc(param, host);
    else
        X509_VERIFY_PARAM_set1_host(param, host, 0);
    bool ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    return ok;
}

static unsigned mode_of(const char *dir, const char *name)
{
    char *path = path_join(dir, name);
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    free(path);
    return st.st_mode & 07777;
}

static void the_authority_is_made_once_and_loaded_again(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mode_of(f->dir, "ca-key.pem"), 0600);
    assert_int_equal(mode_of(f->dir, "ca-cert.pem"), 0644);
    X509 *cert = ca_cert(f);
    char name[64];
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof(name));
    assert_string_equal(name, "IronCurtain MITM CA");
    assert_int_equal(X509_check_ca(cert), 1);
    assert_int_equal(X509_get_key_usage(cert), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(cert)), 2048);
    X509_free(cert);

    struct ca *again = ca_load_or_create(f->loop, f->dir, NULL);
    assert_non_null(again);
    assert_true(str_eq(ca_cert_pem(again), ca_cert_pem(f->ca)));
    ca_free(again);
}

static void a_key_file_that_others_can_read_is_refused_with_the_remedy(void **state)
{
    struct fixture *f = *state;
    char *path = path_join(f->dir, "ca-key.pem");
    assert_int_equal(chmod(path, 0640), 0);
    struct err err = {0};
    assert_null(ca_load_or_create(f->loop, f->dir, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "chmod 600 "));
    assert_non_null(strstr(err.msg, path));
    free(path);
}

static void half_made_and_mixed_files_are_told_apart(void **state)
{
    struct fixture *f = *state;
    char *cert = path_join(f->dir, "ca-cert.pem");
    char *key = path_join(f->dir, "ca-key.pem");
    struct err err = {0};

    /* A key without a certificate is what a crash at first start leaves. */
    assert_int_equal(unlink(cert), 0);
    struct ca *mended = ca_load_or_create(f->loop, f->dir, &err);
    assert_non_null(mended);
    ca_free(mended);

    /* A certificate of another key would make every client fail much later. */
    assert_int_equal(
            file_write(cert, ca_cert_pem(f->ca).p, ca_cert_pem(f->ca).n, 0644, &err), 0);
    assert_int_equal(unlink(key), 0);
    assert_null(ca_load_or_create(f->loop, f->dir, &err));
    assert_non_null(strstr(err.msg, "is missing"));
    assert_int_equal(file_write(key, "junk", 4, 0600, &err), 0);
    assert_null(ca_load_or_create(f->loop, f->dir, &err));
    free(cert);
    free(key);
}

static void a_thousand_leaves_have_good_serials_and_verify(void **state)
{
    struct fixture *f = *state;
    X509_STORE *store = X509_STORE_new();
    X509 *root = ca_cert(f);
    X509_STORE_add_cert(store, root);
    for (int i = 0; i < 1000; i++) {
        char host[32];
        snprintf(host, sizeof(host), "h%d.example.test", i);
        const struct tls_identity *id = leaf_wait(f, host);
        assert_non_null(id);
        const ASN1_INTEGER *serial = X509_get0_serialNumber(id->cert);
        assert_int_equal(serial->type, V_ASN1_INTEGER); /* negative ones have another type */
        assert_int_equal(serial->length, 16);
        assert_true(serial->data[0] > 0 && serial->data[0] < 0x80);
        assert_true(verifies(store, id->cert, host));
    }
    X509_free(root);
    X509_STORE_free(store);
}

static void leaves_are_for_names_and_addresses_only_of_their_host(void **state)
{
    struct fixture *f = *state;
    X509_STORE *store = X509_STORE_new();
    X509 *root = ca_cert(f);
    X509_STORE_add_cert(store, root);
    char longest[254];
    memset(longest, 'a', sizeof(longest) - 1);
    for (size_t i = 50; i < sizeof(longest) - 1; i += 51)
        longest[i] = '.';
    longest[sizeof(longest) - 1] = '\0';
    const char *hosts[] = {"api.example.test", "192.0.2.7", "2001:db8::7", longest};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        const struct tls_identity *id = leaf_wait(f, hosts[i]);
        assert_non_null(id);
        assert_true(verifies(store, id->cert, hosts[i]));
        assert_false(verifies(store, id->cert, "other.example.test"));
        assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(id->cert)), EVP_PKEY_EC);
        assert_int_equal(X509_get_extended_key_usage(id->cert), XKU_SSL_SERVER);
        assert_int_equal(X509_check_private_key(id->cert, id->key), 1);
    }
    X509_free(root);
    X509_STORE_free(store);
}

static void a_leaf_is_kept_for_a_day_less_an_hour(void **state)
{
    struct fixture *f = *state;
    ca_set_clock(f->ca, shifted_clock);
    X509 *first = leaf_wait(f, "a.test")->cert;
    X509_up_ref(first);
    clock_shift = 22 * 3600 * 1000LL;
    assert_ptr_equal(leaf_wait(f, "a.test")->cert, first);
    clock_shift = 25 * 3600 * 1000LL;
    X509 *second = leaf_wait(f, "a.test")->cert;
    assert_ptr_not_equal(second, first);
    int days = 0, seconds = 0;
    assert_true(ASN1_TIME_diff(
            &days, &seconds, X509_get0_notAfter(first), X509_get0_notAfter(second)));
    assert_true(days == 1 && seconds >= 3500);
    X509_free(first);
}

static void the_cache_forgets_the_least_recently_used(void **state)
{
    struct fixture *f = *state;
    X509 *kept = leaf_wait(f, "kept.test")->cert;
    X509 *lost = leaf_wait(f, "lost.test")->cert;
    X509_up_ref(kept); /* so that a new one cannot be at the same place */
    X509_up_ref(lost);
    for (int i = 0; i < LIMIT_LEAVES; i++) {
        char host[32];
        snprintf(host, sizeof(host), "h%d.test", i);
        assert_non_null(leaf_wait(f, host));
        assert_ptr_equal(leaf_wait(f, "kept.test")->cert, kept);
    }
    assert_ptr_not_equal(leaf_wait(f, "lost.test")->cert, lost);
    X509_free(kept);
    X509_free(lost);
}

static void the_authority_may_go_while_a_leaf_is_being_minted(void **state)
{
    struct fixture *f = *state;
    struct ca *ca = ca_load_or_create(f->loop, f->dir, NULL);
    bool failed = false;
    assert_null(ca_leaf(ca, "late.test", &failed));
    assert_false(failed);
    ca_free(ca); /* loop_free() waits for the job; the sanitizer sees the rest */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(
                    the_authority_is_made_once_and_loaded_again, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    a_key_file_that_others_can_read_is_refused_with_the_remedy, setup,
                    teardown),
            cmocka_unit_test_setup_teardown(
                    half_made_and_mixed_files_are_told_apart, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    a_thousand_leaves_have_good_serials_and_verify, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    leaves_are_for_names_and_addresses_only_of_their_host, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    a_leaf_is_kept_for_a_day_less_an_hour, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    the_cache_forgets_the_least_recently_used, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    the_authority_may_go_while_a_leaf_is_being_minted, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
