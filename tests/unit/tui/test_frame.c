/* Frames: what is drawn arrives, read back by the emulator; what is unchanged costs nothing. */
#include "tui/frame.h"

#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tui/color.h"

#define COLS 60
#define ROWS 12

static const struct vt_cursor CURSOR = {.row = 1, .col = 2, .visible = true, .shape = 1};
static const struct vt_ops NO_OPS;
static const struct glyph X = {{'x'}, 1, 1};

struct shown {
    struct frame *frame;
    struct vt *vt;
    struct buf out;
};

static struct shown start(bool truecolor, bool utf8)
{
    struct frame_config config = {
            .term = "xterm-256color", .truecolor = truecolor, .utf8 = utf8};
    struct err err;
    struct shown s = {.vt = vt_new(COLS, ROWS, 0, &NO_OPS, NULL)};
    s.frame = frame_new(&config, COLS, ROWS, &err);
    assert_non_null(s.frame);
    return s;
}

/* Encode, hand to the emulator; returns the bytes it took. */
static size_t flush(struct shown *s)
{
    buf_clear(&s->out);
    frame_end(s->frame, &CURSOR, &s->out);
    vt_feed(s->vt, buf_str(&s->out));
    return buf_len(&s->out);
}

static void stop(struct shown *s)
{
    frame_free(s->frame);
    vt_free(s->vt);
    buf_release(&s->out);
}

static uint32_t cp_at(struct shown *s, int row, int col)
{
    return vt_row(s->vt, row)[col].cp;
}

static void test_unchanged_surface_gives_no_byte(void **state)
{
    struct shown s = start(false, true);
    (void)state;
    frame_text(s.frame, 0, 0, 20, (struct style){0}, STR("hello"));
    assert_true(flush(&s) > 0);
    assert_int_equal(flush(&s), 0);
    frame_text(s.frame, 0, 0, 20, (struct style){0}, STR("hello"));
    assert_int_equal(flush(&s), 0);
    stop(&s);
}

static void test_one_changed_cell_costs_few_bytes(void **state)
{
    struct shown s = start(false, true);
    (void)state;
    flush(&s);
    frame_text(s.frame, 9, 50, 20, (struct style){0}, STR("x"));
    size_t n = flush(&s);
    assert_true(n > 0 && n < 32);
    assert_int_equal(cp_at(&s, 9, 50), 'x');
    stop(&s);
}

static void test_text_arrives_with_wide_and_combining_characters(void **state)
{
    struct shown s = start(false, true);
    uint32_t extra[VT_CELL_CHARS - 1];
    (void)state;
    int used = frame_text(s.frame, 2, 0, 20, (struct style){0},
            STR("a\xe4\xbd\xa0"
                "b"
                "e\xcc\x81"
                "c"));
    assert_int_equal(used, 6);
    flush(&s);
    assert_int_equal(cp_at(&s, 2, 0), 'a');
    assert_int_equal(cp_at(&s, 2, 1), 0x4f60);
    assert_int_equal(cp_at(&s, 2, 3), 'b');
    assert_int_equal(cp_at(&s, 2, 4), 'e');
    assert_int_equal(vt_cell_extra(s.vt, 2, 4, extra), 1);
    assert_int_equal(extra[0], 0x301);
    assert_int_equal(cp_at(&s, 2, 5), 'c');
    stop(&s);
}

static void test_cell_of_doubtful_width_moves_nothing(void **state)
{
    struct shown s = start(false, true);
    struct glyph wide = {{0x4f60}, 1, 1};
    (void)state;
    /* The emulator says one column, the C library two. */
    frame_cell(s.frame, 3, 0, (struct style){0}, &wide);
    frame_cell(s.frame, 3, 1, (struct style){0}, &X);
    frame_cells_done(s.frame);
    flush(&s);
    assert_int_equal(cp_at(&s, 3, 0), 0xfffd);
    assert_int_equal(cp_at(&s, 3, 1), 'x');
    stop(&s);
}

