/*
 * child.h - child processes with argv arrays; no shell anywhere.
 *
 * The child is started in a session and process group of its own, with stdin from /dev/null,
 * only the given environment, and every descriptor but 0-2 closed. Its output is delivered as
 * it comes (stdout and stderr apart, sockets, not pipes) and is bounded by the reader:
 * on_output must take it.
 *
 * A child that one talks with (`talk`) has one end of a socketpair as both stdin and stdout, so
 * that a channel can be made of the other (chan_adopt_fd). It dies when we do.
 */
#ifndef SRC_IO_CHILD_H
#define SRC_IO_CHILD_H

#include <sys/types.h>

#include "base/buf.h"
#include "io/loop.h"

struct child;

struct child_spec {
    const char *const *argv; /* argv[0] is looked up in PATH */
    const char *const
            *env; /* "NAME=value" list, NULL: ours less *_API_KEY and *_{AUTH,OAUTH}_TOKEN */
    const char *const
            *env_over; /* with env NULL: these instead of those of the name, or NULL */
    const char *cwd;   /* NULL: ours */
    struct str input;  /* written to stdin, then closed; empty: /dev/null */
    /* stdin and stdout are this descriptor, which stays the caller's; only fd 2 is delivered.
     */
    bool talk;
    int talk_fd;
    void (*on_output)(void *ctx, int fd, struct str bytes); /* fd 1 or 2; NULL: /dev/null */
    /* All output was delivered before (a grandchild that keeps it open is waited for 1 s).
     * term_signal 0: exited with exit_status. May be NULL. child_free() is still due. */
    void (*on_exit)(void *ctx, int exit_status, int term_signal);
    void *ctx;
};

/* ERR_NOENT if the program does not exist; a program that cannot start is never an exit. */
struct child *child_spawn(struct loop *loop, const struct child_spec *spec, struct err *err);
pid_t child_pid(const struct child *child);
void child_kill(struct child *child, int signo); /* the whole process group, until the exit */
/* For work that goes on after its owner (removing a container): on_exit still comes, but
 * loop_free() waits for it instead of calling it forgotten. The command must end by itself. */
void child_background(struct child *child);
/* Silence and let go: HUP, TERM after 2 s, KILL after 4 s, reaped by the layer. One that is
 * talked with is not hung up: the end of its input, which the caller gives, comes first. */
void child_free(struct child *child);

/*
 * Convenience: run to the end and collect stdout and stderr (each at most 1 MiB), within
 * timeout_ms. Runs a private loop, so only for command line tools and start-up, never on
 * the main loop. Returns 0 and the exit status (128+n for a signal); ERR_TIMEOUT and ERR_LIMIT
 * (more output than that) end in SIGKILL. out and errout may be NULL.
 */
int child_run(const char *const *argv, uint32_t timeout_ms, struct buf *out, struct buf *errout,
        int *ret_status, struct err *err);

#endif
