/*
 * agent.c - PTY, process and signals of the agent.
 *
 * After the agent's end its last output is still in the kernel: a read of the master flushes
 * it up (n_tty), so reading until EAGAIN finds all of it. Processes the agent left behind may
 * go on writing; DRAIN_MAX, more than the kernel buffers for a PTY, ends that.
 */
#include "guest/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define DRAIN_MAX (256u << 10)
#define TURN_READ (64u << 10) /* output read in one turn; one read(2) gives at most 4095 */
#define SHORT_READ 1024       /* after less there is hardly ever more */
#define STOP_STEP_MS 2000

static int fail(const char *what)
{
    fprintf(stderr, "icguest: %s: %s\n", what, strerror(errno));
    return -1;
}

int agent_init(struct agent *agent, struct ring *ring, char *const *argv, const char *cwd)
{
    *agent = (struct agent){.argv = argv, .cwd = cwd, .ring = ring, .slave = -1, .slot = -1};
    agent->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (agent->master < 0)
        return fail("cannot open a pseudo terminal (is devpts mounted in the box?)");
    if (grantpt(agent->master) < 0 || unlockpt(agent->master) < 0)
        return fail("cannot unlock the pseudo terminal");
    char name[64];
    if (ptsname_r(agent->master, name, sizeof(name)) != 0)
        return fail("pseudo terminal without a name");
    agent->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (agent->slave < 0)
        return fail("cannot open the pseudo terminal's other end");

    struct termios mode;
    if (tcgetattr(agent->slave, &mode) == 0) {
        mode.c_iflag |= IUTF8; /* the line discipline erases characters, not bytes */
        (void)tcsetattr(agent->slave, TCSANOW, &mode);
    }
    return 0;
}

/* In the child, after fork: becomes the agent or says why not, on the agent's own terminal. */
static _Noreturn void agent_exec(const struct agent *agent)
{
    setsid();
    ioctl(agent->slave, TIOCSCTTY, 0);
    for (int fd = 0; fd <= 2; fd++)
        dup2(agent->slave, fd);
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL); /* KILL, STOP and those of libc refuse; that is fine */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Ours are all CLOEXEC; this is for what our own starter left open. */
    (void)close_range(3, ~0u, 0);

    /* The host's program keeps its own files private; what the agent makes in the workspace is
     * the user's, with the modes that people expect. */
    umask(022);
    if (agent->cwd && chdir(agent->cwd) < 0) {
        dprintf(2, "icguest: cannot enter '%s': %s\n", agent->cwd, strerror(errno));
        _exit(126);
    }
    execvp(agent->argv[0], agent->argv);
    int why = errno;
    dprintf(2, "icguest: cannot run '%s': %s\n", agent->argv[0], strerror(why));
    _exit(why == ENOENT || why == ENOTDIR ? 127 : 126);
}

int agent_start(struct agent *agent)
{
    pid_t pid = fork();
    if (pid < 0)
        return fail("cannot start the agent");
    if (pid == 0)
        agent_exec(agent);
    agent->pid = pid;
    return 0;
}

void agent_handed_over(struct agent *agent)
{
    close(agent->master);
    agent->master = -1;
}

void agent_resize(struct agent *agent, unsigned cols, unsigned rows)
{
    if (cols < 1 || rows < 1)
        return;
    struct winsize size = {.ws_col = (unsigned short)cols, .ws_row = (unsigned short)rows};
    (void)ioctl(agent->slave, TIOCSWINSZ, &size); /* sends SIGWINCH if it differs */
}

/* Both the agent's own group and the one in the foreground, if that is another. Which that is
 * only the master tells; whoever has it hangs up by closing it. */
static void signal_groups(const struct agent *agent, int signo)
{
    pid_t front = tcgetpgrp(agent->master);
    if (front > 1 && front != agent->pid && front != getpgrp())
        kill(-front, signo);
    if (kill(-agent->pid, signo) < 0)
        kill(agent->pid, signo); /* the child has not come to setsid() yet */
}

void agent_signal(struct agent *agent, int signo)
{
    if (agent->pid == 0 || agent->ended || signo < 1 || signo >= NSIG)
        return;
    pid_t front = tcgetpgrp(agent->master);
    kill(front > 1 && front != getpgrp() ? -front : -agent->pid, signo);
}

