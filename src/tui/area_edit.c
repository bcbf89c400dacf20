/*
 * area_edit.c - see area_edit.h. A row is what fits into the width; where rows begin is found
 * by walking from the front, which is quick for what may be in here.
 */
#include "tui/area_edit.h"

#include "pty/vt.h"
#include "tui/view.h"

#define COLS_UNSEEN 78

void area_edit_start(struct area_edit *edit, struct str text)
{
    area_edit_release(edit);
    edit->cols = COLS_UNSEEN;
    edit->rows = 1;
    area_edit_paste(edit, text);
    edit->at = 0;
}

void area_edit_release(struct area_edit *edit)
{
    buf_release(&edit->text);
    buf_release(&edit->cut);
    *edit = (struct area_edit){0};
}

/* --- characters, words, lines ----------------------------------------------------------- */

static size_t size_of(const struct area_edit *edit)
{
    return buf_len(&edit->text);
}

static char byte_at(const struct area_edit *edit, size_t at)
{
    return buf_data(&edit->text)[at];
}

static size_t before(const struct area_edit *edit, size_t at)
{
    if (at > 0)
        at--;
    while (at > 0 && ((unsigned char)byte_at(edit, at) & 0xc0) == 0x80)
        at--;
    return at;
}

static size_t behind(const struct area_edit *edit, size_t at)
{
    if (at < size_of(edit))
        at++;
    while (at < size_of(edit) && ((unsigned char)byte_at(edit, at) & 0xc0) == 0x80)
        at++;
    return at;
}

static bool is_blank(const struct area_edit *edit, size_t at)
{
    return byte_at(edit, at) == ' ' || byte_at(edit, at) == '\n';
}

static size_t word_before(const struct area_edit *edit)
{
    size_t at = edit->at;
    while (at > 0 && is_blank(edit, at - 1))
        at--;
    while (at > 0 && !is_blank(edit, at - 1))
        at--;
    return at;
}

static size_t word_behind(const struct area_edit *edit)
{
    size_t at = edit->at;
    while (at < size_of(edit) && is_blank(edit, at))
        at++;
    while (at < size_of(edit) && !is_blank(edit, at))
        at++;
    return at;
}

static size_t line_start(const struct area_edit *edit)
{
    size_t at = edit->at;
    while (at > 0 && byte_at(edit, at - 1) != '\n')
        at--;
    return at;
}

static size_t line_end(const struct area_edit *edit)
{
    size_t at = edit->at;
    while (at < size_of(edit) && byte_at(edit, at) != '\n')
        at++;
    return at;
}

/* --- changing --------------------------------------------------------------------------- */

static void erase(struct area_edit *edit, size_t from, size_t to, bool keep)
{
    char *p = buf_data(&edit->text);
    if (from == to)
        return;
    if (keep) {
        buf_clear(&edit->cut);
        buf_append(&edit->cut, p + from, to - from);
    }
    memmove(p + from, p + to, size_of(edit) - to);
    edit->text.len -= to - from;
    edit->at = from;
}

static void insert(struct area_edit *edit, struct str text)
{
    if (text.n == 0 || size_of(edit) + text.n > AREA_EDIT_MAX)
        return;
    size_t rest = size_of(edit) - edit->at;
    (void)buf_reserve(&edit->text, text.n);
    char *p = buf_data(&edit->text) + edit->at;
    memmove(p + text.n, p, rest);
    memcpy(p, text.p, text.n);
    buf_commit(&edit->text, text.n);
    edit->at += text.n;
}

static void insert_cp(struct area_edit *edit, uint32_t cp)
{
    char bytes[4];
    if (cp == '\n' || !char_is_deceptive(cp))
        insert(edit, (struct str){bytes, utf8_encode(cp, bytes)});
}

