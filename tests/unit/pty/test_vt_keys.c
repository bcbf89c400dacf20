/*
 * test_vt_keys.c - the bytes a key or a paste is for the agent.
 */
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
            cmocka_unit_test(test_pastes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
