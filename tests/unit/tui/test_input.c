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
        put(trace, "mouse%u@%d,%d%s", key->mouse.button, key->mouse.row, key->mouse.col,
                key->mouse.release ? "-" : "");
        break;
    case KEY_REPLY:
        put(trace, "reply%d", (int)key->reply);
        if (key->reply == REPLY_MODE)
            put(trace, ":%u=%u", key->param[0], key->param[1]);
        if (key->reply == REPLY_COLOUR)
            put(trace, ":%u=%06x", key->param[0], key->param[1]);
        break;
    }
    if (key->mods)
        put(trace, "+%d", key->mods);
    if (key->form != FORM_BYTES)
        put(trace, key->form == FORM_KITTY ? "k" : "o");
    if (key->modifier)
        put(trace, "m");
    if (key->repeat)
        put(trace, key->release ? "*-" : "*");
    if (key->kind == KEY_CHAR || key->kind == KEY_SYM || key->kind == KEY_RAW) {
        memcpy(trace->raw + trace->raw_len, key->raw.p, key->raw.n);
        trace->raw_len += key->raw.n;
    }
}

static void feed(struct trace *trace, struct str bytes, size_t step, bool timeout)
{
    struct input in;
    memset(trace, 0, sizeof *trace);
    input_init(&in, &CHORD_DEFAULT);
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
        {"\x1b[<0;10;20M\x1b[<0;10;20m", "mouse0@19,9 mouse0@19,9-", false},
        {"\x1b[<35;1;1M\x1b[<64;300;200M", "mouse35@0,0 mouse64@199,299", false},
        {"\x1b[M !!\x1b[M#\x22#x\x1b[M`\xff!y", "mouse0@0,0 mouse3@2,1- c78 mouse64@0,222 c79",
                false},
        {"\x1b[M \x1b[A", "reply0 s1", false},
        {"\x1b[M \x1c", "reply0 c1c", false},
        {"\x1b[M  ", "reply0", true},
        {"\x1b[32;10;20M", "mouse0@19,9", false},
        /* what the terminal says by itself */
        {"\x1b[0n\x1b[12;40R\x1b[?1;2c\x1b[>41;354;0c", "reply1 reply0 reply0 reply4", false},
        {"\x1b[3n\x1b[?12;40R\x1b[?997;1n\x1b[8;24;80t", "reply0 reply0 reply0 reply0", false},
        {"\x1b[?2026;2$y\x1b[4;1$y", "reply2:2026=2 reply0", false},
        {"\x1b]10;rgb:ffff/ffff/ffff\x1b\\x\x1b]11;rgb:0/0/0\x07y",
                "reply5:10=ffffff c78 reply5:11=000000 c79", false},
        {"\x1bP>|XTerm(380)\x1b\\\x1bP1+r544e\x1b\\", "reply0 reply0", false},
        {"\x1b]11;rgb:1a2b/3c/d\x07\x1b]11;rgb:xx/0/0\x07\x1b]11;?\x07\x1b]12;rgb:1/1/1\x07",
                "reply5:11=1a3cdd reply0 reply0 reply0", false},
        {"\x1b_Gi=1;OK\x1b\\", "reply0", false},
        {"\x1b]52;c;aGVsbG8=\x07", "reply0", false},
        {"\x1b]10;rgb:\x1cy", "reply0 c1c c79", false},
        {"\x1b]10;rgb:", "reply0", true},
        {"\x1b[?1u", "reply3", false},
        /* kitty keyboard */
        {"\x1b[97;5u\x1b[27u\x1b[97;1:3u\x1b[92;5u", "c61+4k s300k c61k*- c5c+4k", false},
        {"\x1b[97;2u\x1b[97:65;2u\x1b[47:63;2u\x1b[97;;228u", "c41+1k c41+1k c3f+1k ce4k",
                false},
        {"\x1b[13;2u\x1b[9;2u\x1b[9u\x1b[127;3u", "cd+1k s301+1k c9k c7f+2k", false},
        {"\x1b[1;5:2A\x1b[3;1:3~\x1b[1;129B\x1b[1;133C", "s1+4k* s8k*- s2k s3+4k", false},
        {"\x1b[97;9u\x1b[1;9A", "c61+8k s1+8", false},
        {"\x1b[57414u\x1b[57400;1u\x1b[57419;5u", "cdk c31k s1+4k", false},
        {"\x1b[57442;5u\x1b[57442;1:3u\x1b[57376u", "rawkm rawkm*- rawk", false},
        /* modifyOtherKeys */
        {"\x1b[27;2;13~\x1b[27;5;92~\x1b[27;6;65~\x1b[27;5;27~", "cd+1o c5c+4o c41+5o s300+4o",
                false},
        /* pastes */
        {"\x1b[200~\x1b[201~", "end", false},
        {"\x1b[200~a", "paste[a] end", true},
        {"\x1b[201~a", "reply0 c61", false},
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
            "\x1b]no\x1bPno\x1b^x\x1b\x1b\x1b x\xe2\x28 \x1b[>0q "
            "\x1b[27;5;13~\x1b[97:65::97;134:2u\x1b[57442;5:3u"
            "\x1b[1;5;7~\x1b[m"
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
    input_init(&in, &CHORD_DEFAULT);
    input_feed(&in, STR("\x1b[200~"), on_key, &trace);
    for (int i = 0; i < 100; i++) {
        trace.text[0] = '\0';
        input_feed(&in, (struct str){block, sizeof block}, on_key, &trace);
        assert_int_equal(strlen(trace.text), sizeof block + strlen("paste[]"));
    }
    assert_int_equal(input_wait_ms(&in), INPUT_PASTE_MS);
}

