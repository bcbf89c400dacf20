/* pen.c - see pen.h. */
#include "tui/pen.h"

#include <string.h>

#include "tui/color.h"

static uint32_t reduce_color(uint32_t color, const struct pen_ability *can)
{
    if (can->colors == 0 && !can->direct)
        return VT_COLOR_DEFAULT;
    if (can->direct || color == VT_COLOR_DEFAULT)
        return color;
    return VT_COLOR_INDEX(color_map(color, can->colors, 0));
}

struct pen pen_reduce(struct pen pen, const struct pen_ability *can)
{
    unsigned line = pen.attrs & VT_UNDERLINE_MASK;

    pen.fg = reduce_color(pen.fg, can);
    pen.bg = reduce_color(pen.bg, can);
    pen.attrs &= can->attrs | VT_UNDERLINE_MASK;
    if (!can->styled && line)
        pen.attrs = (pen.attrs & ~(unsigned)VT_UNDERLINE_MASK) | (can->attrs & VT_UNDERLINE);
    pen.line = line && can->styled ? reduce_color(pen.line, can) : VT_COLOR_DEFAULT;
    return pen;
}

/* --- parameters of SGR ----------------------------------------------------------------------
 */

static char *put_number(char *p, unsigned n)
{
    if (n >= 100)
        *p++ = (char)('0' + n / 100);
    if (n >= 10)
        *p++ = (char)('0' + n / 10 % 10);
    *p++ = (char)('0' + n % 10);
    return p;
}

static char *put_param(char *p, unsigned n)
{
    p = put_number(p, n);
    *p++ = ';';
    return p;
}

static char *put_color(char *p, unsigned base, uint32_t color)
{
    unsigned kind = color >> 24, index = color & 255;

    if (kind == 0)
        return put_param(p, base + 9);
    if (kind == 1 && index < 16)
        return put_param(p, base + (index & 7) + (index & 8 ? 60 : 0));
    p = put_param(p, base + 8);
    if (kind == 1)
        return put_param(put_param(p, 5), index);
    p = put_param(p, 2);
    p = put_param(p, color >> 16 & 255);
    p = put_param(p, color >> 8 & 255);
    return put_param(p, color & 255);
}

/* With colons: a terminal that does not know 58 must not take its values for attributes. */
static char *put_line_color(char *p, uint32_t color)
{
    p = put_number(p, color >> 24 ? 58 : 59);
    if (color >> 24 == 1) {
        memcpy(p, ":5:", 3);
        p = put_number(p + 3, color & 255);
    } else if (color >> 24 == 2) {
        memcpy(p, ":2:", 3);
        p += 3;
        for (int shift = 16; shift >= 0; shift -= 8) {
            *p++ = ':';
            p = put_number(p, color >> shift & 255);
        }
    }
    *p++ = ';';
    return p;
}

static char *put_attrs(char *p, unsigned attrs)
{
    static const struct {
        uint16_t attr;
        uint8_t code;
    } codes[] = {{VT_BOLD, 1}, {VT_DIM, 2}, {VT_ITALIC, 3}, {VT_BLINK, 5}, {VT_REVERSE, 7},
            {VT_CONCEAL, 8}, {VT_STRIKE, 9}, {VT_OVERLINE, 53}};
    unsigned line = (attrs & VT_UNDERLINE_MASK) / VT_UNDERLINE;

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (attrs & codes[i].attr)
            p = put_param(p, codes[i].code);
    if (line == 0)
        return p;
    *p++ = '4';
    if (line > 1) {
        *p++ = ':';
        *p++ = (char)('0' + line);
    }
    *p++ = ';';
    return p;
}

/* Nothing is switched off alone but colours: old terminals know only the reset of all. */
void pen_change(struct buf *out, const struct pen *from, const struct pen *to)
{
    struct pen now = *from;
    char text[128];
    char *p = text;
    unsigned lost = now.attrs & ~to->attrs & 0xffff;

    *p++ = '\033';
    *p++ = '[';
    if (lost || (to->fg == 0 && to->bg == 0 && to->line == 0 && to->attrs == 0)) {
        if (memcmp(from, to, sizeof(now)) == 0)
            return;
        now = (struct pen){0};
        *p++ = ';';
    }
    if (now.attrs != to->attrs)
        p = put_attrs(p, to->attrs & (~now.attrs | VT_UNDERLINE_MASK));
    if (now.fg != to->fg)
        p = put_color(p, 30, to->fg);
    if (now.bg != to->bg)
        p = put_color(p, 40, to->bg);
    if (now.line != to->line)
        p = put_line_color(p, to->line);
    if (p == text + 2)
        return;
    p[-1] = 'm'; /* instead of the last ';' */
    buf_append(out, text, (size_t)(p - text));
}
