/*
 * test_vt.c - the emulator: what is on the screen after a stream of bytes.
 */
#include "pty/vt.h"

#include <time.h>

#include "base/limits.h"
#include "pty/vt_internal.h"
#include "unit/pty/term.h"

/* --- crashes of libvterm ----------------------------------------------------------------- */

static void test_streams_that_kill_libvterm_do_no_harm(void **state)
{
    /* `then` comes after a resize to 5 rows and 20 columns. */
    static const struct {
        const char *first, *then;
    } triggers[] = {
            {"\033[b", ""},                /* REP before any glyph: endless loop */
            {" \xe4\xb8\xad\033[73b", ""}, /* REP of a wide glyph at an odd column */
            {"\033[1;20H\xe4\xb8\xad\033[9999b", "\033[b"}, /* ... and at the end of the line */
            {"f\xd3", "."},                                 /* split character after ASCII */
            {"\033[24H\0337", "\0338text\t\033H\033#6"},    /* saved cursor below the screen */
            {"\033[24H\0337\033[?1049h", "\033[?1049l\0338text"},
            {"\033[7;20r", "\033D\033M\033[5S"}, /* margins below the screen */
            {"\033[20H\033#6\033[21H\033#3", "\033[5Htext\033[80C"}, /* double width lines */
            {"\033[?69h\033[10;30s", "\033[20C\033[3@\033[3P\033[3L"},
            {"\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20;21;22;23;24m\033[38m\033["
             "38;2m",
                    "x"},
            {"\033[1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18;19;20H", "x"},
            {"\033[99999999999999999999H\033[99999999999999999999@", "x"},
            {"\033]0;half", "rest\a"},
            {"\033Pq#0~~", "~~\033\\x"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++) {
        struct term *term = term_new(80, 24);

        term_feed(term, triggers[i].first);
        term_expect_sound(term);
        vt_resize(term->vt, 20, 5);
        term_feed(term, triggers[i].then);
        term_expect_sound(term);
        vt_resize(term->vt, 1, 1); /* becomes 2x1: a wide glyph on one column is fatal */
        term_feed(term, "\xe4\xb8\xad\xe4\xb8\xad\033[b");
        term_expect_sound(term);
        term_free(term);
    }
}

/* --- splitting and the fast lane --------------------------------------------------------- */

static const char *const corpus[] = {
        "plain text\r\nsecond line\r\n",
        "\033[1;31mred\033[0m \033[38;5;200mpink\033[48;2;1;2;3mback\033[49m\r\n",
        "0123456789012345678901234567890123456789wrapped text that goes on and on",
        "\xe4\xb8\xad\xe6\x96\x87 e\xcc\x81 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb "
        "\xe2\x94\x80\xe2\x94\x82",
        "123456789012345678901234567890123456789e\xcc\x81\xcc\x88",
        "12345678901234567890123456789012345678\xe4\xb8\xad\xe4\xb8\xad\xcc\x81",
        "\033[5;10Hhere\033[2Kthere\033[1A\033[3D*\033[Kup\r\n\n\n\n\n\n\n\n\n\nlow",
        "\033[3;6r\033[6;1Ha\r\nb\r\nc\r\nd\033[r\033[Hend",
        "\033[?1049halt\033[5;5Hscreen\033[?1049lback",
        "\0337\033[31msaved\0338restored\033[s\033[9;9Hx\033[uy",
        "\033[?2026h\033[6A\033[2Kframe\r\n\033[?2026l",
        "\033]0;a title\a\033]52;c;aGVsbG8=\033\\\033]8;;http://x\alink\033]8;;\a",
        "\033[c\033[6n\033[?2026$p\033[>q\033]11;?\a\033[?u\033[18t\033[>5u\033[?u\033[<u",
        "\033(0lqqk\033(B\016x\017\033)0\016x\017",
        "\t\ttabs\033[Z\033[I.\033[3g\033[5G\033H\r\t.\b\b-",
        "\033[4hinsert\033[1Gmode\033[4l\033[20hnew\nline\033[20l",
        "abc\033[3b\033[2D\033[@X\033[P\033[2X\033[L\033[M\033[2S\033[T",
        "bad \xff\xc0\x80 \xed\xa0\x80 \xf0\x9f utf8 \xe4\xb8",
        "\033[?6h\033[2;5r\033[1;1Horigin\033[?6l\033[r\033#8\033[2J\033[3J",
        "\033Pdcs\033\\\033_apc\033\\\033^pm\033\\\033X sos\033\\visible",
        "\033[?25l\033[4 q\033[?1;1000;1006h\033[?7lno wrap no wrap no wrap no wrap no wrap no "
        "wrap\033[?7h",
        "\033[!p\033c\033[31",
};

#define CORPUS (sizeof(corpus) / sizeof(corpus[0]))

static void test_bytes_one_by_one_give_the_same_screen(void **state)
{
    (void)state;
    for (size_t i = 0; i < CORPUS; i++) {
        struct term *whole = term_new(40, 12);
        struct term *split = term_new(40, 12);

        term_feed(whole, corpus[i]);
        term_feed_bytewise(split, str_of(corpus[i]));
        term_expect_sound(whole);
        term_expect_equal(whole, split);
        term_free(whole);
        term_free(split);
    }
}

static void test_a_split_at_each_byte_gives_the_same_screen(void **state)
{
    struct buf all = BUF_INIT;
    struct term *whole = term_new(40, 12);

    (void)state;
    for (size_t i = 0; i < CORPUS; i++)
        buf_puts(&all, corpus[i]);
    vt_feed(whole->vt, buf_str(&all));
    for (size_t cut = 0; cut <= buf_len(&all); cut++) {
        struct term *split = term_new(40, 12);

        vt_feed(split->vt, (struct str){buf_data(&all), cut});
        vt_feed(split->vt, (struct str){buf_data(&all) + cut, buf_len(&all) - cut});
        term_expect_equal(whole, split);
        term_free(split);
    }
    term_free(whole);
    buf_release(&all);
}

static void test_the_fast_lane_changes_nothing(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 400; round++) {
        struct buf in = BUF_INIT;
        struct term *fast = term_new(40, 12);
        struct term *slow = term_new(40, 12);

        slow->vt->fast.is_off = true;
        for (int i = 0; i < 80; i++)
            term_random_item(&in, &seed);
        vt_feed(fast->vt, buf_str(&in));
        vt_feed(slow->vt, buf_str(&in));
        term_expect_equal(fast, slow);
        term_free(fast);
        term_free(slow);
        buf_release(&in);
    }
}

