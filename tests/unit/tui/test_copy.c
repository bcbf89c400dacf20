/*
 * Copy mode without a screen: movements, selections and searches over what a terminal shows.
 */
#include "tui/copy.h"

#include <locale.h>

#include "base/limits.h"
#include "unit/check.h"

#define COLS 20
#define ROWS 6

struct reader {
    struct vt *vt;
    struct copy copy;
    struct buf taken;
};

static struct reader *reader_new(const char *bytes)
{
    struct reader *reader = calloc(1, sizeof *reader);

    reader->vt = vt_new(COLS, ROWS, 1000, NULL, NULL);
    vt_feed(reader->vt, str_of(bytes));
    copy_open(&reader->copy, reader->vt, COLS, ROWS);
    return reader;
}

static void reader_free(struct reader *reader)
{
    copy_close(&reader->copy);
    vt_free(reader->vt);
    buf_release(&reader->taken);
    free(reader);
}

static void lines_into(struct vt *vt, unsigned from, unsigned to)
{
    char line[32];

    for (unsigned i = from; i < to; i++) {
        snprintf(line, sizeof line, "line %u\r\n", i);
        vt_feed(vt, str_of(line));
    }
}

/* Line (from the oldest) and column of the cursor. */
#define expect_at(reader, row, column)                                                         \
    do {                                                                                       \
        struct vt_range all_ = vt_doc_page((reader)->copy.doc, VT_DOC_LIVE);                   \
        assert_int_equal((reader)->copy.cursor.line - all_.first, (row));                      \
        assert_int_equal((reader)->copy.cursor.col, (column));                                 \
    } while (0)

#define expect_taken(reader, text)                                                             \
    do {                                                                                       \
        buf_clear(&(reader)->taken);                                                           \
        assert_true(copy_take(&(reader)->copy, &(reader)->taken));                             \
        buf_putc(&(reader)->taken, '\0');                                                      \
        assert_string_equal(buf_data(&(reader)->taken), (text));                               \
    } while (0)

static void go(struct reader *reader, unsigned row, int col)
{
    uint64_t first = vt_doc_page(reader->copy.doc, VT_DOC_LIVE).first;

    copy_go(&reader->copy, (struct copy_pos){first + row, col});
}

static void move(struct reader *reader, enum action_id id)
{
    copy_move(&reader->copy, id, 1);
}

/* --- movements -------------------------------------------------------------------------- */

static void test_every_movement_ends_where_it_should(void **state)
{
    static const struct {
        unsigned row;
        int col;
        enum action_id id;
        unsigned times;
        unsigned to_row;
        int to_col;
    } table[] = {
            {0, 0, COPY_RIGHT, 3, 0, 3},
            {0, 12, COPY_RIGHT, 1, 1, 0}, /* a line ends */
            {1, 0, COPY_LEFT, 1, 0, 12},
            {0, 0, COPY_LEFT, 1, 0, 0},
            {0, 4, COPY_DOWN, 1, 1, 0}, /* an empty line */
            {0, 4, COPY_DOWN, 2, 2, 4}, /* the column comes back */
            {0, 4, COPY_DOWN, 99, 7, 4},
            {7, 4, COPY_UP, 99, 0, 4},
            {0, 0, COPY_WORD, 1, 0, 4},
            {0, 0, COPY_WORD, 2, 0, 7},
            {0, 0, COPY_WORD, 3, 0, 8},
            {0, 8, COPY_WORD, 1, 2, 2},
            {0, 0, COPY_WORD_END, 1, 0, 2},
            {0, 2, COPY_WORD_END, 1, 0, 6},
            {0, 6, COPY_WORD_END, 1, 0, 7},
            {2, 2, COPY_WORD_BACK, 1, 0, 8},
            {0, 12, COPY_WORD_BACK, 1, 0, 8},
            {0, 8, COPY_WORD_BACK, 2, 0, 4},
            {2, 6, COPY_LINE_START, 1, 2, 0},
            {2, 6, COPY_LINE_TEXT, 1, 2, 2},
            {2, 6, COPY_LINE_END, 1, 2, 10},
            {0, 3, COPY_BLANK_DOWN, 1, 1, 0},
            {1, 0, COPY_BLANK_DOWN, 1, 4, 0},
            {3, 2, COPY_BLANK_UP, 1, 1, 0},
            {3, 2, COPY_BLANK_UP, 2, 0, 0},
            {3, 2, COPY_TOP, 1, 0, 0},
            {3, 2, COPY_BOTTOM, 1, 7, 0},
            {5, 1, COPY_HIGH, 1, 2, 1}, /* the view shows lines 2 to 7 */
            {5, 1, COPY_MIDDLE, 1, 5, 1},
            {3, 1, COPY_LOW, 1, 7, 1},
            {7, 0, COPY_HALF_UP, 1, 5, 0},
            {7, 0, COPY_PAGE_UP, 1, 5, 0},
            {0, 0, COPY_HALF_DOWN, 1, 2, 0},
    };
    const char *text =
            "one two.three\r\n\r\n  next line\r\nmore\r\n\r\nfive.\r\nsix 6\r\nseven";

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct reader *reader = reader_new(text);
        go(reader, table[i].row, table[i].col);
        copy_move(&reader->copy, table[i].id, table[i].times);
        uint64_t first = vt_doc_page(reader->copy.doc, VT_DOC_LIVE).first;
        if (reader->copy.cursor.line - first != table[i].to_row ||
                reader->copy.cursor.col != table[i].to_col)
            fail_msg("row %zu of the table ends at %u, %d", i,
                    (unsigned)(reader->copy.cursor.line - first), reader->copy.cursor.col);
        reader_free(reader);
    }
}

