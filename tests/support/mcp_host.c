/*
 * mcp_host.c - the MCP proxy alone, for tests and measurements: no box, no screen.
 *
 *     mcp_host CONFIG POLICY SOCKET WORKSPACE DATABASE CACHE
 *
 * "ready" on stdout when the socket is there. Lines on stdin: "yes", "no MESSAGE" answer the
 * oldest question, "hold" and "release" everything; each line on stdout: "asked SUBJECT", "row
 * DECISION RESULT SERVER/TOOL WAITED" (those with MCP_HOST_ROWS in the environment). DATABASE
 * "-": no store, no gate.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "gate/gate.h"
#include "io/chan.h"
#include "mcp/mcp.h"

struct host {
    struct loop *loop;
    struct gate *gate;
    struct chan *commands;
    uint64_t said; /* question that was told last */
};

static void answer(struct host *host, struct str line)
{
    const struct gate_item *item = gate_at(host->gate, 0);
    bool yes = str_eq(line, STR("yes"));
    struct err err;

    if (!item)
        return;
    char *message = xstrndup(line.n > 3 ? line.p + 3 : "", line.n > 3 ? line.n - 3 : 0);
    const struct gate_answer answer = {.allow = yes, .message = yes ? NULL : message};
    if (gate_decide(host->gate, item->rec.id, item->rec.digest, item->rec.policy_version,
                &answer, &err) < 0)
        printf("error %s\n", err.msg);
    free(message);
    fflush(stdout);
}

static void on_command(void *ctx)
{
    struct host *host = ctx;
    struct str rest = buf_str(chan_in(host->commands)), line;
    size_t used = 0;

    while (memchr(rest.p, '\n', rest.n)) {
        (void)str_cut(&rest, '\n', &line);
        used += line.n + 1;
        if (host->gate && (str_eq(line, STR("hold")) || str_eq(line, STR("release"))))
            gate_hold(host->gate, line.p[0] == 'h');
        else if (host->gate)
            answer(host, line);
    }
    buf_consume(chan_in(host->commands), used);
}

static void on_command_end(void *ctx)
{
    loop_stop(((struct host *)ctx)->loop);
}

static void on_command_fail(void *ctx, const struct err *err)
{
    (void)err;
    on_command_end(ctx);
}

static const struct chan_ops command_ops = {
        .on_data = on_command, .on_end = on_command_end, .on_fail = on_command_fail};

static void on_gate(void *ctx)
{
    struct host *host = ctx;
    const struct gate_item *item;

    for (unsigned i = 0; host->gate && (item = gate_at(host->gate, i)); i++) {
        if (item->rec.id <= host->said)
            continue;
        host->said = item->rec.id;
        printf("asked %s\n", item->rec.subject);
    }
    fflush(stdout);
}

static void on_request(void *ctx, const struct request_record *rec)
{
    (void)ctx;
    if (getenv("MCP_HOST_ROWS")) {
        printf("row %s %s %s/%s %lld\n", request_decision_name(rec->decision),
                rec->done ? rec->result : "-", rec->host, rec->path, (long long)rec->waited_ms);
        fflush(stdout);
    }
}

static void on_term(void *ctx, int signo)
{
    (void)signo;
    loop_stop(ctx);
}

static int fail(const struct err *err)
{
    fprintf(stderr, "mcp_host: %s\n", err->msg);
    return 1;
}

int main(int argc, char **argv)
{
    struct host host = {0};
    struct mcp_servers servers;
    struct buf text = BUF_INIT;
    struct err err;

    if (argc != 7)
        return 2;
    host.loop = loop_new(&err);
    struct policy *policy = policy_load(argv[2], &err);
    if (!policy || file_read(argv[1], LIMIT_FILE, &text, &err) < 0 ||
            mcp_servers_load(&servers, buf_str(&text), argv[1], &err) < 0)
        return fail(&err);
    struct store *store = NULL;
    if (strcmp(argv[5], "-") != 0) {
        store = store_open(host.loop, argv[5], &err);
        if (!store)
            return fail(&err);
        const struct gate_config gate = {
                .timeout_ms = 20000, .on_change = on_gate, .ctx = &host};
        host.gate = gate_new(host.loop, store, &gate);
    }
    const struct policy_world world = {
            .home = getenv("HOME"), .workspace = argv[4], .box_workspace = "/workspace"};
    const struct mcp_config config = {
            .loop = host.loop,
            .servers = &servers,
            .policy = policy,
            .world = &world,
            .gate = host.gate,
            .store = store,
            .session = "00000000-0000-4000-8000-000000000000",
            .label = "test",
            .agent = "test",
            .cache_dir = argv[6],
            .on_request = on_request,
            .ctx = &host,
    };
    struct mcp *mcp = mcp_new(&config);
    if (mcp_listen_unix(mcp, argv[3], &err) < 0)
        return fail(&err);
    struct sigwatch *term = sigwatch_new(host.loop, SIGTERM, on_term, host.loop);
    /* Stdin is a socket (socketpair of the test). */
    host.commands = chan_adopt_fd(host.loop, dup(STDIN_FILENO), &command_ops, &host, &err);
    if (!host.commands)
        return fail(&err);
    printf("ready\n");
    fflush(stdout);
    loop_run(host.loop);
    mcp_free(mcp);
    chan_close(host.commands);
    sigwatch_free(term);
    gate_free(host.gate);
    if (store)
        store_close(store);
    policy_free(policy);
    mcp_servers_release(&servers);
    buf_release(&text);
    loop_free(host.loop);
    loop_end_threads();
    return 0;
}
