/*
 * credential.c - choosing the credential of each provider, and what the proxy asks about it.
 *
 * Which one it is is decided once, at start: a session's fake, its places in a request and the
 * agent's environment hang on it. Only a login's value changes afterwards (refresh.c).
 *
 * Owns the logins; keys stay the provider table's. Blocks: credentials_open() on small files
 * and on key commands.
 */
#include "proxy/credential.h"

#include "base/limits.h"
#include "io/child.h"
#include "io/crypt.h"
#include "proxy/provider_raw.h"
#include "proxy/proxy.h"
#include "proxy/refresh.h"

struct credential {
    const struct provider *provider; /* borrows; whose key it is */
    enum credential_kind kind;
    struct refresh *login; /* owns; with CREDENTIAL_LOGIN */
    struct err problem;
};

struct credentials {
    struct credentials_config config; /* its pointers are borrowed */
    struct credential *items;         /* owns; one per provider, those that share are empty */
};

static void choose(struct credentials *all, struct credential *c, struct provider *p);

struct credentials *credentials_open(const struct credentials_config *config, struct err *err)
{
    struct credentials *all = xcalloc(1, sizeof(*all));
    const char *forced = getenv("IRONCURTAIN_DOCKER_AUTH");

    all->config = *config;
    if (forced && *forced && strcmp(forced, "apikey") != 0) {
        free(all);
        err_set(err, ERR_CONFIG, "IRONCURTAIN_DOCKER_AUTH: there is only 'apikey'");
        return NULL;
    }
    if (forced && *forced)
        all->config.auth = CREDENTIAL_APIKEY;
    all->items = xcalloc(config->providers->count + 1, sizeof(*all->items));
    for (size_t i = 0; i < config->providers->count; i++) {
        struct provider *p = &config->providers->items[i];

        all->items[i].provider = p;
        if (provider_key_owner(config->providers, p) == p)
            choose(all, &all->items[i], p);
    }
    all->config.resolve = NULL;
    all->config.resolve_count = 0;
    return all;
}

void credentials_free(struct credentials *credentials)
{
    if (!credentials)
        return;
    for (size_t i = 0; i < credentials->config.providers->count; i++)
        refresh_free(credentials->items[i].login);
    free(credentials->items);
    free(credentials);
}

struct credential *credential_of(
        const struct credentials *credentials, const struct provider *provider)
{
    const struct provider_table *table = credentials->config.providers;

    return &credentials->items[provider_key_owner(table, provider) - table->items];
}

/* --- choosing: logins ------------------------------------------------------------------ */

static bool lives(const struct login_token *token)
{
    return token->expires_ms == LOGIN_NEVER || token->expires_ms > clock_wall_ms();
}

struct found {
    const struct oauth_login *login; /* NULL: nothing */
    char *path;                      /* owns */
    struct login_token token;        /* owns */
};

static void found_release(struct found *found)
{
    free(found->path);
    login_token_release(&found->token);
    *found = (struct found){0};
}

/* The first that lives; one that has to be renewed only if none does. */
static void find_login(
        const struct provider_oauth *oauth, struct found *best, struct err *problem)
{
    struct err err;

    for (size_t i = 0; i < oauth->login_count; i++) {
        const struct oauth_login *login = &oauth->logins[i];
        struct found one = {.login = login, .path = login_path(login->store)};
        int rc =
                one.path ? login_read(one.login->store, one.path, &one.token, &err) : ERR_NOENT;
        if (rc == 0 && !lives(&one.token) && !one.token.refresh)
            rc = err_set(&err, ERR_CREDENTIAL,
                    "the login in '%s' has ended and cannot be renewed", one.path);
        bool better = rc == 0 && (!best->login || (lives(&one.token) && !lives(&best->token)));
        if (rc < 0 && rc != ERR_NOENT && problem->code == ERR_OK)
            *problem = err;
        if (better) {
            struct found other = *best;
            *best = one;
            one = other;
        }
        found_release(&one);
    }
}

static const struct proxy_resolve *find_resolve(
        const struct credentials_config *config, const struct provider_upstream *to)
{
    for (size_t i = 0; i < config->resolve_count; i++) {
        if (config->resolve[i].port == to->port &&
                strcmp(config->resolve[i].host, to->host) == 0)
            return &config->resolve[i];
    }
    return NULL;
}

