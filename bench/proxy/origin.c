/*
 * origin.c - `proxy_bench origin`: the server that proxies are measured in front of.
 *
 * HTTPS/1.1 on 127.0.0.1, one thread, epoll. A request must carry the real key, or it gets
 * 401: a proxy that did not swap it would be seen at once. What the answer is, the request
 * says in `x-bench`:
 *     (nothing)          a JSON answer of 300 bytes
 *     events N MS        N events, one each MS milliseconds, each with the time of its sending
 *     big BYTES          so many bytes
 * Bodies are counted and dropped. One request at a time per connection: no pipelining.
 *
 * Owns: the connections. Blocks: in epoll only.
 */
#include "modes.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/mem.h"
#include "message.h"
#include "stats.h"

#define READ_MAX 65536
#define BLOB 65536
#define EVENTS_MAX 256

struct served {
    int fd;
    SSL *ssl; /* owns */
    bool handshaken, closed;
    uint32_t watched; /* what epoll waits for */
    struct message request;
    struct buf out;
    uint64_t big; /* bytes of a large answer still to write */
    uint64_t events, period_ns, due_ns;
    struct served *next; /* of those with a stream, or of those to be freed */
};

struct origin {
    int epoll, listener;
    SSL_CTX *tls;
    const char *key;        /* borrows */
    struct served *streams; /* borrows; linked */
    struct served *closed;  /* freed at the end of the turn: epoll may still name them */
    uint64_t answered;
    char blob[BLOB];
    char in[READ_MAX];
};

/* --- connections ---------------------------------------------------------------------- */

static void stream_remove(struct origin *origin, struct served *served)
{
    struct served **at = &origin->streams;
    while (*at && *at != served)
        at = &(*at)->next;
    if (*at)
        *at = served->next;
    served->events = 0;
}

static void served_close(struct origin *origin, struct served *served)
{
    if (served->closed)
        return;
    if (served->events > 0)
        stream_remove(origin, served);
    SSL_free(served->ssl);
    close(served->fd);
    buf_release(&served->out);
    served->closed = true;
    served->next = origin->closed;
    origin->closed = served;
}

static void free_closed(struct origin *origin)
{
    while (origin->closed) {
        struct served *served = origin->closed;
        origin->closed = served->next;
        free(served);
    }
}

