/*
 * test_mcp.c - the MCP endpoint as a client on its socket sees it, and the JSON-RPC under it.
 */
#include "mcp/mcp.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "support/tmpdir.h"
#include "unit/check.h"

#define DEADLINE_MS 20000
#define REQUEST(id, rest) "{\"jsonrpc\":\"2.0\",\"id\":" id "," rest "}\n"
#define ERROR(id, code, text)                                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":" code ",\"message\":\"" text "\"" \
    "}}"
#define PING(id) REQUEST(id, "\"method\":\"ping\"")
#define PONG(id) "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"result\":{}}"

struct world {
    struct loop *loop;
    struct timer *deadline;
    struct mcp *mcp;
    struct buf got;
    char dir[64], path[96];
    bool late;
};

static void on_late(void *ctx)
{
    ((struct world *)ctx)->late = true;
}

static int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    w->loop = loop_new(NULL);
    w->deadline = timer_new(w->loop, on_late, w);
    timer_start(w->deadline, DEADLINE_MS);
    test_tmpdir(w->dir, sizeof(w->dir), "mcp");
    snprintf(w->path, sizeof(w->path), "%s/mcp.sock", w->dir);
    const struct mcp_config config = {.loop = w->loop};
    w->mcp = mcp_new(&config);
    assert_int_equal(mcp_listen_unix(w->mcp, w->path, NULL), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    mcp_free(w->mcp);
    timer_free(w->deadline);
    loop_free(w->loop);
    assert_int_equal(access(w->path, F_OK), -1);
    rmdir(w->dir);
    buf_release(&w->got);
    free(w);
    return 0;
}

static int client(struct world *w)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", w->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static void turn(struct world *w)
{
    loop_turn(w->loop, true);
    if (w->late)
        fail_msg("too late; got so far: %.200s", buf_len(&w->got) ? buf_data(&w->got) : "");
}

static void send_all(struct world *w, int fd, struct str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0) {
            assert_int_equal(errno, EAGAIN);
            turn(w);
            continue;
        }
        bytes = (struct str){bytes.p + n, bytes.n - (size_t)n};
    }
}

