/*
 * test_proxy_body.c - what is looked into: request bodies by the rules of their provider, and
 * answers for usage and for the real key.
 */
#include "support/proxy_world.h"

#include "base/held.h"

static int setup(void **state)
{
    *state = world_with("default net deny\n", 60000, "");
    return 0;
}

/* Bodies that no buffers of sockets swallow. */
#define LARGE (24u << 20)

static int setup_large(void **state)
{
    *state = world_with("default net deny\n", 60000,
            "anthropic:\n  body:\n    - {endpoint: POST /v1/messages, api: anthropic,"
            " max: 67108864, tools: {keep: [custom]}}\n");
    return 0;
}

static void say_body(struct peer *agent, const char *fields, const char *body)
{
    char *text = xasprintf("POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n"
                           "X-Api-Key: %s\r\n%sContent-Length: %zu\r\n\r\n%s",
            fake_key(agent->world), fields, strlen(body), body);
    peer_forget(agent);
    peer_say(agent, text);
    free(text);
}

static void tools_of_the_provider_go_and_nothing_else_changes(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    say_body(agent, "",
            "{ \"model\":\"m\", \"tools\":[{\"type\":\"web_search_20250305\"},"
            " {\"name\":\"f\", \"n\":1.50}], \"x\":\"\\u00e9\" }");
    struct peer *up = origin_wait(w, 0, "\\u00e9\" }");
    assert_false(peer_has(up, "web_search"));
    assert_true(peer_has(up, "{ \"model\":\"m\", \"tools\":["));
    assert_true(peer_has(up, "{\"name\":\"f\", \"n\":1.50}], \"x\":\"\\u00e9\" }"));
    assert_true(peer_has(up, "X-Api-Key: " REAL_KEY "\r\n"));
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    WAIT(w, peer_has(agent, "200 OK"));
    struct rows *rows = world_rows(w);
    assert_non_null(strstr(rows->row[0].reason, "web_search"));
    free(rows);
}

static void a_body_that_comes_in_pieces_is_judged_whole(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    peer_say(agent, "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"model\":\r\n");
    for (int i = 0; i < 3; i++)
        world_flush(w);
    assert_int_equal(w->origin_count, 0);
    peer_say(agent, "4\r\n\"m\"}\r\n0\r\n\r\n");
    struct peer *up = origin_wait(w, 0, "{\"model\":\"m\"}");
    assert_true(peer_has(up, "content-length: 13\r\n"));
    assert_false(peer_has(up, "ransfer-"));
}

static void a_rewritten_chunked_body_goes_with_its_new_length(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    peer_say(agent, "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n"
                    "1c\r\n{\"tools\":[{\"type\":\"web_searc\r\n"
                    "1b\r\nh_20250305\"},{\"name\":\"f\"}]}\r\n0\r\n\r\n");
    struct peer *up = origin_wait(w, 0, "{\"tools\":[{\"name\":\"f\"}]}");
    assert_true(peer_has(up, "content-length: 24\r\n"));
    assert_false(peer_has(up, "ransfer-"));
}

static void what_cannot_be_looked_into_is_refused(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *fields, *body, *says;
    } cases[] = {
            {"Content-Encoding: gzip\r\n", "{}", "HTTP/1.1 415 "},
            {"", "{\"a\":", "HTTP/1.1 400 "},
            {"", "{\"tools\":[],\"tools\":[]}", "HTTP/1.1 400 "},
            {"", "{\"t\\u006fols\":[{\"type\":\"web_search\"}]}", "HTTP/1.1 400 "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct peer *agent = agent_api(w);
        say_body(agent, cases[i].fields, cases[i].body);
        WAIT(w, peer_has(agent, cases[i].says));
        peer_close(agent);
    }
    struct peer *agent = agent_api(w);
    agent_ask(agent,
            "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n"
            "Content-Length: 10485761\r\n\r\n",
            "HTTP/1.1 413 ");
    assert_true(peer_has(agent, "exceeds 10485760 bytes"));
    assert_int_equal(w->origin_count, 0);
}

