/*
 * fuzz_words.c - any keystrokes: entries stay valid UTF-8 without controls and in bounds, and
 * cutting the same bytes into pieces changes nothing. First byte: how to cut.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "pty/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
    if (!condition)
        abort();
}

static void check_text(const char *text)
{
    size_t n = strlen(text);
    check(n > 0 && n <= LIMIT_WORDS_ENTRY);
    for (size_t at = 0; at < n;) {
        uint32_t cp;
        int len = utf8_decode(text + at, n - at, &cp);
        check(len > 0);
        check(cp >= 0x20 || cp == '\n' || cp == '\t');
        check(cp < 0x7f || cp >= 0xa0);
        at += (size_t)len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t step = data[0] % 7 + 1;
    struct str keys = {(const char *)data + 1, size - 1};
    struct words *whole = words_new(NULL, NULL);
    struct words *split = words_new(NULL, NULL);
    words_feed(whole, keys, 1);
    for (size_t at = 0; at < keys.n; at += step)
        words_feed(
                split, (struct str){keys.p + at, keys.n - at < step ? keys.n - at : step}, 1);

    check(words_count(whole) == words_count(split));
    for (unsigned i = 0; i < words_count(whole); i++) {
        struct words_entry a, b;
        check(words_at(whole, i, &a) && words_at(split, i, &b));
        check_text(a.text);
        check(strcmp(a.text, b.text) == 0 && a.unsure == b.unsure && a.pasted == b.pasted);
    }
    struct str raw = words_raw(whole);
    check(raw.n <= LIMIT_WORDS && raw.n <= keys.n);
    check(memcmp(raw.p, keys.p + keys.n - raw.n, raw.n) == 0);
    words_free(whole);
    words_free(split);
    return 0;
}
