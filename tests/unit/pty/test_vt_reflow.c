/*
 * test_vt_reflow.c - another size: text is wrapped anew, none is lost, the cursor stays on it.
 */
#include "pty/vt_internal.h"
#include "unit/pty/term.h"

/* A cell with its marks; blank ones as spaces. */
static void put_cell(struct buf *buf, const struct vt_cell *cell, const uint32_t *marks)
{
    char text[4];

    if (cell->width == 0)
        return;
    buf_append(buf, text, utf8_encode(cell->cp ? cell->cp : ' ', text));
    for (int i = 0; i < cell->extra; i++)
        buf_append(buf, text, utf8_encode(marks[i], text));
}

/* '|' between lines, '/' where a row goes on in the next. */
static void put_end(struct buf *buf, bool wrapped, bool rows)
{
    if (!wrapped)
        buf_putc(buf, '|');
    else if (rows)
        buf_putc(buf, '/');
}

static void put_history(struct buf *buf, const struct term *term, bool rows)
{
    uint32_t marks[VT_CELL_CHARS - 1];
    struct vt_cell cells[200];

    for (unsigned i = vt_scroll_count(term->vt); i-- > 0;) {
        int n = vt_scroll_line(term->vt, i, cells, 200);

        for (int col = 0; col < n; col++) {
            vt_scroll_extra(term->vt, i, col, marks);
            put_cell(buf, &cells[col], marks);
        }
        put_end(buf, vt_scroll_wrapped(term->vt, i), rows);
    }
}

/* All text from the oldest row on, blank rows at the end cut. */
static char *all_text(const struct term *term, bool rows)
{
    struct vt_grid *grid = &term->vt->screens[0];
    struct buf buf = BUF_INIT;

    put_history(&buf, term, rows);
    for (int row = 0; row < grid->rows; row++) {
        struct vt_line *line = grid->lines[row];
        int n = vt_line_text(line, 0);

        for (int col = 0; col < n; col++) {
            const struct vt_mark *mark = vt_line_mark(line, col);

            put_cell(&buf, &line->cells[col], mark ? mark->cp : NULL);
        }
        put_end(&buf, line->wrapped && row + 1 < grid->rows && grid->lines[row + 1]->goes_on,
                rows);
    }
    buf_putc(&buf, '\0');
    char *text = xstrdup(buf_data(&buf));
    for (size_t end = strlen(text); end > 0 && text[end - 1] == '|';)
        text[--end] = '\0';
    buf_release(&buf);
    return text;
}

/* With room for all rows of a test. */
static struct term *big_new(int cols, int rows)
{
    struct term *term = term_new(cols, rows);

    vt_free(term->vt);
    term->vt = vt_new(cols, rows, 5000, NULL, NULL);
    return term;
}

static void expect_text(const struct term *term, bool rows, const char *expected)
{
    char *text = all_text(term, rows);

    assert_string_equal(text, expected);
    free(text);
}

#define ZHONG "\xe4\xb8\xad"

