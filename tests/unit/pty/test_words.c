/*
 * test_words.c - what a person typed, from the bytes that went to the agent.
 */
#include "pty/words.h"

#include "base/limits.h"
#include "base/mem.h"
#include "unit/check.h"

#define LEFT "\033[D"
#define RIGHT "\033[C"
#define UP "\033[A"
#define HOME "\033[H"
#define END "\033OF"
#define PASTE(text) "\033[200~" text "\033[201~"

struct expected {
    const char *name;
    struct str keys;
    const char *text; /* of the newest entry; NULL: there is none */
    bool sent, unsure, pasted;
};

/* --- one entry ------------------------------------------------------------------------ */

static const struct expected plain[] = {
        {"nothing", STR(""), NULL, 0, 0, 0},
        {"a draft", STR("hello"), "hello", 0, 0, 0},
        {"enter sends", STR("hello\r"), "hello", 1, 0, 0},
        {"enter alone sends nothing", STR("\r\r"), NULL, 0, 0, 0},
        {"UTF-8", STR("gr\303\274\303\237e \360\237\230\200\r"),
                "gr\303\274\303\237e \360\237\230\200", 1, 0, 0},
        {"invalid UTF-8 is dropped and makes it unsure", STR("a\377b\303(\r"), "ab(", 1, 1, 0},
        {"cut UTF-8 before a key", STR("a\303\r"), "a", 1, 1, 0},
        {"C1 controls are no text", STR("a\302\233b"), "ab", 0, 0, 0},
        {"NUL and unknown controls are no text", STR("a\0b\034c"), "abc", 0, 0, 0},
        {"backspace", STR("helpo\177\177lo"), "hello", 0, 0, 0},
        {"^H", STR("ab\bc"), "ac", 0, 0, 0},
        {"backspace takes a whole character", STR("a\303\274\177b"), "ab", 0, 0, 0},
        {"backspace on nothing", STR("\177\177a"), "a", 0, 0, 0},
        {"^U", STR("some words\025new"), "new", 0, 0, 0},
        {"^U in the middle", STR("abcd" LEFT LEFT "\025"), "cd", 0, 0, 0},
        {"^W takes white space words", STR("one two-three  \027x"), "one x", 0, 0, 0},
        {"^W on nothing", STR("\027a"), "a", 0, 0, 0},
        {"^K", STR("abcdef" LEFT LEFT "\013"), "abcd", 0, 0, 0},
        {"^A and ^E", STR("bc\001a\005d"), "abcd", 0, 0, 0},
        {"^B and ^F", STR("ac\002b\006d"), "abcd", 0, 0, 0},
        {"^D erases to the right", STR("abc\001\004"), "bc", 0, 0, 0},
        {"^D at the end", STR("abc\004"), "abc", 0, 0, 0},
        {"^C clears", STR("secret\003x"), "x", 0, 0, 0},
        {"^C clears all of it", STR("secret\003"), NULL, 0, 0, 0},
};

