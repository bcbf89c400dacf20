/*
 * test_ca.c - the authority's files, and leaves that strict clients accept.
 */
#include "proxy/ca.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/loop.h"
#include "support/tmpdir.h"
#include "unit/check.h"

struct fixture {
    char dir[64];
    struct ca *ca;
};

static int64_t clock_shift;

static int64_t shifted_clock(void)
{
    return clock_wall_ms() + clock_shift;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    test_tmpdir(f->dir, sizeof(f->dir), "ca");
    f->ca = ca_load_or_create(f->dir, &err);
    if (!f->ca)
        fail_msg("%s", err.msg);
    clock_shift = 0;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    ca_free(f->ca);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f);
    return 0;
}

static X509 *root_of(struct ca *ca)
{
    struct str pem = ca_cert_pem(ca);
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(cert);
    return cert;
}

/* As a strict client that trusts `root` and nothing else, and is sent `issuer` along. */
static bool verifies(X509 *root, X509 *issuer, X509 *leaf, const char *host)
{
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *sent = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_add_cert(store, root);
    if (issuer)
        sk_X509_push(sent, issuer);
    X509_STORE_CTX_init(ctx, store, leaf, sent);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
    if (strchr(host, ':') || (host[0] >= '0' && host[0] <= '9'))
        X509_VERIFY_PARAM_set1_ip_asc(param, host);
    else
        X509_VERIFY_PARAM_set1_host(param, host, 0);
    bool ok = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    sk_X509_free(sent);
    X509_STORE_free(store);
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
    X509 *cert = root_of(f->ca);
    char name[64];
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof(name));
    assert_string_equal(name, "IronCurtain MITM CA");
    assert_int_equal(X509_check_ca(cert), 1);
    assert_int_equal(X509_get_pathlen(cert), 1);
    assert_int_equal(X509_get_key_usage(cert), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(EVP_PKEY_get_bits(X509_get0_pubkey(cert)), 2048);
    X509_free(cert);

    struct ca *again = ca_load_or_create(f->dir, NULL);
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
    assert_null(ca_load_or_create(f->dir, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "chmod 600 "));
    assert_non_null(strstr(err.msg, path));
    free(path);
}

static void keys_as_other_tools_write_them_are_read_and_passphrases_not_asked_for(void **state)
{
    struct fixture *f = *state;
    char *path = path_join(f->dir, "ca-key.pem");
    struct err err = {0};
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);

    BIO *bio = BIO_new_file(path, "w");
    assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, 0), 1);
    BIO_free(bio);
    struct ca *again = ca_load_or_create(f->dir, &err);
    assert_non_null(again);
    assert_true(str_eq(ca_cert_pem(again), ca_cert_pem(f->ca)));
    ca_free(again);

    for (int pkcs8 = 0; pkcs8 < 2; pkcs8++) {
        bio = BIO_new_file(path, "w");
        if (pkcs8)
            PEM_write_bio_PKCS8PrivateKey(bio, key, EVP_aes_128_cbc(), "pass", 4, NULL, NULL);
        else
            PEM_write_bio_PrivateKey_traditional(
                    bio, key, EVP_aes_128_cbc(), (const unsigned char *)"pass", 4, NULL, NULL);
        BIO_free(bio);
        assert_null(ca_load_or_create(f->dir, &err));
        assert_non_null(strstr(err.msg, "passphrase"));
    }
    EVP_PKEY_free(key);
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
    struct ca *mended = ca_load_or_create(f->dir, &err);
    assert_non_null(mended);
    ca_free(mended);

    /* A certificate of another key would make every client fail much later. */
    assert_int_equal(
            file_write(cert, ca_cert_pem(f->ca).p, ca_cert_pem(f->ca).n, 0644, &err), 0);
    assert_int_equal(unlink(key), 0);
    assert_null(ca_load_or_create(f->dir, &err));
    assert_non_null(strstr(err.msg, "is missing"));
    assert_int_equal(file_write(key, "junk", 4, 0600, &err), 0);
    assert_null(ca_load_or_create(f->dir, &err));
    free(cert);
    free(key);
}

