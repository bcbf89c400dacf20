/*
 * test_proxy_raw.c - the proxy's front: CONNECT to hosts outside the provider table, judged by
 * policy, held for the human, passed through uninspected; and what is no CONNECT at all.
 */
#include "support/proxy_world.h"

static const char rules[] = "allow net:CONNECT open.test:443\n"
                            "ask net:CONNECT held.test:443 because \"leaves this machine\"\n"
                            "deny net:CONNECT bad.test:8080 because \"known to be bad\"\n"
                            "default net deny\n";

static int setup(void **state)
{
    *state = world_new(rules, 60000);
    return 0;
}

static void what_is_neither_connect_nor_absolute_is_405(void **state)
{
    struct world *w = *state;
    static const char *const requests[] = {
            "GET https://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            ("POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n"
             "Content-Length: 0\r\n\r\n"),
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        struct peer *agent = agent_new(w);
        agent_ask(agent, requests[i], "\r\n\r\nMethod Not Allowed");
        assert_true(peer_has(agent, "HTTP/1.1 405 Method Not Allowed\r\n"));
        assert_true(peer_has(agent, "content-type: text/plain"));
        WAIT(w, peer_is_gone(agent));
    }
    struct request_record row = world_last_row(w);
    assert_int_equal(row.status, 405);
    assert_string_equal(row.kind, "http");
}

static void malformed_targets_are_400(void **state)
{
    struct world *w = *state;
    static const char *const targets[] = {"open.test:", "open.test:0", "open.test:65536",
            "open.test:443:443", "a@open.test:443", "open.test:+443", "[::1", "[::1]x",
            "open..test:443", ".open.test:443", "http://open.test:443", "open.test/x:443",
            "op%65n.test:443"};
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        struct peer *agent = agent_connect(w, targets[i]);
        WAIT(w, peer_has(agent, "HTTP/1.1 400 Bad Request\r\n"));
        WAIT(w, peer_is_gone(agent));
        peer_close(agent);
    }
    assert_int_equal(w->origin_count, 0);
}

static void a_front_that_is_not_http_is_refused(void **state)
{
    struct world *w = *state;
    static const char *const junk[] = {"\x16\x03\x01\x02\x01", "SSH-2.0-x\r\n\r\n",
            "CONNECT open.test:443\r\n\r\n", "CONNECT open.test:443 HTTP/1.1\n\n",
            "CONNECT open.test:443 HTTP/3.0\r\n\r\n",
            "CONNECT open.test:443 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd"};
    for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++) {
        struct peer *agent = agent_new(w);
        peer_say(agent, junk[i]);
        WAIT(w, peer_is_gone(agent));
        assert_true(peer_has(agent, "HTTP/1.1 400 ") || peer_has(agent, "HTTP/1.1 505 "));
    }
    assert_int_equal(w->origin_count, 0);
    WAIT(w, proxy_tunnel_count(w->proxy) == 0);
}

static void what_policy_denies_is_403_with_the_rules_reason(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_connect(w, "BAD.test:8080");
    WAIT(w, peer_has(agent, "known to be bad"));
    assert_true(peer_has(agent, "HTTP/1.1 403 Forbidden\r\n"));
    assert_true(peer_has(agent, "Blocked: CONNECT bad.test:8080 "));
    WAIT(w, peer_is_gone(agent));
    struct request_record row = world_last_row(w);
    assert_int_equal(row.decision, REQUEST_DENY);
    assert_int_equal(row.status, 403);
    assert_string_equal(row.host, "bad.test");
    assert_string_equal(row.method, "CONNECT");
    assert_non_null(strstr(row.rule, "bad.test"));

    agent = agent_connect(w, "unnamed.test:8080");
    WAIT(w, peer_has(agent, "HTTP/1.1 403 "));
    assert_int_equal(w->origin_count, 0);
}

static void a_provider_is_not_reached_at_another_port(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_connect(w, "api.anthropic.com:8443");
    WAIT(w, peer_has(agent, "HTTP/1.1 403 "));
}

static void an_allowed_host_is_passed_through_byte_for_byte(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_connect(w, "open.test:443");
    WAIT(w, peer_has(agent, "HTTP/1.1 200 Connection Established\r\n\r\n"));
    peer_forget(agent);
    peer_say(agent, "\x16\x03 anything, \r not HTTP");
    struct peer *up = origin_wait(w, 0, "not HTTP");
    assert_true(peer_is(up, "\x16\x03 anything, \r not HTTP"));
    peer_say(up, "back");
    WAIT(w, peer_is(agent, "back"));

    /* Half-close is passed on, and the other direction goes on. */
    chan_shutdown(agent->chan);
    WAIT(w, up->ended);
    peer_say(up, "and more");
    WAIT(w, peer_has(agent, "and more"));
    peer_close(up);
    WAIT(w, agent->ended);
    WAIT(w, proxy_tunnel_count(w->proxy) == 0);

    struct request_record row = world_last_row(w);
    assert_int_equal(row.decision, REQUEST_ALLOW);
    assert_int_equal(row.status, 200);
    assert_int_equal(row.bytes_up, strlen("\x16\x03 anything, \r not HTTP"));
    assert_int_equal(row.bytes_down, strlen("backand more"));
    assert_true(row.done);
}

