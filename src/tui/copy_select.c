/*
 * copy_select.c - what is selected, and the text of it.
 *
 * Characters run from one end to the other, both included, over whole lines between them; where
 * a line wraps, no newline is put, and blanks at the end of a line are dropped. A wide
 * character is in whole if half of it is.
 */
#include "base/limits.h"
#include "tui/copy.h"

static bool is_before(struct copy_pos a, struct copy_pos b)
{
    return a.line < b.line || (a.line == b.line && a.col < b.col);
}

void copy_select(struct copy *copy, enum copy_kind kind)
{
    if (copy->kind == kind) {
        copy->kind = COPY_NOTHING;
        return;
    }
    if (copy->kind == COPY_NOTHING)
        copy->anchor = copy->cursor;
    copy->kind = kind;
}

void copy_select_nothing(struct copy *copy)
{
    copy->kind = COPY_NOTHING;
}

void copy_select_range(struct copy *copy, struct copy_pos from, struct copy_pos to)
{
    copy_go(copy, to);
    copy->anchor = from;
    copy->kind = COPY_CHARS;
}

void copy_other_end(struct copy *copy)
{
    struct copy_pos there = copy->anchor;

    if (copy->kind == COPY_NOTHING)
        return;
    copy->anchor = copy->cursor;
    copy_go(copy, there);
}

/* --- words ------------------------------------------------------------------------------ */

/* Of a URL (RFC 3986) or a path; brackets and quotes end it, as people write around them. */
static bool is_link_char(char c)
{
    return (unsigned char)c >= 0x80 || char_is_alnum(c) ||
           (c && strchr("-._~:/?#@!$&*+,;=%", c));
}

/* A dot or comma behind a link belongs to the sentence. */
static bool is_link_end(char c)
{
    return !strchr(".,;:!?", c);
}

/* [from,to) of the text around `at`, as long as `has` says so. */
static void widen(struct str text, size_t at, bool (*has)(char c), size_t *from, size_t *to)
{
    *from = *to = at;
    if (at >= text.n || !has(text.p[at]))
        return;
    while (*from > 0 && has(text.p[*from - 1]))
        --*from;
    while (*to < text.n && has(text.p[*to]))
        ++*to;
}

static bool is_word_char(char c)
{
    return (unsigned char)c >= 0x80 || c == '_' || char_is_alnum(c);
}

static bool is_path(struct str link)
{
    return link.n > 1 && memchr(link.p, '/', link.n);
}

void copy_select_word(struct copy *copy, struct copy_pos pos)
{
    struct vt_para *para = &copy->para;
    size_t from, to;
    int col;

    copy_go(copy, pos);
    pos = copy->cursor;
    if (!vt_doc_para(copy->doc, pos.line, para))
        return;

    size_t at = vt_para_offset(copy->doc, para, pos.line, pos.col);
    struct str text = para->text;
    widen(text, at, is_link_char, &from, &to);
    while (to > from && !is_link_end(text.p[to - 1]))
        to--;
    if (at >= to || !is_path((struct str){text.p + from, to - from}))
        widen(text, at, is_word_char, &from, &to);
    if (from == to) {
        copy_select_range(copy, pos, pos);
        return;
    }
    while (to > from + 1 && ((unsigned char)text.p[to - 1] & 0xc0) == 0x80)
        to--; /* to the first byte of its last character */
    struct copy_pos first, last;
    first.line = vt_para_place(copy->doc, para, from, &col);
    first.col = col;
    last.line = vt_para_place(copy->doc, para, to - 1, &col);
    last.col = col;
    copy_select_range(copy, first, last);
}

void copy_select_line(struct copy *copy, struct copy_pos pos)
{
    copy_go(copy, pos);
    if (!vt_doc_para(copy->doc, copy->cursor.line, &copy->para))
        return;

    uint64_t first = copy->para.first, last = first + copy->para.rows - 1;
    copy_go(copy, (struct copy_pos){last, LIMIT_VT_COLS});
    copy->anchor = (struct copy_pos){first, 0};
    copy->kind = COPY_LINES;
}

/* --- what is in it ---------------------------------------------------------------------- */

static void ends(const struct copy *copy, struct copy_pos *first, struct copy_pos *last)
{
    bool down = is_before(copy->anchor, copy->cursor);

    *first = down ? copy->anchor : copy->cursor;
    *last = down ? copy->cursor : copy->anchor;
}

/* Half of a wide character takes it whole. */
static void whole_characters(struct copy *copy, uint64_t line, int *from, int *to)
{
    int count;

    if (*from == 0 && *to == LIMIT_VT_COLS)
        return;

    const struct vt_cell *cells = copy_cells(copy, line, &count);
    if (*from > 0 && *from < count && cells[*from].width == 0)
        --*from;
    if (*to > 0 && *to < count && cells[*to].width == 0)
        ++*to;
}

bool copy_selected(struct copy *copy, uint64_t line, int *ret_from, int *ret_to)
{
    struct copy_pos first, last;

    ends(copy, &first, &last);
    if (copy->kind == COPY_NOTHING || line < first.line || line > last.line)
        return false;
    *ret_from = 0;
    *ret_to = LIMIT_VT_COLS;
    if (copy->kind == COPY_BLOCK) {
        *ret_from = first.col < last.col ? first.col : last.col;
        *ret_to = (first.col < last.col ? last.col : first.col) + 1;
    } else if (copy->kind == COPY_CHARS) {
        if (line == first.line)
            *ret_from = first.col;
        if (line == last.line)
            *ret_to = last.col + 1;
    }
    whole_characters(copy, line, ret_from, ret_to);
    return true;
}

static void drop_blanks(struct buf *buf, size_t from)
{
    size_t end = buf_len(buf);

    while (end > from && buf_data(buf)[end - 1] == ' ')
        end--;
    buf->len -= buf_len(buf) - end;
}

bool copy_take(struct copy *copy, struct buf *ret)
{
    struct copy_pos first, last;
    int from, to, count = 0;

    if (copy->kind == COPY_NOTHING)
        return false;
    ends(copy, &first, &last);

    struct vt_range page = vt_doc_page(copy->doc, last.line);
    uint64_t line = first.line > page.first ? first.line : page.first;
    for (; line <= last.line && buf_len(ret) <= LIMIT_COPY; line++) {
        size_t start = buf_len(ret);
        if (!copy_selected(copy, line, &from, &to))
            continue;
        if (to < LIMIT_VT_COLS)
            copy_cells(copy, line, &count);
        vt_doc_append(copy->doc, line, from, to, ret);
        bool goes_on = copy->kind != COPY_BLOCK && vt_doc_is_wrapped(copy->doc, line);
        if (copy->kind == COPY_BLOCK || (to >= count && !goes_on))
            drop_blanks(ret, start);
        if (line < last.line && !goes_on)
            buf_putc(ret, '\n');
    }
    return buf_len(ret) <= LIMIT_COPY;
}