void area_edit_paste(struct area_edit *edit, struct str text)
{
    struct buf clean = BUF_INIT;
    for (size_t i = 0; i < text.n;) {
        char bytes[4];
        uint32_t cp = 0;
        int n = utf8_decode(text.p + i, text.n - i, &cp);
        i += n > 0 ? (size_t)n : 1;
        if (cp == '\r')
            cp = '\n';
        if (n > 0 && (cp == '\n' || cp == '\t' || !char_is_deceptive(cp)))
            buf_append(&clean, bytes, utf8_encode(cp == '\t' ? ' ' : cp, bytes));
    }
    insert(edit, buf_str(&clean));
    buf_release(&clean);
}

/* --- rows ------------------------------------------------------------------------------- */

struct row {
    size_t from, to; /* without the line's end */
    size_t next;
};

static struct row row_at(const struct area_edit *edit, size_t from)
{
    struct row row = {from, from, from};
    int cells = 0;
    while (row.to < size_of(edit) && byte_at(edit, row.to) != '\n') {
        size_t end = behind(edit, row.to);
        cells += frame_width((struct str){buf_data(&edit->text) + row.to, end - row.to});
        if (cells > edit->cols && row.to > from)
            break;
        row.to = end;
    }
    row.next = row.to + (row.to < size_of(edit) && byte_at(edit, row.to) == '\n');
    return row;
}

static bool is_last(const struct area_edit *edit, const struct row *row)
{
    return row->next == row->to && row->to == size_of(edit);
}

/* The row of the cursor and its number; *ret_before is the one above, or the same. */
static struct row cursor_row(
        const struct area_edit *edit, size_t *ret_number, struct row *ret_before)
{
    struct row row = row_at(edit, 0), last = row;
    *ret_number = 0;
    while (!is_last(edit, &row) && row.next <= edit->at) {
        last = row;
        row = row_at(edit, row.next);
        ++*ret_number;
    }
    *ret_before = *ret_number ? last : row;
    return row;
}

/* The place in a row that is so many cells from its front. */
static size_t place(const struct area_edit *edit, const struct row *row, int col)
{
    size_t at = row->from;
    int cells = 0;
    while (at < row->to) {
        size_t end = behind(edit, at);
        cells += frame_width((struct str){buf_data(&edit->text) + at, end - at});
        if (cells > col)
            break;
        at = end;
    }
    /* Behind the last character of a row that goes on is the front of the next one. */
    return at == row->to && row->next == row->to && at < size_of(edit) && at > row->from
                   ? before(edit, at)
                   : at;
}

static void move_rows(struct area_edit *edit, int by)
{
    size_t number;
    struct row above, row = cursor_row(edit, &number, &above);
    int col = frame_width((struct str){buf_data(&edit->text) + row.from, edit->at - row.from});
    for (; by > 0 && !is_last(edit, &row); by--)
        row = row_at(edit, row.next);
    if (by == -1) {
        row = above;
    } else if (by < 0) {
        size_t wanted = number > (size_t)-by ? number - (size_t)-by : 0;
        row = row_at(edit, 0);
        while (wanted--)
            row = row_at(edit, row.next);
    }
    edit->at = place(edit, &row, col);
}

/* --- keys ------------------------------------------------------------------------------- */

static bool symbol(struct area_edit *edit, int sym)
{
    switch (sym) {
    case VT_KEY_LEFT:
        edit->at = before(edit, edit->at);
        return true;
    case VT_KEY_RIGHT:
        edit->at = behind(edit, edit->at);
        return true;
    case VT_KEY_UP:
    case VT_KEY_DOWN:
        move_rows(edit, sym == VT_KEY_UP ? -1 : 1);
        return true;
    case VT_KEY_PAGE_UP:
    case VT_KEY_PAGE_DOWN:
        move_rows(edit, sym == VT_KEY_PAGE_UP ? -edit->rows : edit->rows);
        return true;
    case VT_KEY_HOME:
        edit->at = line_start(edit);
        return true;
    case VT_KEY_END:
        edit->at = line_end(edit);
        return true;
    case VT_KEY_DELETE:
        erase(edit, edit->at, behind(edit, edit->at), false);
        return true;
    default:
        return false;
    }
}

