/*
 * filter.h - the box's system call filter, for us and all that we start.
 */
#ifndef SRC_GUEST_FILTER_H
#define SRC_GUEST_FILTER_H

/* Install the program in `path`, an array of struct sock_filter. -1 after a message. */
int filter_install(const char *path);

#endif