static const struct expected sequences[] = {
        {"arrows", STR("ac" LEFT "b" RIGHT "d"), "abcd", 0, 0, 0},
        {"arrows in application mode", STR("ac\033ODb\033OCd"), "abcd", 0, 0, 0},
        {"arrows stop at the edges", STR(LEFT "a" RIGHT RIGHT "b"), "ab", 0, 0, 0},
        {"arrows step over characters", STR("\303\274" LEFT "x"), "x\303\274", 0, 0, 0},
        {"home and end", STR("b" HOME "a" END "c"), "abc", 0, 0, 0},
        {"home and end, other forms", STR("b\033[1~a\033[4~c\033[7~_\033[8~d\033OH<"), "<_abcd",
                0, 0, 0},
        {"delete", STR("abc" HOME "\033[3~"), "bc", 0, 0, 0},
        {"words by Alt", STR("one two\033bX\033bY\033fZ"), "one YXtwoZ", 0, 0, 0},
        {"words by Ctrl and arrows", STR("one two\033[1;5DX\033[1;5C!"), "one Xtwo!", 0, 0, 0},
        {"Alt-d", STR("one two\001\033d"), " two", 0, 0, 0},
        {"Alt-Backspace", STR("one two-three\033\177"), "one two-", 0, 0, 0},
        {"up is history", STR("abc" UP "x\r"), "abcx", 1, 1, 0},
        {"unsure ends with the message", STR("abc" UP "\rdef\r"), "def", 1, 0, 0},
        {"history alone has no words", STR(UP "\r"), NULL, 0, 0, 0},
        {"tab completes", STR("ls /ho\t\r"), "ls /ho", 1, 1, 0},
        {"^R ^P ^N", STR("a\022b\020c\016"), "abc", 0, 1, 0},
        {"undo, yank", STR("a\037b\031"), "ab", 0, 1, 0},
        {"newline by LF", STR("one\ntwo\r"), "one\ntwo", 1, 0, 0},
        {"newline by Alt-Enter", STR("one\033\rtwo\r"), "one\ntwo", 1, 0, 0},
        {"newline by backslash", STR("one\\\rtwo\r"), "one\ntwo", 1, 0, 0},
        {"newline by Shift-Enter", STR("one\033[13;2utwo\r"), "one\ntwo", 1, 0, 0},
        {"newline by modifyOtherKeys", STR("one\033[27;2;13~two\r"), "one\ntwo", 1, 0, 0},
        {"enter by CSI u", STR("one\033[13u"), "one", 1, 0, 0},
        {"keypad enter", STR("one\033OM"), "one", 1, 0, 0},
        {"lines: home and kill stay in theirs", STR("one\ntwo\001X\025Y"), "one\nYtwo", 0, 0,
                0},
        {"^C by CSI u", STR("one\033[99;5ux"), "x", 0, 0, 0},
        {"text by CSI u", STR("\033[97u\033[98;1:1u\033[65;2u"), "abA", 0, 0, 0},
        {"released keys are no keys", STR("\033[97;1:3ua\033[13;1:3u"), "a", 0, 0, 0},
        {"Alt-x by CSI u", STR("a\033[120;3u\033[57441u"), "a", 0, 0, 0},
        {"CSI u with no character", STR("a\033[55296u\033[1114112u\033[999999999ub"), "ab", 0,
                0, 0},
        {"unknown Alt keys", STR("a\033xb\033Z"), "ab", 0, 0, 0},
        {"page and function keys", STR("a\033[5~\033[15~\033OP\033[1;2Qb"), "ab", 0, 0, 0},
        {"very long parameters", STR("a\033[99999999999999999999;1;1;1;1;1;7~b"), "ab", 0, 0,
                0},
        {"enter after Alt-[", STR("a\033[\r"), "a", 1, 0, 0},
        {"text after a broken sequence", STR("a\033[1\303\274"), "a\303\274", 0, 0, 0},
        {"escape key twice", STR("a\033\033\033[Db"), "ba", 0, 1, 0},
};

static const struct expected reports[] = {
        {"SGR mouse", STR("a\033[<0;12;34M\033[<0;12;34mb"), "ab", 0, 0, 0},
        {"X10 mouse", STR("a\033[M !~\033[M\r\r\rb"), "ab", 0, 0, 0},
        {"urxvt mouse", STR("a\033[32;12;34Mb"), "ab", 0, 0, 0},
        {"focus", STR("a\033[I\033[Ob"), "ab", 0, 0, 0},
        {"device attributes", STR("a\033[?62;1;6c\033[>1;4000;19cb"), "ab", 0, 0, 0},
        {"cursor position", STR("a\033[12;34Rb"), "ab", 0, 0, 0},
        {"status and modes", STR("a\033[0n\033[?2026;2$y\033[?1ub"), "ab", 0, 0, 0},
        {"size", STR("a\033[8;24;80t\033[48;24;80;0;0tb"), "ab", 0, 0, 0},
        {"colour", STR("a\033]11;rgb:0000/0000/0000\033\\\033]10;rgb:ff/ff/ff\ab"), "ab", 0, 0,
                0},
        {"name and version", STR("a\033P>|xterm(380)\033\\b"), "ab", 0, 0, 0},
        {"picture answers", STR("a\033_Gi=1;OK\033\\b"), "ab", 0, 0, 0},
        {"a control ends a string that is none", STR("a\033]x\rb"), "b", 0, 0, 0},
        {"string cut by a key", STR("a\033]11;\033[Db"), "ba", 0, 0, 0},
};

