/*
 * proxy_world.h - everything around a proxy in one process and one loop: an agent that speaks
 * through CONNECT, and an origin that says exactly what the test tells it to. Real sockets,
 * real TLS, real sqlite. Order comes from waiting for what happened, never from time.
 */
#ifndef TESTS_SUPPORT_PROXY_WORLD_H
#define TESTS_SUPPORT_PROXY_WORLD_H

#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "proxy/proxy.h"
#include "support/loopback.h"
#include "support/tmpdir.h"
#include "unit/check.h"

#define REAL_KEY "sk-ant-real-0123456789"
#define MAX_PEERS 48

/* One end of a connection that the test plays itself: the agent's, or the origin's. */
struct peer {
    struct world *world;
    struct chan *chan; /* NULL: closed by us */
    struct buf got;    /* all that came and was not taken */
    uint64_t received; /* bytes in all */
    bool open, ended, failed;
    bool holds; /* does not read: bytes stay in the channel */
};

struct world {
    char dir[64];
    struct loop *loop;
    struct store *store;
    struct gate *gate;
    struct policy *policy;
    struct ca *ca, *origin_ca;
    struct provider_table providers;
    struct credentials *credentials;
    struct grants *grants;
    struct proxy_resolve resolve[8];
    struct proxy *proxy;
    struct test_tls origin_tls;
    struct tls_client *agent_tls;
    struct listener *origin, *plain_origin;
    struct peer *origins[MAX_PEERS]; /* in the order they were accepted */
    unsigned origin_count;
    bool held_origins; /* what is accepted now does not read */
    struct peer *agents[MAX_PEERS];
    unsigned agent_count;
    struct patience patience;
    char path[96];
    const char *policy_text;
    uint32_t gate_ms;
};

#define WAIT_MS(w, condition, ms) WAIT_UNTIL(&(w)->patience, ms, condition)
#define WAIT(w, condition) WAIT_MS(w, condition, 10000)

/* --- peers ----------------------------------------------------------------------------- */

static inline void peer_data(void *ctx)
{
    struct peer *peer = ctx;
    struct buf *in = chan_in(peer->chan);
    if (peer->holds)
        return;
    peer->received += buf_len(in);
    buf_append_str(&peer->got, buf_str(in));
    buf_clear(in);
}

static inline void peer_open(void *ctx)
{
    ((struct peer *)ctx)->open = true;
}

static inline void peer_end(void *ctx)
{
    struct peer *peer = ctx;
    peer_data(ctx);
    peer->ended = true;
}

static inline void peer_fail(void *ctx, const struct err *err)
{
    struct peer *peer = ctx;
    (void)err;
    peer_data(ctx);
    peer->failed = true;
}

static const struct chan_ops peer_ops = {
        .on_open = peer_open, .on_data = peer_data, .on_end = peer_end, .on_fail = peer_fail};

static inline struct peer *peer_new(struct world *w, struct chan *chan)
{
    struct peer *peer = xcalloc(1, sizeof(*peer));
    peer->world = w;
    peer->chan = chan;
    if (chan)
        chan_set_ops(chan, &peer_ops, peer);
    return peer;
}

static inline void peer_abort(struct peer *peer)
{
    if (peer->chan)
        chan_abort(peer->chan);
    peer->chan = NULL;
}

static inline void peer_close(struct peer *peer)
{
    if (peer->chan)
        chan_close(peer->chan);
    peer->chan = NULL;
}

static inline void peer_free(struct peer *peer)
{
    peer_abort(peer);
    buf_release(&peer->got);
    free(peer);
}

static inline bool peer_has(const struct peer *peer, const char *text)
{
    struct str got = buf_str(&peer->got);
    return got.n > 0 && memmem(got.p, got.n, text, strlen(text)) != NULL;
}

static inline bool peer_is(const struct peer *peer, const char *text)
{
    return str_eq(buf_str(&peer->got), str_of(text));
}

static inline bool peer_is_gone(const struct peer *peer)
{
    return peer->ended || peer->failed;
}

static inline void peer_say(struct peer *peer, const char *text)
{
    chan_write_str(peer->chan, str_of(text));
}

static inline void peer_forget(struct peer *peer)
{
    buf_clear(&peer->got);
}

/* --- the origin ------------------------------------------------------------------------ */

static inline void origin_accept_plain(void *ctx, struct chan *chan)
{
    struct world *w = ctx;
    CHECK(w->origin_count < MAX_PEERS);
    w->origins[w->origin_count] = peer_new(w, chan);
    w->origins[w->origin_count++]->holds = w->held_origins;
}

static inline void origin_accept(void *ctx, struct chan *chan)
{
    struct world *w = ctx;
    origin_accept_plain(ctx, chan);
    chan_start_tls_server(chan, w->origin_tls.server, 5000);
}

/* The connection number `n` (from 0), when it is there and has `text`. */
static inline struct peer *origin_wait(struct world *w, unsigned n, const char *text)
{
    WAIT(w, w->origin_count > n);
    struct peer *peer = w->origins[n];
    WAIT(w, peer_has(peer, text));
    return peer;
}

