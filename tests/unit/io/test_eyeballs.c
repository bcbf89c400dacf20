/*
 * test_eyeballs.c - names with several addresses: order, speed, and the guard. The resolver is
 * ours: this program's getaddrinfo() is the one that libuv calls.
 */
#include "peer.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

static const struct {
    const char *name;
    const char *addrs[8];
} zone[] = {
        {"dead6.test", {"::1", "127.0.0.1"}},
        {"dead4.test", {"127.0.0.9", "127.0.0.1"}},
        {"refused.test", {"127.0.0.8", "127.0.0.1", "127.0.0.9"}},
        {"order.test",
                {"::1", "::1", "::ffff:127.0.0.6", "127.0.0.8", "127.0.0.7", "127.0.0.8"}},
        {"mixed.test", {"93.184.216.34", "127.0.0.1"}},
        {"mapped.test", {"::ffff:127.0.0.1"}},
        {"linklocal.test", {"127.0.0.1", "169.254.169.254"}},
        {"slow.test", {"127.0.0.1"}},
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* held: slow.test does not answer */

static struct addrinfo *answer(const char *text, const char *port, struct addrinfo *next)
{
    struct addrinfo *a = calloc(1, sizeof(*a) + sizeof(struct sockaddr_in6));
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(a + 1);
    struct sockaddr_in *in = (struct sockaddr_in *)(a + 1);

    a->ai_addr = (struct sockaddr *)(a + 1);
    a->ai_next = next;
    a->ai_socktype = SOCK_STREAM;
    if (strchr(text, ':')) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)strtoul(port, NULL, 10));
        inet_pton(AF_INET6, text, &in6->sin6_addr);
        a->ai_addrlen = sizeof(*in6);
    } else {
        in->sin_family = AF_INET;
        in->sin_port = htons((uint16_t)strtoul(port, NULL, 10));
        inet_pton(AF_INET, text, &in->sin_addr);
        a->ai_addrlen = sizeof(*in);
    }
    a->ai_family = a->ai_addr->sa_family;
    return a;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
        struct addrinfo **ret)
{
    (void)hints;
    *ret = NULL;
    if (strcmp(name, "slow.test") == 0) {
        pthread_mutex_lock(&gate);
        pthread_mutex_unlock(&gate);
    }
    for (size_t i = 0; i < sizeof(zone) / sizeof(zone[0]); i++) {
        if (strcmp(zone[i].name, name) != 0)
            continue;
        for (int k = 7; k >= 0; k--)
            if (zone[i].addrs[k])
                *ret = answer(zone[i].addrs[k], service, *ret);
        return 0;
    }
    return EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;

        free(list);
        list = next;
    }
}

struct call {
    struct loop *loop;
    struct listener *listener;
    uint16_t port;
    struct peer a, b;
    int done;
    struct err err;
    double took_ms;
};

static void on_done(void *ctx, struct chan *chan, const struct err *err)
{
    struct call *c = ctx;

    c->done++;
    if (err)
        c->err = *err;
    else
        peer_take(&c->a, chan);
}

static void open_call(struct call *c)
{
    memset(c, 0, sizeof(*c));
    c->loop = test_loop();
    c->listener = listen_tcp(c->loop, "127.0.0.1", 0, peer_accept, &c->b, &c->err);
    assert_non_null(c->listener);
    c->port = listener_port(c->listener);
    c->err = (struct err){0};
}

static void end_call(struct call *c)
{
    chan_close(c->a.chan);
    chan_close(c->b.chan);
    listener_free(c->listener);
    loop_free(c->loop);
}

static void dial(struct call *c, const char *host, bool own, uint32_t ms)
{
    struct dial_target target = {.host = host, .port = c->port, .allow_private = own};
    uint64_t start = clock_ns();

    dial_start(c->loop, &target, ms, on_done, c);
    UNTIL(c->loop, c->done);
    c->took_ms = (double)(clock_ns() - start) / 1e6;
    assert_int_equal(c->done, 1);
}

/* Connections to this place are neither taken nor refused: the backlog is full. */
struct hole {
    int fds[8];
    int count;
};

static bool dig(struct hole *hole, const char *ip, uint16_t port)
{
    struct sockaddr_storage addr = {0};
    struct addrinfo *a = NULL;
    char service[8];

    memset(hole, 0, sizeof(*hole));
    snprintf(service, sizeof(service), "%u", port);
    a = answer(ip, service, NULL);
    memcpy(&addr, a->ai_addr, a->ai_addrlen);
    socklen_t len = a->ai_addrlen;
    freeaddrinfo(a);
    int fd = socket(addr.ss_family, SOCK_STREAM, 0);
    if (fd < 0)
        return false;
    hole->fds[hole->count++] = fd;
    if (bind(fd, (struct sockaddr *)&addr, len) < 0 || listen(fd, 0) < 0)
        return false;
    while (hole->count < 8) {
        fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        hole->fds[hole->count++] = fd;
        connect(fd, (struct sockaddr *)&addr, len);
    }
    return true;
}

static void fill_in(struct hole *hole)
{
    while (hole->count)
        close(hole->fds[--hole->count]);
}