/* Read what has come. False: the server has closed. */
static bool receive(struct world *w, int fd)
{
    ssize_t n = read(fd, buf_reserve(&w->got, 1 << 16), 1 << 16);
    if (n > 0)
        buf_commit(&w->got, (size_t)n);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

/* The next line, without its newline; valid until the next call. */
static struct str next_line(struct world *w, int fd, struct buf *line)
{
    for (;;) {
        struct str got = buf_str(&w->got);
        const char *end = memchr(got.p, '\n', got.n);
        if (end) {
            size_t n = (size_t)(end - got.p);
            buf_clear(line);
            buf_append(line, got.p, n);
            buf_consume(&w->got, n + 1);
            return buf_str(line);
        }
        if (!receive(w, fd))
            fail_msg("closed");
        if (!memchr(buf_str(&w->got).p, '\n', buf_len(&w->got)))
            turn(w);
    }
}

static void expect(struct world *w, int fd, struct str sent, struct str wanted)
{
    struct buf line = BUF_INIT;
    send_all(w, fd, sent);
    struct str got = next_line(w, fd, &line);
    if (!str_eq(got, wanted))
        fail_msg("sent %.*s\ngot  %.*s\nnot  %.*s", (int)(sent.n > 300 ? 300 : sent.n), sent.p,
                STR_ARG(got), STR_ARG(wanted));
    buf_release(&line);
}

#define EXPECT(w, fd, sent, wanted) expect(w, fd, STR(sent), STR(wanted))

/* --- methods -------------------------------------------------------------------------- */

static void initialize(struct world *w, int fd, const char *asked, const char *answered)
{
    char request[200];
    struct buf line = BUF_INIT;
    snprintf(request, sizeof(request),
            REQUEST("0", "\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"%s\","
                         "\"capabilities\":{},\"clientInfo\":{\"name\":\"t\"}}"),
            asked);
    send_all(w, fd, str_of(request));
    struct str got = next_line(w, fd, &line);
    char wanted[100];
    snprintf(wanted, sizeof(wanted),
            "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"protocolVersion\":\"%s\",", answered);
    if (!str_starts(got, str_of(wanted)))
        fail_msg("%s: %.*s", asked, STR_ARG(got));
    assert_non_null(memmem(got.p, got.n, "\"serverInfo\":{\"name\":\"ironcurtain\"", 34));
    buf_release(&line);
}

static void test_versions_we_know_are_echoed_others_get_our_newest(void **state)
{
    struct world *w = *state;
    static const char *const known[] = {
            "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05", "2024-10-07"};
    int fd = client(w);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        initialize(w, fd, known[i], known[i]);
    initialize(w, fd, "2026-07-28", "2025-11-25");
    initialize(w, fd, "nonsense", "2025-11-25");
    EXPECT(w, fd, REQUEST("1", "\"method\":\"initialize\",\"params\":{}"),
            ERROR("1", "-32602", "protocolVersion is missing"));
    EXPECT(w, fd, REQUEST("1", "\"method\":\"server/discover\""),
            ERROR("1", "-32601", "Method not found"));
    close(fd);
}

static void test_session_of_an_agent_without_tools(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    EXPECT(w, fd, PING("\"before\""), PONG("\"before\""));
    initialize(w, fd, "2025-11-25", "2025-11-25");
    send_all(w, fd, STR("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"));
    EXPECT(w, fd, REQUEST("1", "\"method\":\"tools/list\""),
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[]}}");
    EXPECT(w, fd, REQUEST("2", "\"method\":\"resources/list\""),
            "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"resources\":[]}}");
    EXPECT(w, fd, REQUEST("3", "\"method\":\"tasks/list\""),
            ERROR("3", "-32601", "Method not found"));
    close(fd);
}

static void test_calls_are_denied_with_a_reason(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    EXPECT(w, fd,
            REQUEST("7", "\"method\":\"tools/call\",\"params\":{\"name\":\"rm \\\"%s\\u0041\","
                         "\"arguments\":{\"path\":\"/\"}}"),
            "{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{\"content\":[{\"type\":\"text\","
            "\"text\":"
            "\"Denied by ironcurtain: the tool was not run, because no MCP servers are "
            "connected "
            "to this box. Calling it again will not help.\"}],"
            "\"isError\":true}}");
    EXPECT(w, fd, REQUEST("8", "\"method\":\"tools/call\",\"params\":{}"),
            ERROR("8", "-32602", "the tool's name is missing"));
    EXPECT(w, fd,
            REQUEST("9",
                    "\"method\":\"tools/call\",\"params\":{\"name\":\"a\",\"name\":\"b\"}"),
            ERROR("9", "-32602", "member 'name' appears twice"));
    EXPECT(w, fd, REQUEST("10", "\"method\":\"tools/call\",\"params\":[\"a\"]"),
            ERROR("10", "-32602", "the parameters are no object"));
    close(fd);
}

/* --- JSON-RPC --------------------------------------------------------------------------- */

static void test_ids_come_back_as_they_were_spelled(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    EXPECT(w, fd, PING("18446744073709551616"), PONG("18446744073709551616"));
    EXPECT(w, fd, PING("1.0e2"), PONG("1.0e2"));
    EXPECT(w, fd, PING("\"a\\u0000\\ud800\""), PONG("\"a\\u0000\\ud800\""));
    EXPECT(w, fd, "  {\"method\" : \"ping\", \"id\": -1 ,\"jsonrpc\":\"2.0\"} \r\n",
            PONG("-1"));
    close(fd);
}