static void color_roundtrip(
        bool truecolor, uint32_t fg, uint32_t bg, uint32_t want_fg, uint32_t want_bg)
{
    struct shown s = start(truecolor, true);
    struct style style = {.fg = fg, .bg = bg, .attrs = VT_BOLD | VT_ITALIC};
    frame_cell(s.frame, 4, 4, style, &X);
    frame_cells_done(s.frame);
    flush(&s);
    const struct vt_cell *cell = &vt_row(s.vt, 4)[4];
    assert_int_equal(cell->fg, want_fg);
    assert_int_equal(cell->bg, want_bg);
    assert_int_equal(cell->attrs & (VT_BOLD | VT_ITALIC | VT_UNDERLINE), VT_BOLD | VT_ITALIC);
    stop(&s);
}

static void test_true_colour_and_palette_pass_where_the_terminal_has_them(void **state)
{
    (void)state;
    color_roundtrip(true, VT_COLOR_RGB(0x12, 0x34, 0x56), VT_COLOR_RGB(255, 255, 255),
            VT_COLOR_RGB(0x12, 0x34, 0x56), VT_COLOR_RGB(255, 255, 255));
    color_roundtrip(
            true, VT_COLOR_INDEX(3), VT_COLOR_INDEX(12), VT_COLOR_INDEX(3), VT_COLOR_INDEX(12));
    color_roundtrip(
            true, VT_COLOR_INDEX(200), VT_COLOR_DEFAULT, VT_COLOR_INDEX(200), VT_COLOR_DEFAULT);
}

static void test_true_colour_is_reduced_elsewhere(void **state)
{
    (void)state;
    color_roundtrip(false, VT_COLOR_RGB(0xff, 0, 0), VT_COLOR_RGB(8, 8, 8), VT_COLOR_INDEX(196),
            VT_COLOR_INDEX(232));
    color_roundtrip(
            false, VT_COLOR_INDEX(9), VT_COLOR_DEFAULT, VT_COLOR_INDEX(9), VT_COLOR_DEFAULT);
}

/* A film in 24-bit colours: numbers of pens run out, what is drawn stays right. */
static void test_more_pens_than_numbers_still_draw(void **state)
{
    struct shown s = start(true, true);
    struct style red = {.fg = VT_COLOR_RGB(200, 1, 1)};
    uint32_t last = 0;
    unsigned losses = 0;
    (void)state;
    frame_lost(s.frame);
    frame_text(s.frame, 0, 0, 5, red, STR("still"));
    for (int i = 0; i < 120; i++) {
        if (frame_lost(s.frame)) {
            frame_text(s.frame, 0, 0, 5, red, STR("still"));
            losses++;
        }
        for (int row = 1; row < ROWS; row++) {
            for (int col = 0; col < COLS; col++) {
                struct style style = {.fg = VT_COLOR_RGB(1, last >> 8 & 255, last & 255),
                        .bg = VT_COLOR_RGB(2, last >> 16, 77)};
                frame_cell(s.frame, row, col, style, &X);
                last++;
            }
            frame_cells_done(s.frame);
        }
        flush(&s);
        assert_int_equal(vt_row(s.vt, 0)[0].fg, red.fg);
        assert_int_equal(vt_row(s.vt, ROWS - 1)[COLS - 1].fg,
                VT_COLOR_RGB(1, (last - 1) >> 8 & 255, (last - 1) & 255));
    }
    assert_in_range(losses, 1, 20);
    stop(&s);
}

