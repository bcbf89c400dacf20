/* The collapse rules, as a table of sizes. */
#include "tui/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct layout at(int cols, int rows)
{
    struct layout_want want = {
            .cols = cols, .rows = rows, .panels = true, .column = true, .open = PANEL_REQUESTS};
    struct layout layout;
    layout_compute(&want, &layout);
    return layout;
}

static void test_kinds_follow_the_table(void **state)
{
    static const struct {
        int cols, rows;
        enum layout_kind kind;
        int side;
    } table[] = {
            {200, 50, LAYOUT_FULL, 80},
            {160, 30, LAYOUT_FULL, 40},
            {240, 60, LAYOUT_FULL, 80},
            {159, 30, LAYOUT_SHORT, 79},
            {120, 36, LAYOUT_SHORT, 40},
            {119, 30, LAYOUT_NAMES, 39},
            {110, 30, LAYOUT_NAMES, 30},
            {110, 29, LAYOUT_ACCORDION, 30},
            {200, 20, LAYOUT_ACCORDION, 80},
            {109, 40, LAYOUT_DOCK, 0},
            {80, 40, LAYOUT_DOCK, 0},
            {109, 39, LAYOUT_BARE, 0},
            {80, 24, LAYOUT_BARE, 0},
            {79, 60, LAYOUT_SMALL, 0},
            {200, 19, LAYOUT_SMALL, 0},
            {40, 10, LAYOUT_SMALL, 0},
            {39, 24, LAYOUT_TINY, 0},
            {80, 9, LAYOUT_TINY, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct layout layout = at(table[i].cols, table[i].rows);
        assert_int_equal(layout.kind, table[i].kind);
        assert_int_equal(layout.pane.cols, table[i].cols - table[i].side);
    }
}

static void test_parts_fill_the_screen_without_overlap(void **state)
{
    static char used[120][260];
    (void)state;
    for (int cols = 1; cols < 250; cols += 3) {
        for (int rows = 2; rows < 110; rows += 3) {
            struct layout l = at(cols, rows);
            struct rect parts[] = {
                    l.tabs, l.status, l.pane, l.panel[0], l.panel[1], l.panel[2]};
            int cells = 0;
            memset(used, 0, sizeof used);
            for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
                for (int r = 0; r < parts[i].rows; r++)
                    for (int c = 0; c < parts[i].cols; c++) {
                        assert_int_equal(used[parts[i].row + r][parts[i].col + c]++, 0);
                        cells++;
                    }
            assert_int_equal(cells, cols * rows);
        }
    }
}

static void test_agent_keeps_80_columns_while_the_terminal_has_them(void **state)
{
    (void)state;
    for (int cols = 80; cols < 300; cols++)
        for (int rows = 10; rows < 80; rows++)
            assert_true(at(cols, rows).pane.cols >= 80);
}

static void test_first_and_last_row_are_never_the_agents(void **state)
{
    (void)state;
    for (int rows = 10; rows < 60; rows++) {
        struct layout l = at(120, rows);
        assert_true(l.pane.row >= 1);
        assert_true(l.pane.row + l.pane.rows <= rows - 1);
        struct layout_want zoomed = {
                .cols = 120, .rows = rows, .panels = true, .column = true, .zoom = true};
        layout_compute(&zoomed, &l);
        assert_int_equal(l.pane.cols, 120);
        assert_int_equal(l.pane.rows, rows - 2);
    }
}

static void test_accordion_opens_one_panel(void **state)
{
    struct layout l = at(120, 24);
    (void)state;
    assert_int_equal(l.panel[PANEL_WAITING].rows, 1);
    assert_int_equal(l.panel[PANEL_REQUESTS].rows, 20);
    assert_int_equal(l.panel[PANEL_WORDS].rows, 1);
}

static void test_too_small_cannot_decide(void **state)
{
    (void)state;
    assert_true(at(40, 10).can_decide);
    assert_false(at(39, 10).can_decide);
    assert_false(at(40, 9).can_decide);
    assert_false(at(1, 1).can_decide);
}

static void test_without_panels_the_pane_has_all(void **state)
{
    struct layout_want want = {.cols = 200, .rows = 50, .panels = false, .column = true};
    struct layout l;
    (void)state;
    layout_compute(&want, &l);
    assert_int_equal(l.pane.cols, 200);
    assert_int_equal(l.pane.rows, 48);
}

static void test_column_has_the_width_its_user_wants_as_far_as_there_is_room(void **state)
{
    static const struct {
        int cols, wanted, side;
    } table[] = {{160, 30, 30}, {160, 90, 80}, {120, 30, 30}, {120, 60, 40}, {110, 30, 30}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct layout_want want = {.cols = table[i].cols,
                .rows = 40,
                .panels = true,
                .column = true,
                .side_cols = table[i].wanted};
        struct layout l;
        layout_compute(&want, &l);
        int edge = table[i].cols - table[i].side;
        assert_int_equal(l.pane.cols, edge);
        assert_int_equal(l.panel[PANEL_WORDS].cols, table[i].side);
        assert_true(layout_is_edge(&l, 20, edge));
        assert_false(layout_is_edge(&l, 20, edge - 1));
        assert_false(layout_is_edge(&l, 0, edge));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_kinds_follow_the_table),
            cmocka_unit_test(test_parts_fill_the_screen_without_overlap),
            cmocka_unit_test(test_agent_keeps_80_columns_while_the_terminal_has_them),
            cmocka_unit_test(test_first_and_last_row_are_never_the_agents),
            cmocka_unit_test(test_accordion_opens_one_panel),
            cmocka_unit_test(test_too_small_cannot_decide),
            cmocka_unit_test(test_without_panels_the_pane_has_all),
            cmocka_unit_test(test_column_has_the_width_its_user_wants_as_far_as_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
