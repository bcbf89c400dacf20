/*
 * http1.c - reading HTTP/1.1 heads and bodies.
 *
 * llhttp (Node's parser, in strict mode) takes the syntax; this file adds what llhttp leaves
 * to its user or tolerates in one of its versions: one scan that finds the end of the head
 * and refuses every control byte, bare CR or LF and folded line, the rules for which framing
 * counts, and the fields that end at this hop. The scan remembers where it stopped, so a head
 * that comes byte by byte costs as much as one that comes at once.
 *
 * Blocks: no. Owns: nothing; every view points into the caller's bytes.
 */
#include "proxy/http1.h"

#include <stddef.h>

/* An llhttp parser while it reads one head. */
struct reading {
    llhttp_t parser;
    struct http_head *head; /* borrows */
    struct str name;
    bool name_set;
    bool done;
    struct http_fault *fault; /* borrows */
};

/* An llhttp parser while it reads a piece of a chunked body. */
struct feeding {
    http_sink_fn sink;
    void *ctx; /* borrows */
    struct http_body *body;
};

static int fault_set(struct http_fault *fault, int status, const char *reason);
static int parse(struct reading *r, llhttp_type_t type, struct str bytes);
static int line_exact(const struct http_head *head, struct str bytes, struct http_fault *fault);
static int fields_judge(struct http_head *head, bool request, struct http_fault *fault);
static int connection_judge(struct http_head *head, struct http_fault *fault);
static int request_framing(struct http_head *head, struct http_fault *fault);
static void response_framing(struct http_head *head, bool to_head);
static enum http_name name_classify(struct str name, bool *hop);
static bool is_token(struct str s);

/* --- finding the end of a head -------------------------------------------------------- */

long http_scan_head(struct http_scan *scan, struct str in, struct http_fault *fault)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t end = in.n < LIMIT_HTTP_HEAD ? in.n : LIMIT_HTTP_HEAD;
    size_t i = scan->at;
    for (; i < end; i++) {
        unsigned char c = p[i];
        if (c >= 0x20 && c != 0x7f)
            continue;
        if (c == '\r') {
            if (i + 1 == end)
                break;
            if (p[i + 1] != '\n')
                return fault_set(fault, 400, "bare CR in the head");
            continue;
        }
        if (c == '\t')
            continue;
        if (c != '\n')
            return fault_set(fault, 400, "control byte in the head");
        if (i == 0 || p[i - 1] != '\r')
            return fault_set(fault, 400, "bare LF in the head");
        if (i - 1 == scan->line_start)
            return i == 1 ? fault_set(fault, 400, "empty first line") : (long)(i + 1);
        if (i + 1 == end)
            break; /* comes here again with the next byte */
        scan->line_start = i + 1;
        if (p[i + 1] == ' ' || p[i + 1] == '\t')
            return fault_set(fault, 400, "folded header line");
    }
    scan->at = i;
    if (in.n >= LIMIT_HTTP_HEAD)
        return fault_set(fault, 431, "head too large");
    return 0;
}

/* --- parsing a head ------------------------------------------------------------------- */

static int on_method(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;
    r->head->method = (struct str){at, n};
    return 0;
}

static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;
    r->head->target = (struct str){at, n};
    return 0;
}

static int on_status(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;
    r->head->reason = (struct str){at, n};
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;
    struct str name = {at, n};
    if (!is_token(name))
        return fault_set(r->fault, 400, "bad header name");
    if (r->head->count == LIMIT_HTTP_FIELDS)
        return fault_set(r->fault, 431, "too many header fields");
    r->name = name;
    r->name_set = true;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n)
{
    struct reading *r = parser->data;
    if (!r->name_set)
        return fault_set(r->fault, 400, "folded header line");
    r->name_set = false;
    struct http_field *field = &r->head->fields[r->head->count++];
    field->name = r->name;
    field->value = str_trim((struct str){at, n});
    field->known = name_classify(r->name, &field->hop);
    return 0;
}

static int on_head_done(llhttp_t *parser)
{
    struct reading *r = parser->data;
    r->done = true;
    return 0;
}

static const llhttp_settings_t head_settings = {
        .on_method = on_method,
        .on_url = on_url,
        .on_status = on_status,
        .on_header_field = on_field,
        .on_header_value = on_value,
        .on_headers_complete = on_head_done,
};