bool agent_has_room(const struct agent *agent)
{
    return agent->in_len - agent->in_off <= AGENT_INPUT - GUEST_FRAME_MAX;
}

static void write_input(struct agent *agent)
{
    while (agent->in_off < agent->in_len) {
        ssize_t n =
                write(agent->master, agent->in + agent->in_off, agent->in_len - agent->in_off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            agent->in_off = agent->in_len; /* no terminal any more: nobody will read it */
        if (n < 0)
            break;
        agent->in_off += (size_t)n;
    }
    if (agent->in_off == agent->in_len)
        agent->in_off = agent->in_len = 0;
}

void agent_input(struct agent *agent, const char *p, size_t n)
{
    if (agent->ended || agent->master < 0)
        return;
    if (n > AGENT_INPUT - agent->in_len) {
        memmove(agent->in, agent->in + agent->in_off, agent->in_len - agent->in_off);
        agent->in_len -= agent->in_off;
        agent->in_off = 0;
    }
    memcpy(agent->in + agent->in_len, p, n); /* fits: the caller asked agent_has_room() */
    agent->in_len += n;
    write_input(agent);
}

void agent_want(struct agent *agent, struct turn *turn, size_t room)
{
    agent->slot = -1;
    short events = 0;
    if (room > 0 && !agent->drained)
        events |= POLLIN;
    if (agent->in_off < agent->in_len && !agent->ended)
        events |= POLLOUT;
    if (agent->pid && events && agent->master >= 0)
        agent->slot = turn_want(turn, agent->master, events);
    if (agent->ended && !agent->drained && room > 0)
        turn_wake_at(turn, 0);
    if (agent->stop_step && agent->stop_next != INT64_MAX && !agent->ended)
        turn_wake_at(turn, agent->stop_next);
}

/* Reads straight into the ring. At the end of the agent: until nothing is left. */
static void read_output(struct agent *agent, size_t room)
{
    size_t budget = room < TURN_READ ? room : TURN_READ;
    ssize_t n = SHORT_READ;
    while (budget > 0 && (n >= SHORT_READ || agent->ended)) {
        size_t space;
        char *p = ring_space(agent->ring, &space);
        n = read(agent->master, p, space < budget ? space : budget);
        if (n <= 0) {
            if (n < 0 && errno == EINTR)
                return; /* the next turn reads on */
            agent->drained = agent->ended;
            return;
        }
        ring_commit(agent->ring, (size_t)n);
        budget -= (size_t)n;
        if (!agent->ended)
            continue;
        agent->drain_left -= (size_t)n < agent->drain_left ? (size_t)n : agent->drain_left;
        agent->drained = agent->drain_left == 0;
        if (agent->drained)
            return;
    }
}

static void stop_step(struct agent *agent, int64_t now)
{
    static const int ladder[] = {SIGHUP, SIGTERM, SIGKILL};
    const int steps = (int)(sizeof(ladder) / sizeof(ladder[0]));
    signal_groups(agent, ladder[agent->stop_step++]);
    signal_groups(agent, SIGCONT); /* a stopped process sees no signal */
    agent->stop_next = agent->stop_step < steps ? now + STOP_STEP_MS : INT64_MAX;
}

void agent_turn(struct agent *agent, struct turn *turn, size_t room)
{
    short got = turn_got(turn, agent->slot);
    if (got & POLLOUT)
        write_input(agent);
    if (room > 0 && agent->pid && !agent->drained && (agent->ended || (got & ~POLLOUT)))
        read_output(agent, room);
    if (agent->stop_step && !agent->ended && turn->now >= agent->stop_next)
        stop_step(agent, turn->now);
}

void agent_reap(struct agent *agent)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != agent->pid || agent->ended)
            continue;
        agent->ended = true;
        agent->ended_at = clock_ms();
        agent->drained = agent->master < 0; /* what is left there is the host's to read */
        agent->drain_left = DRAIN_MAX;
        agent->by_signal = WIFSIGNALED(status);
        agent->status = agent->by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
    }
}

void agent_stop(struct agent *agent, int64_t now)
{
    if (agent->pid && !agent->ended && agent->stop_step == 0)
        stop_step(agent, now);
}
