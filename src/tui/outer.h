/*
 * outer.h - what ncurses writes, made into what the user's terminal gets.
 *
 * ncurses knows neither underline styles nor characters of more than five code points, and it
 * moves on by the width that the C library tells. So it is given a description of a terminal
 * (terminfo.h) that has numbered pens and nothing else, and a character it would get wrong is
 * drawn as stand-ins: one of plane 16 for the left cell, OUTER_RIGHT for the right one. It
 * still finds the shortest way from one screen to the next; here pens become SGR, and a
 * stand-in becomes the character, with the cursor put where it has to be behind it.
 *
 *   OUTER_PEN number ';'     pen, in decimal; 0: the default
 *   U+100000 + number        character and the cursor one cell on
 *   OUTER_RIGHT              only the cursor one cell on: the character covers it
 */
#ifndef SRC_TUI_OUTER_H
#define SRC_TUI_OUTER_H

#include "tui/intern.h"
#include "tui/pen.h"

#define OUTER_PEN '\005'
#define OUTER_PEN_STR "\005"
#define OUTER_FIRST 0x100000u
#define OUTER_RIGHT 0x10fffdu

#define OUTER_PENS_MAX 0x7fffu
#define OUTER_CLUSTERS_MAX 0x3fffu

struct outer {
    struct pen_ability can;
    bool clusters; /* joined emoji are two cells there, too */
    struct intern pens, shapes;
    struct pen now; /* the terminal's pen */
};

void outer_init(struct outer *outer);
void outer_release(struct outer *outer);
/* Numbers get scarce: everything must be drawn anew after outer_forget(). */
bool outer_is_full(const struct outer *outer);
void outer_forget(struct outer *outer);

/* Number of a pen; 0: the default one, also when there is no number left. */
unsigned outer_pen(struct outer *outer, struct pen pen);
/* Stand-in for a wide character of `count` code points; 0: none left. */
uint32_t outer_shape(struct outer *outer, const uint32_t *cps, int count);

/* Appends. The terminal's pen is the default one before and after. */
void outer_translate(struct outer *outer, struct str bytes, struct buf *out);

#endif