/* Sizes and streams at random for three seconds; the sanitizers watch. */
static void test_random_streams_and_resizes_keep_the_screen_sound(void **state)
{
    uint64_t seed = 11;
    time_t end = time(NULL) + 3;
    unsigned rounds = 0;

    (void)state;
    while (time(NULL) < end || rounds < 20) {
        struct term *term =
                term_new(1 + (int)(term_random(&seed) % 100), (int)(term_random(&seed) % 40));
        struct buf in = BUF_INIT;

        for (int step = 0; step < 40; step++) {
            buf_clear(&in);
            for (int i = 0; i < 20; i++)
                term_random_item(&in, &seed);
            vt_feed(term->vt, buf_str(&in));
            if (term_random(&seed) % 3 == 0)
                vt_resize(term->vt, (int)(term_random(&seed) % 120),
                        (int)(term_random(&seed) % 50));
            if (term_random(&seed) % 16 == 0)
                vt_dirty_clear(term->vt);
            term_expect_sound(term);
        }
        buf_release(&in);
        term_free(term);
        rounds++;
    }
}

/* --- screens ------------------------------------------------------------------------------ */

#define ZWJ "\xe2\x80\x8d"
#define EMOJI_STYLE "\xef\xb8\x8f"
#define HEART_TEXT "\xe2\x9d\xa4"
#define HEART HEART_TEXT EMOJI_STYLE
#define MAN "\xf0\x9f\x91\xa8"
#define WOMAN "\xf0\x9f\x91\xa9"
#define GIRL "\xf0\x9f\x91\xa7"
#define THUMB "\xf0\x9f\x91\x8d"
#define DARK "\xf0\x9f\x8f\xbf"
#define LETTER_D "\xf0\x9f\x87\xa9"
#define LETTER_E "\xf0\x9f\x87\xaa"
#define FAMILY MAN ZWJ WOMAN ZWJ GIRL
#define RAINBOW "\xf0\x9f\x8f\xb3" EMOJI_STYLE ZWJ "\xf0\x9f\x8c\x88"