static void test_the_cursor_steps_over_wide_characters(void **state)
{
    struct reader *reader = reader_new("a\xe4\xbd\xa0\xe5\xa5\xbdz");

    (void)state;
    go(reader, 0, 0);
    move(reader, COPY_RIGHT);
    expect_at(reader, 0, 1);
    move(reader, COPY_RIGHT);
    expect_at(reader, 0, 3);
    move(reader, COPY_RIGHT);
    expect_at(reader, 0, 5);
    move(reader, COPY_LEFT);
    expect_at(reader, 0, 3);
    go(reader, 0, 4); /* its right half */
    expect_at(reader, 0, 3);
    reader_free(reader);
}

static void test_the_view_stays_while_the_agent_prints(void **state)
{
    struct reader *reader = reader_new("");

    (void)state;
    copy_close(&reader->copy);
    lines_into(reader->vt, 0, 100);
    copy_open(&reader->copy, reader->vt, COLS, ROWS);
    assert_int_equal(copy_above(&reader->copy), 0);
    copy_move(&reader->copy, COPY_UP, 30);
    uint64_t top = reader->copy.top, line = reader->copy.cursor.line;
    lines_into(reader->vt, 100, 600);
    copy_fit(&reader->copy, COLS, ROWS);
    assert_int_equal(reader->copy.top, top);
    assert_int_equal(reader->copy.cursor.line, line);
    assert_int_equal(vt_doc_arrived(reader->copy.doc), 500);
    lines_into(reader->vt, 600, 2000); /* what is shown fell out of the history */
    copy_fit(&reader->copy, COLS, ROWS);
    move(reader, COPY_UP);
    struct vt_range page = vt_doc_page(reader->copy.doc, VT_DOC_LIVE);
    assert_in_range(reader->copy.cursor.line, page.first, page.end - 1);
    assert_in_range(reader->copy.top, page.first, page.end - 1);
    reader_free(reader);
}

static void test_pages_overlap_and_end_at_the_ends(void **state)
{
    struct reader *reader = reader_new("");

    (void)state;
    copy_close(&reader->copy);
    lines_into(reader->vt, 0, 100);
    copy_open(&reader->copy, reader->vt, COLS, ROWS);
    move(reader, COPY_PAGE_UP);
    assert_int_equal(copy_above(&reader->copy), ROWS - 2);
    move(reader, COPY_HALF_UP);
    assert_int_equal(copy_above(&reader->copy), ROWS - 2 + ROWS / 2);
    copy_move(&reader->copy, COPY_PAGE_UP, 1000);
    copy_move(&reader->copy, COPY_PAGE_UP, 2); /* there is no more: the cursor alone */
    expect_at(reader, 0, 0);
    copy_move(&reader->copy, COPY_PAGE_DOWN, 1000);
    assert_int_equal(copy_above(&reader->copy), 0);
    copy_scroll(&reader->copy, -3);
    assert_int_equal(copy_above(&reader->copy), 3);
    copy_scroll(&reader->copy, 5);
    assert_int_equal(copy_above(&reader->copy), 0);
    reader_free(reader);
}

