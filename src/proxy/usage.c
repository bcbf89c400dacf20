/*
 * usage.c - which members of which dialect mean what.
 *
 * One table, compared with the path of each value that the scanner tells. Streams and whole
 * bodies differ only by a wrapper ("message", "delta", "response", an array), which is taken
 * off first. A later count replaces an earlier one, because all three providers repeat sums.
 * Only a WebSocket carries several responses one after the other: "response.created" begins
 * the next one there.
 *
 * Blocks: no. Owns: the copy of one event.
 */
#include "proxy/usage.h"

/* No answer has so many; keeps the arithmetic on costs inside 64 bits. */
#define COUNT_MAX UINT64_C(1000000000)
/* A longer event is read at once, so that none is kept. */
#define LATER_MAX 65536

enum {
    N_MESSAGE = 1,
    N_DELTA,
    N_RESPONSE,
    N_TYPE,
    N_MODEL,
    N_USAGE,
    N_STOP_REASON,
    N_INPUT,
    N_OUTPUT,
    N_CACHE_READ,
    N_CACHE_WRITE,
    N_PROMPT,
    N_COMPLETION,
    N_PROMPT_DETAILS,
    N_INPUT_DETAILS,
    N_CACHED,
    N_CHOICES,
    N_FINISH,
    N_STATUS,
    N_INCOMPLETE,
    N_REASON,
    N_ERROR,
    N_G_USAGE,
    N_G_PROMPT,
    N_G_TOOLS,
    N_G_CANDIDATES,
    N_G_THOUGHTS,
    N_G_CACHED,
    N_G_CHOICES,
    N_G_FINISH,
    N_G_MODEL,
    NAMES
};

#define NAME(number, text) [(number)-1] = {text, sizeof(text) - 1}

static const struct str names[NAMES] = {
        NAME(N_MESSAGE, "message"),
        NAME(N_DELTA, "delta"),
        NAME(N_RESPONSE, "response"),
        NAME(N_TYPE, "type"),
        NAME(N_MODEL, "model"),
        NAME(N_USAGE, "usage"),
        NAME(N_STOP_REASON, "stop_reason"),
        NAME(N_INPUT, "input_tokens"),
        NAME(N_OUTPUT, "output_tokens"),
        NAME(N_CACHE_READ, "cache_read_input_tokens"),
        NAME(N_CACHE_WRITE, "cache_creation_input_tokens"),
        NAME(N_PROMPT, "prompt_tokens"),
        NAME(N_COMPLETION, "completion_tokens"),
        NAME(N_PROMPT_DETAILS, "prompt_tokens_details"),
        NAME(N_INPUT_DETAILS, "input_tokens_details"),
        NAME(N_CACHED, "cached_tokens"),
        NAME(N_CHOICES, "choices"),
        NAME(N_FINISH, "finish_reason"),
        NAME(N_STATUS, "status"),
        NAME(N_INCOMPLETE, "incomplete_details"),
        NAME(N_REASON, "reason"),
        NAME(N_ERROR, "error"),
        NAME(N_G_USAGE, "usageMetadata"),
        NAME(N_G_PROMPT, "promptTokenCount"),
        NAME(N_G_TOOLS, "toolUsePromptTokenCount"),
        NAME(N_G_CANDIDATES, "candidatesTokenCount"),
        NAME(N_G_THOUGHTS, "thoughtsTokenCount"),
        NAME(N_G_CACHED, "cachedContentTokenCount"),
        NAME(N_G_CHOICES, "candidates"),
        NAME(N_G_FINISH, "finishReason"),
        NAME(N_G_MODEL, "modelVersion"),
};

/* What a value is, beside a count. */
enum { IS_MODEL = USAGE_COUNTS, IS_STOP, IS_STATUS, IS_TYPE };

struct meaning {
    uint8_t is;
    uint8_t steps; /* 0: the list ends */
    uint8_t path[3];
};

#define ITEM JSON_TAP_ITEM