static void test_malformed_input_is_answered_and_the_connection_goes_on(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    EXPECT(w, fd, "nonsense\n", ERROR("null", "-32700", "Parse error"));
    EXPECT(w, fd, "{\"jsonrpc\": \"2.0\", \"method\": \"foobar, \"params\": \"bar\", \"baz]\n",
            ERROR("null", "-32700", "Parse error"));
    EXPECT(w, fd, "{\"jsonrpc\": \"2.0\", \"method\": 1, \"params\": \"bar\"}\n",
            ERROR("null", "-32600", "Invalid Request"));
    EXPECT(w, fd, "1\n", ERROR("null", "-32600", "Invalid Request"));
    EXPECT(w, fd, "{}\n", ERROR("null", "-32600", "Invalid Request"));
    EXPECT(w, fd, "{\"id\":5,\"method\":\"ping\"}\n", ERROR("5", "-32600", "Invalid Request"));
    EXPECT(w, fd, PING("null"), ERROR("null", "-32600", "Invalid Request"));
    EXPECT(w, fd, PING("[1]"), ERROR("null", "-32600", "Invalid Request"));
    EXPECT(w, fd, PING("tru"), ERROR("null", "-32700", "Parse error"));
    EXPECT(w, fd, REQUEST("1", "\"id\":2,\"method\":\"ping\""),
            ERROR("null", "-32600", "Invalid Request: ambiguous member names"));
    EXPECT(w, fd, "[]\n", ERROR("null", "-32600", "Invalid Request"));
    EXPECT(w, fd, "[" PONG("1") "]\n",
            ERROR("null", "-32600", "Invalid Request: no batches in this protocol version"));
    EXPECT(w, fd, "\n \r\n" PING("1"), PONG("1"));
    close(fd);
}

static void test_answers_and_notifications_are_not_answered(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    send_all(w, fd,
            STR(PONG("1") "\n" ERROR(
                    "2", "1", "x") "\n"
                                   "{\"jsonrpc\":\"2.0\",\"method\":\"x\"}\n"));
    EXPECT(w, fd, PING("3"), PONG("3"));
    close(fd);
}

static void test_batches_are_served_in_the_one_version_that_has_them(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    initialize(w, fd, "2025-03-26", "2025-03-26");
    EXPECT(w, fd,
            "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"},1,"
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"},"
            "{\"jsonrpc\":\"2.0\",\"id\":\"b\",\"method\":\"nope\"}]\n",
            "[" PONG("1") "," ERROR("null", "-32600", "Invalid Request") "," ERROR(
                    "\"b\"", "-32601", "Method not found") "]");
    send_all(w, fd, STR("[{\"jsonrpc\":\"2.0\",\"method\":\"x\"}]\n"));
    EXPECT(w, fd, "[1,2\n", ERROR("null", "-32700", "Parse error"));
    initialize(w, fd, "2025-06-18", "2025-06-18");
    EXPECT(w, fd, "[1]\n",
            ERROR("null", "-32600", "Invalid Request: no batches in this protocol version"));
    close(fd);
}

static void test_large_messages_pass_and_too_large_ones_are_skipped(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    struct buf big = BUF_INIT;
    buf_puts(&big, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"x\":\"");
    size_t n = 3 * 1024 * 1024;
    memset(buf_reserve(&big, n), 'x', n);
    buf_commit(&big, n);
    buf_puts(&big, "\"}}\n");
    expect(w, fd, buf_str(&big), STR(PONG("1")));

    buf_clear(&big);
    n = 3 * LIMIT_MCP_MESSAGE;
    memset(buf_reserve(&big, n), '[', n);
    buf_commit(&big, n);
    buf_puts(&big, "\n");
    expect(w, fd, buf_str(&big),
            STR(ERROR("null", "-32600", "Invalid Request: message too large")));
    EXPECT(w, fd, PING("2"), PONG("2"));
    buf_release(&big);
    close(fd);
}