/* Everything of the head but the array, which is 5 kB and needs no clearing. */
static void head_clear(struct http_head *head)
{
    memset(head, 0, offsetof(struct http_head, fields));
}

static int parse(struct reading *r, llhttp_type_t type, struct str bytes)
{
    head_clear(r->head);
    llhttp_init(&r->parser, type, &head_settings);
    r->parser.data = r;
    llhttp_errno_t rc = llhttp_execute(&r->parser, bytes.p, bytes.n);
    if (r->done) {
        if (r->parser.http_major != 1 || r->parser.http_minor > 1)
            return fault_set(r->fault, 505, "HTTP version not supported");
        r->head->minor = r->parser.http_minor;
        return 0;
    }
    if (r->fault->status == 0)
        fault_set(r->fault, rc == HPE_INVALID_VERSION ? 505 : 400,
                rc == HPE_OK ? "incomplete head" : llhttp_get_error_reason(&r->parser));
    return -1;
}

int http_parse_request(struct http_head *head, struct str bytes, struct http_fault *fault)
{
    *fault = (struct http_fault){0};
    struct reading r = {.head = head, .fault = fault};
    if (parse(&r, HTTP_REQUEST, bytes) < 0 || line_exact(head, bytes, fault) < 0 ||
            fields_judge(head, true, fault) < 0 || connection_judge(head, fault) < 0)
        return -1;
    return request_framing(head, fault);
}

int http_parse_response(
        struct http_head *head, struct str bytes, bool to_head, struct http_fault *fault)
{
    *fault = (struct http_fault){0};
    struct reading r = {.head = head, .fault = fault};
    if (parse(&r, HTTP_RESPONSE, bytes) < 0)
        return -1;
    head->status = r.parser.status_code;
    if (head->status < 100 || head->status > 599)
        return fault_set(fault, 502, "impossible status code");
    if (fields_judge(head, false, fault) < 0 || connection_judge(head, fault) < 0)
        return -1;
    response_framing(head, to_head);
    return 0;
}

/* llhttp lets further blanks pass between the parts of the first line; two readers may then
 * disagree about where the target ends. */
static int line_exact(const struct http_head *head, struct str bytes, struct http_fault *fault)
{
    size_t expected = head->method.n + 1 + head->target.n + 1 + strlen("HTTP/1.1\r\n");
    const char *end = memchr(bytes.p, '\n', bytes.n);
    if (!end || (size_t)(end + 1 - bytes.p) != expected || head->method.p != bytes.p)
        return fault_set(fault, 400, "malformed request line");
    return 0;
}

/* Pick out what decides about framing; nothing of it may be there twice. */
static int fields_judge(struct http_head *head, bool request, struct http_fault *fault)
{
    bool seen[HTTP_HOP + 1] = {false};
    for (size_t i = 0; i < head->count; i++) {
        const struct http_field *field = &head->fields[i];
        enum http_name known = field->known;
        bool single = known == HTTP_CONTENT_LENGTH || known == HTTP_TRANSFER_ENCODING ||
                      (known == HTTP_HOST && request);
        if (single && seen[known])
            return fault_set(
                    fault, 400, known == HTTP_HOST ? "second Host" : "framing given twice");
        seen[known] = true;
        if (known == HTTP_HOST) {
            head->host = field->value;
        } else if (known == HTTP_CONTENT_LENGTH) {
            if (!str_u64(field->value, INT64_MAX, &head->length))
                return fault_set(fault, 400, "bad Content-Length");
            head->has_length = true;
            head->framing = HTTP_LENGTH;
        } else if (known == HTTP_TRANSFER_ENCODING) {
            if (!str_eq_icase(field->value, STR("chunked")))
                return fault_set(fault, 400, "Transfer-Encoding other than chunked");
        } else if (known == HTTP_EXPECT) {
            if (!str_eq_icase(field->value, STR("100-continue")))
                return fault_set(fault, 417, "unknown expectation");
            head->expect_continue = true;
        }
    }
    if (seen[HTTP_TRANSFER_ENCODING]) {
        if (seen[HTTP_CONTENT_LENGTH])
            return fault_set(fault, 400, "both Content-Length and Transfer-Encoding");
        if (head->minor == 0)
            return fault_set(fault, 400, "Transfer-Encoding in HTTP/1.0");
        head->framing = HTTP_CHUNKED;
    }
    if (request && head->minor == 1 && !seen[HTTP_HOST])
        return fault_set(fault, 400, "no Host");
    head->upgrade = seen[HTTP_UPGRADE];
    return 0;
}

