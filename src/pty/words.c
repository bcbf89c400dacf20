/*
 * words.c - the user's words from keystrokes: raw buffer, draft, sent messages.
 *
 * Keys are applied as they come, nothing is parsed twice. The raw buffer is a ring that
 * forgets whole chunks (what one words_feed() brought), oldest first, so that what is left
 * begins at a key; a single chunk larger than the buffer keeps its end. All of it is what a
 * person typed, secrets included: wiped when forgotten, never logged.
 */
#include "pty/words.h"

#include "base/limits.h"
#include "base/mem.h"
#include "pty/line.h"
#include "pty/word_keys.h"

struct sent {
    int64_t at_ms;
    char *text; /* owns */
    bool pasted, unsure;
};

struct words {
    void (*on_sent)(void *ctx, const struct words_entry *entry); /* may be NULL */
    void *ctx;                                                   /* borrows */

    struct word_keys keys;
    struct line draft;
    int64_t now_ms, draft_at_ms;
    bool draft_pasted, draft_unsure;

    struct sent sent[LIMIT_WORDS_SENT]; /* ring */
    unsigned sent_next, sent_count;

    char raw[LIMIT_WORDS]; /* ring of bytes */
    size_t raw_at, raw_len;
    uint16_t chunks[LIMIT_WORDS]; /* ring of their lengths; none is 0 */
    size_t chunk_at, chunk_count;
};

static void on_key(void *ctx, enum word_key key, struct str text);

struct words *words_new(void (*on_sent)(void *ctx, const struct words_entry *entry), void *ctx)
{
    struct words *words = xcalloc(1, sizeof(*words));
    words->on_sent = on_sent;
    words->ctx = ctx;
    word_keys_init(&words->keys, on_key, words);
    return words;
}

static void sent_clear(struct sent *sent)
{
    if (sent->text)
        mem_wipe(sent->text, strlen(sent->text));
    free(sent->text);
    *sent = (struct sent){0};
}

void words_free(struct words *words)
{
    if (!words)
        return;
    for (unsigned i = 0; i < LIMIT_WORDS_SENT; i++)
        sent_clear(&words->sent[i]);
    mem_wipe(words, sizeof(*words));
    free(words);
}

/* --- raw bytes ------------------------------------------------------------------------ */

static void raw_drop_oldest(struct words *words)
{
    size_t n = words->chunks[words->chunk_at];
    size_t edge = LIMIT_WORDS - words->raw_at;
    mem_wipe(words->raw + words->raw_at, n < edge ? n : edge);
    if (n > edge)
        mem_wipe(words->raw, n - edge);
    words->raw_at = (words->raw_at + n) % LIMIT_WORDS;
    words->raw_len -= n;
    words->chunk_at = (words->chunk_at + 1) % LIMIT_WORDS;
    words->chunk_count--;
}

static void raw_add(struct words *words, struct str bytes)
{
    if (bytes.n > LIMIT_WORDS)
        bytes = (struct str){bytes.p + bytes.n - LIMIT_WORDS, LIMIT_WORDS};
    while (words->raw_len + bytes.n > LIMIT_WORDS)
        raw_drop_oldest(words);
    size_t at = (words->raw_at + words->raw_len) % LIMIT_WORDS;
    size_t edge = LIMIT_WORDS - at;
    size_t first = bytes.n < edge ? bytes.n : edge;
    memcpy(words->raw + at, bytes.p, first);
    memcpy(words->raw, bytes.p + first, bytes.n - first);
    words->raw_len += bytes.n;
    words->chunks[(words->chunk_at + words->chunk_count++) % LIMIT_WORDS] = (uint16_t)bytes.n;
}

struct str words_raw(struct words *words)
{
    if (words->raw_at + words->raw_len > LIMIT_WORDS) {
        size_t edge = LIMIT_WORDS - words->raw_at;
        char *copy = xmalloc(LIMIT_WORDS);
        memcpy(copy, words->raw + words->raw_at, edge);
        memcpy(copy + edge, words->raw, words->raw_at);
        memcpy(words->raw, copy, LIMIT_WORDS);
        mem_wipe(copy, LIMIT_WORDS);
        free(copy);
        words->raw_at = 0;
    }
    return (struct str){words->raw + words->raw_at, words->raw_len};
}

/* --- entries -------------------------------------------------------------------------- */

static void clear_draft(struct words *words)
{
    line_clear(&words->draft);
    words->draft_pasted = words->draft_unsure = false;
}

