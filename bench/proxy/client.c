/*
 * client.c - see client.h.
 *
 * One read per event: after a whole answer there is no second one that would only say "not
 * yet". Epoll tells again what was left in the socket, and SSL_has_pending what was read
 * already.
 *
 * Owns: the connections of a load. Blocks: in epoll only.
 */
#include "client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/mem.h"
#include "stats.h"

#define EVENTS_MAX 256
#define OPENING_MAX 16
#define OPEN_NS (30 * UINT64_C(1000000000))

static const char blob[CLIENT_READ_MAX]; /* what uploads are made of */

/* --- ends ----------------------------------------------------------------------------- */

void load_init(struct load *load, const struct load_ops *ops, unsigned connections)
{
    *load = (struct load){.ops = ops, .count = connections};
    load->epoll = epoll_create1(EPOLL_CLOEXEC);
    load->conn = xcalloc(connections, sizeof(*load->conn));
    for (unsigned i = 0; i < connections; i++)
        load->conn[i] = (struct conn){.load = load, .fd = -1};
}

void load_release(struct load *load)
{
    for (unsigned i = 0; i < load->count; i++)
        conn_close(&load->conn[i]);
    close(load->epoll);
    free(load->conn);
}

void load_put(const struct load *load, json_t *ret)
{
    json_object_set_new(ret, "answered", json_integer((json_int_t)load->answered));
    json_object_set_new(ret, "failures", json_integer((json_int_t)load->failures));
    if (load->failures > 0)
        json_object_set_new(ret, "first_failure", json_string(load->first_failure));
}

static void note_failure(struct load *load, const char *what, const char *why)
{
    if (load->failures++ == 0)
        snprintf(load->first_failure, sizeof(load->first_failure), "%s: %s", what, why);
}

void conn_close(struct conn *conn)
{
    if (conn->state == CONN_CLOSED)
        return;
    if (conn->state < CONN_READY)
        conn->load->opening--;
    SSL_free(conn->ssl);
    close(conn->fd);
    conn->ssl = NULL;
    conn->fd = -1;
    conn->watched = 0;
    conn->state = CONN_CLOSED;
}

static void conn_fail(struct conn *conn, const char *what)
{
    unsigned long code = ERR_peek_error();
    const char *why = code ? ERR_reason_error_string(code) : errno ? strerror(errno) : NULL;
    note_failure(conn->load, what, why ? why : "closed");
    ERR_clear_error();
    conn_close(conn);
    if (conn->load->ops->on_fail)
        conn->load->ops->on_fail(conn->load, conn);
}

