/*
 * test_vt_text.c - reading a terminal by line numbers that stay: history, the frozen screen,
 * screens at rest, text over wrapped lines.
 */
#include "pty/vt_text.h"

#include "pty/vt_rest.h"
#include "unit/pty/term.h"

static void feed_lines(struct term *term, unsigned from, unsigned to)
{
    char line[32];

    for (unsigned i = from; i < to; i++) {
        snprintf(line, sizeof(line), "line %u\r\n", i);
        term_feed(term, line);
    }
}

/* Valid until the next call. */
static const char *text_of(const struct vt_doc *doc, uint64_t line)
{
    static struct buf buf;
    static char text[4096];

    buf_clear(&buf);
    vt_doc_append(doc, line, 0, 10000, &buf);
    str_copy(text, sizeof(text), buf_str(&buf));
    buf_release(&buf);
    return text;
}

static const char *para_of(const struct vt_doc *doc, uint64_t line)
{
    static char text[4096];
    struct vt_para para = {0};

    text[0] = '\0';
    if (vt_doc_para(doc, line, &para))
        str_copy(text, sizeof(text), para.text);
    vt_para_release(&para);
    return text;
}

static void test_a_line_keeps_its_number_while_the_terminal_goes_on(void **state)
{
    struct term *term = term_new(20, 4);

    (void)state;
    feed_lines(term, 0, 10);
    struct vt_doc *doc = vt_doc_open(term->vt);
    struct vt_range all = vt_doc_page(doc, VT_DOC_LIVE);
    assert_int_equal(all.end - all.first, 11);
    assert_string_equal(text_of(doc, all.first + 2), "line 2");
    assert_string_equal(text_of(doc, all.first + 8), "line 8");

    feed_lines(term, 10, 50);
    assert_string_equal(text_of(doc, all.first + 2), "line 2");
    assert_string_equal(text_of(doc, all.first + 8), "line 8");
    assert_int_equal(vt_doc_page(doc, VT_DOC_LIVE).end, all.end);
    assert_int_equal(vt_doc_arrived(doc), 40);
    vt_doc_close(doc);
    term_free(term);
}

static void test_the_screen_is_frozen_though_the_program_draws_over_it(void **state)
{
    struct term *term = term_new(20, 4);

    (void)state;
    term_feed(term, "before\r\nand this");
    struct vt_doc *doc = vt_doc_open(term->vt);
    term_feed(term, "\033[2J\033[Hafter");
    struct vt_range screen = vt_doc_screen(doc);
    int col;
    assert_string_equal(text_of(doc, screen.first), "before");
    assert_int_equal(vt_doc_cursor(doc, &col), screen.first + 1);
    assert_int_equal(col, 8);
    vt_doc_close(doc);
    term_free(term);
}

static void test_lines_that_are_dropped_are_gone_and_nothing_else_moves(void **state)
{
    struct term *term = term_new(20, 4); /* keeps 100 lines */

    (void)state;
    feed_lines(term, 0, 90);
    struct vt_doc *doc = vt_doc_open(term->vt);
    struct vt_range before = vt_doc_page(doc, VT_DOC_LIVE);
    feed_lines(term, 90, 150);
    struct vt_range after = vt_doc_page(doc, VT_DOC_LIVE);
    assert_int_equal(after.first - before.first, 47);
    assert_string_equal(text_of(doc, before.first), "");
    assert_string_equal(text_of(doc, after.first), "line 47");
    assert_string_equal(text_of(doc, before.first + 89), "line 89");
    feed_lines(term, 150, 1000); /* all of the history that the document had */
    after = vt_doc_page(doc, VT_DOC_LIVE);
    assert_int_equal(after.first, vt_doc_screen(doc).first);
    assert_string_equal(text_of(doc, before.first + 50), "");
    assert_string_equal(text_of(doc, before.first + 88), "line 88");
    vt_doc_close(doc);
    term_free(term);
}

