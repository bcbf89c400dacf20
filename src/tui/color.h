/*
 * color.h - colours of the pane reduced to what the terminal can show. Pure.
 */
#ifndef SRC_TUI_COLOR_H
#define SRC_TUI_COLOR_H

#include <stdint.h>

/* Nearest entry of the 256-colour palette, never one of the first 16: the user sets those. */
int color_rgb_to_256(uint32_t rgb);
/* Entry of the 256-colour palette to one of 8 or 16. */
int color_256_to(int index, int colors);
/* RGB value of palette entries 16 to 255. */
uint32_t color_256_rgb(int index);

/*
 * A VT_COLOR_* value for a terminal with `colors` colours: -1 for the default, an index, or,
 * when direct is set, 0xRRGGBB for RGB (never below 256, where the palette is).
 */
int color_map(uint32_t vt_color, int colors, int direct);

#endif
