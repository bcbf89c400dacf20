/*
 * v_review.h - REVIEW: one request, whole, over the full area; and what the user's keys mean.
 *
 * The review shows a copy of the item taken when it was opened, so that what is read cannot
 * change under the reader; commit.h compares it with what waits.
 */
#ifndef SRC_TUI_V_REVIEW_H
#define SRC_TUI_V_REVIEW_H

#include "gate/past.h"
#include "review/reading.h"
#include "tui/area_edit.h"
#include "tui/commit.h"
#include "tui/draft.h"
#include "tui/line_edit.h"
#include "tui/page.h"
#include "tui/view.h"

#define GROUP_MAX 16

struct group_member {
    uint64_t id;
    int number;
    char digest[65];
    char policy_version[17];
    char subject[120];
    bool ticked;
    bool seen;      /* to its end, behind the fence */
    char shown[65]; /* digest of what was shown then, of a call */
};

/* Alike requests that are decided together; see ui_group.c. */
struct group {
    struct group_member members[GROUP_MAX];
    unsigned count; /* 0: one request alone */
};

struct review {
    struct commit commit;
    const char *prefix;    /* borrows: name of the prefix key, or NULL: the default one */
    struct gate_item item; /* as it was when the review opened */
    char *detail;          /* owns; item.rec.detail */
    /* Of a tool call; NULL: it is being read still, or it is none. */
    const struct reading *reading; /* borrows from ui_reading.c */
    bool is_call;
    bool is_late;       /* it expired: what can be given is a late yes */
    bool as_json;       /* as received; nothing is approved from there */
    struct draft draft; /* what a commit key would do */
    struct group group; /* of which it is one */
    struct past *past;  /* owns; what its rules would have taken; NULL: not read (yet) */
    bool writes;        /* the message is being written */
    struct line_edit edit;
    /* The arguments in place of those asked for, on one line; empty: as asked. */
    struct buf edited; /* owns */
    enum risk asked_risk;
    uint32_t asked_hazards;
    bool edits; /* they are being edited */
    struct area_edit area;
    int cursor_row, cursor_col; /* while they are */
    bool draft_fits;            /* the rule it would become is on the screen whole */
    char words[512];            /* the user's latest words then, safe to print */
    bool words_pasted;
    int64_t words_age_ms; /* -1: none */
    bool names_in_words;  /* the host of the subject occurs in them */
    char ended[200];      /* tombstone: what became of it */
    struct page page;     /* what scrolls */
    struct page foot;     /* the draft: it does not */
    int what_end;         /* lines before this one belong to WHO and WHAT */
    int top;              /* first line shown */
    int height;           /* lines that fit, last time */
    int seen_to;          /* every line before this one was on the screen */
};

void review_init(struct review *review, uint32_t arm_ms);
void review_release(struct review *review);
void review_open(struct review *review, const struct gate *gate, const struct gate_item *item,
        const char code[2], struct words *words, int64_t wall_ms);

/* What is decided about is another text of the same item, with this digest. */
void review_bind(struct review *review, const char *digest, enum risk risk, uint32_t hazards);

/* What the user said, newest first, as one text. */
void review_words(struct words *words, struct buf *ret);
/* The call was read, or read anew: everything is to be seen again. */
void review_take(struct review *review, const struct reading *reading);

/* left_ms and age_ms of the live item; the rest is the copy. */
void review_draw(
        struct review *review, const struct view_env *env, struct rect area, uint64_t now_ms);
/* False: the action is no movement. */
bool review_move(struct review *review, enum action_id action);

#endif
