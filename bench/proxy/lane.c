/*
 * lane.c - where a load's connections go, and the bytes of its requests. See client.h.
 *
 * Owns: TLS context and request of a lane. Blocks: reads a CA file.
 */
#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <openssl/ssl.h>

#include "base/mem.h"
#include "stats.h"

static void set_tcp(struct lane *lane, const char *host, uint16_t port)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&lane->address;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
        fail("'%s' is no IPv4 address", host);
    lane->address_len = sizeof(*in);
}

/* "unix:PATH" or "tcp:HOST:PORT". */
static void set_address(struct lane *lane, const char *text)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&lane->address;
    struct str rest = str_of(text), kind, host;
    uint64_t port = 0;
    if (!str_cut(&rest, ':', &kind))
        fail("'%s' is neither unix:PATH nor tcp:HOST:PORT", text);
    if (str_eq(kind, STR("unix"))) {
        un->sun_family = AF_UNIX;
        if (!str_copy(un->sun_path, sizeof(un->sun_path), rest))
            fail("'%s' is too long", text);
        lane->address_len = sizeof(*un);
        return;
    }
    char name[64];
    if (!str_cut(&rest, ':', &host) || !str_u64(rest, 65535, &port) ||
            !str_copy(name, sizeof(name), host))
        fail("'%s' is no tcp:HOST:PORT", text);
    set_tcp(lane, name, (uint16_t)port);
}

/* Sessions are not resumed: a new tunnel is a whole handshake for every peer. */
static SSL_CTX *make_tls(const char *ca)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(tls, ca, NULL) != 1)
        fail("no CA in %s", ca);
    return tls;
}

void lane_to_origin(struct lane *lane, const struct options *options)
{
    *lane = (struct lane){.key = options->real_key};
    set_tcp(lane, "127.0.0.1", (uint16_t)options->origin);
    lane->tls = make_tls(options->origin_ca);
}

void lane_to_peer(struct lane *lane, const struct options *options)
{
    if (!options->proxy) {
        lane_to_origin(lane, options);
        return;
    }
    *lane = (struct lane){.key = options->key, .connect = !options->no_connect};
    set_address(lane, options->proxy);
    lane->tls = make_tls(options->ca);
}

void lane_release(struct lane *lane)
{
    SSL_CTX_free(lane->tls);
    buf_release(&lane->request);
    *lane = (struct lane){0};
}

/* The fields are those of an agent's SDK, in number and size. */
static void put_head(struct lane *lane, const char *path, const char *what, uint64_t length)
{
    buf_clear(&lane->request);
    buf_printf(&lane->request,
            "POST %s HTTP/1.1\r\nHost: " BENCH_HOST "\r\nAccept: application/json\r\n"
            "User-Agent: proxy_bench/1 (loopback)\r\nContent-Type: application/json\r\n"
            "anthropic-version: 2023-06-01\r\n"
            "anthropic-beta: fine-grained-tool-streaming-2025-05-14\r\n"
            "X-Stainless-Lang: js\r\nX-Stainless-Runtime: node\r\nX-Stainless-OS: Linux\r\n"
            "x-api-key: %s\r\nx-bench: %s\r\nContent-Length: %llu\r\n\r\n",
            path, lane->key, what, (unsigned long long)length);
}

void lane_request(struct lane *lane, const char *path, const char *what, size_t body)
{
    static const char begin[] = "{\"model\":\"claude-bench\",\"max_tokens\":16,\"messages\":"
                                "[{\"role\":\"user\",\"content\":\"";
    static const char end[] = "\"}]}";
    const size_t least = sizeof(begin) + sizeof(end) - 2;
    if (body < least)
        body = least;
    put_head(lane, path, what, body);
    buf_puts(&lane->request, begin);
    memset(buf_reserve(&lane->request, body - least), 'm', body - least);
    buf_commit(&lane->request, body - least);
    buf_puts(&lane->request, end);
}

void lane_upload(struct lane *lane, const char *path, uint64_t bytes)
{
    put_head(lane, path, "json", bytes);
    lane->upload = bytes;
}
