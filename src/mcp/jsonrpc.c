/*
 * jsonrpc.c - framing, checks and answers of JSON-RPC.
 *
 * Bytes move from the channel into `in`, because a message may be larger than what a channel
 * holds; `scanned` remembers how far no newline was found, so that a long line arriving in
 * pieces is looked at once. A line over the limit is answered once and skipped to its end.
 */
#include "mcp/jsonrpc.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"

struct jsonrpc {
    struct chan *chan;             /* owns */
    const struct jsonrpc_ops *ops; /* borrows */
    void *ctx;                     /* borrows from the owner */
    struct buf in;                 /* owns; lines not yet handled */
    size_t scanned;                /* bytes of `in` without a newline */
    bool skipping;                 /* inside a line that was too long */
    bool batch_allowed, in_batch;
    struct buf batch; /* owns; answers of the batch under way, comma separated */
    bool *freed;      /* set by jsonrpc_free() while pump() is on the stack */
};

static void pump(void *ctx);
static void on_end(void *ctx);
static void on_fail(void *ctx, const struct err *err);

static const struct chan_ops chan_ops = {
        .on_data = pump, .on_drain = pump, .on_end = on_end, .on_fail = on_fail};

struct jsonrpc *jsonrpc_new(struct chan *chan, const struct jsonrpc_ops *ops, void *ctx)
{
    struct jsonrpc *rpc = xcalloc(1, sizeof(*rpc));
    *rpc = (struct jsonrpc){.chan = chan, .ops = ops, .ctx = ctx};
    chan_set_ops(chan, &chan_ops, rpc);
    return rpc;
}

void jsonrpc_free(struct jsonrpc *rpc)
{
    if (!rpc)
        return;
    if (rpc->freed)
        *rpc->freed = true;
    chan_close(rpc->chan);
    buf_release(&rpc->in);
    buf_release(&rpc->batch);
    free(rpc);
}

void jsonrpc_allow_batch(struct jsonrpc *rpc, bool allow)
{
    rpc->batch_allowed = allow;
}

/* --- answers -------------------------------------------------------------------------- */

static struct buf *begin_answer(struct jsonrpc *rpc)
{
    struct buf *out = rpc->in_batch ? &rpc->batch : chan_out(rpc->chan);
    if (rpc->in_batch && buf_len(out))
        buf_putc(out, ',');
    buf_puts(out, "{\"jsonrpc\":\"2.0\",\"id\":");
    return out;
}

static void end_answer(struct jsonrpc *rpc, struct buf *out)
{
    buf_putc(out, '}');
    if (rpc->in_batch)
        return;
    buf_putc(out, '\n');
    chan_flush_soon(rpc->chan);
}

void jsonrpc_result(struct jsonrpc *rpc, struct str id, struct str result)
{
    struct buf *out = begin_answer(rpc);
    buf_append_str(out, id);
    buf_puts(out, ",\"result\":");
    buf_append_str(out, result);
    end_answer(rpc, out);
}

void jsonrpc_error(
        struct jsonrpc *rpc, struct str id, enum jsonrpc_code code, const char *message)
{
    struct buf *out = begin_answer(rpc);
    buf_append_str(out, id.n ? id : STR("null"));
    buf_printf(out, ",\"error\":{\"code\":%d,\"message\":\"%s\"}", (int)code, message);
    end_answer(rpc, out);
}

static void refuse(struct jsonrpc *rpc, const struct err *err)
{
    if (err->code == ERR_PROTO)
        jsonrpc_error(rpc, STR(""), JSONRPC_PARSE, "Parse error");
    else
        jsonrpc_error(rpc, STR(""), JSONRPC_REQUEST,
                err->code == ERR_LIMIT ? "Invalid Request: too many or too deeply nested values"
                                       : "Invalid Request: ambiguous member names");
}

/* --- messages ------------------------------------------------------------------------- */

static bool is_valid_id(struct str raw)
{
    struct str content;
    return json_raw_is_number(raw) || json_raw_is_string(raw, &content);
}

static void take_object(struct jsonrpc *rpc, struct str text)
{
    enum { VERSION, ID, METHOD, PARAMS, RESULT, ERROR, COUNT };
    struct json_member m[COUNT] = {[VERSION] = {.name = "jsonrpc"},
            [ID] = {.name = "id"},
            [METHOD] = {.name = "method"},
            [PARAMS] = {.name = "params"},
            [RESULT] = {.name = "result"},
            [ERROR] = {.name = "error"}};
    struct err err;
    if (json_slice_object(text, m, COUNT, &err) < 0) {
        refuse(rpc, &err);
        return;
    }
    if (!m[METHOD].value.p && (m[RESULT].value.p || m[ERROR].value.p))
        return; /* an answer to a question that we have not asked: ignoring */

    bool has_id = m[ID].value.p != NULL;
    struct jsonrpc_msg msg = {.params = m[PARAMS].value};
    if (has_id && is_valid_id(m[ID].value))
        msg.id = m[ID].value;
    bool params_fit = msg.params.n == 0 || msg.params.p[0] == '{' || msg.params.p[0] == '[';
    if (!m[VERSION].value.p || !str_eq(m[VERSION].value, STR("\"2.0\"")) ||
            (has_id && !msg.id.n) || !params_fit ||
            !json_raw_is_string(m[METHOD].value, &msg.method)) {
        jsonrpc_error(rpc, msg.id, JSONRPC_REQUEST, "Invalid Request");
        return;
    }
    rpc->ops->on_message(rpc->ctx, &msg);
}

