/*
 * reply.c - answers of our own: who refused and why.
 *
 * At a provider in the JSON form of its own errors, whose text agents show; elsewhere one
 * line of plain text, as for every message that is malformed. Never 401: agents retry that
 * for minutes, while they show the text of a 403 and stop.
 */
#include "proxy/proxy_priv.h"

#include "base/slice.h"

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } table[] = {
            {400, "Bad Request"},
            {403, "Forbidden"},
            {404, "Not Found"},
            {405, "Method Not Allowed"},
            {408, "Request Timeout"},
            {413, "Content Too Large"},
            {415, "Unsupported Media Type"},
            {417, "Expectation Failed"},
            {421, "Misdirected Request"},
            {426, "Upgrade Required"},
            {431, "Request Header Fields Too Large"},
            {502, "Bad Gateway"},
            {503, "Service Unavailable"},
            {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (table[i].status == status)
            return table[i].reason;
    }
    return "Error";
}

static const char *anthropic_type(int status)
{
    switch (status) {
    case 400:
        return "invalid_request_error";
    case 404:
        return "not_found_error";
    case 413:
        return "request_too_large";
    default:
        return status < 500 ? "permission_error" : "api_error";
    }
}

static const char *google_status(int status)
{
    switch (status) {
    case 400:
        return "INVALID_ARGUMENT";
    case 404:
        return "NOT_FOUND";
    default:
        return status < 500 ? "PERMISSION_DENIED" : "UNAVAILABLE";
    }
}

struct reply reply_make(
        const struct provider *provider, int status, struct str text, struct buf *out)
{
    struct reply reply = {.status = status, .type = "text/plain; charset=utf-8", .body = text};
    enum api_kind kind = provider ? provider->error : API_NONE;
    if (kind == API_NONE)
        return reply;
    if (kind == API_ANTHROPIC) {
        buf_printf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":",
                anthropic_type(status));
        json_put_string(out, text);
    } else if (kind == API_OPENAI) {
        buf_puts(out, "{\"error\":{\"message\":");
        json_put_string(out, text);
        buf_puts(
                out, ",\"type\":\"invalid_request_error\",\"param\":null,\"code\":\"blocked\"");
    } else {
        buf_printf(out, "{\"error\":{\"code\":%d,\"message\":", status);
        json_put_string(out, text);
        buf_printf(out, ",\"status\":\"%s\"", google_status(status));
    }
    buf_puts(out, "}}");
    reply.type = "application/json";
    reply.body = buf_str(out);
    return reply;
}

void reply_write(struct buf *out, const struct reply *reply, bool to_head, bool keep)
{
    http_put_status(out, reply->status, str_of(reason_of(reply->status)));
    buf_printf(out, "\r\ncontent-type: %s", reply->type);
    http_put_length(out, reply->body.n);
    buf_printf(out, "\r\n%s%s\r\n", reply->status == 405 ? "allow: CONNECT\r\n" : "",
            keep ? "" : "connection: close\r\n");
    if (!to_head)
        buf_append_str(out, reply->body);
}

void reply_text(struct chan *chan, int status, struct str text, bool to_head)
{
    struct reply reply = reply_make(NULL, status, text, NULL);
    reply_write(chan_out(chan), &reply, to_head, false);
    chan_flush_soon(chan);
}
