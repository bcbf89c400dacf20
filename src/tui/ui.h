/*
 * ui.h - the screen: one object per terminal, created and destroyed freely.
 *
 * Tabs row, the agent's pane, three live panels (WAITING, REQUESTS, YOUR WORDS), the last
 * row with mode and hints. Owns no session: it borrows the ones it is given.
 */
#ifndef SRC_TUI_UI_H
#define SRC_TUI_UI_H

#include <stdbool.h>

#include "gate/gate.h"
#include "session/session.h"

struct ui;

struct ui_config {
    struct loop *loop;
    struct gate *gate;           /* NULL: nobody is asked anything */
    const struct config *config; /* may be NULL */
    int tty_fd;
    const char *mark; /* what the last row says before the mode, e.g. "UNBOXED"; or NULL */
    bool panels;      /* false: pane alone (ironcurtain pane) */
    /* The user asked to leave, or the terminal is gone. Must not free the ui from inside. */
    void (*on_quit)(void *ctx);
    void *ctx;
};

/* Draws its first frame at once, before any session is there. */
struct ui *ui_new(const struct ui_config *config, struct err *err);
/* Restores the terminal. */
void ui_free(struct ui *ui);

/* The size the agent's pane has now; a session should start with it. */
void ui_pane_size(const struct ui *ui, int *ret_cols, int *ret_rows);

/* Show this session (NULL: none). */
void ui_set_session(struct ui *ui, struct session *session);

/* The session's news, for session_ops. */
void ui_screen_changed(struct ui *ui);
/* From inside vt_feed, when a synchronized update ended (vt_ops.on_sync_end): the screen is
 * drawn now if a frame is due, because the next update may begin in the same read. */
void ui_screen_whole(struct ui *ui);
/* Also for the gate's on_change. */
void ui_changed(struct ui *ui);
void ui_bell(struct ui *ui);
/* One line in the last row until the next key, and kept for C-\ ~. */
void ui_message(struct ui *ui, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