static void test_a_silent_address_costs_a_quarter_of_a_second(void **state)
{
    static const char *const hosts[] = {"dead4.test", "dead6.test"};
    static const char *const dead[] = {"127.0.0.9", "::1"};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct call c;
        struct hole hole;

        open_call(&c);
        if (dig(&hole, dead[i], c.port)) {
            int before = count_fds();

            dial(&c, hosts[i], true, 10000);
            assert_non_null(c.a.chan);
            assert_memory_equal(chan_peer(c.a.chan), "127.0.0.1:", 10);
            assert_true(c.took_ms >= 240 && c.took_ms < 5000);
            UNTIL(c.loop, c.b.chan);
            loop_turn(c.loop, false);
            assert_int_equal(count_fds(), before + 2); /* the silent one is gone */
        } else {
            print_message("no IPv6 here: %s is left out\n", dead[i]);
        }
        fill_in(&hole);
        end_call(&c);
    }
}

static void test_a_refusing_address_costs_nothing(void **state)
{
    double best = 10000;

    (void)state;
    for (int i = 0; i < 5 && best > 200; i++) {
        struct call c;

        open_call(&c);
        dial(&c, "refused.test", true, 10000);
        assert_non_null(c.a.chan);
        best = c.took_ms < best ? c.took_ms : best;
        end_call(&c);
    }
    assert_true(best < 200);
}

static void test_the_families_take_turns_and_all_that_failed_is_named_once(void **state)
{
    static const char *const names[] = {
            "'[::1]:", "'127.0.0.8:", "'[::ffff:127.0.0.6]:", "'127.0.0.7:"};
    struct call c;
    const char *at;

    (void)state;
    open_call(&c);
    dial(&c, "order.test", true, 10000);
    assert_null(c.a.chan);
    at = c.err.msg;
    assert_memory_equal(at, "cannot reach 'order.test:", 25);
    for (size_t i = 0; i < 4; i++) {
        at = strstr(at, names[i]);
        if (!at)
            fail_msg("'%s' is not in its place in: %s", names[i], c.err.msg);
        at++;
        assert_null(strstr(at, names[i]));
    }
    end_call(&c);
}

static void test_addresses_that_stay_silent_are_named_at_the_deadline(void **state)
{
    struct call c;
    struct hole hole;

    (void)state;
    open_call(&c);
    assert_true(dig(&hole, "127.0.0.9", c.port));
    listener_free(c.listener);
    c.listener = NULL;
    dial(&c, "dead4.test", true, 300);
    assert_int_equal(c.err.code, ERR_TIMEOUT);
    assert_non_null(strstr(c.err.msg, "no answer from '127.0.0.9:"));
    assert_non_null(strstr(c.err.msg, "'127.0.0.1:"));
    fill_in(&hole);
    end_call(&c);
}

static void test_one_address_that_is_refused_refuses_the_name(void **state)
{
    static const struct {
        const char *host;
        bool own;
    } refused[] = {{"mixed.test", false}, {"mapped.test", false}, {"dead4.test", false},
            {"linklocal.test", true}};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct call c;

        open_call(&c);
        dial(&c, refused[i].host, refused[i].own, 10000);
        assert_int_equal(c.err.code, ERR_DENIED);
        assert_non_null(strstr(c.err.msg, "not a public address"));
        assert_null(c.b.chan); /* nobody was called */
        end_call(&c);
    }
}

static void count_work(void *ctx)
{
    ++*(int *)ctx;
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static void test_slow_name_servers_do_not_hold_up_other_work(void **state)
{
    enum { N = 12 };
    struct call c;
    struct dial *dials[N];
    int worked = 0;

    (void)state;
    open_call(&c);
    struct dial_target target = {.host = "slow.test", .port = c.port, .allow_private = true};
    pthread_mutex_lock(&gate);
    for (int i = 0; i < N; i++)
        dials[i] = dial_start(c.loop, &target, 20000, on_done, &c);
    loop_turn(c.loop, false);
    loop_turn(c.loop, false);
    for (int i = 0; i < 20; i++)
        loop_work(c.loop, nothing, count_work, &worked);
    UNTIL(c.loop, worked == 20);
    assert_int_equal(c.done, 0);
    for (int i = 1; i < N; i++)
        dial_cancel(dials[i]);
    pthread_mutex_unlock(&gate);
    UNTIL(c.loop, c.done);
    assert_non_null(c.a.chan);
    end_call(&c);
    assert_int_equal(c.done, 1);
}

static void test_names_that_no_resolver_should_see_are_refused(void **state)
{
    static const char *const names[] = {"db", "printer.local", "vault.internal",
            "host.docker.internal", "LOCALHOST", "a.localhost.", "metadata.google.internal",
            "fe80::1%lo", "::1%1", "a b.test", "\xef\xbd\x8cocalhost", "127.1", "0177.0.0.1",
            ""};
    static const char *const metadata[] = {
            "metadata.google.internal", "metadata", "x.metadata.goog"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct call c;

        open_call(&c);
        dial(&c, names[i], false, 10000);
        if (c.err.code != ERR_DENIED)
            fail_msg("'%s': %s", names[i], c.err.msg);
        end_call(&c);
    }
    for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++) {
        struct call c;

        open_call(&c);
        dial(&c, metadata[i], true, 10000);
        assert_int_equal(c.err.code, ERR_DENIED);
        end_call(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_a_silent_address_costs_a_quarter_of_a_second),
            cmocka_unit_test(test_a_refusing_address_costs_nothing),
            cmocka_unit_test(test_the_families_take_turns_and_all_that_failed_is_named_once),
            cmocka_unit_test(test_addresses_that_stay_silent_are_named_at_the_deadline),
            cmocka_unit_test(test_one_address_that_is_refused_refuses_the_name),
            cmocka_unit_test(test_slow_name_servers_do_not_hold_up_other_work),
            cmocka_unit_test(test_names_that_no_resolver_should_see_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
