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
            VT_UNDERLINE_DOTTED, VT_UNDERLINE_DASHED};
    unsigned end = group_end(csi, *at);
    unsigned style = end > *at ? value(csi, *at + 1) : 1;

    if (style < sizeof(styles) / sizeof(styles[0]))
        pen->attrs = (uint16_t)((pen->attrs & ~VT_UNDERLINE_MASK) | styles[style]);
    *at = end;
}

/* Its place in the table; 0: the colour of the text, also when the table is full. */
static unsigned underline_color(struct vt *vt, uint32_t colour)
{
    unsigned count = vt->underline_color_count;

    if (colour == VT_COLOR_DEFAULT)
        return 0;
    for (unsigned i = 0; i < count; i++)
        if (vt->underline_colors[i] == colour)
            return i + 1;
    if (count == VT_UNDERLINE_COLORS)
        return 0;
    vt->underline_colors[count] = colour;
    return ++vt->underline_color_count;
}

static void set_underline_color(struct vt *vt, uint32_t colour)
{
    unsigned index = underline_color(vt, colour);
    unsigned rest = vt->pen.attrs & ((1u << VT_UNDERLINE_COLOR_SHIFT) - 1);

    vt->pen.attrs = (uint16_t)(rest | index << VT_UNDERLINE_COLOR_SHIFT);
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
            [21] = {VT_UNDERLINE_DOUBLE, VT_UNDERLINE_MASK},
            [22] = {0, VT_BOLD | VT_DIM},
            [23] = {0, VT_ITALIC},
            [24] = {0, VT_UNDERLINE_MASK},
            [25] = {0, VT_BLINK},
            [27] = {0, VT_REVERSE},
            [28] = {0, VT_CONCEAL},
            [29] = {0, VT_STRIKE},
            [53] = {VT_OVERLINE, 0},
            [55] = {0, VT_OVERLINE}};

    if (code >= sizeof(codes) / sizeof(codes[0]) || !(codes[code].set | codes[code].clear))
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

/* SGR 0 leaves the protection of DECSCA alone. */
static void reset_pen(struct vt_cell *pen)
{
    *pen = (struct vt_cell){.width = 1, .attrs = pen->attrs & VT_PROTECTED, .link = pen->link};
}

void vt_sgr(struct vt *vt, const struct vtguard_csi *csi)
{
    struct vt_cell *pen = &vt->pen;

    if (csi->count == 0)
        reset_pen(pen);

    for (unsigned i = 0; i < csi->count; i++) {
        unsigned code = value(csi, i);
        uint32_t line_colour = vt_underline_color(vt, pen->attrs);

        if (code == 0)
            reset_pen(pen);
        else if (code == 4)
            underline(csi, &i, pen);
        else if (code == 38)
            extended_colour(csi, &i, &pen->fg);
        else if (code == 48)
            extended_colour(csi, &i, &pen->bg);
        else if (code == 58)
            extended_colour(csi, &i, &line_colour);
        else if (code == 59)
            line_colour = VT_COLOR_DEFAULT;
        else if (!attribute(code, pen))
            colour(code, pen);
        if (code == 58 || code == 59)
            set_underline_color(vt, line_colour);
        i = group_end(csi, i);
    }
}

static void colour_text(unsigned code, uint32_t colour, struct buf *ret)
{
    if (colour >> 24 == 2)
        buf_printf(ret, ";%u:2::%u:%u:%u", code, colour >> 16 & 255, colour >> 8 & 255,
                colour & 255);
    else if (colour >> 24 == 1 && (colour & 255) >= 16)
        buf_printf(ret, ";%u:5:%u", code, colour & 255);
    else if (colour >> 24 == 1 && code == 58)
        buf_printf(ret, ";58:5:%u", colour & 255);
    else if (colour >> 24 == 1)
        buf_printf(ret, ";%u", code - 8 + (colour & 7) + (colour & 8 ? 60 : 0));
}

void vt_sgr_text(const struct vt *vt, struct buf *ret)
{
    static const struct {
        uint16_t mask, is;
        const char *text;
    } attrs[] = {{VT_BOLD, VT_BOLD, ";1"}, {VT_DIM, VT_DIM, ";2"}, {VT_ITALIC, VT_ITALIC, ";3"},
            {VT_UNDERLINE_MASK, VT_UNDERLINE, ";4"},
            {VT_UNDERLINE_MASK, VT_UNDERLINE_DOUBLE, ";4:2"},
            {VT_UNDERLINE_MASK, VT_UNDERLINE_CURLY, ";4:3"},
            {VT_UNDERLINE_MASK, VT_UNDERLINE_DOTTED, ";4:4"},
            {VT_UNDERLINE_MASK, VT_UNDERLINE_DASHED, ";4:5"}, {VT_BLINK, VT_BLINK, ";5"},
            {VT_REVERSE, VT_REVERSE, ";7"}, {VT_CONCEAL, VT_CONCEAL, ";8"},
            {VT_STRIKE, VT_STRIKE, ";9"}, {VT_OVERLINE, VT_OVERLINE, ";53"}};

    buf_putc(ret, '0');
    for (size_t i = 0; i < sizeof(attrs) / sizeof(attrs[0]); i++)
        if ((vt->pen.attrs & attrs[i].mask) == attrs[i].is)
            buf_puts(ret, attrs[i].text);
    colour_text(38, vt->pen.fg, ret);
    colour_text(48, vt->pen.bg, ret);
    colour_text(58, vt_underline_color(vt, vt->pen.attrs), ret);
}