static const struct meaning meanings[][12] = {
        [API_ANTHROPIC] =
                {
                        {IS_MODEL, 1, {N_MODEL}},
                        {IS_STOP, 1, {N_STOP_REASON}},
                        {COUNT_INPUT, 2, {N_USAGE, N_INPUT}},
                        {COUNT_OUTPUT, 2, {N_USAGE, N_OUTPUT}},
                        {COUNT_CACHE_READ, 2, {N_USAGE, N_CACHE_READ}},
                        {COUNT_CACHE_WRITE, 2, {N_USAGE, N_CACHE_WRITE}},
                },
        [API_OPENAI] =
                {
                        {IS_TYPE, 1, {N_TYPE}},
                        {IS_MODEL, 1, {N_MODEL}},
                        {IS_STATUS, 1, {N_STATUS}},
                        {IS_STOP, 2, {N_INCOMPLETE, N_REASON}},
                        {IS_STOP, 3, {N_CHOICES, ITEM, N_FINISH}},
                        {COUNT_INPUT, 2, {N_USAGE, N_INPUT}},
                        {COUNT_OUTPUT, 2, {N_USAGE, N_OUTPUT}},
                        {COUNT_CACHE_READ, 3, {N_USAGE, N_INPUT_DETAILS, N_CACHED}},
                        {COUNT_INPUT, 2, {N_USAGE, N_PROMPT}},
                        {COUNT_OUTPUT, 2, {N_USAGE, N_COMPLETION}},
                        {COUNT_CACHE_READ, 3, {N_USAGE, N_PROMPT_DETAILS, N_CACHED}},
                },
        [API_GOOGLE] =
                {
                        {IS_MODEL, 1, {N_G_MODEL}},
                        {IS_STOP, 3, {N_G_CHOICES, ITEM, N_G_FINISH}},
                        {COUNT_INPUT, 2, {N_G_USAGE, N_G_PROMPT}},
                        {COUNT_INPUT_TOOLS, 2, {N_G_USAGE, N_G_TOOLS}},
                        {COUNT_OUTPUT, 2, {N_G_USAGE, N_G_CANDIDATES}},
                        {COUNT_OUTPUT_THOUGHTS, 2, {N_G_USAGE, N_G_THOUGHTS}},
                        {COUNT_CACHE_READ, 2, {N_G_USAGE, N_G_CACHED}},
                },
        [API_NONE] = {{0}},
};

static void on_value(
        void *ctx, const uint8_t *path, size_t steps, enum json_tap_kind kind, struct str text);

void usage_reader_init(struct usage_reader *reader, enum api_kind dialect)
{
    reader->dialect = dialect;
    reader->usage = (struct usage)USAGE_INIT;
    reader->started = false;
    reader->last = (struct buf)BUF_INIT;
    memset(reader->now, 0, sizeof(reader->now));
    memset(reader->before, 0, sizeof(reader->before));
    json_tap_init(&reader->tap, names, on_value, reader);
}

/* Events are many and nearly all hold a piece of text only; reading each would cost as much
 * as a fifth of proxying it. What follows finds the few that matter by one look. */
enum worth { WORTH_NOTHING, WORTH_LATER /* unless another comes */, WORTH_READING };

static enum worth worth_of_name(enum api_kind dialect, struct str name)
{
    bool dull = false;
    if (dialect == API_ANTHROPIC)
        dull = str_starts(name, STR("content_block_")) || str_eq(name, STR("ping"));
    else if (dialect == API_OPENAI)
        dull = str_ends(name, STR(".delta")) || str_ends(name, STR(".added")) ||
               (str_ends(name, STR(".done")) && !str_eq(name, STR("response.done")));
    return dull ? WORTH_NOTHING : WORTH_READING;
}

/* The first member of that name (with its quotes): has it a value other than null? *data is
 * what comes from there on. Text in which the name occurs has its quotes escaped. */
enum member { MEMBER_ABSENT, MEMBER_NULL, MEMBER_SET };

static enum member look_for(struct str *data, struct str name)
{
    const char *at = memmem(data->p, data->n, name.p, name.n), *end = data->p + data->n;
    if (!at)
        return MEMBER_ABSENT;
    at += name.n;
    while (at < end && (*at == ' ' || *at == ':'))
        at++;
    *data = (struct str){at, (size_t)(end - at)};
    return at < end && *at == 'n' ? MEMBER_NULL : MEMBER_SET;
}

static enum worth worth_of_data(enum api_kind dialect, struct str data)
{
    switch (dialect) {
    case API_OPENAI:
        /* Pieces of text have it as null, and no object behind it. The counts come with the
         * reason, without choices, or, from others that speak this dialect, as an object
         * behind a null. */
        return look_for(&data, STR("\"finish_reason\"")) == MEMBER_NULL &&
                               !memchr(data.p, '{', data.n)
                       ? WORTH_NOTHING
                       : WORTH_READING;
    case API_GOOGLE:
        /* All have counts so far; those of the last hold. */
        return look_for(&data, STR("\"finishReason\"")) == MEMBER_ABSENT ? WORTH_LATER
                                                                         : WORTH_READING;
    case API_ANTHROPIC:
    case API_NONE:
        break;
    }
    return WORTH_READING;
}

static void read_text(struct usage_reader *reader, struct str data)
{
    json_tap_reset(&reader->tap);
    (void)json_tap_feed(&reader->tap, data);
}

void usage_reader_event(struct usage_reader *reader, struct str name, struct str data)
{
    /* The first one names the model. */
    enum worth worth = !reader->started ? WORTH_READING
                       : name.n > 0     ? worth_of_name(reader->dialect, name)
                                        : worth_of_data(reader->dialect, data);
    if (worth == WORTH_NOTHING)
        return;
    reader->started = true;
    if (reader->last.p)
        buf_clear(&reader->last);
    if (worth == WORTH_LATER && data.n <= LATER_MAX)
        buf_append_str(&reader->last, data);
    else
        read_text(reader, data);
}