static void hop_mark(struct http_head *head, struct str name)
{
    for (size_t i = 0; i < head->count; i++) {
        if (str_eq_icase(head->fields[i].name, name))
            head->fields[i].hop = true;
    }
}

/* The Connection field: whether the sender stays, and which further fields end here. */
static int connection_judge(struct http_head *head, struct http_fault *fault)
{
    bool close = false, keep = false, upgrade = false;
    for (size_t i = 0; i < head->count; i++) {
        if (head->fields[i].known != HTTP_CONNECTION)
            continue;
        struct str rest = head->fields[i].value, item;
        bool more = rest.n > 0;
        while (more) {
            more = str_cut(&rest, ',', &item);
            item = str_trim(item);
            if (item.n == 0)
                continue;
            if (!is_token(item))
                return fault_set(fault, 400, "malformed Connection");
            close |= str_eq_icase(item, STR("close"));
            keep |= str_eq_icase(item, STR("keep-alive"));
            upgrade |= str_eq_icase(item, STR("upgrade"));
            hop_mark(head, item);
        }
    }
    head->keep_alive = !close && (head->minor == 1 || keep);
    head->upgrade &= upgrade;
    return 0;
}

static int request_framing(struct http_head *head, struct http_fault *fault)
{
    if (head->framing == HTTP_LENGTH && head->length == 0)
        head->framing = HTTP_NO_BODY;
    if (head->framing != HTTP_NO_BODY && str_eq(head->method, STR("CONNECT")))
        return fault_set(fault, 400, "CONNECT with a body");
    return 0;
}

/* RFC 9112 section 6.3, for what the checks above let pass. */
static void response_framing(struct http_head *head, bool to_head)
{
    int status = head->status;
    bool empty = head->framing == HTTP_LENGTH && head->length == 0;
    if (to_head || empty || status < 200 || status == 204 || status == 304)
        head->framing = HTTP_NO_BODY;
    else if (head->framing == HTTP_NO_BODY)
        head->framing = HTTP_TO_CLOSE;
}

const struct http_field *http_next(const struct http_head *head, struct str name, size_t *index)
{
    while (*index < head->count) {
        const struct http_field *field = &head->fields[(*index)++];
        if (str_eq_icase(field->name, name))
            return field;
    }
    return NULL;
}

static enum http_name name_classify(struct str name, bool *hop)
{
    static const struct {
        struct str name;
        enum http_name known;
        bool hop;
    } table[] = {
            {{"te", 2}, HTTP_HOP, true},
            {{"host", 4}, HTTP_HOST, false},
            {{"expect", 6}, HTTP_EXPECT, true},
            {{"trailer", 7}, HTTP_HOP, true},
            {{"upgrade", 7}, HTTP_UPGRADE, true},
            {{"connection", 10}, HTTP_CONNECTION, true},
            {{"keep-alive", 10}, HTTP_HOP, true},
            {{"content-length", 14}, HTTP_CONTENT_LENGTH, false},
            {{"http2-settings", 14}, HTTP_HOP, true},
            {{"proxy-connection", 16}, HTTP_HOP, true},
            {{"transfer-encoding", 17}, HTTP_TRANSFER_ENCODING, true},
            {{"proxy-authenticate", 18}, HTTP_HOP, true},
            {{"proxy-authorization", 19}, HTTP_HOP, true},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table) && table[i].name.n <= name.n; i++) {
        if (str_eq_icase(name, table[i].name)) {
            *hop = table[i].hop;
            return table[i].known;
        }
    }
    *hop = false;
    return HTTP_OTHER;
}

/* RFC 9110 section 5.6.2. */
static bool is_token(struct str s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return s.n > 0;
}

/* --- bodies --------------------------------------------------------------------------- */

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct feeding *f = parser->data;
    f->body->overhead = 0;
    f->body->bytes += n;
    f->sink(f->ctx, (struct str){at, n});
    return 0;
}

