/*
 * tell.h - what the user's terminal is told beside its cells: its title, notices on the
 * desktop, the order of characters. Composed here from words of the host and names the user
 * gave; no byte of an agent is ever in it.
 */
#ifndef SRC_TUI_TELL_H
#define SRC_TUI_TELL_H

#include "tui/frame.h"

#define TELL_TITLE 120 /* bytes of a title */

struct tell {
    enum frame_notice notice;
    bool titles;                /* the terminal has them */
    char title[TELL_TITLE + 1]; /* as sent */
    uint64_t title_at;
    bool unfocused; /* the terminal said so */
};

/* The bytes for a terminal that the screen appears on, and those that put it back. */
void tell_enter(struct tell *tell, const struct frame_config *config, struct buf *out);
void tell_leave(const struct tell *tell, struct buf *out);

/* Appends the title if it is another one, at most once a second: returns the milliseconds after
 * which to come again, 0: nothing is due. Text that is not safe is left out. */
uint64_t tell_title(struct tell *tell, const char *title, uint64_t now_ms, struct buf *out);

/* A notice on the desktop; false: this terminal has none, BEL is what it has. */
bool tell_notice(const struct tell *tell, const char *text, struct buf *out);

#endif