void usage_reader_message(struct usage_reader *reader, struct str data)
{
    /* The type comes first; if it does not, the message is read for nothing. */
    struct str head = {data.p, data.n < 64 ? data.n : 64};
    if (!memmem(head.p, head.n, ".delta\"", 7))
        read_text(reader, data);
}

void usage_reader_body(struct usage_reader *reader, struct str piece)
{
    (void)json_tap_feed(&reader->tap, piece);
}

static uint64_t clamp(uint64_t n)
{
    return n < COUNT_MAX ? n : COUNT_MAX;
}

static void get(const struct usage_reader *reader, struct usage *ret)
{
    uint64_t n[USAGE_COUNTS];
    for (int i = 0; i < USAGE_COUNTS; i++)
        n[i] = clamp(reader->before[i] + reader->now[i]);
    *ret = reader->usage;
    ret->input_tokens = clamp(n[COUNT_INPUT] + n[COUNT_INPUT_TOOLS]);
    ret->output_tokens = clamp(n[COUNT_OUTPUT] + n[COUNT_OUTPUT_THOUGHTS]);
    ret->cache_read_tokens = n[COUNT_CACHE_READ];
    ret->cache_write_tokens = n[COUNT_CACHE_WRITE];
    /* Anthropic counts what came out of the cache beside the input, the others as part of it.
     */
    if (reader->dialect != API_ANTHROPIC)
        ret->input_tokens -= ret->cache_read_tokens < ret->input_tokens ? ret->cache_read_tokens
                                                                        : ret->input_tokens;
}

void usage_reader_end(struct usage_reader *reader, struct usage *ret)
{
    if (buf_len(&reader->last) > 0)
        read_text(reader, buf_str(&reader->last));
    buf_release(&reader->last);
    if (ret)
        get(reader, ret);
}

static void next_response(struct usage_reader *reader)
{
    for (int i = 0; i < USAGE_COUNTS; i++)
        reader->before[i] = clamp(reader->before[i] + reader->now[i]);
    memset(reader->now, 0, sizeof(reader->now));
}

static void set_text(char *to, size_t cap, struct str text)
{
    if (text.n > 0)
        (void)str_vis(to, cap, text);
}

/* A status tells how it ended, unless it has not or the reason is known better. */
static bool is_final(struct str status, const struct usage *usage)
{
    return !str_eq(status, STR("in_progress")) && !str_eq(status, STR("queued")) &&
           !(str_eq(status, STR("incomplete")) && usage->stop_reason[0]);
}

static void take(struct usage_reader *reader, int is, enum json_tap_kind kind, struct str text)
{
    struct usage *usage = &reader->usage;
    uint64_t n;
    if (is < USAGE_COUNTS) {
        if (kind != JSON_TAP_WORD || !str_u64(text, COUNT_MAX, &n))
            return;
        reader->now[is] = n;
        usage->seen = true;
        return;
    }
    if (kind != JSON_TAP_STRING)
        return;
    if (is == IS_MODEL)
        set_text(usage->model, sizeof(usage->model), text);
    else if (is == IS_STOP || (is == IS_STATUS && is_final(text, usage)))
        set_text(usage->stop_reason, sizeof(usage->stop_reason), text);
    else if (is == IS_TYPE && str_eq(text, STR("response.created")))
        next_response(reader);
    else if (is == IS_TYPE && str_eq(text, STR("error")))
        usage->failed = true;
}

/* What streams wrap around that which a whole body is. */
static bool is_wrapper(enum api_kind dialect, uint8_t step)
{
    switch (dialect) {
    case API_ANTHROPIC:
        return step == N_MESSAGE || step == N_DELTA;
    case API_OPENAI:
        return step == N_RESPONSE;
    case API_GOOGLE:
        return step == ITEM;
    case API_NONE:
        break;
    }
    return false;
}

static void on_value(
        void *ctx, const uint8_t *path, size_t steps, enum json_tap_kind kind, struct str text)
{
    struct usage_reader *reader = ctx;
    if (steps > 1 && is_wrapper(reader->dialect, path[0])) {
        path++;
        steps--;
    }
    if (steps == 0)
        return;
    if (path[0] == N_ERROR && kind != JSON_TAP_NULL)
        reader->usage.failed = true;
    if (path[steps - 1] == JSON_TAP_OTHER)
        return;
    for (const struct meaning *m = meanings[reader->dialect]; m->steps > 0; m++) {
        if (m->steps == steps && memcmp(m->path, path, steps) == 0) {
            take(reader, m->is, kind, text);
            return;
        }
    }
}
