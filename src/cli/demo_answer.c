/*
 * demo_answer.c - the Messages API of the demo provider, as far as an agent needs it.
 *
 * A request that wants JSON by a schema (Claude Code asks so for a session title) gets the
 * smallest instance of it; any other gets a sentence with the user's last words in it.
 */
#include "cli/demo_answer.h"

#include "base/json.h"
#include "base/mem.h"

/* The last text the user wrote, without the reminders that agents put around it. */
static const char *last_user_text(const json_t *request)
{
    const json_t *messages = json_object_get(request, "messages");

    for (size_t i = json_array_size(messages); i-- > 0;) {
        const json_t *message = json_array_get(messages, i);
        const json_t *content = json_object_get(message, "content");
        const char *role = json_string_value(json_object_get(message, "role"));

        if (!role || strcmp(role, "user") != 0)
            continue;
        if (json_is_string(content))
            return json_string_value(content);
        for (size_t j = json_array_size(content); j-- > 0;) {
            const json_t *block = json_array_get(content, j);
            const char *text = json_string_value(json_object_get(block, "text"));

            if (text && strncmp(text, "<system-reminder>", 17) != 0)
                return text;
        }
    }
    return "";
}

static json_t *instance_of(const json_t *schema, unsigned depth)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    const json_t *choices = json_object_get(schema, "enum");
    const char *name;
    json_t *value;

    if (json_array_size(choices))
        return json_deep_copy(json_array_get(choices, 0));
    if (!type || depth > 8)
        return json_string("demo");
    if (strcmp(type, "object") == 0) {
        json_t *o = json_object();

        json_object_foreach(json_object_get(schema, "properties"), name, value)
                json_object_set_new(o, name, instance_of(value, depth + 1));
        return o;
    }
    if (strcmp(type, "array") == 0)
        return json_array();
    if (strcmp(type, "boolean") == 0)
        return json_true();
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return json_integer(0);
    return json_string("demo");
}

static const json_t *wanted_schema(const json_t *request)
{
    const json_t *format = json_object_get(request, "output_format");

    if (!format)
        format = json_object_get(json_object_get(request, "output_config"), "format");
    return json_object_get(format, "schema");
}

void demo_answer_make(struct demo_answer *answer, struct str body)
{
    json_error_t ignored;
    json_t *request = json_loadb(body.p, body.n, 0, &ignored);
    const char *model = json_string_value(json_object_get(request, "model"));

    *answer = (struct demo_answer){0};
    answer->ok = json_is_array(json_object_get(request, "messages"));
    answer->stream = json_is_true(json_object_get(request, "stream"));
    str_copy(answer->model, sizeof(answer->model), str_of(model ? model : "demo"));
    if (answer->ok && wanted_schema(request)) {
        json_t *instance = instance_of(wanted_schema(request), 0);

        answer->text = json_dumps(instance, JSON_COMPACT);
        json_decref(instance);
    } else {
        answer->text = xasprintf("I am the offline demo provider, so there is no model behind "
                                 "this answer; but it was streamed to you through the proxy. "
                                 "You said: %.400s",
                last_user_text(request));
    }
    json_decref(request);
}

void demo_answer_release(struct demo_answer *answer)
{
    free(answer->text);
    *answer = (struct demo_answer){0};
}

static void put_event(struct buf *out, const char *event, json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT);

    buf_printf(out, "event: %s\ndata: %s\n\n", event, text ? text : "{}");
    free(text);
    json_decref(data);
}

static json_t *message_object(
        const struct demo_answer *answer, json_t *content, const char *stop)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:o,s:s?,s:n,s:{s:i,s:i}}", "id", "msg_demo", "type",
            "message", "role", "assistant", "model", answer->model, "content", content,
            "stop_reason", stop, "stop_sequence", "usage", "input_tokens", 12, "output_tokens",
            (int)(strlen(answer->text) / 4 + 1));
}

void demo_answer_json(const struct demo_answer *answer, struct buf *out)
{
    json_t *content = json_pack("[{s:s,s:s}]", "type", "text", "text", answer->text);
    json_t *message = message_object(answer, content, "end_turn");
    char *text = json_dumps(message, JSON_COMPACT);

    buf_puts(out, text ? text : "{}");
    free(text);
    json_decref(message);
}

void demo_answer_sse_begin(const struct demo_answer *answer, struct buf *out)
{
    put_event(out, "message_start",
            json_pack("{s:s,s:o}", "type", "message_start", "message",
                    message_object(answer, json_array(), NULL)));
    put_event(out, "content_block_start",
            json_pack("{s:s,s:i,s:{s:s,s:s}}", "type", "content_block_start", "index", 0,
                    "content_block", "type", "text", "text", ""));
    put_event(out, "ping", json_pack("{s:s}", "type", "ping"));
}

void demo_answer_sse_piece(struct str piece, struct buf *out)
{
    put_event(out, "content_block_delta",
            json_pack("{s:s,s:i,s:{s:s,s:s%}}", "type", "content_block_delta", "index", 0,
                    "delta", "type", "text_delta", "text", piece.p, piece.n));
}

void demo_answer_sse_end(const struct demo_answer *answer, struct buf *out)
{
    put_event(out, "content_block_stop",
            json_pack("{s:s,s:i}", "type", "content_block_stop", "index", 0));
    put_event(out, "message_delta",
            json_pack("{s:s,s:{s:s,s:n},s:{s:i}}", "type", "message_delta", "delta",
                    "stop_reason", "end_turn", "stop_sequence", "usage", "output_tokens",
                    (int)(strlen(answer->text) / 4 + 1)));
    put_event(out, "message_stop", json_pack("{s:s}", "type", "message_stop"));
}