static void test_after_a_resize_the_cursor_is_in_the_same_text(void **state)
{
    struct reader *reader = reader_new("");

    (void)state;
    copy_close(&reader->copy);
    lines_into(reader->vt, 0, 100);
    copy_open(&reader->copy, reader->vt, COLS, ROWS);
    go(reader, 40, 2);
    uint64_t place = copy_place(&reader->copy);
    vt_resize(reader->vt, 9, 10);
    copy_reopen(&reader->copy, place);
    copy_fit(&reader->copy, 9, 10);
    copy_select(&reader->copy, COPY_LINES);
    expect_taken(reader, "line 40");
    reader_free(reader);
}

static bool is_even(void *ctx, struct copy *copy, uint64_t line)
{
    (void)ctx;
    return (line - vt_doc_page(copy->doc, line).first) % 2 == 0;
}

static void test_jumps_stop_at_what_is_a_prompt(void **state)
{
    struct reader *reader = reader_new("a\r\nb\r\nc\r\nd");

    (void)state;
    go(reader, 3, 0);
    assert_true(copy_jump(&reader->copy, -1, is_even, NULL));
    expect_at(reader, 2, 0);
    assert_true(copy_jump(&reader->copy, -1, is_even, NULL));
    assert_false(copy_jump(&reader->copy, -1, is_even, NULL));
    expect_at(reader, 0, 0);
    assert_true(copy_jump(&reader->copy, 1, is_even, NULL));
    expect_at(reader, 2, 0);
    reader_free(reader);
}

/* --- selections ------------------------------------------------------------------------- */

static void test_characters_are_taken_from_one_end_to_the_other(void **state)
{
    struct reader *reader = reader_new("first line\r\nsecond line   \r\n\r\nlast line");

    (void)state;
    go(reader, 0, 6);
    copy_select(&reader->copy, COPY_CHARS);
    expect_taken(reader, "l");
    go(reader, 0, 9);
    expect_taken(reader, "line");
    go(reader, 3, 3);
    expect_taken(reader, "line\nsecond line\n\nlast");
    copy_other_end(&reader->copy);
    expect_at(reader, 0, 6);
    expect_taken(reader, "line\nsecond line\n\nlast");
    move(reader, COPY_LINE_START);
    expect_taken(reader, "first line\nsecond line\n\nlast");
    copy_select(&reader->copy, COPY_CHARS); /* again: none */
    assert_false(copy_take(&reader->copy, &reader->taken));
    reader_free(reader);
}

static void test_lines_and_blocks_are_taken_whole(void **state)
{
    struct reader *reader =
            reader_new("+------+\r\n| ab   |\r\n| c\xe4\xbd\xa0  |\r\n+------+");

    (void)state;
    go(reader, 1, 3);
    copy_select(&reader->copy, COPY_LINES);
    go(reader, 2, 0);
    expect_taken(reader, "| ab   |\n| c\xe4\xbd\xa0  |");
    go(reader, 1, 2);
    copy_select_nothing(&reader->copy);
    copy_select(&reader->copy, COPY_BLOCK);
    go(reader, 2, 6);
    expect_taken(reader, "ab\nc\xe4\xbd\xa0");
    go(reader, 2, 4); /* inside of a wide character */
    expect_taken(reader, "ab\nc\xe4\xbd\xa0");
    reader_free(reader);
}

