/*
 * test_tap.c - one response read along: what is looked at, what comes out, when it is cut.
 */
#include "proxy/tap.h"

#include "unit/check.h"

#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"

static const char KEY[] = "sk-ant-api03-real0123456789abcdefXYZ";
static const char STREAM[] =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":"
        "\"claude-opus-4-1\",\"usage\":{\"input_tokens\":1000,\"output_tokens\":1}}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{"
        "\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n"
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
        "\"end_turn\"},\"usage\":{\"output_tokens\":200}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

static struct price_table prices;
static struct secret *key;
static const struct secret *keys[1];

static int up(void **state)
{
    struct err err;
    (void)state;
    key = secret_new(KEY, strlen(KEY));
    keys[0] = key;
    return price_table_load(&prices, STR(""), "", &err);
}

static int down(void **state)
{
    (void)state;
    price_table_release(&prices);
    secret_free(key);
    return 0;
}

static struct tap_config config_of(const char *type, const char *coding)
{
    return (struct tap_config){.dialect = API_ANTHROPIC,
            .prices = &prices,
            .content_type = str_of(type),
            .content_encoding = str_of(coding),
            .keys = keys,
            .key_count = 1};
}

static void put_gzip(struct buf *to, struct str text)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, text.n) + 64;
    z.next_in = (Bytef *)(uintptr_t)text.p;
    z.avail_in = (uInt)text.n;
    z.next_out = (Bytef *)buf_reserve(to, room);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_commit(to, room - z.avail_out);
    deflateEnd(&z);
}

/* In pieces of `step`; the first answer that is not 0. */
static int feed(struct body_tap *tap, struct str in, size_t step)
{
    int rc = 0;
    for (size_t at = 0; at < in.n && rc == 0; at += step)
        rc = body_tap_feed(tap, (struct str){in.p + at, in.n - at < step ? in.n - at : step});
    return rc;
}

static void check_stream(const struct usage *usage)
{
    assert_string_equal(usage->model, "claude-opus-4-1");
    assert_string_equal(usage->stop_reason, "end_turn");
    assert_int_equal(usage->input_tokens, 1000);
    assert_int_equal(usage->output_tokens, 200);
    assert_int_equal(usage->cost_micro, 30000);
    assert_true(usage->seen);
}

static void test_a_stream_is_read_and_costed_at_every_step(void **state)
{
    struct tap_config config = config_of("text/event-stream; charset=utf-8", "");
    struct buf gz = BUF_INIT;
    (void)state;
    put_gzip(&gz, str_of(STREAM));
    for (size_t step = 1; step <= sizeof(STREAM); step++) {
        struct usage usage = USAGE_INIT;
        config.content_encoding = STR("");
        struct body_tap *tap = body_tap_new(&config);
        assert_int_equal(feed(tap, str_of(STREAM), step), 0);
        body_tap_end(tap, &usage);
        check_stream(&usage);
        config.content_encoding = STR("gzip");
        usage = (struct usage)USAGE_INIT;
        tap = body_tap_new(&config);
        assert_int_equal(feed(tap, buf_str(&gz), step), 0);
        body_tap_end(tap, &usage);
        check_stream(&usage);
    }
    buf_release(&gz);
}

static void test_a_body_that_stops_in_the_middle_tells_what_it_can(void **state)
{
    struct tap_config config = config_of("text/event-stream", "");
    struct usage usage = USAGE_INIT;
    (void)state;
    struct body_tap *tap = body_tap_new(&config);
    assert_int_equal(body_tap_feed(tap, (struct str){STREAM, 250}), 0);
    body_tap_end(tap, &usage);
    assert_int_equal(usage.input_tokens, 1000);
    assert_int_equal(usage.output_tokens, 1);
    assert_string_equal(usage.stop_reason, "");
}

static void test_a_real_key_in_a_compressed_body_is_found_whatever_its_type(void **state)
{
    static const char *const types[] = {"application/json", "text/event-stream", "text/plain"};
    struct buf gz = BUF_INIT;
    char text[200];
    (void)state;
    snprintf(text, sizeof(text), "{\"you sent\": \"%s\"}", KEY);
    put_gzip(&gz, str_of(text));
    for (size_t i = 0; i < 3; i++) {
        for (size_t step = 1; step <= buf_len(&gz); step++) {
            struct tap_config config = config_of(types[i], "gzip");
            struct body_tap *tap = body_tap_new(&config);
            assert_int_equal(feed(tap, buf_str(&gz), step), TAP_KEY);
            assert_int_equal(body_tap_feed(tap, STR("x")), TAP_KEY);
            body_tap_end(tap, NULL);
        }
    }
    buf_release(&gz);
}

