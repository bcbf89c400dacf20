/*
 * vt_sgr.c - colours and attributes.
 *
 * libvterm 0.1.4 knows neither dim nor conceal and mis-reads `38:2::r:g:b`, 0.3.3 does not know
 * dim; both read past their array on a short `38`. So the pen is kept here, for both alike.
 */
#include "pty/vt_internal.h"

static bool has_sub(const struct vtguard_csi *csi, unsigned i)
{
    return csi->sub >> i & 1;
}

static unsigned value(const struct vtguard_csi *csi, unsigned i)
{
    return i < csi->count && csi->param[i] > 0 ? (unsigned)csi->param[i] : 0;
}

static uint32_t rgb(unsigned r, unsigned g, unsigned b)
{
    return VT_COLOR_RGB(r > 255 ? 255 : r, g > 255 ? 255 : g, b > 255 ? 255 : b);
}

/* Last parameter of the group joined by colons that begins at i. */
static unsigned group_end(const struct vtguard_csi *csi, unsigned i)
{
    while (i + 1 < csi->count && has_sub(csi, i))
        i++;
    return i;
}

/*
 * 38 or 48 at *at: `;5;n`, `;2;r;g;b`, `:5:n`, `:2:r:g:b`, `:2:space:r:g:b` (perhaps with more
 * behind). Leaves *at on the last parameter it took. Something else leaves the colour alone.
 */
static void extended_colour(const struct vtguard_csi *csi, unsigned *at, uint32_t *colour)
{
    unsigned i = *at;
    unsigned end = group_end(csi, i);
    bool has_colons = end > i;
    unsigned kind = value(csi, i + 1);

    if (has_colons) {
        unsigned first = end - i >= 5 ? i + 3 : i + 2;

        *at = end;
        if (kind == 2 && end - i >= 4)
            *colour = rgb(value(csi, first), value(csi, first + 1), value(csi, first + 2));
        else if (kind == 5 && end - i >= 2 && value(csi, i + 2) < 256)
            *colour = VT_COLOR_INDEX(value(csi, i + 2));
        return;
    }
    *at = i + (kind == 2 ? 4 : kind == 5 ? 2 : 1);
    if (*at >= csi->count)
        *at = csi->count;
    else if (kind == 2)
        *colour = rgb(value(csi, i + 2), value(csi, i + 3), value(csi, i + 4));
    else if (kind == 5 && value(csi, i + 2) < 256)
        *colour = VT_COLOR_INDEX(value(csi, i + 2));
}

static void underline(const struct vtguard_csi *csi, unsigned *at, struct vt_cell *pen)
{
    static const uint16_t styles[] = {0, VT_UNDERLINE, VT_UNDERLINE_DOUBLE, VT_UNDERLINE_CURLY,
            VT_UNDERLINE, VT_UNDERLINE};
    unsigned end = group_end(csi, *at);
    unsigned style = end > *at ? value(csi, *at + 1) : 1;

    pen->attrs &= (uint16_t) ~(VT_UNDERLINE | VT_UNDERLINE_DOUBLE | VT_UNDERLINE_CURLY);
    if (style < sizeof(styles) / sizeof(styles[0]))
        pen->attrs |= styles[style];
    *at = end;
}

/* True: `code` was an attribute. */
static bool attribute(unsigned code, struct vt_cell *pen)
{
    static const struct {
        uint16_t set, clear;
    } codes[] = {[1] = {VT_BOLD, 0},
            [2] = {VT_DIM, 0},
            [3] = {VT_ITALIC, 0},
            [5] = {VT_BLINK, 0},
            [6] = {VT_BLINK, 0},
            [7] = {VT_REVERSE, 0},
            [8] = {VT_CONCEAL, 0},
            [9] = {VT_STRIKE, 0},
            [21] = {VT_UNDERLINE_DOUBLE, VT_UNDERLINE | VT_UNDERLINE_CURLY},
            [22] = {0, VT_BOLD | VT_DIM},
            [23] = {0, VT_ITALIC},
            [24] = {0, VT_UNDERLINE | VT_UNDERLINE_DOUBLE | VT_UNDERLINE_CURLY},
            [25] = {0, VT_BLINK},
            [27] = {0, VT_REVERSE},
            [28] = {0, VT_CONCEAL},
            [29] = {0, VT_STRIKE}};

    if (code >= sizeof(codes) / sizeof(codes[0]))
        return false;
    pen->attrs = (uint16_t)((pen->attrs & ~codes[code].clear) | codes[code].set);
    return true;
}

static void colour(unsigned code, struct vt_cell *pen)
{
    if (code >= 30 && code <= 37)
        pen->fg = VT_COLOR_INDEX(code - 30);
    else if (code == 39)
        pen->fg = VT_COLOR_DEFAULT;
    else if (code >= 40 && code <= 47)
        pen->bg = VT_COLOR_INDEX(code - 40);
    else if (code == 49)
        pen->bg = VT_COLOR_DEFAULT;
    else if (code >= 90 && code <= 97)
        pen->fg = VT_COLOR_INDEX(code - 90 + 8);
    else if (code >= 100 && code <= 107)
        pen->bg = VT_COLOR_INDEX(code - 100 + 8);
}

void vt_sgr(struct vt_cell *pen, const struct vtguard_csi *csi)
{
    if (csi->count == 0)
        *pen = (struct vt_cell){.width = 1};

    for (unsigned i = 0; i < csi->count; i++) {
        unsigned code = value(csi, i);
        uint32_t ignored = 0;

        if (code == 0)
            *pen = (struct vt_cell){.width = 1};
        else if (code == 4)
            underline(csi, &i, pen);
        else if (code == 38)
            extended_colour(csi, &i, &pen->fg);
        else if (code == 48)
            extended_colour(csi, &i, &pen->bg);
        else if (code == 58) /* colour of the underline: no place for it */
            extended_colour(csi, &i, &ignored);
        else if (!attribute(code, pen))
            colour(code, pen);
        i = group_end(csi, i);
    }
}
