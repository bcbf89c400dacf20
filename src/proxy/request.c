/*
 * request.c - one request that came in: judged, then answered, held or sent on.
 *
 * The same for HTTP/1.1 and for each stream of HTTP/2. Blocks: no.
 */
#include "proxy/proxy_priv.h"

#include "base/limits.h"

enum request_decision request_refused_by(const struct proxy *proxy, uint64_t question)
{
    const struct gate_item *item;
    for (unsigned i = 0; (item = gate_recent(proxy->config.gate, i)) != NULL; i++) {
        if (item->rec.id == question)
            return item->rec.state == ESC_EXPIRED ? REQUEST_EXPIRED : REQUEST_REFUSED;
    }
    return REQUEST_REFUSED;
}

/* Answer a request that is not let through; the connection stays if its end is certain. */
static void refuse(struct stream *stream, const struct http_head *head,
        struct request_record *rec, const struct judged *judged)
{
    struct buf body = BUF_INIT;
    struct http_body rest;
    http_body_init(&rest, head->framing, head->length);
    rec->key_swapped = false;
    record_put_over(
            stream->tunnel->proxy, rec, judged->status, judged->decision, judged->reason);

    struct reply reply =
            reply_make(stream->tunnel->provider, judged->status, str_of(judged->reason), &body);
    reply.close = head->expect_continue || judged->status == 400 || judged->status == 426 ||
                  (head->framing == HTTP_LENGTH && head->length > LIMIT_HTTP_DISCARD);
    stream->ops->reply(stream, &reply);
    buf_release(&body);
    stream->ops->finish(stream, rest.done ? NULL : &rest);
}

void request_begin(struct stream *stream, const struct http_head *head)
{
    const struct tunnel *tunnel = stream->tunnel;
    struct request_record rec;
    struct judged judged;
    record_init(tunnel, tunnel->provider ? "llm" : "http", &rec);
    rec.inspected = true;
    judge_request(stream, head, &rec, &judged);
    str_copy(rec.protocol, sizeof(rec.protocol),
            judged.websocket ? STR("websocket")
            : tunnel->h2     ? STR("h2")
                             : STR("http/1.1"));
    if (judged.what != JUDGED_REFUSE && store_failed(tunnel->proxy->config.store)) {
        judged.what = JUDGED_REFUSE;
        judged.status = 503;
        judged.decision = REQUEST_ERROR;
        str_copy(judged.reason, sizeof(judged.reason),
                STR("Rejected: the audit log cannot be written."));
    }
    if (judged.what == JUDGED_REFUSE)
        refuse(stream, head, &rec, &judged);
    else
        exchange_start(stream, head, &rec, &judged);
}
