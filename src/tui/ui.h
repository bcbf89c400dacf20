/*
 * ui.h - the screen: one object per terminal, created and destroyed freely.
 *
 * Tabs row, the agent's pane, three live panels (WAITING, REQUESTS, YOUR WORDS), the last
 * row with mode and hints. Owns no session: it borrows the list, which outlives it, as do the
 * messages.
 */
#ifndef SRC_TUI_UI_H
#define SRC_TUI_UI_H

#include <stdbool.h>

#include "gate/gate.h"
#include "session/sessions.h"
#include "tui/frame.h"
#include "tui/messages.h"

struct ui;

/* Why the user, or fate, wants the screen to go. */
enum ui_leave {
    UI_QUIT,    /* end the shown session and leave */
    UI_DETACH,  /* leave all as it is */
    UI_SUSPEND, /* the terminal is wanted back for a while */
    UI_EDIT,    /* the same, for an editor: see on_edit */
    UI_GONE     /* the terminal is lost */
};

struct ui_config {
    struct loop *loop;
    struct gate *gate;           /* NULL: nobody is asked anything */
    const struct config *config; /* may be NULL */
    struct sessions *sessions;
    struct messages *messages; /* of this screen and those before it */
    struct buf *copied;        /* what the user copied last, likewise */
    int tty_fd;
    struct frame_config terminal;
    const char *mark; /* what the last row says before the mode, e.g. "UNBOXED"; or NULL */
    bool panels;      /* false: pane alone (ironcurtain pane) */
    /* Neither may free the ui from inside. */
    void (*on_leave)(void *ctx, enum ui_leave why);
    /* Have the user edit a text about this request in an editor of his own, and give it to
     * ui_edit_back() of the screen that comes next; NULL: there is none. */
    void (*on_edit)(void *ctx, uint64_t id, struct str text);
    /* End this session and take its tab away; another one is shown, if there is one. */
    void (*on_stop)(void *ctx, struct session *session);
    void *ctx;
};

/* Draws its first frame at once: the current session, or that there is none yet. */
struct ui *ui_new(const struct ui_config *config, struct err *err);
/* Restores the terminal. done (may be NULL) is called once when that has happened, which a
 * stalled terminal delays by at most a second; possibly from inside. */
void ui_free(struct ui *ui, void (*done)(void *ctx), void *ctx);

/* The size the agent's pane has now; a session should start with it. */
void ui_pane_size(const struct ui *ui, int *ret_cols, int *ret_rows);

/* Of on_edit: the request is reviewed with it, if it waits still. */
void ui_edit_back(struct ui *ui, uint64_t id, struct str text);

/* Show this session (NULL: none). */
void ui_show(struct ui *ui, struct session *session);
/* The client's word that the terminal has another size. */
void ui_check_size(struct ui *ui);

/* The sessions' news, for sessions_ops. */
void ui_screen_changed(struct ui *ui);
/* From inside vt_feed, when a synchronized update ended (vt_ops.on_sync_end): the screen is
 * drawn now if a frame is due, because the next update may begin in the same read. */
void ui_screen_whole(struct ui *ui);
/* Also for the gate's on_change. */
void ui_changed(struct ui *ui);
void ui_marks_changed(struct ui *ui);
/* An agent rang; it wants a text copied. */
void ui_agent_bell(struct ui *ui);
void ui_clipboard_news(struct ui *ui, const struct tab *tab);
/* One line in the last row until the next key, and kept for C-\ ~. Keys are written with the
 * default prefix, "C-\ q", and shown with the one in use. */
void ui_message(struct ui *ui, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