static void test_every_attribute_arrives_where_the_terminal_has_it(void **state)
{
    struct frame_config config = {
            .term = "xterm-256color", .truecolor = true, .utf8 = true, .styled = true};
    struct shown s = {.vt = vt_new(COLS, ROWS, 0, &NO_OPS, NULL)};
    struct err err;
    static const unsigned attrs[] = {VT_BOLD, VT_DIM, VT_ITALIC, VT_UNDERLINE,
            VT_UNDERLINE_DOUBLE, VT_UNDERLINE_CURLY | VT_STRIKE, VT_UNDERLINE_DOTTED,
            VT_UNDERLINE_DASHED, VT_BLINK, VT_REVERSE, VT_CONCEAL, VT_STRIKE, VT_OVERLINE,
            VT_BOLD | VT_DIM | VT_ITALIC | VT_UNDERLINE_CURLY | VT_BLINK | VT_REVERSE, 0};
    int count = (int)(sizeof attrs / sizeof attrs[0]);
    (void)state;
    s.frame = frame_new(&config, COLS, ROWS, &err);
    for (int from = 0; from < count; from++) {
        for (int i = 0; i < count; i++) {
            struct style style = {.attrs = attrs[(i * (from + 1)) % count],
                    .line = i & 1 ? VT_COLOR_RGB(1, 2, 3) : VT_COLOR_INDEX(9)};
            frame_cell(s.frame, 2, i, style, &X);
        }
        frame_cells_done(s.frame);
        flush(&s);
        for (int i = 0; i < count; i++) {
            unsigned want = attrs[(i * (from + 1)) % count];
            const struct vt_cell *cell = &vt_row(s.vt, 2)[i];
            assert_int_equal(cell->attrs & VT_VISIBLE_ATTRS, want);
            assert_int_equal(vt_underline_color(s.vt, cell->attrs),
                    !(want & VT_UNDERLINE_MASK) ? VT_COLOR_DEFAULT
                    : i & 1                     ? VT_COLOR_RGB(1, 2, 3)
                                                : VT_COLOR_INDEX(9));
        }
    }
    stop(&s);
}

static void test_underline_styles_are_plain_lines_elsewhere(void **state)
{
    struct shown s = start(true, true);
    struct style curly = {.attrs = VT_UNDERLINE_CURLY, .line = VT_COLOR_INDEX(1)};
    (void)state;
    frame_text(s.frame, 0, 0, 5, curly, STR("x"));
    flush(&s);
    assert_int_equal(vt_row(s.vt, 0)[0].attrs, VT_UNDERLINE);
    assert_null(memchr(buf_data(&s.out), ':', buf_len(&s.out)));
    stop(&s);
}

/* --- characters of several code points ------------------------------------------------------
 */

static const struct glyph FAMILY = {{0x1f468, 0x200d, 0x1f469, 0x200d, 0x1f467}, 5, 2};
static const struct glyph HEART = {{0x2764, 0xfe0f}, 2, 2};
static const struct glyph FLAG = {{0x1f1e9, 0x1f1ea}, 2, 2};
static const struct glyph MELTING = {{0x1fae9}, 1, 2}; /* newer than the C library */

static void test_a_cluster_is_drawn_whole_where_the_terminal_joins(void **state)
{
    struct shown s = start(true, true);
    uint32_t extra[VT_CELL_CHARS - 1];
    struct style red = {.fg = VT_COLOR_INDEX(1)};
    (void)state;
    frame_set_clusters(s.frame, true);
    frame_cell(s.frame, 1, 3, red, &FAMILY);
    frame_cell(s.frame, 1, 5, red, &X);
    frame_cells_done(s.frame);
    flush(&s);
    assert_int_equal(vt_cell_extra(s.vt, 1, 3, extra), 4);
    assert_memory_equal(extra, FAMILY.cps + 1, 4 * sizeof(uint32_t));
    assert_int_equal(vt_row(s.vt, 1)[3].fg, red.fg);
    assert_int_equal(cp_at(&s, 1, 5), 'x');
    assert_int_equal(flush(&s), 0);

    /* Each half of it is replaced, and the letter behind needs no byte. */
    frame_text(s.frame, 1, 3, 2, red, STR("ab"));
    assert_in_range(flush(&s), 1, 24);
    assert_int_equal(cp_at(&s, 1, 3), 'a');
    assert_int_equal(cp_at(&s, 1, 4), 'b');
    assert_int_equal(cp_at(&s, 1, 5), 'x');
    stop(&s);
}

