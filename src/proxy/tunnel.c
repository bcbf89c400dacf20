/*
 * tunnel.c - one connection of an agent, from CONNECT to the last request.
 *
 * A host of the provider table gets 200, a TLS handshake with a leaf for that name, and then
 * request after request, each judged anew; any other host goes to raw.c. One request is under
 * way at a time; what the agent sends ahead waits in the channel, which stops reading when it
 * is full. A request that is refused leaves the connection open where its end is certain, and
 * its body is read and dropped, because a client that is still sending would not see the
 * answer otherwise.
 *
 * A clean end of the agent's side while its request is under way counts as giving up, like
 * in other proxies: no HTTP client half-closes TLS and still listens.
 *
 * Owns: the channel, the exchange, the raw tunnel. Blocks: no.
 */
#include "proxy/proxy_priv.h"

#include "base/limits.h"
#include "proxy/authority.h"

static const struct chan_ops tunnel_ops;
static void on_late(void *ctx);
static void on_reap(void *ctx);
static bool read_connect(struct tunnel *tunnel);
static void connect_judge(struct tunnel *tunnel);
static bool read_request(struct tunnel *tunnel);
static bool discard(struct tunnel *tunnel);
static void refuse_head(struct tunnel *tunnel, int status, const char *reason);

void tunnel_accept(void *ctx, struct chan *chan)
{
    struct proxy *proxy = ctx;
    if (proxy->tunnel_count >= LIMIT_TUNNELS) {
        reply_text(chan, 503, STR("Rejected: too many connections."), false, true);
        chan_close(chan);
        return;
    }
    struct tunnel *tunnel = xcalloc(1, sizeof(*tunnel));
    tunnel->proxy = proxy;
    tunnel->chan = chan;
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

static void tunnel_gone(struct tunnel *tunnel)
{
    CHECK(!tunnel->exchange && !tunnel->raw);
    tunnel->gone = true;
    tunnel->chan = NULL;
    timer_free(tunnel->timer);
    tunnel->timer = NULL;
    loop_defer(tunnel->proxy->config.loop, &tunnel->reap);
}

void tunnel_close(struct tunnel *tunnel)
{
    chan_close(tunnel->chan);
    tunnel_gone(tunnel);
}

void tunnel_abort(struct tunnel *tunnel)
{
    chan_abort(tunnel->chan);
    tunnel_gone(tunnel);
}

void tunnel_free(struct tunnel *tunnel)
{
    if (tunnel->exchange)
        exchange_cancel(tunnel->exchange, "proxy stopped");
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
    tunnel->state = TUNNEL_REQUESTS;
    timer_stop(tunnel->timer);
}

static void on_data(void *ctx)
{
    tunnel_run(ctx);
}

static void on_drain(void *ctx)
{
    struct tunnel *tunnel = ctx;
    if (tunnel->exchange) {
        exchange_agent_drained(tunnel->exchange);
        return;
    }
    chan_resume(tunnel->chan);
    tunnel_run(tunnel);
}

static void on_end(void *ctx)
{
    struct tunnel *tunnel = ctx;
    if (tunnel->raw) {
        raw_agent_ended(tunnel, "the agent gave up");
        return;
    }
    if (tunnel->exchange)
        exchange_cancel(tunnel->exchange, "the agent gave up");
    tunnel_close(tunnel);
}

/* A handshake that fails is worth a row: most often the box does not know our CA. */
static void handshake_failed(struct tunnel *tunnel, const struct err *err)
{
    struct request_record rec;
    record_init(tunnel, "net", &rec);
    str_copy(rec.method, sizeof(rec.method), STR("CONNECT"));
    str_copy(rec.reason, sizeof(rec.reason), str_of(err->msg));
    rec.status = 200;
    rec.decision = REQUEST_ERROR;
    rec.total_ms = 0;
    rec.done = true;
    record_put(tunnel->proxy, &rec);
}

static void on_fail(void *ctx, const struct err *err)
{
    struct tunnel *tunnel = ctx;
    if (tunnel->raw) {
        raw_agent_ended(tunnel, "the agent's connection broke");
        return;
    }
    if (tunnel->exchange)
        exchange_cancel(tunnel->exchange, "the agent's connection broke");
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
    if (tunnel->raw)
        raw_agent_ended(tunnel, "half closed and silent");
    else
        tunnel_abort(tunnel);
}

/* --- input ---------------------------------------------------------------------------- */

/* New requests make new rows: none while the disk does not keep up. */
static bool must_wait(struct tunnel *tunnel)
{
    if (!store_full(tunnel->proxy->config.store))
        return false;
    tunnel->waits_for_store = true;
    chan_pause(tunnel->chan);
    return true;
}

void tunnel_run(struct tunnel *tunnel)
{
    bool more = true;
    while (more && !tunnel->gone) {
        if (tunnel->exchange) {
            exchange_agent_data(tunnel->exchange);
            return;
        }
        if (chan_full(tunnel->chan))
            return; /* it asks and does not read our answers: on_drain goes on */
        if (tunnel->discarding)
            more = discard(tunnel);
        else if (tunnel->state == TUNNEL_CONNECT)
            more = read_connect(tunnel);
        else
            more = tunnel->state == TUNNEL_REQUESTS && read_request(tunnel);
    }
}

void tunnel_exchange_done(struct tunnel *tunnel, const struct http_body *body, bool keep)
{
    if (!keep) {
        tunnel_close(tunnel); /* reads what still comes, for a while */
        return;
    }
    if (body) {
        tunnel->discarding = true;
        tunnel->discard = *body;
        tunnel->discarded = 0;
    }
    chan_resume(tunnel->chan);
}

static void sink_discard(void *ctx, struct str piece)
{
    struct tunnel *tunnel = ctx;
    tunnel->discarded += piece.n;
}

/* The rest of a body that was answered already. True: it ended. */
static bool discard(struct tunnel *tunnel)
{
    struct buf *in = chan_in(tunnel->chan);
    struct http_fault fault;
    long used = http_body_feed(&tunnel->discard, buf_str(in), sink_discard, tunnel, &fault);
    if (used < 0 || tunnel->discarded > LIMIT_HTTP_DISCARD) {
        tunnel_close(tunnel);
        return false;
    }
    buf_consume(in, (size_t)used);
    tunnel->discarding = !tunnel->discard.done;
    return tunnel->discard.done;
}

/* A head that cannot be read: nothing behind it is certain either. */
static void refuse_head(struct tunnel *tunnel, int status, const char *reason)
{
    struct request_record rec;
    char line[160];
    int n = snprintf(line, sizeof(line), "Rejected: %s.", reason);
    record_init(tunnel, tunnel->state == TUNNEL_CONNECT ? "net" : "llm", &rec);
    str_copy(rec.reason, sizeof(rec.reason), str_of(reason));
    rec.status = status;
    rec.decision = REQUEST_ERROR;
    rec.total_ms = 0;
    rec.done = true;
    record_put(tunnel->proxy, &rec);
    reply_text(tunnel->chan, status, (struct str){line, (size_t)n}, false, true);
    tunnel_close(tunnel);
}

/* The next head: parsed, and still in the channel. 0: wait; -1: the tunnel is over. */
static long read_head(struct tunnel *tunnel)
{
    struct buf *in = chan_in(tunnel->chan);
    struct http_fault fault;
    /* RFC 9112 section 2.2: an empty line before a request is ignored. */
    if (tunnel->scan.at == 0 && str_starts(buf_str(in), STR("\r\n")))
        buf_consume(in, 2);
    if (buf_len(in) == 0 || must_wait(tunnel))
        return 0;
    long n = http_scan_head(&tunnel->scan, buf_str(in), &fault);
    if (n == 0) {
        if (!timer_running(tunnel->timer))
            timer_start(tunnel->timer, LIMIT_HEAD_MS);
        return 0;
    }
    if (n < 0 || http_parse_request(&tunnel->proxy->head, (struct str){buf_data(in), (size_t)n},
                         &fault) < 0) {
        refuse_head(tunnel, fault.status, fault.reason);
        return -1;
    }
    tunnel->scan = (struct http_scan){0};
    timer_stop(tunnel->timer);
    return n;
}

/* --- CONNECT -------------------------------------------------------------------------- */

/* False: nothing more to do now. */
static bool read_connect(struct tunnel *tunnel)
{
    long n = read_head(tunnel);
    if (n <= 0)
        return false;
    const struct http_head *head = &tunnel->proxy->head;
    if (!str_eq(head->method, STR("CONNECT"))) {
        struct request_record rec;
        record_init(tunnel, "http", &rec);
        str_copy(rec.method, sizeof(rec.method), head->method);
        str_vis(rec.path, sizeof(rec.path), head->target);
        str_copy(rec.reason, sizeof(rec.reason), STR("plain HTTP, not CONNECT"));
        rec.status = 405;
        rec.decision = REQUEST_DENY;
        rec.total_ms = 0;
        rec.done = true;
        record_put(tunnel->proxy, &rec);
        reply_text(tunnel->chan, 405, STR("Method Not Allowed"),
                str_eq(head->method, STR("HEAD")), true);
        tunnel_close(tunnel);
        return false;
    }
    struct authority to;
    if (authority_parse(head->target, 443, &to) < 0) {
        refuse_head(tunnel, 400, "malformed CONNECT target");
        return false;
    }
    tunnel->host = xstrdup(to.host);
    tunnel->port = to.port;
    buf_consume(chan_in(tunnel->chan), (size_t)n);
    connect_judge(tunnel);
    return false;
}

/* Port 443 and what the operator named in a resolve entry are the provider's. */
static bool port_is_known(const struct tunnel *tunnel)
{
    struct dial_target target = {.host = tunnel->host, .port = tunnel->port};
    pool_override(&tunnel->proxy->config, &target);
    return tunnel->port == 443 || target.address != NULL;
}

static void connect_judge(struct tunnel *tunnel)
{
    struct proxy *proxy = tunnel->proxy;
    bool failed = false;
    if (store_failed(proxy->config.store)) {
        reply_text(tunnel->chan, 503, STR("Rejected: the audit log cannot be written."), false,
                true);
        tunnel_close(tunnel);
        return;
    }
    tunnel->provider = provider_find_host(proxy->config.providers, str_of(tunnel->host));
    if (!tunnel->provider || !port_is_known(tunnel)) {
        tunnel->provider = NULL;
        tunnel->state = TUNNEL_HELD;
        raw_start(tunnel);
        return;
    }
    tunnel->origin = pool_origin(proxy->pool, tunnel->provider, tunnel->host, tunnel->port);
    tunnel->state = TUNNEL_HANDSHAKE;
    /* If the leaf is not there it is minted while the handshake begins. */
    (void)ca_leaf(proxy->config.ca, tunnel->host, &failed);
    chan_write_str(tunnel->chan, STR("HTTP/1.1 200 Connection Established\r\n\r\n"));
    chan_start_tls_server(tunnel->chan, proxy->tls, LIMIT_HANDSHAKE_MS);
}

/* --- requests inside ------------------------------------------------------------------ */

static bool asks_for_websocket(const struct http_head *head)
{
    size_t at = 0;
    const struct http_field *field;
    if (!head->upgrade)
        return false;
    while ((field = http_next(head, STR("upgrade"), &at)) != NULL) {
        if (str_eq_icase(field->value, STR("websocket")))
            return true;
    }
    return false;
}

/* Answer a request that is not let through; the connection stays if its end is certain. */
static void refuse_request(struct tunnel *tunnel, const struct http_head *head,
        struct request_record *rec, const struct refusal *refusal)
{
    bool close = !head->keep_alive || head->expect_continue || refusal->status == 400 ||
                 (head->framing == HTTP_LENGTH && head->length > LIMIT_HTTP_DISCARD);
    rec->status = refusal->status;
    rec->decision = refusal->decision;
    str_copy(rec->reason, sizeof(rec->reason), str_of(refusal->reason));
    rec->total_ms = 0;
    rec->done = true;
    record_put(tunnel->proxy, rec);
    reply_text(tunnel->chan, refusal->status, str_of(refusal->reason),
            str_eq(head->method, STR("HEAD")), close);
    if (close) {
        tunnel_close(tunnel);
        return;
    }
    http_body_init(&tunnel->discard, head->framing, head->length);
    tunnel->discarding = !tunnel->discard.done;
    tunnel->discarded = 0;
}

/* Upgrading is not spoken here; a client whose connection drops falls back to plain HTTP,
 * while one that gets an answer may take it for the last word. */
static void drop_websocket(struct tunnel *tunnel, struct request_record *rec)
{
    str_copy(rec->reason, sizeof(rec->reason), STR("WebSocket is not let through"));
    rec->decision = REQUEST_DENY;
    rec->key_swapped = false;
    rec->total_ms = 0;
    rec->done = true;
    record_put(tunnel->proxy, rec);
    tunnel_abort(tunnel);
}

/* False: nothing more to do now. */
static bool read_request(struct tunnel *tunnel)
{
    long n = read_head(tunnel);
    if (n <= 0)
        return false;
    const struct http_head *head = &tunnel->proxy->head;
    struct request_record rec;
    struct refusal refusal;
    record_init(tunnel, "llm", &rec);
    bool good = judge_request(tunnel, head, &rec, &refusal);
    if (good && store_failed(tunnel->proxy->config.store)) {
        good = false;
        refusal = (struct refusal){
                503, REQUEST_ERROR, "Rejected: the audit log cannot be written."};
    }
    if (asks_for_websocket(head))
        drop_websocket(tunnel, &rec);
    else if (good)
        exchange_start(tunnel, head, &rec);
    else
        refuse_request(tunnel, head, &rec, &refusal);
    if (!tunnel->gone)
        buf_consume(chan_in(tunnel->chan), (size_t)n);
    return true;
}