/* On 10 columns, 4 rows. */
static const struct {
    const char *in;
    int cols, rows;
    const char *text; /* with rows */
    unsigned history;
    int row, col;
    const char *then; /* after "X" */
} cases[] = {
        {"0123456789abc", 20, 4, "0123456789abc", 0, 0, 13, "0123456789abcX"},
        {"0123456789abc", 5, 4, "01234/56789/abc", 0, 2, 3, "01234/56789/abcX"},
        {"0123456789abc", 4, 2, "0123/4567/89ab/c", 2, 1, 1, "0123/4567/89ab/cX"},
        /* The wrap that is pending in the last column stays, goes and comes. */
        {"0123456789", 5, 4, "01234/56789", 0, 1, 4, "01234/56789/X"},
        {"0123456789", 12, 4, "0123456789", 0, 0, 10, "0123456789X"},
        {"01234567", 8, 4, "01234567", 0, 0, 7, "0123456X"},
        /* The cursor stands on a character, or behind the text. */
        {"0123456789abc\033[1;7H", 5, 4, "01234/56789/abc", 0, 1, 1, "01234/5X789/abc"},
        {"$ \r\n$ ls \033[H", 5, 4, "$|$ ls", 0, 0, 0, "X|$ ls"},
        {"$ ls  ", 5, 4, "$ ls /", 0, 1, 1, "$ ls / X"},
        {"ab\033[1;9H", 5, 4, "ab", 0, 0, 4, "ab  X"},
        /* A wide character that does not fit whole. */
        {"0123" ZHONG "56", 5, 4, "0123/" ZHONG "56", 0, 1, 4, "0123/" ZHONG "56X"},
        {"012345678" ZHONG "x", 20, 4, "012345678" ZHONG "x", 0, 0, 12, "012345678" ZHONG "xX"},
        {"e\xcc\x81" ZHONG "\xcc\x88x", 2, 4, "e\xcc\x81/" ZHONG "\xcc\x88/x", 0, 2, 1,
                "e\xcc\x81/" ZHONG "\xcc\x88/xX"},
        /* Lines that end are not joined, nor what was only written below each other. */
        {"0123456789\r\nabc", 20, 4, "0123456789|abc", 0, 1, 3, "0123456789|abcX"},
        {"0123456789abc\033[2;1H\033[2Kdef", 20, 4, "0123456789|def", 0, 1, 3,
                "0123456789|defX"},
        {"0123456789abc\033[1;4H\033[K", 20, 4, "012|abc", 0, 0, 3, "012X|abc"},
        /* Rows at the bottom that are blank are no text. */
        {"a\r\nb\r\n\r\n\033[2H", 10, 2, "a|b", 0, 1, 0, "a|X"},
        {"a\r\nb\r\n\r\n", 10, 2, "a|b", 2, 1, 0, "a|b||X"},
        /* What finds no place below the cursor is cut. */
        {"a\r\n0123456789abcdef\033[H", 5, 3, "a|01234/56789", 0, 0, 0, "X|01234/56789"},
        /* History comes back where the screen was full, and is part of the line above. */
        {"0\r\n0123456789abcdefghijklmnopqrstuvwxyz\r\nx", 10, 6,
                "0|0123456789/abcdefghij/klmnopqrst/uvwxyz|x", 0, 5, 1,
                "0|0123456789/abcdefghij/klmnopqrst/uvwxyz|xX"},
        {"0123456789abcdefghijklmnopqrstuvwxyz0123456789", 20, 4,
                "0123456789abcdefghij/klmnopqrstuvwxyz0123/456789", 0, 2, 6,
                "0123456789abcdefghij/klmnopqrstuvwxyz0123/456789X"},
        {"0123456789abcdefghijklmnopqrstuvwxyz0123456789", 5, 2,
                "01234/56789/abcde/fghij/klmno/pqrst/uvwxy/z0123/45678/9", 8, 1, 1,
                "01234/56789/abcde/fghij/klmno/pqrst/uvwxy/z0123/45678/9X"},
        {"0\r\n1\r\n2\r\n3\r\n4\033[H\033[J", 10, 6, "0", 1, 0, 0, "0|X"},
};

static void test_text_flows_into_another_width(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct term *term = term_new(10, 4);

        term_feed(term, cases[i].in);
        vt_resize(term->vt, cases[i].cols, cases[i].rows);
        expect_text(term, true, cases[i].text);
        assert_int_equal(vt_scroll_count(term->vt), cases[i].history);
        assert_int_equal(vt_cursor(term->vt).row, cases[i].row);
        assert_int_equal(vt_cursor(term->vt).col, cases[i].col);
        term_expect_sound(term);
        term_feed(term, "X");
        expect_text(term, true, cases[i].then);
        term_free(term);
    }
}

static void test_the_saved_cursor_stays_on_its_text_too(void **state)
{
    struct term *term = term_new(10, 4);

    (void)state;
    term_feed(term, "0123456789abc\033[2;2H\0337\033[H");
    vt_resize(term->vt, 5, 4);
    term_feed(term, "\0338X");
    expect_text(term, true, "01234/56789/aXc");
    term_feed(term, "\033[4;3H\0337\033[H");
    vt_resize(term->vt, 10, 8);
    term_feed(term, "\0338Y");
    assert_int_equal(vt_cursor(term->vt).col, 3);
    term_free(term);
}

static void test_the_alternate_screen_is_cut_and_the_main_one_behind_it_flows(void **state)
{
    struct term *term = term_new(10, 4);

    (void)state;
    term_feed(term, "0123456789abc\033[?1049h\033[H0123456789abc\033[1;3H");
    vt_resize(term->vt, 5, 3);
    assert_string_equal(term_screen(term), "01234|abc");
    assert_int_equal(vt_cursor(term->vt).col, 2);
    term_feed(term, "\033[?1049lX");
    expect_text(term, true, "01234/56789/abcX");
    term_free(term);
}