static void watch(struct origin *origin, struct served *served, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = served};
    if (served->watched == events)
        return;
    if (epoll_ctl(origin->epoll, served->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, served->fd,
                &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    served->watched = events;
}

static void accept_all(struct origin *origin)
{
    for (;;) {
        int fd = accept4(origin->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        int one = 1;
        if (fd < 0)
            return;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        struct served *served = xcalloc(1, sizeof(*served));
        served->fd = fd;
        served->ssl = SSL_new(origin->tls);
        SSL_set_fd(served->ssl, fd);
        SSL_set_accept_state(served->ssl);
        watch(origin, served, EPOLLIN);
    }
}

/* --- answers -------------------------------------------------------------------------- */

/* True: go on later. False: it broke, and the connection is closed. */
static bool must_wait(struct origin *origin, struct served *served, int rc, uint32_t also)
{
    int why = SSL_get_error(served->ssl, rc);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        watch(origin, served, EPOLLIN | (why == SSL_ERROR_WANT_WRITE ? EPOLLOUT : also));
        return true;
    }
    ERR_clear_error();
    served_close(origin, served);
    return false;
}

/* Writes what can be written now. */
static void flush(struct origin *origin, struct served *served)
{
    while (buf_len(&served->out) > 0 || served->big > 0) {
        bool head = buf_len(&served->out) > 0;
        size_t n = head ? buf_len(&served->out) : served->big < BLOB ? served->big : BLOB;
        int rc = SSL_write(served->ssl, head ? buf_data(&served->out) : origin->blob, (int)n);
        if (rc <= 0) {
            (void)must_wait(origin, served, rc, EPOLLOUT);
            return;
        }
        if (head)
            buf_consume(&served->out, (size_t)rc);
        else
            served->big -= (uint64_t)rc;
    }
    watch(origin, served, EPOLLIN);
}

static void put_json(struct origin *origin, struct buf *out)
{
    char body[301];
    int n = snprintf(body, sizeof(body),
            "{\"id\":\"msg_%016llx\",\"type\":\"message\",\"model\":\"claude-bench\","
            "\"usage\":{\"input_tokens\":12,\"output_tokens\":34},\"pad\":\"",
            (unsigned long long)origin->answered);
    memset(body + n, 'p', sizeof(body) - 3 - (size_t)n);
    memcpy(body + sizeof(body) - 3, "\"}", 2);
    buf_printf(out,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nrequest-id: req_%llu\r\n"
            "Content-Length: %zu\r\n\r\n",
            (unsigned long long)origin->answered, sizeof(body) - 1);
    buf_append(out, body, sizeof(body) - 1);
}

static void begin_stream(struct origin *origin, struct served *served, uint64_t n, uint64_t ms)
{
    buf_puts(&served->out, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                           "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
    served->events = n;
    served->period_ns = ms * 1000000;
    /* Streams of one second do not tick together. */
    served->due_ns = now_ns() + (origin->answered * 7919 % 1000) * served->period_ns / 1000;
    served->next = origin->streams;
    origin->streams = served;
}

static bool has_key(const struct origin *origin, const struct message *request)
{
    return str_eq(message_field(request, "x-api-key"), str_of(origin->key));
}

static void answer(struct origin *origin, struct served *served)
{
    struct buf *out = &served->out;
    struct str what = message_field(&served->request, "x-bench"), word;
    uint64_t n = 0, ms = 0;
    origin->answered++;
    (void)str_cut(&what, ' ', &word);
    if (!has_key(origin, &served->request)) {
        buf_puts(out, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    } else if (str_eq(word, STR("events")) && str_cut(&what, ' ', &word) &&
               str_u64(word, 1000000, &n) && str_u64(what, 60000, &ms) && n > 0) {
        begin_stream(origin, served, n, ms);
    } else if (str_eq(word, STR("big")) && str_u64(what, UINT64_MAX / 2, &n)) {
        buf_printf(out,
                "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                "Content-Length: %llu\r\n\r\n",
                (unsigned long long)n);
        served->big = n;
    } else {
        put_json(origin, out);
    }
    message_reset(&served->request);
    flush(origin, served);
}

/* --- streams -------------------------------------------------------------------------- */

static void put_event(struct served *served)
{
    char event[256];
    int n = snprintf(event, sizeof(event),
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
            "\"delta\":{\"type\":\"text_delta\",\"text\":\"@%llu@\"}}\n\n",
            (unsigned long long)now_ns());
    buf_printf(&served->out, "%x\r\n%s\r\n%s", (unsigned)n, event,
            served->events == 1 ? "0\r\n\r\n" : "");
}

/* Sends what is due; returns when the next is, UINT64_MAX: nothing is. */
static uint64_t run_streams(struct origin *origin)
{
    uint64_t now = now_ns(), first = UINT64_MAX;
    struct served *next;
    for (struct served *served = origin->streams; served; served = next) {
        next = served->next;
        if (served->due_ns <= now) {
            put_event(served);
            served->due_ns += served->period_ns;
            if (served->events == 1)
                stream_remove(origin, served);
            else
                served->events--;
            flush(origin, served);
        }
        if (served->events > 0 && !served->closed && served->due_ns < first)
            first = served->due_ns;
    }
    return first;
}

/* --- the loop ------------------------------------------------------------------------- */

static void feed(struct origin *origin, struct served *served, size_t n)
{
    size_t used = message_feed(&served->request, origin->in, n, NULL, NULL);
    if (served->request.state == MESSAGE_BAD || used < n) {
        served_close(origin, served);
        return;
    }
    if (served->request.state == MESSAGE_DONE)
        answer(origin, served);
}

static bool handshake(struct origin *origin, struct served *served)
{
    int rc = SSL_do_handshake(served->ssl);
    if (rc != 1) {
        (void)must_wait(origin, served, rc, 0);
        return false;
    }
    served->handshaken = true;
    return true;
}

static void on_ready(struct origin *origin, struct served *served)
{
    if (served->closed || (!served->handshaken && !handshake(origin, served)))
        return;
    if (buf_len(&served->out) > 0 || served->big > 0)
        flush(origin, served);
    while (!served->closed && served->big == 0) {
        int rc = SSL_read(served->ssl, origin->in, READ_MAX);
        if (rc <= 0) {
            (void)must_wait(origin, served, rc, served->watched & EPOLLOUT);
            return;
        }
        feed(origin, served, (size_t)rc);
        if (served->closed || !SSL_has_pending(served->ssl))
            return;
    }
}

static void serve(struct origin *origin)
{
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        uint64_t due = run_streams(origin), now = now_ns();
        uint64_t left = due > now ? due - now : 0;
        struct timespec wait = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
        free_closed(origin);
        int n = epoll_pwait2(
                origin->epoll, events, EVENTS_MAX, due == UINT64_MAX ? NULL : &wait, NULL);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                on_ready(origin, events[i].data.ptr);
            else
                accept_all(origin);
        }
    }
}

/* --- starting ------------------------------------------------------------------------- */

static void load_certs(struct origin *origin, const char *dir)
{
    char *cert = xasprintf("%s/leaf.pem", dir), *key = xasprintf("%s/leaf-key.pem", dir);
    origin->tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_read_ahead(origin->tls, 1);
    SSL_CTX_set_mode(
            origin->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_use_certificate_file(origin->tls, cert, SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_use_PrivateKey_file(origin->tls, key, SSL_FILETYPE_PEM) != 1)
        fail("no certificate in %s", dir);
    free(cert);
    free(key);
}

static void listen_on_loopback(struct origin *origin)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    origin->epoll = epoll_create1(EPOLL_CLOEXEC);
    origin->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (bind(origin->listener, (struct sockaddr *)&at, n) < 0 ||
            listen(origin->listener, 4096) < 0 ||
            getsockname(origin->listener, (struct sockaddr *)&at, &n) < 0 ||
            epoll_ctl(origin->epoll, EPOLL_CTL_ADD, origin->listener, &event) < 0)
        fail("cannot listen on 127.0.0.1: %s", strerror(errno));
    printf("{\"ready\":true,\"port\":%u}\n", (unsigned)ntohs(at.sin_port));
    fflush(stdout);
}

int origin_main(const char *certs, const char *real_key)
{
    struct origin *origin = xcalloc(1, sizeof(*origin));
    origin->key = real_key;
    memset(origin->blob, 'b', sizeof(origin->blob));
    load_certs(origin, certs);
    listen_on_loopback(origin);
    serve(origin);
    return 0;
}
