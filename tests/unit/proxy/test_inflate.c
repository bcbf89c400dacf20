/*
 * test_inflate.c - every coding at every cut, of any length; bombs and broken bodies end the
 * looking, and it is told.
 */
#include "proxy/inflate.h"

#include "unit/check.h"

#include <zlib.h>
#include <zstd.h>

#include "base/limits.h"
#include "base/mem.h"

static const char TEXT[] =
        "{\"type\":\"message\",\"model\":\"claude-opus-4-1\",\"stop_reason\":\"end_turn\","
        "\"usage\":{\"input_tokens\":11,\"output_tokens\":7}}";

/* TEXT by another implementation's encoder. */
static const unsigned char BROTLI_TEXT[] = {0x1b, 0x72, 0x00, 0x60, 0x8c, 0xd3, 0x15, 0xf7,
        0xa2, 0xbc, 0x4c, 0x32, 0x10, 0xb7, 0xa5, 0xbe, 0xfe, 0x70, 0x10, 0x6c, 0xf1, 0x88,
        0xb7, 0x89, 0x17, 0xae, 0x49, 0x2c, 0x16, 0x1d, 0x9d, 0x9c, 0xe9, 0x81, 0xf0, 0xdb,
        0xed, 0xd8, 0x17, 0x05, 0x16, 0x58, 0x20, 0x1e, 0x78, 0xc8, 0xb2, 0x90, 0x04, 0x76,
        0xfc, 0x00, 0x6f, 0x62, 0x05, 0xa4, 0x3c, 0x48, 0x9f, 0xed, 0xfa, 0x90, 0xd8, 0x37,
        0xa5, 0x88, 0x82, 0x3c, 0xb1, 0x8d, 0x7a, 0x93, 0xb1, 0xdc, 0x26, 0x08, 0x00, 0x1b,
        0x3e, 0x2a, 0x65, 0xe7, 0x30, 0x0d, 0xa8, 0x22, 0x8e, 0xaa, 0xfe, 0x0f};
/* 50 MiB of spaces, with a window of 16 MiB. */
static const unsigned char BROTLI_BOMB[] = {0xcf, 0xff, 0xff, 0x7f, 0xf8, 0x25, 0x40, 0xe2,
        0xb1, 0x40, 0x20, 0xf7, 0xfe, 0x9f, 0xff, 0xff, 0xff, 0xf0, 0x4b, 0x00, 0xc4, 0x61,
        0x01, 0x80, 0xee, 0xfd, 0x3f, 0xff, 0xff, 0xff, 0xe1, 0x97, 0x00, 0x88, 0xc3, 0x22,
        0x00, 0xdd, 0xfb, 0xff, 0xfc, 0xff, 0xff, 0xc0, 0x2f, 0x01, 0x10, 0x87, 0x05, 0x00,
        0xba, 0xf7, 0x1f};

static void collect(void *ctx, struct str piece)
{
    assert_true(piece.n > 0 && piece.n <= 16384);
    buf_append_str(ctx, piece);
}

static void count(void *ctx, struct str piece)
{
    *(size_t *)ctx += piece.n;
}

/* `bits` as inflateInit2() has them. */
static void put_zlib(struct buf *to, struct str text, int bits)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t room = deflateBound(&z, text.n) + 64;
    z.next_in = (Bytef *)(uintptr_t)text.p;
    z.avail_in = (uInt)text.n;
    z.next_out = (Bytef *)buf_reserve(to, room);
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_commit(to, room - z.avail_out);
    deflateEnd(&z);
}

static void put_zstd(struct buf *to, struct str text)
{
    size_t room = ZSTD_compressBound(text.n);
    size_t n = ZSTD_compress(buf_reserve(to, room), room, text.p, text.n, 3);
    assert_false(ZSTD_isError(n));
    buf_commit(to, n);
}

/* Flushed after `first` bytes of the text, as servers of event streams do. Returns how long
 * that part is. */