static void test_colours_go_with_their_text(void **state)
{
    struct term *term = term_new(10, 2);

    (void)state;
    term_feed(term, "012345\033[31;44m6789ab\033[0mc\033[1;42m\033[K\033[m\r\n\n");
    vt_resize(term->vt, 4, 2);
    vt_resize(term->vt, 20, 6);
    const struct vt_cell *cells = vt_row(term->vt, 0);
    assert_string_equal(term_row(term, 0), "0123456789abc");
    assert_int_equal(cells[5].fg, VT_COLOR_DEFAULT);
    assert_int_equal(cells[6].fg, VT_COLOR_INDEX(1));
    assert_int_equal(cells[11].bg, VT_COLOR_INDEX(4));
    assert_int_equal(cells[12].fg, VT_COLOR_DEFAULT);
    term_free(term);
}

/* A program that paints its rows and goes back to the first one finds it there. */
static void test_the_row_of_the_cursor_counts_from_the_text_above_it(void **state)
{
    struct term *term = term_new(20, 4);

    (void)state;
    term_feed(term, "history 1\r\nhistory 2\r\none\r\ntwo\r\nthree\r\nfour\r\n");
    vt_resize(term->vt, 12, 3);
    term_feed(term, "\033[2A\r\033[J3\r\n4\r\n");
    expect_text(term, false, "history 1|history 2|one|two|3|4");
    term_free(term);
}

static void feed_text(struct term *term, uint64_t *seed, int lines)
{
    static const char *const words[] = {"a", "be ", "word ", "\xc3\xa9", ZHONG, "e\xcc\x81",
            "0123456789", "\033[31m", "\033[m", " ", "\xf0\x9f\x98\x80"};

    for (int i = 0; i < lines; i++) {
        for (uint32_t n = term_random(seed) % 30; n > 0; n--)
            term_feed(term, words[term_random(seed) % (sizeof(words) / sizeof(words[0]))]);
        term_feed(term, "x\033[m\r\n");
    }
}

static void expect_counted(struct term *term)
{
    struct vt_scroll *scroll = &term->vt->scroll;
    unsigned count = vt_scroll_rows_of(scroll);
    int tail = scroll->tail;

    vt_scroll_set_cols(scroll, scroll->cols);
    scroll->tail = tail;
    assert_int_equal(vt_scroll_rows_of(scroll), count);
}

static void test_no_size_loses_or_changes_text(void **state)
{
    uint64_t seed = 5;

    (void)state;
    for (int round = 0; round < 200; round++) {
        struct term *term = big_new(2 + (int)(term_random(&seed) % 60), 8);
        int cols, rows;

        vt_size(term->vt, &cols, &rows);
        feed_text(term, &seed, 2 + (int)(term_random(&seed) % 10));
        char *before = all_text(term, false);
        for (int i = 0; i < 6; i++) {
            vt_resize(term->vt, 2 + (int)(term_random(&seed) % 90),
                    1 + (int)(term_random(&seed) % 20));
            expect_text(term, false, before);
            expect_counted(term);
            term_expect_sound(term);
            /* Rows that history gives are as wide as the screen, or end there. */
            for (unsigned line = 0; line < vt_scroll_count(term->vt); line++) {
                struct vt_cell cells[200];
                int n = vt_scroll_line(term->vt, line, cells, 200);

                assert_true(n <= term->vt->grid->cols);
            }
        }
        vt_resize(term->vt, cols, rows);
        feed_text(term, &seed, 3);
        expect_counted(term);
        free(before);
        term_free(term);
    }
}

/* The same rows as if the screen had always had this width. */
static void test_history_looks_as_if_it_had_always_had_this_width(void **state)
{
    uint64_t seed = 9;

    (void)state;
    for (int round = 0; round < 100; round++) {
        int cols = 2 + (int)(term_random(&seed) % 60);
        struct term *a = big_new(2 + (int)(term_random(&seed) % 60), 4);
        struct term *b = big_new(cols, 4);
        uint64_t same = seed;

        feed_text(a, &seed, 6);
        feed_text(b, &same, 6);
        vt_resize(a->vt, cols, 4);
        char *text = all_text(a, true);
        expect_text(b, true, text);
        free(text);
        term_free(a);
        term_free(b);
    }
}

