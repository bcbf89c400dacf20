/*
 * http1.c - reading HTTP/1.1 heads and bodies.
 *
 * Heads are read here, because it is on the way of every request: one scan finds the end of
 * the head, eight bytes at a time, and refuses every control byte, bare CR or LF and folded
 * line; after that a line is a line, and taking it apart needs no state machine. llhttp
 * (Node's parser) took four times as long for two thirds of these rules; the fuzz target
 * holds what is accepted here against it.
 *
 * The scan remembers where it stopped, so a head that comes byte by byte costs as much as one
 * that comes at once.
 *
 * Blocks: no. Owns: nothing; every view points into the caller's bytes.
 */
#include "http/http1.h"

#include <endian.h>
#include <stddef.h>

#include "base/err.h"
#include "http/token.h"

static int fault_set(struct http_fault *fault, int status, const char *reason);
static size_t next_control(const unsigned char *p, size_t i, size_t end);
static struct str line_take(struct str *bytes);
static int request_line(struct http_head *head, struct str line, struct http_fault *fault);
static int status_line(struct http_head *head, struct str line, struct http_fault *fault);
static int fields_read(struct http_head *head, struct str lines, struct http_fault *fault);
static int fields_judge(struct http_head *head, bool request, struct http_fault *fault);
static int connection_judge(struct http_head *head, struct http_fault *fault);
static int request_framing(struct http_head *head, struct http_fault *fault);
static void response_framing(struct http_head *head, bool to_head);
static enum http_name name_classify(struct str name, bool *hop);

/* --- finding the end of a head -------------------------------------------------------- */

long http_scan_head(struct http_scan *scan, struct str in, struct http_fault *fault)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t end = in.n < LIMIT_HTTP_HEAD ? in.n : LIMIT_HTTP_HEAD;
    size_t i = scan->at;
    for (; (i = next_control(p, i, end)) < end; i++) {
        unsigned char c = p[i];
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

/* The top bit of each byte of eight that is below 0x20 or is 0x7f; above the lowest such byte
 * others may be marked wrongly. */
static uint64_t controls(uint64_t word)
{
    const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
    uint64_t del = word ^ (ones * 0x7f);
    return (((word - ones * 0x20) & ~word) | ((del - ones) & ~del)) & high;
}

/* The place of the first control byte at or behind i, or end. */
static size_t next_control(const unsigned char *p, size_t i, size_t end)
{
    for (uint64_t word; i + sizeof(word) <= end; i += sizeof(word)) {
        memcpy(&word, p + i, sizeof(word));
        uint64_t found = controls(le64toh(word));
        if (found)
            return i + (size_t)__builtin_ctzll(found) / 8;
    }
    while (i < end && p[i] >= 0x20 && p[i] != 0x7f)
        i++;
    return i;
}

/* --- parsing a head ------------------------------------------------------------------- */

/* Everything of the head but the array, which is 5 kB and needs no clearing. */
static struct str head_begin(
        struct http_head *head, struct str *bytes, struct http_fault *fault)
{
    CHECK(str_ends(*bytes, STR("\r\n\r\n")));
    *fault = (struct http_fault){0};
    memset(head, 0, offsetof(struct http_head, fields));
    return line_take(bytes);
}

int http_parse_request(struct http_head *head, struct str bytes, struct http_fault *fault)
{
    struct str line = head_begin(head, &bytes, fault);
    if (request_line(head, line, fault) < 0 || fields_read(head, bytes, fault) < 0 ||
            fields_judge(head, true, fault) < 0 || connection_judge(head, fault) < 0)
        return -1;
    return request_framing(head, fault);
}

int http_parse_response(
        struct http_head *head, struct str bytes, bool to_head, struct http_fault *fault)
{
    struct str line = head_begin(head, &bytes, fault);
    if (status_line(head, line, fault) < 0 || fields_read(head, bytes, fault) < 0 ||
            fields_judge(head, false, fault) < 0 || connection_judge(head, fault) < 0)
        return -1;
    response_framing(head, to_head);
    return 0;
}

/* The next line without its end; there is one, as the scan saw. */
static struct str line_take(struct str *bytes)
{
    const char *end = memchr(bytes->p, '\n', bytes->n);
    CHECK(end && end > bytes->p);
    struct str line = {bytes->p, (size_t)(end - 1 - bytes->p)};
    bytes->n -= line.n + 2;
    bytes->p = end + 1;
    return line;
}

/* "HTTP/1.0" or "HTTP/1.1", and nothing around it. */
static int version_read(struct http_head *head, struct str text, struct http_fault *fault)
{
    if (str_eq(text, STR("HTTP/1.1")) || str_eq(text, STR("HTTP/1.0"))) {
        head->minor = text.p[7] - '0';
        return 0;
    }
    bool is_version = str_starts(text, STR("HTTP/")) && text.n > 5;
    for (size_t i = 5; i < text.n; i++)
        is_version &= (text.p[i] >= '0' && text.p[i] <= '9') || text.p[i] == '.';
    return is_version ? fault_set(fault, 505, "HTTP version not supported")
                      : fault_set(fault, 400, "malformed first line");
}

/* Every method there is has capital letters and hyphens only; another spelling of one must
 * not reach a server that is less exact. */
static bool is_method(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!(s.p[i] >= 'A' && s.p[i] <= 'Z') && !(s.p[i] == '-' && i > 0))
            return false;
    }
    return s.n > 0 && s.n <= 31;
}

/* RFC 9112 section 3.2: which form goes with which method. What is behind "://" or in a
 * CONNECT is for others to judge. A fragment is never sent. */
