/*
 * test_vt_keys.c - the bytes a key or a paste is for the agent.
 */
#include "pty/chord.h"
#include "pty/vt.h"

#include "unit/pty/term.h"

static const struct {
    const char *modes;
    int key, mods;
    const char *bytes;
} keys[] = {
        {"", VT_KEY_UP, 0, "\033[A"},
        {"", VT_KEY_DOWN, 0, "\033[B"},
        {"", VT_KEY_RIGHT, 0, "\033[C"},
        {"", VT_KEY_LEFT, 0, "\033[D"},
        {"", VT_KEY_HOME, 0, "\033[H"},
        {"", VT_KEY_END, 0, "\033[F"},
        {"", VT_KEY_INSERT, 0, "\033[2~"},
        {"", VT_KEY_DELETE, 0, "\033[3~"},
        {"", VT_KEY_PAGE_UP, 0, "\033[5~"},
        {"", VT_KEY_PAGE_DOWN, 0, "\033[6~"},
        {"", VT_KEY_F1, 0, "\033OP"},
        {"", VT_KEY_F1 + 2, 0, "\033OR"},
        {"", VT_KEY_F1 + 3, 0, "\033OS"},
        {"", VT_KEY_F1 + 4, 0, "\033[15~"},
        {"", VT_KEY_F1 + 5, 0, "\033[17~"},
        {"", VT_KEY_F1 + 9, 0, "\033[21~"},
        {"", VT_KEY_F1 + 10, 0, "\033[23~"},
        {"", VT_KEY_F1 + 11, 0, "\033[24~"},
        /* application cursor keys */
        {"\033[?1h", VT_KEY_UP, 0, "\033OA"},
        {"\033[?1h", VT_KEY_END, 0, "\033OF"},
        {"\033[?1h", VT_KEY_DELETE, 0, "\033[3~"},
        {"\033[?1h\033[?1l", VT_KEY_UP, 0, "\033[A"},
        /* modifiers: never SS3 */
        {"", VT_KEY_UP, VT_MOD_SHIFT, "\033[1;2A"},
        {"", VT_KEY_UP, VT_MOD_ALT, "\033[1;3A"},
        {"\033[?1h", VT_KEY_LEFT, VT_MOD_CTRL, "\033[1;5D"},
        {"", VT_KEY_RIGHT, VT_MOD_SHIFT | VT_MOD_ALT | VT_MOD_CTRL, "\033[1;8C"},
        {"", VT_KEY_PAGE_UP, VT_MOD_CTRL, "\033[5;5~"},
        {"", VT_KEY_F1, VT_MOD_SHIFT, "\033[1;2P"},
        {"", VT_KEY_F1 + 11, VT_MOD_ALT, "\033[24;3~"},
        {"", VT_KEY_UP, 64, "\033[A"},
        /* kitty protocol */
        {"\033[?1h\033[>1u", VT_KEY_UP, 0, "\033[A"},
        {"\033[>1u", VT_KEY_F1, 0, "\033[P"},
        {"\033[>1u", VT_KEY_F1 + 2, 0, "\033[13~"},
        {"\033[>1u", VT_KEY_F1 + 2, VT_MOD_CTRL, "\033[13;5~"},
        /* no such key */
        {"", 0, 0, ""},
        {"", VT_KEY_PAGE_DOWN + 1, 0, ""},
        {"", VT_KEY_F1 + 12, 0, ""},
        {"", -1, 0, ""},
};

static void test_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct term *term = term_new(20, 4);
        char bytes[32];

        term_feed(term, keys[i].modes);
        size_t n = vt_encode_key(term->vt, keys[i].key, keys[i].mods, bytes);
        assert_int_equal(n, strlen(keys[i].bytes));
        assert_memory_equal(bytes, keys[i].bytes, n);
        term_free(term);
    }
}

