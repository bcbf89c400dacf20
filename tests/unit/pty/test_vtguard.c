/*
 * test_vtguard.c - what the filter lets through to libvterm, and in which pieces.
 */
#include "pty/vtguard.h"

#include "base/limits.h"
#include "unit/pty/term.h"

/* What the guard handed on, as text: plain bytes as they are (ESC as ^), {CSI}, (ESC), +mark.
 */
struct log {
    struct vtguard guard;
    struct buf text;
    bool expect_whole; /* each plain piece must be complete items */
};

static void expect_whole_items(const char *p, size_t n)
{
    struct str rest = {p, n};

    assert_true(n <= VTGUARD_SLICE);
    while (rest.n) {
        uint32_t cp = 0;
        int len = utf8_decode(rest.p, rest.n, &cp);

        assert_true(len > 0);
        if (cp == 0x1b) {
            assert_true(rest.n >= 2);
            len = 2;
            if (rest.p[1] == '[') {
                while ((size_t)len < rest.n && (rest.p[len] < 0x40 || rest.p[len] > 0x7e))
                    len++;
                assert_true((size_t)len < rest.n);
                len++;
            }
        } else {
            assert_true((cp >= 0x07 && cp <= 0x0d) || (cp >= 0x20 && cp < 0x7f) || cp >= 0xa0);
        }
        rest.p += len;
        rest.n -= (size_t)len;
    }
}

static void on_plain(void *ctx, const char *p, size_t n)
{
    struct log *log = ctx;

    if (log->expect_whole)
        expect_whole_items(p, n);
    for (size_t i = 0; i < n; i++)
        buf_putc(&log->text, p[i] == 0x1b ? '^' : p[i]);
}

static void on_mark(void *ctx, uint32_t cp)
{
    buf_printf(&((struct log *)ctx)->text, "+%x", cp);
}

/* Cursor right and erase pass, as they do in the emulator's list. */
static bool is_plain_csi(void *ctx, const struct vtguard_csi *csi)
{
    (void)ctx;
    return !csi->leader && !csi->inter && !csi->sub && csi->count <= 2 &&
           (csi->final == 'C' || csi->final == 'X');
}

static void on_csi(void *ctx, const struct vtguard_csi *csi)
{
    char text[VTGUARD_PARAMS * 5 + 8];
    size_t n = vtguard_csi_text(csi, text);

    buf_printf(&((struct log *)ctx)->text, "{%.*s}", (int)n - 2, text + 2);
}

static bool is_plain_esc(void *ctx, char inter, char final)
{
    (void)ctx;
    return inter == 0 && final == 'D';
}

static void on_esc(void *ctx, char inter, char final)
{
    if (inter)
        buf_printf(&((struct log *)ctx)->text, "(%c%c)", inter, final);
    else
        buf_printf(&((struct log *)ctx)->text, "(%c)", final);
}

static void on_shift(void *ctx, int set)
{
    buf_printf(&((struct log *)ctx)->text, "<G%d>", set);
}

static void on_osc(void *ctx, struct str body, bool ended_by_bell)
{
    buf_printf(&((struct log *)ctx)->text, "[%.*s%s]", STR_ARG(body), ended_by_bell ? "!" : "");
}

static void on_dcs(void *ctx, struct str body)
{
    buf_printf(&((struct log *)ctx)->text, "[P%.*s]", STR_ARG(body));
}

static const struct vtguard_ops ops = {on_plain, on_mark, is_plain_csi, on_csi, is_plain_esc,
        on_esc, on_shift, on_osc, on_dcs, NULL};

static void log_begin(struct log *log)
{
    *log = (struct log){.expect_whole = true};
    vtguard_init(&log->guard, &ops, log);
}

static void log_end(struct log *log)
{
    vtguard_release(&log->guard);
    buf_release(&log->text);
}

static const char *log_text(struct log *log)
{
    buf_putc(&log->text, '\0');
    return buf_data(&log->text);
}