static void test_wrapped_lines_join_and_blanks_at_the_end_drop(void **state)
{
    struct reader *reader =
            reader_new("0123456789 12345678 0123456789\r\nnext          \r\nend");

    (void)state;
    go(reader, 0, 11);
    copy_select(&reader->copy, COPY_CHARS);
    go(reader, 2, 3);
    expect_taken(reader, "12345678 0123456789\nnext");
    copy_select_line(&reader->copy, (struct copy_pos){reader->copy.cursor.line - 1, 4});
    expect_taken(reader, "0123456789 12345678 0123456789");
    reader_free(reader);
}

static void test_a_word_is_a_word_a_path_or_a_url(void **state)
{
    static const struct {
        const char *text;
        unsigned row;
        int col;
        const char *word;
    } table[] = {
            {"some words here", 0, 7, "words"},
            {"some words here", 0, 4, " "},
            {"f(x_1, y)", 0, 2, "x_1"},
            {"a \xc3\xbc"
             "ber b",
                    0, 3,
                    "\xc3\xbc"
                    "ber"},
            {"see src/main.c:12.", 0, 9, "src/main.c:12"},
            {"(https://a.de/x?y=1).", 0, 5, "https://a.de/x?y=1"},
            {"at https://example.org/a/long/path?q=1#x, so", 1, 3,
                    "https://example.org/a/long/path?q=1#x"},
            {"either/or, well", 0, 2, "either/or"},
            {"v1.2 and 3.4", 0, 1, "v1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct reader *reader = reader_new(table[i].text);
        struct vt_range all = vt_doc_page(reader->copy.doc, VT_DOC_LIVE);
        copy_select_word(
                &reader->copy, (struct copy_pos){all.first + table[i].row, table[i].col});
        expect_taken(reader, table[i].word);
        reader_free(reader);
    }
}

/* --- searches --------------------------------------------------------------------------- */

static void find(struct reader *reader, const char *text, int step)
{
    copy_search_open(&reader->copy, step);
    copy_search_set(&reader->copy, str_of(text));
    while (!copy_search_run(&reader->copy, 1))
        ;
}

static void test_a_search_counts_and_goes_to_the_next_hit(void **state)
{
    struct reader *reader = reader_new("pass fail\r\nfail pass pass\r\nnone\r\npass");

    (void)state;
    go(reader, 1, 0);
    find(reader, "pass", 1);
    assert_int_equal(reader->copy.search.hits, 4);
    expect_at(reader, 1, 5);
    move(reader, COPY_FIND_NEXT);
    expect_at(reader, 1, 10);
    move(reader, COPY_FIND_NEXT);
    expect_at(reader, 3, 0);
    move(reader, COPY_FIND_NEXT); /* around the end */
    expect_at(reader, 0, 0);
    move(reader, COPY_FIND_PREVIOUS);
    expect_at(reader, 3, 0);
    move(reader, COPY_FIND_PREVIOUS);
    expect_at(reader, 1, 10);
    find(reader, "pass", -1);
    expect_at(reader, 1, 5);
    move(reader, COPY_FIND_NEXT);
    expect_at(reader, 0, 0);
    reader_free(reader);
}

static void test_typing_goes_on_from_where_the_search_began(void **state)
{
    struct reader *reader = reader_new("x\r\nabd\r\nabc");

    (void)state;
    go(reader, 0, 0);
    find(reader, "ab", 1);
    expect_at(reader, 1, 0);
    copy_search_set(&reader->copy, STR("abc"));
    copy_search_run(&reader->copy, UINT64_MAX / 2);
    expect_at(reader, 2, 0);
    copy_search_set(&reader->copy, STR("abcd"));
    copy_search_run(&reader->copy, UINT64_MAX / 2);
    assert_int_equal(reader->copy.search.hits, 0);
    expect_at(reader, 0, 0);
    copy_search_set(&reader->copy, STR("ab"));
    copy_search_run(&reader->copy, UINT64_MAX / 2);
    expect_at(reader, 1, 0);
    copy_search_cancel(&reader->copy);
    expect_at(reader, 0, 0);
    reader_free(reader);
}

static void test_case_counts_only_if_a_capital_is_typed(void **state)
{
    static const struct {
        const char *pattern;
        unsigned hits;
    } table[] = {{"error", 3}, {"Error", 1}, {"ERROR", 1}, {"\xc3\xa4pfel", 2},
            {"\xc3\x84pfel", 1}, {"\xe4\xbd\xa0", 1}, {"", 0}, {"e", 6}, {"xyz", 0}};

    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct reader *reader = reader_new("Error ERROR error\r\n\xc3\x84pfel \xc3\xa4pfel "
                                           "\xe4\xbd\xa0\xe5\xa5\xbd\r\nend");
        find(reader, table[i].pattern, 1);
        assert_int_equal(reader->copy.search.hits, table[i].hits);
        reader_free(reader);
    }
}

