/*
 * log.c - the log file.
 *
 * Each line is one write(2) with O_APPEND, so that lines of several threads and processes do
 * not mix and nothing is lost in a crash. A line is cut at 1 KiB.
 */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"

static int log_fd = -1;
static enum log_level log_level = LOG_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

int log_open(const char *path, struct err *err)
{
    int fd = file_open_append(path, err);

    if (fd < 0)
        return fd;
    log_close();
    log_fd = fd;

    const char *level = getenv("IRONCURTAIN_LOG");
    for (int i = 0; level && i < 4; i++)
        if (strcmp(level, level_names[i]) == 0)
            log_level = (enum log_level)i;
    return 0;
}

void log_close(void)
{
    if (log_fd >= 0)
        close(log_fd);
    log_fd = -1;
}

void log_set_level(enum log_level level)
{
    log_level = level;
}

void log_write(enum log_level level, const char *part, const char *fmt, ...)
{
    char text[800];
    char safe[900];
    char line[1024];
    struct timespec now;
    struct tm tm;
    va_list ap;

    if (level > log_level || (log_fd < 0 && level > LOG_WARN))
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    str_vis(safe, sizeof(safe), str_of(text));

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    int n = snprintf(line, sizeof(line), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ %s %s: %s\n",
            tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
            (int)(now.tv_nsec / 1000000), level_names[level], part, safe);
    if (n >= (int)sizeof(line)) {
        n = sizeof(line) - 1;
        line[n - 1] = '\n';
    }
    if (log_fd < 0) {
        fprintf(stderr, "ironcurtain: %s\n", safe);
        return;
    }
    ssize_t written = write(log_fd, line, (size_t)n);
    (void)written; /* a full disk must not stop the program; the audit has its own rule */
}