static const struct {
    const char *in, *screen;
    int row, col; /* cursor */
} screens[] = {
        {"hello\r\nworld", "hello|world", 1, 5},
        {"1234567890abc", "1234567890|abc", 1, 3},
        {"1234567890", "1234567890", 0, 9},
        {"1234567890\rx", "x234567890", 0, 1},
        {"\033[3;4Hx\033[Ay\033[2Dz", "|   zy|   x", 1, 4},
        {"a\nb\nc\nd\ne", " b|  c|   d|    e", 3, 5},
        {"abc\033[2;2r\r\n\n\n\nd", "|||d", 3, 1},
        /* erasing */
        {"abcdef\033[3D\033[K", "abc", 0, 3},
        {"abcdef\033[3D\033[1K", "    ef", 0, 3},
        {"a\r\nb\r\nc\033[2;1H\033[J", "a", 1, 0},
        {"a\r\nb\r\nc\033[2;1H\033[1J", "||c", 1, 0},
        {"abcdef\033[4D\033[2X", "ab  ef", 0, 2},
        /* inserting and deleting, in and out of a scroll region */
        {"abcdef\033[4D\033[2@", "ab  cdef", 0, 2},
        {"abcdef\033[4D\033[2P", "abef", 0, 2},
        {"\033[2;3rabcdef\033[1;3H\033[2P", "abef", 0, 2},
        {"\033[4habc\033[1Gx\033[4l", "xabc", 0, 1},
        {"a\r\nb\r\nc\033[2H\033[L", "a||b|c", 1, 0},
        {"a\r\nb\r\nc\033[1H\033[M", "b|c", 0, 0},
        /* regions */
        {"a\r\nb\r\nc\r\nd\033[2;3r\033[3H\n", "a|c||d", 2, 0},
        {"a\r\nb\r\nc\r\nd\033[2;3r\033[2H\033M", "a||b|d", 1, 0},
        {"a\r\nb\r\nc\r\nd\033[S", "b|c|d", 3, 1},
        {"a\r\nb\r\nc\r\nd\033[T", "|a|b|c", 3, 1},
        {"\033[2;3r\033[3H\033[9Ax", "|x", 1, 1},
        {"\033[2;3r\033[2H\033[9Bx", "||x", 2, 1},
        {"\033[2;3r\033[?6h\033[1;1Hx", "|x", 1, 1},
        {"\033[3;2rx", "x", 0, 1},
        /* rectangles */
        {"abcd\r\nefgh\r\nijkl\033[2;2;3;3$z", "abcd|e  h|i  l", 2, 4},
        {"abcd\r\nefgh\033[88;1;2;2;3$xi", "aXXd|eXXhi", 1, 5},
        {"abcd\r\nefgh\r\nijkl\033[1;2;2;3;1;2;3;1$v", "abcd|efbc|ijfg", 2, 4},
        {"a\xe4\xb8\xad"
         "e\xcc\x81x\r\n\033[1;1;1;4;1;2;2$v",
                "a\xe4\xb8\xad"
                "e\xcc\x81x| a\xe4\xb8\xad"
                "e\xcc\x81",
                1, 0},
        {"a\xe4\xb8\xad"
         "b\r\n\033[1;1;1;2;1;2;1$v",
                "a\xe4\xb8\xad"
                "b|a",
                1, 0},
        {"ab\033[1\"qcd\033[1;1;1;9${", "  cd", 0, 4},
        {"a\r\nb\r\nc\033[2;3r\033[?6h\033[46;1;1;1;1$x", "a|.|c", 1, 0},
        {"abc\033[9;9;1;1$z\033[2;1;1;1$z", "abc", 0, 3},
        {"abc\r\nd\r\0336\033[2Cx\0339y", " abc| dx y", 1, 5},
        {"a\r\nb\033[2;3r\033[?6h\033[6n", "a|b", 1, 0},
        /* repeat */
        {"a\033[3b", "aaaa", 0, 4},
        {"\xe4\xb8\xad\033[2b", "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad", 0, 6},
        {"\033[3bx", "x", 0, 1},
        /* wide characters: wrap before the edge, no orphan halves */
        {"\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xe6\x96\x87", 0, 4},
        {"123456789\xe4\xb8\xad", "123456789|\xe4\xb8\xad", 1, 2},
        {"\xe4\xb8\xad\033[1Gx", "x", 0, 1},
        {"\xe4\xb8\xad\033[2Gx", " x", 0, 2},
        {"a\xe4\xb8\xad\xe6\x96\x87\033[3G\xe5\xad\x97", "a \xe5\xad\x97", 0, 4},
        {"\xe4\xb8\xad\xe6\x96\x87\033[2G\033[K", "", 0, 1},
        {"\xe4\xb8\xad\xe6\x96\x87\033[2G\033[P", " \xe6\x96\x87", 0, 1},
        {"\xe4\xb8\xad\xe6\x96\x87\033[2G\033[@", "   \xe6\x96\x87", 0, 1},
        /* marks */
        {"e\xcc\x81x", "e\xcc\x81x", 0, 2},
        {"e\033[1m\xcc\x81", "e\xcc\x81", 0, 1},
        {"\xcc\x81x", "x", 0, 1},
        {"123456789e\xcc\x81x", "123456789e\xcc\x81|x", 1, 1},
        {"ae\xcc\x81\033[1G\033[@", " ae\xcc\x81", 0, 0},
        {"ae\xcc\x81\033[1G\033[P", "e\xcc\x81", 0, 0},
        {"e\xcc\x81\033[1Go", "o", 0, 1},
        {"a\xe2\x80\xaez", "az", 0, 2},
        /* emoji of several characters are one, two cells wide */
        {FAMILY "x", FAMILY "x", 0, 3},
        {HEART "x", HEART "x", 0, 3},
        {"1" EMOJI_STYLE "\xe2\x83\xa3x", "1" EMOJI_STYLE "\xe2\x83\xa3x", 0, 3},
        {THUMB DARK "x", THUMB DARK "x", 0, 3},
        {DARK "x", DARK "x", 0, 3},
        {"a" DARK "x", "a" DARK "x", 0, 4},
        {LETTER_D LETTER_E LETTER_D "x", LETTER_D LETTER_E LETTER_D "x", 0, 4},
        {RAINBOW "x", RAINBOW "x", 0, 3},
        {"a" EMOJI_STYLE "x", "a" EMOJI_STYLE "x", 0, 2},
        {FAMILY "\033[1Gx", "x", 0, 1},
        {THUMB "\033[m" DARK "x", THUMB DARK "x", 0, 3},
        {THUMB "\033[3G" DARK "x", THUMB DARK "x", 0, 5},
        {"12345678" HEART "x", "12345678" HEART "|x", 1, 1},
        {"123456789" HEART "x", "123456789" HEART "|x", 1, 1},
        {"a\r" HEART_TEXT "b\033[2G" EMOJI_STYLE, HEART_TEXT "b", 0, 1},
        {HEART_TEXT "\xe4\xb8\xad\033[1G" HEART, HEART, 0, 2},
        {"\033[2;3r\033[?6h" HEART "x", "|" HEART "x", 1, 3},
        {"\xf0\x9f\xab\xa0x\xf0\x9f\xa9\xb5", "\xf0\x9f\xab\xa0x\xf0\x9f\xa9\xb5", 0, 5},
        /* bad UTF-8 */
        {"f\xd3.", "f\xef\xbf\xbd.", 0, 3},
        /* saved cursor, also as CSI s and u, and without a save */
        {"ab\0337cd\r\n\n\0338x", "abxd", 0, 3},
        {"ab\033[scd\r\n\n\033[ux", "abxd", 0, 3},
        {"ab\0338x", "xb", 0, 1},
        {"\033[?25l\0337\033[?25h\0338x", "x", 0, 1},
        /* alternate screen */
        {"main\033[?1049h\033[Halt", "alt", 0, 3},
        {"main\033[?1049halt\033[?1049lx", "mainx", 0, 5},
        {"main\033[?1049h\0337\033[3;3Hz\033[?1049lx", "mainx", 0, 5},
        {"main\033[?47halt\033[?47lx", "main   x", 0, 8},
        {"\033[?1049hold\033[?1049l\033[?1049hnew", "new", 0, 3},
        /* character sets */
        {"\033(0lqk\033(Bq", "\xe2\x94\x8c\xe2\x94\x80\xe2\x94\x90q", 0, 4},
        {"\033(0\xc3\xa9q", "\xc3\xa9\xe2\x94\x80", 0, 2},
        {"\033)0\016q\017q", "\xe2\x94\x80q", 0, 2},
        /* tabs */
        {"\tx", "        x", 0, 9},
        {"\033[3g\033[4G\033H\r\tx", "   x", 0, 4},
        {"\033[4G\033H\033[9G\033[g\r\tx\ty", "   x     y", 0, 9},
        /* resets */
        {"\033[2;3r\033[4habc\033[!p\033[1Gx", "xbc", 0, 1},
        {"abc\033[31m\033cx", "x", 0, 1},
        {"\033#8", "EEEEEEEEEE|EEEEEEEEEE|EEEEEEEEEE|EEEEEEEEEE", 0, 0},
        /* nothing of these is shown */
        {"a\033Pq#1\033\\b\033_G\033\\c\033^p\033\\d\033Xs\033\\e", "abcde", 0, 5},
        {"\033]8;;http://x\033\\link\033]8;;\033\\", "link", 0, 4},
        {"\033]777;notify;a;b\a\033]9;x\a\033]133;A\a\033]1337;File=x\ax", "x", 0, 1},
        {"\033[>4;2mx\033[>1ux\033[?69hx\033#6x\033#3x", "xxxxx", 0, 5},
};

