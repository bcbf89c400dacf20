/* Keys from bytes: every case is fed whole and byte by byte, with the same outcome. */
#include "tui/input.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct trace {
    char text[4096];
    char raw[4096];
    size_t raw_len;
};

static void put(struct trace *trace, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));
static void put(struct trace *trace, const char *fmt, ...)
{
    size_t len = strlen(trace->text);
    va_list args;
    va_start(args, fmt);
    vsnprintf(trace->text + len, sizeof trace->text - len, fmt, args);
    va_end(args);
}

static void on_key(void *ctx, const struct key *key)
{
    struct trace *trace = ctx;
    if (trace->text[0])
        put(trace, " ");
    switch (key->kind) {
    case KEY_CHAR:
        put(trace, "c%x", (unsigned)key->cp);
        break;
    case KEY_SYM:
        put(trace, "s%d", key->sym);
        break;
    case KEY_RAW:
        put(trace, "raw");
        break;
    case KEY_PASTE:
        put(trace, "paste[%.*s]", STR_ARG(key->raw));
        break;
    case KEY_PASTE_END:
        put(trace, "end");
        break;
    case KEY_FOCUS_IN:
        put(trace, "in");
        break;
    case KEY_FOCUS_OUT:
        put(trace, "out");
        break;
    case KEY_MOUSE:
        put(trace, "mouse");
        break;
    case KEY_REPLY:
        put(trace, "reply%d", (int)key->reply);
        if (key->reply == REPLY_MODE)
            put(trace, ":%u=%u", key->param[0], key->param[1]);
        break;
    }
    if (key->mods)
        put(trace, "+%d", key->mods);
    if (key->repeat)
        put(trace, "*");
    if (key->kind == KEY_CHAR || key->kind == KEY_SYM || key->kind == KEY_RAW) {
        memcpy(trace->raw + trace->raw_len, key->raw.p, key->raw.n);
        trace->raw_len += key->raw.n;
    }
}

static void feed(struct trace *trace, struct str bytes, size_t step, bool timeout)
{
    struct input in;
    memset(trace, 0, sizeof *trace);
    input_init(&in, 0x1c);
    for (size_t i = 0; i < bytes.n; i += step) {
        size_t n = bytes.n - i < step ? bytes.n - i : step;
        input_feed(&in, (struct str){bytes.p + i, n}, on_key, trace);
    }
    if (timeout) {
        assert_true(input_wait_ms(&in) > 0);
        input_timeout(&in, on_key, trace);
    }
    assert_int_equal(input_wait_ms(&in), 0);
}

struct sample {
    const char *bytes, *want;
    bool timeout;
};

static const struct sample SAMPLES[] = {
        {"abc", "c61 c62 c63", false},
        {"\r\x7f\x03\x1c", "cd c7f c3 c1c", false},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "ce4 c20ac c1f600", false},
        {"\x1b", "s300", true},
        {"\x1b[A\x1bOB\x1b[1;5C", "s1 s2 s3+4", false},
        {"\x1b[H\x1b[4~\x1b[5;2~\x1b[24~", "s5 s6 s9+1 s111", false},
        {"\x1bOP\x1b[15~\x1b[1;2R", "s100 s104 s102+1", false},
        {"\x1b[Z", "s301+1", false},
        {"\x1b"
         "b\x1b\r\x1b\x7f",
                "c62+2 cd+2 c7f+2", false},
        {"\x1b\xc3\xa9", "ce9+2", false},
        {"\x1b\x1c", "s300 c1c", false},
        {"\x1b\x1b[A", "s300 s1", false},
        {"\x1b[", "c5b+2", true},
        {"\x1bO", "c4f+2", true},
        {"\x1b]", "c5d+2", true},
        {"\x1b]hello", "c5d+2 c68 c65 c6c c6c c6f", false},
        {"\x1bPxy", "c50+2 c78 c79", false},
        {"\x1b[1", "raw", true},
        {"\xe2\x82", "raw", true},
        {"\xff\x80"
         "a",
                "raw raw c61", false},
        {"\xc3"
         "a",
                "raw c61", false},
        {"\xed\xa0\x80", "raw", false},
        {"\x1b[?25h\x1b[5!p\x1b[99~", "raw raw raw", false},
        {"\x1b[1\x1c", "raw c1c", false},
        /* focus and mouse */
        {"\x1b[I\x1b[O", "in out", false},
        {"\x1b[<0;10;20M\x1b[<0;10;20m", "mouse mouse", false},
        /* what the terminal says by itself */
        {"\x1b[0n\x1b[12;40R\x1b[?1;2c\x1b[>41;354;0c", "reply1 reply0 reply0 reply0", false},
        {"\x1b[3n\x1b[?12;40R\x1b[?997;1n\x1b[8;24;80t", "reply0 reply0 reply0 reply0", false},
        {"\x1b[?2026;2$y\x1b[4;1$y", "reply2:2026=2 reply0", false},
        {"\x1b]10;rgb:ffff/ffff/ffff\x1b\\x\x1b]11;rgb:0/0/0\x07y", "reply0 c78 reply0 c79",
                false},
        {"\x1bP>|XTerm(380)\x1b\\\x1bP1+r544e\x1b\\", "reply0 reply0", false},
        {"\x1b_Gi=1;OK\x1b\\", "reply0", false},
        {"\x1b]52;c;aGVsbG8=\x07", "reply0", false},
        {"\x1b]10;rgb:\x1cy", "reply0 c1c c79", false},
        {"\x1b]10;rgb:", "reply0", true},
        {"\x1b[?1u", "reply0", false},
        /* kitty keyboard */
        {"\x1b[97;5u\x1b[27u\x1b[97;1:3u\x1b[92;5u", "c61+4 s300 c61* c5c+4", false},
        /* pastes */
        {"\x1b[200~\x1b[201~", "end", false},
        {"\x1b[200~a", "paste[a] end", true},
        {"\x1b[201~a", "mouse c61", false},
};

