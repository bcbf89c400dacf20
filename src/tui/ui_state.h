/*
 * ui_state.h - the inside of struct ui, for ui.c (object, layout, frames), ui_keys.c (modes
 * and keys) and ui_gate.c (reviews and decisions) only.
 */
#ifndef SRC_TUI_UI_STATE_H
#define SRC_TUI_UI_STATE_H

#include "io/loop.h"
#include "io/tty.h"
#include "tui/chrome.h"
#include "tui/input.h"
#include "tui/layout.h"
#include "tui/tell.h"
#include "tui/ui.h"
#include "tui/v_review.h"
#include "tui/view.h"

/* What must be drawn anew. */
#define DIRTY_PANE 1u   /* changed rows of the agent */
#define DIRTY_PANELS 2u /* panels, overlays, reviews */
#define DIRTY_CHROME 4u /* the two rows */
#define DIRTY_WORDS 8u  /* YOUR WORDS only: after keys for the agent, a little later */
#define DIRTY_ALL 16u

#define UI_DECISIONS 8 /* decisions of which the record is awaited for a message */

/* What the terminal was told beside drawing, and what it answered; see ui_outer.c. */
struct outer {
    bool kitty;      /* it knows the kitty keyboard protocol */
    bool other_keys; /* it knows modifyOtherKeys */
    bool has_fg, has_bg;
    uint32_t fg, bg; /* its colours, 0xRRGGBB */
    unsigned mouse;  /* as told: 0, 1002 or 1003 */
    unsigned flags;  /* as told, of the kitty protocol */
    bool pushed;     /* they stand on the terminal's stack */
    unsigned modify; /* as told, of modifyOtherKeys */
};

/* Who gets the mouse from a press to its release. */
enum mouse_grab { GRAB_NOBODY, GRAB_AGENT, GRAB_EDGE, GRAB_SELECT };

struct mouse {
    bool taken; /* else it is the terminal's, by configuration */
    bool given; /* or by the user's key, who selects: the column is away */
    enum mouse_grab grab;
    unsigned button; /* that the agent got */
    bool selecting;
    unsigned clicks; /* so many at this place in a row */
    int row, col;
    uint64_t click_at, clicked_id;
};

/* An approval of high risk that can still be taken back. */
struct ui_undo {
    uint64_t id; /* 0: none */
    int number;
    char digest[65];
    char policy_version[17];
    struct draft draft;
    struct buf edited; /* owns; as in struct review */
    enum risk edited_risk;
};

/* What was asked for and is done when the same key comes again. */
enum ui_asked { ASKED_NOTHING, ASKED_QUIT, ASKED_STOP, ASKED_DENY };

struct ui {
    struct ui_config config; /* what it points to is borrowed */
    struct tty *tty;         /* owns */
    struct frame *frame;     /* owns */
    struct session *session; /* borrows; may be NULL */
    struct input input;
    struct outer outer;
    struct mouse mouse;
    struct layout layout;
    int cols, rows;

    enum ui_mode mode;
    bool prefix;      /* the prefix key was pressed, one key follows */
    bool prefix_list; /* and so long ago that the list of keys is shown */
    enum ui_asked asked;
    bool column;   /* panels are switched on */
    int side_cols; /* of the column as the user wants it; 0: by the rules */
    bool zoom_pane, zoom_panel;
    enum panel open; /* what the accordion and the dock show */
    struct chrome_hits hits;
    struct view panels[PANEL_COUNT];
    struct view help, messages_view, links_view, clipboard_view, expired_view, rules_view;
    struct rules_list rules;
    struct rules_job *rules_job;  /* the one whose end is awaited, or NULL */
    struct revoke_wait *revoking; /* same */
    struct links links;
    struct offer offer;
    struct review review;
    struct reading *reading;         /* owns, unless the job is a check of it */
    struct reading_job *reading_job; /* the one whose end is awaited, or NULL */
    struct group_job *group_job;     /* same */
    struct past_job *past_job;       /* same */
    struct ui_copy *copy;            /* owns */

    /* The read(2) being handled. */
    unsigned read_keys;
    bool read_discard;      /* a review was opened in it: the rest is dropped */
    enum action_id pending; /* ACT_APPROVE or ACT_DENY, done when nothing follows it */
    bool has_pending;
    struct buf agent_bytes; /* owns; ordinary keys for the agent, sent in one piece */
    struct buf paste;       /* owns; at most LIMIT_PASTE */
    bool paste_cut;
    uint32_t taken_key; /* pressed for the host: its release is not the agent's */
    uint64_t focus_at;  /* when the terminal got the focus; 0: a click came since */
    unsigned wait_id;   /* which held-back sequence the timer runs for */
    unsigned strays;    /* keys typed into a review */
    uint64_t stray_at;