static const struct expected pastes[] = {
        {"paste", STR("see: " PASTE("one\rtwo") "\r"), "see: one\ntwo", 1, 0, 1},
        {"enter in a paste sends nothing", STR(PASTE("a\r\nb\nc")), "a\nb\nc", 0, 0, 1},
        {"keys in a paste are text or nothing", STR(PASTE("a\003\025\033[Db\tc")), "a[Db\tc", 0,
                0, 1},
        {"almost the end of a paste", STR(PASTE("a\033[20\033[201x\033\033[2")), "a[20[201x[2",
                0, 0, 1},
        {"UTF-8", STR(PASTE("\303\274")), "\303\274", 0, 0, 1},
        {"UTF-8 cut by the end", STR(PASTE("a\303")), "a", 0, 1, 1},
        {"end without a beginning", STR("a\033[201~b"), "ab", 0, 0, 0},
        {"typing goes on", STR(PASTE("x") "y\177z"), "xz", 0, 0, 1},
        {"pasted ends with the message", STR(PASTE("x") "\ry\r"), "y", 1, 0, 0},
};

static void check_entry(const struct expected *e, const struct words *words, const char *how)
{
    struct words_entry entry = {0};
    bool there = words_at(words, 0, &entry);
    if (!e->text) {
        if (there)
            fail_msg("%s (%s): unexpected '%s'", e->name, how, entry.text);
        return;
    }
    if (!there || strcmp(entry.text, e->text) != 0)
        fail_msg("%s (%s): got '%s'", e->name, how, there ? entry.text : "(none)");
    if (entry.draft == e->sent || entry.unsure != e->unsure || entry.pasted != e->pasted)
        fail_msg("%s (%s): draft %d unsure %d pasted %d", e->name, how, entry.draft,
                entry.unsure, entry.pasted);
}

static void check_table(const struct expected *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct words *whole = words_new(NULL, NULL);
        words_feed(whole, table[i].keys, 1000);
        check_entry(&table[i], whole, "at once");
        words_free(whole);

        struct words *split = words_new(NULL, NULL);
        for (size_t at = 0; at < table[i].keys.n; at++)
            words_feed(split, (struct str){table[i].keys.p + at, 1}, 1000 + (int64_t)at);
        check_entry(&table[i], split, "byte by byte");
        words_free(split);
    }
}

#define CHECK_TABLE(table) check_table(table, sizeof(table) / sizeof((table)[0]))

static void test_plain_keys_edit_the_line(void **state)
{
    (void)state;
    CHECK_TABLE(plain);
}

static void test_sequences_are_keys_however_they_are_split(void **state)
{
    (void)state;
    CHECK_TABLE(sequences);
}

static void test_reports_and_answers_never_become_words(void **state)
{
    (void)state;
    CHECK_TABLE(reports);
}

static void test_pastes_are_text_and_marked(void **state)
{
    (void)state;
    CHECK_TABLE(pastes);
}

/* --- time ----------------------------------------------------------------------------- */

static void test_escape_and_a_later_letter_are_two_keys(void **state)
{
    (void)state;
    struct words *words = words_new(NULL, NULL);
    struct words_entry entry;
    words_feed(words, STR("a\033"), 1000);
    words_feed(words, STR("b"), 1200);
    assert_true(words_at(words, 0, &entry));
    assert_string_equal(entry.text, "ab");
    assert_true(entry.unsure);
    words_feed(words, STR("\033["), 2000); /* a person can press Alt-[ */
    words_feed(words, STR("D"), 2200);
    words_feed(words, STR("\033]"), 3000);
    words_feed(words, STR("!"), 6000);
    assert_true(words_at(words, 0, &entry));
    assert_string_equal(entry.text, "abD!");
    words_free(words);
}

static void test_entry_has_the_time_of_its_last_key_not_of_a_mouse_report(void **state)
{
    (void)state;
    struct words *words = words_new(NULL, NULL);
    struct words_entry entry;
    words_feed(words, STR("a"), 1000);
    words_feed(words, STR("b"), 2000);
    words_feed(words, STR("\033[<35;1;1M"), 9000);
    assert_true(words_at(words, 0, &entry));
    assert_int_equal(entry.at_ms, 2000);
    words_feed(words, STR("\r"), 10000);
    assert_true(words_at(words, 0, &entry));
    assert_int_equal(entry.at_ms, 10000);
    words_free(words);
}

/* --- many ----------------------------------------------------------------------------- */

static void count_sent(void *ctx, const struct words_entry *entry)
{
    unsigned *count = ctx;
    char text[32];
    snprintf(text, sizeof(text), "message %u", *count);
    assert_string_equal(entry->text, text);
    assert_false(entry->draft);
    ++*count;
}