static void test_hits_run_over_wrapped_lines_and_wide_characters(void **state)
{
    struct reader *reader = reader_new("0123456789 1234567needle in hay\r\n"
                                       "\xe4\xbd\xa0\xe5\xa5\xbd needle\r\nnothing\r\n");

    (void)state;
    go(reader, 4, 0);
    find(reader, "needle", 1);
    assert_int_equal(reader->copy.search.hits, 2);
    expect_at(reader, 0, 18);
    move(reader, COPY_FIND_NEXT);
    expect_at(reader, 2, 5);
    move(reader, COPY_FIND_PREVIOUS);
    expect_at(reader, 0, 18);
    reader_free(reader);
}

static void test_screens_at_rest_are_searched_and_walked_through(void **state)
{
    struct reader *reader = reader_new("history\r\n\033[?1049h");
    struct vt *vt = reader->vt;

    (void)state;
    copy_close(&reader->copy);
    for (unsigned i = 0; i < 4; i++) {
        char text[64];
        vt_time(vt, 1000 * (i + 1), 1000 * (i + 1));
        snprintf(text, sizeof text, "\033[2J\033[Hscreen %c\r\nsame", 'a' + i);
        vt_feed(vt, str_of(text));
    }
    copy_open(&reader->copy, vt, COLS, ROWS); /* a and b and c rest, d is seen */
    move(reader, COPY_SCREEN_BEFORE);
    assert_int_equal(vt_doc_time(reader->copy.doc, reader->copy.cursor.line), 3000);
    copy_select(&reader->copy, COPY_LINES);
    expect_taken(reader, "screen c");
    move(reader, COPY_SCREEN_BEFORE); /* another screen, no selection any more */
    assert_false(copy_take(&reader->copy, &reader->taken));
    copy_select(&reader->copy, COPY_LINES);
    expect_taken(reader, "screen b");
    copy_move(&reader->copy, COPY_SCREEN_BEFORE, 5);
    copy_move(&reader->copy, COPY_DOWN, 99);
    copy_move(&reader->copy, COPY_UP, 99);
    copy_select(&reader->copy, COPY_LINES);
    expect_taken(reader, "screen a");
    copy_move(&reader->copy, COPY_SCREEN_AFTER, 9);
    copy_select(&reader->copy, COPY_LINES);
    expect_taken(reader, "screen d");

    find(reader, "same", -1);
    assert_int_equal(reader->copy.search.hits, 4);
    find(reader, "screen b", -1);
    assert_int_equal(reader->copy.search.hits, 1);
    assert_int_equal(vt_doc_time(reader->copy.doc, reader->copy.cursor.line), 2000);
    reader_free(reader);
}

static void test_a_search_survives_lines_that_are_dropped(void **state)
{
    struct reader *reader = reader_new("");

    (void)state;
    copy_close(&reader->copy);
    lines_into(reader->vt, 0, 900);
    copy_open(&reader->copy, reader->vt, COLS, ROWS);
    find(reader, "line 1", -1);
    assert_int_equal(reader->copy.search.hits, 111);
    lines_into(reader->vt, 900, 1800);
    for (unsigned i = 0; i < 200; i++)
        copy_move(&reader->copy, i % 3 ? COPY_FIND_NEXT : COPY_FIND_PREVIOUS, 1);
    lines_into(reader->vt, 1800, 5000);
    for (unsigned i = 0; i < 200; i++)
        copy_move(&reader->copy, i % 3 ? COPY_FIND_NEXT : COPY_FIND_PREVIOUS, 1);
    copy_search_set(&reader->copy, STR("line"));
    lines_into(reader->vt, 5000, 6000);
    while (!copy_search_run(&reader->copy, 1))
        lines_into(reader->vt, 6000, 6020);
    reader_free(reader);
}

