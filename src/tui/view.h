/*
 * view.h - what a view is, and what views share: frames, padded and wrapped text, times.
 *
 * A view draws into its area and nowhere else. It borrows what view_env names for the time of
 * the call. All text that came from outside goes through view_put() and view_wrap(), which
 * show what is invisible.
 */
#ifndef SRC_TUI_VIEW_H
#define SRC_TUI_VIEW_H

#include "gate/gate.h"
#include "gate/revoke.h"
#include "session/sessions.h"
#include "tui/frame.h"
#include "tui/keymap.h"
#include "tui/layout.h"
#include "tui/messages.h"
#include "tui/v_links.h"

#define MARKS_MAX 64

/* Requests that the user marked in WAITING. */
struct marks {
    uint64_t ids[MARKS_MAX];
    unsigned count;
};

/* As many answers that hold as are listed. */
#define RULES_MAX 2000

struct rules_list {
    struct held_answer *items; /* owns */
    size_t count;
    bool reads; /* the file is being read */
    bool asked; /* whether one of them is to be taken back */
    unsigned asked_at;
    char why[240]; /* something is missing here */
};

struct view_env {
    struct frame *frame;         /* borrows */
    struct session *session;     /* borrows; the shown one; may be NULL */
    struct sessions *sessions;   /* borrows */
    struct gate *gate;           /* borrows; may be NULL */
    const struct config *config; /* borrows; may be NULL */
    const struct messages *messages;
    const struct links *links;      /* borrows; of the LINKS view */
    struct offer *offer;            /* borrows; of the CLIPBOARD view */
    const struct marks *marks;      /* borrows; may be NULL */
    const struct rules_list *rules; /* borrows; of the RULES view */
    const char *prefix;             /* name of the prefix key; NULL: the default one */
    enum layout_kind kind;
    int64_t wall_ms;
};

struct view;

struct view_ops {
    enum ui_mode mode;
    const char *title;
    const char *chord; /* the key that leads here, shown in the frame */
    void (*draw)(struct view *view, const struct view_env *env, struct rect inner);
    /* Rows that can be walked through; the view's `selected` stays below. */
    unsigned (*count)(const struct view_env *env);
};

struct view {
    const struct view_ops *ops;
    struct rect area; /* with the frame; rows 0: not shown */
    bool focused;
    bool pinned;       /* scrolled by the wheel without the focus */
    unsigned selected; /* row under the cursor, or first row shown */
    unsigned top;
};

extern const struct view_ops v_waiting_ops, v_requests_ops, v_words_ops, v_help_ops,
        v_messages_ops, v_links_ops, v_clipboard_ops, v_expired_ops, v_rules_ops;

/* The row of WAITING drawn in this row of the screen, of its first or not; -1: none. It may be
 * beyond the last. */
int v_waiting_at(const struct view *view, int row);
/* The item of a row of WAITING, the oldest if the row stands for a flood; *ret_more (may be
 * NULL): the others of it. NULL past the end. */
const struct gate_item *v_waiting_item(struct gate *gate, unsigned row, unsigned *ret_more);
/* The link that LINKS shows at this row of the screen, or -1; it may be beyond the last. */
int v_links_at(const struct view *view, int row);

/* Colours of the chrome: the terminal's own 16, blue never for text. */
extern const struct style STYLE_PLAIN, STYLE_DIM, STYLE_BOLD, STYLE_BAR, STYLE_MODE,
        STYLE_ALERT, STYLE_BAD, STYLE_GOOD, STYLE_REMOVED, STYLE_SELECTED;

/* Frame, title, inside cleared; then ops->draw. One row only: a title line. */
void view_draw(struct view *view, const struct view_env *env);
/* j k PgDn ...; false: not a movement. */
bool view_move(struct view *view, const struct view_env *env, enum action_id action);

/* A box; left text in the top line, right text at its end, bottom text in the last line.
 * Returns the inside. */
struct rect view_box(struct frame *frame, struct rect area, bool doubled, const char *left,
        const char *right, const char *bottom);

/* Bytes from outside, on one row, at most `cols` cells, cut with "..". Returns cells used. */
int view_put(
        struct frame *frame, int row, int col, int cols, struct style style, struct str text);
int view_printf(struct frame *frame, int row, int col, int cols, struct style style,
        const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Take the next line of at most `cols` cells from *rest; at a space if there is one, which is
 * then dropped, or (exact) anywhere with nothing dropped. The text must be safe already. False
 * at the end. */
bool view_wrap(struct str *rest, int cols, struct str *ret_line);
bool view_wrap_exact(struct str *rest, int cols, struct str *ret_line);

bool view_is_marked(const struct view_env *env, uint64_t id);

/* "0:48", "12:03" */
const char *view_minutes(char buf[16], uint64_t ms);
/* "18:07" or "18:07:31" in local time. */
const char *view_clock(char buf[16], int64_t unix_ms, bool seconds);
/* "812", "8.1k", "95s": at most four characters. */
const char *view_short(char buf[16], uint64_t n);

#endif