static void watch(struct conn *conn, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (conn->watched == events)
        return;
    if (epoll_ctl(conn->load->epoll, conn->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, conn->fd,
                &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    conn->watched = events;
}

/* After a TLS call that did not do it: wait, or fail. */
static void wait_or_fail(struct conn *conn, int rc, const char *what)
{
    int why = SSL_get_error(conn->ssl, rc);
    if (why == SSL_ERROR_WANT_READ)
        watch(conn, EPOLLIN);
    else if (why == SSL_ERROR_WANT_WRITE)
        watch(conn, EPOLLIN | EPOLLOUT);
    else
        conn_fail(conn, what);
}

/* --- opening -------------------------------------------------------------------------- */

void conn_open(struct load *load, struct conn *conn, const struct lane *lane, const char *host)
{
    const struct linger at_once = {.l_onoff = 1};
    int one = 1;
    conn->lane = lane;
    conn->opened_ns = now_ns();
    str_copy(conn->host, sizeof(conn->host), str_of(host));
    conn->fd = socket(lane->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        fail("socket: %s", strerror(errno));
    if (lane->address.ss_family == AF_INET) {
        setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        /* No TIME_WAIT: thousands of them would be another thing to measure. */
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    conn->state = CONN_CONNECTING;
    load->opening++;
    errno = 0;
    if (connect(conn->fd, (const struct sockaddr *)&lane->address, lane->address_len) < 0 &&
            errno != EINPROGRESS) {
        conn_fail(conn, "connect");
        return;
    }
    watch(conn, EPOLLOUT);
}

static void handshake(struct conn *conn)
{
    int rc = SSL_do_handshake(conn->ssl);
    if (rc != 1) {
        wait_or_fail(conn, rc, "TLS handshake");
        return;
    }
    conn->ready_ns = now_ns();
    conn->state = CONN_READY;
    conn->load->opening--;
    watch(conn, EPOLLIN);
    conn->load->ops->on_ready(conn->load, conn);
}

static void start_tls(struct conn *conn)
{
    conn->tunnel_ns = now_ns();
    conn->ssl = SSL_new(conn->lane->tls);
    SSL_set_fd(conn->ssl, conn->fd);
    SSL_set_connect_state(conn->ssl);
    SSL_set_tlsext_host_name(conn->ssl, conn->host);
    SSL_set1_host(conn->ssl, conn->host);
    conn->state = CONN_HANDSHAKE;
    handshake(conn);
}

static void on_connected(struct conn *conn)
{
    int error = 0;
    socklen_t n = sizeof(error);
    getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) {
        errno = error;
        conn_fail(conn, "connect");
        return;
    }
    if (!conn->lane->connect) {
        start_tls(conn);
        return;
    }
    char head[200];
    int len = snprintf(head, sizeof(head), "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n",
            conn->host, conn->host);
    if (send(conn->fd, head, (size_t)len, MSG_NOSIGNAL) != len) {
        conn_fail(conn, "CONNECT");
        return;
    }
    message_reset(&conn->answer);
    conn->state = CONN_TUNNEL;
    watch(conn, EPOLLIN);
}

/* The answer to CONNECT comes alone: TLS begins with us. */
static void on_tunnel(struct conn *conn)
{
    char in[1024];
    errno = 0;
    ssize_t n = recv(conn->fd, in, sizeof(in), 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0)
        message_feed(&conn->answer, in, (size_t)n, NULL, NULL);
    if (n <= 0 || conn->answer.state == MESSAGE_BAD)
        conn_fail(conn, "CONNECT");
    else if (conn->answer.state == MESSAGE_DONE && message_status(&conn->answer) != 200)
        conn_fail(conn, "CONNECT refused");
    else if (conn->answer.state == MESSAGE_DONE)
        start_tls(conn);
}

/* --- asking --------------------------------------------------------------------------- */

static void send_more(struct conn *conn)
{
    const struct buf *request = &conn->lane->request;
    while (conn->sent < buf_len(request) || conn->upload > 0) {
        bool head = conn->sent < buf_len(request);
        size_t n = head                             ? buf_len(request) - conn->sent
                   : conn->upload < CLIENT_READ_MAX ? (size_t)conn->upload
                                                    : CLIENT_READ_MAX;
        int rc = SSL_write(conn->ssl, head ? buf_data(request) + conn->sent : blob, (int)n);
        if (rc <= 0) {
            wait_or_fail(conn, rc, "sending");
            return;
        }
        if (head)
            conn->sent += (size_t)rc;
        else
            conn->upload -= (uint64_t)rc;
    }
    conn->state = CONN_RECEIVING;
    watch(conn, EPOLLIN);
}

void conn_ask(struct conn *conn)
{
    message_reset(&conn->answer);
    conn->sent = 0;
    conn->upload = conn->lane->upload;
    conn->asked_ns = now_ns();
    conn->state = CONN_SENDING;
    send_more(conn);
}

static void on_body(void *ctx, const char *p, size_t n)
{
    struct conn *conn = ctx;
    if (conn->load->ops->on_body)
        conn->load->ops->on_body(conn->load, conn, p, n);
}

static void on_answer(struct conn *conn)
{
    int status = message_status(&conn->answer);
    char text[32];
    conn->state = CONN_READY;
    if (status == 200) {
        conn->load->answered += conn->lane == conn->load->conn[0].lane;
    } else {
        snprintf(text, sizeof(text), "status %d", status);
        note_failure(conn->load, "answer", text);
    }
    conn->load->ops->on_done(conn->load, conn);
}

static void receive(struct conn *conn)
{
    char *in = conn->load->in;
    for (;;) {
        errno = 0;
        int rc = SSL_read(conn->ssl, in, CLIENT_READ_MAX);
        if (rc <= 0) {
            wait_or_fail(conn, rc, conn->state == CONN_READY ? "idle" : "receiving");
            return;
        }
        size_t used = conn->state == CONN_READY
                              ? 0
                              : message_feed(&conn->answer, in, (size_t)rc, on_body, conn);
        if (used < (size_t)rc || conn->answer.state == MESSAGE_BAD) {
            conn_fail(conn, "answer is no HTTP");
            return;
        }
        if (conn->answer.state == MESSAGE_DONE) {
            on_answer(conn);
            return;
        }
        if (!SSL_has_pending(conn->ssl))
            return;
    }
}

static void step(struct conn *conn, uint32_t events)
{
    switch (conn->state) {
    case CONN_CONNECTING:
        on_connected(conn);
        break;
    case CONN_TUNNEL:
        on_tunnel(conn);
        break;
    case CONN_HANDSHAKE:
        handshake(conn);
        break;
    case CONN_SENDING:
        if (events & EPOLLOUT)
            send_more(conn);
        if (events & EPOLLIN && conn->state == CONN_SENDING)
            receive(conn); /* an early answer is a refusal; session tickets are not */
        break;
    case CONN_READY:
    case CONN_RECEIVING:
        receive(conn);
        break;
    case CONN_CLOSED:
        break; /* closed by an earlier event of the same turn */
    }
}

/* --- the loop ------------------------------------------------------------------------- */

void load_run(struct load *load, uint64_t until_ns, bool (*done)(struct load *load))
{
    struct epoll_event events[EVENTS_MAX];
    while (!done || !done(load)) {
        uint64_t now = now_ns();
        if (now >= until_ns)
            return;
        uint64_t left = until_ns - now;
        struct timespec wait = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
        int n = epoll_pwait2(load->epoll, events, EVENTS_MAX, &wait, NULL);
        for (int i = 0; i < n; i++)
            step(events[i].data.ptr, events[i].events);
    }
}

static bool few_opening(struct load *load)
{
    return load->opening < OPENING_MAX;
}

static bool none_opening(struct load *load)
{
    return load->opening == 0;
}

void load_open_all(struct load *load, unsigned from, unsigned to, const struct lane *lane)
{
    for (unsigned i = from; i < to; i++) {
        load_run(load, now_ns() + OPEN_NS, few_opening);
        conn_open(load, &load->conn[i], lane, BENCH_HOST);
    }
    load_run(load, now_ns() + OPEN_NS, none_opening);
}
