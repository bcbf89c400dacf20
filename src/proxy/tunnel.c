/*
 * tunnel.c - one connection of an agent, and what its CONNECT becomes.
 *
 * A host of the provider table, and any other on the port of https or on one that a rule or
 * an answer names for https, gets 200 and a TLS handshake with a leaf for that name: a refusal
 * inside is read by agents, while a refused CONNECT makes them try again for many seconds.
 * Requests inside are judged one by one (request.c). Only where a rule names CONNECT, or on
 * other ports, the tunnel itself is judged and let through uninspected (raw.c). A plain request
 * with an absolute target is judged like one inside of TLS.
 *
 * A clean end of the agent's side while its request is under way counts as giving up, like
 * in other proxies: no HTTP client half-closes TLS and still listens.
 *
 * Owns: the channel, the streams, the raw tunnel. Blocks: no.
 */
#include "proxy/proxy_priv.h"

#include "base/limits.h"
#include "proxy/authority.h"

static const struct chan_ops tunnel_ops;
static void on_late(void *ctx);
static void on_reap(void *ctx);
static bool read_first(struct tunnel *tunnel);
static void connect_judge(struct tunnel *tunnel);

void tunnel_accept(void *ctx, struct chan *chan)
{
    struct proxy *proxy = ctx;
    if (proxy->tunnel_count >= LIMIT_TUNNELS) {
        reply_text(chan, 503, STR("Rejected: too many connections."), false);
        chan_linger(chan);
        return;
    }
    struct tunnel *tunnel = xcalloc(1, sizeof(*tunnel));
    tunnel->proxy = proxy;
    tunnel->chan = chan;
    chan_share(chan);
    h1_stream_init(tunnel);
    tunnel->reap = (struct loop_hook){.fn = on_reap, .ctx = tunnel};
    tunnel->timer = timer_new(proxy->config.loop, on_late, tunnel);
    timer_start(tunnel->timer, LIMIT_HEAD_MS);
    tunnel->next = proxy->tunnels;
    if (tunnel->next)
        tunnel->next->prev = tunnel;
    proxy->tunnels = tunnel;
    proxy->tunnel_count++;
    chan_set_ops(chan, &tunnel_ops, tunnel);
}

/* --- the end -------------------------------------------------------------------------- */

/* The requests under way go without a word. */
static void cancel(struct tunnel *tunnel, const char *why)
{
    if (tunnel->h1.base.exchange)
        exchange_cancel(tunnel->h1.base.exchange, why);
    if (tunnel->h2)
        h2_server_free(tunnel->h2, why);
    tunnel->h2 = NULL;
}

static void tunnel_gone(struct tunnel *tunnel)
{
    CHECK(!tunnel->h1.base.exchange && !tunnel->raw);
    tunnel->gone = true;
    tunnel->chan = NULL;
    timer_free(tunnel->timer);
    tunnel->timer = NULL;
    loop_defer(tunnel->proxy->config.loop, &tunnel->reap);
}

void tunnel_close(struct tunnel *tunnel)
{
    chan_linger(tunnel->chan);
    tunnel_gone(tunnel);
}

void tunnel_break(struct tunnel *tunnel)
{
    chan_break(tunnel->chan);
    tunnel_gone(tunnel);
}

void tunnel_abort(struct tunnel *tunnel)
{
    chan_abort(tunnel->chan);
    tunnel_gone(tunnel);
}

void tunnel_free(struct tunnel *tunnel)
{
    cancel(tunnel, "proxy stopped");
    raw_free(tunnel->raw);
    if (!tunnel->gone)
        tunnel_abort(tunnel);
    loop_undefer(&tunnel->reap);
    if (tunnel->prev)
        tunnel->prev->next = tunnel->next;
    else
        tunnel->proxy->tunnels = tunnel->next;
    if (tunnel->next)
        tunnel->next->prev = tunnel->prev;
    tunnel->proxy->tunnel_count--;
    free(tunnel->host);
    free(tunnel);
}

static void on_reap(void *ctx)
{
    tunnel_free(ctx);
}

/* --- events --------------------------------------------------------------------------- */

