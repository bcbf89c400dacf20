/*
 * connect.c - finding the server, or starting it.
 *
 * Who wants to connect holds server.lock until it is connected, and the server that it starts
 * holds it until others can connect: of two starts at once the second finds the first's
 * server. The server is a fork without exec, because the first frame counts. Its first client
 * talks to it over a pair of sockets made before the fork, so it need not wait either.
 */
#include "cli/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"
#include "cli/cmd.h"
#include "io/loop.h"

static int take_lock(struct err *err)
{
    char *path = path_join(path_home(), "server.lock");
    int rc = file_mkdir(path_home(), err);
    int fd = rc < 0 ? -1 : open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (rc == 0 && fd < 0)
        rc = err_set(err, ERR_IO, "cannot open '%s': %s", path, strerror(errno));
    while (rc == 0 && flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            rc = err_set(err, ERR_IO, "cannot lock '%s': %s", path, strerror(errno));
    free(path);
    if (rc < 0 && fd >= 0)
        close(fd);
    return rc < 0 ? rc : fd;
}

/* A connected socket, or ERR_NOENT. */
static int connect_to(const char *path, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct ucred peer;
    socklen_t n = sizeof(peer);

    if (!str_copy(addr.sun_path, LIMIT_SUN_PATH + 1, str_of(path)))
        return err_set(err, ERR_LIMIT,
                "socket path '%s' is longer than the %d bytes the system allows; use a shorter "
                "IRONCURTAIN_HOME",
                path, LIMIT_SUN_PATH);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "cannot make a socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
        int why = errno;

        close(fd);
        if (why == ENOENT || why == ECONNREFUSED)
            return err_set(err, ERR_NOENT, "no session runs; 'ironcurtain new' starts one");
        return err_set(err, ERR_IO, "cannot connect to '%s': %s", path, strerror(why));
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0 || peer.uid != geteuid()) {
        close(fd);
        return err_set(err, ERR_DENIED, "the server at '%s' is not yours", path);
    }
    return fd;
}

/* Nothing of the client's is kept: no terminal, no signal's handling, no descriptor of its
 * caller's. */
static void become_server(int *first, int *lock)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int signo = 1; signo < SIGRTMIN; signo++)
        signal(signo, SIG_DFL); /* those that cannot be set are so already */
    setsid();
    for (int fd = 0; fd <= 2; fd++)
        dup2(null, fd);
    *first = fcntl(*first, F_DUPFD_CLOEXEC, 10);
    *lock = fcntl(*lock, F_DUPFD_CLOEXEC, 10);
    dup3(*first, 3, O_CLOEXEC);
    dup3(*lock, 4, O_CLOEXEC);
    *first = 3;
    *lock = 4;
    close_range(5, ~0u, 0);
    cmd_set_title("ironcurtain: server");
}

static int start(const struct server_options *options, int lock, struct err *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return err_set(err, ERR_IO, "cannot make a socket: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) {
        int why = errno;

        close(pair[0]);
        close(pair[1]);
        return err_set(err, ERR_IO, "cannot start the server: %s", strerror(why));
    }
    if (child > 0) {
        close(pair[1]);
        return pair[0];
    }
    become_server(&pair[1], &lock);
    int exit_code = server_run(options, pair[1], lock);
    loop_end_threads();
    exit(exit_code);
}

int server_connect(const struct server_options *options, bool *ret_started, struct err *err)
{
    char *path = path_join(path_home(), "server.sock");
    int lock = options ? take_lock(err) : -1;
    int fd = options && lock < 0 ? lock : connect_to(path, err);

    free(path);
    if (fd == ERR_NOENT && options) {
        fd = start(options, lock, err);
        *ret_started = fd >= 0;
    }
    if (lock >= 0)
        close(lock);
    return fd;
}