static void fill_sent(const struct sent *sent, struct words_entry *ret)
{
    *ret = (struct words_entry){.at_ms = sent->at_ms,
            .text = sent->text,
            .pasted = sent->pasted,
            .unsure = sent->unsure};
}

/* Enter. Without text there is nothing to keep: a menu was answered, or history re-sent. */
static void commit(struct words *words)
{
    struct words_entry entry;
    if (words->draft.len > 0) {
        struct sent *sent = &words->sent[words->sent_next];
        sent_clear(sent);
        *sent = (struct sent){.at_ms = words->draft_at_ms,
                .text = xstrndup(words->draft.text, words->draft.len),
                .pasted = words->draft_pasted,
                .unsure = words->draft_unsure};
        words->sent_next = (words->sent_next + 1) % LIMIT_WORDS_SENT;
        words->sent_count += words->sent_count < LIMIT_WORDS_SENT;
        fill_sent(sent, &entry);
    }
    bool has_text = words->draft.len > 0;
    clear_draft(words);
    if (has_text && words->on_sent)
        words->on_sent(words->ctx, &entry);
}

unsigned words_count(const struct words *words)
{
    return words->sent_count + (words->draft.len > 0);
}

bool words_at(const struct words *words, unsigned index, struct words_entry *ret)
{
    if (words->draft.len > 0 && index-- == 0) {
        *ret = (struct words_entry){.at_ms = words->draft_at_ms,
                .text = words->draft.text,
                .pasted = words->draft_pasted,
                .unsure = words->draft_unsure,
                .draft = true};
        return true;
    }
    if (index >= words->sent_count)
        return false;
    unsigned at = (words->sent_next + LIMIT_WORDS_SENT - 1 - index) % LIMIT_WORDS_SENT;
    fill_sent(&words->sent[at], ret);
    return true;
}

/* --- keys ----------------------------------------------------------------------------- */

static void insert(struct words *words, struct str text)
{
    if (!line_insert(&words->draft, text))
        words->draft_unsure = true; /* cut: it is not what the agent got */
}

/* Backslash and Enter make a new line in the agents' editors and in shells. */
static void enter(struct words *words)
{
    struct line *draft = &words->draft;
    if (draft->cursor > 0 && draft->text[draft->cursor - 1] == '\\') {
        line_erase(draft, draft->cursor - 1, draft->cursor);
        insert(words, STR("\n"));
        return;
    }
    commit(words);
}

/* Keys that move the cursor, and keys that erase up to where such a move would end. */
static size_t (*const moves[])(const struct line *line) = {
        [WORD_LEFT] = line_left,
        [WORD_RIGHT] = line_right,
        [WORD_WORD_LEFT] = line_word_left,
        [WORD_WORD_RIGHT] = line_word_right,
        [WORD_HOME] = line_home,
        [WORD_END] = line_end,
        [WORD_ERASE_LEFT] = line_left,
        [WORD_ERASE_RIGHT] = line_right,
        [WORD_ERASE_WORD_LEFT] = line_word_left,
        [WORD_ERASE_WORD_RIGHT] = line_word_right,
        [WORD_RUBOUT] = line_blank_left,
        [WORD_KILL_LEFT] = line_home,
        [WORD_KILL_RIGHT] = line_end,
        [WORD_UNSURE] = NULL,
};

static void move_or_erase(struct line *draft, enum word_key key)
{
    size_t at = draft->cursor;
    size_t to = moves[key](draft);
    if (key < WORD_ERASE_LEFT)
        draft->cursor = to;
    else
        line_erase(draft, to < at ? to : at, to < at ? at : to);
}

static void on_key(void *ctx, enum word_key key, struct str text)
{
    struct words *words = ctx;
    words->draft_at_ms = words->now_ms;
    if (moves[key]) {
        move_or_erase(&words->draft, key);
        return;
    }
    if (key == WORD_TEXT || key == WORD_PASTED) {
        words->draft_pasted |= key == WORD_PASTED;
        insert(words, text);
    } else if (key == WORD_NEWLINE) {
        insert(words, STR("\n"));
    } else if (key == WORD_ENTER) {
        enter(words);
    } else if (key == WORD_CLEAR) {
        clear_draft(words);
    } else if (key == WORD_ESCAPE) {
        /* Twice clears in one agent, once is a mode in vi: it matters only with text. */
        words->draft_unsure |= words->draft.len > 0;
    } else {
        words->draft_unsure = true;
    }
}

void words_feed(struct words *words, struct str bytes, int64_t now_ms)
{
    if (bytes.n == 0)
        return;
    words->now_ms = now_ms;
    raw_add(words, bytes);
    word_keys_feed(&words->keys, bytes, now_ms);
}