static bool use_login(struct credentials *all, struct credential *c)
{
    const struct credentials_config *config = &all->config;
    struct found found = {0};

    find_login(c->provider->oauth, &found, &c->problem);
    if (!found.login)
        return false;
    const struct proxy_resolve *resolve = find_resolve(config, &found.login->token);
    struct refresh_config rc = {
            .loop = config->loop,
            .login = found.login,
            .path = found.path,
            .address = resolve ? resolve->address : NULL,
            .port = resolve ? resolve->to_port : 0,
            .allow_private = resolve || found.login->overridden,
            .extra_ca = config->extra_ca,
            .via = config->via,
            .on_notice = config->on_notice,
            .ctx = config->ctx,
    };
    c->login = refresh_new(&rc, &found.token);
    c->kind = CREDENTIAL_LOGIN;
    found_release(&found);
    return true;
}

/* --- choosing: keys -------------------------------------------------------------------- */

/* What a command printed up to the first line end. Its errors are not shown: they may hold
 * what it was asked for. */
static void run_command(struct credential *c, struct provider *p)
{
    struct buf out = BUF_INIT;
    struct err err = {0};
    struct str line, rest;
    int status = 0;

    buf_mark_secret(&out);
    int rc = child_run((const char *const *)p->key_command, LIMIT_KEY_COMMAND_MS, &out, NULL,
            &status, &err);
    if (rc == 0 && status != 0)
        rc = err_set(
                &err, ERR_CREDENTIAL, "'%s' ended with status %d", p->key_command[0], status);
    rest = buf_str(&out);
    str_cut(&rest, '\n', &line);
    if (rc == 0) {
        p->key = provider_key_make(str_trim(line));
        free(p->key_origin);
        p->key_origin = xasprintf("command '%s'", p->key_command[0]);
    }
    if (rc == 0 && !p->key)
        rc = err_set(&err, ERR_CREDENTIAL, "'%s' printed no key", p->key_command[0]);
    buf_release(&out);
    if (rc < 0) {
        err_wrap(&err, "key command of provider '%s'", p->name);
        c->problem = err;
    }
}

static void use_key(struct credential *c, struct provider *p)
{
    if (p->place_count == 0)
        return;
    if (!p->key && p->key_command)
        run_command(c, p);
    if (p->key)
        c->kind = CREDENTIAL_KEY;
    else if (p->key_problem && c->problem.code == ERR_OK)
        err_set(&c->problem, ERR_CREDENTIAL, "%s", p->key_problem);
}

static void choose(struct credentials *all, struct credential *c, struct provider *p)
{
    enum credential_auth auth = p->oauth ? all->config.auth : CREDENTIAL_APIKEY;
    bool has_key = p->place_count && (p->key || p->key_command);

    /* A login is for the provider itself; what stands behind an override has keys of its own.
     */
    if (auth == CREDENTIAL_AUTO && p->upstream && has_key)
        auth = CREDENTIAL_APIKEY;
    if (auth != CREDENTIAL_APIKEY && use_login(all, c))
        return;
    if (auth != CREDENTIAL_OAUTH)
        use_key(c, p);
    else if (c->problem.code == ERR_OK)
        err_set(&c->problem, ERR_CREDENTIAL, "no login of provider '%s' found", p->name);
}

static bool takes_key_from(const struct provider *p, const char *variable)
{
    for (size_t i = 0; i < p->key_from_count; i++)
        if (!p->key_from[i].is_file && strcmp(p->key_from[i].name, variable) == 0)
            return true;
    return false;
}

bool credentials_take_key(struct credentials *all, const char *variable, struct str value)
{
    bool taken = false;

    for (size_t i = 0; i < all->config.providers->count; i++) {
        struct provider *p = &all->config.providers->items[i];
        struct credential *c = credential_of(all, p);
        bool usable = p == c->provider && c->kind == CREDENTIAL_NONE && p->place_count > 0 &&
                      (!p->oauth || all->config.auth != CREDENTIAL_OAUTH);
        struct secret *key =
                usable && takes_key_from(p, variable) ? provider_key_make(value) : NULL;

        if (!key)
            continue;
        secret_free(p->key);
        p->key = key;
        free(p->key_origin);
        p->key_origin = xasprintf("$%s", variable);
        c->kind = CREDENTIAL_KEY;
        c->problem = (struct err){0};
        taken = true;
    }
    return taken;
}

/* --- asking ---------------------------------------------------------------------------- */

enum credential_kind credential_kind(const struct credential *c)
{
    return c->kind;
}

