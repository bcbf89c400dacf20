/*
 * test_proxy_hosts.c - hosts outside the provider table, seen by the proxy: each request inside
 * of TLS, or plain with an absolute target, is let through, refused or held by the policy.
 */
#include "support/proxy_world.h"

static const char rules[] = "allow net:POST https://seen.test:8443/api/**\n"
                            "allow net:GET,HEAD https://seen.test/open/**\n"
                            "allow net:GET http://seen.test/open/**\n"
                            "deny net:* https://seen.test/bad/** because \"known to be bad\"\n"
                            "default net ask\n";

static int setup(void **state)
{
    *state = world_new(rules, 60000);
    return 0;
}

static struct peer *agent_seen(struct world *w)
{
    struct peer *agent = agent_tunnel(w, "seen.test:443", "seen.test");
    assert_true(agent->open);
    return agent;
}

static void what_a_rule_allows_goes_through_inspected(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_seen(w);
    peer_say(agent, "GET /open/a?q=1 HTTP/1.1\r\nHost: seen.test\r\nX-A: b\r\n"
                    "Authorization: Bearer own\r\n\r\n");
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    assert_true(peer_has(up, "GET /open/a?q=1 HTTP/1.1\r\nhost: seen.test\r\n"));
    assert_true(peer_has(up, "X-A: b\r\n"));
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    WAIT(w, peer_has(agent, "\r\n\r\nhi"));
    struct request_record row = world_last_row(w);
    assert_string_equal(row.kind, "http");
    assert_string_equal(row.path, "/open/a");
    assert_true(row.inspected && row.done && !row.key_swapped);
    assert_int_equal(row.decision, REQUEST_ALLOW);
}

static void what_is_denied_is_answered_inside_of_tls(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_seen(w);
    agent_ask(agent, "POST /bad/x HTTP/1.1\r\nHost: seen.test\r\nContent-Length: 2\r\n\r\nhi",
            "known to be bad");
    assert_true(peer_has(agent, "HTTP/1.1 403 Forbidden\r\n"));
    assert_true(peer_has(agent, "content-type: text/plain"));
    /* The tunnel goes on. */
    peer_say(agent, "GET /open/ HTTP/1.1\r\nHost: seen.test\r\n\r\n");
    origin_wait(w, 0, "GET /open/ ");
    /* Addresses that are not public are refused there, too. */
    agent = agent_tunnel(w, "10.0.0.1:443", "10.0.0.1");
    assert_true(agent->open);
    agent_ask(agent, "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", "HTTP/1.1 403 Forbidden");
}

static void nobody_is_asked_about_telemetry(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_tunnel(w, "play.googleapis.com:443", "play.googleapis.com");
    assert_true(agent->open);
    agent_ask(agent,
            "POST /log HTTP/1.1\r\nHost: play.googleapis.com\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\n");
    assert_int_equal(gate_count(w->gate), 0);
    assert_int_equal(world_last_row(w).decision, REQUEST_DENY);
}

static void what_is_asked_waits_and_goes_on(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_seen(w);
    peer_say(agent, "POST /ask?secret=1 HTTP/1.1\r\nHost: seen.test\r\n"
                    "Content-Length: 4\r\n\r\nbody");
    WAIT(w, gate_count(w->gate) == 1);
    const struct gate_item *item = gate_at(w->gate, 0);
    assert_string_equal(item->rec.subject, "POST https://seen.test/ask");
    assert_non_null(strstr(item->rec.detail, "url: https://seen.test/ask?secret=1\n"));
    assert_non_null(strstr(item->rec.detail, "body: 4 bytes\n"));
    assert_int_equal(world_last_row(w).decision, REQUEST_HELD);
    assert_int_equal(w->origin_count, 0);
    world_answer(w, (struct gate_answer){.allow = true});
    struct peer *up = origin_wait(w, 0, "\r\n\r\nbody");
    peer_say(up, "HTTP/1.1 204 No Content\r\n\r\n");
    WAIT(w, peer_has(agent, "204 No Content"));
    assert_int_equal(world_last_row(w).decision, REQUEST_APPROVED);
    /* Once is once. */
    peer_say(agent, "POST /ask HTTP/1.1\r\nHost: seen.test\r\nContent-Length: 0\r\n\r\n");
    world_answer(w, (struct gate_answer){.message = "use a mirror"});
    WAIT(w, peer_has(agent, "use a mirror"));
    assert_true(peer_has(agent, "HTTP/1.1 403 Forbidden\r\n"));
    assert_int_equal(world_last_row(w).decision, REQUEST_REFUSED);
}

