/*
 * What a person reads of a call: every argument, nothing that deceives, the difference to the
 * file as it is now, and never a file outside of the workspace.
 */
#include "review/reading.h"

#include <sys/stat.h>
#include <unistd.h>

#include "support/tmpdir.h"
#include "unit/check.h"

#include "base/file.h"
#include "base/mem.h"
#include "review/command.h"

struct fixture {
    char dir[64];
    char *workspace;
    struct policy_world world;
    char *shown; /* of the last read() */
    char unsaid[600];
    bool is_newer;
    struct reading *reading;
};

static int up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    test_tmpdir(f->dir, sizeof(f->dir), "reading");
    f->workspace = path_join(f->dir, "work");
    assert_int_equal(mkdir(f->workspace, 0700), 0);
    f->world = (struct policy_world){.home = f->dir,
            .workspace = f->workspace,
            .box_workspace = "/workspace",
            .cwd = f->workspace};
    *state = f;
    return 0;
}

static int down(void **state)
{
    struct fixture *f = *state;

    reading_free(f->reading);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f->workspace);
    free(f->shown);
    free(f);
    return 0;
}

static void put(struct fixture *f, const char *name, const char *text, size_t n)
{
    char *path = path_join(f->workspace, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, n, file), n);
    fclose(file);
    free(path);
}

static char *all(const struct sheet *sheet)
{
    struct buf out = BUF_INIT;

    for (size_t i = 0; i < sheet->count; i++) {
        buf_append_str(&out, sheet_text(sheet, i));
        buf_putc(&out, '\n');
    }
    buf_putc(&out, '\0');
    char *text = xstrdup(buf_data(&out));
    buf_release(&out);
    return text;
}

static const char *show(struct fixture *f, const char *tool, const char *arguments)
{
    struct call_request call = {STR("fs"), str_of(tool), str_of(arguments)};
    struct gate_item item = {.call = &call, .world = &f->world};

    item.rec.asked_ms = INT64_MAX;
    reading_free(f->reading);
    f->reading = reading_new(&item, STR("please write src/main.c and push it to Origin"));
    reading_make(f->reading);
    free(f->shown);
    f->shown = all(reading_what(f->reading));
    snprintf(f->unsaid, sizeof(f->unsaid), "%s", reading_unsaid(f->reading));
    return f->shown;
}

#define HAS(text, part)                                                                        \
    do {                                                                                       \
        if (!strstr(text, part))                                                               \
            fail_msg("no '%s' in:\n%s", part, text);                                           \
    } while (0)
#define LACKS(text, part)                                                                      \
    do {                                                                                       \
        if (strstr(text, part))                                                                \
            fail_msg("'%s' in:\n%s", part, text);                                              \
    } while (0)

static void every_argument_is_shown_whole(void **state)
{
    const char *text = show(*state, "x",
            "{\"a\":1e999,\"b\":123456789012345678901234567890,\"c\":\"true\",\"d\":true,"
            "\"e\":{\"f\":[1,{\"g h\":\"\"}],\"i\":{}},\"j\":\"one\\ntwo\\n\",\"k\":null}");

    HAS(text, "tool fs/x, 7 arguments");
    HAS(text, "  a           1e999\n");
    HAS(text, "  b           123456789012345678901234567890\n");
    HAS(text, "  c           \"true\"\n");
    HAS(text, "  d           true\n");
    HAS(text, "  e.f[0]      1\n");
    HAS(text, "  e.f[1].\"g h\"  \"\"\n");
    HAS(text, "  e.i         {}\n");
    HAS(text, "(2 lines, 8 bytes)\n    one\n    two\n");
    HAS(text, "  k           null\n");
    char *raw = all(reading_raw(((struct fixture *)*state)->reading));
    HAS(raw, "\"a\":1e999");
    free(raw);
}

