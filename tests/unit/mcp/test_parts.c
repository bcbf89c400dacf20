/*
 * test_parts.c - the small parts: names of tools, ids, splices, strings, masking.
 */
#include "base/mem.h"
#include "mcp/ids.h"
#include "mcp/message.h"
#include "mcp/redact.h"
#include "mcp/splice.h"
#include "mcp/tools.h"
#include "unit/check.h"

static void assert_text(struct buf *got, const char *wanted)
{
    if (!str_eq(buf_str(got), str_of(wanted)))
        fail_msg("got '%.*s', not '%s'", STR_ARG(buf_str(got)), wanted);
    buf_release(got);
}

/* --- names -------------------------------------------------------------------------------- */

static void test_names_fit_a_model_and_keep_their_end(void **state)
{
    static const char long_name[] =
            "read_the_contents_of_many_files_and_directories_at_once_v1";
    char a[TOOL_SHOWN + 1], b[TOOL_SHOWN + 1], c[TOOL_SHOWN + 1];

    (void)state;
    tool_shown_name("files", STR("read_file"), a);
    assert_string_equal(a, "files__read_file");
    tool_shown_name("files", str_of(long_name), a);
    assert_int_equal(strlen(TOOL_PREFIX) + strlen(a), 64);
    assert_true(str_starts(str_of(a), STR("files__")));
    assert_true(str_ends(str_of(a), STR("_at_once_v1")));
    tool_shown_name("file", str_of(long_name), b);
    assert_string_not_equal(a + 7, b + 6);

    /* Same end, same characters after the exchange: the hash keeps them apart. */
    tool_shown_name("s", STR("a.b"), a);
    tool_shown_name("s", STR("a/b"), b);
    tool_shown_name("s", STR("a_b"), c);
    assert_string_not_equal(a, b);
    assert_string_equal(c, "s__a_b");
    for (const char *p = a; *p; p++)
        assert_true(char_is_alnum(*p) || *p == '_' || *p == '-');

    char server[33], huge[1000];
    memset(server, 's', 32);
    server[32] = '\0';
    memset(huge, 'x', sizeof(huge));
    tool_shown_name(server, (struct str){huge, sizeof(huge)}, a);
    assert_int_equal(strlen(a), TOOL_SHOWN);
}

static void test_definitions_that_are_wrong_or_need_tasks_are_left_out(void **state)
{
    struct tool_list list;
    struct buf out = BUF_INIT;

    (void)state;
    tools_parse(&list, "s",
            STR("{\"x\" : 1e400,\"name\":\"a\",\"name2\":\"a\"}\n"
                "{\"name\":\"a\"}\n{\"name\":1}\n{}\n\n{\"name\":\"\"}\n{\"name\":\"b\","
                "\"name\":\"c\"}\n"
                "{\"name\":\"t\",\"execution\":{\"taskSupport\":\"required\"}}\n"
                "{\"execution\":{\"taskSupport\":\"optional\"},\"name\":\"o\"}"));
    assert_int_equal(list.count, 2);
    tools_put(&list, &out);
    assert_text(&out, "{\"x\" : 1e400,\"name\":\"s__a\",\"name2\":\"a\"},"
                      "{\"execution\":{\"taskSupport\":\"optional\"},\"name\":\"s__o\"}");
    assert_non_null(tools_find(&list, STR("s__o")));
    assert_null(tools_find(&list, STR("o")));
    tools_release(&list);
}

/* --- ids -------------------------------------------------------------------------------------
 */

