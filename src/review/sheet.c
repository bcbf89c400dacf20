/* sheet.c - see sheet.h. */
#include "review/sheet.h"

#include <stdarg.h>

#include "base/mem.h"

void text_make_safe(struct buf *out, struct str text)
{
    size_t spaces = 0;

    while (spaces < text.n && text.p[text.n - 1 - spaces] == ' ')
        spaces++;
    text.n -= spaces;
    for (bool more = true; more;) {
        struct str piece;

        more = str_cut(&text, '\t', &piece);
        size_t room = piece.n * 8 + 16; /* "<U+0001>" for one byte is the worst case */
        char *at = buf_reserve(out, room);
        str_vis(at, room, piece);
        buf_commit(out, strlen(at));
        if (more)
            buf_puts(out, "<TAB>");
    }
    while (spaces-- > 0)
        buf_puts(out, "<SP>");
}

static void done(struct sheet *sheet, const char *label, enum sheet_mark mark, size_t from)
{
    if (sheet->count == sheet->room) {
        sheet->room = sheet->room ? sheet->room * 2 : 32;
        sheet->lines = xrealloc(sheet->lines, sheet->room * sizeof(*sheet->lines));
    }
    sheet->lines[sheet->count++] =
            (struct sheet_line){label, mark, from, buf_len(&sheet->text) - from};
}

void sheet_add(struct sheet *sheet, const char *label, enum sheet_mark mark, struct str lead,
        struct str text)
{
    size_t from = buf_len(&sheet->text);

    buf_append_str(&sheet->text, lead);
    text_make_safe(&sheet->text, text);
    done(sheet, label, mark, from);
}

void sheet_printf(
        struct sheet *sheet, const char *label, enum sheet_mark mark, const char *fmt, ...)
{
    size_t from = buf_len(&sheet->text);
    char text[1024];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    buf_puts(&sheet->text, text);
    done(sheet, label, mark, from);
}

void sheet_add_lines(
        struct sheet *sheet, enum sheet_mark mark, struct str lead, struct str text)
{
    struct str line;

    while (text.n > 0) {
        str_cut(&text, '\n', &line);
        sheet_add(sheet, "", mark, lead, line);
    }
}

struct str sheet_text(const struct sheet *sheet, size_t index)
{
    const struct sheet_line *line = &sheet->lines[index];

    return (struct str){buf_data(&sheet->text) + line->at, line->n};
}

void sheet_release(struct sheet *sheet)
{
    buf_release(&sheet->text);
    free(sheet->lines);
    *sheet = (struct sheet){0};
}