static const struct {
    const char *modes;
    uint32_t cp;
    int mods;
    const char *bytes;
} chars[] = {
        {"", 'a', 0, "a"},
        {"", 'A', VT_MOD_SHIFT, "A"},
        {"", 0xe9, 0, "\303\251"},
        {"", 'a', VT_MOD_CTRL, "\001"},
        {"", 'A', VT_MOD_CTRL | VT_MOD_SHIFT, "\001"},
        {"", 'z', VT_MOD_ALT, "\033z"},
        {"", 'a', VT_MOD_ALT | VT_MOD_CTRL, "\033\001"},
        {"", '\\', VT_MOD_CTRL, "\034"},
        {"", '4', VT_MOD_CTRL, "\034"},
        {"", '^', VT_MOD_CTRL, "\036"},
        {"", '6', VT_MOD_CTRL, "\036"},
        {"", '/', VT_MOD_CTRL, "\037"},
        {"", '?', VT_MOD_CTRL, "\177"},
        {"", '1', VT_MOD_CTRL, "1"},
        {"", '\t', 0, "\t"},
        {"", '\t', VT_MOD_SHIFT, "\033[Z"},
        {"", '\r', 0, "\r"},
        {"", '\r', VT_MOD_SHIFT, "\r"},
        {"", '\r', VT_MOD_ALT, "\033\r"},
        {"", 27, 0, "\033"},
        {"", 27, VT_MOD_ALT, "\033\033"},
        {"", 127, 0, "\177"},
        {"", 127, VT_MOD_CTRL, "\b"},
        {"", 127, VT_MOD_ALT, "\033\177"},
        {"\033[>1u", 'a', 0, "a"},
        {"\033[>1u", 'A', VT_MOD_SHIFT, "A"},
        {"\033[>1u", 0xe9, 0, "\303\251"},
        {"\033[>1u", 'a', VT_MOD_CTRL, "\033[97;5u"},
        {"\033[>1u", 'A', VT_MOD_CTRL | VT_MOD_SHIFT, "\033[97;6u"},
        {"\033[>1u", 'z', VT_MOD_ALT, "\033[122;3u"},
        {"\033[>1u", 'Z', VT_MOD_ALT, "\033[122;4u"},
        {"\033[>1u", '\\', VT_MOD_CTRL, "\033[92;5u"},
        {"\033[>1u", ' ', VT_MOD_CTRL, "\033[32;5u"},
        {"\033[>1u", '\t', 0, "\t"},
        {"\033[>1u", '\t', VT_MOD_SHIFT, "\033[9;2u"},
        {"\033[>1u", '\r', 0, "\r"},
        {"\033[>1u", '\r', VT_MOD_SHIFT, "\033[13;2u"},
        {"\033[>1u", '\r', VT_MOD_CTRL, "\033[13;5u"},
        {"\033[>1u", 27, 0, "\033[27u"},
        {"\033[>1u", 127, 0, "\177"},
        {"\033[>1u", 127, VT_MOD_ALT, "\033[127;3u"},
        {"\033[>1u", 0x439, VT_MOD_CTRL, "\033[1081;5u"},
        {"\033[>2u", 'a', VT_MOD_CTRL, "\001"},
        {"\033[>2u", 27, 0, "\033"},
        {"\033[>5u", 'A', VT_MOD_ALT | VT_MOD_SHIFT, "\033[97:65;4u"},
        {"\033[>8u", 'a', 0, "\033[97u"},
        {"\033[>8u", 'A', VT_MOD_SHIFT, "\033[97;2u"},
        {"\033[>8u", '\r', 0, "\033[13u"},
        {"\033[>8u", 127, 0, "\033[127u"},
        {"\033[>24u", 'a', 0, "\033[97;;97u"},
        {"\033[>28u", 'A', VT_MOD_SHIFT, "\033[97:65;2;65u"},
        {"\033[>24u", 'a', VT_MOD_CTRL, "\033[97;5u"},
        {"\033[>1u\033[<u", 'a', VT_MOD_CTRL, "\001"},
        {"\033[=1;1u\033[?1049h", 'a', VT_MOD_CTRL, "\001"},
        {"\033[>4;1m", 'a', VT_MOD_CTRL, "\001"},
        {"\033[>4;1m", 'A', VT_MOD_CTRL | VT_MOD_SHIFT, "\033[27;6;65~"},
        {"\033[>4;1m", '\r', VT_MOD_SHIFT, "\033[27;2;13~"},
        {"\033[>4;1m", '\r', VT_MOD_ALT, "\033\r"},
        {"\033[>4;1m", '1', VT_MOD_CTRL, "\033[27;5;49~"},
        {"\033[>4;1m", 'a', VT_MOD_ALT, "\033a"},
        {"\033[>4;1m", '\t', VT_MOD_SHIFT, "\033[Z"},
        {"\033[>4;1m", '\t', VT_MOD_CTRL, "\033[27;5;9~"},
        {"\033[>4;1m", 127, VT_MOD_CTRL, "\b"},
        {"\033[>4;1m", 'A', VT_MOD_SHIFT, "A"},
        {"\033[>4;2m", 'a', VT_MOD_CTRL, "\033[27;5;97~"},
        {"\033[>4;2m", 'a', VT_MOD_ALT, "\033[27;3;97~"},
        {"\033[>4;2m", 'A', VT_MOD_SHIFT, "A"},
        {"\033[>4;2m", '\r', 0, "\r"},
        {"\033[>4;2m", '\t', VT_MOD_SHIFT, "\033[Z"},
        {"\033[>4;2m\033[>4m", 'a', VT_MOD_CTRL, "\001"},
        {"\033[>4;2m\033[>4n", 'a', VT_MOD_CTRL, "\001"},
        {"\033[>4;2m\033[>m", 'a', VT_MOD_CTRL, "\001"},
        {"\033[>4;2m\033[>1u", 'a', VT_MOD_CTRL, "\033[97;5u"},
        {"\033[>1;2m", 'a', VT_MOD_CTRL, "\001"},
        {"", 0x110000, 0, ""},
        {"\033[>1u", 0xd800, 0, ""},
};