static const struct {
    const char *prefix, *bytes;
    bool is_prefix;
} PREFIXES[] = {
        {"C-\\", "\x1c", true},
        {"C-\\", "\x1b[92;5u", true},
        {"C-\\", "\x1b[52;5u", true},
        {"C-\\", "\x1b[92;5:3u", true},
        {"C-\\", "\x1b[92;133u", true},
        {"C-\\", "\x1b[27;5;92~", true},
        {"C-\\", "\x1b[1105::92;5u", true}, /* another layout; the terminal says where it is */
        {"C-\\", "\\", false},
        {"C-\\", "\x1b[92u", false},
        {"C-\\", "\x1b[92;6u", false},
        {"C-\\", "\x1b[92;7u", false},
        {"C-\\", "\x1b[92;13u", false}, /* with Super */
        {"C-\\", "\x02", false},
        {"C-b", "\x02", true},
        {"C-b", "\x1b[98;5u", true},
        {"C-b", "\x1b[98;6u", false},
        {"C-b", "\x1b[1080;5u", true}, /* the key of b, in Russian */
        {"C-b", "\x1b[946;5u", true},  /* in Greek */
        {"C-b", "\x1c", false},
        {"C-^", "\x1e", true},
        {"C-^", "\x1b[54:94;6u", true},
        {"C-^", "\x1b[54;5u", true},
        {"C-Space", "\x1b[32;5u", true},
        {"F12", "\x1b[24~", true},
        {"F12", "\x1b[24;5~", false},
        {"F12", "\x1c", false},
};

struct sought {
    struct input in;
    bool found;
};

static void on_sought(void *ctx, const struct key *key)
{
    struct sought *sought = ctx;
    sought->found = key_is_prefix(&sought->in, key);
}

static void test_prefix_is_found_in_every_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof PREFIXES / sizeof PREFIXES[0]; i++) {
        struct sought sought = {.found = false};
        struct chord chord;
        assert_int_equal(chord_parse(PREFIXES[i].prefix, &chord, NULL), 0);
        input_init(&sought.in, &chord);
        input_feed(&sought.in, str_of(PREFIXES[i].bytes), on_sought, &sought);
        if (sought.found != PREFIXES[i].is_prefix)
            fail_msg("row %zu", i);
    }
}

static void test_prefix_that_is_a_space_with_control(void **state)
{
    struct sought sought = {.found = false};
    struct chord chord;
    (void)state;
    assert_int_equal(chord_parse("C-Space", &chord, NULL), 0);
    input_init(&sought.in, &chord);
    input_feed(&sought.in, (struct str){"\0", 1}, on_sought, &sought);
    assert_true(sought.found);
}

static void test_layouts_have_latin_keys(void **state)
{
    static const struct {
        uint32_t cp, latin;
    } table[] = {{0x443, 'e'}, {0x43d, 'y'}, {0x422, 'N'}, {0x44d, '\''}, {0x42d, '"'},
            {0x3b5, 'e'}, {0x3a5, 'Y'}, {0x3c2, 'w'}, {0x456, 's'}, {'y', 'y'},
            {0x4e2d, 0x4e2d}};
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct key key = {.kind = KEY_CHAR, .cp = table[i].cp};
        assert_int_equal(key_latin(&key), table[i].latin);
    }
}

static void test_lone_escape_waits_shortly_and_longer_beginnings_longer(void **state)
{
    struct trace trace = {0};
    struct input in;
    (void)state;
    input_init(&in, &CHORD_DEFAULT);
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
            cmocka_unit_test(test_prefix_that_is_a_space_with_control),
            cmocka_unit_test(test_layouts_have_latin_keys),
            cmocka_unit_test(test_lone_escape_waits_shortly_and_longer_beginnings_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