static void test_elsewhere_only_what_cannot_grow_is_drawn(void **state)
{
    struct shown s = start(true, true);
    uint32_t extra[VT_CELL_CHARS - 1];
    (void)state;
    frame_cell(s.frame, 1, 0, (struct style){0}, &FAMILY);
    frame_cell(s.frame, 1, 2, (struct style){0}, &HEART);
    frame_cell(s.frame, 1, 4, (struct style){0}, &FLAG);
    frame_cell(s.frame, 1, 6, (struct style){0}, &MELTING);
    frame_cell(s.frame, 1, 8, (struct style){0}, &X);
    frame_cells_done(s.frame);
    flush(&s);
    assert_int_equal(cp_at(&s, 1, 0), 0x1f468);
    assert_int_equal(vt_cell_extra(s.vt, 1, 0, extra), 0);
    assert_int_equal(cp_at(&s, 1, 2), 0x2764);
    assert_int_equal(cp_at(&s, 1, 4), 0x1f1e9);
    assert_int_equal(vt_cell_extra(s.vt, 1, 4, extra), 1);
    assert_int_equal(cp_at(&s, 1, 6), 0x1fae9);
    assert_int_equal(cp_at(&s, 1, 8), 'x');
    stop(&s);
}

static void test_chrome_text_holds_no_joiner(void **state)
{
    struct shown s = start(true, true);
    uint32_t extra[VT_CELL_CHARS - 1];
    (void)state;
    frame_set_clusters(s.frame, true);
    int used = frame_text(s.frame, 0, 0, 20, (struct style){0},
            STR("\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x9d\xa4\xef\xb8\x8f!"));
    assert_int_equal(used, 6);
    flush(&s);
    assert_int_equal(cp_at(&s, 0, 2), 0x1f469);
    assert_int_equal(cp_at(&s, 0, 5), '!');
    assert_int_equal(vt_cell_extra(s.vt, 0, 4, extra), 0);
    stop(&s);
}

/* A screen of what is hard to draw, changed in the ways that ncurses looks for. */
struct model {
    const struct glyph *glyph[ROWS][COLS]; /* NULL: right half */
    uint32_t fg[ROWS][COLS];
};

static unsigned random_number(uint64_t *seed, unsigned below)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % below;
}

static void model_row(struct model *model, int row, uint64_t *seed)
{
    static const struct glyph blank = {{0}, 1, 1}, wide = {{0x4e2d}, 1, 2},
                              accent = {{'e', 0x301}, 2, 1};
    const struct glyph *choice[] = {
            &X, &X, &blank, &blank, &blank, &wide, &accent, &FAMILY, &HEART, &FLAG, &MELTING};
    uint32_t fg = VT_COLOR_INDEX(random_number(seed, 4));
    for (int col = 0; col < COLS;) {
        const struct glyph *glyph = choice[random_number(seed, 11)];
        if (random_number(seed, 6) == 0)
            fg = VT_COLOR_INDEX(random_number(seed, 4));
        if (col + glyph->width > COLS || (row == ROWS - 1 && col + 3 >= COLS))
            glyph = &blank;
        model->glyph[row][col] = glyph;
        model->fg[row][col] = fg;
        if (glyph->width == 2)
            model->glyph[row][col + 1] = NULL;
        col += glyph->width;
    }
}

/* Moves the cells of a row by some columns; what is cut in half becomes blank. */
static void model_shift(struct model *model, int row, int by, uint64_t *seed)
{
    struct model fresh;
    model_row(&fresh, row, seed);
    for (int col = 0; col < COLS; col++) {
        int from = col + by;
        if (from < 0 || from >= COLS)
            continue;
        fresh.glyph[row][col] = model->glyph[row][from];
        fresh.fg[row][col] = model->fg[row][from];
    }
    for (int col = 0; col < COLS; col++) {
        const struct glyph *glyph = fresh.glyph[row][col];
        bool is_orphan = !glyph && (col == 0 || !fresh.glyph[row][col - 1] ||
                                           fresh.glyph[row][col - 1]->width != 2);
        bool is_cut = glyph && glyph->width == 2 &&
                      (col + 1 >= COLS || fresh.glyph[row][col + 1] ||
                              (row == ROWS - 1 && col + 3 >= COLS));
        if (is_orphan || is_cut) {
            fresh.glyph[row][col] = &X;
            fresh.fg[row][col] = VT_COLOR_INDEX(1);
            if (is_cut && col + 1 < COLS && !fresh.glyph[row][col + 1]) {
                fresh.glyph[row][col + 1] = &X;
                fresh.fg[row][col + 1] = VT_COLOR_INDEX(1);
            }
        }
    }
    memcpy(model->glyph[row], fresh.glyph[row], sizeof fresh.glyph[row]);
    memcpy(model->fg[row], fresh.fg[row], sizeof fresh.fg[row]);
}