static void test_sent_messages_are_told_and_the_newest_64_kept(void **state)
{
    (void)state;
    unsigned count = 0;
    struct words *words = words_new(count_sent, &count);
    for (unsigned i = 0; i < 100; i++) {
        char line[32];
        snprintf(line, sizeof(line), "message %u\r", i);
        words_feed(words, str_of(line), i);
    }
    words_feed(words, STR("draft"), 1000);
    assert_int_equal(count, 100);
    assert_int_equal(words_count(words), LIMIT_WORDS_SENT + 1);

    struct words_entry entry;
    assert_true(words_at(words, 0, &entry));
    assert_string_equal(entry.text, "draft");
    assert_true(words_at(words, 1, &entry));
    assert_string_equal(entry.text, "message 99");
    assert_true(words_at(words, LIMIT_WORDS_SENT, &entry));
    assert_string_equal(entry.text, "message 36");
    assert_false(words_at(words, LIMIT_WORDS_SENT + 1, &entry));
    words_free(words);
}

static void test_too_long_a_message_is_cut_and_unsure(void **state)
{
    (void)state;
    struct words *words = words_new(NULL, NULL);
    struct words_entry entry;
    for (int i = 0; i < 3 * (int)LIMIT_WORDS_ENTRY; i++)
        words_feed(words, STR("x"), 1);
    assert_true(words_at(words, 0, &entry));
    assert_int_equal(strlen(entry.text), LIMIT_WORDS_ENTRY);
    assert_true(entry.unsure);
    words_free(words);
}

/* --- raw ------------------------------------------------------------------------------- */

static void test_raw_buffer_forgets_whole_chunks_oldest_first(void **state)
{
    (void)state;
    struct words *words = words_new(NULL, NULL);
    char chunk[100];
    for (int i = 0; i < 1000; i++) {
        memset(chunk, 'a' + i % 26, sizeof(chunk));
        words_feed(words, (struct str){chunk, sizeof(chunk)}, i);
    }
    struct str raw = words_raw(words);
    assert_int_equal(raw.n, LIMIT_WORDS / sizeof(chunk) * sizeof(chunk));
    for (size_t i = 0; i < raw.n; i++) {
        size_t from = 1000 - raw.n / sizeof(chunk);
        assert_int_equal(raw.p[i], 'a' + (from + i / sizeof(chunk)) % 26);
    }
    words_feed(words, STR("!"), 1001);
    raw = words_raw(words);
    assert_int_equal(raw.p[raw.n - 1], '!');
    words_free(words);
}

static void test_raw_buffer_keeps_the_end_of_a_chunk_that_is_too_large(void **state)
{
    (void)state;
    struct words *words = words_new(NULL, NULL);
    size_t n = LIMIT_WORDS + 10;
    char *big = xmalloc(n);
    memset(big, 'x', n);
    big[n - 1] = 'z';
    words_feed(words, STR("before"), 1);
    words_feed(words, (struct str){big, n}, 2);
    struct str raw = words_raw(words);
    assert_int_equal(raw.n, LIMIT_WORDS);
    assert_int_equal(raw.p[raw.n - 1], 'z');
    words_feed(words, STR("after"), 3); /* the one large chunk goes as a whole */
    assert_true(str_eq(words_raw(words), STR("after")));
    free(big);
    words_free(words);
}

static void test_raw_buffer_is_what_went_in_byte_for_byte(void **state)
{
    (void)state;
    struct words *words = words_new(NULL, NULL);
    words_feed(words, STR("a\0\033[D\003"), 1);
    words_feed(words, STR(""), 2);
    words_feed(words, STR("\377"), 3);
    assert_true(str_eq(words_raw(words), STR("a\0\033[D\003\377")));
    words_free(words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_plain_keys_edit_the_line),
            cmocka_unit_test(test_sequences_are_keys_however_they_are_split),
            cmocka_unit_test(test_reports_and_answers_never_become_words),
            cmocka_unit_test(test_pastes_are_text_and_marked),
            cmocka_unit_test(test_escape_and_a_later_letter_are_two_keys),
            cmocka_unit_test(test_entry_has_the_time_of_its_last_key_not_of_a_mouse_report),
            cmocka_unit_test(test_sent_messages_are_told_and_the_newest_64_kept),
            cmocka_unit_test(test_too_long_a_message_is_cut_and_unsure),
            cmocka_unit_test(test_raw_buffer_forgets_whole_chunks_oldest_first),
            cmocka_unit_test(test_raw_buffer_keeps_the_end_of_a_chunk_that_is_too_large),
            cmocka_unit_test(test_raw_buffer_is_what_went_in_byte_for_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
