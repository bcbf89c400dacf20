/*
 * page.c - see page.h.
 */
#include "tui/page.h"

#include <stdarg.h>

#include "base/mem.h"
#include "tui/view.h"

void page_start(struct page *page, int width)
{
    buf_clear(&page->text);
    page->lines = 0;
    page->width = width;
}

void page_release(struct page *page)
{
    buf_release(&page->text);
    free(page->ended);
    *page = (struct page){0};
}

static void line_done(struct page *page, const struct style *style)
{
    if (page->lines == page->room) {
        page->room = page->room ? page->room * 2 : 64;
        page->ended = xrealloc(page->ended, (size_t)page->room * sizeof(*page->ended));
    }
    page->ended[page->lines++] = (struct page_line){buf_len(&page->text), style};
}

static void put(struct page *page, const char *label, struct str rest, bool exact,
        const struct style *style)
{
    struct str line;
    bool first = true;
    if (rest.n == 0) {
        buf_printf(&page->text, "%-*s", PAGE_LABEL_COLS, label);
        line_done(page, style);
    }
    while (exact ? view_wrap_exact(&rest, page->width - PAGE_LABEL_COLS, &line)
                 : view_wrap(&rest, page->width - PAGE_LABEL_COLS, &line)) {
        buf_printf(&page->text, "%-*s", PAGE_LABEL_COLS, first ? label : "");
        buf_append_str(&page->text, line);
        line_done(page, style);
        first = false;
    }
}

void page_add(struct page *page, const char *label, struct str text, bool exact)
{
    size_t spaces = 0;
    while (exact && spaces < text.n && text.p[text.n - 1 - spaces] == ' ')
        spaces++;
    text.n -= spaces;
    size_t cap = text.n * 8 + 16; /* <U+XXXX> for every byte, at the most */
    struct buf safe = BUF_INIT;
    str_vis(buf_reserve(&safe, cap), cap, text);
    buf_commit(&safe, strlen(buf_data(&safe)));
    for (size_t i = 0; i < spaces; i++)
        buf_puts(&safe, "<SP>");
    put(page, label, buf_str(&safe), exact, NULL);
    buf_release(&safe);
}

void page_add_safe(
        struct page *page, const char *label, struct str text, const struct style *style)
{
    put(page, label, text, true, style);
}

void page_printf(struct page *page, const char *label, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    page_add(page, label, str_of(text), false);
}

static struct str line_at(const struct page *page, int index)
{
    size_t from = index > 0 ? page->ended[index - 1].end : 0;
    return (struct str){buf_data(&page->text) + from, page->ended[index].end - from};
}

void page_draw(const struct page *page, struct frame *frame, struct rect r, int top)
{
    for (int row = 0; row < r.rows && top + row < page->lines; row++) {
        struct str line = line_at(page, top + row);
        struct str label = {line.p, line.n < PAGE_LABEL_COLS ? line.n : PAGE_LABEL_COLS};
        frame_text(frame, r.row + row, r.col, PAGE_LABEL_COLS, STYLE_BOLD, label);
        const struct style *style = page->ended[top + row].style;
        frame_text(frame, r.row + row, r.col + (int)label.n, r.cols - (int)label.n,
                style ? *style : STYLE_PLAIN, (struct str){line.p + label.n, line.n - label.n});
    }
}
