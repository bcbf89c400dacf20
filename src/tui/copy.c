/*
 * copy.c - see copy.h: what is shown, and how the cursor moves in it.
 *
 * The page (history and screen, or one screen at rest) is that of the cursor's line. Every
 * movement ends in settle(), which keeps the cursor on a character of the page and the view
 * around the cursor.
 */
#include "tui/copy.h"

#include <stdlib.h>
#include <wctype.h>

#include "base/limits.h"
#include "base/mem.h"

/* --- lines ------------------------------------------------------------------------------ */

const struct vt_cell *copy_cells(struct copy *copy, uint64_t line, int *ret_count)
{
    if (line != copy->cells_line || copy->cells_line == 0) {
        copy->cells_count = vt_doc_cells(copy->doc, line, copy->cells, LIMIT_VT_COLS);
        copy->cells_line = line;
    }
    *ret_count = copy->cells_count;
    return copy->cells;
}

static int line_cells(struct copy *copy, uint64_t line)
{
    int count;

    copy_cells(copy, line, &count);
    return count;
}

static struct vt_range page(const struct copy *copy)
{
    return vt_doc_page(copy->doc, copy->cursor.line);
}

/* The first line that may be at the top of the view. */
static uint64_t last_top(const struct copy *copy, struct vt_range range)
{
    uint64_t rows = (uint64_t)copy->rows;

    return range.end - range.first > rows ? range.end - rows : range.first;
}

uint64_t copy_above(const struct copy *copy)
{
    uint64_t last = last_top(copy, page(copy));

    return copy->top < last ? last - copy->top : 0;
}

/* --- the cursor stays on a character, the view around it ---------------------------------- */

static int clamp_col(struct copy *copy, struct copy_pos pos)
{
    int count;
    const struct vt_cell *cells = copy_cells(copy, pos.line, &count);
    int most = copy->kind == COPY_BLOCK ? copy->cols - 1 : count - 1;
    int col = pos.col < most ? pos.col : most;

    if (col < 0)
        return 0;
    return col > 0 && col < count && cells[col].width == 0 ? col - 1 : col;
}

static void settle_view(struct copy *copy)
{
    struct vt_range range = page(copy);
    uint64_t last = last_top(copy, range), rows = (uint64_t)copy->rows;

    if (copy->top > copy->cursor.line)
        copy->top = copy->cursor.line;
    if (copy->cursor.line >= copy->top + rows)
        copy->top = copy->cursor.line - rows + 1;
    if (copy->top < range.first)
        copy->top = range.first;
    if (copy->top > last)
        copy->top = last;
}

static void settle(struct copy *copy)
{
    struct vt_range range = page(copy);

    if (copy->cursor.line < range.first)
        copy->cursor.line = range.first;
    if (copy->cursor.line >= range.end)
        copy->cursor.line = range.end - 1;
    copy->cursor.col = clamp_col(copy, copy->cursor);
    settle_view(copy);
}

void copy_go(struct copy *copy, struct copy_pos pos)
{
    struct vt_range before = page(copy);

    copy->cursor = pos;
    if (page(copy).first != before.first)
        copy->kind = COPY_NOTHING; /* a selection does not reach over to another screen */
    settle(copy);
    copy->want_col = copy->cursor.col;
}

void copy_scroll(struct copy *copy, int lines)
{
    struct vt_range range = page(copy);
    uint64_t last = last_top(copy, range), up = lines < 0 ? (uint64_t)-lines : 0;

    if (lines < 0)
        copy->top = copy->top - range.first > up ? copy->top - up : range.first;
    else
        copy->top = last - copy->top > (uint64_t)lines ? copy->top + (uint64_t)lines : last;
    if (copy->cursor.line < copy->top)
        copy->cursor.line = copy->top;
    if (copy->cursor.line >= copy->top + (uint64_t)copy->rows)
        copy->cursor.line = copy->top + (uint64_t)copy->rows - 1;
    copy->cursor.col = copy->want_col;
    settle(copy);
}

/* --- open and close --------------------------------------------------------------------- */