static void model_change(struct model *model, uint64_t *seed)
{
    int row = (int)random_number(seed, ROWS);
    switch (random_number(seed, 4)) {
    case 0:
        memmove(model->glyph[0], model->glyph[1], sizeof model->glyph - sizeof model->glyph[0]);
        memmove(model->fg[0], model->fg[1], sizeof model->fg - sizeof model->fg[0]);
        model_row(model, ROWS - 1, seed);
        model_row(model, ROWS - 2, seed);
        break;
    case 1:
        model_shift(model, row, (int)random_number(seed, 7) - 3, seed);
        break;
    default:
        model_row(model, row, seed);
        break;
    }
}

static void model_draw(const struct model *model, struct shown *s)
{
    for (int row = 0; row < ROWS; row++) {
        for (int col = 0; col < COLS; col++)
            if (model->glyph[row][col])
                frame_cell(s->frame, row, col, (struct style){.fg = model->fg[row][col]},
                        model->glyph[row][col]);
        frame_cells_done(s->frame);
    }
}

static void model_expect(const struct model *model, struct shown *s)
{
    for (int row = 0; row < ROWS; row++) {
        for (int col = 0; col < COLS; col++) {
            const struct vt_cell *cell = &vt_row(s->vt, row)[col];
            const struct glyph *glyph = model->glyph[row][col];
            uint32_t cp = cell->cp == ' ' ? 0 : cell->cp, extra[VT_CELL_CHARS - 1];
            assert_int_equal(cp, glyph ? glyph->cps[0] : 0);
            if (!glyph)
                continue;
            assert_int_equal(cell->width, glyph->width);
            assert_int_equal(vt_cell_extra(s->vt, row, col, extra), glyph->count - 1);
            assert_memory_equal(
                    extra, glyph->cps + 1, (size_t)(glyph->count - 1) * sizeof extra[0]);
            if (cp)
                assert_int_equal(cell->fg, model->fg[row][col]);
        }
    }
}

static void test_any_change_of_any_characters_arrives(void **state)
{
    struct shown s = start(true, true);
    struct model model;
    uint64_t seed = 1;
    (void)state;
    frame_set_clusters(s.frame, true);
    for (int row = 0; row < ROWS; row++)
        model_row(&model, row, &seed);
    for (int i = 0; i < 1500; i++) {
        for (unsigned n = 1 + random_number(&seed, 3); n > 0; n--)
            model_change(&model, &seed);
        model_draw(&model, &s);
        flush(&s);
        model_expect(&model, &s);
    }
    stop(&s);
}

static void test_mono_chrome_keeps_the_panes_colours(void **state)
{
    struct frame_config config = {.term = "xterm-256color", .utf8 = true, .mono = true};
    struct shown s = {.vt = vt_new(COLS, ROWS, 0, &NO_OPS, NULL)};
    struct style red = {.fg = VT_COLOR_INDEX(1)};
    struct err err;
    (void)state;
    s.frame = frame_new(&config, COLS, ROWS, &err);
    frame_text(s.frame, 0, 0, 5, red, STR("c"));
    frame_cell(s.frame, 1, 0, red, &X);
    frame_cells_done(s.frame);
    flush(&s);
    assert_int_equal(vt_row(s.vt, 0)[0].fg, VT_COLOR_DEFAULT);
    assert_int_equal(vt_row(s.vt, 1)[0].fg, VT_COLOR_INDEX(1));
    stop(&s);
}

