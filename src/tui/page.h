/*
 * page.h - text that scrolls: paragraphs behind labels, as lines for one width.
 *
 * Everything put in is made safe to show first; a line is found by its number at once, so that
 * a text of a megabyte draws like one of a kilobyte.
 */
#ifndef SRC_TUI_PAGE_H
#define SRC_TUI_PAGE_H

#include "base/buf.h"
#include "tui/frame.h"
#include "tui/layout.h"

#define PAGE_LABEL_COLS 8

struct page_line {
    size_t end;                /* in the text; it begins where the one before ends */
    const struct style *style; /* borrows; NULL: plain */
};

struct page {
    struct buf text;         /* owns; the lines, one behind the other */
    struct page_line *ended; /* owns */
    int lines, room;
    int width; /* 0: to be made */
};

/* Empty, for lines of `width` columns. */
void page_start(struct page *page, int width);
/* A paragraph; its further lines are indented like the first. `exact`: no space is dropped
 * where a line is cut, and those at the end are shown. */
void page_add(struct page *page, const char *label, struct str text, bool exact);
void page_printf(struct page *page, const char *label, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* Of a text that is safe to show already: every space counts, and none is shown as more. */
void page_add_safe(
        struct page *page, const char *label, struct str text, const struct style *style);
/* From line `top` on. */
void page_draw(const struct page *page, struct frame *frame, struct rect r, int top);
void page_release(struct page *page);

#endif