static void freeze(struct copy *copy)
{
    copy->doc = vt_doc_open(copy->vt);
    copy->cells_line = 0;
    copy->cursor.line = vt_doc_cursor(copy->doc, &copy->cursor.col);
    copy->top = vt_doc_screen(copy->doc).first;
    settle(copy);
    copy->want_col = copy->cursor.col;
}

void copy_open(struct copy *copy, const struct vt *vt, int cols, int rows)
{
    *copy = (struct copy){.vt = vt, .cols = cols > 0 ? cols : 1, .rows = rows > 0 ? rows : 1};
    copy->cells = xcalloc(LIMIT_VT_COLS, sizeof *copy->cells);
    freeze(copy);
}

void copy_close(struct copy *copy)
{
    vt_doc_close(copy->doc);
    vt_para_release(&copy->para);
    copy_search_release(&copy->search);
    free(copy->cells);
    *copy = (struct copy){0};
}

void copy_fit(struct copy *copy, int cols, int rows)
{
    copy->cols = cols > 0 ? cols : 1;
    copy->rows = rows > 0 ? rows : 1;
    settle(copy);
}

/* Texts that end above the cursor; wrapping anew does not change their number. */
uint64_t copy_place(struct copy *copy)
{
    struct vt_range range = vt_doc_page(copy->doc, VT_DOC_LIVE);
    uint64_t place = 0;

    if (copy->cursor.line >= vt_doc_screen(copy->doc).first || copy->cursor.line < range.first)
        return UINT64_MAX;
    for (uint64_t line = range.first; line < copy->cursor.line; line++)
        place += !vt_doc_is_wrapped(copy->doc, line);
    return place;
}

void copy_reopen(struct copy *copy, uint64_t place)
{
    char pattern[COPY_PATTERN];
    size_t len = copy->search.len;

    memcpy(pattern, copy->search.text, len);
    vt_doc_close(copy->doc);
    copy->kind = COPY_NOTHING;
    freeze(copy);
    if (len > 0)
        copy_search_set(copy, (struct str){pattern, len});
    copy->search.seek = false;
    if (place == UINT64_MAX)
        return;

    struct vt_range range = page(copy);
    uint64_t line = range.first;
    for (; place > 0 && line + 1 < range.end; line++)
        place -= !vt_doc_is_wrapped(copy->doc, line);
    copy_go(copy, (struct copy_pos){line, 0});
}

/* --- characters and words --------------------------------------------------------------- */

enum class { CLASS_BLANK, CLASS_WORD, CLASS_OTHER };

static enum class class_at(struct copy *copy, struct copy_pos pos) {
    int count; const struct vt_cell *cells = copy_cells(copy, pos.line, &count);
    uint32_t cp = pos.col < count ? cells[pos.col].cp : 0;

    if (cp == 0 || cp == ' ') return CLASS_BLANK;
    if (cp < 0x80) return cp == '_' || char_is_alnum((char)cp) ? CLASS_WORD : CLASS_OTHER;
    return iswpunct((wint_t)cp) ? CLASS_OTHER : CLASS_WORD;
}

/* The character behind. *ret_break: a line ended between them. False: this is the last. */
static bool next_char(struct copy *copy, struct copy_pos *pos, bool *ret_break)
{
    int count;
    const struct vt_cell *cells = copy_cells(copy, pos->line, &count);
    int width = pos->col < count && cells[pos->col].width == 2 ? 2 : 1;

    *ret_break = false;
    if (pos->col + width < count) {
        pos->col += width;
        return true;
    }
    if (pos->line + 1 >= page(copy).end)
        return false;
    *ret_break = !vt_doc_is_wrapped(copy->doc, pos->line);
    *pos = (struct copy_pos){pos->line + 1, 0};
    return true;
}

static bool previous_char(struct copy *copy, struct copy_pos *pos, bool *ret_break)
{
    *ret_break = false;
    if (pos->col > 0) {
        pos->col--;
        pos->col = clamp_col(copy, *pos);
        return true;
    }
    if (pos->line <= page(copy).first)
        return false;
    pos->line--;
    *ret_break = !vt_doc_is_wrapped(copy->doc, pos->line);
    pos->col = clamp_col(copy, (struct copy_pos){pos->line, LIMIT_VT_COLS});
    return true;
}

