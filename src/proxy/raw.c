/*
 * raw.c - tunnels that are let through as they are: judged by host and port, then bytes.
 *
 * Policy says deny (403), allow, or ask: then the CONNECT is held, nothing is sent and
 * nothing of the agent's is looked at, until the human decides. The agent's 200 comes only
 * when the upstream is reached, so that a failure is a 502 it can show. What goes through is
 * not inspected; it is counted.
 *
 * Owns: the dial or the channel to the upstream, the question at the gate.
 */
#include "proxy/proxy_priv.h"

#include "base/limits.h"

struct raw {
    struct tunnel *tunnel; /* borrows; the owner */
    struct request_record rec;
    struct dial *dial; /* owns */
    struct chan *peer; /* owns */
    uint64_t question; /* at the gate; 0: none */
    uint64_t started_ns;
    bool agent_ended, peer_ended; /* that side sends nothing more */
    bool agent_shut, peer_shut;   /* the other side was told */
};

static void ask(struct raw *raw, const struct verdict *verdict);
static void on_decided(void *ctx, bool allowed, const char *reason);
static void refuse(
        struct raw *raw, int status, enum request_decision decision, const char *reason);
static void connect_peer(struct raw *raw);
static void on_dialed(void *ctx, struct chan *chan, const struct err *err);
static void record_end(struct raw *raw, const char *why);
static void relay(struct raw *raw);

static const struct chan_ops agent_ops;
static const struct chan_ops peer_ops;

struct net_request raw_request(const struct tunnel *tunnel)
{
    return (struct net_request){
            .method = STR("CONNECT"),
            .scheme = STR(""),
            .host = str_of(tunnel->host),
            .port = tunnel->port,
            .path = STR(""),
    };
}

void raw_start(struct tunnel *tunnel, const struct verdict *verdict)
{
    struct raw *raw = xcalloc(1, sizeof(*raw));
    raw->tunnel = tunnel;
    raw->started_ns = clock_ns();
    tunnel->raw = raw;
    record_init(tunnel, "net", &raw->rec);
    str_copy(raw->rec.method, sizeof(raw->rec.method), STR("CONNECT"));
    str_copy(raw->rec.rule, sizeof(raw->rec.rule), str_of(verdict->rule));
    str_copy(raw->rec.reason, sizeof(raw->rec.reason), str_of(verdict->reason));
    if (verdict->kind == VERDICT_ALLOW) {
        raw->rec.decision = REQUEST_ALLOW;
        connect_peer(raw);
    } else if (verdict->kind == VERDICT_ASK) {
        ask(raw, verdict);
    } else {
        refuse(raw, 403, REQUEST_DENY, *verdict->reason ? verdict->reason : verdict->rule);
    }
}

void raw_free(struct raw *raw)
{
    if (!raw)
        return;
    if (raw->question)
        gate_cancel(raw->tunnel->proxy->config.gate, raw->question);
    dial_cancel(raw->dial);
    chan_abort(raw->peer);
    if (!raw->rec.done)
        record_end(raw, "proxy stopped");
    raw->tunnel->raw = NULL;
    free(raw);
}

/* --- the decision --------------------------------------------------------------------- */

static void ask(struct raw *raw, const struct verdict *verdict)
{
    struct tunnel *tunnel = raw->tunnel;
    const struct proxy_config *config = &tunnel->proxy->config;
    char subject[320], detail[400];
    if (!config->gate) {
        refuse(raw, 403, REQUEST_DENY,
                "it needs a person's approval and nobody can be asked here");
        return;
    }
    int n = snprintf(
            subject, sizeof(subject), "CONNECT %s:%u", tunnel->host, (unsigned)tunnel->port);
    int m = snprintf(detail, sizeof(detail), "method: CONNECT\nhost: %s\nport: %u\n",
            tunnel->host, (unsigned)tunnel->port);
    const struct net_request req = raw_request(tunnel);
    struct gate_question question = {
            .session = config->session,
            .label = config->label,
            .agent = config->agent,
            .kind = "net",
            .subject = {subject, (size_t)n},
            .detail = {detail, (size_t)m},
            .verdict = *verdict,
            .policy_version = policy_version(config->policy),
            .net = &req,
    };
    raw->rec.decision = REQUEST_HELD;
    raw->question = gate_ask(config->gate, &question, on_decided, raw);
    raw->rec.escalation = gate_item_id(config->gate, raw->question);
    record_put(tunnel->proxy, &raw->rec);
}

static void on_decided(void *ctx, bool allowed, const char *reason)
{
    struct raw *raw = ctx;
    enum request_decision no = request_refused_by(raw->tunnel->proxy, raw->rec.escalation);
    raw->question = 0;
    if (allowed) {
        raw->rec.decision = REQUEST_APPROVED;
        connect_peer(raw);
        return;
    }
    refuse(raw, 403, no, reason);
}

/* Answer and close; ends the tunnel. */
static void refuse(
        struct raw *raw, int status, enum request_decision decision, const char *reason)
{
    struct tunnel *tunnel = raw->tunnel;
    char why[240], line[640];
    str_vis(why, sizeof(why), str_of(reason));
    int n = status == 403
                    ? snprintf(line, sizeof(line), "Blocked: CONNECT %s:%u is refused: %s.",
                              tunnel->host, (unsigned)tunnel->port, why)
                    : snprintf(line, sizeof(line), "Upstream error: %s", why);
    raw->rec.status = status;
    raw->rec.decision = decision;
    reply_text(tunnel->chan, status, (struct str){line, (size_t)n}, false);
    record_end(raw, why);
    raw_free(raw);
    tunnel_close(tunnel);
}

/* --- connecting ----------------------------------------------------------------------- */