static void take_element(struct jsonrpc *rpc, struct str text)
{
    if (json_raw_is_object(text))
        take_object(rpc, text);
    else
        jsonrpc_error(rpc, STR(""), JSONRPC_REQUEST, "Invalid Request");
}

static void take_batch(struct jsonrpc *rpc, struct str text, const bool *freed)
{
    struct str items[LIMIT_MCP_BATCH];
    size_t count;
    struct err err;
    if (json_slice_array(text, items, LIMIT_MCP_BATCH, &count, &err) < 0) {
        refuse(rpc, &err);
        return;
    }
    if (count == 0 || !rpc->batch_allowed) {
        jsonrpc_error(rpc, STR(""), JSONRPC_REQUEST,
                count ? "Invalid Request: no batches in this protocol version"
                      : "Invalid Request");
        return;
    }
    rpc->in_batch = true;
    for (size_t i = 0; i < count && !*freed; i++)
        take_element(rpc, items[i]);
    if (*freed)
        return;
    rpc->in_batch = false;
    if (buf_len(&rpc->batch)) { /* a batch of notifications has no answer */
        chan_write(rpc->chan, "[", 1);
        chan_write_str(rpc->chan, buf_str(&rpc->batch));
        chan_write(rpc->chan, "]\n", 2);
    }
    buf_release(&rpc->batch);
}

static void take_line(struct jsonrpc *rpc, struct str line, const bool *freed)
{
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    line = str_trim(line);
    if (line.n == 0)
        return;
    if (line.p[0] == '[') {
        take_batch(rpc, line, freed);
    } else if (line.p[0] == '{') {
        take_object(rpc, line);
    } else {
        bool is_json = json_raw_is_valid(line);
        jsonrpc_error(rpc, STR(""), is_json ? JSONRPC_REQUEST : JSONRPC_PARSE,
                is_json ? "Invalid Request" : "Parse error");
    }
}

/* --- lines ---------------------------------------------------------------------------- */

static void take_bytes(struct jsonrpc *rpc)
{
    struct str fresh = buf_str(chan_in(rpc->chan));
    buf_append_str(&rpc->in, fresh);
    buf_consume(chan_in(rpc->chan), fresh.n);
}

/* No newline in `in`. Keep it for later, unless it is too long already. */
static void keep_partial(struct jsonrpc *rpc)
{
    rpc->scanned = buf_len(&rpc->in);
    if (!rpc->skipping && rpc->scanned > LIMIT_MCP_MESSAGE) {
        jsonrpc_error(rpc, STR(""), JSONRPC_REQUEST, "Invalid Request: message too large");
        rpc->skipping = true;
    }
    if (rpc->skipping) {
        buf_release(&rpc->in);
        rpc->scanned = 0;
    } else if (rpc->scanned == 0) {
        buf_release(&rpc->in);
    }
}

/* Handles lines until none is left (true) or the peer has to read first. */
static bool take_lines(struct jsonrpc *rpc, const bool *freed)
{
    while (!chan_full(rpc->chan)) {
        struct str in = buf_str(&rpc->in);
        const char *end = memchr(in.p + rpc->scanned, '\n', in.n - rpc->scanned);
        if (!end) {
            keep_partial(rpc);
            return true;
        }
        struct str line = {in.p, (size_t)(end - in.p)};
        bool skip = rpc->skipping;
        rpc->scanned = 0;
        rpc->skipping = false;
        if (!skip && line.n > LIMIT_MCP_MESSAGE)
            jsonrpc_error(rpc, STR(""), JSONRPC_REQUEST, "Invalid Request: message too large");
        else if (!skip)
            take_line(rpc, line, freed);
        if (*freed)
            return false;
        buf_consume(&rpc->in, line.n + 1);
    }
    return false;
}

static void pump(void *ctx)
{
    struct jsonrpc *rpc = ctx;
    bool freed = false;
    rpc->freed = &freed;
    take_bytes(rpc);
    bool all = take_lines(rpc, &freed);
    if (freed)
        return;
    rpc->freed = NULL;
    if (all)
        chan_resume(rpc->chan);
    else
        chan_pause(rpc->chan); /* on_drain brings us back */
}

static void on_end(void *ctx)
{
    struct jsonrpc *rpc = ctx;
    rpc->ops->on_end(rpc->ctx);
}

static void on_fail(void *ctx, const struct err *err)
{
    (void)err; /* an agent that goes away needs no reason */
    on_end(ctx);
}