/* Nothing behind a held request is looked at before it is answered, and then in order. */
static void what_is_sent_behind_a_held_request_waits(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_seen(w);
    peer_say(agent, "POST /ask HTTP/1.1\r\nHost: seen.test\r\nContent-Length: 4\r\n\r\nbody"
                    "GET /open/behind HTTP/1.1\r\nHost: seen.test\r\n\r\n"
                    "GET /bad/ HTTP/1.1\r\nHost: seen.test\r\n\r\n");
    WAIT(w, gate_count(w->gate) == 1);
    world_flush(w);
    assert_int_equal(w->origin_count, 0);
    assert_int_equal(buf_len(&agent->got), 0);
    world_answer(w, (struct gate_answer){.message = "use a mirror"});
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    assert_true(peer_has(up, "GET /open/behind HTTP/1.1\r\n"));
    assert_true(peer_has(agent, "use a mirror"));
    assert_false(peer_has(agent, "known to be bad"));
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
    WAIT(w, peer_has(agent, "known to be bad"));
}

/* Clients that try again while the first one waits do not multiply the questions. */
static void the_same_asked_again_is_one_question(void **state)
{
    struct world *w = *state;
    struct peer *agents[4];
    for (unsigned i = 0; i < 4; i++) {
        agents[i] = agent_seen(w);
        peer_say(agents[i], "GET /ask HTTP/1.1\r\nHost: seen.test\r\n\r\n");
        WAIT(w, gate_count(w->gate) > 0 && gate_at(w->gate, 0)->count == i + 1);
    }
    assert_int_equal(gate_count(w->gate), 1);
    peer_close(agents[0]);
    WAIT(w, gate_at(w->gate, 0)->count == 3);
    world_answer(w, (struct gate_answer){.allow = true});
    for (unsigned i = 0; i < 3; i++)
        peer_say(origin_wait(w, i, "GET /ask "), "HTTP/1.1 204 No Content\r\n\r\n");
    for (unsigned i = 1; i < 4; i++)
        WAIT(w, peer_has(agents[i], "204 No Content"));
}

static void an_answer_for_the_host_lets_the_others_go_too(void **state)
{
    struct world *w = *state;
    struct peer *agents[3];
    for (unsigned i = 0; i < 3; i++) {
        char text[120];
        agents[i] = agent_seen(w);
        snprintf(text, sizeof(text), "GET /ask/%u HTTP/1.1\r\nHost: seen.test\r\n\r\n", i);
        peer_say(agents[i], text);
    }
    WAIT(w, gate_count(w->gate) == 3);
    char rule[RECIPE_LINE];
    const struct gate_item *item = gate_at(w->gate, 0);
    assert_true(gate_rule(w->gate, item->rec.id, true, WIDTH_HOST, rule));
    world_answer(w,
            (struct gate_answer){
                    .allow = true, .scope = SCOPE_SESSION, .width = WIDTH_HOST, .rule = rule});
    for (unsigned i = 0; i < 3; i++)
        origin_wait(w, i, "\r\n\r\n");
    assert_int_equal(gate_count(w->gate), 0);
}

/* Port 8443 is looked into for whom a rule or an answer names there, and for nobody else. */
static void https_on_another_port_is_seen_where_a_rule_or_an_answer_names_it(void **state)
{
    struct world *w = *state;
    static const char line[] = "allow net:GET https://told.test:8443/x\n";
    struct peer *agent = agent_tunnel(w, "seen.test:8443", "seen.test");
    assert_true(agent->open);
    peer_say(agent, "GET /ask HTTP/1.1\r\nHost: seen.test:8443\r\n\r\n");
    world_answer(w, (struct gate_answer){.message = "use a mirror"});
    WAIT(w, peer_has(agent, "use a mirror"));
    agent = agent_connect(w, "told.test:8443");
    world_answer(w, (struct gate_answer){.message = "use a mirror"});
    WAIT(w, peer_has(agent, "HTTP/1.1 403 "));
    char *path = path_join(w->dir, "answers.rules");
    assert_int_equal(file_write(path, line, strlen(line), 0600, NULL), 0);
    free(path);
    agent = agent_tunnel(w, "told.test:8443", "told.test");
    assert_true(agent->open);
    peer_say(agent, "GET /y HTTP/1.1\r\nHost: told.test:8443\r\n\r\n");
    WAIT(w, gate_count(w->gate) == 1);
    assert_string_equal(gate_at(w->gate, 0)->rec.subject, "GET https://told.test:8443/y");
}

