/*
 * test_sessions.c - the list of tabs: numbers, names, what was looked at, and whose news count.
 */
#include "base/limits.h"
#include "session/sessions.h"
#include "support/fake_session.h"
#include "unit/check.h"

/* What the owner of the list was told. */
struct heard {
    unsigned marks, screens, wholes, changes, bells, agents, clipboards, notices, ended;
    const struct tab *tab;
    struct sessions *remove_from; /* on_ended takes the tab away at once; NULL: not */
};

static void hear_screen(void *ctx)
{
    ((struct heard *)ctx)->screens++;
}

static void hear_whole(void *ctx)
{
    ((struct heard *)ctx)->wholes++;
}

static void hear_change(void *ctx)
{
    ((struct heard *)ctx)->changes++;
}

static void hear_marks(void *ctx)
{
    ((struct heard *)ctx)->marks++;
}

static void hear_notice(void *ctx, const struct tab *tab, const char *text)
{
    struct heard *heard = ctx;

    (void)text;
    heard->notices++;
    heard->tab = tab;
}

static void hear_bell(void *ctx, const struct tab *tab)
{
    struct heard *heard = ctx;

    heard->bells++;
    heard->tab = tab;
}

static void hear_agent(void *ctx, const struct tab *tab, const char *text)
{
    struct heard *heard = ctx;

    (void)text;
    heard->agents++;
    heard->tab = tab;
}

static void hear_clipboard(void *ctx, const struct tab *tab)
{
    struct heard *heard = ctx;

    heard->clipboards++;
    heard->tab = tab;
}

static void hear_ended(void *ctx, const struct tab *tab, const char *message)
{
    struct heard *heard = ctx;

    assert_string_equal(message, "it ended");
    heard->ended++;
    heard->tab = tab;
    if (heard->remove_from)
        sessions_remove(heard->remove_from, tab->session);
}

static const struct sessions_ops ops = {hear_screen, hear_whole, hear_change, hear_marks,
        hear_notice, hear_bell, hear_agent, hear_clipboard, hear_ended};

static struct heard heard;

static struct sessions *list_new(void)
{
    heard = (struct heard){0};
    fake_session_id = NULL;
    return sessions_new(&ops, &heard);
}

static void list_free(struct sessions *list)
{
    sessions_free(list);
    assert_int_equal(fake_sessions, 0);
}

static struct session *start(struct sessions *list, const char *name, const char *id)
{
    struct session_spec spec = {.name = name};
    struct err err;

    fake_session_id = id;
    const struct tab *tab = sessions_start(list, NULL, &spec, &err);
    assert_non_null(tab);
    return tab->session;
}

/* "1a 3c": number and name of each tab in their order. */
static void expect_tabs(const struct sessions *list, const char *expected)
{
    char text[512] = "";
    const struct tab *tab;

    for (unsigned i = 0; (tab = sessions_at(list, i)); i++) {
        size_t n = strlen(text);

        snprintf(text + n, sizeof(text) - n, "%s%u%s", i ? " " : "", tab->number,
                session_rec(tab->session)->label);
        assert_ptr_equal(sessions_by_number(list, tab->number), tab);
        assert_ptr_equal(sessions_tab(list, tab->session), tab);
    }
    assert_string_equal(text, expected);
}

static void expect_found(const struct sessions *list, const char *name, const char *label)
{
    struct err err;
    const struct tab *tab = sessions_find(list, name, &err);

    assert_non_null(tab);
    assert_string_equal(session_rec(tab->session)->label, label);
}

static void expect_not_found(
        const struct sessions *list, const char *name, int code, const char *why)
{
    struct err err;

    assert_null(sessions_find(list, name, &err));
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.msg, why));
}

static void test_an_empty_list_has_nothing_and_says_so(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    assert_int_equal(sessions_count(list), 0);
    assert_null(sessions_at(list, 0));
    assert_null(sessions_current(list));
    assert_null(sessions_previous(list));
    assert_null(sessions_by_number(list, 0));
    assert_null(sessions_by_id(list, ""));
    expect_not_found(list, "1", ERR_NOENT, "no session '1' runs");
    expect_not_found(list, "", ERR_NOENT, "no session ''");
    sessions_show(list, NULL);
    list_free(list);
    sessions_free(NULL);
}