static void test_screens(void **state)
{
    unsigned wrong = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(screens) / sizeof(screens[0]); i++) {
        struct term *term = term_new(10, 4);

        term_feed(term, screens[i].in);
        struct vt_cursor cursor = vt_cursor(term->vt);
        if (strcmp(term_screen(term), screens[i].screen) != 0 || cursor.row != screens[i].row ||
                cursor.col != screens[i].col) {
            print_error("case %zu: '%s' %d,%d, not '%s' %d,%d\n", i, term_screen(term),
                    cursor.row, cursor.col, screens[i].screen, screens[i].row, screens[i].col);
            wrong++;
        }
        term_expect_sound(term);
        term_free(term);
    }
    assert_int_equal(wrong, 0);
}

static void test_each_character_takes_the_cells_it_says(void **state)
{
    struct term *term = term_new(20, 2);

    (void)state;
    for (uint32_t cp = 0xa0; cp < 0x20000; cp++) {
        char text[16] = "\033[2J\033[Hab";
        size_t n = strlen(text);

        if (cp >= 0xd800 && cp < 0xe000)
            continue;
        n += utf8_encode(cp, text + n);
        vt_feed(term->vt, (struct str){text, n});

        /* Either it has a cell and the cursor moved, or it went to the cell before. */
        const struct vt_cell *cells = vt_row(term->vt, 0);
        int width = vt_cursor(term->vt).col - 2;
        assert_in_range(width, 0, 2);
        assert_int_equal(cells[1].cp, 'b');
        if (width)
            assert_int_equal(cells[2].width, width);
        else
            assert_int_equal(cells[2].cp, 0);
        assert_true(cells[1].extra <= (width == 0));
    }
    term_free(term);
}

static void test_marks_of_a_cell_are_bounded(void **state)
{
    struct term *term = term_new(10, 2);
    uint32_t extra[VT_CELL_CHARS - 1];

    (void)state;
    term_feed(term, "a");
    for (int i = 0; i < 100000; i++)
        term_feed(term, "\xcc\x81");
    assert_int_equal(vt_cell_extra(term->vt, 0, 0, extra), 4);
    assert_int_equal(extra[3], 0x301);
    assert_int_equal(vt_cursor(term->vt).col, 1);
    term_free(term);
}

/* --- colours and attributes ----------------------------------------------------------------
 */

static const struct {
    const char *in;
    uint16_t attrs;
    uint32_t fg, bg;
} pens[] = {
        {"", 0, 0, 0},
        {"\033[1m", VT_BOLD, 0, 0},
        {"\033[2m", VT_DIM, 0, 0},
        {"\033[1;2;3m", VT_BOLD | VT_DIM | VT_ITALIC, 0, 0},
        {"\033[1;2;3m\033[22m", VT_ITALIC, 0, 0},
        {"\033[4m", VT_UNDERLINE, 0, 0},
        {"\033[4:3m", VT_UNDERLINE_CURLY, 0, 0},
        {"\033[4:2m", VT_UNDERLINE_DOUBLE, 0, 0},
        {"\033[21m", VT_UNDERLINE_DOUBLE, 0, 0},
        {"\033[4:3m\033[4:0m", 0, 0, 0},
        {"\033[4m\033[24m", 0, 0, 0},
        {"\033[5;7;8;9m", VT_BLINK | VT_REVERSE | VT_CONCEAL | VT_STRIKE, 0, 0},
        {"\033[5;7;8;9m\033[25;27;28;29m", 0, 0, 0},
        {"\033[1;31m\033[m", 0, 0, 0},
        {"\033[1;31m\033[;4m", VT_UNDERLINE, 0, 0},
        {"\033[31;42m", 0, VT_COLOR_INDEX(1), VT_COLOR_INDEX(2)},
        {"\033[91;102m", 0, VT_COLOR_INDEX(9), VT_COLOR_INDEX(10)},
        {"\033[31;42m\033[39;49m", 0, 0, 0},
        {"\033[38;5;200;48;5;17m", 0, VT_COLOR_INDEX(200), VT_COLOR_INDEX(17)},
        {"\033[38;2;1;2;3;48;2;4;5;6;1m", VT_BOLD, VT_COLOR_RGB(1, 2, 3),
                VT_COLOR_RGB(4, 5, 6)},
        {"\033[38:2::1:2:3m", 0, VT_COLOR_RGB(1, 2, 3), 0},
        {"\033[38:2:1:2:3m", 0, VT_COLOR_RGB(1, 2, 3), 0},
        {"\033[38:5:7;1m", VT_BOLD, VT_COLOR_INDEX(7), 0},
        {"\033[58;5;1;59;4m", VT_UNDERLINE, 0, 0},
        {"\033[4:4m", VT_UNDERLINE_DOTTED, 0, 0},
        {"\033[4:3;4:5m", VT_UNDERLINE_DASHED, 0, 0},
        {"\033[53;1m", VT_OVERLINE | VT_BOLD, 0, 0},
        {"\033[53;55m", 0, 0, 0},
        {"\033[38m", 0, 0, 0},
        {"\033[38;2;1m", 0, 0, 0},
        {"\033[38;5;300m", 0, 0, 0},
        {"\033[38;9;31m", 0, VT_COLOR_INDEX(1), 0},
        {"\033[38;2;999;0;0m", 0, VT_COLOR_RGB(255, 0, 0), 0},
        {"\033[10m\033[12m\033[73m\033[999m", 0, 0, 0},
        {"\033[?4m\033[>4;2m", 0, 0, 0},
        {"\033[2m\0337\033[0m\0338", VT_DIM, 0, 0},
        {"\033[1;2;3;4;5;7;8;9;38;2;1;2;3;48;2;4;5;6;22;23m",
                VT_UNDERLINE | VT_BLINK | VT_REVERSE | VT_CONCEAL | VT_STRIKE,
                VT_COLOR_RGB(1, 2, 3), VT_COLOR_RGB(4, 5, 6)},
};