static void on_open(void *ctx)
{
    struct tunnel *tunnel = ctx;
    timer_stop(tunnel->timer);
    tunnel->state = TUNNEL_REQUESTS;
    if (strcmp(chan_alpn(tunnel->chan), "h2") != 0)
        return;
    tunnel->state = TUNNEL_H2;
    tunnel->h2 = h2_server_new(tunnel);
}

static void on_data(void *ctx)
{
    tunnel_run(ctx);
}

static void on_drain(void *ctx)
{
    struct tunnel *tunnel = ctx;
    if (tunnel->h2) {
        h2_server_drained(tunnel->h2);
        return;
    }
    if (tunnel->h1.base.exchange) {
        exchange_agent_drained(tunnel->h1.base.exchange);
        return;
    }
    chan_resume(tunnel->chan);
    tunnel_run(tunnel);
}

static void on_end(void *ctx)
{
    struct tunnel *tunnel = ctx;
    if (tunnel->waits) { /* not its fault */
        timer_start(tunnel->timer, LIMIT_HEAD_MS);
        return;
    }
    if (tunnel->raw) {
        raw_agent_ended(tunnel, "the agent gave up");
        return;
    }
    cancel(tunnel, "the agent gave up");
    tunnel_close(tunnel);
}

/* A handshake that fails is worth a row: most often the box does not know our CA. */
static void handshake_failed(struct tunnel *tunnel, const struct err *err)
{
    struct request_record rec;
    record_init(tunnel, "net", &rec);
    str_copy(rec.method, sizeof(rec.method), STR("CONNECT"));
    record_put_over(tunnel->proxy, &rec, 200, REQUEST_ERROR, err->msg);
}

static void on_fail(void *ctx, const struct err *err)
{
    struct tunnel *tunnel = ctx;
    if (tunnel->raw) {
        raw_agent_ended(tunnel, "the agent's connection broke");
        return;
    }
    cancel(tunnel, "the agent's connection broke");
    if (tunnel->state == TUNNEL_HANDSHAKE)
        handshake_failed(tunnel, err);
    tunnel_abort(tunnel);
}

static const struct chan_ops tunnel_ops = {
        .on_open = on_open,
        .on_data = on_data,
        .on_drain = on_drain,
        .on_end = on_end,
        .on_fail = on_fail,
};

/* A head that takes this long is meant to hold the connection (slowloris); so is half of a
 * raw tunnel in which nothing moves. */
static void on_late(void *ctx)
{
    struct tunnel *tunnel = ctx;
    if (tunnel->raw) {
        raw_agent_ended(tunnel, "half closed and silent");
        return;
    }
    if (buf_len(chan_in(tunnel->chan)) > 0)
        h1_refuse_head(tunnel, 408, "the head took too long");
    else
        tunnel_abort(tunnel);
}

/* --- input ---------------------------------------------------------------------------- */

bool tunnel_must_wait(struct tunnel *tunnel)
{
    if (!proxy_must_wait(tunnel->proxy))
        return false;
    tunnel->waits = true;
    chan_pause(tunnel->chan);
    return true;
}

void tunnel_run(struct tunnel *tunnel)
{
    bool more = true;
    while (more && !tunnel->gone) {
        if (tunnel->h2) {
            h2_server_data(tunnel->h2);
            return;
        }
        if (tunnel->h1.base.exchange) {
            exchange_agent_data(tunnel->h1.base.exchange);
            return;
        }
        if (chan_full(tunnel->chan))
            return; /* it asks and does not read our answers: on_drain goes on */
        if (tunnel->state == TUNNEL_REQUESTS || tunnel->h1.discarding)
            more = h1_stream_run(tunnel);
        else
            more = tunnel->state == TUNNEL_CONNECT && read_first(tunnel);
    }
}

/* --- CONNECT -------------------------------------------------------------------------- */

static void refuse_form(struct tunnel *tunnel, const struct http_head *head)
{
    struct request_record rec;
    record_init(tunnel, "http", &rec);
    str_copy(rec.method, sizeof(rec.method), head->method);
    str_vis(rec.path, sizeof(rec.path), head->target);
    record_put_over(
            tunnel->proxy, &rec, 405, REQUEST_DENY, "neither CONNECT nor an absolute target");
    reply_text(tunnel->chan, 405, STR("Method Not Allowed"), str_eq(head->method, STR("HEAD")));
    tunnel_close(tunnel);
}