static size_t put_flushed(struct buf *to, const char *coding, struct str text, size_t first)
{
    size_t room = 65536, half;
    char *out = buf_reserve(to, room);
    if (strcmp(coding, "zstd") == 0) {
        ZSTD_CStream *z = ZSTD_createCStream();
        ZSTD_inBuffer in = {text.p, first, 0};
        ZSTD_outBuffer to_out = {out, room, 0};
        assert_int_equal(ZSTD_compressStream2(z, &to_out, &in, ZSTD_e_flush), 0);
        half = to_out.pos;
        in.size = text.n;
        assert_int_equal(ZSTD_compressStream2(z, &to_out, &in, ZSTD_e_end), 0);
        ZSTD_freeCStream(z);
        buf_commit(to, to_out.pos);
        return half;
    }
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text.p, .avail_in = (uInt)first};
    int bits = strcmp(coding, "gzip") == 0 ? 15 + 16 : 15;
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    half = z.total_out;
    z.avail_in = (uInt)(text.n - first);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_commit(to, z.total_out);
    deflateEnd(&z);
    return half;
}

static void check(const char *coding, struct str in, struct str want)
{
    for (size_t a = 0; a <= in.n + 1; a++) {
        struct inflate *inflate = inflate_new(str_of(coding));
        struct buf got = BUF_INIT;
        assert_non_null(inflate);
        for (size_t at = 0; at < in.n;) {
            size_t n = a > in.n ? 1 : at < a ? a : in.n - a;
            (void)inflate_feed(inflate, (struct str){in.p + at, n}, collect, &got);
            at += n;
        }
        assert_true(str_eq(buf_str(&got), want));
        buf_release(&got);
        inflate_free(inflate);
    }
}

static void test_every_coding_at_every_cut(void **state)
{
    struct buf in = BUF_INIT;
    (void)state;
    put_zlib(&in, str_of(TEXT), 15 + 16);
    check("gzip", buf_str(&in), str_of(TEXT));
    check(" X-GZIP ", buf_str(&in), str_of(TEXT));
    buf_clear(&in);
    put_zlib(&in, str_of(TEXT), 15);
    check("deflate", buf_str(&in), str_of(TEXT));
    buf_clear(&in);
    put_zlib(&in, str_of(TEXT), -15);
    check("Deflate", buf_str(&in), str_of(TEXT));
    buf_clear(&in);
    put_zstd(&in, str_of(TEXT));
    check("zstd", buf_str(&in), str_of(TEXT));
    check("br", (struct str){(const char *)BROTLI_TEXT, sizeof(BROTLI_TEXT)}, str_of(TEXT));
    buf_release(&in);
}

static void test_members_of_a_gzip_body_follow_each_other(void **state)
{
    struct buf in = BUF_INIT;
    (void)state;
    put_zlib(&in, STR("one "), 15 + 16);
    put_zlib(&in, STR("two"), 15 + 16);
    check("gzip", buf_str(&in), STR("one two"));
    buf_puts(&in, "and what is no gzip");
    check("gzip", buf_str(&in), STR("one two"));
    buf_release(&in);
}

static void test_what_follows_a_whole_body_is_its_end_and_not_lost(void **state)
{
    static const char *const codings[] = {"gzip", "deflate", "zstd", "br"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct buf in = BUF_INIT, got = BUF_INIT;
        if (i < 2)
            put_zlib(&in, str_of(TEXT), i == 0 ? 15 + 16 : 15);
        else if (i == 2)
            put_zstd(&in, str_of(TEXT));
        else
            buf_append(&in, BROTLI_TEXT, sizeof(BROTLI_TEXT));
        struct inflate *inflate = inflate_new(str_of(codings[i]));
        assert_true(inflate_feed(inflate, buf_str(&in), collect, &got) != INFLATE_LOST);
        assert_int_equal(
                inflate_feed(inflate, STR("and no such thing"), collect, &got), INFLATE_END);
        assert_true(str_eq(buf_str(&got), str_of(TEXT)));
        inflate_free(inflate);
        buf_release(&in);
        buf_release(&got);
    }
}

/* What comes out fills the decoder's buffer (16 KiB) at the end of a piece: there may be more
 * in it, there is not, and the body goes on. */
static void test_a_full_buffer_at_the_end_of_a_piece_is_not_the_end(void **state)
{
    static const char *const codings[] = {"gzip", "deflate", "zstd"};
    char text[3 * 16384];
    (void)state;
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < 3; i++) {
        struct buf in = BUF_INIT, got = BUF_INIT;
        size_t half = put_flushed(&in, codings[i], (struct str){text, sizeof(text)}, 16384);
        struct inflate *inflate = inflate_new(str_of(codings[i]));
        assert_int_equal(
                inflate_feed(inflate, (struct str){buf_data(&in), half}, collect, &got),
                INFLATE_MORE);
        assert_int_equal(buf_len(&got), 16384);
        (void)inflate_feed(inflate, (struct str){buf_data(&in) + half, buf_len(&in) - half},
                collect, &got);
        assert_true(str_eq(buf_str(&got), (struct str){text, sizeof(text)}));
        inflate_free(inflate);
        buf_release(&in);
        buf_release(&got);
    }
}