static void word_forward(struct copy *copy)
{
    struct copy_pos pos = copy->cursor;
    enum class class = class_at(copy, pos);
    bool broke = false, more = true;

    while (class != CLASS_BLANK && more && !broke && class_at(copy, pos) == class)
        more = next_char(copy, &pos, &broke);
    while (more && class_at(copy, pos) == CLASS_BLANK)
        more = next_char(copy, &pos, &broke);
    copy_go(copy, pos);
}

static void word_back(struct copy *copy)
{
    struct copy_pos pos = copy->cursor;
    bool broke, more = previous_char(copy, &pos, &broke);

    while (more && class_at(copy, pos) == CLASS_BLANK)
        more = previous_char(copy, &pos, &broke);

    enum class class = class_at(copy, pos);
    for (struct copy_pos before = pos;
            previous_char(copy, &before, &broke) && !broke && class_at(copy, before) == class;)
        pos = before;
    copy_go(copy, pos);
}

static void word_end(struct copy *copy)
{
    struct copy_pos pos = copy->cursor;
    bool broke, more = next_char(copy, &pos, &broke);

    while (more && class_at(copy, pos) == CLASS_BLANK)
        more = next_char(copy, &pos, &broke);

    enum class class = class_at(copy, pos);
    for (struct copy_pos next = pos;
            next_char(copy, &next, &broke) && !broke && class_at(copy, next) == class;)
        pos = next;
    copy_go(copy, pos);
}

/* --- movements -------------------------------------------------------------------------- */

static bool is_blank_line(struct copy *copy, uint64_t line)
{
    int count;
    const struct vt_cell *cells = copy_cells(copy, line, &count);

    for (int col = 0; col < count; col++)
        if (cells[col].cp && cells[col].cp != ' ')
            return false;
    return true;
}

/* To the next blank line that follows text. */
static void to_blank_line(struct copy *copy, int step)
{
    struct vt_range range = page(copy);
    uint64_t line = copy->cursor.line, edge = step < 0 ? range.first : range.end - 1;

    while (line != edge && is_blank_line(copy, line))
        line += (uint64_t)step;
    while (line != edge && !is_blank_line(copy, line))
        line += (uint64_t)step;
    copy_go(copy, (struct copy_pos){line, 0});
}

static void vertical(struct copy *copy, int64_t lines)
{
    struct vt_range range = page(copy);
    uint64_t line = copy->cursor.line;
    int want = copy->want_col;

    if (lines < 0)
        line = line - range.first > (uint64_t)-lines ? line - (uint64_t)-lines : range.first;
    else
        line = range.end - 1 - line > (uint64_t)lines ? line + (uint64_t)lines : range.end - 1;
    copy_go(copy, (struct copy_pos){line, want});
    copy->want_col = want;
}

/* The view and the cursor in it; at the ends the cursor alone. */
static void by_pages(struct copy *copy, int64_t lines)
{
    int64_t most = (int64_t)LIMIT_VT_ROWS * 1000;
    int64_t n = lines > most ? most : lines < -most ? -most : lines;
    uint64_t top = copy->top;
    uint64_t row = copy->cursor.line - top;

    copy_scroll(copy, (int)n);
    if (copy->top == top)
        vertical(copy, n);
    else
        vertical(copy, (int64_t)(copy->top + row) - (int64_t)copy->cursor.line);
}

static void in_view(struct copy *copy, int row)
{
    int want = copy->want_col;
    uint64_t end = page(copy).end, line = copy->top + (uint64_t)row;

    copy_go(copy, (struct copy_pos){line < end ? line : end - 1, want});
    copy->want_col = want;
}

static void horizontal(struct copy *copy, int step)
{
    struct copy_pos pos = copy->cursor;
    bool broke;

    if (copy->kind == COPY_BLOCK) {
        pos.col += pos.col + step < 0 ? 0 : step;
        copy_go(copy, pos);
    } else if (step > 0 ? next_char(copy, &pos, &broke) : previous_char(copy, &pos, &broke)) {
        copy_go(copy, pos);
    }
}

