/*
 * vt_osc.c - control strings: title, clipboard, and questions about colours and abilities.
 *
 * Everything else (files, images, palettes) is dropped and counted. A
 * reply never contains bytes that the agent chose, and the clipboard is never read.
 */
#include "pty/vt_internal.h"

#include <stdio.h>
#include <string.h>

#include "io/crypt.h"
#include "pty/vt_marks.h"

/* True: may stand in a title. */
static bool is_title_char(uint32_t cp)
{
    return cp >= 0x20 && cp != 0x7f && !(cp >= 0x80 && cp < 0xa0) && cp != 0x2028 &&
           cp != 0x2029 && (cp < 0xa0 || vt_char_kind(cp) == VT_CHAR_PLAIN);
}

static void set_title(struct vt *vt, struct str text)
{
    char title[sizeof(vt->title)];
    size_t n = 0;
    unsigned chars = 0;

    while (text.n && chars < VT_TITLE_CHARS) {
        uint32_t cp = 0;
        int len = utf8_decode(text.p, text.n, &cp);
        size_t step = len > 0 ? (size_t)len : 1;

        if (len > 0 && is_title_char(cp)) {
            memcpy(title + n, text.p, step);
            n += step;
            chars++;
        }
        text.p += step;
        text.n -= step;
    }
    title[n] = '\0';
    if (strcmp(title, vt->title) == 0)
        return;
    memcpy(vt->title, title, n + 1);
    if (vt->ops->on_title)
        vt->ops->on_title(vt->ctx, vt->title);
}

/* `selection;base64`. A query (`?`) gets no answer: the clipboard may hold a password. */
static void set_clipboard(struct vt *vt, struct str body)
{
    struct str selection;
    struct buf text = BUF_INIT;

    if (!str_cut(&body, ';', &selection) || !vt->ops->on_clipboard)
        return;
    if (crypt_base64_decode(body, &text) && buf_len(&text))
        vt->ops->on_clipboard(vt->ctx, buf_str(&text));
    buf_release(&text);
}

/* A shell's prompt begins where the cursor is; copy mode jumps from one to the next. */
static void mark_prompt(struct vt *vt)
{
    int row, col;

    vt_lib_cursor(vt, &row, &col);
    if (row >= 0 && row < vt->grid->rows)
        vt->grid->lines[row]->prompt = true;
}

static const char *terminator(bool ended_by_bell)
{
    return ended_by_bell ? "\a" : "\033\\";
}

/* "RRRR/GGGG/BBBB", as X writes a colour. */
static void report_colour(struct vt *vt, const char *what, uint32_t rgb, bool ended_by_bell)
{
    unsigned r = (rgb >> 16 & 255) * 257, g = (rgb >> 8 & 255) * 257, b = (rgb & 255) * 257;

    vt_reply(vt, "\033]%s;rgb:%04x/%04x/%04x%s", what, r, g, b, terminator(ended_by_bell));
}

/* `?` for one colour, `?;?` for it and the next: text, background, cursor. */
static void report_dynamic(struct vt *vt, unsigned code, struct str body, bool ended_by_bell)
{
    struct str part;
    bool more = true;

    for (; more && code <= 12; code++) {
        char what[4];

        more = str_cut(&body, ';', &part);
        if (!str_eq(part, STR("?")))
            return;
        snprintf(what, sizeof(what), "%u", code);
        report_colour(vt, what, code == 11 ? vt->back_color : vt->text_color, ended_by_bell);
    }
}

/* The palette that xterm starts with: the user's own is not known here. */
static uint32_t palette(unsigned i)
{
    static const uint32_t first[16] = {0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee,
            0xcd00cd, 0x00cdcd, 0xe5e5e5, 0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff,
            0xff00ff, 0x00ffff, 0xffffff};
    static const uint8_t steps[6] = {0, 0x5f, 0x87, 0xaf, 0xd7, 0xff};

    if (i < 16)
        return first[i];
    if (i >= 232)
        return (8 + 10 * (i - 232)) * 0x010101u;
    i -= 16;
    return (uint32_t)steps[i / 36] << 16 | (uint32_t)steps[i / 6 % 6] << 8 | steps[i % 6];
}

