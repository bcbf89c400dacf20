/*
 * The embedded files are those of assets/, byte for byte.
 */
#include "base/assets.h"

#include "unit/check.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/limits.h"

static void every_embedded_file_equals_its_source(void **state)
{
    const char *source = getenv("IC_SOURCE");

    (void)state;
    if (!source)
        skip();
    assert_non_null(asset_table[0].name);
    for (const struct asset *asset = asset_table; asset->name; asset++) {
        struct buf file = BUF_INIT;
        char *path = path_join3(source, "assets", asset->name);

        assert_int_equal(file_read(path, LIMIT_FILE, &file, NULL), 0);
        assert_true(str_eq(buf_str(&file), asset_get(asset->name)));
        assert_int_equal(*asset->end, '\0');
        buf_release(&file);
        free(path);
    }
}

static void names_are_sorted_and_the_default_policy_is_there(void **state)
{
    (void)state;
    for (const struct asset *asset = asset_table; asset[0].name && asset[1].name; asset++)
        assert_true(strcmp(asset[0].name, asset[1].name) < 0);
    assert_true(asset_get("default.policy.rules").n > 100);
}

static void an_unknown_name_gives_nothing(void **state)
{
    (void)state;
    assert_null(asset_get("no-such-file").p);
    assert_null(asset_get("default.policy.rule").p);
    assert_null(asset_get("").p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_embedded_file_equals_its_source),
            cmocka_unit_test(names_are_sorted_and_the_default_policy_is_there),
            cmocka_unit_test(an_unknown_name_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