static void the_root_signs_one_issuing_certificate_a_start(void **state)
{
    struct fixture *f = *state;
    struct ca *again = ca_load_or_create(f->dir, NULL);
    assert_non_null(again);
    X509 *root = root_of(f->ca), *first = ca_issuer(f->ca), *second = ca_issuer(again);

    assert_int_equal(X509_check_ca(first), 1);
    assert_int_equal(X509_get_pathlen(first), 0);
    assert_int_equal(X509_get_key_usage(first), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(first)), EVP_PKEY_EC);
    assert_int_equal(ASN1_TIME_compare(X509_get0_notAfter(first), X509_get0_notAfter(root)), 0);
    assert_int_not_equal(
            X509_NAME_cmp(X509_get_subject_name(first), X509_get_subject_name(root)), 0);
    assert_int_not_equal(
            ASN1_INTEGER_cmp(X509_get0_serialNumber(first), X509_get0_serialNumber(second)), 0);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(first), X509_get0_pubkey(second)), 0);

    const struct tls_identity *id = ca_leaf(f->ca, "api.test");
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(first), id->key), 0);
    assert_true(verifies(root, first, id->cert, "api.test"));
    assert_false(verifies(root, second, id->cert, "api.test"));
    assert_false(verifies(root, NULL, id->cert, "api.test"));
    X509_free(root);
    ca_free(again);
}

/* The certificate as earlier versions made it, under another name. */
static void write_old_root(const char *key_path, const char *cert_path)
{
    FILE *file = fopen(key_path, "r");
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 30 * 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
            (const unsigned char *)"Old CA", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(
            NULL, NULL, NID_basic_constraints, "critical,CA:true,pathlen:0");
    X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    file = fopen(cert_path, "w");
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void a_root_that_allows_none_below_is_replaced_by_one_of_its_key_and_name(void **state)
{
    struct fixture *f = *state;
    char *key_path = path_join(f->dir, "ca-key.pem");
    struct buf file = BUF_INIT;
    write_old_root(key_path, ca_cert_path(f->ca));

    struct ca *ca = ca_load_or_create(f->dir, NULL);
    assert_non_null(ca);
    assert_int_equal(file_read(ca_cert_path(ca), LIMIT_FILE, &file, NULL), 0);
    assert_true(str_eq(buf_str(&file), ca_cert_pem(ca)));
    X509 *root = root_of(ca), *before = root_of(f->ca);
    char name[64];
    X509_NAME_get_text_by_NID(X509_get_subject_name(root), NID_commonName, name, sizeof(name));
    assert_string_equal(name, "Old CA");
    assert_int_equal(X509_get_pathlen(root), 1);
    assert_int_equal(EVP_PKEY_eq(X509_get0_pubkey(root), X509_get0_pubkey(before)), 1);
    assert_true(verifies(root, ca_issuer(ca), ca_leaf(ca, "api.test")->cert, "api.test"));

    struct ca *again = ca_load_or_create(f->dir, NULL);
    assert_true(str_eq(ca_cert_pem(again), ca_cert_pem(ca)));
    ca_free(again);
    ca_free(ca);
    X509_free(root);
    X509_free(before);
    buf_release(&file);
    free(key_path);
}

static void a_thousand_leaves_have_good_serials_and_verify(void **state)
{
    struct fixture *f = *state;
    X509 *root = root_of(f->ca);
    for (int i = 0; i < 1000; i++) {
        char host[32];
        snprintf(host, sizeof(host), "h%d.example.test", i);
        const struct tls_identity *id = ca_leaf(f->ca, host);
        assert_non_null(id);
        const ASN1_INTEGER *serial = X509_get0_serialNumber(id->cert);
        assert_int_equal(serial->type, V_ASN1_INTEGER); /* negative ones have another type */
        assert_int_equal(serial->length, 16);
        assert_true(serial->data[0] > 0 && serial->data[0] < 0x80);
        assert_true(verifies(root, ca_issuer(f->ca), id->cert, host));
    }
    X509_free(root);
}

static void leaves_are_for_names_and_addresses_only_of_their_host(void **state)
{
    struct fixture *f = *state;
    X509 *root = root_of(f->ca);
    char longest[254];
    memset(longest, 'a', sizeof(longest) - 1);
    for (size_t i = 50; i < sizeof(longest) - 1; i += 51)
        longest[i] = '.';
    longest[sizeof(longest) - 1] = '\0';
    const char *hosts[] = {"api.example.test", "192.0.2.7", "2001:db8::7", longest};
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        const struct tls_identity *id = ca_leaf(f->ca, hosts[i]);
        assert_non_null(id);
        assert_true(verifies(root, ca_issuer(f->ca), id->cert, hosts[i]));
        assert_false(verifies(root, ca_issuer(f->ca), id->cert, "other.example.test"));
        assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(id->cert)), EVP_PKEY_EC);
        assert_int_equal(X509_get_signature_nid(id->cert), NID_ecdsa_with_SHA256);
        assert_int_equal(X509_get_extended_key_usage(id->cert), XKU_SSL_SERVER);
        assert_int_equal(X509_check_private_key(id->cert, id->key), 1);
    }
    X509_free(root);
}

