/*
 * guardian.h - the process that keeps the terminal safe.
 *
 * The program that draws can be killed at any moment; then somebody must put the terminal
 * back. guardian_start() forks: the child goes on as the program, the parent stays behind
 * as the client of the terminal, forwards signals, mirrors job control, and restores the
 * terminal if the child dies without doing so.
 */
#ifndef SRC_CLI_GUARDIAN_H
#define SRC_CLI_GUARDIAN_H

/* Returns in the child only; the parent exits with the child's status. fd: the terminal.
 * Without a fork (it failed) it returns as well: the program then runs unguarded. */
void guardian_start(int fd);

#endif
