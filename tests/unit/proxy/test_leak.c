/*
 * test_leak.c - a key never gets through, however the stream is cut; everything else does.
 */
#include "proxy/leak.h"

#include "unit/check.h"

static const char KEY[] = "sk-ant-api03-real0123456789abcdefXYZ";
static const char OTHER[] = "sk-ant-oat01-another-one";

struct stream {
    struct secret *keys[2];
    struct leak leak;
    struct buf got;
};

static void collect(void *ctx, struct str piece)
{
    assert_true(piece.n > 0);
    buf_append_str(ctx, piece);
}

static int up(void **state)
{
    struct stream *s = xcalloc(1, sizeof(*s));
    s->keys[0] = secret_new(KEY, strlen(KEY));
    s->keys[1] = secret_new(OTHER, strlen(OTHER));
    leak_add(&s->leak, s->keys[0]);
    leak_add(&s->leak, s->keys[1]);
    *state = s;
    return 0;
}

static int down(void **state)
{
    struct stream *s = *state;
    leak_release(&s->leak);
    secret_free(s->keys[0]);
    secret_free(s->keys[1]);
    buf_release(&s->got);
    free(s);
    return 0;
}

static void again(struct stream *s)
{
    leak_release(&s->leak);
    leak_add(&s->leak, s->keys[0]);
    leak_add(&s->leak, s->keys[1]);
    buf_clear(&s->got);
}

/* Feed `text` cut at both places. */
static int feed_cut(struct stream *s, struct str text, size_t a, size_t b)
{
    again(s);
    struct str parts[] = {{text.p, a}, {text.p + a, b - a}, {text.p + b, text.n - b}};
    int rc = 0;
    for (int i = 0; i < 3; i++)
        rc = leak_feed(&s->leak, parts[i], collect, &s->got);
    leak_finish(&s->leak, collect, &s->got);
    return rc;
}

static int feed_bytes(struct stream *s, struct str text)
{
    int rc = 0;
    again(s);
    for (size_t i = 0; i < text.n; i++)
        rc = leak_feed(&s->leak, (struct str){text.p + i, 1}, collect, &s->got);
    leak_finish(&s->leak, collect, &s->got);
    return rc;
}

static void test_a_key_is_found_at_every_pair_of_cuts_and_only_what_is_before_it_passes(
        void **state)
{
    struct stream *s = *state;
    struct str text =
            STR("sk-ant-s s sk-ant-api03-rea sk-ant-api03-real0123456789abcdefXYZ and "
                "more sk-ant-oat01-another-one");
    struct str before = STR("sk-ant-s s sk-ant-api03-rea ");

    for (size_t a = 0; a <= text.n; a++) {
        for (size_t b = a; b <= text.n; b++) {
            assert_int_equal(feed_cut(s, text, a, b), -1);
            assert_true(str_eq(buf_str(&s->got), before));
        }
    }
    assert_int_equal(feed_bytes(s, text), -1);
    assert_true(str_eq(buf_str(&s->got), before));
}

static void test_the_second_key_is_found_too(void **state)
{
    struct stream *s = *state;
    struct str text = STR("{\"k\":\"sk-ant-oat01-another-one\"}");

    for (size_t a = 0; a <= text.n; a++) {
        assert_int_equal(feed_cut(s, text, a, text.n), -1);
        assert_true(str_eq(buf_str(&s->got), STR("{\"k\":\"")));
    }
}

static void test_text_that_nearly_is_a_key_passes_unchanged_at_every_cut(void **state)
{
    struct stream *s = *state;
    struct str text =
            STR("sk-ant-api03-real0123456789abcdefXY sk-ant-sk-ant-api03-sk-ant-oat01-anothe"
                "xsk-ant-api03-real0123456789abcdefXYz 0123456789abcdefXYZ sk-ant-api03-real");

    for (size_t a = 0; a <= text.n; a++) {
        for (size_t b = a; b <= text.n; b++) {
            assert_int_equal(feed_cut(s, text, a, b), 0);
            assert_true(str_eq(buf_str(&s->got), text));
        }
    }
    assert_int_equal(feed_bytes(s, text), 0);
    assert_true(str_eq(buf_str(&s->got), text));
}