static void test_an_erased_history_leaves_no_lines_behind(void **state)
{
    struct term *term = term_new(20, 4);

    (void)state;
    feed_lines(term, 0, 50);
    struct vt_doc *doc = vt_doc_open(term->vt);
    struct vt_range before = vt_doc_page(doc, VT_DOC_LIVE);
    vt_reset(term->vt);
    struct vt_range after = vt_doc_page(doc, VT_DOC_LIVE);
    assert_int_equal(after.end, before.end);
    for (uint64_t line = before.first; line < before.end; line++)
        assert_string_equal(
                text_of(doc, line), line < vt_doc_screen(doc).first ? "" : text_of(doc, line));
    vt_doc_close(doc);
    term_free(term);
}

static void test_wrapped_lines_are_one_text(void **state)
{
    struct term *term = term_new(10, 3);

    (void)state;
    term_feed(term, "one\r\n0123456789abcde  fghijk lmnop\r\ntwo\r\n");
    struct vt_doc *doc = vt_doc_open(term->vt);
    struct vt_range all = vt_doc_page(doc, VT_DOC_LIVE);
    for (unsigned i = 1; i <= 3; i++)
        assert_string_equal(para_of(doc, all.first + i), "0123456789abcde  fghijk lmnop");
    assert_string_equal(para_of(doc, all.first), "one");

    struct vt_para para = {0};
    int col;
    assert_true(vt_doc_para(doc, all.first + 2, &para));
    assert_int_equal(para.first, all.first + 1);
    assert_int_equal(vt_para_place(doc, &para, 17, &col), all.first + 2);
    assert_int_equal(col, 7);
    assert_int_equal(vt_para_place(doc, &para, para.text.n, &col), all.first + 3);
    assert_int_equal(col, 9);
    assert_int_equal(vt_para_offset(doc, &para, all.first + 2, 7), 17);
    vt_para_release(&para);
    vt_doc_close(doc);
    term_free(term);
}

static void test_a_blank_at_the_edge_is_part_of_a_wrapped_text(void **state)
{
    struct term *term = term_new(10, 3);

    (void)state;
    term_feed(term, "123456789 next\r\n123456789\xe4\xbd\xa0next");
    struct vt_doc *doc = vt_doc_open(term->vt);
    struct vt_range all = vt_doc_page(doc, VT_DOC_LIVE);
    assert_string_equal(para_of(doc, all.first), "123456789 next");
    /* A wide character that did not fit leaves a cell that nobody wrote. */
    assert_string_equal(para_of(doc, all.first + 2), "123456789\xe4\xbd\xa0next");
    vt_doc_close(doc);
    term_free(term);
}

static void test_wide_and_combined_characters_have_their_columns(void **state)
{
    struct term *term = term_new(20, 3);
    struct vt_para para = {0};
    struct buf buf = BUF_INIT;
    int col;

    (void)state;
    term_feed(term, "a\xe4\xbd\xa0\xe5\xa5\xbd"
                    "e\xcc\x81z");
    struct vt_doc *doc = vt_doc_open(term->vt);
    uint64_t line = vt_doc_screen(doc).first;
    assert_true(vt_doc_para(doc, line, &para));
    assert_int_equal(para.text.n, 1 + 3 + 3 + 3 + 1);
    vt_para_place(doc, &para, 4, &col);
    assert_int_equal(col, 3);
    vt_para_place(doc, &para, 10, &col);
    assert_int_equal(col, 6);
    vt_doc_append(doc, line, 2, 3, &buf); /* half of a wide one takes it whole */
    vt_doc_append(doc, line, 5, 6, &buf);
    assert_true(str_eq(buf_str(&buf), STR("\xe4\xbd\xa0"
                                          "e\xcc\x81")));
    buf_release(&buf);
    vt_para_release(&para);
    vt_doc_close(doc);
    term_free(term);
}

static void test_a_text_without_end_is_cut(void **state)
{
    struct term *term = term_new(10, 3);
    struct vt_para para = {0};

    (void)state;
    vt_free(term->vt);
    term->vt = vt_new(10, 3, 5000, NULL, NULL);
    for (int i = 0; i < 3000; i++)
        term_feed(term, "0123456789");
    struct vt_doc *doc = vt_doc_open(term->vt);
    struct vt_range all = vt_doc_page(doc, VT_DOC_LIVE);
    assert_true(vt_doc_para(doc, all.first + 2000, &para));
    assert_int_equal(para.rows, VT_PARA_ROWS);
    assert_in_range(all.first + 2000, para.first, para.first + para.rows - 1);
    vt_para_release(&para);
    vt_doc_close(doc);
    term_free(term);
}