static void cut_to_end(struct area_edit *edit)
{
    size_t end = line_end(edit);
    erase(edit, edit->at, end > edit->at ? end : behind(edit, edit->at), true);
}

/* A control character, as a byte. */
static bool control(struct area_edit *edit, uint32_t byte)
{
    static const struct {
        uint32_t byte;
        int sym;
    } same[] = {{0x01, VT_KEY_HOME}, {0x02, VT_KEY_LEFT}, {0x04, VT_KEY_DELETE},
            {0x05, VT_KEY_END}, {0x06, VT_KEY_RIGHT}, {0x0e, VT_KEY_DOWN}, {0x10, VT_KEY_UP}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        if (same[i].byte == byte)
            return symbol(edit, same[i].sym);
    switch (byte) {
    case 0x08:
    case 0x7f:
        erase(edit, before(edit, edit->at), edit->at, false);
        return true;
    case 0x0b:
        cut_to_end(edit);
        return true;
    case 0x0f:
        insert(edit, STR("\n"));
        return true;
    case 0x15:
        erase(edit, line_start(edit), edit->at, true);
        return true;
    case 0x17:
        erase(edit, word_before(edit), edit->at, true);
        return true;
    case 0x19:
        insert(edit, buf_str(&edit->cut));
        return true;
    default:
        return false;
    }
}

enum line_edit_said area_edit_key(struct area_edit *edit, const struct key *key)
{
    if (key->release)
        return LINE_EDIT_GOES_ON;
    if (key->kind == KEY_SYM && key->sym == KEY_SYM_ESC)
        return LINE_EDIT_LEFT;
    if (key->kind == KEY_SYM)
        return symbol(edit, key->sym) ? LINE_EDIT_GOES_ON : LINE_EDIT_NOT_MINE;
    if (key->kind != KEY_CHAR)
        return LINE_EDIT_NOT_MINE;
    int mods = key->mods & ~VT_MOD_SHIFT;
    uint32_t cp = key->cp;
    if (mods == VT_MOD_CTRL && key->form != FORM_BYTES) {
        cp = (uint32_t)vt_control_byte(cp);
        mods = 0;
    }
    if (mods == 0 && cp == '\r')
        return LINE_EDIT_DONE;
    if (mods == 0 && cp == 0x03)
        return LINE_EDIT_LEFT;
    if (mods == 0 && control(edit, cp))
        return LINE_EDIT_GOES_ON;
    if (mods == VT_MOD_ALT && (cp == 'b' || cp == 'f')) {
        edit->at = cp == 'b' ? word_before(edit) : word_behind(edit);
        return LINE_EDIT_GOES_ON;
    }
    if (!key_is_text(key))
        return LINE_EDIT_NOT_MINE;
    insert_cp(edit, cp);
    return LINE_EDIT_GOES_ON;
}

/* --- drawing ---------------------------------------------------------------------------- */

void area_edit_draw(
        struct area_edit *edit, struct frame *frame, struct rect r, int *ret_row, int *ret_col)
{
    edit->cols = r.cols > 1 ? r.cols - 1 : 1; /* the cursor stands behind the last one */
    edit->rows = r.rows > 1 ? r.rows : 1;
    size_t number, top = 0;
    struct row above, row = cursor_row(edit, &number, &above);
    if (number < edit->top)
        edit->top = number;
    if (number >= edit->top + (size_t)edit->rows)
        edit->top = number - (size_t)edit->rows + 1;
    *ret_row = r.row + (int)(number - edit->top);
    *ret_col = r.col +
               frame_width((struct str){buf_data(&edit->text) + row.from, edit->at - row.from});
    row = row_at(edit, 0);
    for (; top < edit->top; top++)
        row = row_at(edit, row.next);
    for (int i = 0; i < r.rows; i++) {
        view_put(frame, r.row + i, r.col, r.cols, STYLE_PLAIN,
                (struct str){buf_data(&edit->text) + row.from, row.to - row.from});
        if (is_last(edit, &row))
            break;
        row = row_at(edit, row.next);
    }
}
