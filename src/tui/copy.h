/*
 * copy.h - copy mode without its screen: a frozen text, a cursor in it, a selection, a search.
 *
 * Lines are those of pty/vt_text.h. The view never moves by itself: what the agent prints
 * meanwhile is counted, and lines that fall out of the history at the top are gone from it.
 * Nothing here draws, waits or knows keys; ui_copy.c is in front of it, v_copy.c draws it.
 *
 *     copy_open(&copy, vt, 80, 24);
 *     copy_move(&copy, COPY_WORD, 3);
 *     copy_select(&copy, COPY_CHARS);
 *     copy_take(&copy, &text);
 *     copy_close(&copy);
 */
#ifndef SRC_TUI_COPY_H
#define SRC_TUI_COPY_H

#include "pty/vt_text.h"
#include "tui/keymap.h"

#define COPY_PATTERN 256 /* bytes of a search; nobody types more */

struct copy_pos {
    uint64_t line;
    int col;
};

enum copy_kind { COPY_NOTHING, COPY_CHARS, COPY_LINES, COPY_BLOCK };

struct copy_search {
    char text[COPY_PATTERN + 1]; /* UTF-8 */
    size_t len;
    int step;  /* 1 downwards, -1 upwards */
    bool fold; /* no capital in it: letters of both cases match */
    bool ascii;
    uint32_t cps[COPY_PATTERN]; /* its characters */
    unsigned cp_count;
    char begins[2]; /* the first byte that a match may have, in either case */

    /* Lines in which hits begin, ascending, and how many hits they hold. */
    uint64_t *lines; /* owns */
    size_t count, cap;
    uint64_t hits;

    bool running; /* not all of the text has been looked at */
    bool seek;    /* then the cursor goes to the first hit from the origin */
    uint64_t next, end;
    struct copy_pos origin; /* where the cursor was when it was opened */
    uint64_t origin_top;
};

struct copy {
    struct vt_doc *doc;    /* owns; NULL: closed */
    const struct vt *vt;   /* borrows */
    struct vt_cell *cells; /* owns; one line, LIMIT_VT_COLS of them */
    uint64_t cells_line;   /* which */
    int cells_count;       /* 0 with cells_line 0: none yet */
    int cols, rows;        /* of the view */
    uint64_t top;          /* first line shown */
    struct copy_pos cursor;
    int want_col;           /* where up and down would like to be */
    struct copy_pos anchor; /* the selection's other end */
    enum copy_kind kind;
    struct copy_search search;
    struct vt_para para; /* scratch */
};

void copy_open(struct copy *copy, const struct vt *vt, int cols, int rows);
void copy_close(struct copy *copy);
/* The view has this size now. */
void copy_fit(struct copy *copy, int cols, int rows);

/* Around a vt_resize(), which gives lines other numbers: the text is frozen anew, and the
 * cursor goes back to the line of text it was in. */
uint64_t copy_place(struct copy *copy);
void copy_reopen(struct copy *copy, uint64_t place);

/* One of COPY_LEFT ... COPY_FIND_PREVIOUS but those for prompts, so many times. */
void copy_move(struct copy *copy, enum action_id id, unsigned times);
/* The cursor goes there, the view follows as little as it can. */
void copy_go(struct copy *copy, struct copy_pos pos);
/* The view by so many lines, the cursor stays inside. */
void copy_scroll(struct copy *copy, int lines);
/* The next line that `is_prompt` says yes to in that direction. False: there is none. */
bool copy_jump(struct copy *copy, int step,
        bool (*is_prompt)(void *ctx, struct copy *copy, uint64_t line), void *ctx);
/* The cells of a line; *ret_count of them hold something. Valid until the next call. */
const struct vt_cell *copy_cells(struct copy *copy, uint64_t line, int *ret_count);
/* Lines between the view and the live screen; 0: the newest line is in it. */
uint64_t copy_above(const struct copy *copy);

/* --- copy_select.c ----------------------------------------------------------------------- */

/* Start one of this kind at the cursor; with the same kind again: none. */
void copy_select(struct copy *copy, enum copy_kind kind);
void copy_select_nothing(struct copy *copy);
/* From there to there, both included. */
void copy_select_range(struct copy *copy, struct copy_pos from, struct copy_pos to);
/* The word at this place, a URL or a path whole; the line with all it wraps to. */
void copy_select_word(struct copy *copy, struct copy_pos pos);
void copy_select_line(struct copy *copy, struct copy_pos pos);
void copy_other_end(struct copy *copy);
/* Columns [from,to) of the line are selected. */
bool copy_selected(struct copy *copy, uint64_t line, int *ret_from, int *ret_to);
/* The text. False: nothing is selected, or it is longer than LIMIT_COPY. */
bool copy_take(struct copy *copy, struct buf *ret);

/* --- copy_search.c ----------------------------------------------------------------------- */

/* Opens a search that starts at the cursor. */
void copy_search_open(struct copy *copy, int step);
/* What is searched for; looking begins anew. */
void copy_search_set(struct copy *copy, struct str text);
/* Look for at most so long; true: all is known, and if the search is still where it began,
 * the cursor is on the first hit. */
bool copy_search_run(struct copy *copy, uint64_t max_ns);
/* The next hit from the cursor in that direction, around the ends. False: there is none. */
bool copy_search_step(struct copy *copy, int step);
/* Give it up: the cursor is where it was when the search was opened. */
void copy_search_cancel(struct copy *copy);
/* The next match at or after *at in a text: [*at, *ret_end). */
bool copy_search_match(
        const struct copy_search *search, struct str text, size_t *at, size_t *ret_end);
void copy_search_release(struct copy_search *search);

#endif
