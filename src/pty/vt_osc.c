/*
 * vt_osc.c - operating system commands: title, clipboard, colours.
 *
 * Everything else (links, notifications, files, images, palettes) is dropped. A
 * reply never contains bytes that the agent chose, and the clipboard is never read.
 */
#include "pty/vt_internal.h"

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

static void report_colour(struct vt *vt, unsigned code, struct str body, bool ended_by_bell)
{
    /* What the outer terminal shows is not known here; agents ask to tell dark from light. */
    const char *colour = code == 10 ? "e5e5/e5e5/e5e5" : "0000/0000/0000";

    if (str_eq(body, STR("?")))
        vt_reply(vt, "\033]%u;rgb:%s%s", code, colour, ended_by_bell ? "\a" : "\033\\");
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
    case 2:
        set_title(vt, body);
        break;
    case 10:
    case 11:
        report_colour(vt, (unsigned)code, body, ended_by_bell);
        break;
    case 133:
        if (body.n && body.p[0] == 'A')
            mark_prompt(vt);
        break;
    case 52:
        set_clipboard(vt, body);
        break;
    default:
        break;
    }
}