static struct peer *agent_post(struct world *w)
{
    struct peer *agent = agent_tunnel(w, "count.test:443", "count.test");
    peer_say(agent, "POST / HTTP/1.1\r\nHost: count.test\r\nContent-Length: 0\r\n\r\n");
    return agent;
}

/* "so many times" counts the requests, not the tunnels in which they come. */
static void a_counted_answer_is_used_up_by_requests_alone(void **state)
{
    struct world *w = *state;
    struct gate_answer answer = {.scope = SCOPE_USES,
            .uses = 3,
            .width = WIDTH_HOST,
            .rule = "deny net:* https://count.test/**"};
    struct peer *agent = agent_post(w);
    world_answer(w, answer);
    WAIT(w, peer_has(agent, "HTTP/1.1 403 "));
    for (int i = 0; i < 2; i++) {
        agent = agent_post(w);
        WAIT(w, peer_has(agent, "HTTP/1.1 403 ") || gate_count(w->gate) > 0);
        assert_int_equal(gate_count(w->gate), 0);
    }
    agent_post(w);
    WAIT(w, gate_count(w->gate) == 1);
}

static void an_agent_that_goes_takes_its_question_with_it(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_seen(w);
    peer_say(agent, "GET /ask HTTP/1.1\r\nHost: seen.test\r\n\r\n");
    WAIT(w, gate_count(w->gate) == 1);
    peer_close(agent);
    WAIT(w, gate_count(w->gate) == 0);
    assert_int_equal(w->origin_count, 0);
    assert_true(world_last_row(w).done);
}

static void plain_requests_are_judged_too(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_new(w);
    peer_say(agent, "GET http://seen.test/open/a?b HTTP/1.1\r\nHost: seen.test\r\n"
                    "Proxy-Connection: keep-alive\r\n\r\n");
    struct peer *up = origin_wait(w, 0, "\r\n\r\n");
    assert_true(peer_has(up, "GET /open/a?b HTTP/1.1\r\nhost: seen.test\r\n"));
    assert_false(peer_has(up, "roxy-"));
    peer_say(up, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain");
    WAIT(w, peer_has(agent, "\r\n\r\nplain"));
    /* The next one on the same connection may be for another host. */
    agent_ask(agent,
            "GET http://api.anthropic.com/api/hello HTTP/1.1\r\nHost: "
            "api.anthropic.com\r\n\r\n",
            "by https only");
    agent_ask(agent, "GET http://127.0.0.1/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            "403 Forbidden");
    agent_ask(
            agent, "GET http://seen.test/open/ HTTP/1.1\r\nHost: other.test\r\n\r\n", " 421 ");
    peer_say(agent, "GET http://seen.test/ask HTTP/1.1\r\nHost: seen.test\r\n\r\n");
    WAIT(w, gate_count(w->gate) == 1);
    assert_string_equal(gate_at(w->gate, 0)->rec.subject, "GET http://seen.test/ask");
    assert_int_equal(w->origin_count, 1);
}

/* A resolve entry says where a host is, not what it speaks. */
static void a_connect_to_another_port_is_judged_as_a_tunnel(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_connect(w, "seen.test:80");
    WAIT(w, gate_count(w->gate) == 1);
    assert_string_equal(gate_at(w->gate, 0)->rec.subject, "CONNECT seen.test:80");
    assert_int_equal(agent->received, 0);
}

static void malformed_absolute_targets_are_400(void **state)
{
    struct world *w = *state;
    static const char *const targets[] = {"http://", "http:///x", "http://a@b/",
            "http://seen.test:0/", "http://seen.test?x", "http://seen.test:99999/"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        struct peer *agent = agent_new(w);
        char text[200];
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: seen.test\r\n\r\n", targets[i]);
        agent_ask(agent, text, "HTTP/1.1 400 ");
        WAIT(w, peer_is_gone(agent));
    }
    assert_int_equal(w->origin_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(what_a_rule_allows_goes_through_inspected),
            TEST(what_is_denied_is_answered_inside_of_tls),
            TEST(nobody_is_asked_about_telemetry),
            TEST(what_is_asked_waits_and_goes_on),
            TEST(what_is_sent_behind_a_held_request_waits),
            TEST(the_same_asked_again_is_one_question),
            TEST(an_answer_for_the_host_lets_the_others_go_too),
            TEST(https_on_another_port_is_seen_where_a_rule_or_an_answer_names_it),
            TEST(a_counted_answer_is_used_up_by_requests_alone),
            TEST(an_agent_that_goes_takes_its_question_with_it),
            TEST(plain_requests_are_judged_too),
            TEST(a_connect_to_another_port_is_judged_as_a_tunnel),
            TEST(malformed_absolute_targets_are_400),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
