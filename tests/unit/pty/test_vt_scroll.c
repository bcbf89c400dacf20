/*
 * test_vt_scroll.c - lines that left the screen: what is kept, how much, and what comes back.
 */
#include "pty/vt_scroll.h"

#include "base/limits.h"
#include "unit/pty/term.h"

static void feed_lines(struct term *term, unsigned from, unsigned to)
{
    char line[32];

    for (unsigned i = from; i < to; i++) {
        snprintf(line, sizeof(line), "line %u\r\n", i);
        term_feed(term, line);
    }
}

static void test_line_0_is_the_newest(void **state)
{
    struct term *term = term_new(20, 4);

    (void)state;
    feed_lines(term, 0, 10);
    assert_int_equal(vt_scroll_count(term->vt), 7);
    assert_string_equal(term_history(term, 0), "line 6");
    assert_string_equal(term_history(term, 6), "line 0");
    assert_string_equal(term_history(term, 7), "");
    term_free(term);
}

static void test_the_oldest_line_goes_first(void **state)
{
    struct term *term = term_new(20, 4); /* keeps 100 lines */

    (void)state;
    feed_lines(term, 0, 1000);
    assert_int_equal(vt_scroll_count(term->vt), 100);
    assert_string_equal(term_history(term, 0), "line 996");
    assert_string_equal(term_history(term, 99), "line 897");
    term_free(term);
}

