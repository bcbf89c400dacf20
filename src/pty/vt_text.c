/*
 * vt_text.c - see vt_text.h. A line number is turned into a packed line of the history, of
 * the frozen screen or of the screens at rest here, and nowhere else.
 */
#include "pty/vt_text.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"
#include "pty/vt_internal.h"

struct vt_doc {
    const struct vt *vt;     /* borrows */
    struct vt_scroll screen; /* owns; the rows as they were */
    uint64_t base;           /* number of the first of them */
    int cursor_row, cursor_col;
    bool was_alternate;
};

/* Number that the next line of the history will get. */
static uint64_t history_end(const struct vt *vt)
{
    return VT_DOC_LIVE + vt->scroll.end;
}

struct vt_doc *vt_doc_open(const struct vt *vt)
{
    struct vt_doc *doc = xcalloc(1, sizeof(*doc));

    doc->vt = vt;
    doc->base = history_end(vt);
    doc->was_alternate = vt->modes.alt_screen;
    vt_scroll_init(&doc->screen, (unsigned)vt->grid->rows);
    doc->screen.max_bytes = SIZE_MAX; /* a screen has its limits */
    for (int row = 0; row < vt->grid->rows; row++)
        vt_scroll_push(&doc->screen, vt->grid->lines[row]);
    vt_lib_cursor(vt, &doc->cursor_row, &doc->cursor_col);
    return doc;
}

void vt_doc_close(struct vt_doc *doc)
{
    if (!doc)
        return;
    vt_scroll_clear(&doc->screen);
    free(doc);
}

static struct vt_range live_page(const struct vt_doc *doc)
{
    uint64_t first = VT_DOC_LIVE + vt_scroll_first(&doc->vt->scroll);

    return (struct vt_range){
            first < doc->base ? first : doc->base, doc->base + vt_scroll_rows_of(&doc->screen)};
}

static struct vt_range screen_page(const struct vt_rest_screen *screen)
{
    return (struct vt_range){screen->first, screen->first + (uint64_t)screen->rows};
}

struct vt_range vt_doc_page(const struct vt_doc *doc, uint64_t line)
{
    const struct vt_rest *rest = &doc->vt->rest;

    if (line >= VT_DOC_LIVE || rest->count == 0)
        return live_page(doc);

    const struct vt_rest_screen *screen = vt_rest_find(rest, line);
    return screen_page(screen ? screen : &rest->screens[0]);
}

struct vt_range vt_doc_turn(const struct vt_doc *doc, uint64_t line, int step)
{
    const struct vt_rest *rest = &doc->vt->rest;
    struct vt_range page = vt_doc_page(doc, line);
    unsigned at = 0;

    while (at < rest->count && rest->screens[at].first != page.first)
        at++;
    if (step < 0 && at > 0)
        return screen_page(&rest->screens[at - 1]);
    if (step > 0 && at < rest->count)
        return at + 1 < rest->count ? screen_page(&rest->screens[at + 1]) : live_page(doc);
    return page;
}

int64_t vt_doc_time(const struct vt_doc *doc, uint64_t line)
{
    const struct vt_rest_screen *screen =
            line < VT_DOC_LIVE ? vt_rest_find(&doc->vt->rest, line) : NULL;

    return screen ? screen->at_ms : 0;
}

struct vt_range vt_doc_rest(const struct vt_doc *doc)
{
    const struct vt_scroll *lines = &doc->vt->rest.lines;

    return (struct vt_range){
            doc->vt->rest.count ? doc->vt->rest.screens[0].first : lines->end, lines->end};
}

struct vt_range vt_doc_screen(const struct vt_doc *doc)
{
    return (struct vt_range){doc->base, doc->base + vt_scroll_rows_of(&doc->screen)};
}

uint64_t vt_doc_cursor(const struct vt_doc *doc, int *ret_col)
{
    *ret_col = doc->cursor_col;
    return doc->base + (uint64_t)doc->cursor_row;
}

uint64_t vt_doc_arrived(const struct vt_doc *doc)
{
    uint64_t before = doc->base, now = history_end(doc->vt);
    int row, col;

    /* Before a screen is full its new lines do not scroll anything away. */
    if (!doc->was_alternate && !doc->vt->modes.alt_screen) {
        vt_lib_cursor(doc->vt, &row, &col);
        before += (uint64_t)doc->cursor_row;
        now += (uint64_t)row;
    }
    return now > before ? now - before : 0;
}