const struct key_place *credential_places(const struct credential *c, size_t *ret_count)
{
    switch (c->kind) {
    case CREDENTIAL_NONE:
        break;
    case CREDENTIAL_KEY:
        *ret_count = c->provider->place_count;
        return c->provider->places;
    case CREDENTIAL_LOGIN:
        *ret_count = 1;
        return &c->provider->oauth->place;
    }
    *ret_count = 0;
    return NULL;
}

const struct secret *credential_secret(const struct credential *c)
{
    switch (c->kind) {
    case CREDENTIAL_NONE:
        break;
    case CREDENTIAL_KEY:
        return c->provider->key;
    case CREDENTIAL_LOGIN:
        return refresh_token(c->login)->access;
    }
    return NULL;
}

unsigned credential_generation(const struct credential *c)
{
    return c->login ? refresh_generation(c->login) : 0;
}

/* Codex looks into its tokens: not signed, for nobody, and they end in the year 2100. */
static size_t put_jwt_head(char *out)
{
    static const char head[] = "{\"alg\":\"none\",\"typ\":\"JWT\"}";
    static const char claims[] =
            "{\"exp\":4102444800,\"iss\":\"ironcurtain\",\"sub\":\"codex-fake\"}";
    size_t n = crypt_base64url(head, strlen(head), out);

    out[n++] = '.';
    n += crypt_base64url(claims, strlen(claims), out + n);
    out[n++] = '.';
    return n;
}

void credential_make_fake(const struct credential *c, char out[CREDENTIAL_FAKE_MAX])
{
    bool login = c->kind == CREDENTIAL_LOGIN;
    bool jwt = login && c->provider->oauth->fake_is_jwt;
    const char *prefix = login ? c->provider->oauth->fake_prefix : c->provider->fake_prefix;
    size_t n = strlen(prefix);
    uint8_t bytes[24];

    if (jwt)
        n = put_jwt_head(out);
    else
        memcpy(out, prefix, n);
    crypt_random(bytes, sizeof(bytes));
    n += crypt_base64url(bytes, sizeof(bytes), out + n);
    CHECK(n < CREDENTIAL_FAKE_MAX);
    out[n] = '\0';
}

const char *credential_account(const struct credential *c)
{
    return c->login ? refresh_token(c->login)->account : "";
}

/* --- renewing -------------------------------------------------------------------------- */

bool credential_renews(const struct credential *c)
{
    return c->login != NULL;
}

bool credential_stale(const struct credential *c)
{
    int64_t ends = credential_expires_ms(c);

    return ends != 0 && ends - clock_wall_ms() < LIMIT_TOKEN_LIFE_MS;
}

struct credential_wait *credential_refresh(struct credential *c, unsigned generation,
        void (*done)(void *ctx, const struct err *err), void *ctx)
{
    CHECK(c->login);
    return refresh_start(c->login, generation, done, ctx);
}

/* --- for people ------------------------------------------------------------------------ */

static void put_life(struct buf *ret, int64_t ends_ms)
{
    int64_t minutes = (ends_ms - clock_wall_ms()) / 60000;

    if (ends_ms == 0)
        return;
    if (minutes <= 0)
        buf_puts(ret, ", has ended and is renewed at the next request");
    else if (minutes < 120)
        buf_printf(ret, ", expires in %lld min", (long long)minutes);
    else if (minutes < INT64_C(48) * 60)
        buf_printf(ret, ", expires in %lld h", (long long)(minutes / 60));
    else
        buf_printf(ret, ", expires in %lld days", (long long)(minutes / 60 / 24));
}

void credential_describe(const struct credential *c, struct buf *ret)
{
    switch (c->kind) {
    case CREDENTIAL_NONE:
        buf_puts(ret, "none");
        return;
    case CREDENTIAL_KEY:
        buf_printf(ret, "api key from %s", credential_origin(c));
        return;
    case CREDENTIAL_LOGIN:
        buf_printf(ret, "login of %s in '%s'", oauth_store_name(refresh_login(c->login)->store),
                refresh_path(c->login));
        put_life(ret, credential_expires_ms(c));
        return;
    }
}

const char *credential_origin(const struct credential *c)
{
    return c->provider->key_origin ? c->provider->key_origin : "the configuration";
}

const char *credential_file(const struct credential *c)
{
    return c->login ? refresh_path(c->login) : NULL;
}

int64_t credential_expires_ms(const struct credential *c)
{
    int64_t ends = c->login ? refresh_token(c->login)->expires_ms : LOGIN_NEVER;

    return ends == LOGIN_NEVER ? 0 : ends;
}

const char *credential_problem(const struct credential *c)
{
    return c->problem.code == ERR_OK ? "" : c->problem.msg;
}