static void test_colours_and_attributes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(pens) / sizeof(pens[0]); i++) {
        struct term *term = term_new(10, 2);

        term_feed(term, pens[i].in);
        term_feed(term, "x");

        const struct vt_cell *cell = vt_row(term->vt, 0);
        if (cell->attrs != pens[i].attrs)
            print_message("case %zu\n", i);
        assert_int_equal(cell->cp, 'x');
        assert_int_equal(cell->attrs & 0xfff, pens[i].attrs);
        assert_int_equal(cell->fg, pens[i].fg);
        assert_int_equal(cell->bg, pens[i].bg);
        term_free(term);
    }
}

static void test_an_underline_has_a_colour_of_its_own(void **state)
{
    struct term *term = term_new(40, 2);

    (void)state;
    term_feed(term, "\033[4;58:2::1:2:3ma\033[31;58;5;9mb\033[58:2:1:2:3mc\033[59md\033[0me");
    const struct vt_cell *cells = vt_row(term->vt, 0);
    assert_int_equal(vt_underline_color(term->vt, cells[0].attrs), VT_COLOR_RGB(1, 2, 3));
    assert_int_equal(vt_underline_color(term->vt, cells[1].attrs), VT_COLOR_INDEX(9));
    assert_int_equal(vt_underline_color(term->vt, cells[2].attrs), VT_COLOR_RGB(1, 2, 3));
    assert_int_equal(cells[0].attrs, cells[2].attrs);
    assert_int_equal(cells[3].attrs, VT_UNDERLINE);
    assert_int_equal(cells[4].attrs, 0);

    /* More of them than there is room for: the first ones keep theirs. */
    for (int i = 0; i < 100; i++) {
        char text[40];
        snprintf(text, sizeof(text), "\033[9G\033[58;5;%dmx", 100 + i);
        term_feed(term, text);
    }
    assert_int_equal(
            vt_underline_color(term->vt, vt_row(term->vt, 0)[0].attrs), VT_COLOR_RGB(1, 2, 3));
    term_free(term);
}

static void test_selective_erase_spares_what_is_protected(void **state)
{
    struct term *term = term_new(10, 2);

    (void)state;
    term_feed(term, "ab\033[1\"qcd\033[m\xe4\xb8\xad\033[2\"qef\033[?2K");
    assert_string_equal(term_screen(term), "  cd\xe4\xb8\xad");
    term_feed(term, "\033[2K");
    assert_string_equal(term_screen(term), "");
    term_free(term);
}

static void test_what_is_erased_or_scrolled_in_takes_the_background(void **state)
{
    static const char *const streams[] = {"\033[44m\033[K", "\033[44m\033[2J",
            "\033[44m\033[3X", "ab\r\033[44m\033[@", "\033[3H\033[44m\n\033[3H",
            "\033[44m\033M", "\033[44m\033[?1049h", "\033[44m\033[L"};

    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        struct term *term = term_new(10, 3);

        term_feed(term, streams[i]);
        int row = vt_cursor(term->vt).row;
        assert_int_equal(vt_row(term->vt, row)[0].bg, VT_COLOR_INDEX(4));
        assert_int_equal(vt_row(term->vt, row)[0].cp, 0);
        term_free(term);
    }
}

/* --- replies, modes, strings -----------------------------------------------------------------
 */

