/*
 * screen.h - a session on the screen: opens the app, draws, starts the session, waits.
 */
#ifndef SRC_CLI_SCREEN_H
#define SRC_CLI_SCREEN_H

#include "cli/app.h"
#include "session/session.h"

struct screen_spec {
    struct app_options app;
    struct session_spec
            session;     /* cols and rows are filled in; runtime NULL: from the config */
    const char *mark;    /* shown in the last row, or NULL */
    const char *message; /* first message, or NULL */
    bool panels;
    bool ascii; /* as in struct options */
    bool quit_at_end; /* leave when the agent ends, with its status */
    /* Called when the app is open and before the session starts (the demo adds its provider
     * here); may be NULL. */
    int (*on_open)(void *ctx, struct app *app, struct err *err);
    void (*on_close)(void *ctx);
    void *ctx;
};

/* Both ends of the terminal must be one, and TERM usable; prints what is wrong. */
int screen_check_terminal(void);

/* Returns the exit code of the command. */
int screen_run(const struct screen_spec *spec);

#endif
