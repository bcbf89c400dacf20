/*
 * main.c - term_bench: what bench/term/run puts into a pane, and the relay it compares with.
 */
#include "modes.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void write_all(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n >= 0) {
            at += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN) {
            struct pollfd ready = {fd, POLLOUT, 0};
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            _exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "inner") == 0)
        return inner_main(argv[2], argv[3], argv[4]);
    if (argc > 2 && strcmp(argv[1], "relay") == 0)
        return relay_main(argv + 2);
    fprintf(stderr,
            "usage: term_bench inner SOCKET MARK NAME | relay PROGRAM [ARGUMENT ...]\n");
    return 2;
}