static void test_only_lines_from_the_top_of_the_main_screen_are_kept(void **state)
{
    static const struct {
        const char *in;
        unsigned count;
    } streams[] = {
            {"a\r\nb\r\nc\r\nd\r\ne", 1},
            {"a\r\nb\r\nc\r\nd\033[2S", 2},
            {"a\r\nb\r\nc\r\nd\033[1;3r\033[3H\n\n", 2}, /* a region at the top */
            {"a\r\nb\r\nc\r\nd\033[2;4r\033[4H\n\n", 0},
            {"a\r\nb\r\nc\r\nd\033[H\033[2M", 0}, /* deleted, not scrolled away */
            {"a\r\nb\r\nc\r\nd\033[2J\033[H\033[J", 0},
            {"\033[?1049ha\r\nb\r\nc\r\nd\r\ne", 0},
            {"a\r\nb\r\nc\r\nd\033[2T\033M", 0},
            {"a\r\nb\r\nc\r\nd\r\ne\033[3J", 0}, /* cleared */
            {"a\r\nb\r\nc\r\nd\r\ne\033c", 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        struct term *term = term_new(20, 4);

        term_feed(term, streams[i].in);
        if (vt_scroll_count(term->vt) != streams[i].count)
            print_error("case %zu\n", i);
        assert_int_equal(vt_scroll_count(term->vt), streams[i].count);
        term_free(term);
    }
}

static void test_colours_wide_characters_and_marks_come_back(void **state)
{
    struct term *term = term_new(20, 2);
    struct vt_cell cells[20];
    uint32_t marks[VT_CELL_CHARS - 1];

    (void)state;
    term_feed(term, "a\033[1;31mbc\033[0m \xe4\xb8\xad"
                    "e\xcc\x81\xcc\x88\033[48;2;1;2;3m  \033[0m \r\n\n");
    int n = vt_scroll_line(term->vt, 0, cells, 20);
    assert_int_equal(n, 9); /* the two blanks with a background count, the last one does not */
    assert_int_equal(cells[0].cp, 'a');
    assert_int_equal(cells[0].fg, VT_COLOR_DEFAULT);
    assert_int_equal(cells[2].fg, VT_COLOR_INDEX(1));
    assert_int_equal(cells[2].attrs, VT_BOLD);
    assert_int_equal(cells[3].attrs, 0);
    assert_int_equal(cells[4].cp, 0x4e2d);
    assert_int_equal(cells[4].width, 2);
    assert_int_equal(cells[5].width, 0);
    assert_int_equal(cells[6].cp, 'e');
    assert_int_equal(cells[6].extra, 2);
    assert_int_equal(vt_scroll_extra(term->vt, 0, 6, marks), 2);
    assert_int_equal(marks[1], 0x308);
    assert_int_equal(vt_scroll_extra(term->vt, 0, 5, marks), 0);
    assert_int_equal(vt_scroll_extra(term->vt, 7, 5, marks), 0);
    assert_int_equal(cells[8].bg, VT_COLOR_RGB(1, 2, 3));

    /* Fewer columns: a wide character that does not fit whole is left out. */
    assert_int_equal(vt_scroll_line(term->vt, 0, cells, 5), 4);
    term_free(term);
}

static void test_a_line_knows_whether_its_text_goes_on(void **state)
{
    static const struct {
        const char *in;
        bool wrapped;
    } lines[] = {
            {"0123456789abc\r\n\n", true},
            {"0123456789\r\nabc\r\n", false},
            {"0123456789\033[1mabc\r\n\n", true},
            {"0123456789\rabc\r\n\n", false},
            {"0123456789abc\033[1;5H\033[K\033[2H\n", false},
            {"01234567\xe4\xb8\xad"
             "abc\r\n\n",
                    true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        for (int split = 0; split < 2; split++) {
            struct term *term = term_new(10, 2);

            if (split)
                term_feed_bytewise(term, str_of(lines[i].in));
            else
                term_feed(term, lines[i].in);
            unsigned oldest = vt_scroll_count(term->vt) - 1;
            if (vt_scroll_wrapped(term->vt, oldest) != lines[i].wrapped)
                print_error("case %zu\n", i);
            assert_int_equal(vt_scroll_wrapped(term->vt, oldest), lines[i].wrapped);
            term_free(term);
        }
    }
}

static void test_a_taller_screen_takes_lines_back_as_they_were(void **state)
{
    struct term *term = term_new(20, 2);
    uint32_t marks[VT_CELL_CHARS - 1];

    (void)state;
    term_feed(term, "\033[31mred\033[0m\r\n\xe4\xb8\xad"
                    "e\xcc\x81\r\nc\r\nd");
    vt_resize(term->vt, 20, 3);
    assert_int_equal(vt_scroll_count(term->vt), 1);
    assert_string_equal(term_screen(term), "\xe4\xb8\xad"
                                           "e\xcc\x81|c|d");
    assert_int_equal(vt_cell_extra(term->vt, 0, 2, marks), 1);
    vt_resize(term->vt, 20, 10);
    assert_int_equal(vt_scroll_count(term->vt), 0);
    assert_string_equal(term_screen(term), "red|\xe4\xb8\xad"
                                           "e\xcc\x81|c|d");
    assert_int_equal(vt_row(term->vt, 0)[0].fg, VT_COLOR_INDEX(1));
    term_free(term);
}

static void test_random_lines_come_back_equal(void **state)
{
    uint64_t seed = 21;

    (void)state;
    for (int round = 0; round < 500; round++) {
        struct term *term = term_new(40, 1);
        struct vt_cell before[40];
        struct vt_cell after[40];
        struct buf in = BUF_INIT;

        for (int i = 0; i < 6; i++)
            term_random_item(&in, &seed);
        buf_puts(&in, "\030\033[?1049l\033[r");
        vt_feed(term->vt, buf_str(&in));
        memcpy(before, vt_row(term->vt, 0), sizeof(before));
        term_feed(term, "\033[0m\033[S");
        memset(after, 0, sizeof(after));
        int n = vt_scroll_line(term->vt, 0, after, 40);
        for (int col = 0; col < 40; col++) {
            uint32_t cp = before[col].cp ? before[col].cp : before[col].width ? ' ' : 0;

            if (col >= n) { /* cut: looks blank */
                assert_true(cp == ' ' && before[col].bg == 0);
                continue;
            }
            assert_int_equal(after[col].cp, cp);
            assert_int_equal(after[col].width, before[col].width);
            assert_int_equal(after[col].extra, before[col].extra);
            assert_int_equal(after[col].fg, before[col].fg);
            assert_int_equal(after[col].bg, before[col].bg);
            assert_int_equal(after[col].attrs, before[col].attrs);
        }
        buf_release(&in);
        term_free(term);
    }
}

static void test_the_bytes_are_bounded_too(void **state)
{
    struct vt_grid grid;
    struct vt_scroll scroll;
    struct vt_cell pen = {.width = 1};

    (void)state;
    vt_grid_init(&grid, 1000, 1);
    vt_scroll_init(&scroll, 1000000);
    for (int col = 0; col < 1000; col++) {
        pen.fg = VT_COLOR_RGB(1, col % 2, 3);
        vt_grid_put(&grid, 0, col, 0x1f600, 1, &pen);
        for (int i = 0; i < 9; i++)
            vt_grid_mark(&grid, 0, col, 0xe0100);
    }
    for (int i = 0; i < 3000; i++)
        vt_scroll_push(&scroll, grid.lines[0]);
    assert_true(scroll.bytes <= LIMIT_VT_SCROLL);
    assert_in_range(vt_scroll_rows_of(&scroll), 1000, 2999);
    vt_scroll_clear(&scroll);
    assert_int_equal(scroll.bytes, 0);
    vt_grid_release(&grid);
}

static void test_an_ordinary_line_takes_its_text_and_little_more(void **state)
{
    struct vt_grid grid;
    struct vt_scroll scroll;
    const struct vt_cell pen = {.width = 1};

    (void)state;
    vt_grid_init(&grid, 200, 1);
    vt_scroll_init(&scroll, 100000);
    vt_grid_put_ascii(&grid, 0, 0, "0123456789", 10, &pen);
    for (int i = 0; i < 100000; i++)
        vt_scroll_push(&scroll, grid.lines[0]);
    assert_in_range(scroll.bytes / 100000, 10, 24);
    vt_scroll_clear(&scroll);
    vt_grid_release(&grid);
}

static unsigned first_four(const struct vt *vt, unsigned row)
{
    struct vt_cell cells[20] = {0};

    vt_scroll_line(vt, row, cells, 20);
    return cells[0].cp << 24 | cells[1].cp << 16 | cells[2].cp << 8 | cells[3].cp;
}

/* Short and long lines, some over several rows, in many blocks. */
static void test_rows_are_found_in_any_order(void **state)
{
    struct vt *vt = vt_new(20, 4, 100000, NULL, NULL);
    uint64_t seed = 3;

    (void)state;
    for (unsigned i = 0; i < 9000; i++) {
        bool is_long = i < 1000 || i > 8000;
        char line[200];
        int n = snprintf(line, sizeof(line), "%04u:%*s\r\n", i,
                is_long ? (int)(term_random(&seed) % 150) : 0, "x");

        vt_feed(vt, (struct str){line, (size_t)n});
    }
    for (int cols = 20; cols > 5; cols -= 7) {
        vt_resize(vt, cols, 4);

        unsigned count = vt_scroll_count(vt);
        unsigned *starts = xcalloc(count, sizeof(*starts));

        for (unsigned i = 0; i < count; i++) /* one after the other */
            starts[i] = first_four(vt, i);
        for (int i = 0; i < 3000; i++) {
            unsigned row = term_random(&seed) % count;

            assert_int_equal(first_four(vt, row), starts[row]);
        }
        free(starts);
    }
    vt_free(vt);
}

static void test_no_scrollback_keeps_nothing(void **state)
{
    struct vt *vt = vt_new(20, 4, 0, NULL, NULL);

    (void)state;
    vt_feed(vt, STR("\r\n\n\n\n\n\n\n"));
    assert_int_equal(vt_scroll_count(vt), 0);
    vt_resize(vt, 20, 1);
    vt_resize(vt, 20, 8);
    assert_int_equal(vt_scroll_count(vt), 0);
    vt_free(vt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_line_0_is_the_newest),
            cmocka_unit_test(test_the_oldest_line_goes_first),
            cmocka_unit_test(test_only_lines_from_the_top_of_the_main_screen_are_kept),
            cmocka_unit_test(test_colours_wide_characters_and_marks_come_back),
            cmocka_unit_test(test_a_line_knows_whether_its_text_goes_on),
            cmocka_unit_test(test_a_taller_screen_takes_lines_back_as_they_were),
            cmocka_unit_test(test_random_lines_come_back_equal),
            cmocka_unit_test(test_the_bytes_are_bounded_too),
            cmocka_unit_test(test_an_ordinary_line_takes_its_text_and_little_more),
            cmocka_unit_test(test_rows_are_found_in_any_order),
            cmocka_unit_test(test_no_scrollback_keeps_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