static void test_characters_with_modifiers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(chars) / sizeof(chars[0]); i++) {
        struct term *term = term_new(20, 4);
        char bytes[32];

        term_feed(term, chars[i].modes);
        size_t n = vt_encode_char(term->vt, chars[i].cp, chars[i].mods, bytes);
        if (n != strlen(chars[i].bytes) || memcmp(bytes, chars[i].bytes, n) != 0)
            fail_msg("row %zu: '%.*s', not '%s'", i, (int)n, bytes, chars[i].bytes);
        term_free(term);
    }
}

static const struct {
    const char *modes;
    struct vt_mouse mouse;
    const char *bytes;
} mice[] = {
        {"", {0, false, 0, 0}, ""},
        {"\033[?1000h", {0, false, 0, 0}, "\033[M !!"},
        {"\033[?1000h", {0, true, 2, 1}, "\033[M#\"#"},
        {"\033[?1000h", {2 | VT_MOUSE_CTRL, true, 0, 0}, "\033[M3!!"},
        {"\033[?1000h", {VT_MOUSE_WHEEL, false, 3, 9}, "\033[M`*$"},
        {"\033[?1000;1006h", {0, false, 3, 9}, "\033[<0;10;4M"},
        {"\033[?1000;1006h", {0, true, 3, 9}, "\033[<0;10;4m"},
        {"\033[?1000;1006h", {65 | VT_MOUSE_SHIFT, false, 0, 0}, "\033[<69;1;1M"},
        /* motion: with a button from 1002 on, without one in 1003 only */
        {"\033[?1000;1006h", {VT_MOUSE_MOTION, false, 0, 0}, ""},
        {"\033[?1002;1006h", {VT_MOUSE_MOTION, false, 0, 0}, "\033[<32;1;1M"},
        {"\033[?1002;1006h", {VT_MOUSE_MOTION | VT_MOUSE_NONE, false, 0, 0}, ""},
        {"\033[?1003;1006h", {VT_MOUSE_MOTION | VT_MOUSE_NONE, false, 0, 0}, "\033[<35;1;1M"},
        {"\033[?1003;1006h\033[?1003l", {0, false, 0, 0}, ""},
        /* outside, and beyond what a byte can say */
        {"\033[?1000;1006h", {0, false, 10, 0}, ""},
        {"\033[?1000;1006h", {0, false, 0, 300}, ""},
        {"\033[?1000;1006h", {0, false, -1, 0}, ""},
        {"\033[?1000h", {0, false, 0, 222}, "\033[M \377!"},
        {"\033[?1000h", {0, false, 0, 223}, ""},
};