static const struct {
    const char *in, *reply;
} replies[] = {
        {"\033[c", "\033[?1;2c"},
        {"\033[>c", "\033[>0;100;0c"},
        {"\033[5n", "\033[0n"},
        {"\033[3;4H\033[6n", "\033[3;4R"},
        {"abc\033[6n", "\033[1;4R"},
        {"\033[?2026$p", "\033[?2026;2$y"},
        {"\033[?2026h\033[?2026$p", "\033[?2026;1$y"},
        {"\033[?2004;1004h\033[?2004$p\033[?1004$p", "\033[?2004;1$y\033[?1004;1$y"},
        {"\033[?1049h\033[?1049$p\033[?47$p", "\033[?1049;1$y\033[?47;1$y"},
        {"\033[?25$p\033[?25l\033[?25$p", "\033[?25;1$y\033[?25;2$y"},
        {"\033[?7$p\033[?6$p\033[?1003$p", "\033[?7;1$y\033[?6;2$y\033[?1003;2$y"},
        {"\033[?12345$p", "\033[?9999;0$y"},
        {"\033[4$p\033[4h\033[4$p", "\033[4;2$y\033[4;1$y"},
        {"\033[>q", "\033P>|ironcurtain(" IC_VERSION ")\033\\"},
        {"\033[18t", "\033[8;12;40t"},
        {"\033[?u\033[>5u\033[?u\033[>1u\033[?u\033[<u\033[?u\033[<9u\033[?u",
                "\033[?0u\033[?5u\033[?1u\033[?5u\033[?0u"},
        {"\033[=7u\033[=2;3u\033[?u\033[=8;2u\033[?u", "\033[?5u\033[?13u"},
        {"\033[>5u\033[?1049h\033[?u\033[?1049l\033[?u", "\033[?0u\033[?5u"},
        {"\033]10;?\a", "\033]10;rgb:e5e5/e5e5/e5e5\a"},
        {"\033]11;?\033\\", "\033]11;rgb:0000/0000/0000\033\\"},
        {"\033]12;?\a\033]10;?;?\a", "\033]12;rgb:e5e5/e5e5/e5e5\a\033]10;rgb:e5e5/e5e5/e5e5\a"
                                     "\033]11;rgb:0000/0000/0000\a"},
        {"\033]4;1;?;231;?\033\\",
                "\033]4;1;rgb:cdcd/0000/0000\033\\\033]4;231;rgb:ffff/ffff/ffff\033\\"},
        {"\033[?2027$p\033[=c", "\033[?2027;3$y\033P!|00000000\033\\"},
        {"\033[1;3;4:3;31;48:2::1:2:3;58:5:9m\033P$qm\033\\",
                "\033P1$r0;1;3;4:3;31;48:2::1:2:3;58:5:9m\033\\"},
        {"\033[97;100;38;5;200;53m\033P$qm\033\\", "\033P1$r0;53;38:5:200;100m\033\\"},
        {"\033[3;7r\033P$qr\033\\\033[4 q\033P$q q\033\\\033P$q\"q\033\\",
                "\033P1$r3;7r\033\\\033P1$r4 q\033\\\033P1$r0\"q\033\\"},
        {"\033P$qx\033\\\033P+q544e;536D756c78;5375\033\\\033P+q41\033\\",
                "\033P0$r\033\\\033P1+r544e=787465726d2d323536636f6c6f72\033\\"
                "\033P1+r536d756c78=5c455b343a25703125646d\033\\\033P1+r5375\033\\"
                "\033P0+r\033\\"},
        /* No answer: what the agent could use to type at itself, or to read what is not its
           own. */
        {"\033[21t\033]0;x\a\033[21t\033[20t", ""},
        {"\033]52;c;?\a\033]50;?\a\033]11;#fff\a\033]4;256;?\a\033]4;1;#fff\a", ""},
        {"\033[1;1;1;1;1;1*y\033Z\033P$q", ""},
        {"\033[0n\033[3;3R\033[x\033[i\033[?6c", ""},
};

static void test_replies(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct term *term = term_new(40, 12);

        term_feed(term, replies[i].in);
        assert_string_equal(term_replies(term), replies[i].reply);
        term_free(term);
    }
}

static void test_modes_are_followed(void **state)
{
    struct term *term = term_new(40, 12);
    struct vt_modes modes;

    (void)state;
    term_feed(term, "\033[?1;1002;1004;1006;2004h\033=\033[?2026h\033[>3u");
    modes = vt_modes(term->vt);
    assert_true(modes.app_cursor && modes.app_keypad && modes.bracketed_paste);
    assert_true(modes.focus_events && modes.mouse_sgr && modes.sync_open);
    assert_int_equal(modes.mouse, 2);
    assert_int_equal(modes.kitty_flags, 3);

    term_feed(term, "\033[?1;1002;1004;1006;2004l\033>\033[?2026l\033[<u\033[?1003h");
    modes = vt_modes(term->vt);
    assert_false(modes.app_cursor || modes.app_keypad || modes.bracketed_paste);
    assert_false(modes.focus_events || modes.mouse_sgr || modes.sync_open);
    assert_int_equal(modes.mouse, 3);
    assert_int_equal(modes.kitty_flags, 0);

    term_feed(term, "\033[?1049h\033c");
    assert_false(vt_modes(term->vt).alt_screen);
    assert_int_equal(vt_modes(term->vt).mouse, 0);
    term_free(term);
}

static void test_the_end_of_each_synchronized_update_is_told(void **state)
{
    struct term *term = term_new(40, 12);

    (void)state;
    term_feed(term, "\033[?2026ha\033[?2026l\033[?2026hb\033[?2026l\033[?2026l\033[?2026hc");
    assert_int_equal(term->sync_ends, 2);
    assert_true(vt_modes(term->vt).sync_open);
    term_free(term);
}

static void test_the_cursor_has_its_shape_and_survives_restores(void **state)
{
    struct term *term = term_new(40, 12);

    (void)state;
    assert_int_equal(vt_cursor(term->vt).shape, 0);
    term_feed(term, "\033[?25l\0337\033[?25h\033[6 q\0338");
    assert_true(vt_cursor(term->vt).visible);
    assert_int_equal(vt_cursor(term->vt).shape, 3);
    assert_false(vt_cursor(term->vt).blink);
    term_feed(term, "\033[3 q\033[99 q");
    assert_int_equal(vt_cursor(term->vt).shape, 2);
    assert_true(vt_cursor(term->vt).blink);
    term_feed(term, "\033[?25l");
    assert_false(vt_cursor(term->vt).visible);
    term_free(term);
}

