/*
 * reply.c - answers of our own: one line of plain text that says who refused and why.
 *
 * Never 401: agents retry that for minutes, while they show the text of a 403 and stop.
 */
#include "proxy/proxy_priv.h"

const char *reply_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } table[] = {
            {400, "Bad Request"},
            {403, "Forbidden"},
            {405, "Method Not Allowed"},
            {417, "Expectation Failed"},
            {421, "Misdirected Request"},
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

void reply_text(struct chan *chan, int status, struct str text, bool to_head, bool close)
{
    struct buf *out = chan_out(chan);
    buf_printf(out, "HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\n", status,
            reply_reason(status));
    buf_printf(out, "content-length: %zu\r\n%s%s\r\n", text.n,
            status == 405 ? "allow: CONNECT\r\n" : "", close ? "connection: close\r\n" : "");
    if (!to_head)
        buf_append_str(out, text);
    chan_flush_soon(chan);
}
