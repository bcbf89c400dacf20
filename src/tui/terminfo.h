/*
 * terminfo.h - a terminal description with 24-bit colour, written by us.
 *
 * ncurses can do true colour only under a direct-colour description, and those of the
 * distribution (xterm-direct) know no palette beyond 8 colours, lie in a package of their own
 * and differ between terminals. A terminal that says COLORTERM=truecolor understands what
 * every modern one does; this entry says just that, without what some of them lack (REP,
 * erasing with the background colour). Colours 0 to 255 are the palette, above is 0xRRGGBB.
 */
#ifndef SRC_TUI_TERMINFO_H
#define SRC_TUI_TERMINFO_H

#include "base/buf.h"

#define TERMINFO_DIRECT_NAME "ironcurtain-direct"

/* Appends "hex:..." as ncurses takes it in $TERMINFO: the compiled entry, see term(5). */
void terminfo_direct(struct buf *ret);

#endif
