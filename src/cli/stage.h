/*
 * stage.h - the sessions of this process and the one screen that shows them, if any does.
 *
 * What a server and a program in the foreground have in common: the app, the list of
 * sessions, the messages, and the screen, which comes and goes.
 */
#ifndef SRC_CLI_STAGE_H
#define SRC_CLI_STAGE_H

#include "cli/app.h"
#include "cli/notify.h"
#include "gate/files.h"
#include "tui/ui.h"

struct stage_ops {
    /* The CA is there, sessions can be started; or why not. Once. */
    void (*on_ready)(void *ctx, const struct err *err);
    /* Called from the loop, so the screen may be taken away. */
    void (*on_leave)(void *ctx, enum ui_leave why);
    void (*on_ended)(void *ctx, const struct tab *tab, const char *message);
    void (*on_change)(void *ctx); /* of the queue or a session; may be NULL */
    bool can_edit;                /* on_leave(UI_EDIT) has the user edit outside_path() */
};

struct outside;

struct stage_terminal {
    int fd; /* borrowed until the screen is gone */
    struct frame_config config;
    const char *mark; /* as in ui_config; must outlive the screen */
    bool panels;
};

struct stage {
    struct app app; /* opened by the owner before stage_init(), closed after stage_free() */
    struct stage_ops ops;
    void *ctx;
    struct sessions *sessions; /* owns */
    struct messages messages;
    struct notify *notify;    /* owns; NULL: no notify.command */
    struct gate_files *files; /* owns; NULL without a gate */
    struct buf copied;        /* owns; what was copied last, for all screens */
    struct ui *ui;            /* owns; NULL: nobody looks */
    struct outside *outside;  /* owns; NULL: nothing is being edited elsewhere */
    struct loop_hook leave_hook;
    enum ui_leave leave;
};

void stage_init(struct stage *stage, const struct stage_ops *ops, void *ctx);
/* Load the CA off the loop, if there is any proxy to need it; then on_ready. Recover from the
 * dead, when the first session has had time to start. */
void stage_prepare(struct stage *stage, bool needs_ca);
/* Ends the sessions, takes the screen away. A stage that was not initialized is fine. */
void stage_free(struct stage *stage);

/* Not while there is a screen. */
int stage_show(struct stage *stage, const struct stage_terminal *terminal, struct err *err);
/* done as in ui_free(); it is called also if there is no screen. Ended sessions that were seen
 * go with it. */
void stage_hide(struct stage *stage, void (*done)(void *ctx), void *ctx);

/* The screen is to go, soon. */
void stage_leave(struct stage *stage, enum ui_leave why);

/* What can be known before a session starts. */
int stage_check(struct stage *stage, struct session_spec *spec, struct err *err);
/* Start one, of the size of the screen. It is not shown yet. */
const struct tab *stage_start(struct stage *stage, struct session_spec *spec, struct err *err);
/* End one. Not while there is a screen. */
void stage_stop(struct stage *stage, struct session *session);

#endif
