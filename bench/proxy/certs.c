/*
 * certs.c - `proxy_bench certs DIR`: a CA (ca.pem) and the certificate of the origin and of
 * nginx (leaf.pem, leaf-key.pem), all ECDSA P-256, good for two days.
 *
 * Owns: nothing after its return. Blocks: writes files.
 */
#include "modes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/mem.h"
#include "stats.h"

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension || !X509_add_ext(cert, extension, -1))
        fail("extension '%s'", value);
    X509_EXTENSION_free(extension);
}

static X509 *make_cert(EVP_PKEY *key, const char *name, long serial)
{
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), -86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
            (const unsigned char *)name, -1, -1, 0);
    return cert;
}

static X509 *make_ca(EVP_PKEY *key)
{
    X509 *ca = make_cert(key, "proxy_bench CA", 1);
    X509_set_issuer_name(ca, X509_get_subject_name(ca));
    add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
    if (!X509_sign(ca, key, EVP_sha256()))
        fail("the CA cannot be signed");
    return ca;
}

static X509 *make_leaf(EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
    X509 *leaf = make_cert(key, "proxy_bench", 2);
    X509_set_issuer_name(leaf, X509_get_subject_name(ca));
    add_extension(leaf, ca, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(leaf, ca, NID_ext_key_usage, "serverAuth");
    add_extension(leaf, ca, NID_subject_alt_name, "DNS:" BENCH_HOST);
    if (!X509_sign(leaf, ca_key, EVP_sha256()))
        fail("the leaf cannot be signed");
    return leaf;
}

static FILE *open_in(const char *dir, const char *name)
{
    char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "we");
    if (!f)
        fail("%s: %s", path, strerror(errno));
    free(path);
    return f;
}

static void write_cert(const char *dir, const char *name, X509 *cert)
{
    FILE *f = open_in(dir, name);
    if (!PEM_write_X509(f, cert) || fclose(f) != 0)
        fail("%s cannot be written", name);
}

static void write_key(const char *dir, const char *name, EVP_PKEY *key)
{
    FILE *f = open_in(dir, name);
    if (!PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) || fclose(f) != 0)
        fail("%s cannot be written", name);
}

int certs_main(const char *dir)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    if (!ca_key || !key)
        fail("no P-256 key can be made");
    X509 *ca = make_ca(ca_key), *leaf = make_leaf(key, ca, ca_key);
    write_cert(dir, "ca.pem", ca);
    write_cert(dir, "leaf.pem", leaf);
    write_key(dir, "leaf-key.pem", key);
    X509_free(ca);
    X509_free(leaf);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return 0;
}
