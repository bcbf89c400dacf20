/*
 * cmd.h - one run of a command line tool (docker, npm, cp): its output, bounded, and its end.
 *
 *     cmd_start(loop, &(struct cmd_spec){.argv = argv_list(&argv), .idle_ms = 10000,
 *             .done = image_inspected, .ctx = job}, err);
 *
 * The arguments are copied by the start; the result is valid during the call of done. The
 * command frees itself after done; cmd_cancel() instead silences and ends it, from anywhere.
 */
#ifndef SRC_DOCKER_CMD_H
#define SRC_DOCKER_CMD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"
#include "io/loop.h"

struct cmd;

struct cmd_result {
    int status;         /* exit status, 128+n after a signal */
    bool timed_out;     /* killed by us: nothing printed for idle_ms */
    struct str out;     /* beginning of stdout */
    struct str errline; /* last line of stderr that says something, else of stdout */
};

struct cmd_spec {
    const char *const *argv;
    const char *const *env; /* NULL: ours less provider keys */
    const char *cwd;        /* NULL: ours */
    struct str input;       /* stdin; empty: /dev/null */
    uint32_t idle_ms;       /* given up after so long without output; 0: never */
    /* Each line of stdout and stderr, raw; may be NULL. */
    void (*on_line)(void *ctx, struct str line);
    void (*done)(void *ctx, const struct cmd_result *result);
    void *ctx;
};

struct cmd *cmd_start(struct loop *loop, const struct cmd_spec *spec, struct err *err);
void cmd_cancel(struct cmd *cmd); /* NULL is fine */
pid_t cmd_pid(const struct cmd *cmd);
/* Nobody waits for it any more but done: loop_free() lets it run to its end. */
void cmd_background(struct cmd *cmd);

/* Fill err with "what: last line", and return its code; 0 if the command succeeded. */
int cmd_check(const struct cmd_result *result, const char *what, struct err *err);

#endif
