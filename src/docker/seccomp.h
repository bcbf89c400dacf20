/*
 * seccomp.h - the system call filter of a box; icguest installs it.
 */
#ifndef SRC_DOCKER_SECCOMP_H
#define SRC_DOCKER_SECCOMP_H

#include <stdbool.h>

#include "base/buf.h"

/* Append the filter, an array of struct sock_filter. False: not known for this processor;
 * then nothing is appended. */
bool seccomp_program(struct buf *ret);

#endif