/* Neither a rule nor a name that a stranger chose opens this machine and its networks. */
static void an_allowed_host_on_this_machine_or_its_networks_is_not_reached(void **state)
{
    static const char all[] = "allow net:CONNECT *\ndefault net deny\n";
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]", "169.254.169.254",
            "10.0.0.1", "[::ffff:10.0.0.1]", "[::ffff:169.254.169.254]"};
    struct world *w = world_new(all, 60000);
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
        char target[64];
        snprintf(target, sizeof(target), "%s:%u", hosts[i],
                (unsigned)listener_port(w->plain_origin));
        struct peer *agent = agent_connect(w, target);
        WAIT(w, peer_has(agent, "HTTP/1.1 403 ") || peer_has(agent, "HTTP/1.1 502 "));
        WAIT(w, peer_is_gone(agent));
        struct request_record row = world_last_row(w);
        assert_true(row.done && *row.reason);
    }
    assert_int_equal(w->origin_count, 0);
    world_free(w);
}

static void what_breaks_on_one_side_of_a_raw_tunnel_breaks_on_the_other(void **state)
{
    struct world *w = *state;
    for (unsigned i = 0; i < 2; i++) {
        struct peer *agent = agent_connect(w, "open.test:443");
        WAIT(w, peer_has(agent, "HTTP/1.1 200 "));
        peer_say(agent, "x");
        struct peer *up = origin_wait(w, i, "x");
        peer_abort(i ? agent : up);
        WAIT_MS(w, peer_is_gone(i ? up : agent), 1000);
        peer_close(i ? up : agent); /* on a Unix socket the agent may have half-closed */
    }
    WAIT(w, proxy_tunnel_count(w->proxy) == 0);
}

static void a_held_connect_goes_on_when_it_is_approved(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_connect(w, "held.test:443");
    peer_say(agent, "early"); /* before the answer: kept, not lost, not looked at */
    const struct gate_item *item = world_question(w);
    assert_string_equal(item->rec.subject, "CONNECT held.test:443");
    assert_string_equal(item->rec.reason, "leaves this machine");
    uint64_t question = item->rec.id;
    struct request_record row = world_last_row(w);
    assert_int_equal(row.decision, REQUEST_HELD);
    assert_int_equal(row.escalation, question);
    assert_false(row.done);
    assert_int_equal(agent->received, 0);
    assert_int_equal(w->origin_count, 0);

    world_answer(w, (struct gate_answer){.allow = true});
    WAIT(w, peer_has(agent, "HTTP/1.1 200 Connection Established\r\n\r\n"));
    struct peer *up = origin_wait(w, 0, "early");
    peer_close(up);
    WAIT(w, agent->ended);
    peer_close(agent);
    WAIT(w, proxy_tunnel_count(w->proxy) == 0);
    row = world_last_row(w);
    assert_int_equal(row.decision, REQUEST_APPROVED);
    assert_int_equal(row.escalation, question);
    assert_true(row.done);
}

static void a_held_connect_that_is_refused_gets_the_humans_words(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_connect(w, "held.test:443");
    world_answer(w, (struct gate_answer){.message = "use the mirror"});
    WAIT(w, peer_has(agent, "use the mirror"));
    assert_true(peer_has(agent, "HTTP/1.1 403 Forbidden\r\n"));
    WAIT(w, peer_is_gone(agent));
    assert_int_equal(w->origin_count, 0);
    assert_int_equal(world_last_row(w).decision, REQUEST_REFUSED);
}

static void a_held_connect_that_nobody_answers_is_refused(void **state)
{
    struct world *w = world_new(rules, 50);
    (void)state;
    struct peer *agent = agent_connect(w, "held.test:443");
    WAIT(w, peer_has(agent, "HTTP/1.1 403 Forbidden\r\n"));
    assert_true(peer_has(agent, "nobody answered"));
    assert_int_equal(w->origin_count, 0);
    assert_int_equal(world_last_row(w).decision, REQUEST_EXPIRED);
    world_free(w);
}

static void an_agent_that_goes_takes_its_question_with_it(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 2; i++) {
        struct peer *agent = agent_connect(w, "held.test:443");
        world_question(w);
        if (i)
            peer_abort(agent);
        else
            peer_close(agent);
        WAIT(w, gate_count(w->gate) == 0);
        WAIT(w, proxy_tunnel_count(w->proxy) == 0);
        assert_int_equal(gate_recent(w->gate, 0)->rec.state, ESC_CANCELED);
    }
    assert_true(world_last_row(w).done);
}

static void without_a_gate_what_is_asked_is_refused(void **state)
{
    struct world *w = *state;
    proxy_free(w->proxy);
    gate_free(w->gate);
    w->gate = NULL;
    world_proxy(w);
    struct peer *agent = agent_connect(w, "held.test:443");
    WAIT(w, peer_has(agent, "nobody can be asked"));
    assert_true(peer_has(agent, "HTTP/1.1 403 "));
}

