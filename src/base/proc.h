/*
 * proc.h - who a process is, so that a recycled pid is not taken for its owner; and how many
 * descriptors it may have.
 */
#ifndef SRC_BASE_PROC_H
#define SRC_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A process on this boot of this machine: pid alone is not enough after a reboot or wrap. */
struct proc_id {
    pid_t pid;
    uint64_t start; /* clock ticks since boot, field 22 of /proc/PID/stat (proc(5)) */
    char boot[37];  /* /proc/sys/kernel/random/boot_id */
};

/* False if there is no such process, or it has ended and only waits to be reaped. */
bool proc_identify(pid_t pid, struct proc_id *ret);
/* Is exactly this process alive? */
bool proc_alive(const struct proc_id *id);

/* "pid start boot", for files and labels. */
void proc_format(const struct proc_id *id, char out[80]);
bool proc_parse(const char *text, struct proc_id *ret);

/*
 * Descriptors: the soft limit becomes the hard one, because every tunnel takes one or two.
 * Children get the old limit back, in fork(): programs that use select(2) or loop over all
 * possible descriptors rely on a small one. Returns the limit that holds now.
 */
size_t proc_raise_descriptors(void);
/* How many this process may have open. */
size_t proc_descriptor_limit(void);

/*
 * For a process that from now on only waits: what it has mapped of its program and libraries
 * is let go, and comes back from the file where it is needed after all. Only what cannot have
 * been written to, so nothing is lost.
 */
void proc_forget_program(void);

#endif
