/*
 * test_usage.c - what each dialect says about tokens, whole and in events, at every cut.
 */
#include "proxy/usage.h"

#include "unit/check.h"

#include "base/buf.h"

static struct usage read_body(enum api_kind dialect, struct str text, size_t cut)
{
    struct usage_reader reader;
    struct usage usage;

    usage_reader_init(&reader, dialect);
    usage_reader_body(&reader, (struct str){text.p, cut});
    usage_reader_body(&reader, (struct str){text.p + cut, text.n - cut});
    usage_reader_end(&reader, &usage);
    return usage;
}

struct want {
    const char *model, *stop;
    uint64_t input, output, read, write;
    bool seen, failed;
};

static void check(const struct usage *got, struct want want)
{
    assert_string_equal(got->model, want.model);
    assert_string_equal(got->stop_reason, want.stop);
    assert_int_equal(got->input_tokens, want.input);
    assert_int_equal(got->output_tokens, want.output);
    assert_int_equal(got->cache_read_tokens, want.read);
    assert_int_equal(got->cache_write_tokens, want.write);
    assert_int_equal(got->seen, want.seen);
    assert_int_equal(got->failed, want.failed);
}

static void check_body(enum api_kind dialect, const char *text, struct want want)
{
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        struct usage got = read_body(dialect, str_of(text), cut);
        check(&got, want);
    }
}

struct event {
    const char *name, *data;
};

static void check_events(enum api_kind dialect, const struct event *events, struct want want)
{
    struct usage_reader reader;
    struct usage got;

    usage_reader_init(&reader, dialect);
    for (; events->data; events++)
        if (events->name)
            usage_reader_event(&reader, str_of(events->name), str_of(events->data));
        else
            usage_reader_message(&reader, str_of(events->data));
    usage_reader_end(&reader, &got);
    check(&got, want);
}

static void test_anthropic_whole_with_members_of_content_that_look_like_usage(void **state)
{
    (void)state;
    check_body(API_ANTHROPIC,
            "{\"id\":\"m\",\"type\":\"message\",\"model\":\"claude-opus-4-1\",\"content\":[{"
            "\"type\":\"text\",\"text\":\"a \\\"usage\\\": {\\\"input_tokens\\\": 9}\\\\\"},"
            "{\"type\":\"tool_use\",\"input\":{\"usage\":{\"input_tokens\":8},\"model\":\"x\","
            "\"error\":{\"a\":1},\"stop_reason\":\"no\"}}],\"stop_reason\":\"end_turn\","
            "\"stop_sequence\":null,\"usage\":{\"input_tokens\":4,"
            "\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":3000,"
            "\"cache_creation\":{\"input_tokens\":77},\"output_tokens\":12,"
            "\"service_tier\":\"standard\"}}",
            (struct want){"claude-opus-4-1", "end_turn", 4, 12, 3000, 100, true, false});
}

static void test_anthropic_stream_takes_the_last_counts(void **state)
{
    static const struct event events[] = {
            {"message_start",
                    "{\"type\":\"message_start\",\"message\":{\"model\":\"claude-sonnet-4-5\","
                    "\"stop_reason\":null,\"usage\":{\"input_tokens\":25,"
                    "\"cache_read_input_tokens\":10,\"output_tokens\":1}}}"},
            {"ping", "{\"type\":\"ping\"}"},
            {"content_block_delta", "{\"usage\":{\"output_tokens\":999}}"},
            {"message_delta", "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
                              "\"tool_use\"},\"usage\":{\"output_tokens\":15}}"},
            {"message_stop", "{\"type\":\"message_stop\"}"},
            {NULL, NULL},
    };
    (void)state;
    check_events(API_ANTHROPIC, events,
            (struct want){"claude-sonnet-4-5", "tool_use", 25, 15, 10, 0, true, false});
}

static void test_an_error_in_the_stream_is_seen(void **state)
{
    static const struct event anthropic[] = {
            {"error", "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}"},
            {NULL, NULL}};
    static const struct event openai[] = {
            {"error", "{\"type\":\"error\",\"code\":\"x\",\"message\":\"y\"}"}, {NULL, NULL}};
    (void)state;
    check_events(API_ANTHROPIC, anthropic, (struct want){"", "", 0, 0, 0, 0, false, true});
    check_events(API_OPENAI, openai, (struct want){"", "", 0, 0, 0, 0, false, true});
    check_body(API_GOOGLE, "[{\"error\":{\"code\":429,\"status\":\"X\"}}]",
            (struct want){"", "", 0, 0, 0, 0, false, true});
}