static void test_prompts_are_marked_in_screen_and_history(void **state)
{
    struct term *term = term_new(20, 3);

    (void)state;
    term_feed(term,
            "x\r\n\033]133;A\a$ ls\r\nfile\r\n\033]133;A\033\\$ \r\nmore\r\nand more\r\n");
    struct vt_doc *doc = vt_doc_open(term->vt);
    struct vt_range all = vt_doc_page(doc, VT_DOC_LIVE);
    for (uint64_t line = all.first; line < all.end; line++)
        assert_int_equal(
                vt_doc_is_prompt(doc, line), line == all.first + 1 || line == all.first + 3);
    vt_doc_close(doc);
    term_free(term);
}

/* --- screens at rest -------------------------------------------------------------------- */

static void draw(struct term *term, uint64_t now, const char *text)
{
    vt_time(term->vt, now, 1000000 + (int64_t)now);
    term_feed(term, "\033[2J\033[H");
    term_feed(term, text);
}

static unsigned screens(const struct vt_doc *doc)
{
    unsigned n = 0;

    for (struct vt_range page = vt_doc_page(doc, VT_DOC_LIVE), next;; page = next, n++) {
        next = vt_doc_turn(doc, page.first, -1);
        if (next.first == page.first)
            return n;
    }
}

static void test_screens_of_full_screen_programs_are_kept_when_they_rested(void **state)
{
    struct term *term = term_new(20, 4);

    (void)state;
    draw(term, 1000, "\033[?1049h");
    draw(term, 1100, "first");
    draw(term, 1200, "second"); /* first had no rest */
    draw(term, 1900, "third");  /* second had */
    draw(term, 3000, "third");  /* third had */
    draw(term, 4000, "fourth"); /* no other screen than third */
    struct vt_doc *doc = vt_doc_open(term->vt);
    struct vt_range live = vt_doc_page(doc, VT_DOC_LIVE);
    assert_int_equal(screens(doc), 2);
    struct vt_range page = vt_doc_turn(doc, live.first, -1);
    assert_string_equal(text_of(doc, page.first), "third");
    assert_int_equal(page.end - page.first, 4);
    assert_int_equal(vt_doc_time(doc, page.first), 1000000 + 1900);
    page = vt_doc_turn(doc, page.first, -1);
    assert_string_equal(text_of(doc, page.first), "second");
    assert_int_equal(vt_doc_time(doc, page.first), 1000000 + 1200);
    page = vt_doc_turn(doc, page.first, 1);
    assert_string_equal(text_of(doc, page.first), "third");
    page = vt_doc_turn(doc, page.first, 1);
    assert_int_equal(page.first, live.first);
    assert_int_equal(vt_doc_time(doc, page.first), 0);
    vt_doc_close(doc);
    term_free(term);
}

static void test_what_scrolls_into_the_history_is_not_kept_again(void **state)
{
    struct term *term = term_new(20, 4);

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        vt_time(term->vt, 1000 * (i + 1), 0);
        feed_lines(term, i, i + 1);
    }
    struct vt_doc *doc = vt_doc_open(term->vt);
    assert_int_equal(screens(doc), 0);
    vt_doc_close(doc);
    term_free(term);
}

static void test_a_program_that_fills_the_main_screen_is_kept_too(void **state)
{
    struct term *term = term_new(20, 4);

    (void)state;
    draw(term, 1000, "top\033[4;1Hstatus 1");
    draw(term, 2000, "top\033[4;1Hstatus 2");
    draw(term, 3000, "top\033[4;1Hstatus 3");
    struct vt_doc *doc = vt_doc_open(term->vt);
    assert_int_equal(screens(doc), 2);
    vt_doc_close(doc);
    term_free(term);
}