/* Pairs of a number and `?`. */
static void report_palette(struct vt *vt, struct str body, bool ended_by_bell)
{
    struct str number, question;
    uint64_t index = 0;

    for (int n = 0; n < 16 && str_cut(&body, ';', &number); n++) {
        char what[8];

        str_cut(&body, ';', &question);
        if (!str_eq(question, STR("?")) || !str_u64(number, 255, &index))
            return;
        snprintf(what, sizeof(what), "4;%u", (unsigned)index);
        report_colour(vt, what, palette((unsigned)index), ended_by_bell);
    }
}

/* --- questions as DCS ----------------------------------------------------------------------
 */

/* DECRQSS: what a setting is, as the sequence that would make it so. */
static void report_setting(struct vt *vt, struct str what)
{
    struct buf pen = BUF_INIT;

    if (str_eq(what, STR("m"))) {
        vt_sgr_text(vt, &pen);
        buf_putc(&pen, '\0');
        vt_reply(vt, "\033P1$r%sm\033\\", buf_data(&pen));
    } else if (str_eq(what, STR("r"))) {
        vt_reply(vt, "\033P1$r%d;%dr\033\\", vt->margin_top + 1, vt->margin_bottom);
    } else if (str_eq(what, STR(" q"))) {
        vt_reply(vt, "\033P1$r%d q\033\\",
                (vt->cursor_shape ? vt->cursor_shape : 1) * 2 - vt->cursor_blink);
    } else if (str_eq(what, STR("\"q"))) {
        vt_reply(vt, "\033P1$r%d\"q\033\\", vt->pen.attrs & VT_PROTECTED ? 1 : 0);
    } else {
        vt_reply(vt, "\033P0$r\033\\");
    }
    buf_release(&pen);
}

/* Names and values in hexadecimal, as they are sent. */
static const struct {
    const char *name, *value;
} abilities[] = {
        {"544e", "787465726d2d323536636f6c6f72"},     /* TN: xterm-256color */
        {"6e616d65", "787465726d2d323536636f6c6f72"}, /* name */
        {"436f", "323536"},                           /* Co: 256 */
        {"636f6c6f7273", "323536"},                   /* colors */
        {"524742", "382f382f38"},                     /* RGB: 8/8/8 */
        {"5463", NULL},                               /* Tc */
        {"5375", NULL},                               /* Su: styled underlines */
        {"536d756c78", "5c455b343a25703125646d"},     /* Smulx: \E[4:%p1%dm */
};

/* XTGETTCAP, one name after the other. */
static void report_abilities(struct vt *vt, struct str names)
{
    struct str name;
    bool more = true;

    while (more) {
        size_t i = 0, count = sizeof(abilities) / sizeof(abilities[0]);

        more = str_cut(&names, ';', &name);
        while (i < count && !str_eq_icase(name, str_of(abilities[i].name)))
            i++;
        if (i == count)
            vt_reply(vt, "\033P0+r\033\\");
        else if (abilities[i].value)
            vt_reply(vt, "\033P1+r%s=%s\033\\", abilities[i].name, abilities[i].value);
        else
            vt_reply(vt, "\033P1+r%s\033\\", abilities[i].name);
    }
}

void vt_on_dcs(void *ctx, struct str body)
{
    if (str_starts(body, STR("$q")))
        report_setting(ctx, (struct str){body.p + 2, body.n - 2});
    else if (str_starts(body, STR("+q")))
        report_abilities(ctx, (struct str){body.p + 2, body.n - 2});
    else
        vt_on_dropped(ctx, 'P');
}

void vt_on_osc(void *ctx, struct str body, bool ended_by_bell)
{
    struct vt *vt = ctx;
    struct str number;
    uint64_t code = 0;

    if (!str_cut(&body, ';', &number) || !str_u64(number, 9999, &code))
        return;
    switch (code) {
    case 0:
    case 1: /* an icon's name */
    case 2:
        set_title(vt, body);
        break;
    case 4:
        report_palette(vt, body, ended_by_bell);
        break;
    case 10:
    case 11:
    case 12:
        report_dynamic(vt, (unsigned)code, body, ended_by_bell);
        break;
    case 133:
        if (body.n && body.p[0] == 'A')
            mark_prompt(vt);
        break;
    case 52:
        set_clipboard(vt, body);
        break;
    case 8:
        vt_set_link(vt, body);
        break;
    case 9:
    case 99:
    case 777:
        vt_notice(vt, (unsigned)code, body);
        break;
    default:
        vt->dropped[code == 1337 ? VT_DROPPED_FILE : VT_DROPPED_OSC]++;
        break;
    }
}
