/*
 * requests.c - work for the panels: a process of its own in the box that asks the proxy for a
 * host and port that the built-in rules deny, again and again. Each is a row on the screen.
 */
#include "modes.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void ask(int port, unsigned number)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
            .sin_port = htons((uint16_t)port),
            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[200];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        int n = snprintf(text, sizeof(text),
                "CONNECT host-%u.example.org:22 HTTP/1.1\r\nHost: "
                "host-%u.example.org:22\r\n\r\n",
                number, number);
        write_all(fd, text, (size_t)n);
        (void)!read(fd, text, sizeof(text));
    }
    close(fd);
}

void requests_start(int port, int period_ms)
{
    pid_t parent = getpid();

    if (fork() != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned number = 1; getppid() == parent; number++) {
        ask(port, number);
        poll(NULL, 0, period_ms);
    }
    _exit(0);
}
