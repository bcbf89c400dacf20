/*
 * editor.c - see editor.h.
 *
 * It runs in our own process group, so that keys that signal reach it; we ignore them
 * meanwhile but for a stop, which stops both of us, as the shell expects of a job.
 */
#include "cli/editor.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define WORDS_MAX 16
#define KEPT_MAX 64

extern char **environ;

static char *kept[KEPT_MAX + 1]; /* owns; NULL-ended */

/* What says how to edit and to draw; keys and tokens are not among it. */
static bool is_wanted(const char *item)
{
    static const char *const names[] = {"VISUAL=", "EDITOR=", "PATH=", "HOME=", "USER=",
            "LOGNAME=", "SHELL=", "TERM=", "COLORTERM=", "TERMINFO=", "TERMINFO_DIRS=", "LANG=",
            "LC_", "TMPDIR=", "XDG_", "VIM", "NVIM_", "EMACS", "DISPLAY=", "WAYLAND_DISPLAY="};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(item, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

void editor_keep_environment(void)
{
    size_t n = 0;

    if (kept[0])
        return;
    for (char **item = environ; item && *item && n < KEPT_MAX; item++)
        if (is_wanted(*item))
            kept[n++] = xstrdup(*item);
}

static const char *find(const char *name)
{
    size_t n = strlen(name);

    for (char **item = kept; *item; item++)
        if (strncmp(*item, name, n) == 0 && (*item)[n] == '=' && (*item)[n + 1])
            return *item + n + 1;
    return NULL;
}

/* Becomes the editor. */
static _Noreturn void become(const char *path, int tty)
{
    const char *command = find("VISUAL") ? find("VISUAL") : find("EDITOR");
    char *argv[WORDS_MAX + 2];
    struct str rest = str_of(command ? command : "vi"), word;
    size_t n = 0;
    bool more = true;
    sigset_t none;

    while (more && n < WORDS_MAX) {
        more = str_cut(&rest, ' ', &word);
        if (word.n)
            argv[n++] = xstrndup(word.p, word.n);
    }
    argv[n] = (char *)path;
    argv[n + 1] = NULL;
    for (int signo = 1; signo < NSIG; signo++)
        (void)signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(tty, STDIN_FILENO);
    dup2(tty, STDOUT_FILENO);
    dup2(tty, STDERR_FILENO);
    environ = kept;
    if (n > 0)
        execvp(argv[0], argv);
    _exit(127);
}

void editor_run(const char *path, int tty)
{
    static const int ours[] = {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH};
    struct sigaction before[sizeof(ours) / sizeof(ours[0])];
    sigset_t stop, mask;
    int status;

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        struct sigaction action = {.sa_handler = ours[i] == SIGTSTP ? SIG_DFL : SIG_IGN};

        sigaction(ours[i], &action, &before[i]);
    }
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stop, &mask);
    pid_t pid = fork();
    if (pid == 0)
        become(path, tty);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        sigaction(ours[i], &before[i], NULL);
}