static void what_deceives_is_shown_as_what_it_is(void **state)
{
    const char *text = show(*state, "x",
            "{\"a\":\"h\\u200book\\ttab\",\"b\":\"end  \",\"\\u202ename\":1,\"c\":\"\\ud800\","
            "\"d\":\"\\u001b[2J\",\"u\":\"https://xn--api-wether-4qi.com/\"}");

    HAS(text, "h<U+200B>ook<TAB>tab");
    HAS(text, "\"end  \"\n");
    HAS(text, "\"<U+202E>name\"");
    HAS(text, "\"\\ud800\"\n");
    HAS(text, "no text in Unicode");
    HAS(text, "<U+001B>[2J");
    HAS(text, "in letters  api-we\xd0\xb0ther.com");
    text = show(*state, "x", "{\"a\":\"one  \\n\\ttwo\\n\"}");
    HAS(text, "    one<SP><SP>\n    <TAB>two\n");
    text = show(*state, "x", "{\"a\":1,\"a\":2}");
    HAS(text, "as received");
    HAS(text, "{\"a\":1,\"a\":2}");
}

static void a_write_is_a_difference_to_the_file(void **state)
{
    struct fixture *f = *state;

    put(f, "a.c", "one\ntwo\nthree\n", 14);
    const char *text = show(f, "write_file",
            "{\"path\":\"/workspace/a.c\",\"content\":\"one\\n2\\nthree\\nfour\"}");
    HAS(text, "a.c    mode 0");
    HAS(text, "+2 -1 lines");
    HAS(text, "    2 - two\n    2 + 2\n    3   three\n    4 + four\n");
    HAS(text, "\\ no newline at the end");
    HAS(text, "content     (4 lines, 16 bytes, no newline at the end) below");
    text = show(f, "write_file", "{\"path\":\"new/../b.c\",\"content\":\"x\\n\"}");
    HAS(text, "a new file");
    HAS(text, "    1 + x\n");
    text = show(f, "write_file", "{\"path\":\"a.c\",\"content\":\"one\\ntwo\\nthree\\n\"}");
    HAS(text, "nothing in it changes");
    text = show(f, "append_file", "{\"path\":\"a.c\",\"content\":\"four\\n\"}");
    HAS(text, "+1 -0 lines");
    text = show(f, "write_file", "{\"path\":\".git/hooks/x\",\"content\":\"#!/bin/sh\\n\"}");
    HAS(text, "begins with a dot");
}

static void edits_are_made_in_the_file_as_it_is(void **state)
{
    struct fixture *f = *state;

    put(f, "a.c", "one\ntwo\nthree\n", 14);
    const char *text = show(f, "edit_file",
            "{\"path\":\"a.c\",\"edits\":[{\"oldText\":\"two\",\"newText\":\"2\"},"
            "{\"oldText\":\"three\\n\",\"newText\":\"\"}]}");
    HAS(text, "+1 -2 lines");
    HAS(text, "    2 - two\n    3 - three\n    2 + 2\n");
    text = show(f, "edit",
            "{\"file_path\":\"a.c\",\"old_string\":\"zwei\",\"new_string\":\"dos\"}");
    HAS(text, "edit 1: its old text is not in the file");
    HAS(text, "old_string  zwei\n");
    HAS(text, "new_string  dos\n");
}

static void nothing_outside_is_read(void **state)
{
    struct fixture *f = *state;
    char *secret = path_join(f->dir, "secret"), *link = path_join(f->workspace, "link");
    char *folder = path_join(f->workspace, "folder"), *inner = path_join(f->workspace, "inner");
    static const char *const paths[] = {"link", "folder/secret", "../secret", "/etc/hostname",
            "~/secret", "/workspace/../secret", "folder"};
    FILE *file = fopen(secret, "w");

    fputs("the secret\n", file);
    fclose(file);
    assert_int_equal(symlink(secret, link), 0);
    assert_int_equal(symlink(f->dir, folder), 0);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        char *arguments = xasprintf("{\"path\":\"%s\",\"content\":\"x\\n\"}", paths[i]);
        const char *text = show(f, "write_file", arguments);

        LACKS(text, "the secret");
        HAS(text, "outside the workspace, not looked at");
        HAS(text, "    x\n");
        free(arguments);
    }
    put(f, "a", "in\n", 3);
    assert_int_equal(symlink("a", inner), 0);
    HAS(show(f, "write_file", "{\"path\":\"inner\",\"content\":\"x\\n\"}"),
            "a symbolic link to a\n");
    HAS(f->shown, "- in\n");
    free(secret);
    free(link);
    free(folder);
    free(inner);
}

