/*
 * A diff says what differs and nothing else, is the shortest there is, and ends in time.
 */
#include "diff/diff.h"

#include <time.h>

#include "unit/check.h"

#include "base/buf.h"
#include "base/mem.h"

static char *show(const char *before, const char *after, unsigned context)
{
    struct diff diff;
    struct buf out = BUF_INIT;

    diff_make(&diff, str_of(before), str_of(after), context);
    for (size_t i = 0; i < diff.count; i++)
        buf_printf(&out, "%c%.*s%s|", diff.lines[i].mark, STR_ARG(diff.lines[i].text),
                diff.lines[i].is_unended ? "$" : "");
    buf_putc(&out, '\0');
    char *text = xstrdup(buf_data(&out));
    buf_release(&out);
    diff_release(&diff);
    return text;
}

static void lines_that_differ_are_marked(void **state)
{
    static const struct {
        const char *before, *after, *expect;
        unsigned context;
    } cases[] = {
            {"", "", "", 3},
            {"a\n", "a\n", "", 3},
            {"", "a\nb\n", "+a|+b|", 3},
            {"a\nb\n", "", "-a|-b|", 3},
            {"a\nb\nc\n", "a\nx\nc\n", " a|-b|+x| c|", 3},
            {"a\nb\nc\n", "a\nc\n", "@|-b|@|", 0},
            {"a", "a\n", "-a$|+a|", 3},
            {"a\nb", "a\nb\n", " a|-b$|+b|", 3},
            {"1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n", "@| 4|-5|+x| 6|@|",
                    1},
            {"a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", "-a|+c| b|-c| a| b|-b| a|+c|", 9},
            {"\n\n\n", "\n\n", " | |-|", 9},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = show(cases[i].before, cases[i].after, cases[i].context);

        if (strcmp(text, cases[i].expect) != 0)
            fail_msg("'%s' '%s': %s", cases[i].before, cases[i].after, text);
        free(text);
    }
}

static void lines_have_their_numbers(void **state)
{
    struct diff diff;

    (void)state;
    diff_make(&diff, STR("a\nb\nc\nd\n"), STR("a\nx\nc\ny\nd\n"), 0);
    assert_int_equal(diff.added, 2);
    assert_int_equal(diff.removed, 1);
    assert_int_equal(diff.lines[1].mark, '-');
    assert_int_equal(diff.lines[1].old, 2);
    assert_int_equal(diff.lines[2].mark, '+');
    assert_int_equal(diff.lines[2].new, 2);
    assert_int_equal(diff.lines[3].mark, '@');
    assert_int_equal(diff.lines[4].mark, '+');
    assert_int_equal(diff.lines[4].new, 4);
    assert_int_equal(diff.lines[4].old, 4);
    diff_release(&diff);
}

/* The length of a longest common subsequence, by the plain table. */
static unsigned common(const char *a, const char *b)
{
    size_t n = strlen(a) / 2, m = strlen(b) / 2;
    unsigned table[32][32] = {{0}};

    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            unsigned up = table[i - 1][j], left = table[i][j - 1];

            table[i][j] = a[2 * i - 2] == b[2 * j - 2] ? table[i - 1][j - 1] + 1
                          : up > left                  ? up
                                                       : left;
        }
    return table[n][m];
}

static void it_is_the_shortest(void **state)
{
    uint64_t seed = 88172645463325252u;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        char text[2][61];
        struct diff diff;

        for (int t = 0; t < 2; t++) {
            size_t n;

            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            n = seed % 30;
            for (size_t i = 0; i < n; i++) {
                seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
                text[t][2 * i] = (char)('a' + seed % 4);
                text[t][2 * i + 1] = '\n';
            }
            text[t][2 * n] = '\0';
        }
        diff_make(&diff, str_of(text[0]), str_of(text[1]), DIFF_ALL);
        unsigned same = common(text[0], text[1]);
        assert_int_equal(diff.removed, strlen(text[0]) / 2 - same);
        assert_int_equal(diff.added, strlen(text[1]) / 2 - same);
        assert_false(diff.is_rough);
        diff_release(&diff);
    }
}

static void two_texts_that_share_nothing_end_in_time(void **state)
{
    struct buf a = BUF_INIT, b = BUF_INIT;
    struct diff diff;
    time_t start = time(NULL);

    (void)state;
    for (int i = 0; i < 150000; i++) {
        buf_printf(&a, "%d\n", i * 7 % 150001);
        buf_printf(&b, "%d\n", i * 11 % 150001);
    }
    diff_make(&diff, buf_str(&a), buf_str(&b), 3);
    assert_true(diff.is_rough);
    assert_true(time(NULL) - start < 30);
    diff_release(&diff);
    buf_release(&a);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(lines_that_differ_are_marked),
            cmocka_unit_test(lines_have_their_numbers),
            cmocka_unit_test(it_is_the_shortest),
            cmocka_unit_test(two_texts_that_share_nothing_end_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