static void connect_peer(struct raw *raw)
{
    struct tunnel *tunnel = raw->tunnel;
    struct dial_target target = {
            .host = tunnel->host, .port = tunnel->port, .via = tunnel->proxy->config.via};
    pool_override(&tunnel->proxy->config, &target);
    raw->dial = dial_start(tunnel->proxy->config.loop, &target, LIMIT_DIAL_MS, on_dialed, raw);
}

static void on_dialed(void *ctx, struct chan *chan, const struct err *err)
{
    struct raw *raw = ctx;
    struct tunnel *tunnel = raw->tunnel;
    raw->dial = NULL;
    if (!chan) {
        refuse(raw, 502,
                raw->rec.decision == REQUEST_APPROVED ? REQUEST_APPROVED : REQUEST_ERROR,
                err->msg);
        return;
    }
    raw->peer = chan;
    chan_share(chan);
    raw->rec.status = 200;
    raw->rec.first_byte_ms = (int64_t)((clock_ns() - raw->started_ns) / 1000000);
    record_put(tunnel->proxy, &raw->rec);
    tunnel->state = TUNNEL_RAW;
    chan_write_str(tunnel->chan, STR("HTTP/1.1 200 Connection Established\r\n\r\n"));
    chan_set_ops(tunnel->chan, &agent_ops, raw);
    chan_set_ops(chan, &peer_ops, raw);
}

/* --- bytes ---------------------------------------------------------------------------- */

/* One direction; the end is passed on when everything before it was. True: bytes moved. */
static bool move(struct chan *from, struct chan *to, uint64_t *count, bool ended, bool *shut)
{
    struct buf *in = chan_in(from), *out = chan_out(to);
    bool moved = false;
    if (buf_len(in) > 0 && !chan_full(to)) {
        *count += buf_len(in);
        if (buf_len(out) == 0) {
            buf_swap(in, out);
        } else {
            buf_append_str(out, buf_str(in));
        }
        buf_clear(in);
        chan_flush_soon(to);
        moved = true;
    }
    if (ended && !*shut && buf_len(in) == 0) {
        *shut = true;
        chan_shutdown(to);
    }
    return moved;
}

static bool is_held(const struct proxy *proxy)
{
    return proxy->config.gate && gate_is_held(proxy->config.gate);
}

/* Ends the tunnel when both sides have ended. */
static void relay(struct raw *raw)
{
    struct tunnel *tunnel = raw->tunnel;
    if (is_held(tunnel->proxy)) {
        tunnel->waits = true;
        chan_pause(tunnel->chan);
        chan_pause(raw->peer);
        return;
    }
    bool up = move(
            tunnel->chan, raw->peer, &raw->rec.bytes_up, raw->agent_ended, &raw->agent_shut);
    bool down = move(
            raw->peer, tunnel->chan, &raw->rec.bytes_down, raw->peer_ended, &raw->peer_shut);
    bool half = raw->agent_ended || raw->peer_ended;
    if (half && (up || down || !timer_running(tunnel->timer)))
        timer_start(tunnel->timer, LIMIT_HALF_CLOSED_MS);
    if (!raw->agent_shut || !raw->peer_shut)
        return;
    struct chan *peer = raw->peer;
    raw->peer = NULL;
    chan_close(peer);
    record_end(raw, NULL);
    raw_free(raw);
    tunnel_close(tunnel);
}

void raw_go_on(struct raw *raw)
{
    chan_resume(raw->tunnel->chan);
    if (!raw->peer)
        return;
    chan_resume(raw->peer);
    relay(raw);
}

static void on_data(void *ctx)
{
    relay(ctx);
}

/* Either side can take more again: the other one's input goes on. */
static void on_drain(void *ctx)
{
    struct raw *raw = ctx;
    chan_resume(raw->tunnel->chan);
    chan_resume(raw->peer);
    relay(raw);
}

static void on_agent_end(void *ctx)
{
    struct raw *raw = ctx;
    raw->agent_ended = true;
    relay(raw);
}

static void on_peer_end(void *ctx)
{
    struct raw *raw = ctx;
    raw->peer_ended = true;
    relay(raw);
}

/* One side broke: so does the other. */
static void broken(struct raw *raw, const char *why)
{
    struct tunnel *tunnel = raw->tunnel;
    record_end(raw, why);
    raw_free(raw);
    tunnel_break(tunnel);
}

static void on_agent_fail(void *ctx, const struct err *err)
{
    (void)err;
    broken(ctx, "the agent's connection broke");
}

/* What it said before arrives before the break. */
static void on_peer_fail(void *ctx, const struct err *err)
{
    struct raw *raw = ctx;
    struct str left = buf_str(chan_in(raw->peer));
    raw->rec.bytes_down += left.n;
    chan_write_str(raw->tunnel->chan, left);
    broken(raw, err->msg);
}

static const struct chan_ops agent_ops = {
        .on_data = on_data,
        .on_drain = on_drain,
        .on_end = on_agent_end,
        .on_fail = on_agent_fail,
};

static const struct chan_ops peer_ops = {
        .on_data = on_data,
        .on_drain = on_drain,
        .on_end = on_peer_end,
        .on_fail = on_peer_fail,
};

void raw_agent_ended(struct tunnel *tunnel, const char *why)
{
    broken(tunnel->raw, why);
}

static void record_end(struct raw *raw, const char *why)
{
    if (raw->rec.decision == REQUEST_HELD)
        raw->rec.decision = REQUEST_ERROR; /* nobody waits for the answer any more */
    if (why)
        str_copy(raw->rec.reason, sizeof(raw->rec.reason), str_of(why));
    raw->rec.total_ms = (int64_t)((clock_ns() - raw->started_ns) / 1000000);
    raw->rec.done = true;
    record_put(raw->tunnel->proxy, &raw->rec);
}
