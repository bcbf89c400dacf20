/*
 * term.h - an emulator with everything it said recorded, and a generator of hostile streams.
 */
#ifndef TESTS_UNIT_PTY_TERM_H
#define TESTS_UNIT_PTY_TERM_H

#include "base/buf.h"
#include "base/mem.h"
#include "pty/vt.h"
#include "unit/check.h"

struct term {
    struct vt *vt;
    struct buf replies, clipboard, notices;
    unsigned bells, titles, clipboards, sync_ends;
};

static void term_on_reply(void *ctx, struct str bytes)
{
    buf_append_str(&((struct term *)ctx)->replies, bytes);
}

static void term_on_bell(void *ctx)
{
    ((struct term *)ctx)->bells++;
}

static void term_on_title(void *ctx, const char *title)
{
    (void)title;
    ((struct term *)ctx)->titles++;
}

static void term_on_clipboard(void *ctx, struct str text)
{
    struct term *term = ctx;

    buf_clear(&term->clipboard);
    buf_append_str(&term->clipboard, text);
    term->clipboards++;
}

static void term_on_sync_end(void *ctx)
{
    ((struct term *)ctx)->sync_ends++;
}

static void term_on_notice(void *ctx, struct str text)
{
    buf_append_str(&((struct term *)ctx)->notices, text);
    buf_putc(&((struct term *)ctx)->notices, '|');
}

static inline struct term *term_new(int cols, int rows)
{
    static const struct vt_ops ops = {term_on_reply, term_on_bell, term_on_title,
            term_on_clipboard, term_on_sync_end, term_on_notice};
    struct term *term = xcalloc(1, sizeof(*term));

    term->vt = vt_new(cols, rows, 100, &ops, term);
    return term;
}

static inline void term_free(struct term *term)
{
    vt_free(term->vt);
    buf_release(&term->replies);
    buf_release(&term->clipboard);
    buf_release(&term->notices);
    free(term);
}

static inline void term_feed(struct term *term, const char *bytes)
{
    vt_feed(term->vt, str_of(bytes));
}

static inline void term_feed_bytewise(struct term *term, struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        vt_feed(term->vt, (struct str){bytes.p + i, 1});
}

/* Cells as UTF-8 with marks, blank ones as spaces, trailing blanks cut. Valid until the next
 * call. */
static inline const char *term_cells(
        const struct vt *vt, const struct vt_cell *cells, int cols, int row)
{
    static char text[32768];
    size_t n = 0;
    size_t end = 0;

    for (int col = 0; col < cols; col++) {
        uint32_t extra[VT_CELL_CHARS - 1];

        if (cells[col].width == 0)
            continue;
        n += utf8_encode(cells[col].cp ? cells[col].cp : ' ', text + n);
        int count = vt ? vt_cell_extra(vt, row, col, extra) : 0;
        for (int i = 0; i < count; i++)
            n += utf8_encode(extra[i], text + n);
        if (cells[col].cp && cells[col].cp != ' ')
            end = n;
    }
    text[end] = '\0';
    return text;
}

static inline const char *term_row(const struct term *term, int row)
{
    int cols, rows;

    vt_size(term->vt, &cols, &rows);
    return term_cells(term->vt, vt_row(term->vt, row), cols, row);
}

/* Rows from the top joined by '|', trailing empty rows cut. */
static inline const char *term_screen(const struct term *term)
{
    static char text[65536];
    int cols, rows;
    size_t n = 0;
    size_t end = 0;

    vt_size(term->vt, &cols, &rows);
    for (int row = 0; row < rows; row++) {
        const char *line = term_row(term, row);
        size_t len = strlen(line);

        memcpy(text + n, line, len);
        n += len;
        if (len)
            end = n;
        text[n++] = '|';
    }
    text[end] = '\0';
    return text;
}

static inline const char *term_history(const struct term *term, unsigned line)
{
    static struct vt_cell cells[2000];

    return term_cells(NULL, cells, vt_scroll_line(term->vt, line, cells, 2000), 0);
}

static inline const char *term_replies(struct term *term)
{
    buf_putc(&term->replies, '\0');
    return buf_data(&term->replies);
}

static inline void term_expect_sound(const struct term *term)
{
    struct vt_cursor cursor = vt_cursor(term->vt);
    int cols, rows;

    vt_size(term->vt, &cols, &rows);
    assert_in_range(cursor.row, 0, rows - 1);
    assert_in_range(cursor.col, 0, cols - 1);
    for (int row = 0; row < rows; row++) {
        const struct vt_cell *cells = vt_row(term->vt, row);

        /* A wide character is whole: its right half follows, and none stands alone. */
        for (int col = 0; col < cols; col++) {
            bool is_left = cells[col].width == 2;

            assert_in_range(cells[col].width, 0, 2);
            assert_int_equal(is_left, col + 1 < cols && cells[col + 1].width == 0);
            assert_in_range(cells[col].extra, 0, VT_CELL_CHARS - 1);
        }
        assert_int_not_equal(cells[0].width, 0);
    }
}

