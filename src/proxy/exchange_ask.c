/*
 * exchange_ask.c - a request that waits for the human. Nothing of it has left.
 *
 * Blocks: no.
 */
#include "proxy/exchange.h"

static void on_decided(void *ctx, bool allowed, const char *reason)
{
    struct exchange *x = ctx;
    char text[400], why[240];
    enum request_decision no = request_refused_by(proxy_of(x), x->rec.escalation);
    x->question = 0;
    if (allowed) {
        x->rec.decision = REQUEST_APPROVED;
        record_put(proxy_of(x), &x->rec);
        exchange_go(x);
        return;
    }
    str_vis(why, sizeof(why), str_of(reason));
    snprintf(text, sizeof(text), "Blocked: %.16s %.80s is refused: %.240s.", x->rec.method,
            x->rec.host, why);
    exchange_fail(x, 403, no, text);
}

/* What the human reads, and what the digest of the answer covers: the query too, in which a
 * request can carry anything away. */
static void describe(
        const struct exchange *x, struct str target, struct buf *subject, struct buf *detail)
{
    const struct tunnel *tunnel = x->stream->tunnel;
    const char *scheme = tunnel->plain ? "http" : "https";
    char *shown = xmalloc(target.n * 6 + 4);
    str_vis(shown, target.n * 6 + 4, target);
    buf_printf(
            subject, "%s %s://%s%s", x->rec.method, scheme, x->origin->authority, x->rec.path);
    buf_printf(detail, "method: %s\nurl: %s://%s%s\n", x->rec.method, scheme,
            x->origin->authority, shown);
    if (x->request.framing != HTTP_NO_BODY && x->has_length)
        buf_printf(detail, "body: %llu bytes\n", (unsigned long long)x->length);
    else if (x->request.framing != HTTP_NO_BODY)
        buf_puts(detail, "body: of unknown length\n");
    free(shown);
}

void exchange_ask(
        struct exchange *x, const struct http_head *head, const struct verdict *verdict)
{
    const struct proxy_config *config = &proxy_of(x)->config;
    struct buf subject = BUF_INIT, detail = BUF_INIT;
    const struct net_request req = judge_net_request(x->stream->tunnel, head);
    describe(x, head->target, &subject, &detail);
    const struct gate_question question = {
            .session = config->session,
            .label = config->label,
            .agent = config->agent,
            .kind = "net",
            .subject = buf_str(&subject),
            .detail = buf_str(&detail),
            .verdict = *verdict,
            .policy_version = policy_version(config->policy),
            .net = &req,
    };
    x->phase = PHASE_HELD;
    x->rec.decision = REQUEST_HELD;
    x->question = gate_ask(config->gate, &question, on_decided, x);
    x->rec.escalation = gate_item_id(config->gate, x->question);
    buf_release(&subject);
    buf_release(&detail);
    record_put(proxy_of(x), &x->rec);
}
