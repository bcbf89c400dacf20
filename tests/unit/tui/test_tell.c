/*
 * test_tell.c - what the user's terminal is told beside its cells, and what an agent offers.
 */
#include "base/mem.h"
#include "tui/messages.h"
#include "tui/tell.h"
#include "tui/v_links.h"
#include "unit/check.h"

static const char *text_of(struct buf *buf)
{
    buf_putc(buf, '\0');
    return buf_data(buf);
}

static void a_title_is_sent_on_change_and_once_a_second(void **state)
{
    const struct frame_config xterm = {.term = "xterm-256color"};
    struct tell tell;
    struct buf out = BUF_INIT;

    (void)state;
    tell_enter(&tell, &xterm, &out);
    assert_string_equal(text_of(&out), "\033[8l\033[22;0t");
    buf_clear(&out);
    assert_int_equal(tell_title(&tell, "one", 5000, &out), 0);
    assert_int_equal(tell_title(&tell, "one", 5001, &out), 0);
    assert_int_equal(tell_title(&tell, "two", 5400, &out), 600);
    assert_int_equal(tell_title(&tell, "one", 5500, &out), 0);
    assert_int_equal(tell_title(&tell,
                             "a\033\a\xc2\x9c\xe2\x80\xae"
                             "b",
                             6000, &out),
            0);
    assert_string_equal(text_of(&out), "\033]2;one\033\\\033]2;ab\033\\");
    buf_clear(&out);
    tell_leave(&tell, &out);
    assert_string_equal(text_of(&out), "\033[8h\033[23;0t");
    buf_release(&out);
}

static void a_console_has_no_title(void **state)
{
    const struct frame_config console = {.term = "linux"};
    struct tell tell;
    struct buf out = BUF_INIT;

    (void)state;
    tell_enter(&tell, &console, &out);
    assert_int_equal(tell_title(&tell, "one", 5000, &out), 0);
    tell_leave(&tell, &out);
    assert_string_equal(text_of(&out), "\033[8l\033[8h");
    buf_release(&out);
}

static void a_notice_has_the_form_of_the_terminal(void **state)
{
    static const char *const forms[] = {"", "\033]9;ironcurtain: x\033\\",
            "\033]99;i=ironcurtain;ironcurtain: x\033\\",
            "\033]777;notify;ironcurtain;ironcurtain: x\033\\"};

    (void)state;
    for (int i = NOTICE_BELL; i <= NOTICE_777; i++) {
        const struct frame_config config = {.term = "xterm", .notice = (enum frame_notice)i};
        struct tell tell;
        struct buf out = BUF_INIT;

        tell_enter(&tell, &config, &out);
        buf_clear(&out);
        assert_int_equal(tell_notice(&tell, "ironcurtain: x\033\a", &out), i != NOTICE_BELL);
        assert_string_equal(text_of(&out), forms[i]);
        buf_release(&out);
    }
}

static void only_plain_web_addresses_are_opened(void **state)
{
    static const struct {
        const char *target;
        bool can;
    } rows[] = {
            {"https://example.com", true},
            {"http://example.com:8080/a?b=c&d=$(e)#f", true},
            {"file:///etc/passwd", false},
            {"javascript:alert(1)", false},
            {"HTTPS://example.com", false},
            {"--help", false},
            {"", false},
            {"https://", false},
            {"https:///etc", false},
            {"https://good.example@evil.example/", false},
            {"https://example.com/a@b", true},
            {"https://ex\xd0\xb0mple.com/", false},
            {"https://example.com/a b", false},
            {"https://example.com/\n", false},
            {"https://example.com/\"", false},
    };
    const char *why;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(link_can_open(rows[i].target, &why), rows[i].can);
}

static void the_links_of_a_screen_are_found(void **state)
{
    struct links *links = xcalloc(1, sizeof(*links));
    struct vt *vt = vt_new(30, 6, 10, NULL, NULL);

    (void)state;
    vt_feed(vt, STR("see (https://a.example/x_(y)), or\r\n"
                    "0123456789 https://b.example/0123456789 now.\r\n"
                    "\033]8;;https://c.example/\033\\text\033]8;;\033\\ https:// http://d."));
    links_collect(links, vt);
    assert_int_equal(links->count, 4);
    assert_string_equal(links->items[0].target, "https://a.example/x_(y)");
    assert_string_equal(links->items[1].target, "https://b.example/0123456789");
    assert_string_equal(links->items[2].target, "http://d");
    assert_string_equal(links->items[3].target, "https://c.example/");
    assert_string_equal(links->items[3].text, "text");
    links_release(links);
    vt_free(vt);
    free(links);
}

static void an_offer_shows_all_that_is_invisible(void **state)
{
    struct offer offer = {0};

    (void)state;
    offer_take(&offer, STR("ls\n\033[8mrm\r\xe2\x80\xae"));
    assert_int_equal(offer_lines(&offer, 80), 2);
    assert_string_equal(text_of(&offer.shown), "ls<U+000A>\n<U+001B>[8mrm<U+000D><U+202E>");
    offer_release(&offer);
}

static void notes_push_out_notes_only(void **state)
{
    struct messages *messages = xcalloc(1, sizeof(*messages));
    unsigned notes = 0;

    (void)state;
    for (int i = 0; i < 5; i++)
        messages_add(messages, i, "host %d", i);
    for (int i = 0; i < 500; i++)
        messages_note(messages, i, "note %d", i);
    assert_string_equal(messages_shown(messages)->text, "host 4");
    assert_string_equal(messages_at(messages, 0)->text, "note 499");
    for (unsigned i = 0; messages_at(messages, i); i++)
        notes += messages_at(messages, i)->note;
    assert_int_equal(notes, MESSAGES_NOTES);
    assert_string_equal(messages_at(messages, MESSAGES_NOTES)->text, "host 4");
    assert_string_equal(messages_at(messages, MESSAGES_NOTES + 4)->text, "host 0");
    assert_null(messages_at(messages, MESSAGES_NOTES + 5));
    for (int i = 0; i < 150; i++)
        messages_add(messages, i, "more %d", i);
    messages_note(messages, 1, "last");
    assert_string_equal(messages_at(messages, 1)->text, "more 149");
    assert_string_equal(messages_at(messages, 99)->text, "more 51");
    free(messages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_title_is_sent_on_change_and_once_a_second),
            cmocka_unit_test(a_console_has_no_title),
            cmocka_unit_test(a_notice_has_the_form_of_the_terminal),
            cmocka_unit_test(only_plain_web_addresses_are_opened),
            cmocka_unit_test(the_links_of_a_screen_are_found),
            cmocka_unit_test(an_offer_shows_all_that_is_invisible),
            cmocka_unit_test(notes_push_out_notes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