/* Rows of a new width are counted when somebody looks; whatever happened before that. */
static void test_rows_counted_late_are_the_same(void **state)
{
    uint64_t seed = 21;

    (void)state;
    for (int round = 0; round < 60; round++) {
        struct term *late = big_new(30, 6), *early = big_new(30, 6);

        late->vt->scroll.block_size = early->vt->scroll.block_size = 512;
        late->vt->scroll.max = early->vt->scroll.max = 120;
        for (int i = 0; i < 12; i++) {
            int cols = 2 + (int)(term_random(&seed) % 60);
            int rows = 1 + (int)(term_random(&seed) % 20);
            uint64_t same = seed;

            feed_text(late, &seed, 1 + (int)(cols % 9));
            feed_text(early, &same, 1 + (int)(cols % 9));
            vt_resize(late->vt, cols, rows);
            vt_resize(early->vt, cols, rows);
            (void)vt_scroll_count(early->vt);
        }
        expect_counted(early);
        term_expect_equal(late, early);
        vt_scroll_clear(&late->vt->scroll);
        assert_int_equal(vt_scroll_count(late->vt), 0);
        term_free(late);
        term_free(early);
    }
}

static void test_a_line_without_end_stays_in_pieces_of_bounded_length(void **state)
{
    struct term *term = big_new(30, 4);
    struct buf in = BUF_INIT;

    (void)state;
    for (int i = 0; i < 3000; i++)
        buf_printf(&in, "%d ", i % 10);
    buf_puts(&in, "\r\nend\r\n\n\n\n");
    vt_feed(term->vt, buf_str(&in));
    assert_int_equal(vt_scroll_count(term->vt), 201);
    char *before = all_text(term, false);
    for (int cols = 2; cols < 200; cols += 7) {
        vt_resize(term->vt, cols, 4);
        expect_text(term, false, before);
        expect_counted(term);
    }
    vt_resize(term->vt, 30, 4);
    expect_text(term, false, before);
    free(before);
    buf_release(&in);
    term_free(term);
}

static void test_a_prompt_is_found_again(void **state)
{
    struct term *term = term_new(20, 2);

    (void)state;
    term_feed(term, "\033]133;A\a$ a long command line\r\nx\r\n\033]133;A\a$ \r\n\r\n");
    vt_resize(term->vt, 10, 2);
    vt_resize(term->vt, 7, 2);
    expect_text(term, true, "$ a lon/g comma/nd line|x|$");
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(vt_scroll_is_prompt(&term->vt->scroll, i), i == 0 || i == 4);
    vt_resize(term->vt, 30, 5);
    assert_true(term->vt->screens[0].lines[0]->prompt);
    assert_false(term->vt->screens[0].lines[1]->prompt);
    assert_true(term->vt->screens[0].lines[2]->prompt);
    term_free(term);
}

static void test_what_is_cleared_does_not_go_on(void **state)
{
    struct term *term = term_new(10, 2);

    (void)state;
    term_feed(term, "0123456789abcdefghijklmn\033[H\033[2J$ ls");
    vt_resize(term->vt, 40, 2);
    expect_text(term, true, "0123456789|$ ls");
    term_feed(term, "\033[3J");
    assert_int_equal(vt_scroll_count(term->vt), 0);
    vt_resize(term->vt, 5, 2);
    expect_text(term, true, "$ ls");
    term_free(term);
}

static void test_random_streams_stay_sound_whatever_the_sizes(void **state)
{
    uint64_t seed = 77;

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct term *a = term_new(20, 6);
        struct term *b = term_new(20, 6);

        for (int i = 0; i < 20; i++) {
            struct buf in = BUF_INIT;

            for (int item = 0; item < 8; item++)
                term_random_item(&in, &seed);
            vt_feed(a->vt, buf_str(&in));
            term_feed_bytewise(b, buf_str(&in));
            buf_release(&in);
            int cols = (int)(term_random(&seed) % 50), rows = (int)(term_random(&seed) % 12);
            vt_resize(a->vt, cols, rows);
            vt_resize(b->vt, cols, rows);
            term_expect_sound(a);
            expect_counted(a);
            expect_counted(b);
        }
        term_expect_equal(a, b);
        term_free(a);
        term_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_text_flows_into_another_width),
            cmocka_unit_test(test_the_saved_cursor_stays_on_its_text_too),
            cmocka_unit_test(test_the_alternate_screen_is_cut_and_the_main_one_behind_it_flows),
            cmocka_unit_test(test_colours_go_with_their_text),
            cmocka_unit_test(test_the_row_of_the_cursor_counts_from_the_text_above_it),
            cmocka_unit_test(test_no_size_loses_or_changes_text),
            cmocka_unit_test(test_history_looks_as_if_it_had_always_had_this_width),
            cmocka_unit_test(test_rows_counted_late_are_the_same),
            cmocka_unit_test(test_a_line_without_end_stays_in_pieces_of_bounded_length),
            cmocka_unit_test(test_a_prompt_is_found_again),
            cmocka_unit_test(test_what_is_cleared_does_not_go_on),
            cmocka_unit_test(test_random_streams_stay_sound_whatever_the_sizes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
