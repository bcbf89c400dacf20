/* The action table: what the rules of the gate demand of it, and that it has no holes. */
#include "tui/keymap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const struct action *find(enum ui_mode mode, bool prefix, uint32_t cp)
{
    struct key key = {.kind = KEY_CHAR, .cp = cp};
    return keymap_find(mode, prefix, &key);
}

static void test_no_plain_key_decides_in_any_mode(void **state)
{
    (void)state;
    for (enum ui_mode mode = 0; mode < MODE_COUNT; mode++)
        for (uint32_t cp = 0; cp < 0x180; cp++) {
            const struct action *action = find(mode, false, cp);
            assert_false(action && (action->id == ACT_APPROVE || action->id == ACT_DENY));
        }
}

static void test_plain_keys_mean_nothing_in_agent_mode(void **state)
{
    (void)state;
    for (uint32_t cp = 0; cp < 0x180; cp++)
        assert_null(find(MODE_AGENT, false, cp));
    for (int sym = 1; sym < 400; sym++) {
        struct key key = {.kind = KEY_SYM, .sym = sym};
        assert_null(keymap_find(MODE_AGENT, false, &key));
    }
}

static void test_prefix_keys_work_in_every_mode(void **state)
{
    static const struct {
        uint32_t cp;
        enum action_id id;
    } table[] = {{'e', ACT_REVIEW}, {'l', ACT_REQUESTS}, {'i', ACT_WORDS}, {'z', ACT_ZOOM},
            {'b', ACT_PANELS}, {'?', ACT_HELP}, {'r', ACT_REDRAW}, {'q', ACT_QUIT},
            {'\t', ACT_FOCUS_NEXT}, {'~', ACT_MESSAGES}, {'y', ACT_APPROVE}, {'n', ACT_DENY}};
    (void)state;
    for (enum ui_mode mode = 0; mode < MODE_COUNT; mode++)
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
            const struct action *action = find(mode, true, table[i].cp);
            assert_non_null(action);
            assert_int_equal(action->id, table[i].id);
        }
}

static void test_unknown_keys_are_unknown(void **state)
{
    struct key alt_y = {.kind = KEY_CHAR, .cp = 'y', .mods = VT_MOD_ALT};
    (void)state;
    assert_null(find(MODE_AGENT, true, 'Q'));
    assert_null(find(MODE_REVIEW, true, '\r'));
    assert_null(keymap_find(MODE_REVIEW, true, &alt_y));
}

static void test_no_key_has_two_meanings_in_one_mode(void **state)
{
    const struct action *a, *b;
    (void)state;
    for (unsigned i = 0; (a = keymap_at(i)); i++)
        for (unsigned j = i + 1; (b = keymap_at(j)); j++) {
            bool same = a->prefix == b->prefix && (a->modes & b->modes) &&
                        ((a->cp && a->cp == b->cp) || (a->sym && a->sym == b->sym));
            assert_false(same);
        }
}

static void test_hints_fit_and_always_end_with_help(void **state)
{
    (void)state;
    for (enum ui_mode mode = 0; mode < MODE_COUNT; mode++)
        for (int prefix = 0; prefix < 2; prefix++)
            for (int cols = 10; cols < 220; cols++) {
                struct buf hints = BUF_INIT;
                keymap_hints(mode, prefix, NULL, cols, &hints);
                assert_true((int)buf_len(&hints) <= cols);
                assert_true(str_ends(buf_str(&hints), STR("? help")));
                buf_release(&hints);
            }
}

static void test_hints_of_a_review_name_the_commit_keys_first(void **state)
{
    struct buf hints = BUF_INIT;
    (void)state;
    keymap_hints(MODE_REVIEW, false, NULL, 80, &hints);
    assert_true(str_starts(buf_str(&hints), STR("C-\\ y approve  C-\\ n deny  ")));
    buf_clear(&hints);
    keymap_hints(MODE_AGENT, false, NULL, 120, &hints);
    assert_true(str_starts(buf_str(&hints), STR("C-\\ e review  C-\\ l requests  ")));
    buf_release(&hints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_no_plain_key_decides_in_any_mode),
            cmocka_unit_test(test_plain_keys_mean_nothing_in_agent_mode),
            cmocka_unit_test(test_prefix_keys_work_in_every_mode),
            cmocka_unit_test(test_unknown_keys_are_unknown),
            cmocka_unit_test(test_no_key_has_two_meanings_in_one_mode),
            cmocka_unit_test(test_hints_fit_and_always_end_with_help),
            cmocka_unit_test(test_hints_of_a_review_name_the_commit_keys_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
