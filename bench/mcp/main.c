/*
 * main.c - what the MCP proxy costs: calls through it beside calls to the same server direct.
 *
 *     mcp_bench server
 *         A server that answers at once: initialize, tools/list, tools/call (arguments "size").
 *     mcp_bench latency SOCKET TOOL COUNT -- SERVER...
 *         One call direct and one through the proxy at SOCKET in turn, COUNT times, first one
 *         then the other first. TOOL is the name at the server; the proxy shows it as s0__TOOL.
 *     mcp_bench load SOCKET TOOL COUNT WINDOW
 *         COUNT calls through the proxy, WINDOW at once.
 *
 * One line of JSON, times in microseconds. bench/mcp/run drives it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define INITIALIZE                                                                             \
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"protocolVersion\":" \
    "\"2025-11-25\",\"capabilities\":{},\"clientInfo\":{\"name\":\"b\",\"version\":\"1\"}}}\n"
#define INITIALIZED "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"
#define LIST "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n"

struct line {
    char *p;
    size_t used, cap, end; /* `end`: of the line told last, newline included */
};

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);

        if (done < 0)
            die("write");
        p += done;
        n -= (size_t)done;
    }
}

/* The next line, with a NUL for its newline; NULL at the end. */
static char *next_line(int fd, struct line *line)
{
    if (line->end)
        memmove(line->p, line->p + line->end, line->used - line->end);
    line->used -= line->end;
    line->end = 0;
    for (size_t from = 0;;) {
        char *newline =
                line->used > from ? memchr(line->p + from, '\n', line->used - from) : NULL;

        if (newline) {
            *newline = '\0';
            line->end = (size_t)(newline - line->p) + 1;
            return line->p;
        }
        from = line->used;
        if (line->cap - line->used < 65536) {
            line->cap = line->cap ? line->cap * 2 : 1 << 17;
            line->p = realloc(line->p, line->cap);
        }
        ssize_t n = read(fd, line->p + line->used, line->cap - line->used);
        if (n <= 0)
            return NULL;
        line->used += (size_t)n;
    }
}

/* --- the server ----------------------------------------------------------------------------
 */

static char big[1 << 16];

static void answer(long id, const char *line)
{
    const char *size = strstr(line, "\"size\":");
    size_t n = size ? strtoul(size + 7, NULL, 10) : 0;
    char head[200];

    memset(big, 'x', n ? sizeof(big) : 0);
    int head_len = snprintf(head, sizeof(head),
            "{\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"hello");
    write_all(1, head, (size_t)head_len);
    for (; n; n -= n < sizeof(big) ? n : sizeof(big))
        write_all(1, big, n < sizeof(big) ? n : sizeof(big));
    head_len = snprintf(head, sizeof(head), "\"}]},\"jsonrpc\":\"2.0\",\"id\":%ld}\n", id);
    write_all(1, head, (size_t)head_len);
}

static int serve(void)
{
    struct line line = {0};
    char text[512];
    char *p;

    while ((p = next_line(0, &line))) {
        const char *id = strstr(p, "\"id\":");
        long number = id ? strtol(id + 5, NULL, 10) : -1;
        int n = 0;

        if (strstr(p, "\"tools/call\""))
            answer(number, p);
        else if (strstr(p, "\"initialize\""))
            n = snprintf(text, sizeof(text),
                    "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"protocolVersion\":"
                    "\"2025-11-25\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":"
                    "\"b\",\"version\":\"1\"}}}\n",
                    number);
        else if (strstr(p, "\"tools/list\""))
            n = snprintf(text, sizeof(text),
                    "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"result\":{\"tools\":[{\"name\":\"echo\","
                    "\"inputSchema\":{\"type\":\"object\"}}]}}\n",
                    number);
        write_all(1, text, (size_t)n);
    }
    free(line.p);
    return 0;
}

/* --- the two ways ---------------------------------------------------------------------------
 */

struct way {
    int fd;
    struct line line;
    const char *prefix; /* of the tool's name */
    long id;
};

static void ask(struct way *way, const char *tool)
{
    char text[400];
    int n = snprintf(text, sizeof(text),
            "{\"jsonrpc\":\"2.0\",\"id\":%ld,\"method\":\"tools/call\",\"params\":{\"name\":"
            "\"%s%s\",\"arguments\":{\"message\":\"hello\",\"path\":\"/workspace/a.txt\"}}}\n",
            ++way->id, way->prefix, tool);

    write_all(way->fd, text, (size_t)n);
}

/* Lines that are no answer (notices) are skipped. */
static char *get(struct way *way)
{
    for (;;) {
        char *p = next_line(way->fd, &way->line);

        if (!p) {
            fprintf(stderr, "mcp_bench: the other side has ended\n");
            exit(1);
        }
        if (strstr(p, "\"result\"") || strstr(p, "\"error\"")) {
            if (strstr(p, "\"isError\":true") || strstr(p, "\"error\":")) {
                fprintf(stderr, "mcp_bench: %.300s\n", p);
                exit(1);
            }
            return p;
        }
    }
}

static void begin(struct way *way)
{
    write_all(way->fd, INITIALIZE, strlen(INITIALIZE));
    (void)get(way);
    write_all(way->fd, INITIALIZED, strlen(INITIALIZED));
    write_all(way->fd, LIST, strlen(LIST));
    (void)get(way);
    way->id = 1;
}

static void end(struct way *way)
{
    close(way->fd);
    free(way->line.p);
}

static int connect_to(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        die(path);
    return fd;
}

static int start(char **argv)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        die("socketpair");
    if (fork() == 0) {
        dup2(fds[1], 0);
        dup2(fds[1], 1);
        close(fds[0]);
        int null = open("/dev/null", O_WRONLY);
        dup2(null, 2);
        execvp(argv[0], argv);
        _exit(127);
    }
    close(fds[1]);
    return fds[0];
}