    /* The gate. */
    uint64_t decided[UI_DECISIONS]; /* 0: free */
    struct ui_undo undo;
    struct marks marks;
    unsigned waiting_before;
    uint64_t rang_at;
    uint64_t called_id; /* rung for again, because its time runs out */
    bool ring;          /* BEL goes out with the next frame */
    uint64_t agent_rang_at;
    struct tell tell;
    char notice[160]; /* goes out with the next frame */

    /* Frames. */
    unsigned dirty;
    uint64_t frame_at, key_at, hold_at;
    uint64_t credit, credit_at; /* see frame_wait() */
    struct vt_cursor cursor;    /* as drawn last */
    struct buf out;             /* owns; the frame being made */
    struct loop_hook hook;
    struct timer *frame_timer, *words_timer, *esc_timer, *tick_timer, *commit_timer,
            *undo_timer, *resize_timer, *prefix_timer, *title_timer, *clock_timer; /* own */
};

uint64_t ui_now(const struct ui *ui);
/* Mark and draw at the end of this turn. */
void ui_touch(struct ui *ui, unsigned dirty);
void ui_relayout(struct ui *ui);
struct view_env ui_env(struct ui *ui);
/* The view of a mode, or NULL (AGENT, REVIEW). */
struct view *ui_view(struct ui *ui, enum ui_mode mode);
/* The view that covers the middle, or NULL. */
struct view *ui_overlay(struct ui *ui);
/* The column gets this width, as far as there is room. */
void ui_column_width(struct ui *ui, int cols);
bool ui_agent_lives(const struct ui *ui);
/* The tab that is shown, or NULL. */
const struct tab *ui_tab(const struct ui *ui);

/* ui_keys.c */
void ui_bytes(struct ui *ui, struct str bytes);
void ui_held_keys(struct ui *ui);
void ui_set_mode(struct ui *ui, enum ui_mode mode);
/* Its bytes leave at the end of the read. */
void ui_key_to_agent(struct ui *ui, const struct key *key);
void ui_cancel_prefix(struct ui *ui);
/* With the next key or click the message in the last row has been seen. */
void ui_message_seen(struct ui *ui);

/* ui_mouse.c */
void ui_mouse(struct ui *ui, const struct vt_mouse *mouse);
void ui_mouse_toggle(struct ui *ui);

/* ui_outer.c: appended to ui->out */
void ui_outer_enter(struct ui *ui);
void ui_outer_sync(struct ui *ui);
void ui_outer_leave(struct ui *ui);
void ui_outer_reply(struct ui *ui, const struct key *key);
/* The shown session learns the terminal's colours. */
void ui_outer_colors(struct ui *ui);

/* ui_tabs.c */
void ui_tab_number(struct ui *ui, unsigned number);
void ui_tab_beside(struct ui *ui, int step);
void ui_tab_previous(struct ui *ui);
void ui_tab_needing(struct ui *ui);
void ui_tab_stop(struct ui *ui);

/* ui_offers.c */
void ui_offer_clipboard(struct ui *ui);
void ui_offer_refuse(struct ui *ui, bool all);
void ui_offer_links(struct ui *ui);
void ui_offer_open(struct ui *ui);
void ui_offers_release(struct ui *ui);
/* Appended to ui->out: the title if it is due; the notice, if there is one. */
void ui_tell_title(struct ui *ui);
void ui_tell_flush(struct ui *ui);
/* A notice is due: requests wait. */
void ui_tell_waiting(struct ui *ui);