static const struct {
    const char *in, *out;
} items[] = {
        {"plain text\r\n", "plain text\r\n"},
        {"h\xc3\xa9llo \xe4\xb8\xad \xf0\x9f\x98\x80",
                "h\xc3\xa9llo \xe4\xb8\xad \xf0\x9f\x98\x80"},
        /* bad UTF-8: lone tail, lone lead, cut lead, overlong, surrogate, above U+10FFFF, C1 */
        {"a\x80z", "a\xef\xbf\xbdz"},
        {"f\xd3.", "f\xef\xbf\xbd."},
        {"\xe4\xb8z", "\xef\xbf\xbd\xef\xbf\xbdz"},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xf5.", "\xef\xbf\xbd."},
        {"\xc2\x9b"
         "31m",
                "\xef\xbf\xbd"
                "31m"},
        {"\xf0\x9f\x98\033[m", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd{m}"},
        /* marks go to the character before, formats go away */
        {"e\xcc\x81z", "e+301z"},
        {"\xcc\x81z", "z"},
        {"a\n\xcc\x81z", "a\nz"},
        {"a\033[1m\xcc\x81", "a{1m}+301"},
        {"a\xe2\x80\xaez\xef\xbb\xbf", "az"},
        /* controls */
        {"b\177c\005d", "bcd"},
        {"\a\b\t\n\v\f\r", "\a\b\t\n\v\f\r"},
        {"\016\017", "<G1><G0>"},
        /* sequences: untouched, parsed, clamped, cut off, malformed */
        {"a\033[5Cb\033Dc", "a^[5Cb^Dc"},
        {"\033[?25h\033[;m\033[38:2::1:2:3m", "{?25h}{;m}{38:2::1:2:3m}"},
        {"a\033[99999999999Cb", "a^[9999Cb"},
        {"\033[99999999999H", "{9999H}"},
        {"\033[1;2;3C", "{1;2;3C}"},
        {"\033[31\033[32mx", "{32m}x"},
        {"\033[31\030x\033[31\032y", "xy"},
        {"\033[3\r1mx", "\r{31m}x"},
        {"\033[3\n1Cx", "\n^[31Cx"},
        {"\033[1 qx\033[!p", "{1 q}x{!p}"},
        {"\033[1 2qx", "x"},
        {"\033[1?hx\033[??hy", "xy"},
        {"\033[1\xe4\xb8\xadx", "\xe4\xb8\xadx"},
        {"\033\xe4\xb8\xadx", "\xe4\xb8\xadx"},
        {"\033(0\033#8\0337\033%G", "((0)(#8)(7)(%G)"},
        {"\033(#0x", "x"},
        /* strings */
        {"a\033]0;t\ab", "a[0;t!]b"},
        {"a\033]0;t\033\\b", "a[0;t]b"},
        {"\033]0;cut\033[31mx", "{31m}x"},
        {"\033]0;cut\030x", "x"},
        {"a\033Psixel\ardata\033\\b", "a[Psixelrdata]b"},
        {"a\033P0123456789012345678901234567890123456789012345678901234567890123+\033\\b",
                "ab"},
        {"a\033P$qm\030b", "ab"},
        {"a\033_apc\033\\b\033^pm\033\\c\033Xsos\r\n\033\\d", "abcd"},
};

static void test_items_pass_are_parsed_or_vanish(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct log log;

        log_begin(&log);
        vtguard_write(&log.guard, str_of(items[i].in));
        assert_string_equal(log_text(&log), items[i].out);
        log_end(&log);
    }
}

static void test_split_anywhere_gives_the_same_items(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        for (size_t cut = 0; cut <= strlen(items[i].in); cut++) {
            struct str in = str_of(items[i].in);
            struct log log;

            log_begin(&log);
            vtguard_write(&log.guard, (struct str){in.p, cut});
            vtguard_write(&log.guard, (struct str){in.p + cut, in.n - cut});
            assert_string_equal(log_text(&log), items[i].out);
            log_end(&log);
        }
    }
}

static void test_libvterm_sees_only_whole_items_in_random_streams(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 300; round++) {
        struct buf in = BUF_INIT;
        struct log whole, split;

        for (int i = 0; i < 60; i++)
            term_random_item(&in, &seed);
        log_begin(&whole);
        log_begin(&split);
        vtguard_write(&whole.guard, buf_str(&in));
        for (size_t at = 0; at < buf_len(&in);) {
            size_t n = 1 + term_random(&seed) % 5;

            n = n < buf_len(&in) - at ? n : buf_len(&in) - at;
            vtguard_write(&split.guard, (struct str){buf_data(&in) + at, n});
            at += n;
        }
        assert_string_equal(log_text(&whole), log_text(&split));
        log_end(&whole);
        log_end(&split);
        buf_release(&in);
    }
}

static void test_a_sequence_longer_than_any_real_one_is_dropped(void **state)
{
    struct buf in = BUF_INIT;
    struct log log;

    (void)state;
    buf_puts(&in, "a\033[1");
    for (int i = 0; i < 60; i++)
        buf_puts(&in, ";1");
    buf_puts(&in, "mb\033[0");
    for (int i = 0; i < 300; i++)
        buf_puts(&in, "0");
    buf_puts(&in, "mc");
    log_begin(&log);
    vtguard_write(&log.guard, buf_str(&in));
    assert_string_equal(log_text(&log), "abc");
    log_end(&log);
    buf_release(&in);
}

static void expect_osc(const char *prefix, size_t body, bool expect_it)
{
    struct buf in = BUF_INIT;
    struct log log;

    buf_puts(&in, "a\033]");
    buf_puts(&in, prefix);
    for (size_t i = 0; i < body; i++)
        buf_putc(&in, 'x');
    buf_puts(&in, "\ab");
    log_begin(&log);
    vtguard_write(&log.guard, buf_str(&in));
    assert_int_equal(buf_len(&log.text), expect_it ? strlen(prefix) + body + 5 : 2);
    log_end(&log);
    buf_release(&in);
}

static void test_a_string_over_its_limit_is_swallowed_whole(void **state)
{
    (void)state;
    expect_osc("0;", 100, true);
    expect_osc("0;", LIMIT_VT_STRING - 2, true);
    expect_osc("0;", LIMIT_VT_STRING - 1, false);
    expect_osc("52;c;", LIMIT_VT_STRING, true);
    expect_osc("52;c;", LIMIT_VT_CLIPBOARD - 5, true);
    expect_osc("52;c;", LIMIT_VT_CLIPBOARD - 4, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_items_pass_are_parsed_or_vanish),
            cmocka_unit_test(test_split_anywhere_gives_the_same_items),
            cmocka_unit_test(test_libvterm_sees_only_whole_items_in_random_streams),
            cmocka_unit_test(test_a_sequence_longer_than_any_real_one_is_dropped),
            cmocka_unit_test(test_a_string_over_its_limit_is_swallowed_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