static int first_text(struct copy *copy, uint64_t line)
{
    int count, col = 0;
    const struct vt_cell *cells = copy_cells(copy, line, &count);

    while (col < count && (cells[col].cp == 0 || cells[col].cp == ' '))
        col++;
    return col;
}

/* A screen at rest opens at its top; the live page where it was left. */
static void to_screen(struct copy *copy, int step)
{
    struct vt_range now = page(copy), next = vt_doc_turn(copy->doc, copy->cursor.line, step);
    struct vt_range screen = vt_doc_screen(copy->doc);

    if (next.first == now.first)
        return;
    bool live = next.end == screen.end;
    copy->top = live ? screen.first : next.first;
    copy_go(copy, (struct copy_pos){copy->top, 0});
}

static void move_once(struct copy *copy, enum action_id id)
{
    struct copy_pos pos = copy->cursor;
    int rows = copy->rows;

    switch ((int)id) {
    case COPY_LEFT:
    case COPY_RIGHT:
        horizontal(copy, id == COPY_LEFT ? -1 : 1);
        return;
    case COPY_WORD:
        word_forward(copy);
        return;
    case COPY_WORD_BACK:
        word_back(copy);
        return;
    case COPY_WORD_END:
        word_end(copy);
        return;
    case COPY_LINE_START:
        copy_go(copy, (struct copy_pos){pos.line, 0});
        return;
    case COPY_LINE_TEXT:
        copy_go(copy, (struct copy_pos){pos.line, first_text(copy, pos.line)});
        return;
    case COPY_LINE_END:
        copy_go(copy, (struct copy_pos){pos.line, line_cells(copy, pos.line) - 1});
        copy->want_col = LIMIT_VT_COLS;
        return;
    case COPY_BLANK_UP:
    case COPY_BLANK_DOWN:
        to_blank_line(copy, id == COPY_BLANK_UP ? -1 : 1);
        return;
    case COPY_TOP:
        copy_go(copy, (struct copy_pos){page(copy).first, 0});
        return;
    case COPY_BOTTOM:
        copy_go(copy, (struct copy_pos){page(copy).end - 1, 0});
        return;
    case COPY_HIGH:
    case COPY_MIDDLE:
    case COPY_LOW:
        in_view(copy, id == COPY_HIGH ? 0 : id == COPY_MIDDLE ? rows / 2 : rows - 1);
        return;
    case COPY_SCREEN_BEFORE:
    case COPY_SCREEN_AFTER:
        to_screen(copy, id == COPY_SCREEN_BEFORE ? -1 : 1);
        return;
    case COPY_FIND_NEXT:
    case COPY_FIND_PREVIOUS:
        copy_search_step(copy, id == COPY_FIND_NEXT ? copy->search.step : -copy->search.step);
        return;
    case COPY_OTHER_END:
        copy_other_end(copy);
        return;
    }
    CHECK_UNREACHABLE();
}

void copy_move(struct copy *copy, enum action_id id, unsigned times)
{
    int64_t n = times, half = copy->rows > 1 ? copy->rows / 2 : 1;
    int64_t whole = copy->rows > 2 ? copy->rows - 2 : 1; /* two lines are seen again */

    settle(copy); /* lines may have gone */
    switch ((int)id) {
    case COPY_DOWN:
    case COPY_UP:
        vertical(copy, id == COPY_UP ? -n : n);
        return;
    case COPY_HALF_UP:
    case COPY_HALF_DOWN:
        by_pages(copy, id == COPY_HALF_UP ? -n * half : n * half);
        return;
    case COPY_PAGE_UP:
    case COPY_PAGE_DOWN:
        by_pages(copy, id == COPY_PAGE_UP ? -n * whole : n * whole);
        return;
    default:
        for (; n > 0; n--)
            move_once(copy, id);
    }
}

bool copy_jump(struct copy *copy, int step,
        bool (*is_prompt)(void *ctx, struct copy *copy, uint64_t line), void *ctx)
{
    struct vt_range range = page(copy);

    for (uint64_t line = copy->cursor.line + (uint64_t)step;
            line >= range.first && line < range.end; line += (uint64_t)step)
        if (is_prompt(ctx, copy, line)) {
            copy_go(copy, (struct copy_pos){line, 0});
            return true;
        }
    return false;
}
