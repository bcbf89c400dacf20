/*
 * log.h - one line a message, into a file, never onto the screen.
 *
 *     log_info("session", "id=%s runtime=%s started", id, runtime);
 *
 * Before log_open() lines of level WARN and ERROR go to stderr; afterwards all go to the
 * file. Whoever handles an error logs it; whoever returns it does not. No secret and no
 * unescaped byte from outside may be in the arguments: the writer escapes control
 * characters as a second fence, it cannot know a key.
 */
#ifndef SRC_BASE_LOG_H
#define SRC_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Append to `path` (0600, no symlink followed). IRONCURTAIN_LOG=debug raises the level. */
int log_open(const char *path, struct err *err);
void log_close(void);
void log_set_level(enum log_level level);

void log_write(enum log_level level, const char *part, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