static bool is_target(struct str method, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return false;
    }
    if (str_eq(method, STR("CONNECT")))
        return s.n > 0 && s.p[0] != '/';
    if (s.n > 0 && s.p[0] == '/')
        return true;
    if (str_eq(s, STR("*")))
        return str_eq(method, STR("OPTIONS"));
    struct str scheme, rest = s;
    return str_cut(&rest, ':', &scheme) && scheme.n > 0 && str_starts(rest, STR("//"));
}

static int request_line(struct http_head *head, struct str line, struct http_fault *fault)
{
    bool two = str_cut(&line, ' ', &head->method);
    bool three = two && str_cut(&line, ' ', &head->target);
    if (two && !three && is_method(head->method) && is_target(head->method, head->target))
        return fault_set(fault, 505, "HTTP/0.9 is not supported");
    if (!is_method(head->method))
        return fault_set(fault, 400, "malformed method");
    if (!three || !is_target(head->method, head->target))
        return fault_set(fault, 400, "malformed request target");
    return version_read(head, line, fault);
}

static int status_line(struct http_head *head, struct str line, struct http_fault *fault)
{
    struct str version, digits;
    uint64_t status;
    str_cut(&line, ' ', &version);
    if (version_read(head, version, fault) < 0)
        return -1;
    str_cut(&line, ' ', &digits);
    if (digits.n != 3 || !str_u64(digits, 599, &status) || status < 100)
        return fault_set(fault, 502, "impossible status code");
    head->status = (int)status;
    head->reason = line;
    return 0;
}

static int fields_read(struct http_head *head, struct str lines, struct http_fault *fault)
{
    while (lines.n > 2) {
        struct str line = line_take(&lines);
        size_t n = token_length(line);
        if (n == 0 || n == line.n || line.p[n] != ':')
            return fault_set(fault, 400, "bad header name");
        if (head->count == LIMIT_HTTP_FIELDS)
            return fault_set(fault, 431, "too many header fields");
        struct http_field *field = &head->fields[head->count++];
        field->name = (struct str){line.p, n};
        field->value = str_trim((struct str){line.p + n + 1, line.n - n - 1});
        field->known = name_classify(field->name, &field->hop);
    }
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
    unsigned options = 0;
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
            if (!token_is(item))
                return fault_set(fault, 400, "malformed Connection");
            if (++options > LIMIT_HTTP_OPTIONS)
                return fault_set(fault, 400, "too many Connection options");
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
    /* Such an answer has no body; who announces one may still send it. */
    if ((status < 200 || status == 204) && head->framing != HTTP_NO_BODY && !empty)
        head->keep_alive = false;
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
            /* With these some servers see another request than the one that was judged: other
             * framing (they read '_' as '-'), another method, another path. */
            {{"content_length", 14}, HTTP_HOP, true},
            {{"transfer_encoding", 17}, HTTP_HOP, true},
            {{"x-http-method", 13}, HTTP_HOP, true},
            {{"x-http-method-override", 22}, HTTP_HOP, true},
            {{"x-method-override", 17}, HTTP_HOP, true},
            {{"x-original-url", 14}, HTTP_HOP, true},
            {{"x-rewrite-url", 13}, HTTP_HOP, true},
    };
    /* Most names end at their length or at their first letter, which differs from its
     * capital in one bit. */
    const uint32_t lengths = 1u << 2 | 1u << 4 | 1u << 6 | 1u << 7 | 1u << 10 | 1u << 13 |
                             1u << 14 | 1u << 16 | 1u << 17 | 1u << 18 | 1u << 19 | 1u << 22;
    *hop = false;
    if (name.n >= 32 || !(lengths >> name.n & 1))
        return HTTP_OTHER;
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        if (table[i].name.n != name.n || table[i].name.p[0] != (name.p[0] | 0x20))
            continue;
        if (str_eq_icase(name, table[i].name)) {
            *hop = table[i].hop;
            return table[i].known;
        }
    }
    return HTTP_OTHER;
}

/* --- bodies --------------------------------------------------------------------------- */

void http_body_init(struct http_body *body, enum http_framing framing, uint64_t length)
{
    *body = (struct http_body){.framing = framing, .left = length};
    body->done = framing == HTTP_NO_BODY || (framing == HTTP_LENGTH && length == 0);
}

/* Counts what goes through. */
struct feeding {
    struct http_body *body; /* borrows, all of these */
    http_sink_fn sink;
    void *ctx;
};

static void on_piece(void *ctx, struct str piece)
{
    struct feeding *f = ctx;
    f->body->bytes += piece.n;
    f->sink(f->ctx, piece);
}

static long chunks_feed(struct feeding *f, struct str in, struct http_fault *fault)
{
    const char *reason;
    long used = chunked_feed(&f->body->chunks, in, on_piece, f, &reason);
    if (used < 0)
        return fault_set(fault, 400, reason);
    f->body->done = chunked_done(&f->body->chunks);
    return used;
}

long http_body_feed(struct http_body *body, struct str in, http_sink_fn sink, void *ctx,
        struct http_fault *fault)
{
    struct feeding f = {body, sink, ctx};
    if (body->done || in.n == 0)
        return 0;
    if (body->framing == HTTP_CHUNKED)
        return chunks_feed(&f, in, fault);
    if (body->framing == HTTP_LENGTH) {
        if (in.n > body->left)
            in.n = (size_t)body->left;
        body->left -= in.n;
        body->done = body->left == 0;
    }
    on_piece(&f, in);
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
