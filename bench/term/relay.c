/*
 * relay.c - the floor: a pseudoterminal, poll, read and write. Whatever hosts a program and
 * shows it costs at least this.
 */
#include "modes.h"

#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static void pump(int master)
{
    static char data[65536];

    for (;;) {
        struct pollfd fds[] = {{master, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents) {
            ssize_t n = read(STDIN_FILENO, data, sizeof(data));
            if (n <= 0)
                return;
            write_all(master, data, (size_t)n);
        }
        if (fds[0].revents) {
            ssize_t n = read(master, data, sizeof(data));
            if (n <= 0)
                return;
            write_all(STDOUT_FILENO, data, (size_t)n);
        }
    }
}

int relay_main(char **argv)
{
    struct termios was, raw;
    struct winsize size = {0};
    int master;

    if (tcgetattr(STDIN_FILENO, &was) < 0)
        return 1;
    ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
    raw = was;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    pid_t child = forkpty(&master, NULL, NULL, &size);
    if (child == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    if (child > 0)
        pump(master);
    tcsetattr(STDIN_FILENO, TCSANOW, &was);
    return child > 0 ? 0 : 1;
}
