/*
 * message.c - JSON-RPC messages read and written.
 */
#include "mcp/message.h"

#include "base/slice.h"

static bool is_valid_id(struct str raw)
{
    struct str content;

    return json_raw_is_number(raw) || json_raw_is_string(raw, &content);
}

static int no_message(const char **why, const char *text)
{
    *why = text;
    return JSONRPC_REQUEST;
}

int message_no_object(struct str text, struct message *ret, const char **why)
{
    *ret = (struct message){.text = text};
    if (json_raw_is_valid(text))
        return no_message(why, "Invalid Request");
    *why = "Parse error";
    return JSONRPC_PARSE;
}

static int classify(struct message *ret, struct str method, bool has_id, const char **why)
{
    bool params_fit = ret->params.n == 0 || ret->params.p[0] == '{' || ret->params.p[0] == '[';

    if (method.p) {
        if ((has_id && !ret->id.n) || !params_fit || !json_raw_is_string(method, &ret->method))
            return no_message(why, "Invalid Request");
        ret->kind = ret->id.n ? MESSAGE_REQUEST : MESSAGE_NOTIFICATION;
        return 0;
    }
    if (ret->result.n && ret->id.n && !ret->error.n)
        ret->kind = MESSAGE_RESULT;
    else if (ret->error.n && json_raw_is_object(ret->error))
        ret->kind = MESSAGE_ERROR;
    else
        return no_message(why, "Invalid Request");
    return 0;
}

int message_parse(struct str text, struct message *ret, const char **why)
{
    enum { VERSION, ID, METHOD, PARAMS, RESULT, ERROR, COUNT };
    struct json_member m[COUNT] = {[VERSION] = {.name = "jsonrpc"},
            [ID] = {.name = "id"},
            [METHOD] = {.name = "method"},
            [PARAMS] = {.name = "params"},
            [RESULT] = {.name = "result"},
            [ERROR] = {.name = "error"}};
    struct err err;

    text = str_trim(text);
    if (!json_raw_is_object(text))
        return message_no_object(text, ret, why);
    *ret = (struct message){.text = text};
    if (json_slice_object(text, m, COUNT, &err) < 0) {
        if (err.code == ERR_PROTO) {
            *why = "Parse error";
            return JSONRPC_PARSE;
        }
        return no_message(why, err.code == ERR_LIMIT
                                       ? "Invalid Request: too many or too deeply nested values"
                                       : "Invalid Request: ambiguous member names");
    }
    if (m[ID].value.p && is_valid_id(m[ID].value))
        ret->id = m[ID].value;
    ret->params = m[PARAMS].value;
    ret->result = m[RESULT].value;
    ret->error = m[ERROR].value;
    if (!m[VERSION].value.p || !str_eq(m[VERSION].value, STR("\"2.0\"")))
        return no_message(why, "Invalid Request");
    return classify(ret, m[METHOD].value, m[ID].value.p != NULL, why);
}

/* --- writing ------------------------------------------------------------------------------ */

static void put_head(struct buf *out, struct str id)
{
    buf_puts(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    buf_append_str(out, id.n ? id : STR("null"));
}

void message_put_result(struct buf *out, struct str id, struct str result)
{
    put_head(out, id);
    buf_puts(out, ",\"result\":");
    buf_append_str(out, result);
    buf_putc(out, '}');
}

void message_put_error(struct buf *out, struct str id, int code, const char *text)
{
    put_head(out, id);
    buf_printf(out, ",\"error\":{\"code\":%d,\"message\":", code);
    json_put_text(out, str_of(text));
    buf_puts(out, "}}");
}

void json_put_text(struct buf *out, struct str text)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n;) {
        unsigned char c = (unsigned char)text.p[i];
        uint32_t cp;
        int n = c < 0x80 ? 1 : utf8_decode(text.p + i, text.n - i, &cp);

        if (n <= 0) {
            buf_puts(out, "\xef\xbf\xbd");
            i++;
            continue;
        }
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_append(out, text.p + i, (size_t)n);
        i += (size_t)n;
    }
    buf_putc(out, '"');
}

/* --- reading strings ---------------------------------------------------------------------- */

/* The four digits behind "\u", which are there. */
static uint32_t hex4(const char *p)
{
    uint32_t v = 0;

    for (int i = 0; i < 4; i++)
        v = v << 4 | (uint32_t)char_hex(p[i]);
    return v;
}

/* A "\u" escape, two for a pair; returns how long. */
static size_t decode_unicode(struct str s, struct buf *out)
{
    uint32_t cp = hex4(s.p + 2);
    char utf8[4];
    size_t used = 6;

    if (cp >= 0xd800 && cp < 0xdc00 && s.n >= 12 && s.p[6] == '\\' && s.p[7] == 'u') {
        uint32_t low = hex4(s.p + 8);

        if (low >= 0xdc00 && low < 0xe000) {
            cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
            used = 12;
        }
    }
    if (cp >= 0xd800 && cp < 0xe000)
        cp = 0xfffd;
    buf_append(out, utf8, utf8_encode(cp, utf8));
    return used;
}

static size_t decode_escape(struct str s, struct buf *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *found = strchr(from, s.p[1]);

    if (s.p[1] == 'u')
        return decode_unicode(s, out);
    buf_putc(out, (char)(found ? to[found - from] : s.p[1]));
    return 2;
}

void json_decode(struct str content, struct buf *out)
{
    while (content.n) {
        const char *slash = memchr(content.p, '\\', content.n);
        size_t plain = slash ? (size_t)(slash - content.p) : content.n;

        buf_append(out, content.p, plain);
        content = (struct str){content.p + plain, content.n - plain};
        if (!content.n)
            break;
        size_t used = decode_escape(content, out);
        content = (struct str){content.p + used, content.n - used};
    }
}
