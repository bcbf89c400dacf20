/*
 * ca.c - the certificate authority: two PEM files, and leaves minted from them.
 *
 * The root's RSA key is needed once: it signs the certificate of an issuing key that is made
 * at each start, P-256, and exists in this process only. Then it is freed, which overwrites
 * it. A leaf costs an ECDSA signature, less than a tenth of a millisecond in all against more
 * than one with the root's key, so it is made at once, on the loop, and kept.
 *
 * All leaves share one P-256 key: it never leaves this process, and a key per host would
 * protect nothing more. The cache is a list in order of use, of which the least recently used
 * go first, and a hash table over it.
 *
 * The key file is written before the certificate, and a lone key gets a new certificate:
 * a crash between the two writes leaves nothing half-made.
 *
 * Blocks: ca_load_or_create() (files, RSA key); nothing else. Owns: keys, certificates, cache.
 */
/* X509_set_pubkey() encodes a key of OpenSSL 3's providers and decodes it again, which is
 * the most expensive part of a leaf (0.3 of 0.4 ms); an EC_KEY behind the EVP_PKEY is taken as
 * it is. The functions for that are deprecated in 3.0, not gone. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "proxy/ca.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "io/crypt.h"
#include "io/loop.h"

#define DAY_MS 86400000LL
#define RENEW_MS 3600000LL
/* Clocks of boxes and of ours are one; this is for second boundaries. */
#define BACKDATE_MS 60000LL
#define CA_DAYS 3650
/* The same in every leaf: constraints, usage, extended usage, authority key. */
#define COMMON_EXTENSIONS 4

struct leaf {
    char *host;                   /* owns */
    struct tls_identity identity; /* owns the certificate, borrows the key */
    int64_t renew_ms;             /* from then on it is minted again */
    struct leaf *next, *prev;     /* most recently used first */
    struct leaf *chain;           /* in its bucket */
};

struct ca {
    X509 *issuer;         /* owns */
    EVP_PKEY *issuer_key; /* owns */
    EVP_PKEY *leaf_key;   /* owns; of all leaves */
    X509_EXTENSION *extensions[COMMON_EXTENSIONS];
    char *cert_path;     /* owns */
    struct buf cert_pem; /* owns; the root's */
    struct leaf leaves;  /* ring head */
    struct leaf *buckets[LIMIT_LEAVES];
    unsigned leaf_count;
    int64_t (*wall_ms)(void);
};

/* What the two files hold; only while the authority is being loaded. */
struct root {
    EVP_PKEY *key; /* owns */
    X509 *cert;    /* owns */
};

static int root_load(struct ca *ca, const char *dir, struct root *root, struct err *err);
static int load_key(struct root *root, const char *path, struct err *err);
static int load_cert(struct ca *ca, struct root *root, struct err *err);
static int make_key(struct root *root, const char *path, struct err *err);
static int make_cert(struct ca *ca, struct root *root, struct err *err);
static int make_issuer(struct ca *ca, const struct root *root, struct err *err);
static int make_extensions(struct ca *ca, struct err *err);
static struct leaf *leaf_find(struct ca *ca, const char *host);
static void leaf_free(struct leaf *leaf);
static void leaf_drop(struct ca *ca, struct leaf *leaf);
static struct leaf *leaf_mint(struct ca *ca, const char *host);
static int err_ssl(struct err *err, const char *what);

struct ca *ca_load_or_create(const char *dir, struct err *err)
{
    struct ca *ca = xcalloc(1, sizeof(*ca));
    struct root root = {0};
    ca->wall_ms = clock_wall_ms;
    ca->leaves.next = ca->leaves.prev = &ca->leaves;
    ca->cert_path = path_join(dir, "ca-cert.pem");

    int rc = root_load(ca, dir, &root, err);
    if (rc == 0)
        rc = make_issuer(ca, &root, err);
    if (rc == 0)
        rc = make_extensions(ca, err);
    EVP_PKEY_free(root.key);
    X509_free(root.cert);
    if (rc == 0)
        return ca;
    ca_free(ca);
    err_wrap(err, "certificate authority");
    return NULL;
}