static int on_body_done(llhttp_t *parser)
{
    struct feeding *f = parser->data;
    f->body->done = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t body_settings = {
        .on_body = on_body,
        .on_message_complete = on_body_done,
};

void http_body_init(struct http_body *body, enum http_framing framing, uint64_t length)
{
    body->framing = framing;
    body->left = length;
    body->bytes = 0;
    body->overhead = 0;
    body->done = framing == HTTP_NO_BODY || (framing == HTTP_LENGTH && length == 0);
    if (framing != HTTP_CHUNKED)
        return;
    /* A head of our own brings the parser to where chunks begin. */
    static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    llhttp_init(&body->chunks, HTTP_REQUEST, &body_settings);
    struct feeding f = {.body = body};
    body->chunks.data = &f;
    llhttp_execute(&body->chunks, head, sizeof(head) - 1);
}

/* Chunk extensions and trailers are dropped, but not without end. A fault of the sink's
 * side does not exist: what it cannot send yet waits in its channel. */
static long chunks_feed(struct http_body *body, struct str in, http_sink_fn sink, void *ctx,
        struct http_fault *fault)
{
    struct feeding f = {.sink = sink, .ctx = ctx, .body = body};
    uint64_t before = body->bytes;
    size_t overhead = body->overhead;
    body->chunks.data = &f;
    llhttp_errno_t rc = llhttp_execute(&body->chunks, in.p, in.n);
    if (body->done)
        return llhttp_get_error_pos(&body->chunks) - in.p;
    if (rc != HPE_OK)
        return fault_set(fault, 400, "malformed chunked body");
    if (body->bytes == before)
        body->overhead = overhead + in.n;
    if (body->overhead > LIMIT_HTTP_HEAD)
        return fault_set(fault, 400, "too much chunk framing");
    return (long)in.n;
}

long http_body_feed(struct http_body *body, struct str in, http_sink_fn sink, void *ctx,
        struct http_fault *fault)
{
    if (body->done || in.n == 0)
        return 0;
    if (body->framing == HTTP_CHUNKED)
        return chunks_feed(body, in, sink, ctx, fault);
    if (body->framing == HTTP_LENGTH) {
        if (in.n > body->left)
            in.n = (size_t)body->left;
        body->left -= in.n;
        body->done = body->left == 0;
    }
    body->bytes += in.n;
    sink(ctx, in);
    return (long)in.n;
}

bool http_body_eof(struct http_body *body)
{
    if (body->framing == HTTP_TO_CLOSE)
        body->done = true;
    return body->done;
}

/* These run for every request: no printf. */
static void put_decimal(struct buf *out, uint64_t n)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    buf_append(out, digits + at, sizeof(digits) - at);
}

void http_put_length(struct buf *out, uint64_t length)
{
    buf_append_str(out, STR("\r\ncontent-length: "));
    put_decimal(out, length);
}

void http_put_status(struct buf *out, int status, struct str reason)
{
    buf_append_str(out, STR("HTTP/1.1 "));
    put_decimal(out, (uint64_t)status);
    buf_putc(out, ' ');
    buf_append_str(out, reason);
}

void http_put_chunk(struct buf *out, struct str piece)
{
    if (piece.n == 0)
        return; /* would be the last chunk */
    char line[24];
    size_t at = sizeof(line);
    line[--at] = '\n';
    line[--at] = '\r';
    for (size_t n = piece.n; n > 0; n >>= 4)
        line[--at] = "0123456789abcdef"[n & 15];
    char *p = buf_reserve(out, sizeof(line) - at + piece.n + 2);
    memcpy(p, line + at, sizeof(line) - at);
    p += sizeof(line) - at;
    memcpy(p, piece.p, piece.n);
    p[piece.n] = '\r';
    p[piece.n + 1] = '\n';
    buf_commit(out, sizeof(line) - at + piece.n + 2);
}

void http_put_last_chunk(struct buf *out)
{
    buf_puts(out, "0\r\n\r\n");
}

static int fault_set(struct http_fault *fault, int status, const char *reason)
{
    *fault = (struct http_fault){status, reason};
    return -1;
}
