/*
 * usage.c - which members of which dialect mean what.
 *
 * One table, compared with the path of each value that the scanner tells. Streams and whole
 * bodies differ only by a wrapper ("message", "delta", "response", an array), which is taken
 * off first. A later count replaces an earlier one, because all three providers repeat sums.
 * Only a WebSocket carries several responses one after the other: "response.created" begins
 * the next one there.
 *
 * Blocks: no. Owns: nothing.
 */
#include "proxy/usage.h"

/* No answer has so many; keeps the arithmetic on costs inside 64 bits. */
#define COUNT_MAX UINT64_C(1000000000)

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

#define NAME(number, text) [number - 1] = {text, sizeof(text) - 1}

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
    uint8_t dialect;
    uint8_t steps;
    uint8_t path[3];
    uint8_t is;
};

#define ITEM JSON_SCAN_ITEM

static const struct meaning meanings[] = {
        {USAGE_ANTHROPIC, 1, {N_MODEL}, IS_MODEL},
        {USAGE_ANTHROPIC, 1, {N_STOP_REASON}, IS_STOP},
        {USAGE_ANTHROPIC, 2, {N_USAGE, N_INPUT}, COUNT_INPUT},
        {USAGE_ANTHROPIC, 2, {N_USAGE, N_OUTPUT}, COUNT_OUTPUT},
        {USAGE_ANTHROPIC, 2, {N_USAGE, N_CACHE_READ}, COUNT_CACHE_READ},
        {USAGE_ANTHROPIC, 2, {N_USAGE, N_CACHE_WRITE}, COUNT_CACHE_WRITE},
        {USAGE_OPENAI, 1, {N_TYPE}, IS_TYPE},
        {USAGE_OPENAI, 1, {N_MODEL}, IS_MODEL},
        {USAGE_OPENAI, 1, {N_STATUS}, IS_STATUS},
        {USAGE_OPENAI, 2, {N_INCOMPLETE, N_REASON}, IS_STOP},
        {USAGE_OPENAI, 3, {N_CHOICES, ITEM, N_FINISH}, IS_STOP},
        {USAGE_OPENAI, 2, {N_USAGE, N_INPUT}, COUNT_INPUT},
        {USAGE_OPENAI, 2, {N_USAGE, N_OUTPUT}, COUNT_OUTPUT},
        {USAGE_OPENAI, 3, {N_USAGE, N_INPUT_DETAILS, N_CACHED}, COUNT_CACHE_READ},
        {USAGE_OPENAI, 2, {N_USAGE, N_PROMPT}, COUNT_INPUT},
        {USAGE_OPENAI, 2, {N_USAGE, N_COMPLETION}, COUNT_OUTPUT},
        {USAGE_OPENAI, 3, {N_USAGE, N_PROMPT_DETAILS, N_CACHED}, COUNT_CACHE_READ},
        {USAGE_GOOGLE, 1, {N_G_MODEL}, IS_MODEL},
        {USAGE_GOOGLE, 3, {N_G_CHOICES, ITEM, N_G_FINISH}, IS_STOP},
        {USAGE_GOOGLE, 2, {N_G_USAGE, N_G_PROMPT}, COUNT_INPUT},
        {USAGE_GOOGLE, 2, {N_G_USAGE, N_G_TOOLS}, COUNT_INPUT_TOOLS},
        {USAGE_GOOGLE, 2, {N_G_USAGE, N_G_CANDIDATES}, COUNT_OUTPUT},
        {USAGE_GOOGLE, 2, {N_G_USAGE, N_G_THOUGHTS}, COUNT_OUTPUT_THOUGHTS},
        {USAGE_GOOGLE, 2, {N_G_USAGE, N_G_CACHED}, COUNT_CACHE_READ},
};

static void on_value(void *ctx, const uint8_t *path, size_t steps, enum json_scan_kind kind,
        struct str text);

bool usage_dialect_parse(struct str word, enum usage_dialect *ret)
{
    static const char *const words[] = {[USAGE_NONE] = "none",
            [USAGE_ANTHROPIC] = "anthropic",
            [USAGE_OPENAI] = "openai",
            [USAGE_GOOGLE] = "google"};
    for (int i = 0; i < (int)(sizeof(words) / sizeof(*words)); i++) {
        if (str_eq(str_of(words[i]), word)) {
            *ret = (enum usage_dialect)i;
            return true;
        }
    }
    return false;
}