static void test_lines_are_ascii_without_utf8(void **state)
{
    struct shown s = start(false, false);
    struct glyph box = {{0x2502}, 1, 1};
    (void)state;
    frame_line(s.frame, 0, 0, LINE_TL, false, (struct style){0});
    frame_line(s.frame, 0, 1, LINE_H, false, (struct style){0});
    frame_line(s.frame, 0, 2, LINE_H, true, (struct style){0});
    frame_cell(s.frame, 0, 3, (struct style){0}, &box);
    frame_cells_done(s.frame);
    flush(&s);
    assert_int_equal(cp_at(&s, 0, 0), '+');
    assert_int_equal(cp_at(&s, 0, 1), '-');
    assert_int_equal(cp_at(&s, 0, 2), '=');
    assert_int_equal(cp_at(&s, 0, 3), '|');
    stop(&s);
}

static void test_resize_paints_everything_again(void **state)
{
    struct shown s = start(false, true);
    (void)state;
    frame_text(s.frame, 0, 0, 20, (struct style){0}, STR("before"));
    flush(&s);
    frame_resize(s.frame, 40, 8);
    vt_resize(s.vt, 40, 8);
    frame_text(s.frame, 7, 34, 6, (struct style){0}, STR("corner"));
    flush(&s);
    assert_int_equal(cp_at(&s, 7, 39), 'r');
    assert_true(cp_at(&s, 0, 0) == 0 || cp_at(&s, 0, 0) == ' ');
    stop(&s);
}

static void test_synchronized_updates_only_where_reported(void **state)
{
    struct shown s = start(false, true);
    (void)state;
    flush(&s);
    assert_null(memmem(buf_data(&s.out), buf_len(&s.out), "2026", 4));
    frame_set_sync(s.frame, true);
    for (int row = 0; row < ROWS; row++)
        frame_text(s.frame, row, 0, 20, (struct style){0}, STR("a long line"));
    flush(&s);
    assert_true(str_starts(buf_str(&s.out), STR("\033[?2026h")));
    assert_true(str_ends(buf_str(&s.out), STR("\033[?2026l")));
    assert_int_equal(flush(&s), 0);

    /* The echo of a key appears at once as it is. */
    frame_text(s.frame, 0, 30, 20, (struct style){0}, STR("x"));
    assert_in_range(flush(&s), 1, 16); /* cursor there, letter, cursor back */
    assert_null(memmem(buf_data(&s.out), buf_len(&s.out), "2026", 4));
    stop(&s);
}

static void test_leaving_restores_screen_cursor_and_shape(void **state)
{
    struct shown s = start(true, true);
    struct vt_cursor bar = {.visible = false, .shape = 3}, seen = {.visible = true, .shape = 3};
    struct buf out = BUF_INIT;
    (void)state;
    frame_end(s.frame, &seen, &out);
    assert_true(str_ends(buf_str(&out), STR("\033[6 q")));
    frame_end(s.frame, &bar, &out);
    buf_clear(&out);
    frame_leave(s.frame, &out);
    assert_non_null(memmem(buf_data(&out), buf_len(&out), "\033[?1049l", 8));
    assert_non_null(memmem(buf_data(&out), buf_len(&out), "\033[?25h", 6));
    assert_true(str_ends(buf_str(&out), STR("\033[0 q")));
    buf_release(&out);
    stop(&s);
}

static void handler(int signo)
{
    (void)signo;
}

static void test_signals_and_environment_stay_ours(void **state)
{
    struct sigaction now;
    (void)state;
    setenv("TERMINFO", "/somewhere", 1);
    signal(SIGTERM, handler);
    signal(SIGTSTP, SIG_DFL);
    struct shown s = start(true, true);
    assert_string_equal(getenv("TERMINFO"), "/somewhere");
    sigaction(SIGTERM, NULL, &now);
    assert_ptr_equal(now.sa_handler, handler);
    sigaction(SIGTSTP, NULL, &now);
    assert_ptr_equal(now.sa_handler, SIG_DFL);
    stop(&s);
    signal(SIGTERM, SIG_DFL);
    unsetenv("TERMINFO");
}