static void test_mouse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mice) / sizeof(mice[0]); i++) {
        struct term *term = term_new(300, 10);
        char bytes[32];

        term_feed(term, mice[i].modes);
        size_t n = vt_encode_mouse(term->vt, &mice[i].mouse, bytes);
        assert_int_equal(n, strlen(mice[i].bytes));
        assert_memory_equal(bytes, mice[i].bytes, n);
        term_free(term);
    }
}

static const struct {
    const char *name, *shown;
    int byte, key;
} chords[] = {
        {"C-\\", "C-\\", 0x1c, 0},
        {"C-^", "C-^", 0x1e, 0},
        {"C-B", "C-b", 2, 0},
        {"c-a", "C-a", 1, 0},
        {"C-Space", "C-Space", 0, 0},
        {"F12", "F12", -1, VT_KEY_F1 + 11},
        {"f1", "F1", -1, VT_KEY_F1},
        {"C-c", NULL, 0, 0},
        {"C-D", NULL, 0, 0},
        {"C-z", NULL, 0, 0},
        {"C-h", NULL, 0, 0},
        {"C-i", NULL, 0, 0},
        {"C-j", NULL, 0, 0},
        {"C-m", NULL, 0, 0},
        {"C-[", NULL, 0, 0},
        {"a", NULL, 0, 0},
        {"Enter", NULL, 0, 0},
        {"Tab", NULL, 0, 0},
        {"Esc", NULL, 0, 0},
        {"F13", NULL, 0, 0},
        {"F0", NULL, 0, 0},
        {"C-", NULL, 0, 0},
        {"C-1", NULL, 0, 0},
        {"C-bb", NULL, 0, 0},
        {"M-x", NULL, 0, 0},
        {"", NULL, 0, 0},
};

static void test_names_of_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(chords) / sizeof(chords[0]); i++) {
        struct chord chord;
        struct err err;
        int rc = chord_parse(chords[i].name, &chord, &err);

        assert_int_equal(rc == 0, chords[i].shown != NULL);
        if (rc < 0)
            continue;
        assert_string_equal(chord.name, chords[i].shown);
        assert_int_equal(chord.byte, chords[i].byte);
        assert_int_equal(chord.key, chords[i].key);
    }
}

static const struct {
    const char *in, *plain;
} pastes[] = {
        {"", ""},
        {"hello", "hello"},
        {"a\nb\r\nc\rd", "a\rb\rc\rd"},
        {"tab\there", "tab\there"},
        {"\xe4\xb8\xad\xf0\x9f\x98\x80", "\xe4\xb8\xad\xf0\x9f\x98\x80"},
        {"a\033[201~b", "ab"},
        {"a\033[2\033[201~01~b", "ab"},
        {"\033[201~\033[201~rm\n", "rm\r"},
        {"\033[20\033[20\033[201~1~1~x", "x"},
        {"\033[31mred\003\177\001", "[31mred"},
        {"ends with escape\033", "ends with escape"},
};

static void test_pastes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pastes) / sizeof(pastes[0]); i++) {
        for (int bracketed = 0; bracketed < 2; bracketed++) {
            struct term *term = term_new(20, 4);
            struct buf expected = BUF_INIT;
            struct buf bytes = BUF_INIT;

            buf_puts(&bytes, "before");
            buf_printf(&expected, bracketed ? "before\033[200~%s\033[201~" : "before%s",
                    pastes[i].plain);
            term_feed(term, bracketed ? "\033[?2004h" : "");
            vt_encode_paste(term->vt, str_of(pastes[i].in), &bytes);
            assert_int_equal(buf_len(&bytes), buf_len(&expected));
            assert_memory_equal(buf_data(&bytes), buf_data(&expected), buf_len(&expected));
            buf_release(&bytes);
            buf_release(&expected);
            term_free(term);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_keys),
            cmocka_unit_test(test_characters_with_modifiers),
            cmocka_unit_test(test_mouse),
            cmocka_unit_test(test_names_of_prefixes),
            cmocka_unit_test(test_pastes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