static void test_openai_chat_counts_what_came_from_the_cache_apart(void **state)
{
    static const struct event events[] = {
            {"", "{\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{"
                 "\"content\":\"x\"},\"finish_reason\":null}],\"usage\":null}"},
            {"", "{\"model\":\"gpt-4o-2024-08-06\",\"choices\":[{\"index\":0,\"delta\":{},"
                 "\"finish_reason\":\"stop\"}],\"usage\":null}"},
            {"", "{\"model\":\"gpt-4o-2024-08-06\",\"choices\":[],\"usage\":{"
                 "\"prompt_tokens\":2006,\"completion_tokens\":300,\"total_tokens\":2306,"
                 "\"prompt_tokens_details\":{\"cached_tokens\":1920},"
                 "\"completion_tokens_details\":{\"reasoning_tokens\":9}}}"},
            {"", "[DONE]"},
            {NULL, NULL},
    };
    (void)state;
    check_events(API_OPENAI, events,
            (struct want){"gpt-4o-2024-08-06", "stop", 86, 300, 1920, 0, true, false});
}

static void test_counts_beside_a_null_reason_are_read(void **state)
{
    static const struct event events[] = {
            {"", "{\"model\":\"z/glm\",\"choices\":[{\"index\":0,\"delta\":{"
                 "\"content\":\"x\"},\"finish_reason\":null}]}"},
            {"", "{\"model\":\"z/glm\",\"choices\":[{\"index\":0,\"delta\":{},"
                 "\"finish_reason\":\"stop\"}]}"},
            {"", "{\"model\":\"z/glm\",\"choices\":[{\"index\":0,\"delta\":{"
                 "\"content\":\"\"},\"finish_reason\":null}],\"usage\":{"
                 "\"prompt_tokens\":7,\"completion_tokens\":5,\"total_tokens\":12}}"},
            {"", "[DONE]"},
            {NULL, NULL},
    };
    (void)state;
    check_events(API_OPENAI, events, (struct want){"z/glm", "stop", 7, 5, 0, 0, true, false});
}

static const char *const response =
        "{\"type\":\"response.completed\",\"sequence_number\":9,\"response\":{\"id\":\"r\","
        "\"status\":\"%s\",\"error\":null,\"incomplete_details\":%s,\"model\":\"gpt-5\","
        "\"output\":[{\"status\":\"completed\",\"model\":\"no\"}],\"usage\":{"
        "\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":64},"
        "\"output_tokens\":50,\"output_tokens_details\":{\"reasoning_tokens\":9},"
        "\"total_tokens\":150}}}";

static void test_openai_responses_and_why_they_ended(void **state)
{
    char data[1024], cut[1024];
    (void)state;
    snprintf(data, sizeof(data), response, "completed", "null");
    snprintf(cut, sizeof(cut), response, "incomplete", "{\"reason\":\"max_output_tokens\"}");
    const struct event events[] = {
            {"response.created", "{\"type\":\"response.created\",\"response\":{\"model\":"
                                 "\"gpt-5\",\"status\":\"in_progress\",\"usage\":null}}"},
            {"response.output_text.delta", "{\"delta\":\"x\"}"},
            {"response.output_item.done", "{\"usage\":{\"input_tokens\":999999}}"},
            {"response.completed", data},
            {NULL, NULL},
    };
    check_events(API_OPENAI, events,
            (struct want){"gpt-5", "completed", 36, 50, 64, 0, true, false});
    check_body(API_OPENAI, cut,
            (struct want){"gpt-5", "max_output_tokens", 36, 50, 64, 0, true, false});
}

static void test_several_responses_of_one_websocket_add_up(void **state)
{
    char data[1024];
    (void)state;
    snprintf(data, sizeof(data), response, "completed", "null");
    const struct event events[] = {
            {NULL, "{\"type\":\"response.created\",\"response\":{\"model\":\"gpt-5\"}}"},
            {NULL, data},
            {NULL, "{\"type\":\"response.created\",\"response\":{\"model\":\"gpt-5\"}}"},
            {NULL, data},
            {NULL, NULL},
    };
    check_events(API_OPENAI, events,
            (struct want){"gpt-5", "completed", 72, 100, 128, 0, true, false});
}