static void test_a_number_stays_while_its_tab_is_there_and_is_given_again(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    start(list, "a", NULL);
    struct session *b = start(list, "b", NULL);
    struct session *c = start(list, "c", NULL);
    start(list, "d", NULL);
    expect_tabs(list, "1a 2b 3c 4d");
    sessions_remove(list, b);
    expect_tabs(list, "1a 3c 4d");
    assert_null(sessions_by_number(list, 2));
    sessions_remove(list, c);
    expect_tabs(list, "1a 4d");
    start(list, "e", NULL);
    start(list, "f", NULL);
    start(list, "g", NULL);
    expect_tabs(list, "1a 2e 3f 4d 5g");
    list_free(list);
}

static void test_the_first_number_is_free_again_too(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    struct session *a = start(list, "a", NULL);
    start(list, "b", NULL);
    sessions_remove(list, a);
    expect_tabs(list, "2b");
    start(list, "c", NULL);
    expect_tabs(list, "1c 2b");
    list_free(list);
}

static void test_there_are_as_many_as_the_limit_says(void **state)
{
    struct sessions *list = list_new();
    struct session_spec spec = {0};
    struct err err;

    (void)state;
    for (unsigned i = 0; i < LIMIT_TABS; i++)
        start(list, "x", NULL);
    assert_null(sessions_start(list, NULL, &spec, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_int_equal(fake_sessions, LIMIT_TABS);
    assert_int_equal(sessions_at(list, LIMIT_TABS - 1)->number, LIMIT_TABS);
    assert_null(sessions_at(list, LIMIT_TABS));
    sessions_remove(list, sessions_at(list, 3)->session);
    start(list, "y", NULL);
    assert_string_equal(session_rec(sessions_at(list, 3)->session)->label, "y");
    list_free(list);
}

static void test_one_that_cannot_start_leaves_no_tab(void **state)
{
    struct sessions *list = list_new();
    struct session_spec spec = {.workspace = "relative"};
    struct err err;

    (void)state;
    assert_null(sessions_start(list, NULL, &spec, &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_int_equal(sessions_count(list), 0);
    assert_int_equal(heard.marks, 0);
    assert_null(sessions_current(list));
    list_free(list);
}

static void test_a_name_is_found_by_number_then_label_then_the_beginning_of_an_id(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    start(list, "alpha", "aaaa-1");
    start(list, "beta", "abab-2");
    start(list, "7", "ffff-3");
    start(list, "aa", "1234-4");
    expect_found(list, "2", "beta");
    expect_found(list, "beta", "beta");
    expect_found(list, "ab", "beta");
    expect_found(list, "aaa", "alpha");
    expect_found(list, "aa", "aa"); /* its name, though another's id begins so */
    expect_found(list, "7", "7");   /* no tab has this number */
    expect_found(list, "f", "7");
    expect_found(list, "1234-", "aa");
    expect_not_found(list, "a", ERR_USAGE, "any of 2 sessions");
    expect_not_found(list, "12", ERR_NOENT, "'12'"); /* a number, not an id */
    expect_not_found(list, "alph", ERR_NOENT, "'alph'");
    expect_not_found(list, "aaaa-12", ERR_NOENT, "");
    expect_not_found(list, "", ERR_NOENT, "");
    assert_string_equal(session_rec(sessions_by_id(list, "ffff-3")->session)->label, "7");
    assert_null(sessions_by_id(list, "ffff"));
    list_free(list);
}

static void test_a_name_that_two_have_is_not_guessed(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    start(list, "same", "aaaa");
    struct session *second = start(list, "same", "bbbb");
    start(list, "x", "same-id");
    expect_not_found(list, "same", ERR_USAGE, "any of 2 sessions; give the number");
    expect_found(list, "b", "same");
    sessions_remove(list, second);
    expect_found(list, "same", "same");
    list_free(list);
}

static void test_what_cannot_be_printed_is_not_printed_back(void **state)
{
    struct sessions *list = list_new();
    struct err err;

    (void)state;
    assert_null(sessions_find(list, "\033]0;evil\a", &err));
    assert_null(strchr(err.msg, '\033'));
    assert_null(strchr(err.msg, '\a'));
    char longer[5000];
    memset(longer, '9', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    expect_not_found(list, longer, ERR_NOENT, "999");
    list_free(list);
}

static void test_what_is_looked_at_comes_back_when_it_goes(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    struct session *a = start(list, "a", NULL);
    struct session *b = start(list, "b", NULL);
    struct session *c = start(list, "c", NULL);
    assert_ptr_equal(sessions_current(list)->session, a);
    assert_null(sessions_previous(list));
    sessions_show(list, a);
    assert_null(sessions_previous(list)); /* it was current */
    sessions_show(list, c);
    assert_ptr_equal(sessions_previous(list)->session, a);
    sessions_show(list, b);
    assert_ptr_equal(sessions_current(list)->session, b);
    assert_ptr_equal(sessions_previous(list)->session, c);
    sessions_show(list, NULL);
    assert_ptr_equal(sessions_current(list)->session, b);
    sessions_remove(list, b);
    assert_ptr_equal(sessions_current(list)->session, c);
    assert_null(sessions_previous(list));
    sessions_remove(list, c); /* nothing was before: a neighbour */
    assert_ptr_equal(sessions_current(list)->session, a);
    sessions_remove(list, a);
    assert_null(sessions_current(list));
    list_free(list);
}

static void test_the_one_before_may_go(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    struct session *a = start(list, "a", NULL);
    struct session *b = start(list, "b", NULL);
    sessions_select(list, b);
    assert_ptr_equal(sessions_previous(list)->session, a);
    sessions_remove(list, a);
    assert_null(sessions_previous(list));
    assert_ptr_equal(sessions_current(list)->session, b);
    expect_tabs(list, "2b");
    list_free(list);
}

static void test_a_neighbour_takes_the_place_of_what_is_removed(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    start(list, "a", NULL);
    struct session *b = start(list, "b", NULL);
    struct session *c = start(list, "c", NULL);
    sessions_select(list, b);
    sessions_remove(list, sessions_at(list, 0)->session); /* so that nothing is before */
    sessions_remove(list, b);
    assert_ptr_equal(sessions_current(list)->session, c);
    list_free(list);
}

static void test_news_of_the_shown_are_drawn_and_of_others_are_marks(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    struct session *a = start(list, "a", NULL);
    struct session *b = start(list, "b", NULL);
    sessions_show(list, a);
    unsigned marks = heard.marks;
    a->ops->on_screen(a->ctx);
    a->ops->on_whole(a->ctx);
    a->ops->on_change(a->ctx);
    assert_int_equal(heard.screens, 1);
    assert_int_equal(heard.wholes, 1);
    assert_int_equal(heard.changes, 1);
    assert_int_equal(heard.marks, marks);
    for (int i = 0; i < 3; i++) {
        b->ops->on_screen(b->ctx);
        b->ops->on_whole(b->ctx);
        b->ops->on_change(b->ctx);
    }
    assert_int_equal(heard.screens, 1);
    assert_int_equal(heard.wholes, 1);
    assert_int_equal(heard.changes, 1);
    assert_int_equal(heard.marks, marks + 1); /* once, not for each output */
    assert_true(sessions_tab(list, b)->output);
    assert_false(sessions_tab(list, a)->output);
    b->rec.state = SESSION_RUNNING;
    b->ops->on_change(b->ctx);
    assert_int_equal(heard.marks, marks + 2); /* the mark says so */
    sessions_show(list, b);
    assert_false(sessions_tab(list, b)->output);
    b->ops->on_notice(b->ctx, "x");
    assert_int_equal(heard.notices, 1);
    assert_ptr_equal(heard.tab->session, b);
    b->ops->on_marks(b->ctx);
    assert_int_equal(heard.marks, marks + 3);
    list_free(list);
}

static void test_who_needs_the_human_is_marked_until_it_is_answered(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    struct session *a = start(list, "a", NULL);
    struct session *b = start(list, "b", NULL);
    sessions_show(list, a);
    unsigned marks = heard.marks;
    b->ops->on_bell(b->ctx);
    b->ops->on_bell(b->ctx);
    assert_int_equal(heard.bells, 2); /* each is heard */
    assert_int_equal(heard.marks, marks + 1);
    assert_true(sessions_tab(list, b)->bell);
    sessions_show(list, b); /* looking is no answer */
    assert_true(sessions_tab(list, b)->bell);
    sessions_answered(list, b);
    assert_false(sessions_tab(list, b)->bell);
    sessions_answered(list, b);
    sessions_answered(list, NULL);
    assert_int_equal(heard.marks, marks + 2);
    a->ops->on_agent(a->ctx, "hello");
    assert_ptr_equal(heard.tab->session, a);
    assert_true(sessions_tab(list, a)->bell);
    sessions_answered(list, a);
    a->ops->on_clipboard(a->ctx);
    assert_int_equal(heard.clipboards, 1);
    assert_true(sessions_tab(list, a)->bell);
    list_free(list);
}

static void test_an_end_that_nobody_saw_waits_to_be_seen(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    struct session *a = start(list, "a", NULL);
    struct session *b = start(list, "b", NULL);
    sessions_show(list, a);
    assert_int_equal(sessions_living(list), 2);
    unsigned marks = heard.marks;
    fake_session_end(b, SESSION_CRASHED);
    assert_int_equal(heard.ended, 1);
    assert_int_equal(heard.marks, marks + 1);
    assert_int_equal(sessions_living(list), 1);
    assert_int_equal(sessions_count(list), 2);
    assert_true(tab_has_ended(sessions_tab(list, b)));
    assert_false(sessions_tab(list, b)->end_seen);
    sessions_show(list, b);
    assert_true(sessions_tab(list, b)->end_seen);
    sessions_show(list, a);
    fake_session_end(a, SESSION_STOPPED);
    assert_true(sessions_tab(list, a)->end_seen);
    assert_int_equal(sessions_living(list), 0);
    list_free(list);
}

static void test_a_tab_may_be_removed_when_its_end_is_told(void **state)
{
    struct sessions *list = list_new();

    (void)state;
    start(list, "a", NULL);
    struct session *b = start(list, "b", NULL);
    start(list, "c", NULL);
    heard.remove_from = list;
    fake_session_end(b, SESSION_STOPPED);
    expect_tabs(list, "1a 3c");
    assert_int_equal(fake_sessions, 2);
    list_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_an_empty_list_has_nothing_and_says_so),
            cmocka_unit_test(test_a_number_stays_while_its_tab_is_there_and_is_given_again),
            cmocka_unit_test(test_the_first_number_is_free_again_too),
            cmocka_unit_test(test_there_are_as_many_as_the_limit_says),
            cmocka_unit_test(test_one_that_cannot_start_leaves_no_tab),
            cmocka_unit_test(
                    test_a_name_is_found_by_number_then_label_then_the_beginning_of_an_id),
            cmocka_unit_test(test_a_name_that_two_have_is_not_guessed),
            cmocka_unit_test(test_what_cannot_be_printed_is_not_printed_back),
            cmocka_unit_test(test_what_is_looked_at_comes_back_when_it_goes),
            cmocka_unit_test(test_the_one_before_may_go),
            cmocka_unit_test(test_a_neighbour_takes_the_place_of_what_is_removed),
            cmocka_unit_test(test_news_of_the_shown_are_drawn_and_of_others_are_marks),
            cmocka_unit_test(test_who_needs_the_human_is_marked_until_it_is_answered),
            cmocka_unit_test(test_an_end_that_nobody_saw_waits_to_be_seen),
            cmocka_unit_test(test_a_tab_may_be_removed_when_its_end_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
