/*
 * main.c - icguest, the helper inside the box.
 *
 *   icguest --pty PATH [--proxy PORT:SOCKET] [--mcp SOCKET] [--size COLSxROWS] [--cwd DIR]
 *           [--filter FILE] [--hand-over] -- ARGV...
 *       Runs ARGV under a PTY of the box's own and serves it on the Unix socket PATH (frame.h);
 *       carries 127.0.0.1:PORT to SOCKET. The agent starts when the first host says its size;
 *       with --hand-over, when that host has the PTY's master. Without a host no agent runs:
 *       after START_WAIT_MS the box ends. Exit status: the agent's, 128+n after a signal, 125
 *       when the helper itself failed, 126 and 127 as a shell says them.
 *   icguest --mcp-stdio [SOCKET]
 *       Carries stdin and stdout to SOCKET. Without one: to what --mcp said, which the agent's
 *       environment has as IRONCURTAIN_MCP.
 *
 * One thread, one poll table (turn.h), nothing blocks. It may be PID 1 and is a subreaper in
 * any case. Nothing here protects the host: the agent has the same uid and may do to this
 * program what it likes; the host checks all it gets.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "guest/agent.h"
#include "guest/filter.h"
#include "guest/forward.h"
#include "guest/host.h"
#include "guest/mcp.h"
#include "guest/ring.h"
#include "guest/turn.h"

#define START_WAIT_MS 30000
#define STATUS_FAILED 125
#define MCP_VARIABLE "IRONCURTAIN_MCP"

struct options {
    const char *pty, *proxy, *mcp, *cwd, *filter; /* borrow from argv */
    bool mcp_stdio, hand_over;
    unsigned cols, rows;
    char **argv;
};

static int usage(void)
{
    fprintf(stderr, "usage: icguest --pty PATH [--proxy PORT:SOCKET] [--mcp SOCKET]\n"
                    "               [--size COLSxROWS] [--cwd DIR] [--filter FILE]\n"
                    "               [--hand-over] -- ARGV...\n"
                    "       icguest --mcp-stdio [SOCKET]\n");
    return STATUS_FAILED;
}

static bool parse_size(const char *s, struct options *o)
{
    char *end;
    unsigned long cols = strtoul(s, &end, 10);
    if (*end != 'x' || cols < 1 || cols > UINT16_MAX)
        return false;
    unsigned long rows = strtoul(end + 1, &end, 10);
    if (*end != '\0' || rows < 1 || rows > UINT16_MAX)
        return false;
    o->cols = (unsigned)cols;
    o->rows = (unsigned)rows;
    return true;
}

static bool parse_options(int argc, char **argv, struct options *o)
{
    enum { PTY = 1, PROXY, MCP, SIZE, CWD, FILTER, HAND_OVER, STDIO };
    static const struct option table[] = {{"pty", required_argument, NULL, PTY},
            {"proxy", required_argument, NULL, PROXY}, {"mcp", required_argument, NULL, MCP},
            {"size", required_argument, NULL, SIZE}, {"cwd", required_argument, NULL, CWD},
            {"filter", required_argument, NULL, FILTER},
            {"hand-over", no_argument, NULL, HAND_OVER},
            {"mcp-stdio", no_argument, NULL, STDIO}, {NULL, 0, NULL, 0}};
    int c;
    while ((c = getopt_long(argc, argv, "+", table, NULL)) != -1) {
        if (c == PTY)
            o->pty = optarg;
        else if (c == PROXY)
            o->proxy = optarg;
        else if (c == MCP)
            o->mcp = optarg;
        else if (c == CWD)
            o->cwd = optarg;
        else if (c == FILTER)
            o->filter = optarg;
        else if (c == HAND_OVER)
            o->hand_over = true;
        else if (c == STDIO)
            o->mcp_stdio = true;
        else if (c != SIZE || !parse_size(optarg, o))
            return false;
    }
    o->argv = argv + optind;
    int rest = argc - optind;
    return o->mcp_stdio ? rest <= 1 : o->pty && rest >= 1;
}