static void test_lists_and_unknown_codings_are_not_looked_at(void **state)
{
    static const char *const codings[] = {
            "", "identity", "gzip, gzip", "gzip,br", "compress", "gzipx", "zstd;q=1"};
    (void)state;
    for (size_t i = 0; i < sizeof(codings) / sizeof(*codings); i++)
        assert_null(inflate_new(str_of(codings[i])));
}

static void test_a_cut_body_gives_what_there_was_and_a_broken_one_ends_it(void **state)
{
    static const char *const codings[] = {"gzip", "deflate", "br", "zstd"};
    struct buf in = BUF_INIT, got = BUF_INIT;
    (void)state;
    put_zlib(&in, str_of(TEXT), 15 + 16);
    struct inflate *inflate = inflate_new(STR("gzip"));
    struct str cut = {buf_data(&in), buf_len(&in) - 12};
    assert_int_equal(inflate_feed(inflate, cut, collect, &got), INFLATE_MORE);
    assert_true(str_starts(str_of(TEXT), buf_str(&got)) && buf_len(&got) > 20);
    inflate_free(inflate);
    for (size_t i = 0; i < 4; i++) {
        inflate = inflate_new(str_of(codings[i]));
        buf_clear(&got);
        for (int k = 0; k < 100; k++)
            (void)inflate_feed(
                    inflate, STR("\xff this is not \x01\x02 compressed \xff"), collect, &got);
        assert_int_equal(inflate_feed(inflate, STR("x"), collect, &got), INFLATE_LOST);
        inflate_free(inflate);
    }
    buf_release(&in);
    buf_release(&got);
}

static void check_bomb(const char *coding, struct str in)
{
    struct inflate *inflate = inflate_new(str_of(coding));
    size_t out = 0;
    assert_int_equal(inflate_feed(inflate, in, count, &out), INFLATE_LOST);
    assert_true(out <= (1u << 20) + in.n * LIMIT_INFLATE_RATIO + 16384);
    assert_int_equal(inflate_feed(inflate, in, count, &out), INFLATE_LOST);
    inflate_free(inflate);
}

static void test_a_bomb_is_not_watched_to_its_end(void **state)
{
    size_t size = 50u << 20;
    char *zeros = xcalloc(1, size);
    struct buf in = BUF_INIT;
    (void)state;
    put_zlib(&in, (struct str){zeros, size}, 15 + 16);
    check_bomb("gzip", buf_str(&in));
    buf_clear(&in);
    put_zstd(&in, (struct str){zeros, size});
    check_bomb("zstd", buf_str(&in));
    check_bomb("br", (struct str){(const char *)BROTLI_BOMB, sizeof(BROTLI_BOMB)});
    buf_release(&in);
    free(zeros);
}

static void test_a_body_of_any_length_is_looked_at(void **state)
{
    struct inflate *inflate = inflate_new(STR("gzip"));
    struct buf in = BUF_INIT;
    size_t out = 0;
    uint32_t random = 1;
    char text[40960];
    (void)state;
    /* Compresses about twenty times, which is within the ratio. */
    for (size_t i = 0; i < sizeof(text); i++) {
        random = random * 1664525 + 1013904223;
        text[i] = i % 20 < 19 ? 'a' : (char)(random >> 24);
    }
    put_zlib(&in, (struct str){text, sizeof(text)}, 15 + 16);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(inflate_feed(inflate, buf_str(&in), count, &out), INFLATE_MORE);
    assert_int_equal(out, 5000 * sizeof(text)); /* 200 MB */
    inflate_free(inflate);
    buf_release(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_every_coding_at_every_cut),
            cmocka_unit_test(test_members_of_a_gzip_body_follow_each_other),
            cmocka_unit_test(test_what_follows_a_whole_body_is_its_end_and_not_lost),
            cmocka_unit_test(test_a_full_buffer_at_the_end_of_a_piece_is_not_the_end),
            cmocka_unit_test(test_lists_and_unknown_codings_are_not_looked_at),
            cmocka_unit_test(test_a_cut_body_gives_what_there_was_and_a_broken_one_ends_it),
            cmocka_unit_test(test_a_bomb_is_not_watched_to_its_end),
            cmocka_unit_test(test_a_body_of_any_length_is_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