static void test_the_ring_of_screens_is_bounded(void **state)
{
    struct term *term = term_new(20, 4);
    char text[32];

    (void)state;
    vt_keep_screens(term->vt, 3);
    term_feed(term, "\033[?1049h");
    for (unsigned i = 0; i < 10; i++) {
        snprintf(text, sizeof(text), "screen %u", i);
        draw(term, 1000 * (i + 1), text);
    }
    struct vt_doc *doc = vt_doc_open(term->vt);
    assert_int_equal(screens(doc), 3);
    struct vt_range rest = vt_doc_rest(doc);
    assert_int_equal(rest.end - rest.first, 12);
    assert_string_equal(text_of(doc, rest.first), "screen 6");
    /* A screen that is gone is taken for the oldest. */
    assert_int_equal(vt_doc_page(doc, 0).first, rest.first);
    for (unsigned i = 10; i < 20; i++) {
        snprintf(text, sizeof(text), "screen %u", i);
        draw(term, 1000 * (i + 1), text);
    }
    assert_string_equal(text_of(doc, rest.first), "");
    vt_doc_close(doc);
    vt_keep_screens(term->vt, 0);
    draw(term, 50000, "x");
    draw(term, 60000, "y");
    doc = vt_doc_open(term->vt);
    assert_int_equal(screens(doc), 0);
    vt_doc_close(doc);
    term_free(term);
}

static void test_hostile_streams_leave_every_line_readable(void **state)
{
    struct term *term = term_new(30, 8);
    uint64_t seed = 7;
    struct buf buf = BUF_INIT;

    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        for (unsigned i = 0; i < 40; i++)
            term_random_item(&buf, &seed);
        struct vt_doc *doc = vt_doc_open(term->vt);
        vt_time(term->vt, 1000 * (round + 1), 5);
        vt_feed(term->vt, buf_str(&buf));
        if (round % 7 == 0)
            vt_resize(term->vt, 10 + (int)(term_random(&seed) % 50),
                    2 + (int)(term_random(&seed) % 20));
        struct vt_range ranges[] = {vt_doc_page(doc, VT_DOC_LIVE), vt_doc_rest(doc)};
        for (unsigned r = 0; r < 2; r++)
            for (uint64_t line = ranges[r].first; line < ranges[r].end; line++) {
                struct vt_para para = {0};
                int col;

                if (!vt_doc_para(doc, line, &para))
                    continue;
                /* Of a long one 16 places: each costs a walk from its beginning. */
                for (size_t at = 0; at <= para.text.n; at += 1 + para.text.n / 16) {
                    uint64_t place = vt_para_place(doc, &para, at, &col);
                    assert_in_range(place, para.first, para.first + para.rows - 1);
                    assert_true(vt_para_offset(doc, &para, place, col) <= at);
                }
                vt_para_release(&para);
            }
        vt_doc_close(doc);
        buf_clear(&buf);
    }
    buf_release(&buf);
    term_free(term);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_a_line_keeps_its_number_while_the_terminal_goes_on),
            cmocka_unit_test(test_the_screen_is_frozen_though_the_program_draws_over_it),
            cmocka_unit_test(test_lines_that_are_dropped_are_gone_and_nothing_else_moves),
            cmocka_unit_test(test_an_erased_history_leaves_no_lines_behind),
            cmocka_unit_test(test_wrapped_lines_are_one_text),
            cmocka_unit_test(test_a_blank_at_the_edge_is_part_of_a_wrapped_text),
            cmocka_unit_test(test_wide_and_combined_characters_have_their_columns),
            cmocka_unit_test(test_a_text_without_end_is_cut),
            cmocka_unit_test(test_prompts_are_marked_in_screen_and_history),
            cmocka_unit_test(test_screens_of_full_screen_programs_are_kept_when_they_rested),
            cmocka_unit_test(test_what_scrolls_into_the_history_is_not_kept_again),
            cmocka_unit_test(test_a_program_that_fills_the_main_screen_is_kept_too),
            cmocka_unit_test(test_the_ring_of_screens_is_bounded),
            cmocka_unit_test(test_hostile_streams_leave_every_line_readable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