static void test_a_title_is_cleaned_and_cut(void **state)
{
    static const struct {
        const char *in, *title;
    } titles[] = {
            {"\033]0;hello\a", "hello"},
            {"\033]2;\xe4\xb8\xad\xe6\x96\x87\033\\", "\xe4\xb8\xad\xe6\x96\x87"},
            {"\033]1;icon\a", "icon"},
            {"\033]0;a\r\nb\xe2\x80\xae"
             "c\xff\xc2\x85"
             "d\x7f\a",
                    "abcd"},
            {"\033]0;e\xcc\x81\xe2\x80\xa8\a", "e"},
            {"\033]0;0123456789012345678901234567890123456789012345678901234567890123xyz\a",
                    "0123456789012345678901234567890123456789012345678901234567890123"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++) {
        struct term *term = term_new(40, 12);

        term_feed(term, titles[i].in);
        term_feed(term, titles[i].in);
        assert_string_equal(vt_title(term->vt), titles[i].title);
        assert_int_equal(term->titles, titles[i].title[0] != '\0');
        term_free(term);
    }
}

static void test_a_clipboard_write_is_decoded_and_only_told(void **state)
{
    static const struct {
        const char *in, *text; /* NULL: not told */
    } writes[] = {
            {"\033]52;c;aGVsbG8=\a", "hello"},
            {"\033]52;;aGVsbG8\033\\", "hello"},
            {"\033]52;p;YQ==\a", "a"},
            {"\033]52;c;?\a", NULL},
            {"\033]52;c;\a", NULL},
            {"\033]52;c\a", NULL},
            {"\033]52;c;a\a", NULL},
            {"\033]52;c;aGV*bG8=\a", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        struct term *term = term_new(40, 12);

        term_feed(term, writes[i].in);
        assert_int_equal(term->clipboards, writes[i].text != NULL);
        if (writes[i].text)
            assert_memory_equal(
                    buf_data(&term->clipboard), writes[i].text, strlen(writes[i].text));
        assert_int_equal(buf_len(&term->replies), 0);
        term_free(term);
    }
}

static void test_a_bell_rings_and_a_string_terminator_does_not(void **state)
{
    struct term *term = term_new(40, 12);

    (void)state;
    term_feed(term, "\a\033]0;x\a\a");
    assert_int_equal(term->bells, 2);
    term_free(term);
}

static void test_callbacks_may_be_absent(void **state)
{
    struct vt *vt = vt_new(40, 12, 0, NULL, NULL);

    (void)state;
    vt_feed(vt,
            STR("\a\033]0;t\a\033]52;c;aGk=\a\033[c\033[>q\033[?2026h\033[?2026l\r\n\n\n\n"));
    assert_string_equal(vt_title(vt), "t");
    assert_int_equal(vt_scroll_count(vt), 0);
    vt_free(vt);
    vt_free(NULL);
}

/* --- what changed
 * ------------------------------------------------------------------------------ */

static void test_only_what_changed_is_dirty(void **state)
{
    struct term *term = term_new(10, 4);
    int from, to;

    (void)state;
    assert_true(vt_any_dirty(term->vt));
    vt_dirty_clear(term->vt);
    assert_false(vt_any_dirty(term->vt));

    term_feed(term, "\033[2;3Habc");
    assert_false(vt_dirty(term->vt, 0, &from, &to));
    assert_true(vt_dirty(term->vt, 1, &from, &to));
    assert_int_equal(from, 2);
    assert_int_equal(to, 5);

    vt_dirty_clear(term->vt);
    term_feed(term, "\033[2;3r\033[3H\n");
    assert_false(vt_dirty(term->vt, 0, &from, &to));
    assert_true(vt_dirty(term->vt, 1, &from, &to) && from == 0 && to == 10);
    assert_true(vt_dirty(term->vt, 2, &from, &to));
    assert_false(vt_dirty(term->vt, 3, &from, &to));

    vt_dirty_clear(term->vt);
    term_feed(term, "\033[?1049h");
    assert_true(vt_dirty(term->vt, 3, &from, &to) && to == 10);
    term_free(term);
}

static void test_the_dirty_spans_cover_every_change(void **state)
{
    uint64_t seed = 5;
    struct term *term = term_new(30, 8);
    struct vt_cell before[8][30];

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct buf in = BUF_INIT;

        vt_dirty_clear(term->vt);
        for (int row = 0; row < 8; row++)
            memcpy(before[row], vt_row(term->vt, row), sizeof(before[row]));
        for (int i = 0; i < 3; i++)
            term_random_item(&in, &seed);
        vt_feed(term->vt, buf_str(&in));
        for (int row = 0; row < 8; row++) {
            int from = 0;
            int to = 0;

            if (!vt_dirty(term->vt, row, &from, &to))
                from = to = 0;
            for (int col = 0; col < 30; col++)
                if (col < from || col >= to)
                    assert_memory_equal(&before[row][col], &vt_row(term->vt, row)[col],
                            sizeof(struct vt_cell));
        }
        buf_release(&in);
    }
    term_free(term);
}

/* --- resizing
 * -------------------------------------------------------------------------------------- */

static const struct {
    const char *in;
    int cols, rows;
    const char *screen;
    int row, col;
    unsigned history;
} resizes[] = {
        {"a\r\nb\r\nc\r\nd", 10, 2, "c|d", 1, 1, 2},
        {"a\r\nb", 10, 2, "a|b", 1, 1, 0},
        {"a\r\nb\r\nc\r\nd\033[2H", 10, 2, "b|c", 0, 0, 1},
        {"a\r\nb\r\nc\r\nd", 10, 6, "a|b|c|d", 3, 1, 0},
        {"0\r\n1\r\na\r\nb\r\nc\r\nd", 10, 6, "0|1|a|b|c|d", 5, 1, 0},
        {"0\r\n1\r\na\r\nb\r\nc\r\nd\033[2H", 10, 6, "0|1|a|b|c|d", 3, 0, 0},
        {"0123456789", 5, 4, "01234|56789", 1, 4, 0},
        {"012\xe4\xb8\xad", 4, 4, "012|\xe4\xb8\xad", 1, 2, 0},
        {"abc", 20, 4, "abc", 0, 3, 0},
        {"\033[2;3rabc\033[4H", 10, 5, "abc", 3, 0, 0},
        {"\033[?1049ha\r\nb\r\nc\r\nd", 10, 2, "c|d", 1, 1, 0},
        {"\033[4H\0337\033[H", 10, 2, "", 0, 0, 0},
};

static void test_resizing_keeps_the_text_at_the_cursor(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(resizes) / sizeof(resizes[0]); i++) {
        struct term *term = term_new(10, 4);
        int cols, rows;

        term_feed(term, resizes[i].in);
        vt_resize(term->vt, resizes[i].cols, resizes[i].rows);
        vt_size(term->vt, &cols, &rows);
        assert_int_equal(cols, resizes[i].cols);
        assert_int_equal(rows, resizes[i].rows);
        if (strcmp(term_screen(term), resizes[i].screen) != 0)
            print_message("case %zu\n", i);
        assert_string_equal(term_screen(term), resizes[i].screen);
        assert_int_equal(vt_cursor(term->vt).row, resizes[i].row);
        assert_int_equal(vt_cursor(term->vt).col, resizes[i].col);
        assert_int_equal(vt_scroll_count(term->vt), resizes[i].history);
        term_feed(term, "\0338\033[99;99Hx\033[Hy");
        term_expect_sound(term);
        term_free(term);
    }
}

