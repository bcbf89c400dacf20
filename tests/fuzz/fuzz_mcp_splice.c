/*
 * fuzz_mcp_splice.c - any line: what is parsed as a message can be taken apart and put together
 * with other ids, names and tokens, and is a message again, with nothing else changed; masked
 * arguments stay within their bound.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/slice.h"
#include "mcp/message.h"
#include "mcp/redact.h"
#include "mcp/splice.h"
#include "mcp/tools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(const struct splice *splice, struct buf *out)
{
    struct str parts[SPLICE_PARTS];
    size_t count = splice_parts(splice, parts);

    for (size_t i = 0; i < count; i++)
        buf_append_str(out, parts[i]);
    if (buf_len(out) != splice_len(splice))
        abort();
}

static void check_same(struct str a, struct str b)
{
    if (!str_eq(a, b))
        abort();
}

/* With another id it is the same message; with the old one again it is the same text. */
static void exchange_id(const struct message *msg)
{
    struct splice there = {.text = msg->text}, back;
    struct buf out = BUF_INIT, again = BUF_INIT;
    struct message other;
    const char *why;

    if (!msg->id.n)
        return;
    splice_put(&there, msg->id, STR("1234567"));
    put(&there, &out);
    if (message_parse(buf_str(&out), &other, &why) != 0 || other.kind != msg->kind)
        abort();
    check_same(other.id, STR("1234567"));
    check_same(other.method, msg->method);
    check_same(other.params, msg->params);
    check_same(other.result, msg->result);
    back = (struct splice){.text = other.text};
    splice_put(&back, other.id, msg->id);
    put(&back, &again);
    check_same(buf_str(&again), msg->text);
    buf_release(&out);
    buf_release(&again);
}

static void use_params(const struct message *msg)
{
    struct json_member m[] = {{.name = "name"}, {.name = "arguments"}};
    struct buf masked = BUF_INIT, text = BUF_INIT;
    char shown[TOOL_SHOWN + 1];
    struct str name;

    if (!json_raw_is_object(msg->params) || json_slice_object(msg->params, m, 2, NULL) < 0)
        return;
    if (m[0].value.p && json_raw_is_string(m[0].value, &name)) {
        tool_shown_name("server", name, shown);
        if (strlen(shown) > TOOL_SHOWN)
            abort();
        json_decode(name, &text);
        buf_release(&text);
        json_put_text(&text, name);
        if (!json_raw_is_string(buf_str(&text), &name))
            abort();
    }
    if (m[1].value.p)
        redact(m[1].value, 64, &masked);
    if (buf_len(&masked) > 64)
        abort();
    buf_release(&masked);
    buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct tool_list tools;
    struct buf out = BUF_INIT;
    struct message msg;
    const char *why;

    if (message_parse(text, &msg, &why) == 0) {
        exchange_id(&msg);
        use_params(&msg);
    }
    tools_parse(&tools, "server", text);
    tools_put(&tools, &out);
    tools_release(&tools);
    buf_release(&out);
    return 0;
}
