/*
 * cmd_attach.c - `ironcurtain attach` and `ironcurtain kill-server`.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/cmd.h"
#include "cli/screen.h"
#include "cli/server.h"

/* The ladder of a session's end takes up to ten seconds. */
#define END_MS 20000

int cmd_attach(int argc, char **argv)
{
    bool ascii = argc > 1 && strcmp(argv[1], "--ascii") == 0;
    int rest = argc - ascii;
    const char *target = rest > 1 ? argv[1 + ascii] : NULL;
    struct client_request request = {.target = target, .ascii = ascii};
    struct err err;

    if (rest > 2 || (target && target[0] == '-')) {
        err_set(&err, ERR_USAGE,
                "usage: ironcurtain attach [--ascii] [SESSION]; a tab's number, a name or the "
                "start of "
                "an "
                "id, as 'ironcurtain ls' shows them");
        return cmd_fail(&err);
    }
    int rc = screen_check_terminal();
    return rc ? rc : client_run(&request, NULL);
}

/* The process behind the connection; the kernel knows, so this works with every version. */
static int end_process(int fd, struct err *err)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);
    struct pollfd ended = {.events = POLLIN};

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
        return err_set(err, ERR_IO, "cannot find the server: %s", strerror(errno));
    ended.fd = pidfd_open(peer.pid, 0);
    if (ended.fd < 0 && errno == ESRCH)
        return 0;
    if (ended.fd < 0 || pidfd_send_signal(ended.fd, SIGTERM, NULL, 0) < 0)
        return err_set(err, ERR_IO, "cannot end the server (pid %d): %s", (int)peer.pid,
                strerror(errno));
    int rc = poll(&ended, 1, END_MS);
    close(ended.fd);
    if (rc <= 0)
        return err_set(err, ERR_TIMEOUT,
                "the server (pid %d) has not ended after %d s; 'kill -9 %d' would, and the "
                "next "
                "start removes what it leaves",
                (int)peer.pid, END_MS / 1000, (int)peer.pid);
    return 0;
}

int cmd_kill_server(int argc, char **argv)
{
    struct err err;

    (void)argv;
    if (argc > 1) {
        err_set(&err, ERR_USAGE, "usage: ironcurtain kill-server");
        return cmd_fail(&err);
    }
    int fd = server_connect(NULL, NULL, &err);
    if (fd == ERR_NOENT) {
        cmd_say("no server runs");
        return EXIT_DONE;
    }
    if (fd < 0)
        return cmd_fail(&err);
    int rc = end_process(fd, &err);
    close(fd);
    return rc < 0 ? cmd_fail(&err) : EXIT_DONE;
}