static inline void term_expect_equal(const struct term *a, const struct term *b)
{
    struct vt_cursor x = vt_cursor(a->vt);
    struct vt_cursor y = vt_cursor(b->vt);
    struct vt_modes m = vt_modes(a->vt);
    struct vt_modes n = vt_modes(b->vt);
    int cols, rows;

    vt_size(a->vt, &cols, &rows);
    for (int row = 0; row < rows; row++) {
        const struct vt_cell *ca = vt_row(a->vt, row);
        const struct vt_cell *cb = vt_row(b->vt, row);
        for (int col = 0; col < cols; col++) {
            uint32_t ea[VT_CELL_CHARS - 1] = {0};
            uint32_t eb[VT_CELL_CHARS - 1] = {0};

            assert_memory_equal(&ca[col], &cb[col], sizeof(*ca));
            vt_cell_extra(a->vt, row, col, ea);
            vt_cell_extra(b->vt, row, col, eb);
            assert_memory_equal(ea, eb, sizeof(ea));
        }
    }
    assert_int_equal(x.row, y.row);
    assert_int_equal(x.col, y.col);
    assert_int_equal(x.visible, y.visible);
    assert_int_equal(x.shape, y.shape);
    assert_int_equal(m.alt_screen, n.alt_screen);
    assert_int_equal(m.mouse, n.mouse);
    assert_int_equal(m.sync_open, n.sync_open);
    assert_int_equal(m.kitty_flags, n.kitty_flags);
    assert_string_equal(vt_title(a->vt), vt_title(b->vt));
    assert_int_equal(buf_len(&a->replies), buf_len(&b->replies));
    assert_int_equal(a->bells, b->bells);
    assert_int_equal(a->clipboards, b->clipboards);
    assert_int_equal(vt_scroll_count(a->vt), vt_scroll_count(b->vt));
    for (unsigned line = 0; line < vt_scroll_count(a->vt); line++) {
        char text[32768];

        str_copy(text, sizeof(text), str_of(term_history(a, line)));
        assert_string_equal(text, term_history(b, line));
        assert_int_equal(vt_scroll_wrapped(a->vt, line), vt_scroll_wrapped(b->vt, line));
    }
}

/* --- random streams ---------------------------------------------------------------------- */

/* Always the same numbers for the same seed, on every machine. */
static inline uint32_t term_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static inline void term_random_csi(struct buf *buf, uint64_t *seed)
{
    static const char finals[] = "@ABCDEFGHIJKLMPSTXZ`abcdefghjklmnpqrstu}~";
    static const int modes[] = {1, 6, 7, 12, 25, 47, 69, 1000, 1002, 1006, 1047, 1048, 1049,
            2004, 2026, 4, 20, 3, 5};
    char final = finals[term_random(seed) % (sizeof(finals) - 1)];
    unsigned count = term_random(seed) % 4;

    buf_puts(buf, "\033[");
    if (final == 'h' || final == 'l') {
        buf_printf(buf, "?%d%c", modes[term_random(seed) % (sizeof(modes) / sizeof(modes[0]))],
                final);
        return;
    }
    if (term_random(seed) % 12 == 0)
        buf_putc(buf, "<=>?"[term_random(seed) % 4]);
    for (unsigned i = 0; i < count; i++) {
        uint32_t kind = term_random(seed) % 16;

        if (kind < 12)
            buf_printf(buf, "%u", term_random(seed) % 30);
        else if (kind < 14)
            buf_printf(buf, "%u", term_random(seed));
        if (i + 1 < count)
            buf_putc(buf, kind == 15 ? ':' : ';');
    }
    if (term_random(seed) % 16 == 0)
        buf_putc(buf, " !\"$'*"[term_random(seed) % 6]);
    buf_putc(buf, final);
}

static inline void term_random_item(struct buf *buf, uint64_t *seed)
{
    static const char *const items[] = {"\r\n", "\n", "\r", "\t", "\b", "\a", "\016", "\017",
            "\xe4\xb8\xad", "\xf0\x9f\x98\x80", "\xe2\x94\x80", "\xc3\xa9", "e\xcc\x81",
            "\xcc\x88", "\xe2\x80\x8d", "\xe2\x80\xae", "\xff", "\xe4\xb8", "\xc2\x9b",
            "\xed\xa0\x80", "\0337", "\0338", "\033D", "\033E", "\033H", "\033M", "\033c",
            "\033#8", "\033#6", "\033(0", "\033(B", "\033)0", "\033n", "\033N",
            "\033=", "\033]0;title\a", "\033]52;c;aGk=\a",
            "\033]8;;http://x\033\\link\033]8;;\033\\", "\033P1$r0m\033\\", "\033_x\033\\",
            "\033^x\033\\", "\033Xx\033\\", "\033", "\033[", "\030", "\033[38:2::1:2:3m",
            "\033[2m", "\033[0m", "\033[48;5;20m", "\033[?1049h", "\033[?1049l", "\033[5;9r",
            "\033[r", "\xe2\x9d\xa4\xef\xb8\x8f", "\xef\xb8\x8f",
            "\xf0\x9f\x91\xa8\xe2\x80\x8d", "\xf0\x9f\x87\xa9", "\xf0\x9f\x8f\xbf",
            "\033[58;5;3;4:3m", "\033[1\"q", "\033[?2K", "\033[2 @", "\033[2 A",
            "\033P$qm\033\\"};
    uint32_t kind = term_random(seed) % 10;

    if (kind < 3)
        for (uint32_t n = term_random(seed) % 40; n > 0; n--)
            buf_putc(buf, (char)(0x20 + term_random(seed) % 0x5f));
    else if (kind < 6)
        term_random_csi(buf, seed);
    else if (kind < 9)
        buf_puts(buf, items[term_random(seed) % (sizeof(items) / sizeof(items[0]))]);
    else
        buf_putc(buf, (char)term_random(seed));
}

#endif
