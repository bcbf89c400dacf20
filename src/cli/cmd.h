/*
 * cmd.h - the subcommands. A new one is a file cmd_x.c, a line here and a row in main.c.
 *
 * argv[0] is the command's name. The return value is the exit status (EXIT_* below).
 */
#ifndef SRC_CLI_CMD_H
#define SRC_CLI_CMD_H

#include "base/err.h"

/* Exit codes that scripts rely on; `run` passes the command's own status. */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_CREDENTIAL = 4,
    EXIT_REFUSED = 5,
    EXIT_TIMEOUT = 6,
    EXIT_CONFLICT = 7,
    EXIT_WAITS = 8,
    EXIT_RUN_FAILED = 125, /* ironcurtain itself failed under `run` */
    EXIT_INTERRUPTED = 130
};

/* Print "ironcurtain: text" on stderr, which may be a terminal: what is not text is made so. */
void cmd_say(const char *text);
/* What ps shows instead of the command line, which is overwritten. */
void cmd_set_title(const char *text);
int cmd_exit_code(const struct err *err);
/* Print "ironcurtain: message" on stderr and return the exit code for the error. */
int cmd_fail(const struct err *err);

int cmd_ui(int argc, char **argv); /* no subcommand: the screen */
int cmd_new(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_kill_server(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_pane(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_demo_provider(int argc, char **argv);
int cmd_demo_agent(int argc, char **argv);
int cmd_proxy(int argc, char **argv);
int cmd_audit(int argc, char **argv);
int cmd_ls(int argc, char **argv);
int cmd_pending(int argc, char **argv);
int cmd_review(int argc, char **argv);
int cmd_approve(int argc, char **argv);
int cmd_deny(int argc, char **argv);
int cmd_rules(int argc, char **argv);
int cmd_policy(int argc, char **argv);
int cmd_keys(int argc, char **argv);
int cmd_gc(int argc, char **argv);
int cmd_config(int argc, char **argv);
int cmd_providers(int argc, char **argv);

#endif