/* --- the agent ------------------------------------------------------------------------- */

static inline struct peer *agent_new(struct world *w)
{
    struct peer *agent = peer_new(w, NULL);
    CHECK(w->agent_count < MAX_PEERS);
    w->agents[w->agent_count++] = agent;
    agent->chan = chan_connect_unix(w->loop, w->path, &peer_ops, agent, NULL);
    assert_non_null(agent->chan);
    return agent;
}

/* Plain words to the proxy's front: returns when the answer's head is there. */
static inline struct peer *agent_connect(struct world *w, const char *target)
{
    struct peer *agent = agent_new(w);
    char text[400];
    snprintf(text, sizeof(text), "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target);
    peer_say(agent, text);
    return agent;
}

/* A tunnel to a provider, handshake done. */
static inline struct peer *agent_tunnel(struct world *w, const char *target, const char *sni)
{
    struct peer *agent = agent_connect(w, target);
    WAIT(w, peer_has(agent, "\r\n\r\n"));
    assert_true(peer_has(agent, "HTTP/1.1 200 Connection Established\r\n\r\n"));
    peer_forget(agent);
    agent->open = false;
    chan_start_tls_client(agent->chan, w->agent_tls, sni, 5000);
    WAIT(w, agent->open || agent->failed);
    return agent;
}

static inline struct peer *agent_api(struct world *w)
{
    struct peer *agent = agent_tunnel(w, "api.anthropic.com:443", "api.anthropic.com");
    assert_true(agent->open);
    return agent;
}

/* Say a request and wait for `text` in the answer. */
static inline void agent_ask(struct peer *agent, const char *request, const char *text)
{
    peer_forget(agent);
    peer_say(agent, request);
    WAIT(agent->world, peer_has(agent, text));
}

static inline const char *fake_key(struct world *w)
{
    return proxy_fake_key(w->proxy, "anthropic");
}

/* --- rows ------------------------------------------------------------------------------ */

static inline void world_flushed(void *ctx, const struct err *err)
{
    assert_null(err);
    *(bool *)ctx = true;
}

/* All rows put so far are on the disk when this returns. */
static inline void world_flush(struct world *w)
{
    bool done = false;
    store_barrier(w->store, world_flushed, &done);
    WAIT(w, done);
}

struct rows {
    struct request_record row[64]; /* newest first */
    unsigned count;
};

static inline bool rows_take(void *ctx, const struct request_record *rec)
{
    struct rows *rows = ctx;
    if (rows->count < 64)
        rows->row[rows->count++] = *rec;
    return true;
}

/* What sqlite holds, read through a connection of its own. Caller frees. */
static inline struct rows *world_rows(struct world *w)
{
    struct rows *rows = xcalloc(1, sizeof(*rows));
    struct err err = {0};
    world_flush(w);
    char *path = path_join(w->dir, "audit.db");
    struct store_reader *reader = store_reader_open(path, &err);
    free(path);
    assert_non_null(reader);
    assert_int_equal(store_each_request(reader, NULL, 0, rows_take, rows, &err), 0);
    store_reader_free(reader);
    return rows;
}

static inline struct request_record world_last_row(struct world *w)
{
    struct rows *rows = world_rows(w);
    assert_true(rows->count > 0);
    struct request_record row = rows->row[0];
    free(rows);
    return row;
}

/* --- questions ------------------------------------------------------------------------- */

/* The first question, once there is one. */
static inline const struct gate_item *world_question(struct world *w)
{
    WAIT(w, gate_count(w->gate) > 0);
    return gate_at(w->gate, 0);
}

static inline void world_answer(struct world *w, struct gate_answer answer)
{
    const struct gate_item *item = world_question(w);
    struct err err = {0};
    if (gate_decide(w->gate, item->rec.id, item->rec.digest, item->rec.policy_version, &answer,
                &err) < 0)
        fail_msg("%s", err.msg);
}

/* --- the world ------------------------------------------------------------------------- */

static inline void world_listen(struct world *w)
{
    struct err err = {0};
    test_tls_open(&w->origin_tls, w->origin_ca);
    w->origin = listen_tcp(w->loop, "127.0.0.1", 0, origin_accept, w, &err);
    w->plain_origin = listen_tcp(w->loop, "127.0.0.1", 0, origin_accept_plain, w, &err);
    assert_non_null(w->origin);
    assert_non_null(w->plain_origin);

    const char *providers[] = {
            "api.anthropic.com", "api.openai.com", "generativelanguage.googleapis.com"};
    const char *raw[] = {"open.test", "held.test"};
    for (unsigned i = 0; i < 5; i++)
        w->resolve[i] = (struct proxy_resolve){.host = i < 3 ? providers[i] : raw[i - 3],
                .port = 443,
                .address = "127.0.0.1",
                .to_port = listener_port(i < 3 ? w->origin : w->plain_origin)};
    /* A host outside the provider table, by https and by http. */
    for (unsigned i = 5; i < 7; i++)
        w->resolve[i] = (struct proxy_resolve){.host = "seen.test",
                .port = i == 5 ? 443 : 80,
                .address = "127.0.0.1",
                .to_port = listener_port(i == 5 ? w->origin : w->plain_origin)};
}

static inline void world_proxy(struct world *w)
{
    struct err err = {0};
    struct proxy_config config = {
            .loop = w->loop,
            .store = w->store,
            .gate = w->gate,
            .grants = w->grants,
            .policy = w->policy,
            .ca = w->ca,
            .providers = &w->providers,
            .credentials = w->credentials,
            .session = "11111111-2222-4333-8444-555555555555",
            .label = "test",
            .agent = "test",
            .resolve = w->resolve,
            .resolve_count = 7,
            .extra_ca = ca_cert_path(w->origin_ca),
    };
    w->proxy = proxy_new(&config, &err);
    if (!w->proxy)
        fail_msg("%s", err.msg);
    snprintf(w->path, sizeof(w->path), "%s/p.sock", w->dir);
    if (proxy_listen_unix(w->proxy, w->path, 0600, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Finding an RSA key takes longer than most tests: the first world makes its CAs in a folder
 * of this program, and the later ones load them. */
static char world_ca_dir[64];

static inline void world_ca_remove(void)
{
    (void)file_remove_tree(world_ca_dir, NULL);
}

static inline struct ca *world_ca(const char *name)
{
    struct err err = {0};
    if (!*world_ca_dir) {
        test_tmpdir(world_ca_dir, sizeof(world_ca_dir), "proxy-ca");
        (void)atexit(world_ca_remove);
    }
    char *dir = path_join(world_ca_dir, name);
    struct ca *ca = ca_load_or_create(dir, &err);
    free(dir);
    if (!ca)
        fail_msg("%s", err.msg);
    return ca;
}

static inline struct world *world_with(
        const char *policy_text, uint32_t gate_ms, const char *yaml)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct err err = {0};
    test_tmpdir(w->dir, sizeof(w->dir), "proxy");
    w->loop = loop_new(&err);
    patience_init(&w->patience, w->loop);
    trust_no_system_ca();
    w->ca = world_ca("ca");
    w->origin_ca = world_ca("origin-ca");
    char *path = path_join(w->dir, "audit.db");
    w->store = store_open(w->loop, path, &err);
    free(path);
    if (!w->store)
        fail_msg("%s", err.msg);
    path = path_join(w->dir, "answers.rules");
    w->grants = grants_new(w->loop, path, &err);
    free(path);
    struct gate_config gate = {.timeout_ms = gate_ms, .grants = w->grants};
    w->gate = gate_new(w->loop, w->store, &gate);
    w->policy = policy_parse(str_of(policy_text), "test.rules", &err);
    if (!w->policy)
        fail_msg("%s", err.msg);
    setenv("ANTHROPIC_API_KEY", REAL_KEY, 1);
    setenv("OPENAI_API_KEY", "sk-real-openai", 1);
    setenv("GOOGLE_API_KEY", "AIza-real", 1);
    /* Bodies here are any bytes; test_proxy_body.c has the rules for them. */
    if (provider_table_load(&w->providers, str_of(yaml), "t", &err) < 0)
        fail_msg("%s", err.msg);
    provider_table_keys_from_env(&w->providers);
    const struct credentials_config keys = {
            .loop = w->loop, .providers = &w->providers, .auth = CREDENTIAL_APIKEY};
    w->credentials = credentials_open(&keys, &err);
    assert_non_null(w->credentials);
    world_listen(w);
    world_proxy(w);
    w->agent_tls = tls_client_new(ca_cert_path(w->ca), &err);
    assert_non_null(w->agent_tls);
    return w;
}

#define NO_RULES                                                                               \
    "  body:\n    - {endpoint: POST /nowhere, api: anthropic, tools: {keep: [custom]}}\n"

/* One prefix for two providers: their fakes are two all the same. */
static inline struct world *world_new(const char *policy_text, uint32_t gate_ms)
{
    return world_with(policy_text, gate_ms,
            "anthropic:\n" NO_RULES
            "openai:\n  key: {fake_prefix: sk-ant-api03-ironcurtain-}\n" NO_RULES
            "google:\n" NO_RULES);
}

static inline void world_free(struct world *w)
{
    for (unsigned i = 0; i < w->agent_count; i++)
        peer_free(w->agents[i]);
    proxy_free(w->proxy);
    credentials_free(w->credentials);
    gate_free(w->gate);
    grants_free(w->grants);
    for (unsigned i = 0; i < w->origin_count; i++)
        peer_free(w->origins[i]);
    listener_free(w->origin);
    listener_free(w->plain_origin);
    tls_server_free(w->origin_tls.server);
    tls_client_free(w->agent_tls);
    ca_free(w->ca);
    ca_free(w->origin_ca);
    timer_free(w->patience.timer);
    store_close(w->store);
    policy_free(w->policy);
    provider_table_release(&w->providers);
    loop_free(w->loop); /* everything is closed, or this aborts */
    assert_int_equal(file_remove_tree(w->dir, NULL), 0);
    free(w);
}

static inline int world_teardown(void **state)
{
    world_free(*state);
    return 0;
}

#endif
