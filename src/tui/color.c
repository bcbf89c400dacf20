/* color.c - see color.h. Distances are squared differences, as tmux and xterm measure them. */
#include "tui/color.h"

#include "pty/vt.h"

static const int STEPS[6] = {0, 0x5f, 0x87, 0xaf, 0xd7, 0xff};

static int nearest_step(int v)
{
    int best = 0;
    for (int i = 1; i < 6; i++)
        if ((v - STEPS[i]) * (v - STEPS[i]) < (v - STEPS[best]) * (v - STEPS[best]))
            best = i;
    return best;
}

static int distance(int r, int g, int b, int r2, int g2, int b2)
{
    return (r - r2) * (r - r2) + (g - g2) * (g - g2) + (b - b2) * (b - b2);
}

int color_rgb_to_256(uint32_t rgb)
{
    int r = (int)(rgb >> 16 & 255), g = (int)(rgb >> 8 & 255), b = (int)(rgb & 255);
    int ri = nearest_step(r), gi = nearest_step(g), bi = nearest_step(b);
    int mean = (r + g + b) / 3;
    int gray = mean < 8 ? 0 : mean > 238 ? 23 : (mean - 3) / 10;
    int level = 8 + 10 * gray;
    int cube = distance(r, g, b, STEPS[ri], STEPS[gi], STEPS[bi]);
    if (distance(r, g, b, level, level, level) < cube)
        return 232 + gray;
    return 16 + 36 * ri + 6 * gi + bi;
}

uint32_t color_256_rgb(int index)
{
    if (index >= 232) {
        uint32_t level = (uint32_t)(8 + 10 * (index - 232));
        return level << 16 | level << 8 | level;
    }
    int i = index - 16;
    return (uint32_t)STEPS[i / 36] << 16 | (uint32_t)STEPS[i / 6 % 6] << 8 |
           (uint32_t)STEPS[i % 6];
}

int color_256_to(int index, int colors)
{
    if (index < colors)
        return index;
    if (index < 16)
        return index & 7;
    uint32_t rgb = color_256_rgb(index);
    int r = (int)(rgb >> 16 & 255), g = (int)(rgb >> 8 & 255), b = (int)(rgb & 255);
    int base = (r > 127 ? 1 : 0) | (g > 127 ? 2 : 0) | (b > 127 ? 4 : 0);
    if (colors >= 16) {
        if (r > 191 || g > 191 || b > 191)
            base |= 8;
        else if (base == 0 && r + g + b > 192)
            base = 8; /* dark grey */
    }
    return base;
}

int color_map(uint32_t vt_color, int colors, int direct)
{
    uint32_t kind = vt_color >> 24;
    if (kind == 0)
        return -1;
    if (kind == 2) {
        uint32_t rgb = vt_color & 0xffffff;
        if (direct)
            return (int)(rgb < 256 ? rgb | 256 : rgb);
        return color_256_to(color_rgb_to_256(rgb), colors);
    }
    return color_256_to((int)(vt_color & 255), colors);
}