void ca_free(struct ca *ca)
{
    if (!ca)
        return;
    struct leaf *next = NULL;
    for (struct leaf *leaf = ca->leaves.next; leaf != &ca->leaves; leaf = next) {
        next = leaf->next;
        leaf_free(leaf);
    }
    for (size_t i = 0; i < COMMON_EXTENSIONS; i++)
        X509_EXTENSION_free(ca->extensions[i]);
    X509_free(ca->issuer);
    EVP_PKEY_free(ca->issuer_key);
    EVP_PKEY_free(ca->leaf_key);
    buf_release(&ca->cert_pem);
    free(ca->cert_path);
    free(ca);
}

const char *ca_cert_path(const struct ca *ca)
{
    return ca->cert_path;
}

struct str ca_cert_pem(const struct ca *ca)
{
    return buf_str(&ca->cert_pem);
}

struct x509_st *ca_issuer(const struct ca *ca)
{
    return ca->issuer;
}

const struct tls_identity *ca_leaf(struct ca *ca, const char *host)
{
    struct leaf *leaf = leaf_find(ca, host);
    if (leaf && ca->wall_ms() >= leaf->renew_ms) {
        leaf_drop(ca, leaf);
        leaf = NULL;
    }
    if (!leaf)
        leaf = leaf_mint(ca, host);
    return leaf ? &leaf->identity : NULL;
}

void ca_set_clock(struct ca *ca, int64_t (*wall_ms)(void))
{
    ca->wall_ms = wall_ms;
}

/* --- files ---------------------------------------------------------------------------- */

static int root_load_locked(struct ca *ca, const char *dir, struct root *root, struct err *err)
{
    int rc = 0;
    char *key_path = path_join(dir, "ca-key.pem");
    if (file_exists(key_path))
        rc = load_key(root, key_path, err);
    else if (file_exists(ca->cert_path))
        rc = err_set(err, ERR_CONFIG,
                "'%s' is missing but '%s' is there; remove that one to make a new authority",
                key_path, ca->cert_path);
    else
        rc = make_key(root, key_path, err);
    free(key_path);
    if (rc == 0 && file_exists(ca->cert_path))
        rc = load_cert(ca, root, err);
    /* Earlier versions signed leaves with the root's key, and forbade what is between now. */
    if (rc == 0 && (!root->cert || X509_get_pathlen(root->cert) == 0))
        rc = make_cert(ca, root, err);
    return rc;
}

/* Two first programs at once would leave one's key beside the other's certificate. The lock
 * goes with the descriptor; -1 if there is none. */
static int lock_folder(const char *dir, struct err *err)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX) == 0)
        return fd;
    err_set(err, ERR_IO, "cannot lock folder '%s': %s", dir, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static int root_load(struct ca *ca, const char *dir, struct root *root, struct err *err)
{
    int rc = file_mkdir(dir, err);
    if (rc < 0)
        return rc;
    int lock = lock_folder(dir, err);
    if (lock < 0)
        return ERR_IO;
    rc = root_load_locked(ca, dir, root, err);
    close(lock);
    return rc;
}

/* PKCS#8, or PKCS#1 within it or alone. Not by PEM_read_bio_PrivateKey(): the decoders of
 * OpenSSL 3 leave copies of what they read in freed memory. NULL: not an RSA key. */
static RSA *read_rsa(BIO *bio)
{
    unsigned char *der = NULL;
    long size = 0;
    char *name = NULL;
    /* An empty passphrase, or it would ask for one on the terminal. */
    if (!PEM_bytes_read_bio_secmem(
                &der, &size, &name, PEM_STRING_EVP_PKEY, bio, NULL, (void *)""))
        return NULL;
    const unsigned char *p = der;
    int n = (int)size;
    PKCS8_PRIV_KEY_INFO *info = NULL;
    if (strcmp(name, PEM_STRING_PKCS8INF) == 0)
        info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, size);
    if (info)
        PKCS8_pkey_get0(NULL, &p, &n, NULL, info);
    RSA *rsa = NULL;
    if (info || strcmp(name, PEM_STRING_RSA) == 0)
        rsa = d2i_RSAPrivateKey(NULL, &p, n);
    PKCS8_PRIV_KEY_INFO_free(info);
    OPENSSL_secure_clear_free(der, (size_t)size);
    OPENSSL_free(name);
    return rsa;
}