static void set_target(struct tunnel *tunnel, const struct authority *to)
{
    free(tunnel->host);
    tunnel->host = xstrdup(to->host);
    tunnel->port = to->port;
    tunnel->provider =
            provider_find_host(tunnel->proxy->config.providers, str_of(tunnel->host));
}

/* "http://host[:port][/path]": RFC 9112 section 3.2.2. False: there is no tunnel any more. */
static bool read_plain(struct tunnel *tunnel, struct http_head *head, size_t n)
{
    struct str rest = {head->target.p + strlen("http://"), head->target.n - strlen("http://")};
    struct authority to;
    size_t end = 0;
    while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?')
        end++;
    if (authority_parse((struct str){rest.p, end}, 80, &to) < 0 ||
            (end < rest.n && rest.p[end] == '?')) {
        h1_refuse_head(tunnel, 400, "malformed absolute target");
        return false;
    }
    set_target(tunnel, &to);
    head->target = end < rest.n ? (struct str){rest.p + end, rest.n - end} : STR("/");
    tunnel->plain = true;
    h1_request(tunnel, n);
    return !tunnel->gone;
}

/* Some leave out the port there. */
static bool names_same(struct str host, const struct authority *to)
{
    struct authority named;
    return authority_parse(host, to->port, &named) == 0 && named.port == to->port &&
           strcmp(named.host, to->host) == 0;
}

/* The first head of a connection, or one after a plain request. False: nothing more to do. */
static bool read_first(struct tunnel *tunnel)
{
    long n = h1_read_head(tunnel);
    if (n <= 0)
        return false;
    struct http_head *head = &tunnel->proxy->head;
    struct authority to;
    if (!str_eq(head->method, STR("CONNECT"))) {
        if (str_starts(head->target, STR("http://")))
            return read_plain(tunnel, head, (size_t)n);
        refuse_form(tunnel, head);
        return false;
    }
    if (authority_parse(head->target, 443, &to) < 0) {
        h1_refuse_head(tunnel, 400, "malformed CONNECT target");
        return false;
    }
    if (head->host.p && !names_same(head->host, &to)) {
        h1_refuse_head(tunnel, 400, "Host differs from the CONNECT target");
        return false;
    }
    set_target(tunnel, &to);
    tunnel->plain = false;
    buf_consume(chan_in(tunnel->chan), (size_t)n);
    connect_judge(tunnel);
    return false;
}

/* Port 443, and of a provider what the operator named in a resolve entry. */
static bool port_is_https(const struct tunnel *tunnel)
{
    struct dial_target target = {.host = tunnel->host, .port = tunnel->port};
    if (tunnel->provider)
        pool_override(&tunnel->proxy->config, &target);
    return tunnel->port == 443 || target.address != NULL;
}

static void terminate(struct tunnel *tunnel)
{
    struct proxy *proxy = tunnel->proxy;
    tunnel->state = TUNNEL_HANDSHAKE;
    chan_write_str(tunnel->chan, STR("HTTP/1.1 200 Connection Established\r\n\r\n"));
    chan_start_tls_server(tunnel->chan, proxy->tls, LIMIT_HANDSHAKE_MS);
}

static void connect_judge(struct tunnel *tunnel)
{
    struct proxy *proxy = tunnel->proxy;
    const struct proxy_config *config = &proxy->config;
    const struct net_request req = raw_request(tunnel);
    struct verdict verdict = {0};
    if (store_failed(proxy->config.store)) {
        reply_text(tunnel->chan, 503, STR("Rejected: the audit log cannot be written."), false);
        tunnel_close(tunnel);
        return;
    }
    bool https = port_is_https(tunnel);
    if (tunnel->provider && https) {
        terminate(tunnel);
        return;
    }
    tunnel->provider = NULL;
    /* Where requests are seen inside, they use up answers, and the CONNECT does not. */
    grants_preview_net(config->grants, config->policy, config->session, &req, &verdict);
    bool raw = verdict.kind != VERDICT_DENY && verdict.names_method;
    if (!raw &&
            (https || grants_name_https(config->grants, config->policy, req.host, req.port))) {
        terminate(tunnel);
        return;
    }
    grants_judge_net(config->grants, config->policy, config->session, &req, &verdict);
    tunnel->state = TUNNEL_HELD;
    raw_start(tunnel, &verdict);
}