static void test_the_main_screen_is_resized_behind_the_alternate_one(void **state)
{
    struct term *term = term_new(10, 4);

    (void)state;
    term_feed(term, "a\r\nb\r\nc\r\nd\033[?1049hfull");
    vt_resize(term->vt, 12, 2);
    term_feed(term, "\033[?1049lx");
    assert_string_equal(term_screen(term), "c|dx");
    assert_int_equal(vt_scroll_count(term->vt), 2);
    term_free(term);
}

static void test_sizes_are_clamped(void **state)
{
    struct term *term = term_new(0, -5);
    int cols, rows;

    (void)state;
    vt_size(term->vt, &cols, &rows);
    assert_int_equal(cols, 2);
    assert_int_equal(rows, 1);
    vt_resize(term->vt, 1000000, 1000000);
    vt_size(term->vt, &cols, &rows);
    assert_int_equal(cols, LIMIT_VT_COLS);
    assert_int_equal(rows, LIMIT_VT_ROWS);
    term_feed(term, "\033[9999;9999Hx");
    term_expect_sound(term);
    term_free(term);
}

static void test_a_reset_forgets_everything_but_the_size(void **state)
{
    struct term *term = term_new(10, 2);
    int cols, rows;

    (void)state;
    term_feed(term, "a\r\nb\r\nc\033]0;t\a\033[?1049;2004h\033[31m\033[");
    vt_reset(term->vt);
    vt_size(term->vt, &cols, &rows);
    assert_int_equal(cols, 10);
    assert_int_equal(rows, 2);
    assert_string_equal(vt_title(term->vt), "");
    assert_int_equal(vt_scroll_count(term->vt), 0);
    assert_false(vt_modes(term->vt).alt_screen || vt_modes(term->vt).bracketed_paste);
    term_feed(term, "1mx");
    assert_string_equal(term_screen(term), "1mx");
    assert_int_equal(vt_row(term->vt, 0)[0].fg, 0);
    assert_true(vt_any_dirty(term->vt));
    term_free(term);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_streams_that_kill_libvterm_do_no_harm),
            cmocka_unit_test(test_bytes_one_by_one_give_the_same_screen),
            cmocka_unit_test(test_a_split_at_each_byte_gives_the_same_screen),
            cmocka_unit_test(test_the_fast_lane_changes_nothing),
            cmocka_unit_test(test_random_streams_and_resizes_keep_the_screen_sound),
            cmocka_unit_test(test_screens),
            cmocka_unit_test(test_each_character_takes_the_cells_it_says),
            cmocka_unit_test(test_marks_of_a_cell_are_bounded),
            cmocka_unit_test(test_colours_and_attributes),
            cmocka_unit_test(test_an_underline_has_a_colour_of_its_own),
            cmocka_unit_test(test_selective_erase_spares_what_is_protected),
            cmocka_unit_test(test_what_is_erased_or_scrolled_in_takes_the_background),
            cmocka_unit_test(test_replies),
            cmocka_unit_test(test_modes_are_followed),
            cmocka_unit_test(test_the_end_of_each_synchronized_update_is_told),
            cmocka_unit_test(test_the_cursor_has_its_shape_and_survives_restores),
            cmocka_unit_test(test_a_title_is_cleaned_and_cut),
            cmocka_unit_test(test_a_clipboard_write_is_decoded_and_only_told),
            cmocka_unit_test(test_a_bell_rings_and_a_string_terminator_does_not),
            cmocka_unit_test(test_callbacks_may_be_absent),
            cmocka_unit_test(test_only_what_changed_is_dirty),
            cmocka_unit_test(test_the_dirty_spans_cover_every_change),
            cmocka_unit_test(test_resizing_keeps_the_text_at_the_cursor),
            cmocka_unit_test(test_the_main_screen_is_resized_behind_the_alternate_one),
            cmocka_unit_test(test_sizes_are_clamped),
            cmocka_unit_test(test_a_reset_forgets_everything_but_the_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