static int load_key(struct root *root, const char *path, struct err *err)
{
    struct buf pem = BUF_INIT;
    buf_mark_secret(&pem);
    int rc = file_read_private(path, LIMIT_FILE, &pem, err);
    if (rc < 0) {
        buf_wipe(&pem);
        /* Not a key of the user's that is missing: the folder is not in order. */
        if (rc == ERR_CREDENTIAL && err)
            err->code = ERR_CONFIG;
        return rc;
    }
    BIO *bio = BIO_new_mem_buf(buf_data(&pem), (int)buf_len(&pem));
    RSA *rsa = read_rsa(bio);
    BIO_free(bio);
    buf_wipe(&pem);
    root->key = EVP_PKEY_new();
    if (rsa && root->key && EVP_PKEY_assign_RSA(root->key, rsa))
        return 0;
    RSA_free(rsa);
    ERR_clear_error();
    return err_set(err, ERR_CONFIG, "'%s' holds no RSA key without a passphrase", path);
}

static int load_cert(struct ca *ca, struct root *root, struct err *err)
{
    int rc = file_read(ca->cert_path, LIMIT_FILE, &ca->cert_pem, err);
    if (rc < 0)
        return rc;
    BIO *bio = BIO_new_mem_buf(buf_data(&ca->cert_pem), (int)buf_len(&ca->cert_pem));
    root->cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (!root->cert)
        return err_ssl(err, ca->cert_path);
    if (X509_check_private_key(root->cert, root->key) != 1)
        return err_set(err, ERR_CONFIG,
                "'%s' does not belong to the key beside it; remove it to make a new one",
                ca->cert_path);
    time_t soon = (time_t)((ca->wall_ms() + DAY_MS) / 1000);
    if (X509_cmp_time(X509_get0_notAfter(root->cert), &soon) <= 0)
        return err_set(err, ERR_CONFIG, "'%s' has expired; remove it to make a new one",
                ca->cert_path);
    return 0;
}

/* Turn a memory BIO into a file; the BIO is wiped and freed. */
static int write_bio(const char *path, BIO *bio, mode_t mode, struct err *err)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    int rc = file_write(path, p, (size_t)n, mode, err);
    OPENSSL_cleanse(p, (size_t)n);
    BIO_free(bio);
    return rc;
}

static int make_key(struct root *root, const char *path, struct err *err)
{
    root->key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    if (!root->key ||
            !PEM_write_bio_PKCS8PrivateKey(bio, root->key, NULL, NULL, 0, NULL, NULL)) {
        BIO_free(bio);
        return err_ssl(err, path);
    }
    return write_bio(path, bio, 0600, err);
}

/* --- certificates --------------------------------------------------------------------- */

/* 16 random bytes, positive and minimal: some clients refuse any other serial. */
static int set_serial(X509 *cert)
{
    uint8_t bytes[16];
    crypt_random(bytes, sizeof(bytes));
    bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    int ok = number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    return ok;
}

static int set_times(X509 *cert, int64_t from_ms, int64_t until_ms)
{
    return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)(from_ms / 1000)) &&
           ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)(until_ms / 1000));
}

static int set_name(X509 *cert, const char *name)
{
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
            (const unsigned char *)name, -1, -1, 0);
}

