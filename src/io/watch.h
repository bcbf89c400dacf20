/*
 * watch.h - a word when something in a folder changes (inotify).
 */
#ifndef SRC_IO_WATCH_H
#define SRC_IO_WATCH_H

#include "base/err.h"
#include "io/loop.h"

struct watch;

/* `fn` is called when files appear in it, go or are written; for several changes perhaps once.
 * It may free the watch. */
struct watch *watch_new(struct loop *loop, const char *folder, void (*fn)(void *ctx), void *ctx,
        struct err *err);
void watch_free(struct watch *watch);

#endif