static void test_messages_may_be_cut_anywhere(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    struct str all = STR(PING("1") PING("2"));
    struct buf line = BUF_INIT;
    for (size_t i = 0; i < all.n; i++) {
        send_all(w, fd, (struct str){all.p + i, 1});
        turn(w);
    }
    assert_true(str_eq(next_line(w, fd, &line), STR(PONG("1"))));
    assert_true(str_eq(next_line(w, fd, &line), STR(PONG("2"))));
    buf_release(&line);
    close(fd);
}

static void test_peer_that_does_not_read_is_not_read_from(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    struct str request = STR(PING("12345678"));
    size_t sent = 0;
    size_t blocked = 0;
    while (blocked < 200) { /* the kernel's buffers and ours are full, and stay so */
        size_t at = sent % request.n;
        ssize_t n = write(fd, request.p + at, request.n - at);
        blocked = n < 0 ? blocked + 1 : 0;
        sent += n < 0 ? 0 : (size_t)n;
        loop_turn(w->loop, false);
        assert_true(sent < 16u << 20);
    }
    struct buf line = BUF_INIT;
    for (size_t i = 0; i < sent / request.n; i++)
        assert_true(str_eq(next_line(w, fd, &line), STR(PONG("12345678"))));
    buf_release(&line);
    close(fd);
}

static void test_answers_still_go_out_after_the_end_of_input(void **state)
{
    struct world *w = *state;
    int fd = client(w);
    struct buf line = BUF_INIT;
    send_all(w, fd, STR(PING("1")));
    shutdown(fd, SHUT_WR);
    assert_true(str_eq(next_line(w, fd, &line), STR(PONG("1"))));
    while (receive(w, fd))
        turn(w);
    buf_release(&line);
    close(fd);
}

static void test_clients_are_bounded_and_their_places_come_back(void **state)
{
    struct world *w = *state;
    int fds[LIMIT_MCP_CLIENTS + 1];
    for (int i = 0; i < LIMIT_MCP_CLIENTS; i++) {
        fds[i] = client(w);
        EXPECT(w, fds[i], PING("1"), PONG("1"));
    }
    int extra = client(w);
    while (receive(w, extra))
        turn(w);
    close(extra);
    close(fds[0]);
    for (bool served = false; !served;) {
        fds[0] = client(w);
        send_all(w, fds[0], STR(PING("1")));
        while (receive(w, fds[0]) && !buf_len(&w->got))
            turn(w);
        served = buf_len(&w->got) > 0;
        if (!served)
            close(fds[0]);
    }
    for (int i = 0; i < LIMIT_MCP_CLIENTS; i++)
        close(fds[i]);
}

static void test_socket_is_open_to_the_uid_of_the_box_and_bad_paths_are_told(void **state)
{
    struct world *w = *state;
    struct stat st;
    struct err err;
    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0666); /* the folder keeps others out */
    const struct mcp_config config = {.loop = w->loop};
    struct mcp *other = mcp_new(&config);
    int rc = mcp_listen_unix(other, "/nonexistent/mcp.sock", &err);
    assert_true(rc < 0 && rc == (int)err.code);
    mcp_free(other);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(test_versions_we_know_are_echoed_others_get_our_newest),
            T(test_session_of_an_agent_without_tools),
            T(test_calls_are_denied_with_a_reason),
            T(test_ids_come_back_as_they_were_spelled),
            T(test_malformed_input_is_answered_and_the_connection_goes_on),
            T(test_answers_and_notifications_are_not_answered),
            T(test_batches_are_served_in_the_one_version_that_has_them),
            T(test_large_messages_pass_and_too_large_ones_are_skipped),
            T(test_messages_may_be_cut_anywhere),
            T(test_peer_that_does_not_read_is_not_read_from),
            T(test_answers_still_go_out_after_the_end_of_input),
            T(test_clients_are_bounded_and_their_places_come_back),
            T(test_socket_is_open_to_the_uid_of_the_box_and_bad_paths_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