static int add_text(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    int ok = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

/* The certificate of the root's key; one that is there gives its name, and is replaced. */
static int make_cert(struct ca *ca, struct root *root, struct err *err)
{
    int64_t now = ca->wall_ms();
    X509 *cert = X509_new();
    int ok = cert && X509_set_version(cert, 2) && set_serial(cert) &&
             set_times(cert, now - BACKDATE_MS, now + CA_DAYS * DAY_MS) &&
             (root->cert ? X509_set_subject_name(cert, X509_get_subject_name(root->cert))
                         : set_name(cert, "IronCurtain MITM CA")) &&
             X509_set_issuer_name(cert, X509_get_subject_name(cert)) &&
             X509_set_pubkey(cert, root->key) &&
             add_text(cert, cert, NID_basic_constraints, "critical,CA:true,pathlen:1") &&
             add_text(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
             add_text(cert, cert, NID_subject_key_identifier, "hash") &&
             X509_sign(cert, root->key, EVP_sha256());
    BIO *bio = BIO_new(BIO_s_mem());
    if (!ok || !PEM_write_bio_X509(bio, cert)) {
        X509_free(cert);
        BIO_free(bio);
        return err_ssl(err, ca->cert_path);
    }
    X509_free(root->cert);
    root->cert = cert;
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    buf_clear(&ca->cert_pem);
    buf_append(&ca->cert_pem, p, (size_t)n);
    return write_bio(ca->cert_path, bio, 0644, err);
}

static EVP_PKEY *make_ec_key(void)
{
    EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    EVP_PKEY *key = EVP_PKEY_new();
    if (ec && key && EC_KEY_generate_key(ec) && EVP_PKEY_assign_EC_KEY(key, ec))
        return key;
    EC_KEY_free(ec);
    EVP_PKEY_free(key);
    return NULL;
}

/* The one signature that the root's key is there for. */
static int make_issuer(struct ca *ca, const struct root *root, struct err *err)
{
    X509 *cert = X509_new();
    ca->issuer = cert;
    ca->issuer_key = make_ec_key();
    ca->leaf_key = make_ec_key();
    int ok = cert && ca->issuer_key && ca->leaf_key && X509_set_version(cert, 2) &&
             set_serial(cert) && X509_set1_notBefore(cert, X509_get0_notBefore(root->cert)) &&
             X509_set1_notAfter(cert, X509_get0_notAfter(root->cert)) &&
             set_name(cert, "IronCurtain issuing CA of one run") &&
             X509_set_issuer_name(cert, X509_get_subject_name(root->cert)) &&
             X509_set_pubkey(cert, ca->issuer_key) &&
             add_text(cert, root->cert, NID_basic_constraints, "critical,CA:true,pathlen:0") &&
             add_text(cert, root->cert, NID_key_usage, "critical,keyCertSign,cRLSign") &&
             add_text(cert, root->cert, NID_subject_key_identifier, "hash") &&
             add_text(cert, root->cert, NID_authority_key_identifier, "keyid") &&
             X509_sign(cert, root->key, EVP_sha256());
    return ok ? 0 : err_ssl(err, "issuing certificate");
}

static int make_extensions(struct ca *ca, struct err *err)
{
    static const struct {
        int nid;
        const char *value;
    } common[COMMON_EXTENSIONS] = {
            {NID_basic_constraints, "critical,CA:false"},
            {NID_key_usage, "critical,digitalSignature"},
            {NID_ext_key_usage, "serverAuth"},
            {NID_authority_key_identifier, "keyid"},
    };
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, ca->issuer, NULL, NULL, NULL, 0);
    for (size_t i = 0; i < COMMON_EXTENSIONS; i++) {
        ca->extensions[i] = X509V3_EXT_conf_nid(NULL, &ctx, common[i].nid, common[i].value);
        if (!ca->extensions[i])
            return err_ssl(err, "leaf extensions");
    }
    return 0;
}

/* RFC 5280 section 4.2.1.6: critical if it is all that names the subject. */
static int add_alt_name(X509 *cert, const char *host, bool critical)
{
    GENERAL_NAMES *names = GENERAL_NAMES_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    int ok = names && name;
    if (ok && address) {
        GENERAL_NAME_set0_value(name, GEN_IPADD, address);
        address = NULL;
    } else if (ok) {
        ASN1_IA5STRING *dns = ASN1_IA5STRING_new();
        ok = dns && ASN1_STRING_set(dns, host, -1);
        GENERAL_NAME_set0_value(name, GEN_DNS, dns);
    }
    ok = ok && sk_GENERAL_NAME_push(names, name);
    if (ok)
        name = NULL;
    ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, critical, 0);
    ASN1_OCTET_STRING_free(address);
    GENERAL_NAME_free(name);
    GENERAL_NAMES_free(names);
    return ok;
}