/* --- measuring ------------------------------------------------------------------------------
 */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double part(const double *sorted, long n, double p)
{
    return sorted[(long)(p * (double)(n - 1))];
}

static double one(struct way *way, const char *tool)
{
    double t = now_us();

    ask(way, tool);
    (void)get(way);
    return now_us() - t;
}

static int latency(const char *socket_path, const char *tool, long count, char **argv)
{
    struct way direct = {.fd = start(argv), .prefix = ""};
    struct way proxied = {.fd = connect_to(socket_path), .prefix = "s0__"};
    double *d = malloc((size_t)count * sizeof(*d)), *p = malloc((size_t)count * sizeof(*p)),
           *added = malloc((size_t)count * sizeof(*added));

    begin(&direct);
    begin(&proxied);
    for (long i = -50; i < count; i++) { /* some to get warm */
        double a = 0, b = 0;

        if (i % 2 == 0)
            a = one(&direct, tool);
        b = one(&proxied, tool);
        if (i % 2 != 0)
            a = one(&direct, tool);
        if (i < 0)
            continue;
        d[i] = a;
        p[i] = b;
        added[i] = b - a;
    }
    qsort(d, (size_t)count, sizeof(*d), by_value);
    qsort(p, (size_t)count, sizeof(*p), by_value);
    qsort(added, (size_t)count, sizeof(*added), by_value);
    printf("{\"bench\":\"mcp_latency\",\"count\":%ld,\"direct_p50\":%.1f,\"direct_p99\":%.1f,"
           "\"proxied_p50\":%.1f,\"proxied_p99\":%.1f,\"added_p50\":%.1f,\"added_p99\":%.1f}\n",
            count, part(d, count, 0.5), part(d, count, 0.99), part(p, count, 0.5),
            part(p, count, 0.99), part(added, count, 0.5), part(added, count, 0.99));
    end(&direct);
    end(&proxied);
    free(d);
    free(p);
    free(added);
    return 0;
}

static int load(const char *socket_path, const char *tool, long count, long window)
{
    struct way way = {.fd = connect_to(socket_path), .prefix = "s0__"};
    long sent = 0;

    begin(&way);
    double t = now_us();
    while (sent < window && sent < count)
        ask(&way, tool), sent++;
    for (long got = 0; got < count; got++) {
        (void)get(&way);
        if (sent < count)
            ask(&way, tool), sent++;
    }
    double s = (now_us() - t) / 1e6;
    printf("{\"bench\":\"mcp_load\",\"count\":%ld,\"window\":%ld,\"calls_per_s\":%.0f}\n",
            count, window, (double)count / s);
    end(&way);
    return 0;
}

int main(int argc, char **argv)
{
    signal(SIGCHLD, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "server") == 0)
        return serve();
    if (argc > 6 && strcmp(argv[1], "latency") == 0 && strcmp(argv[5], "--") == 0)
        return latency(argv[2], argv[3], strtol(argv[4], NULL, 10), argv + 6);
    if (argc == 6 && strcmp(argv[1], "load") == 0)
        return load(argv[2], argv[3], strtol(argv[4], NULL, 10), strtol(argv[5], NULL, 10));
    fprintf(stderr, "usage: mcp_bench server | latency ... | load ...; see the source\n");
    return 2;
}
