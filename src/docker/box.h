/*
 * box.h - a box around an agent: no network, no host files but the mounts, no privileges.
 *
 * Two runtimes behind one face: "docker" (the command line, argv arrays, container with
 * --network=none) and "bwrap" (bubblewrap, host /usr read-only, empty home). In both the
 * box's first program is icguest, which listens on <sockets>/guest/pty.sock, carries
 * 127.0.0.1:18080 to proxy.sock, and runs `argv` under a PTY of the box's own.
 *
 * Everything is asynchronous: image build and container start take seconds.
 *
 * Who the agent is on the host: the user who runs us. If that is root, docker takes the
 * owner of the workspace instead, without capabilities even when that is root again; bwrap
 * maps the inner uid 1000 to root and refuses a workspace that belongs to somebody else.
 * Under a rootless engine the user who runs us is uid 0 inside.
 *
 * If we die by kill -9, a bwrap box dies with us; a container stays, and the next
 * box_collect() removes it.
 */
#ifndef SRC_DOCKER_BOX_H
#define SRC_DOCKER_BOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "docker/agent.h"
#include "io/loop.h"

#define BOX_PROXY_PORT 18080
#define BOX_SOCKETS "/run/ironcurtain"     /* where the sockets folder is mounted, read-only */
#define BOX_ORIENTATION "/etc/ironcurtain" /* CA, bundle; read-only */
#define BOX_WORKSPACE "/workspace"
#define BOX_HOME "/home/agent" /* the agent's state folder, writable */

struct box_spec {
    const char *runtime;       /* "docker" or "bwrap" */
    const char *id12;          /* names the container: ironcurtain-<id12> */
    const char *session;       /* uuid, for labels */
    const struct agent *agent; /* borrows until on_started or on_failed */
    const char *workspace;     /* host folder, mounted read-write */
    const char *sockets; /* host folder with proxy.sock; its guest/ is writable for the box */
    const char *orientation; /* host folder; passwd and group are written into it */
    const char *home;        /* host folder, becomes the agent's home */
    const char *const *argv; /* what icguest runs; NULL: the agent's own */
    const char *const *env;  /* complete environment of the agent, "NAME=value" */
    const char *base_image;  /* docker: name of the base, NULL: ironcurtain-base:latest if it
                              * is there (scripts/mk-base-image), else debian:bookworm-slim */
    const char *guest;       /* path of icguest, NULL: box_guest_path() */
    int cols, rows;
    unsigned memory_mb; /* 0: 4096 */
    unsigned pids;      /* 0: 512 */
    double cpus;        /* 0: 2 */
};

struct box_ops {
    /* A step or a line of a build ("building image ...", at most 200 characters, escaped). */
    void (*on_progress)(void *ctx, const char *line);
    void (*on_started)(void *ctx);                       /* pty.sock accepts connections */
    void (*on_failed)(void *ctx, const struct err *err); /* nothing is left behind; last */
    void (*on_exit)(void *ctx, int status);              /* the box ended; last */
};

struct box;
/* Errors that can be known at once (spec wrong, socket path too long) are returned. */
struct box *box_start(struct loop *loop, const struct box_spec *spec, const struct box_ops *ops,
        void *ctx, struct err *err);
const char *box_name(const struct box *box); /* container name, or "bwrap:<pid>" */

/* Silence; ends the box (docker: stop -t 3, then rm -f; bwrap: kill) and removes what it made.
 * Goes on in the background; loop_free() waits for it. */
void box_free(struct box *box);
/* The same; done comes when nothing of it writes into the folders of its spec any more: at
 * once, or, if they are still being prepared, on the loop thread. box may be NULL. */
void box_free_then(struct box *box, void (*done)(void *ctx), void *ctx);

/* Is the runtime usable here? done(ctx, NULL) or the reason. Asynchronous, bounded by 10 s. */
void runtime_probe(struct loop *loop, const char *runtime,
        void (*done)(void *ctx, const struct err *err), void *ctx);

/*
 * Containers left by sessions of ours whose owner process is dead: by label
 * ironcurtain.managed plus owner pid, start time and boot id; never touches anything else.
 * `home` limits it to the containers of this IRONCURTAIN_HOME. done gets how many; no engine
 * is no error, there is nothing to collect then.
 */
void box_collect(struct loop *loop, const char *home, bool dry_run,
        void (*done)(void *ctx, unsigned count, const struct err *err), void *ctx);

/* Path of the icguest program: beside our own binary, else the installed one. Caller frees. */
char *box_guest_path(struct err *err);

#endif
