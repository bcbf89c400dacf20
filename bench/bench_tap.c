/*
 * bench_tap.c - what reading along costs: the key check and the usage tap.
 *
 *     bench_tap [MILLISECONDS]      per measurement, default 300; prints one JSON line
 *
 * sse_*_ns: one event of a stream, as each provider sends its pieces of text, in a piece of
 * its own. json_64k_us: a JSON body of 64 KiB; json_us: one of 500 bytes. stream_us: a tap for
 * a stream of ten events, from new to end. leak_gb_s: 16 KiB pieces without a key;
 * leak_event_ns: one event.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "proxy/leak.h"
#include "proxy/tap.h"

static const char anthropic[] =
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"type\":\"text_delta\",\"text\":\" the next few words\"}}\n\n";
static const char responses[] =
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
        "\"sequence_number\":17,\"item_id\":\"msg_68b0c2\",\"output_index\":0,"
        "\"content_index\":0,\"delta\":\" the next few words\",\"logprobs\":[]}\n\n";
static const char chat[] =
        "data: {\"id\":\"chatcmpl-9\",\"object\":\"chat.completion.chunk\",\"created\":1,"
        "\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" the next "
        "few words\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n";
static const char google[] =
        "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \" the next few words\"}"
        "],\"role\": \"model\"},\"index\": 0}],\"usageMetadata\": {\"promptTokenCount\": 9,"
        "\"candidatesTokenCount\": 20,\"totalTokenCount\": 29,\"promptTokensDetails\": [{"
        "\"modality\": \"TEXT\",\"tokenCount\": 9}]},\"modelVersion\": \"gemini-2.5-pro\","
        "\"responseId\": \"x\"}\n\n";

static const char answer[] =
        "{\"id\":\"msg_01000042\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
        "\"claude-sonnet-4-5\",\"content\":[{\"type\":\"text\",\"text\":\"A paragraph of an "
        "answer, with words as models write them when all that is wanted is a short one, of "
        "about two hundred bytes before it ends, and the counts come behind.\"}],"
        "\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":412,"
        "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":58,"
        "\"service_tier\":\"standard\"}}";

struct job {
    struct tap_config config;
    struct body_tap *tap; /* owns */
    struct leak *leak;    /* borrows */
    struct str in;
    size_t pieces;
    size_t taken;
};

static uint64_t span_ns = 300000000;

/* CPU time: what else runs on the machine does not count. */
static uint64_t cpu_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double per_call_ns(void (*fn)(struct job *), struct job *job)
{
    uint64_t start = cpu_ns(), calls = 0, now = start;
    while (now - start < span_ns) {
        for (int i = 0; i < 64; i++)
            fn(job);
        calls += 64;
        now = cpu_ns();
    }
    return (double)(now - start) / (double)calls;
}

static void feed(struct job *job)
{
    (void)body_tap_feed(job->tap, job->in);
}

static double stream_ns(enum api_kind dialect, const char *event)
{
    struct job job = {.in = str_of(event),
            .config = {.dialect = dialect, .content_type = STR("text/event-stream")}};
    job.tap = body_tap_new(&job.config);
    double ns = per_call_ns(feed, &job);
    body_tap_end(job.tap, NULL);
    return ns;
}

static void whole(struct job *job)
{
    struct usage usage = USAGE_INIT;
    struct body_tap *tap = body_tap_new(&job->config);
    for (size_t i = 0; i < job->pieces; i++)
        (void)body_tap_feed(tap, job->in);
    body_tap_end(tap, &usage);
    job->taken += usage.output_tokens;
}

static void check(struct job *job)
{
    job->taken += leak_is_clean(job->leak, job->in);
}

static void make_json(struct buf *to)
{
    buf_puts(to, "{\"type\":\"message\",\"content\":[");
    while (buf_len(to) < 65000)
        buf_puts(to,
                "{\"type\":\"text\",\"text\":\"A paragraph of an answer, with \\\"quotes\\\" "
                "and\\nlines, as models write them, of about two hundred bytes before the "
                "next one begins and the list goes on.\"},");
    buf_puts(to, "{}],\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}");
}

int main(int argc, char **argv)
{
    struct price_table prices;
    struct buf json = BUF_INIT;
    struct err err;
    uint64_t ms;
    if (argc > 1 && str_u64(str_of(argv[1]), 60000, &ms) && ms > 0)
        span_ns = ms * 1000000;
    if (price_table_load(&prices, STR(""), "", &err) < 0) {
        fprintf(stderr, "bench_tap: %s\n", err.msg);
        return 1;
    }
    make_json(&json);
    struct secret *key =
            secret_new("sk-ant-api03-0123456789abcdefghijklmnopqrstuvwxyz-0123456789"
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789abcdefgh-AA",
                    108);
    struct leak leak = LEAK_INIT;
    leak_add(&leak, key);
    struct job body = {.pieces = 1,
            .in = buf_str(&json),
            .config = {.dialect = API_ANTHROPIC,
                    .prices = &prices,
                    .content_type = STR("application/json")}};
    struct job brief = {.pieces = 1, .in = str_of(answer), .config = body.config};
    struct job stream = {.pieces = 10, .in = str_of(anthropic), .config = body.config};
    stream.config.content_type = STR("text/event-stream");
    struct job piece = {.leak = &leak, .in = {buf_data(&json), 16384}};
    struct job event = {.leak = &leak, .in = str_of(anthropic)};
    printf("{\"bench\":\"tap\",\"sse_anthropic_ns\":%.0f,\"sse_responses_ns\":%.0f,"
           "\"sse_chat_ns\":%.0f,\"sse_google_ns\":%.0f,",
            stream_ns(API_ANTHROPIC, anthropic), stream_ns(API_OPENAI, responses),
            stream_ns(API_OPENAI, chat), stream_ns(API_GOOGLE, google));
    printf("\"json_64k_us\":%.1f,\"json_us\":%.2f,\"stream_us\":%.2f,",
            per_call_ns(whole, &body) / 1000, per_call_ns(whole, &brief) / 1000,
            per_call_ns(whole, &stream) / 1000);
    printf("\"leak_gb_s\":%.1f,\"leak_event_ns\":%.0f}\n", 16384 / per_call_ns(check, &piece),
            per_call_ns(check, &event));
    leak_release(&leak);
    secret_free(key);
    price_table_release(&prices);
    buf_release(&json);
    return 0;
}
