/*
 * credential.h - what the real credential of each provider is: none, an API key, or a login
 * that a program of this machine made (OAuth), which is renewed when it ends.
 *
 * One set for the process, shared by all proxies; the fakes are made per proxy.
 *
 *     struct credentials *all = credentials_open(&config, &err);
 *     struct credential *c = credential_of(all, provider);
 *     if (credential_kind(c) != CREDENTIAL_NONE) {
 *         char fake[CREDENTIAL_FAKE_MAX];
 *         credential_make_fake(c, fake);
 *         places = credential_places(c, &count);     where it stands, in which form
 *     }
 *     ...
 *     unsigned used = credential_generation(c);      together with credential_secret(c)
 *     ... 401 ...
 *     wait = credential_refresh(c, used, on_refreshed, x);
 *
 * Which one counts: with AUTO a login goes before an API key, unless the provider's upstream
 * is overridden, where an API key, if there is one, is the one for that upstream.
 * IRONCURTAIN_DOCKER_AUTH=apikey in the environment goes before the configuration.
 *
 * Providers that share a key (provider_key_owner) share the login, its generation and its
 * refresh. Everything belongs to the loop's thread.
 */
#ifndef SRC_PROXY_CREDENTIAL_H
#define SRC_PROXY_CREDENTIAL_H

#include "io/loop.h"
#include "proxy/provider.h"

/* Prefix or JWT head, random part, NUL. */
#define CREDENTIAL_FAKE_MAX 256

enum credential_kind { CREDENTIAL_NONE, CREDENTIAL_KEY, CREDENTIAL_LOGIN };
enum credential_auth { CREDENTIAL_AUTO, CREDENTIAL_APIKEY, CREDENTIAL_OAUTH };

struct credentials;
struct credential;
struct credential_wait;

struct dial_proxy;
struct proxy_resolve;

struct credentials_config {
    struct loop *loop;                /* borrows, all of these */
    struct provider_table *providers; /* its keys are filled in from commands */
    enum credential_auth auth;
    const char *extra_ca;                /* PEM of a further trust anchor, or NULL */
    const struct dial_proxy *via;        /* on the way to token endpoints; NULL: direct */
    const struct proxy_resolve *resolve; /* operator's override of addresses; not kept */
    size_t resolve_count;
    /* Something a person should know ("login in F was renewed, but ..."). May be NULL. */
    void (*on_notice)(void *ctx, const char *text);
    void *ctx;
};

/*
 * Looks for logins and runs key commands (each at most LIMIT_KEY_COMMAND_MS): blocks, so only
 * at start. After provider_table_keys_from_env(). A provider without a credential is no error;
 * credential_problem() says why.
 */
struct credentials *credentials_open(const struct credentials_config *config, struct err *err);
/* After the proxies. A grant that was sent is waited for, at most LIMIT_TOKEN_END_MS, because
 * its answer holds the refresh token that replaces the one in the file. */
void credentials_free(struct credentials *credentials);

/* A key that came after the start, as the variable of whoever starts a session: for each
 * provider that takes its key from this variable and has no credential. False: for none.
 * Proxies that are there already go on without it. */
bool credentials_take_key(
        struct credentials *credentials, const char *variable, struct str value);

/* Never NULL; providers that share are the same credential. */
struct credential *credential_of(
        const struct credentials *credentials, const struct provider *provider);

enum credential_kind credential_kind(const struct credential *c);
/* The places it may stand in, all of one fake; the first is the usual one. Count 0: none. */
const struct key_place *credential_places(const struct credential *c, size_t *ret_count);
/* The real value, borrowed until the loop's next turn; NULL: there is none. */
const struct secret *credential_secret(const struct credential *c);
/* Another number whenever the value became another. */
unsigned credential_generation(const struct credential *c);
/* A new fake: worthless, but of the form that agents expect. */
void credential_make_fake(const struct credential *c, char out[CREDENTIAL_FAKE_MAX]);
/* The account a login is for, which Codex sends along; "" if there is none. */
const char *credential_account(const struct credential *c);

/* Can it be renewed at all? Only logins can. */
bool credential_renews(const struct credential *c);
/* Does it end within LIMIT_TOKEN_LIFE_MS? Keys never do. */
bool credential_stale(const struct credential *c);

/*
 * Get a newer value than that of `generation`: from the file, where the program that owns it
 * may have put one meanwhile, else from the token endpoint, else once more from the file.
 * Everybody who asks meanwhile gets the same answer. done is called exactly once and never
 * from inside: NULL when another value is in force, or why not (nothing secret in it).
 */
struct credential_wait *credential_refresh(struct credential *c, unsigned generation,
        void (*done)(void *ctx, const struct err *err), void *ctx);
/* Silence for this one; the refresh goes on. NULL is fine; not after done. */
void credential_cancel(struct credential_wait *wait);

/* "api key from $ANTHROPIC_API_KEY", "login of claude-code in
 * '/root/.claude/.credentials.json', expires in 3 h", "none"; for people. */
void credential_describe(const struct credential *c, struct buf *ret);
/* Where a key is from: "$NAME", a path, "command 'x'", "the configuration". */
const char *credential_origin(const struct credential *c);
/* The file of the login, or NULL. When it ends in Unix ms; 0: not known, or a key. */
const char *credential_file(const struct credential *c);
int64_t credential_expires_ms(const struct credential *c);
/* Why there is none, or why the one that was wished for is not used; "" if all is well. */
const char *credential_problem(const struct credential *c);

#endif
