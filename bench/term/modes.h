/*
 * modes.h - the two programs that bench/term/run needs beside the ones it measures.
 */
#ifndef BENCH_TERM_MODES_H
#define BENCH_TERM_MODES_H

#include <stddef.h>

/* In the pane: draws MARK, then does what is written to the Unix socket. */
int inner_main(const char *socket_path, const char *mark, const char *name);

/* The least that can be between a program and a terminal: reads and writes. */
int relay_main(char **argv);

/* In a box: asks the proxy for a host that is denied, each PERIOD ms, until the caller's end.
 */
void requests_start(int port, int period_ms);

/* All of it, although the descriptor may be non-blocking; ends the program if that fails. */
void write_all(int fd, const void *data, size_t size);

#endif