/* --- lines ------------------------------------------------------------------------------ */

/* Where a line is kept; index beyond the count: nowhere. */
struct place {
    const struct vt_scroll *scroll;
    unsigned index;
};

static struct place place_in(const struct vt_scroll *scroll, uint64_t number)
{
    bool is_there = number >= vt_scroll_first(scroll) && number < scroll->end;

    return (struct place){scroll, is_there ? (unsigned)(scroll->end - 1 - number) : UINT_MAX};
}

static struct place find(const struct vt_doc *doc, uint64_t line)
{
    if (line < VT_DOC_LIVE)
        return place_in(&doc->vt->rest.lines, line);
    if (line < doc->base)
        return place_in(&doc->vt->scroll, line - VT_DOC_LIVE);
    return place_in(&doc->screen, line - doc->base);
}

int vt_doc_cells(const struct vt_doc *doc, uint64_t line, struct vt_cell *cells, int cols)
{
    struct place place = find(doc, line);

    return vt_scroll_get(place.scroll, place.index, cells, cols, NULL);
}

int vt_doc_extra(
        const struct vt_doc *doc, uint64_t line, int col, uint32_t out[VT_CELL_CHARS - 1])
{
    struct place place = find(doc, line);

    return vt_scroll_marks(place.scroll, place.index, col, out);
}

/* The last line of a screen at rest goes on nowhere. */
bool vt_doc_is_wrapped(const struct vt_doc *doc, uint64_t line)
{
    struct place place = find(doc, line);

    return vt_scroll_is_wrapped(place.scroll, place.index) &&
           (line >= VT_DOC_LIVE || line + 1 < vt_doc_page(doc, line).end);
}

bool vt_doc_is_prompt(const struct vt_doc *doc, uint64_t line)
{
    struct place place = find(doc, line);

    return vt_scroll_is_prompt(place.scroll, place.index);
}

void vt_doc_append(const struct vt_doc *doc, uint64_t line, int from, int to, struct buf *ret)
{
    struct place place = find(doc, line);

    vt_scroll_append(place.scroll, place.index, from, to, ret);
}

/* --- text over wrapped lines ------------------------------------------------------------ */

bool vt_doc_para_at(const struct vt_doc *doc, uint64_t line, struct vt_para *para)
{
    struct place place = find(doc, line);
    bool is_plain = vt_scroll_text(place.scroll, place.index, &para->text);

    if (place.index >= vt_scroll_rows_of(place.scroll))
        return false;
    para->first = line;
    para->rows = 1;
    para->at[0] = 0;
    para->at[1] = para->text.n;
    if (is_plain && !vt_doc_is_wrapped(doc, line))
        return true;

    buf_clear(&para->joined);
    vt_doc_append(doc, line, 0, LIMIT_VT_COLS, &para->joined);
    para->at[1] = buf_len(&para->joined);
    while (para->rows < VT_PARA_ROWS && vt_doc_is_wrapped(doc, line + para->rows - 1)) {
        vt_doc_append(doc, line + para->rows, 0, LIMIT_VT_COLS, &para->joined);
        para->at[++para->rows] = buf_len(&para->joined);
    }
    para->text = buf_str(&para->joined);
    return true;
}

bool vt_doc_para(const struct vt_doc *doc, uint64_t line, struct vt_para *para)
{
    uint64_t first = line;

    while (first > 0 && line - first < VT_PARA_ROWS - 1 && vt_doc_is_wrapped(doc, first - 1))
        first--;
    return vt_doc_para_at(doc, first, para);
}

uint64_t vt_para_place(
        const struct vt_doc *doc, const struct vt_para *para, size_t at, int *ret_col)
{
    unsigned row = 0;

    while (row + 1 < para->rows && para->at[row + 1] <= at)
        row++;

    struct place place = find(doc, para->first + row);
    *ret_col = vt_scroll_column(place.scroll, place.index, at - para->at[row]);
    return para->first + row;
}

size_t vt_para_offset(
        const struct vt_doc *doc, const struct vt_para *para, uint64_t line, int col)
{
    unsigned row = line - para->first < para->rows ? (unsigned)(line - para->first) : 0;
    struct buf before = BUF_INIT;

    vt_doc_append(doc, line, 0, col, &before);
    size_t at = para->at[row] + buf_len(&before);
    buf_release(&before);
    return at < para->at[row + 1] ? at : para->at[row + 1];
}

void vt_para_release(struct vt_para *para)
{
    buf_release(&para->joined);
}