/* ui_copy.c: rows and columns are those of the pane, from 0. */
struct ui_copy *ui_copy_new(struct ui *ui);
void ui_copy_free(struct ui_copy *ui_copy);
/* What is read is the session shown now; false: there is nothing to read. */
bool ui_copy_open(struct ui *ui);
/* Another mode is entered, or another session shown. */
void ui_copy_close(struct ui *ui);
void ui_copy_act(struct ui *ui, enum action_id id);
/* A digit of a count, or text of a search: done with it. */
bool ui_copy_text(struct ui *ui, const struct key *key);
/* To where the user's copies go, which a message says. */
void ui_copy_out(struct ui *ui, struct str text);
void ui_copy_paste(struct ui *ui);
/* Gives the session this size, and what is read the lines' new numbers. */
void ui_copy_resize(struct ui *ui, int cols, int rows);
/* The agent printed something; true: its pane is not what is shown. */
bool ui_copy_hides(struct ui *ui);
/* Draws instead of the agent's pane, or not. */
bool ui_copy_draw(struct ui *ui, const struct view_env *env, struct rect area);
bool ui_copy_cursor(struct ui *ui, struct vt_cursor *ret);
/* For the last row: where we are, and at its end what arrived meanwhile. */
void ui_copy_note(struct ui *ui, struct buf *left, struct buf *right);
/* What goes to the terminal behind the next frame. */
void ui_copy_flush(struct ui *ui, struct buf *out);
/* The mouse: scroll (opens copy mode upwards, leaves it at the end downwards); press with one,
 * two or three clicks: a character, a word, a line; release copies what is selected. A drag
 * held beyond the upper or lower edge goes on by itself, until it is over in whatever way. */
void ui_copy_wheel(struct ui *ui, int lines);
void ui_copy_press(struct ui *ui, int row, int col, unsigned clicks);
void ui_copy_drag(struct ui *ui, int row, int col);
void ui_copy_drag_over(struct ui *ui);
void ui_copy_release(struct ui *ui);

/* ui_reading.c */
void ui_reading_start(struct ui *ui);
void ui_reading_drop(struct ui *ui);
void ui_reading_check(struct ui *ui);

/* ui_past.c: for the draft as it is now, if it is for always. */
void ui_past_start(struct ui *ui);
void ui_past_drop(struct ui *ui);

/* ui_group.c */
void ui_group_open(struct ui *ui);
/* To the next or previous member; false: there is no group. */
bool ui_group_step(struct ui *ui, int step);
void ui_group_tick(struct ui *ui);
/* Before the keeper is asked: may a commit key count? A message says why not. */
bool ui_group_may_commit(struct ui *ui, bool allow);
/* All that are ticked; false: there is no group. */
bool ui_group_decide(struct ui *ui, bool allow);
void ui_group_drop(struct ui *ui);

/* ui_rules.c */
void ui_rules_toggle(struct ui *ui);
void ui_rules_revoke(struct ui *ui);
void ui_rules_release(struct ui *ui);

/* ui_edit.c */
void ui_edit_open(struct ui *ui);
void ui_edit_close(struct ui *ui);
/* A key while the arguments are edited: true. */
bool ui_edit_key(struct ui *ui, const struct key *key);

/* ui_marks.c */
/* The same session, and the same tool or host. */
bool ui_is_alike(const struct gate_item *a, const struct gate_item *b);
/* ACT_MARK the selected, or not any more; ACT_MARK_ALIKE, ACT_MARK_SESSION: more of them. */
void ui_marks_set(struct ui *ui, enum action_id id);
/* Approving opens the first marked; denying asks once more, then denies them. */
void ui_marks_commit(struct ui *ui, bool allow);
/* Those that do not wait any more lose their mark. */
void ui_marks_prune(struct ui *ui);

/* ui_gate.c */
void ui_gate_remember(struct ui *ui, uint64_t id);
/* The item under review as the gate has it now, waiting or expired; NULL: it is gone. */
const struct gate_item *ui_gate_item(struct ui *ui);
/* A key while the message is written: true. */
bool ui_gate_writes(struct ui *ui, const struct key *key);
void ui_gate_new_code(struct ui *ui);
void ui_gate_write(struct ui *ui);
void ui_gate_view(struct ui *ui);
void ui_gate_hold(struct ui *ui);
void ui_gate_undo(struct ui *ui);
/* The selected of those that expired. */
void ui_gate_forget(struct ui *ui);
/* The time to take it back is over. */
void ui_gate_release(struct ui *ui);
void ui_gate_open_next(struct ui *ui);
void ui_gate_open(struct ui *ui, uint64_t id);
void ui_gate_open_beside(struct ui *ui, int step);
void ui_gate_close(struct ui *ui);
void ui_gate_commit(struct ui *ui, bool allow);
void ui_gate_letter(struct ui *ui, uint32_t cp);
/* Something in the queue changed: tombstones, bell, what became of decisions. */
void ui_gate_changed(struct ui *ui);
void ui_gate_tick(struct ui *ui);

#endif
