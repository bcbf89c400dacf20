/*
 * bench_http1.c - what reading one head costs: finding its end, and taking it apart.
 *
 * Prints one JSON line, nanoseconds per head. The request is what Claude Code sends (3 kB, most
 * of it a list of features), the response what its provider answers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "http/http1.h"

#define ROUNDS 60000u
#define REPEATS 7

static struct http_head head;

static uint64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void fill_request(struct buf *out)
{
    buf_puts(out, "POST /v1/messages?beta=true HTTP/1.1\r\n"
                  "Accept: application/json\r\n"
                  "Content-Type: application/json\r\n"
                  "User-Agent: claude-cli/2.1.197 (external, sdk-cli)\r\n"
                  "X-Claude-Code-Session-Id: 6e1c52a5-0000-4000-8000-000000000000\r\n"
                  "X-Stainless-Arch: x64\r\n"
                  "X-Stainless-Lang: js\r\n"
                  "X-Stainless-OS: Linux\r\n"
                  "X-Stainless-Package-Version: 0.94.0\r\n"
                  "X-Stainless-Retry-Count: 0\r\n"
                  "X-Stainless-Runtime: node\r\n"
                  "X-Stainless-Runtime-Version: v24.3.0\r\n"
                  "X-Stainless-Timeout: 600\r\n"
                  "anthropic-dangerous-direct-browser-access: true\r\n"
                  "anthropic-version: 2023-06-01\r\n"
                  "x-api-key: sk-ant-api03-ironcurtain-0123456789abcdefghijklmnopqrstuv\r\n"
                  "x-app: cli\r\n"
                  "x-client-request-id: 0c3f52a5-0000-4000-8000-000000000000\r\n"
                  "Connection: keep-alive\r\n"
                  "Host: api.anthropic.com\r\n"
                  "Accept-Encoding: gzip, deflate, br, zstd\r\n"
                  "Content-Length: 52113\r\n"
                  "anthropic-beta: claude-code-20250219");
    for (int i = 0; buf_len(out) < 3000; i++)
        buf_printf(out, ",interleaved-thinking-%08d", 20250514 + i);
    buf_puts(out, "\r\n\r\n");
}

static void fill_response(struct buf *out)
{
    buf_puts(out, "HTTP/1.1 200 OK\r\n"
                  "Date: Tue, 24 Nov 2026 07:00:00 GMT\r\n"
                  "Content-Type: text/event-stream; charset=utf-8\r\n"
                  "Transfer-Encoding: chunked\r\n"
                  "Connection: keep-alive\r\n"
                  "Cache-Control: no-cache\r\n");
    static const char *const limits[] = {"requests", "tokens", "input-tokens", "output-tokens"};
    for (size_t i = 0; i < 4; i++)
        buf_printf(out,
                "anthropic-ratelimit-%s-limit: 4000\r\n"
                "anthropic-ratelimit-%s-remaining: 3999\r\n"
                "anthropic-ratelimit-%s-reset: 2026-11-24T07:00:00Z\r\n",
                limits[i], limits[i], limits[i]);
    buf_puts(out, "request-id: req_011CRabcdefghijklmnopqrs\r\n"
                  "strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n"
                  "anthropic-organization-id: 00000000-0000-4000-8000-000000000000\r\n"
                  "Server: cloudflare\r\nCF-RAY: 9a0000000000abcd-FRA\r\n"
                  "cf-cache-status: DYNAMIC\r\nX-Robots-Tag: none\r\n\r\n");
}

static long scan(struct str in)
{
    struct http_scan state = {0};
    struct http_fault fault;
    long n = http_scan_head(&state, in, &fault);
    CHECK(n == (long)in.n);
    return n;
}

static void parse(struct str in, bool request)
{
    struct http_fault fault;
    int rc = request ? http_parse_request(&head, in, &fault)
                     : http_parse_response(&head, in, false, &fault);
    CHECK(rc == 0);
}

/* The best of some runs: others only ever make it slower. */
static double measure(struct str in, bool request, bool with_parse)
{
    uint64_t best = UINT64_MAX;
    for (int r = 0; r < REPEATS; r++) {
        uint64_t start = cpu_ns();
        for (unsigned i = 0; i < ROUNDS; i++) {
            if (with_parse)
                parse(in, request);
            else
                scan(in);
        }
        uint64_t took = cpu_ns() - start;
        best = took < best ? took : best;
    }
    return (double)best / ROUNDS;
}

int main(void)
{
    struct buf request = BUF_INIT, response = BUF_INIT;
    fill_request(&request);
    fill_response(&response);
    struct str up = buf_str(&request), down = buf_str(&response);
    printf("{\"bench\":\"http1\",\"request_bytes\":%zu,\"request_scan_ns\":%.0f,"
           "\"request_parse_ns\":%.0f,\"response_bytes\":%zu,\"response_scan_ns\":%.0f,"
           "\"response_parse_ns\":%.0f}\n",
            up.n, measure(up, true, false), measure(up, true, true), down.n,
            measure(down, false, false), measure(down, false, true));
    buf_release(&request);
    buf_release(&response);
    return 0;
}
