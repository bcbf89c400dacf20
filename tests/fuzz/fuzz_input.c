/* The key decoder: raw bytes are never lost or made up, whatever the reads and pauses; they
 * stay in order, and what a key says of itself stays inside of its bounds. */
#include "base/err.h"
#include "tui/input.h"

struct seen {
    const uint8_t *data; /* borrows; what has been fed */
    size_t fed, matched, bytes;
};

/* The bytes of keys are those that came, some left out (answers, the mouse), none moved. */
static void check_order(struct seen *seen, struct str raw)
{
    for (size_t i = 0; i < raw.n; i++) {
        while (seen->matched < seen->fed && (char)seen->data[seen->matched] != raw.p[i])
            seen->matched++;
        CHECK(seen->matched < seen->fed);
        seen->matched++;
    }
}

static void on_key(void *ctx, const struct key *key)
{
    struct seen *seen = ctx;
    CHECK(key->raw.n <= INPUT_CHUNK);
    seen->bytes += key->raw.n;
    if (key->kind == KEY_CHAR || key->kind == KEY_SYM || key->kind == KEY_RAW)
        check_order(seen, key->raw);
    CHECK(!key->release || key->repeat);
    CHECK(!key->repeat || key->form == FORM_KITTY);
    CHECK(!(key->mods & ~(VT_MOD_SHIFT | VT_MOD_ALT | VT_MOD_CTRL | KEY_MOD_OTHER)));
    CHECK(key->mouse.button <= 0xff);
    CHECK(key->reply != REPLY_COLOUR || key->param[1] <= 0xffffff);
    (void)key_latin(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t fed[1 << 20];
    struct input in;
    struct seen seen = {.data = fed};
    if (size > sizeof fed)
        return 0;
    input_init(&in, &CHORD_DEFAULT);
    /* Each block: a byte that says how many follow, and whether a pause comes behind them. */
    for (size_t i = 0; i < size;) {
        size_t n = data[i] & 63, rest = size - i - 1;
        bool pause = data[i] & 64;
        n = n < rest ? n : rest;
        if (n > 0)
            memcpy(fed + seen.fed, data + i + 1, n);
        seen.fed += n;
        input_feed(&in, (struct str){(const char *)data + i + 1, n}, on_key, &seen);
        if (pause && input_wait_ms(&in) > 0)
            input_timeout(&in, on_key, &seen);
        i += n + 1;
    }
    input_timeout(&in, on_key, &seen);
    CHECK(input_wait_ms(&in) == 0);
    CHECK(seen.bytes <= size);
    return 0;
}