static void a_large_body_finds_no_room_while_others_hold_all_there_is(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    size_t size = 1u << 20;
    char *body = xmalloc(size + 1);
    memset(body, ' ', size);
    body[size] = '\0';
    held_add(LIMIT_HELD);
    say_body(agent, "", body);
    WAIT(w, peer_has(agent, "HTTP/1.1 503 ") && peer_has(agent, "too many large requests"));
    peer_close(agent);
    agent = agent_api(w);
    say_body(agent, "", "{}");
    peer_say(origin_wait(w, 0, "{}"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    WAIT(w, peer_has(agent, "200 OK"));
    held_drop(LIMIT_HELD);
    free(body);
}

static void usage_is_read_along_and_stored(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    say_body(agent, "", "{}");
    struct peer *up = origin_wait(w, 0, "{}");
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");
    static const char events[] =
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":"
            "\"claude-sonnet-4-5\",\"usage\":{\"input_tokens\":12,"
            "\"cache_read_input_tokens\":7,\"output_tokens\":1}}}\n\n"
            "event: message_delta\ndata: "
            "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
            "\"end_turn\"},\"usage\":{\"output_tokens\":34}}\n\n";
    char head[16];
    snprintf(head, sizeof(head), "%zx\r\n", strlen(events));
    peer_say(up, head);
    peer_say(up, events);
    peer_say(up, "\r\n0\r\n\r\n");
    WAIT(w, peer_has(agent, "\r\n0\r\n\r\n"));
    struct rows *rows = world_rows(w);
    const struct request_record *row = &rows->row[0];
    assert_string_equal(row->model, "claude-sonnet-4-5");
    assert_string_equal(row->stop_reason, "end_turn");
    assert_int_equal(row->input_tokens, 12);
    assert_int_equal(row->cache_read_tokens, 7);
    assert_int_equal(row->output_tokens, 34);
    assert_string_equal(row->protocol, "http/1.1");
    free(rows);
}

/* The event's bytes among the first `n` of its chunk. */
static size_t data_in(size_t n, size_t head, size_t length)
{
    return n < head ? 0 : n - head < length ? n - head : length;
}

static void wait_chunk(struct world *w, struct peer *agent, const char *data, size_t n)
{
    char chunk[256];
    snprintf(chunk, sizeof(chunk), "%zx\r\n%.*s\r\n", n, (int)n, data);
    if (n > 0)
        WAIT(w, peer_is(agent, chunk));
    peer_forget(agent);
}

/* With a rule, the usage and the key looked for. No byte of the text can begin the key, which
 * is the one reason to wait for more. */
static void an_event_cut_anywhere_goes_on_as_far_as_it_came(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    static const char event[] = "event: content_block_delta\n"
                                "data: {\"delta\":{\"text\":\"Hello\"}}\n\n";
    char chunk[128];
    int head = snprintf(chunk, sizeof(chunk), "%zx\r\n", strlen(event));
    int all = snprintf(chunk, sizeof(chunk), "%zx\r\n%s\r\n", strlen(event), event);
    say_body(agent, "", "{}");
    struct peer *up = origin_wait(w, 0, "{}");
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n");
    WAIT(w, peer_has(agent, "\r\n\r\n"));
    peer_forget(agent);
    for (int cut = 1; cut < all; cut++) {
        char first[128];
        size_t n = data_in((size_t)cut, (size_t)head, strlen(event));
        snprintf(first, sizeof(first), "%.*s", cut, chunk);
        peer_say(up, first); /* and nothing more until that has arrived */
        wait_chunk(w, agent, event, n);
        peer_say(up, chunk + cut);
        wait_chunk(w, agent, event + n, strlen(event) - n);
    }
    peer_say(up, "0\r\n\r\n");
    WAIT(w, peer_is(agent, "0\r\n\r\n"));
}

static void an_answer_with_the_real_key_is_cut_off(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    say_body(agent, "", "{}");
    struct peer *up = origin_wait(w, 0, "{}");
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\nyour key is sk-ant-re");
    WAIT(w, peer_has(agent, "your key is "));
    peer_say(up, "al-0123456789, is it not?");
    WAIT(w, peer_is_gone(agent));
    assert_true(agent->failed);
    assert_false(peer_has(agent, "sk-ant-re"));
    struct rows *rows = world_rows(w);
    assert_non_null(strstr(rows->row[0].reason, "API key"));
    free(rows);
}

/* What the upstream waits for is the rest of that body, whatever comes: another request there
 * would be swallowed, with the real key in its head. */
static void a_connection_that_was_answered_within_a_body_is_not_used_again(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_api(w);
    char *body = xmalloc(LARGE + 1);
    memset(body, ' ', LARGE);
    body[0] = '{';
    body[LARGE - 1] = '}';
    body[LARGE] = '\0';
    w->held_origins = true;
    say_body(agent, "", body);
    free(body);
    WAIT(w, w->origin_count > 0 && buf_len(chan_in(w->origins[0]->chan)) > 0);
    peer_say(w->origins[0], "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n");
    WAIT(w, peer_has(agent, "429 Too Many Requests"));
    w->held_origins = false;
    say_body(agent, "", "{}");
    struct peer *up = origin_wait(w, 1, "{}");
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    WAIT(w, peer_has(agent, "200 OK"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(tools_of_the_provider_go_and_nothing_else_changes),
            TEST(a_body_that_comes_in_pieces_is_judged_whole),
            TEST(a_rewritten_chunked_body_goes_with_its_new_length),
            TEST(what_cannot_be_looked_into_is_refused),
            TEST(a_large_body_finds_no_room_while_others_hold_all_there_is),
            cmocka_unit_test_setup_teardown(
                    a_connection_that_was_answered_within_a_body_is_not_used_again, setup_large,
                    world_teardown),
            TEST(usage_is_read_along_and_stored),
            TEST(an_event_cut_anywhere_goes_on_as_far_as_it_came),
            TEST(an_answer_with_the_real_key_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