static void test_two_surfaces_do_not_mix(void **state)
{
    struct shown a = start(false, true), b = start(true, true);
    (void)state;
    frame_text(a.frame, 0, 0, 9, (struct style){0}, STR("first"));
    frame_text(b.frame, 0, 0, 9, (struct style){0}, STR("second"));
    flush(&a);
    flush(&b);
    assert_int_equal(cp_at(&a, 0, 0), 'f');
    assert_int_equal(cp_at(&b, 0, 0), 's');
    /* A resize of one surface leaves the other whole (ncurses 6.5), or says so (6.4). */
    assert_false(frame_lost(b.frame));
    frame_resize(a.frame, 10, 4);
    if (frame_lost(b.frame))
        frame_text(b.frame, 0, 0, 9, (struct style){0}, STR("second"));
    assert_false(frame_lost(b.frame));
    frame_text(b.frame, ROWS - 1, COLS - 4, 4, (struct style){0}, STR("last"));
    frame_invalidate(b.frame);
    vt_feed(b.vt, STR("\033[2J"));
    flush(&b);
    assert_int_equal(cp_at(&b, 0, 0), 's');
    assert_int_equal(cp_at(&b, ROWS - 1, COLS - 1), 't');
    /* Nor does its end. */
    stop(&a);
    frame_text(b.frame, 1, 0, 9, (struct style){0}, STR("third"));
    flush(&b);
    assert_int_equal(cp_at(&b, 1, 0), 't');
    stop(&b);
}

static void test_unknown_terminal_type_is_an_error(void **state)
{
    struct frame_config config = {.term = "no-such-terminal"};
    struct err err;
    (void)state;
    assert_null(frame_new(&config, 80, 24, &err));
    assert_non_null(strstr(err.msg, "no-such-terminal"));
}

static void test_nearest_colours(void **state)
{
    (void)state;
    assert_int_equal(color_rgb_to_256(0x000000), 16);
    assert_int_equal(color_rgb_to_256(0xffffff), 231);
    assert_int_equal(color_rgb_to_256(0x808080), 244);
    for (int i = 16; i < 256; i++)
        assert_int_equal(color_256_rgb(color_rgb_to_256(color_256_rgb(i))), color_256_rgb(i));
    assert_int_equal(color_256_to(196, 8), 1);
    assert_int_equal(color_256_to(196, 16), 9);
    assert_int_equal(color_256_to(12, 8), 4);
    assert_int_equal(color_map(VT_COLOR_RGB(0, 0, 5), 256, 1), 0x105);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_unchanged_surface_gives_no_byte),
            cmocka_unit_test(test_one_changed_cell_costs_few_bytes),
            cmocka_unit_test(test_text_arrives_with_wide_and_combining_characters),
            cmocka_unit_test(test_cell_of_doubtful_width_moves_nothing),
            cmocka_unit_test(test_true_colour_and_palette_pass_where_the_terminal_has_them),
            cmocka_unit_test(test_true_colour_is_reduced_elsewhere),
            cmocka_unit_test(test_more_pens_than_numbers_still_draw),
            cmocka_unit_test(test_every_attribute_arrives_where_the_terminal_has_it),
            cmocka_unit_test(test_underline_styles_are_plain_lines_elsewhere),
            cmocka_unit_test(test_a_cluster_is_drawn_whole_where_the_terminal_joins),
            cmocka_unit_test(test_elsewhere_only_what_cannot_grow_is_drawn),
            cmocka_unit_test(test_chrome_text_holds_no_joiner),
            cmocka_unit_test(test_any_change_of_any_characters_arrives),
            cmocka_unit_test(test_mono_chrome_keeps_the_panes_colours),
            cmocka_unit_test(test_lines_are_ascii_without_utf8),
            cmocka_unit_test(test_resize_paints_everything_again),
            cmocka_unit_test(test_synchronized_updates_only_where_reported),
            cmocka_unit_test(test_leaving_restores_screen_cursor_and_shape),
            cmocka_unit_test(test_signals_and_environment_stay_ours),
            cmocka_unit_test(test_two_surfaces_do_not_mix),
            cmocka_unit_test(test_unknown_terminal_type_is_an_error),
            cmocka_unit_test(test_nearest_colours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