static X509 *leaf_make(const struct ca *ca, const char *host, int64_t now_ms)
{
    X509 *cert = X509_new();
    /* A common name has at most 64 characters; clients look at the alternative name only. */
    bool short_name = strlen(host) <= 64;
    int ok = cert && X509_set_version(cert, 2) && set_serial(cert) &&
             set_times(cert, now_ms - BACKDATE_MS, now_ms + DAY_MS) &&
             (!short_name || set_name(cert, host)) &&
             X509_set_issuer_name(cert, X509_get_subject_name(ca->issuer)) &&
             X509_set_pubkey(cert, ca->leaf_key) && add_alt_name(cert, host, !short_name);
    for (size_t i = 0; ok && i < COMMON_EXTENSIONS; i++)
        ok = X509_add_ext(cert, ca->extensions[i], -1);
    if (ok && X509_sign(cert, ca->issuer_key, EVP_sha256()))
        return cert;
    X509_free(cert);
    ERR_clear_error();
    return NULL;
}

/* --- cache ---------------------------------------------------------------------------- */

static void leaf_link_front(struct ca *ca, struct leaf *leaf)
{
    leaf->prev = &ca->leaves;
    leaf->next = ca->leaves.next;
    leaf->next->prev = leaf;
    ca->leaves.next = leaf;
}

/* FNV-1a. Whoever makes names collide finds LIMIT_LEAVES of them in one bucket, no more. */
static struct leaf **bucket_of(struct ca *ca, const char *host)
{
    uint32_t hash = 2166136261u;
    for (const char *p = host; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    return &ca->buckets[hash % LIMIT_LEAVES];
}

static struct leaf *leaf_find(struct ca *ca, const char *host)
{
    struct leaf *leaf = *bucket_of(ca, host);
    while (leaf && strcmp(leaf->host, host) != 0)
        leaf = leaf->chain;
    if (!leaf)
        return NULL;
    leaf->prev->next = leaf->next;
    leaf->next->prev = leaf->prev;
    leaf_link_front(ca, leaf);
    return leaf;
}

static void leaf_free(struct leaf *leaf)
{
    X509_free(leaf->identity.cert);
    free(leaf->host);
    free(leaf);
}

static void leaf_drop(struct ca *ca, struct leaf *leaf)
{
    leaf->prev->next = leaf->next;
    leaf->next->prev = leaf->prev;
    ca->leaf_count--;
    struct leaf **at = bucket_of(ca, leaf->host);
    while (*at != leaf)
        at = &(*at)->chain;
    *at = leaf->chain;
    leaf_free(leaf);
}

static struct leaf *leaf_mint(struct ca *ca, const char *host)
{
    int64_t now = ca->wall_ms();
    X509 *cert = leaf_make(ca, host, now);
    if (!cert)
        return NULL;
    if (ca->leaf_count == LIMIT_LEAVES)
        leaf_drop(ca, ca->leaves.prev);
    struct leaf *leaf = xcalloc(1, sizeof(*leaf));
    leaf->host = xstrdup(host);
    leaf->identity = (struct tls_identity){.cert = cert, .key = ca->leaf_key};
    leaf->renew_ms = now + DAY_MS - RENEW_MS;
    leaf_link_front(ca, leaf);
    struct leaf **bucket = bucket_of(ca, host);
    leaf->chain = *bucket;
    *bucket = leaf;
    ca->leaf_count++;
    return leaf;
}

/* Translate and empty OpenSSL's error queue. */
static int err_ssl(struct err *err, const char *what)
{
    char reason[160];
    ERR_error_string_n(ERR_peek_error(), reason, sizeof(reason));
    ERR_clear_error();
    return err_set(err, ERR_CONFIG, "cannot use '%s': %s", what, reason);
}