static void test_clean_means_that_feed_would_pass_it_on_whole(void **state)
{
    struct stream *s = *state;

    assert_true(leak_is_clean(&s->leak, STR("event: ping\n\n")));
    assert_true(leak_is_clean(&s->leak, STR("")));
    assert_true(leak_is_clean(&s->leak, STR("sk-ant-api03-other")));
    assert_false(leak_is_clean(&s->leak, STR("ends with s")));
    assert_false(leak_is_clean(&s->leak, STR("ends with sk-ant-api03-re")));
    assert_false(leak_is_clean(&s->leak, STR("x sk-ant-oat01-another-one x")));
    assert_int_equal(leak_feed(&s->leak, STR("words"), collect, &s->got), 0);
    assert_true(str_eq(buf_str(&s->got), STR("word")));
    assert_false(leak_is_clean(&s->leak, STR("event: ping\n\n")));
    assert_int_equal(leak_feed(&s->leak, STR("\n"), collect, &s->got), 0);
    assert_true(leak_is_clean(&s->leak, STR("event: ping\n\n")));
}

static void test_after_a_key_nothing_passes_any_more(void **state)
{
    struct stream *s = *state;

    assert_int_equal(leak_feed(&s->leak, str_of(KEY), collect, &s->got), -1);
    assert_int_equal(leak_feed(&s->leak, STR("harmless"), collect, &s->got), -1);
    assert_false(leak_is_clean(&s->leak, STR("harmless")));
    leak_finish(&s->leak, collect, &s->got);
    assert_int_equal(buf_len(&s->got), 0);
}

static void test_an_abort_passes_nothing_that_was_held_back(void **state)
{
    struct stream *s = *state;

    assert_int_equal(leak_feed(&s->leak, STR("x sk-ant-api03-real"), collect, &s->got), 0);
    leak_release(&s->leak);
    leak_finish(&s->leak, collect, &s->got);
    assert_true(str_eq(buf_str(&s->got), STR("x ")));
}

static void test_a_stream_without_keys_passes(void **state)
{
    struct stream *s = *state;
    leak_release(&s->leak);

    assert_true(leak_is_clean(&s->leak, str_of(KEY)));
    assert_int_equal(leak_feed(&s->leak, str_of(KEY), collect, &s->got), 0);
    assert_true(str_eq(buf_str(&s->got), str_of(KEY)));
}

static void test_a_long_token_whose_end_repeats_is_found_where_it_is_whole(void **state)
{
    struct stream *s = *state;
    char token[1500], text[5000];
    leak_release(&s->leak);
    for (size_t i = 0; i < sizeof(token); i++)
        token[i] = i < 900 ? (char)('a' + i % 23) : 'z';
    struct secret *secret = secret_new(token, sizeof(token));

    memset(text, 'z', sizeof(text));
    leak_add(&s->leak, secret);
    assert_true(leak_is_clean(&s->leak, (struct str){text, sizeof(text)}));
    memcpy(text + 2000, token, sizeof(token));
    assert_int_equal(leak_feed(&s->leak, (struct str){text, 2500}, collect, &s->got), 0);
    assert_int_equal(buf_len(&s->got), 2000);
    assert_int_equal(
            leak_feed(&s->leak, (struct str){text + 2500, 2500}, collect, &s->got), -1);
    assert_int_equal(buf_len(&s->got), 2000);
    leak_release(&s->leak);
    secret_free(secret);
}

static void test_what_is_too_short_to_be_a_secret_is_not_looked_for(void **state)
{
    (void)state;
    struct leak leak = LEAK_INIT;
    struct secret *any = secret_new("ollama", 6);
    leak_add(&leak, any);
    assert_true(leak_is_clean(&leak, STR("{\"owned_by\": \"ollama\"}")));
    assert_false(leak_has(&leak, STR("ollama")));
    leak_release(&leak);
    secret_free(any);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(test_a_key_is_found_at_every_pair_of_cuts_and_only_what_is_before_it_passes),
            TEST(test_the_second_key_is_found_too),
            TEST(test_text_that_nearly_is_a_key_passes_unchanged_at_every_cut),
            TEST(test_clean_means_that_feed_would_pass_it_on_whole),
            TEST(test_after_a_key_nothing_passes_any_more),
            TEST(test_an_abort_passes_nothing_that_was_held_back),
            TEST(test_a_stream_without_keys_passes),
            TEST(test_what_is_too_short_to_be_a_secret_is_not_looked_for),
            TEST(test_a_long_token_whose_end_repeats_is_found_where_it_is_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
