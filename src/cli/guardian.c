/*
 * guardian.c - parent of the screen process.
 *
 * The parent holds nothing but the saved terminal state: it wipes its copy of the
 * environment, which may hold keys, and does no more than wait. PR_SET_PDEATHSIG tells the
 * child when the parent is killed, so neither can be left alone with the terminal.
 */
#include "cli/guardian.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "io/tty.h"

static volatile sig_atomic_t child_pid;

static void forward(int signo)
{
    if (child_pid > 0)
        kill((pid_t)child_pid, signo);
}

static void wipe_environment(void)
{
    for (char **item = environ; item && *item; item++)
        mem_wipe(*item, strlen(*item));
}

static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = forward, .sa_flags = SA_RESTART};

    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    /* Keys never send these in raw mode; from a shell they go to the whole group. */
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
}

static void restore(int fd, const struct termios *saved, int signo)
{
    tty_emergency_reset(fd);
    tcsetattr(fd, TCSAFLUSH, saved);
    fprintf(stderr,
            "ironcurtain was killed by signal %d; the terminal is restored. What the session "
            "left behind is removed at the next start.\n",
            signo);
}

_Noreturn static void guard(int fd, pid_t child, const struct termios *saved)
{
    int status = 0;

    child_pid = child;
    watch_signals();
    wipe_environment();
    proc_forget_program();
    for (;;) {
        if (waitpid(child, &status, WUNTRACED) < 0) {
            if (errno == EINTR)
                continue;
            _exit(1);
        }
        if (WIFSTOPPED(status)) {
            /* The shell waits for us: stop as well; fg sends SIGCONT to the group. Where
             * there is no shell that could, the system does not stop us. */
            raise(SIGTSTP);
            kill(child, SIGCONT);
            continue;
        }
        if (WIFSIGNALED(status)) {
            restore(fd, saved, WTERMSIG(status));
            _exit(128 + WTERMSIG(status));
        }
        _exit(WEXITSTATUS(status));
    }
}

void guardian_start(int fd)
{
    struct termios saved;
    pid_t parent = getpid();

    if (tcgetattr(fd, &saved) < 0)
        return;
    pid_t child = fork();
    if (child > 0)
        guard(fd, child, &saved);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGHUP);
        if (getppid() != parent)
            _exit(1);
    }
}
