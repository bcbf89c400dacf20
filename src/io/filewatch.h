/*
 * filewatch.h - being told that a file changed, was replaced, or came to be; nothing is polled.
 *
 * One call for any number of changes, a moment after the last one, so that a file which is
 * being written is not read half. A file that is not there is waited for in its folder. The
 * loop does not stay alive for a watch.
 */
#ifndef SRC_IO_FILEWATCH_H
#define SRC_IO_FILEWATCH_H

#include "io/loop.h"

struct filewatch;

/* NULL if neither the file nor its folder can be watched (the folder is not there, or the user
 * has no watches left): then nothing is ever told. */
struct filewatch *filewatch_new(
        struct loop *loop, const char *path, void (*fn)(void *ctx), void *ctx, struct err *err);
void filewatch_free(struct filewatch *watch);

#endif
