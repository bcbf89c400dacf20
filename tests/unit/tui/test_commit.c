/* The gate's keeper, rule by rule. */
#include "tui/commit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DIGEST "00ff"
#define VERSION "v1"

static struct commit opened(bool high)
{
    struct commit c;
    commit_init(&c, 500);
    commit_open(&c, 12, DIGEST, VERSION, high, "kx");
    commit_set_seen(&c, true);
    return c;
}

/* Painted at 1000, answered at 1003. */
static struct commit fenced(bool high)
{
    struct commit c = opened(high);
    assert_true(commit_painted(&c, 1000));
    commit_fence_answer(&c, 1003);
    return c;
}

static void test_nothing_is_open_nothing_is_decided(void **state)
{
    struct commit c;
    (void)state;
    commit_init(&c, 500);
    assert_int_equal(commit_approve(&c, 0), COMMIT_GONE);
    assert_int_equal(commit_deny(&c, 0), COMMIT_GONE);
    assert_false(commit_painted(&c, 0));
}

static void test_keys_before_the_fence_are_dropped(void **state)
{
    struct commit c = opened(false);
    (void)state;
    assert_true(commit_drops_keys(&c, 999));
    assert_int_equal(commit_approve(&c, 999), COMMIT_IGNORED);
    assert_true(commit_painted(&c, 1000));
    assert_true(commit_drops_keys(&c, 1002));
    assert_int_equal(commit_approve(&c, 1002), COMMIT_IGNORED);
    assert_int_equal(commit_deny(&c, 1002), COMMIT_IGNORED);
    commit_fence_answer(&c, 1003);
    assert_false(commit_drops_keys(&c, 1003));
}

static void test_approve_needs_500_ms_after_the_fence_and_deny_does_not(void **state)
{
    struct commit c = fenced(false);
    (void)state;
    assert_int_equal(commit_next_ms(&c, 1003), 500);
    assert_int_equal(commit_approve(&c, 1502), COMMIT_NOT_READY);
    assert_int_equal(commit_approve(&c, 1503), COMMIT_OK);
    c = fenced(false);
    assert_int_equal(commit_deny(&c, 1004), COMMIT_OK);
}

static void test_high_risk_arms_1500_ms_and_asks_two_letters(void **state)
{
    struct commit c = fenced(true);
    (void)state;
    assert_int_equal(commit_approve(&c, 2502), COMMIT_NOT_READY);
    assert_int_equal(commit_approve(&c, 2503), COMMIT_ASKS_CODE);
    assert_int_equal(commit_letter(&c, 'k', 2600), COMMIT_ASKS_CODE);
    assert_int_equal(commit_letter(&c, 'x', 2700), COMMIT_OK);
    assert_int_equal(commit_phase(&c, 2700), COMMIT_SENT);
}

static void test_wrong_letter_cancels_and_arms_again(void **state)
{
    struct commit c = fenced(true);
    (void)state;
    assert_int_equal(commit_approve(&c, 2503), COMMIT_ASKS_CODE);
    assert_int_equal(commit_letter(&c, 'k', 2600), COMMIT_ASKS_CODE);
    assert_int_equal(commit_letter(&c, 'k', 2700), COMMIT_WRONG_CODE);
    assert_int_equal(commit_letter(&c, 'x', 2800), COMMIT_GONE);
    assert_int_equal(commit_phase(&c, 2800), COMMIT_ARMING);
    assert_int_equal(commit_approve(&c, 4199), COMMIT_NOT_READY);
    assert_int_equal(commit_approve(&c, 4200), COMMIT_ASKS_CODE);
}

static void test_code_keys_before_the_chord_mean_nothing(void **state)
{
    struct commit c = fenced(true);
    (void)state;
    assert_int_equal(commit_letter(&c, 'k', 3000), COMMIT_GONE);
    assert_int_equal(commit_letter(&c, 'x', 3000), COMMIT_GONE);
    assert_int_equal(commit_phase(&c, 3000), COMMIT_READY);
}

static void test_mute_terminal_opens_the_fence_800_ms_after_the_paint(void **state)
{
    struct commit c = opened(false);
    (void)state;
    commit_painted(&c, 1000);
    assert_int_equal(commit_next_ms(&c, 1400), 400);
    assert_true(commit_drops_keys(&c, 1799));
    assert_false(commit_drops_keys(&c, 1800));
    assert_int_equal(commit_approve(&c, 2299), COMMIT_NOT_READY);
    assert_int_equal(commit_approve(&c, 2300), COMMIT_OK);
}

static void test_late_answer_to_an_older_fence_opens_no_newer_one(void **state)
{
    struct commit c = opened(false);
    (void)state;
    commit_painted(&c, 1000);
    assert_int_equal(commit_phase(&c, 1800), COMMIT_ARMING); /* no answer so far */
    commit_open(&c, 13, DIGEST, VERSION, false, "kx");
    commit_painted(&c, 2000);
    commit_fence_answer(&c, 2001); /* belongs to the first */
    assert_true(commit_drops_keys(&c, 2001));
    commit_fence_answer(&c, 2002);
    assert_false(commit_drops_keys(&c, 2002));
}

