/*
 * test_vt_news.c - links, notifications and what is dropped: known, counted, never passed on.
 */
#include "unit/pty/term.h"

static const char *target_at(struct term *term, int row, int col)
{
    return vt_link_target(term->vt, vt_row(term->vt, row)[col].link);
}

static void links_are_known_by_cell(void **state)
{
    struct term *term = term_new(40, 5);

    (void)state;
    term_feed(term,
            "a\033]8;;https://a.example/x\033\\b\033[31mc\033[0md\0337\033]8;;\033\\e\0338f");
    assert_null(target_at(term, 0, 0));
    assert_string_equal(target_at(term, 0, 1), "https://a.example/x");
    assert_string_equal(target_at(term, 0, 2), "https://a.example/x");
    assert_string_equal(target_at(term, 0, 3), "https://a.example/x");
    assert_null(target_at(term, 0, 4)); /* a restored cursor does not bring the link back */
    term_feed(term, "\033]8;id=1:x=y;file:///etc/passwd\ag\033]8;;\a\033[2Jh");
    assert_null(target_at(term, 0, 5));
    assert_int_equal(buf_len(&term->replies), 0);
    term_free(term);
}

/* More of them than a cell can name: a cell has its own target or none. */
static void links_without_end_never_get_anothers_target(void **state)
{
    struct term *term = term_new(80, 6);
    char text[120], expected[40];
    unsigned known = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "\033]8;;https://h/%d\033\\%c\033]8;;\033\\", i,
                'a' + i % 26);
        term_feed(term, text);
    }
    for (int row = 0; row < 6; row++)
        for (int col = 0; col < 80; col++) {
            const char *target = target_at(term, row, col);
            if (!target)
                continue;
            known++;
            /* 1000 characters: the last, unfinished row of 80 begins with number 960. */
            snprintf(expected, sizeof(expected), "https://h/%d", 960 - 80 * (5 - row) + col);
            assert_string_equal(target, expected);
        }
    assert_in_range(known, 127, 255);
    term_free(term);
}

static void a_too_long_target_is_none(void **state)
{
    struct term *term = term_new(20, 2);

    (void)state;
    term_feed(term, "\033]8;;https://");
    for (int i = 0; i < 300; i++)
        term_feed(term, "0123456789");
    term_feed(term, "\033\\x");
    assert_null(target_at(term, 0, 0));
    term_free(term);
}

static void notifications_are_told(void **state)
{
    static const struct {
        const char *bytes, *told;
    } rows[] = {
            {"\033]9;done\a", "done|"},
            {"\033]9;4;1;50\a", ""}, /* progress */
            {"\033]9;1;500\a", ""},  /* ConEmu: sleep */
            {"\033]777;notify;title;text\033\\", "title;text|"},
            {"\033]777;precmd\033\\", ""},
            {"\033]99;i=1:d=0;hello\033\\", "hello|"},
            {"\033]99;i=1:p=body:e=1;aGVsbG8=\033\\", "hello|"},
            {"\033]99;i=1:p=?;\033\\", ""},
            {"\033]99;i=1:p=close;\033\\", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct term *term = term_new(20, 2);
        term_feed(term, rows[i].bytes);
        buf_putc(&term->notices, '\0');
        assert_string_equal(buf_data(&term->notices), rows[i].told);
        assert_int_equal(buf_len(&term->replies), 0);
        term_free(term);
    }
}

static void what_has_no_place_is_counted(void **state)
{
    struct term *term = term_new(20, 2);

    (void)state;
    term_feed(term, "\033Pq#0~~\033\\\033Ptmux;\033\033]0;x\a\033\\");
    term_feed(term, "\033_Gf=24;AAAA\033\\\033^pm\033\\\033Xsos\033\\");
    term_feed(term, "\033]1337;File=name=x:aaaa\a\033]1337;SetMark\a\033]5113;x\a");
    term_feed(term, "\033P$qm\033\\\033P+q544e\033\\"); /* answered, so not dropped */
    assert_int_equal(vt_dropped(term->vt, VT_DROPPED_DCS), 1);
    assert_int_equal(vt_dropped(term->vt, VT_DROPPED_APC), 1);
    assert_int_equal(vt_dropped(term->vt, VT_DROPPED_PM), 2);
    assert_int_equal(vt_dropped(term->vt, VT_DROPPED_FILE), 2);
    assert_int_equal(vt_dropped(term->vt, VT_DROPPED_OSC), 1);
    term_free(term);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(links_are_known_by_cell),
            cmocka_unit_test(links_without_end_never_get_anothers_target),
            cmocka_unit_test(a_too_long_target_is_none),
            cmocka_unit_test(notifications_are_told),
            cmocka_unit_test(what_has_no_place_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
