/*
 * An error keeps its code and its sentence, however long the way up.
 */
#include "base/err.h"

#include "unit/check.h"

static int low(struct err *err)
{
    return err_set(err, ERR_IO, "cannot open '%s'", "x");
}

static int high(struct err *err)
{
    return low(err) < 0 ? err_wrap(err, "start session '%s'", "a1") : 0;
}

static void the_context_stands_before_the_cause(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(high(&err), ERR_IO);
    assert_int_equal(err.code, ERR_IO);
    assert_string_equal(err.msg, "start session 'a1': cannot open 'x'");
}

static void nobody_needs_to_listen(void **state)
{
    (void)state;
    assert_int_equal(low(NULL), ERR_IO);
    assert_true(high(NULL) < 0);
}

static void long_messages_are_cut_and_terminated(void **state)
{
    struct err err;
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    err_set(&err, ERR_BUG, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_int_equal(err_wrap(&err, "context"), ERR_BUG);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_memory_equal(err.msg, "context: xxx", 12);
    assert_int_equal(err_wrap(&err, "%s", text), ERR_BUG);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    for (int i = 0; i < 200; i++)
        err_wrap(&err, "again and again");
    assert_int_equal(err.code, ERR_BUG);
}

static void every_code_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = ERR_BUG; a <= ERR_OK; a++)
        for (int b = ERR_BUG; b < a; b++)
            assert_string_not_equal(err_name((enum err_code)a), err_name((enum err_code)b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_context_stands_before_the_cause),
            cmocka_unit_test(nobody_needs_to_listen),
            cmocka_unit_test(long_messages_are_cut_and_terminated),
            cmocka_unit_test(every_code_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