/* Signals come through a descriptor, so that nothing runs between two instructions. */
static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

struct box {
    struct ring ring;
    struct agent agent;
    struct host host;
    struct forward forward;
    struct turn turn;
    int signals, signals_slot;
    int64_t start_by; /* no host has come by then: it died while the box was made */
    bool stopped;     /* told to end before the agent had started */
};

static void take_signals(struct box *box)
{
    struct signalfd_siginfo info;
    while (read(box->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            agent_reap(&box->agent);
        else if (box->agent.pid == 0)
            box->stopped = true;
        else
            agent_stop(&box->agent, box->turn.now);
    }
}

static void wait_for_events(struct box *box)
{
    struct turn *turn = &box->turn;
    turn_begin(turn);
    box->signals_slot = turn_want(turn, box->signals, POLLIN);
    if (box->agent.pid == 0)
        turn_wake_at(turn, box->start_by);
    host_want(&box->host, turn);
    agent_want(&box->agent, turn, host_room(&box->host));
    forward_want(&box->forward, turn);
    turn_wait(turn);
}

/* Nothing of the agent's may run while the box still has the master. */
static bool start_is_due(const struct box *box)
{
    if (box->agent.hand_over)
        return box->agent.master < 0;
    return box->host.hello;
}

/* The loop; returns the exit status. */
static int serve(struct box *box)
{
    struct agent *agent = &box->agent;
    for (;;) {
        wait_for_events(box);
        if (turn_got(&box->turn, box->signals_slot))
            take_signals(box);
        if (box->stopped)
            return 128 + SIGTERM;
        agent_turn(agent, &box->turn, host_room(&box->host));
        host_turn(&box->host, &box->turn);
        forward_turn(&box->forward, &box->turn);
        if (agent->pid == 0 && start_is_due(box) && agent_start(agent) < 0)
            return STATUS_FAILED;
        if (agent->pid == 0 && box->turn.now >= box->start_by) {
            fprintf(stderr, "icguest: nobody came for the agent\n");
            return STATUS_FAILED;
        }
        if (host_is_done(&box->host, &box->turn))
            return agent->by_signal ? 128 + agent->status : agent->status;
    }
}

static int run_box(const struct options *o)
{
    static struct box box;
    forward_init(&box.forward);
    signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); /* the agent's orphans come to us */
    if (o->filter && filter_install(o->filter) < 0)
        return STATUS_FAILED;
    if (o->mcp)
        setenv(MCP_VARIABLE, o->mcp, 1);
    box.signals = open_signals();
    if (box.signals < 0) {
        fprintf(stderr, "icguest: cannot watch signals: %s\n", strerror(errno));
        return STATUS_FAILED;
    }
    if (agent_init(&box.agent, &box.ring, o->argv, o->cwd) < 0)
        return STATUS_FAILED;
    box.agent.hand_over = o->hand_over;
    agent_resize(&box.agent, o->cols, o->rows);
    if (o->proxy && forward_open(&box.forward, o->proxy) < 0)
        return STATUS_FAILED;
    /* Last, because who can connect may take the box for up. */
    if (host_init(&box.host, &box.agent, o->pty) < 0)
        return STATUS_FAILED;
    /* A parent on the host waits for this line instead of trying to connect. */
    if (write(STDOUT_FILENO, "ready\n", 6) < 0)
        errno = 0; /* nobody reads our output */
    box.start_by = clock_ms() + START_WAIT_MS;
    int status = serve(&box);
    host_free(&box.host);
    forward_free(&box.forward);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {.cols = 80, .rows = 24};
    if (!parse_options(argc, argv, &o))
        return usage();
    if (!o.mcp_stdio)
        return run_box(&o);
    const char *socket_path = o.argv[0] ? o.argv[0] : getenv(MCP_VARIABLE);
    if (!socket_path)
        return usage();
    signal(SIGPIPE, SIG_IGN);
    return mcp_stdio_run(socket_path);
}
