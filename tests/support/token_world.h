/*
 * token_world.h - a home with login files, and a token endpoint on a real TLS socket that says
 * what the test tells it to. One process, one loop; order comes from waiting for what happened.
 */
#ifndef TESTS_SUPPORT_TOKEN_WORLD_H
#define TESTS_SUPPORT_TOKEN_WORLD_H

#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "proxy/credential.h"
#include "proxy/proxy.h"
#include "support/loopback.h"
#include "support/tmpdir.h"
#include "unit/check.h"

#define CLAUDE ".claude/.credentials.json"
#define ANT ".config/anthropic/credentials/default.json"
#define CODEX ".codex/auth.json"

struct token_world {
    char home[64];
    struct loop *loop;
    struct ca *ca;
    struct test_tls tls;
    struct listener *listener;
    struct chan *chans[16]; /* own; in the order they were accepted */
    struct buf got;         /* the requests */
    unsigned accepted;
    const char *answer; /* sent when a request is whole; NULL: not yet */
    unsigned grants;    /* whole requests */
    struct provider_table providers;
    struct credentials *credentials;
    char notice[800];
    struct patience patience;
};

#define TOKEN_WAIT(w, condition) WAIT_UNTIL(&(w)->patience, 20000, condition)

/* --- the endpoint ---------------------------------------------------------------------- */

static inline void token_answer(struct token_world *w)
{
    struct chan *chan = w->chans[w->accepted - 1];
    chan_write_str(chan, str_of(w->answer));
    chan_shutdown(chan);
}

static inline void token_data(void *ctx)
{
    struct token_world *w = ctx;
    struct buf *in = chan_in(w->chans[w->accepted - 1]);
    struct str got = buf_str(in);
    const char *end = got.n ? memmem(got.p, got.n, "\r\n\r\n", 4) : NULL;
    const char *length = got.n ? memmem(got.p, got.n, "content-length: ", 16) : NULL;
    if (!end || !length)
        return;
    size_t body = (size_t)(got.p + got.n - (end + 4));
    if (body < strtoul(length + 16, NULL, 10))
        return;
    buf_append_str(&w->got, got);
    buf_clear(in);
    w->grants++;
    if (w->answer)
        token_answer(w);
}

static inline void token_end(void *ctx)
{
    (void)ctx;
}

static inline void token_fail(void *ctx, const struct err *err)
{
    (void)ctx;
    (void)err;
}

static const struct chan_ops token_ops = {
        .on_data = token_data, .on_end = token_end, .on_fail = token_fail};

static inline void token_accept(void *ctx, struct chan *chan)
{
    struct token_world *w = ctx;
    CHECK(w->accepted < 16);
    w->chans[w->accepted++] = chan;
    chan_set_ops(chan, &token_ops, w);
    chan_start_tls_server(chan, w->tls.server, 5000);
}

/* --- files ----------------------------------------------------------------------------- */

static inline void world_write(struct token_world *w, const char *name, const char *text)
{
    struct err err = {0};
    char *path = path_join(w->home, name);
    char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    assert_int_equal(file_mkdir(dir, &err), 0);
    if (file_write(path, text, strlen(text), 0600, &err) < 0)
        fail_msg("%s", err.msg);
    free(dir);
    free(path);
}

/* Good until the next call. */
static inline const char *world_read(struct token_world *w, const char *name)
{
    static struct buf text;
    struct err err = {0};
    char *path = path_join(w->home, name);
    buf_release(&text);
    if (file_read(path, LIMIT_FILE, &text, &err) < 0)
        fail_msg("%s", err.msg);
    buf_putc(&text, '\0');
    free(path);
    return buf_data(&text);
}

static inline unsigned world_mode(struct token_world *w, const char *name)
{
    struct stat st;
    char *path = path_join(w->home, name);
    assert_int_equal(lstat(path, &st), 0);
    free(path);
    return st.st_mode & 07777;
}

/* --- the world ------------------------------------------------------------------------- */

static inline struct token_world *token_world_new(void)
{
    struct token_world *w = xcalloc(1, sizeof(*w));
    struct err err = {0};
    test_tmpdir(w->home, sizeof(w->home), "token");
    setenv("HOME", w->home, 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("ANTHROPIC_CONFIG_DIR");
    unsetenv("CLAUDE_CONFIG_DIR");
    unsetenv("CODEX_HOME");
    unsetenv("IRONCURTAIN_DOCKER_AUTH");
    unsetenv("ANTHROPIC_API_KEY");
    w->loop = loop_new(&err);
    patience_init(&w->patience, w->loop);
    trust_no_system_ca();
    char *dir = path_join(path_home(), "endpoint-ca"); /* made once */
    w->ca = ca_load_or_create(dir, &err);
    free(dir);
    if (!w->ca)
        fail_msg("%s", err.msg);
    test_tls_open(&w->tls, w->ca);
    w->listener = listen_tcp(w->loop, "127.0.0.1", 0, token_accept, w, &err);
    assert_non_null(w->listener);
    return w;
}

static inline void token_notice(void *ctx, const char *text)
{
    struct token_world *w = ctx;
    str_copy(w->notice, sizeof(w->notice), str_of(text));
}

/* The three token endpoints are led to ours; `extra` is more of the provider table. */
static inline int token_world_try(
        struct token_world *w, const char *extra, enum credential_auth auth, struct err *err)
{
    static const char *const hosts[] = {
            "platform.claude.com", "api.anthropic.com", "auth.openai.com"};
    struct proxy_resolve resolve[3];
    for (unsigned i = 0; i < 3; i++)
        resolve[i] =
                (struct proxy_resolve){hosts[i], 443, "127.0.0.1", listener_port(w->listener)};
    if (provider_table_load(&w->providers, str_of(extra), "test", err) < 0)
        fail_msg("%s", err->msg);
    provider_table_keys_from_env(&w->providers);
    struct credentials_config config = {
            .loop = w->loop,
            .providers = &w->providers,
            .auth = auth,
            .extra_ca = ca_cert_path(w->ca),
            .resolve = resolve,
            .resolve_count = 3,
            .on_notice = token_notice,
            .ctx = w,
    };
    w->credentials = credentials_open(&config, err);
    return w->credentials ? 0 : (int)err->code;
}

static inline struct credential *token_world_open(struct token_world *w, const char *provider)
{
    struct err err = {0};
    if (token_world_try(w, "", CREDENTIAL_AUTO, &err) < 0)
        fail_msg("%s", err.msg);
    return credential_of(w->credentials, provider_find(&w->providers, provider));
}

static inline void token_world_close(struct token_world *w)
{
    credentials_free(w->credentials);
    w->credentials = NULL;
    provider_table_release(&w->providers);
}

static inline void token_world_free(struct token_world *w)
{
    token_world_close(w);
    for (unsigned i = 0; i < w->accepted; i++)
        chan_abort(w->chans[i]);
    listener_free(w->listener);
    tls_server_free(w->tls.server);
    ca_free(w->ca);
    timer_free(w->patience.timer);
    buf_release(&w->got);
    loop_free(w->loop); /* everything is closed, or this aborts */
    assert_int_equal(file_remove_tree(w->home, NULL), 0);
    free(w);
}

#endif
