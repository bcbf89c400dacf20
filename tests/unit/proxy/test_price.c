/*
 * test_price.c - the shipped table and the user's before it; wrong prices are named.
 */
#include "proxy/price.h"

#include "unit/check.h"

#include "proxy/usage.h"

static int64_t cost(const struct price_table *table, const char *model)
{
    struct usage usage = {.seen = true,
            .input_tokens = 1000000,
            .output_tokens = 1000000,
            .cache_read_tokens = 1000000,
            .cache_write_tokens = 1000000};

    (void)str_copy(usage.model, sizeof(usage.model), str_of(model));
    return price_cost(table, &usage);
}

static void test_shipped_prices_by_the_most_fitting_pattern(void **state)
{
    struct price_table table;
    struct err err;
    (void)state;
    assert_int_equal(price_table_load(&table, STR(""), "config.yaml", &err), 0);
    assert_int_equal(cost(&table, "claude-opus-4-1-20250805"), 110250000);
    assert_int_equal(cost(&table, "claude-opus-4-5-20251101"), 36750000);
    assert_int_equal(cost(&table, "claude-sonnet-4-5"), 22050000);
    assert_int_equal(cost(&table, "gpt-4o-mini-2024-07-18"), 975000);
    assert_int_equal(cost(&table, "gpt-5.1-codex-mini"), 2525000);
    assert_int_equal(cost(&table, "gemini-2.5-flash-lite"), 610000);
    assert_int_equal(cost(&table, "gpt-5-pro"), -1);
    assert_int_equal(cost(&table, "llama"), -1);
    assert_int_equal(cost(&table, ""), -1);
    price_table_release(&table);
}

static void test_the_users_prices_come_first_and_may_be_of_any_model(void **state)
{
    struct price_table table;
    struct err err;
    (void)state;
    assert_int_equal(
            price_table_load(&table,
                    STR("\"*llama*\": { input: 0.000001, output: 0 }\n"
                        "claude-opus-4-1*: { input: 1, output: 2, cache_read: 0.5 }\n"),
                    "config.yaml", &err),
            0);
    assert_int_equal(cost(&table, "my/llama:8b"), 3);
    assert_int_equal(cost(&table, "claude-opus-4-1"), 4500000);
    assert_int_equal(cost(&table, "claude-opus-4-0"), 110250000);
    price_table_release(&table);
}

static void test_a_fraction_of_a_millionth_is_rounded_up_and_the_largest_fits(void **state)
{
    struct price_table table;
    struct usage usage = {.seen = true, .model = "m", .input_tokens = 1};
    struct err err;
    (void)state;
    assert_int_equal(
            price_table_load(&table, STR("m: { input: 0.1, output: 1000 }"), "c", &err), 0);
    assert_int_equal(price_cost(&table, &usage), 1);
    usage.output_tokens = 1000000000;
    assert_int_equal(price_cost(&table, &usage), 1000000000001);
    usage.seen = false;
    assert_int_equal(price_cost(&table, &usage), -1);
    usage.seen = true;
    assert_int_equal(price_cost(NULL, &usage), -1);
    price_table_release(&table);
}

static void test_wrong_prices_are_named(void **state)
{
    static const struct {
        const char *text, *part;
    } wrong[] = {
            {"m: { input: 1 }", "output"},
            {"m: { input: -1, output: 1 }", "input '-1'"},
            {"m: { input: 1, output: 1e3 }", "output '1e3'"},
            {"m: { input: 1.0000001, output: 1 }", "input"},
            {"m: { input: 1., output: 1 }", "input"},
            {"m: { input: 1001, output: 1 }", "input"},
            {"\na: { input: 1, output: 1 }\nm: { input: 1, output: 1, cached: 1 }", "3"},
            {"m: { inptu: 1, output: 1 }", "did you mean 'input'"},
            {"- m", "config.yaml"},
    };
    struct price_table table;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct err err = {0};
        assert_true(price_table_load(&table, str_of(wrong[i].text), "config.yaml", &err) < 0);
        if (!strstr(err.msg, wrong[i].part) || !strstr(err.msg, "config.yaml"))
            fail_msg("'%s' gives '%s'", wrong[i].text, err.msg);
        price_table_release(&table);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_shipped_prices_by_the_most_fitting_pattern),
            cmocka_unit_test(test_the_users_prices_come_first_and_may_be_of_any_model),
            cmocka_unit_test(test_a_fraction_of_a_millionth_is_rounded_up_and_the_largest_fits),
            cmocka_unit_test(test_wrong_prices_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