static void test_answers_that_nobody_asked_for_open_nothing(void **state)
{
    struct commit c = opened(false);
    (void)state;
    commit_fence_answer(&c, 900);
    commit_fence_answer(&c, 901);
    commit_painted(&c, 1000);
    assert_true(commit_drops_keys(&c, 1001));
}

static void test_resize_fences_again_and_focus_arms_again(void **state)
{
    struct commit c = fenced(false);
    (void)state;
    assert_int_equal(commit_phase(&c, 1503), COMMIT_READY);
    commit_rearm(&c, 1600);
    assert_int_equal(commit_approve(&c, 2099), COMMIT_NOT_READY);
    assert_int_equal(commit_phase(&c, 2100), COMMIT_READY);
    commit_repaint(&c);
    assert_true(commit_drops_keys(&c, 2200));
    assert_true(commit_painted(&c, 2200));
    commit_fence_answer(&c, 2201);
    assert_int_equal(commit_approve(&c, 2700), COMMIT_NOT_READY);
}

static void test_tombstone_when_the_subject_differs_or_is_gone(void **state)
{
    static const struct {
        bool waits;
        const char *digest, *version;
        enum commit_answer want;
    } table[] = {
            {true, DIGEST, VERSION, COMMIT_OK},
            {true, "00fe", VERSION, COMMIT_GONE},
            {true, DIGEST, "v2", COMMIT_GONE},
            {false, DIGEST, VERSION, COMMIT_GONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct commit c = fenced(false);
        commit_check(&c, table[i].waits, table[i].digest, table[i].version);
        assert_int_equal(commit_approve(&c, 5000), table[i].want);
        if (table[i].want == COMMIT_GONE) {
            assert_int_equal(commit_deny(&c, 5000), COMMIT_GONE);
            /* Nothing brings it back, and it stands for no other item. */
            commit_check(&c, true, DIGEST, VERSION);
            commit_repaint(&c);
            commit_rearm(&c, 5000);
            assert_int_equal(commit_phase(&c, 9000), COMMIT_DEAD);
            assert_int_equal(c.id, 12);
        }
    }
}

static void test_second_press_is_no_second_decision(void **state)
{
    struct commit c = fenced(false);
    (void)state;
    assert_int_equal(commit_approve(&c, 2000), COMMIT_OK);
    assert_int_equal(commit_approve(&c, 2001), COMMIT_GONE);
    assert_int_equal(commit_deny(&c, 2001), COMMIT_GONE);
    /* The next subject begins unarmed, behind a fence of its own. */
    commit_open(&c, 13, DIGEST, VERSION, false, "kx");
    assert_int_equal(commit_approve(&c, 9000), COMMIT_IGNORED);
}

static void test_unseen_lines_and_small_screens_cannot_be_approved(void **state)
{
    struct commit c = fenced(false);
    (void)state;
    commit_set_seen(&c, false);
    assert_int_equal(commit_approve(&c, 2000), COMMIT_NOT_SEEN);
    commit_set_seen(&c, true);
    commit_set_can_decide(&c, false);
    assert_int_equal(commit_approve(&c, 2000), COMMIT_TOO_SMALL);
    assert_int_equal(commit_deny(&c, 2000), COMMIT_OK);
}

static void test_new_subject_is_unseen(void **state)
{
    struct commit c = fenced(false);
    (void)state;
    commit_open(&c, 13, DIGEST, VERSION, false, "kx");
    commit_painted(&c, 1000);
    commit_fence_answer(&c, 1001);
    assert_int_equal(commit_approve(&c, 5000), COMMIT_NOT_SEEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_nothing_is_open_nothing_is_decided),
            cmocka_unit_test(test_keys_before_the_fence_are_dropped),
            cmocka_unit_test(test_approve_needs_500_ms_after_the_fence_and_deny_does_not),
            cmocka_unit_test(test_high_risk_arms_1500_ms_and_asks_two_letters),
            cmocka_unit_test(test_wrong_letter_cancels_and_arms_again),
            cmocka_unit_test(test_code_keys_before_the_chord_mean_nothing),
            cmocka_unit_test(test_mute_terminal_opens_the_fence_800_ms_after_the_paint),
            cmocka_unit_test(test_late_answer_to_an_older_fence_opens_no_newer_one),
            cmocka_unit_test(test_answers_that_nobody_asked_for_open_nothing),
            cmocka_unit_test(test_resize_fences_again_and_focus_arms_again),
            cmocka_unit_test(test_tombstone_when_the_subject_differs_or_is_gone),
            cmocka_unit_test(test_second_press_is_no_second_decision),
            cmocka_unit_test(test_unseen_lines_and_small_screens_cannot_be_approved),
            cmocka_unit_test(test_new_subject_is_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