static void a_leaf_is_kept_for_a_day_less_an_hour(void **state)
{
    struct fixture *f = *state;
    ca_set_clock(f->ca, shifted_clock);
    X509 *first = ca_leaf(f->ca, "a.test")->cert;
    X509_up_ref(first);
    clock_shift = 22 * 3600 * 1000LL;
    assert_ptr_equal(ca_leaf(f->ca, "a.test")->cert, first);
    clock_shift = 25 * 3600 * 1000LL;
    X509 *second = ca_leaf(f->ca, "a.test")->cert;
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
    X509 *kept = ca_leaf(f->ca, "kept.test")->cert;
    X509 *lost = ca_leaf(f->ca, "lost.test")->cert;
    X509_up_ref(kept); /* so that a new one cannot be at the same place */
    X509_up_ref(lost);
    for (int i = 0; i < LIMIT_LEAVES; i++) {
        char host[32];
        snprintf(host, sizeof(host), "h%d.test", i);
        assert_non_null(ca_leaf(f->ca, host));
        assert_ptr_equal(ca_leaf(f->ca, "kept.test")->cert, kept);
    }
    assert_ptr_not_equal(ca_leaf(f->ca, "lost.test")->cert, lost);
    X509_free(kept);
    X509_free(lost);
}

/* A program of its own: what it made or found goes to `fd`. */
static void make_and_tell(const char *dir, int fd)
{
    struct ca *ca = ca_load_or_create(dir, NULL);
    struct str pem = ca ? ca_cert_pem(ca) : STR("none");
    _exit(write(fd, pem.p, pem.n) == (ssize_t)pem.n ? 0 : 1);
}

static void programs_that_start_at_once_make_one_authority(void **state)
{
    struct fixture *f = *state;
    int pipes[4][2];
    char *dir = path_join(f->dir, "new");
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pipe2(pipes[i], O_CLOEXEC), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            make_and_tell(dir, pipes[i][1]);
        close(pipes[i][1]);
    }
    char first[4096], pem[4096];
    ssize_t n = 0;
    for (int i = 0; i < 4; i++) {
        ssize_t got = read(pipes[i][0], i == 0 ? first : pem, sizeof(pem));
        n = i == 0 ? got : n;
        assert_true(got == n && n > 100 && (i == 0 || memcmp(first, pem, (size_t)n) == 0));
        close(pipes[i][0]);
    }
    while (wait(NULL) > 0)
        ;
    struct err err = {0};
    struct ca *ca = ca_load_or_create(dir, &err);
    if (!ca)
        fail_msg("%s", err.msg);
    assert_true(str_eq(ca_cert_pem(ca), (struct str){first, (size_t)n}));
    ca_free(ca);
    free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(
                    the_authority_is_made_once_and_loaded_again, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    programs_that_start_at_once_make_one_authority, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    a_key_file_that_others_can_read_is_refused_with_the_remedy, setup,
                    teardown),
            cmocka_unit_test_setup_teardown(
                    keys_as_other_tools_write_them_are_read_and_passphrases_not_asked_for,
                    setup, teardown),
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
                    the_root_signs_one_issuing_certificate_a_start, setup, teardown),
            cmocka_unit_test_setup_teardown(
                    a_root_that_allows_none_below_is_replaced_by_one_of_its_key_and_name, setup,
                    teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