void usage_reader_init(struct usage_reader *reader, enum usage_dialect dialect)
{
    reader->dialect = dialect;
    reader->usage = (struct usage)USAGE_INIT;
    memset(reader->now, 0, sizeof(reader->now));
    memset(reader->before, 0, sizeof(reader->before));
    json_scan_init(&reader->scan, names, on_value, reader);
}

/* By its name, an event that holds nothing of interest: the many with a piece of text. */
static bool is_dull(const struct usage_reader *reader, struct str name)
{
    switch (reader->dialect) {
    case USAGE_ANTHROPIC:
        return str_starts(name, STR("content_block_")) || str_eq(name, STR("ping"));
    case USAGE_OPENAI:
        return str_ends(name, STR(".delta")) || str_ends(name, STR(".added")) ||
               (str_ends(name, STR(".done")) && !str_eq(name, STR("response.done")));
    case USAGE_GOOGLE:
    case USAGE_NONE:
        break;
    }
    return false;
}

void usage_reader_event(struct usage_reader *reader, struct str name, struct str data)
{
    if (is_dull(reader, name))
        return;
    json_scan_reset(&reader->scan);
    (void)json_scan_feed(&reader->scan, data);
}

void usage_reader_body(struct usage_reader *reader, struct str piece)
{
    (void)json_scan_feed(&reader->scan, piece);
}

static uint64_t clamp(uint64_t n)
{
    return n < COUNT_MAX ? n : COUNT_MAX;
}

void usage_reader_get(const struct usage_reader *reader, struct usage *ret)
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
    if (reader->dialect != USAGE_ANTHROPIC)
        ret->input_tokens -= ret->cache_read_tokens < ret->input_tokens ? ret->cache_read_tokens
                                                                        : ret->input_tokens;
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

static void take(struct usage_reader *reader, int is, enum json_scan_kind kind, struct str text)
{
    struct usage *usage = &reader->usage;
    uint64_t n;
    if (is < USAGE_COUNTS) {
        if (kind != JSON_SCAN_WORD || !str_u64(text, COUNT_MAX, &n))
            return;
        reader->now[is] = n;
        usage->seen = true;
        return;
    }
    if (kind != JSON_SCAN_STRING)
        return;
    if (is == IS_MODEL)
        set_text(usage->model, sizeof(usage->model), text);
    else if (is == IS_STOP)
        set_text(usage->stop_reason, sizeof(usage->stop_reason), text);
    else if (is == IS_TYPE && str_eq(text, STR("response.created")))
        next_response(reader);
    else if (is == IS_TYPE && str_eq(text, STR("error")))
        usage->failed = true;
    else if (is == IS_STATUS && is_final(text, usage))
        set_text(usage->stop_reason, sizeof(usage->stop_reason), text);
}

/* What streams wrap around that which a whole body is. */
static bool is_wrapper(enum usage_dialect dialect, uint8_t step)
{
    switch (dialect) {
    case USAGE_ANTHROPIC:
        return step == N_MESSAGE || step == N_DELTA;
    case USAGE_OPENAI:
        return step == N_RESPONSE;
    case USAGE_GOOGLE:
        return step == ITEM;
    case USAGE_NONE:
        break;
    }
    return false;
}

static void on_value(
        void *ctx, const uint8_t *path, size_t steps, enum json_scan_kind kind, struct str text)
{
    struct usage_reader *reader = ctx;
    if (steps > 1 && is_wrapper(reader->dialect, path[0])) {
        path++;
        steps--;
    }
    if (steps == 0)
        return;
    if (path[0] == N_ERROR && kind != JSON_SCAN_NULL)
        reader->usage.failed = true;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
        const struct meaning *m = &meanings[i];
        if (m->dialect == reader->dialect && m->steps == steps &&
                memcmp(m->path, path, steps) == 0) {
            take(reader, m->is, kind, text);
            return;
        }
    }
}