static void test_an_id_that_was_answered_finds_nothing_any_more(void **state)
{
    struct ids ids = {0};
    int a, b, c;
    char text[ID_TEXT];

    (void)state;
    uint64_t first = ids_add(&ids, 2, &a);
    uint64_t second = ids_add(&ids, 2, &b);
    assert_int_equal(ids_add(&ids, 2, &c), 0); /* full */
    assert_ptr_equal(ids_find(&ids, id_text(first, text)), &a);
    ids_drop(&ids, first);
    ids_drop(&ids, first);
    assert_null(ids_find(&ids, id_text(first, text)));
    uint64_t third = ids_add(&ids, 2, &c);
    assert_int_not_equal(third, first);
    assert_ptr_equal(ids_get(&ids, third), &c);
    assert_null(ids_get(&ids, first));
    assert_ptr_equal(ids_get(&ids, second), &b);
    static const char *const wrong[] = {"", "0", "-1", "1e3", "\"1\"", "99999999999999999999"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_null(ids_find(&ids, str_of(wrong[i])));
    ids_drop(&ids, second);
    ids_drop(&ids, third);
    assert_null(ids_any(&ids));
    ids_release(&ids);
}

static void test_many_ids_are_all_different(void **state)
{
    struct ids ids = {0};
    uint64_t seen[1000];
    int what;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        seen[i] = ids_add(&ids, 1024, &what);
        assert_int_not_equal(seen[i], 0);
        if (i % 3 == 0)
            ids_drop(&ids, seen[i]);
    }
    for (int i = 0; i < 1000; i++)
        for (int j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
    ids_release(&ids);
}

/* --- splices and strings --------------------------------------------------------------------
 */

static void test_pieces_come_in_the_order_of_the_text(void **state)
{
    struct str text = STR("abcdef"), parts[SPLICE_PARTS];
    struct splice splice = {.text = text};
    struct buf out = BUF_INIT;

    (void)state;
    splice_put(&splice, (struct str){text.p + 4, 1}, STR("E"));
    splice_put(&splice, (struct str){text.p, 1}, STR(""));
    splice_put(&splice, (struct str){text.p + 2, 0}, STR("--"));
    size_t count = splice_parts(&splice, parts);
    for (size_t i = 0; i < count; i++)
        buf_append_str(&out, parts[i]);
    assert_int_equal(splice_len(&splice), buf_len(&out));
    assert_text(&out, "b--cdEf");
}

static void test_strings_are_what_they_mean_and_can_be_written(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    json_decode(STR("a\\u0041\\n\\\"\\/\\ud83d\\ude00\\ud800x\\u00e4"), &out);
    assert_text(&out, "aA\n\"/\xf0\x9f\x98\x80\xef\xbf\xbdx\xc3\xa4");
    json_put_text(&out, STR("a\"\\\n\x01\xc3\xa4\xff"));
    assert_text(&out, "\"a\\\"\\\\\\u000a\\u0001\xc3\xa4\xef\xbf\xbd\"");
}

/* --- masking --------------------------------------------------------------------------------
 */

static void test_what_looks_like_a_secret_is_masked(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
            {"{\"a\":1.50}", "{\"a\":1.50}"},
            {"{\"Password\":\"x\",\"b\":2}", "{\"Password\":\"***\",\"b\":2}"},
            {"{\"api_key\":12}", "{\"api_key\":\"***\"}"},
            {"{\"token\":[1,{\"a\":null}],\"b\":1}",
                    "{\"token\":[\"***\",{\"a\":\"***\"}],\"b\":1}"},
            {"{\"a\":\"x ghp_0123456789abcdef, y\"}", "{\"a\":\"x ghp_***, y\"}"},
            {"{\"a\":\"task-force-of-eight\"}", "{\"a\":\"task-force-of-eight\"}"},
            {"{\"a\":\"sk-short\"}", "{\"a\":\"sk-short\"}"},
            {"{\"a\":\"https://u@h/?k=AKIAIOSFODNN7EXAMPLE\"}",
                    "{\"a\":\"https://u@h/?k=AKIA***\"}"},
            {"\"Bearer abcdefghijkl\"", "\"Bearer ***\""},
            {"{\"k\":\"x -----BEGIN EC PRIVATE KEY-----\\nMHc\"}", "{\"k\":\"x ***\"}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out = BUF_INIT;

        redact(str_of(cases[i].in), 4096, &out);
        assert_text(&out, cases[i].out);
    }
}

static void test_what_is_long_is_cut_between_characters(void **state)
{
    struct buf in = BUF_INIT, out = BUF_INIT;

    (void)state;
    buf_puts(&in, "{\"a\":\"");
    for (int i = 0; i < 1000; i++)
        buf_puts(&in, "\xe2\x82\xac");
    buf_puts(&in, "\"}");
    for (size_t max = 90; max < 96; max++) {
        redact(buf_str(&in), max, &out);
        assert_true(buf_len(&out) <= max && buf_len(&out) + 3 > max);
        assert_int_equal((buf_len(&out) - 6) % 3, 0);
        buf_release(&out);
    }
    buf_release(&in);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(test_names_fit_a_model_and_keep_their_end),
            T(test_definitions_that_are_wrong_or_need_tasks_are_left_out),
            T(test_an_id_that_was_answered_finds_nothing_any_more),
            T(test_many_ids_are_all_different),
            T(test_pieces_come_in_the_order_of_the_text),
            T(test_strings_are_what_they_mean_and_can_be_written),
            T(test_what_looks_like_a_secret_is_masked),
            T(test_what_is_long_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
