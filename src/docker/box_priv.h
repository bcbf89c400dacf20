/*
 * box_priv.h - the inside of a box, for the files of src/docker only.
 *
 * box.c holds what both runtimes share: the copy of the spec, the wait for pty.sock, the
 * reports to the owner. bwrap.c and docker.c turn a spec into command lines (pure functions,
 * so that tests can read them) and walk their own steps.
 */
#ifndef SRC_DOCKER_BOX_PRIV_H
#define SRC_DOCKER_BOX_PRIV_H

#include "base/proc.h"
#include "docker/argv.h"
#include "docker/box.h"
#include "docker/cmd.h"
#include "docker/image.h"
#include "docker/program.h"

#define BOX_GUEST "/opt/ironcurtain/icguest" /* the helper, mounted read-only */
#define BOX_PROGRAMS "/opt/agent"            /* the agent's program, in bwrap */
#define BOX_FILTER "seccomp.bpf"             /* in the orientation folder */
#define BOX_DEFAULT_MEMORY_MB 4096
#define BOX_DEFAULT_PIDS 512
#define BOX_DEFAULT_CPUS 2.0

/* File systems in memory: as much as builds need, not as much as the host has. */
#define BOX_TMP_MB 1024
#define BOX_VAR_TMP_MB 256
#define BOX_SHM_MB 256

/* What a command line needs besides the spec: facts about the host. */
struct box_host {
    uid_t uid; /* who the agent is, seen from the host */
    gid_t gid;
    const char *guest;   /* path of icguest */
    const char *program; /* host file of the agent's program, or NULL */
    const char *home;    /* IRONCURTAIN_HOME, for the label */
    const char *devices; /* folder of device files for bwrap, or NULL: the host's own */
    const char *owner;   /* proc_format() of us */
    unsigned cpus;       /* online processors */
};

enum box_state {
    BOX_PREPARING, /* image or program is being looked for; nothing to clean up */
    BOX_CREATING,  /* docker create runs */
    BOX_STARTING,  /* main command runs, pty.sock does not answer yet */
    BOX_RUNNING,
    BOX_REMOVING, /* docker: stop and rm run */
    BOX_ENDED     /* reported, or never came to be */
};

struct box {
    struct loop *loop;
    struct box_spec spec; /* owns its strings and lists; borrows the agent */
    struct box_ops ops;
    void *ctx;
    char name[64];
    char *guest;    /* owns */
    char *pty_path; /* owns; <sockets>/guest/pty.sock */
    char *devices;  /* owns; see struct box_host */
    char owner[80];
    uid_t uid;
    gid_t gid;

    enum box_state state;
    bool working;                /* the pool thread makes folders and files ready */
    int work_rc;                 /* and how that went, with `why` */
    bool detached;               /* given up by its owner; goes on only to clean up */
    void (*on_quiet)(void *ctx); /* of box_free_then(), or NULL */
    void *quiet_ctx;             /* borrows */
    bool failed;                 /* on_failed is due when the clean-up is done */
    bool was_started;            /* docker start was run, so stop before rm */
    struct err why;              /* for on_failed */
    struct cmd *cmd;             /* owns; the command of the present step, or NULL */
    struct image_job *image;     /* owns; or NULL */
    struct program_job *program; /* owns; or NULL */
    struct wait *wait;           /* owns; the wait for pty.sock, or NULL */
};

/* box.c */
void box_progress(void *ctx, const char *line);        /* ctx is the box */
void box_fail(struct box *box, const struct err *err); /* cleans up, then on_failed */
/* Who the user is inside: root of the host is mapped to an ordinary user where that works. */
void box_inner_user(const struct box *box, uid_t *ret_uid, gid_t *ret_gid);
/* Run the box's main command and wait until pty.sock answers. The caller fills in argv, env
 * and input of the spec, and reports an error. */
int box_run(struct box *box, struct cmd_spec *spec, struct err *err);
struct box_host box_host_of(const struct box *box, const char *program);
void box_release(struct box *box); /* frees; nothing may run any more */
void box_finish(struct box *box);  /* cleaned up: report a failure or free a detached box */

/* Folders and files that both runtimes mount; blocks, so for a pool thread (box_files.c). */
int box_files_prepare(struct box *box, struct err *err);

/* Names of the device files bwrap takes from the host. */
extern const char *const box_devices[];

/* What icguest is told and what it runs; the end of every box's command line. */
void box_guest_args(const struct box_spec *spec, struct argv *out);

/* bwrap.c */
void bwrap_argv(const struct box_spec *spec, const struct box_host *host, struct argv *out);
void bwrap_begin(struct box *box);

/* docker.c */
void docker_create_argv(const struct box_spec *spec, const struct box_host *host,
        const char *image, struct argv *out);
void docker_begin(struct box *box);
void docker_remove(struct box *box); /* stop and rm, then box_finish() */

/* Arguments that make bwrap's namespaces; shared with the probe. */
void bwrap_base_argv(struct argv *out);

#endif