static void test_google_whole_array_and_stream(void **state)
{
    static const char one[] =
            "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}],\"role\":\"model\"},"
            "\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":"
            "100,\"toolUsePromptTokenCount\":10,\"cachedContentTokenCount\":60,"
            "\"candidatesTokenCount\":7,\"thoughtsTokenCount\":30,\"totalTokenCount\":147},"
            "\"modelVersion\":\"gemini-2.5-pro\"}";
    const struct event events[] = {
            {"", "{\"candidates\":[],\"usageMetadata\":{\"promptTokenCount\":100,"
                 "\"candidatesTokenCount\":1}}"},
            {"", one},
            {NULL, NULL},
    };
    struct want want = {"gemini-2.5-pro", "STOP", 50, 37, 60, 0, true, false};
    char list[2048];
    (void)state;
    check_body(API_GOOGLE, one, want);
    snprintf(list, sizeof(list), "[%s\n,\r\n%s]", one, one);
    check_body(API_GOOGLE, list, want);
    check_events(API_GOOGLE, events, want);
}

static void test_google_stream_that_breaks_off_has_the_counts_so_far(void **state)
{
    static const struct event events[] = {
            {"", "{\"usageMetadata\":{\"promptTokenCount\":100},\"modelVersion\":\"g\"}"},
            {"", "{\"usageMetadata\":{\"promptTokenCount\":100,\"candidatesTokenCount\":1}}"},
            {"", "{\"usageMetadata\":{\"promptTokenCount\":100,\"candidatesTokenCount\":2}}"},
            {NULL, NULL},
    };
    (void)state;
    check_events(API_GOOGLE, events, (struct want){"g", "", 100, 2, 0, 0, true, false});
}

static void test_what_is_no_count_is_not_counted(void **state)
{
    (void)state;
    check_body(API_ANTHROPIC,
            "{\"usage\":{\"input_tokens\":-4,\"output_tokens\":1e3,"
            "\"cache_read_input_tokens\":\"7\",\"cache_creation_input_tokens\":99999999999999}"
            "}",
            (struct want){"", "", 0, 0, 0, 0, false, false});
}

static void test_bytes_of_a_model_name_are_safe_to_show(void **state)
{
    (void)state;
    check_body(API_ANTHROPIC, "{\"model\":\"a\x1b[2J\",\"usage\":{\"input_tokens\":1}}",
            (struct want){"a<U+001B>[2J", "", 1, 0, 0, 0, true, false});
}

static void test_broken_and_deep_json_ends_the_reading(void **state)
{
    struct buf deep = BUF_INIT;
    (void)state;
    check_body(API_ANTHROPIC, "{\"usage\":{\"input_tokens\":3},]\"model\":\"x\"}",
            (struct want){"", "", 3, 0, 0, 0, true, false});
    check_body(API_ANTHROPIC, "{\"model\" \"x\"}", (struct want){"", "", 0, 0, 0, 0, 0, 0});
    for (int i = 0; i < 1000000; i++)
        buf_puts(&deep, i % 2 ? "{\"a\":" : "[");
    buf_puts(&deep, "{\"usage\":{\"input_tokens\":3}}");
    struct usage got = read_body(API_ANTHROPIC, buf_str(&deep), 7);
    check(&got, (struct want){"", "", 0, 0, 0, 0, false, false});
    buf_release(&deep);
}

static void test_a_body_of_many_escapes_takes_linear_time(void **state)
{
    struct buf body = BUF_INIT;
    (void)state;
    buf_puts(&body, "{\"content\":\"");
    for (int i = 0; i < 4000000; i++)
        buf_puts(&body, i % 2 ? "\\\"" : "\\\\");
    buf_puts(&body, "\",\"usage\":{\"input_tokens\":3}}");
    struct usage got = read_body(API_ANTHROPIC, buf_str(&body), 1);
    check(&got, (struct want){"", "", 3, 0, 0, 0, true, false});
    buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_anthropic_whole_with_members_of_content_that_look_like_usage),
            cmocka_unit_test(test_anthropic_stream_takes_the_last_counts),
            cmocka_unit_test(test_an_error_in_the_stream_is_seen),
            cmocka_unit_test(test_openai_chat_counts_what_came_from_the_cache_apart),
            cmocka_unit_test(test_counts_beside_a_null_reason_are_read),
            cmocka_unit_test(test_openai_responses_and_why_they_ended),
            cmocka_unit_test(test_several_responses_of_one_websocket_add_up),
            cmocka_unit_test(test_google_whole_array_and_stream),
            cmocka_unit_test(test_google_stream_that_breaks_off_has_the_counts_so_far),
            cmocka_unit_test(test_what_is_no_count_is_not_counted),
            cmocka_unit_test(test_bytes_of_a_model_name_are_safe_to_show),
            cmocka_unit_test(test_broken_and_deep_json_ends_the_reading),
            cmocka_unit_test(test_a_body_of_many_escapes_takes_linear_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
