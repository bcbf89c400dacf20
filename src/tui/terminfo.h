/*
 * terminfo.h - the terminal description that ncurses works with, written by us.
 *
 * How to move, erase and scroll is as the user's terminal has it, or as every modern one does
 * (without what some lack: REP, erasing with the background colour). Colours and attributes
 * are none of ncurses' business: it has numbered pens, which outer.h makes into SGR.
 */
#ifndef SRC_TUI_TERMINFO_H
#define SRC_TUI_TERMINFO_H

#include "base/buf.h"

#define TERMINFO_NAME "ironcurtain"

/* String capability number `index` of the user's terminal; NULL: it has none. */
typedef const char *(*terminfo_lookup_fn)(int index);

/* Appends "hex:..." as ncurses takes it in $TERMINFO: the compiled entry, see term(5). lookup
 * NULL: a modern terminal. */
void terminfo_make(struct buf *ret, terminfo_lookup_fn lookup);

#endif