/* More than any decoder would hold, and not a bomb. */
static void test_a_real_key_behind_a_hundred_megabytes_is_found(void **state)
{
    struct tap_config config = config_of("text/plain", "gzip");
    struct body_tap *tap = body_tap_new(&config);
    struct buf gz = BUF_INIT, end = BUF_INIT;
    char text[40960];
    uint32_t random = 1;
    (void)state;
    for (size_t i = 0; i < sizeof(text); i++) {
        random = random * 1664525 + 1013904223;
        text[i] = i % 20 < 19 ? 'a' : (char)(random >> 24);
    }
    put_gzip(&gz, (struct str){text, sizeof(text)});
    put_gzip(&end, str_of(KEY));
    for (int i = 0; i < 2600; i++)
        assert_int_equal(body_tap_feed(tap, buf_str(&gz)), TAP_FINE);
    assert_int_equal(body_tap_feed(tap, buf_str(&end)), TAP_KEY);
    body_tap_end(tap, NULL);
    buf_release(&gz);
    buf_release(&end);
}

static void test_what_cannot_be_searched_is_told(void **state)
{
    size_t size = 8u << 20;
    char *zeros = xcalloc(1, size);
    struct buf gz = BUF_INIT;
    (void)state;
    put_gzip(&gz, (struct str){zeros, size});
    free(zeros);
    static const char *const codings[] = {"gzip", "gzip", "gzip, br", "compress", "br"};
    struct str bodies[] = {
            buf_str(&gz), STR("no gzip"), STR("x"), STR("x"), STR("\xff\xff\xff")};
    for (size_t i = 0; i < 5; i++) {
        struct tap_config config = config_of("application/json", codings[i]);
        struct body_tap *tap = body_tap_new(&config);
        assert_int_equal(body_tap_feed(tap, bodies[i]), TAP_UNREADABLE);
        assert_int_equal(body_tap_feed(tap, STR("x")), TAP_UNREADABLE);
        body_tap_end(tap, NULL);
        /* Nobody's key is at stake: the usage is not read, and that is all. */
        config.key_count = 0;
        tap = body_tap_new(&config);
        assert_int_equal(tap ? body_tap_feed(tap, bodies[i]) : TAP_FINE, TAP_FINE);
        body_tap_end(tap, NULL);
    }
    buf_release(&gz);
}

static void test_where_nothing_is_to_be_seen_there_is_no_tap(void **state)
{
    struct tap_config config = config_of("text/html", "");
    (void)state;
    assert_null(body_tap_new(&config));
    config = config_of("text/event-streams", "identity");
    assert_null(body_tap_new(&config));
    config = config_of("application/json", "");
    config.dialect = API_NONE;
    assert_null(body_tap_new(&config));
    config = config_of("text/html", "gzip");
    config.key_count = 0;
    assert_null(body_tap_new(&config));
    config = config_of("Application/Problem+JSON", "Identity");
    struct body_tap *tap = body_tap_new(&config);
    assert_non_null(tap);
    body_tap_end(tap, NULL);
    body_tap_end(NULL, NULL);
}

static void test_messages_of_a_websocket_are_read(void **state)
{
    struct tap_config config = {.dialect = API_OPENAI, .prices = &prices, .websocket = true};
    struct usage usage = USAGE_INIT;
    (void)state;
    struct body_tap *tap = body_tap_new(&config);
    body_tap_message(tap, STR("{\"type\":\"response.output_text.delta\",\"delta\":\"x\"}"));
    body_tap_message(tap, STR("not json"));
    body_tap_message(tap, STR("{\"type\":\"response.completed\",\"response\":{\"model\":"
                              "\"gpt-5-codex\",\"status\":\"completed\",\"usage\":{"
                              "\"input_tokens\":1000,\"output_tokens\":100}}}"));
    body_tap_end(tap, &usage);
    assert_string_equal(usage.model, "gpt-5-codex");
    assert_int_equal(usage.cost_micro, 2250);
}

static void test_a_tap_that_saw_no_counts_costs_unknown(void **state)
{
    struct tap_config config = config_of("application/json", "");
    struct usage usage = USAGE_INIT;
    (void)state;
    struct body_tap *tap = body_tap_new(&config);
    assert_int_equal(
            body_tap_feed(tap, STR("{\"type\":\"error\",\"error\":{\"type\":\"x\"}}")), 0);
    body_tap_end(tap, &usage);
    assert_true(usage.failed);
    assert_false(usage.seen);
    assert_int_equal(usage.cost_micro, -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(test_a_stream_is_read_and_costed_at_every_step),
            TEST(test_a_body_that_stops_in_the_middle_tells_what_it_can),
            TEST(test_a_real_key_in_a_compressed_body_is_found_whatever_its_type),
            TEST(test_a_real_key_behind_a_hundred_megabytes_is_found),
            TEST(test_what_cannot_be_searched_is_told),
            TEST(test_where_nothing_is_to_be_seen_there_is_no_tap),
            TEST(test_messages_of_a_websocket_are_read),
            TEST(test_a_tap_that_saw_no_counts_costs_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