static void stopping_ends_what_is_held(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_connect(w, "held.test:443");
    world_question(w);
    struct peer *open = agent_connect(w, "open.test:443");
    WAIT(w, peer_has(open, "HTTP/1.1 200 "));
    proxy_free(w->proxy);
    w->proxy = NULL;
    assert_int_equal(gate_count(w->gate), 0);
    WAIT(w, peer_is_gone(agent) && peer_is_gone(open));
    assert_true(world_last_row(w).done);
}

static void hundreds_of_connections_come_and_go(void **state)
{
    struct world *w = *state;
    static struct peer *peers[300];
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 300; i++) {
            peers[i] = peer_new(w, NULL);
            peers[i]->chan = chan_connect_unix(w->loop, w->path, &peer_ops, peers[i], NULL);
            if (i % 3 == 0)
                peer_say(peers[i], "CONNECT api.anthropic.com:443 HTTP/1.1\r\n"
                                   "Host: api.anthropic.com\r\n\r\n");
            if (i % 3 == 1)
                peer_say(peers[i], "CONNECT ");
        }
        WAIT(w, proxy_tunnel_count(w->proxy) == 300);
        for (unsigned i = 0; i < 300; i++)
            peer_free(peers[i]);
        WAIT(w, proxy_tunnel_count(w->proxy) == 0);
    }
}

/* Some turns of the loop and trips to the disk, in which whatever could happen has. */
static void let_all_happen(struct world *w)
{
    for (int i = 0; i < 5; i++)
        world_flush(w);
}

static void while_everything_is_held_nothing_begins_and_nothing_is_denied(void **state)
{
    struct world *w = *state;
    struct peer *old = agent_connect(w, "open.test:443");
    struct peer *api = agent_api(w);
    WAIT(w, peer_has(old, "HTTP/1.1 200 Connection Established\r\n\r\n"));
    peer_forget(old);
    peer_say(old, "first");
    struct peer *up = origin_wait(w, 0, "first");
    peer_forget(up);
    gate_hold(w->gate, true);
    assert_true(gate_is_held(w->gate));

    peer_say(old, "up");
    peer_say(up, "down");
    struct peer *bad = agent_connect(w, "bad.test:8080");
    struct peer *held = agent_connect(w, "held.test:443");
    peer_say(api, "GET /nothing HTTP/1.1\r\nHost: api.anthropic.com\r\n\r\n");
    let_all_happen(w);
    assert_true(peer_is(up, "") && peer_is(old, ""));
    assert_true(peer_is(bad, "") && peer_is(api, "") && !peer_is_gone(bad));
    assert_int_equal(gate_count(w->gate), 0);

    gate_hold(w->gate, false);
    WAIT(w, peer_is(up, "up"));
    WAIT(w, peer_is(old, "down"));
    WAIT(w, peer_has(bad, "HTTP/1.1 403 "));
    WAIT(w, peer_has(api, "HTTP/1.1 403 "));
    WAIT(w, gate_count(w->gate) == 1);
    peer_close(held);
    WAIT(w, gate_count(w->gate) == 0);
}

static void a_raw_tunnel_that_ends_while_it_is_held_ends_afterwards(void **state)
{
    struct world *w = *state;
    struct peer *agent = agent_connect(w, "open.test:443");
    WAIT(w, peer_has(agent, "HTTP/1.1 200 Connection Established\r\n\r\n"));
    peer_forget(agent);
    peer_say(agent, "first");
    struct peer *up = origin_wait(w, 0, "first");
    gate_hold(w->gate, true);
    peer_say(agent, ", last");
    chan_shutdown(agent->chan);
    let_all_happen(w);
    assert_true(peer_is(up, "first") && !up->ended);
    gate_hold(w->gate, false);
    WAIT(w, up->ended);
    assert_true(peer_is(up, "first, last"));
    peer_close(up);
    WAIT(w, proxy_tunnel_count(w->proxy) == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(what_is_neither_connect_nor_absolute_is_405),
            TEST(malformed_targets_are_400),
            TEST(a_front_that_is_not_http_is_refused),
            TEST(what_policy_denies_is_403_with_the_rules_reason),
            TEST(a_provider_is_not_reached_at_another_port),
            TEST(an_allowed_host_is_passed_through_byte_for_byte),
            cmocka_unit_test(an_allowed_host_on_this_machine_or_its_networks_is_not_reached),
            TEST(what_breaks_on_one_side_of_a_raw_tunnel_breaks_on_the_other),
            TEST(a_held_connect_goes_on_when_it_is_approved),
            TEST(a_held_connect_that_is_refused_gets_the_humans_words),
            cmocka_unit_test(a_held_connect_that_nobody_answers_is_refused),
            TEST(an_agent_that_goes_takes_its_question_with_it),
            TEST(without_a_gate_what_is_asked_is_refused),
            TEST(while_everything_is_held_nothing_begins_and_nothing_is_denied),
            TEST(a_raw_tunnel_that_ends_while_it_is_held_ends_afterwards),
            TEST(stopping_ends_what_is_held),
            TEST(hundreds_of_connections_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
