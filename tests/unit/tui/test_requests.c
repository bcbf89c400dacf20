/*
 * test_requests.c - the REQUESTS panel at the widths it gets: columns in line, nothing wraps,
 * what models took is there. The session is a stand-in with records of our own.
 */
#include "tui/view.h"

#include "unit/check.h"

#define COLS 170
#define ROWS 12

static const struct vt_cursor CURSOR = {.row = 0, .col = 0};
static const struct vt_ops NO_OPS;

static struct request_record records[3];
static bool has_prices = true;

unsigned session_request_count(const struct session *session)
{
    (void)session;
    return 3;
}

const struct request_record *session_request(const struct session *session, unsigned index)
{
    (void)session;
    return index < 3 ? &records[index] : NULL;
}

static void fill(void)
{
    records[0] = (struct request_record){.kind = "llm",
            .provider = "anthropic",
            .method = "POST",
            .host = "api.anthropic.com",
            .port = 443,
            .path = "/v1/messages",
            .status = 200,
            .total_ms = 8123,
            .bytes_up = 52000,
            .bytes_down = 8000,
            .done = true,
            .inspected = true,
            .model = "claude-opus-4-1-20250805",
            .input_tokens = 4,
            .cache_read_tokens = 3196,
            .output_tokens = 812,
            .cost_micro = 107460};
    if (!has_prices)
        records[0].cost_micro = -1;
    records[1] = records[0];
    (void)str_copy(records[1].model, sizeof(records[1].model),
            STR("a-model-with-a-very-long-name-that-nobody-knows-the-price-of"));
    records[1].cost_micro = -1;
    records[1].input_tokens = 999999999;
    records[2] = (struct request_record){.kind = "http",
            .method = "GET",
            .host = "a.very.long.host.name.of.some.registry.example.com",
            .port = 443,
            .path = "/simple/a/very/long/path/that/does/not/fit",
            .status = 200,
            .total_ms = 95,
            .bytes_up = 0,
            .bytes_down = 123456};
}

/* The rows of the panel as text, with a mark behind its right edge. */
static void draw(int cols, char text[ROWS][COLS + 1])
{
    struct frame_config config = {.term = "xterm-256color", .utf8 = true};
    struct vt *vt = vt_new(COLS, ROWS, 0, &NO_OPS, NULL);
    struct buf out = BUF_INIT;
    struct err err;
    struct frame *frame = frame_new(&config, COLS, ROWS, &err);
    struct view view = {.ops = &v_requests_ops};
    struct view_env env = {.frame = frame, .session = (struct session *)&out, .kind = 0};

    assert_non_null(frame);
    fill();
    for (int row = 0; row < ROWS; row++)
        frame_text(frame, row, cols, 1, (struct style){0}, STR("#"));
    v_requests_ops.draw(&view, &env, (struct rect){0, 0, ROWS, cols});
    frame_end(frame, &CURSOR, &out);
    vt_feed(vt, buf_str(&out));
    for (int row = 0; row < ROWS; row++) {
        for (int col = 0; col < COLS; col++) {
            uint32_t cp = vt_row(vt, row)[col].cp;
            text[row][col] = cp >= ' ' && cp < 0x7f ? (char)cp : ' ';
        }
        text[row][COLS] = '\0';
        assert_int_equal(text[row][cols], '#');
        assert_int_equal(strspn(text[row] + cols + 1, " "), COLS - cols - 1);
    }
    frame_free(frame);
    vt_free(vt);
    buf_release(&out);
}

static void expect(const char *row, const char *part)
{
    if (!strstr(row, part))
        fail_msg("no '%s' in '%s'", part, row);
}

static void test_a_wide_panel_has_model_tokens_and_cost_in_columns(void **state)
{
    char text[ROWS][COLS + 1];
    (void)state;
    draw(120, text);
    expect(text[0], "/v1/messages");
    expect(text[0], "claude-opus-4-1-20250805");
    expect(text[0], "200   8.1k 3.2k/812   $0.107#");
    expect(text[1], "200   8.1k 999M/812         #");
    expect(text[2], "200     95          0   123k#");
    expect(text[ROWS - 1], "3 rows, 0 denied, 0 held  tok 1000M in 1.6k out  $0.107");
}

static void test_a_middle_panel_drops_the_model_a_small_one_the_cost(void **state)
{
    char text[ROWS][COLS + 1];
    (void)state;
    draw(76, text);
    expect(text[0], "POST    api.anthropic.");
    expect(text[0], "200   8.1k 3.2k/812   $0.107#");
    draw(36, text);
    expect(text[0], "POST messages.. 200");
    expect(text[0], "200  8.1k 4.0k#");
    expect(text[2], "200    95     #");
    draw(34, text);
    expect(text[0], "api.anthropic.com");
    expect(text[0], "200 #");
}

static void test_what_has_no_known_price_does_not_cost_nothing(void **state)
{
    char text[ROWS][COLS + 1];
    (void)state;
    has_prices = false;
    draw(120, text);
    has_prices = true;
    expect(text[ROWS - 1], "in 1.6k out");
    assert_null(strchr(text[ROWS - 1], '$'));
}

static void test_no_width_wraps_or_draws_outside(void **state)
{
    char text[ROWS][COLS + 1];
    (void)state;
    for (int cols = 20; cols < 160; cols++)
        draw(cols, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_a_wide_panel_has_model_tokens_and_cost_in_columns),
            cmocka_unit_test(test_a_middle_panel_drops_the_model_a_small_one_the_cost),
            cmocka_unit_test(test_what_has_no_known_price_does_not_cost_nothing),
            cmocka_unit_test(test_no_width_wraps_or_draws_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