static void test_each_sample_gives_its_keys_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof SAMPLES / sizeof SAMPLES[0]; i++) {
        struct trace trace;
        feed(&trace, str_of(SAMPLES[i].bytes), 4096, SAMPLES[i].timeout);
        assert_string_equal(trace.text, SAMPLES[i].want);
    }
}

static void test_each_sample_gives_its_keys_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof SAMPLES / sizeof SAMPLES[0]; i++) {
        struct trace trace;
        feed(&trace, str_of(SAMPLES[i].bytes), 1, SAMPLES[i].timeout);
        assert_string_equal(trace.text, SAMPLES[i].want);
    }
}

/* Any bytes that hold no answer of a terminal come out as they went in. */
static void test_what_is_not_ours_passes_byte_exact(void **state)
{
    static const char bytes[] =
            "plain \x01\x02 \xc3\xa4 \xff\xfe \x1b[1;2;3;4;5Q\x1b[38;5;1m\x1bOX\x1b(B\x1b[[A"
            "\x1b]no\x1bPno\x1b^x\x1b\x1b\x1b x\xe2\x28 \x1b[>0q \x1b[27;5;13~"
            "\x1b[1111111111111111111111111111111111111111111111111111111111111111111111m z";
    struct trace trace;
    (void)state;
    for (size_t step = 1; step < 9; step++) {
        feed(&trace, STR(bytes), step, false);
        assert_int_equal(trace.raw_len, sizeof bytes - 1);
        assert_memory_equal(trace.raw, bytes, trace.raw_len);
    }
}

static void test_paste_is_one_text_wherever_it_is_cut(void **state)
{
    static const char bytes[] = "\x1b[200~one\x1b[20two\x1b[201\x1b[A\x1cy\n\x1b[201~x";
    (void)state;
    for (size_t step = 1; step < sizeof bytes; step++) {
        struct trace trace;
        char joined[256] = "";
        feed(&trace, STR(bytes), step, false);
        /* Pieces depend on the reads; their sum does not. */
        const char *p = trace.text;
        size_t n = 0;
        while ((p = strstr(p, "paste["))) {
            const char *end = strchr(p, ']');
            while (end && end[1] != ' ' && end[1] != '\0')
                end = strchr(end + 1, ']');
            assert_non_null(end);
            memcpy(joined + n, p + 6, (size_t)(end - p - 6));
            n += (size_t)(end - p - 6);
            p = end;
        }
        assert_string_equal(joined, "one\x1b[20two\x1b[201\x1b[A\x1cy\n");
        assert_non_null(strstr(trace.text, "end c78"));
    }
}

static void test_long_paste_comes_in_bounded_pieces(void **state)
{
    struct trace trace = {0};
    struct input in;
    char block[1000];
    (void)state;
    memset(block, 'x', sizeof block);
    input_init(&in, 0x1c);
    input_feed(&in, STR("\x1b[200~"), on_key, &trace);
    for (int i = 0; i < 100; i++) {
        trace.text[0] = '\0';
        input_feed(&in, (struct str){block, sizeof block}, on_key, &trace);
        assert_int_equal(strlen(trace.text), sizeof block + strlen("paste[]"));
    }
    assert_int_equal(input_wait_ms(&in), INPUT_PASTE_MS);
}

static void test_prefix_is_found_in_every_spelling(void **state)
{
    struct input in;
    struct key key = {.kind = KEY_CHAR, .cp = 0x1c};
    (void)state;
    input_init(&in, 0x1c);
    assert_true(key_is_prefix(&in, &key));
    key = (struct key){.kind = KEY_CHAR, .cp = 92, .mods = VT_MOD_CTRL};
    assert_true(key_is_prefix(&in, &key));
    key.cp = 52;
    assert_true(key_is_prefix(&in, &key));
    key = (struct key){.kind = KEY_CHAR, .cp = 92};
    assert_false(key_is_prefix(&in, &key));
}

static void test_lone_escape_waits_shortly_and_longer_beginnings_longer(void **state)
{
    struct trace trace = {0};
    struct input in;
    (void)state;
    input_init(&in, 0x1c);
    input_feed(&in, STR("\x1b"), on_key, &trace);
    assert_int_equal(input_wait_ms(&in), INPUT_ESC_MS);
    unsigned id = input_wait_id(&in);
    input_feed(&in, STR("[0"), on_key, &trace);
    assert_int_equal(input_wait_ms(&in), INPUT_PARTIAL_MS);
    assert_int_not_equal(input_wait_id(&in), id);
    input_feed(&in, STR("n"), on_key, &trace);
    assert_string_equal(trace.text, "reply1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_each_sample_gives_its_keys_whole),
            cmocka_unit_test(test_each_sample_gives_its_keys_byte_by_byte),
            cmocka_unit_test(test_what_is_not_ours_passes_byte_exact),
            cmocka_unit_test(test_paste_is_one_text_wherever_it_is_cut),
            cmocka_unit_test(test_long_paste_comes_in_bounded_pieces),
            cmocka_unit_test(test_prefix_is_found_in_every_spelling),
            cmocka_unit_test(test_lone_escape_waits_shortly_and_longer_beginnings_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