static void what_cannot_be_compared_is_said(void **state)
{
    struct fixture *f = *state;
    char *fifo = path_join(f->workspace, "fifo");

    put(f, "b",
            "\x7f"
            "ELF\0\0\x01",
            7);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const char *text = show(f, "write_file", "{\"path\":\"b\",\"content\":\"x\\n\"}");
    HAS(text, "is binary now: ELF program, 7 bytes, sha256 ");
    HAS(text, "7f 45 4c 46 00 00 01");
    HAS(text, "content     (1 lines, 2 bytes)\n    x\n");
    HAS(show(f, "write_file", "{\"path\":\"fifo\",\"content\":\"x\"}"), "is no plain file");
    HAS(show(f, "write_file", "{\"path\":\".\",\"content\":\"x\"}"), "is no plain file");
    free(fifo);
}

static void a_file_that_changes_is_noticed(void **state)
{
    struct fixture *f = *state;

    put(f, "a", "1\n", 2);
    show(f, "write_file", "{\"path\":\"a\",\"content\":\"x\\n\"}");
    assert_false(reading_is_stale(f->reading));
    put(f, "a", "22\n", 3);
    assert_true(reading_is_stale(f->reading));
    show(f, "write_file", "{\"path\":\"new\",\"content\":\"x\\n\"}");
    assert_false(reading_is_stale(f->reading));
    put(f, "new", "1\n", 2);
    assert_true(reading_is_stale(f->reading));
}

static void commands_are_cut_at_pipes_and_lists(void **state)
{
    static const struct {
        const char *command, *expect;
    } cases[] = {
            {"git push", "   git push\n"},
            {"a && b || c; d | e & f", "   a\n&& b\n|| c\n;  d\n|  e\n&  f\n"},
            {"echo 'a && b' \"c | d\" $(x; y) # z; q",
                    "   echo 'a && b' \"c | d\" $(x; y) # z; q\n"},
            {"make 2>&1 | tee log", "   make 2>&1\n|  tee log\n"},
            {"a\nb # c\n\nd", "   a\n   b # c\n   d\n"},
            {"echo \\; x", "   echo \\; x\n"},
            {"cat <<E | sh\na; b\nE",
                    "(with a here-document, as it stands)\n   cat <<E | sh\n   a; b\n   E\n"},
            {"echo 'unended && x", "   echo 'unended && x\n"},
            {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sheet sheet = {0};

        command_show(&sheet, "RUNS", str_of(cases[i].command));
        char *text = all(&sheet);
        assert_string_equal(text, cases[i].expect);
        free(text);
        sheet_release(&sheet);
    }
}

static void an_argv_is_quoted(void **state)
{
    const char *text = show(*state, "run",
            "{\"command\":\"git\",\"args\":[\"push\",\"--force\",\"a b\",\"it's\",\"\"]}");

    HAS(text, "git push --force 'a b' 'it'\\''s' ''\n");
    HAS(text, "in the folder of the server, ");
}

static void what_the_user_did_not_say_is_listed(void **state)
{
    struct fixture *f = *state;

    show(f, "push",
            "{\"remote\":\"origin\",\"refspec\":\"main\",\"force\":true,\"path\":"
            "\"/workspace/src/main.c\",\"flags\":\"--force x.txt\",\"n\":12,\"no\":false}");
    assert_string_equal(f->unsaid, "main  force  --force  x.txt");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, up, down)
    const struct CMUnitTest tests[] = {
            TEST(every_argument_is_shown_whole),
            TEST(what_deceives_is_shown_as_what_it_is),
            TEST(a_write_is_a_difference_to_the_file),
            TEST(edits_are_made_in_the_file_as_it_is),
            TEST(nothing_outside_is_read),
            TEST(what_cannot_be_compared_is_said),
            TEST(a_file_that_changes_is_noticed),
            TEST(commands_are_cut_at_pipes_and_lists),
            TEST(an_argv_is_quoted),
            TEST(what_the_user_did_not_say_is_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