static void test_any_sequence_of_keys_keeps_the_cursor_in_the_text(void **state)
{
    struct reader *reader = reader_new("");
    uint64_t seed = 3;

    (void)state;
    for (unsigned round = 0; round < 3000; round++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned n = (unsigned)(seed >> 40);
        struct copy *copy = &reader->copy;
        int from, to;

        enum action_id id = COPY_LEFT + n % (COPY_FIND_PREVIOUS - COPY_LEFT + 1);
        if (id == COPY_PROMPT_UP || id == COPY_PROMPT_DOWN)
            copy_jump(copy, n % 2 ? 1 : -1, is_even, NULL);
        else
            copy_move(copy, id, 1 + n % 7);
        if (n % 11 == 0)
            lines_into(reader->vt, 0, n % 300);
        if (n % 13 == 0)
            vt_feed(reader->vt, STR("\xe4\xbd\xa0 wide and long enough to wrap around\r\n"));
        if (n % 17 == 0)
            copy_select(copy, COPY_CHARS + n % 3);
        if (n % 19 == 0)
            find(reader, n % 2 ? "line 2" : "w", n % 4 ? 1 : -1);
        if (n % 23 == 0)
            vt_feed(reader->vt, n % 2 ? STR("\033[?1049h") : STR("\033[?1049l"));
        if (n % 29 == 0) {
            uint64_t place = copy_place(copy);
            vt_resize(reader->vt, 2 + (int)(n % 30), 1 + (int)(n % 12));
            copy_reopen(copy, place);
        }
        if (n % 31 == 0)
            copy_fit(copy, 1 + (int)(n % 40), 1 + (int)(n % 20));
        if (n % 37 == 0)
            copy_select_word(copy, (struct copy_pos){copy->top + n % 7, (int)(n % 25)});
        vt_time(reader->vt, 1000 * (round + 1), 1);
        copy_fit(copy, copy->cols, copy->rows);
        struct vt_range page = vt_doc_page(copy->doc, copy->cursor.line);
        assert_in_range(copy->cursor.line, page.first, page.end - 1);
        assert_in_range(copy->top, page.first, page.end - 1);
        assert_in_range(copy->cursor.line - copy->top, 0, copy->rows - 1);
        assert_in_range(copy->cursor.col, 0, LIMIT_VT_COLS);
        copy_selected(copy, copy->cursor.line, &from, &to);
        buf_clear(&reader->taken);
        copy_take(copy, &reader->taken);
    }
    reader_free(reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_every_movement_ends_where_it_should),
            cmocka_unit_test(test_the_cursor_steps_over_wide_characters),
            cmocka_unit_test(test_the_view_stays_while_the_agent_prints),
            cmocka_unit_test(test_pages_overlap_and_end_at_the_ends),
            cmocka_unit_test(test_after_a_resize_the_cursor_is_in_the_same_text),
            cmocka_unit_test(test_jumps_stop_at_what_is_a_prompt),
            cmocka_unit_test(test_characters_are_taken_from_one_end_to_the_other),
            cmocka_unit_test(test_lines_and_blocks_are_taken_whole),
            cmocka_unit_test(test_wrapped_lines_join_and_blanks_at_the_end_drop),
            cmocka_unit_test(test_a_word_is_a_word_a_path_or_a_url),
            cmocka_unit_test(test_a_search_counts_and_goes_to_the_next_hit),
            cmocka_unit_test(test_typing_goes_on_from_where_the_search_began),
            cmocka_unit_test(test_case_counts_only_if_a_capital_is_typed),
            cmocka_unit_test(test_hits_run_over_wrapped_lines_and_wide_characters),
            cmocka_unit_test(test_screens_at_rest_are_searched_and_walked_through),
            cmocka_unit_test(test_a_search_survives_lines_that_are_dropped),
            cmocka_unit_test(test_any_sequence_of_keys_keeps_the_cursor_in_the_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
